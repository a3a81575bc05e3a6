//! What runs here prints at the caller's group leader, and reads from it.

use erlnode::node::{Caller, Node};
use erlnode::otp::io::IoError;
use erlnode::term::{CharEncoding, Term};
use interop_tests::{BeamNode, ElixirNode, Epmd, NodeOptions, Release, unique_name};

/// A Rust node in this process, which shares epmd and cookie with the BEAM node.
async fn node_beside(epmd: &Epmd, cookie: &str) -> Node {
    let builder = Node::builder(&unique_name("rust")).cookie(cookie).epmd_port(epmd.port()).serve_epmd(false);
    let node = builder.start().await.unwrap_or_else(|error| panic!("{error}"));
    export(&node);
    node
}

fn export(node: &Node) {
    node.export("rust", "print", async |mut caller: Caller, (): ()| {
        let mut io = caller.io();
        io.print("grüße\n").await?;
        io.put_chars(CharEncoding::Latin1, Term::list([Term::from(228), Term::from(10)])).await?;
        io.format("~p and ~ts~n", ["[1, {a, b}]".parse::<Term>().unwrap(), Term::from("€")]).await?;
        io.write("[97, 98]".parse::<Term>().unwrap()).await?;
        io.print_line("").await?;
        Ok(true)
    });
    node.export("rust", "read", async |mut caller: Caller, (): ()| {
        let mut io = caller.io();
        let line = io.get_line("a line? ").await?;
        let characters = io.get_chars("two? ", 2).await?;
        let rest = io.get_line("").await?;
        let term = io.read("a term? ").await?;
        let eof = (io.get_line("").await?, io.read("").await?, io.get_chars("", 1).await?);
        assert_eq!(eof, (None, None, None));
        Ok((line, characters, rest, term))
    });
    node.export("rust", "refused", async |mut caller: Caller, (): ()| {
        let mut io = caller.io();
        let arguments = io.format("~p ~p", [Term::from(1)]).await;
        let columns = io.columns().await;
        let unknown = io.request(Term::from(1)).await;
        let reasons = [arguments, columns.map(|_| ()), unknown.map(|_| ())].map(|result| match result {
            Err(error) => error.reason(),
            Ok(()) => Term::from(true),
        });
        Ok(reasons.to_vec())
    });
    node.export("rust", "wait_for_line", async |mut caller: Caller, (): ()| {
        match caller.io().get_line("").await {
            Err(IoError::Terminated) => Ok("terminated"),
            _ => Ok("something else"),
        }
    });
}

async fn at_files_of(release: Release) {
    let epmd = Epmd::start(release).await;
    let beam = BeamNode::start(release, NodeOptions::with(&epmd)).await;
    let node = node_beside(&epmd, beam.cookie()).await;
    let rust = format!("'{}'", node.name());
    // A file is a device as good as any; with one as group leader, what is printed can be looked at.
    let at_file = |text: &str, modes: &str, call: &str| {
        format!(
            "Name = \"device\" ++ integer_to_list(erlang:unique_integer([positive])),
             ok = file:write_file(Name, unicode:characters_to_binary(\"{text}\")),
             {{ok, File}} = file:open(Name, [{modes}, {{encoding, utf8}}]),
             Was = group_leader(), true = group_leader(File, self()),
             Result = {call},
             true = group_leader(Was, self()), ok = file:close(File), {{ok, Text}} = file:read_file(Name),
             {{Result, unicode:characters_to_list(Text)}}"
        )
    };
    for call in ["rpc:call", "erpc:call"] {
        let printed = at_file("", "write", &format!("{call}({rust}, rust, print, [])"));
        let expected = "{true,[103,114,252,223,101,10,228,10,91,49,44,123,97,44,98,125,93,32,97,110,100,32,8364,10,91,57,\
             55,44,57,56,93,10]}";
        beam.expect(&printed, expected).await;
    }
    let lines = "one\\ntwo\\n% three\\n{four,\\n 4}.\\n";
    let read = at_file(lines, "read", &format!("rpc:call({rust}, rust, read, [])"));
    let expected = format!(
        "{{{{<<\"one\\n\">>,<<\"tw\">>,<<\"o\\n\">>,{{four,4}}}},{:?}}}",
        "one\ntwo\n% three\n{four,\n 4}.\n"
    );
    beam.expect(&read, &expected).await;
    let refused = at_file("", "write", &format!("rpc:call({rust}, rust, refused, [])"));
    beam.expect(&refused, "{[format,enotsup,{request,1}],[]}").await;
    let dies = format!(
        "Leader = spawn(fun() -> receive {{io_request, _, _, _}} -> bye end end),
         Was = group_leader(), group_leader(Leader, self()),
         Result = rpc:call({rust}, rust, wait_for_line, []), group_leader(Was, self()), Result"
    );
    beam.expect(&dies, "<<\"terminated\">>").await;
    node.shutdown().await;
}

#[tokio::test]
async fn at_files_of_otp_25() {
    at_files_of(Release::Otp25).await;
}

#[tokio::test]
async fn at_files_of_otp_27() {
    at_files_of(Release::Otp27).await;
}

#[tokio::test]
async fn at_files_of_otp_29() {
    at_files_of(Release::Otp29).await;
}

#[tokio::test]
async fn at_string_io_of_elixir() {
    let release = Release::Otp29;
    let epmd = Epmd::start(release).await;
    let iex = ElixirNode::start(release, NodeOptions::with(&epmd)).await;
    let node = node_beside(&epmd, iex.cookie()).await;
    let at_string = |input: &str, call: &str| {
        format!(
            "{{:ok, io}} = StringIO.open(\"{input}\", capture_prompt: true)
             was = Process.group_leader()
             Process.group_leader(self(), io)
             result = :erpc.call(:\"{}\", :rust, :{call}, [])
             Process.group_leader(self(), was)
             {{:ok, {{_, output}}}} = StringIO.close(io)
             {{result, output}}",
            node.name()
        )
    };
    iex.expect(&at_string("", "print"), "{true, \"grüße\\nä\\n[1,{a,b}] and €\\n[97,98]\\n\"}").await;
    let read = at_string("ä\\n€uro\\nx.\\n", "read");
    iex.expect(&read, "{{\"ä\\n\", \"€u\", \"ro\\n\", :x}, \"a line? two? a term? \"}").await;
    node.shutdown().await;
}

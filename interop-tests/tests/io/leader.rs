//! A Rust process as group leader of BEAM processes.

use erlnode::node::{Caller, Node};
use erlnode::otp::io::GroupLeader;
use erlnode::term::Pid;
use interop_tests::{
    BeamNode, ElixirNode, Epmd, NodeOptions, PATIENCE, Release, RustNode, erlnode_command, unique_name,
    wait_until,
};

async fn node_beside(epmd: &Epmd, cookie: &str) -> Node {
    let builder = Node::builder(&unique_name("rust")).cookie(cookie).epmd_port(epmd.port()).serve_epmd(false);
    builder.start().await.unwrap_or_else(|error| panic!("{error}"))
}

/// Lets BEAM nodes ask for the pid of the leader.
fn export_leader(node: &Node, leader: Pid) {
    node.export("rust", "leader", move |_: Caller, (): ()| {
        let leader = leader.clone();
        async { Ok(leader) }
    });
}

const INPUT: &str = "Ann\näöü and\nthe rest\n\n% a comment\n{a, [1,\n 2.5, -3],\n \"str.\", <<\"bin\">>, #{'k.' => $.}, fun lists:map/2}. last\n\
                     <0.1.0>.\none\n";

/// Each with its value. `L` is the leader.
const REQUESTS: &[(&str, &str)] = &[
    ("io:format(L, \"hi~n\", [])", "ok"),
    ("io:format(L, \"~p ~ts~n\", [#{1 => \"x\"}, [8364]])", "ok"),
    ("io:fwrite(L, \"~5..0b|~-4w|~.2f~n\", [42, a, 1.005])", "ok"),
    ("{io:write(L, {a, \"b\"}), io:nl(L), io:put_chars(L, [\"gr\", [252], <<195, 159, \"e\\n\">>])}", "{ok,ok,ok}"),
    ("io:request(L, {put_chars, unicode, [8364, 10]})", "ok"),
    ("try io:format(L, \"~p\", []) catch error:R -> R end", "badarg"),
    ("io:request(L, {put_chars, latin1, [8364]})", "{error,{put_chars,latin1,[8364]}}"),
    ("io:request(L, {put_chars, latin1, io_lib, format, [\"~tc\", [8364]]})", "{error,format}"),
    ("io:request(L, {put_chars, unicode, lists, append, [\"a\", \"b\"]})", "{error,append}"),
    ("io:get_line(L, \"name? \")", "\"Ann\\n\""),
    ("io:get_chars(L, '', 2)", "\"äö\""),
    ("io:get_line(L, {format, \"~w> \", [1]})", "\"ü and\\n\""),
    ("io:setopts(L, [binary])", "ok"),
    ("io:getopts(L)", "[{binary,true},{encoding,unicode}]"),
    ("io:get_line(L, <<\"> \">>)", "<<\"the rest\\n\">>"),
    ("io:setopts(L, [{binary, false}, {encoding, latin1}])", "ok"),
    ("io:put_chars(L, [8364, 10])", "ok"),
    ("io:setopts(L, [{encoding, unicode}])", "ok"),
    ("io:setopts(L, [{binary, true}, nonsense])", "{error,enotsup}"),
    (
        "io:read(L, \"term? \")",
        "{ok,{a,[1,2.5,-3],\"str.\",<<\"bin\">>,#{'k.' => 46},fun lists:map/2}}",
    ),
    ("element(1, io:read(L, ''))", "error"),
    ("io:request(L, {get_line, latin1, ''})", "\"one\\n\""),
    ("io:get_line(L, '')", "eof"),
    ("io:read(L, '')", "eof"),
    ("io:get_chars(L, '', 1)", "eof"),
    ("{io:columns(L), io:rows(L)}", "{{ok,100},{ok,30}}"),
    ("io:request(L, {get_geometry, depth})", "{error,enotsup}"),
    ("io:get_password(L)", "{error,enotsup}"),
    ("io:request(L, whatever)", "{error,request}"),
    ("io:fread(L, '', \"~d\")", "{error,fread}"),
    ("io:requests(L, [{put_chars, unicode, \"a\"}, getopts, {put_chars, unicode, \"b\\n\"}])", "ok"),
    (
        "io:requests(L, [{put_chars, unicode, \"c\\n\"}, {get_geometry, depth}, {put_chars, unicode, \"no\"}])",
        "{error,enotsup}",
    ),
    (
        "Old = fun(Request) -> L ! {io_request, self(), old, Request}, receive {io_reply, old, Reply} -> Reply end end,
         [Old(R) || R <- [{put_chars, [228, 10]}, {put_chars, io_lib, format, [\"~w~n\", [x]]}, {get_line, ''},
         {get_chars, '', 1}, {put_chars}]]",
        "[ok,ok,eof,eof,{error,request}]",
    ),
    ("W = group_leader(), group_leader(L, self()), R = io:format(\"mine~n\"), group_leader(W, self()), R", "ok"),
];

const PRINTED: &str = "hi\n#{1 => \"x\"} €\n00042|a   |1.00\n{a,[98]}\ngrüße\n€\nname? 1> > \\x{20AC}\nterm? ab\nc\nä\nx\nmine\n";

async fn serves(release: Release) {
    let epmd = Epmd::start(release).await;
    let beam = BeamNode::start(release, NodeOptions::with(&epmd)).await;
    let node = node_beside(&epmd, beam.cookie()).await;
    let (leader, printed) = GroupLeader::capture();
    let leader = leader.input_text(INPUT).geometry(100, 30).start(&node);
    let pid = leader.clone();
    export_leader(&node, pid);
    for (source, expected) in REQUESTS {
        let source = format!("L = rpc:call('{}', rust, leader, []), {source}", node.name());
        beam.expect(&source, expected).await;
    }
    assert_eq!(printed.take(), PRINTED);
    beam.expect(
        &format!(
            "L = rpc:call('{}', rust, leader, []), spawn(fun() -> io:get_line(L, '') end), exit(L, kill),
             M = monitor(process, L), receive {{'DOWN', M, _, _, _}} -> ok end, io:get_line(L, '')",
            node.name()
        ),
        "{error,terminated}",
    )
    .await;
    node.shutdown().await;
}

#[tokio::test]
async fn serves_otp_25() {
    serves(Release::Otp25).await;
}

#[tokio::test]
async fn serves_otp_27() {
    serves(Release::Otp27).await;
}

#[tokio::test]
async fn serves_otp_29() {
    serves(Release::Otp29).await;
}

#[tokio::test]
async fn serves_elixir() {
    let release = Release::Otp29;
    let epmd = Epmd::start(release).await;
    let iex = ElixirNode::start(release, NodeOptions::with(&epmd)).await;
    let node = node_beside(&epmd, iex.cookie()).await;
    let (sender, receiver) = tokio::sync::mpsc::channel(8);
    let (leader, printed) = GroupLeader::capture();
    let leader = leader.input_channel(receiver).start(&node);
    export_leader(&node, leader);
    let shell = iex.shell();
    shell.expect(&format!("l = :erpc.call(:\"{}\", :rust, :leader, []); :ok", node.name()), ":ok").await;
    shell.expect(":io.setopts(l, binary: true)", ":ok").await;
    shell.expect("IO.puts(l, \"grüße\")", ":ok").await;
    shell.expect("IO.inspect(l, [1, %{a: 2}], label: \"x\") |> length()", "2").await;
    shell.expect("IO.binwrite(l, <<228, 10>>)", ":ok").await;
    let line = shell.eval_async("IO.gets(l, \"name? \")");
    // While somebody waits for a line, others print.
    iex.wait_until(&format!("IO.write(:erpc.call(:\"{}\", :rust, :leader, []), \"\")", node.name()), ":ok")
        .await;
    sender.send("Jo".to_owned()).await.unwrap();
    sender.send("sé\n1".to_owned()).await.unwrap();
    assert_eq!(line.result().await.as_deref(), Ok("\"José\\n\""));
    drop(sender);
    shell.expect("IO.read(l, :eof)", "\"1\"").await;
    shell.expect("IO.gets(l, \"\")", ":eof").await;
    assert_eq!(printed.take(), "grüße\nx: [1, %{a: 2}]\nä\nname? ");
    node.shutdown().await;
}

/// What runs at the Rust node for a caller prints at the caller, and `user` at the Rust node.
async fn at_the_playground(release: Release) {
    let epmd = Epmd::start(release).await;
    let rust = RustNode::start(NodeOptions::with(&epmd)).await;
    let beam = BeamNode::start(release, NodeOptions::with(&epmd).cookie(rust.cookie())).await;
    let at = rust.atom();
    let here = |call: &str| {
        format!(
            "Name = \"device\" ++ integer_to_list(erlang:unique_integer([positive])),
             {{ok, File}} = file:open(Name, [write, {{encoding, utf8}}]),
             Was = group_leader(), true = group_leader(File, self()), Result = {call},
             true = group_leader(Was, self()), ok = file:close(File), {{ok, Text}} = file:read_file(Name),
             {{Result, unicode:characters_to_list(Text)}}"
        )
    };
    for (call, expected) in [
        ("rpc:call(AT, io, format, [\"x~n\"])", "{ok,\"x\\n\"}"),
        ("rpc:call(AT, io, format, [\"~p~n\", [{a, 1}]])", "{ok,\"{a,1}\\n\"}"),
        ("erpc:call(AT, io, put_chars, [\"grüße\"])", "{ok,\"grüße\"}"),
        ("erpc:call(AT, io, put_chars, [group_leader(), <<\"x\">>])", "{ok,\"x\"}"),
        ("erpc:call(AT, io, write, [\"a\"])", "{ok,\"[97]\"}"),
        ("erpc:call(AT, io, nl, [])", "{ok,\"\\n\"}"),
        (
            "(try erpc:call(AT, io, format, [\"~p\", []]) catch error:{exception, R, _} -> R end)",
            "{badarg,[]}",
        ),
    ] {
        beam.expect(&here(&call.replace("AT", &at)), expected).await;
    }
    beam.expect(&format!("io:format(erpc:call({at}, erlang, whereis, [user]), \"hi ~p~n\", [self()])"), "ok")
        .await;
    beam.expect(&format!("erpc:call({at}, io, format, [user, \"there~n\", []])"), "ok").await;
    let printed = || {
        let stdout = rust.stdout();
        stdout.contains(&format!("hi <{}.", beam.name())) && stdout.ends_with("there\n")
    };
    wait_until(PATIENCE, async || printed()).await;
}

#[tokio::test]
async fn at_the_playground_from_otp_25() {
    at_the_playground(Release::Otp25).await;
}

#[tokio::test]
async fn at_the_playground_from_otp_29() {
    at_the_playground(Release::Otp29).await;
}

#[tokio::test]
async fn a_called_function_reads_the_standard_input_of_the_command() {
    let release = Release::Otp27;
    let epmd = Epmd::start(release).await;
    let beam = BeamNode::start(release, NodeOptions::with(&epmd)).await;
    for (function, arguments, stdout, stderr) in [
        ("get_line", "[\"name? \"]", "\"Ann\\n\"\n", "name? "),
        ("format", "[\"hi~n\"]", "ok\n", "hi\n"),
        ("read", "[\"\"]", "{error,", ""),
    ] {
        let mut command = erlnode_command();
        command.env("ERL_EPMD_PORT", epmd.port().to_string());
        command.args([
            "call",
            beam.name(),
            "io",
            function,
            arguments,
            "--cookie",
            beam.cookie(),
            "--timeout",
            "50",
        ]);
        let input = beam.home().join("input");
        std::fs::write(&input, "Ann\n").unwrap();
        command.stdin(std::fs::File::open(&input).unwrap());
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        assert!(text(&output.stdout).starts_with(stdout), "{output:?}");
        assert_eq!(text(&output.stderr), stderr, "{output:?}");
    }
}

//! A Rust process as group leader of BEAM processes.

use erlnode::node::{Caller, Node};
use erlnode::otp::io::GroupLeader;
use erlnode::term::Pid;
use interop_tests::{BeamNode, ElixirNode, Epmd, NodeOptions, Release, erlnode_command, unique_name};

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

/// Each with its value. `L` is the leader.
const REQUESTS: &[(&str, &str)] = &[
    ("io:format(L, \"hi~n\", [])", "ok"),
    ("io:format(L, \"~p ~ts~n\", [#{1 => \"x\"}, [8364]])", "ok"),
    ("io:fwrite(L, \"~5..0b|~-4w|~.2f~n\", [42, a, 1.005])", "ok"),
    (
        "{io:write(L, {a, \"b\"}), io:nl(L), io:put_chars(L, [\"gr\", [252], <<195, 159, \"e\\n\">>])}",
        "{ok,ok,ok}",
    ),
];

const PRINTED: &str = "hi\n#{1 => \"x\"} €\n00042|a   |1.00\n{a,[98]}\ngrüße\n";

async fn serves(release: Release) {
    let epmd = Epmd::start(release).await;
    let beam = BeamNode::start(release, NodeOptions::with(&epmd)).await;
    let node = node_beside(&epmd, beam.cookie()).await;
    let (leader, printed) = GroupLeader::capture();
    let leader = leader.start(&node);
    let pid = leader.clone();
    export_leader(&node, pid);
    for (source, expected) in REQUESTS {
        let source = format!("L = rpc:call('{}', rust, leader, []), {source}", node.name());
        beam.expect(&source, expected).await;
    }
    assert_eq!(printed.take(), PRINTED);
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

//! `erl -remsh` and `iex --remsh` of each release at a Rust node, as somebody at a terminal uses them.

use std::fs;
use std::process::Command;

use erlnode::node::{Caller, Node};
use erlnode::term::Term;
use interop_tests::{
    BeamNode, Epmd, NodeOptions, PATIENCE, Release, RustNode, Scratch, Terminal, unique_name,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    Erl,
    Iex,
}

/// A client at a terminal. The folder is its home.
struct Opened {
    terminal: Terminal,
    _home: Scratch,
}

impl Client {
    fn open(self, release: Release, epmd: &Epmd, node: &str) -> Opened {
        let home = Scratch::new(release);
        let name = unique_name("me");
        let mut command: Command;
        match self {
            Client::Erl => {
                command = release.command("erl");
                command.args(["-sname", &name, "-setcookie", "interop", "-start_epmd", "false"]);
                command.args(["-remsh", node]);
            }
            Client::Iex => {
                command = release.command("iex");
                command.args(["--sname", &name, "--cookie", "interop", "--erl", "-start_epmd false"]);
                command.args(["--remsh", node]);
            }
        }
        // Without a description of the terminal, which the tree of a release lacks, lines could not be edited.
        let described = ["/lib/terminfo/x/xterm", "/usr/share/terminfo/x/xterm"];
        let described =
            described.iter().find_map(|file| fs::read(file).ok()).expect("terminals are described");
        let folder = home.path().join(".terminfo/x");
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(folder.join("xterm"), described))
            .expect("a home");
        command.env("HOME", home.path()).env("ERL_EPMD_PORT", epmd.port().to_string());
        Opened { terminal: Terminal::start(&format!("{self:?} of {release}"), &command), _home: home }
    }

    fn prompt(self, node: &str, number: u32) -> String {
        match self {
            Client::Erl => format!("({node}){number}>"),
            Client::Iex => format!("{node}({number})>"),
        }
    }
}

async fn looks_around(client: Client, release: Release) {
    let epmd = Epmd::start(release).await;
    let rust = RustNode::start(NodeOptions::with(&epmd)).await;
    let at_rest = BeamNode::start(Release::Otp27, NodeOptions::with(&epmd).hidden()).await;
    let opened = client.open(release, &epmd, rust.name());
    let terminal = &opened.terminal;
    terminal.wait_for("help tells what there is", 1).await;
    terminal.wait_for(&client.prompt(rust.name(), 1), 1).await;

    // A call, in the syntax of the client; its result is not in what was typed.
    let (call, wrong) = match client {
        Client::Erl => ("rust:add(20000, 345).", "rust:add(1, {)."),
        Client::Iex => (":rust.add(20000, 345)", ":rust.add(1, {)"),
    };
    terminal.enter(call);
    terminal.wait_for("20345", 1).await;
    terminal.wait_for(&client.prompt(rust.name(), 2), 1).await;
    // Names go on with the tabulator key.
    terminal.press(match client {
        Client::Erl => "rust:ad\t",
        Client::Iex => ":rust.ad\t",
    });
    terminal.press("30000, 456)\r");
    terminal.wait_for("30456", 1).await;
    // Commands, in short and in full.
    terminal.enter("nam");
    terminal.wait_for("logger_proxy", 1).await;
    terminal.enter("info counter");
    terminal.wait_for("message_queue_len", 1).await;
    terminal.enter("kill counter");
    terminal.wait_for("was sent an exit signal", 1).await;
    terminal.enter("nodes");
    terminal.wait_for("senders waiting", 1).await;
    // What does not work is said.
    terminal.enter(wrong);
    terminal.wait_for("** ", 1).await;
    terminal.enter("nonsense");
    terminal.wait_for("there is no command nonsense", 1).await;
    terminal.enter(match client {
        Client::Erl => "os:cmd(\"true\").",
        Client::Iex => ":os.cmd('true')",
    });
    terminal.wait_for("os:cmd/1 is not exported here", 1).await;
    // A list that is longer than the terminal is high.
    terminal.enter(match client {
        Client::Erl => "rust:spawn_idle(50).",
        Client::Iex => ":rust.spawn_idle(50)",
    });
    terminal.enter("processes");
    terminal.wait_for("lines more: Enter shows them", 1).await;
    terminal.enter("q");
    terminal.enter("exit");
    // The client stays, at the menu of its jobs; the node goes on, and nothing of the shell is left.
    terminal.wait_for("Shell process terminated", 1).await;
    drop(opened);
    at_rest.wait_until(&of_client(&rust), "0").await;
    at_rest.expect(&format!("erpc:call({}, rust, add, [1, 2])", rust.atom()), "3").await;
}

/// How many processes there run for clients: their group leader is neither there nor at the node that asks.
fn of_client(rust: &RustNode) -> String {
    format!(
        "length([P || P <- erpc:call({0}, erlang, processes, []),
             {{group_leader, G}} <- [erpc:call({0}, erlang, process_info, [P, group_leader])],
             not lists:member(node(G), [node(), {0}])])",
        rust.atom()
    )
}

/// A client that is killed in the midst of a command takes the shell with it.
async fn ends_with_its_client(client: Client, release: Release) {
    let epmd = Epmd::start(release).await;
    let rust = RustNode::start(NodeOptions::with(&epmd)).await;
    let at_rest = BeamNode::start(Release::Otp27, NodeOptions::with(&epmd).hidden()).await;
    let of_client = of_client(&rust);
    let opened = client.open(release, &epmd, rust.name());
    opened.terminal.wait_for(&client.prompt(rust.name(), 1), 1).await;
    opened.terminal.enter("rust:sleep(600000)");
    at_rest.wait_until(&format!("{of_client} >= 2"), "true").await;
    drop(opened);
    at_rest.wait_until(&of_client, "0").await;
}

/// Whoever opens a shell on a node that has none is told so in the words of that node.
async fn is_told_why_not(client: Client, release: Release) {
    let epmd = Epmd::start(release).await;
    let builder =
        Node::builder(&unique_name("rust")).cookie("interop").epmd_port(epmd.port()).serve_epmd(false);
    let node = builder
        .start_with(async |node| {
            node.refuse_shells("no shells on this node");
            node.add_shell_command("hi", "hi: says hi", async |_: Caller, _: Vec<Term>| Ok("hi".to_owned()));
        })
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let opened = client.open(release, &epmd, node.name().as_str());
    let terminal = &opened.terminal;
    match (client, release) {
        // It asks for nothing before it starts the shell, and stays when that has ended.
        (Client::Erl, Release::Otp25) => {
            terminal.wait_for("no shells on this node", 1).await;
            terminal.wait_for("Shell process terminated", 1).await;
        }
        // It has a sentence of its own.
        (Client::Iex, Release::Otp25) => {
            terminal.wait_for("Could not find IEx on remote node", 1).await;
            assert_eq!(terminal.wait_exit(PATIENCE).await.and_then(|status| status.code()), Some(1));
        }
        _ => {
            terminal.wait_for("no shells on this node", 1).await;
            assert_eq!(terminal.wait_exit(PATIENCE).await.and_then(|status| status.code()), Some(1));
        }
    }
    node.shutdown().await;
}

macro_rules! of_each_client {
    ($($name:ident $client:ident $release:ident)*) => { $(
        mod $name {
            use super::*;

            #[tokio::test]
            async fn looks_around() {
                super::looks_around(Client::$client, Release::$release).await;
            }

            #[tokio::test]
            async fn is_told_why_not() {
                super::is_told_why_not(Client::$client, Release::$release).await;
            }
        }
    )* };
}
of_each_client! {
    erl_25 Erl Otp25
    erl_27 Erl Otp27
    erl_29 Erl Otp29
    iex_1_14 Iex Otp25
    iex_1_18 Iex Otp27
    iex_1_20 Iex Otp29
}

#[tokio::test]
async fn a_shell_ends_with_erl() {
    ends_with_its_client(Client::Erl, Release::Otp27).await;
}

#[tokio::test]
async fn a_shell_ends_with_iex() {
    ends_with_its_client(Client::Iex, Release::Otp29).await;
}

/// A group process by hand: an interrupt ends the command and not the shell.
#[tokio::test]
async fn an_interrupt_ends_the_command() {
    let epmd = Epmd::start(Release::Otp27).await;
    let rust = RustNode::start(NodeOptions::with(&epmd)).await;
    let beam = BeamNode::start(Release::Otp27, NodeOptions::with(&epmd)).await;
    let shell = beam.shell();
    let serve = format!(
        "group_leader(self(), self()), Shell = erpc:call({}, shell, start, []), link(Shell),
         Serve = fun S(Wanted, Seen) -> receive
             {{io_request, From, Ref, {{put_chars, unicode, Text}}}} when is_binary(Wanted) ->
                 From ! {{io_reply, Ref, ok}}, Now = <<Seen/binary, Text/binary>>,
                 case binary:match(Now, Wanted) of nomatch -> S(Wanted, Now); _ -> found end;
             {{io_request, From, Ref, {{get_line, unicode, Prompt}}}} when Wanted =:= prompt ->
                 {{line, From, Ref, Prompt}};
             {{io_request, From, Ref, _}} when Wanted =/= prompt -> From ! {{io_reply, Ref, {{error, enotsup}}}}, S(Wanted, Seen);
             {{io_request, From, Ref, {{put_chars, _, _}}}} -> From ! {{io_reply, Ref, ok}}, S(Wanted, Seen);
             {{io_request, From, Ref, _}} -> From ! {{io_reply, Ref, {{error, enotsup}}}}, S(Wanted, Seen)
             after 50000 -> {{nothing, Seen}} end end,
         Line = fun(L) -> {{line, To, Re, P}} = Serve(prompt, <<>>), To ! {{io_reply, Re, L}}, P end,
         Line(\"rust:sleep(600000).\\n\"), exit(Shell, interrupt), Serve(<<\"** interrupted\">>, <<>>)",
        rust.atom()
    );
    shell.expect(&serve, "found").await;
    shell.expect("Line(\"rust:add(2, 3).\\n\"), Serve(<<\"5\\n\">>, <<>>)", "found").await;
    shell.expect("process_flag(trap_exit, true), Line(eof), receive {'EXIT', Shell, Why} -> Why after 50000 -> nothing end", "normal").await;
}

//! The examples, each as its header says: the same input on the other side, the same output.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use interop_tests::{
    BeamNode, ElixirNode, Epmd, NodeOptions, Release, Scratch, Terminal, example_command, unique_name,
};

/// Runs an example to its end and gives what it prints.
async fn run(name: &str, epmd: &Epmd, argument: &str) -> String {
    let mut command = example_command(name);
    command.env("ERL_EPMD_PORT", epmd.port().to_string()).arg(argument);
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic");
    let output = output.expect("it starts");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// An example that goes on running; killed when dropped.
struct Running {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Running {
    fn start(name: &str, epmd: &Epmd, arguments: &[&str]) -> Running {
        let mut command = example_command(name);
        command.env("ERL_EPMD_PORT", epmd.port().to_string()).args(arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        Running { child, lines }
    }

    fn next_line(&mut self) -> String {
        self.lines.next().expect("another line").expect("UTF-8")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn secret(epmd: &Epmd) -> NodeOptions {
    NodeOptions::with(epmd).cookie("secret").name("me")
}

#[tokio::test]
async fn global_name() {
    let epmd = Epmd::start(Release::Otp29).await;
    let me = BeamNode::start(Release::Otp29, secret(&epmd)).await;
    let counter = "F = fun F() -> receive {From, N} -> From ! {counter, N + 1}, F() end end,
        global:register_name(counter, spawn(F))";
    me.expect(counter, "yes").await;
    let mut running = Running::start("global_name", &epmd, &[me.name()]);
    assert_eq!(running.next_line(), format!("joined {}", me.name()));
    assert_eq!(running.next_line(), format!("the counter on {} says 1", me.name()));
    assert_eq!(running.next_line(), "the lock is set, nobody else has it");
    me.wait_until("is_pid(global:whereis_name(greeter))", "true").await;
    me.expect("global:send(greeter, {stop, node()}), ok", "ok").await;
    assert_eq!(running.next_line(), format!("{} stopped the greeter", me.name()));
    me.wait_until("{nodes(), global:registered_names()}", "{[],[counter]}").await;
}

#[tokio::test]
async fn ping() {
    let epmd = Epmd::start(Release::Otp25).await;
    let me = BeamNode::start(Release::Otp25, secret(&epmd)).await;
    assert_eq!(run("ping", &epmd, me.name()).await, format!("{} is there\n", me.name()));
    let missing = run("ping", &epmd, "nobody@localhost").await;
    assert!(
        missing.starts_with("nobody@localhost is not there: nobody@localhost is not running"),
        "{missing}"
    );
}

#[tokio::test]
async fn echo() {
    let epmd = Epmd::start(Release::Otp27).await;
    let mut example = Running::start("echo", &epmd, &[]);
    let line = example.next_line();
    let name = line.strip_suffix(" echoes; Ctrl-C ends it").expect("the name of the node");
    let me = BeamNode::start(Release::Otp27, secret(&epmd)).await;
    let source = format!(
        "{{echo, '{name}'}} ! {{self(), #{{hello => \"world\"}}}}, receive M -> M after 50000 -> nothing end"
    );
    me.expect(&source, "#{hello => \"world\"}").await;
}

#[tokio::test]
async fn call_gen_server() {
    let epmd = Epmd::start(Release::Otp27).await;
    let me = ElixirNode::start(Release::Otp27, secret(&epmd)).await;
    let shell = me.shell();
    shell
        .eval(
            "defmodule Stock do
               use GenServer
               def init(stock), do: {:ok, stock}
               def handle_call({:take, what, n}, _from, stock), do: {:reply, {:ok, stock[what] - n}, stock}
             end
             GenServer.start_link(Stock, %{apples: 12}, name: :stock)",
        )
        .await
        .expect("a server");
    let printed = run("call_gen_server", &epmd, me.name()).await;
    assert_eq!(printed, "9 apples are left\nthere is no nothing: no such process\n");
}

#[tokio::test]
async fn serve_gen_server() {
    let epmd = Epmd::start(Release::Otp29).await;
    let mut example = Running::start("serve_gen_server", &epmd, &[]);
    let line = example.next_line();
    let name = line.strip_suffix(" has a stock; Ctrl-C ends it").expect("the name of the node");
    let me = ElixirNode::start(Release::Otp29, secret(&epmd)).await;
    let shell = me.shell();
    shell.expect(&format!("stock = {{:stock, :\"{name}\"}}; :ok"), ":ok").await;
    shell.expect("GenServer.cast(stock, {:put, \"apples\", 12})", ":ok").await;
    shell.expect("GenServer.call(stock, {:take, \"apples\", 3})", "{:ok, 9}").await;
    shell.expect("GenServer.call(stock, {:take, \"apples\", 10})", "{:error, {:only, 9}}").await;
    shell.expect("GenServer.call(stock, {:take, \"apples\", 9})", "{:ok, 0}").await;
}

#[tokio::test]
async fn supervisor() {
    let epmd = Epmd::start(Release::Otp25).await;
    let mut example = Running::start("supervisor", &epmd, &[]);
    assert_eq!(example.next_line(), "a server starts");
    let line = example.next_line();
    let name = line.strip_suffix(" divides; Ctrl-C ends it").expect("the name of the node");
    let me = BeamNode::start(Release::Otp25, secret(&epmd)).await;
    let call = |arguments: &str| format!("gen_server:call({{divide, '{name}'}}, {arguments})");
    me.expect(&call("{84, 2}"), "42").await;
    let ended = format!(
        "{{'EXIT', {{badarith, {{gen_server, call, [_, {{1, 0}}]}}}}}} = (catch {}), ended",
        call("{1, 0}")
    );
    me.expect(&ended, "ended").await;
    assert_eq!(example.next_line(), "a server starts");
    // It starts before its name is its own again.
    me.wait_until(&format!("catch {}", call("{9, 3}")), "3").await;
    let children = format!(
        "[{{divide, P, worker, ['Divide']}}] = supervisor:which_children({{divisions, '{name}'}}), node(P) =:= '{name}'"
    );
    me.expect(&children, "true").await;
}

#[tokio::test]
async fn erpc() {
    let epmd = Epmd::start(Release::Otp29).await;
    let me = ElixirNode::start(Release::Otp29, secret(&epmd)).await;
    let printed = run("erpc", &epmd, me.name()).await;
    assert_eq!(printed, "HELLO\n20 to 22\nthe function raised an error: badarith\n");
}

#[tokio::test]
async fn monitor_node() {
    let epmd = Epmd::start(Release::Otp29).await;
    let me = BeamNode::start(Release::Otp29, secret(&epmd)).await;
    let mut example = Running::start("monitor_node", &epmd, &[me.name()]);
    assert_eq!(example.next_line(), format!("waiting for {}", me.name()));
    let shell = me.shell();
    shell.expect("register(shell, self())", "true").await;
    let example_node = me.name().replace("me@", "example@");
    me.wait_until(&format!("net_adm:ping('{example_node}')"), "pong").await;
    assert_eq!(example.next_line(), format!("{} is up", me.name()));
    me.wait_until("{monitored_by, M} = process_info(whereis(shell), monitored_by), length(M) > 0", "true")
        .await;
    let _ = me.eval_async("halt()");
    assert_eq!(example.next_line(), "its shell has ended: noconnection");
    assert_eq!(example.next_line(), format!("{} is down", me.name()));
    assert!(example.child.wait().expect("it ends").success());
}

#[tokio::test]
async fn pg_group() {
    for release in [Release::Otp25, Release::Otp27, Release::Otp29] {
        let epmd = Epmd::start(release).await;
        let me = BeamNode::start(release, secret(&epmd)).await;
        let shell = me.shell();
        shell.expect("element(1, pg:start(pg))", "ok").await;
        let mut example = Running::start("pg_group", &epmd, &[me.name()]);
        assert_eq!(example.next_line(), "one member here");
        me.wait_until("length(pg:get_members(room))", "1").await;
        shell.expect("pg:join(room, self())", "ok").await;
        assert_eq!(example.next_line(), "another has joined: 2 members");
        shell.expect("receive News -> News after 60000 -> none end", "{news,<<\"hello\">>}").await;
        assert_eq!(example.next_line(), "said hello to 2 members");
        shell.expect("pg:leave(room, self())", "ok").await;
        assert_eq!(example.next_line(), "it has left: 1 member");
        assert!(example.child.wait().expect("it ends").success());
    }
}

#[tokio::test]
async fn decode_term() {
    let epmd = Epmd::start(Release::Otp25).await;
    let folder = Scratch::new(Release::Otp25);
    let file = folder.path().join("user.term");
    let path = file.to_str().expect("UTF-8");
    let me = BeamNode::start(Release::Otp25, secret(&epmd)).await;
    let write = format!(
        "file:write_file(\"{path}\", term_to_binary(#{{name => <<\"Joe\">>, age => 68, languages => [prolog, erlang]}}))"
    );
    me.expect(&write, "ok").await;
    assert_eq!(
        run("decode_term", &epmd, path).await,
        "#{age => 68,languages => [prolog,erlang],name => <<\"Joe\">>}\nJoe is 68 and speaks 2 languages\n"
    );
    assert!(fs::exists(&file).expect("a folder"));
}

#[tokio::test]
async fn remote_shell() {
    let epmd = Epmd::start(Release::Otp27).await;
    let mut example = Running::start("remote_shell", &epmd, &[]);
    let line = example.next_line();
    let name = line.strip_suffix(" has a shell; Ctrl-C ends the node").expect("the name of the node");
    let home = Scratch::new(Release::Otp27);
    let mut client = Release::Otp27.command("erl");
    client.args([
        "-sname",
        &unique_name("me"),
        "-setcookie",
        "secret",
        "-start_epmd",
        "false",
        "-remsh",
        name,
    ]);
    client.env("HOME", home.path()).env("ERL_EPMD_PORT", epmd.port().to_string());
    let terminal = Terminal::start("erl", &client);
    terminal.wait_for(&format!("({name})1> "), 1).await;
    for (line, answer) in [
        ("stock", "apples: 12"),
        ("sell apples 5", "7 apples are left"),
        ("sell apples 50", "** only 7 apples are left"),
        ("sell pears 1", "** there is no pears here"),
        ("stock:price(apples).", "\n30\r"),
        ("help sell", "takes some away"),
    ] {
        terminal.enter(line);
        terminal.wait_for(answer, 1).await;
    }
    terminal.enter("exit");
    terminal.wait_for("Shell process terminated", 1).await;
}

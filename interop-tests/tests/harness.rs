//! The harness itself: nodes start, meet, evaluate, and are seen to die.

use std::time::Duration;

use interop_tests::{
    BeamNode, ElixirNode, Epmd, EvalError, NodeOptions, PATIENCE, RabbitNode, Release, Scratch, free_port,
};

async fn two_nodes_meet_and_one_is_killed(release: Release) {
    let epmd = Epmd::start(release).await;
    let (a, b) = tokio::join!(
        BeamNode::start(release, NodeOptions::with(&epmd)),
        BeamNode::start(release, NodeOptions::with(&epmd)),
    );
    assert_eq!(epmd.names().len(), 2);
    a.expect("erlang:system_info(otp_release)", &format!("\"{}\"", release.number())).await;
    a.expect("list_to_integer(os:getpid()).", &a.pid().to_string()).await;
    a.expect(&format!("net_adm:ping({}).", b.atom()), "pong").await;
    b.expect("nodes().", &format!("[{}]", a.atom())).await;
    a.kill_9();
    b.wait_until("nodes().", "[]").await;
    assert_eq!(a.eval("1").await, Err(EvalError::NodeGone));
    let status = a.wait_exit(PATIENCE).await;
    assert_eq!(status.and_then(|status| std::os::unix::process::ExitStatusExt::signal(&status)), Some(9));
}

async fn elixir_meets_erlang(release: Release, version: &str) {
    let epmd = Epmd::start(release).await;
    let (elixir, erlang) = tokio::join!(
        ElixirNode::start(release, NodeOptions::with(&epmd).hidden()),
        BeamNode::start(release, NodeOptions::with(&epmd)),
    );
    elixir.expect("System.version() |> String.split(\".\") |> Enum.take(2)", version).await;
    elixir.expect(&format!("Node.ping({})", erlang.elixir_atom()), ":pong").await;
    elixir.expect("%{:b => 1, :a => \"ü\", {1, 2} => ~c\"x\"} |> map_size()", "3").await;
    assert_eq!(elixir.eval_erlang("{a, 1}").await.as_deref(), Ok("{a,1}"));
    let raised = elixir.eval("raise \"oh\"").await;
    assert_eq!(raised, Err(EvalError::Raised("** (RuntimeError) oh".to_owned())));
    erlang.expect("nodes(hidden).", &format!("[{}]", elixir.atom())).await;
}

#[tokio::test]
async fn otp_25_nodes_meet_and_one_is_killed() {
    two_nodes_meet_and_one_is_killed(Release::Otp25).await;
}

#[tokio::test]
async fn otp_27_nodes_meet_and_one_is_killed() {
    two_nodes_meet_and_one_is_killed(Release::Otp27).await;
}

#[tokio::test]
async fn otp_29_nodes_meet_and_one_is_killed() {
    two_nodes_meet_and_one_is_killed(Release::Otp29).await;
}

#[tokio::test]
async fn elixir_1_14_meets_erlang() {
    elixir_meets_erlang(Release::Otp25, "[\"1\", \"14\"]").await;
}

#[tokio::test]
async fn elixir_1_18_meets_erlang() {
    elixir_meets_erlang(Release::Otp27, "[\"1\", \"18\"]").await;
}

#[tokio::test]
async fn elixir_1_20_meets_erlang() {
    elixir_meets_erlang(Release::Otp29, "[\"1\", \"20\"]").await;
}

#[tokio::test]
async fn evaluation_tells_values_errors_and_exits_apart() {
    let epmd = Epmd::start(Release::Otp27).await;
    let node = BeamNode::start(Release::Otp27, NodeOptions::with(&epmd)).await;
    // What comes later need not wait for what takes longer.
    let slow = node.eval_async("register(slow, self()), receive go_on -> slow end");
    node.expect("X = 1, #{b => X, a => \"text\"}", "#{a => \"text\",b => 1}").await;
    assert!(!slow.is_done());
    node.wait_until("is_pid(whereis(slow))", "true").await;
    node.expect("slow ! go_on", "go_on").await;
    assert_eq!(slow.result().await.as_deref(), Ok("slow"));
    assert_eq!(node.eval("1 / 0").await, Err(EvalError::Raised("error:badarith".to_owned())));
    assert_eq!(node.eval("throw(ball)").await, Err(EvalError::Raised("throw:ball".to_owned())));
    assert!(matches!(node.eval("a b").await, Err(EvalError::Raised(what)) if what.contains("syntax")));
    assert_eq!(node.eval("exit(self(), kill)").await, Err(EvalError::Exited("killed".to_owned())));
    let brief = Duration::from_millis(50);
    let late = node.eval_async("timer:sleep(infinity)").result_within(brief).await;
    assert_eq!(late, Err(EvalError::Timeout(brief)));
}

#[tokio::test]
async fn a_shell_keeps_variables_and_mailbox() {
    let epmd = Epmd::start(Release::Otp25).await;
    let node = BeamNode::start(Release::Otp25, NodeOptions::with(&epmd)).await;
    let (shell, other) = (node.shell(), node.shell());
    shell.expect("register(me, self()), X = 41.", "41").await;
    other.expect("me ! hello, X = 1.", "1").await;
    shell.expect("receive M -> {M, X + 1} end.", "{hello,42}").await;
    assert_eq!(shell.eval("exit(whereis(me), kill)").await, Err(EvalError::Exited("killed".to_owned())));
    assert!(matches!(shell.eval("X.").await, Err(EvalError::Raised(_))));
}

#[tokio::test]
async fn nodes_without_epmd_meet_on_a_fixed_port() {
    let port = free_port();
    // Two addresses of this machine, so that two nodes can have the same port.
    let options = |host: &str| {
        let address = format!("{{{}}}", host.replace('.', ","));
        let flags = ["-kernel", "inet_dist_use_interface", address.as_str()];
        NodeOptions::without_epmd(port).name(&format!("node@{host}")).arguments(flags)
    };
    let a = BeamNode::start(Release::Otp27, options("127.0.0.1")).await;
    let b = BeamNode::start(Release::Otp29, options("127.0.0.2")).await;
    a.expect(&format!("net_adm:ping({}).", b.atom()), "pong").await;
}

#[tokio::test]
async fn a_frozen_node_is_silent_and_goes_on() {
    let epmd = Epmd::start(Release::Otp29).await;
    let node = BeamNode::start(Release::Otp29, NodeOptions::with(&epmd)).await;
    node.stop_signal();
    let answer = node.eval_async("alive");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!answer.is_done());
    node.cont_signal();
    assert_eq!(answer.result().await.as_deref(), Ok("alive"));
}

#[tokio::test]
async fn a_node_that_cannot_start_shows_its_output() {
    let epmd = Epmd::start(Release::Otp27).await;
    let first = BeamNode::start(Release::Otp27, NodeOptions::with(&epmd).name("taken")).await;
    let second = BeamNode::try_start(Release::Otp27, NodeOptions::with(&epmd).name("taken")).await;
    let output = second.expect_err("the name is taken");
    assert!(output.contains("in use"), "{output}");
    drop(first);
}

#[tokio::test]
async fn a_scratch_folder_has_one_path() {
    let scratch = Scratch::new(Release::Otp25);
    std::fs::write(scratch.path().join("file"), "hello").unwrap();
    let mut command = Release::Otp25.command("escript");
    let script = scratch.path().join("read.escript");
    std::fs::write(
        &script,
        "#!/usr/bin/env escript\nmain([F]) -> {ok, B} = file:read_file(F), io:put_chars(B).\n",
    )
    .unwrap();
    let output = command.arg(&script).arg(scratch.path().join("file")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "hello");
}

#[tokio::test]
async fn rabbitmq_starts_and_another_node_asks_its_status() {
    let epmd = Epmd::start(Release::Otp25).await;
    let options = NodeOptions::with(&epmd);
    let (broker, node) =
        tokio::join!(RabbitNode::start(options.clone()), BeamNode::start(Release::Otp29, options.clone()));
    let pid = format!(
        "rpc:call({}, proplists, get_value, [pid, rpc:call({0}, rabbit, status, [])])",
        broker.atom()
    );
    node.expect(&pid, &broker.pid().to_string()).await;
    tokio::net::TcpStream::connect(("127.0.0.1", broker.amqp_port())).await.unwrap();
}

//! Two Rust nodes, without any Erlang: a program with a node of its own, and `erlnode start`.

use std::time::Duration;

use erlnode::atom;
use erlnode::node::{Class, Node, NodeType, Process};
use erlnode::otp::ErpcError;
use erlnode::otp::gen_server::CallError;
use erlnode::process::Exit;
use erlnode::term::{Atom, Binary, Pid, Reference, Term};
use interop_tests::{NodeOptions, PATIENCE, RustNode, free_port, wait_until};
use tokio::sync::oneshot;

/// The node of the test, and the other one.
async fn pair() -> (Node, RustNode) {
    let port = free_port();
    let other = RustNode::start(NodeOptions::with_epmd_port(port)).await;
    let host = other.name().split('@').nth(1).expect("a full name");
    let builder = Node::builder(&format!("test@{host}")).cookie(other.cookie()).epmd_port(port);
    (builder.start().await.expect("a node"), other)
}

/// Runs `body` as a process and gives what it returns.
async fn in_process<T, F, Fut>(node: &Node, body: F) -> T
where
    T: Send + 'static,
    F: FnOnce(Process) -> Fut + Send + 'static,
    Fut: Future<Output = Result<T, Exit>> + Send + 'static,
{
    let (done, result) = oneshot::channel();
    node.spawn(|process| {
        let body = body(process);
        async move {
            let _ = done.send(body.await);
            Ok(())
        }
    });
    let result = tokio::time::timeout(PATIENCE, result).await.expect("in time");
    result.expect("the process returns").expect("what it does works")
}

#[tokio::test]
async fn messages_arrive_whole_and_in_order() {
    let (node, other) = pair().await;
    let at = other.name().to_owned();
    in_process(&node, async move |mut process: Process| {
        let (own, at) = (process.pid().clone(), at.as_str());
        let sizes = [0, 1, 1000, 65_536, 1 << 20, 10 << 20];
        for size in sizes {
            let payload = Binary::from(vec![7; size]);
            process.send(("echo", at), (own.clone(), payload.clone())).await?;
            assert_eq!(process.receive().await.decode::<Binary>()?, payload);
        }
        let alias = process.alias();
        process.send(("echo", at), (alias, "by alias")).await?;
        assert_eq!(process.receive().await.decode::<String>()?, "by alias");

        for n in 0..10_000 {
            process.send(("sink", at), n).await?;
        }
        process.send(("sink", at), (atom!("report"), own.clone())).await?;
        assert_eq!(process.receive().await.decode::<(Atom, u64)>()?, (atom!("sink"), 10_000));

        process.send(("source", at), (own, 100_000, vec!["a", "b"])).await?;
        for _ in 0..100_000 {
            assert_eq!(process.receive().await.decode::<Vec<String>>()?, ["a", "b"]);
        }
        assert_eq!(process.receive().await.decode::<Atom>()?, atom!("done"));
        Ok(())
    })
    .await;
    node.shutdown().await;
}

#[tokio::test]
async fn the_counter_counts_and_comes_back() {
    let (node, other) = pair().await;
    let counter = ("counter", other.name());
    assert_eq!(node.call::<_, i64>(counter, (atom!("add"), 41)).await.expect("a reply"), 41);
    node.cast(counter, (atom!("add"), 1)).await.expect("sent");
    assert_eq!(node.call::<_, i64>(counter, atom!("get")).await.expect("a reply"), 42);
    match node.call::<_, i64>(counter, atom!("crash")).await {
        Err(CallError::Exit(reason)) => assert_eq!(reason, atom!("crash").into()),
        other => panic!("{other:?}"),
    }
    let back = async || match node.call::<_, i64>(counter, atom!("get")).await {
        Ok(value) => value == 0,
        Err(CallError::NoProc) => false,
        Err(error) => panic!("{error}"),
    };
    wait_until(PATIENCE, back).await;
    node.shutdown().await;
}

#[tokio::test]
async fn functions_return_raise_and_take_too_long() {
    let (node, other) = pair().await;
    let at = || node.erpc(other.name());
    assert_eq!(at().call::<_, i64>("rust", "add", (1, 2)).await.expect("a value"), 3);
    for (function, class) in [("fail", Class::Error), ("exit", Class::Exit), ("throw", Class::Throw)] {
        match at().call::<_, Term>("rust", function, (atom!("oops"),)).await {
            Err(ErpcError::Raised(raise)) => {
                assert_eq!((raise.class, raise.reason), (class, atom!("oops").into()));
            }
            other => panic!("{function}: {other:?}"),
        }
    }
    match at().call::<_, Term>("os", "cmd", (Term::charlist("id"),)).await {
        Err(ErpcError::Raised(raise)) => assert_eq!(raise.reason, atom!("undef").into()),
        other => panic!("{other:?}"),
    }
    let brief = Duration::from_millis(50);
    let late = at().call::<_, Term>("rust", "sleep", (10_000,)).timeout(brief).await;
    assert!(matches!(late, Err(ErpcError::Timeout(after)) if after == brief), "{late:?}");
    let times = at().call::<_, (Atom, u64, u64, u64)>(
        "rust",
        "bench_echo",
        ((atom!("echo"), other.name()), 1, 1, "x"),
    );
    assert!(times.await.is_err(), "a binary is no name of a node");
    let echo = (atom!("echo"), Atom::new(other.name()).expect("an atom"));
    let times = at().call::<_, (Atom, u64, u64, u64)>("rust", "bench_echo", (echo, 1000, 4, "x"));
    let (ok, us, p50, p99) = times.await.expect("times");
    assert!(ok == atom!("ok") && us > 0 && p50 <= p99, "{us} {p50} {p99}");
    node.shutdown().await;
}

#[tokio::test]
async fn links_monitors_and_calls_end_with_processes_and_with_the_node() {
    let (node, other) = pair().await;
    let name = other.name().to_owned();
    let spawn_echo =
        async || -> Pid { node.erpc(other.name()).call("rust", "spawn_echo", ()).await.expect("a pid") };
    let (first, second, third) = (spawn_echo().await, spawn_echo().await, spawn_echo().await);
    let (linked, is_linked) = oneshot::channel();
    let watching = tokio::spawn({
        let node = node.clone();
        async move {
            in_process(&node, async move |mut process: Process| {
                type Down = (Atom, Reference, Atom, Term, Term);
                process.trap_exit(true);
                process.monitor_nodes(NodeType::Visible);
                let monitor = process.monitor(&first).await;
                process.exit(&first, atom!("enough")).await;
                let (_, reference, _, object, reason) = process.receive().await.decode::<Down>()?;
                assert_eq!(
                    (reference, object, reason),
                    (monitor, first.clone().into(), atom!("enough").into())
                );
                process.link(&first).await;
                let noproc = (atom!("EXIT"), first, atom!("noproc"));
                assert_eq!(process.receive().await.decode::<(Atom, Pid, Atom)>()?, noproc);
                process.link(&second).await;
                process.exit(&second, atom!("kill")).await;
                let killed = (atom!("EXIT"), second, atom!("killed"));
                assert_eq!(process.receive().await.decode::<(Atom, Pid, Atom)>()?, killed);

                process.link(&third).await;
                process.monitor((atom!("echo"), third.node.clone())).await;
                let _ = linked.send(());
                let is = |tag: &'static str| {
                    move |m: &erlnode::process::Message| {
                        m.tag_and_arity().is_some_and(|(found, _)| found == *tag)
                    }
                };
                let exit = process.receive_match(is("EXIT")).await.decode::<(Atom, Pid, Atom)>()?;
                assert_eq!((exit.1, exit.2), (third.clone(), atom!("noconnection")));
                let (_, _, _, object, reason) = process.receive_match(is("DOWN")).await.decode::<Down>()?;
                assert_eq!(reason, atom!("noconnection").into());
                assert_eq!(object, Term::tuple([atom!("echo").into(), third.node.clone().into()]));
                let down = process.receive().await.decode::<(Atom, Atom)>()?;
                assert_eq!(down, (atom!("nodedown"), third.node));
                Ok(())
            })
            .await;
        }
    });
    is_linked.await.expect("it links");
    let processes =
        async || node.erpc(&name).call::<_, Vec<Pid>>("erlang", "processes", ()).await.unwrap().len();
    let before = processes().await;
    let call = node.erpc(&name).call::<_, Term>("rust", "sleep", (60_000,)).timeout(Duration::from_secs(30));
    let (called, ()) = tokio::join!(call, async {
        wait_until(PATIENCE, async || processes().await > before).await;
        other.kill_9();
    });
    assert!(matches!(called, Err(ErpcError::ConnectionLost(_))), "{called:?}");
    watching.await.expect("no panic");
    assert!(node.nodes(NodeType::Connected).is_empty());
    node.shutdown().await;
}

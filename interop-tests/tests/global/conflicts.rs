//! A name that both sides of a join have.

use std::sync::Arc;

use erlnode::atom;
use erlnode::node::{Caller, Node};
use erlnode::otp::global::Resolver;
use erlnode::term::{Atom, Pid, Term};
use interop_tests::{BeamNode, Epmd, PATIENCE, Release, wait_until};
use tokio::sync::Mutex;

use super::{RELEASES, beam, connect, expect_members, rust_node, sleeper};

/// A process that keeps what it gets.
fn collector(node: &Node) -> (Pid, Arc<Mutex<Vec<Term>>>) {
    let messages = Arc::new(Mutex::new(Vec::new()));
    let kept = messages.clone();
    let pid = node.spawn(|mut process| async move {
        loop {
            let message = process.receive().await.to_term()?;
            kept.lock().await.push(message);
        }
    });
    (pid, messages)
}

/// A process of the BEAM with this name here and in the cluster, which keeps what it gets.
async fn beam_process(beam: &BeamNode, name: &str, method: &str) {
    let source = format!(
        "P = spawn(fun F() -> receive {{get, From}} ->
             From ! process_info(self(), messages), F() end end),
         register({name}, P), global:register_name({name}, P, {method})"
    );
    beam.expect(&source, "yes").await;
}

const DEFAULT: &str = "fun global:random_exit_name/3";

/// The default method: the process on the node with the smaller name stays.
async fn one_is_killed(release: Release, prefix: &str) {
    let epmd = Epmd::start(release).await;
    let (beam, node) = tokio::join!(beam(release, &epmd), rust_node(&epmd, prefix));
    // Without a method the BEAM sends a fun of its own making.
    beam.expect(
        "P = spawn(fun() -> receive stop -> ok end end), register(name, P), global:register_name(name, P)",
        "yes",
    )
    .await;
    let pid = sleeper(&node);
    node.global().register_name(atom!("name"), &pid).await.unwrap();
    node.connect(beam.name()).await.unwrap();
    expect_members(&[&node], &[&beam]).await;
    let named = node.global().whereis_name(atom!("name")).unwrap();
    if prefix < "otp" {
        assert_eq!(named, pid);
        beam.wait_until("whereis(name)", "undefined").await;
        beam.expect(&format!("node(global:whereis_name(name)) =:= '{}'", node.name()), "true").await;
    } else {
        assert_eq!(named.node.as_str(), beam.name());
        wait_until(PATIENCE, async || !node.is_process_alive(&pid)).await;
        beam.expect("global:whereis_name(name) =:= whereis(name)", "true").await;
    }
}

#[tokio::test]
async fn of_a_rust_and_an_otp_25_process_the_latter_is_killed() {
    one_is_killed(Release::Otp25, "a_rust").await;
}

#[tokio::test]
async fn of_a_rust_and_an_otp_27_process_the_latter_is_killed() {
    one_is_killed(Release::Otp27, "a_rust").await;
}

#[tokio::test]
async fn of_an_otp_25_and_a_rust_process_the_latter_is_killed() {
    one_is_killed(Release::Otp25, "z_rust").await;
}

#[tokio::test]
async fn of_an_otp_29_and_a_rust_process_the_latter_is_killed() {
    one_is_killed(Release::Otp29, "z_rust").await;
}

/// All methods at once; the smaller side's count.
async fn by_all_methods(prefix: &str) {
    let epmd = Epmd::start(Release::Otp29).await;
    let (beam, node) = tokio::join!(beam(Release::Otp29, &epmd), rust_node(&epmd, prefix));
    let methods = [
        ("notify", "fun global:random_notify_name/3", Resolver::RandomNotify),
        ("all", "fun global:notify_all_name/3", Resolver::NotifyAll),
        ("exit", DEFAULT, Resolver::RandomExit),
        (
            "crash",
            "fun no_module:no_function/3",
            Resolver::Function { module: atom!("no_module"), function: atom!("f") },
        ),
        (
            "own",
            "fun(_, _, P) -> P end",
            Resolver::Function { module: atom!("rust"), function: atom!("last") },
        ),
    ];
    node.export("rust", "last", async |_: Caller, (_, _, last): (Term, Pid, Pid)| Ok(last));
    let mut processes = Vec::new();
    for (name, method, resolver) in &methods {
        beam_process(&beam, name, method).await;
        let (pid, messages) = collector(&node);
        node.global().register_name_with(Atom::new(name).unwrap(), &pid, resolver).await.unwrap();
        processes.push((pid, messages));
    }
    node.connect(beam.name()).await.unwrap();
    expect_members(&[&node], &[&beam]).await;
    let is_smaller = prefix < "otp";
    // Names and their processes, as both see them.
    let owner = |name: &str| node.global().whereis_name(Atom::new(name).unwrap()).map(|pid| pid.node);
    let smaller = if is_smaller { node.name().as_atom().clone() } else { Atom::new(beam.name()).unwrap() };
    for name in ["notify", "exit", "own"] {
        assert_eq!(owner(name), Some(smaller.clone()), "{name}");
        beam.expect(&format!("node(global:whereis_name({name})) =:= '{smaller}'"), "true").await;
    }
    assert_eq!(owner("all"), None);
    beam.expect("global:whereis_name(all)", "undefined").await;
    // A method that crashes gives the name away.
    assert!(owner("crash").is_some_and(|node| node != smaller));
    beam.expect(&format!("node(global:whereis_name(crash)) =/= '{smaller}'"), "true").await;
    // What the processes were told.
    let told_beam = |name: &str| format!("{name} ! {{get, self()}}, receive {{messages, M}} -> M end");
    let conflict =
        |name: &str| Term::tuple([atom!("global_name_conflict").into(), Atom::new(name).unwrap().into()]);
    if is_smaller {
        beam.wait_until(&told_beam("notify"), "[{global_name_conflict,notify}]").await;
        beam.wait_until("whereis(exit)", "undefined").await;
    } else {
        beam.expect(&told_beam("notify"), "[]").await;
        wait_until(PATIENCE, async || *processes[0].1.lock().await == [conflict("notify")]).await;
        wait_until(PATIENCE, async || !node.is_process_alive(&processes[2].0)).await;
    }
    let all = format!(
        "[{{global_name_conflict,all,P}}] = begin {} end, node(P) =:= '{}'",
        told_beam("all"),
        node.name()
    );
    beam.wait_until(&all, "true").await;
    wait_until(PATIENCE, async || processes[1].1.lock().await.len() == 1).await;
    for index in [1, 3, 4] {
        assert!(node.is_process_alive(&processes[index].0));
    }
}

#[tokio::test]
async fn the_methods_of_a_smaller_rust_node_decide() {
    by_all_methods("a_rust").await;
}

#[tokio::test]
async fn the_methods_of_a_smaller_beam_decide() {
    by_all_methods("z_rust").await;
}

/// Whoever decides has the method called where its side's process is: on a third node.
#[tokio::test]
async fn a_conflict_is_decided_where_the_process_is() {
    let epmd = Epmd::start(Release::Otp27).await;
    let [a, b, _] = RELEASES.map(|release| beam(release, &epmd));
    let (a, b, m, n) = tokio::join!(a, b, rust_node(&epmd, "a_rust"), rust_node(&epmd, "z_rust"));
    // {m, a} and {n, b}; the names belong to a and n, and m and b join.
    m.connect(a.name()).await.unwrap();
    n.connect(b.name()).await.unwrap();
    expect_members(&[&m], &[&a]).await;
    expect_members(&[&n], &[&b]).await;
    beam_process(&a, "name", "fun global:random_notify_name/3").await;
    let (pid, messages) = collector(&n);
    n.global().register_name(atom!("name"), &pid).await.unwrap();
    connect(&b, m.name().as_str()).await;
    expect_members(&[&m, &n], &[&a, &b]).await;
    for node in [&m, &n] {
        assert_eq!(node.global().whereis_name(atom!("name")).unwrap().node.as_str(), a.name());
    }
    let conflict = Term::tuple([atom!("global_name_conflict").into(), atom!("name").into()]);
    wait_until(PATIENCE, async || *messages.lock().await == [conflict.clone()]).await;
    b.expect(&format!("node(global:whereis_name(name)) =:= '{}'", a.name()), "true").await;
}

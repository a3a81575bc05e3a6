//! Locks that Rust nodes set, and BEAM nodes respect, and the other way round.

use erlnode::atom;
use erlnode::otp::global::LockError;
use erlnode::term::{Atom, Term};
use interop_tests::BeamNode;

use super::names::cluster_with;
use super::{PATIENCE, within};

fn atom_of(beam: &BeamNode) -> Atom {
    Atom::new(beam.name()).unwrap()
}

#[tokio::test]
async fn a_lock_of_a_rust_node_keeps_all_others_out() {
    let (_epmd, beams, node) = cluster_with("rust").await;
    let global = node.global();
    let lock = within(global.set_lock(atom!("res"))).await.unwrap();
    let try_it = "global:set_lock({res, self()}, [node() | nodes()], 0)";
    for beam in &beams {
        beam.expect(try_it, "false").await;
    }
    let again = within(global.set_lock(atom!("res")).retries(1)).await;
    assert_eq!(again.map(|_| ()), Err(LockError::Taken));
    within(lock.del()).await;
    for beam in &beams {
        beam.expect(&format!("[{try_it}, global:del_lock({{res, self()}})]"), "[true,true]").await;
    }
    // Whoever drops it gives it up as well; and so does the end of the process that holds it.
    drop(within(global.set_lock(atom!("res"))).await.unwrap());
    beams[0].wait_until("ets:lookup(global_locks, res)", "[]").await;
    let lock = within(global.set_lock(atom!("res"))).await.unwrap();
    assert_eq!(global.info().locks[0].holders, [lock.holder().clone()]);
    let holder = format!(
        "{{_, _, [{{P, _}}]}} = hd(ets:lookup(global_locks, res)), exit(P, kill), node(P) =:= '{}'",
        node.name()
    );
    beams[1].expect(&holder, "true").await;
    beams[2].wait_until("ets:lookup(global_locks, res)", "[]").await;
    within(lock.del()).await;
    // And so does the end of the node.
    within(global.set_lock(atom!("res"))).await.map(std::mem::forget).unwrap();
    beams[0].expect("length(ets:lookup(global_locks, res))", "1").await;
    node.shutdown().await;
    beams[0].wait_until("ets:lookup(global_locks, res)", "[]").await;
}

#[tokio::test]
async fn a_rust_node_waits_for_the_lock_of_a_beam() {
    let (_epmd, beams, node) = cluster_with("a_rust").await;
    let [a, b, _] = &beams;
    let holder = "P = spawn(fun() -> true = global:set_lock({res, self()}), register(holder, self()),
        receive stop -> ok end end), P ! hello, ok";
    a.expect(holder, "ok").await;
    a.wait_until("is_pid(whereis(holder))", "true").await;
    assert!(within(node.global().set_lock(atom!("res")).retries(0)).await.is_err());
    // It is on nodes that are not asked that it is taken.
    let elsewhere = node.global().set_lock(atom!("res")).nodes([]);
    within(within(elsewhere).await.unwrap().del()).await;
    let waiting = tokio::spawn(node.global().set_lock(atom!("res")).into_future());
    // Another one gives up while it waits, and leaves nothing behind.
    let given_up = tokio::spawn(node.global().set_lock(atom!("res")).requester(atom!("x")).into_future());
    a.expect("ets:lookup_element(global_locks, res, 3) =/= []", "true").await;
    given_up.abort();
    a.expect("exit(whereis(holder), kill)", "true").await;
    let lock = tokio::time::timeout(PATIENCE, waiting).await.unwrap().unwrap().unwrap();
    let held_by =
        format!("[node(P) || {{P, _}} <- ets:lookup_element(global_locks, res, 3)] =:= ['{}']", node.name());
    b.wait_until(&held_by, "true").await;
    within(lock.del()).await;
    a.expect("ets:lookup(global_locks, res)", "[]").await;
}

#[tokio::test]
async fn requests_of_one_requester_share_a_lock() {
    let (_epmd, beams, node) = cluster_with("z_rust").await;
    let [a, b, _] = &beams;
    let set =
        || node.global().set_lock(Term::from("res")).requester(atom!("team")).nodes([atom_of(a), atom_of(b)]);
    let one = within(set()).await.unwrap();
    let two = within(set().retries(0)).await.unwrap();
    a.expect("global:set_lock({<<\"res\">>, team}, [node()], 0)", "true").await;
    let holders = "length(ets:lookup_element(global_locks, <<\"res\">>, 3, []))";
    let holders = holders.replace(", 3, [])", ", 3)");
    a.wait_until(&holders, "2").await;
    within(one.del()).await;
    b.expect(&holders, "1").await;
    b.expect("global:set_lock({<<\"res\">>, other}, [node()], 0)", "false").await;
    within(two.del()).await;
    b.expect("ets:tab2list(global_locks)", "[]").await;
    // Here it was never set.
    assert_eq!(node.global().info().locks, []);
}

#[tokio::test]
async fn one_transaction_at_a_time() {
    let (_epmd, beams, node) = cluster_with("m_rust").await;
    let [a, b, c] = &beams;
    a.expect(
        "ets:new(count, [named_table, public, {heir, whereis(kernel_sup), x}]), ets:insert(count, {n, 0})",
        "true",
    )
    .await;
    let home = a.atom();
    let turns = format!(
        "[global:trans({{count, self()}}, fun() ->
             N = rpc:call({home}, ets, lookup_element, [count, n, 2]),
             rpc:call({home}, ets, insert, [count, {{n, N + 1}}]) end) || _ <- [1, 2, 3]], ok"
    );
    let pending = [b.eval_async(&turns), c.eval_async(&turns)];
    for _ in 0..3 {
        let work = || async {
            let erpc = || node.erpc(a.name());
            let count: i64 =
                erpc().call("ets", "lookup_element", (atom!("count"), atom!("n"), 2)).await.unwrap();
            let _: bool =
                erpc().call("ets", "insert", (atom!("count"), (atom!("n"), count + 1))).await.unwrap();
        };
        tokio::time::timeout(PATIENCE * 2, node.global().set_lock(atom!("count")).trans(work))
            .await
            .unwrap()
            .unwrap();
    }
    for turns in pending {
        assert_eq!(turns.result_within(PATIENCE * 2).await.as_deref(), Ok("ok"));
    }
    a.expect("ets:lookup(count, n)", "[{n,9}]").await;
}

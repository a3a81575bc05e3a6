//! What BEAM nodes call of a Rust node's module `global`, and ask its server by `sys`; and `{global, Name}` as whom
//! something is sent to.

use erlnode::atom;
use erlnode::node::{Dest, SendError};
use erlnode::otp::r#gen::CallError;
use erlnode::otp::global::GlobalInfo;
use erlnode::term::{Pid, Term};

use super::names::cluster_with;
use super::{Atom, known, within};

/// Registers on behalf of who asks, as a BEAM does.
#[tokio::test]
async fn the_functions_of_global_are_there_for_others() {
    let (_epmd, beams, node) = cluster_with("rust").await;
    for beam in &beams {
        let call = |function: &str, arguments: &str| {
            format!("rpc:call('{}', global, {function}, [{arguments}])", node.name())
        };
        let own = "P = whereis(kernel_sup), Q = whereis(init), ";
        let all = [
            (call("register_name", "n, P"), "yes"),
            (call("register_name", "n, Q"), "no"),
            (call("register_name", "m, P, fun global:notify_all_name/3"), "no"),
            (call("register_name", "m, Q, {global, random_notify_name}"), "yes"),
            ("global:whereis_name(n) =:= P".to_owned(), "true"),
            ("ets:lookup_element(global_names, m, 3)".to_owned(), "fun global:random_notify_name/3"),
            (format!("{} =:= Q", call("whereis_name", "m")), "true"),
            (format!("lists:sort({})", call("registered_names", "")), "[m,n]"),
            (call("re_register_name", "n, Q"), "yes"),
            (call("re_register_name", "n, P, fun global:notify_all_name/3"), "yes"),
            ("ets:lookup_element(global_names, n, 3)".to_owned(), "fun global:notify_all_name/3"),
            (call("unregister_name", "n"), "ok"),
            (call("unregister_name", "m"), "ok"),
            (call("unregister_name", "m"), "ok"),
            ("global:registered_names()".to_owned(), "[]"),
            (call("sync", ""), "ok"),
            (call("sync", "nodes()"), "ok"),
            (call("send", "nobody, hello"), "{badrpc,{'EXIT',{badarg,{nobody,hello}}}}"),
            (call("set_lock", "{res, x}"), "true"),
            (call("set_lock", "{res, x}, [node()], 0"), "true"),
            (call("set_lock", "{res, x}, [], infinity"), "true"),
            (call("del_lock", "{res, x}"), "true"),
            (call("del_lock", "{res, x}, nodes()"), "true"),
            (call("trans", "{res, x}, fun erlang:node/0"), node.name().as_str()),
            (call("trans", "{res, x}, fun erlang:node/0, [node()], 0"), node.name().as_str()),
            (format!("element(1, {})", call("info", "")), "state"),
        ];
        for (source, expected) in all {
            let source = format!("{own} _ = {{P, Q}}, {source}");
            if expected == node.name().as_str() {
                beam.expect(
                    &format!("({{}} =:= '{expected}')").replace("{}", &format!("begin {source} end")),
                    "true",
                )
                .await;
            } else {
                beam.expect(&source, expected).await;
            }
        }
        // The lock of a call ends with the process that ran it.
        beam.wait_until("ets:tab2list(global_locks)", "[]").await;
        // Arguments that no clause is for, as on a BEAM.
        for arguments in ["n, no_pid", "n, self(), no_fun", "n, self(), fun erlang:node/0"] {
            let reason = format!(
                "{{badrpc, {{'EXIT', {{function_clause, _}}}}}} = {}, ok",
                call("register_name", arguments)
            );
            beam.expect(&reason, "ok").await;
        }
    }
    // A lock that is taken.
    let [a, b, _] = &beams;
    let taken = format!(
        "true = global:set_lock({{res, self()}}),
         [rpc:call('{0}', global, set_lock, [{{res, y}}, ['{0}'], 0]),
          rpc:call('{0}', global, trans, [{{res, y}}, fun erlang:node/0, ['{0}'], 1])]",
        node.name()
    );
    a.expect(&taken, "[false,aborted]").await;
    let sent = format!(
        "global:register_name(me, self()), rpc:call('{}', global, send, [me, hi]), receive M -> M end",
        node.name()
    );
    b.expect(&sent, "hi").await;
}

#[tokio::test]
async fn sys_looks_at_the_server_and_stops_it_for_a_while() {
    let (_epmd, beams, node) = cluster_with("rust").await;
    let GlobalInfo { known: members, synced, .. } = node.global().info();
    assert_eq!(members.len(), 3);
    assert_eq!(members, synced);
    let server = format!("{{global_name_server, '{}'}}", node.name());
    for beam in &beams[1..] {
        let state = format!("sys:get_state({server})");
        beam.expect(&format!("lists:sort([N || N <- maps:keys(element(3, {state})), is_atom(N)]) =:= lists:sort(nodes() ++ [node()]) -- ['{}']", node.name()), "true").await;
        beam.expect(&format!("element(7, {state}) =:= '{}'", node.name()), "true").await;
        beam.expect(&format!("element(1, sys:get_status({server}))"), "status").await;
    }
    let beam = &beams[1];
    beam.expect(&format!("sys:suspend({server})"), "ok").await;
    let call = format!("gen_server:call({server}, get_protocol_version, infinity)");
    let waiting = beam.eval_async(&call);
    beam.expect(&format!("{{status, _, _, [_, S | _]}} = sys:get_status({server}), S"), "suspended").await;
    beam.expect(&format!("sys:resume({server})"), "ok").await;
    assert_eq!(waiting.result().await.as_deref(), Ok("8"));
    // Another one takes its place.
    let before = node.whereis("global_name_server");
    beam.expect(&format!("sys:terminate({server}, enough)"), "ok").await;
    interop_tests::wait_until(super::PATIENCE, async || {
        let now = node.whereis("global_name_server");
        now.is_some() && now != before
    })
    .await;
    assert_eq!(known(&node).await.len(), 3);
    super::expect_names_work(&[&node], &beams.each_ref()).await;
}

#[tokio::test]
async fn a_global_name_is_a_destination() {
    let (_epmd, beams, node) = cluster_with("rust").await;
    for beam in &beams {
        let server = "F = fun F(N) -> receive
                {'$gen_call', From, get} -> gen:reply(From, N), F(N);
                {'$gen_cast', {add, M}} -> F(N + M);
                {From, ping} -> From ! {pong, N}, F(N)
            end end, global:register_name({server, 1}, spawn(fun() -> F(5) end))";
        beam.expect(server, "yes").await;
        let name = Term::tuple([atom!("server").into(), 1.into()]);
        let dest = || Dest::global(name.clone());
        assert_eq!(node.call::<_, i64>(dest(), atom!("get")).timeout(super::PATIENCE).await.unwrap(), 5);
        node.cast(dest(), (atom!("add"), 2)).await.unwrap();
        assert_eq!(node.call::<_, i64>(dest(), atom!("get")).timeout(super::PATIENCE).await.unwrap(), 7);
        let (answer, answered) = tokio::sync::oneshot::channel();
        node.spawn({
            let dest = dest();
            async move |mut process| {
                process.send(dest.clone(), (process.pid().clone(), atom!("ping"))).await?;
                let first: (Atom, i64) = process.receive().await.decode()?;
                process
                    .try_send(dest, (process.pid().clone(), atom!("ping")))
                    .map_err(erlnode::process::Exit::from_error)?;
                let second: (Atom, i64) = process.receive().await.decode()?;
                let _ = answer.send((first.1, second.1));
                Ok(())
            }
        });
        assert_eq!(within(answered).await.unwrap(), (7, 7));
        let pid = node.global().send(name.clone(), atom!("ignored")).await.unwrap();
        assert_eq!(Some(&pid), node.global().whereis_name(name.clone()).as_ref());
        // And for someone on a BEAM, a Rust server.
        beam.expect("global:unregister_name({server, 1})", "ok").await;
        let absent = node.send(dest(), atom!("hello")).await;
        assert!(matches!(absent, Err(SendError::NotRegisteredGlobally(of)) if of == name));
        let absent = node.call::<_, Term>(dest(), atom!("get")).await;
        assert!(matches!(absent, Err(CallError::NoProc)));
    }
    let net_kernel: Pid = node.whereis("net_kernel").unwrap();
    within(node.global().register_name(atom!("kernel"), &net_kernel)).await.unwrap();
    for beam in &beams {
        beam.expect("gen_server:call({global, kernel}, {is_auth, node()})", "yes").await;
    }
}

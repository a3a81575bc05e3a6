//! What a shell can see of a member of the cluster, asked of a BEAM node and of a Rust node in its place: nothing of it
//! may tell which is which.
//!
//! `standard_functions` does that for the functions of module `erlang`, `pg/functions` for those of `pg`.

use interop_tests::{Comparison, Release};

/// `Rpc(M, F, As)` asks the node, `Ask(Name, Request)` one of its services. `Idle()` is a new process here.
const HELPERS: &str = "
    Rpc = fun(M, F, A) -> rpc:call(TARGET, M, F, A) end,
    Ask = fun(Name, Request) -> gen_server:call({Name, TARGET}, Request) end,
    Idle = fun() -> spawn(fun() -> receive stop -> ok end end) end,
    Until = fun U(F) -> case F() of true -> true; _ -> timer:sleep(10), U(F) end end,
    pong = net_adm:ping(TARGET),
    _ = Until(fun() -> lists:member(TARGET, gen_server:call(global_name_server, get_synced)) end),
    _ = {Rpc, Ask, Idle, Until}, ";

/// What is asked, and a part of what is shown.
const CASES: &[(&str, &str)] = &[
    // It is there.
    ("{net_adm:ping(TARGET), lists:member(TARGET, nodes()), lists:member(TARGET, nodes(hidden))}", "{pong,true,false}"),
    ("{lists:member(TARGET, element(2, net_kernel:nodes_info())), ok}", "ok"),
    ("Info = [I || {N, I} <- element(2, net_kernel:nodes_info()), N =:= TARGET], [lists:sort([K || {K, _} <- I]) || I <- Info]", "type"),
    ("[proplists:get_value(K, element(2, net_kernel:node_info(TARGET))) || K <- [state, type]]", "[up,normal]"),
    ("Ask(net_kernel, {is_auth, node()})", "yes"),
    ("[is_pid(Rpc(erlang, whereis, [N])) || N <- [net_kernel, rex, global_name_server]]", "[true,true,true]"),
    ("lists:member(node(), Rpc(erlang, nodes, []))", "true"),
    // Its services are processes.
    (
        "[begin M = monitor(process, {N, TARGET}), demonitor(M, [flush]) end || N <- [net_kernel, rex, global_name_server]]",
        "[true,true,true]",
    ),
    ("M = monitor(process, {nobody, TARGET}), {'DOWN', M, process, Who, Why} = Next(), {Who, Why}", "{{nobody,TARGET},noproc}"),
    ("catch gen_server:call({nobody, TARGET}, get)", "{'EXIT',{noproc,{gen_server,call,[{nobody,TARGET},get]}}}"),
    ("{nobody, TARGET} ! message, gen_server:cast({nobody, TARGET}, message)", "ok"),
    ("monitor_node(TARGET, true), monitor_node(TARGET, false)", "true"),
    ("[registered_name, status] =:= [K || {K, _} <- Rpc(erlang, process_info, [Rpc(erlang, whereis, [rex]), [registered_name, status]])]", "true"),
    // global.
    ("Ask(global_name_server, get_protocol_version)", "8"),
    ("{lists:member(node(), Ask(global_name_server, get_known)), lists:member(node(), Ask(global_name_server, get_synced))}", "{true,true}"),
    ("Ask(global_name_server, get_names_ext)", "[]"),
    ("yes = global:register_name({a, TARGET}, P = Idle()), {Rpc(global, whereis_name, [{a, TARGET}]) =:= P, lists:member({a, TARGET}, Rpc(global, registered_names, []))}", "{true,true}"),
    ("global:unregister_name({a, TARGET}), {Rpc(global, whereis_name, [{a, TARGET}]), lists:member({a, TARGET}, Rpc(global, registered_names, []))}", "{undefined,false}"),
    ("yes = global:register_name({b, TARGET}, P = Idle()), exit(P, kill), Until(fun() -> Rpc(global, whereis_name, [{b, TARGET}]) =:= undefined end)", "true"),
    (
        "[global:set_lock({{c, TARGET}, one}, [TARGET], 0), global:set_lock({{c, TARGET}, other}, [TARGET], 0),
          global:del_lock({{c, TARGET}, one}, [TARGET]), global:set_lock({{c, TARGET}, other}, [TARGET], 0),
          global:del_lock({{c, TARGET}, other}, [TARGET])]",
        "[true,false,true,true,true]",
    ),
    ("global:trans({{d, TARGET}, self()}, fun() -> done end, [node(), TARGET])", "done"),
    (
        "{P, M} = spawn_monitor(fun() -> true = global:set_lock({{e, TARGET}, self()}, [TARGET]) end),
         receive {'DOWN', M, process, P, normal} -> ok end,
         global:set_lock({{e, TARGET}, self()}, [TARGET]) andalso global:del_lock({{e, TARGET}, self()}, [TARGET])",
        "true",
    ),
    // pg.
    ("element(1, Rpc(pg, start, [scope]))", "ok"),
    ("element(1, pg:start(scope)), P = Rpc(erlang, whereis, [rex]), {Rpc(pg, join, [scope, {g, TARGET}, P]), Until(fun() -> pg:get_members(scope, {g, TARGET}) =:= [P] end)}", "{ok,true}"),
    ("pg:join(scope, {h, TARGET}, P = Idle()), Until(fun() -> Rpc(pg, get_members, [scope, {h, TARGET}]) =:= [P] end)", "true"),
    ("exit(Rpc(erlang, whereis, [scope]), kill), Until(fun() -> pg:get_members(scope, {g, TARGET}) =:= [] end)", "true"),
    // Functions.
    ("[Rpc(nomodule, f, [1]), catch erpc:call(TARGET, nomodule, f, [1])]", "{badrpc,{'EXIT',{undef,[{nomodule,f,[1],[]}"),
    ("rpc:multicall([TARGET], erlang, node, [])", "{[TARGET],[]}"),
    ("rpc:abcast([TARGET], nobody, message)", "abcast"),
    ("rpc:sbcast([TARGET], nobody, message)", "{[],[TARGET]}"),
    ("rpc:sbcast([TARGET], rex, message)", "{[TARGET],[]}"),
    ("rpc:pinfo(Rpc(erlang, whereis, [rex]), registered_name)", "{registered_name,rex}"),
    // An old one, for the last.
    ("disconnect_node(TARGET), net_adm:ping(TARGET)", "pong"),
];

async fn is_like_a_beam_of(release: Release) {
    let nodes = Comparison::start(release).await;
    for (source, part) in CASES {
        nodes.same(HELPERS, source, part).await;
    }
}

#[tokio::test]
async fn a_rust_node_is_like_a_node_of_otp_25() {
    is_like_a_beam_of(Release::Otp25).await;
}

#[tokio::test]
async fn a_rust_node_is_like_a_node_of_otp_27() {
    is_like_a_beam_of(Release::Otp27).await;
}

#[tokio::test]
async fn a_rust_node_is_like_a_node_of_otp_29() {
    is_like_a_beam_of(Release::Otp29).await;
}

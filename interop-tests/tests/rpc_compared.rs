//! `erpc` and `rpc` from a shell towards a Rust node and towards a BEAM node of the same release: no difference.
//!
//! The BEAM node has a module `rust` with the same functions. Of stack traces all is compared but files and lines.
//!
//! Where the cases of OTP's `erpc_SUITE` are, those of 27.3.4. Here they are rows of `ERPC`, `RPC` and `SPAWN` unless
//! another test is named; `from_rust` is the test of `rpc_from_rust`, where a Rust node makes the calls:
//!
//! | case | test |
//! | --- | --- |
//! | `call` | here, and from_rust, `multicalls`; [`rpc`](../rpc.rs), `otp_29_is_called` and its kin |
//! | `call_reqtmo`, `send_request_receive_reqtmo`, `_wait_reqtmo`, `_check_reqtmo`, `multicall_reqtmo` | none yet with a node that is stopped before it is asked; timeouts of functions that run: here, and from_rust, `requests` |
//! | `call_against_old_node`, `call_from_old_node` | none: nodes before OTP 23 are not supported |
//! | `call_against_ei_node`, `send_request_against_ei_node` | `other_kinds_of_nodes_get_what_they_understand` in the library: `notsup`; calls from C nodes in `rpc` |
//! | `cast`, `multicast` | here, and from_rust, `casts_and_broadcasts` |
//! | `send_request`, `send_request_fun` | here, and from_rust, `requests` |
//! | `send_request_receive_reqid_collection`, `_wait_reqid_collection`, `_check_reqid_collection` | here, and from_rust, `requests` |
//! | `multicall` | here, `rpc`, and from_rust, `multicalls` |
//! | `multicall_recv_opt`, `_opt2`, `_opt3` | none: how fast a BEAM looks through its mailbox; a call of a Rust node has a mailbox of its own |
//! | `timeout_limit` | none: a `Duration` has no such limit |
//!
//! And those of `rpc_SUITE`:
//!
//! | case | test |
//! | --- | --- |
//! | `off_heap` | none: there is no heap of a process |
//! | `call`, `called_throws`, `async_call` | here; from_rust, `requests` |
//! | `call_reqtmo` | as above |
//! | `block_call` | here; from_rust, `block_calls`; `rpc`, `nobody_waits_for_others` |
//! | `multicall`, `multicall_timeout`, `multicall_dies`, `called_dies` | here; from_rust, `multicalls` |
//! | `multicall_node_dies`, `called_node_dies` | `called_node_dies`; from_rust, `a_node_that_dies` |
//! | `multicall_mix` | from_rust, `multicalls`, with all releases in one call |
//! | `timeout_limit` | as above |
//! | `call_benchmark` | `interop-tests/bench` |
//! | `call_against_old_node`, `call_old_against_new`, `multicall_old_against_new`, `cast_old_against_new` | none: nodes before OTP 23; their messages to `rex` are in `rpc` |

use interop_tests::{Comparison, Release};

/// What the BEAM node has in the place of the playground's functions.
const TWIN: &str = "
-module(rust).
-compile({no_auto_import, [exit/1, throw/1, self/0]}).
-export([add/2, echo/1, sleep/1, fail/1, exit/1, throw/1, self/0]).
add(A, B) -> A + B.
echo(T) -> T.
sleep(Ms) -> timer:sleep(Ms).
fail(Reason) -> erlang:error(Reason).
exit(Reason) -> erlang:exit(Reason).
throw(T) -> erlang:throw(T).
self() -> erlang:self().
";

const PRELUDE: &str = "
    Try = fun(F) -> try {returned, F()} catch C:R -> {C, R} end end,
    Kill = fun K(Reason) ->
        Mine = [P || P <- erpc:call(TARGET, erlang, processes, []),
                     rpc:call(TARGET, erlang, process_info, [P, monitored_by]) =:= {monitored_by, [self()]}],
        case Mine of [P] -> exit(P, Reason); [] -> timer:sleep(10), K(Reason) end
    end,
    _ = {Try, Kill},";

/// A call, and a part of what it comes to.
const ERPC: [(&str, &str); 30] = [
    ("erpc:call(TARGET, erlang, node, []) =:= TARGET", "true"),
    ("erpc:call(TARGET, rust, self, [])", "{pid,target}"),
    ("Try(fun() -> erpc:call(TARGET, erlang, error, [oops | invalid]) end)", "badarg"),
    ("Try(fun() -> erpc:call(TARGET, erlang, error, [oops]) end)", "oops"),
    ("Try(fun() -> erpc:call(TARGET, erlang, exit, [oops]) end)", "{exception,oops}"),
    ("Try(fun() -> erpc:call(TARGET, erlang, throw, [oops]) end)", "{throw,oops}"),
    ("Try(fun() -> erpc:call(TARGET, rust, fail, [{a, [b]}], 50000) end)", "{rust,fail,1,[]}"),
    ("Try(fun() -> erpc:call(TARGET, rust, exit, [normal]) end)", "{exception,normal}"),
    ("Try(fun() -> erpc:call(TARGET, rust, throw, [{'EXIT', x}]) end)", "{throw,{'EXIT',x}}"),
    ("erpc:call(TARGET, rust, echo, [{'EXIT', x}])", "{'EXIT',x}"),
    ("Try(fun() -> erpc:call(TARGET, rust, nosuch, [1, 2]) end)", "{rust,nosuch,[1,2],[]}"),
    ("Try(fun() -> erpc:call(TARGET, nosuch, f, []) end)", "undef"),
    ("Try(fun() -> erpc:call(TARGET, fun nosuch:f/0) end)", "{erlang,apply,2,[]}"),
    ("Try(fun() -> erpc:call(TARGET, erlang, apply, [nosuch, f, [x]]) end)", "{erlang,apply,3,[]}"),
    ("Try(fun() -> erpc:call(TARGET, erlang, apply, [fun rust:fail/1, [x]]) end)", "{rust,fail,1,[]}"),
    ("Try(fun() -> erpc:call(TARGET, erlang, apply, [fun rust:echo/1, []]) end)", "badarity"),
    ("Try(fun() -> erpc:call(TARGET, erlang, apply, [rust, echo, x]) end)", "badarg"),
    ("Try(fun() -> erpc:call(TARGET, erlang, apply, [1, []]) end)", "badfun"),
    // More arguments than can be given, and one less than that.
    ("Try(fun() -> erpc:call(TARGET, rust, echo, lists:duplicate(1024, a)) end)", "{erpc,system_limit}"),
    ("Try(fun() -> erpc:call(TARGET, rust, echo, lists:duplicate(1023, a)) end)", "undef"),
    ("Try(fun() -> erpc:call(TARGET, rust, sleep, [20000], 50) end)", "{erpc,timeout}"),
    (
        "Id = erpc:send_request(TARGET, rust, sleep, [60000]), Kill(oops),
         Try(fun() -> erpc:receive_response(Id) end)",
        "{signal,oops}",
    ),
    (
        "Id = erpc:send_request(TARGET, rust, sleep, [60000]), Kill(kill),
         Try(fun() -> erpc:receive_response(Id) end)",
        "{signal,killed}",
    ),
    (
        "Id = erpc:send_request(TARGET, rust, sleep, [20000]),
         {erpc:wait_response(Id), erpc:wait_response(Id, 10), erpc:check_response(foo, Id),
          Try(fun() -> erpc:receive_response(Id, 10) end), Try(fun() -> erpc:receive_response(Id, 10) end)}",
        "{error,{erpc,badarg}}",
    ),
    (
        "Id = erpc:send_request(TARGET, fun erlang:node/0), M = Next(), {response, N} = erpc:check_response(M, Id),
         N =:= TARGET",
        "true",
    ),
    (
        "Send = fun({L, F, A}, C) -> erpc:send_request(TARGET, rust, F, A, L, C) end,
         All = lists:foldl(Send, erpc:reqids_new(), [{a, add, [1, 2]}, {b, fail, [x]}, {c, throw, [y]}, {d, sleep, [40000]}]),
         Take = fun T(C, Got) when map_size(C) =:= 1 -> {lists:sort(Got), C};
                    T(C, Got) -> {R, L, C1} = try erpc:wait_response(C, 50000, true) catch _:E -> E end, T(C1, [{L, R} | Got]) end,
         {Got, Left} = Take(All, []),
         {Got, erpc:reqids_size(Left), [L || {_, L} <- erpc:reqids_to_list(Left)],
          Try(fun() -> erpc:receive_response(Left, 10, true) end)}",
        "{error,{erpc,timeout}}",
    ),
    (
        "erpc:multicall([TARGET, TARGET, no@where, TARGET], rust, fail, [bling])",
        "{error,{erpc,noconnection}}",
    ),
    ("erpc:multicall([TARGET, TARGET], rust, sleep, [20000], 100)", "{error,{erpc,timeout}}"),
    ("ok = erpc:multicast([TARGET, no@where], erlang, send, [self(), hi]), Next()", "hi"),
    // Nothing is told of what goes wrong, and nobody is harmed.
    (
        "ok = erpc:cast(TARGET, rust, fail, [x]), ok = erpc:cast(TARGET, nosuch, f, lists:duplicate(1024, a)),
         ok = erpc:cast(TARGET, rust, add, [1 | 2]), erpc:call(TARGET, rust, add, [1, 2])",
        "3",
    ),
];

const RPC: [(&str, &str); 33] = [
    ("rpc:call(TARGET, rust, add, [1, 2])", "3"),
    ("rpc:call(TARGET, rust, fail, [x])", "{badrpc,{'EXIT',{x,[{rust,fail,1,[]}]}}}"),
    ("rpc:call(TARGET, rust, exit, [normal])", "{badrpc,{'EXIT',normal}}"),
    ("rpc:call(TARGET, rust, throw, [up])", "up"),
    ("rpc:call(TARGET, rust, throw, [{'EXIT', reason}])", "{badrpc,{'EXIT',reason}}"),
    ("rpc:call(TARGET, rust, echo, [{'EXIT', reason}])", "{badrpc,{'EXIT',reason}}"),
    ("rpc:call(TARGET, rust, echo, lists:duplicate(1024, a))", "{badrpc,{'EXIT',system_limit}}"),
    ("rpc:call(TARGET, rust, sleep, [20000], 50)", "{badrpc,timeout}"),
    ("K = rpc:async_call(TARGET, rust, sleep, [60000]), Kill(abnormal), rpc:yield(K)", "{badrpc,{'EXIT',abnormal}}"),
    ("K = rpc:async_call(TARGET, rust, sleep, [60000]), Kill(kill), rpc:yield(K)", "{badrpc,{'EXIT',killed}}"),
    ("K = rpc:async_call(TARGET, rust, add, [1, 2]), rpc:nb_yield(K, 50000)", "{value,3}"),
    ("K = rpc:async_call(TARGET, rust, fail, [x]), rpc:nb_yield(K, 50000)", "{value,{badrpc,"),
    ("rpc:multicall([TARGET, no@where, TARGET], rust, fail, [x])", "[no@where]"),
    ("rpc:multicall([TARGET, TARGET], rust, exit, [normal])", "{badrpc,{'EXIT',normal}}"),
    ("rpc:multicall([TARGET], rust, sleep, [20000], 50) =:= {[], [TARGET]}", "true"),
    ("rpc:block_call(TARGET, rust, add, [1, 2])", "3"),
    ("rpc:block_call(TARGET, rust, fail, [x])", "{badrpc,{'EXIT',{x,[{rust,fail,1,[]}]}}}"),
    ("rpc:block_call(TARGET, rust, exit, [abnormal], 50000)", "{badrpc,{'EXIT',abnormal}}"),
    ("rpc:block_call(TARGET, rust, throw, [{'EXIT', reason}])", "{badrpc,{'EXIT',reason}}"),
    ("rpc:block_call(TARGET, nosuch, f, [1])", "undef"),
    ("rpc:block_call(TARGET, erlang, apply, [nosuch, f, []])", "undef"),
    ("rpc:block_call(TARGET, rust, add, [1 | 2])", "badarg"),
    ("rpc:block_call(TARGET, rust, echo, lists:duplicate(1024, a))", "{badrpc,{'EXIT',system_limit}}"),
    ("rpc:block_call(TARGET, rust, sleep, [200], 10)", "{badrpc,timeout}"),
    ("rpc:block_call(no@where, rust, add, [1, 2])", "{badrpc,nodedown}"),
    (
        "P = erpc:call(TARGET, erlang, whereis, [rex]),
         {rpc:pinfo(P, registered_name), rpc:pinfo(P, []), rpc:pinfo(P, [registered_name, priority])}",
        "{registered_name,rex}",
    ),
    ("rpc:pinfo(erpc:call(TARGET, erlang, whereis, [rex]), nonsense)", "{badrpc,{'EXIT',{badarg,"),
    ("rpc:pinfo(erpc:call(TARGET, rust, self, []), status)", "undefined"),
    ("gen_server:call({rex, TARGET}, {call, rust, fail, [x], group_leader()})", "{badrpc,{'EXIT',{x,"),
    ("{rex, TARGET} ! {self(), {call, rust, echo, [1, 2], user}}, Next()", "{rex,{badrpc,{'EXIT',{undef,"),
    (
        "{rex, TARGET} ! {self(), {call, rust, echo, lists:duplicate(1024, a), user}}, Next()",
        "{rex,{badrpc,{'EXIT',system_limit}}}",
    ),
    (
        "gen_server:cast({rex, TARGET}, {cast, erlang, send, [self(), hi], group_leader()}),
         gen_server:cast({rex, TARGET}, nonsense), {rex, TARGET} ! nonsense, {rex, TARGET} ! {self(), nonsense},
         {Next(), rpc:block_call(TARGET, rust, add, [1, 2])}",
        "{hi,3}",
    ),
    ("{message_queue_len, 0} = process_info(self(), message_queue_len)", "0"),
];

const SPAWN: [(&str, &str); 8] = [
    ("{P, M} = spawn_monitor(TARGET, rust, fail, [x]), Next()", "{x,[{rust,fail,1,[]}]}"),
    ("{P, M} = spawn_monitor(TARGET, rust, throw, [x]), Next()", "{{nocatch,x},[{rust,throw,1,[]}]}"),
    ("{P, M} = spawn_monitor(TARGET, rust, exit, [x]), Next()", ",x}"),
    // Of its stack only what the call is: a BEAM node also names the function of its own that makes it.
    (
        "{P, M} = spawn_monitor(TARGET, nosuch, f, lists:duplicate(1024, a)), {_, _, _, _, {Why, [Call | _]}} = Next(), {Why, Call}",
        "system_limit",
    ),
    ("{P, M} = spawn_monitor(TARGET, nosuch, f, [1]), Next()", "{undef,[{nosuch,f,[1],[]}]}"),
    ("{P, M} = spawn_monitor(TARGET, erlang, apply, [nosuch, f, [1]]), Next()", "undef"),
    ("{P, M} = spawn_monitor(TARGET, erlang, apply, [fun rust:fail/1, [x]]), Next()", "{rust,fail,1,[]}"),
    (
        "process_flag(trap_exit, true), P = proc_lib:spawn_link(TARGET, rust, exit, [x]), Next()",
        "{'EXIT',{pid,target},x}",
    ),
];

/// Calls that run when the node is killed.
async fn called_node_dies(nodes: &Comparison, target: &str, kill: impl FnOnce()) -> String {
    let calls = "Me = self(),
        [spawn(fun() -> Me ! {F, rpc:F(N, rust, sleep, [600000])} end)
         || {F, N} <- [{multicall, [TARGET, TARGET]}, {block_call, TARGET}, {call, TARGET}]],
        [receive {F, Value} -> Value end || F <- [multicall, block_call, call]]";
    let pending = nodes.caller.eval_async(&calls.replace("TARGET", target));
    let running = "length([P || P <- erpc:call(TARGET, erlang, processes, []),
        erpc:call(TARGET, erlang, process_info, [P, initial_call]) =:= {initial_call, {erpc, execute_call, 4}},
        erpc:call(TARGET, erlang, process_info, [P, monitored_by]) =/= {monitored_by, []}]) >= 3";
    nodes.caller.wait_until(&running.replace("TARGET", target), "true").await;
    kill();
    pending.result().await.unwrap_or_else(|error| panic!("{error}")).replace(target, "TARGET")
}

async fn compared(release: Release) {
    let nodes = Comparison::start(release).await;
    nodes.beam.load_module("rust", TWIN).await;
    for (source, part) in ERPC.iter().chain(&RPC).chain(&SPAWN) {
        nodes.same(PRELUDE, source, part).await;
    }
    let expected = "[{[],[TARGET,TARGET]},{badrpc,nodedown},{badrpc,nodedown}]";
    let (rust, beam) = (nodes.rust.atom(), nodes.beam.atom());
    assert_eq!(called_node_dies(&nodes, &rust, || nodes.rust.kill_9()).await, expected);
    assert_eq!(called_node_dies(&nodes, &beam, || nodes.beam.kill_9()).await, expected);
}

#[tokio::test]
async fn otp_25_calls_as_it_calls_a_beam_node() {
    compared(Release::Otp25).await;
}

#[tokio::test]
async fn otp_27_calls_as_it_calls_a_beam_node() {
    compared(Release::Otp27).await;
}

#[tokio::test]
async fn otp_29_calls_as_it_calls_a_beam_node() {
    compared(Release::Otp29).await;
}

//! What a node says to funs and functions that it can't run: the Rust node and a BEAM node say the same.
//!
//! Each expression is evaluated twice by the same Erlang node, which has a module `absent` that the others lack: once
//! with the Rust node for `TARGET`, once with another BEAM node of its release. The results are to be equal, whatever
//! they are, and so is what comes to the log of the caller.

use interop_tests::{Comparison, Release};

/// Funs to send.
const ABSENT: &str = "
    -module(absent).
    -export([none/0, one/1]).
    none() -> fun() -> ok end.
    one(X) -> fun(Y) -> {X, Y} end.";

/// A handler of log events that sends them to the process `events`.
const FORWARD: &str = "
    -module(forward).
    -export([log/2]).
    log(Event, _) -> case whereis(events) of undefined -> ok; To -> To ! {event, Event} end.";

/// What is in scope of each expression.
const HELPERS: &str = r#"
    None = absent:none(), One = absent:one(x),
    Try = fun(F) -> try F() catch C:R -> {C, R} end end,
    Down = fun(M, F, A) ->
        {P, Ref} = spawn_monitor(TARGET, M, F, A),
        receive {'DOWN', Ref, process, P, Why} -> Why after 50000 -> nothing end
    end,
    Logged = fun(F) ->
        register(events, self()), F(),
        receive
            {event, #{level := L, msg := {Format, [Pid, Node, Value]}, meta := Meta}} ->
                {L, Format, node(Pid) =:= TARGET, Node =:= TARGET, Pid =:= maps:get(pid, Meta),
                 maps:get(gl, Meta) =:= group_leader(), lists:sort(maps:keys(Meta)), maps:get(error_logger, Meta),
                 Value}
        after 50000 -> nothing
        end
    end, _ = {None, One, Try, Down, Logged}, "#;

/// Expressions, and what is to be found in their results, so that both are not equally wrong.
const CASES: &[(&str, &str)] = &[
    ("Try(fun() -> erpc:call(TARGET, None) end)", "{exception,undef,[{#Fun<absent"),
    ("Try(fun() -> erpc:call(TARGET, erlang, apply, [One, [1]]) end)", "[1],[]},{erlang,apply,2,[]}]"),
    (
        "Try(fun() -> erpc:call(TARGET, erlang, apply, [erlang, apply, [One, [1]]]) end)",
        "{erlang,apply,3,[]}]",
    ),
    ("Try(fun() -> erpc:call(TARGET, erlang, apply, [One, []]) end)", "{badarity,"),
    ("Try(fun() -> erpc:call(TARGET, erlang, apply, [One, x]) end)", "badarg"),
    ("Try(fun() -> erpc:call(TARGET, erlang, apply, [One, [1|2]]) end)", "badarg"),
    ("Try(fun() -> erpc:call(TARGET, erlang, apply, [{absent, none}, []]) end)", "{badfun,"),
    ("Try(fun() -> erpc:call(TARGET, fun absent:none/0) end)", "undef"),
    ("Try(fun() -> erpc:call(TARGET, absent, none, []) end)", "[{absent,none,[],[]}]"),
    ("Try(fun() -> erpc:call(TARGET, erlang, apply, [absent, none, []]) end)", "{erlang,apply,3,[]}]"),
    ("Try(fun() -> erpc:call(TARGET, erlang, apply, [1, none, []]) end)", "badarg"),
    ("rpc:call(TARGET, erlang, apply, [One, [1]])", "{badrpc,{'EXIT',{undef,"),
    ("rpc:block_call(TARGET, erlang, apply, [One, [1]])", "{badrpc,{'EXIT',{undef,"),
    ("rpc:block_call(TARGET, erlang, apply, [absent, none, []])", "{erlang,apply,3,[]}]"),
    ("rpc:block_call(TARGET, erlang, apply, [One, x])", "badarg"),
    ("gen_server:call({rex, TARGET}, {call, erlang, apply, [One, [1]], group_leader()})", "undef"),
    ("Down(erlang, apply, [None, []])", "{undef,[{#Fun<absent"),
    ("Down(erlang, apply, [One, []])", "{badarity,"),
    ("Down(erlang, apply, [One, x])", "badarg"),
    ("Down(erlang, apply, [x, []])", "{badfun,x}"),
    ("Down(erlang, apply, [erlang, apply, [One, [1]]])", "[1],[]}]}"),
    ("Down(erlang, apply, [fun absent:none/0, []])", "{undef,[{absent,none,[],[]}]}"),
    ("Down(absent, none, [])", "{undef,[{absent,none,[],[]}]}"),
    ("Logged(fun() -> spawn(TARGET, None) end)", "{undef,[{#Fun<absent"),
    ("Logged(fun() -> spawn(TARGET, absent, none, []) end)", "{undef,[{absent,none,[],[]}]}"),
    ("Logged(fun() -> spawn(TARGET, erlang, apply, [One, []]) end)", "{badarity,"),
    ("Logged(fun() -> erpc:cast(TARGET, None) end)", "{{exception,{undef,"),
    ("Logged(fun() -> rpc:cast(TARGET, absent, none, []) end)", "{{exception,{undef,"),
    (
        "Logged(fun() -> gen_server:cast({rex, TARGET}, {cast, erlang, apply, [One, [1]], group_leader()}) end)",
        "{{exception,{undef,",
    ),
];

async fn as_a_beam_node(release: Release) {
    let nodes = Comparison::start(release).await;
    nodes.caller.load_module("absent", ABSENT).await;
    nodes.caller.load_module("forward", FORWARD).await;
    let handle = "ok = logger:add_handler(forward, forward, #{}), logger:remove_handler(default)";
    nodes.caller.expect(handle, "ok").await;
    for (source, part) in CASES {
        nodes.same(HELPERS, source, part).await;
    }
}

#[tokio::test]
async fn funs_of_otp_25() {
    as_a_beam_node(Release::Otp25).await;
}

#[tokio::test]
async fn funs_of_otp_27() {
    as_a_beam_node(Release::Otp27).await;
}

#[tokio::test]
async fn funs_of_otp_29() {
    as_a_beam_node(Release::Otp29).await;
}

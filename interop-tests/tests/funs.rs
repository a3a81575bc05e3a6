//! What a node says to funs and functions that it can't run: the Rust node and a BEAM node say the same.
//!
//! Each expression is evaluated twice by the same Erlang node, which has a module `absent` that the others lack: once
//! with the Rust node for `TARGET`, once with another BEAM node of its release. The results are to be equal, whatever
//! they are, and so is what comes to the log of the caller.

use interop_tests::{BeamNode, Epmd, NodeOptions, Release, RustNode};

/// A module with funs to send, and a handler of log events that sends them to the process `events`.
const SET_UP: &str = r#"
    Load = fun(Module, Forms) ->
        Parsed = [begin {ok, T, _} = erl_scan:string(F), {ok, P} = erl_parse:parse_form(T), P end || F <- Forms],
        {ok, Module, Code} = compile:forms(Parsed),
        {module, Module} = code:load_binary(Module, "generated", Code)
    end,
    Load(absent, ["-module(absent).", "-export([none/0, one/1]).",
        "none() -> fun() -> ok end.", "one(X) -> fun(Y) -> {X, Y} end."]),
    Load(forward, ["-module(forward).", "-export([log/2]).",
        "log(Event, _) -> case whereis(events) of undefined -> ok; To -> To ! {event, Event} end."]),
    ok = logger:add_handler(forward, forward, #{}),
    ok = logger:remove_handler(default)"#;

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
    let epmd = Epmd::start(release).await;
    let rust = RustNode::start(NodeOptions::with(&epmd)).await;
    let other = BeamNode::start(release, NodeOptions::with(&epmd)).await;
    let caller = BeamNode::start(release, NodeOptions::with(&epmd)).await;
    caller.expect(SET_UP, "ok").await;
    for (source, part) in CASES {
        let eval = async |target: &str| {
            // Where a stack goes through Erlang code of OTP there are a file and a line in it.
            let source = format!(
                "{HELPERS} Location = fun
                    L({{erpc, F, A, [{{file, _}}, {{line, _}}]}}) -> {{erpc, F, A, []}};
                    L(T) when is_tuple(T) -> list_to_tuple([L(E) || E <- tuple_to_list(T)]);
                    L([H | T]) -> [L(H) | L(T)];
                    L(Other) -> Other
                end, Location({source})"
            );
            let value = caller.eval(&source.replace("TARGET", target)).await;
            value.unwrap_or_else(|error| panic!("{source}: {error}")).replace(target, "TARGET")
        };
        let expected = eval(&other.atom()).await;
        assert!(expected.contains(part), "{source} on {release}: {expected}");
        assert_eq!(eval(&rust.atom()).await, expected, "{source}");
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

//! Logging between nodes: what a BEAM's processes log comes here if their group leader is here, and the other way round.

use erlnode::atom;
use erlnode::node::{Caller, Node, Process, Raise};
use erlnode::otp::gen_server::{From, GenServer, Reply};
use erlnode::otp::logger::{Event, Level};
use erlnode::otp::supervisor::{ChildSpec, Supervisor};
use erlnode::process::Exit;
use erlnode::term::Term;
use interop_tests::{
    BeamNode, ElixirNode, Epmd, NodeOptions, PATIENCE, Release, RustNode, unique_name, wait_until,
};

/// Waits until a line of the node's log has all of these.
async fn logged(rust: &RustNode, parts: &[&str]) {
    let found = || rust.stderr().lines().any(|line| parts.iter().all(|part| line.contains(part)));
    for _ in 0..PATIENCE.as_millis() / 20 {
        if found() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("no line with {parts:?} in\n{}", rust.stderr());
}

async fn events_of_a_beam_become_those_of_tracing(release: Release) {
    let epmd = Epmd::start(release).await;
    let rust = RustNode::start(NodeOptions::with(&epmd)).await;
    let beam = BeamNode::start(release, NodeOptions::with(&epmd)).await;
    let shell = beam.shell();
    let lead = format!(
        "Leader = erpc:call({}, rust, spawn_echo, []), logger:set_primary_config(level, debug), \
         Led = fun(F) -> P = spawn(fun() -> receive go -> F() end end), group_leader(Leader, P), P ! go, ok end, ok",
        rust.atom()
    );
    shell.expect(&lead, "ok").await;
    let node = beam.atom();
    let cases: &[(&str, &[&str])] = &[
        ("logger:error(\"le ~p\", [{1, x}])", &["ERROR", "le {1,x}", "severity=\"error\"", "time=20"]),
        ("logger:emergency(\"em1\")", &["ERROR", "em1", "severity=\"emergency\""]),
        ("logger:critical(#{a => 1, b => [2]})", &["ERROR", "a: 1, b: [2]", "severity=\"critical\""]),
        ("logger:warning([{c, 3}, {d, <<\"four\">>}])", &["WARN", "c: 3, d: four"]),
        ("logger:notice(\"no1\", #{domain => [my, part]})", &["INFO", "no1", "domain=my.part"]),
        (
            "logger:info(<<\"in1\">>, #{mfa => {m, f, 2}, file => \"m.erl\", line => 7})",
            &["INFO", "in1", "mfa=m:f/2", "file=m.erl", "line=7"],
        ),
        ("logger:debug(\"de1\", #{my => own})", &["DEBUG", "de1", "meta=#{my => own}"]),
        (
            "error_logger:error_msg(\"msg ~s\", [\"text\"])",
            &["ERROR", "msg text", "label={error_logger,error_msg}"],
        ),
        ("error_logger:error_report(my_type, [{k, v}])", &["ERROR", "k: v", "domain=my_type"]),
        ("error_logger:warning_msg(\"careful\")", &["WARN", "careful"]),
        ("error_logger:info_report([{i, j}])", &["INFO", "i: j", "severity=\"notice\""]),
        ("logger:log(error, fun(X) -> {\"lazy ~p\", [X]} end, arg, #{})", &["ERROR", "lazy arg"]),
        ("logger:log(error, #{x => 1}, #{report_cb => fun(_) -> {\"cb\", []} end})", &["ERROR", "x: 1"]),
        (
            "proc_lib:spawn(erlang, error, [boom])",
            &["ERROR", "label={proc_lib,crash}", "boom", "domain=otp.sasl"],
        ),
        ("spawn(erlang, error, [bang])", &["ERROR", "Error in process", "bang", "meta=#{error_logger"]),
    ];
    for (source, parts) in cases {
        shell.expect(&format!("Led(fun() -> {source} end)"), "ok").await;
        let from = format!("node={node}");
        let parts: Vec<_> = parts.iter().copied().chain([from.as_str(), "pid=<"]).collect();
        logged(&rust, &parts).await;
    }
    // From nodes that know only the older module, and what is no event at all.
    for message in [
        "{error_logger, RUST} ! {notify, {warning_msg, self(), {self(), \"old ~p\", [1]}}}",
        "{logger_proxy, RUST} ! {log, nonsense, 1}, {logger_proxy, RUST} ! what, {error_logger, RUST} ! {notify, x}",
        "{logger_proxy, RUST} ! {log, error, \"after\", []}",
    ] {
        beam.eval(&message.replace("RUST", &rust.atom())).await.expect("it is sent");
    }
    logged(&rust, &["WARN", "old 1"]).await;
    logged(&rust, &["ERROR", "after", "severity=\"error\""]).await;
    logged(&rust, &["DEBUG", "got an unknown message", "logger_proxy"]).await;
    let get_state = format!("sys:get_state({{logger_proxy, {}}}, 60000)", rust.atom());
    beam.eval(&get_state).await.expect("it is a service like others");
}

#[tokio::test]
async fn events_of_otp_25_become_those_of_tracing() {
    events_of_a_beam_become_those_of_tracing(Release::Otp25).await;
}

#[tokio::test]
async fn events_of_otp_27_become_those_of_tracing() {
    events_of_a_beam_become_those_of_tracing(Release::Otp27).await;
}

#[tokio::test]
async fn events_of_otp_29_become_those_of_tracing() {
    events_of_a_beam_become_those_of_tracing(Release::Otp29).await;
}

async fn events_of_elixir(release: Release) {
    let epmd = Epmd::start(release).await;
    let rust = RustNode::start(NodeOptions::with(&epmd)).await;
    let elixir = ElixirNode::start(release, NodeOptions::with(&epmd)).await;
    let source = format!(
        "require Logger; Process.group_leader(self(), :erpc.call({}, :rust, :spawn_echo, [])); \
         Logger.error(\"from Elixir\", my: :own); Logger.warning([\"io\", ?d | \"ata\"]); :ok",
        rust.elixir_atom()
    );
    elixir.expect(&source, ":ok").await;
    logged(&rust, &["ERROR", "from Elixir", "domain=elixir", "own"]).await;
    logged(&rust, &["WARN", "iodata"]).await;
}

#[tokio::test]
async fn events_of_elixir_1_14() {
    events_of_elixir(Release::Otp25).await;
}

#[tokio::test]
async fn events_of_elixir_1_18() {
    events_of_elixir(Release::Otp27).await;
}

#[tokio::test]
async fn events_of_elixir_1_20() {
    events_of_elixir(Release::Otp29).await;
}

/// More than the log takes, from a node that means it badly: the others are counted, and the node goes on.
#[tokio::test]
async fn a_flood_of_events_does_not_fill_the_log() {
    let epmd = Epmd::start(Release::Otp29).await;
    let rust = RustNode::start(NodeOptions::with(&epmd)).await;
    let beam = BeamNode::start(Release::Otp29, NodeOptions::with(&epmd)).await;
    let flood = format!(
        "Event = {{log, error, \"flood\", [], #{{pid => self()}}}},
         [{{logger_proxy, {0}}} ! Event || _ <- lists:seq(1, 100000)],
         {{logger_proxy, {0}}} ! {{log, error, binary:copy(<<\"big\">>, 1000000), #{{}}}}, ok",
        rust.atom()
    );
    beam.expect(&flood, "ok").await;
    logged(&rust, &["WARN", "too many log events", "logger_proxy"]).await;
    beam.expect(&format!("erpc:call({}, rust, add, [1, 2])", rust.atom()), "3").await;
    let events = rust.stderr().lines().filter(|line| line.contains("flood")).count();
    // It may have taken several seconds, with so many in each.
    assert!((500..50_000).contains(&events), "{events}");
}

/// Ends as it is asked to.
struct Fragile;

impl GenServer for Fragile {
    type Call = Term;
    type Cast = Term;
    type Reply = Term;

    async fn handle_call(&mut self, call: Term, _: From<Term>, _: &mut Process) -> Result<Reply<Term>, Exit> {
        assert!(!call.is_atom("panic"), "a broken invariant");
        Err(Exit::new(call))
    }

    async fn handle_info(&mut self, message: erlnode::process::Message, _: &mut Process) -> Result<(), Exit> {
        Err(Exit::new(message.to_term().unwrap_or_default()))
    }

    fn state(&self) -> Term {
        Term::Atom(atom!("fragile_state"))
    }
}

/// A node whose functions start what is about to crash.
async fn rust_node(epmd: &Epmd) -> Node {
    let builder =
        Node::builder(&unique_name("rust")).cookie("interop").epmd_port(epmd.port()).serve_epmd(false);
    let node = builder.start().await.unwrap_or_else(|error| panic!("{error}"));
    node.export("rust", "fail", async |_: Caller, (reason,): (Term,)| -> Result<(), Raise> {
        Err(Raise::error(reason))
    });
    node.export("rust", "exit", async |_: Caller, (reason,): (Term,)| -> Result<(), Raise> {
        Err(Raise::exit(reason))
    });
    node.export("rust", "panic", async |_: Caller, (): ()| -> Result<(), Raise> { panic!("at the disco") });
    node.export("rust", "server", async |caller: Caller, (): ()| {
        caller.start_server(Fragile).name("fragile").await.map_err(|error| Raise::exit(error.reason()))
    });
    node.export("rust", "supervisor", async |caller: Caller, (): ()| {
        let supervisor =
            Supervisor::one_for_one().child(ChildSpec::server("child", || Fragile).name("supervised"));
        caller.start_server(supervisor).await.map_err(|error| Raise::exit(error.reason()))
    });
    node.export("rust", "log", async |caller: Caller, (level,): (String,)| {
        let level: Level = level.parse().map_err(|_| Raise::error(atom!("badarg")))?;
        caller.log(Event::format(level, "~p of ~p", [Term::from(1), Term::from(2)]).domain(["my", "part"]));
        caller.log(Event::text(level, "plain").meta("my", 5));
        caller.log(Event::report(level, Term::from(7)));
        Ok(())
    });
    node
}

const FORWARD: &str = "-module(forward). -export([log/2]).
log(Event, _) -> case whereis(events) of undefined -> ok; To -> To ! {event, Event} end.";

async fn crashes_are_told_to_the_leaders_node(release: Release) {
    let epmd = Epmd::start(release).await;
    let node = rust_node(&epmd).await;
    let beam = BeamNode::start(release, NodeOptions::with(&epmd)).await;
    beam.load_module("forward", FORWARD).await;
    let shell = beam.shell();
    let rust = format!("'{}'", node.name());
    shell
        .expect(
            &format!(
                "ok = logger:add_handler(forward, forward, #{{}}), register(events, self()), Rust = {rust},
                 Next = fun() -> receive {{event, #{{level := L, msg := Msg, meta := Meta}}}} ->
                     Rust = node(maps:get(pid, Meta)), true = maps:get(gl, Meta) =:= group_leader(), {{L, Msg, Meta}}
                     after 50000 -> nothing end end,
                 Crash = fun() -> {{error, {{report, #{{label := {{proc_lib, crash}}, report := [R, []]}}}}, Meta}} = Next(),
                     Cb = maps:get(report_cb, Meta), [otp, sasl] = maps:get(domain, Meta),
                     [proplists:get_value(K, R) || K <- [initial_call, registered_name, error_info, ancestors]] end,
                 ok"
            ),
            "ok",
        )
        .await;

    // Plain processes: errors and panics, no exits.
    shell.expect("spawn(Rust, rust, exit, [bye]), spawn(Rust, rust, fail, [boom]), {L1, {F1, [_, N1, V1]}, #{error_logger := E1}} = Next(), {L1, F1, N1 =:= Rust, V1, E1}",
        "{error,\"Error in process ~p on node ~p with exit value:~n~p~n\",true,{boom,[{rust,fail,1,[]}]},#{emulator => true,tag => error}}").await;
    shell
        .expect(
            "spawn(Rust, rust, panic, []), {L2, {_, [_, _, V2]}, _} = Next(), {L2, V2}",
            "{error,{panic,<<\"at the disco\">>}}",
        )
        .await;

    // proc_lib: exits too, but for orderly ones.
    shell
        .expect(
            "proc_lib:spawn(Rust, rust, exit, [shutdown]), proc_lib:spawn(Rust, rust, exit, [{shutdown, x}]), \
             proc_lib:spawn(Rust, rust, fail, [boom]), Crash()",
            "[{rust,fail,['Argument__1']},[],{error,boom,[{rust,fail,1,[]}]},[events]]",
        )
        .await;
    shell
        .expect(
            "proc_lib:spawn(Rust, rust, exit, [bye]), Crash()",
            "[{rust,exit,['Argument__1']},[],{exit,bye,[{rust,exit,1,[]}]},[events]]",
        )
        .await;

    // Servers: their own report, and the crash.
    let server =
        "{ok, _} = {ok, erpc:call(Rust, rust, server, [])}, catch gen_server:call({fragile, Rust}, why),
        {error, {report, #{label := {gen_server, terminate}} = R3}, M3} = Next(),
        {[maps:get(K, R3) || K <- [name, last_message, state, reason]], element(2, maps:get(client_info, R3)),
         maps:get(domain, M3)}";
    shell.expect(server, "{[fragile,why,fragile_state,why],remote,[otp]}").await;
    shell.expect("[{_, init, _}, fragile, Info, [_]] = Crash(), Info", "{exit,why,[]}").await;
    let by_message = "erpc:call(Rust, rust, server, []), {fragile, Rust} ! hello,
        {error, {report, #{last_message := hello, client_info := undefined}}, _} = Next(), [_, fragile | _] = Crash(), ok";
    shell.expect(by_message, "ok").await;
    let panics = "erpc:call(Rust, rust, server, []), catch gen_server:call({fragile, Rust}, panic),
        [_, _, {error, {panic, _}, []}, _] = Crash(), ok";
    shell.expect(panics, "ok").await;

    // Supervisors.
    let supervised = "S = erpc:call(Rust, rust, supervisor, []), catch gen_server:call({supervised, Rust}, why),
        {error, {report, #{label := {gen_server, terminate}}}, _} = Next(), Crash(),
        {error, {report, #{label := {supervisor, child_terminated}, report := R4}}, M4} = Next(),
        {S, _} = proplists:get_value(supervisor, R4),
        {proplists:get_value(errorContext, R4), proplists:get_value(reason, R4),
         [proplists:get_value(K, proplists:get_value(offender, R4)) || K <- [id, restart_type, shutdown, child_type]],
         maps:get(logger_formatter, M4)}";
    shell
        .expect(
            supervised,
            "{child_terminated,why,[child,permanent,5000,worker],#{title => \"SUPERVISOR REPORT\"}}",
        )
        .await;
    let given_up = "M = monitor(process, S), (fun Again() -> catch gen_server:call({supervised, Rust}, why),
            receive {'DOWN', M, _, _, Why} -> Why after 100 -> Again() end end)()";
    shell.expect(given_up, "shutdown").await;
    let shutdown = "(fun Look() -> case Next() of {error, {report, #{label := {supervisor, shutdown}, report := R}}, _} ->
        proplists:get_value(reason, R); nothing -> nothing; _ -> Look() end end)()";
    shell.expect(shutdown, "reached_max_restart_intensity").await;

    // What the BEAM makes of it.
    wait_until(PATIENCE, async || {
        let output = beam.output();
        [
            "CRASH REPORT",
            "SUPERVISOR REPORT",
            "Generic server fragile terminating",
            "initial call: rust:fail/1",
        ]
        .iter()
        .all(|text| output.contains(text))
    })
    .await;
    assert!(!beam.output().contains("FORMATTER"), "{}", beam.output());

    // A program's own events, as severe as is wanted.
    let own = "erpc:call(Rust, rust, log, [<<\"info\">>]), erpc:call(Rust, rust, log, [<<\"warning\">>]),
        {warning, {\"~p of ~p\", [1, 2]}, #{domain := [my, part]}} = Next(),
        {warning, {string, <<\"plain\">>}, #{my := 5}} = Next(), {warning, {report, #{report := 7}}, _} = Next(), ok";
    shell.expect(own, "ok").await;
    node.set_log_level(Level::Info);
    shell.expect("logger:set_primary_config(level, info)", "ok").await;
    let info = "erpc:call(Rust, rust, log, [<<\"info\">>]), {info, _, _} = Next(), Next(), Next(),
        erpc:call(Rust, rust, supervisor, []),
        {info, {report, #{label := {supervisor, progress}, report := [_, {started, Started}]}}, _} = Next(),
        proplists:get_value(id, Started)";
    shell.expect(info, "child").await;
}

#[tokio::test]
async fn crashes_are_told_to_otp_25() {
    crashes_are_told_to_the_leaders_node(Release::Otp25).await;
}

#[tokio::test]
async fn crashes_are_told_to_otp_27() {
    crashes_are_told_to_the_leaders_node(Release::Otp27).await;
}

#[tokio::test]
async fn crashes_are_told_to_otp_29() {
    crashes_are_told_to_the_leaders_node(Release::Otp29).await;
}

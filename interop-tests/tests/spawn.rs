//! Processes that nodes have each other start: every way to ask for one, with every option.

use erlnode::node::{Node, SpawnError};
use erlnode::term::{Pid, Term};
use interop_tests::{BeamNode, Comparison, ElixirNode, Epmd, NodeOptions, Release, RustNode, unique_name};

/// The functions of the playground that the cases use, for the BEAM node that is compared with.
const RUST: &str = "
    -module(rust).
    -export([add/2, echo/1, sleep/1, fail/1, exit/1, throw/1, self/0, send/2]).
    add(A, B) -> A + B.
    echo(T) -> T.
    sleep(Ms) -> timer:sleep(Ms).
    fail(Reason) -> erlang:error(Reason).
    exit(Reason) -> erlang:exit(Reason).
    throw(Term) -> erlang:throw(Term).
    self() -> erlang:self().
    send(To, What) -> To ! What, ok.";

/// `Got(N)` is the next N messages, and `nothing_more` or what else has come by the time the node has answered a call.
const HELPERS: &str = "
    process_flag(trap_exit, true), Self = self(),
    Got = fun(N) ->
        Messages = [Next() || _ <- lists:seq(1, N)],
        erpc:call(TARGET, erlang, node, []),
        Messages ++ [receive M -> {more, M} after 0 -> nothing_more end]
    end,
    Opt = fun(F, A, Options, N) ->
        try spawn_opt(TARGET, rust, F, A, Options) of
            Spawned -> {Spawned, Got(N)}
        catch
            Class:Reason -> {Class, Reason}
        end
    end,
    Request = fun(F, A, Options, N) -> {spawn_request(TARGET, rust, F, A, Options), Got(N)} end,
    _ = {Self, Opt, Request}, ";

const SPAWNS: &[(&str, &str)] = &[
    ("{spawn(TARGET, rust, send, [Self, hi]), Got(1)}", "[hi,nothing_more]"),
    ("{spawn(TARGET, fun rust:self/0), Got(0)}", "{pid,target}"),
    ("spawn(TARGET, rust, nosuch, [])", "{pid,target}"),
    ("{spawn_link(TARGET, rust, add, [1, 2]), Got(1)}", "{'EXIT',{pid,target},normal}"),
    ("{spawn_link(TARGET, rust, exit, [bye]), Got(1)}", "{'EXIT',{pid,target},bye}"),
    ("{spawn_link(TARGET, rust, exit, [kill]), Got(1)}", "{'EXIT',{pid,target},kill"),
    ("{spawn_link(TARGET, rust, fail, [oops]), Got(1)}", "{oops,[{rust,fail,1,[]}"),
    ("{spawn_link(TARGET, rust, throw, [ball]), Got(1)}", "{{nocatch,ball},"),
    ("{spawn_link(TARGET, rust, nosuch, [1]), Got(1)}", "{undef,[{rust,nosuch,[1],[]}]}"),
    ("{spawn_link(TARGET, fun rust:self/0), Got(1)}", "normal"),
    ("{spawn_monitor(TARGET, rust, add, [1, 2]), Got(1)}", "{'DOWN',reference,process,{pid,target},normal}"),
    ("{spawn_monitor(TARGET, rust, exit, [{a, b}]), Got(1)}", "{a,b}"),
    ("{spawn_monitor(TARGET, rust, nosuch, []), Got(1)}", "undef"),
    ("{spawn_monitor(TARGET, fun rust:self/0), Got(1)}", "normal"),
    // A process is linked with whoever asked, and goes with it.
    (
        "Parent = spawn(fun() -> Self ! {child, spawn_link(TARGET, rust, sleep, [60000])}, receive stop -> exit(gone) end end),
         {child, Child} = Next(), Monitor = monitor(process, Child), Parent ! stop,
         {'DOWN', Monitor, process, Child, Why} = Next(), Why",
        "gone",
    ),
    (
        "Child = spawn_link(TARGET, rust, sleep, [60000]), exit(Child, enough), {Child, Got(1)}",
        "{'EXIT',{pid,target},enough}",
    ),
    (
        "{Child, Monitor} = spawn_monitor(TARGET, rust, exit, [bye]), demonitor(Monitor, [flush]), {Child, Got(0)}",
        "[nothing_more]",
    ),
];

const OPTIONS: &[(&str, &str)] = &[
    ("Opt(send, [Self, hi], [], 1)", "[hi,nothing_more]"),
    ("Opt(exit, [bye], [link], 1)", "'EXIT'"),
    ("Opt(exit, [bye], [monitor], 1)", "{{{pid,target},reference},[{'DOWN'"),
    ("Opt(exit, [bye], [link, monitor], 2)", "[{'EXIT',{pid,target},bye},{'DOWN',reference,"),
    ("Opt(exit, [bye], [monitor, link], 2)", "[{'EXIT',{pid,target},bye},{'DOWN',reference,"),
    ("Opt(exit, [bye], [{monitor, []}], 1)", "'DOWN'"),
    ("Opt(exit, [bye], [{monitor, [{tag, my_down}]}], 1)", "{my_down,reference,process,"),
    (
        "Opt(exit, [bye], [{monitor, [{tag, {my, Self}}, {alias, explicit_unalias}]}], 1)",
        "{{my,{pid,caller}},",
    ),
    (
        "{_, Ref} = spawn_opt(TARGET, rust, exit, [bye], [{monitor, [{alias, reply_demonitor}]}]),
         {Next(), spawn(TARGET, rust, send, [Ref, late]), Got(0)}",
        "[nothing_more]",
    ),
    (
        "{_, Ref} = spawn_opt(TARGET, rust, exit, [bye], [{monitor, [{alias, explicit_unalias}]}]),
         {Next(), spawn(TARGET, rust, send, [Ref, by_alias]), Got(1), unalias(Ref)}",
        "[by_alias,nothing_more],true",
    ),
    (
        "{Child, Ref} = spawn_opt(TARGET, rust, sleep, [60000], [{monitor, [{alias, reply_demonitor}]}]),
         spawn(TARGET, rust, send, [Ref, {Ref, reply}]), {Next(), exit(Child, kill), Got(0)}",
        "{{reference,reply},true,[nothing_more]}",
    ),
    ("Opt(exit, [bye], [link, {priority, high}, {fullsweep_after, 10}, {min_heap_size, 1000}], 1)", "bye"),
    ("Opt(exit, [bye], [link, {min_bin_vheap_size, 1000}, {message_queue_data, off_heap}], 1)", "bye"),
    (
        "Opt(exit, [bye], [link, {max_heap_size, #{size => 0, kill => true, error_logger => false}}], 1)",
        "bye",
    ),
    ("Opt(exit, [bye], [nonsense], 0)", "badarg"),
    ("Opt(exit, [bye], [{priority, urgent}], 0)", "badarg"),
    ("Opt(exit, [bye], [{monitor, [{alias, nonsense}]}], 0)", "badarg"),
    ("Opt(exit, [bye], [link | monitor], 0)", "badarg"),
    ("Opt(exit, [bye | x], [link], 0)", "badarg"),
];

const REQUESTS: &[(&str, &str)] = &[
    ("Request(send, [Self, hi], [], 2)", "[{spawn_reply,reference,ok,{pid,target}},hi,nothing_more]"),
    ("Request(exit, [bye], [monitor], 2)", "{spawn_reply,reference,ok,{pid,target}},{'DOWN',"),
    ("Request(exit, [bye], [link], 2)", "{spawn_reply,reference,ok,{pid,target}},{'EXIT',"),
    (
        "Request(exit, [bye], [link, monitor], 3)",
        "[{spawn_reply,reference,ok,{pid,target}},{'EXIT',{pid,target},bye},{'DOWN',reference,process,{pid,target},bye},",
    ),
    ("Request(nosuch, [], [monitor], 2)", "{undef,[{rust,nosuch,[],[]}]}"),
    ("Request(exit, [bye], [monitor, {reply, yes}], 2)", "spawn_reply"),
    ("Request(exit, [bye], [monitor, {reply, no}], 1)", "[{'DOWN'"),
    ("Request(exit, [bye], [monitor, {reply, error_only}], 1)", "[{'DOWN'"),
    ("Request(exit, [bye], [monitor, {reply, success_only}], 2)", "spawn_reply"),
    ("Request(exit, [bye], [{reply_tag, my_reply}], 1)", "[{my_reply,reference,ok,"),
    ("Request(exit, [bye], [{reply_tag, {my, Self}}, monitor], 2)", "[{{my,{pid,caller}},reference,ok,"),
    ("Request(exit, [bye], [{monitor, [{tag, my_down}]}], 2)", "{my_down,"),
    (
        "R = spawn_request(TARGET, rust, sleep, [60000], [{monitor, [{alias, explicit_unalias}]}]),
         {spawn_reply, R, ok, Child} = Next(), spawn(TARGET, rust, send, [R, by_alias]), Alias = Next(),
         exit(Child, kill), {Alias, Next(), unalias(R)}",
        "{by_alias,{'DOWN',reference,process,{pid,target},killed},true}",
    ),
    ("Request(exit, [bye], [nonsense], 1)", "{spawn_reply,reference,error,badopt}"),
    ("Request(exit, [bye], [{priority, urgent}], 1)", "{spawn_reply,reference,error,badopt}"),
    ("Request(exit, [bye], [nonsense, {reply_tag, my_reply}], 1)", "{my_reply,reference,error,badopt}"),
    ("Request(exit, [bye], [nonsense, link, monitor, {reply, error_only}], 1)", "error,badopt"),
    ("Request(exit, [bye], [nonsense, {reply, success_only}], 0)", "[nothing_more]"),
    ("Request(exit, [bye], [nonsense, {reply, no}, monitor], 0)", "[nothing_more]"),
    // Who gives up the request has a process that is neither linked nor monitored.
    (
        "R = spawn_request(TARGET, rust, exit, [bye], [link, monitor]), {spawn_request_abandon(R), Got(0)}",
        "{true,[nothing_more]}",
    ),
    (
        "R = spawn_request(TARGET, rust, exit, [bye], [monitor]), {spawn_reply, R, ok, _} = Next(),
         {spawn_request_abandon(R), Got(1)}",
        "{false,[{'DOWN'",
    ),
    // In the order of the requests.
    (
        "Rs = [spawn_request(TARGET, rust, echo, [I], []) || I <- lists:seq(1, 500)],
         [R || {spawn_reply, R, ok, _} <- Got(500)] =:= Rs",
        "true",
    ),
];

const PROC_LIB: &[(&str, &str)] = &[
    ("{proc_lib:spawn(TARGET, rust, send, [Self, hi]), Got(1)}", "hi"),
    ("{proc_lib:spawn_link(TARGET, rust, exit, [bye]), Got(1)}", "{'EXIT',{pid,target},bye}"),
    ("{proc_lib:spawn_link(TARGET, rust, add, [1, 2]), Got(1)}", "{'EXIT',{pid,target},normal}"),
    ("{proc_lib:spawn_opt(TARGET, rust, exit, [bye], [link, {priority, high}]), Got(1)}", "bye"),
    (
        "proc_lib:spawn_link(TARGET, rust, fail, [x]), {'EXIT', _, {R, [Frame | _]}} = Next(), {R, Frame}",
        "{x,{rust,fail,1,[]}}",
    ),
    (
        "proc_lib:spawn_link(TARGET, rust, throw, [x]), {'EXIT', _, {R, [Frame | _]}} = Next(), {R, Frame}",
        "{{nocatch,x},",
    ),
    (
        "proc_lib:spawn_link(TARGET, rust, nosuch, [x]), {'EXIT', _, {R, [Frame | _]}} = Next(), {R, Frame}",
        "{undef,{rust,nosuch,[x],[]}}",
    ),
    ("proc_lib:spawn_link(TARGET, fun rust:self/0), {'EXIT', _, R} = Next(), R", "normal"),
];

async fn spawned_from(release: Release) {
    let nodes = Comparison::start(release).await;
    nodes.beam.load_module("rust", RUST).await;
    // The reports of the processes that are to crash.
    nodes.caller.expect("logger:set_primary_config(level, none)", "ok").await;
    for (source, part) in [SPAWNS, OPTIONS, REQUESTS, PROC_LIB].concat() {
        nodes.same(HELPERS, source, part).await;
    }
}

#[tokio::test]
async fn spawned_from_otp_25() {
    spawned_from(Release::Otp25).await;
}

#[tokio::test]
async fn spawned_from_otp_27() {
    spawned_from(Release::Otp27).await;
}

#[tokio::test]
async fn spawned_from_otp_29() {
    spawned_from(Release::Otp29).await;
}

async fn spawned_from_elixir(release: Release) {
    let epmd = Epmd::start(release).await;
    let rust = RustNode::start(NodeOptions::with(&epmd)).await;
    let elixir = ElixirNode::start(release, NodeOptions::with(&epmd)).await;
    let expect = async |source: &str, expected: &str| {
        elixir.expect(&source.replace("RUST", &rust.elixir_atom()), expected).await;
    };
    expect("Logger.configure(level: :none)", ":ok").await;
    expect(
        "pid = Node.spawn(RUST, :rust, :send, [self(), :hi]); {node(pid) == RUST, receive do x -> x end}",
        "{true, :hi}",
    )
    .await;
    expect("pid = Node.spawn(RUST, :rust, :sleep, [60000], []); Process.exit(pid, :kill)", "true").await;
    expect("Node.spawn(RUST, &:rust.self/0) |> node() == RUST", "true").await;
    expect(
        "Process.flag(:trap_exit, true); pid = Node.spawn_link(RUST, :rust, :exit, [:bye]);
         receive do {:EXIT, ^pid, reason} -> reason end",
        ":bye",
    )
    .await;
    expect(
        "{pid, ref} = Node.spawn_monitor(RUST, :rust, :exit, [:bye]);
         receive do {:DOWN, ^ref, :process, ^pid, reason} -> reason end",
        ":bye",
    )
    .await;
    // What only a BEAM could run ends as on a node that does not have the module.
    expect(
        "{pid, ref} = Node.spawn_monitor(RUST, fn -> :ok end);
         receive do {:DOWN, ^ref, :process, ^pid, {reason, [{f, args, []}]}} -> {reason, is_function(f, 0), args} end",
        "{:undef, true, []}",
    )
    .await;
    expect(
        "Process.flag(:trap_exit, true); pid = Node.spawn_link(RUST, fn -> :ok end);
         receive do {:EXIT, ^pid, {reason, _}} -> reason end",
        ":undef",
    )
    .await;
}

#[tokio::test]
async fn spawned_from_elixir_1_14() {
    spawned_from_elixir(Release::Otp25).await;
}

#[tokio::test]
async fn spawned_from_elixir_1_18() {
    spawned_from_elixir(Release::Otp27).await;
}

#[tokio::test]
async fn spawned_from_elixir_1_20() {
    spawned_from_elixir(Release::Otp29).await;
}

/// The other direction: a process of a Rust node has processes started on a BEAM node.
#[tokio::test]
async fn spawned_on_a_beam_node() {
    for release in Release::all() {
        let epmd = Epmd::start(release).await;
        let beam = BeamNode::start(release, NodeOptions::with(&epmd)).await;
        beam.expect("logger:set_primary_config(level, none)", "ok").await;
        let builder = Node::builder(&unique_name("rust")).cookie(beam.cookie()).epmd_port(epmd.port());
        let node = builder.serve_epmd(false).start().await.unwrap_or_else(|error| panic!("{error}"));
        let (report, reported) = tokio::sync::oneshot::channel();
        let at = beam.name().to_owned();
        node.spawn(async move |mut process| {
            let mut seen = Vec::new();
            let own = process.pid().clone();
            process.trap_exit(true);
            // Without a bond: the process sends, and its end is told to nobody.
            let pid = process.spawn_at(&at, "erlang", "send", (&own, "hi")).await?;
            seen.push(format!("{} {}", pid.node == *at, process.receive().await.to_term()?));
            // Linked, monitored.
            let reason: Term = "{bye,1}".parse().expect("a term");
            let pid = process.spawn_link_at(&at, "erlang", "exit", (&reason,)).await?;
            seen.push(told(&process.receive().await.to_term()?, &pid));
            let (pid, _) = process.spawn_monitor_at(&at, "erlang", "exit", (&reason,)).await?;
            seen.push(told(&process.receive().await.to_term()?, &pid));
            // A function that is not there: there was a process all the same.
            let (pid, _) = process.spawn_monitor_at(&at, "nosuch", "f", ()).await?;
            seen.push(told(&process.receive().await.to_term()?, &pid));
            // It goes with this process.
            let pid = process
                .spawn_link_at(&at, "timer", "sleep", ("infinity".parse::<Term>().expect("a term"),))
                .await?;
            let absent = process.spawn_at("nobody@nowhere", "erlang", "node", ()).await;
            seen.push(format!("{}", matches!(absent, Err(SpawnError::NoConnection(_)))));
            let _ = report.send((seen, pid));
            Ok(())
        });
        let (seen, linked) = reported.await.expect("the process comes to its end");
        let undef = "DOWN true {undef,[{nosuch,f,[],[]}]}";
        assert_eq!(
            seen,
            ["true <<\"hi\">>", "EXIT true {bye,1}", "DOWN true {bye,1}", undef, "true"],
            "{release}"
        );
        // `normal` is no reason to end for what is linked; it stays, without its link.
        let number = format!("c:pid(0, {}, {})", linked.id, linked.serial);
        beam.wait_until(&format!("process_info({number}, links)"), "{links,[]}").await;
        beam.expect(&format!("exit({number}, kill)"), "true").await;
        node.shutdown().await;
    }
}

/// `EXIT` or `DOWN`, whether it is of this process, and the reason.
fn told(message: &Term, pid: &Pid) -> String {
    match message.as_tuple() {
        Some([what, Term::Pid(from), reason]) if what.is_atom("EXIT") => {
            format!("EXIT {} {reason}", from == pid)
        }
        Some([what, _, _, Term::Pid(from), reason]) if what.is_atom("DOWN") => {
            format!("DOWN {} {reason}", from == pid)
        }
        _ => message.to_string(),
    }
}

//! Which functions of its own a node lets others call: those of module `erlang` that look at the node and its
//! processes, as a BEAM node answers them. Whatever could do something to the machine or the node is not there, in
//! whatever way it is called.

use std::fs;
use std::process::Command;

use interop_tests::{BeamNode, Comparison, Epmd, NodeOptions, Release, RustNode, Scratch};

/// `Call(F, Args)` is the value of a function of `erlang`, or what it raises. `Kind` says of a term only what it is made
/// of.
const HELPERS: &str = "
    Self = self(),
    Call = fun(F, A) -> try erpc:call(TARGET, erlang, F, A) catch C:R -> {C, R} end end,
    Kind = fun
        K(T) when is_integer(T) -> integer;
        K(T) when is_tuple(T) -> list_to_tuple([K(E) || E <- tuple_to_list(T)]);
        K([]) -> list;
        K([H | _] = L) when is_integer(H), H > 31 -> case io_lib:printable_unicode_list(L) of true -> text; _ -> list end;
        K(L) when is_list(L) -> lists:usort([K(E) || E <- L]);
        K(T) -> T
    end,
    Rex = Call(whereis, [rex]),
    Dead = fun() -> {P, M} = spawn_monitor(TARGET, erlang, self, []), receive {'DOWN', M, _, _, _} -> P end end,
    _ = {Self, Kind, Rex, Dead}, ";

const CASES: &[(&str, &str)] = &[
    ("Call(node, [])", "TARGET"),
    ("[lists:member(node(), Call(nodes, [])), lists:member(TARGET, Call(nodes, []))]", "[true,false]"),
    ("[lists:member(node(), Call(nodes, [X])) || X <- [visible, connected, known, hidden, this]]", "[true,true,true,false,false]"),
    ("{Call(nodes, [this]), lists:member(TARGET, Call(nodes, [known])), Call(nodes, [[this, hidden]])}", "{[TARGET],true,[TARGET]}"),
    ("Call(nodes, [nonsense])", "badarg"),
    ("Call(is_alive, [])", "true"),
    ("{Rex, Call(whereis, [nosuch]), Call(whereis, [1])}", "{{pid,target},undefined,{error,{exception,badarg"),
    ("lists:sort([N || N <- Call(registered, []), lists:member(N, [rex, net_kernel, global_name_server])])", "[global_name_server,net_kernel,rex]"),
    ("Ps = Call(processes, []), {lists:all(fun(P) -> is_pid(P) andalso node(P) =:= TARGET end, Ps), lists:member(Rex, Ps)}", "{true,true}"),
    ("Call(ports, []), lists:all(fun(P) -> is_port(P) end, Call(ports, []))", "true"),
    // Processes.
    ("{Call(is_process_alive, [Rex]), Call(is_process_alive, [Dead()])}", "{true,false}"),
    ("Call(is_process_alive, [Self])", "badarg"),
    ("Call(is_process_alive, [rex])", "badarg"),
    ("[K || {K, _} <- Call(process_info, [Rex])]", "registered_name,current_function"),
    ("[Call(process_info, [Rex, K]) || K <- [registered_name, status, message_queue_len, priority]]", "{registered_name,rex}"),
    ("[Kind(Call(process_info, [Rex, K])) || K <- [reductions, memory, heap_size, total_heap_size, stack_size]]", "{memory,integer}"),
    ("Call(process_info, [Rex, [message_queue_len, registered_name]])", "[{message_queue_len,0},{registered_name,rex}]"),
    ("[Call(process_info, [Dead()]), Call(process_info, [Dead(), status]), Call(process_info, [Dead(), [status]])]", "[undefined,undefined,undefined]"),
    ("Call(process_info, [Self])", "badarg"),
    ("Call(process_info, [Rex, nonsense])", "badarg"),
    ("Call(process_info, [Rex, [status | x]])", "badarg"),
    (
        "{P, M} = spawn_monitor(TARGET, erlang, apply, [erlang, process_info, [Rex]]), receive {'DOWN', M, _, P, R} -> R end",
        "normal",
    ),
    (
        "P = spawn(TARGET, erlang, hibernate, [erlang, self, []]), link(P), M = monitor(process, P), M2 = erlang:monitor(process, Rex),
         {is_pid(P), is_reference(M), demonitor(M2)}",
        "{true,true,true}",
    ),
    ("Call(garbage_collect, [Rex])", "true"),
    ("Call(garbage_collect, [])", "true"),
    // The system.
    (
        "[Kind(Call(system_info, [I])) || I <- [otp_release, version, system_version, system_architecture, machine,
            process_count, process_limit, port_count, port_limit, atom_count, atom_limit, ets_count, ets_limit,
            schedulers, schedulers_online, schedulers_state, dirty_cpu_schedulers, dirty_io_schedulers, thread_pool_size,
            wordsize, {wordsize, external}, creation, start_time, end_time, dist_buf_busy_limit, scheduler_id]]",
        "[text,text,text,text,text,integer,",
    ),
    ("[Call(system_info, [I]) || I <- [wordsize, time_correction, smp_support, threads, heap_type, multi_scheduling]]", "[8,true,true,true,private,enabled]"),
    ("[Call(system_info, [I]) || I <- [nonsense, {wordsize, nonsense}, 1, []]]", "badarg"),
    ("[Kind(Call(statistics, [I])) || I <- [wall_clock, runtime, reductions, exact_reductions, context_switches]]", "{integer,integer}"),
    ("[Kind(Call(statistics, [I])) || I <- [run_queue, total_run_queue_lengths, total_active_tasks, io, garbage_collection]]", "{{input,integer},{output,integer}}"),
    ("Call(statistics, [nonsense])", "badarg"),
    ("{lists:sort([K || {K, _} <- Call(memory, [])]), Kind([B || {_, B} <- Call(memory, [])])}", "atom_used,binary,code,ets,processes"),
    ("[Kind(Call(memory, [total])), Kind(Call(memory, [[total, processes]]))]", "[integer,[{processes,integer},{total,integer}]]"),
    ("[Call(memory, [I]) || I <- [nonsense, [total, nonsense], 1]]", "badarg"),
    // Time.
    ("[A, B] = [Call(monotonic_time, []) || _ <- [1, 2]], A =< B", "true"),
    ("[Kind(Call(F, [U])) || F <- [monotonic_time, system_time], U <- [second, millisecond, microsecond, nanosecond, native, 1000]]", "[integer,"),
    ("abs(Call(system_time, [second]) - erlang:system_time(second)) < 3600", "true"),
    ("[Call(F, [nonsense]) || F <- [monotonic_time, system_time]]", "badarg"),
    ("Kind(Call(timestamp, []))", "{integer,integer,integer}"),
    // Doing.
    ("{Call(send, [Self, hi]), Next()}", "{hi,hi}"),
    ("register(caller_of_send, Self), {Call(send, [{caller_of_send, node()}, hi]), Next()}", "{hi,hi}"),
    ("A = alias(), {Call(send, [A, hi]), Next()}", "{hi,hi}"),
    ("[Call(send, [D, hi]) || D <- [nosuch, {nosuch, TARGET}, Dead()]]", "badarg"),
    ("Call(send, [1, hi])", "badarg"),
    (
        "{P, M} = spawn_monitor(TARGET, erlang, apply, [erlang, apply, [erlang, apply, [erlang, self, []]]]),
         receive {'DOWN', M, process, P, R} -> R end",
        "normal",
    ),
    (
        "process_flag(trap_exit, true), Victim = spawn_link(fun() -> receive stop -> ok end end),
         {Call(exit, [Victim, enough]), Next()}",
        "{true,{'EXIT',{pid,caller},enough}}",
    ),
    ("{Call(exit, [Dead(), enough]), Call(exit, [1, enough])}", "badarg"),
    ("[Call(F, [x]) || F <- [error, exit, throw]]", "{throw,x}"),
    ("Call(apply, [erlang, node, []])", "TARGET"),
    ("Call(apply, [erlang, nosuch, [1]])", "undef"),
    ("[Call(function_exported, [erlang, nosuch, A]) || A <- [0, 255, 256, 1 bsl 70]]", "false"),
    ("{Call(self, []), Call(make_ref, []), Call(group_leader, [])}", "{{pid,target},reference,{pid,caller}}"),
    // What is there, with another number of arguments or others.
    ("[Call(F, A) || {F, A} <- [{nosuch, []}, {node, [1, 2]}, {whereis, []}, {send, [1]}, {memory, [1, 2, 3]}]]", "undef"),
];

async fn answered_as_by(release: Release) {
    let nodes = Comparison::start(release).await;
    nodes.caller.expect("logger:set_primary_config(level, none)", "ok").await;
    for (source, part) in CASES {
        nodes.same(HELPERS, source, part).await;
    }
}

#[tokio::test]
async fn answered_as_by_otp_25() {
    answered_as_by(Release::Otp25).await;
}

#[tokio::test]
async fn answered_as_by_otp_27() {
    answered_as_by(Release::Otp27).await;
}

#[tokio::test]
async fn answered_as_by_otp_29() {
    answered_as_by(Release::Otp29).await;
}

/// What nobody is to do from outside. `FILE` and `TRACE` are paths: one of a file that is there and is to stay, one of
/// a file that comes into being if something of this is run.
const FORBIDDEN: &str = "[
    {os, cmd, [\"touch TRACE\"]}, {os, getenv, []}, {os, getenv, [\"HOME\"]}, {os, putenv, [\"A\", \"b\"]},
    {os, set_signal, [sigterm, ignore]},
    {init, stop, []}, {init, stop, [1]}, {init, restart, []}, {init, reboot, []}, {init, get_arguments, []},
    {erlang, halt, []}, {erlang, halt, [1]}, {erlang, halt, [1, []]},
    {erlang, get_cookie, []}, {erlang, set_cookie, [mine]}, {erlang, set_cookie, [node(), mine]},
    {auth, get_cookie, []},
    {file, read_file, [\"FILE\"]}, {file, write_file, [\"TRACE\", <<>>]}, {file, delete, [\"FILE\"]},
    {file, open, [\"TRACE\", [write]]}, {file, list_dir, [\"/\"]}, {file, consult, [\"FILE\"]},
    {prim_file, read_file, [\"FILE\"]}, {file_server_2, start, []},
    {erlang, open_port, [{spawn, \"touch TRACE\"}, []]}, {erlang, open_port, [{spawn_executable, \"/bin/sh\"}, []]},
    {erlang, load_nif, [\"FILE\", 0]}, {erlang, load_module, [x, <<>>]}, {erl_ddll, load, [\"/\", x]},
    {code, load_file, [lists]}, {code, load_binary, [x, \"x\", <<>>]}, {code, purge, [lists]}, {code, delete, [lists]},
    {code, add_path, [\"/\"]}, {c, c, [x]}, {compile, file, [\"FILE\"]}, {erl_eval, exprs, [[], []]},
    {application, stop, [kernel]}, {application, set_env, [kernel, a, b]},
    {net_kernel, stop, []}, {net_kernel, start, [[x, shortnames]]},
    {erlang, spawn, [os, cmd, [\"touch TRACE\"]]}, {erlang, spawn_link, [os, cmd, [\"touch TRACE\"]]},
    {erlang, register, [mine, self()]}, {erlang, unregister, [rex]}, {erlang, group_leader, [self(), self()]},
    {erlang, system_flag, [backtrace_depth, 1]}, {erlang, trace, [all, true, [call]]}, {erlang, suspend_process, [self()]},
    {erlang, binary_to_term, [<<131, 106>>]}, {erlang, list_to_atom, [\"a\"]}, {ets, new, [x, []]}, {ets, all, []},
    {gen_tcp, connect, [\"localhost\", 1, []]}, {gen_tcp, listen, [0, []]}, {inet, gethostname, []},
    {gen_server, call, [rex, x]}, {supervisor, terminate_child, [counter, x]}, {timer, apply_after, [0, os, cmd, [\"touch TRACE\"]]},
    {rpc, call, [node(), os, cmd, [\"touch TRACE\"]]}, {erpc, call, [node(), os, cmd, [\"touch TRACE\"]]},
    {proc_lib, spawn, [os, cmd, [\"touch TRACE\"]]}
]";

/// Each of the ways to call them that has an answer, as a fun: whether the answer is `undef` for that very function.
const WAYS: &str = "[
    {erpc, fun(M, F, A) ->
        try erpc:call(RUST, M, F, A) catch error:{exception, undef, [{M, F, A, []}]} -> true end
    end},
    {erpc_request, fun(M, F, A) ->
        Id = erpc:send_request(RUST, M, F, A),
        try erpc:receive_response(Id) catch error:{exception, undef, [{M, F, A, []}]} -> true end
    end},
    {erpc_apply, fun(M, F, A) ->
        try erpc:call(RUST, erlang, apply, [M, F, A]) catch error:{exception, undef, [{M, F, A, []} | _]} -> true end
    end},
    {erpc_fun, fun(M, F, A) ->
        try erpc:call(RUST, erlang, apply, [erlang:make_fun(M, F, length(A)), A]) catch error:{exception, undef, [{M, F, A, []} | _]} -> true end
    end},
    {nested, fun(M, F, A) ->
        try erpc:call(RUST, erlang, apply, [erlang, apply, [M, F, A]]) catch error:{exception, undef, [{M, F, A, []} | _]} -> true end
    end},
    {within, fun(M, F, A) ->
        try erpc:call(RUST, erpc, execute_cast, [M, F, A])
        catch error:{exception, {exception, {undef, [{M, F, A, []}]}}, _} -> true end
    end},
    {rpc, fun(M, F, A) -> {badrpc, {'EXIT', {undef, [{M, F, A, []}]}}} =:= rpc:call(RUST, M, F, A) end},
    {block, fun(M, F, A) -> {badrpc, {'EXIT', {undef, [{M, F, A, []}]}}} =:= rpc:block_call(RUST, M, F, A) end},
    {async, fun(M, F, A) -> {badrpc, {'EXIT', {undef, [{M, F, A, []}]}}} =:= rpc:yield(rpc:async_call(RUST, M, F, A)) end},
    {rex_call, fun(M, F, A) ->
        {badrpc, {'EXIT', {undef, [{M, F, A, []}]}}} =:= gen_server:call({rex, RUST}, {call, M, F, A, group_leader()})
    end},
    {rex_message, fun(M, F, A) ->
        {rex, RUST} ! {self(), {call, M, F, A, group_leader()}},
        receive {rex, Result} -> {badrpc, {'EXIT', {undef, [{M, F, A, []}]}}} =:= Result end
    end},
    {rex_stdout, fun(M, F, A) ->
        {rex, RUST} ! {self(), {call, M, F, A, send_stdout_to_caller}},
        receive {rex, Result} -> {badrpc, {'EXIT', {undef, [{M, F, A, []}]}}} =:= Result end
    end},
    {spawn, fun(M, F, A) ->
        {P, Ref} = spawn_monitor(RUST, M, F, A),
        receive {'DOWN', Ref, process, P, Why} -> {undef, [{M, F, A, []}]} =:= Why end
    end},
    {proc_lib, fun(M, F, A) ->
        {P, Ref} = proc_lib:spawn_opt(RUST, M, F, A, [monitor]),
        receive {'DOWN', Ref, process, P, {undef, [{M, F, A, []} | _]}} -> true end
    end},
    {net_kernel, fun(M, F, A) ->
        process_flag(trap_exit, true),
        P = gen_server:call({net_kernel, RUST}, {spawn_link, M, F, A, group_leader()}),
        receive {'EXIT', P, Why} -> {undef, [{M, F, A, []}]} =:= Why end
    end},
    {rust_call, fun(M, F, A) ->
        {ok, {error, {error, {exception, undef, [{M, F, A, []}]}}}} =:=
            {ok, erpc:call(RUST, rust, rpc, [RUST, M, F, A, 60000])}
    end}
]";

/// The ways that have none: what is logged at the caller tells that it was tried, and with what success.
const SILENT_WAYS: &str = "[
    fun(M, F, A) -> erpc:cast(RUST, M, F, A) end,
    fun(M, F, A) -> rpc:cast(RUST, M, F, A) end,
    fun(M, F, A) -> rpc:eval_everywhere([RUST], M, F, A) end,
    fun(M, F, A) -> gen_server:cast({rex, RUST}, {cast, M, F, A, group_leader()}) end,
    fun(M, F, A) -> spawn(RUST, M, F, A) end,
    fun(M, F, A) -> spawn_request(RUST, M, F, A, [{reply, no}]) end
]";

/// Sends what each event is about to the process `events`.
const EVENTS: &str = "
    -module(events).
    -export([log/2]).
    log(#{msg := {_, [_, _, {Why, Stack}]}}, _) -> events ! {event, Why, Stack};
    log(Event, _) -> events ! {event, Event, []}.";

async fn nothing_else_from(release: Release) {
    let epmd = Epmd::start(release).await;
    let rust = RustNode::start(NodeOptions::with(&epmd)).await;
    let beam = BeamNode::start(release, NodeOptions::with(&epmd)).await;
    let folder = Scratch::on_host();
    let (file, trace) = (folder.path().join("file"), folder.path().join("trace"));
    fs::write(&file, "secret").unwrap();
    let fill_in = |source: &str| {
        let source = source.replace("RUST", &rust.atom()).replace("FILE", &file.display().to_string());
        source.replace("TRACE", &trace.display().to_string())
    };
    beam.load_module("events", EVENTS).await;
    let quiet = "logger:remove_handler(default), logger:add_handler(events, events, #{})";
    let all = format!(
        "[{{Way, M, F, A}} || {{Way, Try}} <- {WAYS}, {{M, F, A}} <- {FORBIDDEN}, (catch Try(M, F, A)) =/= true]"
    );
    beam.expect("logger:set_primary_config(level, none)", "ok").await;
    beam.expect(&fill_in(&all), "[]").await;
    let silent = format!(
        "register(events, self()), {quiet}, logger:set_primary_config(level, error),
         Undef = fun
             (undef, [{{M, F, A, _}} | _], {{M, F, A}}) -> true;
             ({{exception, {{undef, [{{M, F, A, _}} | _]}}}}, _, {{M, F, A}}) -> true;
             (_, _, _) -> false
         end,
         [{{M, F, A, Why}} || Try <- {SILENT_WAYS}, {{M, F, A}} <- {FORBIDDEN},
             begin Try(M, F, A), {{event, Why, Stack}} = receive E -> E end, not Undef(Why, Stack, {{M, F, A}}) end]"
    );
    beam.expect(&fill_in(&silent), "[]").await;
    // A C node, which has its own way in.
    for call in ["os cmd [\"touch TRACE\"]", "init stop []", "erlang halt [0]", "file delete [\"FILE\"]"] {
        let mut erl_call: Command = release.command("erl_call");
        let name = if rust.name().contains('.') { "-name" } else { "-sname" };
        erl_call.env("ERL_EPMD_PORT", epmd.port().to_string());
        erl_call.args(["-c", rust.cookie(), name, rust.name(), "-a", &fill_in(call)]);
        let output = erl_call.output().expect("erl_call runs");
        assert!(String::from_utf8_lossy(&output.stdout).contains("undef"), "{call}: {output:?}");
    }
    assert!(!trace.exists(), "something was run");
    assert_eq!(fs::read_to_string(&file).unwrap(), "secret");
    beam.expect(&fill_in("{net_adm:ping(RUST), erpc:call(RUST, rust, add, [1, 2])}"), "{pong,3}").await;
}

#[tokio::test]
async fn nothing_else_from_otp_25() {
    nothing_else_from(Release::Otp25).await;
}

#[tokio::test]
async fn nothing_else_from_otp_27() {
    nothing_else_from(Release::Otp27).await;
}

#[tokio::test]
async fn nothing_else_from_otp_29() {
    nothing_else_from(Release::Otp29).await;
}

//! What `observer` and `etop` ask of a node, asked of a Rust node in their words, and of a real one to compare.
//!
//! The script `interop-tests/observer` shows the pages themselves.

use interop_tests::{Comparison, Release};

/// `Call(M, F, A)` is the value of a function of the node, `Kind` what a term is made of: numbers and texts count alike.
const HELPERS: &str = "
    Call = fun(M, F, A) -> rpc:call(TARGET, M, F, A) end,
    Kind = fun
        K(T) when is_integer(T) -> integer;
        K(T) when is_float(T) -> float;
        K(T) when is_pid(T) -> pid;
        K(T) when is_binary(T) -> binary;
        K(T) when is_tuple(T) -> list_to_tuple([K(E) || E <- tuple_to_list(T)]);
        K([]) -> list;
        K([H | _] = L) when is_integer(H), H > 31 -> case io_lib:printable_unicode_list(L) of true -> list; _ -> lists:usort([K(E) || E <- L]) end;
        K([H | _] = L) when is_integer(H) -> lists:usort([K(E) || E <- L]);
        K(L) when is_list(L) -> lists:usort([K(E) || E <- L]);
        K(T) -> T
    end,
    Spawn = fun(F, A) -> spawn_opt(TARGET, observer_backend, F, A, [link]) end,
    Rex = Call(erlang, whereis, [rex]),
    Dead = fun() -> {P, M} = spawn_monitor(TARGET, erlang, self, []), receive {'DOWN', M, _, _, _} -> P end end,
    _ = {Call, Kind, Spawn, Rex, Dead}, ";

/// What has to be the same on a BEAM node.
const SAME: &[(&str, &str)] = &[
    // The page System, asked for every second.
    ("[K || {K, _} <- Call(observer_backend, sys_info, [])]", "[uptime,run_queue,io_input,io_output"),
    (
        "[{K, Kind(V)} || {K, V} <- Call(observer_backend, sys_info, []), K =/= alloc_info, K =/= system_architecture,
            K =/= version, not lists:prefix(\"logical\", atom_to_list(K))]",
        "{process_limit,integer}",
    ),
    ("[V > 0 || {K, V} <- Call(observer_backend, sys_info, []), lists:suffix(\"limit\", atom_to_list(K))]", "[true,true,true,true,true]"),
    (
        "[{_, [{instance, 0, Parts} | _]} | _] = [A || {_, [{instance, _, [_ | _]} | _]} = A <- proplists:get_value(alloc_info, Call(observer_backend, sys_info, []))],
         {mbcs, Info} = lists:keyfind(mbcs, 1, Parts),
         [{blocks, [{_, [{size, A, B, C}]} | _]}] = [T || {blocks, _} = T <- Info],
         {carriers_size, D, E, F} = lists:keyfind(carriers_size, 1, Info), [is_integer(N) || N <- [A, B, C, D, E, F]]",
        "[true,true,true,true,true,true]",
    ),
    // Load Charts.
    (
        "process_flag(trap_exit, true), P = Spawn(fetch_stats, [self(), 20]),
         Get = fun() -> receive {stats, _, _, _, _} = S -> S end end,
         {stats, 1, [{_, _, T1} | _], {{input, I1}, {output, _}}, Mem} = Get(),
         {stats, 1, [{_, A2, T2} | _], {{input, I2}, {output, _}}, _} = Get(),
         P ! stop, Why = receive {'EXIT', P, W} -> W end,
         {T2 > T1, A2 =< T2, I2 >= I1, [K || {K, V} <- Mem, is_integer(V)], Why}",
        "{true,true,true,[total,processes,processes_used,system,",
    ),
    (
        "process_flag(trap_exit, true), P = Spawn(fetch_stats, [self(), 20]), receive {stats, _, _, _, _} -> ok end,
         M = monitor(process, P), exit(P, kill), receive {'DOWN', M, _, _, W} -> W end",
        "killed",
    ),
    ("{stats, _, S, _, _} = begin Spawn(fetch_stats, [self(), 20]), receive X -> X end end, length(S) >= Call(erlang, system_info, [dirty_cpu_schedulers])", "true"),
    // Processes.
    ("Call(code, ensure_loaded, [observer_backend])", "{module,observer_backend}"),
    ("[Call(erlang, function_exported, [observer_backend, F, A]) || {F, A} <- [{procs_info, 1}, {get_port_list, 0}, {get_socket_list, 0}, {nosuch, 0}, {procs_info, 2}]]", "[true,true,true,false,false]"),
    (
        "process_flag(trap_exit, true), P = Spawn(procs_info, [self()]),
         All = (fun C() -> receive {procs_info, P, Some} -> Some ++ C(); {'EXIT', P, normal} -> [] end end)(),
         {lists:usort([Kind(setelement(7, setelement(5, R, name), current)) || R <- All]),
          [N || {etop_proc_info, _, _, _, N, _, _, _} <- All, N =:= rex], lists:keymember(P, 2, All)}",
        "{[{etop_proc_info,pid,integer,integer,name,integer,current,integer}],[rex],false}",
    ),
    // etop.
    ("{ok, V} = Call(observer_backend, vsn, []), is_list(V)", "true"),
    ("is_list(Call(net_adm, localhost, []))", "true"),
    (
        "P = Spawn(etop_collect, [self()]),
         {etop_info, Now, N, Wall, _, Queue, [], Mem, Procs} = receive {P, Info} -> Info end,
         {Kind(Now), is_integer(Wall) orelse Wall =:= undefined, Kind(Queue), [K || {K, V} <- Mem, is_integer(V)],
          abs(N - length(Procs)) < 10, element(1, hd(Procs)), lists:keymember(P, 2, Procs)}",
        "{{integer,integer,integer},true,integer,[total,processes,ets,atom,code,binary],true,etop_proc_info,false}",
    ),
    // The window of a process: each of its calls, of one that lives and of one that does not.
    ("Call(erlang, process_info, [Rex, registered_name])", "{registered_name,rex}"),
    (
        "Items = [binary, catchlevel, current_function, error_handler, garbage_collection, group_leader, heap_size, initial_call,
             last_calls, links, memory, message_queue_len, monitored_by, monitors, priority, reductions, registered_name,
             sequential_trace_token, stack_size, status, suspending, total_heap_size, trace, trap_exit],
         L = Call(erlang, process_info, [Rex, Items]), {Items =:= [K || {K, _} <- L],
         [is_list(proplists:get_value(K, L)) || K <- [binary, monitors, garbage_collection, links, suspending]],
         [is_integer(proplists:get_value(K, proplists:get_value(garbage_collection, L))) || K <- [min_heap_size, fullsweep_after]]}",
        "{true,[true,true,true,true,true],[true,true]}",
    ),
    ("Call(erlang, process_info, [Rex, messages])", "{messages,[]}"),
    ("{dictionary, D} = Call(erlang, process_info, [Rex, dictionary]), {'$ancestors', [A | _]} = lists:keyfind('$ancestors', 1, D), {A, lists:sort([K || {K, _} <- D])}", "{kernel_sup,['$ancestors','$initial_call']}"),
    ("{current_stacktrace, L} = Call(erlang, process_info, [Rex, current_stacktrace]), is_list(L)", "true"),
    (
        "D = Dead(), [Call(erlang, process_info, [D, K]) || K <- [registered_name, [binary, memory], messages, dictionary, current_stacktrace]]",
        "[undefined,undefined,undefined,undefined,undefined]",
    ),
    ("Call(proc_lib, translate_initial_call, [Rex])", "{rpc,init,1}"),
    ("Call(proc_lib, translate_initial_call, [Dead()])", "{proc_lib,init_p,5}"),
    ("Call(proc_lib, initial_call, [Rex])", "{rpc,init,['Argument__1']}"),
    ("{behaviour, B} = lists:keyfind(behaviour, 1, Call(rpc, module_info, [attributes])), B", "[gen_server]"),
    (
        "{status, P, {module, M}, [D, S, Parent, Debug, [{header, H}, {data, A}, {data, B} | _]]} = Call(sys, get_status, [Rex, 5000]),
         {P =:= Rex, M, is_list(D), S, is_pid(Parent), Debug, H, [K || {K, _} <- A], [K || {K, _} <- B]}",
        "{true,gen_server,true,running,true,[],\"Status for generic server rex\",[\"Status\",\"Parent\",\"Logged events\"],[\"State\"]}",
    ),
    ("Call(erlang, system_info, [wordsize])", "8"),
    ("Call(erlang, garbage_collect, [Rex])", "true"),
    ("Call(net_kernel, get_net_ticktime, [])", "60"),
    // Tables.
    (
        "Ts = Call(observer_backend, get_table_list, [ets, [{sys_hidden, false}, {unread_hidden, true}]]),
         {Ts =/= [], lists:usort([[K || {K, _} <- T] || T <- Ts])}",
        "{true,[[name,id,protection,owner,size,reg_name,type,keypos,heir,memory,compressed,fixed]]}",
    ),
    ("lists:prefix(\"Mnesia is not running on: \", element(2, Call(observer_backend, get_table_list, [mnesia, []])))", "true"),
    (
        "Parent = spawn(fun() -> receive never -> ok end end), T = self(),
         F = spawn(fun() -> T ! (fun C(P) -> receive {P, '$end_of_table'} -> done; {P, L} when is_list(L) -> C(P) end end)(
             Call(observer_backend, get_table, [self(), nosuch, ets])) end), exit(Parent, kill), _ = F, Next()",
        "done",
    ),
    // Code and applications.
    ("[Call(code, F, [nosuch]) || F <- [ensure_loaded, is_loaded, get_object_code, which]]", "[{error,nofile},false,error,non_existing]"),
    ("{file, _} = Call(code, is_loaded, [erlang]), All = Call(code, all_loaded, []), {lists:keymember(erlang, 1, All), lists:keymember(nosuch, 1, All)}", "{true,false}"),
    ("[{module, rpc}, {exports, E}, {attributes, A} | _] = Call(rpc, module_info, []), {[lists:member(X, E) || X <- [{module_info, 0}, {module_info, 1}]], is_list(A)}", "{[true,true],true}"),
    ("Call(rpc, module_info, [module])", "rpc"),
    ("element(1, element(2, element(2, Call(rpc, module_info, [nosuch]))))", "badarg"),
    ("lists:usort([is_atom(A) andalso is_list(D) andalso is_list(V) || {A, D, V} <- Call(application, which_applications, [])])", "[true]"),
    ("[{Call(application, get_env, [nosuch, k]), Call(application, get_env, [nosuch, k, d])}, Call(application, get_key, [nosuch, vsn]), Call(application, get_all_key, [nosuch])]", "[{undefined,d},undefined,undefined]"),
    (
        "[{A, D, V} | _] = Call(application, which_applications, []),
         {{ok, V} =:= Call(application, get_key, [A, vsn]), {ok, D} =:= Call(application, get_key, [A, description]),
          lists:sort([K || {K, _} <- element(2, Call(application, get_all_key, [A])), K =/= optional_applications])}",
        "{true,true,[applications,description,env,id,included_applications,maxP,maxT,",
    ),
    ("gen_server:call({application_controller, TARGET}, which_applications) =:= Call(application, which_applications, [])", "true"),
    ("Call(application, get_application, [Dead()])", "undefined"),
    // Sockets.
    ("{[K || {K, V} <- Call(observer_backend, socket_info, []), K =/= iov_max, is_integer(V)] =/= [], Call(observer_backend, get_socket_list, [])}", "{true,[]}"),
    // Applications: the server, and what it delivers.
    (
        "process_flag(trap_exit, true), {ok, P} = Call(appmon_info, start_link2, [self(), self(), []]),
         P = Call(erlang, whereis, [appmon_info]),
         gen_server:cast(P, {self(), app_ctrl, TARGET, true, []}),
         Apps = receive {delivery, P, app_ctrl, TARGET, As} -> As end,
         gen_server:cast(P, {self(), app, nosuch, true, []}),
         Empty = receive {delivery, P, app, nosuch, E} -> E end,
         Self = self(), Other = spawn_link(fun() -> {ok, P} = Call(appmon_info, start_link2, [self(), self(), []]), Self ! same, receive stop -> ok end end),
         receive same -> ok end,
         [gen_server:cast(P, {self(), W, K, false, []}) || {W, K} <- [{app_ctrl, TARGET}, {app, nosuch}]],
         M = monitor(process, P), Other ! stop, receive {'EXIT', Other, normal} -> ok end,
         Still = Call(erlang, is_process_alive, [P]), exit(P, normal),
         receive {'DOWN', M, _, _, Why} -> {lists:usort([Kind(A) || {Master, _, _} = A <- Apps, node(Master) =:= TARGET]) =/= [],
             lists:usort([tuple_size(D) || {_, _, D} <- Apps]), Empty, Still, Why} end",
        "{true,[3],{[],[],[],[]},true,",
    ),
];

async fn answered_as_by(release: Release) {
    let nodes = Comparison::start(release).await;
    nodes.caller.expect("logger:set_primary_config(level, none)", "ok").await;
    let mut differences = Vec::new();
    for (source, part) in SAME {
        differences.extend(nodes.compare(HELPERS, source, part).await.err());
    }
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
    // What only the Rust node has.
    let ask = |source: &str| format!("{HELPERS} {source}").replace("TARGET", &nodes.rust.atom());
    let tree = "
        {ok, P} = Call(appmon_info, start_link2, [self(), self(), []]),
        [{App, _, _} | _] = Call(application, which_applications, []),
        gen_server:cast(P, {self(), app, App, true, []}),
        receive {delivery, P, app, App, {Root, Procs, Edges, Links}} ->
            Names = [N || {_, N} <- Procs], true = length(Names) =:= length(lists:usort(Names)),
            [Sup] = [A || {A, \"counter\"} <- Edges],
            {App, Root, lists:member(Root, Names), lists:member({Root, Sup}, Edges), [lists:member({Root, N}, Edges) || N <- [\"echo\", \"sink\", \"source\"]], Links}
        end";
    nodes
        .caller
        .expect(&ask(tree), "{playground,\"application_controller\",true,true,[true,true,true],[]}")
        .await;
    let services = "
        {ok, P} = Call(appmon_info, start_link2, [self(), self(), []]),
        gen_server:cast(P, {self(), app, erlnode, true, []}),
        receive {delivery, P, app, erlnode, {\"kernel_sup\", Procs, Edges, _}} ->
            {[lists:member({\"kernel_sup\", N}, Edges) || N <- [\"rex\", \"net_kernel\", \"global_name_server\"]], length(Procs) =:= length(Edges) + 1}
        end";
    nodes.caller.expect(&ask(services), "{[true,true,true],true}").await;
    let table = "
        P = Call(observer_backend, get_table, [self(), registered_names, ets]),
        Rows = (fun C() -> receive {P, '$end_of_table'} -> []; {P, L} -> L ++ C() end end)(),
        {lists:member([{rex, Rex}], Rows), Call(ets, info, [registered_names, keypos]), Call(ets, info, [nosuch, keypos])}";
    nodes.caller.expect(&ask(table), "{true,1,undefined}").await;
    etop(&nodes, release).await;
    // Chunks of 10,000.
    let many = "
        ok = Call(rust, spawn_idle, [25000]), process_flag(trap_exit, true),
        P = Spawn(procs_info, [self()]),
        Sizes = (fun C() -> receive {procs_info, P, Some} -> [length(Some) | C()]; {'EXIT', P, normal} -> [] end end)(),
        {length(Sizes), lists:sum(Sizes) > 25000, lists:all(fun(S) -> S =< 10000 end, Sizes)}";
    nodes.caller.expect(&ask(many), "{3,true,true}").await;
}

/// `etop` itself, where it can do without tracing: in OTP 29.
async fn etop(nodes: &Comparison, release: Release) {
    if release != Release::Otp29 {
        return;
    }
    let etop = "
        {ok, Out} = file:open(\"HOME/etop\", [write]),
        P = spawn(fun() -> group_leader(Out, self()),
            etop:start([{node, TARGET}, {output, text}, {tracing, off}, {interval, 5}, {lines, 50}]), receive stop -> etop:stop() end end),
        M = monitor(process, P),
        Wait = fun W() ->
            {ok, Text} = file:read_file(\"HOME/etop\"),
            case binary:match(Text, <<\"global_name_server\">>) of
                nomatch -> receive {'DOWN', M, _, _, Why} -> {ended, Why, Text} after 100 -> W() end;
                _ -> [binary:match(Text, T) =/= nomatch || T <- [<<\"TARGET\">>, <<\"Memory:\">>, <<\"rex\">>]]
            end
        end,
        Shown = Wait(), P ! stop, Shown";
    let home = nodes.caller.home().display().to_string();
    let etop = etop.replace("TARGET", &nodes.rust.atom()).replace("HOME", &home);
    nodes.caller.expect(&etop, "[true,true,true]").await;
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

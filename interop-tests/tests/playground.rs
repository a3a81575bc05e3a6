//! The playground of `erlnode start`, each row of it, as Erlang nodes see it.

use interop_tests::{BeamNode, NodeOptions, Release, RustNode, free_port};

/// A Rust node, which serves epmd for both, and an Erlang node.
struct Cluster {
    rust: RustNode,
    beam: BeamNode,
}

impl Cluster {
    async fn start(release: Release) -> Cluster {
        let options = NodeOptions::with_epmd_port(free_port());
        let rust = RustNode::start(options.clone()).await;
        Cluster { rust, beam: BeamNode::start(release, options).await }
    }

    /// Has the Erlang node evaluate `source`, in which `RUST` is the name of the Rust node, and `Rust` a fun that calls
    /// a function of module `rust` there.
    async fn expect(&self, source: &str, expected: &str) {
        let source = format!(
            "Rust = fun(F, A) -> erpc:call(RUST, rust, F, A) end, Self = self(),
             Next = fun() -> receive M -> M after 50000 -> nothing end end, _ = {{Rust, Self, Next}}, {source}"
        );
        self.beam.expect(&source.replace("RUST", &self.rust.atom()), expected).await;
    }
}

async fn every_row(release: Release) {
    let cluster = Cluster::start(release).await;
    echo(&cluster).await;
    sink_and_source(&cluster).await;
    counter(&cluster).await;
    arithmetic(&cluster).await;
    ways_to_fail(&cluster).await;
    ways_to_call(&cluster).await;
    what_is_not_there(&cluster).await;
    new_processes(&cluster).await;
    connections(&cluster).await;
    messages(&cluster).await;
    calls(&cluster).await;
    links(&cluster).await;
    monitors(&cluster).await;
    node_monitors(&cluster).await;
    global_names(&cluster).await;
    benchmarks(&cluster).await;
}

#[tokio::test]
async fn every_row_from_otp_25() {
    every_row(Release::Otp25).await;
}

#[tokio::test]
async fn every_row_from_otp_27() {
    every_row(Release::Otp27).await;
}

#[tokio::test]
async fn every_row_from_otp_29() {
    every_row(Release::Otp29).await;
}

// --- processes ---------------------------------------------------------------------------------------------------

async fn echo(cluster: &Cluster) {
    let terms = "[1, -1, 1 bsl 63, -(1 bsl 200), 1.5, -0.0, atom, 'ünï', [], \"text\", [1|2], lists:seq(1, 300), {}, {a},
          list_to_tuple(lists:seq(1, 300)), <<>>, <<\"bin\">>, <<5:3>>, #{}, #{a => 1, {b} => [c], 1.0 => x},
          self(), make_ref(), alias(), hd(erlang:ports()), fun lists:map/2, fun(X) -> {X, Self} end, node(),
          binary:copy(<<\"0123456789\">>, 500000), lists:duplicate(20, binary:copy(<<7>>, 100000))]";
    cluster.expect(&format!("All = {terms}, {{echo, RUST}} ! {{self(), All}}, Next() =:= All"), "true").await;
    cluster
        .expect(&format!("[X || X <- {terms}, begin {{echo, RUST}} ! {{self(), X}}, Next() =/= X end]"), "[]")
        .await;
    cluster.expect("{echo, RUST} ! {alias(), by_alias}, Next()", "by_alias").await;
    cluster.expect("{echo, RUST} ! {alias([reply]), once}, Next()", "once").await;
    let ignored =
        "[nothing, {nobody, x}, {self()}, {self(), x, y}, {{a, node()}, x}, [self(), x], <<1>>, #{}, 1]";
    cluster
        .expect(
            &format!("[{{echo, RUST}} ! X || X <- {ignored}], {{echo, RUST}} ! {{self(), last}}, Next()"),
            "last",
        )
        .await;
    // A requester that is gone, or never was, is no trouble for the others.
    cluster
        .expect(
            "Gone = spawn(fun() -> ok end), {echo, RUST} ! {Gone, x}, {echo, RUST} ! {self(), still_there}, Next()",
            "still_there",
        )
        .await;
}

async fn sink_and_source(cluster: &Cluster) {
    cluster
        .expect(
            "Report = fun() -> {sink, RUST} ! {report, self()}, Next() end, Report(),
             [{sink, RUST} ! X || X <- [a, {report, nobody, x}, {self(), report} | lists:seq(1, 1000)]],
             [Report(), Report()]",
            "[{sink,1003},{sink,0}]",
        )
        .await;
    cluster.expect("{sink, RUST} ! {report, alias()}, Next()", "{sink,0}").await;
    cluster
        .expect(
            "{source, RUST} ! {self(), 3, {a, 1}}, [Next() || _ <- lists:seq(1, 4)]",
            "[{a,1},{a,1},{a,1},done]",
        )
        .await;
    cluster.expect("{source, RUST} ! {self(), 0, x}, Next()", "done").await;
    // More than a queue holds, in order.
    cluster
        .expect(
            "B = binary:copy(<<1>>, 1000), {source, RUST} ! {self(), 20000, B},
             Count = fun Count(N) -> case Next() of B -> Count(N + 1); done -> N end end, Count(0)",
            "20000",
        )
        .await;
}

async fn counter(cluster: &Cluster) {
    let call = "C = {counter, RUST}, Call = fun(R) -> gen_server:call(C, R) end, ";
    // After an end it takes a moment until it is back.
    let again = "Again = fun A() -> try Call(get) catch exit:{noproc, _} -> timer:sleep(5), A() end end, ";
    cluster
        .expect(
            &format!(
                "{call} A = [Call(get), Call({{add, 5}}), Call({{add, -7}}), Call({{add, 1 bsl 70}})],
                 gen_server:cast(C, {{add, 2}}), B = Call(get),
                 gen_server:cast(C, reset), {{A, B, Call(get)}}"
            ),
            "{[0,5,-2,1180591620717411303422],1180591620717411303424,0}",
        )
        .await;
    cluster.expect(&format!("{call} {again} Call({{add, 9}}), {{Call(stop), Again()}}"), "{ok,0}").await;
    for (request, reason) in [
        ("crash", "crash"),
        ("{get, 1}", "{bad_call,{get,1}}"),
        ("{add, a}", "{bad_call,{add,a}}"),
        ("nonsense", "{bad_call,nonsense}"),
        // The name of a request is an atom, as in Erlang.
        ("<<\"get\">>", "{bad_call,<<\"get\">>}"),
        ("\"get\"", "{bad_call,\"get\"}"),
        ("{<<\"add\">>, 1}", "{bad_call,{<<\"add\">>,1}}"),
    ] {
        let source = format!(
            "{call} {again} Call({{add, 9}}), M = monitor(process, C), {{R, _}} = try Call({request}) catch exit:E -> E end,
             R = case Next() of {{'DOWN', M, process, C, D}} -> D end, {{R, Again()}}"
        );
        cluster.expect(&source, &format!("{{{reason},0}}")).await;
    }
    // As often as one likes.
    cluster
        .expect(
            &format!("{call} {again} [begin catch Call(crash), Again() end || _ <- lists:seq(1, 20)] =:= lists:duplicate(20, 0)"),
            "true",
        )
        .await;
    cluster
        .expect(
            &format!(
                "{call} Call({{add, 3}}), C ! hello, gen_server:cast(C, nonsense), gen_server:cast(C, {{add, a}}),
                 gen_server:cast(C, <<\"reset\">>), gen_server:cast(C, {{<<\"add\">>, 1}}), Call(get)"
            ),
            "3",
        )
        .await;
    cluster.expect("gen_server:multi_call([RUST], counter, get) =:= {[{RUST, 3}], []}", "true").await;
    // OTP 25 shows the answer of later releases as it came, and its request does not tell it apart from them.
    cluster
        .expect("case sys:get_state({counter, RUST}) of {ok, State} -> State; State -> State end", "3")
        .await;
}

// --- functions ---------------------------------------------------------------------------------------------------

async fn arithmetic(cluster: &Cluster) {
    let sums = [
        ("1, 2", "3"),
        ("-5, 3", "-2"),
        ("9223372036854775807, 1", "9223372036854775808"),
        ("-9223372036854775808, -1", "-9223372036854775809"),
        ("1 bsl 200, -(1 bsl 200)", "0"),
        ("1 bsl 200, 1", "1606938044258990275541962092341162602522202993782792835301377"),
        ("1.5, 2.25", "3.75"),
        ("1, 0.5", "1.5"),
        ("0.5, 1", "1.5"),
    ];
    for (arguments, sum) in sums {
        cluster.expect(&format!("Rust(add, [{arguments}])"), sum).await;
    }
    for arguments in ["1, a", "<<1>>, 1", "1.0e308, 1.0e308", "1 bsl 2000, 1.0"] {
        let source = format!("try Rust(add, [{arguments}]) catch error:{{exception, R, _}} -> R end");
        cluster.expect(&source, "badarith").await;
    }
    cluster.expect("Rust(echo, [#{a => [1, 2.0, <<3>>]}])", "#{a => [1,2.0,<<3>>]}").await;
    cluster.expect("{Us, V} = timer:tc(fun() -> Rust(sleep, [50]) end), {V, Us >= 50000}", "{ok,true}").await;
}

async fn ways_to_fail(cluster: &Cluster) {
    let caught = "try Rust(F, [{because, 1}]) catch C:R -> {C, R} end";
    cluster
        .expect(&format!("F = fail, {caught}"), "{error,{exception,{because,1},[{rust,fail,1,[]}]}}")
        .await;
    cluster.expect(&format!("F = exit, {caught}"), "{exit,{exception,{because,1}}}").await;
    cluster.expect(&format!("F = throw, {caught}"), "{throw,{because,1}}").await;
    cluster.expect("rpc:call(RUST, rust, fail, [x])", "{badrpc,{'EXIT',{x,[{rust,fail,1,[]}]}}}").await;
    cluster.expect("rpc:call(RUST, rust, exit, [x])", "{badrpc,{'EXIT',x}}").await;
    cluster.expect("rpc:call(RUST, rust, throw, [x])", "x").await;
}

async fn ways_to_call(cluster: &Cluster) {
    cluster.expect("rpc:call(RUST, rust, add, [1, 2])", "3").await;
    cluster.expect("rpc:call(RUST, rust, sleep, [50000], 50)", "{badrpc,timeout}").await;
    cluster
        .expect("erpc:multicall([RUST, node()], erlang, node, []) =:= [{ok, RUST}, {ok, node()}]", "true")
        .await;
    cluster.expect("erpc:receive_response(erpc:send_request(RUST, rust, add, [1, 2]))", "3").await;
    cluster.expect("rpc:cast(RUST, rust, send, [self(), by_cast]), Next()", "by_cast").await;
    cluster.expect("erpc:cast(RUST, rust, send, [self(), by_erpc_cast]), Next()", "by_erpc_cast").await;
    cluster
        .expect(
            "P = spawn(RUST, rust, send, [self(), spawned]), {node(P) =:= RUST, Next()}",
            "{true,spawned}",
        )
        .await;
    cluster
        .expect(
            "process_flag(trap_exit, true), P = spawn_link(RUST, rust, exit, [bye]),
             case Next() of {'EXIT', P, R} -> R end",
            "bye",
        )
        .await;
    cluster
        .expect(
            "process_flag(trap_exit, true), P = spawn_link(RUST, rust, add, [1, 2]),
             case Next() of {'EXIT', P, R} -> R end",
            "normal",
        )
        .await;
    cluster
        .expect(
            "{P, M} = spawn_monitor(RUST, rust, fail, [oops]), case Next() of {'DOWN', M, process, P, R} -> R end",
            "{oops,[{rust,fail,1,[]}]}",
        )
        .await;
    cluster
        .expect(
            "{P, M} = spawn_monitor(RUST, rust, throw, [ball]), case Next() of {'DOWN', M, process, P, R} -> R end",
            "{{nocatch,ball},[{rust,throw,1,[]}]}",
        )
        .await;
    cluster
        .expect(
            "R = spawn_request(RUST, rust, exit, [bye], [monitor]),
             P = case Next() of {spawn_reply, R, ok, Pid} -> Pid end,
             case Next() of {'DOWN', R, process, P, Reason} -> Reason end",
            "bye",
        )
        .await;
}

async fn what_is_not_there(cluster: &Cluster) {
    for (module, function) in
        [("rust", "nothing"), ("os", "cmd"), ("file", "read_file"), ("erlang", "open_port"), ("nil", "nil")]
    {
        let source = format!(
            "try erpc:call(RUST, {module}, {function}, [a, 1])
             catch error:{{exception, undef, [{{{module}, {function}, [a, 1], _}} | _]}} -> undefined end"
        );
        cluster.expect(&source, "undefined").await;
    }
    // The right name, the wrong number of arguments, or arguments of another type.
    cluster
        .expect("try Rust(add, [1]) catch error:{exception, undef, _} -> undefined end", "undefined")
        .await;
    cluster
        .expect(
            "try Rust(sleep, [a]) catch error:{exception, R, [{rust, sleep, [a], _}]} -> R end",
            "function_clause",
        )
        .await;
}

async fn new_processes(cluster: &Cluster) {
    cluster
        .expect(
            "[P, Q] = [Rust(self, []), Rust(self, [])], {is_pid(P), node(P) =:= RUST, P =/= Q}",
            "{true,true,true}",
        )
        .await;
    cluster.expect("P = Rust(spawn_echo, []), P ! {self(), #{hi => 1}}, Next()", "#{hi => 1}").await;
    cluster
        .expect(
            "P = Rust(spawn_echo, []), M = monitor(process, P), exit(P, enough),
             case Next() of {'DOWN', M, process, P, R} -> R end",
            "enough",
        )
        .await;
    cluster.expect("Rust(spawn_idle, [10000])", "ok").await;
}

// --- the Rust node as a client -----------------------------------------------------------------------------------

async fn connections(cluster: &Cluster) {
    cluster
        .expect("[Rust(ping, [N]) || N <- [node(), RUST, no@where, nothing]]", "[pong,pong,pang,pang]")
        .await;
    cluster.expect("[Rust(connect, [N]) || N <- [node(), RUST, no@where]]", "[true,true,false]").await;
    cluster.expect("Rust(disconnect, [no@where])", "false").await;
    // The answer can't come back over the connection that the call closes.
    cluster
        .expect(
            "net_kernel:monitor_nodes(true), rpc:cast(RUST, rust, disconnect, [node()]), Next() =:= {nodedown, RUST}",
            "true",
        )
        .await;
    cluster.expect("net_adm:ping(RUST)", "pong").await;
}

async fn messages(cluster: &Cluster) {
    cluster.expect("{Rust(send, [self(), {a, 1}]), Next()}", "{ok,{a,1}}").await;
    cluster.expect("{Rust(send, [alias(), hi]), Next()}", "{ok,hi}").await;
    cluster
        .expect("register(playground, self()), {Rust(send, [{playground, node()}, hi]), Next()}", "{ok,hi}")
        .await;
    cluster.expect("Rust(send, [{nobody, node()}, hi])", "ok").await;
    cluster.expect("Rust(send, [{nobody, no@where}, hi])", "ok").await;
    cluster
        .expect(
            "Target = spawn(fun() -> receive after infinity -> ok end end), M = monitor(process, Target),
             V = Rust(exit_process, [Target, {bye, 1}]), case Next() of {'DOWN', M, process, _, R} -> {V, R} end",
            "{true,{bye,1}}",
        )
        .await;
    cluster
        .expect(
            "Target = spawn(fun() -> process_flag(trap_exit, true), receive after infinity -> ok end end),
             M = monitor(process, Target), Rust(exit_process, [Target, kill]),
             case Next() of {'DOWN', M, process, _, R} -> R end",
            "killed",
        )
        .await;
}

async fn calls(cluster: &Cluster) {
    // As a gen_server; an old one replies to the pid, and all reply to the tag.
    let server = "Server = spawn(fun S() -> receive
             {'$gen_call', From, crash} -> exit({crash, element(1, From)});
             {'$gen_call', _, silent} -> S();
             {'$gen_call', From, Request} -> gen_server:reply(From, {got, Request}), S()
         end end), ";
    cluster.expect(&format!("{server} Rust(call, [Server, {{a, 1}}, 50000])"), "{ok,{got,{a,1}}}").await;
    cluster.expect(&format!("{server} Rust(call, [Server, hi, infinity])"), "{ok,{got,hi}}").await;
    cluster
        .expect(
            &format!("{server} register(gs, Server), Rust(call, [{{gs, node()}}, hi, 50000])"),
            "{ok,{got,hi}}",
        )
        .await;
    cluster.expect(&format!("{server} Rust(call, [Server, silent, 50])"), "{error,timeout}").await;
    cluster
        .expect(
            &format!(
                "{server} {{error, {{crash, P}}}} = Rust(call, [Server, crash, 50000]), node(P) =:= RUST"
            ),
            "true",
        )
        .await;
    cluster.expect("Rust(call, [{nobody, node()}, x, 50000])", "{error,noproc}").await;
    cluster.expect("Rust(call, [{nobody, no@where}, x, 50000])", "{error,{nodedown,no@where}}").await;

    cluster.expect("Rust(rpc, [node(), lists, reverse, [[1, 2]], 50000])", "{ok,[2,1]}").await;
    cluster.expect("Rust(rpc, [RUST, rust, add, [1, 2], 50000])", "{ok,3}").await;
    cluster
        .expect(
            "{error, {error, {exception, oops, [{erlang, error, [oops], _} | _]}}} =
                 Rust(rpc, [node(), erlang, error, [oops], 50000]), ok",
            "ok",
        )
        .await;
    cluster.expect("Rust(rpc, [node(), erlang, exit, [x], 50000])", "{error,{exit,{exception,x}}}").await;
    cluster.expect("Rust(rpc, [node(), erlang, throw, [x], 50000])", "{error,{throw,x}}").await;
    cluster.expect("Rust(rpc, [node(), timer, sleep, [50000], 50])", "{error,{error,{erpc,timeout}}}").await;
    cluster.expect("Rust(rpc, [no@where, m, f, [], 50000])", "{error,{error,{erpc,noconnection}}}").await;

    cluster
        .expect(
            "P = Rust(spawn, [node(), erlang, send, [self(), hi]]), {node(P) =:= node(), Next()}",
            "{true,hi}",
        )
        .await;
    cluster
        .expect(
            "try Rust(spawn, [no@where, m, f, []]) catch error:{exception, R, _} -> R end",
            "noconnection",
        )
        .await;
}

async fn links(cluster: &Cluster) {
    let idle = "Idle = spawn(fun() -> receive after infinity -> ok end end), ";
    cluster
        .expect(
            &format!(
                "{idle} P = Rust(link, [Idle, self()]), {{links, [P]}} = process_info(Idle, links),
             exit(Idle, {{bye, 1}}), Next() =:= {{rust_exit, Idle, {{bye, 1}}}}"
            ),
            "true",
        )
        .await;
    cluster
        .expect(
            "Gone = spawn(fun() -> ok end), Rust(link, [Gone, self()]), Next() =:= {rust_exit, Gone, noproc}",
            "true",
        )
        .await;
    // The other way: the end of the Rust process ends the linked one.
    cluster
        .expect(
            &format!(
                "{idle} P = Rust(link, [Idle]), M = monitor(process, Idle), exit(P, {{bye, 2}}),
             case Next() of {{'DOWN', M, process, Idle, R}} -> R end"
            ),
            "{bye,2}",
        )
        .await;
    cluster
        .expect(
            &format!(
                "{idle} P = Rust(link, [Idle]), M = monitor(process, Idle), exit(P, kill),
             case Next() of {{'DOWN', M, process, Idle, R}} -> R end"
            ),
            "killed",
        )
        .await;
}

async fn monitors(cluster: &Cluster) {
    let idle = "Idle = spawn(fun() -> receive after infinity -> ok end end), ";
    cluster
        .expect(
            &format!("{idle} P = Rust(monitor, [Idle, self()]), {{monitored_by, [P]}} = process_info(Idle, monitored_by),
             exit(Idle, {{bye, 1}}), Next() =:= {{rust_down, Idle, {{bye, 1}}}}"),
            "true",
        )
        .await;
    cluster
        .expect(
            &format!("{idle} register(watched, Idle), Rust(monitor, [{{watched, node()}}, self()]), exit(Idle, kill),
             Next() =:= {{rust_down, {{watched, node()}}, killed}}"),
            "true",
        )
        .await;
    cluster
        .expect(
            "Rust(monitor, [{nobody, node()}, self()]), Next() =:= {rust_down, {nobody, node()}, noproc}",
            "true",
        )
        .await;
    cluster
        .expect(
            "Rust(monitor, [{nobody, no@where}, self()]), Next()",
            "{rust_down,{nobody,no@where},noconnection}",
        )
        .await;
}

async fn node_monitors(cluster: &Cluster) {
    let port = cluster.beam.eval("os:getenv(\"ERL_EPMD_PORT\")").await.expect("a value");
    let port = port.trim_matches('"').parse().expect("a port");
    let shell = cluster.beam.shell();
    let rust = cluster.rust.atom();
    shell.eval(&format!("P = erpc:call({rust}, rust, monitor_nodes, [self()]).")).await.expect("a pid");
    let next = "(fun() -> receive M -> M after 50000 -> nothing end end)().";
    let other = BeamNode::start(Release::Otp27, NodeOptions::with_epmd_port(port)).await;
    other.expect(&format!("net_adm:ping({rust})"), "pong").await;
    shell.expect(next, &format!("{{nodeup,{}}}", other.atom())).await;
    other.kill_9();
    shell.expect(next, &format!("{{nodedown,{}}}", other.atom())).await;
}

// --- benchmarks --------------------------------------------------------------------------------------------------

async fn global_names(cluster: &Cluster) {
    // Until both are in one cluster nobody else has heard of the name.
    cluster.expect("global:sync()", "ok").await;
    cluster.expect("rpc:call(RUST, rust, whereis_global, [name])", "undefined").await;
    cluster.expect("rpc:call(RUST, rust, register_global, [name])", "yes").await;
    cluster.expect("rpc:call(RUST, rust, register_global, [name])", "no").await;
    cluster.expect("global:send(name, {self(), hello}), Next()", "hello").await;
    cluster
        .expect(
            "P = rpc:call(RUST, rust, whereis_global, [name]), {P =:= global:whereis_name(name), node(P) =:= RUST}",
            "{true,true}",
        )
        .await;
    cluster.expect("global:register_name({ours, 1}, self()), rpc:call(RUST, rust, whereis_global, [{ours, 1}]) =:= self()", "true").await;
    cluster
        .expect("global:unregister_name(name), rpc:call(RUST, rust, whereis_global, [name])", "undefined")
        .await;
    cluster
        .expect(
            "rpc:call(RUST, rust, send, [{global, {ours, 2}}, x])",
            "{badrpc,{'EXIT',{badarg,[{rust,send,2,[]}]}}}",
        )
        .await;
}

async fn benchmarks(cluster: &Cluster) {
    let server = "Server = spawn(fun S() -> receive
         {'$gen_call', From, get} -> gen_server:reply(From, 0), S(); {From, X} -> From ! X, S() end end), ";
    let checked =
        "true = is_integer(Us) and is_integer(P50) and is_integer(P99), true = P50 =< P99, true = Us > 0, ok";
    for call in [
        "bench_call, [Server, 100, 3]",
        "bench_echo, [Server, 100, 3, <<1, 2>>]",
        "bench_echo, [{echo, RUST}, 100, 3, x]",
        "bench_erpc, [RUST, 100, 3]",
    ] {
        cluster.expect(&format!("{server} {{ok, Us, P50, P99}} = Rust({call}), {checked}"), "ok").await;
    }
    cluster.expect("{ok, Us} = Rust(bench_send, [{sink, RUST}, 5000, <<1>>]), is_integer(Us)", "true").await;
    cluster
        .expect(
            "Sink = spawn(fun S() -> put(n, 0), (fun L() -> receive
                 {report, From} -> From ! {sink, get(n)}, put(n, 0), L(); _ -> put(n, get(n) + 1), L() end end)() end),
             {ok, Us} = Rust(bench_send, [Sink, 5000, <<1>>]), is_integer(Us)",
            "true",
        )
        .await;
    cluster
        .expect("try Rust(bench_call, [{nobody, node()}, 1, 1]) catch exit:{exception, R} -> R end", "noproc")
        .await;
}

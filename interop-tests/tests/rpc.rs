//! `erpc` and `rpc`, both ways, as three releases of OTP make and serve the calls.
//!
//! What is expected of the Rust node here is what a BEAM node answers: OTP 25, 27 and 29 do so alike.

use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use erlnode::atom;
use erlnode::node::{Caller, Class, Node, Raise};
use erlnode::otp::ErpcError;
use erlnode::process::Exit;
use erlnode::term::{Atom, Pid, Term};
use interop_tests::{
    BeamNode, Epmd, NodeOptions, PATIENCE, Release, RustNode, free_port, unique_name, wait_until,
};

/// A Rust node, which serves epmd for both, and an Erlang node.
struct Cluster {
    rust: RustNode,
    beam: BeamNode,
    epmd_port: u16,
}

impl Cluster {
    async fn start(release: Release) -> Cluster {
        let epmd_port = free_port();
        let options = NodeOptions::with_epmd_port(epmd_port);
        let rust = RustNode::start(options.clone()).await;
        Cluster { rust, beam: BeamNode::start(release, options).await, epmd_port }
    }

    /// Has the Erlang node evaluate `source`, in which `RUST` is the name of the Rust node.
    async fn expect(&self, source: &str, expected: &str) {
        let source = format!(
            "Next = fun() -> receive M -> M after 5000 -> nothing end end,
             Try = fun(F) -> try F() catch C:R -> {{C, R}} end end, _ = {{Next, Try}}, {source}"
        );
        self.beam.expect(&source.replace("RUST", &self.rust.atom()), expected).await;
    }

    async fn expect_all(&self, cases: &[(&str, &str)]) {
        for (source, expected) in cases {
            self.expect(source, expected).await;
        }
    }
}

/// What `erpc` makes of values, exceptions, and calls that make no sense.
const ERPC: [(&str, &str); 23] = [
    ("erpc:call(RUST, rust, add, [1, 2])", "3"),
    ("erpc:call(RUST, rust, add, [1, 2], infinity)", "3"),
    ("erpc:call(RUST, fun rust:self/0) =:= self()", "false"),
    ("erpc:call(RUST, fun erlang:node/0, 1000) =:= RUST", "true"),
    (
        "Try(fun() -> erpc:call(RUST, nosuch, f, [1, 2]) end)",
        "{error,{exception,undef,[{nosuch,f,[1,2],[]}]}}",
    ),
    ("Try(fun() -> erpc:call(RUST, rust, add, [1]) end)", "{error,{exception,undef,[{rust,add,[1],[]}]}}"),
    ("Try(fun() -> erpc:call(RUST, rust, fail, [x]) end)", "{error,{exception,x,[{rust,fail,1,[]}]}}"),
    ("Try(fun() -> erpc:call(RUST, rust, exit, [x]) end)", "{exit,{exception,x}}"),
    ("Try(fun() -> erpc:call(RUST, rust, exit, [normal]) end)", "{exit,{exception,normal}}"),
    ("Try(fun() -> erpc:call(RUST, rust, throw, [x]) end)", "{throw,x}"),
    (
        "Try(fun() -> erpc:call(RUST, rust, sleep, [a]) end)",
        "{error,{exception,function_clause,[{rust,sleep,[a],[]}]}}",
    ),
    (
        "Try(fun() -> erpc:call(RUST, erlang, error, [x]) end)",
        "{error,{exception,x,[{erlang,error,[x],[]}]}}",
    ),
    (
        "Try(fun() -> erpc:call(RUST, nosuch, f, [1|2]) end)",
        "{error,{exception,badarg,[{erlang,apply,[nosuch,f,[1|2]],[{error_info,#{module => erl_erts_errors}}]}]}}",
    ),
    (
        "Try(fun() -> erpc:call(RUST, erlang, apply, [1, f, []]) end)",
        "{error,{exception,badarg,[{erlang,apply,[1,f,[]],[{error_info,#{module => erl_erts_errors}}]}]}}",
    ),
    (
        "Try(fun() -> erpc:call(RUST, fun nosuch:f/0) end)",
        "{error,{exception,undef,[{nosuch,f,[],[]},{erlang,apply,2,[]}]}}",
    ),
    (
        "Try(fun() -> erpc:call(RUST, erlang, apply, [fun rust:add/2, [1]]) end)",
        "{error,{exception,{badarity,{fun rust:add/2,[1]}},[{erlang,apply,2,[]}]}}",
    ),
    ("P = erpc:call(RUST, rust, spawn_echo, []), erpc:call(RUST, erlang, exit, [P, kill])", "true"),
    ("erpc:call(RUST, erlang, group_leader, []) =:= group_leader()", "true"),
    ("Id = erpc:send_request(RUST, rust, add, [1, 2]), erpc:receive_response(Id, 5000)", "3"),
    (
        "Id = erpc:send_request(RUST, rust, exit, [x]), Try(fun() -> erpc:receive_response(Id) end)",
        "{exit,{exception,x}}",
    ),
    (
        "erpc:multicall([RUST, node(), no@where, RUST], erlang, apply, [erlang, abs, [-1]])",
        "[{error,{exception,undef,[{erlang,abs,[-1],[]},{erlang,apply,3,[]}]}},{ok,1},{error,{erpc,noconnection}},\
          {error,{exception,undef,[{erlang,abs,[-1],[]},{erlang,apply,3,[]}]}}]",
    ),
    ("Me = self(), ok = erpc:cast(RUST, rust, send, [Me, hi]), Next()", "hi"),
    ("ok = erpc:multicast([RUST, RUST], rust, send, [self(), hi]), {Next(), Next()}", "{hi,hi}"),
];

/// What `rpc` makes of the same, and what only `rpc` has.
const RPC: [(&str, &str); 34] = [
    ("rpc:call(RUST, rust, add, [1, 2])", "3"),
    ("rpc:call(RUST, rust, fail, [x])", "{badrpc,{'EXIT',{x,[{rust,fail,1,[]}]}}}"),
    ("rpc:call(RUST, rust, exit, [x])", "{badrpc,{'EXIT',x}}"),
    ("rpc:call(RUST, rust, throw, [x])", "x"),
    ("rpc:call(RUST, rust, echo, [{'EXIT', x}])", "{badrpc,{'EXIT',x}}"),
    ("rpc:call(RUST, nosuch, f, [])", "{badrpc,{'EXIT',{undef,[{nosuch,f,[],[]}]}}}"),
    ("rpc:call(RUST, rust, sleep, [50000], 50)", "{badrpc,timeout}"),
    ("rpc:multicall([RUST, no@where], rust, add, [1, 2])", "{[3],[no@where]}"),
    ("K = rpc:async_call(RUST, rust, add, [1, 2]), rpc:yield(K)", "3"),
    (
        "K = rpc:async_call(RUST, rust, sleep, [2000]), {rpc:nb_yield(K, 0), rpc:nb_yield(K, 50000)}",
        "{timeout,{value,ok}}",
    ),
    ("rpc:pmap({lists, reverse}, [], [\"ab\"])", "[\"ba\"]"),
    ("true = rpc:cast(RUST, rust, send, [self(), hi]), Next()", "hi"),
    ("rpc:eval_everywhere([RUST], rust, send, [self(), hi]), Next()", "hi"),
    ("rpc:block_call(RUST, rust, add, [1, 2])", "3"),
    ("rpc:block_call(RUST, rust, fail, [x])", "{badrpc,{'EXIT',{x,[{rust,fail,1,[]}]}}}"),
    ("rpc:block_call(RUST, rust, exit, [x])", "{badrpc,{'EXIT',x}}"),
    ("rpc:block_call(RUST, rust, throw, [x])", "x"),
    ("rpc:block_call(RUST, nosuch, f, [1])", "{badrpc,{'EXIT',{undef,[{nosuch,f,[1],[]}]}}}"),
    ("rpc:block_call(RUST, erlang, group_leader, []) =:= group_leader()", "true"),
    ("rpc:pinfo(erpc:call(RUST, erlang, whereis, [rex]), registered_name)", "{registered_name,rex}"),
    (
        "P = spawn(RUST, rust, sleep, [0]), monitor(process, P), {_, _, _, P, _} = Next(), {rpc:pinfo(P), rpc:pinfo(P, links)}",
        "{undefined,undefined}",
    ),
    // `rex` is there, but does not register anything under `nobody`.
    ("rpc:sbcast([RUST, no@where], echo, {self(), hi}) =:= {[RUST], [no@where]}", "true"),
    ("rpc:sbcast([RUST], nobody, hi) =:= {[], [RUST]}", "true"),
    ("rpc:abcast([RUST], echo, {self(), hi}), Next()", "hi"),
    ("rpc:server_call(RUST, rex, features_reply, features_request)", "[erpc]"),
    (
        "{rex, RUST} ! {self(), {sbcast, \"x\", hi}}, setelement(2, Next(), node)",
        "{rex,node,{nonexisting_name,\"x\"}}",
    ),
    (
        "{rex, RUST} ! {self(), {send, nobody, hi}}, setelement(2, Next(), node)",
        "{rex,node,{nonexisting_name,nobody}}",
    ),
    ("{rex, RUST} ! {self(), {send, echo, hi}}, Next()", "hi"),
    // As nodes before OTP 23 and C nodes call.
    ("gen_server:call({rex, RUST}, {call, rust, add, [1, 2], group_leader()})", "3"),
    (
        "gen_server:call({rex, RUST}, {call, rust, add, [1|2], user})",
        "{badrpc,{'EXIT',{badarg,[{erlang,apply,[rust,add,[1|2]],[{error_info,#{module => erl_erts_errors}}]}]}}}",
    ),
    ("gen_server:cast({rex, RUST}, {cast, rust, send, [self(), hi], group_leader()}), Next()", "hi"),
    ("{rex, RUST} ! {self(), {call, rust, add, [1, 2], user}}, Next()", "{rex,3}"),
    (
        "{rex, RUST} ! {self(), {call, rust, exit, [x], send_stdout_to_caller}}, Next()",
        "{rex,{badrpc,{'EXIT',x}}}",
    ),
    // Nothing was left behind by all of that.
    ("{messages, Left} = process_info(self(), messages), Left", "[]"),
];

/// What nodes before OTP 23 ask `net_kernel` for.
const NET_KERNEL: [(&str, &str); 6] = [
    ("gen_server:call({net_kernel, RUST}, {is_auth, node()})", "yes"),
    (
        "P = gen_server:call({net_kernel, RUST}, {spawn, rust, send, [self(), hi], group_leader()}),
         {Next(), node(P) =:= RUST}",
        "{hi,true}",
    ),
    (
        "process_flag(trap_exit, true),
         P = gen_server:call({net_kernel, RUST}, {spawn_link, rust, exit, [bye], group_leader()}),
         {'EXIT', P, R} = Next(), R",
        "bye",
    ),
    (
        "process_flag(trap_exit, true),
         P = gen_server:call({net_kernel, RUST}, {spawn_opt, rust, exit, [bye], [{priority, high}], link, group_leader()}),
         {'EXIT', P, R} = Next(), R",
        "bye",
    ),
    (
        "process_flag(trap_exit, true),
         P = gen_server:call({net_kernel, RUST}, {spawn_opt, rust, send, [self(), hi], [], no_link, group_leader()}),
         {Next(), node(P) =:= RUST}",
        "{hi,true}",
    ),
    (
        "gen_server:call({net_kernel, RUST}, {spawn_opt, rust, exit, [bye], [nonsense], link, group_leader()})",
        "{'EXIT',{badarg,[]}}",
    ),
];

async fn calls_from(release: Release) {
    let cluster = Cluster::start(release).await;
    cluster.expect_all(&ERPC).await;
    cluster.expect_all(&RPC).await;
    cluster.expect_all(&NET_KERNEL).await;
    large_values(&cluster).await;
    callers_that_go(&cluster).await;
    nobody_waits_for_others(&cluster).await;
    calls_of_a_c_node(&cluster, release);
}

async fn large_values(cluster: &Cluster) {
    cluster
        .expect(
            "B = binary:copy(<<\"12345678\">>, 1 bsl 20), L = lists:seq(1, 100000),
             [erpc:call(RUST, rust, echo, [X]) =:= X || X <- [B, {B, B}, L]]",
            "[true,true,true]",
        )
        .await;
    // Also as the reason of a process that others watch.
    cluster
        .expect(
            "B = binary:copy(<<\"12345678\">>, 1 bsl 20), {P, M} = spawn_monitor(RUST, rust, exit, [B]),
             {'DOWN', M, process, P, R} = Next(), R =:= B",
            "true",
        )
        .await;
}

/// Calls that are given up run to their end, and nobody hears of them.
async fn callers_that_go(cluster: &Cluster) {
    cluster
        .expect(
            "[{error, {erpc, timeout}} = Try(fun() -> erpc:call(RUST, rust, sleep, [2000], 50) end) || _ <- [1, 2, 3]],
             receive X -> X after 3000 -> none end",
            "none",
        )
        .await;
    cluster
        .expect(
            "{P, M} = spawn_monitor(fun() -> erpc:call(RUST, rust, sleep, [100]) end), timer:sleep(30),
             exit(P, kill), {'DOWN', M, process, P, killed} = Next(), timer:sleep(100), erpc:call(RUST, rust, add, [1, 2])",
            "3",
        )
        .await;
}

/// `rex` serves others while a call is under way; only `block_call`s wait for each other.
async fn nobody_waits_for_others(cluster: &Cluster) {
    cluster
        .expect(
            "Me = self(), Call = fun(F, Ms) -> spawn(fun() -> Me ! {F, rpc:F(RUST, rust, sleep, [Ms])} end) end,
             Call(block_call, 3000), timer:sleep(50), Call(block_call, 0),
             spawn(fun() -> gen_server:call({rex, RUST}, {call, rust, sleep, [3000], user}), Me ! {call, ok} end),
             {rex, RUST} ! {self(), features_request}, {features_reply, RUST, [erpc]} = Next(),
             3 = gen_server:call({rex, RUST}, {call, rust, add, [1, 2], user}),
             {_, Slow} = timer:tc(fun() -> [Next(), Next(), Next()] end), lists:sort(Slow)",
            "[{block_call,ok},{block_call,ok},{call,ok}]",
        )
        .await;
}

/// Runs the C node of OTP that calls a function and prints its value.
fn erl_call(release: Release, epmd_port: u16, node: &str, cookie: &str, arguments: &[&str]) -> String {
    let mut command: Command = release.command("erl_call");
    let name = if node.contains('.') { "-name" } else { "-sname" };
    command.env("ERL_EPMD_PORT", epmd_port.to_string()).args(["-c", cookie, name, node]).args(arguments);
    let output = command.output().expect("erl_call runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{arguments:?}: {text} {}", String::from_utf8_lossy(&output.stderr));
    text
}

fn calls_of_a_c_node(cluster: &Cluster, release: Release) {
    let Cluster { rust, epmd_port, .. } = cluster;
    let run = |arguments: &[&str]| erl_call(release, *epmd_port, rust.name(), rust.cookie(), arguments);
    assert_eq!(run(&["-a", "rust add [1,2]"]), "3");
    assert_eq!(run(&["-a", "rust echo [{a,\"text\",[1.5]}]"]), "{a, \"text\", [1.500000]}");
    assert_eq!(run(&["-fetch_stdout", "-a", "rust add [1,2]"]), "3");
    assert!(run(&["-a", "nosuch f [1]"]).contains("undef"));
}

// --- calls of the Rust node ----------------------------------------------------------------------------------------

async fn calls_to(release: Release) {
    let epmd = Epmd::start(release).await;
    let beam = BeamNode::start(release, NodeOptions::with(&epmd).arguments(["+P", "1024"])).await;
    let builder =
        Node::builder(&unique_name("rust")).cookie(beam.cookie()).epmd_port(epmd.port()).serve_epmd(false);
    let node = builder.start().await.unwrap_or_else(|error| panic!("{error}"));
    values_and_exceptions(&node, beam.name()).await;
    given_up_and_killed(&node, &beam).await;
    own_node(&node).await;
    output(&node, release, &epmd, beam.cookie()).await;
    no_room_and_no_node(&node, &beam).await;
    node.shutdown().await;
}

/// What the call comes to, in words.
async fn outcome(node: &Node, at: &str, m: &str, f: &str, arguments: &str) -> String {
    let arguments: Term = arguments.parse().unwrap();
    let arguments = arguments.as_list().unwrap().to_vec();
    match node.erpc(at).call::<_, Term>(m, f, arguments).await {
        Ok(value) => value.to_string(),
        Err(ErpcError::Raised(Raise { class: Class::Error, reason, stack })) => {
            format!("error {reason} {stack}")
        }
        Err(ErpcError::Raised(Raise { class, reason, .. })) => format!("{class:?} {reason}"),
        Err(error) => panic!("{error}"),
    }
}

async fn values_and_exceptions(node: &Node, at: &str) {
    let abs: i64 = node.erpc(at).call("erlang", "abs", (-3,)).await.unwrap();
    assert_eq!(abs, 3);
    let sum: i64 = node.erpc(at).call("lists", "sum", vec![vec![1, 2, 3]]).await.unwrap();
    assert_eq!(sum, 6);
    let name: Atom = node.erpc(at).call("erlang", "node", ()).await.unwrap();
    assert_eq!(name, at);
    let large = Term::from(Bytes::from(vec![7; 8 << 20]));
    let size: usize = node.erpc(at).call("erlang", "byte_size", (&large,)).await.unwrap();
    assert_eq!(size, 8 << 20);
    let copy: Term =
        node.erpc(at).call("binary", "copy", (Term::from(Bytes::from_static(&[7])), size)).await.unwrap();
    assert!(copy == large);
    let value: Result<i64, _> = node.erpc(at).call("erlang", "node", ()).await;
    assert!(matches!(value, Err(ErpcError::Value(_))), "{value:?}");

    assert_eq!(outcome(node, at, "nosuch", "f", "[1,2]").await, "error undef [{nosuch,f,[1,2],[]}]");
    assert_eq!(outcome(node, at, "erlang", "error", "[x]").await, "error x [{erlang,error,[x],[]}]");
    assert_eq!(outcome(node, at, "erlang", "exit", "[x]").await, "Exit x");
    assert_eq!(outcome(node, at, "erlang", "throw", "[x]").await, "Throw x");
    let badarg = "error badarg [{erlang,abs,[x],[{error_info,#{module => erl_erts_errors}}]}]";
    assert_eq!(outcome(node, at, "erlang", "abs", "[x]").await, badarg);

    // A process of the node gets what is cast, and the node hears nothing of it.
    let (sender, received) = tokio::sync::oneshot::channel();
    let pid = node.spawn(async move |mut process| {
        let _ = sender.send(process.receive().await.to_term());
        Ok(())
    });
    node.erpc(at).cast("erlang", "send", (&pid, atom!("hi"))).await.unwrap();
    assert_eq!(received.await.unwrap().unwrap().to_string(), "hi");
}

async fn given_up_and_killed(node: &Node, beam: &BeamNode) {
    let at = beam.name();
    let processes = node.processes().len();
    let brief = Duration::from_millis(100);
    let late = node.erpc(at).call::<_, Term>("timer", "sleep", (20_000,)).timeout(brief).await.unwrap_err();
    assert!(matches!(late, ErpcError::Timeout(after) if after == brief), "{late}");
    assert_eq!(late.class_and_reason().1.to_string(), "{erpc,timeout}");
    // It goes on there, and nobody here waits for it: the process is gone, and with it the monitor.
    let sleeping = "[process_info(P, monitored_by) || P <- processes(),
         process_info(P, initial_call) =:= {initial_call, {erpc, execute_call, 4}}]";
    beam.wait_until(sleeping, "[{monitored_by,[]}]").await;
    assert_eq!(node.processes().len(), processes);
    let (killed, ()) = tokio::join!(node.erpc(at).call::<_, Term>("timer", "sleep", (60_000,)), async {
        let kill = "[exit(P, kill) || P <- processes(),
                 process_info(P, monitored_by) =/= {monitored_by, []},
                 process_info(P, initial_call) =:= {initial_call, {erpc, execute_call, 4}}]";
        beam.wait_until(kill, "[true]").await;
    });
    let killed = killed.unwrap_err();
    assert!(matches!(&killed, ErpcError::Signal(reason) if reason.is_atom("killed")), "{killed}");
    assert_eq!(killed.class_and_reason().1.to_string(), "{signal,killed}");
}

async fn own_node(node: &Node) {
    let own = node.name().as_str();
    node.export("test", "half", async |_: Caller, (n,): (i64,)| Ok(n / 2));
    node.export("test", "fail", async |_: Caller, (reason,): (Term,)| Err::<(), _>(Raise::error(reason)));
    let half: i64 = node.erpc(own).call("test", "half", (4,)).await.unwrap();
    assert_eq!(half, 2);
    assert_eq!(outcome(node, own, "test", "fail", "[x]").await, "error x [{test,fail,1,[]}]");
    assert_eq!(outcome(node, own, "test", "half", "[x]").await, "error function_clause [{test,half,[x],[]}]");
    assert_eq!(
        outcome(node, own, "os", "cmd", "[<<\"id\">>]").await,
        "error undef [{os,cmd,[<<\"id\">>],[]}]"
    );
}

/// What a function prints goes to the group leader of its caller, and of a C node to it.
async fn output(node: &Node, release: Release, epmd: &Epmd, cookie: &str) {
    node.export("test", "print", async |mut caller: Caller, (text,): (String,)| {
        let reference = caller.node().make_ref();
        let put = (atom!("put_chars"), atom!("unicode"), text);
        let request = (atom!("io_request"), caller.pid().clone(), reference, put);
        caller.send(caller.group_leader(), request).await?;
        let (_, _, reply) = caller.receive().await.decode::<(Atom, Term, Atom)>().map_err(Exit::from)?;
        Ok(reply)
    });
    // The node is in this program: it has to go on while the other one runs.
    let (port, name, cookie) = (epmd.port(), node.name().as_str().to_owned(), cookie.to_owned());
    let arguments = ["-fetch_stdout", "-a", "test print [\"hi\"]"];
    let run = move || erl_call(release, port, &name, &cookie, &arguments);
    let printed = tokio::task::spawn_blocking(run).await.unwrap();
    assert_eq!(printed, "hiok");
    let (sender, leader) = tokio::sync::oneshot::channel();
    let own = node.name().as_str().to_owned();
    let pid = node.spawn(async move |process| {
        let leader: Pid = process.erpc(&own).call("erlang", "group_leader", ()).await?;
        let _ = sender.send((leader, process.group_leader()));
        Ok(())
    });
    let (leader, expected) = leader.await.unwrap();
    assert_eq!(leader, expected);
    assert_ne!(leader, pid);
}

async fn no_room_and_no_node(node: &Node, beam: &BeamNode) {
    let at = beam.name();
    // As the evaluation ends there is room again, for a moment.
    let fill = "spawn(fun Fill() -> catch spawn(fun() -> receive stop -> ok end end), Fill() end), ok";
    beam.expect(fill, "ok").await;
    wait_until(PATIENCE, async || match node.erpc(at).call::<_, Term>("erlang", "node", ()).await {
        Ok(_) => false,
        Err(error) => {
            assert!(matches!(&error, ErpcError::NotStarted(reason) if reason == "system_limit"), "{error}");
            assert_eq!(error.class_and_reason().1.to_string(), "{erpc,system_limit}");
            true
        }
    })
    .await;

    let error = node.erpc("no@where").call::<_, Term>("erlang", "node", ()).await.unwrap_err();
    assert!(matches!(&error, ErpcError::NoConnection(_)), "{error}");
    assert_eq!(error.class_and_reason().1.to_string(), "{erpc,noconnection}");

    beam.kill_9();
    let error = node.erpc(at).call::<_, Term>("erlang", "node", ()).await.unwrap_err();
    // What was refused just before is no matter here.
    let is_gone = |error: &ErpcError| match error {
        ErpcError::ConnectionLost(node) => node == at,
        error => matches!(error, ErpcError::NoConnection(_) | ErpcError::NotStarted(_)),
    };
    assert!(is_gone(&error), "{error}");
}

#[tokio::test]
async fn otp_25_calls() {
    calls_from(Release::Otp25).await;
}

#[tokio::test]
async fn otp_27_calls() {
    calls_from(Release::Otp27).await;
}

#[tokio::test]
async fn otp_29_calls() {
    calls_from(Release::Otp29).await;
}

#[tokio::test]
async fn otp_25_is_called() {
    calls_to(Release::Otp25).await;
}

#[tokio::test]
async fn otp_27_is_called() {
    calls_to(Release::Otp27).await;
}

#[tokio::test]
async fn otp_29_is_called() {
    calls_to(Release::Otp29).await;
}

//! Generic servers and supervisors: those of a Rust node used by BEAM nodes, and the other way round.

use std::time::Duration;

use erlnode::atom;
use erlnode::node::{Node, Process};
use erlnode::otp::gen_server::{CallError, From, GenServer, Reply};
use erlnode::otp::supervisor::{ChildSpec, Restart, Supervisor};
use erlnode::process::Exit;
use erlnode::term::{Atom, Term};
use interop_tests::{BeamNode, ElixirNode, Epmd, NodeOptions, Release, unique_name};
use serde::{Deserialize, Serialize};

/// Holds a number.
#[derive(Default)]
struct Counter {
    value: i64,
    waiting: Vec<From<Term>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Call {
    Get,
    Add(i64),
    /// Is replied to with the next cast `wake`.
    Later,
    Stop,
    Crash,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Cast {
    Add(i64),
    Wake,
}

impl GenServer for Counter {
    type Call = Call;
    type Cast = Cast;
    type Reply = Term;

    async fn init(&mut self, process: &mut Process) -> Result<(), Exit> {
        process.trap_exit(true);
        Ok(())
    }

    async fn handle_call(
        &mut self,
        call: Call,
        from: From<Term>,
        _process: &mut Process,
    ) -> Result<Reply<Term>, Exit> {
        match call {
            Call::Get => {}
            Call::Add(n) => self.value += n,
            Call::Later => {
                self.waiting.push(from);
                return Ok(Reply::Later);
            }
            Call::Stop => return Ok(Reply::Stop(Term::Atom(atom!("ok")), Exit::normal())),
            Call::Crash => return Err(Exit::new(atom!("crash"))),
        }
        Ok(Reply::Now(Term::from(self.value)))
    }

    async fn handle_cast(&mut self, cast: Cast, process: &mut Process) -> Result<(), Exit> {
        match cast {
            Cast::Add(n) => self.value += n,
            Cast::Wake => {
                for from in self.waiting.drain(..) {
                    from.reply(process, Term::from("late")).await?;
                }
            }
        }
        Ok(())
    }

    fn state(&self) -> Term {
        Term::tuple([Term::Atom(atom!("counter")), Term::from(self.value)])
    }
}

async fn rust_node(epmd: &Epmd) -> Node {
    let builder =
        Node::builder(&unique_name("rust")).cookie("interop").epmd_port(epmd.port()).serve_epmd(false);
    let node = builder.start().await.unwrap_or_else(|error| panic!("{error}"));
    let supervisor = Supervisor::one_for_one()
        .intensity(100, Duration::from_secs(5))
        .child(ChildSpec::server("counter", Counter::default).name("counter"))
        .child(ChildSpec::server("other", Counter::default).name("other").restart(Restart::Transient));
    node.start_server(supervisor).name("my_sup").await.expect("the supervisor starts");
    node
}

/// A BEAM node, and a Rust node with a supervised `counter`. In what the BEAM evaluates, `COUNTER` is
/// `{counter, RustNode}` and `RUST` the node.
struct Pair {
    rust: Node,
    /// The Rust node's name as the BEAM prints it.
    rust_atom: String,
    beam: BeamNode,
    _epmd: Epmd,
}

impl Pair {
    async fn start(release: Release) -> Pair {
        let epmd = Epmd::start(release).await;
        let (rust, beam) = tokio::join!(rust_node(&epmd), BeamNode::start(release, NodeOptions::with(&epmd)));
        let rust_atom = beam.eval(&format!("'{}'", rust.name())).await.expect("an atom");
        Pair { rust, rust_atom, beam, _epmd: epmd }
    }

    fn source(&self, source: &str) -> String {
        source.replace("COUNTER", &format!("{{counter,{}}}", self.rust_atom)).replace("RUST", &self.rust_atom)
    }

    async fn expect(&self, source: &str, expected: &str) {
        self.beam.expect(&self.source(source), &self.source(expected)).await;
    }
}

/// Calls until the server answers again, which it may not for a moment after its end.
const CALL_AGAIN: &str = "Again = fun Again(Request) -> \
     try gen_server:call(COUNTER, Request) catch exit:{noproc, _} -> Again(Request) end end, ";

// --- servers of a Rust node --------------------------------------------------------------------------------------

async fn is_called(release: Release) {
    let pair = Pair::start(release).await;
    pair.expect("gen_server:call(COUNTER, get)", "0").await;
    pair.expect("gen_server:call(COUNTER, {add, 2})", "2").await;
    pair.expect("gen_server:cast(COUNTER, {add, 3})", "ok").await;
    pair.expect("gen_server:call(COUNTER, get)", "5").await;
    let by_pid = "gen_server:call(erpc:call(RUST, erlang, whereis, [counter]), {add, 1}, infinity)";
    pair.expect(by_pid, "6").await;
    pair.expect(
        "gen_server:multi_call([RUST, node()], counter, get)",
        &format!("{{[{{RUST,6}}],[{}]}}", pair.beam.atom()),
    )
    .await;
    pair.expect("gen_server:multi_call([RUST], counter, get, 50000)", "{[{RUST,6}],[]}").await;
    pair.expect("gen_server:multi_call([RUST], nobody, get)", "{[],[RUST]}").await;
    pair.expect("gen_server:abcast([RUST], counter, {add, 1}), gen_server:call(COUNTER, get)", "7").await;
    pair.expect(
        "R = gen_server:send_request(COUNTER, get), gen_server:receive_response(R, 50000)",
        "{reply,7}",
    )
    .await;
    pair.expect("R = gen_server:send_request(COUNTER, get), gen_server:wait_response(R, 50000)", "{reply,7}")
        .await;
    let requests = "Rs = lists:foldl(fun(N, Acc) -> \
            gen_server:send_request(COUNTER, {add, 1}, N, Acc) end, gen_server:reqids_new(), [1, 2]), \
        {R1, N1, More} = gen_server:receive_response(Rs, 50000, true), \
        {R2, N2, _} = gen_server:receive_response(More, 50000, true), \
        [{R1, N1}, {R2, N2}, erlang:process_info(self(), messages)]";
    pair.expect(requests, "[{{reply,8},1},{{reply,9},2},{messages,[]}]").await;
    // What is unknown: a cast is dropped, a call ends the server.
    pair.expect("gen_server:cast(COUNTER, what), gen_server:call(COUNTER, get)", "9").await;
    pair.expect(
        "try gen_server:call(COUNTER, what) catch exit:Reason -> Reason end",
        "{{bad_call,what},{gen_server,call,[COUNTER,what]}}",
    )
    .await;
    pair.expect(
        "try gen_server:call({nobody, RUST}, get) catch exit:Reason -> Reason end",
        "{noproc,{gen_server,call,[{nobody,RUST},get]}}",
    )
    .await;
}

async fn a_late_reply_is_dropped(release: Release) {
    let pair = Pair::start(release).await;
    let late = "Timeout = try gen_server:call(COUNTER, later, 50) catch exit:{Reason, _} -> Reason end, \
        gen_server:cast(COUNTER, wake), 0 = gen_server:call(COUNTER, get), \
        {Timeout, erlang:process_info(self(), messages)}";
    pair.expect(late, "{timeout,{messages,[]}}").await;
    let in_time = "R = gen_server:send_request(COUNTER, later), gen_server:cast(COUNTER, wake), \
        gen_server:receive_response(R, 50000)";
    pair.expect(in_time, "{reply,<<\"late\">>}").await;
}

async fn ends_are_seen_and_followed_by_restarts(release: Release) {
    let pair = Pair::start(release).await;
    let ends = [
        ("catch gen_server:call(COUNTER, crash)", "crash"),
        ("gen_server:call(COUNTER, stop)", "normal"),
        ("gen_server:stop(COUNTER)", "normal"),
        ("gen_server:stop(COUNTER, enough, 5000)", "enough"),
        ("exit(Pid, kill)", "killed"),
        ("catch gen_server:call(COUNTER, what)", "{bad_call,what}"),
    ];
    for (end, reason) in ends {
        let source = format!(
            "{CALL_AGAIN} 5 = Again({{add, 5}}), Pid = erpc:call(RUST, erlang, whereis, [counter]), \
             ByName = monitor(process, COUNTER), ByPid = monitor(process, Pid), {end}, \
             receive {{'DOWN', ByName, process, COUNTER, R1}} -> ok end, \
             receive {{'DOWN', ByPid, process, Pid, R2}} -> ok end, \
             0 = Again(get), Pid =/= erpc:call(RUST, erlang, whereis, [counter]) andalso {{R1, R2}}"
        );
        pair.expect(&source, &format!("{{{reason},{reason}}}")).await;
    }
    let linked = format!(
        "{CALL_AGAIN} 0 = Again(get), process_flag(trap_exit, true), \
         Pid = erpc:call(RUST, erlang, whereis, [counter]), link(Pid), catch gen_server:call(COUNTER, crash), \
         receive {{'EXIT', Pid, Reason}} -> Reason end"
    );
    pair.expect(&linked, "crash").await;
}

async fn sys_and_supervisor_look_inside(release: Release) {
    let pair = Pair::start(release).await;
    // OTP 25 does not take the state out of the answer that later releases have.
    let state = "{counter,2}";
    pair.expect("gen_server:call(COUNTER, {add, 2}), sys:get_state(COUNTER)", state).await;
    pair.expect(
        "{status, P, {module, M}, [_, running, _, [], Misc]} = sys:get_status(COUNTER), \
         {node(P), M, proplists:get_value(header, Misc)}",
        "{RUST,gen_server,\"Status for generic server counter\"}",
    )
    .await;
    let info = "Info = fun(Name, Item) -> \
            rpc:call(RUST, erlang, process_info, [rpc:call(RUST, erlang, whereis, [Name]), Item]) end, \
         {parent, Parent} = Info(counter, parent), Parent = rpc:call(RUST, erlang, whereis, [my_sup]), \
         {element(2, Info(counter, dictionary)), Info(my_sup, parent)}";
    let dictionary = "[{'$initial_call',{'Counter',init,1}},{'$ancestors',[my_sup]}]";
    pair.expect(info, &format!("{{{dictionary},{{parent,undefined}}}}")).await;
    let suspended = "ok = sys:suspend(COUNTER), R = gen_server:send_request(COUNTER, get), \
        timeout = gen_server:wait_response(R, 50), ok = sys:resume(COUNTER), gen_server:receive_response(R, 50000)";
    pair.expect(suspended, "{reply,2}").await;
    pair.expect("sys:statistics(COUNTER, get)", "{ok,no_statistics}").await;
    pair.expect("sys:no_debug(COUNTER)", "ok").await;
    // What `sys` makes of an error is an exit.
    pair.expect("is_tuple(catch sys:replace_state(COUNTER, fun(S) -> S end, 1000))", "true").await;
    pair.expect("is_tuple(catch sys:change_code(COUNTER, m, 1, x, 1000))", "true").await;
    pair.expect("sys:terminate(COUNTER, shutdown)", "ok").await;

    let which = "[{Id, is_pid(Pid), Type, Mods} || {Id, Pid, Type, Mods} <- supervisor:which_children({my_sup, RUST})]";
    pair.beam
        .wait_until(
            &pair.source(which),
            "[{other,true,worker,['Counter']},{counter,true,worker,['Counter']}]",
        )
        .await;
    let count = "supervisor:count_children({my_sup, RUST})";
    pair.expect(count, "[{specs,2},{active,2},{supervisors,0},{workers,2}]").await;
    pair.expect("supervisor:terminate_child({my_sup, RUST}, other)", "ok").await;
    pair.expect(count, "[{specs,2},{active,1},{supervisors,0},{workers,2}]").await;
    pair.expect("{ok, P} = supervisor:restart_child({my_sup, RUST}, other), gen_server:call(P, get)", "0")
        .await;
    let spec = "{ok, #{id := other, restart := transient, shutdown := 5000, type := worker}} = \
        supervisor:get_childspec({my_sup, RUST}, other), ok";
    pair.expect(spec, "ok").await;
    pair.expect("supervisor:delete_child({my_sup, RUST}, nobody)", "{error,not_found}").await;
    // Ended in good order, a transient child is not started again.
    pair.expect(
        "gen_server:stop({other, RUST}), supervisor:count_children({my_sup, RUST})",
        "[{specs,2},{active,1},{supervisors,0},{workers,2}]",
    )
    .await;
    pair.expect(
        "gen_server:stop({my_sup, RUST}, shutdown, 5000), erpc:call(RUST, erlang, whereis, [counter])",
        "undefined",
    )
    .await;
}

// --- servers of a BEAM node --------------------------------------------------------------------------------------

/// A server under the name `server`: `echo` requests are replied to, `{exit, Reason}` ends it, others wait.
const BEAM_SERVER: &str = "register(server, spawn(fun Loop() -> receive \
     {'$gen_call', From, {echo, Term}} -> gen_server:reply(From, Term), Loop(); \
     {'$gen_call', _, {exit, Reason}} -> exit(Reason); \
     {'$gen_call', From, {later, Ms}} -> timer:sleep(Ms), gen_server:reply(From, late), Loop(); \
     {'$gen_cast', {tell, Pid, Term}} -> Pid ! Term, Loop() end end))";

async fn calls(release: Release) {
    let Pair { rust, beam, _epmd, .. } = Pair::start(release).await;
    let node = beam.name();
    let server = ("server", node);
    beam.expect(BEAM_SERVER, "true").await;
    let request = |what: &str, argument: Term| (Atom::new(what).unwrap(), argument);
    let echo: String = rust.call(server, request("echo", Term::from("text"))).await.unwrap();
    assert_eq!(echo, "text");
    // A server of OTP itself, and one that replies to the pid in OTP 25.
    let known: Vec<Term> =
        rust.call(("application_controller", node), atom!("which_applications")).await.unwrap();
    assert!(known.len() >= 2, "{known:?}");
    let yes: Atom =
        rust.call(("net_kernel", node), (atom!("is_auth"), rust.name().as_atom().clone())).await.unwrap();
    assert_eq!(yes, atom!("yes"));

    let error = rust.call::<_, Term>(("nobody", node), atom!("get")).await.unwrap_err();
    assert!(matches!(error, CallError::NoProc), "{error}");
    let (done, result) = tokio::sync::oneshot::channel();
    let at = node.to_owned();
    rust.spawn(async move |mut process| {
        let dest = || ("server", at.as_str());
        let limit = Duration::from_millis(50);
        let later = (atom!("later"), Term::from(2000));
        let error = process.call::<_, Term>(dest(), later).timeout(limit).await.unwrap_err();
        assert!(matches!(error, CallError::Timeout(_)), "{error}");
        // The late reply was sent before this one, and dropped.
        let echo: i64 = process.call(dest(), (atom!("echo"), Term::from(1))).await.unwrap();
        assert_eq!(echo, 1);
        let own = Term::Pid(process.pid().clone());
        process.cast(dest(), (atom!("tell"), own, Term::from("told"))).await.unwrap();
        assert_eq!(process.receive().await.decode::<String>()?, "told");
        let reason = Term::tuple([Term::Atom(atom!("some")), Term::from("reason")]);
        let error = process.call::<_, Term>(dest(), (atom!("exit"), reason.clone())).await.unwrap_err();
        assert!(matches!(&error, CallError::Exit(told) if *told == reason), "{error}");
        assert!(process.receive_timeout(Duration::ZERO).await.is_none());
        let _ = done.send(());
        Ok(())
    });
    result.await.expect("all of it holds");

    beam.expect(BEAM_SERVER, "true").await;
    let call =
        rust.call::<_, Term>(server, request("later", Term::from(60_000))).timeout(Duration::from_secs(30));
    let kill = async {
        // The request has been sent by then.
        beam.wait_until(
            "erlang:process_info(whereis(server), current_function)",
            "{current_function,{timer,sleep,1}}",
        )
        .await;
        beam.kill_9();
    };
    let (error, ()) = tokio::join!(call.into_future(), kill);
    let error = error.unwrap_err();
    assert!(matches!(&error, CallError::NoConnection(at) if at == node), "{error}");
}

// --- each release ------------------------------------------------------------------------------------------------

macro_rules! with_each_release {
    ($($test:ident: $name_25:ident $name_27:ident $name_29:ident;)*) => { $(
        #[tokio::test]
        async fn $name_25() {
            $test(Release::Otp25).await;
        }

        #[tokio::test]
        async fn $name_27() {
            $test(Release::Otp27).await;
        }

        #[tokio::test]
        async fn $name_29() {
            $test(Release::Otp29).await;
        }
    )* };
}

with_each_release! {
    is_called: is_called_by_otp_25 is_called_by_otp_27 is_called_by_otp_29;
    a_late_reply_is_dropped: a_late_reply_is_dropped_by_otp_25 a_late_reply_is_dropped_by_otp_27
        a_late_reply_is_dropped_by_otp_29;
    ends_are_seen_and_followed_by_restarts: ends_are_seen_by_otp_25 ends_are_seen_by_otp_27 ends_are_seen_by_otp_29;
    sys_and_supervisor_look_inside: sys_of_otp_25_looks_inside sys_of_otp_27_looks_inside sys_of_otp_29_looks_inside;
    calls: calls_otp_25 calls_otp_27 calls_otp_29;
    elixir: is_called_by_elixir_1_14 is_called_by_elixir_1_18 is_called_by_elixir_1_20;
}

async fn elixir(release: Release) {
    let epmd = Epmd::start(release).await;
    let (rust, elixir) = tokio::join!(rust_node(&epmd), ElixirNode::start(release, NodeOptions::with(&epmd)));
    let counter = format!("{{:counter, :\"{}\"}}", rust.name());
    elixir.expect(&format!("GenServer.call({counter}, {{:add, 2}})"), "2").await;
    elixir.expect(&format!("GenServer.cast({counter}, {{:add, 2}})"), ":ok").await;
    elixir.expect(&format!("GenServer.call({counter}, :get)"), "4").await;
    elixir
        .expect(&format!("GenServer.multi_call([:\"{}\"], :counter, :get) |> elem(1)", rust.name()), "[]")
        .await;
    let state = format!("elem(:sys.get_status({counter}), 0)");
    elixir.expect(&state, ":status").await;
    elixir.expect(&format!("GenServer.stop({counter})"), ":ok").await;
    elixir.wait_until(&format!("GenServer.call({counter}, :get)"), "0").await;
}

//! The life of a server, on a node without distribution.

mod replies;

use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::*;
use crate::node::{Node, RegisterError};
use crate::otp::sys::SysError;
use crate::process::ExitKind;
use crate::process::Signal;
use crate::term::Pid;
use crate::term::etf::Encoded;

/// Holds a number and tells what happens to it.
struct Counter {
    value: i64,
    told: UnboundedSender<Told>,
    waiting: Option<From<Term>>,
    init: Init,
}

#[derive(Debug, PartialEq)]
enum Told {
    Init,
    Info(Term),
    Unknown(Term),
    Terminate(Term),
}

enum Init {
    Ready,
    TrapExit,
    Refuse,
    Panic,
    Hang,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Call {
    Get,
    Add(i64),
    Later,
    Never,
    Stop,
    Crash,
    Panic,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Cast {
    Reset,
    Wake(i64),
    Crash,
}

impl GenServer for Counter {
    type Call = Call;
    type Cast = Cast;
    type Reply = Term;

    async fn init(&mut self, process: &mut Process) -> Result<(), Exit> {
        let _ = self.told.send(Told::Init);
        match self.init {
            Init::Ready => {}
            Init::TrapExit => drop(process.trap_exit(true)),
            Init::Refuse => return Err(Exit::new(atom!("refused"))),
            Init::Panic => panic!("on purpose"),
            Init::Hang => std::future::pending().await,
        }
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
                self.waiting = Some(from);
                return Ok(Reply::Later);
            }
            Call::Never => return Ok(Reply::Later),
            Call::Stop => return Ok(Reply::Stop(Term::Atom(atom!("ok")), Exit::normal())),
            Call::Crash => return Err(Exit::new(atom!("crash"))),
            Call::Panic => panic!("on purpose"),
        }
        Ok(Reply::Now(Term::from(self.value)))
    }

    async fn handle_cast(&mut self, cast: Cast, process: &mut Process) -> Result<(), Exit> {
        match cast {
            Cast::Reset => self.value = 0,
            Cast::Wake(n) => {
                if let Some(from) = self.waiting.take() {
                    let node = process.node().clone();
                    // Elsewhere.
                    node.clone().spawn(async move |_| Ok(from.reply(&node, Term::from(n)).await?));
                }
            }
            Cast::Crash => return Err(Exit::new(atom!("crash"))),
        }
        Ok(())
    }

    async fn handle_info(&mut self, message: Message, _process: &mut Process) -> Result<(), Exit> {
        let _ = self.told.send(Told::Info(message.to_term()?));
        Ok(())
    }

    async fn handle_unknown_cast(&mut self, request: Message, _process: &mut Process) -> Result<(), Exit> {
        let _ = self.told.send(Told::Unknown(request.to_term()?));
        Ok(())
    }

    async fn terminate(&mut self, reason: &Exit, _process: &mut Process) {
        let _ = self.told.send(Told::Terminate(reason.reason().clone()));
    }

    fn state(&self) -> Term {
        Term::from(self.value)
    }
}

fn counter(init: Init) -> (Counter, UnboundedReceiver<Told>) {
    let (told, events) = unbounded_channel();
    (Counter { value: 0, told, waiting: None, init }, events)
}

async fn started(node: &Node, init: Init) -> UnboundedReceiver<Told> {
    let (server, mut events) = counter(init);
    node.start_server(server).name("counter").await.unwrap();
    assert_eq!(events.recv().await, Some(Told::Init));
    events
}

fn atom(name: &str) -> Term {
    Term::Atom(Atom::new(name).unwrap())
}

/// The reason with which `pid` ends.
async fn reason_of_end(node: &Node, pid: &Pid) -> Term {
    let mut watcher = node.temporary_process();
    let reference = watcher.process().monitor(pid).await;
    let down = watcher.process().receive_match(|message| message.is_down(&reference)).await;
    down.decode::<(Atom, Term, Atom, Term, Term)>().unwrap().4
}

async fn call(node: &Node, call: Call) -> Result<Term, CallError> {
    node.call("counter", call).await
}

#[tokio::test]
async fn calls_and_casts_are_served_in_order() {
    let node = Node::nonode();
    let _events = started(&node, Init::Ready).await;
    assert_eq!(call(&node, Call::Add(2)).await.unwrap(), Term::from(2));
    node.cast("counter", Cast::Reset).await.unwrap();
    assert_eq!(call(&node, Call::Get).await.unwrap(), Term::from(0));
}

#[tokio::test]
async fn requests_may_come_as_terms_or_encoded() {
    let node = Node::nonode();
    let _events = started(&node, Init::Ready).await;
    let add = Term::tuple([atom("add"), Term::from(3)]);
    assert_eq!(node.call::<_, i64>("counter", add.clone()).await.unwrap(), 3);
    assert_eq!(node.call::<_, i64>("counter", Encoded::from_term(&add).unwrap()).await.unwrap(), 6);
    assert_eq!(node.call::<_, i64>("counter", atom!("get")).await.unwrap(), 6);
}

#[tokio::test]
async fn a_reply_can_come_later_and_from_elsewhere() {
    let node = Node::nonode();
    let _events = started(&node, Init::Ready).await;
    let later = call(&node, Call::Later);
    let others = async {
        assert_eq!(call(&node, Call::Add(1)).await.unwrap(), Term::from(1));
        node.cast("counter", Cast::Wake(7)).await.unwrap();
    };
    assert_eq!(tokio::join!(later, others).0.unwrap(), Term::from(7));
}

#[tokio::test(start_paused = true)]
async fn a_call_without_reply_runs_out_of_time_and_the_server_goes_on() {
    let node = Node::nonode();
    let _events = started(&node, Init::Ready).await;
    assert!(matches!(call(&node, Call::Never).await, Err(CallError::Timeout(DEFAULT_TIMEOUT))));
    assert_eq!(call(&node, Call::Get).await.unwrap(), Term::from(0));
}

#[tokio::test]
async fn an_unknown_call_ends_the_server_and_so_answers_the_caller() {
    let node = Node::nonode();
    let mut events = started(&node, Init::Ready).await;
    let error = node.call::<_, Term>("counter", "what?").await.unwrap_err();
    let reason = Term::tuple([atom("bad_call"), Term::from("what?")]);
    assert!(matches!(&error, CallError::Exit(told) if *told == reason), "{error}");
    assert_eq!(events.recv().await, Some(Told::Terminate(reason)));
}

#[tokio::test]
async fn unknown_casts_and_other_messages_are_handed_over() {
    let node = Node::nonode();
    let mut events = started(&node, Init::Ready).await;
    node.cast("counter", "what?").await.unwrap();
    node.send("counter", "hello").await.unwrap();
    assert_eq!(events.recv().await, Some(Told::Unknown(Term::from("what?"))));
    assert_eq!(events.recv().await, Some(Told::Info(Term::from("hello"))));
}

#[tokio::test]
async fn stop_with_a_reply_terminates_then_replies() {
    let node = Node::nonode();
    let mut events = started(&node, Init::Ready).await;
    assert_eq!(call(&node, Call::Stop).await.unwrap(), atom("ok"));
    assert_eq!(events.try_recv(), Ok(Told::Terminate(atom("normal"))));
    while node.whereis("counter").is_some() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_error_of_a_handler_is_the_reason_of_the_end() {
    let node = Node::nonode();
    for crash in ["call", "cast"] {
        let mut events = started(&node, Init::Ready).await;
        let pid = node.whereis("counter").unwrap();
        let end = reason_of_end(&node, &pid);
        let crash = async {
            if crash == "call" {
                assert!(matches!(call(&node, Call::Crash).await, Err(CallError::Exit(_))));
            } else {
                node.cast("counter", Cast::Crash).await.unwrap();
            }
        };
        assert_eq!(tokio::join!(end, crash).0, atom("crash"));
        assert_eq!(events.recv().await, Some(Told::Terminate(atom("crash"))));
        assert_eq!(node.whereis("counter"), None, "who hears of the end finds the name free");
    }
}

#[tokio::test]
async fn a_panic_ends_the_server_without_terminate() {
    let node = Node::nonode();
    let mut events = started(&node, Init::Ready).await;
    let error = call(&node, Call::Panic).await.unwrap_err();
    let reason = Term::tuple([atom("panic"), Term::from("on purpose")]);
    assert!(matches!(&error, CallError::Exit(told) if *told == reason), "{error}");
    assert_eq!(events.recv().await, None);
}

#[tokio::test]
async fn init_can_refuse() {
    let node = Node::nonode();
    for (init, reason) in [
        (Init::Refuse, atom("refused")),
        (Init::Panic, Term::tuple([atom("panic"), Term::from("on purpose")])),
    ] {
        let (server, _events) = counter(init);
        let error = node.start_server(server).name("counter").await.unwrap_err();
        assert!(matches!(&error, StartError::Init(told) if *told == reason), "{error}");
        assert_eq!(error.reason(), reason);
        assert_eq!(node.whereis("counter"), None);
    }
}

#[tokio::test]
async fn a_parent_hears_of_a_refusal_once() {
    let node = Node::nonode();
    let (sender, parent) = oneshot::channel();
    node.spawn(async move |mut process| {
        for init in [Init::Refuse, Init::Panic] {
            assert!(matches!(process.start_link(counter(init).0).await, Err(StartError::Init(_))));
        }
        process.trap_exit(true);
        assert!(process.start_link(counter(Init::Refuse).0).await.is_err());
        assert_eq!(process.mailbox_end(), 0);
        assert_eq!(process.cell().state.lock().linked().count(), 0);
        let _ = sender.send(());
        Ok(())
    });
    parent.await.expect("the parent lives on");
}

#[tokio::test]
async fn a_name_that_is_taken_is_told_with_its_owner() {
    let node = Node::nonode();
    let _events = started(&node, Init::Ready).await;
    let pid = node.whereis("counter").unwrap();
    let (server, mut events) = counter(Init::Ready);
    let error = node.start_server(server).name("counter").await.unwrap_err();
    assert!(matches!(&error, StartError::AlreadyStarted(owner) if *owner == pid), "{error}");
    assert_eq!(error.reason(), Term::tuple([atom("already_started"), Term::Pid(pid.clone())]));
    assert_eq!(events.recv().await, None, "its init did not run");
    assert_eq!(node.whereis("counter"), Some(pid));
    let error = node.start_server(counter(Init::Ready).0).name("undefined").await.unwrap_err();
    assert!(matches!(error, StartError::Name(RegisterError::Undefined)));
}

#[tokio::test(start_paused = true)]
async fn an_init_that_takes_too_long_is_killed() {
    let node = Node::nonode();
    let limit = Duration::from_secs(1);
    let (server, mut events) = counter(Init::Hang);
    let error = node.start_server(server).name("counter").timeout(limit).await.unwrap_err();
    assert!(matches!(error, StartError::Timeout(time) if time == limit), "{error}");
    assert_eq!(events.recv().await, Some(Told::Init));
    assert_eq!(events.recv().await, None);
}

#[tokio::test]
async fn a_start_that_is_dropped_leaves_no_server() {
    let node = Node::nonode();
    let (server, mut events) = counter(Init::Hang);
    let start = node.start_server(server).into_future();
    tokio::select! { _ = start => unreachable!(), told = events.recv() => assert_eq!(told, Some(Told::Init)) }
    assert_eq!(events.recv().await, None);
}

/// A process that starts a counter and then ends with `reason`.
async fn child_of_one_that_ends(
    node: &Node,
    init: Init,
    reason: Term,
) -> (Pid, Pid, UnboundedReceiver<Told>, oneshot::Sender<()>) {
    let (server, events) = counter(init);
    let (sender, receiver) = oneshot::channel();
    let (end, ended) = oneshot::channel();
    let parent = node.spawn(async move |process| {
        let _ = sender.send(process.start_link(server).await.unwrap());
        let _ = ended.await;
        Err(Exit::new(reason))
    });
    (receiver.await.unwrap(), parent, events, end)
}

#[tokio::test]
async fn a_server_that_traps_exits_terminates_with_its_parent() {
    let node = Node::nonode();
    let (pid, parent, mut events, end) = child_of_one_that_ends(&node, Init::TrapExit, atom("done")).await;
    assert_eq!(events.recv().await, Some(Told::Init));
    // The end of any other process is a message.
    let other = node.spawn(async |_| Ok(()));
    node.deliver(&other, &pid, Signal::Exit(ExitKind::Signal, atom("other")));
    let exit = Term::tuple([atom("EXIT"), Term::Pid(other), atom("other")]);
    assert_eq!(events.recv().await, Some(Told::Info(exit)));
    let _ = end.send(());
    assert_eq!(reason_of_end(&node, &pid).await, atom("done"));
    assert_eq!(events.recv().await, Some(Told::Terminate(atom("done"))));
    assert!(!node.is_process_alive(&parent));
}

#[tokio::test]
async fn a_server_that_does_not_trap_exits_ends_with_its_parent_at_once() {
    let node = Node::nonode();
    let (pid, _, mut events, end) = child_of_one_that_ends(&node, Init::Ready, atom("done")).await;
    let _ = end.send(());
    assert_eq!(reason_of_end(&node, &pid).await, atom("done"));
    assert_eq!(events.recv().await, Some(Told::Init));
    assert_eq!(events.recv().await, None);
}

#[tokio::test]
async fn a_suspended_server_ends_with_its_parent() {
    let node = Node::nonode();
    let (pid, _, mut events, end) = child_of_one_that_ends(&node, Init::TrapExit, atom("done")).await;
    assert_eq!(events.recv().await, Some(Told::Init));
    assert_eq!(system(&node, &pid, atom("suspend")).await, atom("ok"));
    let _ = end.send(());
    assert_eq!(events.recv().await, Some(Told::Terminate(atom("done"))));
}

#[tokio::test]
async fn servers_terminate_when_the_node_shuts_down() {
    let node = Node::nonode();
    let mut events = started(&node, Init::TrapExit).await;
    node.shutdown().await;
    assert_eq!(events.recv().await, Some(Told::Terminate(atom("shutdown"))));
}

/// What `{system, From, Request}` is answered with.
async fn system(node: &Node, pid: &Pid, request: Term) -> Term {
    let mut caller = node.temporary_process();
    let process = caller.process();
    let tag = Term::Reference(node.make_ref());
    let from = Term::tuple([Term::Pid(process.pid().clone()), tag.clone()]);
    process.send(pid, Term::tuple([atom("system"), from, request])).await.unwrap();
    let (told, answer) = process.receive().await.decode::<(Term, Term)>().unwrap();
    assert_eq!(told, tag);
    answer
}

#[tokio::test]
async fn system_messages_are_answered() {
    let node = Node::nonode();
    let mut events = started(&node, Init::Ready).await;
    let pid = node.whereis("counter").unwrap();
    let ok = |value: Term| Term::tuple([atom("ok"), value]);
    let error = |reason: Term| Term::tuple([atom("error"), reason]);
    assert_eq!(system(&node, &pid, atom("get_state")).await, ok(Term::from(0)));
    let status = system(&node, &pid, atom("get_status")).await;
    let text = status.to_string();
    assert!(text.starts_with("{status,<"), "{text}");
    assert!(text.contains("\"Status for generic server counter\""), "{text}");
    assert!(text.contains("{\"State\",0}"), "{text}");
    let unknown = Term::tuple([atom("what"), Term::from(1)]);
    let reason = Term::tuple([atom("unknown_system_msg"), unknown.clone()]);
    assert_eq!(system(&node, &pid, unknown).await, error(reason));
    let debug = |what: Term| Term::tuple([atom("debug"), what]);
    assert_eq!(system(&node, &pid, debug(atom("no_debug"))).await, atom("ok"));
    assert_eq!(system(&node, &pid, debug(atom("what"))).await, atom("unknown_debug"));
    let end = Term::tuple([atom("terminate"), atom("enough")]);
    assert_eq!(system(&node, &pid, end).await, atom("ok"));
    assert_eq!(events.recv().await, Some(Told::Terminate(atom("enough"))));
}

#[tokio::test]
async fn a_server_can_be_watched() {
    let node = Node::nonode();
    let _events = started(&node, Init::Ready).await;
    let sys = node.sys("counter");
    assert_eq!(sys.get_state::<i64>().await.unwrap(), 0);
    assert_eq!(sys.get_statistics().await.unwrap(), None);
    sys.statistics(true).await.unwrap();
    sys.log(Some(3)).await.unwrap();
    for _ in 0..2 {
        let _: i64 = node.call("counter", Call::Add(1)).await.unwrap();
    }
    let counted = sys.get_statistics().await.unwrap().unwrap();
    assert_eq!((counted.messages_in, counted.messages_out), (2, 2));
    assert!(counted.reductions > 0 && counted.start_time <= counted.current_time);
    let kinds = |log: Vec<Term>| -> Vec<String> {
        log.iter().map(|event| event.as_tuple().unwrap()[0].to_string()).collect()
    };
    assert_eq!(kinds(sys.get_log().await.unwrap()), ["out", "in", "out"]);
    assert!(sys.get_status().await.unwrap().to_string().contains("{log,{3,["));
    sys.no_debug().await.unwrap();
    assert!(sys.get_log().await.unwrap().is_empty());
    assert!(matches!(sys.log_to_file(Some("events")).await, Err(SysError::Refused(_))));
    assert!(matches!(sys.install(Term::NIL).await, Err(SysError::Refused(_))));
    assert!(matches!(sys.replace_state(Term::NIL).await, Err(SysError::Refused(_))));
    sys.suspend().await.unwrap();
    let refused = sys.change_code(atom!("counter"), Term::NIL, Term::NIL).await;
    assert!(
        matches!(refused, Err(SysError::Refused(reason)) if reason.to_string().starts_with("{'EXIT',{undef,"))
    );
    sys.resume().await.unwrap();
    sys.terminate(atom!("enough")).await.unwrap();
    assert_eq!(node.whereis("counter"), None);
}

#[tokio::test]
async fn a_suspended_server_lets_requests_wait() {
    let node = Node::nonode();
    let _events = started(&node, Init::Ready).await;
    let pid = node.whereis("counter").unwrap();
    assert_eq!(system(&node, &pid, atom("suspend")).await, atom("ok"));
    let waiting = node.call::<_, i64>("counter", Call::Add(1)).into_future();
    tokio::pin!(waiting);
    tokio::select! { biased; _ = &mut waiting => unreachable!(), state = system(&node, &pid, atom("get_state")) => {
        assert_eq!(state, Term::tuple([atom("ok"), Term::from(0)]));
    } }
    assert_eq!(system(&node, &pid, atom("resume")).await, atom("ok"));
    assert_eq!(waiting.await.unwrap(), 1);
}

#[test]
fn observers_see_the_name_of_the_type() {
    let call = Counter::initial_call();
    assert_eq!((call.module, call.function, call.arity), (atom!("Counter"), atom!("init"), 1));
}

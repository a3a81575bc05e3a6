//! The tasks that run processes: from spawn to the last signal.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use smallvec::SmallVec;

use super::mailbox_limit::{MailboxLimit, SpawnOpt};
use super::process_facts::Body;
use super::registry::{InitialCall, ProcessCell, RegisterError};
use super::{Node, Process};
use crate::atom;
use crate::dist::cork::Cork;
use crate::process::{Exit, ExitKind, Outgoing, Outgoings, ProcessState, Remains, SeqTrace, Signal};
use crate::term::{Atom, Pid, Reference, Term};

/// A process that has ended tells so many others before it lets others run.
const SIGNALS_A_TURN: usize = 1000;

/// How a process is to be started.
#[derive(Debug, Default)]
pub(crate) struct SpawnOptions {
    /// The process to be linked with from the start.
    pub(crate) link: Option<Pid>,
    /// The process that monitors it from the start, and by which reference.
    pub(crate) monitor: Option<(Pid, Reference)>,
    pub(crate) group_leader: Option<Pid>,
    /// Its token, from the process that starts it.
    pub(crate) seq_trace: Option<SeqTrace>,
    pub(crate) mailbox_limit: Option<MailboxLimit>,
    /// The process that spawns it.
    pub(crate) parent: Option<Pid>,
    /// What it has as `$ancestors`, if it is started as `proc_lib` does.
    pub(crate) ancestors: Option<Arc<[Term]>>,
    /// What those who look at the process see as its function.
    pub(crate) initial_call: Option<InitialCall>,
    /// It is one of the services that every node has.
    pub(crate) is_service: bool,
    /// Messages of other nodes are handed to it in an [`Origin`](super::policy::Origin).
    pub(crate) wants_origin: bool,
    pub(crate) label: Option<Term>,
}

impl Node {
    /// Starts a process that runs `body`, and gives its pid.
    ///
    /// The process ends when its function returns: with reason `normal` for `Ok`, else with the reason of the
    /// [`Exit`]. A panic ends it too, with the reason `{panic, Text}`. Exit signals end it at its next await.
    ///
    /// Does what `erlang:spawn/1` does.
    pub fn spawn<F, Fut>(&self, body: F) -> Pid
    where
        F: FnOnce(Process) -> Fut,
        Fut: Future<Output = Result<(), Exit>> + Send + 'static,
    {
        self.start(self.new_cell(SpawnOptions::default()), body)
    }

    /// Starts a process with these options; see [`spawn`](Node::spawn).
    ///
    /// Does what `erlang:spawn_opt/2` does.
    pub fn spawn_opt<F, Fut>(&self, options: SpawnOpt, body: F) -> Pid
    where
        F: FnOnce(Process) -> Fut,
        Fut: Future<Output = Result<(), Exit>> + Send + 'static,
    {
        let SpawnOpt { mailbox_limit, label } = options;
        let options = SpawnOptions { mailbox_limit, label, ..SpawnOptions::default() };
        self.start(self.new_cell(options), body)
    }

    /// Starts the task of a process made by [`new_cell`](Node::new_cell).
    pub(crate) fn start<F, Fut>(&self, cell: Arc<ProcessCell>, body: F) -> Pid
    where
        F: FnOnce(Process) -> Fut,
        Fut: Future<Output = Result<(), Exit>> + Send + 'static,
    {
        let pid = cell.pid.clone();
        cell.body.set_type::<F>();
        let mut running = Running::new(self.clone(), cell.clone());
        let process = Process::new(self.clone(), cell);
        match catch_unwind(AssertUnwindSafe(|| body(process))) {
            Ok(body) => {
                self.process_table().task_of(&running.cell, size_of_val(&body));
                self.runtime().spawn(run(running, body));
            }
            // As if the body had panicked: whoever spawns a process does not end with it.
            Err(panic) => {
                running.reason = panicked(&pid, &*panic);
                self.report_panic(&running.cell, &running.reason);
            }
        }
        pid
    }

    /// Makes a process without a task: for what waits outside of any process, as a call of the node itself.
    pub(crate) fn new_cell(&self, options: SpawnOptions) -> Arc<ProcessCell> {
        let pid = self.process_table().next_pid();
        let group_leader = options.group_leader.unwrap_or_else(|| self.default_group_leader());
        let mut state = ProcessState::new(pid.clone(), group_leader);
        if let Some(parent) = &options.link {
            state.link(parent);
        }
        if let Some((watcher, reference)) = &options.monitor {
            state.handle(watcher, Signal::Monitor(reference.clone(), None));
        }
        let cell = Arc::new(ProcessCell {
            pid,
            state: Mutex::new(state),
            exiting: AtomicBool::new(false),
            has_task: AtomicBool::new(false),
            related: Mutex::new(SmallVec::new()),
            is_traced: AtomicBool::new(options.seq_trace.is_some()),
            seq_trace: Mutex::new(options.seq_trace.unwrap_or_default()),
            monitors_nodes: AtomicBool::new(false),
            mailbox: Mutex::default(),
            is_running: AtomicBool::new(false),
            task_size: AtomicUsize::new(0),
            mailbox_limit: options.mailbox_limit,
            parent: options.parent,
            ancestors: options.ancestors,
            polls: AtomicU64::new(0),
            is_service: options.is_service,
            wants_origin: options.wants_origin,
            body: Body::new(options.initial_call),
            label: Mutex::new(options.label.map(Box::new)),
        });
        self.process_table().insert(cell.clone());
        cell
    }

    /// Makes the process of a child, under a name if one is given, and links it with its parent if there is one.
    ///
    /// # Errors
    /// [`RegisterError`]; there is no process then.
    pub(crate) fn new_child(
        &self,
        options: SpawnOptions,
        name: Option<Atom>,
        parent: Option<&ProcessCell>,
    ) -> Result<Arc<ProcessCell>, RegisterError> {
        let cell = self.new_cell(options);
        if let Some(name) = name
            && let Err(error) = self.names().register(name, &cell)
        {
            self.end_process(&cell, Exit::normal().reason());
            return Err(error);
        }
        if let Some(parent) = parent {
            cell.state.lock().link(&parent.pid);
            let mut state = parent.state.lock();
            let alive = !state.has_ended();
            if alive {
                state.link(&cell.pid);
            }
            drop(state);
            if !alive {
                let noproc = Term::Atom(atom!("noproc"));
                self.deliver_to(&parent.pid, &cell, Signal::Exit(ExitKind::Link, noproc));
            }
        }
        Ok(cell)
    }

    /// The process has ended: nothing can reach it any more, and all that are to know are told.
    pub(crate) fn end_process(&self, cell: &Arc<ProcessCell>, reason: &Term) {
        let untold = self.remove_process(cell, reason).into_iter();
        untold.for_each(|signal| self.route(&cell.pid, cell.with_token(signal)));
    }

    /// Nothing can reach the process any more; what all those are to be told who are to know comes back.
    fn remove_process(&self, cell: &Arc<ProcessCell>, reason: &Term) -> Outgoings {
        let unread = cell.mailbox.lock().take_all();
        let remains = cell.state.lock().terminate(reason);
        self.names().process_ended(&cell.pid);
        self.process_table().remove(&cell.pid);
        if cell.monitors_nodes.load(Ordering::Relaxed) {
            self.forget_node_monitors(&cell.pid);
        }
        for connection in cell.related.lock().drain(..) {
            if let Some(connection) = connection.upgrade() {
                connection.unrelate(&cell.pid);
            }
        }
        // Values of any type, so code of others, which is not to come between the steps of the end.
        let Remains { outgoing, inbox, wakers } = remains;
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop((unread, inbox, wakers)))) {
            panicked(&cell.pid, &*panic);
        }
        outgoing
    }
}

/// A process that has a task, or is about to get one. It ends when this is dropped, whatever became of the task.
struct Running {
    node: Node,
    cell: Arc<ProcessCell>,
    /// Why it ends. A task that does not come to its end is dropped with its runtime: as if killed.
    reason: Term,
    /// Once it has ended: those who are still to be told.
    untold: Option<std::vec::IntoIter<Outgoing>>,
}

impl Running {
    fn new(node: Node, cell: Arc<ProcessCell>) -> Running {
        cell.has_task.store(true, Ordering::Relaxed);
        Running { node, cell, reason: Term::Atom(atom!("killed")), untold: None }
    }

    /// Ends the process and tells so many of those who are to know; true if that is all.
    fn tell(&mut self, count: usize) -> bool {
        let _cork = Cork::new();
        let Running { node, cell, reason, untold } = self;
        let untold = untold.get_or_insert_with(|| node.remove_process(cell, reason).into_vec().into_iter());
        untold.by_ref().take(count).for_each(|signal| node.route(&cell.pid, cell.with_token(signal)));
        untold.len() == 0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tell(usize::MAX);
    }
}

/// Runs the body of a process, with an eye on exit signals, and ends the process with it.
async fn run<Fut>(mut running: Running, body: Fut)
where
    Fut: Future<Output = Result<(), Exit>> + Send,
{
    let reason = {
        let mut body = pin!(Some(body));
        let mut known_waker: Option<Waker> = None;
        let cell = &running.cell;
        let reason =
            poll_fn(|context| poll(&running.node, cell, body.as_mut(), &mut known_waker, context)).await;
        // Before others hear of the end, so that nothing of the process is left then.
        match catch_unwind(AssertUnwindSafe(|| body.set(None))) {
            Err(panic) if reason.is_atom("normal") => panicked(&cell.pid, &*panic),
            Err(panic) => {
                panicked(&cell.pid, &*panic);
                reason
            }
            Ok(()) => reason,
        }
    };
    running.reason = reason;
    // Boxed, as each task would have to have room for it, and few ever need it.
    let is_related = !running.cell.related.lock().is_empty();
    if is_related {
        Box::pin(running.node.room_to_end(&running.cell)).await;
    }
    while !running.tell(SIGNALS_A_TURN) {
        tokio::task::yield_now().await;
    }
}

/// Lets the body go on, and gives the reason if the process ends.
fn poll<Fut>(
    node: &Node,
    cell: &ProcessCell,
    body: Pin<&mut Option<Fut>>,
    known_waker: &mut Option<Waker>,
    context: &mut Context<'_>,
) -> Poll<Term>
where
    Fut: Future<Output = Result<(), Exit>> + Send,
{
    if let Some(reason) = watch_for_exit(cell, known_waker, context) {
        return Poll::Ready(reason);
    }
    cell.polls.fetch_add(1, Ordering::Relaxed);
    // What the process sends during this poll goes out together at its end.
    let _cork = Cork::new();
    let Some(body) = body.as_pin_mut() else { return Poll::Ready(Exit::normal().into_reason()) };
    cell.is_running.store(true, Ordering::Relaxed);
    let polled = catch_unwind(AssertUnwindSafe(|| body.poll(context)));
    cell.is_running.store(false, Ordering::Relaxed);
    let polled = match polled {
        Ok(polled) => {
            polled.map(|ended| ended.map_or_else(Exit::into_reason, |()| Exit::normal().into_reason()))
        }
        Err(panic) => {
            let reason = panicked(&cell.pid, &*panic);
            node.report_panic(cell, &reason);
            Poll::Ready(reason)
        }
    };
    // The signal may have come from the body itself: then what it did after that does not count, and nothing would
    // wake it.
    match watch_for_exit(cell, known_waker, context) {
        Some(reason) => Poll::Ready(reason),
        None => polled,
    }
}

/// The reason to end, if an exit signal has come; else the task will be woken when one does.
fn watch_for_exit(cell: &ProcessCell, known: &mut Option<Waker>, context: &Context<'_>) -> Option<Term> {
    let is_known = known.as_ref().is_some_and(|waker| waker.will_wake(context.waker()));
    if is_known && !cell.exiting.load(Ordering::Acquire) {
        return None;
    }
    *known = Some(context.waker().clone());
    let waker = context.waker().clone();
    let mut state = cell.state.lock();
    let unused = state.set_task(waker);
    let reason = state.exit_reason().cloned();
    drop(state);
    // Only now: wakers are code of others.
    drop(unused);
    reason
}

/// Tells of a panic of the process `pid`, and gives the reason to end with.
fn panicked(pid: &Pid, panic: &(dyn Any + Send)) -> Term {
    let text = panic_text(panic);
    tracing::error!(?pid, panic = text, "process panicked");
    Term::tuple([Term::Atom(atom!("panic")), Term::from(text)])
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    match panic.downcast_ref::<&'static str>() {
        Some(text) => text,
        None => panic.downcast_ref::<String>().map_or("no text", String::as_str),
    }
}

/// A process without a task, for as long as this lives: the mailbox of a call that no process makes.
#[derive(Debug)]
pub(crate) struct TemporaryProcess(Process);

impl TemporaryProcess {
    pub(crate) fn process(&mut self) -> &mut Process {
        &mut self.0
    }
}

impl Drop for TemporaryProcess {
    fn drop(&mut self) {
        self.0.node().clone().end_process(&self.0.cell().clone(), Exit::normal().reason());
    }
}

impl Node {
    pub(crate) fn temporary_process(&self) -> TemporaryProcess {
        self.temporary_process_with(SpawnOptions::default())
    }

    pub(crate) fn temporary_process_with(&self, options: SpawnOptions) -> TemporaryProcess {
        TemporaryProcess(Process::new(self.clone(), self.new_cell(options)))
    }
}

//! The process `global_name_server`, and the tasks that do for it what takes time.
//!
//! The rules are in [`NameServer`]; here is what carries out its actions. Nothing that the process does itself waits for
//! another node.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhash::fast::FixedState;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::{OwnedMutexGuard, mpsc, oneshot};

use super::join::{Conflict, Decision};
use super::locker;
use super::message::{Call, Cast, GLOBAL_NAME_SERVER, Info, LockId, UntaggedLockSet};
use super::name_server::{Action, NameServer, SyncId};
use super::registrar;
use crate::atom;
use crate::node::{Dest, Node, NodeType, Process};
use crate::otp::r#gen::{From, Request};
use crate::otp::sys::Service;
use crate::process::{Exit, Message, Recipient};
use crate::term::{self, Atom, Pid, Reference, Term};

/// How long a method that decides about a name may take: in OTP, as long as it likes.
const DECISION_TIME: Duration = Duration::from_secs(24 * 3600);

/// What all that belongs to `global` on a node share, and what outlives each of its processes.
#[derive(Debug)]
pub(super) struct Shared {
    /// Changed by the server's process alone; read by all.
    pub(super) rules: Mutex<NameServer>,
    pub(super) events: mpsc::UnboundedSender<Event>,
    pub(super) transactions: mpsc::UnboundedSender<registrar::Transaction>,
    locker: mpsc::UnboundedSender<locker::Command>,
    pub(super) registrar: Mutex<Option<Pid>>,
    /// Each of these is locked by the process that it belongs to, while that lives.
    kept: Arc<KeptByProcess<Kept>>,
    pub(super) received_transactions: KeptByProcess<mpsc::UnboundedReceiver<registrar::Transaction>>,
    pub(super) received_commands: KeptByProcess<mpsc::UnboundedReceiver<locker::Command>>,
}

type KeptByProcess<T> = tokio::sync::Mutex<T>;

/// What the server's process leaves to the one that comes after it.
#[derive(Debug)]
struct Kept {
    events: mpsc::UnboundedReceiver<Event>,
    unread: Vec<Message>,
    syncs: HashMap<u64, oneshot::Sender<()>, FixedState>,
    next_sync: u64,
}

impl Shared {
    pub(super) fn new(rules: NameServer) -> Shared {
        let (events, received_events) = mpsc::unbounded_channel();
        let (transactions, received_transactions) = mpsc::unbounded_channel();
        let (locker, received_commands) = mpsc::unbounded_channel();
        let kept =
            Kept { events: received_events, unread: Vec::new(), syncs: HashMap::default(), next_sync: 0 };
        Shared {
            rules: Mutex::new(rules),
            events,
            transactions,
            locker,
            registrar: Mutex::new(None),
            kept: Arc::new(KeptByProcess::new(kept)),
            received_transactions: KeptByProcess::new(received_transactions),
            received_commands: KeptByProcess::new(received_commands),
        }
    }
}

/// What the node itself has to tell the server.
#[derive(Debug)]
pub(super) enum Event {
    LockIsSet {
        node: Atom,
        tag: Term,
        lock: LockId,
    },
    Decided {
        node: Atom,
        tag: Term,
        decided: Vec<(Conflict, Decision)>,
    },
    NotConnected(Atom),
    /// There is something to be done.
    LockerStarted,
    /// To be answered when all nodes that are connected by then are in sync.
    /// Of these nodes only, if any are named.
    Sync(Option<Vec<Atom>>, oneshot::Sender<()>),
    /// To be answered with the nodes that this one is about to disconnect from.
    Leave(oneshot::Sender<Vec<Atom>>),
}

/// The server's own part: how it carries out actions.
struct Server {
    process: Process,
    sys: Service,
    shared: Arc<Shared>,
    kept: OwnedMutexGuard<Kept>,
    watched: HashMap<Pid, Reference, FixedState>,
}

/// Runs the server.
pub(super) async fn run(process: Process, shared: Arc<Shared>) -> Result<(), Exit> {
    let kept = shared.kept.clone().lock_owned().await;
    let sys = Service::new(atom!("global_name_server"));
    let mut server = Server { process, sys, shared, kept, watched: HashMap::default() };
    server.take_up();
    loop {
        tokio::select! {
            request = server.sys.receive(&mut server.process, || server.shared.state()) => server.request(request?),
            Some(event) = server.kept.events.recv() => server.event(event),
        }
        server.carry_out();
    }
}

impl Server {
    /// Goes on where a former process was ended: with what that has not read, and what it has not been told.
    fn take_up(&mut self) {
        for message in std::mem::take(&mut self.kept.unread) {
            self.request(Request::of(message));
            self.carry_out();
        }
        let connected = self.process.node().nodes(NodeType::Visible).into_iter().collect();
        self.shared.rules.lock().server_started(&connected);
        self.carry_out();
    }

    fn request(&mut self, request: Request) {
        match request {
            Request::Call(from, request) => match request.decode::<Call>() {
                Ok(call) => self.call(from, call),
                // As OTP, which leaves the caller without a reply.
                Err(error) => tracing::debug!(caller = ?from.pid(), %error, "global got an unknown call"),
            },
            Request::Cast(cast) => self.cast(cast),
            Request::Info(message) | Request::System(_, message) => match message.tag_and_arity() {
                Some((tag, 5)) if tag == *"DOWN" => self.down(message),
                _ => match message.decode::<Info>() {
                    Ok(info) => {
                        tracing::trace!(?info, "received");
                        self.shared.rules.lock().info(info, Instant::now());
                    }
                    Err(error) => tracing::debug!(%error, "global got an unknown message"),
                },
            },
        }
    }

    fn cast(&self, cast: Message) {
        let decoded = match cast.tag_and_arity() {
            Some((tag, 4)) if tag == *"lock_set" => {
                cast.decode().map(|UntaggedLockSet::LockSet(locker, set, _)| {
                    self.shared.rules.lock().untagged_lock_set(locker, set);
                })
            }
            _ => cast.decode::<Cast>().map(|cast| {
                tracing::trace!(?cast, "received");
                self.shared.rules.lock().cast(cast);
            }),
        };
        if let Err(error) = decoded {
            tracing::debug!(%error, "global got an unknown cast");
        }
    }

    fn call(&mut self, from: From, call: Call) {
        tracing::trace!(?call, caller = ?from.pid(), "received");
        let reply = self.shared.rules.lock().call(from.pid(), call);
        // Monitors first: a caller that gets a lock and dies is noticed.
        self.carry_out();
        from.post(self.process.node(), self.process.pid(), &reply);
    }

    fn down(&mut self, message: Message) {
        let Ok((_, reference, _, Term::Pid(pid), _)) =
            message.decode::<(Atom, Reference, Atom, Term, Term)>()
        else {
            return;
        };
        if self.watched.get(&pid) == Some(&reference) {
            self.watched.remove(&pid);
            self.shared.rules.lock().down(&pid);
        }
    }

    fn event(&mut self, event: Event) {
        tracing::trace!(?event, "event");
        let mut rules = self.shared.rules.lock();
        match event {
            Event::LockIsSet { node, tag, lock } => rules.lock_is_set(&node, &tag, lock),
            Event::Decided { node, tag, decided } => rules.conflicts_decided(&node, &tag, decided),
            Event::NotConnected(node) => rules.node_down(&node),
            Event::LockerStarted => {}
            Event::Leave(reply) => {
                let nodes = self.process.node().nodes(NodeType::Visible);
                rules.leave(&nodes);
                let _ = reply.send(nodes);
            }
            Event::Sync(only, reply) => {
                // Asked for here: the end of a node that was connected earlier may have been heard of already.
                let mut nodes = self.process.node().nodes(NodeType::Visible);
                nodes.retain(|node| only.as_ref().is_none_or(|only| only.contains(node)));
                self.kept.next_sync += 1;
                let id = self.kept.next_sync;
                self.kept.syncs.insert(id, reply);
                rules.wait_for_sync(SyncId(id), nodes);
            }
        }
    }

    fn carry_out(&mut self) {
        loop {
            let action = self.shared.rules.lock().poll_action();
            match action {
                Some(action) => self.act(action),
                None => return,
            }
        }
    }

    fn act(&mut self, action: Action) {
        tracing::trace!(?action);
        let node = self.process.node().clone();
        match action {
            Action::Cast(to, cast) => post_cast(&self.process, &to, &cast),
            Action::Info(to, info) => {
                let server = Dest::NameNode(GLOBAL_NAME_SERVER, to);
                post(&node, self.process.pid(), &server, &info);
            }
            Action::Watch { pid, may_connect } => {
                let is_here = pid.node == *node.name().as_atom();
                if may_connect || is_here || node.connection(pid.node.as_str()).is_some() {
                    let reference = self.process.start_monitor(Recipient::Pid(pid.clone()));
                    self.watched.insert(pid, reference);
                } else {
                    self.shared.rules.lock().down(&pid);
                }
            }
            Action::Unwatch(pid) => {
                if let Some(reference) = self.watched.remove(&pid) {
                    self.process.demonitor(&reference, true);
                }
            }
            // Its queue is there as long as this server.
            Action::Locker(command) => drop(self.shared.locker.send(command)),
            Action::Decide { node: peer, tag, conflicts } => {
                let events = self.shared.events.clone();
                node.clone().keep(async move {
                    let decided = decide(&node, conflicts).await;
                    let _ = events.send(Event::Decided { node: peer, tag, decided });
                });
            }
            Action::ConnectInSync(to) => {
                node.clone().keep(connect_in_sync(node, to, self.shared.events.clone()));
            }
            Action::Disconnect(from) => node.clone().keep(async move {
                node.disconnect(from.as_str()).await;
            }),
            Action::Synced(SyncId(id)) => {
                if let Some(reply) = self.kept.syncs.remove(&id) {
                    // Whoever asked may have given up.
                    let _ = reply.send(());
                }
            }
            Action::Found { caller: (pid, tag), pid: found } => {
                let alive = |pid: &Pid| pid.node != *node.name().as_atom() || node.is_process_alive(pid);
                let found = found.filter(alive).map_or(atom!("undefined").into(), Term::Pid);
                From::of(pid, tag).post(&node, self.process.pid(), &found);
            }
        }
    }
}

/// The process was ended.
impl Drop for Server {
    fn drop(&mut self) {
        self.kept.unread = self.process.take_unread();
    }
}

/// Sends a cast to the name server of another node, if that is connected.
pub(super) fn post_cast(process: &Process, to: &Atom, cast: &Cast) {
    let server = Dest::NameNode(GLOBAL_NAME_SERVER, to.clone());
    post(process.node(), process.pid(), &server, &(atom!("$gen_cast"), cast));
}

pub(super) fn post(node: &Node, from: &Pid, to: &Dest, message: &impl Serialize) {
    match term::to_encoded(message) {
        Ok(encoded) => node.post(from, to, encoded),
        Err(error) => tracing::error!(%error, "a message of global has no external form"),
    }
}

/// Connects to a new member. There is one more attempt, as the member may be connecting to this node at the same time
/// and give that up.
async fn connect_in_sync(node: Node, to: Atom, events: mpsc::UnboundedSender<Event>) {
    for _ in 0..2 {
        let Err(error) = node.connected(&to).await else {
            let in_sync = (atom!("$gen_cast"), Cast::in_sync(node.name().as_atom()));
            post(&node, node.pid(), &Dest::NameNode(GLOBAL_NAME_SERVER, to), &in_sync);
            return;
        };
        tracing::warn!(node = %to, %error, "global can't connect to a new member");
    }
    // If the server has ended, so has the node.
    let _ = events.send(Event::NotConnected(to));
}

/// Has each conflict decided where this side's process is, by the method that came with it.
async fn decide(node: &Node, conflicts: Vec<Conflict>) -> Vec<(Conflict, Decision)> {
    let mut decided = Vec::new();
    for conflict in conflicts {
        let Conflict { own, other } = &conflict;
        let arguments = (own.method.clone(), own.name.clone(), other.pid.clone(), own.pid.clone());
        let call = node.erpc(own.pid.node.as_str()).call("global", "resolve_it", arguments);
        let decision = match call.timeout(DECISION_TIME).await {
            Ok(Term::Pid(pid)) if pid == own.pid => Decision::Own,
            Ok(Term::Pid(pid)) if pid == other.pid => Decision::Other,
            // A method that crashes is to OTP as if it could not be called: `rpc:call` does not tell them apart.
            Ok(Term::Tuple(exit)) if matches!(&*exit, [tag, _] if tag.is_atom("EXIT")) => {
                tracing::warn!(name = ?own.name, ?exit, "the method that decides who has a name crashed");
                Decision::Other
            }
            Ok(_) => Decision::Nobody,
            Err(error) => {
                tracing::warn!(name = ?own.name, pid = ?own.pid, %error, "could not decide who has a name");
                Decision::Other
            }
        };
        tracing::info!(name = ?own.name, own = ?own.pid, other = ?other.pid, ?decision, "two processes had one name");
        decided.push((conflict, decision));
    }
    decided
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::task::JoinSet;

    use crate::node::tests::cluster::Cluster;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn sync_does_not_wait_for_a_node_that_goes_meanwhile() {
        let cluster = Cluster::new().await;
        let a = cluster.builder("a").hidden(false).start().await.unwrap();
        let b = cluster.builder("b").hidden(false).start().await.unwrap();
        for _ in 0..200 {
            a.connect(b.name().as_str()).await.unwrap();
            let waiting: JoinSet<_> = (0..8)
                .map(|_| {
                    let node = a.clone();
                    async move { node.global().sync().await }
                })
                .collect();
            a.disconnect(b.name().as_str()).await;
            let synced = tokio::time::timeout(Duration::from_secs(60), waiting.join_all()).await;
            assert!(synced.expect("it ends").into_iter().all(|synced| synced.is_ok()));
        }
    }
}

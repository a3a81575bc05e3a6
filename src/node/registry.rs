//! The tables of a node: its processes, their registered names, and the counters that name new things.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use foldhash::fast::FixedState;
use parking_lot::{Mutex, MutexGuard, RwLock};
use smallvec::SmallVec;

use super::connection::Connection;
use super::mailbox_limit::MailboxLimit;
use super::process_facts::Body;
use crate::process::{Mailbox, ProcessState, SeqTrace};
use crate::term::{Atom, Creation, Pid, Reference, Term};

/// A process as the node sees it.
#[derive(Debug)]
pub(crate) struct ProcessCell {
    pub(crate) pid: Pid,
    pub(crate) state: Mutex<ProcessState>,
    /// Set with the exit signal that ends the process, so that its task need not lock to see it.
    pub(crate) exiting: AtomicBool,
    /// Whether a task runs it: it then ends by itself when it gets an exit signal.
    pub(crate) has_task: AtomicBool,
    /// The connections that links, monitors or spawn requests of this process go over.
    pub(crate) related: Mutex<SmallVec<[Weak<Connection>; 1]>>,
    /// What goes with all that it sends while it is traced.
    pub(crate) seq_trace: Mutex<SeqTrace>,
    /// Whether it has a token, so that others need not lock to see that.
    pub(crate) is_traced: AtomicBool,
    /// Whether it wants to hear of nodes that come and go.
    pub(crate) monitors_nodes: AtomicBool,
    /// Messages that it has taken over from its inbox and not used yet. Only the process itself holds the lock for
    /// long, and it is locked before the state.
    pub(crate) mailbox: Mutex<Mailbox>,
    /// Whether its task runs at this moment.
    pub(crate) is_running: AtomicBool,
    /// What its task takes, in bytes.
    pub(crate) task_size: AtomicUsize,
    pub(crate) mailbox_limit: Option<MailboxLimit>,
    /// Who spawned it.
    pub(crate) parent: Option<Pid>,
    /// Of a process that a supervisor or server started, as `proc_lib` does: names or pids, the parent first.
    pub(crate) ancestors: Option<Arc<[Term]>>,
    /// How often its task was polled: what a BEAM counts as reductions.
    pub(crate) polls: AtomicU64,
    /// It is one of the services that every node has.
    pub(crate) is_service: bool,
    /// It runs functions for those who send to it, and is told which node a message came from.
    pub(crate) wants_origin: bool,
    /// What it runs, for those who look.
    pub(crate) body: Body,
    /// What it is for, if somebody has said so.
    pub(crate) label: Mutex<Option<Box<Term>>>,
}

impl ProcessCell {
    /// Its messages, all in the mailbox.
    pub(crate) fn all_messages(&self) -> MutexGuard<'_, Mailbox> {
        let mut mailbox = self.mailbox.lock();
        self.state.lock().empty_inbox(&mut mailbox);
        mailbox
    }

    /// As [`all_messages`](ProcessCell::all_messages), for others than the process itself: `None` if it looks through
    /// them for too long, or has itself looked at.
    pub(crate) fn try_all_messages(&self) -> Option<MutexGuard<'_, Mailbox>> {
        let mut mailbox = self.mailbox.try_lock_for(LOOK_LIMIT)?;
        self.state.lock().empty_inbox(&mut mailbox);
        Some(mailbox)
    }
}

/// How long the mailbox of a process is waited for by those who only look.
const LOOK_LIMIT: Duration = Duration::from_millis(50);

/// What a process was started with, as `{Module, Function, Arity}`.
#[derive(Debug, Clone)]
pub struct InitialCall {
    /// The module, or what stands in its place.
    pub module: Atom,
    /// The function.
    pub function: Atom,
    /// How many arguments it took.
    pub arity: u8,
}

const SHARDS: usize = 64;

/// The processes by the number in their pid.
///
/// Spread over shards, so that processes that start and end on many threads do not wait for each other.
#[derive(Debug)]
pub(crate) struct Processes {
    shards: Vec<RwLock<HashMap<u64, Arc<ProcessCell>, FixedState>>>,
    next: AtomicU64,
    /// Polls of the tasks of those that have ended.
    ended_polls: AtomicU64,
    /// What the tasks of all processes take, in bytes.
    tasks_size: AtomicUsize,
    node: Atom,
    creation: Creation,
}

/// Bits of a pid's number that go into its `id`; the rest is its `serial`.
const ID_BITS: u32 = 28;

impl Processes {
    pub(crate) fn new(node: Atom, creation: Creation) -> Processes {
        let shards = (0..SHARDS).map(|_| RwLock::default()).collect();
        // Number 0 is the node itself: it sends what no process sends.
        Processes {
            shards,
            next: AtomicU64::new(1),
            ended_polls: AtomicU64::new(0),
            tasks_size: AtomicUsize::new(0),
            node,
            creation,
        }
    }

    pub(crate) fn pid(&self, number: u64) -> Pid {
        let id = (number & ((1 << ID_BITS) - 1)) as u32;
        let serial = (number >> ID_BITS) as u32;
        Pid { node: self.node.clone(), id, serial, creation: self.creation }
    }

    pub(crate) fn next_pid(&self) -> Pid {
        self.pid(self.next.fetch_add(1, Ordering::Relaxed))
    }

    fn number(pid: &Pid) -> u64 {
        u64::from(pid.serial) << ID_BITS | u64::from(pid.id)
    }

    fn shard(&self, number: u64) -> &RwLock<HashMap<u64, Arc<ProcessCell>, FixedState>> {
        &self.shards[number as usize % SHARDS]
    }

    pub(crate) fn insert(&self, cell: Arc<ProcessCell>) {
        let number = Self::number(&cell.pid);
        self.shard(number).write().insert(number, cell);
    }

    pub(crate) fn remove(&self, pid: &Pid) {
        let number = Self::number(pid);
        if let Some(cell) = self.shard(number).write().remove(&number) {
            self.ended_polls.fetch_add(cell.polls.load(Ordering::Relaxed), Ordering::Relaxed);
            self.tasks_size.fetch_sub(cell.task_size.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    /// The process of `cell` is about to get a task of so many bytes.
    pub(crate) fn task_of(&self, cell: &ProcessCell, size: usize) {
        cell.task_size.store(size, Ordering::Relaxed);
        self.tasks_size.fetch_add(size, Ordering::Relaxed);
    }

    /// What all processes take, in bytes: without their messages, and what these and their values point to.
    pub(crate) fn memory(&self) -> usize {
        self.len() * size_of::<ProcessCell>() + self.tasks_size.load(Ordering::Relaxed)
    }

    /// How often the tasks of all processes have run, those that have ended included.
    pub(crate) fn total_polls(&self) -> u64 {
        let polls = |cell: &Arc<ProcessCell>| cell.polls.load(Ordering::Relaxed);
        let alive = self.shards.iter().map(|shard| shard.read().values().map(polls).sum::<u64>());
        self.ended_polls.load(Ordering::Relaxed) + alive.sum::<u64>()
    }

    /// The process `pid`, if it lives on this node. A pid of this name and another creation is of an earlier
    /// incarnation: dead.
    pub(crate) fn get(&self, pid: &Pid) -> Option<Arc<ProcessCell>> {
        if pid.creation != self.creation || pid.node != self.node {
            return None;
        }
        let number = Self::number(pid);
        self.shard(number).read().get(&number).cloned()
    }

    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().len()).sum()
    }

    pub(crate) fn all(&self) -> Vec<Arc<ProcessCell>> {
        self.shards.iter().flat_map(|shard| shard.read().values().cloned().collect::<Vec<_>>()).collect()
    }
}

/// The registered names.
#[derive(Debug, Default)]
pub(crate) struct Names(RwLock<Tables>);

#[derive(Debug, Default)]
struct Tables {
    by_name: HashMap<Atom, Arc<ProcessCell>, FixedState>,
    by_number: HashMap<Pid, Atom, FixedState>,
}

/// Why a name can't be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// Another process has the name.
    #[error("the name {0} is registered to another process")]
    NameTaken(Atom),
    /// A process has at most one name.
    #[error("the process has the name {0} already")]
    HasName(Atom),
    /// The process does not live on this node, or lives no more.
    #[error("no such process on this node")]
    NoProcess,
    /// `undefined` stands for "no name".
    #[error("undefined is not a name")]
    Undefined,
}

impl Names {
    pub(crate) fn register(&self, name: Atom, cell: &Arc<ProcessCell>) -> Result<(), RegisterError> {
        if name == *"undefined" {
            return Err(RegisterError::Undefined);
        }
        let mut tables = self.0.write();
        // Under this lock: a process that ends takes its name back under it as well.
        if cell.state.lock().has_ended() {
            return Err(RegisterError::NoProcess);
        }
        if tables.by_name.contains_key(&name) {
            return Err(RegisterError::NameTaken(name));
        }
        if let Some(name) = tables.by_number.get(&cell.pid) {
            return Err(RegisterError::HasName(name.clone()));
        }
        tables.by_number.insert(cell.pid.clone(), name.clone());
        tables.by_name.insert(name, cell.clone());
        Ok(())
    }

    /// True if the name was registered.
    pub(crate) fn unregister(&self, name: &str) -> bool {
        let mut tables = self.0.write();
        match tables.by_name.remove(name) {
            Some(cell) => tables.by_number.remove(&cell.pid).is_some(),
            None => false,
        }
    }

    pub(crate) fn process_ended(&self, pid: &Pid) {
        // Most processes have no name: look before locking others out.
        if !self.0.read().by_number.contains_key(pid) {
            return;
        }
        let mut tables = self.0.write();
        if let Some(name) = tables.by_number.remove(pid) {
            tables.by_name.remove(&name);
        }
    }

    pub(crate) fn whereis(&self, name: &str) -> Option<Arc<ProcessCell>> {
        self.0.read().by_name.get(name).cloned()
    }

    pub(crate) fn name_of(&self, pid: &Pid) -> Option<Atom> {
        self.0.read().by_number.get(pid).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Atom> {
        self.0.read().by_name.keys().cloned().collect()
    }
}

/// Makes references that are unique on this node.
///
/// An ordinary one has three words. One that is an alias has five, as OTP makes them since release 27: the last two
/// tell the process.
#[derive(Debug)]
pub(crate) struct References {
    next: AtomicU64,
    salt: u32,
    node: Atom,
    creation: Creation,
}

impl References {
    pub(crate) fn new(node: Atom, creation: Creation, salt: u32) -> References {
        References { next: AtomicU64::new(1), salt, node, creation }
    }

    fn words(&self) -> [u32; 3] {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        // 18 bits in the first word: OTP 25 still takes no more from peers with short references.
        [(number & 0x3_ffff) as u32, (number >> 18) as u32, self.salt]
    }

    pub(crate) fn next(&self) -> Reference {
        let reference = Reference::new(self.node.clone(), self.creation, &self.words());
        reference.expect("three words are a reference")
    }

    /// A reference by which the process `pid` of this node can be sent to.
    pub(crate) fn next_alias(&self, pid: &Pid) -> Reference {
        let [a, b, c] = self.words();
        let reference = Reference::new(self.node.clone(), self.creation, &[a, b, c, pid.id, pid.serial]);
        reference.expect("five words are a reference")
    }
}

/// The process that an alias of this node belongs to, or did.
pub(crate) fn owner_of_alias(alias: &Reference) -> Option<Pid> {
    match *alias.words() {
        [_, _, _, id, serial] => {
            Some(Pid { node: alias.node().clone(), id, serial, creation: alias.creation() })
        }
        _ => None,
    }
}

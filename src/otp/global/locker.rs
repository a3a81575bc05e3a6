//! The locker: takes the lock `global` on all members of two sides, so that they can join.
//!
//! ```text
//!              time to try, or asked                all locked              the other's lock_set
//!   ┌──────┐ ───────────────────────▶ ┌─────────┐ ──────────▶ ┌─────────┐ ──────────────────▶ ┌────────┐
//!   │ Idle │                          │ Locking │  (asked)    │ Waiting │                     │ Agreed │
//!   └──────┘ ◀────────┐               └─────────┘ ──────────┐ └─────────┘                     └────────┘
//!        ▲            │ not all           │                 └──────────────────────────────────▲  │
//!        │      ┌───────────┐ ◀───────────┘                       │ refused, cancelled             │ joined,
//!        └───────│ Unlocking │ ◀───────────────────────────────────┴────────────────────────────────┘ cancelled
//!               └───────────┘
//! ```
//!
//! The lockers of both sides take the lock for the same requester, the sorted list of their pids, so that they do not
//! exclude each other, only third parties. Each first asks its boss, the greatest node name on its side: two that want
//! to lock the same members thus meet at the first step.
//!
//! A locker has one call under way at most, and what comes meanwhile waits: a second wish to join is refused or
//! answered when the first has come to its end. After each input [`Locker::poll_output`] is to be asked until it gives
//! nothing more.

use std::collections::VecDeque;
use std::time::Duration;

use super::message::{CANCEL_VERSION, Call, Cast, LockId, SERVER_VERSION};
use crate::term::{Atom, Pid, Term};

/// A node that this one may join with.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    pub(super) node: Atom,
    pub(super) locker: Pid,
    /// Of the protocol that both speak.
    pub(super) version: u32,
    /// The tags of the session, on this side and on the other.
    pub(super) tag: Term,
    pub(super) peer_tag: Term,
}

/// What the name server has to say.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Command {
    Candidate(Candidate),
    /// The session is over.
    Cancel {
        node: Atom,
        tag: Term,
    },
    /// The other's locker has set the lock on its side, or could not.
    LockSet {
        locker: Pid,
        set: bool,
    },
    /// The node has been joined: the `members` of this side are to hear the `news` before they are unlocked.
    Joined {
        node: Atom,
        tag: Term,
        members: Vec<(Atom, u32)>,
        news: Cast,
    },
}

/// What the name server knows at this moment.
#[derive(Debug, Clone)]
pub(super) struct View {
    /// The other members.
    pub(super) known: Vec<Atom>,
    /// Who has the lock `global` on this node.
    pub(super) global_requester: Option<Term>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Output {
    /// Call the name servers of these nodes, and tell the answers by [`Locker::answered`] before anything else.
    Call(Vec<Atom>, Call),
    /// Send this cast to the name server of a node.
    Cast(Atom, Cast),
    /// Tell another locker, by its pid, whether this side is locked: false where there is nothing to join.
    LockSet(Pid, bool),
    /// Tell the name server that both sides are locked.
    LockIsSet { node: Atom, tag: Term, lock: LockId },
}

/// One node's answer to a call: none if it is down, which is as good as a yes.
pub(super) type Answer = (Atom, Option<bool>);

#[derive(Debug)]
pub(super) struct Locker {
    own: Pid,
    candidates: Vec<Candidate>,
    /// The lockers that wait for this one to lock its side.
    asked_by: VecDeque<Pid>,
    state: State,
    has_just_joined: bool,
    outputs: VecDeque<Output>,
}

#[derive(Debug)]
enum State {
    Idle,
    Locking(Locking),
    /// This side is locked, the other asked.
    Waiting(Locked),
    /// Both sides are locked: the name servers are at work.
    Agreed(Locked),
    /// The calls that are left.
    Unlocking(VecDeque<Vec<Atom>>, LockId),
}

#[derive(Debug)]
struct Locking {
    with: Candidate,
    lock: LockId,
    /// The other has locked its side and asked for this one's; else this one is the first.
    is_asked: bool,
    step: Step,
    boss: Option<Atom>,
    /// Where the lock is set.
    locked: Vec<Atom>,
    is_cancelled: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Boss,
    Ends,
    Members,
    Done,
}

#[derive(Debug)]
struct Locked {
    with: Candidate,
    lock: LockId,
    nodes: Vec<Atom>,
}

impl Locker {
    pub(super) fn new(own: Pid) -> Locker {
        Locker {
            own,
            candidates: Vec::new(),
            asked_by: VecDeque::new(),
            state: State::Idle,
            has_just_joined: false,
            outputs: VecDeque::new(),
        }
    }

    /// The next thing to do.
    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Whether there is nothing left to do.
    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle) && self.candidates.is_empty() && self.asked_by.is_empty()
    }

    /// After how much time without any input [`timed_out`](Locker::timed_out) is to be called.
    pub(super) fn patience(&self, view: &View) -> Option<Duration> {
        if !matches!(self.state, State::Idle) || self.candidates.is_empty() {
            None
        } else if self.has_just_joined {
            Some(Duration::ZERO)
        } else if view.known.is_empty() {
            Some(Duration::from_millis(200))
        } else {
            // More than nothing, so that others of this side can get the lock when this one can't.
            let members = u64::try_from(view.known.len()).unwrap_or(u64::MAX);
            Some(Duration::from_millis(members.saturating_mul(100).saturating_add(1000).min(3000)))
        }
    }

    /// Nothing has happened for a while: it tries to join a candidate, which `random` chooses.
    pub(super) fn timed_out(&mut self, view: &View, random: usize) {
        self.has_just_joined = false;
        if !matches!(self.state, State::Idle) || view.global_requester.is_some() {
            return;
        }
        self.candidates.retain(|candidate| !view.known.contains(&candidate.node));
        let is_near = |candidate: &&Candidate| host(&candidate.node) == host(&self.own.node);
        let near: Vec<&Candidate> = self.candidates.iter().filter(is_near).collect();
        let choice = if near.is_empty() { self.candidates.iter().collect() } else { near };
        if !choice.is_empty() {
            let with = choice[random % choice.len()].clone();
            self.lock(with, false, view);
        }
    }

    pub(super) fn command(&mut self, command: Command, view: &View) {
        match command {
            Command::Candidate(candidate) => {
                self.candidates.retain(|other| other.node != candidate.node);
                self.candidates.push(candidate);
            }
            Command::Cancel { node, tag } => self.cancel(&node, &tag),
            Command::LockSet { locker, set: true } => self.asked(locker, view),
            Command::LockSet { locker, set: false } => self.refused(&locker),
            Command::Joined { node, tag, members, news } => {
                if !matches!(&self.state, State::Agreed(locked) if locked.with.tag == tag) {
                    return;
                }
                // Before the locks are given up, so that nobody finds these members without the news.
                for (member, version) in members {
                    self.outputs.push_back(Output::Cast(member, news.for_version(version)));
                }
                self.has_just_joined = true;
                self.cancel(&node, &tag);
            }
        }
        self.serve_next(view);
    }

    fn cancel(&mut self, node: &Atom, tag: &Term) {
        self.candidates.retain(|candidate| candidate.node != *node || candidate.tag != *tag);
        match &mut self.state {
            State::Locking(locking) if locking.with.tag == *tag => locking.is_cancelled = true,
            State::Waiting(locked) | State::Agreed(locked) if locked.with.tag == *tag => {
                let Locked { lock, nodes, .. } = locked;
                let (lock, nodes) = (lock.clone(), std::mem::take(nodes));
                self.unlock_boss_last(lock, nodes);
            }
            _ => {}
        }
    }

    /// The other's locker has locked its side.
    fn asked(&mut self, locker: Pid, view: &View) {
        match &self.state {
            State::Idle => match self.candidates.iter().find(|candidate| candidate.locker == locker) {
                Some(with) => self.lock(with.clone(), true, view),
                None => self.outputs.push_back(Output::LockSet(locker, false)),
            },
            State::Waiting(locked) if locked.with.locker == locker => self.agree(),
            // It would wait for this one, and this one waits for another, which may wait for that one.
            State::Waiting(_) | State::Agreed(_) => self.outputs.push_back(Output::LockSet(locker, false)),
            State::Locking(_) | State::Unlocking(..) => self.asked_by.push_back(locker),
        }
    }

    /// The other's locker could not lock its side, or has no wish to join.
    pub(super) fn refused(&mut self, locker: &Pid) {
        if let State::Waiting(locked) = &mut self.state
            && locked.with.locker == *locker
        {
            let (lock, nodes) = (locked.lock.clone(), std::mem::take(&mut locked.nodes));
            self.unlock_boss_last(lock, nodes);
        }
    }

    /// After a change of state: those who have asked meanwhile.
    fn serve_next(&mut self, view: &View) {
        while !matches!(self.state, State::Locking(_) | State::Unlocking(..)) {
            let Some(locker) = self.asked_by.pop_front() else { return };
            self.asked(locker, view);
        }
    }

    // --- locking -----------------------------------------------------------------------------------------------

    fn lock(&mut self, with: Candidate, is_asked: bool, view: &View) {
        let lock = LockId::of_lockers(&self.own, &with.locker);
        let boss = view.known.iter().max().filter(|boss| **boss > self.own.node).cloned();
        let is_available =
            view.global_requester.as_ref().is_none_or(|requester| *requester == lock.requester);
        let locking =
            Locking { with, lock, is_asked, step: Step::Boss, boss, locked: Vec::new(), is_cancelled: false };
        if is_available { self.next_step(locking, view) } else { self.give_up(locking) }
    }

    /// Takes the lock on the nodes of this step, or of the next that has any.
    fn next_step(&mut self, mut locking: Locking, view: &View) {
        loop {
            let mut nodes: Vec<Atom> = match locking.step {
                Step::Boss => locking.boss.iter().cloned().collect(),
                // Whoever is asked does not lock the other side, which is locked already.
                Step::Ends if locking.is_asked => vec![self.own.node.clone()],
                Step::Ends => vec![self.own.node.clone(), locking.with.node.clone()],
                Step::Members => view.known.clone(),
                Step::Done => return self.all_locked(locking),
            };
            nodes.retain(|node| !locking.locked.contains(node));
            if !nodes.is_empty() {
                self.outputs.push_back(Output::Call(nodes, Call::SetLock(locking.lock.clone())));
                self.state = State::Locking(locking);
                return;
            }
            locking.step = locking.step.next();
        }
    }

    /// The answers to the last [`Output::Call`].
    pub(super) fn answered(&mut self, answers: Vec<Answer>, view: &View) {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Locking(mut locking) => {
                let is_locked = answers.iter().all(|(_, answer)| *answer != Some(false));
                let yes = answers.into_iter().filter(|(_, answer)| *answer != Some(false));
                locking.locked.extend(yes.map(|(node, _)| node));
                if is_locked && !locking.is_cancelled {
                    locking.step = locking.step.next();
                    self.next_step(locking, view);
                } else {
                    self.give_up(locking);
                }
            }
            State::Unlocking(left, lock) => self.unlock(left, lock),
            other => self.state = other,
        }
        self.serve_next(view);
    }

    fn all_locked(&mut self, locking: Locking) {
        let Locking { with, lock, is_asked, locked: nodes, .. } = locking;
        self.send_lock_set(&with, true);
        self.state = State::Waiting(Locked { with, lock, nodes });
        if is_asked {
            self.agree();
        }
    }

    fn give_up(&mut self, locking: Locking) {
        if locking.is_asked && !locking.is_cancelled {
            self.send_lock_set(&locking.with, false);
        }
        self.unlock(VecDeque::from([locking.locked]), locking.lock);
    }

    fn send_lock_set(&mut self, with: &Candidate, set: bool) {
        // Nobody looks at what is known here.
        let own = self.own.clone();
        let cast = match with.version {
            ..SERVER_VERSION => return self.outputs.push_back(Output::LockSet(with.locker.clone(), set)),
            SERVER_VERSION..CANCEL_VERSION => Cast::OldLockSet(own, set, Term::NIL),
            _ => Cast::LockSet(own, set, Term::NIL, with.peer_tag.clone()),
        };
        self.outputs.push_back(Output::Cast(with.node.clone(), cast));
    }

    fn agree(&mut self) {
        if let State::Waiting(locked) = std::mem::replace(&mut self.state, State::Idle) {
            let Candidate { node, tag, .. } = locked.with.clone();
            self.outputs.push_back(Output::LockIsSet { node, tag, lock: locked.lock.clone() });
            self.state = State::Agreed(locked);
        }
    }

    // --- unlocking ---------------------------------------------------------------------------------------------

    /// The boss last: whoever has it locked finds the others free.
    fn unlock_boss_last(&mut self, lock: LockId, mut nodes: Vec<Atom>) {
        let boss = nodes.iter().max().cloned();
        nodes.retain(|node| Some(node) != boss.as_ref());
        self.unlock(VecDeque::from([nodes, boss.into_iter().collect()]), lock);
    }

    fn unlock(&mut self, mut left: VecDeque<Vec<Atom>>, lock: LockId) {
        self.state = State::Idle;
        while let Some(nodes) = left.pop_front() {
            if !nodes.is_empty() {
                self.outputs.push_back(Output::Call(nodes, Call::DelLock(lock.clone())));
                self.state = State::Unlocking(left, lock);
                return;
            }
        }
    }
}

impl Step {
    fn next(self) -> Step {
        match self {
            Step::Boss => Step::Ends,
            Step::Ends => Step::Members,
            Step::Members | Step::Done => Step::Done,
        }
    }
}

fn host(node: &Atom) -> &str {
    node.as_str().split_once('@').map_or("", |(_, host)| host)
}

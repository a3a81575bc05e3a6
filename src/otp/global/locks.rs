//! The locks that are set on this node.
//!
//! A lock belongs to a requester, a term of the caller's choice, and is held by the processes that have set it. It
//! ends when none of them holds it any more: each gives up its share itself, or dies.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::info::LockInfo;
use super::message::LockId;
use crate::term::{Pid, Term};

#[derive(Debug, Default)]
pub(super) struct Locks {
    held: HashMap<Term, Lock, FixedState>,
    /// The lock `global` went away because its holder died, and nobody has given it up since.
    ///
    /// What its holder had under way may still arrive; without this it would count as done without any lock.
    global_is_down: bool,
}

#[derive(Debug)]
struct Lock {
    requester: Term,
    holders: Vec<Pid>,
}

impl Locks {
    /// Whether the requester could have the lock now.
    pub(super) fn is_available(&self, lock: &LockId) -> bool {
        self.held.get(&lock.resource).is_none_or(|held| held.requester == lock.requester)
    }

    /// Sets the lock for `holder`, if it is available.
    pub(super) fn set(&mut self, lock: LockId, holder: &Pid) -> bool {
        if !self.is_available(&lock) {
            return false;
        }
        let LockId { resource, requester } = lock;
        let held = self.held.entry(resource).or_insert_with(|| Lock { requester, holders: Vec::new() });
        if !held.holders.contains(holder) {
            held.holders.push(holder.clone());
        }
        true
    }

    /// Takes back the share of `holder`.
    pub(super) fn del(&mut self, lock: &LockId, holder: &Pid) {
        let Some(held) = self.held.get_mut(&lock.resource) else { return };
        if held.requester != lock.requester || !held.holders.contains(holder) {
            return;
        }
        held.holders.retain(|other| other != holder);
        if held.holders.is_empty() {
            self.held.remove(&lock.resource);
            if lock.is_global() {
                self.global_is_down = false;
            }
        }
    }

    /// Takes back all shares of the holders that are `gone`.
    pub(super) fn remove_holders(&mut self, gone: impl Fn(&Pid) -> bool) {
        let mut global_is_down = self.global_is_down;
        self.held.retain(|resource, held| {
            held.holders.retain(|holder| !gone(holder));
            if held.holders.is_empty() && resource.is_atom("global") {
                global_is_down = true;
            }
            !held.holders.is_empty()
        });
        self.global_is_down = global_is_down;
    }

    /// Whether `pid` holds any lock.
    pub(super) fn is_holder(&self, pid: &Pid) -> bool {
        self.held.values().any(|held| held.holders.contains(pid))
    }

    /// All who hold locks.
    pub(super) fn holders(&self) -> impl Iterator<Item = &Pid> {
        self.held.values().flat_map(|held| &held.holders)
    }

    /// All that are set.
    pub(super) fn all(&self) -> Vec<LockInfo> {
        let info = |(resource, held): (&Term, &Lock)| {
            let (requester, holders) = (held.requester.clone(), held.holders.clone());
            LockInfo { resource: resource.clone(), requester, holders }
        };
        self.held.iter().map(info).collect()
    }

    pub(super) fn is_global_down(&self) -> bool {
        self.global_is_down
    }

    fn global(&self) -> Option<&Lock> {
        self.held.get(&LockId::global(Term::NIL).resource)
    }

    /// Who has the lock `global`.
    pub(super) fn global_requester(&self) -> Option<&Term> {
        self.global().map(|held| &held.requester)
    }

    /// Whether a change of names that was made under the lock `global` may be kept: the lock is `still_set` for whom it
    /// was set then, or nothing has gone wrong with it.
    fn is_kept(&self, still_set: impl FnOnce(&Lock) -> bool) -> bool {
        match self.global() {
            Some(held) => still_set(held),
            None => !self.global_is_down,
        }
    }

    /// Whether `pid` may register a name.
    pub(super) fn lets_register(&self, pid: &Pid) -> bool {
        self.is_kept(|held| held.holders.contains(pid))
    }

    /// Whether those who have locked for `requester` may bring in names.
    pub(super) fn lets_join(&self, requester: Option<&Term>) -> bool {
        self.is_kept(|held| Some(&held.requester) == requester)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atom;
    use crate::term::Creation;

    fn pid(id: u32) -> Pid {
        Pid { node: atom!("a@vm"), id, serial: 0, creation: Creation(1) }
    }

    fn lock(requester: u32) -> LockId {
        LockId::global(Term::from(requester))
    }

    #[test]
    fn the_same_requester_shares_a_lock_and_each_holder_gives_up_its_own_part() {
        let mut locks = Locks::default();
        assert!(locks.set(lock(1), &pid(1)));
        assert!(locks.set(lock(1), &pid(1)));
        assert!(locks.set(lock(1), &pid(2)));
        assert!(!locks.set(lock(2), &pid(3)));
        locks.del(&lock(2), &pid(1));
        locks.del(&lock(1), &pid(1));
        assert!(!locks.is_available(&lock(2)));
        locks.del(&lock(1), &pid(2));
        assert!(locks.set(lock(2), &pid(3)));
        assert!(locks.lets_register(&pid(3)) && !locks.lets_register(&pid(1)));
        assert!(locks.lets_join(Some(&Term::from(2))) && !locks.lets_join(None));
    }

    #[test]
    fn after_the_death_of_a_holder_names_wait_for_the_next_lock() {
        let mut locks = Locks::default();
        assert!(locks.lets_register(&pid(1)));
        locks.set(lock(1), &pid(1));
        locks.set(LockId { resource: Term::from(7), requester: Term::NIL }, &pid(1));
        locks.remove_holders(|holder| *holder == pid(1));
        assert!(!locks.is_holder(&pid(1)) && locks.global_requester().is_none());
        assert!(!locks.lets_register(&pid(1)) && !locks.lets_join(Some(&Term::from(1))));
        locks.set(lock(2), &pid(2));
        assert!(locks.lets_register(&pid(2)));
        locks.del(&lock(2), &pid(2));
        assert!(locks.lets_register(&pid(1)));
    }
}

//! The groups of a scope, as all may read them.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::audience::Audience;
use super::members::Members;
use crate::term::{Pid, Term};

/// All groups with members.
#[derive(Debug, Default)]
pub(super) struct Groups {
    by_name: HashMap<Term, Group, FixedState>,
    next_join: u64,
}

/// The members of one group, by where they have joined.
#[derive(Debug, Default)]
struct Group {
    local: Members,
    /// By the scope process of the other node.
    remote: HashMap<Pid, Members, FixedState>,
    /// Made when it is needed, and until the next change.
    audience: Option<Arc<Audience>>,
}

impl Group {
    fn is_empty(&self) -> bool {
        self.local.is_empty() && self.remote.is_empty()
    }

    /// Those who have joined last come first, as in OTP.
    fn pids(&self) -> Vec<Pid> {
        if self.remote.is_empty() {
            return self.local.pids();
        }
        let remote = self.remote.values().flat_map(Members::newest_first);
        let mut all: Vec<(u64, &Pid)> = self.local.newest_first().chain(remote).collect();
        all.sort_unstable_by_key(|(join, _)| std::cmp::Reverse(*join));
        all.into_iter().map(|(_, pid)| pid.clone()).collect()
    }
}

/// Where members have joined.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    /// On this node.
    Here,
    /// On another, with this scope process.
    Peer(&'a Pid),
}

impl Groups {
    /// Adds members. The first of them counts as the last who has joined, as in OTP.
    pub(super) fn join(&mut self, place: Place<'_>, group: &Term, pids: &[Pid]) {
        if pids.is_empty() {
            return;
        }
        let group = self.by_name.entry(group.clone()).or_default();
        group.audience = None;
        let members = match place {
            Place::Here => &mut group.local,
            Place::Peer(peer) => group.remote.entry(peer.clone()).or_default(),
        };
        for pid in pids.iter().rev() {
            members.join(self.next_join, pid);
            self.next_join += 1;
        }
    }

    /// Takes one join of each of `pids` back, and gives those who had one. A group without members is gone.
    pub(super) fn leave(&mut self, place: Place<'_>, name: &Term, pids: &[Pid]) -> Vec<Pid> {
        let Some(group) = self.by_name.get_mut(name) else { return Vec::new() };
        group.audience = None;
        let left = match place {
            Place::Here => leave(&mut group.local, pids),
            Place::Peer(peer) => match group.remote.get_mut(peer) {
                Some(members) => {
                    let left = leave(members, pids);
                    if members.is_empty() {
                        group.remote.remove(peer);
                    }
                    left
                }
                None => Vec::new(),
            },
        };
        if group.is_empty() {
            self.by_name.remove(name);
        }
        left
    }

    /// Takes all members of a peer out of a group.
    pub(super) fn leave_all(&mut self, peer: &Pid, name: &Term) -> Vec<Pid> {
        let Some(group) = self.by_name.get_mut(name) else { return Vec::new() };
        group.audience = None;
        let left = group.remote.remove(peer).map_or_else(Vec::new, |members| members.pids());
        if group.is_empty() {
            self.by_name.remove(name);
        }
        left
    }

    /// What has to join and what has to leave for the members of a peer to become `wanted`.
    pub(super) fn difference(&self, peer: &Pid, name: &Term, wanted: &[Pid]) -> (Vec<Pid>, Vec<Pid>) {
        match self.by_name.get(name).and_then(|group| group.remote.get(peer)) {
            Some(members) => members.difference(wanted),
            None => (wanted.to_vec(), Vec::new()),
        }
    }

    /// Whether the peer has members in the group.
    pub(super) fn has_of(&self, peer: &Pid, name: &Term) -> bool {
        self.by_name.get(name).is_some_and(|group| group.remote.contains_key(peer))
    }

    pub(super) fn members(&self, name: &Term) -> Vec<Pid> {
        self.by_name.get(name).map_or_else(Vec::new, Group::pids)
    }

    pub(super) fn local_members(&self, name: &Term) -> Vec<Pid> {
        self.by_name.get(name).map_or_else(Vec::new, |group| group.local.pids())
    }

    pub(super) fn members_of(&self, peer: &Pid, name: &Term) -> Vec<Pid> {
        let members = self.by_name.get(name).and_then(|group| group.remote.get(peer));
        members.map_or_else(Vec::new, Members::pids)
    }

    /// All groups and their members.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Term, Vec<Pid>)> {
        self.by_name.iter().map(|(name, group)| (name, group.pids()))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &Term> {
        self.by_name.keys()
    }

    /// The groups with members here, and those.
    pub(super) fn local(&self) -> impl Iterator<Item = (&Term, Vec<Pid>)> {
        let local = self.by_name.iter().filter(|(_, group)| !group.local.is_empty());
        local.map(|(name, group)| (name, group.local.pids()))
    }

    pub(super) fn local_names(&self) -> impl Iterator<Item = &Term> {
        self.by_name.iter().filter(|(_, group)| !group.local.is_empty()).map(|(name, _)| name)
    }

    /// The members of a group, ready to be sent to; `prepare` makes that of them.
    pub(super) fn audience(
        &mut self,
        name: &Term,
        prepare: impl FnOnce(Vec<Pid>) -> Audience,
    ) -> Option<Arc<Audience>> {
        let group = self.by_name.get_mut(name)?;
        if group.audience.is_none() {
            group.audience = Some(Arc::new(prepare(group.pids())));
        }
        group.audience.clone()
    }
}

fn leave(members: &mut Members, pids: &[Pid]) -> Vec<Pid> {
    pids.iter().filter(|pid| members.leave(pid)).cloned().collect()
}

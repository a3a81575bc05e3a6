//! What scope processes say to each other, and are asked.
//!
//! Two versions of the protocol are spoken: 0 by OTP 23 to 28, 1 by OTP 29. `Pid` is the sender's scope process.
//!
//! | version 0 | version 1 | when |
//! | --- | --- | --- |
//! | `{discover, Pid}` | `{discover, Pid, 1}` | a scope starts, a node comes up, or an unknown scope has sent this |
//! | cast `{sync, Pid, [{Group, [Member]}]}` | cast `{local_data, Pid, 1, #{Group => [Member]}}` | the answer, each time: all local members |
//! | `{join, Pid, Group, Member \| [Member]}` | `{update, Pid, [{Group, Joined, Left}]}` | local members have joined |
//! | `{leave, Pid, Member \| [Member], [Group]}` | `{update, Pid, [{Group, Joined, Left}]}` | local members have left |
//!
//! Nodes of version 1 send the old forms to peers of version 0, and understand all of them. The other way round a
//! `{discover, Pid, 1}` ends the scope process of OTP 25. So the first `discover` is always the one of version 0; a
//! peer that has sent the one of version 1 gets that back.
//!
//! The calls are those of `pg.erl`, where they differ in both ways:
//!
//! | OTP 25, 27 | OTP 29 | answer |
//! | --- | --- | --- |
//! | `{join_local, Group, PidOrPids}` | `{update, [{Group, Joined, Left}]}` | `ok` |
//! | `{leave_local, Group, PidOrPids}` | the same | `ok`, or in the old form `not_joined` |
//! | `monitor` | `{subscribe, scope}` | `{Ref, #{Group => [Member]}}` |
//! | `{monitor, Group}` | `{subscribe, {group, Group}}` | `{Ref, [Member]}` |
//! | `{demonitor, Ref}` | `{unsubscribe, Ref}` | `ok`, or in the old form `false` |

use crate::atom;
use crate::term::{Atom, Integer, Map, Pid, Reference, Term};

/// The newest version of the protocol.
pub(super) const NEWEST: u8 = 1;

/// What changes in one group.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    pub(super) group: Term,
    pub(super) joined: Vec<Pid>,
    /// After the others have joined.
    pub(super) left: Vec<Pid>,
}

/// What another scope process says.
#[derive(Debug, PartialEq)]
pub(super) enum Heard {
    Discover { peer: Pid, version: u8 },
    Data { peer: Pid, version: u8, groups: Vec<(Term, Vec<Pid>)> },
    Update { peer: Pid, changes: Vec<Change> },
}

impl Heard {
    /// `None` if it is something else. Casts and other messages are not told apart, as in OTP 29.
    pub(super) fn read(message: &Term) -> Option<Heard> {
        let (tag, parts) = message.as_tuple()?.split_first()?;
        Some(match (tag.as_atom()?.as_str(), parts) {
            ("discover", [Term::Pid(peer)]) => Heard::Discover { peer: peer.clone(), version: 0 },
            // Versions to come are taken for the newest known: whoever has them has to know older ones.
            ("discover", [Term::Pid(peer), version]) => {
                Heard::Discover { peer: peer.clone(), version: read_version(version) }
            }
            ("sync", [Term::Pid(peer), Term::List(groups)]) => {
                let groups = groups.iter().map(|group| match group.as_tuple()? {
                    [group, members] => Some((group.clone(), read_pids(members)?)),
                    _ => None,
                });
                Heard::Data { peer: peer.clone(), version: 0, groups: groups.collect::<Option<_>>()? }
            }
            ("local_data", [Term::Pid(peer), version, Term::Map(groups)]) => {
                let groups = groups.iter().map(|(group, members)| Some((group.clone(), read_pids(members)?)));
                let version = read_version(version);
                Heard::Data { peer: peer.clone(), version, groups: groups.collect::<Option<_>>()? }
            }
            ("join", [Term::Pid(peer), group, members]) => {
                let joined = read_one_or_more(members)?;
                let change = Change { group: group.clone(), joined, left: Vec::new() };
                Heard::Update { peer: peer.clone(), changes: vec![change] }
            }
            ("leave", [Term::Pid(peer), members, Term::List(groups)]) => {
                let left = read_one_or_more(members)?;
                let change =
                    |group: &Term| Change { group: group.clone(), joined: Vec::new(), left: left.clone() };
                Heard::Update { peer: peer.clone(), changes: groups.iter().map(change).collect() }
            }
            ("update", [Term::Pid(peer), changes]) => {
                Heard::Update { peer: peer.clone(), changes: read_changes(changes)? }
            }
            _ => return None,
        })
    }
}

/// What a scope process is asked by processes of its node, or by others in their place.
#[derive(Debug, PartialEq)]
pub(super) enum Request {
    Join(Term, Vec<Pid>),
    Leave(Term, Vec<Pid>),
    Update(Vec<Change>),
    /// Of one group, or all.
    Monitor(Option<Term>),
    /// Answered whether there was one.
    Demonitor(Reference),
    Unsubscribe(Reference),
}

impl Request {
    pub(super) fn read(request: &Term) -> Option<Request> {
        if request.is_atom("monitor") {
            return Some(Request::Monitor(None));
        }
        let (tag, parts) = request.as_tuple()?.split_first()?;
        Some(match (tag.as_atom()?.as_str(), parts) {
            ("join_local", [group, members]) => Request::Join(group.clone(), read_one_or_more(members)?),
            ("leave_local", [group, members]) => Request::Leave(group.clone(), read_one_or_more(members)?),
            ("update", [changes]) => Request::Update(read_changes(changes)?),
            ("monitor", [group]) => Request::Monitor(Some(group.clone())),
            ("subscribe", [what]) if what.is_atom("scope") => Request::Monitor(None),
            ("subscribe", [Term::Tuple(what)]) => match &**what {
                [tag, group] if tag.is_atom("group") => Request::Monitor(Some(group.clone())),
                _ => return None,
            },
            ("demonitor", [Term::Reference(reference)]) => Request::Demonitor(reference.clone()),
            ("unsubscribe", [Term::Reference(reference)]) => Request::Unsubscribe(reference.clone()),
            _ => return None,
        })
    }
}

fn read_version(version: &Term) -> u8 {
    match version {
        Term::Integer(version) if *version == Integer::from(0) => 0,
        _ => NEWEST,
    }
}

fn read_pids(members: &Term) -> Option<Vec<Pid>> {
    members.as_list()?.iter().map(|member| member.as_pid().cloned()).collect()
}

fn read_one_or_more(members: &Term) -> Option<Vec<Pid>> {
    match members {
        Term::Pid(pid) => Some(vec![pid.clone()]),
        _ => read_pids(members),
    }
}

fn read_changes(changes: &Term) -> Option<Vec<Change>> {
    let changes = changes.as_list()?.iter().map(|change| match change.as_tuple()? {
        [group, joined, left] => {
            Some(Change { group: group.clone(), joined: read_pids(joined)?, left: read_pids(left)? })
        }
        _ => None,
    });
    changes.collect()
}

/// What has changed on this node, for those who are to be told.
#[derive(Debug)]
pub(super) enum Update<'a> {
    Changes(&'a [Change]),
    /// A process has ended, which was in these groups; one it has joined several times is there as often.
    Ended(&'a Pid, &'a [Term]),
}

impl Update<'_> {
    /// As messages of this version.
    pub(super) fn write(&self, version: u8, own: &Pid) -> Vec<Term> {
        match (self, version) {
            (Update::Changes(changes), 0) => {
                changes.iter().flat_map(|change| in_old_form(change, own)).collect()
            }
            (Update::Changes(changes), _) => {
                vec![update(
                    own,
                    changes.iter().map(|Change { group, joined, left }| {
                        Term::tuple([group.clone(), pids(joined), pids(left)])
                    }),
                )]
            }
            (Update::Ended(pid, groups), 0) => {
                let groups = Term::list(groups.iter().cloned());
                vec![tagged(atom!("leave"), [own.clone().into(), (*pid).clone().into(), groups])]
            }
            (Update::Ended(pid, groups), _) => {
                let left = Term::list([(*pid).clone().into()]);
                vec![update(
                    own,
                    groups.iter().map(|group| Term::tuple([group.clone(), Term::NIL, left.clone()])),
                )]
            }
        }
    }
}

fn update(own: &Pid, changes: impl Iterator<Item = Term>) -> Term {
    tagged(atom!("update"), [own.clone().into(), Term::list(changes)])
}

fn in_old_form(change: &Change, own: &Pid) -> impl Iterator<Item = Term> {
    let Change { group, joined, left } = change;
    let own = || Term::Pid(own.clone());
    let join =
        (!joined.is_empty()).then(|| tagged(atom!("join"), [own(), group.clone(), one_or_more(joined)]));
    let leave = (!left.is_empty())
        .then(|| tagged(atom!("leave"), [own(), one_or_more(left), Term::list([group.clone()])]));
    join.into_iter().chain(leave)
}

/// That a scope is here, and wants to know of others.
pub(super) fn discover(version: u8, own: &Pid) -> Term {
    match version {
        0 => tagged(atom!("discover"), [own.clone().into()]),
        _ => tagged(atom!("discover"), [own.clone().into(), Term::from(NEWEST)]),
    }
}

/// All that is here.
pub(super) fn data<'a>(version: u8, own: &Pid, groups: impl Iterator<Item = (&'a Term, Vec<Pid>)>) -> Term {
    let groups = groups.map(|(group, members)| (group.clone(), pids(&members)));
    let data = if version == 0 {
        let groups =
            Term::list(groups.map(|(group, members)| Term::tuple([group, members])).collect::<Vec<_>>());
        tagged(atom!("sync"), [own.clone().into(), groups])
    } else {
        let groups = groups.collect::<Map>();
        tagged(atom!("local_data"), [own.clone().into(), Term::from(NEWEST), groups.into()])
    };
    tagged(atom!("$gen_cast"), [data])
}

/// What a process that monitors is told.
pub(super) fn event(reference: &Reference, what: &Atom, group: &Term, members: &[Pid]) -> Term {
    Term::tuple([reference.clone().into(), what.clone().into(), group.clone(), pids(members)])
}

pub(super) fn pids(pids: &[Pid]) -> Term {
    Term::list(pids.iter().cloned().map(Term::Pid))
}

fn one_or_more(members: &[Pid]) -> Term {
    match members {
        [member] => Term::Pid(member.clone()),
        members => pids(members),
    }
}

fn tagged<const N: usize>(tag: Atom, parts: [Term; N]) -> Term {
    Term::tuple(std::iter::once(Term::Atom(tag)).chain(parts).collect::<Vec<_>>())
}

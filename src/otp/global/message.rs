//! What the global name servers of a cluster say to each other, in version 8 of their protocol.
//!
//! All of it goes to the process registered as `global_name_server`. `Tag` is always the receiver's own tag of the
//! session, as it announced it in its `init_connect`; `Names` is `[{Name, Pid, Method}]`, `ExtNames` is
//! `[{Name, Pid, RegNode}]`, and `Ops` is what the receiver is to do: `[{insert, {Name, Pid, Method}} | {delete, Name}]`.
//!
//! | cast                                                                          | says                                    |
//! | ----------------------------------------------------------------------------- | --------------------------------------- |
//! | `{init_connect, {8, MyTag}, Node, {locker, no_longer_a_pid, Known, Locker}}`   | we are connected and do not know another |
//! | `{lock_set, Locker, Bool, Known, Tag}`                                         | my side is locked, or could not be      |
//! | `{exchange, Node, Names, [], Tag}`                                             | these are the names of my side          |
//! | `{resolved, Node, Ops, Known, unused, ExtNames, Tag}`                          | conflicts are solved; my side is these nodes |
//! | `{new_nodes, Node, Ops, ExtNames, Nodes, [{vsn, 8}, {lock, {global, Requester}}]}` | to members: these nodes have joined |
//! | `{in_sync, Node, true}`                                                        | I know you to be a member               |
//!
//! | call                                        | reply         |
//! | ------------------------------------------- | ------------- |
//! | `{set_lock, {ResourceId, Requester}}`       | a boolean     |
//! | `{del_lock, {ResourceId, Requester}}`       | `true`        |
//! | `{register, Name, Pid, Method}`             | `yes`         |
//! | `{register_ext, Name, Pid, Method, RegNode}` | `yes`        |
//! | `{unregister, Name}`                        | `ok`          |
//! | `get_known`, `get_synced`                   | nodes         |
//! | `get_protocol_version`                      | `8`           |
//! | `get_names_ext`                             | `ExtNames`    |
//!
//! | other message                               | says                                                 |
//! | ------------------------------------------- | ---------------------------------------------------- |
//! | `{init_connect_ack, Node, Tag, MyTag}`      | I have your `init_connect`, and these are our tags   |
//! | `{cancel_connect, Node, Tag}`               | begin again                                          |
//! | `{lost_connection, A, XCreation, OpId, B}`  | A has lost its connection to B                       |
//! | `{remove_connection, Node}`                 | disconnect from me                                   |
//! | `{whereis, Name, From}`                     | as a call, from C nodes                              |
//!
//! The protocol is not documented; its messages were seen between nodes of OTP 25, 27 and 29.

use serde::{Deserialize, Serialize};

use crate::atom;
use crate::term::{Atom, Pid, Term};

/// The name of the server, on every node.
pub(super) const GLOBAL_NAME_SERVER: Atom = atom!("global_name_server");

/// The version spoken here. A server that announces a greater one speaks this one, too.
pub(super) const PROTOCOL_VERSION: u32 = 8;

/// The oldest version that is understood, as in OTP.
pub(super) const OLDEST_VERSION: u32 = 5;

/// From this version on lockers answer by way of the servers.
pub(super) const SERVER_VERSION: u32 = 6;

/// From this version on servers know of overlapping partitions, and name versions along with nodes.
pub(super) const OVERLAP_VERSION: u32 = 7;

/// From this version on the `init_connect` is acknowledged and can be taken back, and `lock_set` has a tag.
pub(super) const CANCEL_VERSION: u32 = 8;

/// A name and the process that has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "(Term, Pid, Term)", into = "(Term, Pid, Term)")]
pub(super) struct NamedProcess {
    pub(super) name: Term,
    pub(super) pid: Pid,
    /// The function that solves conflicts. Only a BEAM can run most of them, so it is kept and sent on as it came.
    pub(super) method: Term,
}

impl From<(Term, Pid, Term)> for NamedProcess {
    fn from((name, pid, method): (Term, Pid, Term)) -> NamedProcess {
        NamedProcess { name, pid, method }
    }
}

impl From<NamedProcess> for (Term, Pid, Term) {
    fn from(NamedProcess { name, pid, method }: NamedProcess) -> (Term, Pid, Term) {
        (name, pid, method)
    }
}

/// A process outside of Erlang that was registered by way of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "(Term, Pid, Atom)", into = "(Term, Pid, Atom)")]
pub(super) struct ExternalName {
    pub(super) name: Term,
    pub(super) pid: Pid,
    pub(super) registered_at: Atom,
}

impl From<(Term, Pid, Atom)> for ExternalName {
    fn from((name, pid, registered_at): (Term, Pid, Atom)) -> ExternalName {
        ExternalName { name, pid, registered_at }
    }
}

impl From<ExternalName> for (Term, Pid, Atom) {
    fn from(ExternalName { name, pid, registered_at }: ExternalName) -> (Term, Pid, Atom) {
        (name, pid, registered_at)
    }
}

/// What a server is to do to its names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Op {
    Insert(NamedProcess),
    Delete(Term),
}

/// What is locked, and for whom: two requests of the same requester do not exclude each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "(Term, Term)", into = "(Term, Term)")]
pub(super) struct LockId {
    pub(super) resource: Term,
    pub(super) requester: Term,
}

impl From<(Term, Term)> for LockId {
    fn from((resource, requester): (Term, Term)) -> LockId {
        LockId { resource, requester }
    }
}

impl From<LockId> for (Term, Term) {
    fn from(LockId { resource, requester }: LockId) -> (Term, Term) {
        (resource, requester)
    }
}

impl LockId {
    /// The lock without which nothing changes in the cluster, neither names nor members.
    pub(super) fn global(requester: Term) -> LockId {
        LockId { resource: Term::Atom(atom!("global")), requester }
    }

    pub(super) fn is_global(&self) -> bool {
        self.resource.is_atom("global")
    }

    /// The lock that two lockers take together to join their sides.
    pub(super) fn of_lockers(one: &Pid, other: &Pid) -> LockId {
        let mut pids = [one, other];
        pids.sort();
        LockId::global(Term::list(pids.map(|pid| Term::Pid(pid.clone()))))
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Cast {
    /// Version and tag, the node, and the locker with what the node knows, which nobody needs to know.
    InitConnect(Term, Atom, (Atom, Term, Term, Pid)),
    LockSet(Pid, bool, Term, Term),
    /// To servers before version 8. From those it is read as [`UntaggedLockSet`].
    #[serde(rename = "lock_set", skip_deserializing)]
    OldLockSet(Pid, bool, Term),
    Exchange(Atom, Vec<NamedProcess>, Term, Term),
    Resolved(Atom, Vec<Op>, Vec<Term>, Term, Vec<ExternalName>, Term),
    NewNodes(Atom, Vec<Op>, Vec<ExternalName>, Vec<Term>, Vec<Term>),
    InSync(Atom, Term),
}

impl Cast {
    pub(super) fn init_connect(node: &Atom, tag: Term, locker: &Pid) -> Cast {
        let version = Term::tuple([Term::from(PROTOCOL_VERSION), tag]);
        let locker =
            (atom!("locker"), atom!("no_longer_a_pid").into(), Term::Map(Default::default()), locker.clone());
        Cast::InitConnect(version, node.clone(), locker)
    }

    pub(super) fn in_sync(node: &Atom) -> Cast {
        Cast::InSync(node.clone(), Term::from(true))
    }

    /// As a member of this version understands it.
    pub(super) fn for_version(&self, version: u32) -> Cast {
        match self.clone() {
            Cast::NewNodes(node, ops, external, nodes, extra) if version < OVERLAP_VERSION => {
                let nodes = nodes_from_terms(&nodes).into_iter().map(|(node, _)| node.into()).collect();
                Cast::NewNodes(node, ops, external, nodes, extra)
            }
            cast => cast,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Call {
    SetLock(LockId),
    DelLock(LockId),
    Register(Term, Pid, Term),
    RegisterExt(Term, Pid, Term, Atom),
    Unregister(Term),
    GetKnown,
    GetSynced,
    GetProtocolVersion,
    GetNamesExt,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Info {
    InitConnectAck(Atom, Term, Term),
    CancelConnect(Atom, Term),
    LostConnection(Atom, Term, Term, Atom),
    RemoveConnection(Atom),
    Whereis(Term, (Pid, Term)),
    /// From this node itself: who comes and goes.
    Nodeup(Atom),
    Nodedown(Atom),
}

/// A `lock_set` without a tag: as lockers of all versions refuse one that they don't want to join with, straight to its
/// pid, and as those before version 8 say it in any case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum UntaggedLockSet {
    LockSet(Pid, bool, Term),
}

/// Version and tag of an `init_connect`: `{8, Tag}`, or a longer tuple of a later version.
pub(super) fn version_and_tag(term: &Term) -> Option<(u32, Term)> {
    match term.as_tuple()? {
        [Term::Integer(version), tag, rest @ ..] => {
            let version = u32::try_from(version.as_i64()?).ok()?;
            let later = version > PROTOCOL_VERSION || !rest.is_empty();
            Some((if later { PROTOCOL_VERSION } else { version }, tag.clone()))
        }
        _ => None,
    }
}

/// `{Node, Version}` for each node, or the bare nodes for a server `to` whom the versions mean nothing.
pub(super) fn nodes_to_terms<'a>(nodes: impl IntoIterator<Item = (&'a Atom, &'a u32)>, to: u32) -> Vec<Term> {
    let term = |(node, version): (&Atom, &u32)| match to {
        ..OVERLAP_VERSION => node.clone().into(),
        _ => Term::tuple([node.clone().into(), (*version).into()]),
    };
    nodes.into_iter().map(term).collect()
}

/// The nodes of a list of `{Node, Version}`, or of bare nodes, as servers before version 7 know them.
pub(super) fn nodes_from_terms(terms: &[Term]) -> Vec<(Atom, u32)> {
    let node = |term: &Term| match term {
        Term::Atom(node) => Some((node.clone(), OVERLAP_VERSION - 1)),
        Term::Tuple(pair) => match &**pair {
            [Term::Atom(node), Term::Integer(version)] => {
                Some((node.clone(), u32::try_from(version.as_i64()?).ok()?))
            }
            _ => None,
        },
        _ => None,
    };
    terms.iter().filter_map(node).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::parse::parse;
    use crate::term::{from_term, to_term};

    fn term(text: &str) -> Term {
        // Pids as a shell prints them, of one node.
        parse(&text.replace("<0.", "<a@vm.").replace(".0>", ".0/1>")).unwrap()
    }

    #[test]
    fn messages_are_the_tuples_that_otp_sends() {
        let casts = [
            "{init_connect,{8,-576460752303423488},b27@vm,{locker,no_longer_a_pid,#{{connection_id,a@vm}=>1},<0.60.0>}}",
            "{lock_set,<0.60.0>,true,[],-576460752303423488}",
            "{exchange,c29@vm,[{n_all,<0.1.0>,fun global:notify_all_name/3}],[],8}",
            "{resolved,b@vm,[{delete,n_all},{insert,{n,<0.1.0>,m}}],[{a@vm,8}],unused,[{ext1,<0.2.0>,c@vm}],8}",
            "{new_nodes,c@vm,[{delete,n_all}],[],[{b@vm,8}],[{vsn,8},{lock,{global,[<0.1.0>,<0.2.0>]}}]}",
            "{in_sync,b@vm,true}",
        ];
        for text in casts {
            let term = term(text);
            let cast: Cast = from_term(&term).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(to_term(&cast).unwrap(), term);
        }
        let calls = [
            "{set_lock,{global,<0.61.0>}}",
            "{del_lock,{{mnesia,x},<0.61.0>}}",
            "{register,{foo,1},<0.1.0>,fun global:random_exit_name/3}",
            "{register_ext,ext1,<0.1.0>,m,c@vm}",
            "{unregister,foo}",
            "get_known",
            "get_protocol_version",
        ];
        for text in calls {
            let term = term(text);
            let call: Call = from_term(&term).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(to_term(&call).unwrap(), term);
        }
        for text in ["{lost_connection,b@vm,4611686018427387904000,-5,a@vm}", "{nodeup,a@vm}"] {
            let term = term(text);
            assert_eq!(to_term(&from_term::<Info>(&term).unwrap()).unwrap(), term);
        }
    }

    #[test]
    fn a_later_version_is_spoken_to_in_this_one() {
        assert_eq!(version_and_tag(&term("{9,5}")), Some((8, term("5"))));
        assert_eq!(version_and_tag(&term("{8,5,more}")), Some((8, term("5"))));
        assert_eq!(version_and_tag(&term("{7,5}")), Some((7, term("5"))));
        assert_eq!(version_and_tag(&term("8")), None);
    }

    #[test]
    fn lockers_sort_their_pids_so_that_both_take_the_same_lock() {
        let pid = |node: &str| Pid {
            node: Atom::new(node).unwrap(),
            id: 60,
            serial: 0,
            creation: Default::default(),
        };
        let (a, b) = (pid("a@vm"), pid("b@vm"));
        assert_eq!(LockId::of_lockers(&a, &b), LockId::of_lockers(&b, &a));
    }
}

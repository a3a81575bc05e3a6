//! One name server, and what it says to messages as they were seen between nodes of OTP 25, 27 and 29.

use std::time::Instant;

use super::super::join::Decision;
use super::super::message::{Call, LockId};
use super::super::name_server::{Action, Identity, NameServer, SyncId};
use crate::term::parse::parse;
use crate::term::{Atom, Pid, Term, from_term, to_term};

/// The server of `b@vm`, whose tags are 1, 2, and so on.
pub(super) struct Server(NameServer);

fn term(text: &str) -> Term {
    // `<a.1>` is process 1 of the node a@vm.
    let mut full = String::new();
    for part in text.split_inclusive('>') {
        full.push_str(&match part.rsplit_once('<') {
            Some((before, pid)) if pid.ends_with('>') => {
                let (node, id) = pid.trim_end_matches('>').split_once('.').unwrap();
                format!("{before}<{node}@vm.{id}.0/1>")
            }
            _ => part.to_owned(),
        });
    }
    parse(&full).unwrap_or_else(|error| panic!("{full}: {error}"))
}

fn short(term: &Term) -> String {
    term.to_string().replace("@vm.", ".").replace(".0/1>", ">").replace("@vm", "")
}

fn pid(text: &str) -> Pid {
    term(text).as_pid().unwrap().clone()
}

fn atom(name: &str) -> Atom {
    Atom::new(&format!("{name}@vm")).unwrap()
}

impl Server {
    pub(super) fn new() -> Server {
        Server::with(true)
    }

    /// It joins nobody.
    pub(super) fn alone() -> Server {
        Server::with(false)
    }

    fn with(connect_all: bool) -> Server {
        Server(NameServer::new(Identity {
            node: atom("b"),
            locker: pid("<b.60>"),
            creation: Term::from(77),
            first_number: 0,
            connect_all,
            prevent_overlapping_partitions: true,
        }))
    }

    /// Without the rule that a lock is needed, which is for names that come by other ways.
    fn with_names(names: &[&str]) -> Server {
        let mut server = Server::new();
        for name in names {
            server.call("<x.1>", &format!("{{register,{name}}}"));
        }
        server.said();
        server
    }

    pub(super) fn cast(&mut self, text: &str) -> Vec<String> {
        let text = text.replace("@", "@vm");
        self.0.cast(from_term(&term(&text)).unwrap_or_else(|error| panic!("{text}: {error}")));
        self.said()
    }

    pub(super) fn info(&mut self, text: &str) -> Vec<String> {
        let text = text.replace("@", "@vm");
        self.0
            .info(from_term(&term(&text)).unwrap_or_else(|error| panic!("{text}: {error}")), Instant::now());
        self.said()
    }

    pub(super) fn call(&mut self, caller: &str, text: &str) -> String {
        let text = text.replace("@", "@vm");
        let call = from_term(&term(&text)).unwrap_or_else(|error| panic!("{text}: {error}"));
        short(&self.0.call(&pid(caller), call))
    }

    pub(super) fn lock_is_set(&mut self, node: &str, tag: i32) -> Vec<String> {
        let locker = pid(&format!("<{node}.60>"));
        let lock = LockId::of_lockers(&pid("<b.60>"), &locker);
        assert!(self.0.call(&locker, Call::SetLock(lock.clone())).is_atom("true"));
        self.said();
        self.0.lock_is_set(&atom(node), &Term::from(tag), lock);
        self.said()
    }

    /// Begins a session with `node`, whose tag is `tag`.
    fn begin(&mut self, node: &str, tag: i32) {
        self.info(&format!("{{nodeup,{node}@}}"));
        self.cast(&format!(
            "{{init_connect,{{8,{tag}}},{node}@,{{locker,no_longer_a_pid,#{{}},<{node}.60>}}}}"
        ));
    }

    /// Joins `node`, which knows of these others.
    pub(super) fn join(&mut self, node: &str, own_tag: i32, tag: i32, others: &str) -> Vec<String> {
        self.begin(node, tag);
        self.lock_is_set(node, own_tag);
        self.cast(&format!("{{exchange,{node}@,[],[],{own_tag}}}"));
        let said = self.cast(&format!("{{resolved,{node}@,[],[{others}],unused,[],{own_tag}}}"));
        let locker = pid(&format!("<{node}.60>"));
        self.0.call(&locker, Call::DelLock(LockId::of_lockers(&pid("<b.60>"), &locker)));
        self.said();
        said
    }

    pub(super) fn untagged_lock_set(&mut self, node: &str) -> Vec<String> {
        self.0.untagged_lock_set(pid(&format!("<{node}.60>")), true);
        self.said()
    }

    pub(super) fn sync(&mut self, node: &str) -> Vec<String> {
        self.0.wait_for_sync(SyncId(1), [atom(node)]);
        self.said()
    }

    pub(super) fn leave(&mut self, nodes: &[&str]) -> Vec<String> {
        let nodes: Vec<Atom> = nodes.iter().map(|node| atom(node)).collect();
        self.0.leave(&nodes);
        self.said()
    }

    pub(super) fn known(&mut self) -> String {
        self.call("<x.1>", "get_known")
    }

    fn said(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.0.poll_action()).map(|action| shown(&action)).collect()
    }
}

fn shown(action: &Action) -> String {
    let node = |node: &Atom| node.as_str().replace("@vm", "");
    match action {
        Action::Cast(to, cast) => format!("{} cast {}", node(to), short(&to_term(cast).unwrap())),
        Action::Info(to, info) => format!("{} {}", node(to), short(&to_term(info).unwrap())),
        Action::Watch { pid, .. } => format!("watch {}", short(&Term::Pid(pid.clone()))),
        Action::Unwatch(pid) => format!("unwatch {}", short(&Term::Pid(pid.clone()))),
        Action::Locker(command) => match command {
            super::super::locker::Command::Candidate(candidate) => {
                format!("candidate {}", node(&candidate.node))
            }
            super::super::locker::Command::Cancel { node: of, .. } => format!("cancel {}", node(of)),
            super::super::locker::Command::LockSet { locker, set } => {
                format!("lock_set {} {set}", short(&Term::Pid(locker.clone())))
            }
            super::super::locker::Command::Joined { members, news, .. } => {
                let members: Vec<String> = members.iter().map(|(member, _)| node(member)).collect();
                format!("joined, tell {members:?} {}", short(&to_term(news).unwrap()))
            }
        },
        Action::Decide { conflicts, .. } => {
            let names: Vec<String> = conflicts.iter().map(|conflict| short(&conflict.own.name)).collect();
            format!("decide {names:?}")
        }
        Action::ConnectInSync(to) => format!("connect {}", node(to)),
        Action::Disconnect(from) => format!("disconnect {}", node(from)),
        Action::Synced(SyncId(id)) => format!("synced {id}"),
        Action::Found { pid, .. } => format!("found {:?}", pid.clone().map(|pid| short(&Term::Pid(pid)))),
    }
}

#[test]
fn two_nodes_alone_join() {
    let mut b = Server::new();
    let init_connect = "a cast {init_connect,{8,1},b,{locker,no_longer_a_pid,#{},<b.60>}}";
    assert_eq!(b.info("{nodeup,a@}"), [init_connect]);
    assert_eq!(
        b.cast("{init_connect,{8,-576460752303423488},a@,{locker,no_longer_a_pid,#{{connection_id,b@} => 1},<a.60>}}"),
        ["candidate a", "a {init_connect_ack,b,-576460752303423488,1}"]
    );
    assert_eq!(b.info("{init_connect_ack,a@,1,-576460752303423488}"), [""; 0]);
    assert_eq!(b.cast("{lock_set,<a.60>,true,[],1}"), ["lock_set <a.60> true"]);
    assert_eq!(b.lock_is_set("a", 1), ["a cast {exchange,b,[],[],-576460752303423488}"]);
    assert_eq!(b.cast("{exchange,a@,[],[],1}"), ["a cast {resolved,b,[],[],unused,[],-576460752303423488}"]);
    assert_eq!(
        b.cast("{resolved,a@,[],[],unused,[],1}"),
        ["joined, tell [] {new_nodes,b,[],[],[{a,8}],[{vsn,8},{lock,{global,[<a.60>,<b.60>]}}]}"]
    );
    assert_eq!(b.known(), "[a]");
    assert_eq!(b.call("<x.1>", "get_synced"), "[a]");
    assert_eq!(b.info("{nodeup,a@}"), [""; 0]);
}

#[test]
fn what_the_other_side_says_early_is_kept() {
    let mut b = Server::new();
    b.cast("{init_connect,{8,-5},a@,{locker,no_longer_a_pid,#{},<a.60>}}");
    let said = b.info("{nodeup,a@}");
    assert_eq!(said[1..], ["candidate a", "a {init_connect_ack,b,-5,1}"]);
    assert_eq!(b.cast("{exchange,a@,[],[],1}"), [""; 0]);
    assert_eq!(b.cast("{resolved,a@,[],[],unused,[],1}"), [""; 0]);
    let said = b.lock_is_set("a", 1);
    assert_eq!(said[..2], ["a cast {exchange,b,[],[],-5}", "a cast {resolved,b,[],[],unused,[],-5}"]);
    assert_eq!(b.known(), "[a]");
}

/// Otherwise nobody would tell `a` of `d`: a BEAM takes nobody in because of `in_sync`.
#[test]
fn who_was_in_sync_before_is_new_to_the_others_all_the_same() {
    let mut b = Server::new();
    b.join("a", 1, -1, "");
    b.cast("{in_sync,d@,true}");
    assert_eq!(b.known(), "[a,d]");
    let said = b.join("c", 2, -2, "{d@,8}");
    let told = "{new_nodes,b,[],[],[{c,8},{d,8}],[{vsn,8},{lock,{global,[<b.60>,<c.60>]}}]}";
    assert_eq!(said, [format!("joined, tell [\"a\", \"d\"] {told}")]);
}

#[test]
fn both_sides_hear_of_each_other() {
    let mut b = Server::new();
    b.join("a", 1, -1, "");
    assert_eq!(
        b.join("c", 2, -2, "{d@,8},{b@,8},{e@,8}"),
        [
            "connect d",
            "connect e",
            "joined, tell [\"a\"] {new_nodes,b,[],[],[{c,8},{d,8},{e,8}],[{vsn,8},{lock,{global,[<b.60>,<c.60>]}}]}",
        ]
    );
    assert_eq!(b.known(), "[a,c,d,e]");
    assert_eq!(b.cast("{new_nodes,a@,[],[],[{f@,8},{c@,8}],[{vsn,8}]}"), ["connect f"]);
    // It will say in_sync itself; its connection is no reason to begin a session.
    assert_eq!(b.info("{nodeup,d@}"), [""; 0]);
    assert_eq!(b.call("<x.1>", "get_synced"), "[a,c]");
    b.cast("{in_sync,d@,true}");
    assert_eq!(b.call("<x.1>", "get_synced"), "[a,c,d]");
}

#[test]
fn a_session_ends_when_the_other_turns_out_to_be_a_member_already() {
    let mut b = Server::new();
    b.join("a", 1, -1, "");
    b.begin("c", -3);
    assert_eq!(b.cast("{new_nodes,a@,[],[],[{c@,8}],[{vsn,8}]}"), ["cancel c", "connect c"]);
    b.begin("d", -4);
    assert_eq!(b.cast("{in_sync,d@,true}"), ["cancel d", "connect d"]);
    // Whatever belongs to those sessions is over.
    assert_eq!(b.cast("{lock_set,<c.60>,true,[],2}"), [""; 0]);
    assert_eq!(b.cast("{exchange,d@,[],[],3}"), [""; 0]);
    assert_eq!(b.info("{init_connect_ack,d@,3,-4}"), [""; 0]);
}

#[test]
fn the_smaller_side_decides_conflicts() {
    // Names of b's side; a and c are its neighbours in the order of names.
    let names = ["same,<a.1>,m", "own,<b.1>,m", "other,<b.2>,m", "both,<a.3>,m"];
    let mut b = Server::with_names(&names);
    b.begin("c", -1);
    b.lock_is_set("c", 1);
    let theirs = "[{same,<a.1>,m},{own,<c.1>,n},{other,<c.2>,n},{both,<c.3>,n},{new,<c.4>,n}]";
    assert_eq!(b.cast(&format!("{{exchange,c@,{theirs},[],1}}")), ["decide [\"own\", \"other\", \"both\"]"]);
    let conflicts = {
        let mut again = Server::with_names(&names);
        again.begin("c", -1);
        again.lock_is_set("c", 1);
        again.0.cast(from_term(&term(&format!("{{exchange,c@vm,{theirs},[],1}}"))).unwrap());
        match again.0.poll_action() {
            Some(Action::Decide { conflicts, .. }) => conflicts,
            other => panic!("{other:?}"),
        }
    };
    let decisions = [Decision::Own, Decision::Other, Decision::Nobody];
    let decided = conflicts.into_iter().zip(decisions).collect();
    b.0.conflicts_decided(&atom("c"), &Term::from(1), decided);
    assert_eq!(b.said(), ["c cast {resolved,b,[{insert,{own,<b.1>,m}},{delete,both}],[],unused,[],-1}"]);
    let said = b.cast("{resolved,c@,[],[],unused,[],1}");
    assert_eq!(said[..4], ["watch <c.4>", "unwatch <b.2>", "watch <c.2>", "unwatch <a.3>"]);
    assert!(
        said[4].contains("[{insert,{new,<c.4>,n}},{insert,{other,<c.2>,n}},{delete,both}]"),
        "{}",
        said[4]
    );
    let registered =
        |b: &Server, name: &str| b.0.names.get(&term(name)).map(|of| short(&Term::Pid(of.pid.clone())));
    assert_eq!(registered(&b, "same").as_deref(), Some("<a.1>"));
    assert_eq!(registered(&b, "own").as_deref(), Some("<b.1>"));
    assert_eq!(registered(&b, "other").as_deref(), Some("<c.2>"));
    assert_eq!(registered(&b, "both"), None);
    assert_eq!(registered(&b, "new").as_deref(), Some("<c.4>"));
}

#[test]
fn the_greater_side_leaves_conflicts_to_the_other() {
    let mut b = Server::with_names(&["n_all,<b.1>,m"]);
    b.begin("a", -1);
    b.lock_is_set("a", 1);
    assert_eq!(
        b.cast("{exchange,a@,[{n_all,<a.1>,m},{new,<a.2>,m}],[],1}"),
        ["a cast {resolved,b,[],[],unused,[],-1}"]
    );
    let said = b.cast("{resolved,a@,[{delete,n_all}],[],unused,[{new,<a.2>,d@}],1}");
    assert_eq!(said[..2], ["watch <a.2>", "unwatch <b.1>"]);
    assert_eq!(b.call("<x.1>", "get_names_ext"), "[{new,<a.2>,d}]");
}

#[test]
fn names_need_the_lock() {
    let mut b = Server::new();
    assert_eq!(b.call("<a.61>", "{set_lock,{global,<a.61>}}"), "true");
    assert_eq!(b.call("<c.61>", "{set_lock,{global,<c.61>}}"), "false");
    assert_eq!(b.call("<c.61>", "{set_lock,{other,<c.61>}}"), "true");
    assert_eq!(b.said(), ["watch <a.61>", "watch <c.61>"]);
    assert_eq!(b.call("<a.61>", "{register,foo,<a.1>,m}"), "yes");
    // Replaced, and watched no longer.
    assert_eq!(b.call("<a.61>", "{register,foo,<a.2>,m}"), "yes");
    assert_eq!(b.said(), ["watch <a.1>", "unwatch <a.1>", "watch <a.2>"]);
    assert_eq!(b.call("<c.61>", "{register,foo,<c.1>,m}"), "yes");
    assert!(b.0.names.get(&term("foo")).is_none());
    assert_eq!(b.said(), ["unwatch <a.2>"]);
    // Somebody asks while names may change.
    assert_eq!(b.info("{whereis,foo,{<x.1>,tag}}"), [""; 0]);
    b.call("<a.61>", "{register,foo,<a.2>,m}");
    b.said();
    assert_eq!(b.call("<a.61>", "{del_lock,{global,<a.61>}}"), "true");
    assert_eq!(b.said(), ["unwatch <a.61>", "found Some(\"<a.2>\")"]);
    assert_eq!(b.call("<a.61>", "{unregister,foo}"), "ok");
    assert_eq!(b.call("<x.1>", "get_protocol_version"), "8");
}

#[test]
fn a_node_takes_its_names_and_locks_along() {
    let mut b = Server::with_names(&["foo,<a.1>,m", "bar,<c.1>,m"]);
    b.call("<a.61>", "{set_lock,{global,<a.61>}}");
    b.said();
    assert_eq!(b.info("{nodedown,a@}"), ["unwatch <a.1>", "unwatch <a.61>"]);
    assert_eq!(b.0.names.all().len(), 1);
    // What a had under way comes too late.
    b.call("<a.61>", "{register,foo,<a.1>,m}");
    assert_eq!(b.0.names.all().len(), 1);
    b.0.down(&pid("<c.1>"));
    assert_eq!(b.0.names.all().len(), 0);
}

#[test]
fn a_second_init_connect_makes_both_sides_begin_again() {
    let mut b = Server::new();
    b.begin("a", -1);
    assert_eq!(
        b.cast("{init_connect,{8,-2},a@,{locker,no_longer_a_pid,#{},<a.60>}}"),
        [
            "a {cancel_connect,b,-1}",
            "a {cancel_connect,b,-2}",
            "cancel a",
            "a cast {init_connect,{8,2},b,{locker,no_longer_a_pid,#{},<b.60>}}"
        ]
    );
    // Of what the other cancels, only the present session counts.
    assert_eq!(b.info("{cancel_connect,a@,1}"), [""; 0]);
    let said = b.cast("{init_connect,{8,-3},a@,{locker,no_longer_a_pid,#{},<a.60>}}");
    assert_eq!(said, ["candidate a", "a {init_connect_ack,b,-3,2}"]);
    assert_eq!(b.info("{init_connect_ack,a@,2,-3}"), [""; 0]);
    assert_eq!(b.info("{init_connect_ack,a@,1,-3}"), [""; 0]);
    let begun_again = b.info("{init_connect_ack,a@,2,-2}");
    assert_eq!(begun_again[..2], ["a {cancel_connect,b,-2}", "cancel a"]);
    let begun_again = b.info("{cancel_connect,a@,3}");
    assert_eq!(begun_again.len(), 2);
    assert!(begun_again[1].contains("init_connect,{8,4}"));
}

#[test]
fn a_version_that_is_too_old_is_not_joined() {
    let mut b = Server::new();
    b.info("{nodeup,a@}");
    assert_eq!(b.cast("{init_connect,{4,-1},a@,{locker,no_longer_a_pid,#{},<a.60>}}"), [""; 0]);
}

#[test]
fn a_lost_connection_isolates_both_ends() {
    let mut b = Server::new();
    b.join("a", 1, -1, "{c@,8}");
    b.begin("d", -2);
    // The connection of b to a: the others are told, also one that is about to join.
    assert_eq!(b.info("{nodedown,a@}"), ["c {lost_connection,b,77,3,a}", "d {lost_connection,b,77,3,a}"]);
    // And then c asks to be left alone.
    assert_eq!(b.info("{remove_connection,c@}"), ["disconnect c"]);
    assert_eq!(b.known(), "[]");
    // Both have asked the other, and wait for it.
    assert_eq!(b.info("{remove_connection,c@}"), ["disconnect c"]);
    // Its end is no news.
    assert_eq!(b.info("{nodedown,c@}"), [""; 0]);
    assert_eq!(b.info("{remove_connection,stranger@}"), [""; 0]);
}

#[test]
fn a_node_that_sees_both_ends_passes_the_news_on_and_asks_both_to_go() {
    let mut b = Server::new();
    b.join("a", 1, -1, "{c@,8},{d@,8}");
    assert_eq!(
        b.info("{lost_connection,a@,5,1,c@}"),
        ["c {lost_connection,a,5,1,c}", "d {lost_connection,a,5,1,c}", "c {remove_connection,b}"]
    );
    assert_eq!(b.info("{lost_connection,a@,5,1,c@}"), [""; 0]);
    assert_eq!(
        b.info("{lost_connection,c@,6,1,a@}"),
        ["a {lost_connection,c,6,1,a}", "d {lost_connection,c,6,1,a}", "a {remove_connection,b}"]
    );
    assert_eq!(b.known(), "[d]");
    assert_eq!(b.info("{nodedown,a@}"), [""; 0]);
    assert_eq!(b.info("{nodedown,c@}"), [""; 0]);
    // The death of a node: others report it, and it is gone already.
    assert_eq!(b.info("{lost_connection,d@,7,1,e@}"), [""; 0]);
    // Another node says that it has lost this one, which has not noticed yet.
    assert_eq!(b.info("{lost_connection,d@,7,2,b@}"), ["d {remove_connection,b}"]);
    // Begun anew, its end is news again.
    b.info("{nodedown,d@}");
    b.join("d", 2, -2, "");
    b.join("e", 3, -3, "");
    assert_eq!(b.info("{nodedown,d@}"), ["e {lost_connection,b,77,4,d}"]);
}

#[test]
fn sync_waits_for_all_that_are_connected() {
    let mut b = Server::new();
    b.0.wait_for_sync(SyncId(1), []);
    assert_eq!(b.said(), ["synced 1"]);
    b.begin("a", -1);
    b.begin("c", -2);
    b.0.wait_for_sync(SyncId(2), [atom("a"), atom("c")]);
    assert_eq!(b.said(), [""; 0]);
    assert_eq!(b.cast("{in_sync,a@,true}"), ["cancel a", "connect a"]);
    assert_eq!(b.info("{nodedown,c@}").last().unwrap(), "synced 2");
}

//! One scope, and what it says to messages as they were seen between nodes of OTP 25, 27 and 29.

use std::time::{Duration, Instant};

use super::super::message::{Heard, Request};
use super::super::scope::{Action, Scope};
use crate::atom;
use crate::term::parse::parse;
use crate::term::{Atom, Creation, Pid, Reference, Term};

/// The scope `pg` of the node `b@vm`, process 1 there.
struct Dialogue {
    scope: Scope,
    references: u32,
}

/// `<a.1>` is process 1 of the node a@vm.
fn full(text: &str) -> String {
    let mut full = String::new();
    let mut rest = text;
    while let Some((before, (pid, after))) =
        rest.split_once('<').and_then(|(before, rest)| Some((before, rest.split_once('>')?)))
    {
        let (node, id) = pid.split_once('.').unwrap();
        full.push_str(&format!("{before}<{node}@vm.{id}.0/1>"));
        rest = after;
    }
    full + rest
}

fn term(text: &str) -> Term {
    parse(&full(text)).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn pid(text: &str) -> Pid {
    term(text).as_pid().unwrap().clone()
}

fn short(term: &Term) -> String {
    term.to_string().replace("@vm.", ".").replace(".0/1>", ">")
}

fn reference(number: u32) -> Reference {
    Reference::new(atom!("b@vm"), Creation(1), &[number, 0, 0]).unwrap()
}

impl Dialogue {
    fn new() -> Dialogue {
        Dialogue { scope: Scope::new(atom!("pg"), pid("<b.1>")), references: 0 }
    }

    /// With a peer of this version, that has been told all.
    fn with_peer(peer: &str, version: u8) -> Dialogue {
        let mut dialogue = Dialogue::new();
        let version = if version == 0 { "" } else { ",1" };
        dialogue.hear(&format!("{{discover,{peer}{version}}}"));
        dialogue
    }

    fn said(&mut self) -> Vec<String> {
        let mut said = Vec::new();
        while let Some(action) = self.scope.poll_action() {
            said.push(match action {
                Action::SendToScope(node, message) => format!("{node} ! {}", short(&message)),
                Action::Send(pid, message) => {
                    let message = short(&message);
                    // The subscriptions are numbered.
                    let number = message.split_once("0.0.").is_some();
                    let message = if number { with_numbers(&message) } else { message };
                    format!("{} ! {message}", short(&pid.into()))
                }
                Action::Watch(pid) => format!("watch {}", short(&pid.into())),
                Action::Unwatch(pid) => format!("unwatch {}", short(&pid.into())),
            });
        }
        said
    }

    fn hear(&mut self, text: &str) -> Vec<String> {
        let heard = Heard::read(&term(text)).unwrap_or_else(|| panic!("{text} is no message"));
        self.scope.heard(heard);
        self.said()
    }

    fn ask(&mut self, caller: &str, text: &str) -> (String, Vec<String>) {
        let request = Request::read(&term(text)).unwrap_or_else(|| panic!("{text} is no request"));
        self.references += 1;
        let reply = self.scope.request(&pid(caller), request, reference(self.references));
        (with_numbers(&short(&reply)), self.said())
    }

    /// A request that is answered with `ok`.
    fn change(&mut self, text: &str) -> Vec<String> {
        let (reply, said) = self.ask("<b.9>", text);
        assert_eq!(reply, "ok");
        said
    }

    fn down(&mut self, text: &str) -> Vec<String> {
        self.scope.down(&pid(text));
        self.said()
    }

    fn members(&self, group: &str) -> String {
        short(&Term::list(self.scope.groups.members(&term(group)).into_iter().map(Term::Pid)))
    }
}

/// References as the numbers they were made with: `#1`.
fn with_numbers(text: &str) -> String {
    let mut text = text.to_owned();
    for number in 1..20 {
        text = text.replace(&short(&reference(number).into()), &format!("#{number}"));
    }
    text
}

#[test]
fn a_scope_meets_one_of_otp_29() {
    let mut b = Dialogue::new();
    assert_eq!(b.change("{join_local,g0,<b.109>}"), ["watch <b.109>"]);
    b.scope.node_up(&Atom::new("c@vm").unwrap());
    assert_eq!(b.said(), ["c@vm ! {discover,<b.1>}"]);
    let said = b.hear("{discover,<c.1>,1}");
    assert_eq!(
        said,
        [
            "watch <c.1>",
            "<c.1> ! {'$gen_cast',{local_data,<b.1>,1,#{g0 => [<b.109>]}}}",
            "<c.1> ! {discover,<b.1>,1}",
        ]
    );
    // The answers to both of ours, and another of its own.
    assert_eq!(b.hear("{sync,<c.1>,[]}"), [""; 0]);
    assert_eq!(b.hear("{local_data,<c.1>,1,#{}}"), [""; 0]);
    let again = "<c.1> ! {'$gen_cast',{local_data,<b.1>,1,#{g0 => [<b.109>]}}}";
    assert_eq!(b.hear("{discover,<c.1>,1}"), [again]);
    for text in
        ["{join,<c.1>,g1,[<c.5>]}", "{join,<c.1>,g1,[<c.5>]}", "{update,<c.1>,[{g2,[<c.5>,<c.5>],[]}]}"]
    {
        assert_eq!(b.hear(text), [""; 0]);
    }
    assert_eq!((b.members("g1"), b.members("g2")), ("[<c.5>,<c.5>]".into(), "[<c.5>,<c.5>]".into()));
    b.hear("{leave,<c.1>,[<c.5>],[g1]}");
    assert_eq!(b.members("g1"), "[<c.5>]");
    // The process has ended.
    b.hear("{leave,<c.1>,[<c.5>],[g2,g2,g1]}");
    assert_eq!((b.members("g1"), b.members("g2")), ("[]".into(), "[]".into()));
    assert_eq!(
        b.change("{join_local,g1,[<b.5>,<b.5>]}"),
        ["watch <b.5>", "<c.1> ! {update,<b.1>,[{g1,[<b.5>,<b.5>],[]}]}"]
    );
    assert_eq!(b.change("{leave_local,g1,<b.5>}"), ["<c.1> ! {update,<b.1>,[{g1,[],[<b.5>]}]}"]);
    assert_eq!(b.down("<b.5>"), ["<c.1> ! {update,<b.1>,[{g1,[],[<b.5>]}]}"]);
    assert_eq!(b.down("<c.1>"), [""; 0]);
    assert_eq!(b.members("g0"), "[<b.109>]");
}

#[test]
fn a_scope_meets_one_of_otp_25_or_27() {
    let mut b = Dialogue::new();
    b.change("{join_local,gb,<b.7>}");
    assert_eq!(
        b.hear("{discover,<a.1>}"),
        ["watch <a.1>", "<a.1> ! {'$gen_cast',{sync,<b.1>,[{gb,[<b.7>]}]}}", "<a.1> ! {discover,<b.1>}"]
    );
    b.hear("{sync,<a.1>,[{ga,[<a.5>,<a.6>]}]}");
    assert_eq!(b.members("ga"), "[<a.5>,<a.6>]");
    b.hear("{join,<a.1>,ga,<a.7>}");
    assert_eq!(b.members("ga"), "[<a.7>,<a.5>,<a.6>]");
    assert_eq!(b.change("{join_local,ga,<b.7>}"), ["<a.1> ! {join,<b.1>,ga,<b.7>}"]);
    assert_eq!(
        b.change("{join_local,ga,[<b.7>,<b.8>]}"),
        ["watch <b.8>", "<a.1> ! {join,<b.1>,ga,[<b.7>,<b.8>]}"]
    );
    assert_eq!(b.members("ga"), "[<b.7>,<b.8>,<b.7>,<a.7>,<a.5>,<a.6>]");
    assert_eq!(b.change("{leave_local,ga,[<b.8>]}"), ["unwatch <b.8>", "<a.1> ! {leave,<b.1>,<b.8>,[ga]}"]);
    // The last joined group comes first.
    assert_eq!(b.down("<b.7>"), ["<a.1> ! {leave,<b.1>,<b.7>,[ga,ga,gb]}"]);
    assert_eq!(b.ask("<b.9>", "{leave_local,ga,<b.7>}"), ("not_joined".to_owned(), vec![]));
    b.hear("{leave,<a.1>,<a.5>,[ga]}");
    assert_eq!(b.members("ga"), "[<a.7>,<a.6>]");
}

/// What OTP 29 asks its own scope process.
#[test]
fn requests_in_the_form_of_otp_29_are_told_in_the_old_one() {
    let mut b = Dialogue::with_peer("<a.1>", 0);
    let said = b.change("{update,[{g,[<b.5>,<b.6>],[]},{h,[<b.5>],[]}]}");
    assert_eq!(
        said,
        [
            "watch <b.5>",
            "watch <b.6>",
            "<a.1> ! {join,<b.1>,g,[<b.5>,<b.6>]}",
            "<a.1> ! {join,<b.1>,h,<b.5>}"
        ]
    );
    // What is not there does not leave: a scope of OTP 27 would end.
    let said = b.change("{update,[{g,[],[<b.5>,<b.7>]},{none,[],[<b.5>]}]}");
    assert_eq!(said, ["<a.1> ! {leave,<b.1>,<b.5>,[g]}"]);
    assert_eq!(b.members("g"), "[<b.6>]");
    let (reply, _) = b.ask("<b.9>", "{subscribe,scope}");
    assert_eq!(reply, "{#3,#{g => [<b.6>],h => [<b.5>]}}");
    let (reply, _) = b.ask("<b.9>", "{subscribe,{group,g}}");
    assert_eq!(reply, "{#4,[<b.6>]}");
}

#[test]
fn a_scope_does_not_seek_itself() {
    let mut b = Dialogue::new();
    b.scope.node_up(&Atom::new("b@vm").unwrap());
    assert_eq!(b.hear("{discover,<b.1>}"), [""; 0]);
    assert_eq!(b.hear("{sync,<b.1>,[{g,[<b.5>]}]}"), [""; 0]);
    assert_eq!(b.members("g"), "[]");
}

#[test]
fn strangers_have_no_members() {
    let mut b = Dialogue::new();
    b.change("{join_local,g,<b.5>}");
    for text in ["{join,<c.1>,g,<c.5>}", "{leave,<c.1>,<b.5>,[g]}", "{update,<c.1>,[{g,[<c.5>],[<b.5>]}]}"] {
        assert_eq!(b.hear(text), [""; 0]);
        assert_eq!(b.members("g"), "[<b.5>]");
    }
    // Nor does a peer take away what is not its own.
    b.hear("{discover,<c.1>}");
    b.hear("{leave,<c.1>,<b.5>,[g]}");
    assert_eq!(b.members("g"), "[<b.5>]");
}

/// A `leave` that reaches a scope of OTP 25 to 28 before it knows the group ends it.
#[test]
fn who_has_not_been_told_all_does_not_hear_of_changes() {
    let mut b = Dialogue::new();
    b.change("{join_local,g,<b.5>}");
    assert_eq!(b.hear("{sync,<a.1>,[]}"), ["watch <a.1>"]);
    assert_eq!(b.change("{leave_local,g,<b.5>}"), ["unwatch <b.5>"]);
    assert_eq!(b.hear("{discover,<a.1>}"), ["<a.1> ! {'$gen_cast',{sync,<b.1>,[]}}"]);
    assert_eq!(b.change("{join_local,g,<b.5>}"), ["watch <b.5>", "<a.1> ! {join,<b.1>,g,<b.5>}"]);
}

#[test]
fn a_group_without_members_is_gone() {
    let mut b = Dialogue::with_peer("<c.1>", 0);
    b.hear("{join,<c.1>,g,[<c.5>,<c.6>]}");
    assert_eq!(b.members("g"), "[<c.5>,<c.6>]");
    b.hear("{leave,<c.1>,[<c.6>,<c.5>],[g]}");
    assert_eq!(b.scope.groups.names().count(), 0);
    b.hear("{sync,<c.1>,[{g,[]}]}");
    b.change("{join_local,g,[]}");
    assert_eq!(b.scope.groups.names().count(), 0);
    assert_eq!(short(&b.scope.state()), "{state,pg,#{},#{<c.1> => {0,#{}}},#{},#{}}");
}

#[test]
fn what_a_peer_tells_replaces_what_it_has_told() {
    let mut b = Dialogue::with_peer("<c.1>", 0);
    b.change("{join_local,one,<b.5>}");
    b.ask("<b.9>", "monitor");
    let joined = b.hear("{sync,<c.1>,[{one,[<c.5>]},{two,[<c.5>,<c.5>]}]}");
    assert_eq!(joined, ["<b.9> ! {#2,join,one,[<c.5>]}", "<b.9> ! {#2,join,two,[<c.5>,<c.5>]}"]);
    let changed = b.hear("{sync,<c.1>,[{one,[<c.5>,<c.6>]},{three,[<c.6>]}]}");
    assert_eq!(
        changed,
        [
            "<b.9> ! {#2,join,one,[<c.6>]}",
            "<b.9> ! {#2,join,three,[<c.6>]}",
            "<b.9> ! {#2,leave,two,[<c.5>,<c.5>]}"
        ]
    );
    assert_eq!(b.members("one"), "[<c.6>,<c.5>,<b.5>]");
    assert_eq!(b.hear("{sync,<c.1>,[{one,[<c.6>,<c.5>]},{three,[<c.6>]}]}"), [""; 0]);
    // The node is lost.
    let mut left = b.down("<c.1>");
    left.sort();
    assert_eq!(left, ["<b.9> ! {#2,leave,one,[<c.6>,<c.5>]}", "<b.9> ! {#2,leave,three,[<c.6>]}"]);
    assert_eq!(b.members("one"), "[<b.5>]");
    assert_eq!(b.hear("{join,<c.1>,one,<c.5>}"), [""; 0]);
}

#[test]
fn events_come_once_for_each_monitor_until_it_ends() {
    let mut b = Dialogue::new();
    assert_eq!(b.ask("<b.9>", "{monitor,g}"), ("{#1,[]}".to_owned(), vec!["watch <b.9>".to_owned()]));
    assert_eq!(b.ask("<b.9>", "{monitor,h}").0, "{#2,[]}");
    assert_eq!(b.ask("<c.9>", "monitor"), ("{#3,#{}}".to_owned(), vec!["watch <c.9>".to_owned()]));
    let said = b.change("{join_local,g,[<b.5>,<b.5>]}");
    assert_eq!(
        said,
        ["watch <b.5>", "<b.9> ! {#1,join,g,[<b.5>,<b.5>]}", "<c.9> ! {#3,join,g,[<b.5>,<b.5>]}"]
    );
    let said = b.down("<b.5>");
    assert_eq!(said.len(), 4, "one each for each time it had joined: {said:?}");
    let demonitor = |number| Term::tuple([atom!("demonitor").into(), reference(number).into()]);
    let mut ask = |request: Term| {
        let request = Request::read(&request).unwrap();
        let reply = b.scope.request(&pid("<b.9>"), request, reference(9));
        (short(&reply), b.said())
    };
    assert_eq!(ask(demonitor(1)), ("ok".to_owned(), vec![]));
    assert_eq!(ask(demonitor(1)), ("false".to_owned(), vec![]));
    assert_eq!(ask(demonitor(2)), ("ok".to_owned(), vec!["unwatch <b.9>".to_owned()]));
    assert_eq!(b.down("<c.9>"), [""; 0]);
    assert_eq!(b.change("{join_local,g,<b.6>}"), ["watch <b.6>"]);
}

#[test]
fn what_makes_no_sense_is_not_read() {
    let texts = [
        "garbage",
        "{}",
        "{discover,1}",
        "{discover,<a.1>,1,1}",
        "{sync,<a.1>,[{g,[<a.1>|b]}]}",
        "{sync,<a.1>,[g]}",
        "{sync,<a.1>,[{g,[x]}]}",
        "{local_data,<a.1>,1,[]}",
        "{local_data,<a.1>,1,#{g => x}}",
        "{join,<a.1>,g,x}",
        "{leave,<a.1>,<a.2>,g}",
        "{update,<a.1>,[{g,[],x}]}",
        "{update,<a.1>,[{g,[]}]}",
        "{1,2,3}",
    ];
    for text in texts {
        assert_eq!(Heard::read(&term(text)), None, "{text}");
    }
    let texts = [
        "garbage",
        "{join_local,g,x}",
        "{join_local,g}",
        "{demonitor,x}",
        "{subscribe,x}",
        "{update,x}",
        "{}",
    ];
    for text in texts {
        assert_eq!(Request::read(&term(text)), None, "{text}");
    }
}

/// A version to come is one that knows the newest of today.
#[test]
fn later_versions_are_spoken_to_in_the_newest() {
    let mut b = Dialogue::new();
    let said = b.hear("{discover,<a.1>,7}");
    assert_eq!(said[1..], ["<a.1> ! {'$gen_cast',{local_data,<b.1>,1,#{}}}", "<a.1> ! {discover,<b.1>,1}"]);
}

#[test]
fn thousands_of_syncs_are_done_in_no_time() {
    let mut b = Dialogue::with_peer("<c.1>", 0);
    for group in 0..10_000 {
        b.change(&format!("{{join_local,{{group,{group}}},<b.5>}}"));
    }
    let started = Instant::now();
    for _ in 0..2000 {
        b.hear("{sync,<c.1>,[{{group,1},[<c.5>,<c.5>]}]}");
    }
    assert_eq!(b.members("{group,1}"), "[<c.5>,<c.5>,<b.5>]");
    assert_eq!(b.down("<b.5>").len(), 1);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

use std::num::NonZeroU64;

use super::*;
use crate::process::{SeqTraceToken, UnlinkId};
use crate::term::Creation;

const HERE: Atom = atom!("here@h");
const THERE: Atom = atom!("there@h");

fn pid(node: Atom, id: u32) -> Pid {
    Pid { node, id, serial: 0, creation: Creation(1) }
}

fn remote(id: u32) -> Pid {
    pid(THERE, id)
}

fn reference(id: u32) -> Reference {
    Reference::new(HERE, Creation(1), &[id, 0, 0]).unwrap()
}

fn process(id: u32) -> ProcessState {
    ProcessState::new(pid(HERE, id), pid(HERE, 0))
}

fn reason(text: &str) -> Term {
    Term::Atom(Atom::new(text).unwrap())
}

fn message(text: &str) -> Message {
    Message::from_term(text.parse().unwrap())
}

/// The messages that have come, as text.
fn inbox(state: &mut ProcessState) -> Vec<String> {
    state.inbox.drain(..).map(|message| message.to_term().unwrap().to_string()).collect()
}

/// What is to be sent, as text.
fn sent(outgoing: &Outgoings) -> Vec<String> {
    outgoing.iter().map(|Outgoing { to, signal }| format!("{}: {signal:?}", to.to_term())).collect()
}

fn unlink_id(id: u64) -> UnlinkId {
    UnlinkId(NonZeroU64::new(id).unwrap())
}

#[test]
fn an_unlink_of_the_other_side_is_acknowledged_whether_there_is_a_link_or_not() {
    let mut state = process(1);
    for linked in [true, false] {
        assert!(!state.is_linked(&remote(1)));
        if linked {
            state.handle(&remote(1), Signal::Link);
            assert!(state.is_linked(&remote(1)));
        }
        let delivery = state.handle(&remote(1), Signal::Unlink(unlink_id(7)));
        assert_eq!(sent(&delivery.outgoing), ["<there@h.1.0/1>: UnlinkAck(UnlinkId(7))"]);
        assert!(!state.is_linked(&remote(1)));
    }
}

/// Both sides unlink and link again at once; whatever the order in which the signals arrive, they agree in the end.
#[test]
fn both_sides_agree_after_any_crossing_of_links_and_unlinks() {
    // Each step is of one side: 0 to 3, and what it does: link, unlink, or take the next signal of the other.
    const STEPS: usize = 6;
    for script in 0..6usize.pow(u32::try_from(STEPS).unwrap()) {
        let (mut states, pids) =
            ([process(1), ProcessState::new(remote(2), remote(0))], [pid(HERE, 1), remote(2)]);
        let mut on_the_way: [VecDeque<Signal>; 2] = Default::default();
        let send = |outgoing: Outgoings, queue: &mut VecDeque<Signal>| {
            queue.extend(outgoing.into_iter().map(|outgoing| outgoing.signal));
        };
        let mut rest = script;
        for _ in 0..STEPS {
            let (side, step) = (rest % 2, rest / 2 % 3);
            rest /= 6;
            let other = &pids[1 - side];
            match step {
                0 if states[side].link(other) => on_the_way[side].push_back(Signal::Link),
                0 => {}
                1 => send(states[side].unlink(other).outgoing, &mut on_the_way[side]),
                _ => {
                    if let Some(signal) = on_the_way[1 - side].pop_front() {
                        send(states[side].handle(other, signal).outgoing, &mut on_the_way[side]);
                    }
                }
            }
        }
        while on_the_way.iter().any(|queue| !queue.is_empty()) {
            for side in [0, 1] {
                while let Some(signal) = on_the_way[1 - side].pop_front() {
                    let delivery = states[side].handle(&pids[1 - side], signal);
                    send(delivery.outgoing, &mut on_the_way[side]);
                }
            }
        }
        let [one, other] = &states;
        assert_eq!(one.is_linked(&pids[1]), other.is_linked(&pids[0]), "script {script}");
    }
}

#[test]
fn processes_of_one_node_are_linked_and_unlinked_on_both_sides_at_once() {
    let (mut one, mut other) = (process(1), process(2));
    assert!(one.link_both(&mut other));
    assert!(one.is_linked(&other.pid) && other.is_linked(&one.pid));
    one.unlink_both(&mut other);
    assert!(!one.is_linked(&other.pid) && !other.is_linked(&one.pid));
    assert!(other.link_both(&mut one));
    let remains = one.terminate(&reason("oops"));
    assert_eq!(sent(&remains.outgoing), ["<here@h.2.0/1>: Exit(Link, oops)"]);
    // It is linked still, and hears by that link what has become of the other.
    assert!(other.link_both(&mut one));
    other.unlink_both(&mut one);
    assert!(!other.link_both(&mut one));
}

#[test]
fn an_exit_counts_once_and_only_through_a_link() {
    let mut state = process(1);
    state.trap_exit = true;
    state.handle(&remote(1), Signal::Exit(ExitKind::Link, reason("early")));
    state.link(&remote(1));
    for why in ["oops", "late"] {
        state.handle(&remote(1), Signal::Exit(ExitKind::Link, reason(why)));
    }
    assert_eq!(inbox(&mut state), ["{'EXIT',<there@h.1.0/1>,oops}"]);
}

#[test]
fn the_first_exit_signal_decides() {
    let mut state = process(1);
    state.handle(&remote(1), Signal::Exit(ExitKind::Signal, reason("first")));
    state.handle(&remote(1), Signal::Exit(ExitKind::Signal, reason("kill")));
    assert_eq!(state.exit_reason(), Some(&reason("first")));
}

#[test]
fn a_monitor_fires_once_and_not_after_it_was_removed() {
    let mut state = process(1);
    let target = Recipient::Name { name: atom!("server"), node: THERE };
    state.monitor(reference(1), target.clone(), None, None);
    state.monitor(reference(2), target, None, Some(reason("gone")));
    let down = |id| Signal::Down(reference(id), Some(atom!("server")), reason("oops"));
    for id in [1, 1, 2] {
        state.handle(&remote(1), down(id));
    }
    let messages = [
        "{'DOWN',#Ref<here@h.0.0.1/1>,process,{server,there@h},oops}",
        "{gone,#Ref<here@h.0.0.2/1>,process,{server,there@h},oops}",
    ];
    assert_eq!(inbox(&mut state), messages);
    state.monitor(reference(3), Recipient::Pid(remote(1)), None, None);
    let demonitor = state.demonitor(&reference(3)).unwrap();
    assert_eq!(format!("{:?}", demonitor.signal), "Demonitor(#Ref<here@h.0.0.3/1>)");
    state.handle(&remote(1), down(3));
    assert_eq!(state.inbox_len(), 0);
    assert!(state.demonitor(&reference(3)).is_none());
}

#[test]
fn aliases_end_as_their_mode_says() {
    let by_alias = |id| Signal::AliasMessage(reference(id), message("hello"));
    for (mode, after_reply, after_demonitor) in
        [(AliasMode::ExplicitUnalias, 1, 1), (AliasMode::Demonitor, 1, 0), (AliasMode::ReplyDemonitor, 0, 0)]
    {
        let mut state = process(1);
        state.monitor(reference(1), Recipient::Pid(remote(1)), Some(mode), None);
        let delivery = state.handle(&remote(1), by_alias(1));
        assert_eq!(state.inbox_len(), 1, "{mode:?}");
        let removes_monitor = mode == AliasMode::ReplyDemonitor;
        assert_eq!(delivery.outgoing.len(), usize::from(removes_monitor), "{mode:?}");
        assert_eq!(state.has_monitor(&reference(1)), !removes_monitor, "{mode:?}");
        let delivery = state.handle(&remote(1), by_alias(1));
        assert_eq!(state.inbox_len(), 1 + after_reply, "{mode:?}");
        assert_eq!(delivery.unwanted.is_some(), after_reply == 0, "{mode:?}");
        state.demonitor(&reference(1));
        let before = state.inbox_len();
        state.handle(&remote(1), by_alias(1));
        assert_eq!(state.inbox_len() - before, after_demonitor, "{mode:?}");
        assert_eq!(state.unalias(&reference(1)), after_demonitor == 1, "{mode:?}");
    }
}

#[test]
fn what_goes_with_a_node_is_what_was_over_it() {
    let mut state = process(1);
    state.trap_exit = true;
    for other in [remote(1), pid(HERE, 2)] {
        state.link(&other);
        state.monitor(reference(other.id), Recipient::Pid(other.clone()), None, None);
        state.handle(&other, Signal::Monitor(reference(10 + other.id), None));
    }
    for (id, node) in [(20, THERE), (21, HERE)] {
        state.spawn_requested(reference(id), node, SpawnRequestOptions::default());
    }
    assert_eq!(state.node_down(&THERE).len(), 3);
    let messages = [
        "{'EXIT',<there@h.1.0/1>,noconnection}",
        "{'DOWN',#Ref<here@h.0.0.1/1>,process,<there@h.1.0/1>,noconnection}",
        "{spawn_reply,#Ref<here@h.0.0.20/1>,error,noconnection}",
    ];
    assert_eq!(inbox(&mut state), messages);
    assert!(state.is_linked(&pid(HERE, 2)) && state.has_monitor(&reference(2)));
    assert_eq!(state.watchers().collect::<Vec<_>>(), [&pid(HERE, 2)]);
    assert!(state.abandon_spawn(&reference(21)) && !state.abandon_spawn(&reference(20)));
}

#[test]
fn the_end_of_a_process_is_told_to_links_and_watchers_and_then_it_answers_as_a_dead_one() {
    let mut state = process(1);
    state.link(&remote(1));
    state.handle(&remote(2), Signal::Monitor(reference(2), Some(atom!("me"))));
    state.monitor(reference(3), Recipient::Pid(remote(3)), Some(AliasMode::Demonitor), None);
    state.handle(&remote(4), Signal::Message(message("unread")));
    let remains = state.terminate(&reason("oops"));
    let expected = [
        "<there@h.1.0/1>: Exit(Link, oops)",
        "<there@h.2.0/1>: Down(#Ref<here@h.0.0.2/1>, Some(me), oops)",
        "<there@h.3.0/1>: Demonitor(#Ref<here@h.0.0.3/1>)",
    ];
    assert_eq!(sent(&remains.outgoing), expected);
    let mut answer = |signal| {
        let delivery = state.handle(&remote(1), signal);
        (sent(&delivery.outgoing), delivery.unwanted.is_some())
    };
    assert_eq!(answer(Signal::Link).0, ["<there@h.1.0/1>: Exit(Link, noproc)"]);
    let down = "<there@h.1.0/1>: Down(#Ref<here@h.0.0.4/1>, None, noproc)";
    assert_eq!(answer(Signal::Monitor(reference(4), None)).0, [down]);
    assert_eq!(answer(Signal::Unlink(unlink_id(1))).0, ["<there@h.1.0/1>: UnlinkAck(UnlinkId(1))"]);
    assert_eq!(answer(Signal::Message(message("late"))), (Vec::new(), true));
    assert_eq!(answer(Signal::AliasMessage(reference(3), message("late"))), (Vec::new(), true));
    assert_eq!(state.inbox_len(), 0);
}

#[test]
fn a_group_leader_is_what_the_last_one_has_set() {
    let mut state = process(1);
    state.handle(&remote(1), Signal::GroupLeader(remote(5)));
    assert_eq!(state.group_leader, remote(5));
}

#[test]
fn an_alias_for_one_reply_ends_with_that() {
    let mut state = process(1);
    state.add_alias(reference(1), AliasOptions { reply: true, ..AliasOptions::default() });
    for text in ["first", "second"] {
        state.handle(&remote(1), Signal::AliasMessage(reference(1), message(text)));
    }
    assert_eq!(inbox(&mut state), ["first"]);
}

#[test]
fn priority_counts_only_by_an_alias_that_was_made_for_it() {
    let mut state = process(1);
    state.trap_exit = true;
    state.add_alias(reference(1), AliasOptions { priority: true, ..AliasOptions::default() });
    state.add_alias(reference(2), AliasOptions::default());
    let marks = Marks { token: None, priority: true };
    let message = |id, text| Signal::AliasMessage(reference(id), message(text)).marked(marks.clone());
    state.handle(&remote(1), Signal::Message(super::Message::from_term(Term::from(1))));
    state.handle(&remote(1), message(2, "ordinary"));
    state.handle(&remote(1), message(1, "first"));
    state.handle(&remote(1), Signal::AliasMessage(reference(1), self::message("unmarked")));
    state.handle(&remote(1), Signal::AliasExit(reference(1), reason("oops")).marked(marks.clone()));
    state.handle(&remote(1), Signal::Message(self::message("to_pid")).marked(marks));
    let mut mailbox = Mailbox::default();
    state.empty_inbox(&mut mailbox);
    let seen: Vec<String> =
        std::iter::from_fn(|| mailbox.pop()).map(|message| message.to_term().unwrap().to_string()).collect();
    assert_eq!(seen, ["first", "{'EXIT',<there@h.1.0/1>,oops}", "1", "ordinary", "unmarked", "to_pid"]);
}

#[test]
fn a_token_is_with_the_message_that_came_with_it() {
    let mut state = process(1);
    state.trap_exit = true;
    let token = SeqTraceToken::new(17);
    let marks = Marks { token: Some(token.clone()), priority: false };
    state.link(&remote(1));
    state.handle(&remote(1), Signal::Exit(ExitKind::Link, reason("oops")).marked(marks.clone()));
    state.handle(&remote(1), Signal::Message(message("plain")));
    state.monitor(reference(1), Recipient::Pid(remote(1)), None, None);
    state.handle(&remote(1), Signal::Down(reference(1), None, reason("oops")));
    // A signal from which no message comes leaves those alone that are there.
    state.handle(&remote(1), Signal::Exit(ExitKind::Link, reason("late")).marked(marks));
    let traces: Vec<MessageTrace> = state.inbox.iter_mut().map(Message::take_trace).collect();
    assert_eq!(traces, [Some(token).into(), MessageTrace::None, MessageTrace::Unaffected]);
}

#[test]
fn a_spawn_request_is_told_of_as_it_wants() {
    use crate::process::{MonitorOptions, SpawnReplyOption};
    for (option, told) in [
        (SpawnReplyOption::Yes, "ok error"),
        (SpawnReplyOption::No, ""),
        (SpawnReplyOption::ErrorOnly, "error"),
        (SpawnReplyOption::SuccessOnly, "ok"),
    ] {
        let mut state = process(1);
        for (id, result) in [(1, Ok(remote(9))), (2, Err(atom!("badopt")))] {
            let monitor = MonitorOptions { alias: Some(AliasMode::Demonitor), tag: Some(reason("gone")) };
            let options = SpawnRequestOptions { monitor: Some(monitor), reply: option, ..Default::default() };
            state.spawn_requested(reference(id), THERE, options);
            let (request, monitor) = (reference(id), result.is_ok());
            state.spawn_reply(SpawnReply { request, result, link: false, monitor, token: None });
        }
        let seen: Vec<String> =
            inbox(&mut state).into_iter().map(|reply| reply.split(',').nth(2).unwrap().to_owned()).collect();
        assert_eq!(seen.join(" "), told, "{option:?}");
        assert!(state.unalias(&reference(1)) && !state.unalias(&reference(2)));
        state.handle(&remote(9), Signal::Down(reference(1), None, reason("oops")));
        assert_eq!(inbox(&mut state), ["{gone,#Ref<here@h.0.0.1/1>,process,<there@h.9.0/1>,oops}"]);
    }
}

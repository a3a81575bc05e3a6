//! Nodes that understand less than this one: each is sent what it can understand, or refused by the name of what it lacks.

use super::*;
use crate::atom;
use crate::dist::Flags;
use crate::dist::control::{ControlMessage, Operation, PidOrName};
use crate::dist::driver::SetupError;
use crate::dist::handshake::HandshakeError;
use crate::node::{Dest, SendError};
use crate::process::{Exit, Recipient};
use crate::term::{Pid, Record, Reference};

/// More than fits into one fragment.
const LARGE: usize = 200_000;

/// What `erl_call` and other C nodes say they understand: `ei_connect.c` of OTP 27.
fn ei() -> Flags {
    Flags::MANDATORY | Flags::DIST_MONITOR | Flags::SMALL_ATOM_TAGS | Flags::MANDATORY_25_DIGEST
}

/// `AbstractNode.java` of OTP 26 and later.
fn jinterface() -> Flags {
    Flags::MANDATORY | Flags::MANDATORY_25_DIGEST
}

/// AtomVM, `dist_util.erl`.
fn atom_vm() -> Flags {
    Flags::MANDATORY
        | Flags::DIST_MONITOR
        | Flags::DIST_MONITOR_NAME
        | Flags::UNICODE_IO
        | Flags::SMALL_ATOM_TAGS
        | Flags::SEND_SENDER
        | Flags::BIG_SEQTRACE_LABELS
        | Flags::EXIT_PAYLOAD
        | Flags::SPAWN
        | Flags::ALIAS
}

/// The crate `erl_dist`, which takes bit 36 for that of the digest.
fn erl_dist() -> Flags {
    Flags::MANDATORY | Flags::from_bits(1 << 36)
}

/// OTP 25 to 27.
fn otp_27() -> Flags {
    Flags::full_node() - Flags::PUBLISHED - Flags::ALTACT_SIG - Flags::NATIVE_RECORDS
}

/// Which operation stands for each thing that [`all_it_does`] does, by what the table in OTP's documentation says.
fn expected(flags: Flags) -> Vec<Operation> {
    let has = |flag| flags.contains(flag);
    let either = |flag, with, without| if has(flag) { with } else { without };
    let mut operations = vec![
        either(Flags::SEND_SENDER, Operation::SendSender, Operation::Send),
        Operation::RegSend,
        either(Flags::EXIT_PAYLOAD, Operation::PayloadExit2, Operation::Exit2),
        Operation::Link,
        Operation::UnlinkId,
        either(Flags::SEND_SENDER, Operation::SendSender, Operation::Send),
        either(Flags::EXIT_PAYLOAD, Operation::PayloadExit, Operation::Exit),
    ];
    if has(Flags::DIST_MONITOR) {
        let down = either(Flags::EXIT_PAYLOAD, Operation::PayloadMonitorPExit, Operation::MonitorPExit);
        operations.extend([Operation::MonitorP, Operation::DemonitorP, down]);
    }
    if has(Flags::DIST_MONITOR | Flags::DIST_MONITOR_NAME) {
        // It is still there when the process ends.
        operations.extend([Operation::MonitorP, Operation::DemonitorP]);
    }
    if has(Flags::ALTACT_SIG) {
        operations.push(Operation::AltactSigSend);
    } else if has(Flags::ALIAS) {
        operations.push(Operation::AliasSend);
    }
    if has(Flags::NATIVE_RECORDS) {
        operations.push(either(Flags::SEND_SENDER, Operation::SendSender, Operation::Send));
    }
    operations.sort_by_key(|operation| *operation as u8);
    operations
}

/// A process that does to the peer all that a process can do, once it is told to, and then ends.
async fn all_it_does(
    mut process: Process,
    peer: [Pid; 3],
    alias: Reference,
    flags: Flags,
) -> Result<(), Exit> {
    process.receive().await;
    let [first, second, third] = peer;
    process.send(&first, 1).await?;
    process.send((atom!("name"), first.node.clone()), 2).await?;
    process.exit(&first, term("{because, 3}")).await;
    process.link(&second).await;
    process.unlink(&second);
    let monitor = process.monitor(&third).await;
    process.demonitor(&monitor, true);
    process.monitor(Recipient::Name { name: atom!("name"), node: first.node.clone() }).await;
    process.send(&first, Term::Binary(vec![7; LARGE].into())).await?;
    let sent = process.send(Dest::Alias(alias), 4).await;
    let lacks_alias = !flags.contains(Flags::ALIAS) && !flags.contains(Flags::ALTACT_SIG);
    assert_eq!(matches!(sent, Err(SendError::Control(_))), lacks_alias, "{sent:?}");
    let record = Term::from(Record::new(atom!("m"), atom!("r"), true, vec![(atom!("field"), 5.into())]));
    let sent = process.send(&first, record).await;
    let lacks_records = !flags.contains(Flags::NATIVE_RECORDS);
    assert_eq!(matches!(sent, Err(SendError::Encode(_))), lacks_records, "{sent:?}");
    Err(Exit::new(term("done")))
}

/// Has a node do all that to a peer with `flags`, and gives what the peer got. That it can be read is seen to by the
/// peer, which takes headers and fragments only where it has the flags for them.
async fn what_it_gets(cluster: &Cluster, name: &str, flags: Flags) -> Vec<Operation> {
    let node = cluster.node(name).await;
    let mut peer = Peer::connect_with(&node, "peer@localhost", flags).await.unwrap();
    let (pids, alias) = ([1, 2, 3].map(|id| peer.pid(id)), peer.reference(1));
    let subject = node.spawn(move |process| all_it_does(process, pids, alias, flags));
    let (from, reference) = (peer.pid(9), peer.reference(9));
    peer.send(ControlMessage::Link { from: from.clone(), to: subject.clone() }).await;
    if flags.contains(Flags::DIST_MONITOR) {
        let to = PidOrName::Pid(subject.clone());
        peer.send(ControlMessage::MonitorP { from: from.clone(), to, reference }).await;
    }
    peer.send_with(ControlMessage::SendSender { from, to: subject }, &term("go")).await;
    let mut got = Vec::new();
    let count = expected(flags).len();
    while got.len() < count {
        let (control, payload) = peer.receive().await.expect("the node closes the connection");
        got.push(control.operation());
        if let Some(Term::Binary(large)) = payload {
            assert_eq!(large.len(), LARGE);
        }
    }
    // Nothing more has come before this.
    node.send((atom!("end"), atom!("peer@localhost")), term("over")).await.unwrap();
    let (last, _) = peer.receive().await.expect("the node closes the connection");
    assert!(matches!(&last, ControlMessage::RegSend { to, .. } if to == "end"), "{flags}: {last:?}");

    let spawning = tokio::spawn({
        let node = node.clone();
        async move { node.spawn_at("peer@localhost", "m", "f", ()).await }
    });
    if flags.contains(Flags::SPAWN) {
        let (request, _) = peer.receive().await.expect("the node closes the connection");
        assert_eq!(request.operation(), Operation::SpawnRequest, "{flags}");
        spawning.abort();
    } else {
        let error = soon(spawning).await.unwrap().unwrap_err();
        assert_eq!(error.reason(), atom!("notsup"), "{flags}");
        assert!(error.to_string().contains("SPAWN"), "{error}");
    }
    node.shutdown().await;
    got.sort_by_key(|operation| *operation as u8);
    got
}

#[tokio::test]
async fn other_kinds_of_nodes_get_what_they_understand() {
    let cluster = Cluster::new().await;
    let kinds = [
        ("ei", ei()),
        ("jinterface", jinterface()),
        ("atomvm", atom_vm()),
        ("erl_dist", erl_dist()),
        ("otp_27", otp_27()),
        ("otp_29", Flags::full_node() - Flags::PUBLISHED),
    ];
    for (name, flags) in kinds {
        assert_eq!(what_it_gets(&cluster, name, flags).await, expected(flags), "{name}");
    }
}

#[tokio::test]
async fn whatever_flag_is_missing_is_not_needed_or_named() {
    let cluster = Cluster::new().await;
    let all = Flags::full_node() - Flags::PUBLISHED - Flags::MANDATORY_25_DIGEST;
    for flag in (0..u64::BITS).map(|bit| Flags::from_bits(1 << bit)).filter(|flag| all.contains(*flag)) {
        let name = flag.to_string().to_lowercase();
        if !Flags::MANDATORY.contains(flag) {
            assert_eq!(
                what_it_gets(&cluster, &name, all - flag).await,
                expected(all - flag),
                "without {flag}"
            );
            continue;
        }
        let node = cluster.node(&name).await;
        let refused = Peer::connect_with(&node, "peer@localhost", all - flag).await.map(|_| ());
        assert!(
            matches!(refused, Err(SetupError::Handshake(HandshakeError::NotAllowed { .. }))),
            "without {flag}: {refused:?}"
        );
        node.shutdown().await;
    }
}

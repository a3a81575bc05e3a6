//! Every operation there and back, and what is refused.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::atom;
use crate::term::etf::{self, Reader, Writer, encode};
use crate::term::{Creation, arbitrary};

fn from() -> Pid {
    Pid { node: atom!("a@vm"), id: 90, serial: 0, creation: Creation(0x10004) }
}

fn to() -> Pid {
    Pid { node: atom!("b@vm"), id: 91, serial: 3, creation: Creation(0x10001) }
}

fn reference() -> Reference {
    Reference::new(atom!("a@vm"), Creation(0x10004), &[1, 2, 3]).unwrap()
}

fn alias() -> Reference {
    Reference::new(atom!("b@vm"), Creation(0x10001), &[1, 2, 3, 4, 5]).unwrap()
}

fn token() -> Term {
    Term::tuple([1.into(), 17.into(), 1.into(), from().into(), 0.into()])
}

fn request() -> Box<SpawnRequest> {
    Box::new(SpawnRequest {
        id: reference(),
        from: from(),
        group_leader: from(),
        module: atom!("erpc"),
        function: atom!("execute_call"),
        arity: 4,
        options: Term::list([atom!("monitor").into()]),
    })
}

fn all() -> Vec<ControlMessage> {
    use ControlMessage as C;
    let (name, reason) = (|| PidOrName::Name(atom!("rex")), || Term::from(atom!("normal")));
    let id = UnlinkId(NonZeroU64::MAX);
    let mut all = vec![
        C::Link { from: from(), to: to() },
        C::Send { to: to() },
        C::Exit { from: from(), to: to(), reason: reason() },
        C::Unlink { from: from(), to: to() },
        C::RegSend { from: from(), to: atom!("rex") },
        C::GroupLeader { from: from(), to: to() },
        C::Exit2 { from: from(), to: to(), reason: reason() },
        C::SendTt { to: to(), token: token() },
        C::ExitTt { from: from(), to: to(), token: token(), reason: reason() },
        C::RegSendTt { from: from(), to: atom!("rex"), token: token() },
        C::Exit2Tt { from: from(), to: to(), token: token(), reason: reason() },
        C::MonitorP { from: from(), to: to().into(), reference: reference() },
        C::MonitorP { from: from(), to: name(), reference: reference() },
        C::DemonitorP { from: from(), to: to().into(), reference: reference() },
        C::MonitorPExit { from: name(), to: to(), reference: reference(), reason: reason() },
        C::SendSender { from: from(), to: to() },
        C::SendSenderTt { from: from(), to: to(), token: token() },
        C::PayloadExit { from: from(), to: to() },
        C::PayloadExitTt { from: from(), to: to(), token: token() },
        C::PayloadExit2 { from: from(), to: to() },
        C::PayloadExit2Tt { from: from(), to: to(), token: token() },
        C::PayloadMonitorPExit { from: from().into(), to: to(), reference: reference() },
        C::SpawnRequest(request()),
        C::SpawnRequestTt(request(), token()),
        C::SpawnReply {
            request: reference(),
            to: to(),
            flags: SpawnReplyFlags::MONITOR,
            result: from().into(),
        },
        C::SpawnReplyTt {
            request: reference(),
            to: to(),
            flags: SpawnReplyFlags::default(),
            result: PidOrName::Name(atom!("badopt")),
            token: token(),
        },
        C::AliasSend { from: from(), to: alias() },
        C::AliasSendTt { from: from(), to: alias(), token: token() },
        C::UnlinkId { id, from: from(), to: to() },
        C::UnlinkIdAck { id: id.0.get(), from: from(), to: to() },
    ];
    for to in [AltactTo::Pid(to()), AltactTo::Alias(alias()), AltactTo::Name(atom!("rex"))] {
        for flags in [AltactFlags::default(), AltactFlags { priority: true, exit: true }] {
            for token in [None, Some(token())] {
                all.push(C::AltactSigSend { flags, from: from(), to: to.clone(), token });
            }
        }
    }
    all
}

fn encoded(message: &ControlMessage) -> Bytes {
    let mut writer = Writer::new();
    message.encode(&mut writer).unwrap();
    writer.to_bytes()
}

fn decode(bytes: &Bytes) -> Result<ControlMessage, ControlError> {
    ControlMessage::decode(&mut Reader::new(bytes, &[]))
}

/// The control message that `term` is.
fn decode_term(term: &Term) -> Result<ControlMessage, ControlError> {
    decode(&encode(term).unwrap().slice(1..))
}

#[test]
fn every_operation_goes_there_and_back() {
    for message in all() {
        let bytes = encoded(&message);
        let mut reader = Reader::new(&bytes, &[]);
        assert_eq!(ControlMessage::decode(&mut reader).unwrap(), message);
        assert!(reader.is_empty());
        let has_token = message.operation().to_string().ends_with("_TT");
        assert!(message.token().is_some() == has_token || message.operation() == Operation::AltactSigSend);
    }
}

#[test]
fn every_number_has_its_operation() {
    let mut numbers: Vec<u8> = all().iter().map(|message| message.operation().number()).collect();
    numbers.dedup();
    for number in 0..=60u8 {
        let operation = Operation::new(number.into());
        assert_eq!(operation.is_some(), numbers.contains(&number), "{number}");
        assert_eq!(operation.map(Operation::number), operation.and(Some(number)));
    }
}

#[test]
fn only_the_documented_ones_have_a_payload() {
    let with: Vec<u8> = (0..=60)
        .filter_map(|number| Operation::new(number).filter(|operation| operation.has_payload()))
        .map(Operation::number)
        .collect();
    assert_eq!(with, [2, 6, 12, 16, 22, 23, 24, 25, 26, 27, 28, 29, 30, 33, 34, 37]);
}

#[test]
fn unknown_operations_are_refused() {
    for number in [0, 5, 9, 10, 11, 14, 15, 17, 38, 99, -1, i64::MAX] {
        let term = Term::tuple([number.into(), from().into(), to().into()]);
        assert_eq!(decode_term(&term), Err(ControlError::UnknownOperation { number }));
    }
}

#[test]
fn what_is_no_tuple_with_a_number_is_refused() {
    for term in [Term::from(1), Term::NIL, Term::tuple([atom!("link").into()])] {
        assert!(matches!(decode_term(&term), Err(ControlError::NoOperation(_))));
    }
    assert_eq!(decode_term(&Term::tuple([])), Err(ControlError::Empty));
    assert!(matches!(decode(&Bytes::new()), Err(ControlError::NoOperation(_))));
}

#[test]
fn wrong_numbers_of_elements_are_refused() {
    let operation = Operation::Link;
    let error = decode_term(&Term::tuple([1.into(), from().into()])).unwrap_err();
    assert_eq!(error, ControlError::Arity { operation, got: 2 });
    assert_eq!(error.to_string(), "a tuple of 3 elements is expected for LINK, this one has 2");
    let error = decode_term(&Term::tuple([1.into(), from().into(), to().into(), 1.into()])).unwrap_err();
    assert_eq!(error, ControlError::Arity { operation, got: 4 });
}

#[test]
fn wrong_kinds_of_elements_are_refused() {
    let error = decode_term(&Term::tuple([1.into(), 1.into(), to().into()])).unwrap_err();
    assert!(error.to_string().starts_with("bad sender in LINK: "), "{error}");
    let error =
        decode_term(&Term::tuple([19.into(), from().into(), 7.into(), reference().into()])).unwrap_err();
    assert!(matches!(error, ControlError::Element { field: "receiver", .. }));
    for id in [Term::from(0), Term::from(-1), Term::from(1u128 << 64)] {
        let error = decode_term(&Term::tuple([35.into(), id, from().into(), to().into()])).unwrap_err();
        assert_eq!(error, ControlError::Range { operation: Operation::UnlinkId, field: "id" });
    }
}

#[test]
fn unused_elements_can_be_anything() {
    let junk = Term::list([Term::tuple([1.into()]), Term::from("cookie")]);
    let send = Term::tuple([2.into(), junk.clone(), to().into()]);
    assert_eq!(decode_term(&send), Ok(ControlMessage::Send { to: to() }));
    let send = Term::tuple([6.into(), from().into(), junk, atom!("rex").into()]);
    assert_eq!(decode_term(&send), Ok(ControlMessage::RegSend { from: from(), to: atom!("rex") }));
}

#[test]
fn altact_sig_send_can_grow() {
    let flags = |bits: u128| Term::from((1 << 100) | 1 << 40 | 1 << 7 | bits);
    let grown = Term::tuple([37.into(), flags(4 | 1), from().into(), alias().into(), 1.into(), 2.into()]);
    let flags_of = AltactFlags { priority: true, exit: false };
    assert_eq!(
        decode_term(&grown),
        Ok(ControlMessage::AltactSigSend {
            flags: flags_of,
            from: from(),
            to: AltactTo::Alias(alias()),
            token: None
        })
    );
    // A token that is announced has to be there, and a receiver cannot be both.
    let short = Term::tuple([37.into(), 2.into(), from().into(), to().into()]);
    assert!(matches!(decode_term(&short), Err(ControlError::Arity { .. })));
    let both = Term::tuple([37.into(), 12.into(), from().into(), alias().into()]);
    assert!(matches!(decode_term(&both), Err(ControlError::Range { .. })));
    let negative = Term::tuple([37.into(), (-1).into(), from().into(), to().into()]);
    assert!(matches!(decode_term(&negative), Err(ControlError::Range { .. })));
}

#[test]
fn the_bytes_of_otp_29() {
    // 29.1.2 without atom cache: {6, <0.90.0>, '', rex}.
    let bytes = encoded(&ControlMessage::RegSend { from: from(), to: atom!("rex") });
    let expected: &[&[u8]] = &[
        &[104, 4, 97, 6],
        &[88, 119, 4, b'a', b'@', b'v', b'm', 0, 0, 0, 90, 0, 0, 0, 0, 0, 1, 0, 4],
        &[119, 0],
        &[119, 3, b'r', b'e', b'x'],
    ];
    assert_eq!(bytes, expected.concat());
}

proptest! {
    #[test]
    fn no_bytes_can_panic(
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        length in any::<prop::sample::Index>(),
    ) {
        let all = all();
        let mut bytes = encoded(which.get(&all)).to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(length.index(bytes.len() + 1));
        let _ = decode(&bytes.into());
    }

    #[test]
    fn any_processes_and_names_go_there_and_back(
        which in any::<prop::sample::Index>(),
        pids in prop::collection::vec(arbitrary::pid(), 5),
        names in prop::collection::vec(arbitrary::atom(), 5),
    ) {
        let bytes = [&[131], &encoded(which.get(&all()))[..]].concat();
        let Term::Tuple(elements) = etf::decode(&bytes.into()).unwrap() else { panic!("no tuple") };
        let others = pids.into_iter().zip(names);
        let elements = elements.iter().zip(others.cycle()).map(|(element, (pid, name))| match element {
            Term::Pid(_) => pid.into(),
            Term::Atom(_) => name.into(),
            other => other.clone(),
        });
        let message = decode_term(&Term::tuple(elements.collect::<Vec<_>>())).unwrap();
        let bytes = encoded(&message);
        prop_assert_eq!(decode(&bytes), Ok(message));
        for length in 0..bytes.len() {
            prop_assert!(decode(&bytes.slice(..length)).is_err());
        }
    }
}

//! Telling calls, casts and system messages from all other messages.

use super::from::{From, Tag};
use super::{GEN_CALL, GEN_CAST, Gen, SYSTEM};
use crate::process::Message;
use crate::term::etf::{Encoded, Reader};
use crate::term::{Atom, Term};

/// A message to a generic server.
///
/// A request is decoded by [`Message::decode`], or is a [`Term`] by [`Message::to_term`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Request {
    /// `{'$gen_call', From, Request}`.
    Call(From, Message),
    /// `{'$gen_cast', Request}`.
    Cast(Message),
    /// `{system, From, Request}`.
    System(From, Message),
    /// Any other message.
    Info(Message),
}

impl Request {
    /// Tells calls, casts and system messages from others.
    #[must_use]
    pub fn of(message: Message) -> Request {
        let message = match message.open(|envelope: &mut Gen| !matches!(envelope, Gen::Reply(_))) {
            Ok((Gen::Call(pid, tag), request)) => return Request::Call(From::new(pid, tag), request),
            Ok((Gen::System(pid, tag), request)) => return Request::System(From::new(pid, tag), request),
            Ok((Gen::Cast | Gen::Reply(_), request)) => return Request::Cast(request),
            Err(message) => message,
        };
        let request = match (message.as_encoded(), message.as_term()) {
            (Some(encoded), _) => of_encoded(encoded),
            (None, Some(term)) => of_term(term),
            // A Rust value whose term may be any of them.
            (None, None) => message.to_encoded().ok().and_then(|encoded| of_encoded(&encoded)),
        };
        request.unwrap_or(Request::Info(message))
    }
}

/// The request that `encoded` is; `None` if it is another message, or malformed.
fn of_encoded(encoded: &Encoded) -> Option<Request> {
    let mut reader = encoded.reader();
    let arity = reader.tuple_header().ok()?;
    let name = reader.atom_name().ok()?;
    let is = |kind: &Atom, of_arity| arity == of_arity && name == *kind.as_str();
    // The request comes last, so its bytes are all the rest.
    let rest = |reader: &Reader<'_>| {
        let bytes = encoded.bytes().slice(reader.offset()..);
        Message::from_encoded(Encoded::new(bytes, encoded.shared_atoms().cloned()))
    };
    if is(&GEN_CAST, 2) {
        return Some(Request::Cast(rest(&reader)));
    }
    let is_call = is(&GEN_CALL, 3);
    if !is_call && !is(&SYSTEM, 3) || reader.tuple_header().ok()? != 2 {
        return None;
    }
    let from = From::new(reader.pid().ok()?, Tag::read(&mut reader).ok()?);
    let request = rest(&reader);
    Some(if is_call { Request::Call(from, request) } else { Request::System(from, request) })
}

fn of_term(term: &Term) -> Option<Request> {
    let from = |from: &Term| match from.as_tuple() {
        Some([Term::Pid(pid), tag]) => Some(From::new(pid.clone(), Tag::from(tag.clone()))),
        _ => None,
    };
    let content = |request: &Term| Message::from_term(request.clone());
    match term.as_tuple()? {
        [Term::Atom(kind), request] if *kind == GEN_CAST => Some(Request::Cast(content(request))),
        [Term::Atom(kind), caller, request] if *kind == GEN_CALL => {
            Some(Request::Call(from(caller)?, content(request)))
        }
        [Term::Atom(kind), caller, request] if *kind == SYSTEM => {
            Some(Request::System(from(caller)?, content(request)))
        }
        _ => None,
    }
}

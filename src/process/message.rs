//! Messages, decoded by their receiver and not before.

use std::any::Any;
use std::fmt;

use parking_lot::Mutex;
use serde::Serialize;
use serde::de::{DeserializeOwned, Error as _};

use super::{Exit, MessageTrace};
use crate::term::etf::{EncodeError, Encoded, Writer};
use crate::term::{self, Atom, DeserializeError, Reference, SerializeError, Term};

/// A message as it lies in a mailbox.
///
/// One from another node is still in external format, a slice of the buffer it came in. One from a process of this
/// node is the Rust value that was sent, and [`decode`](Message::decode) hands out that value again, if the same
/// type is asked for.
pub struct Message(Payload, MessageTrace);

enum Payload {
    Encoded(Encoded),
    Term(Term),
    /// Behind a lock only so that messages can be shared between threads though the value may not.
    Value(Mutex<Box<dyn LocalValue>>),
}

/// What stands around the content of a message, as in a generic server's `{'$gen_cast', Content}`.
///
/// Within the node it travels beside the content, which so stays the Rust value it is.
pub(crate) trait Envelope: Send + 'static {
    /// Writes the message up to its content, which is the last thing in it.
    fn write_head(&self, writer: &mut Writer) -> Result<(), EncodeError>;
}

/// The envelope of a message that has none.
struct NoEnvelope;

impl Envelope for NoEnvelope {
    fn write_head(&self, _: &mut Writer) -> Result<(), EncodeError> {
        Ok(())
    }
}

/// A value sent within the node.
trait LocalValue: Send {
    fn write(&self, writer: &mut Writer) -> Result<(), SerializeError>;
    /// Moves the content into `slot`, if that is an `Option` of its type and it has no envelope.
    fn move_into(&mut self, slot: &mut dyn Any) -> bool;
    /// The `Option` that the envelope is in.
    fn envelope(&mut self) -> &mut dyn Any;
}

struct Enveloped<E, V> {
    /// Taken out first.
    envelope: Option<E>,
    /// There until it is moved out, which is the last thing done to it.
    content: Option<V>,
}

impl<E: Envelope, V: Serialize + Send + 'static> LocalValue for Enveloped<E, V> {
    fn write(&self, writer: &mut Writer) -> Result<(), SerializeError> {
        if let Some(envelope) = &self.envelope {
            envelope.write_head(writer)?;
        }
        match &self.content {
            Some(content) => term::to_writer(writer, content),
            None => Ok(()),
        }
    }

    fn move_into(&mut self, slot: &mut dyn Any) -> bool {
        if self.envelope.is_some() {
            return false;
        }
        match slot.downcast_mut::<Option<V>>() {
            Some(slot) => {
                *slot = self.content.take();
                slot.is_some()
            }
            None => false,
        }
    }

    fn envelope(&mut self) -> &mut dyn Any {
        &mut self.envelope
    }
}

fn encoded(value: &dyn LocalValue) -> Result<Encoded, SerializeError> {
    let mut writer = Writer::new();
    value.write(&mut writer)?;
    Ok(Encoded::new(writer.into_bytes(), None))
}

impl Message {
    /// A message of a Rust value, for a process of this node.
    pub fn from_value<T: Serialize + Send + 'static>(value: T) -> Message {
        // What is a term already gains nothing from the box.
        let mut value = Some(value);
        match untyped(&mut value) {
            Some(payload) => Message(payload, MessageTrace::None),
            None => Message::boxed(Enveloped { envelope: None::<NoEnvelope>, content: value }),
        }
    }

    /// A message of a Rust value in an envelope, for a process of this node.
    pub(crate) fn enveloped<T: Serialize + Send + 'static>(envelope: impl Envelope, content: T) -> Message {
        Message::boxed(Enveloped { envelope: Some(envelope), content: Some(content) })
    }

    fn boxed(value: impl LocalValue + 'static) -> Message {
        Message(Payload::Value(Mutex::new(Box::new(value))), MessageTrace::None)
    }

    /// Takes the content out of its envelope. The message comes back if it is not in an `E`, or in one not `wanted`.
    pub(crate) fn open<E: Envelope>(
        self,
        wanted: impl FnOnce(&mut E) -> bool,
    ) -> Result<(E, Message), Message> {
        let Message(Payload::Value(mut value), trace) = self else { return Err(self) };
        let content = value.get_mut();
        match content.envelope().downcast_mut::<Option<E>>().and_then(|envelope| envelope.take_if(wanted)) {
            Some(envelope) => {
                let (mut term, mut encoded) = (None::<Term>, None::<Encoded>);
                let content = if content.move_into(&mut term) {
                    term.map(Payload::Term)
                } else {
                    content.move_into(&mut encoded);
                    encoded.map(Payload::Encoded)
                };
                Ok((envelope, Message(content.unwrap_or(Payload::Value(value)), trace)))
            }
            None => Err(Message(Payload::Value(value), trace)),
        }
    }

    /// What `look` sees on the envelope, if the message is in an `E`.
    pub(crate) fn look_at_envelope<E: Envelope, R>(&self, look: impl FnOnce(&E) -> R) -> Option<R> {
        let Payload::Value(value) = &self.0 else { return None };
        value.lock().envelope().downcast_ref::<Option<E>>()?.as_ref().map(look)
    }

    /// A message of a term.
    #[must_use]
    pub fn from_term(term: Term) -> Message {
        Message(Payload::Term(term), MessageTrace::None)
    }

    /// A message as it came from another node.
    #[must_use]
    pub fn from_encoded(encoded: Encoded) -> Message {
        Message(Payload::Encoded(encoded), MessageTrace::None)
    }

    /// The message with what it does to the token of the process that receives it.
    pub(crate) fn with_trace(self, trace: impl Into<MessageTrace>) -> Message {
        Message(self.0, trace.into())
    }

    /// What it does to the token of the process that receives it now.
    pub(crate) fn take_trace(&mut self) -> MessageTrace {
        std::mem::take(&mut self.1)
    }

    /// Decodes the message into a Rust type, or hands out the value that was sent if it is of that type.
    ///
    /// # Errors
    /// [`UndecodedMessage`], which gives the message back, when it is not of that shape.
    pub fn decode<T: DeserializeOwned + 'static>(self) -> Result<T, UndecodedMessage> {
        let decoded = match self.0 {
            Payload::Encoded(ref encoded) => term::from_encoded(encoded),
            Payload::Term(ref term) => term::from_term(term),
            Payload::Value(mut value) => {
                let mut slot = None;
                value.get_mut().move_into(&mut slot);
                match slot {
                    Some(value) => return Ok(value),
                    None => {
                        let decoded = decode_value(&**value.get_mut());
                        let message = Message(Payload::Value(value), self.1);
                        return decoded.map_err(|error| UndecodedMessage { message, error });
                    }
                }
            }
        };
        decoded.map_err(|error| UndecodedMessage { message: self, error })
    }

    /// The message in external format; a Rust value is encoded for it.
    ///
    /// With [`from_encoded`](term::from_encoded) a type that borrows can be decoded from it.
    ///
    /// # Errors
    /// [`SerializeError`] when the value that was sent has no external form.
    pub fn to_encoded(&self) -> Result<Encoded, SerializeError> {
        match &self.0 {
            Payload::Encoded(encoded) => Ok(encoded.clone()),
            Payload::Term(term) => Ok(Encoded::from_term(term)?),
            Payload::Value(value) => encoded(&**value.lock()),
        }
    }

    /// The message as a term.
    ///
    /// # Errors
    /// [`DeserializeError`] when what came from the other node is no term.
    pub fn to_term(&self) -> Result<Term, DeserializeError> {
        match &self.0 {
            Payload::Encoded(encoded) => Ok(encoded.to_term()?),
            Payload::Term(term) => Ok(term.clone()),
            Payload::Value(value) => {
                Ok(encoded(&**value.lock()).map_err(DeserializeError::custom)?.to_term()?)
            }
        }
    }

    /// The message, if it is in external format already.
    pub(crate) fn as_encoded(&self) -> Option<&Encoded> {
        if let Payload::Encoded(encoded) = &self.0 { Some(encoded) } else { None }
    }

    /// The message, if it is a term already.
    pub(crate) fn as_term(&self) -> Option<&Term> {
        if let Payload::Term(term) = &self.0 { Some(term) } else { None }
    }

    /// Whether it is the `spawn_reply` of the request `reference`.
    pub(crate) fn is_spawn_reply(&self, reference: &Reference) -> bool {
        // Made by the node itself too.
        matches!(&self.0, Payload::Term(Term::Tuple(tuple))
            if matches!(&**tuple, [_, Term::Reference(of), Term::Atom(_), _] if of == reference))
    }

    /// Whether it is the `'DOWN'`, or what stands in its place, of the monitor `reference`.
    pub(crate) fn is_down(&self, reference: &Reference) -> bool {
        // The node makes these messages itself, as terms.
        matches!(&self.0, Payload::Term(Term::Tuple(tuple))
            if matches!(&**tuple, [_, Term::Reference(of), Term::Atom(_), _, _] if of == reference))
    }

    /// The atom that a tuple begins with, and the tuple's arity; `None` for all other messages.
    ///
    /// That much is known without decoding what came from another node, so it is a cheap way to tell messages apart.
    #[must_use]
    pub fn tag_and_arity(&self) -> Option<(Atom, usize)> {
        let of_encoded = |encoded: &Encoded| {
            let mut reader = encoded.reader();
            let arity = reader.tuple_header().ok()?;
            Some((reader.atom().ok()?, arity))
        };
        match &self.0 {
            Payload::Encoded(encoded) => of_encoded(encoded),
            Payload::Term(term) => match term.as_tuple()? {
                [Term::Atom(tag), rest @ ..] => Some((tag.clone(), 1 + rest.len())),
                _ => None,
            },
            Payload::Value(value) => of_encoded(&encoded(&**value.lock()).ok()?),
        }
    }
}

/// What is encoded, or a term, needs no box.
fn untyped<T: 'static>(value: &mut Option<T>) -> Option<Payload> {
    let value: &mut dyn Any = value;
    if let Some(term) = value.downcast_mut::<Option<Term>>() {
        return term.take().map(Payload::Term);
    }
    value.downcast_mut::<Option<Encoded>>()?.take().map(Payload::Encoded)
}

fn decode_value<T: DeserializeOwned>(value: &dyn LocalValue) -> Result<T, DeserializeError> {
    term::from_encoded(&encoded(value).map_err(DeserializeError::custom)?)
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_term() {
            Ok(term) => fmt::Debug::fmt(&term, f),
            Err(error) => write!(f, "Message({error})"),
        }
    }
}

/// A message that is not of the type asked for.
#[derive(Debug, thiserror::Error)]
#[error("the message does not have the expected shape: {error}")]
pub struct UndecodedMessage {
    /// The message, as it was.
    pub message: Message,
    /// What does not fit.
    pub error: DeserializeError,
}

impl From<UndecodedMessage> for Exit {
    fn from(error: UndecodedMessage) -> Exit {
        Exit::from_error(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atom;

    #[derive(Debug)]
    struct Cast;

    impl Envelope for Cast {
        fn write_head(&self, writer: &mut Writer) -> Result<(), EncodeError> {
            writer.tuple_header(2)?;
            writer.atom(&atom!("cast"));
            Ok(())
        }
    }

    /// Its value can't be encoded, so it must have been moved.
    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Unwritable(u8);

    impl Serialize for Unwritable {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("it is not to be encoded"))
        }
    }

    #[test]
    fn a_value_is_handed_out_as_it_was_sent() {
        assert_eq!(Message::from_value(Unwritable(1)).decode::<Unwritable>().unwrap(), Unwritable(1));
    }

    #[test]
    fn a_value_is_converted_to_another_type() {
        assert_eq!(Message::from_value((1u8, "a".to_owned())).decode::<(i64, String)>().unwrap().0, 1);
        assert_eq!(Message::from_value(1u8).to_term().unwrap(), Term::from(1));
    }

    #[test]
    fn a_value_that_does_not_fit_comes_back_as_it_was() {
        let error = Message::from_value(Unwritable(1)).decode::<u8>().unwrap_err();
        assert_eq!(error.message.decode::<Unwritable>().unwrap(), Unwritable(1));
        let error = Message::from_value("text").decode::<Atom>().unwrap_err();
        assert_eq!(error.message.to_term().unwrap(), Term::from("text"));
    }

    #[test]
    fn an_envelope_is_part_of_the_message_until_it_is_opened() {
        let whole = Term::tuple([Term::Atom(atom!("cast")), Term::from(1)]);
        let message = Message::enveloped(Cast, 1);
        assert_eq!(message.to_term().unwrap(), whole);
        assert_eq!(message.look_at_envelope(|Cast| ()), Some(()));
        let (Cast, content) = message.open(|Cast| true).unwrap();
        assert_eq!(content.to_term().unwrap(), Term::from(1));
        assert_eq!(content.decode::<i32>().unwrap(), 1);
        assert_eq!(Message::enveloped(Cast, 1).decode::<(Atom, i32)>().unwrap(), (atom!("cast"), 1));
        assert!(Message::from_value(1).open(|Cast| true).is_err());
        let unopened = Message::enveloped(Cast, 1).open(|Cast| false).unwrap_err();
        assert_eq!(unopened.to_term().unwrap(), whole);
    }

    #[test]
    fn a_term_in_an_envelope_stays_one() {
        let (_, content) = Message::enveloped(Cast, Term::from(1)).open(|Cast| true).unwrap();
        assert_eq!(content.as_term(), Some(&Term::from(1)));
        let (_, content) = Message::enveloped(Cast, Unwritable(1)).open(|Cast| true).unwrap();
        assert_eq!(content.decode::<Unwritable>().unwrap(), Unwritable(1));
    }
}

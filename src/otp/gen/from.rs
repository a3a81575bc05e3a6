//! Whoever made a call, and the tag by which the reply finds back to it.
//!
//! The tag is opaque to the server, which gives it back as it came:
//!
//! | tag                 | who sends it                                | the reply goes to |
//! | ------------------- | ------------------------------------------- | ----------------- |
//! | `[alias \| Ref]`      | `gen_server:call`, all releases since OTP 24 | the alias `Ref`   |
//! | `[[alias \| Ref] \| _]` | `gen_server:multi_call`, OTP 27 and later    | the alias `Ref`   |
//! | `{Ref, Node}`       | `gen_server:multi_call`, OTP 25              | the pid           |
//! | anything else       | older releases                              | the pid           |
//!
//! A reply to an alias is dropped when the caller has given up, and not found in its mailbox by someone else.

use std::fmt;
use std::marker::PhantomData;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Gen;
use crate::atom;
use crate::node::{Dest, Node, Process, SendError, Sent};
use crate::process::Message;
use crate::term::etf::{DecodeError, EncodeError, ListHeader, Reader, Writer, tag};
use crate::term::{self, Atom, Pid, Reference, Term};

const ALIAS: Atom = atom!("alias");

/// Whoever made a call, and how to reply to it: once, now or later, from any process.
///
/// It can be kept, cloned, and sent to other processes, also on other nodes; the caller takes the first reply.
pub struct From<R = Term> {
    pid: Pid,
    tag: Tag,
    /// Who was called, if that is known.
    server: Option<Pid>,
    reply: PhantomData<fn(R)>,
}

impl<R> From<R> {
    pub(super) fn new(pid: Pid, tag: Tag) -> From<R> {
        From { pid, tag, server: None, reply: PhantomData }
    }

    /// Has it known that `server` was called.
    pub(crate) fn calling(self, server: &Pid) -> From<R> {
        From { server: Some(server.clone()), ..self }
    }

    /// The process that called.
    #[must_use]
    pub fn pid(&self) -> &Pid {
        &self.pid
    }

    /// The same caller, waiting for another type of reply.
    #[must_use]
    pub fn cast_reply<S>(self) -> From<S> {
        From { pid: self.pid, tag: self.tag, server: self.server, reply: PhantomData }
    }

    /// The caller of `{Pid, Tag}`, as it stands in a call.
    pub(crate) fn of(pid: Pid, tag: Term) -> From<R> {
        From::new(pid, Tag::from(tag))
    }

    /// What `get_state` of `sys` is answered with: up to OTP 26.0 the state alone, later `{ok, State}`. Those nodes are
    /// known by the aliases they make, which have three words, and later ones have five.
    pub(crate) fn answer_with_state(&self, node: &Node, state: Term) -> Term {
        let is_old = |alias: &Reference| alias.words().len() < 5 && alias.node() != node.name().as_atom();
        if self.tag.alias().is_some_and(is_old) {
            return state;
        }
        Term::tuple([Term::Atom(atom!("ok")), state])
    }

    fn dest(&self) -> Dest {
        match self.tag.alias() {
            Some(alias) => Dest::Alias(alias.clone()),
            None => Dest::Pid(self.pid.clone()),
        }
    }

    /// As it stands in a call: `{Pid, Tag}`.
    #[must_use]
    pub fn to_term(&self) -> Term {
        Term::tuple([Term::Pid(self.pid.clone()), self.tag.to_term()])
    }
}

impl<R: Serialize + Send + 'static> From<R> {
    /// Replies. A caller that has given up meanwhile does not get it.
    ///
    /// `sender` is the process that replies; what it sent to the caller before arrives before. From outside of any
    /// process it is the node: the reply then counts as sent by the [`GenServer`](crate::otp::gen_server::GenServer)
    /// that was called.
    ///
    /// # Errors
    /// [`SendError`], as for any message.
    ///
    /// # Cancel safety
    /// When dropped before it is done, the reply was not sent.
    ///
    /// Does what `gen_server:reply/2` does.
    pub async fn reply(self, sender: &impl Replier, reply: R) -> Result<(), SendError> {
        let dest = self.dest();
        let (node, from, token) = sender.sender(self.server.as_ref());
        node.send_enveloped(Sent { from, token, priority: false }, dest, Gen::Reply(self.tag), reply).await
    }
}

impl<R: Serialize> From<R> {
    /// As [`reply`](From::reply), but never waits: for servers that no single node may hold up. Without a connection
    /// the reply is lost, and the caller told by its monitor.
    pub(crate) fn post(self, node: &Node, sender: &Pid, reply: &R) {
        let dest = self.dest();
        match term::to_encoded(&(self.tag.to_term(), reply)) {
            Ok(encoded) => node.post(sender, &dest, encoded),
            Err(error) => tracing::debug!(%error, "a reply has no external form"),
        }
    }
}

/// Who can [reply](From::reply): a [`Process`], or, outside of any, a [`Node`].
pub trait Replier: sealed::Sealed {}

impl Replier for Process {}
impl Replier for Node {}

mod sealed {
    use crate::node::{Node, Process};
    use crate::process::SeqTraceToken;
    use crate::term::Pid;

    pub trait Sealed {
        /// The node, who counts as the sender of what is for `server` to send, and the token that goes with it.
        fn sender<'a>(&'a self, server: Option<&'a Pid>) -> (&'a Node, &'a Pid, Option<SeqTraceToken>);
    }

    impl Sealed for Process {
        fn sender<'a>(&'a self, _: Option<&'a Pid>) -> (&'a Node, &'a Pid, Option<SeqTraceToken>) {
            (self.node(), self.pid(), self.sent().token)
        }
    }

    impl Sealed for Node {
        fn sender<'a>(&'a self, server: Option<&'a Pid>) -> (&'a Node, &'a Pid, Option<SeqTraceToken>) {
            (self, server.unwrap_or(self.pid()), None)
        }
    }
}

impl<R> Clone for From<R> {
    fn clone(&self) -> From<R> {
        From { server: self.server.clone(), ..From::new(self.pid.clone(), self.tag.clone()) }
    }
}

impl<R> fmt::Debug for From<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "From({:?}, {:?})", self.pid, self.tag)
    }
}

impl<R> Serialize for From<R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.pid, self.tag.to_term()).serialize(serializer)
    }
}

impl<'de, R> Deserialize<'de> for From<R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<From<R>, D::Error> {
        let (pid, tag) = <(Pid, Term)>::deserialize(deserializer)?;
        Ok(From::new(pid, Tag::from(tag)))
    }
}

/// What a reply is known by.
#[derive(Clone, PartialEq)]
pub(super) enum Tag {
    /// `[alias | Ref]`, which nearly all are.
    Alias(Reference),
    Other(Term),
}

impl Tag {
    /// The alias that the reply goes to, if not to the pid.
    fn alias(&self) -> Option<&Reference> {
        match self {
            Tag::Alias(alias) => Some(alias),
            Tag::Other(Term::ImproperList(list)) => match list.elements() {
                [first] => alias_of(first),
                _ => None,
            },
            Tag::Other(Term::List(list)) => match &**list {
                // What OTP calls `_` may be a list, too.
                [first, ..] => alias_of(first),
                [] => None,
            },
            Tag::Other(_) => None,
        }
    }

    /// Whether a reply with this tag answers the call `[alias | reference]`.
    ///
    /// The bare reference is what servers of old replied with.
    pub(super) fn answers(&self, reference: &Reference) -> bool {
        match self {
            Tag::Alias(alias) => alias == reference,
            Tag::Other(Term::Reference(tag)) => tag == reference,
            Tag::Other(_) => false,
        }
    }

    pub(super) fn write(&self, writer: &mut Writer) -> Result<(), EncodeError> {
        match self {
            Tag::Alias(alias) => {
                writer.list_header(1)?;
                writer.atom(&ALIAS);
                writer.reference(alias);
                Ok(())
            }
            Tag::Other(term) => writer.term(term),
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Tag, DecodeError> {
        let mut ahead = reader.clone();
        if let Some(alias) = read_alias(&mut ahead) {
            *reader = ahead;
            return Ok(Tag::Alias(alias));
        }
        reader.term().map(Tag::from)
    }

    pub(super) fn to_term(&self) -> Term {
        match self {
            Tag::Alias(alias) => {
                Term::list_with_tail(vec![Term::Atom(ALIAS)], Term::Reference(alias.clone()))
            }
            Tag::Other(term) => term.clone(),
        }
    }
}

impl std::convert::From<Term> for Tag {
    fn from(term: Term) -> Tag {
        match alias_of(&term) {
            Some(alias) => Tag::Alias(alias.clone()),
            None => Tag::Other(term),
        }
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_term(), f)
    }
}

/// `Ref` of `[alias | Ref]`.
fn alias_of(term: &Term) -> Option<&Reference> {
    let Term::ImproperList(list) = term else { return None };
    match (list.elements(), list.tail()) {
        ([Term::Atom(atom)], Term::Reference(alias)) if *atom == ALIAS => Some(alias),
        _ => None,
    }
}

/// `Ref` of `[alias | Ref]`, without making a list of it.
fn read_alias(reader: &mut Reader<'_>) -> Option<Reference> {
    if reader.peek_tag() != Some(tag::LIST) || reader.list_header().ok()? != ListHeader::List(1) {
        return None;
    }
    if reader.atom_name().ok()? != *ALIAS.as_str() {
        return None;
    }
    read_reference(reader)
}

fn read_reference(reader: &mut Reader<'_>) -> Option<Reference> {
    match reader.peek_tag()? {
        tag::NEWER_REFERENCE | tag::NEW_REFERENCE | tag::REFERENCE => reader.reference().ok(),
        _ => None,
    }
}

/// Whether `message` is the reply to the call `[alias | reference]`.
pub(crate) fn is_reply_to(message: &Message, reference: &Reference) -> bool {
    if let Some(encoded) = message.as_encoded() {
        let mut reader = encoded.reader();
        if reader.tuple_header().ok() != Some(2) {
            return false;
        }
        let mut tag = reader.clone();
        return read_alias(&mut tag).or_else(|| read_reference(&mut reader)).as_ref() == Some(reference);
    }
    match message.as_term() {
        Some(term) => {
            matches!(term.as_tuple(), Some([tag, _]) if Tag::from(tag.clone()).answers(reference))
        }
        None => message
            .look_at_envelope(|envelope| matches!(envelope, Gen::Reply(tag) if tag.answers(reference)))
            .unwrap_or(false),
    }
}

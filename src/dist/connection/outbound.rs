//! Messages in, bytes out.

use bytes::{BufMut, Bytes, BytesMut};

use super::fragmenter::{Fragmenter, Turn};
use super::{HEADER, OutgoingMessage, OutputQueue};
use crate::dist::Flags;
use crate::dist::atom_cache::OutputCache;
use crate::dist::control::Sender;
use crate::term::Atom;
use crate::term::etf::tag;

/// How many bytes of fragments are taken at a time: 128 KiB.
///
/// What is sent meanwhile by others waits for that much at most. More would save few system calls.
const FRAGMENTS_AT_A_TIME: usize = 128 << 10;

/// The sending side of a connection.
///
/// The messages of one process leave in the order in which they are pushed, and so do all small ones; but those may
/// leave between the fragments of large messages of other processes. Only what depends on the order happens here; the
/// rest is the business of [`OutgoingMessage`]. So it can stand behind a lock that is held shortly.
#[derive(Debug)]
pub struct Outbound {
    flags: Flags,
    cache: OutputCache,
    /// Where headers are written, before their length is known.
    header: BytesMut,
    queue: OutputQueue,
    /// What goes to the queue when that is taken.
    fragmenter: Fragmenter,
}

impl Outbound {
    /// The sending side of a connection with the flags that both nodes have.
    #[must_use]
    pub fn new(flags: Flags) -> Outbound {
        Outbound {
            flags,
            cache: OutputCache::new(),
            header: BytesMut::new(),
            queue: OutputQueue::new(),
            fragmenter: Fragmenter::default(),
        }
    }

    /// The flags that both nodes have, to encode messages with.
    #[must_use]
    pub fn flags(&self) -> Flags {
        self.flags
    }

    /// Appends a message, which is empty then and can be used again; an empty one changes nothing.
    ///
    /// It must have been encoded for the [flags](Outbound::flags) of this connection.
    pub fn push(&mut self, message: &mut OutgoingMessage) {
        debug_assert_eq!(message.flags(), self.flags, "a message for another connection");
        if message.is_empty() {
            return;
        }
        let sender = message.sender();
        if sender == Sender::Unknown {
            // It may be of any of the processes that have something under way, or send something next.
            self.move_fragments(usize::MAX);
            self.write(message);
        } else if self.fragmenter.holds(sender)
            || (Fragmenter::is_large(message) && self.flags.contains(Flags::FRAGMENTS))
        {
            self.fragmenter.push(message);
        } else {
            self.write(message);
        }
    }

    /// Appends a tick.
    pub fn push_tick(&mut self) {
        self.queue.copy(&0u32.to_be_bytes());
    }

    /// How many bytes wait to be written; headers of fragments are not counted before they are made.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.queue.len() + self.fragmenter.bytes()
    }

    /// How many of these are of large messages, or held behind one.
    pub(crate) fn held_bytes(&self) -> usize {
        self.fragmenter.bytes()
    }

    /// The same, but of each large message only so many at most.
    pub(crate) fn held_bytes_up_to(&self, most: usize) -> usize {
        self.fragmenter.bytes_up_to(most)
    }

    /// Whether `sender` has a large message under way, so that what it sends next waits for that.
    pub(crate) fn holds(&self, sender: Sender) -> bool {
        self.fragmenter.holds(sender)
    }

    /// How many processes have a large message under way.
    pub(crate) fn holding(&self) -> usize {
        self.fragmenter.lanes()
    }

    /// Moves bytes that wait to the end of `queue`: all small messages, and some fragments of large ones.
    ///
    /// Write them while other messages are pushed, then take again. Nothing is left if `queue` is empty after it.
    pub fn take(&mut self, queue: &mut OutputQueue) {
        self.move_fragments(FRAGMENTS_AT_A_TIME);
        self.queue.move_to(queue);
    }

    /// Moves fragments, and what comes after them, to the queue; stops when it has moved `enough` bytes.
    fn move_fragments(&mut self, enough: usize) {
        let mut moved = 0;
        while moved < enough
            && let Some(turn) = self.fragmenter.next()
        {
            match turn {
                Turn::Fragment(start, atoms, pieces) => {
                    let length = pieces.iter().map(Bytes::len).sum::<usize>();
                    self.write_start(&start, atoms.as_deref(), length);
                    pieces.into_iter().for_each(|piece| self.queue.share(piece));
                    moved += length;
                }
                Turn::Message(mut message) => {
                    moved += message.len();
                    self.write(&mut message);
                }
            }
        }
    }

    /// Appends a whole message to the queue.
    fn write(&mut self, message: &mut OutgoingMessage) {
        if self.flags.has_headers() {
            self.write_start(&[tag::VERSION, HEADER], Some(message.atoms()), message.len());
        } else {
            self.write_start(&[], None, message.len());
        }
        message.move_to(&mut self.queue);
    }

    /// Appends the length of a packet, `start`, and a header of `atoms` to the queue; `rest` more bytes come.
    fn write_start(&mut self, start: &[u8], atoms: Option<&[Atom]>, rest: usize) {
        self.header.clear();
        // Room for the length.
        self.header.put_u32(0);
        self.header.put_slice(start);
        if let Some(atoms) = atoms {
            self.cache.write(atoms, &mut self.header);
        }
        // `OutgoingMessage` sees to it that the length fits.
        let length = u32::try_from(self.header.len() - 4 + rest).unwrap_or(u32::MAX);
        if let Some(place) = self.header.first_chunk_mut() {
            *place = length.to_be_bytes();
        }
        self.queue.copy(&self.header);
    }
}

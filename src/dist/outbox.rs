//! The sending half of a connection, shared by all who send over it.
//!
//! What is sent goes into one queue. Whoever adds to it also writes it, unless somebody is writing already: with an
//! idle connection a message costs one system call and no switch of tasks, with a busy one many messages share a
//! call. Only when the kernel takes no more, or when there is so much to write that the sender would be kept from its
//! own work, does the connection's task step in:
//!
//! ```text
//!             send, flush                    kernel full, or enough for one turn
//!   Nobody ────────────────▶ Sender writes ────────────────────────────────────▶ Connection's task writes
//!      ▲                          │                                                       │
//!      └───── queue is empty ─────┴──────────────────── queue is empty ───────────────────┘
//! ```
//!
//! A [`Cork`] holds the writing back for as long as a task runs, so that all it sends goes out in one call.
//!
//! All bytes that are not written yet count against a limit from which on senders have to wait; they go on when half
//! of it is free again. Of a large message, which is sent in fragments, only a part counts against others than its
//! sender: whoever sends something small does not wait for 64 MiB to be written, but passes between the fragments.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use super::Flags;
use super::connection::{Outbound, OutgoingMessage, OutputQueue};
use super::control::Sender;
use super::cork::Cork;
use super::driver::CloseReason;
use super::transport::WriteHalf;
use crate::term::Pid;

/// Above so many queued bytes, senders have to wait; see [`Outbox::is_busy_for`]. As OTP's `+zdbbl`, 1 MiB.
pub const DEFAULT_BUSY_LIMIT: usize = 1024 * 1024;

/// A large message counts against other processes as this part of the limit at most: so no single one fills the queue
/// for all, and a few do.
const SHARE_OF_LIMIT: usize = 4;

/// Behind a [`Cork`] that is not tight, so many queued bytes are written at once all the same.
const CORKED_BYTES: usize = 64 * 1024;

/// After so many bytes a sender leaves the rest to the connection's task: 512 KiB, a tenth of a millisecond or so.
const BYTES_A_TURN: usize = 512 * 1024;

/// How many pieces one system call takes.
const SLICES: usize = 64;

/// The queue of a connection and the way out of it.
#[derive(Debug)]
pub struct Outbox {
    stream: WriteHalf,
    flags: Flags,
    busy_limit: usize,
    queue: Mutex<Queue>,
    /// Locked by whoever has set `Queue::has_writer`, and before `queue`.
    writer: Mutex<Writer>,
    /// Bytes that are not written yet, in `queue` or in `writer`.
    queued: AtomicUsize,
    /// Whether anybody has to wait. Changed under the lock of `queue`, where it stands who that is.
    is_busy: AtomicBool,
    written: AtomicU64,
    received: AtomicU64,
    /// The connection's task is to write on.
    handed_over: Notify,
    /// It is busy no more, or nothing is queued any more.
    room: Notify,
    is_closed: AtomicBool,
    /// The connection's task is to look what has changed.
    called: Notify,
}

#[derive(Debug)]
struct Queue {
    outbound: Outbound,
    /// Somebody writes, and looks here again before it stops.
    has_writer: bool,
    /// Somebody waits until nothing is queued any more.
    empty_awaited: bool,
    /// Too much waits, of large messages only a share of each counted, so all have to wait. Set above the limit, cleared at
    /// half of it, so that senders do not come and go with each message that is written.
    is_full: bool,
    /// The same for large messages and what is held behind them.
    is_full_of_large: bool,
    close_reason: Option<CloseReason>,
}

impl Queue {
    fn holds_up(&self, sender: Sender) -> bool {
        self.is_full || self.is_full_of_large && self.outbound.holds(sender)
    }
}

#[derive(Debug, Default)]
struct Writer {
    /// Taken out of the queue and not written yet.
    output: OutputQueue,
    /// It is the connection's task that has to go on.
    is_handed_over: bool,
}

/// The connection is closed, or closing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection is closed")]
pub struct Closed;

impl Outbox {
    /// The sending half of a connection over `stream`.
    #[must_use]
    pub fn new(stream: WriteHalf, flags: Flags, busy_limit: usize) -> Outbox {
        Outbox {
            stream,
            flags,
            busy_limit,
            queue: Mutex::new(Queue {
                outbound: Outbound::new(flags),
                has_writer: false,
                empty_awaited: false,
                is_full: false,
                is_full_of_large: false,
                close_reason: None,
            }),
            writer: Mutex::new(Writer::default()),
            queued: AtomicUsize::new(0),
            is_busy: AtomicBool::new(false),
            written: AtomicU64::new(0),
            received: AtomicU64::new(0),
            handed_over: Notify::new(),
            room: Notify::new(),
            is_closed: AtomicBool::new(false),
            called: Notify::new(),
        }
    }

    /// What both nodes understand.
    #[must_use]
    pub fn flags(&self) -> Flags {
        self.flags
    }

    /// Bytes read so far.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    pub(crate) fn count_received(&self, bytes: u64) {
        self.received.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes written so far.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Bytes that wait to be written.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queued.load(Ordering::Acquire)
    }

    /// Whether there are senders that have to wait.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.is_busy.load(Ordering::Acquire)
    }

    /// Whether the process `sender` has to wait: too much is queued, of large messages only a part counted; or one of
    /// those is its own, and all of them are too much.
    #[must_use]
    pub fn is_busy_for(&self, sender: &Pid) -> bool {
        self.is_busy() && self.queue.lock().holds_up(Sender::process(sender))
    }

    /// Waits until there is room for what the process `sender` wants to send. As many as wait go on together, so that
    /// the limit may be passed by a message of each.
    ///
    /// # Errors
    /// [`Closed`], as soon as the connection is.
    ///
    /// # Cancel safety
    /// It can be dropped at any time.
    pub async fn ready(&self, sender: &Pid) -> Result<(), Closed> {
        loop {
            // Told from here on, before it is awaited.
            let room = self.room.notified();
            if self.is_closed() {
                return Err(Closed);
            }
            if !self.is_busy_for(sender) {
                return Ok(());
            }
            room.await;
        }
    }

    /// Waits until all that was queued is written, or the connection is closed. There may be more by then.
    pub(crate) async fn drained(&self) {
        loop {
            let room = self.room.notified();
            {
                let mut queue = self.queue.lock();
                if queue.close_reason.is_some() || self.queued() == 0 {
                    return;
                }
                queue.empty_awaited = true;
            }
            room.await;
        }
    }

    /// Queues `message`, however full the queue is, and writes if nobody else does.
    ///
    /// # Errors
    /// [`Closed`]; nothing is queued then.
    pub fn send(self: &Arc<Self>, message: &mut OutgoingMessage) -> Result<(), Closed> {
        let has_writer = {
            let mut queue = self.queue.lock();
            if queue.close_reason.is_some() {
                return Err(Closed);
            }
            self.count(&mut queue, |outbound| outbound.push(message));
            queue.has_writer
        };
        if !has_writer && !Cork::hold(self, self.queued() >= CORKED_BYTES) {
            self.flush();
        }
        Ok(())
    }

    /// Sends a tick, unless there is something to be written anyway.
    pub(crate) fn tick(&self) {
        {
            let mut queue = self.queue.lock();
            if self.queued() == 0 && queue.close_reason.is_none() {
                self.count(&mut queue, Outbound::push_tick);
            }
        }
        self.flush();
    }

    /// Changes the queue, and counts the bytes that has brought.
    fn count(&self, queue: &mut Queue, change: impl FnOnce(&mut Outbound)) {
        let before = queue.outbound.queued_bytes();
        change(&mut queue.outbound);
        self.queued.fetch_add(queue.outbound.queued_bytes().saturating_sub(before), Ordering::AcqRel);
        let (all, large) = self.counted(queue);
        queue.is_full |= all > self.busy_limit;
        queue.is_full_of_large |= large > self.busy_limit;
        self.is_busy.store(queue.is_full || queue.is_full_of_large, Ordering::Release);
    }

    /// Writes what is queued, if nobody does.
    pub(crate) fn flush(&self) {
        {
            let mut queue = self.queue.lock();
            // Whoever writes looks at the queue once more, under this lock, before it lets go.
            if queue.has_writer || queue.outbound.queued_bytes() == 0 {
                return;
            }
            queue.has_writer = true;
        }
        if let Err(error) = self.write(self.writer.lock()) {
            self.close(CloseReason::from(error));
        }
    }

    /// Goes on with the writing that was left to the connection's task, if it was.
    ///
    /// # Errors
    /// The connection is broken.
    pub(crate) fn write_on(&self) -> io::Result<()> {
        let mut writer = self.writer.lock();
        if !std::mem::take(&mut writer.is_handed_over) {
            return Ok(());
        }
        self.write(writer)
    }

    /// Waits until [`write_on`](Outbox::write_on) has something to do and the kernel takes it.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        while !self.writer.lock().is_handed_over {
            self.handed_over.notified().await;
        }
        self.stream.writable().await
    }

    fn write(&self, mut writer: MutexGuard<'_, Writer>) -> io::Result<()> {
        let mut makes_room = false;
        let result = self.write_turn(&mut writer, &mut makes_room);
        drop(writer);
        // Outside of the locks: waking may run code of others.
        if makes_room {
            self.room.notify_waiters();
        }
        result
    }

    fn write_turn(&self, writer: &mut Writer, makes_room: &mut bool) -> io::Result<()> {
        let mut written_now = 0;
        loop {
            if writer.output.is_empty() {
                let mut queue = self.queue.lock();
                let (before, holding) = (queue.outbound.queued_bytes(), queue.outbound.holding());
                queue.outbound.take(&mut writer.output);
                // The headers of fragments are made only now.
                let after = queue.outbound.queued_bytes() + writer.output.len();
                self.queued.fetch_add(after.saturating_sub(before), Ordering::AcqRel);
                *makes_room |= self.has_room(&mut queue);
                // Whose message is out now need not wait for those of others.
                *makes_room |= queue.is_full_of_large && queue.outbound.holding() < holding;
                if writer.output.is_empty() {
                    queue.has_writer = false;
                    return Ok(());
                }
            }
            if written_now >= BYTES_A_TURN {
                self.hand_over(writer, makes_room);
                return Ok(());
            }
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = writer.output.io_slices(&mut slices);
            match self.stream.try_write(slices.get(..count).unwrap_or_default()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    writer.output.advance(written);
                    written_now += written;
                    self.written.fetch_add(written as u64, Ordering::Relaxed);
                    self.queued.fetch_sub(written, Ordering::AcqRel);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.hand_over(writer, makes_room);
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Leaves the rest to the connection's task.
    fn hand_over(&self, writer: &mut Writer, makes_room: &mut bool) {
        writer.is_handed_over = true;
        *makes_room |= self.has_room(&mut self.queue.lock());
        self.handed_over.notify_one();
    }

    /// The bytes that count against all senders, and those that count against who has a large message under way.
    fn counted(&self, queue: &Queue) -> (usize, usize) {
        let large = queue.outbound.held_bytes();
        let shares = queue.outbound.held_bytes_up_to(self.busy_limit / SHARE_OF_LIMIT);
        (self.queued().saturating_sub(large) + shares, large)
    }

    /// Whether those who wait are to be told that there is room now.
    fn has_room(&self, queue: &mut Queue) -> bool {
        let (all, large) = self.counted(queue);
        let mut has_room = false;
        if all <= self.busy_limit / 2 {
            has_room |= std::mem::take(&mut queue.is_full);
        }
        if large <= self.busy_limit / 2 {
            has_room |= std::mem::take(&mut queue.is_full_of_large);
        }
        self.is_busy.store(queue.is_full || queue.is_full_of_large, Ordering::Release);
        if self.queued() == 0 {
            has_room |= std::mem::take(&mut queue.empty_awaited);
        }
        has_room
    }

    /// Closes the connection; the first reason counts. What is queued is not written any more.
    pub fn close(&self, reason: CloseReason) {
        self.queue.lock().close_reason.get_or_insert(reason);
        self.is_closed.store(true, Ordering::Release);
        self.call();
        self.room.notify_waiters();
    }

    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Why the connection is to be closed, if it is.
    pub(crate) fn close_reason(&self) -> Option<CloseReason> {
        if self.is_closed() { self.queue.lock().close_reason.clone() } else { None }
    }

    /// Has the connection's task look whether it is to close, or its settings have changed.
    pub fn call(&self) {
        self.called.notify_one();
    }

    /// Waits until the connection's task has something of that kind to look at.
    pub(crate) async fn called(&self) {
        self.called.notified().await;
    }

    /// Ends the connection below: the other side sees it closed.
    pub(crate) fn hang_up(&self) {
        self.stream.close();
    }
}

#[cfg(test)]
mod tests;

//! Carries a connection's bytes: the handshake, then frames in both directions until it ends.
//!
//! Each connection has a task of its own, which is in [`run`] most of its life: it reads, hands on what has come, minds
//! the ticks, and writes when the senders could not (see [`outbox`](super::outbox)). It never waits for any of these
//! alone, so neither a peer that sends without end nor one that does not read can keep it from the rest.

use std::io;
use std::pin::pin;
use std::time::{Duration, Instant};

use bytes::{BufMut, BytesMut};
use tokio::sync::watch;
use tokio::time::sleep_until;

use super::AcceptedCookies;
use super::connection::{Event, Inbound, ProtocolError};
use super::cork::Cork;
use super::handshake::{
    Accept, Accepted, Acceptor, AcceptorStep, Established, HandshakeError, HandshakeState, Initiate,
    Initiator, InitiatorStep, NameReceived, NameWanted, Refusal,
};
use super::outbox::Outbox;
use super::packet::{FrameLimit, LengthSize, PacketTooLong, Packets};
use super::tick::{TickAction, TickPeriods, Ticker};
use super::transport::{ReadHalf, Stream};
use crate::term::Creation;

/// How much is read at once, in bytes: enough for many small frames, less than what allocators map anew each time.
const READ_SIZE: usize = 64 * 1024;

/// As long as so many bytes are left of a buffer, it is read into: messages are slices of it, and one that is kept
/// keeps all of it.
const LEAST_READ: usize = 8 * 1024;

/// How much is read at once behind a fragment that was read to its place, in bytes: small messages, and the beginning
/// of the next fragment, of which no more than that has to be moved to its place.
const BETWEEN_FRAGMENTS: usize = 4 * 1024;

/// How long each message of a handshake may take; OTP's `net_setuptime`.
pub const DEFAULT_NET_SETUPTIME: Duration = Duration::from_secs(7);

/// Why a connection could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The handshake failed.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// The other side did not answer in time.
    #[error("the other side said nothing for {} s in the handshake", .0.as_secs_f32())]
    Timeout(Duration),
    /// The other side sent more than any handshake message has.
    #[error(transparent)]
    PacketTooLong(#[from] PacketTooLong),
    /// The connection broke.
    #[error("the connection broke in the handshake: {0}")]
    Io(#[from] io::Error),
    /// It was given up for another one.
    #[error("too many handshakes were under way at once, so it was given up for a later one")]
    Crowded,
}

impl SetupError {
    /// Whether this happens when nothing is wrong: to a connection that the other side closed before it gave a name,
    /// as what looks whether the port is open does again and again; and to one of two that two nodes make to each
    /// other at one time. Nor does each handshake count that was given up for another, as those come in large numbers.
    pub(crate) fn is_usual(&self) -> bool {
        match self {
            SetupError::Handshake(HandshakeError::Closed { state }) => *state == HandshakeState::RecvName,
            SetupError::Handshake(HandshakeError::Refused { refusal, .. }) => match refusal {
                Refusal::Nok | Refusal::ShuttingDown => true,
                Refusal::NotAllowed => false,
            },
            SetupError::Crowded => true,
            _ => false,
        }
    }
}

/// A stream in the handshake.
struct Setup<'a> {
    stream: &'a Stream,
    packets: Packets,
    setup_time: Duration,
    input: BytesMut,
    output: BytesMut,
}

impl<'a> Setup<'a> {
    fn new(stream: &'a Stream, setup_time: Duration, length_size: LengthSize) -> Setup<'a> {
        let packets = Packets { length_size, limit: FrameLimit::HANDSHAKE };
        Setup { stream, packets, setup_time, input: BytesMut::new(), output: BytesMut::new() }
    }

    /// Writes what is due and waits for the next packet; `None` when the other side has closed.
    async fn next_packet(&mut self) -> Result<Option<bytes::Bytes>, SetupError> {
        let exchange = async {
            self.stream.write_all(&self.output.split()).await?;
            loop {
                if let Some(packet) = self.packets.take(&mut self.input)? {
                    return Ok(Some(packet));
                }
                self.input.reserve(1024);
                if self.stream.read(&mut self.input).await? == 0 {
                    return Ok(None);
                }
            }
        };
        match tokio::time::timeout(self.setup_time, exchange).await {
            // A wrong cookie is answered by closing, which may come as a reset.
            Ok(Err(SetupError::Io(error))) if error.kind() == io::ErrorKind::ConnectionReset => Ok(None),
            Ok(result) => result,
            Err(_) => Err(SetupError::Timeout(self.setup_time)),
        }
    }

    /// The last bytes of a failed handshake tell the other side why.
    async fn say_last_words(&mut self) {
        let words = self.output.split();
        let _ = tokio::time::timeout(self.setup_time, self.stream.write_all(&words)).await;
    }
}

/// Runs the handshake of a connection that was made from here.
///
/// `is_gone` is asked when the other node still has a connection to this one: whether that is gone.
///
/// # Errors
/// [`SetupError`]; the stream is to be dropped then, which closes it.
pub async fn initiate(
    stream: &Stream,
    settings: Initiate,
    setup_time: Duration,
    is_gone: impl Fn() -> bool,
) -> Result<(Established, BytesMut), SetupError> {
    let mut setup = Setup::new(stream, setup_time, settings.length_size);
    let mut state = Initiator::start(settings, &mut setup.output);
    let result = async {
        loop {
            let Some(packet) = setup.next_packet().await? else { return Err(state.handle_close().into()) };
            state = match state.handle_packet(&packet, &mut setup.output)? {
                InitiatorStep::Receive(next) => next,
                InitiatorStep::Alive(question) => question.answer(is_gone(), &mut setup.output)?,
                InitiatorStep::Established(established) => return Ok(established),
            };
        }
    };
    finish(result.await, setup).await
}

async fn finish(
    result: Result<Established, SetupError>,
    mut setup: Setup<'_>,
) -> Result<(Established, BytesMut), SetupError> {
    match result {
        Ok(established) => {
            let written = setup.stream.write_all(&setup.output);
            match tokio::time::timeout(setup.setup_time, written).await {
                Ok(written) => written?,
                Err(_) => return Err(SetupError::Timeout(setup.setup_time)),
            }
            Ok((established, setup.input))
        }
        Err(error) => {
            setup.say_last_words().await;
            Err(error)
        }
    }
}

/// Decides who may connect.
pub trait Gate {
    /// A node has given its name: whether it may connect, and with which cookies.
    ///
    /// # Errors
    /// The refusal that it gets.
    fn name_received(&self, name: &NameReceived) -> Result<(Accepted, AcceptedCookies), Refusal>;

    /// A node wants a name: the one that it gets, and with which cookies it may connect.
    ///
    /// # Errors
    /// The refusal that it gets.
    fn name_wanted(
        &self,
        wanted: &NameWanted,
    ) -> Result<(super::NodeName, Creation, AcceptedCookies), Refusal>;
}

/// Runs the handshake of a connection that was accepted here.
///
/// # Errors
/// [`SetupError`]; the stream is to be dropped then, which closes it.
pub async fn accept(
    stream: &Stream,
    settings: Accept,
    setup_time: Duration,
    gate: &impl Gate,
) -> Result<(Established, BytesMut), SetupError> {
    let mut setup = Setup::new(stream, setup_time, settings.length_size);
    let mut state = Acceptor::new(settings);
    let result = async {
        loop {
            let Some(packet) = setup.next_packet().await? else { return Err(state.handle_close().into()) };
            state = match state.handle_packet(&packet, &mut setup.output)? {
                AcceptorStep::Receive(next) => next,
                AcceptorStep::Name(name) => match gate.name_received(&name) {
                    Ok((status, cookies)) => name.accept(status, cookies, rand::random(), &mut setup.output),
                    Err(refusal) => return Err(name.refuse(refusal, &mut setup.output).into()),
                },
                AcceptorStep::NameWanted(wanted) => match gate.name_wanted(&wanted) {
                    Ok((name, creation, cookies)) => {
                        wanted.accept(name, creation, cookies, rand::random(), &mut setup.output)
                    }
                    Err(refusal) => return Err(wanted.refuse(refusal, &mut setup.output).into()),
                },
                AcceptorStep::Established(established) => return Ok(established),
            };
        }
    };
    finish(result.await, setup).await
}

/// Why an established connection ended.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// The other side closed it.
    #[error("the other node closed the connection")]
    ClosedByPeer,
    /// This node closed it.
    #[error("this node closed the connection")]
    ClosedHere,
    /// A new connection to the same node took its place.
    #[error("a new connection of the same node took its place")]
    Replaced,
    /// Nothing came for longer than `net_ticktime` allows.
    #[error("the other node was silent for longer than net_ticktime allows")]
    NoTick,
    /// The other side broke the protocol.
    #[error("the other node broke the protocol: {0}")]
    Protocol(#[from] ProtocolError),
    /// The operating system ended it.
    #[error("the connection broke: {0}")]
    Io(String),
}

impl From<io::Error> for CloseReason {
    fn from(error: io::Error) -> CloseReason {
        CloseReason::Io(error.to_string())
    }
}

/// Carries an established connection until it ends.
///
/// `handle` gets each message in the order of arrival and must not wait. `input` holds what came behind the handshake.
/// Whoever changes `periods` calls the task by [`Outbox::call`].
pub async fn run(
    mut stream: ReadHalf,
    outbox: &Outbox,
    mut inbound: Inbound,
    (mut ticker, mut periods): (Ticker, watch::Receiver<TickPeriods>),
    limit: FrameLimit,
    mut input: BytesMut,
    mut handle: impl FnMut(Event) -> Result<(), ProtocolError>,
) -> CloseReason {
    let packets = Packets { length_size: LengthSize::Four, limit };
    let mut tick = pin!(sleep_until(Instant::now().into()));
    let mut misses_ticks = false;
    // They may have changed since the ticker was made.
    periods.mark_changed();
    let mut was_placed = false;
    if input.is_empty() {
        input = BytesMut::new();
    }
    loop {
        if let Err(error) = take_packets(packets, &mut inbound, &mut input, &mut handle) {
            return error.into();
        }
        // These are not left to the `select!` below: a connection on which there is always something to read never gets
        // to what comes after it.
        if let Some(reason) = outbox.close_reason() {
            return reason;
        }
        if let Err(error) = outbox.write_on() {
            return error.into();
        }
        let now = Instant::now();
        // An error says that the node has ended; this task is about to, then.
        if periods.has_changed().unwrap_or(false) {
            ticker.change(*periods.borrow_and_update(), now);
        }
        let wait = loop {
            match ticker.poll(now, outbox.received(), outbox.written()) {
                TickAction::PeerDown => return CloseReason::NoTick,
                TickAction::SendTick => outbox.tick(),
                TickAction::Wait(until) => break until.into(),
            }
        };
        if ticker.misses_ticks() != misses_ticks {
            misses_ticks = !misses_ticks;
            if misses_ticks {
                tracing::warn!(node = %inbound.peer(), "nothing comes from a node, not even ticks: if that goes on, the connection is given up");
            } else {
                tracing::info!(node = %inbound.peer(), "a node that missed ticks is heard again");
            }
        }
        if tick.deadline() != wait {
            tick.as_mut().reset(wait);
            inbound.release_unused();
            if input.is_empty() {
                input = BytesMut::new();
            }
        }
        let most = if was_placed { BETWEEN_FRAGMENTS } else { READ_SIZE };
        let is_placed = inbound.place().is_some();
        let read = async {
            match inbound.place() {
                Some(mut place) => stream.read(&mut place).await,
                None => {
                    // A connection over which nothing comes has no memory for it.
                    if input.capacity() == 0 {
                        stream.readable().await?;
                    }
                    make_room(&mut input);
                    stream.read(&mut (&mut input).limit(most)).await
                }
            }
        };
        tokio::select! {
            biased;
            read = read => match read {
                Ok(0) => return CloseReason::ClosedByPeer,
                Ok(length) => {
                    outbox.count_received(length as u64);
                    was_placed = is_placed;
                }
                Err(error) => return error.into(),
            },
            writable = outbox.writable() => if let Err(error) = writable {
                return error.into();
            },
            () = outbox.called() => {}
            () = &mut tick => {}
        }
    }
}

/// Takes all packets that have come.
fn take_packets(
    packets: Packets,
    inbound: &mut Inbound,
    input: &mut BytesMut,
    mut handle: impl FnMut(Event) -> Result<(), ProtocolError>,
) -> Result<(), ProtocolError> {
    // Answers to what came in one read go out in one write.
    let _cork = Cork::new();
    if let Some(event) = inbound.finish_packet()? {
        handle(event)?;
    }
    while let Some(packet) = packets.take(input)? {
        if let Some(event) = inbound.handle_packet(packet)? {
            handle(event)?;
        }
    }
    inbound.begin_packet(input)
}

/// Sees to it that there is room to read into.
fn make_room(input: &mut BytesMut) {
    let spare = input.capacity() - input.len();
    if spare < LEAST_READ {
        // Room for the rest of a large frame is made as its bytes come, doubling.
        input.reserve(READ_SIZE.max(input.len()));
    } else if spare > 4 * READ_SIZE && input.len() < READ_SIZE {
        // What is left after a large frame: the small ones that come next are not to keep all that memory.
        let mut fresh = BytesMut::with_capacity(READ_SIZE + input.len());
        fresh.extend_from_slice(input);
        *input = fresh;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    /// Reads `frame` as often as said; what is kept of it is given back, with the buffer.
    fn read(input: &mut BytesMut, frame: &[u8], times: usize) -> Vec<Bytes> {
        (0..times)
            .map(|_| {
                make_room(input);
                assert!(input.capacity() - input.len() >= LEAST_READ);
                input.put_slice(frame);
                input.split_to(frame.len()).freeze()
            })
            .collect()
    }

    #[test]
    fn small_messages_that_are_kept_share_buffers() {
        let mut input = BytesMut::new();
        let kept = read(&mut input, &[1; 50], 10_000);
        let mut buffers: Vec<usize> =
            kept.iter().map(|message| message.as_ptr() as usize / READ_SIZE).collect();
        buffers.dedup();
        // 500 kB lie in 8 buffers, each of which may lie across two blocks of addresses.
        assert!(buffers.len() <= 2 * (10_000 * 50 / (READ_SIZE - LEAST_READ) + 1), "{}", buffers.len());
    }

    #[test]
    fn the_buffer_of_a_large_frame_is_not_used_for_small_ones() {
        let mut input = BytesMut::new();
        let large = vec![1; 3 << 20];
        for piece in large.chunks(10_000) {
            make_room(&mut input);
            input.put_slice(piece);
        }
        let large = input.split_to(large.len()).freeze();
        let small = read(&mut input, &[2; 50], 1);
        assert!(input.capacity() <= 2 * READ_SIZE);
        assert!(!large.as_ptr_range().contains(&small.first().unwrap().as_ptr()));
    }
}

//! A peer that sends whatever the test wants, after a proper handshake: what no real node would send.
//!
//! It blocks, reads only when asked and never ticks.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use erlnode::dist::handshake::{HandshakeError, Initiate, Initiator, InitiatorStep, OwnName};
use erlnode::dist::packet::{FrameLimit, LengthSize, Packets};
use erlnode::dist::{Cookie, Creation, Flags, NodeName};
use erlnode::term::{Term, etf};

use crate::wait::PATIENCE;

/// The creation of raw peers.
const CREATION: Creation = Creation(77);

/// Who a raw peer says that it is.
#[derive(Debug, Clone)]
pub struct RawOptions {
    /// Its name, which it does not register anywhere.
    pub name: String,
    /// The cookie.
    pub cookie: String,
    /// What it says it understands. By default all, but hidden, so that nobody tries to connect to it.
    pub flags: Flags,
}

impl RawOptions {
    /// A hidden node of this name that understands everything.
    #[must_use]
    pub fn new(name: &str, cookie: &str) -> RawOptions {
        let (name, cookie) = (name.to_owned(), cookie.to_owned());
        RawOptions { name, cookie, flags: Flags::full_node() - Flags::PUBLISHED }
    }
}

/// Why a raw peer is not connected.
#[derive(Debug)]
pub enum RawError {
    /// The handshake failed; the other side has closed, or this one does.
    Handshake(HandshakeError),
    /// No such port, or no answer in time.
    Io(io::Error),
}

impl From<io::Error> for RawError {
    fn from(error: io::Error) -> RawError {
        RawError::Io(error)
    }
}

impl From<HandshakeError> for RawError {
    fn from(error: HandshakeError) -> RawError {
        RawError::Handshake(error)
    }
}

/// A connection to a node, after the handshake.
#[derive(Debug)]
pub struct RawPeer {
    stream: TcpStream,
    input: BytesMut,
    name: String,
}

impl RawPeer {
    /// Connects to the node that listens on `port` of this machine.
    ///
    /// # Errors
    /// [`RawError`].
    ///
    /// # Panics
    /// If name or cookie can't be ones.
    pub fn connect(port: u16, options: &RawOptions) -> Result<RawPeer, RawError> {
        let mut stream = RawPeer::dial(port)?;
        let settings = Initiate {
            own: OwnName::Named {
                name: NodeName::new(&options.name).expect("a node name"),
                creation: CREATION,
            },
            flags: options.flags,
            required: Flags::NONE,
            peer: None,
            cookie: Cookie::new(&options.cookie).expect("a cookie"),
            challenge: 1_234_567_890,
            length_size: LengthSize::Two,
        };
        let packets = Packets { length_size: LengthSize::Two, limit: FrameLimit::HANDSHAKE };
        let (mut input, mut output) = (BytesMut::new(), BytesMut::new());
        let mut state = Initiator::start(settings, &mut output);
        loop {
            stream.write_all(&output.split())?;
            let packet = loop {
                match packets.take(&mut input).map_err(io::Error::other)? {
                    Some(packet) => break packet,
                    None if read_some(&mut stream, &mut input)? == 0 => {
                        return Err(state.handle_close().into());
                    }
                    None => {}
                }
            };
            state = match state.handle_packet(&packet, &mut output)? {
                InitiatorStep::Receive(next) => next,
                InitiatorStep::Alive(question) => question.answer(true, &mut output)?,
                InitiatorStep::Established(_) => {
                    return Ok(RawPeer { stream, input, name: options.name.clone() });
                }
            };
        }
    }

    /// A plain connection to that port, for those who don't even shake hands.
    ///
    /// # Errors
    /// If nothing listens there.
    pub fn dial(port: u16) -> io::Result<TcpStream> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A pid of this peer, as text.
    #[must_use]
    pub fn pid(&self, number: u32) -> String {
        format!("<{}.{number}.0/{}>", self.name, CREATION.0)
    }

    /// Sends bytes as they are, without a length. That the other side has closed is not an error: it is what comes of
    /// some bytes before all of them are sent.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Sends a frame.
    pub fn send_frame(&mut self, frame: &[u8]) {
        let length = u32::try_from(frame.len()).expect("frames of a test are small");
        self.send_bytes(&length.to_be_bytes());
        self.send_bytes(frame);
    }

    /// Sends a message whose header has no atoms: a control message, as text, and a payload that may be anything.
    pub fn send(&mut self, control: &str, payload: &[u8]) {
        self.send_frame(&message(control, payload));
    }

    /// Waits for the next frame that is not empty; `None` once the other side has closed, or if nothing comes.
    pub fn receive(&mut self) -> Option<Bytes> {
        let packets = Packets { length_size: LengthSize::Four, limit: FrameLimit(u32::MAX) };
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            match packets.take(&mut self.input).expect("no frame is too long") {
                Some(frame) if frame.is_empty() => {}
                Some(frame) => return Some(frame),
                None => match read_some(&mut self.stream, &mut self.input) {
                    Ok(1..) => {}
                    Ok(0) | Err(_) => return None,
                },
            }
        }
        None
    }

    /// Waits for a frame that holds `text` somewhere; `None` if the other side closes or nothing such comes.
    pub fn receive_with(&mut self, text: &[u8]) -> Option<Bytes> {
        loop {
            let frame = self.receive()?;
            if frame.windows(text.len()).any(|part| part == text) {
                return Some(frame);
            }
        }
    }

    /// Whether the process `echo` of the other node answers over this connection.
    pub fn is_answered(&mut self) -> bool {
        let own = self.pid(1);
        self.send(&format!("{{6, {own}, '', echo}}"), &encoded(&format!("{{{own}, <<\"still there\">>}}")));
        self.receive_with(b"still there").is_some()
    }

    /// Whether the other side closes the connection soon.
    pub fn is_closed(&mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        let mut ignored = [0; 4096];
        while Instant::now() < deadline {
            match self.stream.read(&mut ignored) {
                Ok(1..) => {}
                Ok(0) => return true,
                Err(error) => return error.kind() == io::ErrorKind::ConnectionReset,
            }
        }
        false
    }
}

fn read_some(stream: &mut TcpStream, input: &mut BytesMut) -> io::Result<usize> {
    let mut piece = vec![0; 64 * 1024];
    let length = stream.read(&mut piece)?;
    input.extend_from_slice(&piece[..length]);
    Ok(length)
}

/// A term given as text, in external format without its version.
///
/// # Panics
/// If it is no term.
#[must_use]
pub fn encoded(text: &str) -> Vec<u8> {
    let term: Term = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    etf::encode(&term).expect("terms of a test have an external form")[1..].to_vec()
}

/// A frame without its length: a header without atoms, a control message, as text, and a payload that may be anything.
#[must_use]
pub fn message(control: &str, payload: &[u8]) -> Vec<u8> {
    [&[131, 68, 0], &encoded(control)[..], payload].concat()
}

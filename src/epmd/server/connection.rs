//! One connection of the server: a request, a reply, and for a node that registers the long wait for its end.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use super::limits::Limits;
use super::state::{Ending, State, TableFault};
use super::stream::Probe;
use crate::epmd::message::{DecodeError, Frame, KillReply, Request};
use crate::epmd::table::Table;

/// Room for the first bytes; it holds the requests of all but the longest names.
const FIRST_READ: usize = 64;

/// Who is at the other end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    /// Whether it is on this machine.
    pub(super) local: bool,
}

impl Peer {
    /// `own` is the address to which the peer connected.
    pub(super) fn new(address: SocketAddr, own: SocketAddr) -> Peer {
        let ip = address.ip().to_canonical();
        let local = match ip {
            IpAddr::V4(ip) => ip.is_loopback(),
            IpAddr::V6(ip) => ip.is_loopback(),
        };
        Peer { address, local: local || ip == own.ip().to_canonical() }
    }
}

/// Why a connection ended before its request was answered.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("idle for too long")]
    Idle,
    #[error("closed in the middle of a request")]
    Closed,
    #[error(transparent)]
    Request(#[from] DecodeError),
    #[error("{0} is allowed only from this machine")]
    NotLocal(&'static str),
    #[error("STOP_REQ is not allowed: the command check is not relaxed")]
    StopNotAllowed,
    #[error(transparent)]
    Table(#[from] TableFault),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Serves a connection to its end; `probe` looks at it from outside.
pub(super) async fn serve<T: Table>(
    state: Arc<State<T>>,
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    probe: Probe,
    peer: Peer,
) {
    let address = peer.address;
    match answer(&state, &mut stream, probe, peer).await {
        Ok(()) => {}
        Err(Fault::Closed) => tracing::trace!(peer = %address, "connection without a request"),
        Err(Fault::Table(error)) => {
            tracing::warn!(peer = %address, %error, "closing a connection without an answer");
        }
        Err(fault) => tracing::debug!(peer = %address, reason = %fault, "closing a connection"),
    }
}

async fn answer<T: Table>(
    state: &State<T>,
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    probe: Probe,
    peer: Peer,
) -> Result<(), Fault> {
    let limits = &state.limits;
    let received = receive(stream, limits).await?;
    let Frame::Whole(body) = Frame::find_within(&received, limits.max_request_bytes)? else {
        return Err(Fault::Closed);
    };
    let request = Request::decode(body)?;
    tracing::trace!(peer = %peer.address, ?request, "request");
    let only_local = |what| if peer.local { Ok(()) } else { Err(Fault::NotLocal(what)) };
    match request {
        Request::Alive(entry) => {
            only_local("ALIVE2_REQ")?;
            let (reply, held) = state.register(&entry, peer.address, probe).await?;
            let mut bytes = Vec::new();
            reply.encode(entry.highest, &mut bytes);
            // What follows can last for years: let it hold no more than it needs.
            drop(received);
            let sent = send(stream, bytes.as_slice(), limits).await;
            drop(bytes);
            match held {
                Some(mut held) => {
                    if sent.is_ok() {
                        tokio::select! {
                            () = ended(stream) => {}
                            () = held.stopped() => {}
                        }
                    }
                    state.unregister(held, peer.address).await;
                }
                None if sent.is_ok() => ended(stream).await,
                None => {}
            }
            return sent;
        }
        Request::Port(name) => {
            let mut bytes = Vec::new();
            state.find(name).await?.encode(&mut bytes);
            send(stream, bytes.as_slice(), limits).await?;
        }
        Request::Names => send(stream, state.listing().await?, limits).await?,
        Request::Dump => {
            only_local("DUMP_REQ")?;
            send(stream, state.dump().await?, limits).await?;
        }
        Request::Kill => {
            only_local("KILL_REQ")?;
            let reply = state.kill().await?;
            send(stream, reply.as_bytes(), limits).await?;
            if reply == KillReply::Killed {
                tracing::info!(peer = %peer.address, "ended by KILL_REQ");
                stream.shutdown().await?;
                state.end(Ending::Killed);
            }
        }
        Request::Stop(name) => {
            only_local("STOP_REQ")?;
            if !limits.relaxed_command_check {
                return Err(Fault::StopNotAllowed);
            }
            let reply = state.stop(name, peer.address).await?;
            send(stream, reply.as_bytes(), limits).await?;
        }
    }
    stream.shutdown().await?;
    Ok(())
}

/// Reads until a request is whole, and whatever came with it.
async fn receive(stream: &mut (impl AsyncRead + Unpin), limits: &Limits) -> Result<BytesMut, Fault> {
    let mut received = BytesMut::with_capacity(FIRST_READ);
    loop {
        let missing = match Frame::find_within(&received, limits.max_request_bytes)? {
            Frame::Missing(missing) => missing,
            Frame::Whole(_) => return Ok(received),
        };
        // One more than is missing, so that bytes beyond those announced are noticed.
        received.reserve(missing + 1);
        let reading = timeout(limits.packet_timeout, stream.read_buf(&mut received));
        if reading.await.map_err(|_| Fault::Idle)?? == 0 {
            return Err(Fault::Closed);
        }
    }
}

/// Writes a reply, in one piece as far as the socket takes it; all of it must be taken before the packet timeout.
async fn send(
    stream: &mut (impl AsyncWrite + Unpin),
    mut reply: impl Buf,
    limits: &Limits,
) -> Result<(), Fault> {
    if !limits.delay_write.is_zero() {
        sleep(limits.delay_write).await;
    }
    let writing = timeout(limits.packet_timeout, stream.write_all_buf(&mut reply));
    Ok(writing.await.map_err(|_| Fault::Idle)??)
}

/// Waits for a registration to end: by the end of the connection, or by any byte on it.
async fn ended(stream: &mut (impl AsyncRead + Unpin)) {
    // What is left unread would make the end of the connection a reset.
    let _ = stream.read(&mut [0; FIRST_READ]).await;
}

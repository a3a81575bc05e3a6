//! The socket of a connection, and a look at it from outside.
//!
//! The task of a connection learns that the other end has closed when the runtime gets to tell it. That can be after
//! another connection has asked for the same name: a node that is started again at once is faster. So who decides about a
//! name does not rely on that but asks the kernel whether the connection has ended.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A connection that others can look at.
#[derive(Debug)]
pub(super) struct Observed(Arc<TcpStream>);

/// Tells whether a connection has ended.
#[derive(Debug)]
pub(super) struct Probe(Option<Weak<TcpStream>>);

impl Observed {
    pub(super) fn new(stream: TcpStream) -> Observed {
        Observed(Arc::new(stream))
    }

    pub(super) fn probe(&self) -> Probe {
        Probe(Some(Arc::downgrade(&self.0)))
    }
}

impl Probe {
    /// One that sees no end.
    #[cfg(test)]
    pub(super) fn blind() -> Probe {
        Probe(None)
    }

    /// Whether the other end has closed or reset the connection, or has sent what ends a registration: any byte.
    pub(super) fn has_ended(&self) -> bool {
        let Some(stream) = &self.0 else { return false };
        let Some(stream) = stream.upgrade() else { return true };
        // The socket does not block, so this gives what is there now.
        match SockRef::from(&*stream).peek(&mut [MaybeUninit::uninit()]) {
            Ok(_) => true,
            Err(error) => !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted),
        }
    }
}

impl AsyncRead for Observed {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(cx))?;
            match self.0.try_read(buf.initialize_unfilled()) {
                Ok(count) => {
                    buf.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Observed {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(cx))?;
            match self.0.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    /// Nothing is kept back.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&*self.0).shutdown(std::net::Shutdown::Write))
    }
}

//! What carries the bytes: TCP, set up as distribution wants it.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// A connected stream.
#[derive(Debug)]
pub struct Stream {
    tcp: TcpStream,
    remote: SocketAddr,
}

/// The half that is read from, by one task.
#[derive(Debug)]
pub struct ReadHalf(OwnedReadHalf);

/// The half that is written to.
///
/// That needs no exclusive access, so that the task that has something to send can write it itself.
#[derive(Debug)]
pub struct WriteHalf(OwnedWriteHalf);

/// The kernel's send buffer is left to the kernel; only what is never right by default is set.
fn configure(tcp: &TcpStream) -> io::Result<()> {
    // Frames are written whole: waiting for more would only delay them.
    tcp.set_nodelay(true)?;
    // Ticks notice a dead peer long before; this only helps when both are switched to long intervals.
    SockRef::from(tcp).set_tcp_keepalive(&TcpKeepalive::new().with_time(Duration::from_secs(120)))
}

impl Stream {
    /// Connects to the first of `addresses` that answers.
    ///
    /// # Errors
    /// That of the last address tried.
    pub async fn connect(addresses: &[SocketAddr]) -> io::Result<Stream> {
        Stream::new(TcpStream::connect(addresses).await?)
    }

    /// Makes a stream of an accepted connection.
    ///
    /// # Errors
    /// When the connection is gone already.
    pub fn new(tcp: TcpStream) -> io::Result<Stream> {
        configure(&tcp)?;
        let remote = tcp.peer_addr()?;
        Ok(Stream { tcp, remote })
    }

    /// The address of the other side.
    #[must_use]
    pub fn remote_addr(&self) -> SocketAddr {
        self.remote
    }

    /// Waits until there is something to read, then appends it to `buffer`; 0 at the end of the stream.
    pub(crate) async fn read(&self, buffer: &mut BytesMut) -> io::Result<usize> {
        loop {
            self.tcp.readable().await?;
            match self.tcp.try_read_buf(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
        }
    }

    /// Writes all of `bytes`.
    pub(crate) async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.tcp.writable().await?;
            match self.tcp.try_write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The halves, for when it is read and written at the same time.
    #[must_use]
    pub fn split(self) -> (ReadHalf, WriteHalf) {
        let (read, write) = self.tcp.into_split();
        (ReadHalf(read), WriteHalf(write))
    }
}

impl ReadHalf {
    /// Waits until there is something to read, then appends it to `buffer`; 0 at the end of the stream.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub(crate) async fn read(&mut self, buffer: &mut BytesMut) -> io::Result<usize> {
        // Not `try_read_buf`: after that it takes one more system call to see that there is no more.
        self.0.read_buf(buffer).await
    }
}

impl WriteHalf {
    /// Writes what can be written without waiting.
    pub(crate) fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(slices)
    }

    /// Waits until it may be worth to write again.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        self.0.writable().await
    }

    /// Ends the connection in both directions; reads and writes that wait end too.
    pub(crate) fn close(&self) {
        // An error means that it is closed already.
        let _ = SockRef::from(self.0.as_ref()).shutdown(std::net::Shutdown::Both);
    }
}

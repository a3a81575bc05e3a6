//! What carries the bytes: TCP, set up as distribution wants it.

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::io::AsyncReadExt;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

/// How many connections may wait to be accepted; the system lowers it to what it allows.
const BACKLOG: i32 = 1024;

/// Listens on the first free one of `ports`, from 0 to 0 for any; on `::`, IPv4 connections are taken, too.
///
/// # Errors
/// That of the last port tried: [`AddrInUse`](io::ErrorKind::AddrInUse) if all are taken.
pub fn listen(address: IpAddr, ports: RangeInclusive<u16>) -> io::Result<TcpListener> {
    let mut failure = io::Error::from(io::ErrorKind::InvalidInput);
    for port in ports {
        match listen_on(SocketAddr::new(address, port)) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => failure = error,
            result => return result,
        }
    }
    Err(failure)
}

fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Else the connections of a node that just ended would keep the port for a minute. Windows gives the option another
    // meaning and needs none.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

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

/// How many bytes the kernel takes at most that it cannot send yet: 256 KiB.
///
/// What is sent next passes the fragments of large messages that are not in the kernel's hands, but not those that are.
/// What has been sent and not acknowledged comes on top of it, so that wide and far connections are as fast as before.
#[cfg(any(target_os = "android", target_os = "linux"))]
const MOST_UNSENT: u32 = 256 << 10;

/// The kernel's send buffer is left to the kernel; only what is never right by default is set.
fn configure(tcp: &TcpStream) -> io::Result<()> {
    #[cfg(any(target_os = "android", target_os = "linux"))]
    SockRef::from(tcp).set_tcp_notsent_lowat(MOST_UNSENT)?;
    // Frames are written whole: waiting for more would only delay them.
    tcp.set_nodelay(true)?;
    // Ticks notice a dead peer long before; this only helps when both are switched to long intervals.
    SockRef::from(tcp).set_tcp_keepalive(&TcpKeepalive::new().with_time(Duration::from_secs(120)))
}

impl Stream {
    /// Connects to the first of `addresses` that answers, `within` that time at the most.
    ///
    /// # Errors
    /// A refusal, if there is one, as that machine is there; else that of the last address tried, which is
    /// [`TimedOut`](io::ErrorKind::TimedOut) if it did not answer, and [`NotFound`](io::ErrorKind::NotFound) if there
    /// are no addresses.
    pub async fn connect(addresses: &[SocketAddr], within: Duration) -> io::Result<Stream> {
        let deadline = Instant::now() + within;
        let mut failure = io::Error::from(io::ErrorKind::NotFound);
        for (tried, address) in addresses.iter().enumerate() {
            // An address that swallows packets must not use up the time of the others.
            let left = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
            let share = deadline.saturating_duration_since(Instant::now()) / left;
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(tcp)) => return Stream::new(tcp),
                Ok(Err(error)) if failure.kind() != io::ErrorKind::ConnectionRefused => failure = error,
                Err(_) if failure.kind() != io::ErrorKind::ConnectionRefused => {
                    failure = io::ErrorKind::TimedOut.into();
                }
                Ok(Err(_)) | Err(_) => {}
            }
        }
        Err(failure)
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
    /// Waits until there is something to read, or may be.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.0.readable().await
    }

    /// Waits until there is something to read, then appends it to `buffer`; 0 at the end of the stream.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub(crate) async fn read(&mut self, buffer: &mut impl BufMut) -> io::Result<usize> {
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

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[tokio::test]
    async fn the_first_free_port_of_a_range_is_taken() {
        // The port after a free one may be taken by others, so more than one attempt.
        let found = (0..100).find_map(|_| {
            let first = listen(LOOPBACK, 0..=0).unwrap();
            let port = first.local_addr().unwrap().port();
            let second = listen(LOOPBACK, port..=port.checked_add(1)?).ok()?;
            Some((port, first, second))
        });
        let (port, first, second) = found.expect("two free ports in a row");
        assert_eq!(second.local_addr().unwrap().port(), port + 1);
        assert_eq!(listen(LOOPBACK, port..=port + 1).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(first);
        assert_eq!(listen(LOOPBACK, port..=port + 1).unwrap().local_addr().unwrap().port(), port);
    }

    #[tokio::test]
    async fn one_address_after_the_other_is_tried() {
        let listener = listen(LOOPBACK, 0..=0).unwrap();
        let open = listener.local_addr().unwrap();
        let closed = {
            let listener = listen(LOOPBACK, 0..=0).unwrap();
            listener.local_addr().unwrap()
        };
        let within = Duration::from_secs(60);
        let stream = Stream::connect(&[closed, open], within).await.unwrap();
        assert_eq!(stream.remote_addr(), open);
        let error = Stream::connect(&[closed], within).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(Stream::connect(&[], within).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}

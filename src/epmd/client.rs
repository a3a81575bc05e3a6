//! Asking an epmd: which port has a node, which nodes are there, and registering one.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::message::{
    AliveReply, DecodeError, Dump, KillReply, Listing, PortReply, RawEntry, Request, RequestTooLong,
    StopReply,
};
use super::registration::Registration;
use super::{Address, NodeEntry};
use crate::term::Creation;

/// How long a daemon may take, as in OTP: from the start of an operation to its last byte.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long after losing its connection, or failing to get one, a node tries to register again, as in OTP.
const RECONNECT_INTERVAL: Duration = Duration::from_secs(2);

/// How long to wait between attempts to get a name that is taken.
const CLASH_INTERVAL: Duration = Duration::from_millis(100);

/// The longest reply that is read: 10,000 of the longest names, and then some.
const MAX_REPLY_BYTES: u64 = 16 * 1024 * 1024;

/// Asks the epmd at an [`Address`].
///
/// Each question takes a connection of its own, as the protocol has it. A `Client` is only an address and settings, cheap
/// to make and to clone.
///
/// All names of the host are tried in turn; for `localhost` that is `::1`, then `127.0.0.1`.
#[derive(Debug, Clone)]
pub struct Client {
    address: Address,
    timeout: Duration,
    clash_patience: Duration,
    reconnect_interval: Duration,
}

impl Client {
    /// A client of the epmd at `address`.
    #[must_use]
    pub fn new(address: Address) -> Client {
        Client {
            address,
            timeout: TIMEOUT,
            clash_patience: Duration::ZERO,
            reconnect_interval: RECONNECT_INTERVAL,
        }
    }

    /// A client of the epmd of this machine, at the port that `ERL_EPMD_PORT` names.
    #[must_use]
    pub fn local() -> Client {
        Client::new(Address::local())
    }

    /// How long the daemon may take to answer, 10 seconds by default; connecting is part of it.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Client {
        self.timeout = timeout;
        self
    }

    /// For how long [`register`](Client::register) tries again when the name is taken; not at all by default, like OTP.
    ///
    /// A node that is restarted at once can find its own name taken: epmd holds it until it has seen the connection of the
    /// earlier process end, and so does a process that still ends slowly, or a child of it that inherited the socket. A
    /// second or two of patience bridges that; the price is that a true clash is reported that much later.
    #[must_use]
    pub fn clash_patience(mut self, patience: Duration) -> Client {
        self.clash_patience = patience;
        self
    }

    /// How long a [`Registration`] that has lost its connection waits before each attempt to register again, 2 seconds by
    /// default.
    #[must_use]
    pub fn reconnect_interval(mut self, interval: Duration) -> Client {
        self.reconnect_interval = interval;
        self
    }

    /// Where the epmd is.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    pub(super) fn interval(&self) -> Duration {
        self.reconnect_interval
    }

    /// Looks up the node called `name`, the part before the `@`; `None` if there is no such node.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Closed`] for a name that no node can have too, as a daemon does not answer that.
    ///
    /// Does what `erl_epmd:port_please/2` does.
    pub async fn port_please(&self, name: &str) -> Result<Option<NodeEntry>, Error> {
        let reply = self.ask(Request::Port(name)).await?;
        match PortReply::decode(&reply).map_err(|error| self.bad_reply(error))? {
            PortReply::Found(entry) => Ok(Some(entry)),
            PortReply::NotFound => Ok(None),
        }
    }

    /// Lists the registered nodes, the one registered last first.
    ///
    /// # Errors
    /// See [`Error`].
    ///
    /// Does what `erl_epmd:names/1` does.
    pub async fn names(&self) -> Result<Listing, Error> {
        let reply = self.ask(Request::Names).await?;
        Listing::decode(&reply).map_err(|error| self.bad_reply(error))
    }

    /// Gives all that the daemon remembers: nodes, and names that are no more.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Closed`] if the daemon is on another machine.
    pub async fn dump(&self) -> Result<Dump, Error> {
        let reply = self.ask(Request::Dump).await?;
        Dump::decode(&reply).map_err(|error| self.bad_reply(error))
    }

    /// Ends the daemon, if it allows that.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Closed`] if the daemon is on another machine.
    pub async fn kill(&self) -> Result<KillReply, Error> {
        let reply = self.ask(Request::Kill).await?;
        KillReply::decode(&reply).map_err(|error| self.bad_reply(error))
    }

    /// Takes the name of a node away, if the daemon allows that.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Closed`] if the daemon does not allow it.
    pub async fn stop(&self, name: &str) -> Result<StopReply, Error> {
        let reply = self.ask(Request::Stop(name.as_bytes())).await?;
        StopReply::decode(&reply).map_err(|error| self.bad_reply(error))
    }

    /// Registers a node, for as long as the [`Registration`] is kept.
    ///
    /// A daemon takes registrations only from its own machine.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::NameTaken`] if another node has the name, see
    /// [`clash_patience`](Client::clash_patience).
    ///
    /// # Cancel safety
    /// If the future is dropped, the node is not registered.
    ///
    /// Does what `erl_epmd:register_node/2` does.
    pub async fn register(&self, entry: NodeEntry) -> Result<Registration, Error> {
        let patience = Instant::now() + self.clash_patience;
        loop {
            match self.alive(&entry).await {
                Err(Error::NameTaken { .. }) if Instant::now() < patience => {
                    tracing::debug!(name = %entry.name(), address = %self.address, "name taken; trying again");
                    sleep(CLASH_INTERVAL).await;
                }
                Err(error) => return Err(error),
                Ok((stream, creation)) => {
                    return Ok(Registration::new(self.clone(), entry, creation, stream));
                }
            }
        }
    }

    /// Registers a node on a connection of its own.
    pub(super) async fn alive(&self, entry: &NodeEntry) -> Result<(TcpStream, Creation), Error> {
        let registering = async {
            let mut stream = self.send(Request::Alive(RawEntry::from(entry))).await?;
            let mut reply = vec![0];
            self.fill(&mut stream, &mut reply, 0).await?;
            // A byte that begins no reply is left for `decode` to complain about.
            let length = reply.first().and_then(|tag| AliveReply::length(*tag)).unwrap_or(1);
            reply.resize(length, 0);
            self.fill(&mut stream, &mut reply, 1).await?;
            match AliveReply::decode(&reply).map_err(|error| self.bad_reply(error))? {
                AliveReply::Registered(creation) => Ok((stream, creation)),
                AliveReply::Refused => {
                    Err(Error::NameTaken { name: entry.name().to_string(), address: self.address.clone() })
                }
            }
        };
        self.in_time(registering).await
    }

    async fn fill(&self, stream: &mut TcpStream, reply: &mut [u8], from: usize) -> Result<(), Error> {
        let Some(missing) = reply.get_mut(from..) else { return Ok(()) };
        match stream.read_exact(missing).await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.lost(error)),
        }
    }

    /// Sends a request and reads until the daemon closes the connection.
    async fn ask(&self, request: Request<'_>) -> Result<Vec<u8>, Error> {
        let asking = async {
            let stream = self.send(request).await?;
            let mut reply = Vec::new();
            let read = stream.take(MAX_REPLY_BYTES + 1).read_to_end(&mut reply).await;
            if reply.is_empty() {
                return Err(read.map_or_else(|error| self.lost(error), |_| self.closed()));
            }
            // A reset after the reply is as good as an end: the daemon closes first, perhaps with bytes unread.
            if u64::try_from(reply.len()).unwrap_or(u64::MAX) > MAX_REPLY_BYTES {
                return Err(Error::TooLong { address: self.address.clone() });
            }
            Ok(reply)
        };
        self.in_time(asking).await
    }

    async fn send(&self, request: Request<'_>) -> Result<TcpStream, Error> {
        let mut bytes = Vec::new();
        request.encode(&mut bytes)?;
        let mut stream = self.connect().await?;
        match stream.write_all(&bytes).await {
            Ok(()) => Ok(stream),
            Err(error) => Err(self.lost(error)),
        }
    }

    async fn connect(&self) -> Result<TcpStream, Error> {
        let deadline = Instant::now() + self.timeout;
        let targets = self.resolve().await?;
        let mut failure: Option<io::Error> = None;
        for (tried, target) in targets.iter().enumerate() {
            // A host that swallows packets on one address must not use up the time for the others.
            let left = u32::try_from(targets.len() - tried).unwrap_or(u32::MAX);
            let now = Instant::now();
            let share = deadline.saturating_duration_since(now) / left;
            match timeout_at(now + share, TcpStream::connect(target)).await {
                Ok(Ok(stream)) => {
                    // Requests are one small write each: waiting for more would only delay them.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => {
                    // Of several failures the one to tell is a refusal: that machine is there.
                    if failure.is_none() || error.kind() == io::ErrorKind::ConnectionRefused {
                        failure = Some(error);
                    }
                }
                Err(_) => failure = failure.or(Some(io::ErrorKind::TimedOut.into())),
            }
        }
        let address = self.address.clone();
        Err(match failure {
            None => Error::UnknownHost { host: address.host, source: io::ErrorKind::NotFound.into() },
            Some(error) if error.kind() == io::ErrorKind::ConnectionRefused => Error::NotRunning { address },
            Some(error) if error.kind() == io::ErrorKind::TimedOut => {
                Error::Timeout { address, timeout: self.timeout }
            }
            Some(source) => Error::Unreachable { address, source },
        })
    }

    async fn resolve(&self) -> Result<Vec<SocketAddr>, Error> {
        let Address { host, port } = &self.address;
        if host.eq_ignore_ascii_case("localhost") {
            let loopback = [IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST)];
            return Ok(loopback.map(|ip| SocketAddr::new(ip, *port)).to_vec());
        }
        match tokio::net::lookup_host((host.as_str(), *port)).await {
            Ok(found) => Ok(found.collect()),
            Err(source) => Err(Error::UnknownHost { host: host.clone(), source }),
        }
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        timeout(self.timeout, work)
            .await
            .unwrap_or_else(|_| Err(Error::Timeout { address: self.address.clone(), timeout: self.timeout }))
    }

    fn bad_reply(&self, source: DecodeError) -> Error {
        Error::BadReply { address: self.address.clone(), source }
    }

    fn closed(&self) -> Error {
        Error::Closed { address: self.address.clone() }
    }

    fn lost(&self, source: io::Error) -> Error {
        use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
        match source.kind() {
            UnexpectedEof | ConnectionReset | BrokenPipe => self.closed(),
            _ => Error::Unreachable { address: self.address.clone(), source },
        }
    }
}

/// Why an epmd did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another node has the name.
    #[error(
        "the name `{name}` is taken: epmd at {address} has a node with that name; stop that node or take another name"
    )]
    NameTaken {
        /// The name.
        name: String,
        /// Where the epmd is.
        address: Address,
    },
    /// Nobody listens there.
    #[error("no epmd is running at {address}; start one there with `erlnode epmd` or `epmd -daemon`")]
    NotRunning {
        /// Where there is no epmd.
        address: Address,
    },
    /// The answer took too long.
    #[error("epmd at {address} did not answer within {} s; is a firewall in between?", timeout.as_secs_f32())]
    Timeout {
        /// Where the epmd should be.
        address: Address,
        /// How long it had.
        timeout: Duration,
    },
    /// The connection was closed without a whole answer: so an epmd says that it does not allow what was asked for.
    #[error(
        "epmd at {address} closed the connection without an answer; it may not allow this, or not from another machine"
    )]
    Closed {
        /// Where the epmd is.
        address: Address,
    },
    /// The answer is none of an epmd.
    #[error("the answer from {address} makes no sense; is that an epmd?")]
    BadReply {
        /// Where the answer comes from.
        address: Address,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// The answer is longer than any that an epmd would give.
    #[error("the answer from {address} does not end; is that an epmd?")]
    TooLong {
        /// Where the answer comes from.
        address: Address,
    },
    /// The host name does not resolve.
    #[error("there is no host `{host}`: its name does not resolve to an address")]
    UnknownHost {
        /// The host name.
        host: String,
        /// What the resolver says.
        source: io::Error,
    },
    /// The network does not carry a connection there.
    #[error("epmd at {address} cannot be reached")]
    Unreachable {
        /// Where the epmd should be.
        address: Address,
        /// Why.
        source: io::Error,
    },
    /// The name is too long for a request.
    #[error(transparent)]
    NameTooLong(#[from] RequestTooLong),
}

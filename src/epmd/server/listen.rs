//! The sockets on which the server listens, and the task of each.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::connection::{self, Peer};
use super::state::State;
use super::stream::Observed;
use crate::epmd::table::Table;

/// How many connections may wait to be accepted; the system lowers it to what it allows.
const BACKLOG: i32 = 1024;

/// How long to wait when no connection can be accepted, most likely for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long the host name may take to resolve.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(2);

/// How often a free port is sought that is free on all addresses.
const PORT_ATTEMPTS: usize = 16;

/// Why the server does not listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Another program listens there.
    #[error("{address} is in use: another epmd is most likely running there")]
    InUse {
        /// Where.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Address {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// An address to listen on.
#[derive(Debug, Clone, Copy)]
struct Place {
    ip: IpAddr,
    /// Asked for by name, so that a failure is an error.
    required: bool,
    /// Serves this machine only.
    local_only: bool,
}

/// A socket on which the server listens.
pub(super) struct Listener {
    pub(super) address: SocketAddr,
    socket: TcpListener,
    local_only: bool,
}

/// What the server listens on, and the addresses of this machine's host name.
pub(super) struct Listening {
    pub(super) listeners: Vec<Listener>,
    own: Vec<IpAddr>,
}

impl Listening {
    /// Listens on loopback, on `addresses`, and perhaps on those of the host name.
    pub(super) async fn start(
        port: u16,
        addresses: &[IpAddr],
        host_addresses: bool,
    ) -> Result<Listening, BindError> {
        let own = own_addresses().await;
        let places = places(addresses, &own, host_addresses);
        Ok(Listening { listeners: bind_until_free(port, &places)?, own })
    }

    /// Takes sockets that listen already.
    pub(super) async fn from_std(sockets: Vec<std::net::TcpListener>) -> io::Result<Listening> {
        let listen = |socket: std::net::TcpListener| {
            socket.set_nonblocking(true)?;
            let address = socket.local_addr()?;
            Ok(Listener { address, socket: TcpListener::from_std(socket)?, local_only: false })
        };
        let listeners = sockets.into_iter().map(listen).collect::<io::Result<_>>()?;
        Ok(Listening { listeners, own: own_addresses().await })
    }

    /// The addresses of the host name on which nobody listens now.
    pub(super) fn unserved(&self) -> Vec<IpAddr> {
        let served = |ip| self.listeners.iter().any(|listener| serves(listener.address.ip(), ip));
        self.own.iter().copied().filter(|ip| !served(*ip)).collect()
    }

    /// The addresses on which nodes of this machine may listen.
    pub(super) fn node_addresses(&self) -> Vec<IpAddr> {
        let mut addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        let listening = self.listeners.iter().map(|listener| listener.address.ip());
        for ip in self.own.iter().copied().chain(listening) {
            if !ip.is_unspecified() && !addresses.contains(&ip) {
                addresses.push(ip);
            }
        }
        addresses
    }
}

/// Whether who listens on `listening` can be reached at `ip`.
fn serves(listening: IpAddr, ip: IpAddr) -> bool {
    listening == ip || (listening.is_unspecified() && listening.is_ipv4() == ip.is_ipv4())
}

fn bind_until_free(port: u16, places: &[Place]) -> Result<Vec<Listener>, BindError> {
    let mut attempts = if port == 0 { PORT_ATTEMPTS } else { 1 };
    loop {
        attempts -= 1;
        match bind_all(port, places) {
            Err(BindError::InUse { .. }) if attempts > 0 => {}
            result => return result,
        }
    }
}

fn places(addresses: &[IpAddr], own: &[IpAddr], host_addresses: bool) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    let mut add = |ip: IpAddr, required: bool, local_only: bool| {
        // Who listens on all addresses of a kind cannot listen on one of them too.
        let covered = places
            .iter()
            .any(|place| place.ip == ip || (place.ip.is_unspecified() && place.ip.is_ipv4() == ip.is_ipv4()));
        if !covered {
            places.push(Place { ip, required, local_only });
        }
    };
    let all = addresses.iter().filter(|ip| ip.is_unspecified());
    for ip in all.chain(addresses) {
        // Loopback is listened on anyway, and a machine may be without one of the two kinds.
        if *ip != Ipv4Addr::LOCALHOST && *ip != Ipv6Addr::LOCALHOST {
            add(*ip, true, false);
        }
    }
    add(IpAddr::V4(Ipv4Addr::LOCALHOST), false, false);
    add(IpAddr::V6(Ipv6Addr::LOCALHOST), false, false);
    for ip in own {
        if ip.is_loopback() || host_addresses {
            add(*ip, false, !ip.is_loopback());
        }
    }
    // Loopback first: it tells the port when a free one is sought.
    places.sort_by_key(|place| !place.ip.is_loopback());
    places
}

/// The addresses of this machine's host name; Debian, for one, gives it 127.0.1.1.
async fn own_addresses() -> Vec<IpAddr> {
    let Ok(name) = gethostname::gethostname().into_string() else { return Vec::new() };
    match timeout(RESOLVE_TIMEOUT, tokio::net::lookup_host((name.as_str(), 0))).await {
        Ok(Ok(found)) => {
            let mut addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
            addresses.dedup();
            addresses
        }
        Ok(Err(error)) => {
            tracing::debug!(name, %error, "the host name does not resolve");
            Vec::new()
        }
        Err(_) => {
            tracing::debug!(name, "the host name takes long to resolve");
            Vec::new()
        }
    }
}

fn bind_all(port: u16, places: &[Place]) -> Result<Vec<Listener>, BindError> {
    let mut listeners: Vec<Listener> = Vec::new();
    let mut skipped = None;
    for place in places {
        let port = listeners.first().map_or(port, |listener| listener.address.port());
        let address = SocketAddr::new(place.ip, port);
        let bound = bind(address).and_then(|socket| Ok((socket.local_addr()?, socket)));
        match bound {
            Ok((address, socket)) => {
                listeners.push(Listener { address, socket, local_only: place.local_only });
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                return Err(BindError::InUse { address });
            }
            Err(source) if place.required => return Err(BindError::Address { address, source }),
            Err(source) => {
                tracing::debug!(%address, error = %source, "not listening here");
                skipped.get_or_insert(BindError::Address { address, source });
            }
        }
    }
    match skipped {
        Some(error) if listeners.is_empty() => Err(error),
        _ => Ok(listeners),
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Else the connections of an epmd that just ended would keep the port for a minute. Windows gives the option
    // another meaning and needs none.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

impl Listener {
    /// Accepts connections until the server ends, then closes them all.
    pub(super) async fn run<T: Table>(self, state: Arc<State<T>>) {
        let mut connections = JoinSet::new();
        let ended = state.ended();
        tokio::pin!(ended);
        let mut failing = false;
        loop {
            tokio::select! {
                () = &mut ended => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                accepted = self.socket.accept() => match accepted {
                    Ok((stream, peer)) => {
                        failing = false;
                        self.admit(stream, peer, &state, &mut connections);
                    }
                    Err(error) => {
                        if !failing {
                            tracing::warn!(address = %self.address, %error, "cannot accept connections");
                        }
                        failing = true;
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        connections.shutdown().await;
    }

    fn admit<T: Table>(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        state: &Arc<State<T>>,
        connections: &mut JoinSet<()>,
    ) {
        let peer = Peer::new(peer, stream.local_addr().unwrap_or(self.address));
        if self.local_only && !peer.local {
            tracing::debug!(peer = %peer.address, "closing a connection from another machine");
            return;
        }
        let Some(place) = state.place(peer.address, peer.local) else { return };
        let state = Arc::clone(state);
        let stream = Observed::new(stream);
        let probe = stream.probe();
        connections.spawn(async move {
            if !state.limits.delay_accept.is_zero() {
                sleep(state.limits.delay_accept).await;
            }
            connection::serve(state, stream, probe, peer).await;
            drop(place);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ips(list: &[&str]) -> Vec<IpAddr> {
        list.iter().map(|ip| ip.parse().unwrap()).collect()
    }

    fn shown(addresses: &[&str], own: &[&str], host_addresses: bool) -> Vec<String> {
        let places = places(&ips(addresses), &ips(own), host_addresses);
        let show = |place: &Place| {
            let required = if place.required { " required" } else { "" };
            let local_only = if place.local_only { " local" } else { "" };
            format!("{}{required}{local_only}", place.ip)
        };
        places.iter().map(show).collect()
    }

    #[test]
    fn loopback_is_always_listened_on() {
        assert_eq!(shown(&[], &[], false), ["127.0.0.1", "::1"]);
        assert_eq!(shown(&["192.0.2.1"], &[], false), ["127.0.0.1", "::1", "192.0.2.1 required"]);
        assert_eq!(shown(&["::1", "127.0.0.1"], &[], false), ["127.0.0.1", "::1"]);
    }

    #[test]
    fn the_host_name_counts_if_it_is_loopback_or_asked_for() {
        let own = ["127.0.1.1", "192.0.2.1"];
        assert_eq!(shown(&[], &own, false), ["127.0.0.1", "::1", "127.0.1.1"]);
        assert_eq!(shown(&[], &own, true), ["127.0.0.1", "::1", "127.0.1.1", "192.0.2.1 local"]);
        let asked_for = shown(&["192.0.2.1"], &own, true);
        assert_eq!(asked_for, ["127.0.0.1", "::1", "127.0.1.1", "192.0.2.1 required"]);
    }

    #[test]
    fn all_addresses_of_a_kind_cover_each_of_them() {
        let own = ["127.0.1.1", "2001:db8::1"];
        assert_eq!(
            shown(&["192.0.2.1", "0.0.0.0"], &own, true),
            ["::1", "0.0.0.0 required", "2001:db8::1 local"]
        );
        assert_eq!(shown(&["::", "0.0.0.0"], &own, true), [":: required", "0.0.0.0 required"]);
    }

    #[tokio::test]
    async fn a_kind_of_loopback_that_the_machine_lacks_is_skipped() {
        let place = |ip: &str| Place { ip: ip.parse().unwrap(), required: false, local_only: false };
        // An address of elsewhere fails as `::1` does on a machine without IPv6: it cannot be bound.
        let missing = place("192.0.2.1");
        let listeners = bind_all(0, &[missing, place("127.0.0.1")]).unwrap();
        let ips: Vec<IpAddr> = listeners.iter().map(|listener| listener.address.ip()).collect();
        assert_eq!(ips, [Ipv4Addr::LOCALHOST]);
        let error = bind_all(0, &[missing]).err();
        assert!(matches!(error, Some(BindError::Address { .. })), "there is nothing to listen on");
        let required = Place { required: true, ..missing };
        assert!(bind_all(0, &[required, place("127.0.0.1")]).is_err());
    }
}

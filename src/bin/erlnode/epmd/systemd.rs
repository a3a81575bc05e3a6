//! `-systemd`: sockets that systemd has opened, and the word that the service is ready.
//!
//! systemd listens itself and starts epmd with the first connection. It hands the sockets over as open files from number 3
//! on (`LISTEN_FDS`, `LISTEN_PID`), and learns of the state of the service on a socket that `NOTIFY_SOCKET` names.
//!
//! Reference: the manual pages sd_listen_fds(3) and sd_notify(3).

use std::io;
use std::net::TcpListener;

use listenfd::ListenFd;

/// The sockets that were handed over; an error if there are none, or other files.
pub(super) fn sockets() -> io::Result<Vec<TcpListener>> {
    let mut handed = ListenFd::from_env();
    let mut sockets = Vec::new();
    for index in 0..handed.len() {
        sockets.extend(handed.take_tcp_listener(index)?);
    }
    if sockets.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "systemd provides no sockets"));
    }
    Ok(sockets)
}

/// Tells systemd about the service, if it wants to know.
pub(super) fn notify(state: &str) {
    let Some(address) = std::env::var_os("NOTIFY_SOCKET") else { return };
    if let Err(error) = send(&address, state) {
        tracing::warn!(?address, %error, "cannot notify systemd");
    }
}

#[cfg(unix)]
fn send(address: &std::ffi::OsStr, state: &str) -> io::Result<()> {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    let address = match address.as_bytes().strip_prefix(b"@") {
        #[cfg(target_os = "linux")]
        Some(name) => <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(address)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address)?;
    Ok(())
}

#[cfg(not(unix))]
fn send(_: &std::ffi::OsStr, _: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

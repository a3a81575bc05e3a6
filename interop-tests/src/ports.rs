//! TCP ports for daemons that must be told theirs.

use std::net::{Ipv4Addr, TcpListener};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::log::log_to_test;

// Below the ports that Linux hands out for outgoing connections, which start at 32768.
const FIRST: u16 = 12_000;
const COUNT: u16 = 20_000;

/// A port that nothing listens on, and that no other test of this machine gets as long as this process runs.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Every test that has a node has a port for its mapper, and that before the node.
    log_to_test();
    let start = (process::id().wrapping_mul(127) % u32::from(COUNT)) as u16;
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + start.wrapping_add(step) % COUNT;
        if claim(port) && TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() {
            return port;
        }
    }
}

/// Makes the port this process's among all that run these tests; false if another one has it. A socket in the abstract
/// namespace is there once on a machine, takes no place in a file system, and goes with its process.
fn claim(port: u16) -> bool {
    static CLAIMED: Mutex<Vec<UnixListener>> = Mutex::new(Vec::new());
    let address = SocketAddr::from_abstract_name(format!("erlnode-test-port-{port}"));
    let Ok(claimed) = address.and_then(|address| UnixListener::bind_addr(&address)) else { return false };
    CLAIMED.lock().expect("nothing panics with it").push(claimed);
    true
}

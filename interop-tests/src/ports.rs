//! TCP ports for daemons that must be told theirs.

use std::net::{Ipv4Addr, TcpListener};
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

// Below the ports that Linux hands out for outgoing connections, which start at 32768.
const FIRST: u16 = 12_000;
const COUNT: u16 = 20_000;

/// A port that nothing listens on.
///
/// Two calls in one process don't give the same; calls in processes started after each other hardly do.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (process::id().wrapping_mul(127) % u32::from(COUNT)) as u16;
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + start.wrapping_add(step) % COUNT;
        if TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() {
            return port;
        }
    }
}

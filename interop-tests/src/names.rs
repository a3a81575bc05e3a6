//! Names for nodes that are not in use.

use std::net::ToSocketAddrs;
use std::process;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Whether nodes can have short names here, which takes a host name that resolves; otherwise tests use
/// `name@127.0.0.1`.
#[must_use]
pub fn has_short_names() -> bool {
    short_host().is_some()
}

/// This machine's name up to the first dot, as `erl -sname` uses it, if it resolves.
pub(crate) fn short_host() -> Option<&'static str> {
    static HOST: OnceLock<Option<String>> = OnceLock::new();
    HOST.get_or_init(|| {
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let host = name.split('.').next().unwrap_or_default();
        (host, 0).to_socket_addrs().ok()?.next()?;
        Some(host.to_owned())
    })
    .as_deref()
}

/// The part before `@` of a name that no other node of this test run has.
pub(crate) fn unique_alive_name(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{prefix}_{}_{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A full node name, beginning with `prefix`, that no other node of this test run has; of the kind the nodes of
/// [`NodeOptions`](crate::NodeOptions) have.
#[must_use]
pub fn unique_name(prefix: &str) -> String {
    format!("{}@{}", unique_alive_name(prefix), short_host().unwrap_or("127.0.0.1"))
}

/// A node name as Erlang prints it.
pub(crate) fn erlang_atom(name: &str) -> String {
    if is_plain(name) { name.to_owned() } else { format!("'{name}'") }
}

/// A node name as Elixir prints it.
pub(crate) fn elixir_atom(name: &str) -> String {
    if is_plain(name) { format!(":{name}") } else { format!(":\"{name}\"") }
}

fn is_plain(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|character| character.is_ascii_alphanumeric() || "_@".contains(character))
}

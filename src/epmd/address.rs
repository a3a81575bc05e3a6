//! Where an epmd is.

use std::fmt;

/// The port of epmd where `ERL_EPMD_PORT` names no other.
pub const DEFAULT_PORT: u16 = 4369;

/// The port that the environment variable `ERL_EPMD_PORT` names, or else [`DEFAULT_PORT`].
///
/// It is the port for every host, as it is for BEAM nodes. A value that is no port number is ignored, with a warning.
#[must_use]
pub fn default_port() -> u16 {
    let Some(value) = std::env::var_os("ERL_EPMD_PORT") else { return DEFAULT_PORT };
    port_of(&value.to_string_lossy()).unwrap_or_else(|| {
        tracing::warn!(?value, "ERL_EPMD_PORT is not a port number; using {DEFAULT_PORT}");
        DEFAULT_PORT
    })
}

fn port_of(value: &str) -> Option<u16> {
    value.trim().parse().ok().filter(|port| *port != 0)
}

/// Where an epmd is: a host and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    /// A host name or an IP address. `localhost` is always this machine: `::1`, then `127.0.0.1`, whatever resolvers say.
    pub host: String,
    /// The port of epmd.
    pub port: u16,
}

impl Address {
    /// The epmd of `host`, at `port`.
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16) -> Address {
        Address { host: host.into(), port }
    }

    /// The epmd of this machine, at [`default_port`].
    #[must_use]
    pub fn local() -> Address {
        Address::new("localhost", default_port())
    }
}

/// `host:port`, an IPv6 address in brackets.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_port_number_is_taken_from_the_environment() {
        assert_eq!(port_of("4370"), Some(4370));
        assert_eq!(port_of(" 4370 "), Some(4370));
        for value in ["", "0", "65536", "-1", "epmd"] {
            assert_eq!(port_of(value), None, "{value:?}");
        }
    }

    #[test]
    fn an_ipv6_address_is_shown_in_brackets() {
        assert_eq!(Address::new("example.org", 4369).to_string(), "example.org:4369");
        assert_eq!(Address::new("::1", 4369).to_string(), "[::1]:4369");
    }
}

//! What a server allows, and for how long it waits.

use std::time::Duration;

use crate::epmd::message::MAX_REQUEST_BYTES;

/// How long a connection may be idle that has registered nothing, as in OTP.
const PACKET_TIMEOUT: Duration = Duration::from_secs(60);

/// How many connections there may be at once: each takes a file descriptor and about 2 kB.
const MAX_CONNECTIONS: usize = 16 * 1024;

/// How many names may be registered at once: as many as there may be connections, since each takes one.
const MAX_NAMES: usize = MAX_CONNECTIONS;

/// How long the table may take: half of what a client waits.
const TABLE_TIMEOUT: Duration = Duration::from_secs(5);

/// How often names that are left without a connection are checked: nodes register again within 2 seconds.
const LEFT_NAMES_CHECK: Duration = Duration::from_secs(10);

/// See the methods of [`Builder`](super::Builder) of these names.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    pub(super) packet_timeout: Duration,
    pub(super) relaxed_command_check: bool,
    pub(super) max_connections: usize,
    pub(super) max_names: usize,
    pub(super) max_request_bytes: usize,
    pub(super) table_timeout: Duration,
    pub(super) left_names_check: Duration,
    pub(super) delay_accept: Duration,
    pub(super) delay_write: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            packet_timeout: PACKET_TIMEOUT,
            relaxed_command_check: false,
            max_connections: MAX_CONNECTIONS,
            max_names: MAX_NAMES,
            max_request_bytes: MAX_REQUEST_BYTES,
            table_timeout: TABLE_TIMEOUT,
            left_names_check: LEFT_NAMES_CHECK,
            delay_accept: Duration::ZERO,
            delay_write: Duration::ZERO,
        }
    }
}

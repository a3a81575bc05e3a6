//! The log of a daemon goes to syslog, as that of OTP's epmd does.
//!
//! A line is a datagram to the socket `/dev/log`: `<PRIORITY>epmd[PID]: TEXT`, where `PRIORITY` is 8 times the facility
//! (3, system daemons) and the severity. Where nobody listens there, the log is lost.

use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

const SOCKET: &str = "/dev/log";

/// Facility 3: system daemons.
const DAEMON: u8 = 3 << 3;

/// Sends logs to syslog: those that the environment asks for, or else those of level `default`.
pub(super) fn log(default: &str) {
    tracing_subscriber::fmt()
        .with_env_filter(crate::log_filter(default))
        .with_ansi(false)
        .without_time()
        .with_writer(Syslog { socket: connect(Path::new(SOCKET)).ok() })
        .init();
}

fn connect(path: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    // Rather lose a line than wait for a syslog that is stuck.
    socket.set_nonblocking(true)?;
    socket.connect(path)?;
    Ok(socket)
}

struct Syslog {
    socket: Option<UnixDatagram>,
}

/// One line, sent when it is complete.
struct Line<'a> {
    socket: Option<&'a UnixDatagram>,
    text: Vec<u8>,
}

impl<'a> MakeWriter<'a> for Syslog {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        self.line(Level::INFO)
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Line<'a> {
        self.line(*metadata.level())
    }
}

impl Syslog {
    fn line(&self, level: Level) -> Line<'_> {
        let severity = match level {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            _ => 7,
        };
        let head = format!("<{}>epmd[{}]: ", DAEMON + severity, std::process::id());
        Line { socket: self.socket.as_ref(), text: head.into_bytes() }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        if let Some(socket) = self.socket {
            let _ = socket.send(self.text.trim_ascii_end());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_datagram_with_its_priority() {
        let folder = std::env::temp_dir().join(format!("erlnode-syslog-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join("log");
        let listener = UnixDatagram::bind(&path).unwrap();
        let syslog = Syslog { socket: connect(&path).ok() };
        writeln!(syslog.line(Level::WARN), "too many connections").unwrap();
        let mut line = [0; 100];
        let length = listener.recv(&mut line).unwrap();
        let expected = format!("<28>epmd[{}]: too many connections", std::process::id());
        assert_eq!(String::from_utf8_lossy(&line[..length]), expected);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

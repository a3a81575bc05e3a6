//! A Redis server of a test.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::os_process::OsProcess;
use crate::ports::free_port;
use crate::release::tree_command;

/// How long it may take to start; less than a second is usual.
const START_LIMIT: Duration = Duration::from_secs(60);

/// A running Redis, as Debian bookworm has it, that keeps nothing on disk; killed when dropped.
#[derive(Debug)]
pub struct RedisServer {
    port: u16,
    process: OsProcess,
}

impl RedisServer {
    /// Starts Redis on loopback and waits until it answers.
    ///
    /// # Panics
    /// If it does not, with what it wrote.
    pub async fn start() -> RedisServer {
        let port = free_port();
        let mut command = tree_command("redis", "enter");
        command.args(["redis-server", "--bind", "127.0.0.1", "--port", &port.to_string()]);
        command.args(["--save", "", "--appendonly", "no"]);
        let process = OsProcess::spawn("redis", &command).expect("the wrapper of Redis starts");
        let redis = RedisServer { port, process };
        let deadline = Instant::now() + START_LIMIT;
        while redis.ask("PING").as_deref() != Some("+PONG\r\n") {
            assert!(
                redis.process.exit_status().is_none() && Instant::now() < deadline,
                "Redis does not start: {}",
                redis.process.output()
            );
            sleep(Duration::from_millis(10)).await;
        }
        redis
    }

    /// Where it takes clients.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The reply to a command, as it is on the wire: `:1\r\n` to `ZCARD KEY`; `None` if there is none.
    #[must_use]
    pub fn ask(&self, command: &str) -> Option<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        // QUIT has it close the connection, after an +OK.
        stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes()).ok()?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply).ok()?;
        reply.strip_suffix("+OK\r\n").map(str::to_owned)
    }
}

//! OTP's own port mapper daemon, one a test.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::time::sleep;

use crate::os_process::OsProcess;
use crate::ports::free_port;
use crate::release::Release;
use crate::wait::PATIENCE;

/// A running `epmd` on a port of its own; killed when dropped.
#[derive(Debug)]
pub struct Epmd {
    port: u16,
    process: OsProcess,
}

impl Epmd {
    /// Starts the `epmd` of `release` and waits until it answers.
    ///
    /// # Panics
    /// If it does not.
    pub async fn start(release: Release) -> Epmd {
        Epmd::start_with(release, &[]).await
    }

    /// The same with more arguments, such as `-relaxed_command_check`.
    ///
    /// # Panics
    /// If it does not answer.
    pub async fn start_with(release: Release, arguments: &[&str]) -> Epmd {
        for _ in 0..5 {
            if let Some(epmd) = Epmd::try_port(release, free_port(), arguments).await {
                return epmd;
            }
        }
        panic!("epmd of {release} does not start on any of five ports");
    }

    /// Starts it on `port`, as after a crash of one that was there.
    ///
    /// # Panics
    /// If it does not answer; another daemon may have the port.
    pub async fn start_on(release: Release, port: u16) -> Epmd {
        let epmd = Epmd::try_port(release, port, &[]).await;
        epmd.unwrap_or_else(|| panic!("epmd of {release} does not start on port {port}"))
    }

    /// `None` if somebody else took the port, at which epmd ends by itself.
    async fn try_port(release: Release, port: u16, arguments: &[&str]) -> Option<Epmd> {
        let mut command = release.command("epmd");
        command.args(["-port", &port.to_string()]).args(arguments);
        let process =
            OsProcess::spawn(&format!("epmd of {release}"), &command).expect("the wrapper of epmd starts");
        let epmd = Epmd { port, process };
        let deadline = Instant::now() + PATIENCE;
        while epmd.process.exit_status().is_none() {
            if epmd.ask_names().is_some() {
                // Was it this one that answered? One that lost the race for the port ends at once.
                sleep(Duration::from_millis(20)).await;
                if epmd.process.exit_status().is_none() {
                    return Some(epmd);
                }
            }
            assert!(
                Instant::now() < deadline,
                "epmd of {release} does not answer: {}",
                epmd.process.output()
            );
            sleep(Duration::from_millis(10)).await;
        }
        None
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The registered nodes with their ports, newest first.
    ///
    /// # Panics
    /// If it does not answer.
    #[must_use]
    pub fn names(&self) -> Vec<(String, u16)> {
        let text = self.ask_names().expect("epmd answers");
        let nodes = text.lines().filter_map(|line| {
            let (name, port) = line.strip_prefix("name ")?.split_once(" at port ")?;
            Some((name.to_owned(), port.parse().ok()?))
        });
        nodes.collect()
    }

    /// The port that the node of this full name listens on.
    ///
    /// # Panics
    /// If it is not registered.
    #[must_use]
    pub fn port_of(&self, node: &str) -> u16 {
        let alive = node.split('@').next().unwrap_or_default();
        let port = self.names().into_iter().find_map(|(name, port)| (name == alive).then_some(port));
        port.unwrap_or_else(|| panic!("{node} is not registered"))
    }

    // NAMES: the request's length, then its one byte; the answer begins with the daemon's port.
    fn ask_names(&self) -> Option<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        stream.write_all(&[0, 1, b'n']).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        String::from_utf8(answer.get(4..)?.to_vec()).ok()
    }

    /// Ends it at once, as a crash would.
    pub fn kill_9(&self) {
        self.process.signal(Signal::KILL);
    }
}

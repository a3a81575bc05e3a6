//! `erlnode epmd`: the port mapper, in place of OTP's `epmd`.
//!
//! A link called `epmd` to this program takes OTP's place wholly: `erl` starts it by itself, and scripts find the options,
//! outputs and exit statuses that they know. Where this epmd behaves otherwise:
//!
//! - It listens on loopback only, unless `-address`, `ERL_EPMD_ADDRESS` or `--host-addresses` say more. Called `epmd`, and
//!   not told where, it listens as with `--host-addresses`: the nodes that start it look for each other there.
//! - `-daemon` returns when the daemon listens, not before, and fails if it cannot.
//! - A port that is in use by what is no epmd is an error, not an epmd that runs already.
//! - `-systemd` and `-daemon` together are bad usage.
//! - The texts of the usage and of the log are its own.
//!
//! What differs in the protocol is with [`Server`].
//!
//! Without a query it runs in the foreground until SIGTERM, Ctrl-C, or a permitted `--kill`.

mod daemon;
mod otp_options;
mod query;
#[cfg(unix)]
mod syslog;
mod systemd;

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use erlnode::epmd::{Address, BindError, Client, Server, default_port};

pub(crate) use self::otp_options::{BadUsage, called_as_epmd, in_our_spelling};

/// Run a port mapper (epmd), or ask one.
///
/// The options can be spelled as those of OTP's epmd, too: -port, -relaxed_command_check, -names. A link called epmd to
/// this program does what `erlnode epmd` does.
#[derive(Debug, Args)]
pub(crate) struct Epmd {
    /// The port of epmd [env: ERL_EPMD_PORT] [default: 4369].
    #[arg(long, overrides_with = "port", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Listen on these addresses besides loopback, separated by commas or spaces; 0.0.0.0,:: is all there are.
    #[arg(long, value_name = "LIST", overrides_with = "address", env = "ERL_EPMD_ADDRESS")]
    address: Option<String>,
    /// Listen on the addresses of this machine's host name, too, but serve only this machine there; a link called epmd
    /// does so unless it is given an address.
    #[arg(long)]
    host_addresses: bool,
    /// Run in the background; the command returns when the daemon listens.
    #[arg(long, overrides_with = "daemon")]
    daemon: bool,
    /// Serve on the sockets that systemd hands over.
    #[arg(long, overrides_with = "systemd", conflicts_with = "daemon")]
    systemd: bool,
    /// Allow --kill while nodes are registered, and --stop [env: ERL_EPMD_RELAXED_COMMAND_CHECK, set to anything].
    #[arg(long, overrides_with = "relaxed_command_check")]
    relaxed_command_check: bool,
    /// Log more to standard error; twice for all there is. Only 5 unused names are remembered then.
    #[arg(long, short, action = clap::ArgAction::Count)]
    debug: u8,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    query: Query,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
struct Limits {
    /// Close connections that have registered nothing and are idle for so many seconds.
    #[arg(long, value_name = "SECONDS", overrides_with = "packet_timeout", default_value_t = 60, value_parser = seconds(1))]
    packet_timeout: u64,
    /// How many connections there may be at once; other machines may have a quarter of them.
    #[arg(long, value_name = "NUMBER", default_value_t = 16384)]
    max_connections: usize,
    /// How many names may be registered at once.
    #[arg(long, value_name = "NUMBER", default_value_t = 16384)]
    max_names: usize,
    /// Be slow, as a test of clients: wait so long before each connection is served.
    #[arg(long, value_name = "SECONDS", overrides_with = "delay_accept", default_value_t = 0, hide_default_value = true, value_parser = seconds(0))]
    delay_accept: u64,
    /// Be slow, as a test of clients: wait so long before each reply.
    #[arg(long, value_name = "SECONDS", overrides_with = "delay_write", default_value_t = 0, hide_default_value = true, value_parser = seconds(0))]
    delay_write: u64,
}

fn seconds(least: u64) -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(least..1_000_000_000)
}

/// What to ask a running epmd.
#[derive(Debug, Args)]
#[command(next_help_heading = "Queries")]
#[group(multiple = false)]
struct Query {
    /// List the registered nodes.
    #[arg(long)]
    names: bool,
    /// End the running epmd.
    #[arg(long)]
    kill: bool,
    /// Take the name of a node away.
    #[arg(long, value_name = "NAME")]
    stop: Option<String>,
    /// Show all that the running epmd remembers.
    #[arg(long)]
    dump: bool,
    /// Print nothing; the exit status tells whether an epmd runs.
    #[arg(long)]
    started: bool,
}

/// OTP's epmd looks at its clock once a second, so that N seconds are N to N + 1. There are programs that pause for N.
const CLOCK_GRAIN: Duration = Duration::from_secs(1);

/// How many unused names OTP's epmd remembers when it logs.
const MAX_UNUSED_DEBUGGING: usize = 5;

impl Query {
    fn is_asked(&self) -> bool {
        self.names || self.kill || self.stop.is_some() || self.dump || self.started
    }
}

impl Epmd {
    /// What is to be done before there is a runtime; gives an exit status if that is all.
    pub(crate) fn before_runtime(&self) -> Option<ExitCode> {
        if !self.daemon || self.query.is_asked() {
            return None;
        }
        if !daemon::is_child() {
            return Some(daemon::start().unwrap_or_else(|error| crate::fail(&error)));
        }
        daemon::detach().err().map(|error| crate::fail(&error))
    }

    pub(crate) async fn run(self) -> ExitCode {
        let port = self.port.unwrap_or_else(default_port);
        let client = Client::new(Address::new("localhost", port));
        if !self.query.is_asked() {
            return self.serve(port, &client).await;
        }
        crate::log(self.level());
        match &self.query {
            Query { names: true, .. } => query::names(&client).await,
            Query { kill: true, .. } => query::kill(&client).await,
            Query { stop: Some(name), .. } => query::stop(&client, name).await,
            Query { dump: true, .. } => query::dump(&client).await,
            _ => query::started(&client).await,
        }
    }

    fn level(&self) -> &'static str {
        match self.debug {
            0 => "warn",
            1 => "debug",
            _ => "trace",
        }
    }

    async fn serve(self, port: u16, client: &Client) -> ExitCode {
        #[cfg(unix)]
        if self.daemon {
            syslog::log(self.level());
        } else {
            crate::log(self.level());
        }
        #[cfg(not(unix))]
        crate::log(self.level());
        crate::file_limit::raise();
        let server = match self.start(port, client).await {
            Ok(server) => server,
            Err(status) => return status,
        };
        let end_signal = match crate::signals::end_signal() {
            Ok(end_signal) => end_signal,
            Err(error) => return crate::fail(&error),
        };
        let _hangup = self.daemon.then(crate::signals::ignore_hangup);
        if self.daemon {
            if let Err(error) = daemon::ready() {
                return crate::fail(&error);
            }
        } else if self.systemd {
            let pid = std::process::id();
            systemd::notify(&format!("READY=1\nSTATUS=Processing port mapping requests...\nMAINPID={pid}"));
        } else if !called_as_epmd() {
            announce(&server);
        }
        tokio::select! {
            () = end_signal => {}
            () = server.killed() => {}
        }
        server.close().await;
        if self.systemd {
            systemd::notify("STATUS=Exited.\nERRNO=0");
        }
        ExitCode::SUCCESS
    }

    /// Whether nodes find each other by the addresses of the host name. Those that start a link called epmd count on it
    /// where these are not loopback addresses, and can give it no option of ours.
    fn serves_host_addresses(&self, called_as_epmd: bool) -> bool {
        self.host_addresses || (called_as_epmd && self.address.is_none())
    }

    /// A server that listens, or the exit status if there is none.
    async fn start(&self, port: u16, client: &Client) -> Result<Server, ExitCode> {
        let relaxed =
            self.relaxed_command_check || std::env::var_os("ERL_EPMD_RELAXED_COMMAND_CHECK").is_some();
        let addresses = addresses(self.address.as_deref().unwrap_or_default()).map_err(|part| {
            tell(&format!("cannot parse IP address \"{part}\""));
            ExitCode::FAILURE
        })?;
        let limits = &self.limits;
        let mut builder = Server::builder()
            .port(port)
            .addresses(addresses)
            .host_addresses(self.serves_host_addresses(called_as_epmd()))
            .packet_timeout(Duration::from_secs(limits.packet_timeout) + CLOCK_GRAIN)
            .max_connections(limits.max_connections)
            .max_names(limits.max_names)
            .delay_accept(Duration::from_secs(limits.delay_accept))
            .delay_write(Duration::from_secs(limits.delay_write))
            .relaxed_command_check(relaxed);
        if self.debug > 0 {
            builder = builder.max_unused_names(MAX_UNUSED_DEBUGGING);
        }
        if self.systemd {
            let started = match systemd::sockets() {
                Ok(sockets) => builder.start_on(sockets).await,
                Err(error) => Err(error),
            };
            return started.map_err(|error| crate::fail(&error));
        }
        match builder.start().await {
            Ok(server) => Ok(server),
            // What OTP's epmd does: there is one, and that is all that was wanted.
            Err(BindError::InUse { .. }) if client.names().await.is_ok() => {
                if !called_as_epmd() {
                    tell(&format!("an epmd is already running on port {port}"));
                }
                Err(ExitCode::SUCCESS)
            }
            Err(error) => Err(crate::fail(&error)),
        }
    }
}

/// The addresses of a list; the part that is none if there is one.
fn addresses(list: &str) -> Result<Vec<IpAddr>, &str> {
    let parts = list.split([',', ' ']).filter(|part| !part.is_empty());
    parts.map(|part| part.parse().map_err(|_| part)).collect()
}

fn announce(server: &Server) {
    let addresses: Vec<String> = server.local_addrs().iter().map(SocketAddr::to_string).collect();
    crate::print(format_args!("epmd is ready on {}\n", addresses.join(", ")));
    let unserved: Vec<String> = server.unserved_addresses().iter().map(IpAddr::to_string).collect();
    if !unserved.is_empty() {
        tell(&format!(
            "this machine's host name stands for {}, where this epmd does not listen: nodes with that host in their \
             name will not be found; --host-addresses or --address changes that",
            unserved.join(" and ")
        ));
    }
}

fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "epmd: {text}");
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        epmd: Epmd,
    }

    #[test]
    fn a_link_called_epmd_serves_the_addresses_of_the_host_name_unless_told_where_to_listen() {
        let serves = |arguments: &[&str], called_as_epmd| {
            let arguments = ["epmd"].iter().chain(arguments);
            Command::parse_from(arguments).epmd.serves_host_addresses(called_as_epmd)
        };
        assert!(serves(&["--daemon"], true));
        assert!(!serves(&["--address", "127.0.0.1"], true));
        assert!(!serves(&["--daemon"], false));
        assert!(serves(&["--host-addresses"], false));
        assert!(serves(&["--host-addresses", "--address", "127.0.0.1"], true));
    }
}

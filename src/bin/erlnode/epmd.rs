//! `erlnode epmd`: the port mapper, in place of OTP's `epmd`.
//!
//! Without a query it runs in the foreground until SIGTERM, Ctrl-C, or a permitted `--kill`. The queries print what those
//! of OTP's `epmd` print, and have their exit statuses.

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use erlnode::epmd::message::{Dump, KillReply, StopReply};
use erlnode::epmd::{Address, BindError, Client, Error, Server, default_port};

/// Run a port mapper (epmd), or ask one.
///
/// The options can be spelled as those of OTP's epmd, too: -port, -relaxed_command_check, -names.
#[derive(Debug, Args)]
pub(crate) struct Epmd {
    /// The port of epmd [env: ERL_EPMD_PORT] [default: 4369].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Listen on these addresses besides loopback, separated by commas or spaces; 0.0.0.0,:: is all there are.
    #[arg(long, env = "ERL_EPMD_ADDRESS", value_parser = addresses)]
    address: Option<Addresses>,
    /// Listen on the addresses of this machine's host name, too, but serve only this machine there.
    #[arg(long)]
    host_addresses: bool,
    /// Close connections that have registered nothing and are idle for so many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..1_000_000_000))]
    packet_timeout: u64,
    /// Allow --kill while nodes are registered, and --stop [env: ERL_EPMD_RELAXED_COMMAND_CHECK, set to anything].
    #[arg(long)]
    relaxed_command_check: bool,
    /// Log more to standard error; twice for all there is.
    #[arg(long, short, action = clap::ArgAction::Count)]
    debug: u8,
    #[command(flatten)]
    query: Query,
}

/// What to ask a running epmd.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct Query {
    /// List the registered nodes.
    #[arg(long, help_heading = "Queries")]
    names: bool,
    /// End the running epmd.
    #[arg(long, help_heading = "Queries")]
    kill: bool,
    /// Take the name of a node away.
    #[arg(long, value_name = "NAME", help_heading = "Queries")]
    stop: Option<String>,
    /// Show all that the running epmd remembers.
    #[arg(long, help_heading = "Queries")]
    dump: bool,
    /// Print nothing; the exit status tells whether an epmd runs.
    #[arg(long, help_heading = "Queries")]
    started: bool,
}

/// OTP's epmd looks at its clock once a second, so that N seconds are N to N + 1. There are programs that pause for N.
const CLOCK_GRAIN: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
struct Addresses(Vec<IpAddr>);

fn addresses(list: &str) -> Result<Addresses, std::net::AddrParseError> {
    let parts = list.split([',', ' ']).filter(|part| !part.is_empty());
    parts.map(str::parse).collect::<Result<_, _>>().map(Addresses)
}

/// OTP's spellings, without the dash.
const OTP_OPTIONS: [&str; 10] = [
    "port",
    "address",
    "packet_timeout",
    "relaxed_command_check",
    "debug",
    "names",
    "kill",
    "stop",
    "dump",
    "started",
];

/// Turns `-packet_timeout` into `--packet-timeout`.
pub(crate) fn spell_as_long_option(argument: &mut OsString) {
    let option = argument.to_str().and_then(|text| text.strip_prefix('-'));
    if let Some(option) = option.filter(|option| OTP_OPTIONS.contains(option)) {
        *argument = format!("--{}", option.replace('_', "-")).into();
    }
}

impl Epmd {
    pub(crate) async fn run(self) -> ExitCode {
        crate::log(match self.debug {
            0 => "warn",
            1 => "debug",
            _ => "trace",
        });
        let port = self.port.unwrap_or_else(default_port);
        let client = Client::new(Address::new("localhost", port));
        match &self.query {
            Query { names: true, .. } => match client.names().await {
                Ok(listing) => {
                    crate::names::print(&listing);
                    ExitCode::SUCCESS
                }
                Err(error) => cannot_ask(&error),
            },
            Query { kill: true, .. } => kill(&client).await,
            Query { stop: Some(name), .. } => stop(&client, name).await,
            Query { dump: true, .. } => dump(&client).await,
            Query { started: true, .. } => match client.names().await {
                Ok(_) => ExitCode::SUCCESS,
                Err(_) => ExitCode::FAILURE,
            },
            _ => self.serve(port, &client).await,
        }
    }

    async fn serve(self, port: u16, client: &Client) -> ExitCode {
        crate::file_limit::raise();
        let relaxed =
            self.relaxed_command_check || std::env::var_os("ERL_EPMD_RELAXED_COMMAND_CHECK").is_some();
        let builder = Server::builder()
            .port(port)
            .addresses(self.address.map(|Addresses(list)| list).unwrap_or_default())
            .host_addresses(self.host_addresses)
            .packet_timeout(Duration::from_secs(self.packet_timeout) + CLOCK_GRAIN)
            .relaxed_command_check(relaxed);
        let server = match builder.start().await {
            Ok(server) => server,
            // What OTP's epmd does: there is one, and that is all that was wanted.
            Err(BindError::InUse { .. }) if client.names().await.is_ok() => {
                return tell(&format!("an epmd is already running on port {port}"), ExitCode::SUCCESS);
            }
            Err(error) => return crate::fail(&error),
        };
        let end_signal = match crate::signals::end_signal() {
            Ok(end_signal) => end_signal,
            Err(error) => return crate::fail(&error),
        };
        announce(&server);
        tokio::select! {
            () = end_signal => {}
            () = server.killed() => {}
        }
        server.close().await;
        ExitCode::SUCCESS
    }
}

fn announce(server: &Server) {
    let addresses: Vec<String> = server.local_addrs().iter().map(SocketAddr::to_string).collect();
    crate::print(format_args!("epmd is ready on {}\n", addresses.join(", ")));
    let unserved: Vec<String> = server.unserved_addresses().iter().map(IpAddr::to_string).collect();
    if !unserved.is_empty() {
        let text = format!(
            "this machine's host name stands for {}, where this epmd does not listen: nodes with that host in their \
             name will not be found; --host-addresses or --address changes that",
            unserved.join(" and ")
        );
        tell(&text, ExitCode::SUCCESS);
    }
}

async fn kill(client: &Client) -> ExitCode {
    match client.kill().await {
        Ok(KillReply::Killed) => said("Killed", ExitCode::SUCCESS),
        Ok(KillReply::Refused) => said("Killing not allowed - living nodes in database.", ExitCode::FAILURE),
        Err(error) => cannot_ask(&error),
    }
}

async fn stop(client: &Client, name: &str) -> ExitCode {
    match client.stop(name).await {
        Ok(StopReply::Stopped) => said("STOPPED", ExitCode::SUCCESS),
        Ok(StopReply::NotFound) => said("NOEXIST", ExitCode::SUCCESS),
        // Not allowed without a relaxed command check; so OTP's epmd puts it.
        Err(Error::Closed { .. }) => said("epmd: local epmd responded with <>", ExitCode::FAILURE),
        Err(error) => cannot_ask(&error),
    }
}

async fn dump(client: &Client) -> ExitCode {
    match client.dump().await {
        Ok(Dump { epmd_port, text }) => {
            crate::print(format_args!("epmd: up and running on port {epmd_port} with data:\n{text}"));
            ExitCode::SUCCESS
        }
        Err(error) => cannot_ask(&error),
    }
}

fn said(line: &str, status: ExitCode) -> ExitCode {
    crate::print(format_args!("{line}\n"));
    status
}

fn cannot_ask(error: &Error) -> ExitCode {
    match error {
        Error::NotRunning { .. } => tell("Cannot connect to local epmd", ExitCode::FAILURE),
        error => crate::fail(error),
    }
}

fn tell(text: &str, status: ExitCode) -> ExitCode {
    let _ = writeln!(io::stderr(), "epmd: {text}");
    status
}

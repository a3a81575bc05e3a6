//! The command `erlnode`.
//!
//! One file a subcommand. What a subcommand prints for programs and people to read goes to standard output; what went
//! wrong goes to standard error, as one sentence that says what to do, and the exit status is then 1. Bad usage has
//! status 2, or 1 where an OTP tool is replaced that has it so.

mod call;
mod cookie;
mod epmd;
mod file_limit;
mod group_leader;
mod names;
mod ping;
mod playground;
mod send;
mod signals;
mod source;
mod start;
mod visit;

use std::ffi::OsString;
use std::fmt::Arguments;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// A Rust node in a BEAM cluster, and tools around it.
#[derive(Debug, Parser)]
#[command(name = "erlnode", version)]
struct Erlnode {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Start(start::Start),
    Ping(ping::Ping),
    Call(call::Call),
    Send(send::Send),
    Names(names::Names),
    Epmd(epmd::Epmd),
}

fn main() -> ExitCode {
    let arguments = arguments();
    cookie::hide(&arguments);
    let Erlnode { command } = Erlnode::parse_from(arguments);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    let status = runtime.block_on(async {
        match command {
            Command::Start(command) => command.run().await,
            Command::Ping(command) => command.run().await,
            Command::Call(command) => command.run().await,
            Command::Send(command) => command.run().await,
            Command::Epmd(command) => command.run().await,
            Command::Names(command) => command.run().await,
        }
    });
    // Without waiting for what can't be stopped, such as a host name that is still being looked up.
    runtime.shutdown_background();
    status
}

/// The command line, with OTP's spelling of options made ours where the subcommand stands in for an OTP tool.
fn arguments() -> Vec<OsString> {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|name| name == "epmd") {
        for argument in arguments.iter_mut().skip(2) {
            epmd::spell_as_long_option(argument);
        }
    }
    arguments
}

/// Sends logs to standard error: those that the environment variable `ERLNODE_LOG`, or else `RUST_LOG`, asks for, such
/// as `debug` or `erlnode::epmd=trace`, or else those of level `default`.
fn log(default: &str) {
    let asked = ["ERLNODE_LOG", "RUST_LOG"].iter().find_map(|name| Some((name, std::env::var(name).ok()?)));
    let filter = asked.and_then(|(name, text)| match EnvFilter::try_new(text) {
        Ok(filter) => Some(filter),
        Err(error) => {
            tell(format_args!("{name} is not understood, so it does not count: {error}"));
            None
        }
    });
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|| EnvFilter::new(default)))
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
}

/// Writes to standard output. Who reads it may have gone away; there is nobody left to tell then.
fn print(text: Arguments<'_>) {
    let mut out = io::stdout().lock();
    let _ = out.write_fmt(text).and_then(|()| out.flush());
}

/// Tells people something on standard error.
fn tell(text: Arguments<'_>) {
    let _ = writeln!(io::stderr(), "erlnode: {text}");
}

/// Tells on standard error what went wrong, with its causes, and gives the exit status for it.
fn fail(error: &dyn std::error::Error) -> ExitCode {
    tell(format_args!("{}", with_causes(error)));
    ExitCode::FAILURE
}

/// The error and its causes in one line, each of them told once: many errors tell theirs already.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let told = error.to_string();
        if !text.contains(&told) {
            text.push_str(": ");
            text.push_str(&told);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Failure {
        text: &'static str,
        source: Option<Box<Failure>>,
    }

    fn failure(text: &'static str, source: Option<Failure>) -> Failure {
        Failure { text, source: source.map(Box::new) }
    }

    #[test]
    fn each_cause_is_told_once() {
        let silent = failure("no file f", Some(failure("not allowed", None)));
        assert_eq!(with_causes(&silent), "no file f: not allowed");
        let telling = failure("no file f: not allowed; ask", Some(failure("not allowed", None)));
        assert_eq!(with_causes(&telling), "no file f: not allowed; ask");
    }
}

//! The command `erlnode`.
//!
//! One file a subcommand. What a subcommand prints for programs and people to read goes to standard output; what went
//! wrong goes to standard error, as one sentence that says what to do, and the exit status is then 1. Bad usage has
//! status 2, or 1 where an OTP tool is replaced that has it so.

mod call;
mod connections;
mod cookie;
mod epmd;
mod file_limit;
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
    let arguments = match epmd::in_our_spelling(std::env::args_os().collect()) {
        Ok(arguments) => arguments,
        Err(bad_usage) => return bad_usage.tell(),
    };
    cookie::hide(&arguments);
    let command = match Erlnode::try_parse_from(&arguments) {
        Ok(Erlnode { command }) => command,
        Err(error) => return bad_usage(&error, &arguments),
    };
    if let Command::Epmd(command) = &command
        && let Some(status) = command.before_runtime()
    {
        return status;
    }
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

/// Prints what the parser of the command line has to say, which may be help that was asked for.
fn bad_usage(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    if error.use_stderr() && epmd::called_as_epmd() {
        return epmd::BadUsage.tell();
    }
    let _ = error.print();
    match error.exit_code() {
        0 => ExitCode::SUCCESS,
        _ if arguments.get(1).is_some_and(|command| command == "epmd") => ExitCode::FAILURE,
        status => ExitCode::from(u8::try_from(status).unwrap_or(2)),
    }
}

/// Sends logs to standard error, see [`log_filter`].
fn log(default: &str) {
    tracing_subscriber::fmt()
        .with_env_filter(log_filter(default))
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
}

/// The logs that the environment variable `ERLNODE_LOG`, or else `RUST_LOG`, asks for, such as `debug` or
/// `erlnode::epmd=trace`, or else those of level `default`.
fn log_filter(default: &str) -> EnvFilter {
    let asked = ["ERLNODE_LOG", "RUST_LOG"].iter().find_map(|name| Some((name, std::env::var(name).ok()?)));
    let filter = asked.and_then(|(name, text)| match EnvFilter::try_new(text) {
        Ok(filter) => Some(filter),
        Err(error) => {
            tell(format_args!("{name} is not understood, so it does not count: {error}"));
            None
        }
    });
    filter.unwrap_or_else(|| EnvFilter::new(default))
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

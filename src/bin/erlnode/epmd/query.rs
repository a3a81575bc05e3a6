//! The queries: what OTP's `epmd` prints, and its exit statuses.

use std::process::ExitCode;

use erlnode::epmd::message::{Dump, KillReply, StopReply};
use erlnode::epmd::{Client, Error};

/// The longest name that OTP's `epmd` asks to stop, in bytes.
const MAX_STOP_BYTES: usize = 1000;

pub(super) async fn names(client: &Client) -> ExitCode {
    match client.names().await {
        Ok(listing) => {
            crate::names::print(&listing);
            ExitCode::SUCCESS
        }
        Err(Error::Closed { .. }) => said("epmd: no response from local epmd\n", ExitCode::FAILURE),
        Err(error) => cannot_ask(&error),
    }
}

pub(super) async fn started(client: &Client) -> ExitCode {
    if client.names().await.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

pub(super) async fn kill(client: &Client) -> ExitCode {
    match client.kill().await {
        Ok(KillReply::Killed) => said("Killed\n", ExitCode::SUCCESS),
        Ok(KillReply::Refused) => {
            said("Killing not allowed - living nodes in database.\n", ExitCode::FAILURE)
        }
        Err(Error::Closed { .. }) => no_answer(),
        Err(error) => cannot_ask(&error),
    }
}

pub(super) async fn stop(client: &Client, name: &str) -> ExitCode {
    if name.len() > MAX_STOP_BYTES {
        // Without a line feed: OTP's has none.
        return said("epmd: Name too long!", ExitCode::FAILURE);
    }
    match client.stop(name).await {
        Ok(StopReply::Stopped) => said("STOPPED\n", ExitCode::SUCCESS),
        Ok(StopReply::NotFound) => said("NOEXIST\n", ExitCode::SUCCESS),
        // Not allowed without a relaxed command check.
        Err(Error::Closed { .. }) => no_answer(),
        Err(error) => cannot_ask(&error),
    }
}

pub(super) async fn dump(client: &Client) -> ExitCode {
    match client.dump().await {
        Ok(Dump { epmd_port, text }) => {
            crate::print(format_args!("epmd: up and running on port {epmd_port} with data:\n{text}"));
            ExitCode::SUCCESS
        }
        Err(Error::Closed { .. }) => said("epmd: no response from local epmd\n", ExitCode::FAILURE),
        Err(error) => cannot_ask(&error),
    }
}

fn no_answer() -> ExitCode {
    said("epmd: local epmd responded with <>\n", ExitCode::FAILURE)
}

fn said(text: &str, status: ExitCode) -> ExitCode {
    crate::print(format_args!("{text}"));
    status
}

fn cannot_ask(error: &Error) -> ExitCode {
    match error {
        Error::NotRunning { .. } => {
            super::tell("Cannot connect to local epmd");
            ExitCode::FAILURE
        }
        error => crate::fail(error),
    }
}

//! The port mapper: our client with OTP's daemon, OTP's nodes and tools with our daemon, and both daemons side by side.

mod answers;
mod command;
mod crowd;
mod daemon;
mod left_names;
mod nodes;

use std::process::Command;

use erlnode::epmd::{Address, Client, Server};

async fn our_daemon(port: u16) -> Server {
    // Nodes with short names look for each other at the address of the host name.
    Server::builder().port(port).host_addresses(true).start().await.expect("the port is free")
}

fn client(port: u16) -> Client {
    Client::new(Address::new("localhost", port))
}

/// Standard output and exit status of a program.
async fn run(command: &mut Command) -> (String, Option<i32>) {
    let (stdout, _, status) = run_whole(command).await;
    (stdout, status)
}

/// Standard output, standard error and exit status of a program.
async fn run_whole(command: &mut Command) -> (String, String, Option<i32>) {
    let command = std::mem::replace(command, Command::new(""));
    let output = tokio::process::Command::from(command).output().await.expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

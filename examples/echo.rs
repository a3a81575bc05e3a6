//! How do others send to a process of mine, and get an answer?
//!
//! ```text
//! $ cargo run --example echo
//! example@HOST echoes; Ctrl-C ends it
//!
//! $ erl -sname me -setcookie secret
//! 1> {echo, example@HOST} ! {self(), #{hello => "world"}}, flush().
//! Shell got #{hello => "world"}
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it gets")]

use std::error::Error;

use erlnode::node::{Node, Process};
use erlnode::process::Exit;
use erlnode::term::{Pid, Term};

/// Sends back what it gets. A message of another shape ends the process, as an unhandled clause would in Erlang.
async fn echo(mut process: Process) -> Result<(), Exit> {
    loop {
        let (from, payload): (Pid, Term) = process.receive().await.decode()?;
        process.send(from, payload).await?;
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let node = Node::builder("example").cookie("secret").start().await?;
    let pid = node.spawn(echo);
    node.register("echo", &pid)?;
    println!("{} echoes; Ctrl-C ends it", node.name());
    tokio::signal::ctrl_c().await?;
    node.shutdown().await;
    Ok(())
}

//! How do processes on many nodes form a group, and how do I send to all of them?
//!
//! ```text
//! $ cargo run --example pg_group -- me@HOST
//! one member here
//! another has joined: 2 members
//! said hello to 2 members
//! it has left: 1 member
//!
//! $ erl -sname me -setcookie secret
//! 1> pg:start_link().
//! 2> pg:join(room, self()).
//! 3> flush().
//! Shell got {news,<<"hello">>}
//! 4> pg:leave(room, self()).
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it gets")]

use std::error::Error;

use erlnode::atom;
use erlnode::node::{Node, Process};
use erlnode::otp::pg::{Change, Event};
use erlnode::process::Exit;
use tokio::sync::oneshot;

/// A member of the group `room`, who also hears of others.
async fn guest(mut process: Process, done: oneshot::Sender<()>) -> Result<(), Exit> {
    let pg = process.node().pg();
    let own = process.pid().clone();
    // First, so that nobody joins unheard.
    let (reference, _) = pg.monitor(&mut process, atom!("room")).await?;
    pg.join(atom!("room"), &own).await?;
    loop {
        let event: Event = match process.receive().await.decode() {
            Ok(event) => event,
            // The news come here, too.
            Err(_) => continue,
        };
        let members = pg.members(atom!("room")).len();
        match event.change {
            Change::Join if event.pids.contains(&own) => println!("one member here"),
            Change::Join => {
                println!("another has joined: {members} members");
                // Encoded once, and sent to all in one walk.
                let sent = pg.send_from(&process, atom!("room"), &(atom!("news"), "hello")).await?;
                println!("said hello to {sent} members");
            }
            Change::Leave => {
                println!("it has left: {members} member");
                break;
            }
        }
    }
    pg.demonitor(&mut process, &reference).await?;
    let _ = done.send(());
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let other = std::env::args().nth(1).ok_or("which node? me@HOST, say")?;
    let node = Node::builder("example").cookie("secret").start().await?;
    // On a BEAM: pg:start_link(), or the setting `kernel start_pg`.
    node.pg().start()?;
    let (done, is_done) = oneshot::channel();
    node.spawn(|process| guest(process, done));
    node.connect(&other).await?;
    is_done.await?;
    node.shutdown().await;
    Ok(())
}

//! How do I give a process a name that the whole cluster knows, and do something that only one node may do at a time?
//!
//! ```text
//! $ cargo run --example global_name -- me@HOST
//! joined me@HOST
//! the counter on me@HOST says 1
//! the lock is set, nobody else has it
//! me@HOST stopped the greeter
//!
//! $ erl -sname me -setcookie secret
//! 1> global:register_name(counter, spawn(fun F() -> receive {From, N} -> From ! {counter, N + 1}, F() end end)).
//! 2> global:whereis_name(greeter) ! {stop, node()}.        % as soon as the example waits
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it gets")]

use std::error::Error;

use erlnode::atom;
use erlnode::node::{Dest, Node, Process};
use erlnode::process::Exit;
use erlnode::term::{Atom, Term};
use tokio::sync::oneshot;

/// Sends to the counter wherever it is, then waits for someone who finds this process by its name.
async fn greeter(mut process: Process, done: oneshot::Sender<()>) -> Result<(), Exit> {
    let node = process.node().clone();
    let counter =
        node.global().whereis_name(atom!("counter")).ok_or_else(|| Exit::new(atom!("no_counter")))?;
    let own = process.pid().clone();
    process.send(Dest::global(atom!("counter")), (own, 0)).await?;
    let (_, count): (Atom, i64) = process.receive().await.decode()?;
    println!("the counter on {} says {count}", counter.node);

    let lock = node.global().set_lock(atom!("greeting")).retries(10).await.map_err(Exit::from_error)?;
    println!("the lock is set, nobody else has it");
    lock.del().await;

    let (_, by): (Atom, Term) = process.receive().await.decode()?;
    println!("{by} stopped the greeter");
    let _ = done.send(());
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let other = std::env::args().nth(1).ok_or("which node? me@HOST, say")?;
    let node = Node::builder("example").cookie("secret").start().await?;
    node.connect(&other).await?;
    // Then all names that were there before are known here.
    node.global().sync().await?;
    println!("joined {other}");

    let (done, is_done) = oneshot::channel();
    let greeter = node.spawn(|process| greeter(process, done));
    node.global().register_name(atom!("greeter"), &greeter).await?;
    is_done.await?;
    node.shutdown().await;
    Ok(())
}

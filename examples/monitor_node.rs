//! How do I hear of nodes that come and go, and of processes that end?
//!
//! ```text
//! $ cargo run --example monitor_node -- me@HOST
//! waiting for me@HOST
//! me@HOST is up
//! its shell has ended: noconnection
//! me@HOST is down
//!
//! $ erl -sname me -setcookie secret
//! 1> register(shell, self()).
//! 2> net_adm:ping(example@HOST).
//! 3> halt().
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it gets")]

use std::error::Error;

use erlnode::atom;
use erlnode::node::{Node, NodeType, Process};
use erlnode::process::Exit;
use erlnode::term::{Atom, Reference, Term};
use tokio::sync::oneshot;

async fn watch(mut process: Process, node: Atom, done: oneshot::Sender<()>) -> Result<(), Exit> {
    process.monitor_nodes(NodeType::Visible);
    println!("waiting for {node}");
    while process.receive().await.decode::<(Atom, Atom)>()? != (atom!("nodeup"), node.clone()) {}
    println!("{node} is up");

    process.monitor((atom!("shell"), node.clone())).await;
    let down = process.receive_match(|message| message.tag_and_arity() == Some((atom!("DOWN"), 5))).await;
    let (.., reason): (Atom, Reference, Atom, Term, Term) = down.decode()?;
    println!("its shell has ended: {reason}");

    while process.receive().await.decode::<(Atom, Atom)>()? != (atom!("nodedown"), node.clone()) {}
    println!("{node} is down");
    let _ = done.send(());
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let other = Atom::new(&std::env::args().nth(1).ok_or("which node? me@HOST, say")?)?;
    let node = Node::builder("example").cookie("secret").start().await?;
    let (done, is_done) = oneshot::channel();
    node.spawn(|process| watch(process, other, done));
    is_done.await?;
    node.shutdown().await;
    Ok(())
}

//! Is a node there?
//!
//! ```text
//! $ erl -sname me -setcookie secret
//!
//! $ cargo run --example ping -- me@HOST
//! me@HOST is there
//! ```
//!
//! `HOST` is the short name of this machine, as `hostname -s` says it.

#![expect(clippy::print_stdout, reason = "an example shows what it gets")]

use std::error::Error;

use erlnode::node::Node;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let other = std::env::args().nth(1).ok_or("which node? me@HOST, say")?;
    let node = Node::builder("example").cookie("secret").start().await?;
    match node.ping(&other).await {
        Ok(()) => println!("{other} is there"),
        Err(error) => println!("{other} is not there: {error}"),
    }
    node.shutdown().await;
    Ok(())
}

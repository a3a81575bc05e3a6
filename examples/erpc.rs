//! How do I call a function of an Elixir or Erlang node?
//!
//! ```text
//! $ iex --sname me --cookie secret
//!
//! $ cargo run --example erpc -- me@HOST
//! HELLO
//! 20 to 22
//! the function raised an error: badarith
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it gets")]

use std::error::Error;

use erlnode::node::Node;
use serde::{Deserialize, Serialize};

/// `%Range{first: 20, last: 22, step: 1}`, of which this program wants only two fields.
#[derive(Serialize, Deserialize)]
#[serde(tag = "__struct__", rename = "Elixir.Range")]
struct Range {
    first: i64,
    last: i64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let other = std::env::args().nth(1).ok_or("which node? me@HOST, say")?;
    let node = Node::builder("example").cookie("secret").start().await?;

    // Arguments are a tuple, the value is of the type asked for. Elixir's strings are Rust's.
    let shout: String = node.erpc(&other).call("Elixir.String", "upcase", ("hello",)).await?;
    println!("{shout}");

    let range: Range = node.erpc(&other).call("Elixir.Range", "new", (20, 22)).await?;
    println!("{} to {}", range.first, range.last);

    // What the function raises is an error with class, reason and stack.
    if let Err(error) = node.erpc(&other).call::<_, i64>("erlang", "div", (1, 0)).await {
        println!("{error}");
    }
    node.shutdown().await;
    Ok(())
}

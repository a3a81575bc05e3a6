//! How do I look into my program from a shell of Erlang or Elixir, with commands of its own?
//!
//! ```text
//! $ cargo run --example remote_shell
//! example@HOST has a shell; Ctrl-C ends the node
//!
//! $ erl -sname me -setcookie secret -remsh example@HOST
//! erlnode 0.1.0 on example@HOST: help tells what there is, exit leaves
//! (example@HOST)1> stock
//! apples: 12
//! (example@HOST)2> sell apples 5
//! 7 apples are left
//! (example@HOST)3> stock:price(apples).
//! 30
//! (example@HOST)4> exit
//!
//! $ iex --sname me --cookie secret --remsh example@HOST
//! example@HOST(1)> :stock.price(:apples)
//! 30
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use erlnode::atom;
use erlnode::node::{Caller, Node, Raise};
use erlnode::term::{Atom, Term, from_term};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let node = Node::builder("example").cookie("secret").start().await?;
    let apples = Arc::new(AtomicU32::new(12));

    let stock = apples.clone();
    node.add_shell_command("stock", "stock: how much is left", move |_: Caller, _: Vec<Term>| {
        let left = stock.load(Ordering::Relaxed);
        async move { Ok(format!("apples: {left}")) }
    });
    node.add_shell_command(
        "sell",
        "sell What Count: takes some away",
        move |_: Caller, arguments: Vec<Term>| {
            let apples = apples.clone();
            async move {
                let [what, count] = &arguments[..] else {
                    return Err("it is called as sell What Count".to_owned());
                };
                let count: u32 = from_term(count).map_err(|error| format!("the count: {error}"))?;
                if !what.is_atom("apples") {
                    return Err(format!("there is no {what} here"));
                }
                let sold =
                    apples.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(count));
                match sold {
                    Ok(before) => Ok(format!("{} apples are left", before - count)),
                    Err(left) => Err(format!("only {left} apples are left")),
                }
            }
        },
    );
    // What is exported can be called from the shell, too.
    node.export("stock", "price", async |_: Caller, (what,): (Atom,)| match what.as_str() {
        "apples" => Ok(30),
        _ => Err(Raise::error(atom!("badarg"))),
    });

    println!("{} has a shell; Ctrl-C ends the node", node.name());
    tokio::signal::ctrl_c().await?;
    node.shutdown().await;
    Ok(())
}

//! How do I call a gen_server of an Elixir or Erlang node?
//!
//! ```text
//! $ iex --sname me --cookie secret
//! iex> defmodule Stock do
//! ...>   use GenServer
//! ...>   def init(stock), do: {:ok, stock}
//! ...>   def handle_call({:take, what, n}, _from, stock), do: {:reply, {:ok, stock[what] - n}, stock}
//! ...> end
//! iex> GenServer.start_link(Stock, %{apples: 12}, name: :stock)
//!
//! $ cargo run --example call_gen_server -- me@HOST
//! 9 apples are left
//! there is no nothing: no such process
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it gets")]

use std::error::Error;
use std::time::Duration;

use erlnode::atom;
use erlnode::node::Node;
use serde::Serialize;

/// `{take, What, N}`: a variant with values is a tuple that begins with its name.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Take(erlnode::term::Atom, u32),
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let other = std::env::args().nth(1).ok_or("which node? me@HOST, say")?;
    let node = Node::builder("example").cookie("secret").start().await?;

    // `{ok, N}` and `{error, Reason}` are a Result.
    let request = Request::Take(atom!("apples"), 3);
    let left: Result<i64, String> =
        node.call(("stock", other.as_str()), request).timeout(Duration::from_secs(2)).await?;
    println!("{} apples are left", left?);

    // Every error says what happened to the call.
    let request = Request::Take(atom!("apples"), 3);
    if let Err(error) = node.call::<_, i64>(("nothing", other.as_str()), request).await {
        println!("there is no nothing: {error}");
    }
    node.shutdown().await;
    Ok(())
}

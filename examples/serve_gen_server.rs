//! How do I write a server that Elixir and Erlang call as a gen_server of their own?
//!
//! ```text
//! $ cargo run --example serve_gen_server
//! example@HOST has a stock; Ctrl-C ends it
//!
//! $ iex --sname me --cookie secret
//! iex> stock = {:stock, :"example@HOST"}
//! iex> GenServer.cast(stock, {:put, "apples", 12})
//! :ok
//! iex> GenServer.call(stock, {:take, "apples", 3})
//! {:ok, 9}
//! iex> GenServer.call(stock, {:take, "apples", 10})
//! {:error, {:only, 9}}
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::HashMap;
use std::error::Error;

use erlnode::node::{Node, Process};
use erlnode::otp::gen_server::{From, GenServer, Reply};
use erlnode::process::Exit;
use serde::{Deserialize, Serialize};

/// How many there are of what.
#[derive(Default)]
struct Stock(HashMap<String, u32>);

/// `{take, What, N}`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Call {
    Take(String, u32),
}

/// `{put, What, N}`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Cast {
    Put(String, u32),
}

/// `{only, N}`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Shortage {
    Only(u32),
}

impl GenServer for Stock {
    type Call = Call;
    type Cast = Cast;
    /// `{ok, Left}` or `{error, {only, N}}`.
    type Reply = Result<u32, Shortage>;

    async fn handle_call(
        &mut self,
        Call::Take(what, n): Call,
        _from: From<Self::Reply>,
        _process: &mut Process,
    ) -> Result<Reply<Self::Reply>, Exit> {
        let there = self.0.entry(what).or_default();
        let left = there.checked_sub(n).ok_or(Shortage::Only(*there));
        *there = *left.as_ref().unwrap_or(there);
        Ok(Reply::Now(left))
    }

    async fn handle_cast(&mut self, Cast::Put(what, n): Cast, _process: &mut Process) -> Result<(), Exit> {
        let there = self.0.entry(what).or_default();
        *there = there.saturating_add(n);
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let node = Node::builder("example").cookie("secret").start().await?;
    node.start_server(Stock::default()).name("stock").await?;
    println!("{} has a stock; Ctrl-C ends it", node.name());
    tokio::signal::ctrl_c().await?;
    node.shutdown().await;
    Ok(())
}

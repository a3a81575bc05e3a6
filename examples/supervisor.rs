//! How do I have a process started again when it fails?
//!
//! ```text
//! $ cargo run --example supervisor
//! a server starts
//! example@HOST divides; Ctrl-C ends it
//!
//! $ erl -sname me -setcookie secret
//! 1> gen_server:call({divide, example@HOST}, {84, 2}).
//! 42
//! 2> catch gen_server:call({divide, example@HOST}, {1, 0}).
//! {'EXIT',{badarith,{gen_server,call,[{divide,example@HOST},{1,0}]}}}
//! 3> gen_server:call({divide, example@HOST}, {9, 3}).
//! 3
//! 4> supervisor:which_children({divisions, example@HOST}).
//! [{divide,<9021.18.0>,worker,['Divide']}]
//! ```
//!
//! The first command prints `a server starts` once more after the second call.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::time::Duration;

use erlnode::atom;
use erlnode::node::{Node, Process};
use erlnode::otp::gen_server::{From, GenServer, Never, Reply};
use erlnode::otp::supervisor::{ChildSpec, Supervisor};
use erlnode::process::Exit;

struct Divide;

impl Divide {
    fn new() -> Divide {
        println!("a server starts");
        Divide
    }
}

impl GenServer for Divide {
    type Call = (i64, i64);
    type Cast = Never;
    type Reply = i64;

    /// An error ends the server, and is what the caller's call ends with.
    async fn handle_call(
        &mut self,
        (a, b): (i64, i64),
        _from: From<i64>,
        _process: &mut Process,
    ) -> Result<Reply<i64>, Exit> {
        a.checked_div(b).map(Reply::Now).ok_or_else(|| Exit::from(atom!("badarith")))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let node = Node::builder("example").cookie("secret").start().await?;
    // At most three times in ten seconds; more than that, and the supervisor ends, too.
    let supervisor = Supervisor::one_for_one()
        .intensity(3, Duration::from_secs(10))
        .child(ChildSpec::server("divide", Divide::new).name("divide"));
    node.start_server(supervisor).name("divisions").await?;
    println!("{} divides; Ctrl-C ends it", node.name());
    tokio::signal::ctrl_c().await?;
    node.shutdown().await;
    Ok(())
}

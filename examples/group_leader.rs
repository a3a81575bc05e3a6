//! How do I see in my program what Erlang code prints?
//!
//! ```text
//! $ erl -sname me -setcookie secret
//!
//! $ cargo run --example group_leader -- me@HOST
//! the node printed: "[1,{two,3.0}] is a list\n"
//! it asked for a name and got one: "name? Hello Ann\n"
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use erlnode::node::Node;
use erlnode::otp::io::GroupLeader;
use erlnode::term::Term;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let other = std::env::args().nth(1).ok_or("which node? for example me@HOST")?;
    let node = Node::builder("example").cookie("secret").dist_listen(false).start().await?;

    // What a called function prints goes to its group leader, which may be a process of this program.
    let (leader, printed) = GroupLeader::capture();
    let leader = leader.input_text("Ann\n").start(&node);

    let arguments: Term = "[1, {two, 3.0}]".parse()?;
    let format = ("~p is a list~n", vec![arguments]);
    node.erpc(&other).call::<_, Term>("io", "format", format).group_leader(leader.clone()).await?;
    println!("the node printed: {:?}", printed.take());

    let name: String =
        node.erpc(&other).call("io", "get_line", ("name? ",)).group_leader(leader.clone()).await?;
    let hello = (format!("Hello {name}"),);
    node.erpc(&other).call::<_, Term>("io", "put_chars", hello).group_leader(leader).await?;
    println!("it asked for a name and got one: {:?}", printed.take());

    node.shutdown().await;
    Ok(())
}

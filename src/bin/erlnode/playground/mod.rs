//! The playground: what `erlnode start` has on it to talk to.
//!
//! Processes with a name, and functions of a module `rust`, made only with what the library offers to every program.
//!
//! | file | what it has |
//! | --- | --- |
//! | `echo`, `sink`, `source` | the processes of these names |
//! | `counter` | the generic server of this name, and its supervisor |
//! | `functions` | functions that only compute, fail or start processes |
//! | `client` | functions that have this node connect, send, call and spawn |
//! | `watch` | functions that have it link and monitor |
//! | `groups` | functions for process groups |
//! | `global` | functions that have it register and look up global names |
//! | `bench` | functions that measure |

mod bench;
mod client;
mod counter;
mod echo;
mod functions;
mod global;
mod groups;
mod sink;
mod source;
mod watch;

use erlnode::node::{Node, Process};
use erlnode::otp::io::GroupLeader;
use erlnode::process::Exit;

/// The module of all functions.
const MODULE: &str = "rust";

/// Starts the processes and exports the functions.
pub(crate) async fn set_up(node: &Node) {
    node.set_user(GroupLeader::stdout().input_stdin());
    start(node, "echo", echo::echo);
    start(node, "sink", sink::sink);
    start(node, "source", source::source);
    node.start_server(counter::supervisor()).await.expect("nothing is in the way of a node that starts");
    functions::export(node);
    client::export(node);
    watch::export(node);
    node.pg().start().expect("a node that starts has no process of this name");
    groups::export(node);
    global::export(node);
    bench::export(node);
}

fn start<F, Fut>(node: &Node, name: &str, body: F)
where
    F: FnOnce(Process) -> Fut,
    Fut: Future<Output = Result<(), Exit>> + Send + 'static,
{
    let pid = node.spawn(body);
    node.register(name, &pid).expect("a node that starts has none of these names");
}

//! `pg` in clusters of BEAM and Rust nodes.
//!
//! | file | what is tested |
//! | --- | --- |
//! | `cluster` | who is a member, in clusters of all releases, through partitions and deaths |
//! | `functions` | the functions of `pg` called on a Rust node, and what its scope process is asked |
//! | `restarts` | scopes that are ended and started again, on both sides |
//!
//! OTP 25 and 29 can't be in one scope: the scope process of 25 ends when one of 29 says that it is there. So where all
//! releases are one cluster, there are two scopes: `old` on 25 and 27, `new` on 27 and 29.

mod cluster;
mod functions;
mod restarts;

use erlnode::node::Node;
use erlnode::term::{Atom, Pid, Term};
use interop_tests::{BeamNode, Epmd, NodeOptions, PATIENCE, Release, unique_name, wait_until};

const RELEASES: [Release; 3] = [Release::Otp25, Release::Otp27, Release::Otp29];

/// A process that waits for ever, as a BEAM shell starts one.
const IDLE: &str = "spawn(fun() -> receive stop -> ok end end)";

async fn rust_node(epmd: &Epmd, scopes: &[&str]) -> Node {
    let builder = Node::builder(&unique_name("rust")).cookie("interop").epmd_port(epmd.port());
    let node = builder.serve_epmd(false).start().await.unwrap_or_else(|error| panic!("{error}"));
    for scope in scopes {
        node.pg_scope(scope).start().unwrap();
    }
    node
}

async fn beam(release: Release, epmd: &Epmd, scopes: &[&str]) -> BeamNode {
    let beam = BeamNode::start(release, NodeOptions::with(epmd)).await;
    for scope in scopes {
        start_scope(&beam, scope).await;
    }
    beam
}

async fn start_scope(beam: &BeamNode, scope: &str) {
    beam.expect(&format!("{{ok, _}} = pg:start({scope}), ok"), "ok").await;
}

async fn connect(node: &Node, beam: &BeamNode) {
    node.connect(beam.name()).await.unwrap_or_else(|error| panic!("{error}"));
}

/// A process that does nothing.
fn idle(node: &Node) -> Pid {
    node.spawn(|_process| std::future::pending())
}

fn group(name: &str) -> Term {
    Atom::new(name).expect("a short name").into()
}

async fn join(node: &Node, scope: &str, name: &str, pid: &Pid) {
    node.pg_scope(scope).join(group(name), pid).await.unwrap_or_else(|error| panic!("{error}"));
}

/// The nodes of the members as a BEAM prints them, each as often as it has some.
fn printed(mut nodes: Vec<&str>) -> String {
    nodes.sort_unstable();
    format!("[{}]", nodes.iter().map(|node| format!("'{node}'")).collect::<Vec<_>>().join(","))
}

/// Waits until the members of the group are as many on these nodes, wherever one asks.
async fn expect_members(rust: &[&Node], beams: &[&BeamNode], scope: &str, name: &str, nodes: &[&str]) {
    let expected = printed(nodes.to_vec());
    for node in rust {
        let members = async || {
            let members = node.pg_scope(scope).members(group(name));
            printed(members.iter().map(|pid| pid.node.as_str()).collect())
        };
        wait_until(PATIENCE, async || members().await == expected).await;
    }
    for beam in beams {
        let source = format!("lists:sort([node(P) || P <- pg:get_members({scope}, {name})]) =:= {expected}");
        beam.wait_until(&source, "true").await;
    }
}

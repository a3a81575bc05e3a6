//! `global` in clusters of BEAM and Rust nodes.
//!
//! | file | what is tested |
//! | --- | --- |
//! | `joining` | nodes become one cluster, in all constellations |
//! | `names` | names and locks, from both sides |
//! | `locks` | locks that Rust nodes set |
//! | `functions` | what others call of the module `global`, and of its server by `sys` |
//! | `apart` | nodes that take no part, or leave |
//! | `conflicts` | a name that both sides of a join have |
//! | `partitions` | who is cut off when connections are lost, and who is not |
//! | `restarts` | the processes of a member that are ended and started again |

mod apart;
mod conflicts;
mod functions;
mod joining;
mod locks;
mod names;
mod partitions;
mod restarts;

use erlnode::atom;
use erlnode::node::{Builder, Node};
use erlnode::term::{Atom, Pid, Term};
use interop_tests::{BeamNode, Epmd, NodeOptions, PATIENCE, Release, unique_name, wait_until};

const RELEASES: [Release; 3] = [Release::Otp25, Release::Otp27, Release::Otp29];

fn builder(epmd: &Epmd, prefix: &str) -> Builder {
    Node::builder(&unique_name(prefix)).cookie("interop").epmd_port(epmd.port()).serve_epmd(false)
}

/// A Rust node. Names of BEAM nodes begin with `otp`, so `prefix` decides who is greater.
async fn rust_node(epmd: &Epmd, prefix: &str) -> Node {
    builder(epmd, prefix).start().await.unwrap_or_else(|error| panic!("{error}"))
}

async fn beam(release: Release, epmd: &Epmd) -> BeamNode {
    BeamNode::start(release, NodeOptions::with(epmd)).await
}

/// One of each release, not connected.
async fn three_beams(epmd: &Epmd) -> [BeamNode; 3] {
    let [a, b, c] = RELEASES;
    tokio::join!(beam(a, epmd), beam(b, epmd), beam(c, epmd)).into()
}

/// One of each release, which are a cluster.
async fn cluster(epmd: &Epmd) -> [BeamNode; 3] {
    let beams = three_beams(epmd).await;
    connect(&beams[0], beams[1].name()).await;
    connect(&beams[0], beams[2].name()).await;
    expect_members(&[], &beams.each_ref()).await;
    beams
}

async fn connect(beam: &BeamNode, to: &str) {
    beam.expect(&format!("net_kernel:connect_node('{to}')"), "true").await;
}

fn sorted(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.into_iter().collect();
    names.sort();
    names
}

/// The other members that the node's global name server knows.
async fn known(node: &Node) -> Vec<String> {
    let known: Vec<Atom> = node.call("global_name_server", atom!("get_known")).await.expect("a reply");
    sorted(known.iter().map(|node| node.as_str().to_owned()))
}

/// Waits until each of the nodes knows all others and nobody else, and has nothing left of the way there.
async fn expect_members(rust: &[&Node], beams: &[&BeamNode]) {
    let names = rust.iter().map(|node| node.name().as_str().to_owned());
    let names = sorted(names.chain(beams.iter().map(|beam| beam.name().to_owned())));
    let others = |own: &str| names.iter().filter(|name| *name != own).cloned().collect::<Vec<_>>();
    for node in rust {
        let expected = others(node.name().as_str());
        wait_until(PATIENCE, async || known(node).await == expected).await;
        within(node.global().sync()).await.unwrap();
    }
    for beam in beams {
        let expected =
            others(beam.name()).iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(",");
        let state = format!(
            "[lists:sort(nodes() -- [{expected}]), lists:sort([{expected}] -- nodes()),
              lists:sort(gen_server:call(global_name_server, get_known)) =:= lists:sort([{expected}]),
              ets:tab2list(global_locks)]"
        );
        beam.wait_until(&state, "[[],[],true,[]]").await;
        beam.expect("global:sync()", "ok").await;
    }
}

/// Every node registers a name, which all others see at once, and takes it back.
async fn expect_names_work(rust: &[&Node], beams: &[&BeamNode]) {
    for beam in beams {
        let name = Term::tuple([atom!("name_of").into(), Atom::new(beam.name()).unwrap().into()]);
        let shown = format!("{{name_of, {}}}", beam.atom());
        register(beam, &shown).await;
        for node in rust {
            let pid = node.global().whereis_name(name.clone()).expect("the name is known");
            assert_eq!(pid.node.as_str(), beam.name());
        }
        for other in beams {
            other.expect(&format!("node(global:whereis_name({shown}))"), &beam.atom()).await;
        }
        beam.expect(&format!("global:unregister_name({shown})"), "ok").await;
    }
    for node in rust {
        let name = Term::tuple([atom!("name_of").into(), node.name().as_atom().clone().into()]);
        let shown = format!("{{name_of, '{}'}}", node.name());
        let pid = sleeper(node);
        within(node.global().register_name(name.clone(), &pid)).await.unwrap();
        for other in rust {
            assert_eq!(other.global().whereis_name(name.clone()), Some(pid.clone()));
        }
        for beam in beams {
            beam.expect(&format!("node(global:whereis_name({shown})) =:= '{}'", node.name()), "true").await;
        }
        within(node.global().unregister_name(name.clone())).await.unwrap();
        for beam in beams {
            beam.expect(&format!("global:whereis_name({shown})"), "undefined").await;
        }
    }
}

/// Registers a new process of the BEAM under `name`.
async fn register(beam: &BeamNode, name: &str) {
    let register = format!("global:register_name({name}, spawn(fun() -> receive stop -> ok end end))");
    beam.expect(&register, "yes").await;
}

/// What takes some milliseconds, or for ever if a node does not answer.
async fn within<T>(future: impl IntoFuture<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future.into_future()).await.expect("it takes some milliseconds")
}

/// A process that does nothing.
fn sleeper(node: &Node) -> Pid {
    node.spawn(|_process| std::future::pending())
}

//! The functions of module `net_kernel` that other nodes call, by rpc as a rule.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use super::{Ask, Change, state, ticktime, ticktime_change};
use crate::atom;
use crate::node::{Caller, Node, NodeInfo, NodeMonitorOptions, NodeType, Raise};
use crate::term::{Atom, List, Term};

/// What a function gives that is not there for this node: `ignored`.
fn ignored() -> Term {
    atom!("ignored").into()
}

/// Exports them.
pub(crate) fn export(node: &Node) {
    export_connections(node);
    export_ticktime(node);
    export_state(node);
    export_monitors(node);
}

fn export_connections(node: &Node) {
    for name in ["connect_node", "hidden_connect_node"] {
        node.export("net_kernel", name, async |caller: Caller, (other,): (Atom,)| {
            let connected = Change::Connect(other).make(caller.node()).await;
            Ok(if caller.node().is_alive() { connected } else { ignored() })
        });
    }
    node.export("net_kernel", "disconnect", async |caller: Caller, (other,): (Atom,)| {
        Ok(Change::Disconnect(other).make(caller.node()).await)
    });
    node.export("net_kernel", "passive_cnct", async |caller: Caller, (other,): (Atom,)| {
        Ok(Change::ConnectPassively(other).make(caller.node()).await)
    });
    node.export("net_kernel", "allow", async |caller: Caller, (nodes,): (Vec<Term>,)| {
        Ok(Change::Allow(nodes).make(caller.node()).await)
    });
    node.export("net_kernel", "allowed", async |caller: Caller, (): ()| {
        Ok(Ask::Allowed.answer(caller.node()))
    });
}

fn seconds(time: Duration) -> Term {
    Term::from(time.as_secs())
}

fn set_ticktime(node: &Node, time: NonZeroU32, transition: u32) -> Term {
    if !node.is_alive() {
        return ignored();
    }
    let [time, transition] = [time.get(), transition].map(|seconds| Duration::from_secs(seconds.into()));
    ticktime_change(node.set_net_ticktime_within(time, transition), seconds)
}

fn export_ticktime(node: &Node) {
    node.export("net_kernel", "set_net_ticktime", async |caller: Caller, (time,): (NonZeroU32,)| {
        Ok(set_ticktime(caller.node(), time, 60))
    });
    node.export(
        "net_kernel",
        "set_net_ticktime",
        async |caller: Caller, (time, transition): (NonZeroU32, u32)| {
            Ok(set_ticktime(caller.node(), time, transition))
        },
    );
    node.export("net_kernel", "get_net_ticktime", async |caller: Caller, (): ()| {
        let node = caller.node();
        Ok(if node.is_alive() { ticktime(node, seconds) } else { ignored() })
    });
}

fn export_state(node: &Node) {
    node.export("net_kernel", "longnames", async |caller: Caller, (): ()| {
        Ok(Ask::Longnames.answer(caller.node()))
    });
    node.export("net_kernel", "nodename", async |caller: Caller, (): ()| {
        Ok(Ask::Nodename.answer(caller.node()))
    });
    node.export("net_kernel", "get_state", async |caller: Caller, (): ()| Ok(state(caller.node())));
    node.export("net_kernel", "epmd_module", async |_: Caller, (): ()| Ok(atom!("erl_epmd")));
    node.export("net_kernel", "nodes_info", async |caller: Caller, (): ()| {
        let nodes = infos(caller.node()).into_iter().map(|(node, info)| Term::tuple([node.into(), info]));
        Ok(Term::tuple([atom!("ok").into(), Term::list(nodes)]))
    });
    node.export("net_kernel", "node_info", async |caller: Caller, (other,): (Atom,)| {
        Ok(match info_of(caller.node(), &other) {
            Some(info) => Term::tuple([atom!("ok").into(), info]),
            None => error(atom!("bad_node")),
        })
    });
    node.export("net_kernel", "node_info", async |caller: Caller, (other, key): (Atom, Term)| {
        let Some(info) = info_of(caller.node(), &other) else { return Ok(error(atom!("bad_node"))) };
        let value = info.as_list().unwrap_or_default().iter().find_map(|pair| match pair.as_tuple() {
            Some([name, value]) if *name == key => Some(value.clone()),
            _ => None,
        });
        Ok(match value {
            Some(value) => Term::tuple([atom!("ok").into(), value]),
            None => error(atom!("invalid_key")),
        })
    });
}

fn error(why: Atom) -> Term {
    Term::tuple([Term::Atom(atom!("error")), Term::Atom(why)])
}

fn info_of(node: &Node, other: &Atom) -> Option<Term> {
    infos(node).into_iter().find_map(|(name, info)| (name == *other).then_some(info))
}

/// What is known of each connection, as OTP lists it. The owner, a process of the connection there, is `net_kernel` here.
fn infos(node: &Node) -> Vec<(Atom, Term)> {
    let owner = node.whereis("net_kernel").map_or(Term::Atom(atom!("undefined")), Term::Pid);
    let infos = node.nodes_info(NodeType::Connected).into_iter();
    infos.map(|info| (info.node.clone(), info_term(info, owner.clone()))).collect()
}

fn info_term(info: NodeInfo, owner: Term) -> Term {
    let node_type = if info.node_type == NodeType::Hidden { atom!("hidden") } else { atom!("normal") };
    let host = info.node.as_str().split_once('@').map_or("", |(_, host)| host);
    let host: List = host.chars().map(|character| Term::from(u32::from(character))).collect();
    let (family, address) = match info.address {
        Some(address) => {
            let numbers = match address.ip().to_canonical() {
                IpAddr::V4(ip) => Term::tuple(ip.octets().map(Term::from)),
                IpAddr::V6(ip) => Term::tuple(ip.segments().map(Term::from)),
            };
            let family = if address.ip().to_canonical().is_ipv4() { atom!("inet") } else { atom!("inet6") };
            (family, Term::tuple([numbers, Term::from(address.port())]))
        }
        None => (atom!("inet"), Term::Atom(atom!("undefined"))),
    };
    let address = Term::tuple([
        atom!("net_address").into(),
        address,
        Term::List(host),
        atom!("tcp").into(),
        Term::Atom(family),
    ]);
    let pairs = [
        (atom!("owner"), owner),
        (atom!("state"), Term::Atom(atom!("up"))),
        (atom!("address"), address),
        (atom!("type"), Term::Atom(node_type)),
        (atom!("in"), Term::from(info.received)),
        (atom!("out"), Term::from(info.sent)),
    ];
    Term::list(pairs.map(|(key, value)| Term::tuple([Term::Atom(key), value])))
}

/// They are of use to who spawns a process here that goes on.
fn export_monitors(node: &Node) {
    node.export("net_kernel", "monitor_nodes", async |caller: Caller, (flag,): (Term,)| {
        Ok(monitor_nodes(&caller, &flag, &Term::NIL))
    });
    node.export("net_kernel", "monitor_nodes", async |caller: Caller, (flag, options): (Term, Term)| {
        Ok::<_, Raise>(monitor_nodes(&caller, &flag, &options))
    });
}

fn monitor_nodes(caller: &Caller, flag: &Term, options: &Term) -> Term {
    let is_begun = match flag.as_atom().map(Atom::as_str) {
        Some("true") => true,
        Some("false") => false,
        _ => return atom!("error").into(),
    };
    match NodeMonitorOptions::read(options) {
        Ok(options) if is_begun => caller.monitor_nodes_with(options),
        Ok(options) => caller.demonitor_nodes_with(options),
        Err(error) => return error,
    }
    atom!("ok").into()
}

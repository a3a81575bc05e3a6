//! What is asked of module `erlang` about nodes.

use super::{Value, badarg};
use crate::atom;
use crate::node::{Caller, Node, NodeInfo, NodeType, Raise};
use crate::term::{Atom, Map, Term};

impl Node {
    pub(super) fn export_node_functions(&self) {
        self.bif("node", async |caller: Caller, (): ()| Ok(caller.node().name().as_atom().clone()));
        self.bif("is_alive", async |caller: Caller, (): ()| Ok(caller.node().is_alive()));
        self.bif("nodes", async |caller: Caller, (): ()| Ok(caller.node().nodes(NodeType::Visible)));
        self.bif("nodes", async |caller: Caller, (which,): (Term,)| {
            let mut nodes = caller.node().nodes(node_types(&which)?);
            nodes.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
            Ok(nodes)
        });
        self.bif("nodes", async |caller: Caller, (which, wanted): (Term, Term)| -> Value {
            nodes_with_info(caller.node(), &which, &wanted)
        });
        self.bif("disconnect_node", async |caller: Caller, (node,): (Term,)| match node.as_atom() {
            Some(node) => Ok(caller.node().disconnect(node.as_str()).await),
            None => Ok(false),
        });
        self.bif("monitor_node", async |caller: Caller, (node, flag): (Atom, bool)| {
            monitor_node(&caller, &node, flag).await;
            Ok(true)
        });
        self.bif("monitor_node", async |caller: Caller, (node, flag, options): (Atom, bool, Vec<Term>)| {
            if !options.iter().all(|option| option.is_atom("allow_passive_connect")) {
                return Err(badarg());
            }
            monitor_node(&caller, &node, flag).await;
            Ok(true)
        });
    }
}

async fn monitor_node(caller: &Caller, node: &Atom, flag: bool) {
    if flag {
        caller.monitor_node(node.as_str()).await;
    } else {
        caller.demonitor_node(node.as_str());
    }
}

/// The kind of nodes, or a list of them.
fn node_types(which: &Term) -> Result<Vec<NodeType>, Raise> {
    let one = |which: &Term| match which.as_atom().map(Atom::as_str) {
        Some("visible") => Ok(NodeType::Visible),
        Some("hidden") => Ok(NodeType::Hidden),
        Some("connected") => Ok(NodeType::Connected),
        Some("this") => Ok(NodeType::This),
        Some("known") => Ok(NodeType::Known),
        _ => Err(badarg()),
    };
    match which {
        Term::List(all) => all.iter().map(one).collect(),
        which => Ok(vec![one(which)?]),
    }
}

/// `nodes/2`: what is wanted of each is a map with `connection_id` and `node_type`, each `true` or `false`.
fn nodes_with_info(node: &Node, which: &Term, wanted: &Term) -> Value {
    let Term::Map(wanted) = wanted else { return Err(badarg()) };
    let (mut connection_id, mut node_type) = (false, false);
    for (key, value) in wanted.iter() {
        let flag = match value.as_atom().map(Atom::as_str) {
            Some("true") => true,
            Some("false") => false,
            _ => return Err(badarg()),
        };
        match key.as_atom().map(Atom::as_str) {
            Some("connection_id") => connection_id = flag,
            Some("node_type") => node_type = flag,
            _ => return Err(badarg()),
        }
    }
    let info = |info: NodeInfo| {
        let id = info.connection_id.map_or(Term::Atom(atom!("undefined")), Term::from);
        let kind = match info.node_type {
            NodeType::This => atom!("this"),
            NodeType::Hidden => atom!("hidden"),
            _ => atom!("visible"),
        };
        let pairs = [
            connection_id.then(|| (Term::Atom(atom!("connection_id")), id)),
            node_type.then(|| (Term::Atom(atom!("node_type")), Term::Atom(kind))),
        ];
        Term::tuple([info.node.into(), Term::Map(pairs.into_iter().flatten().collect::<Map>())])
    };
    let mut infos = node.nodes_info(node_types(which)?);
    infos.sort_unstable_by(|a, b| a.node.as_str().cmp(b.node.as_str()));
    Ok(Term::list(infos.into_iter().map(info)))
}

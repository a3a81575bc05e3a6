//! Who is told of nodes that come and go.
//!
//! | asked for by                                   | told by                                       | how often              |
//! | ---------------------------------------------- | --------------------------------------------- | ---------------------- |
//! | `monitor_node/2`, of one node                  | `{nodedown, Node}`                            | once a call, then over |
//! | `net_kernel:monitor_nodes/1`                   | `{nodeup, Node}` and `{nodedown, Node}`       | once a call, each time |
//! | `net_kernel:monitor_nodes/2`, with options     | `{nodeup, Node, Info}` and `{nodedown, Node, Info}` | the same         |

mod options;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;

use foldhash::fast::FixedState;
use smallvec::SmallVec;

pub use self::options::NodeMonitorOptions;
use super::connection::Connection;
use super::{Node, NodeType, Process};
use crate::atom;
use crate::dist::driver::CloseReason;
use crate::process::{Message, MessageTrace, Signal};
use crate::term::{Atom, Pid, Term};

/// A node has come, or gone.
#[derive(Debug, Clone, Copy)]
struct News<'a> {
    node: &'a Atom,
    hidden: bool,
    connection_id: u64,
    /// Why it has gone.
    down: Option<&'a CloseReason>,
}

/// A message for a process, to be sent so many times.
#[derive(Debug, PartialEq)]
pub(super) struct Told {
    pid: Pid,
    message: Term,
    times: usize,
}

/// All that processes want to know of nodes.
#[derive(Debug, Default)]
pub(super) struct NodeMonitors {
    /// As often as each process has subscribed, with the same options.
    subscriptions: HashMap<Pid, SmallVec<[(NodeMonitorOptions, usize); 1]>, FixedState>,
    /// As often as each process wants to hear of the end of a node.
    by_node: HashMap<Atom, HashMap<Pid, usize, FixedState>, FixedState>,
    /// The nodes in `by_node` for each process.
    by_process: HashMap<Pid, HashSet<Atom, FixedState>, FixedState>,
}

impl NodeMonitors {
    fn subscribe(&mut self, pid: &Pid, monitor: NodeMonitorOptions) {
        let subscriptions = self.subscriptions.entry(pid.clone()).or_default();
        match subscriptions.iter_mut().find(|(other, _)| *other == monitor) {
            Some((_, times)) => *times += 1,
            None => subscriptions.push((monitor, 1)),
        }
    }

    /// Ends all subscriptions with the same options.
    fn unsubscribe(&mut self, pid: &Pid, monitor: NodeMonitorOptions) {
        if let Some(subscriptions) = self.subscriptions.get_mut(pid) {
            subscriptions.retain(|(other, _)| *other != monitor);
            if subscriptions.is_empty() {
                self.subscriptions.remove(pid);
            }
        }
    }

    fn monitor(&mut self, pid: &Pid, node: &Atom) {
        *self.by_node.entry(node.clone()).or_default().entry(pid.clone()).or_default() += 1;
        self.by_process.entry(pid.clone()).or_default().insert(node.clone());
    }

    /// Takes one call of [`monitor`](NodeMonitors::monitor) back.
    fn demonitor(&mut self, pid: &Pid, node: &Atom) {
        let Some(times) = self.by_node.get_mut(node).and_then(|processes| processes.get_mut(pid)) else {
            return;
        };
        *times -= 1;
        if *times == 0 {
            self.remove(pid, node);
            if let Some(nodes) = self.by_process.get_mut(pid) {
                nodes.remove(node);
            }
        }
    }

    fn remove(&mut self, pid: &Pid, node: &Atom) {
        if let Some(processes) = self.by_node.get_mut(node) {
            processes.remove(pid);
            if processes.is_empty() {
                self.by_node.remove(node);
            }
        }
    }

    /// Forgets a process that has ended.
    fn forget(&mut self, pid: &Pid) {
        self.subscriptions.remove(pid);
        for node in self.by_process.remove(pid).unwrap_or_default() {
            self.remove(pid, &node);
        }
    }

    /// What is to be told of a connection, which has come up, or gone down for a reason.
    pub(super) fn tell(&mut self, connection: &Connection, down: Option<&CloseReason>) -> Vec<Told> {
        let node = connection.peer.as_atom();
        self.tell_news(&News { node, hidden: connection.hidden, connection_id: connection.id, down })
    }

    fn tell_news(&mut self, news: &News<'_>) -> Vec<Told> {
        let mut told = Vec::new();
        for (pid, subscriptions) in &self.subscriptions {
            for (options, times) in subscriptions {
                let message = options.message(news);
                told.extend(message.map(|message| Told { pid: pid.clone(), message, times: *times }));
            }
        }
        if news.down.is_some() {
            for (pid, times) in self.by_node.remove(news.node).unwrap_or_default() {
                if let Some(nodes) = self.by_process.get_mut(&pid) {
                    nodes.remove(news.node);
                }
                told.push(Told { pid, message: nodedown(news.node.clone()), times });
            }
        }
        told
    }
}

/// What [`Process::monitor_nodes_with_info`] tells.
const fn with_info(which: NodeType) -> NodeMonitorOptions {
    NodeMonitorOptions::list().node_type(which).nodedown_reason()
}

/// What `monitor_node/2` gives.
fn nodedown(node: Atom) -> Term {
    Term::tuple([Term::Atom(atom!("nodedown")), Term::Atom(node)])
}

impl Node {
    /// Sends what [`NodeMonitors::tell`] gave. No lock is to be held: the wakers of processes are code of others.
    pub(super) fn send_told(&self, told: Vec<Told>) {
        for Told { pid, message, times } in told {
            for _ in 0..times {
                self.tell(&pid, message.clone());
            }
        }
    }

    fn tell(&self, pid: &Pid, message: Term) {
        self.deliver(
            self.pid(),
            pid,
            Signal::Message(Message::from_term(message).with_trace(MessageTrace::Unaffected)),
        );
    }

    /// Forgets what `pid` wanted to be told of nodes.
    pub(crate) fn forget_node_monitors(&self, pid: &Pid) {
        self.net_kernel().with_monitors(|monitors| monitors.forget(pid));
    }
}

impl Process {
    /// Has this process told of nodes that come and go from now on, by messages `{nodeup, Node}` and
    /// `{nodedown, Node}`. No message of a node arrives before its `nodeup`.
    ///
    /// Each call has one message more follow.
    ///
    /// Does what `net_kernel:monitor_nodes(true)` does.
    pub fn monitor_nodes(&self, which: NodeType) {
        self.monitor_nodes_with(NodeMonitorOptions::pairs(which));
    }

    /// As [`monitor_nodes`](Process::monitor_nodes), by messages `{nodeup, Node, Info}` and `{nodedown, Node, Info}`
    /// where `Info` is a list with `{node_type, visible | hidden}` and, of a node that has gone,
    /// `{nodedown_reason, Reason}`.
    ///
    /// Does what `net_kernel:monitor_nodes(true, [nodedown_reason, {node_type, Which}])` does.
    pub fn monitor_nodes_with_info(&self, which: NodeType) {
        self.monitor_nodes_with(with_info(which));
    }

    /// As [`monitor_nodes`](Process::monitor_nodes), with all options of OTP: by messages `{nodeup, Node, Info}` and
    /// `{nodedown, Node, Info}`.
    ///
    /// Does what `net_kernel:monitor_nodes(true, Options)` does.
    pub fn monitor_nodes_with(&self, options: NodeMonitorOptions) {
        self.cell().monitors_nodes.store(true, Ordering::Relaxed);
        self.node().net_kernel().with_monitors(|monitors| monitors.subscribe(self.pid(), options));
    }

    /// Ends all that [`monitor_nodes`](Process::monitor_nodes) began for the same nodes.
    ///
    /// Does what `net_kernel:monitor_nodes(false)` does.
    pub fn demonitor_nodes(&self, which: NodeType) {
        self.demonitor_nodes_with(NodeMonitorOptions::pairs(which));
    }

    /// Ends all that [`monitor_nodes_with_info`](Process::monitor_nodes_with_info) began for the same nodes.
    ///
    /// Does what `net_kernel:monitor_nodes(false, [nodedown_reason, {node_type, Which}])` does.
    pub fn demonitor_nodes_with_info(&self, which: NodeType) {
        self.demonitor_nodes_with(with_info(which));
    }

    /// Ends all that [`monitor_nodes_with`](Process::monitor_nodes_with) began with the same options.
    ///
    /// Does what `net_kernel:monitor_nodes(false, Options)` does.
    pub fn demonitor_nodes_with(&self, options: NodeMonitorOptions) {
        self.node().net_kernel().with_monitors(|monitors| monitors.unsubscribe(self.pid(), options));
    }

    /// Has this process told, by `{nodedown, Node}`, when the connection to `node` goes; connects if need be. If that is
    /// not possible, or connections are not [made by themselves](super::Builder::dist_auto_connect), the message comes at once. Each call has one message follow.
    ///
    /// # Panics
    /// When `node` is longer than an atom can be.
    ///
    /// # Cancel safety
    /// When dropped before it is done, no message follows; a connection may come up all the same.
    ///
    /// Does what `monitor_node(Node, true)` does.
    pub async fn monitor_node(&self, node: &str) {
        let name = Atom::new(node).expect("a name of at most 255 characters");
        self.cell().monitors_nodes.store(true, Ordering::Relaxed);
        // What is not connected by then is down.
        let _ = self.node().connected(&name).await;
        let net_kernel = self.node().net_kernel();
        let up = net_kernel.with_monitors_if_up(&name, |monitors| monitors.monitor(self.pid(), &name));
        if !up {
            self.node().tell(self.pid(), nodedown(name));
        }
    }

    /// Takes one call of [`monitor_node`](Process::monitor_node) back: one message less follows.
    ///
    /// # Panics
    /// When `node` is longer than an atom can be.
    ///
    /// Does what `monitor_node(Node, false)` does.
    pub fn demonitor_node(&self, node: &str) {
        let name = Atom::new(node).expect("a name of at most 255 characters");
        self.node().net_kernel().with_monitors(|monitors| monitors.demonitor(self.pid(), &name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::Creation;

    const A: Atom = atom!("a@h");
    const PAIRS: NodeMonitorOptions = NodeMonitorOptions::pairs(NodeType::Visible);
    const WITH_INFO: NodeMonitorOptions = with_info(NodeType::Connected);
    const UP: News<'_> = News { node: &A, hidden: false, connection_id: 7, down: None };

    fn pid(id: u32) -> Pid {
        Pid { node: atom!("own@h"), id, serial: 0, creation: Creation(1) }
    }

    /// Who is told what and how often, as text.
    fn told(told: Vec<Told>) -> Vec<String> {
        let mut told: Vec<String> =
            told.into_iter().map(|told| format!("{} {} {}", told.pid.id, told.times, told.message)).collect();
        told.sort();
        told
    }

    #[test]
    fn subscriptions_count_by_process_and_options_and_end_together() {
        let mut monitors = NodeMonitors::default();
        for monitor in [PAIRS, PAIRS, WITH_INFO] {
            monitors.subscribe(&pid(1), monitor);
        }
        monitors.subscribe(&pid(2), PAIRS);
        let up = ["1 1 {nodeup,a@h,[{node_type,visible}]}", "1 2 {nodeup,a@h}", "2 1 {nodeup,a@h}"];
        assert_eq!(told(monitors.tell_news(&UP)), up);
        let reason = "[{nodedown_reason,net_tick_timeout},{node_type,hidden}]";
        let down = [format!("1 1 {{nodedown,a@h,{reason}}}")];
        assert_eq!(
            told(monitors.tell_news(&News { hidden: true, down: Some(&CloseReason::NoTick), ..UP })),
            down
        );
        monitors.unsubscribe(&pid(1), PAIRS);
        assert_eq!(told(monitors.tell_news(&UP)), [up[0], up[2]]);
        monitors.forget(&pid(1));
        monitors.unsubscribe(&pid(2), PAIRS);
        assert!(monitors.subscriptions.is_empty());
    }

    #[test]
    fn the_end_of_one_node_is_told_as_often_as_asked_for_and_then_no_more() {
        let mut monitors = NodeMonitors::default();
        for _ in 0..3 {
            monitors.monitor(&pid(1), &A);
        }
        monitors.monitor(&pid(2), &A);
        monitors.monitor(&pid(2), &atom!("b@h"));
        monitors.demonitor(&pid(1), &A);
        monitors.demonitor(&pid(2), &A);
        monitors.demonitor(&pid(2), &A);
        assert!(monitors.tell_news(&UP).is_empty());
        let down = Some(&CloseReason::ClosedByPeer);
        assert_eq!(told(monitors.tell_news(&News { down, ..UP })), ["1 2 {nodedown,a@h}"]);
        assert!(monitors.tell_news(&News { down, ..UP }).is_empty());
        monitors.forget(&pid(1));
        monitors.forget(&pid(2));
        assert!(monitors.by_node.is_empty() && monitors.by_process.is_empty());
    }
}

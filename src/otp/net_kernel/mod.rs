//! `net_kernel`, the process that other nodes ask whether this one is there, and about its connections.
//!
//! | call | answer |
//! | ---- | ------ |
//! | `{is_auth, Node}` | `yes`: this is what `net_adm:ping/1` asks |
//! | `{connect, normal \| hidden, Node}` | `true` as soon as there is a connection, or `false` |
//! | `{passive_cnct, Node}` | the same, but only if [connections are made by themselves][auto] |
//! | `{disconnect, Node}`, and the cast `{async_disconnect, Node}` | whether there was a connection; it is closed |
//! | `{allow, Nodes}`, `allowed` | `ok`, or `error` if these are no names; `{ok, Nodes}` |
//! | `ticktime`, `{new_ticktime, Ms, TransitionMs}` | see [`Node::set_net_ticktime_within`], in milliseconds |
//! | `longnames`, `nodename`, `get_state`, `{verbose, Level}` | what they are called |
//! | `{setopts \| getopts, Node, Options}` | `{error, noconnection}`, or `{error, enotsup}`: sockets are this program's |
//! | `{spawn, M, F, Args, GroupLeader}` | the pid of a new process |
//! | `{spawn_link, M, F, Args, GroupLeader}` | the pid of a new process that has linked to the caller before |
//! | `{spawn_opt, M, F, Args, Options, link \| no_link, GroupLeader}` | the same, or `{'EXIT', {badarg, []}}` |
//! | anything else | none, as in OTP |
//!
//! Nodes of OTP 23 and later spawn by a request of the connection; the calls are from the time before. The functions of
//! module `net_kernel`, as others call them by rpc, are in [`functions`].
//!
//! [auto]: crate::node::Builder::dist_auto_connect

mod functions;
mod spawn;

use std::time::Duration;

pub(super) use self::functions::export;
use self::spawn::Spawn;
use super::r#gen::{From, Request};
use super::sys::Service;
use crate::atom;
use crate::dist::NameKind;
use crate::node::{CallFrom, Caller, NetTicktime, Node, NodeType, Process, TicktimeChange};
use crate::process::{Exit, Message};
use crate::term::{self, Atom, Map, Term};

/// Answers, and never waits for whom it answers.
pub(crate) async fn net_kernel(mut process: Process) -> Result<(), Exit> {
    let mut sys = Service::new(atom!("net_kernel"));
    loop {
        let node = process.node().clone();
        let (peer, request) = sys.receive_with_origin(&mut process, || state(&node)).await?;
        match request {
            Request::Call(from, request) => answer(&process, &mut sys, peer, from, request),
            Request::Cast(request) => cast(&process, peer, request),
            _ => tracing::debug!("net_kernel got an unknown message"),
        }
    }
}

fn answer(process: &Process, sys: &mut Service, peer: Option<Atom>, from: From, request: Message) {
    let node = process.node();
    let (what, arity) = request.tag_and_arity().unwrap_or((atom!("undefined"), 0));
    if matches!((what.as_str(), arity), ("spawn" | "spawn_link" | "spawn_opt", 5 | 7)) {
        match Spawn::read(request, &what) {
            Some(spawn) => spawn.run(node, peer, from),
            None => {
                let badarg = Term::tuple([Term::Atom(atom!("badarg")), Term::NIL]);
                from.post(node, process.pid(), &Term::tuple([Term::Atom(atom!("EXIT")), badarg]));
            }
        }
        return;
    }
    let Ok(request) = request.to_term() else {
        tracing::debug!(caller = ?from.pid(), "net_kernel got a malformed request");
        return;
    };
    match Question::read(&request) {
        Some(Question::Change(change)) => {
            let (node, pid) = (node.clone(), process.pid().clone());
            let caller = CallFrom { pid: from.pid().clone(), peer };
            run(&node.clone(), caller, change, move |answer| from.post(&node, &pid, &answer));
        }
        Some(Question::Ask(ask)) => sys.reply(process, from, &ask.answer(node), || state(node)),
        None => tracing::debug!(caller = ?from.pid(), "net_kernel got an unknown request"),
    }
}

fn cast(process: &Process, peer: Option<Atom>, request: Message) {
    match request.decode::<(Atom, Atom)>() {
        Ok((what, other)) if what == "async_disconnect" => {
            let caller = CallFrom { pid: process.pid().clone(), peer };
            run(process.node(), caller, Change::Disconnect(other), |_| ());
        }
        _ => tracing::debug!("net_kernel got an unknown cast"),
    }
}

/// Does what was asked for in a process of its own, if the function that does the same may be called.
fn run(node: &Node, from: CallFrom, change: Change, answer: impl FnOnce(Term) + Send + 'static) {
    node.spawn(async move |process| {
        let caller = Caller::new(process, from);
        let (function, argument) = change.as_call();
        let arguments = [term::to_encoded(&argument)?];
        let permitted = caller.node().permit(&caller, &atom!("net_kernel"), &function, &arguments).await;
        answer(match permitted {
            Ok(()) => change.make(caller.node()).await,
            Err(raise) => Term::tuple([Term::Atom(atom!("error")), raise.reason]),
        });
        Ok(())
    });
}

/// What can be asked of `net_kernel`.
enum Question {
    Change(Change),
    Ask(Ask),
}

/// What changes something, for which a policy may be asked, and takes as long as a connection does.
enum Change {
    Connect(Atom),
    ConnectPassively(Atom),
    Disconnect(Atom),
    Allow(Vec<Term>),
    NewTicktime(Duration, Duration),
}

/// What is answered at once.
enum Ask {
    IsAuth,
    Allowed,
    Ticktime,
    Longnames,
    Nodename,
    State,
    Verbose,
    SocketOptions(Atom),
}

impl Question {
    fn read(request: &Term) -> Option<Question> {
        if let Some(what) = request.as_atom() {
            return Some(Question::Ask(match what.as_str() {
                "allowed" => Ask::Allowed,
                "ticktime" => Ask::Ticktime,
                "longnames" => Ask::Longnames,
                "nodename" => Ask::Nodename,
                "get_state" => Ask::State,
                _ => return None,
            }));
        }
        let millis = |term: &Term| match term {
            Term::Integer(millis) => u64::try_from(millis).ok().map(Duration::from_millis),
            _ => None,
        };
        let (what, arguments) = request.as_tuple()?.split_first()?;
        Some(match (what.as_atom()?.as_str(), arguments) {
            ("connect", [_, Term::Atom(node)]) => Question::Change(Change::Connect(node.clone())),
            ("passive_cnct", [Term::Atom(node)]) => Question::Change(Change::ConnectPassively(node.clone())),
            ("disconnect", [Term::Atom(node)]) => Question::Change(Change::Disconnect(node.clone())),
            ("is_auth", [_]) => Question::Ask(Ask::IsAuth),
            ("allow", [Term::List(nodes)]) => Question::Change(Change::Allow(nodes.to_vec())),
            ("new_ticktime", [time, transition]) => {
                Question::Change(Change::NewTicktime(millis(time)?, millis(transition)?))
            }
            ("verbose", [_]) => Question::Ask(Ask::Verbose),
            ("setopts" | "getopts", [Term::Atom(node), _]) => Question::Ask(Ask::SocketOptions(node.clone())),
            _ => return None,
        })
    }
}

impl Change {
    /// The function of module `net_kernel` that does the same, and its first argument.
    fn as_call(&self) -> (Atom, Term) {
        match self {
            Change::Connect(other) => (atom!("connect_node"), other.clone().into()),
            Change::ConnectPassively(other) => (atom!("passive_cnct"), other.clone().into()),
            Change::Disconnect(other) => (atom!("disconnect"), other.clone().into()),
            Change::Allow(nodes) => (atom!("allow"), Term::list(nodes.iter().cloned())),
            Change::NewTicktime(time, _) => (atom!("set_net_ticktime"), Term::from(time.as_secs())),
        }
    }

    async fn make(self, node: &Node) -> Term {
        Term::from(match self {
            Change::Connect(other) => node.connect(other.as_str()).await.is_ok(),
            Change::ConnectPassively(other) if other == *node.name().as_atom() => true,
            Change::ConnectPassively(other) => node.connected(&other).await.is_ok(),
            Change::Disconnect(other) => node.disconnect(other.as_str()).await,
            Change::Allow(nodes) => return allow(node, &nodes),
            Change::NewTicktime(time, transition) => {
                return ticktime_change(node.set_net_ticktime_within(time, transition), millis);
            }
        })
    }
}

impl Ask {
    fn answer(self, node: &Node) -> Term {
        match self {
            Ask::IsAuth => atom!("yes").into(),
            Ask::Allowed => Term::tuple([atom!("ok").into(), Term::list(allowed(node))]),
            Ask::Ticktime => ticktime(node, millis),
            Ask::Longnames => Term::from(node.name().kind() == NameKind::Long),
            Ask::Nodename => node.name().as_atom().clone().into(),
            Ask::State => state(node),
            Ask::Verbose => Term::from(0),
            Ask::SocketOptions(other) => {
                let connected = node.nodes(NodeType::Connected);
                let is_known = other == "new" || connected.contains(&other);
                let why = if is_known { atom!("enotsup") } else { atom!("noconnection") };
                Term::tuple([Term::Atom(atom!("error")), Term::Atom(why)])
            }
        }
    }
}

fn millis(time: Duration) -> Term {
    Term::from(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

/// Only whole names are taken, as in OTP.
fn allow(node: &Node, nodes: &[Term]) -> Term {
    let names: Option<Vec<&str>> = nodes.iter().map(|name| Some(name.as_atom()?.as_str())).collect();
    match names {
        Some(names) => {
            let before = node.allowed();
            node.allow(names.into_iter().filter(|name| !before.iter().any(|known| known == name)));
            atom!("ok").into()
        }
        None => atom!("error").into(),
    }
}

fn allowed(node: &Node) -> impl Iterator<Item = Term> {
    node.allowed().into_iter().filter_map(|name| Some(Term::Atom(Atom::new(&name).ok()?)))
}

fn ticktime(node: &Node, unit: impl Fn(Duration) -> Term) -> Term {
    match node.net_ticktime() {
        NetTicktime::Is(time) => unit(time),
        NetTicktime::ChangingTo(time) => Term::tuple([atom!("ongoing_change_to").into(), unit(time)]),
    }
}

fn ticktime_change(change: TicktimeChange, unit: impl Fn(Duration) -> Term) -> Term {
    match change {
        TicktimeChange::Unchanged => atom!("unchanged").into(),
        TicktimeChange::Initiated => atom!("change_initiated").into(),
        TicktimeChange::Ongoing(time) => Term::tuple([atom!("ongoing_change_to").into(), unit(time)]),
    }
}

/// As `net_kernel:get_state/0` has it.
fn state(node: &Node) -> Term {
    let name_type = if node.named_by().is_some() { atom!("dynamic") } else { atom!("static") };
    let domain = match node.name().kind() {
        NameKind::Long => atom!("longnames"),
        NameKind::Short => atom!("shortnames"),
    };
    let pairs = [
        (atom!("started"), atom!("static")),
        (atom!("name_type"), name_type),
        (atom!("name"), node.name().as_atom().clone()),
        (atom!("name_domain"), domain),
    ];
    Term::Map(pairs.into_iter().map(|(key, value)| (Term::Atom(key), Term::Atom(value))).collect::<Map>())
}

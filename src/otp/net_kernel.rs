//! `net_kernel`, the process that other nodes ask whether this one is there.
//!
//! | call | answer |
//! | ---- | ------ |
//! | `{is_auth, Node}` | `yes`: this is what `net_adm:ping/1` asks |
//! | `{spawn, M, F, Args, GroupLeader}` | the pid of a new process |
//! | `{spawn_link, M, F, Args, GroupLeader}` | the pid of a new process that has linked to the caller before |
//! | `{spawn_opt, M, F, Args, Options, link \| no_link, GroupLeader}` | the same, or `{'EXIT', {badarg, []}}` |
//! | anything else | none, as in OTP |
//!
//! Nodes of OTP 23 and later spawn by a request of the connection; the calls are from the time before.

use super::r#gen::{From, Request};
use crate::atom;
use crate::node::{CallFrom, Node, Origin, Process, SpawnOptions, WireOptions, run_function};
use crate::process::{Exit, Message};
use crate::term::etf::Encoded;
use crate::term::{Atom, Pid, Term};

/// Answers, and never waits for whom it answers.
pub(crate) async fn net_kernel(mut process: Process) -> Result<(), Exit> {
    loop {
        let (peer, message) = Origin::split(process.receive().await);
        match Request::of(message) {
            Request::Call(from, request) => answer(&process, peer, from, request),
            _ => tracing::debug!("net_kernel got an unknown message"),
        }
    }
}

fn answer(process: &Process, peer: Option<Atom>, from: From, request: Message) {
    let node = process.node();
    let (what, arity) = request.tag_and_arity().unwrap_or((atom!("undefined"), 0));
    match (what.as_str(), arity) {
        ("is_auth", 2) => from.post(node, process.pid(), &Term::Atom(atom!("yes"))),
        ("spawn" | "spawn_link" | "spawn_opt", 5 | 7) => match Spawn::read(request, &what) {
            Some(spawn) => spawn.run(node, peer, from),
            None => {
                let badarg = Term::tuple([Term::Atom(atom!("badarg")), Term::NIL]);
                from.post(node, process.pid(), &Term::tuple([Term::Atom(atom!("EXIT")), badarg]));
            }
        },
        _ => tracing::debug!(caller = ?from.pid(), "net_kernel got an unknown request"),
    }
}

struct Spawn {
    module: Atom,
    function: Atom,
    arguments: Encoded,
    leader: Pid,
    link: bool,
}

impl Spawn {
    /// `None` if what is to be spawned, or an option, makes no sense.
    fn read(request: Message, what: &Atom) -> Option<Spawn> {
        if what == "spawn_opt" {
            let (_, module, function, arguments, options, link, leader) =
                request.decode::<(Atom, Atom, Atom, Encoded, Term, Atom, Pid)>().ok()?;
            WireOptions::read(&options)?;
            return Some(Spawn { module, function, arguments, leader, link: link == "link" });
        }
        let (_, module, function, arguments, leader) =
            request.decode::<(Atom, Atom, Atom, Encoded, Pid)>().ok()?;
        Some(Spawn { module, function, arguments, leader, link: what == "spawn_link" })
    }

    fn run(self, node: &Node, peer: Option<Atom>, from: From) {
        let options = SpawnOptions { group_leader: Some(self.leader), ..SpawnOptions::default() };
        let cell = node.new_function_cell(options, &self.module, &self.function, &self.arguments);
        node.start(cell, move |process| async move {
            let caller = from.pid().clone();
            // Before the answer, so that the caller has the link when it has the pid.
            if self.link {
                process.link(&caller).await;
            }
            let pid = Term::Pid(process.pid().clone());
            // The caller may be gone by now.
            let _ = from.reply(&process, pid).await;
            let caller = CallFrom { pid: caller, peer };
            run_function(process, caller, self.module, self.function, self.arguments).await
        });
    }
}

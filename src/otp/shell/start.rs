//! How a client opens the shell.
//!
//! | client | calls | and needs before |
//! | ------ | ----- | ---------------- |
//! | `erl` of OTP 25 | `shell:start()` | |
//! | `erl` of OTP 27 and 29 | `shell:start()` | `code:ensure_loaded(shell)`, `net_kernel:get_net_ticktime()`, and what it shows of the node |
//! | `iex` 1.14 | `'Elixir.IEx':start(Options, {M, F, [Pid, Ref]})` | `code:ensure_loaded('Elixir.IEx')` |
//! | `iex` 1.18 and 1.20 | `iex:start(Options, {M, F, [Pid, Ref]})` | `code:ensure_loaded(iex)` |
//!
//! The answer is the pid of the shell, whose group leader is the group process that called. Of Elixir the shell then
//! sends `{'begin', Ref, Own}` to `Pid`, and waits for `{done, Ref}`: in between the client reads its own settings.

use super::complete;
use super::evaluator::{INTERRUPT, Opened, SOON, evaluator};
use super::line::Language;
use super::registry::Shells;
use crate::atom;
use crate::node::{CallFrom, Caller, Node, Process, Raise};
use crate::process::{Exit, Message};
use crate::term::{Atom, Pid, Reference, Term};

/// The modules that clients look for.
const MODULES: [&str; 3] = ["shell", "iex", "Elixir.IEx"];

/// Exports what clients call.
pub(crate) fn export(node: &Node) {
    node.attach(std::sync::Arc::new(Shells::default()));
    node.export("shell", "start", async |caller: Caller, (): ()| Ok(open(&caller, Language::Erlang, None)));
    for module in ["iex", "Elixir.IEx"] {
        node.export(module, "start", async |caller: Caller, (_options, then): (Term, Term)| {
            Ok::<_, Raise>(open(&caller, Language::Elixir, Handshake::read(&then)))
        });
    }
    complete::export(node);
}

/// Why there is no shell, for clients that ask whether there is `module`: they print it.
pub(crate) fn refusal(node: &Node, module: &Atom) -> Option<Atom> {
    if !MODULES.contains(&module.as_str()) {
        return None;
    }
    let why: String = Shells::of(node).refusal()?.chars().take(crate::term::MAX_ATOM_CHARACTERS).collect();
    Some(Atom::new(&why).unwrap_or(atom!("nofile")))
}

/// Starts the shell for the process that called, and gives its pid.
fn open(caller: &Caller, language: Language, handshake: Option<Handshake>) -> Pid {
    let by = CallFrom { pid: caller.from().clone(), peer: caller.peer().cloned() };
    let opened = Opened { language, by, handshake };
    tracing::info!(by = %opened.by.pid, "a shell is opened");
    caller.spawn(async move |process: Process| shell(process, opened).await)
}

/// The process that the client's group process is linked with.
async fn shell(mut process: Process, opened: Opened) -> Result<(), Exit> {
    process.trap_exit(true);
    let evaluator = {
        let opened = opened.clone();
        process.spawn_link(async move |process: Process| evaluator(process, opened).await)
    };
    let leader = process.group_leader();
    loop {
        let message = process.receive().await;
        let Some((from, reason)) = exit_of(&message) else { continue };
        if from == leader && reason.is_atom("interrupt") {
            process.send(&evaluator, Term::Atom(INTERRUPT)).await?;
            continue;
        }
        if from != evaluator {
            process.exit(&evaluator, atom!("kill")).await;
        }
        tracing::info!(by = %opened.by.pid, "a shell is closed");
        return match reason.as_atom().map(Atom::as_str) {
            // The terminal has gone, or somebody has ended the shell in order.
            Some("normal" | "terminated" | "noconnection") => Ok(()),
            _ => Err(Exit::new(reason)),
        };
    }
}

/// Who ended, and why, of `{'EXIT', Pid, Reason}`.
fn exit_of(message: &Message) -> Option<(Pid, Term)> {
    match message.as_term()?.as_tuple()? {
        [exit, Term::Pid(from), reason] if exit.is_atom("EXIT") => Some((from.clone(), reason.clone())),
        _ => None,
    }
}

/// What Elixir's clients want to be told when their shell is there.
#[derive(Debug, Clone)]
pub(super) struct Handshake {
    client: Pid,
    reference: Reference,
}

impl Handshake {
    /// Of `{Module, Function, [Pid, Ref]}`.
    fn read(then: &Term) -> Option<Handshake> {
        let [_, _, arguments] = then.as_tuple()? else { return None };
        match arguments.as_list()? {
            [Term::Pid(client), Term::Reference(reference)] => {
                Some(Handshake { client: client.clone(), reference: reference.clone() })
            }
            _ => None,
        }
    }

    pub(super) async fn run(&self, process: &mut Process) {
        let begin = [
            Term::Atom(atom!("begin")),
            Term::Reference(self.reference.clone()),
            Term::Pid(process.pid().clone()),
        ];
        if process.send(&self.client, Term::tuple(begin)).await.is_err() {
            return;
        }
        let done = Term::tuple([Term::Atom(atom!("done")), Term::Reference(self.reference.clone())]);
        // A client that never says so is served all the same.
        let _ = process
            .receive_match_timeout(SOON, |message| message.to_term().is_ok_and(|term| term == done))
            .await;
    }
}

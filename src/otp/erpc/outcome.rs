//! The exchange with the other node: a request to spawn, and the end of the process.

use serde::Serialize;

use super::ErpcError;
use crate::atom;
use crate::node::{
    Class, Node, Process, Raise, SendError, SpawnOptions, SpawnRequest, TemporaryProcess, to_arguments,
};
use crate::process::{MonitorOptions, SpawnReplyOption, SpawnRequestOptions};
use crate::term::etf::Encoded;
use crate::term::{Atom, Pid, Reference, SerializeError, Term};

/// A function with its arguments, to be called on some node.
#[derive(Debug, Clone)]
pub(super) struct Apply {
    module: Atom,
    function: Atom,
    /// A list.
    arguments: Encoded,
}

impl Apply {
    pub(super) fn new<A: Serialize>(
        module: &str,
        function: &str,
        arguments: &A,
    ) -> Result<Apply, SerializeError> {
        let [module, function] = [module, function].map(super::to_atom);
        Ok(Apply { module, function, arguments: to_arguments(arguments)? })
    }
}

/// Who calls, and where.
#[derive(Debug, Clone)]
pub(super) struct Site {
    pub(super) node: Node,
    pub(super) at: Atom,
    pub(super) group_leader: Option<Pid>,
}

impl Site {
    /// What is told of the call comes to a process of its own, so that nothing of it is left to anyone.
    fn temporary_process(&self) -> TemporaryProcess {
        let group_leader = self.group_leader.clone();
        self.node.temporary_process_with(SpawnOptions { group_leader, ..SpawnOptions::default() })
    }

    /// Calls the function. When dropped, the value is given up.
    pub(super) async fn call(self, apply: Apply) -> Result<Term, ErpcError> {
        let mut temporary = self.temporary_process();
        call(temporary.process(), self.at, apply).await
    }

    /// Has the function run.
    pub(super) async fn cast(self, apply: Apply) -> Result<(), SendError> {
        let Apply { module, function, arguments } = apply;
        let mut temporary = self.temporary_process();
        let request = SpawnRequest {
            node: self.at,
            module: atom!("erpc"),
            function: atom!("execute_cast"),
            arguments: to_arguments(&(module, function, arguments))?,
            options: SpawnRequestOptions { reply: SpawnReplyOption::No, ..SpawnRequestOptions::default() },
        };
        temporary.process().request_spawn(request).await?;
        Ok(())
    }
}

async fn call(process: &mut Process, node: Atom, apply: Apply) -> Result<Term, ErpcError> {
    let Apply { module, function, arguments } = apply;
    let result = process.node().make_ref();
    let request = SpawnRequest {
        node: node.clone(),
        module: atom!("erpc"),
        function: atom!("execute_call"),
        arguments: to_arguments(&(&result, module, function, arguments))?,
        options: SpawnRequestOptions {
            monitor: Some(MonitorOptions::default()),
            reply: SpawnReplyOption::ErrorOnly,
            ..SpawnRequestOptions::default()
        },
    };
    let request = process.request_spawn(request).await?;
    let message =
        process.receive_match(|message| message.is_down(&request) || message.is_spawn_reply(&request)).await;
    match message.as_term().and_then(Term::as_tuple) {
        Some([_, _, _, _, reason]) => outcome(reason, &result, node),
        Some([_, _, _, Term::Atom(reason)]) if reason == "noconnection" => {
            Err(ErpcError::ConnectionLost(node))
        }
        Some([_, _, _, Term::Atom(reason)]) => Err(ErpcError::NotStarted(reason.clone())),
        _ => unreachable!("the node makes both messages"),
    }
}

/// The outcome of the call whose process ended with `reason`.
fn outcome(reason: &Term, result: &Reference, node: Atom) -> Result<Term, ErpcError> {
    let raised = |class, reason: &Term, stack: &Term| {
        Err(ErpcError::Raised(Raise { class, reason: reason.clone(), stack: stack.clone() }))
    };
    match reason.as_tuple() {
        Some([Term::Reference(of), Term::Atom(class), value, rest @ ..]) if of == result => {
            match (class.as_str(), rest) {
                ("return", []) => Ok(value.clone()),
                ("throw", []) => raised(Class::Throw, value, &Term::NIL),
                ("exit", []) => raised(Class::Exit, value, &Term::NIL),
                ("error", [stack]) => raised(Class::Error, value, stack),
                // `{erpc, Reason}`: the call itself was not a proper one.
                ("error", []) => match value.as_tuple() {
                    Some([_, Term::Atom(reason)]) => Err(ErpcError::NotStarted(reason.clone())),
                    _ => raised(Class::Error, value, &Term::NIL),
                },
                _ => Err(ErpcError::Signal(reason.clone())),
            }
        }
        _ if reason.is_atom("noconnection") => Err(ErpcError::ConnectionLost(node)),
        _ => Err(ErpcError::Signal(reason.clone())),
    }
}

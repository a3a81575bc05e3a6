//! A function that `rex` is asked to call.

use bytes::Bytes;
use tokio::sync::oneshot;

use super::super::erpc::{execute_cast, is_argument_error};
use crate::atom;
use crate::node::{CallFrom, Caller, Class, Node, Process, Raise, SpawnOptions};
use crate::process::Message;
use crate::term::etf::{Encoded, tag};
use crate::term::{Atom, Pid, Reference, Term};

/// `{Kind, M, F, Args, Leader}`, without its kind.
#[derive(Debug)]
pub(super) struct Call {
    module: Encoded,
    function: Encoded,
    arguments: Encoded,
    pub(super) leader: Leader,
    /// The node that asks, if it is another one.
    peer: Option<Atom>,
}

/// The group leader of the process that runs the function.
#[derive(Debug, Clone)]
pub(super) enum Leader {
    Pid(Pid),
    /// What the function prints goes to the C node that called.
    Caller,
}

impl Call {
    pub(super) fn read(node: &Node, peer: Option<&Atom>, request: Message) -> Option<(Atom, Call)> {
        let (kind, module, function, arguments, leader) =
            request.decode::<(Atom, Encoded, Encoded, Encoded, Term)>().ok()?;
        let leader = match leader {
            Term::Pid(leader) => Leader::Pid(leader),
            leader if leader.is_atom("send_stdout_to_caller") => Leader::Caller,
            // `user`, of those who don't want any output.
            _ => Leader::Pid(node.whereis("user").unwrap_or_else(|| node.pid().clone())),
        };
        Some((kind, Call { module, function, arguments, leader, peer: peer.cloned() }))
    }

    /// Runs the function in a process of its own that nobody waits for.
    pub(super) fn start(self, node: &Node) {
        let leader = match self.leader {
            Leader::Pid(leader) => Some(leader),
            Leader::Caller => None,
        };
        let cell = node.new_cell(SpawnOptions { group_leader: leader, ..SpawnOptions::default() });
        node.start(cell.clone(), async move |process: Process| {
            let node = process.node().clone();
            let from = CallFrom { pid: node.pid().clone(), peer: self.peer };
            let caller = Caller::new(process, from);
            let result = execute_cast(caller, &self.module, &self.function, &self.arguments).await;
            if let Err(raise) = &result {
                node.report_uncaught(&cell, raise);
            }
            Ok(result.map(|_| ())?)
        });
    }

    /// Runs the function in a process of its own, and gives what `rpc:call` is to return.
    pub(super) async fn run(self, process: &mut Process, from: Pid) -> Encoded {
        if let Leader::Pid(leader) = &self.leader {
            process.cell().state.lock().group_leader = leader.clone();
        }
        self.spawn(process, from).value(process).await
    }

    /// Starts the process, monitored by `process` and with its group leader.
    pub(super) fn spawn(self, process: &Process, from: Pid) -> Running {
        let (sender, result) = oneshot::channel();
        let (_, monitor) = process.spawn_monitor(async move |process: Process| {
            let node = process.node().clone();
            let caller = Caller::new(process, CallFrom { pid: from, peer: self.peer });
            // Nobody waits for it any more if the process that asked has been ended.
            let result = node.try_apply(caller, &self.module, &self.function, &self.arguments).await;
            let _ = sender.send(result.map_err(|raise| match raise {
                // Shown without a stack.
                raise if is_argument_error(&raise, &self.arguments) => Raise::exit(raise.reason),
                raise => raise,
            }));
            Ok(())
        });
        Running { result, monitor }
    }
}

/// A function that runs.
#[derive(Debug)]
pub(super) struct Running {
    result: oneshot::Receiver<Result<Encoded, Raise>>,
    monitor: Reference,
}

impl Running {
    /// Waits until it has returned, raised, or been ended; [`value`](Running::value) tells which.
    pub(super) async fn ended(&mut self) -> Option<Result<Encoded, Raise>> {
        (&mut self.result).await.ok()
    }

    /// What `rpc:call` is to return: what the function returned or threw, or `{badrpc, {'EXIT', Reason}}`.
    pub(super) async fn value(mut self, process: &mut Process) -> Encoded {
        let result = self.ended().await;
        self.value_of(result, process).await
    }

    pub(super) async fn value_of(
        self,
        result: Option<Result<Encoded, Raise>>,
        process: &mut Process,
    ) -> Encoded {
        let value = match result {
            Some(Ok(value)) => {
                process.demonitor(&self.monitor, true);
                return value;
            }
            Some(Err(raise)) => {
                process.demonitor(&self.monitor, true);
                match raise.class {
                    Class::Throw => raise.reason,
                    Class::Exit => badrpc(raise.reason),
                    Class::Error => badrpc(Term::tuple([raise.reason, raise.stack])),
                }
            }
            // The process was ended before it had a result.
            None => {
                let down = process.receive_match(|message| message.is_down(&self.monitor)).await;
                let reason = match down.to_term().ok().as_ref().and_then(Term::as_tuple) {
                    Some([_, _, _, _, reason]) => reason.clone(),
                    _ => Term::Atom(atom!("noproc")),
                };
                badrpc(reason)
            }
        };
        // It came as a term, or was made here.
        Encoded::from_term(&value).unwrap_or_else(|_| Encoded::new(Bytes::from_static(&[tag::NIL]), None))
    }
}

fn badrpc(reason: Term) -> Term {
    let exit = Term::tuple([Term::Atom(atom!("EXIT")), reason]);
    Term::tuple([Term::Atom(atom!("badrpc")), exit])
}

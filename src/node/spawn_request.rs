//! Processes that other nodes have this one start.

use std::sync::Arc;

use super::connection::Connection;
use super::exports::{CallFrom, Caller};
use super::registry::{InitialCall, ProcessCell};
use super::spawn::SpawnOptions;
use super::{Node, Process};
use crate::atom;
use crate::dist::control::{self, ControlMessage, SpawnReplyFlags};
use crate::process::{Exit, SeqTrace, SeqTraceToken};
use crate::term::etf::Encoded;
use crate::term::{Atom, Term};

impl Node {
    pub(crate) fn new_function_cell(
        &self,
        options: SpawnOptions,
        module: &Atom,
        function: &Atom,
        arguments: &Encoded,
    ) -> Arc<ProcessCell> {
        let arity = arguments.list_elements().map_or(0, |elements| elements.len());
        let initial_call = InitialCall {
            module: module.clone(),
            function: function.clone(),
            arity: u8::try_from(arity).unwrap_or(u8::MAX),
        };
        self.new_cell(SpawnOptions { initial_call: Some(initial_call), ..options })
    }

    /// Runs an exported function in the process of `cell`; what it raises ends the process.
    pub(crate) fn start_function(
        &self,
        cell: Arc<ProcessCell>,
        from: CallFrom,
        module: Atom,
        function: Atom,
        arguments: Encoded,
    ) {
        self.start(cell, |process| run_function(process, from, module, function, arguments));
    }

    /// Answers another node's request to spawn: the answer first, then the process, so that nothing of the process
    /// arrives before it.
    pub(crate) fn spawn_requested(
        &self,
        connection: &Arc<Connection>,
        request: &control::SpawnRequest,
        arguments: Option<Encoded>,
        token: Option<SeqTraceToken>,
    ) {
        let options = WireOptions::read(&request.options);
        let started = match (options, arguments) {
            (Some(options), Some(arguments)) => {
                let spawn = SpawnOptions {
                    link: options.link.then(|| request.from.clone()),
                    monitor: options.monitor.then(|| (request.from.clone(), request.id.clone())),
                    group_leader: Some(request.group_leader.clone()),
                    parent: Some(request.from.clone()),
                    seq_trace: token.clone().map(SeqTrace::spawned_remotely),
                    ..SpawnOptions::default()
                };
                let cell = self.new_function_cell(spawn, &request.module, &request.function, &arguments);
                // This runs before the end of the connection is seen to.
                connection.bind(&cell, |_| {
                    // As OTP has it, the link belongs to the connection that it was asked for over.
                    if options.link && request.from.node != *connection.peer.as_atom() {
                        connection.add_link_of_other(&request.from, &cell.pid);
                    }
                    None
                });
                Ok((cell, options, arguments))
            }
            (None, _) => Err(atom!("badopt")),
            (_, None) => Err(atom!("badarg")),
        };
        let (flags, result) = match &started {
            Ok((cell, options, _)) => (options.reply_flags(), cell.pid.clone().into()),
            Err(reason) => (SpawnReplyFlags::default(), reason.clone().into()),
        };
        let reply = ControlMessage::SpawnReply {
            request: request.id.clone(),
            to: request.from.clone(),
            flags,
            result,
        };
        let reply_token = match &started {
            Ok((cell, ..)) => cell.trace_sent(),
            // There is no process, so the node answers for it.
            Err(_) => token.clone().map(|token| SeqTraceToken {
                last_count: token.serial.saturating_sub(1),
                from: Term::Atom(self.name().as_atom().clone()),
                ..token
            }),
        };
        // If the connection is gone there is nobody to tell.
        let _ = connection.control(connection.traced(reply, reply_token.as_ref()), None);
        if let Ok((cell, _, arguments)) = started {
            if token.is_some() {
                cell.change_trace(|seq_trace| seq_trace.received(token.into()));
            }
            let (module, function) = (request.module.clone(), request.function.clone());
            let from = CallFrom { pid: request.from.clone(), peer: Some(connection.peer.as_atom().clone()) };
            self.start_function(cell, from, module, function, arguments);
        }
    }
}

/// What a process does that was started to run an exported function.
pub(crate) async fn run_function(
    process: Process,
    from: CallFrom,
    module: Atom,
    function: Atom,
    arguments: Encoded,
) -> Result<(), Exit> {
    let (node, cell) = (process.node().clone(), process.cell().clone());
    match node.apply_list(Caller::new(process, from), &module, &function, &arguments).await {
        Ok(_) => Ok(()),
        Err(raise) => {
            node.report_uncaught(&cell, &raise);
            Err(Exit::from(raise))
        }
    }
}

/// The options of a request that came from another node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct WireOptions {
    pub(crate) link: bool,
    pub(crate) monitor: bool,
}

impl WireOptions {
    /// `None` if there is one that is not known, or has a value that makes no sense: OTP refuses the request with
    /// `badopt` then.
    pub(crate) fn read(options: &Term) -> Option<WireOptions> {
        let mut read = WireOptions::default();
        for option in options.as_list()? {
            match option {
                Term::Atom(atom) if atom == "link" => read.link = true,
                Term::Atom(atom) if atom == "monitor" => read.monitor = true,
                Term::Tuple(tuple) => match &**tuple {
                    [Term::Atom(name), _] if name == "monitor" => read.monitor = true,
                    // What a BEAM process can be tuned by has no meaning here.
                    [Term::Atom(name), value] if is_tuning(name.as_str(), value) => {}
                    _ => return None,
                },
                _ => return None,
            }
        }
        Some(read)
    }

    fn reply_flags(self) -> SpawnReplyFlags {
        let mut flags = SpawnReplyFlags::default();
        if self.link {
            flags.0 |= SpawnReplyFlags::LINK.0;
        }
        if self.monitor {
            flags.0 |= SpawnReplyFlags::MONITOR.0;
        }
        flags
    }
}

fn is_tuning(name: &str, value: &Term) -> bool {
    let one_of = |names: &[&str]| value.as_atom().is_some_and(|value| names.contains(&value.as_str()));
    let is_count = || matches!(value, Term::Integer(count) if u64::try_from(count).is_ok());
    match name {
        "priority" => one_of(&["low", "normal", "high", "max"]),
        "message_queue_data" => one_of(&["on_heap", "off_heap"]),
        "async_dist" => one_of(&["true", "false"]),
        "fullsweep_after" | "min_heap_size" | "min_bin_vheap_size" | "scheduler" => is_count(),
        "max_heap_size" => matches!(value, Term::Map(_)) || is_count(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_those_of_otp_with_values_that_make_sense() {
        let read = |options: &str| WireOptions::read(&options.parse().unwrap());
        assert_eq!(read("[]"), Some(WireOptions::default()));
        assert_eq!(read("[link, monitor]"), Some(WireOptions { link: true, monitor: true }));
        for known in [
            "{priority,max}",
            "{fullsweep_after,0}",
            "{min_heap_size,100}",
            "{min_bin_vheap_size,100}",
            "{max_heap_size,#{size => 1000}}",
            "{max_heap_size,0}",
            "{message_queue_data,off_heap}",
            "{scheduler,0}",
            "{async_dist,true}",
        ] {
            assert_eq!(read(&format!("[link, {known}]")).map(|options| options.link), Some(true), "{known}");
        }
        for unknown in [
            "foo",
            "{foo,1}",
            "{link,true}",
            "{priority,urgent}",
            "{fullsweep_after,-1}",
            "{min_heap_size,a}",
            "{max_heap_size,foo}",
            "{message_queue_data,foo}",
            "{scheduler,a}",
            "{async_dist,a}",
            "1",
        ] {
            assert_eq!(read(&format!("[link, {unknown}]")), None, "{unknown}");
        }
        assert_eq!(read("[link|monitor]"), None);
        assert_eq!(read("link"), None);
    }
}

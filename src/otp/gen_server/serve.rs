//! The loop of a server, from `init` to `terminate`.

use serde::Serialize;

use super::report::{LastMessage, report};
use super::{From, GenServer, Reply};
use crate::node::{Process, SendError};
use crate::otp::r#gen::Request;
use crate::otp::sys::{Answer, Event, Status, System};
use crate::process::{Exit, Message};
use crate::term::{self, Atom, Pid, Term};

/// A server in its process.
pub(super) struct Server<S> {
    server: S,
    name: Option<Atom>,
    parent: Pid,
    system: System,
    last: LastMessage,
}

/// Makes a process that is there already, and has this name, a server; its `init` is not called.
///
/// Does what `gen_server:enter_loop/4` does.
pub(crate) async fn enter_loop<S: GenServer>(
    server: S,
    name: Atom,
    process: &mut Process,
) -> Result<(), Exit> {
    let parent = process.node().pid().clone();
    Server::new(server, Some(name), parent).run(process).await
}

impl<S: GenServer> Server<S> {
    pub(super) fn new(server: S, name: Option<Atom>, parent: Pid) -> Server<S> {
        Server { server, name, parent, system: System::default(), last: LastMessage::default() }
    }

    pub(super) async fn init(&mut self, process: &mut Process) -> Result<(), Exit> {
        let started = self.server.init(process).await;
        if let Err(exit) = &started {
            process.node().report_exit(process.cell(), exit);
        }
        started
    }

    /// Serves until the server ends, for which it gives the reason. `terminate` has run then.
    pub(super) async fn run(mut self, process: &mut Process) -> Result<(), Exit> {
        loop {
            let message = if self.system.is_suspended() {
                let node = process.node().clone();
                let parent = &self.parent;
                let ends_it = |message: &Message| exit_of_parent(message, parent, node.pid()).is_some();
                process.receive_match(|message| System::is_request(message) || ends_it(message)).await
            } else {
                process.receive().await
            };
            self.last = LastMessage::default();
            if let Some(reason) = exit_of_parent(&message, &self.parent, process.node().pid()) {
                return Err(self.end(Exit::new(reason), process).await);
            }
            self.handle(message, process).await?;
        }
    }

    async fn handle(&mut self, message: Message, process: &mut Process) -> Result<(), Exit> {
        let watched = self.system.is_watched() && !System::is_request(&message);
        if watched && let Ok(seen) = message.to_term() {
            self.system.event(Event::In(seen), process, self.name.as_ref());
        }
        let request = Request::of(message);
        self.last = match &request {
            Request::Call(from, request) => LastMessage::call(request, from.pid()),
            Request::Cast(request) => LastMessage::cast(request),
            Request::Info(message) => LastMessage::info(message),
            Request::System(..) => LastMessage::default(),
        };
        let handled = match request {
            Request::Call(from, request) => match request.decode::<S::Call>() {
                Ok(call) => {
                    let from: From<S::Reply> = from.calling(process.pid()).cast_reply();
                    let reply = self.server.handle_call(call, from.clone(), process).await;
                    return self.reply(from, reply, process).await;
                }
                Err(error) => {
                    let from = from.calling(process.pid());
                    let reply = self.server.handle_unknown_call(error.message, from.clone(), process).await;
                    return self.reply(from, reply, process).await;
                }
            },
            Request::Cast(request) => match request.decode::<S::Cast>() {
                Ok(cast) => self.server.handle_cast(cast, process).await,
                Err(error) => self.server.handle_unknown_cast(error.message, process).await,
            },
            Request::System(from, request) => return self.system_request(from, &request, process).await,
            Request::Info(message) => self.server.handle_info(message, process).await,
        };
        match handled {
            Ok(()) => {
                self.tell_of_no_reply(process);
                Ok(())
            }
            Err(exit) => Err(self.end(exit, process).await),
        }
    }

    fn tell_of_no_reply(&mut self, process: &Process) {
        if self.system.is_watched() {
            self.system.event(Event::NoReply(self.server.state()), process, self.name.as_ref());
        }
    }

    /// To those who watch.
    fn tell_of_reply<R: Serialize>(&mut self, from: &From<R>, reply: &R, process: &Process) {
        if self.system.is_watched()
            && let Ok(reply) = term::to_term(reply)
        {
            let event = Event::Out { reply, to: from.to_term(), state: self.server.state() };
            self.system.event(event, process, self.name.as_ref());
        }
    }

    async fn reply<R: Serialize + Send + 'static>(
        &mut self,
        from: From<R>,
        reply: Result<Reply<R>, Exit>,
        process: &mut Process,
    ) -> Result<(), Exit> {
        match reply {
            Ok(Reply::Now(reply)) => {
                self.tell_of_reply(&from, &reply, process);
                match send(from, reply, process).await {
                    Ok(()) => Ok(()),
                    Err(exit) => Err(self.end(exit, process).await),
                }
            }
            Ok(Reply::Later) => {
                self.tell_of_no_reply(process);
                Ok(())
            }
            Ok(Reply::Stop(reply, exit)) => {
                self.tell_of_reply(&from, &reply, process);
                let exit = self.end(exit, process).await;
                send(from, reply, process).await?;
                Err(exit)
            }
            Err(exit) => Err(self.end(exit, process).await),
        }
    }

    async fn system_request(
        &mut self,
        from: From,
        request: &Message,
        process: &mut Process,
    ) -> Result<(), Exit> {
        // What is no term was not sent by OTP's `sys`; nobody waits for an answer to it.
        let Ok(request) = request.to_term() else { return Ok(()) };
        let answer = {
            let status = Status {
                process: &*process,
                module: Some(S::initial_call().module),
                name: self.name.as_ref(),
                parent: &self.parent,
                state: &|| self.server.state(),
                shown_state: &|| self.server.format_status(),
            };
            self.system.answer(request, &status)
        };
        match answer {
            Answer::Reply(answer) => send(from, answer, process).await,
            Answer::State(state) => {
                let answer = from.answer_with_state(process.node(), state);
                send(from, answer, process).await
            }
            Answer::Terminate(reason) => {
                send(from, Term::Atom(crate::atom!("ok")), process).await?;
                Err(self.end(Exit::new(reason), process).await)
            }
        }
    }

    /// What is to be done before the server ends.
    async fn end(&mut self, exit: Exit, process: &mut Process) -> Exit {
        self.server.terminate(&exit, process).await;
        if exit.is_crash() {
            let name = self.name.as_ref().map(tracing::field::display);
            tracing::error!(
                name,
                pid = ?process.pid(),
                server = std::any::type_name::<S>(),
                reason = %exit.reason(),
                "generic server terminating"
            );
            report(process, self.name.as_ref(), || self.server.state(), &self.last, &exit);
        }
        exit
    }
}

/// The reason with which the parent ended, if `message` tells that, as it does to a server that traps exits.
///
/// A node that shuts down is like a parent to all.
fn exit_of_parent(message: &Message, parent: &Pid, node: &Pid) -> Option<Term> {
    match message.as_term()?.as_tuple()? {
        [Term::Atom(exit), Term::Pid(pid), reason] if exit == "EXIT" => {
            (pid == parent || pid == node).then(|| reason.clone())
        }
        _ => None,
    }
}

/// Replies. Only a reply that has no external form is an error, of the server: the caller would wait for it in vain.
async fn send<R: Serialize + Send + 'static>(from: From<R>, reply: R, process: &Process) -> Result<(), Exit> {
    match from.reply(process, reply).await {
        Err(error @ SendError::Encode(_)) => Err(error.into()),
        _ => Ok(()),
    }
}

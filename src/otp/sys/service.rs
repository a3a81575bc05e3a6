//! Services: processes that answer `sys` as the generic servers of OTP do that they stand for.

use super::{Answer, Event, Status, System};
use crate::node::{Origin, Process};
use crate::otp::r#gen::{From, Request};
use crate::otp::kernel_sup;
use crate::process::Exit;
use crate::term::{Atom, Term};

/// A service towards `sys`: it takes the service's messages, and sees to those of `sys` itself.
#[derive(Debug)]
pub(crate) struct Service {
    system: System,
    name: Atom,
}

impl Service {
    pub(crate) fn new(name: Atom) -> Service {
        Service { system: System::default(), name }
    }

    /// The next message that is for the service. While it is suspended there is none.
    ///
    /// # Errors
    /// It is to end, for this reason.
    ///
    /// # Cancel safety
    /// No message is lost when it is dropped.
    pub(crate) async fn receive(
        &mut self,
        process: &mut Process,
        state: impl Fn() -> Term,
    ) -> Result<Request, Exit> {
        self.receive_with_origin(process, state).await.map(|(_, request)| request)
    }

    /// As [`receive`](Service::receive), with the peer that the message came from, if the service is told of that.
    pub(crate) async fn receive_with_origin(
        &mut self,
        process: &mut Process,
        state: impl Fn() -> Term,
    ) -> Result<(Option<Atom>, Request), Exit> {
        loop {
            let message = if self.system.is_suspended() {
                process.receive_match(System::is_request).await
            } else {
                process.receive().await
            };
            let seen = self.system.is_watched().then(|| message.to_term());
            let (peer, message) = Origin::split(message);
            match Request::of(message) {
                Request::System(from, request) => {
                    // What is no term was not sent by OTP's `sys`; nobody waits for an answer to it.
                    let Ok(request) = request.to_term() else { continue };
                    self.answer(from, request, process, &state)?;
                }
                request => {
                    if let Some(Ok(seen)) = seen {
                        self.system.event(Event::In(seen), process, Some(&self.name));
                    }
                    return Ok((peer, request));
                }
            }
        }
    }

    /// Replies to a call, and has it known to those who watch.
    pub(crate) fn reply(&mut self, process: &Process, from: From, reply: &Term, state: impl Fn() -> Term) {
        if self.system.is_watched() {
            let event = Event::Out { reply: reply.clone(), to: from.to_term(), state: state() };
            self.system.event(event, process, Some(&self.name));
        }
        from.post(process.node(), process.pid(), reply);
    }

    fn answer(
        &mut self,
        from: From,
        request: Term,
        process: &Process,
        state: &impl Fn() -> Term,
    ) -> Result<(), Exit> {
        let node = process.node();
        let parent = node.whereis(kernel_sup::NAME).unwrap_or_else(|| node.pid().clone());
        let status = Status {
            process,
            module: None,
            name: Some(&self.name),
            parent: &parent,
            state,
            shown_state: state,
        };
        let post = |from: From, answer: &Term| from.post(node, process.pid(), answer);
        match self.system.answer(request, &status) {
            Answer::Reply(answer) => post(from, &answer),
            Answer::State(state) => {
                let answer = from.answer_with_state(node, state);
                post(from, &answer);
            }
            Answer::Terminate(reason) => {
                post(from, &Term::Atom(crate::atom!("ok")));
                return Err(Exit::new(reason));
            }
        }
        Ok(())
    }
}

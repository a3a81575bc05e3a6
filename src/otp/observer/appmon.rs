//! `appmon_info`, the server behind the page Applications.
//!
//! `appmon_info:start_link2(Starter, Client, Options)` starts it, or gives the one that runs already. What a client wants
//! to see it says by casts, and is sent it again whenever it has changed, which is looked for every 2 s:
//!
//! | cast | delivery |
//! | ---- | -------- |
//! | `{From, app_ctrl, Node, true, Options}` | `{delivery, Server, app_ctrl, Node, [{Master, Name, {Name, Description, Version}}]}` |
//! | `{From, app, Name, true, Options}` | `{delivery, Server, app, Name, Tree}` |
//! | `{From, What, Key, false, Options}` | no more |
//!
//! The server is linked with its clients, and ends with the one that started it, or the last.

use std::time::Duration;

use super::tree;
use crate::atom;
use crate::node::{Caller, Node, Process, Raise};
use crate::otp::application::Application;
use crate::otp::gen_server::{From, GenServer, Reply, StartError};
use crate::process::{Exit, Message};
use crate::term::{Atom, Pid, Term};

pub(super) const NAME: &str = "appmon_info";

/// How often it is looked whether something has changed, if the client does not say.
const INTERVAL: Duration = Duration::from_secs(2);

pub(super) fn export(node: &Node) {
    node.export(
        NAME,
        "start_link2",
        async |caller: Caller, (starter, client, _options): (Pid, Pid, Term)| {
            let server = AppMon { starter, clients: vec![client.clone()], tasks: Vec::new(), next: 0 };
            let pid = match caller.start_server(server).name(NAME).await {
                Ok(pid) => pid,
                Err(StartError::AlreadyStarted(pid)) => {
                    let register = (atom!("register_client"), client);
                    caller
                        .node()
                        .call::<_, Term>(&pid, register)
                        .await
                        .map_err(|error| Raise::exit(error.reason()))?;
                    pid
                }
                Err(error) => return Ok(Term::tuple([Term::Atom(atom!("error")), error.reason()])),
            };
            Ok(Term::tuple([Term::Atom(atom!("ok")), Term::Pid(pid)]))
        },
    );
}

/// The server.
struct AppMon {
    starter: Pid,
    clients: Vec<Pid>,
    tasks: Vec<Task>,
    next: u64,
}

/// What somebody wants to see.
struct Task {
    id: u64,
    client: Pid,
    what: Atom,
    key: Term,
    interval: Option<Duration>,
    delivered: Option<Term>,
}

impl GenServer for AppMon {
    type Call = Term;
    type Cast = (Pid, Atom, Term, Term, Term);
    type Reply = Atom;

    async fn init(&mut self, process: &mut Process) -> Result<(), Exit> {
        process.trap_exit(true);
        for client in &self.clients {
            process.link(client).await;
        }
        Ok(())
    }

    async fn handle_call(
        &mut self,
        call: Term,
        _: From<Atom>,
        process: &mut Process,
    ) -> Result<Reply<Atom>, Exit> {
        if let Some([name, Term::Pid(client)]) = call.as_tuple()
            && name.is_atom("register_client")
            && !self.clients.contains(client)
        {
            process.link(client).await;
            self.clients.push(client.clone());
        }
        Ok(Reply::Now(atom!("ok")))
    }

    async fn handle_cast(&mut self, cast: Self::Cast, process: &mut Process) -> Result<(), Exit> {
        let (client, what, key, wanted, options) = cast;
        self.tasks.retain(|task| (&task.client, &task.what, &task.key) != (&client, &what, &key));
        if wanted.is_atom("true") {
            self.next += 1;
            let interval = interval(&options);
            self.tasks.push(Task { id: self.next, client, what, key, interval, delivered: None });
            self.look(self.next, process).await;
        }
        Ok(())
    }

    async fn handle_info(&mut self, message: Message, process: &mut Process) -> Result<(), Exit> {
        let Ok(message) = message.to_term() else { return Ok(()) };
        match message.as_tuple() {
            Some([exit, Term::Pid(pid), reason]) if exit.is_atom("EXIT") => {
                if *pid == self.starter {
                    return Err(Exit::new(reason.clone()));
                }
                self.tasks.retain(|task| task.client != *pid);
                self.clients.retain(|client| client != pid);
                if self.clients.is_empty() { Err(Exit::normal()) } else { Ok(()) }
            }
            Some([do_it, Term::Integer(id)]) if do_it.is_atom("do_it") => {
                if let Ok(id) = u64::try_from(id) {
                    self.look(id, process).await;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn state(&self) -> Term {
        let clients = Term::list(self.clients.iter().cloned().map(Term::Pid));
        let tasks = self.tasks.iter().map(|task| {
            Term::tuple([Term::Pid(task.client.clone()), Term::Atom(task.what.clone()), task.key.clone()])
        });
        Term::tuple([Term::Atom(atom!("state")), clients, Term::list(tasks)])
    }

    fn initial_call() -> crate::node::InitialCall {
        crate::node::InitialCall { module: atom!("appmon_info"), function: atom!("init"), arity: 1 }
    }
}

impl AppMon {
    /// Delivers what a task is about if that has changed, and looks again later.
    async fn look(&mut self, id: u64, process: &Process) {
        let Some(task) = self.tasks.iter_mut().find(|task| task.id == id) else { return };
        let node = process.node().clone();
        let seen = match task.what.as_str() {
            "app_ctrl" => applications(&node),
            "app" => tree::of_application(&node, &task.key),
            what => {
                tracing::debug!(what, "appmon_info was asked for what it does not have");
                return;
            }
        };
        if task.delivered.as_ref() != Some(&seen) {
            let delivery = [
                Term::Atom(atom!("delivery")),
                Term::Pid(process.pid().clone()),
                Term::Atom(task.what.clone()),
                task.key.clone(),
                seen.clone(),
            ];
            task.delivered = Some(seen);
            // A client that is gone takes its tasks with it.
            let _ = process.send(&task.client, Term::tuple(delivery)).await;
        }
        let Some(interval) = task.interval else {
            self.tasks.retain(|task| task.id != id);
            return;
        };
        let own = process.pid().clone();
        tokio::spawn(async move {
            tokio::time::sleep(interval).await;
            // If it is not there any more, nobody waits for it.
            let _ = node.send(own, (atom!("do_it"), id)).await;
        });
    }
}

fn applications(node: &Node) -> Term {
    Term::list(Application::all(node).iter().filter_map(|application| {
        let master = Term::Pid(application.master(node)?);
        Some(Term::tuple([master, Term::Atom(application.name.clone()), application.to_term()]))
    }))
}

/// How often to look, from the options; `None` for only once.
fn interval(options: &Term) -> Option<Duration> {
    let mut options = options.as_list().unwrap_or_default().iter().filter_map(Term::as_tuple);
    match options.find(|option| option.first().is_some_and(|name| name.is_atom("timeout"))) {
        Some([_, Term::Integer(milliseconds)]) => {
            let milliseconds = u64::try_from(milliseconds).ok().filter(|milliseconds| *milliseconds >= 100);
            Some(milliseconds.map_or(INTERVAL, Duration::from_millis))
        }
        Some([_, once]) if once.is_atom("at_most_once") => None,
        _ => Some(INTERVAL),
    }
}

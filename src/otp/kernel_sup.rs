//! Keeps the services of a node running, in the place of OTP's `kernel_sup`.
//!
//! Any process of the cluster can end them by an exit signal. A BEAM node goes down then; here the service is started
//! again. What watches it is a task and no process, so nothing but the end of the node ends that. The process
//! `kernel_sup` only tells of the services, to those who ask it as a supervisor.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};

use super::r#gen::Request;
use super::supervisor;
use super::sys::Service;
use crate::atom;
use crate::node::{InitialCall, MailboxLimit, Node, Process, RegisterError, SpawnOptions};
use crate::process::{Exit, ExitKind, Signal};
use crate::term::{Atom, Pid, Term};

/// A service that has not lived so long is not started again at once.
const SHORT_LIFE: Duration = Duration::from_secs(1);

/// How long that, or a name that is not free, is waited for.
const PAUSE: Duration = Duration::from_millis(100);

/// The name of the process that tells of the services.
pub(super) const NAME: &str = "kernel_sup";

/// A service with a name.
#[derive(Debug, Clone)]
pub(super) struct Named {
    /// Its name, by which the process is registered.
    pub(super) id: Atom,
    pub(super) pid: Pid,
}

/// The services of a node, in the order in which they were started.
#[derive(Debug, Default)]
struct Services(RwLock<Vec<Named>>);

/// The services of the node that have a name.
pub(super) fn services(node: &Node) -> Vec<Named> {
    let mut services =
        node.attached::<Services>().map_or_else(Vec::new, |services| services.0.read().clone());
    // Some are not wanted for ever.
    services.retain(|service| node.is_process_alive(&service.pid));
    services
}

/// The service runs now as this process.
fn set_service(node: &Node, name: &Atom, pid: &Pid) {
    let services = node.attached::<Services>().unwrap_or_else(|| {
        let services = Arc::new(Services::default());
        node.attach(services.clone());
        services
    });
    let mut services = services.0.write();
    let service = Named { id: name.clone(), pid: pid.clone() };
    match services.iter_mut().find(|known| known.id == service.id) {
        Some(known) => *known = service,
        None => services.push(service),
    }
}

/// Tells of the services, as a supervisor does of its children.
pub(super) async fn kernel_sup(mut process: Process) -> Result<(), Exit> {
    let mut sys = Service::new(atom!("kernel_sup"));
    loop {
        let node = process.node().clone();
        let state = || Term::list(services(&node).into_iter().map(|service| Term::Atom(service.id)));
        match sys.receive(&mut process, state).await? {
            Request::Call(from, request) => match request.to_term() {
                Ok(request) => {
                    let services = services(process.node());
                    let children = services.iter().filter(|service| service.pid != *process.pid());
                    let children: Vec<(&Atom, &Pid)> =
                        children.map(|service| (&service.id, &service.pid)).collect();
                    let reply = supervisor::tell_of(&children, &request);
                    sys.reply(&process, from, &reply, state);
                }
                Err(error) => tracing::debug!(%error, "kernel_sup got an unknown call"),
            },
            _ => tracing::debug!("kernel_sup got an unknown message"),
        }
    }
}

/// What distinguishes the process of a service.
#[derive(Debug, Clone, Copy, Default)]
struct Kind {
    /// Whether messages of other nodes come to it in an [`Origin`](crate::node::Origin).
    wants_origin: bool,
    mailbox_limit: Option<MailboxLimit>,
}

/// Starts a service, under its name if it has one, and starts it again whenever it ends, until the node does.
///
/// `service` is called anew each time, with the process it is to run in.
pub(super) fn supervise<F, Fut>(node: &Node, name: Option<&'static str>, service: F)
where
    F: Fn(Process) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), Exit>> + Send + 'static,
{
    let name = name.map(|name| Atom::new(name).expect("the names of services are short"));
    let started = supervise_with(node, name, Kind::default(), service, || true);
    started.expect("the names of the services are free when the node starts");
}

/// As [`supervise`], for a service that runs functions for others: messages of other nodes come to it in an
/// [`Origin`](crate::node::Origin).
pub(super) fn supervise_calls<F, Fut>(node: &Node, name: &'static str, service: F)
where
    F: Fn(Process) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), Exit>> + Send + 'static,
{
    let name = Atom::new(name).expect("the names of services are short");
    let kind = Kind { wants_origin: true, ..Kind::default() };
    let started = supervise_with(node, Some(name), kind, service, || true);
    started.expect("the names of the services are free when the node starts");
}

/// As [`supervise`], for a service that has only so many messages wait.
pub(super) fn supervise_limited<F, Fut>(node: &Node, name: &'static str, limit: MailboxLimit, service: F)
where
    F: Fn(Process) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), Exit>> + Send + 'static,
{
    let name = Atom::new(name).expect("the names of services are short");
    let kind = Kind { mailbox_limit: Some(limit), ..Kind::default() };
    let started = supervise_with(node, Some(name), kind, service, || true);
    started.expect("the names of the services are free when the node starts");
}

/// As [`supervise`], for a service that is not wanted for ever, and under a name that may be taken.
///
/// # Errors
/// [`RegisterError`]; it does not run then.
pub(super) fn supervise_while<F, Fut>(
    node: &Node,
    name: Option<Atom>,
    service: F,
    is_wanted: impl Fn() -> bool + Send + 'static,
) -> Result<Pid, RegisterError>
where
    F: Fn(Process) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), Exit>> + Send + 'static,
{
    supervise_with(node, name, Kind::default(), service, is_wanted)
}

fn supervise_with<F, Fut>(
    node: &Node,
    name: Option<Atom>,
    kind: Kind,
    service: F,
    is_wanted: impl Fn() -> bool + Send + 'static,
) -> Result<Pid, RegisterError>
where
    F: Fn(Process) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), Exit>> + Send + 'static,
{
    let mut running = Running::start(node, name.as_ref(), kind, &service)?;
    let first = running.pid.clone();
    let node_of_task = node.clone();
    node.keep(async move {
        let node = node_of_task;
        let name = name.as_ref();
        loop {
            let started = Instant::now();
            running.ended(&node).await;
            if node.is_stopping() || !is_wanted() {
                return;
            }
            if started.elapsed() < SHORT_LIFE {
                sleep(PAUSE).await;
            }
            running = loop {
                if !is_wanted() {
                    return;
                }
                match Running::start(&node, name, kind, &service) {
                    Ok(running) => break running,
                    Err(error) => tracing::error!(name = name.map(Atom::as_str), %error, "a service could not be started again"),
                }
                sleep(PAUSE).await;
            };
            // When the runtime ends, so do the services, and what is started then does not live.
            if node.is_process_alive(&running.pid) {
                tracing::warn!(name = name.map(Atom::as_str), "a service of the node was ended, and started again");
            }
        }
    });
    Ok(first)
}

/// What those see of a service who look at its process: what its twin on a BEAM node shows.
fn options(node: &Node, name: Option<&Atom>) -> SpawnOptions {
    let Some(name) = name else { return SpawnOptions::default() };
    let module = match name.as_str() {
        "rex" => atom!("rpc"),
        "global_name_server" => atom!("global"),
        _ => name.clone(),
    };
    node.add_behaviour(&module, atom!("gen_server"));
    let supervisor = (name != NAME).then(|| Term::Atom(atom!("kernel_sup")));
    SpawnOptions {
        initial_call: Some(InitialCall { module, function: atom!("init"), arity: 1 }),
        ancestors: Some(supervisor.into_iter().collect()),
        ..SpawnOptions::default()
    }
}

/// A service that runs.
struct Running {
    pid: Pid,
    /// Closed when the process drops its half.
    end: oneshot::Receiver<()>,
}

impl Running {
    fn start<F, Fut>(
        node: &Node,
        name: Option<&Atom>,
        Kind { wants_origin, mailbox_limit }: Kind,
        service: &F,
    ) -> Result<Running, RegisterError>
    where
        F: Fn(Process) -> Fut,
        Fut: Future<Output = Result<(), Exit>> + Send + 'static,
    {
        let (alive, end) = oneshot::channel::<()>();
        let options = SpawnOptions { is_service: true, wants_origin, mailbox_limit, ..options(node, name) };
        let pid = node.start(node.new_cell(options), |process| {
            let body = service(process);
            async move {
                let _alive = alive;
                body.await
            }
        });
        if let Some(name) = name
            && let Err(error) = node.register(name.as_str(), &pid)
        {
            node.deliver(node.pid(), &pid, Signal::Exit(ExitKind::Signal, atom!("kill").into()));
            return Err(error);
        }
        if let Some(name) = name {
            set_service(node, name, &pid);
        }
        Ok(Running { pid, end })
    }

    /// Waits until nothing of the process is left.
    async fn ended(&mut self, node: &Node) {
        let _ = (&mut self.end).await;
        // It is on its last steps, in which it gives its name back.
        while node.process_table().get(&self.pid).is_some() {
            yield_now().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otp::r#gen::CallError;

    #[tokio::test(start_paused = true)]
    async fn services_are_started_again_until_the_node_ends() {
        let node = Node::nonode();
        for _ in 0..3 {
            let names = ["net_kernel", "rex", "global_name_server"];
            let before = names.map(|name| node.whereis(name).expect("it runs"));
            for pid in &before {
                let kill = Signal::Exit(ExitKind::Signal, Term::Atom(atom!("kill")));
                node.deliver(node.pid(), pid, kill);
            }
            for (name, before) in names.into_iter().zip(before) {
                while node.whereis(name).is_none_or(|pid| pid == before) {
                    sleep(Duration::from_millis(1)).await;
                }
            }
            let is_auth = (atom!("is_auth"), atom!("a@b"));
            let answer: Result<Atom, CallError> = node.call("net_kernel", is_auth).await;
            assert_eq!(answer.unwrap(), "yes");
            let known: Vec<Atom> = node.call("global_name_server", atom!("get_known")).await.unwrap();
            assert!(known.is_empty());
        }
        node.shutdown().await;
        assert!(node.processes().is_empty(), "{:?}", node.registered());
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_whose_name_was_taken_meanwhile_waits_for_it() {
        let node = Node::nonode();
        let rex = node.whereis("rex").unwrap();
        assert!(node.unregister("rex"));
        let (end, ended) = oneshot::channel::<()>();
        let other = node.spawn(async |_| {
            let _ = ended.await;
            Ok(())
        });
        node.register("rex", &other).unwrap();
        node.deliver(node.pid(), &rex, Signal::Exit(ExitKind::Signal, Term::Atom(atom!("kill"))));
        sleep(Duration::from_secs(10)).await;
        assert_eq!(node.whereis("rex"), Some(other));
        drop(end);
        while node.whereis("rex").is_none() {
            sleep(Duration::from_millis(1)).await;
        }
    }
}

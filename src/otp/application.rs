//! Applications: what a node says it runs.
//!
//! A BEAM node runs `kernel`, `stdlib` and its own; here there are two: `erlnode`, to which the services of the node
//! belong, and the program, by the name that [`Builder::application`](crate::node::Builder::application) gives it, or
//! else that of its file. Both can be asked for as on a BEAM node:
//!
//! | function of `application` | answer |
//! | ------------------------- | ------ |
//! | `which_applications/0,1`, `loaded_applications/0` | `[{Name, Description, Version}]`, the program first |
//! | `get_key/2`, `get_all_key/1` | of `description`, `vsn`, `modules`, `registered`, ... |
//! | `get_env/2`, `get_all_env/1` | `undefined`, `[]`: there are no such settings |
//! | `get_env/3` | the default |
//! | `get_application/1` | `{ok, Name}` of a pid or module |
//!
//! `application_controller` is the process that tells it to those who call it, and the first process of the program's
//! [tree](super::observer) of processes.
//!
//! Reference: kernel application, module `application`.

use super::r#gen::Request;
use super::kernel_sup;
use super::sys::Service;
use crate::atom;
use crate::node::{Caller, Node, Process};
use crate::process::Exit;
use crate::term::{Atom, Pid, Term};

/// The application of the services.
const ERLNODE: Atom = atom!("erlnode");

/// An application that runs.
#[derive(Debug, Clone)]
pub(crate) struct Application {
    pub(crate) name: Atom,
    description: String,
    version: String,
}

impl Application {
    /// All that run on the node.
    pub(crate) fn all(node: &Node) -> Vec<Application> {
        let program = node.program();
        let program = Application {
            name: Atom::new(&program.name).unwrap_or(atom!("program")),
            description: program.description.clone(),
            version: program.version.clone(),
        };
        let erlnode = Application {
            name: ERLNODE,
            description: env!("CARGO_PKG_DESCRIPTION").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        // A program of that name, as the command is, is all in one.
        if program.name == ERLNODE { vec![erlnode] } else { vec![program, erlnode] }
    }

    /// `{Name, Description, Version}`.
    pub(crate) fn to_term(&self) -> Term {
        let [description, version] = [&self.description, &self.version].map(|text| Term::charlist(text));
        Term::tuple([Term::Atom(self.name.clone()), description, version])
    }

    /// The first of its processes.
    pub(crate) fn master(&self, node: &Node) -> Option<Pid> {
        node.whereis(if self.name == ERLNODE { kernel_sup::NAME } else { CONTROLLER })
    }

    /// The names that its processes are registered under.
    fn registered(&self, node: &Node) -> Vec<Term> {
        let services = kernel_sup::services(node);
        let is_service = |name: &Atom| services.iter().any(|service| service.id == *name);
        let is_own = |name: &Atom| is_service(name) == (self.name == ERLNODE);
        let mut names: Vec<Atom> = node.registered().into_iter().filter(is_own).collect();
        names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        names.into_iter().map(Term::Atom).collect()
    }

    /// What the specification of the application would say, in the order of `get_all_key/1`.
    fn keys(&self, node: &Node) -> [(Atom, Term); 13] {
        let modules = if self.name == ERLNODE { Vec::new() } else { node.modules() };
        let undefined = || Term::Atom(atom!("undefined"));
        [
            (atom!("description"), Term::charlist(&self.description)),
            (atom!("id"), Term::NIL),
            (atom!("vsn"), Term::charlist(&self.version)),
            (atom!("modules"), Term::list(modules.into_iter().map(Term::Atom))),
            (atom!("maxP"), Term::Atom(atom!("infinity"))),
            (atom!("maxT"), Term::Atom(atom!("infinity"))),
            (atom!("registered"), Term::list(self.registered(node))),
            (atom!("included_applications"), Term::NIL),
            (atom!("optional_applications"), Term::NIL),
            (atom!("applications"), Term::NIL),
            (atom!("env"), Term::NIL),
            (atom!("mod"), Term::NIL),
            (atom!("start_phases"), undefined()),
        ]
    }
}

fn find(node: &Node, name: &Term) -> Option<Application> {
    Application::all(node).into_iter().find(|application| Some(&application.name) == name.as_atom())
}

fn which(node: &Node) -> Term {
    Term::list(Application::all(node).iter().map(Application::to_term))
}

fn ok(value: Term) -> Term {
    Term::tuple([Term::Atom(atom!("ok")), value])
}

fn undefined() -> Term {
    Term::Atom(atom!("undefined"))
}

/// Exports the functions.
pub(crate) fn export(node: &Node) {
    const MODULE: &str = "application";
    for name in ["which_applications", "loaded_applications"] {
        node.export(MODULE, name, async |caller: Caller, (): ()| Ok(which(caller.node())));
    }
    node.export(MODULE, "which_applications", async |caller: Caller, (_timeout,): (Term,)| {
        Ok(which(caller.node()))
    });
    node.export(MODULE, "get_key", async |caller: Caller, (name, key): (Term, Term)| {
        let node = caller.node();
        let keys = find(node, &name).map(|application| application.keys(node));
        let value = keys.into_iter().flatten().find(|(name, _)| Some(name) == key.as_atom());
        Ok(value.map_or_else(undefined, |(_, value)| ok(value)))
    });
    node.export(MODULE, "get_all_key", async |caller: Caller, (name,): (Term,)| {
        let node = caller.node();
        let pairs = |application: Application| {
            application.keys(node).map(|(key, value)| Term::tuple([Term::Atom(key), value]))
        };
        Ok(find(node, &name).map_or_else(undefined, |found| ok(Term::list(pairs(found)))))
    });
    node.export(MODULE, "get_env", async |_: Caller, (_, _): (Term, Term)| Ok(undefined()));
    node.export(MODULE, "get_env", async |_: Caller, (_, _, default): (Term, Term, Term)| Ok(default));
    node.export(MODULE, "get_all_env", async |_: Caller, (_,): (Term,)| Ok(Term::NIL));
    node.export(MODULE, "get_application", async |caller: Caller, (of,): (Term,)| {
        Ok(application_of(caller.node(), &of).map_or_else(undefined, |name| ok(Term::Atom(name))))
    });
}

fn application_of(node: &Node, of: &Term) -> Option<Atom> {
    let program = || Application::all(node).into_iter().next().map(|program| program.name);
    match of {
        Term::Pid(pid) if node.is_process_alive(pid) => {
            let is_service = kernel_sup::services(node).iter().any(|service| service.pid == *pid);
            if is_service { Some(ERLNODE) } else { program() }
        }
        Term::Atom(module) if node.is_module(module) => program(),
        _ => None,
    }
}

/// The name of the process.
pub(crate) const CONTROLLER: &str = "application_controller";

/// Tells which applications there are.
pub(crate) async fn controller(mut process: Process) -> Result<(), Exit> {
    let mut sys = Service::new(atom!("application_controller"));
    loop {
        let node = process.node().clone();
        match sys.receive(&mut process, || which(&node)).await? {
            Request::Call(from, request) => {
                let asked = request.to_term().ok();
                let is = |name: &str| asked.as_ref().is_some_and(|asked| asked.is_atom(name));
                if is("which_applications") || is("loaded_applications") {
                    sys.reply(&process, from, &which(&node), || which(&node));
                } else {
                    tracing::debug!(caller = ?from.pid(), "application_controller got an unknown call");
                }
            }
            _ => tracing::debug!("application_controller got an unknown message"),
        }
    }
}

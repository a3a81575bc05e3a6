//! What a process is called by those who look at it, and its figures at a glance.

use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use super::process_info::{memory, queue_len};
use super::registry::{InitialCall, ProcessCell};
use super::{Node, Process, SpawnOpt};
use crate::atom;
use crate::term::{Atom, CharEncoding, Pid, Term};

/// What a process runs, as those see it who look: given by who started it, or else the path of its function.
#[derive(Debug, Default)]
pub(crate) struct Body {
    given: Option<InitialCall>,
    path: OnceLock<&'static str>,
}

impl Body {
    pub(crate) fn new(given: Option<InitialCall>) -> Body {
        Body { given, path: OnceLock::new() }
    }

    /// It runs a value of this type.
    pub(crate) fn set_type<F>(&self) {
        self.path.get_or_init(std::any::type_name::<F>);
    }

    pub(crate) fn initial_call(&self) -> InitialCall {
        self.given.clone().or_else(|| of_path(self.path.get()?)).unwrap_or_else(|| InitialCall {
            module: atom!("erlnode"),
            function: atom!("process"),
            arity: 1,
        })
    }
}

/// `a::b::c::{{closure}}` is function `c` of module `a::b`.
fn of_path(path: &str) -> Option<InitialCall> {
    // Without what it is generic over.
    let path = path.trim_start_matches('&').split('<').next()?.trim_end_matches("::");
    let mut path = path.trim_end_matches("::{{closure}}");
    while let Some(outer) = path.strip_suffix("::{{closure}}") {
        path = outer;
    }
    let (module, function) = path.rsplit_once("::")?;
    let atom = |name: &str| Atom::new(name).ok();
    Some(InitialCall { module: atom(module)?, function: atom(function)?, arity: 1 })
}

/// The figures of a process that lists of processes show.
#[derive(Debug)]
pub(crate) struct ProcessFacts {
    /// In bytes.
    pub(crate) memory: usize,
    pub(crate) reductions: u64,
    /// The registered name; else the label, as a binary; else `{Module, Function, Arity}`.
    pub(crate) name: Term,
    pub(crate) current_function: Term,
    pub(crate) message_queue_len: usize,
}

impl Process {
    /// Says what this process is for, to those who look at it: `observer`, `etop`, and `proc_lib:get_label/1`.
    ///
    /// Does what `proc_lib:set_label/1` does.
    pub fn set_label(&self, label: impl Into<Term>) {
        *self.cell().label.lock() = Some(Box::new(label.into()));
    }
}

impl SpawnOpt {
    /// What the process is for; see [`Process::set_label`].
    pub fn label(mut self, label: impl Into<Term>) -> SpawnOpt {
        self.label = Some(label.into());
        self
    }
}

impl ProcessCell {
    pub(crate) fn label(&self) -> Option<Term> {
        self.label.lock().as_deref().cloned()
    }

    /// Whether it was started as `proc_lib` starts processes, and its module can be asked for what it is.
    fn is_of_module(&self, node: &Node) -> bool {
        self.ancestors.is_some() && node.is_module(&self.body.initial_call().module)
    }
}

impl Node {
    /// `proc_lib:translate_initial_call/1`. Of all that is not a server it is what a BEAM says of such processes.
    pub(crate) fn translated_initial_call(&self, pid: &Pid) -> Term {
        match self.local(pid).filter(|cell| cell.is_of_module(self)) {
            Some(cell) => cell.body.initial_call().to_term(),
            None => Term::tuple([Term::Atom(atom!("proc_lib")), Term::Atom(atom!("init_p")), Term::from(5)]),
        }
    }

    /// `proc_lib:initial_call/1`.
    pub(crate) fn proc_lib_initial_call(&self, pid: &Pid) -> Term {
        let Some(cell) = self.local(pid).filter(|cell| cell.ancestors.is_some()) else {
            return Term::from(false);
        };
        let call = cell.body.initial_call();
        let arguments = (1..=call.arity).filter_map(|n| Atom::new(&format!("Argument__{n}")).ok());
        let arguments = Term::list(arguments.map(Term::Atom));
        Term::tuple([Term::Atom(call.module), Term::Atom(call.function), arguments])
    }

    /// `proc_lib:get_label/1`.
    pub(crate) fn process_label(&self, pid: &Pid) -> Option<Term> {
        self.local(pid)?.label()
    }

    /// What can be told of a process in a word: its label, or the type or function that it runs.
    pub(crate) fn process_title(&self, cell: &ProcessCell) -> Option<String> {
        if let Some(label) = cell.label() {
            return Some(label_text(&label));
        }
        let call = cell.body.initial_call();
        let word = if cell.ancestors.is_some() { &call.module } else { &call.function };
        (call.module != *"erlnode").then(|| word.to_string())
    }

    pub(crate) fn process_facts(&self, cell: &ProcessCell) -> ProcessFacts {
        let initial_call = || cell.body.initial_call().to_term();
        let name = self.names().name_of(&cell.pid).map(Term::Atom);
        let label = || cell.label().map(|label| Term::from(label_text(&label)));
        ProcessFacts {
            memory: memory(cell),
            reductions: cell.polls.load(Ordering::Relaxed),
            name: name.or_else(label).unwrap_or_else(initial_call),
            current_function: initial_call(),
            message_queue_len: queue_len(cell),
        }
    }
}

/// A label in words: text as it is, and anything else as a shell prints it.
fn label_text(label: &Term) -> String {
    match label {
        Term::Binary(_) | Term::List(_) => {
            label.chardata(CharEncoding::Unicode).unwrap_or_else(|| label.to_string())
        }
        label => label.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_function_names_it() {
        let call = |path| of_path(path).map(|call| call.to_term().to_string());
        assert_eq!(call("mine::work::run").as_deref(), Some("{'mine::work',run,1}"));
        assert_eq!(call("&mine::run::{{closure}}::{{closure}}").as_deref(), Some("{mine,run,1}"));
        assert_eq!(call("mine::run<i64>::{{closure}}").as_deref(), Some("{mine,run,1}"));
        assert_eq!(call("alone"), None);
    }

    #[tokio::test]
    async fn a_process_is_called_by_its_name_or_label_or_function() {
        let node = Node::nonode();
        let name = |pid: &Pid| node.process_facts(&node.local(pid).unwrap()).name.to_string();
        async fn idle(_: Process) -> Result<(), crate::process::Exit> {
            std::future::pending().await
        }
        let pid = node.spawn(idle);
        assert!(name(&pid).ends_with(",idle,1}"), "{}", name(&pid));
        let pid = node.spawn_opt(SpawnOpt::new().label("worker 1"), idle);
        assert_eq!(name(&pid), "<<\"worker 1\">>");
        assert_eq!(node.process_label(&pid), Some(Term::from("worker 1")));
        node.register("me", &pid).unwrap();
        assert_eq!(name(&pid), "me");
    }
}

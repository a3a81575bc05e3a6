//! The commands that a program adds, and whether there is a shell at all.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::node::{Caller, Node};
use crate::term::Term;

type Answer = Pin<Box<dyn Future<Output = Result<String, String>> + Send>>;

/// What a command does.
pub(super) type Run = Arc<dyn Fn(Caller, Vec<Term>) -> Answer + Send + Sync>;

/// A command that the program has added.
#[derive(Clone)]
pub(super) struct Added {
    pub(super) help: String,
    pub(super) run: Run,
}

/// What the program has said about the shell.
#[derive(Default)]
pub(super) struct Shells {
    added: RwLock<BTreeMap<String, Added>>,
    refusal: RwLock<Option<String>>,
}

impl fmt::Debug for Shells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shells").field("refusal", &*self.refusal.read()).finish_non_exhaustive()
    }
}

impl Shells {
    pub(super) fn of(node: &Node) -> Arc<Shells> {
        // It is attached when the node starts.
        node.attached::<Shells>().unwrap_or_default()
    }

    pub(super) fn refusal(&self) -> Option<String> {
        self.refusal.read().clone()
    }

    pub(super) fn get(&self, name: &str) -> Option<Added> {
        self.added.read().get(name).cloned()
    }

    /// Names and what they are for, in alphabetical order.
    pub(super) fn added(&self) -> Vec<(String, String)> {
        self.added.read().iter().map(|(name, added)| (name.clone(), added.help.clone())).collect()
    }
}

impl Node {
    /// Adds a command to the [shell](crate::otp::shell) that others can open on this node, in place of one of the same
    /// name.
    ///
    /// It gets its arguments as terms, and gives the text to be shown, or says in a sentence why there is none. It runs
    /// in a process of its own, with whoever opened the shell as its [caller](Caller::from), and can ask and print by
    /// way of its group leader. `help` is what the command `help` shows: the form of a call, and what it is for.
    pub fn add_shell_command<F, Fut>(&self, name: &str, help: &str, command: F)
    where
        F: Fn(Caller, Vec<Term>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, String>> + Send + 'static,
    {
        let run: Run = Arc::new(move |caller, arguments| Box::pin(command(caller, arguments)));
        Shells::of(self).added.write().insert(name.to_owned(), Added { help: help.to_owned(), run });
    }

    /// Has nobody open a [shell](crate::otp::shell) on this node from now on; who tries is told `why`, in a sentence.
    /// Shells that are open stay.
    pub fn refuse_shells(&self, why: &str) {
        *Shells::of(self).refusal.write() = Some(why.to_owned());
    }

    /// Has others open shells on this node, as they can when it starts.
    pub fn accept_shells(&self) {
        *Shells::of(self).refusal.write() = None;
    }
}

//! Funs: carried, compared and printed here, but only a BEAM can run them.

use std::sync::Arc;

use super::{Atom, Elements, Pid, Term};

/// A function value.
#[derive(Clone)]
pub enum Fun {
    /// `fun Module:Function/Arity`.
    External(Arc<ExternalFun>),
    /// A fun made by an Erlang `fun` expression, with the variables it closed over.
    Local(Arc<LocalFun>),
}

/// `fun Module:Function/Arity`: names a function of whatever version of the module is loaded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExternalFun {
    /// The module.
    pub module: Atom,
    /// The function.
    pub function: Atom,
    /// How many arguments it takes.
    pub arity: u8,
}

/// A closure of a BEAM node.
#[derive(Clone)]
pub struct LocalFun {
    /// The module whose code it is.
    pub module: Atom,
    /// How many arguments it takes.
    pub arity: u8,
    /// MD5 of the significant parts of the module.
    pub uniq: [u8; 16],
    /// Its index in the module's table of funs.
    pub index: u32,
    /// The index of older releases.
    pub old_index: i64,
    /// The check value of older releases.
    pub old_uniq: i64,
    /// The process that made it.
    pub pid: Pid,
    /// The values of the variables it closed over.
    pub(crate) free: Elements,
}

impl LocalFun {
    /// The values of the variables it closed over.
    #[must_use]
    pub fn free_variables(&self) -> &[Term] {
        self.free.as_slice()
    }
}

//! Functions of this program that other nodes may call as `Module:Function(Args...)`.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::Arc;

use foldhash::fast::FixedState;
use parking_lot::RwLock;
use serde::Serialize;
use serde::de::{DeserializeOwned, Error as _};

use super::{Node, Process};
use crate::atom;
use crate::process::Exit;
use crate::term::etf::{DecodeError, EncodeError, Encoded, Writer};
use crate::term::{self, Atom, AtomTooLong, DeserializeError, Pid, SerializeError, Term, ser};

/// The process in which an exported function runs: one of its own for each call.
///
/// It is that [`Process`] in all respects; besides it knows who called.
#[derive(Debug)]
pub struct Caller {
    process: Process,
    from: CallFrom,
    /// How many functions called one another in this process, up to the one that runs.
    pub(super) nested_calls: u32,
}

impl Caller {
    pub(crate) fn new(process: Process, from: CallFrom) -> Caller {
        Caller { process, from, nested_calls: 0 }
    }

    /// The process that called, or asked for the spawn.
    #[must_use]
    pub fn from(&self) -> &Pid {
        &self.from.pid
    }

    /// The node that the call came from: the one at the other end of the connection, which
    /// [`from`](Caller::from) need not be of. `None` if it is this node itself.
    #[must_use]
    pub fn peer(&self) -> Option<&Atom> {
        self.from.peer.as_ref()
    }
}

/// Who asks for a function to be run.
#[derive(Debug, Clone)]
pub(crate) struct CallFrom {
    /// The process, as the other node says.
    pub(crate) pid: Pid,
    /// The node that the request came from, if it is another.
    pub(crate) peer: Option<Atom>,
}

/// From this node.
impl From<Pid> for CallFrom {
    fn from(pid: Pid) -> CallFrom {
        CallFrom { pid, peer: None }
    }
}

impl Deref for Caller {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl DerefMut for Caller {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.process
    }
}

/// How an exported function fails, in the classes of Erlang.
#[derive(Debug, Clone, PartialEq)]
pub struct Raise {
    /// `error`, `exit` or `throw`.
    pub class: Class,
    /// The reason, or what was thrown.
    pub reason: Term,
    /// The stack trace, `[{Module, Function, Arity or Args, Location}]`. If it is empty, the node names the exported
    /// function there.
    pub stack: Term,
}

/// The class of an exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// `error(Reason)`: something is wrong.
    Error,
    /// `exit(Reason)`: the process ends.
    Exit,
    /// `throw(Term)`.
    Throw,
}

impl Raise {
    /// As `error(Reason)`.
    pub fn error(reason: impl Into<Term>) -> Raise {
        Raise { class: Class::Error, reason: reason.into(), stack: Term::NIL }
    }

    /// As `exit(Reason)`.
    pub fn exit(reason: impl Into<Term>) -> Raise {
        Raise { class: Class::Exit, reason: reason.into(), stack: Term::NIL }
    }

    /// As `throw(Thrown)`.
    pub fn throw(thrown: impl Into<Term>) -> Raise {
        Raise { class: Class::Throw, reason: thrown.into(), stack: Term::NIL }
    }
}

/// The reason that a process ends with if nothing catches the exception.
impl From<Raise> for Exit {
    fn from(raise: Raise) -> Exit {
        Exit::new(match raise.class {
            Class::Error => Term::tuple([raise.reason, raise.stack]),
            Class::Exit => raise.reason,
            Class::Throw => {
                Term::tuple([Term::tuple([Term::Atom(atom!("nocatch")), raise.reason]), raise.stack])
            }
        })
    }
}

/// What ended the function as a process ends the call in the class `exit`.
impl From<Exit> for Raise {
    fn from(exit: Exit) -> Raise {
        Raise::exit(exit.into_reason())
    }
}

macro_rules! from_errors {
    ($($error:ty)*) => { $(
        impl From<$error> for Raise {
            fn from(error: $error) -> Raise {
                Raise::error(Exit::from(error).into_reason())
            }
        }
    )* };
}
from_errors!(std::io::Error DecodeError EncodeError DeserializeError SerializeError AtomTooLong super::SendError);

/// The arguments of an exported function: a tuple of up to eight types that serde can read.
pub trait Arguments: Sized + Send {
    /// How many there are.
    const ARITY: u8;

    /// Decodes them.
    ///
    /// # Errors
    /// [`DeserializeError`] for the first that does not fit, or when there are fewer or more.
    fn decode(arguments: &[Encoded]) -> Result<Self, DeserializeError>;
}

macro_rules! arguments {
    ($arity:literal $($name:ident)*) => {
        impl<$($name: DeserializeOwned + Send),*> Arguments for ($($name,)*) {
            const ARITY: u8 = $arity;

            #[allow(non_snake_case, reason = "type parameters name the variables")]
            fn decode(arguments: &[Encoded]) -> Result<Self, DeserializeError> {
                match arguments {
                    [$($name),*] => Ok(($(term::from_encoded::<$name>($name)?,)*)),
                    _ => Err(DeserializeError::custom(format_args!(
                        "{} arguments where {} are expected", arguments.len(), $arity
                    ))),
                }
            }
        }
    };
}
arguments!(0);
arguments!(1 A);
arguments!(2 A B);
arguments!(3 A B C);
arguments!(4 A B C D);
arguments!(5 A B C D E);
arguments!(6 A B C D E F);
arguments!(7 A B C D E F G);
arguments!(8 A B C D E F G H);

type Answer = Pin<Box<dyn Future<Output = Result<Encoded, Raise>> + Send>>;
type Function = Arc<dyn Fn(Caller, Vec<Encoded>) -> Answer + Send + Sync>;
type Functions = HashMap<Atom, Vec<Export>, FixedState>;

#[derive(Clone)]
pub(super) struct Export {
    arity: u8,
    pub(super) function: Function,
    /// It only calls the function that its arguments name: whether that may be called is what counts.
    pub(super) passes_on: bool,
}

/// The exported functions of a node.
#[derive(Default)]
pub(crate) struct Exports(RwLock<HashMap<Atom, Functions, FixedState>>);

impl fmt::Debug for Exports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.read().keys()).finish()
    }
}

impl Exports {
    pub(super) fn get(&self, module: &str, function: &str, arity: usize) -> Option<Export> {
        let modules = self.0.read();
        let candidates = modules.get(module)?.get(function)?;
        candidates.iter().find(|export| usize::from(export.arity) == arity).cloned()
    }

    /// Whether a function of this module is exported.
    pub(super) fn has_module(&self, module: &Atom) -> bool {
        self.0.read().contains_key(module)
    }

    pub(super) fn modules(&self) -> Vec<Atom> {
        self.0.read().keys().cloned().collect()
    }

    /// The functions of a module, in alphabetical order.
    pub(super) fn functions(&self, module: &Atom) -> Vec<(Atom, u8)> {
        let modules = self.0.read();
        let functions = modules.get(module).into_iter().flatten();
        let mut all: Vec<(Atom, u8)> =
            functions.flat_map(|(name, all)| all.iter().map(|export| (name.clone(), export.arity))).collect();
        all.sort_unstable_by(|(a, a_arity), (b, b_arity)| (a.as_str(), a_arity).cmp(&(b.as_str(), b_arity)));
        all
    }

    fn insert(&self, module: Atom, name: Atom, export: Export) {
        let mut modules = self.0.write();
        let candidates = modules.entry(module).or_default().entry(name).or_default();
        candidates.retain(|other| other.arity != export.arity);
        candidates.push(export);
    }
}

impl Node {
    /// Lets other nodes call `function` as `module:name(Args...)`, by rpc, erpc or spawn.
    ///
    /// The arguments are decoded into the tuple that `function` takes, and its length is the arity: functions of
    /// one name and different arity stand beside each other. Each call runs in a process of its own. Exporting the
    /// same name and arity again replaces the function. Nothing that is not exported can be called.
    ///
    /// # Panics
    /// When `module` or `name` is longer than an atom can be.
    pub fn export<A, R, F, Fut>(&self, module: &str, name: &str, function: F)
    where
        A: Arguments + 'static,
        R: Serialize + 'static,
        F: Fn(Caller, A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, Raise>> + Send + 'static,
    {
        let function = Arc::new(function);
        let at = (to_atom(module), to_atom(name));
        self.export_raw(module, name, A::ARITY, move |caller, arguments| {
            let (function, at) = (function.clone(), at.clone());
            async move {
                let decoded = A::decode(&arguments).map_err(|error| {
                    tracing::debug!(module = %at.0, function = %at.1, %error, "arguments do not fit");
                    // What a BEAM function says that has no clause for its arguments.
                    Raise::function_error(atom!("function_clause"), &at.0, &at.1, arguments_term(&arguments))
                })?;
                let result = function(caller, decoded).await;
                let encoded = result.and_then(|value| Ok(term::to_encoded(&value)?));
                encoded.map_err(|raise| raise.within(&at.0, &at.1, A::ARITY))
            }
        });
    }

    /// Exports a function that gets its arguments as they came, and gives its result ready to be sent.
    pub(crate) fn export_raw<F, Fut>(&self, module: &str, name: &str, arity: u8, function: F)
    where
        F: Fn(Caller, Vec<Encoded>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Encoded, Raise>> + Send + 'static,
    {
        let function: Function = Arc::new(move |caller, arguments| Box::pin(function(caller, arguments)));
        self.exports().insert(to_atom(module), to_atom(name), Export { arity, function, passes_on: false });
    }

    /// As [`export_raw`](Node::export_raw), for a function that does nothing but call the one that its arguments name.
    pub(crate) fn export_passing_on<F, Fut>(&self, module: &str, name: &str, arity: u8, function: F)
    where
        F: Fn(Caller, Vec<Encoded>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Encoded, Raise>> + Send + 'static,
    {
        let function: Function = Arc::new(move |caller, arguments| Box::pin(function(caller, arguments)));
        self.exports().insert(to_atom(module), to_atom(name), Export { arity, function, passes_on: true });
    }

    /// Whether `module:function/arity` is exported.
    #[must_use]
    pub fn is_exported(&self, module: &str, function: &str, arity: u8) -> bool {
        self.function(module, function, arity.into()).is_some()
    }

    /// All functions that are exported.
    pub(crate) fn exported(&self) -> impl Iterator<Item = (Atom, Atom, u8)> {
        let mut modules = self.exports().modules();
        modules.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        modules.into_iter().flat_map(|module| {
            let functions = self.exports().functions(&module);
            functions.into_iter().map(move |(name, arity)| (module.clone(), name, arity))
        })
    }

    /// The function that a call of `module:function` with so many arguments runs: one that is exported, or
    /// `module_info`, which every module has.
    pub(super) fn function(&self, module: &str, function: &str, arity: usize) -> Option<Export> {
        let exported = self.exports().get(module, function, arity);
        if exported.is_some() || function != "module_info" || arity > 1 {
            return exported;
        }
        let module = Atom::new(module).ok().filter(|module| self.is_module(module))?;
        let function: Function = Arc::new(move |caller, arguments| {
            let info = module_info(caller.node(), &module, &arguments);
            Box::pin(std::future::ready(info))
        });
        Some(Export { arity: u8::try_from(arity).ok()?, function, passes_on: false })
    }
}

fn module_info(node: &Node, module: &Atom, arguments: &[Encoded]) -> Result<Encoded, Raise> {
    let info = match arguments {
        [item] => {
            let item = item.to_term()?;
            item.as_atom().and_then(|item| node.module_info_item(module, item.as_str()))
        }
        _ => node.module_info(module),
    };
    match info {
        Some(info) => Ok(term::to_encoded(&info)?),
        None => Err(Raise::error(atom!("badarg"))),
    }
}

pub(super) fn to_atom(name: &str) -> Atom {
    Atom::new(name).expect("a name of at most 255 characters")
}

pub(super) fn arguments_term(arguments: &[Encoded]) -> Term {
    // What does not decode is shown as what it is not: there.
    Term::list(arguments.iter().map(|argument| argument.to_term().unwrap_or_default()))
}

/// Encodes the arguments of a function, a tuple or a `Vec`, as the list that Erlang calls functions with.
pub(crate) fn to_arguments<A: Serialize>(arguments: &A) -> Result<Encoded, SerializeError> {
    let mut writer = Writer::new();
    ser::arguments_to_writer(&mut writer, arguments, ser::Options::default())?;
    Ok(Encoded::new(writer.into_bytes(), None))
}

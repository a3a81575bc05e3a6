//! Who may call what, and what else a peer may do here.
//!
//! Only what a program exports can be called from other nodes. A [`Policy`] narrows that further, by peer and by
//! function, and says what each peer may send:
//!
//! ```text
//!   a call from a peer ──▶ rules, in their order: the first that fits decides ──▶ the hook, if allowed ──▶ it runs
//!                                     │ deny, or none fits and that is to deny        │ Err(Reason)
//!                                     ▼                                               ▼
//!                          error {not_allowed, policy}                    error {not_allowed, Reason}
//! ```
//!
//! It holds for each way a call comes: `erpc`, `rpc` and its server `rex`, `spawn`, `spawn_request`, `proc_lib`, and the
//! old requests to `net_kernel`; and for what `erlang:apply/2,3` calls. The peer is the node at the other end of the
//! connection, whatever pid it says the caller has. What the program calls itself, on its own node, is not its concern.
//!
//! A call that is refused raises an error in the class `error`, so that on the BEAM
//!
//! | call | comes to |
//! | ---- | -------- |
//! | `erpc:call(N, M, F, Args)` | `error:{exception, {not_allowed, Reason}, [{M, F, Args, []}]}` |
//! | `rpc:call(N, M, F, Args)`, `rpc:block_call` | `{badrpc, {'EXIT', {{not_allowed, Reason}, [{M, F, Args, []}]}}}` |
//! | `spawn_monitor(N, M, F, Args)` | a process that ends with `{{not_allowed, Reason}, [{M, F, Args, []}]}` |
//! | `erpc:cast`, `rpc:cast` | nothing, as for any cast; the error is told to the log |
//!
//! or `undef`, as for a function that is not there, if the policy [hides](Policy::hide_refused) what it refuses. The log
//! of this node tells who asked for what, at most ten times a second.
//!
//! | file       | what it is about                                  |
//! | ---------- | ------------------------------------------------- |
//! | `rule`     | [`Rule`]: functions, peers, allow or deny         |
//! | `limits`   | [`PeerLimits`]: names, sizes, signals             |
//! | `calls`    | the check of each call, and the log               |
//! | `signals`  | the check of all else that a peer sends           |
//!
//! OTP has nothing like it: there, who has the cookie may do everything.

mod calls;
mod limits;
mod rule;
mod signals;
#[cfg(test)]
mod tests;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

pub(crate) use self::calls::Origin;
pub(super) use self::calls::{CachedLimits, Policies};
pub use self::limits::PeerLimits;
pub use self::rule::{PolicyError, Rule};

use self::rule::PeerPattern;
use super::exports;
use crate::term::etf::Encoded;
use crate::term::{self, Atom, DeserializeError, Pid, Term};

/// Who may call which exported function, and what each peer may send; see
/// [`Builder::policy`](super::Builder::policy) and [`Node::set_policy`](super::Node::set_policy).
///
/// ```
/// use std::time::Duration;
///
/// use erlnode::node::{CallRequest, PeerLimits, Policy, Rule};
/// use erlnode::term::Term;
///
/// let policy = Policy::new()
///     // The first rule that fits decides.
///     .rule(Rule::allow("rust:add/2"))
///     .rule(Rule::allow("rust:*").from("ops@"))
///     .deny_others()
///     // Asked about each call that the rules allow.
///     .hook(async |call: CallRequest| match call.argument::<i64>(0) {
///         Ok(number) if number < 0 => Err(Term::from("no debts")),
///         _ => Ok(()),
///     })
///     .peer("guest.example.org", PeerLimits::new().names(["echo"]).largest_message(64 * 1024));
/// ```
#[derive(Clone, Default)]
pub struct Policy {
    rules: Vec<Rule>,
    deny_others: bool,
    hide_refused: bool,
    hook: Option<Hook>,
    peers: Vec<(PeerPattern, Arc<PeerLimits>)>,
}

type Hook = Arc<dyn Fn(CallRequest) -> Pin<Box<dyn Future<Output = Result<(), Term>> + Send>> + Send + Sync>;

impl Policy {
    /// The policy that lets every peer call all that is exported, and send what it wants.
    #[must_use]
    pub fn new() -> Policy {
        Policy::default()
    }

    /// Adds a rule behind those that are there. The first one that fits a call decides on it.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Policy {
        self.rules.push(rule);
        self
    }

    /// Denies what no rule fits. Otherwise that is allowed.
    ///
    /// The standard functions are no exception: `erlang:node/0`, `erlang:process_info/2` and what else
    /// [`Node::is_exported`](super::Node::is_exported) says. `net_adm:ping/1`, generic servers, links and monitors need
    /// none of them; tools that look into the node do.
    #[must_use]
    pub fn deny_others(mut self) -> Policy {
        self.deny_others = true;
        self
    }

    /// Has calls that are refused raise `undef`, so that a peer can't tell what there is.
    #[must_use]
    pub fn hide_refused(mut self) -> Policy {
        self.hide_refused = true;
        self
    }

    /// Asks `hook` about each call that the rules allow. `Err` refuses it, with the reason that the caller gets.
    ///
    /// It runs in the process of the call, before the function: it can wait, and the call waits with it, for as long as
    /// its caller does. A hook that panics refuses the call. When the node [ends](super::Node::shutdown) meanwhile, the
    /// function does not run, whatever the hook says.
    #[must_use]
    pub fn hook<F, Fut>(mut self, hook: F) -> Policy
    where
        F: Fn(CallRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Term>> + Send + 'static,
    {
        self.hook = Some(Arc::new(move |call| Box::pin(hook(call))));
        self
    }

    /// Sets what the nodes of that name may send: `name@host`, or `host` for all nodes there, or `name@` for nodes of
    /// that name anywhere, or `*` for all. The first entry that fits a node holds for it.
    ///
    /// # Panics
    /// When `peer` is empty.
    #[must_use]
    pub fn peer(mut self, peer: &str, limits: PeerLimits) -> Policy {
        let peer = peer.parse().expect("a node, a host, or a name");
        self.peers.push((peer, Arc::new(limits)));
        self
    }

    /// Whether it changes nothing.
    fn is_open(&self) -> bool {
        self.rules.is_empty() && !self.deny_others && self.hook.is_none() && self.peers.is_empty()
    }

    /// What the rules say.
    fn allows(&self, call: &CallRequest) -> bool {
        match self.rules.iter().find(|rule| rule.fits(call)) {
            Some(rule) => rule.allows(),
            None => !self.deny_others,
        }
    }

    fn limits_of(&self, peer: &Atom) -> Option<Arc<PeerLimits>> {
        let (_, limits) = self.peers.iter().find(|(pattern, _)| pattern.fits(peer))?;
        Some(limits.clone())
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("rules", &self.rules)
            .field("deny_others", &self.deny_others)
            .field("hide_refused", &self.hide_refused)
            .field("hook", &self.hook.is_some())
            .field("peers", &self.peers)
            .finish()
    }
}

/// A call that a peer asks for.
#[derive(Debug, Clone)]
pub struct CallRequest {
    peer: Atom,
    caller: Pid,
    module: Atom,
    function: Atom,
    arguments: Vec<Encoded>,
}

impl CallRequest {
    /// The node that the call came from: the one at the other end of the connection.
    #[must_use]
    pub fn peer(&self) -> &Atom {
        &self.peer
    }

    /// The process that calls, as the peer says; for an `rpc:cast` of a node before OTP 23 a pid of this node.
    #[must_use]
    pub fn caller(&self) -> &Pid {
        &self.caller
    }

    /// The module.
    #[must_use]
    pub fn module(&self) -> &Atom {
        &self.module
    }

    /// The function.
    #[must_use]
    pub fn function(&self) -> &Atom {
        &self.function
    }

    /// How many arguments there are.
    #[must_use]
    pub fn arity(&self) -> usize {
        self.arguments.len()
    }

    /// Decodes the argument at `index`, counted from 0.
    ///
    /// # Errors
    /// [`DeserializeError`] when it is of another type, or there is none.
    pub fn argument<T: serde::de::DeserializeOwned>(&self, index: usize) -> Result<T, DeserializeError> {
        match self.arguments.get(index) {
            Some(argument) => term::from_encoded(argument),
            None => Err(serde::de::Error::custom("there are fewer arguments")),
        }
    }

    /// The list of the arguments.
    #[must_use]
    pub fn arguments(&self) -> Term {
        exports::arguments_term(&self.arguments)
    }
}

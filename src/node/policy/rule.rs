//! A rule: which functions, called by whom, are allowed or denied.
//!
//! As text, for command lines and settings:
//!
//! ```text
//! allow rust:add/2
//! allow rust:*,Elixir.MyApp.* from web@host,ops@
//! deny *
//! ```
//!
//! | functions                 | which                                   |
//! | ------------------------- | --------------------------------------- |
//! | `module:function/arity`   | that one                                |
//! | `module:function`         | of every arity                          |
//! | `module` or `module:*`    | all functions of the module             |
//! | `pre*`, `module:pre*`     | names that begin so                     |
//! | `*`                       | all                                     |
//!
//! | peers       | which                              |
//! | ----------- | ---------------------------------- |
//! | `name@host` | that node                          |
//! | `host`      | all nodes of that host             |
//! | `name@`     | nodes of that name on every host   |
//! | `*`         | all, as without `from`             |

use std::str::FromStr;

use super::CallRequest;
use crate::node::auth;
use crate::term::Atom;

/// Allows or denies calls of some functions, to all peers or some; see [`Policy::rule`](super::Policy::rule).
///
/// It can be read from text: `"allow rust:add/2 from web@host".parse()`. Several functions or peers are separated by commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    allow: bool,
    functions: Vec<FunctionPattern>,
    /// All, if there are none.
    peers: Vec<PeerPattern>,
}

impl Rule {
    /// Allows calls of these functions: `module:function/arity`, `module:function`, `module`, or the beginning of a name and
    /// a `*`; several are separated by commas.
    ///
    /// # Panics
    /// When a function is written otherwise. What a user wrote is better parsed.
    #[must_use]
    pub fn allow(functions: &str) -> Rule {
        Rule::new(true, functions).expect("functions as module:function/arity")
    }

    /// Denies calls of these functions; see [`allow`](Rule::allow).
    ///
    /// # Panics
    /// When a function is written otherwise.
    #[must_use]
    pub fn deny(functions: &str) -> Rule {
        Rule::new(false, functions).expect("functions as module:function/arity")
    }

    /// Has the rule hold for these peers only: `name@host`, or `host` for all nodes there, or `name@` for nodes of that
    /// name anywhere; several are separated by commas.
    ///
    /// # Panics
    /// When one is empty.
    #[must_use]
    pub fn from(mut self, peers: &str) -> Rule {
        self.peers = list(peers).expect("nodes, hosts, or names");
        self
    }

    fn new(allow: bool, functions: &str) -> Result<Rule, PolicyError> {
        Ok(Rule { allow, functions: list(functions)?, peers: Vec::new() })
    }

    pub(super) fn allows(&self) -> bool {
        self.allow
    }

    pub(super) fn fits(&self, call: &CallRequest) -> bool {
        self.functions.iter().any(|functions| functions.fits(call))
            && (self.peers.is_empty() || self.peers.iter().any(|peers| peers.fits(&call.peer)))
    }
}

/// What is wrong with a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// It does not begin with `allow` or `deny`, or there is something behind it.
    #[error(
        "not a rule: {0:?}; say allow or deny, which functions, and, if not for all, from whom: allow rust:add/2 from web@host"
    )]
    Rule(String),
    /// No functions look like that.
    #[error("not a function: {0:?}; it is module:function/arity, module:function, module, or *")]
    Function(String),
    /// No node looks like that.
    #[error("not a peer: {0:?}; it is name@host, host, name@, or *")]
    Peer(String),
}

impl FromStr for Rule {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Rule, PolicyError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (access, functions, peers) = match words[..] {
            [access, functions] => (access, functions, None),
            [access, functions, "from", peers] => (access, functions, Some(peers)),
            _ => return Err(PolicyError::Rule(text.to_owned())),
        };
        let allow = match access {
            "allow" => true,
            "deny" => false,
            _ => return Err(PolicyError::Rule(text.to_owned())),
        };
        let mut rule = Rule::new(allow, functions)?;
        if let Some(peers) = peers {
            rule.peers = list(peers)?;
        }
        Ok(rule)
    }
}

fn list<T: FromStr<Err = PolicyError>>(text: &str) -> Result<Vec<T>, PolicyError> {
    text.split(',').map(|item| item.trim().parse()).collect()
}

/// Some functions.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FunctionPattern {
    module: NamePattern,
    function: NamePattern,
    arity: Option<usize>,
}

impl FunctionPattern {
    fn fits(&self, call: &CallRequest) -> bool {
        self.module.fits(call.module.as_str())
            && self.function.fits(call.function.as_str())
            && self.arity.is_none_or(|arity| arity == call.arity())
    }
}

impl FromStr for FunctionPattern {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<FunctionPattern, PolicyError> {
        let bad = || PolicyError::Function(text.to_owned());
        let (module, rest) = text.split_once(':').unwrap_or((text, "*"));
        // A function may be called `/`.
        let (function, arity) = match rest.rsplit_once('/') {
            Some((function, arity)) if !function.is_empty() => {
                (function, Some(arity.parse().map_err(|_| bad())?))
            }
            _ => (rest, None),
        };
        if module.is_empty() || function.is_empty() {
            return Err(bad());
        }
        Ok(FunctionPattern { module: NamePattern::new(module), function: NamePattern::new(function), arity })
    }
}

/// A name, or all that begin with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamePattern {
    name: String,
    is_beginning: bool,
}

impl NamePattern {
    /// A `*` at the end stands for any rest. An operator is a name, so that `**` is what begins with `*`, and not all.
    pub(super) fn new(text: &str) -> NamePattern {
        match text.strip_suffix('*') {
            Some(beginning) => NamePattern { name: beginning.to_owned(), is_beginning: true },
            None => NamePattern { name: text.to_owned(), is_beginning: false },
        }
    }

    pub(super) fn fits(&self, name: &str) -> bool {
        if self.is_beginning { name.starts_with(&self.name) } else { name == self.name }
    }
}

/// Some nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PeerPattern(String);

impl PeerPattern {
    pub(super) fn fits(&self, peer: &Atom) -> bool {
        let (alive, host) = peer.as_str().split_once('@').unwrap_or((peer.as_str(), ""));
        self.0 == "*" || auth::matches(&self.0, alive, host)
    }
}

impl FromStr for PeerPattern {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<PeerPattern, PolicyError> {
        if text.is_empty() || text == "@" || text.contains(char::is_whitespace) {
            return Err(PolicyError::Peer(text.to_owned()));
        }
        Ok(PeerPattern(text.to_owned()))
    }
}

//! The check of each call that comes from a peer, and the log of what is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};

use super::{CallRequest, PeerLimits, Policy};
use crate::atom;
use crate::node::connection::Connection;
use crate::node::exports::{Caller, Raise, arguments_term};
use crate::node::{Dest, Node};
use crate::process::{Envelope, Exit, Message};
use crate::term::etf::{EncodeError, Encoded, Writer};
use crate::term::{Atom, Term};

/// The policy that holds, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Policies {
    /// Which one it is; 0 for none. Whoever only wants to know that there is none need not lock.
    generation: AtomicU64,
    /// How many there have been, and the current one.
    current: RwLock<(u64, Option<Arc<Policy>>)>,
    told: Mutex<Told>,
}

/// What holds for a peer, and by which policy.
#[derive(Debug, Default)]
pub(crate) struct CachedLimits(Mutex<(u64, Option<Arc<PeerLimits>>)>);

impl Policies {
    /// Whether there is one.
    pub(in crate::node) fn is_set(&self) -> bool {
        self.generation.load(Ordering::Relaxed) != 0
    }

    fn set(&self, policy: Policy) {
        let mut current = self.current.write();
        current.0 += 1;
        let is_open = policy.is_open();
        current.1 = (!is_open).then(|| Arc::new(policy));
        self.generation.store(if is_open { 0 } else { current.0 }, Ordering::Release);
    }

    fn get(&self) -> Option<Arc<Policy>> {
        if self.generation.load(Ordering::Acquire) == 0 { None } else { self.current.read().1.clone() }
    }

    fn limits_of(&self, peer: &Atom) -> Option<Arc<PeerLimits>> {
        self.get()?.limits_of(peer)
    }

    /// What limits the peer of `connection`. With each policy that is found out once a connection.
    pub(super) fn limits(&self, connection: &Connection) -> Option<Arc<PeerLimits>> {
        let generation = self.generation.load(Ordering::Acquire);
        if generation == 0 {
            return None;
        }
        let mut cached = connection.limits.0.lock();
        if cached.0 != generation {
            *cached = (generation, self.limits_of(connection.peer.as_atom()));
        }
        cached.1.clone()
    }

    /// Whether the log is to tell of one more thing refused, and of how many it has not told since it last did.
    pub(super) fn is_to_tell(&self) -> Option<u64> {
        self.told.lock().one_more(Instant::now())
    }
}

/// What the log has told of lately.
#[derive(Debug, Default)]
pub(super) struct Told {
    since: Option<Instant>,
    told: u32,
    untold: u64,
}

/// A peer that is refused again and again does not fill the log.
const TELL_PER_SECOND: u32 = 10;

impl Told {
    pub(super) fn one_more(&mut self, now: Instant) -> Option<u64> {
        if self.since.is_none_or(|since| now.duration_since(since) >= Duration::from_secs(1)) {
            (self.since, self.told) = (Some(now), 0);
        }
        if self.told < TELL_PER_SECOND {
            self.told += 1;
            return Some(std::mem::take(&mut self.untold));
        }
        self.untold += 1;
        None
    }
}

/// The peer that a message came from, for the services that run calls. It stands around the message as it came.
#[derive(Debug, Clone)]
pub(crate) struct Origin(pub(crate) Atom);

impl Origin {
    /// The peer that the message came from, if it did not come from this node, and the message as it came.
    pub(crate) fn split(message: Message) -> (Option<Atom>, Message) {
        match message.open(|_: &mut Origin| true) {
            Ok((Origin(peer), message)) => (Some(peer), message),
            Err(message) => (None, message),
        }
    }
}

impl Envelope for Origin {
    fn write_head(&self, _: &mut Writer) -> Result<(), EncodeError> {
        Ok(())
    }
}

impl Node {
    /// Sets who may call what, and what each peer may send, from now on. Calls that run already go on, and connections
    /// stay. [`Policy::new`] lifts all restrictions.
    pub fn set_policy(&self, policy: Policy) {
        self.policies().set(policy);
    }

    /// Whether the call may be made; if not, what it raises.
    pub(crate) async fn permit(
        &self,
        caller: &Caller,
        module: &Atom,
        function: &Atom,
        arguments: &[Encoded],
    ) -> Result<(), Raise> {
        let (Some(policy), Some(peer)) = (self.policies().get(), caller.peer()) else { return Ok(()) };
        let call = CallRequest {
            peer: peer.clone(),
            caller: caller.from().clone(),
            module: module.clone(),
            function: function.clone(),
            arguments: arguments.to_vec(),
        };
        let refused = match &policy.hook {
            _ if !policy.allows(&call) => Some(Term::Atom(atom!("policy"))),
            Some(hook) => hook(call).await.err(),
            None => None,
        };
        if let Some(reason) = refused {
            let call = format_args!("{module}:{function}/{}", arguments.len());
            if let Some(untold) = self.policies().is_to_tell() {
                tracing::warn!(%peer, caller = %caller.from(), %call, %reason, untold, "refused a call");
            }
            return Err(if policy.hide_refused {
                Raise::undef(module, function, arguments_term(arguments))
            } else {
                let reason = Term::tuple([Term::Atom(atom!("not_allowed")), reason]);
                Raise::raised_by_call(reason, module, function, arguments_term(arguments))
            });
        }
        // It may have waited for long: nothing begins to run in a node that ends.
        if policy.hook.is_some() && self.is_stopping() {
            return Err(Exit::new(atom!("shutdown")).into());
        }
        Ok(())
    }

    /// Whether something may be sent for the peer to `dest`, by a function or service of this node.
    pub(crate) fn may_send_for(&self, peer: Option<&Atom>, dest: &Dest) -> bool {
        let (Some(peer), Dest::Name(name) | Dest::NameNode(name, _)) = (peer, dest) else { return true };
        let Some(limits) = self.policies().limits_of(peer) else { return true };
        let may = limits.takes_name(name.as_str()) || self.is_service(name.as_str());
        if !may {
            self.tell_unsent(peer, name);
        }
        may
    }

    /// Whether exit signals may be sent for the peer, by a function of this node.
    pub(crate) fn may_exit_for(&self, peer: Option<&Atom>) -> bool {
        let Some(peer) = peer else { return true };
        let limits = self.policies().limits_of(peer);
        limits.is_none_or(|limits| self.takes_exits(&limits, peer))
    }

    pub(super) fn is_service(&self, name: &str) -> bool {
        self.names().whereis(name).is_some_and(|cell| cell.is_service)
    }

    pub(super) fn tell_unsent(&self, peer: &Atom, name: &Atom) {
        if let Some(untold) = self.policies().is_to_tell() {
            tracing::warn!(%peer, %name, untold, "dropped what was for a name that the peer may not send to");
        }
    }
}

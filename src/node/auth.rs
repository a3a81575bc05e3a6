//! Who may connect, and which cookie is for whom.
//!
//! A cookie for a single node has precedence over the one for all, whichever of the two nodes connects. Beside that for
//! all, a second one can be accepted from nodes that connect: so a cluster can change its cookie while it runs.
//!
//! ```text
//!   all nodes:   cookie old              ──▶ cookie old, accepts new   (one node after the other)
//!                cookie old, accepts new ──▶ cookie new, accepts old   (one node after the other)
//!                cookie new, accepts old ──▶ cookie new
//! ```
//!
//! At each moment of it any two nodes can connect. A BEAM node has no second cookie; it takes its new one as the last,
//! by `erlang:set_cookie/1`, once all that have to connect to it have theirs.

use std::collections::HashMap;

use parking_lot::RwLock;

use crate::dist::{AcceptedCookies, Cookie, NodeName};
use crate::term::Atom;

/// The cookies of a node: one for all, a second one that it accepts, and others for single nodes.
#[derive(Debug)]
pub(crate) struct Cookies {
    default: RwLock<Cookie>,
    accepted: RwLock<Option<Cookie>>,
    of_nodes: RwLock<HashMap<Atom, Cookie>>,
}

impl Cookies {
    pub(crate) fn new(default: Cookie, accepted: Option<Cookie>) -> Cookies {
        Cookies {
            default: RwLock::new(default),
            accepted: RwLock::new(accepted),
            of_nodes: RwLock::default(),
        }
    }

    /// The cookie with which this node connects to `node`.
    pub(crate) fn for_node(&self, node: &Atom) -> Cookie {
        match self.of_nodes.read().get(node) {
            Some(cookie) => cookie.clone(),
            None => self.default.read().clone(),
        }
    }

    /// The cookies with which `node` may connect.
    pub(crate) fn accepted_from(&self, node: &Atom) -> AcceptedCookies {
        match self.of_nodes.read().get(node) {
            Some(cookie) => cookie.clone().into(),
            None => self.accepted(),
        }
    }

    /// The cookies with which a node may connect that has no name yet.
    pub(crate) fn accepted(&self) -> AcceptedCookies {
        AcceptedCookies::new(self.default.read().clone(), self.accepted.read().clone())
    }

    pub(crate) fn set(&self, node: Atom, cookie: Cookie) {
        self.of_nodes.write().insert(node, cookie);
    }

    pub(crate) fn set_default(&self, cookie: Cookie) {
        *self.default.write() = cookie;
    }

    pub(crate) fn set_accepted(&self, cookie: Option<Cookie>) {
        *self.accepted.write() = cookie;
    }
}

/// The nodes that may be connected to this one; all, as long as none is named.
#[derive(Debug, Default)]
pub(crate) struct Allowed(RwLock<Vec<String>>);

impl Allowed {
    pub(crate) fn new(nodes: Vec<String>) -> Allowed {
        Allowed(RwLock::new(nodes))
    }

    pub(crate) fn add(&self, nodes: impl Iterator<Item = String>) {
        self.0.write().extend(nodes);
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.read().clone()
    }

    pub(crate) fn includes(&self, node: &NodeName) -> bool {
        let allowed = self.0.read();
        allowed.is_empty() || allowed.iter().any(|entry| matches(entry, node.alive(), node.host()))
    }

    /// Whether a node on `host` may be given a name.
    pub(crate) fn includes_host(&self, host: &str) -> bool {
        let allowed = self.0.read();
        allowed.is_empty() || allowed.iter().any(|entry| matches(entry, "", host))
    }
}

/// `name@host`, `name@` for a name on any host, or `host` for any name there.
pub(super) fn matches(entry: &str, alive: &str, host: &str) -> bool {
    match entry.split_once('@') {
        Some((allowed, "")) => allowed == alive,
        Some((allowed, on)) => allowed == alive && on == host,
        None => entry == host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_allowed_by_its_name_its_host_or_the_part_before() {
        let allowed = Allowed::new(["a@one", "two.example.org", "c@"].map(str::to_owned).to_vec());
        let is_allowed = |name: &str| allowed.includes(&NodeName::new(name).unwrap());
        for name in ["a@one", "b@two.example.org", "c@three"] {
            assert!(is_allowed(name), "{name}");
        }
        for name in ["a@other", "b@one", "b@two", "cc@three", "b@two.example.org.net"] {
            assert!(!is_allowed(name), "{name}");
        }
    }

    #[test]
    fn who_has_no_name_is_allowed_by_its_host() {
        let allowed = Allowed::new(["a@one", "two"].map(str::to_owned).to_vec());
        assert!(allowed.includes_host("two") && !allowed.includes_host("one"));
        assert!(Allowed::default().includes_host("one"));
    }

    #[test]
    fn all_are_allowed_as_long_as_none_is_named() {
        let allowed = Allowed::default();
        let name = NodeName::new("a@one").unwrap();
        assert!(allowed.includes(&name));
        allowed.add(["b@one".to_owned()].into_iter());
        assert!(!allowed.includes(&name));
        allowed.add(["a@one".to_owned()].into_iter());
        assert!(allowed.includes(&name));
        assert_eq!(allowed.all(), ["b@one", "a@one"]);
    }

    #[test]
    fn a_cookie_of_one_node_has_precedence_in_both_directions() {
        let [all, second, one] = ["all", "second", "one"].map(|text| Cookie::new(text).unwrap());
        let (special, other) = (Atom::new("a@one").unwrap(), Atom::new("b@one").unwrap());
        let cookies = Cookies::new(all.clone(), Some(second.clone()));
        cookies.set(special.clone(), one.clone());
        assert_eq!((cookies.for_node(&special), cookies.for_node(&other)), (one.clone(), all.clone()));
        assert_eq!(cookies.accepted_from(&special), AcceptedCookies::from(one));
        assert_eq!(cookies.accepted_from(&other), AcceptedCookies::new(all.clone(), Some(second)));
        cookies.set_accepted(None);
        assert_eq!(cookies.accepted_from(&other), AcceptedCookies::from(all));
    }
}

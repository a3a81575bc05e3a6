//! Names that one node gives another, which has started without: `erl -sname undefined`.
//!
//! ```text
//!   nonode@host                                                     a@host
//!     │  send_name: "host", NAME_ME, creation 0                       │
//!     ├──────────────────────────────────────────────────────────────▶│  a free name, or a new one
//!     │  status: named: 2XQP3B1CVAR0K@host, creation                  │
//!     │◀──────────────────────────────────────────────────────────────┤
//! ```
//!
//! Such a node is hidden, no epmd knows it, and it has its name for as long as it is connected to the one that gave it.
//! Then another gets the name, with the next creation, so that pids of the two are told apart: so the names of guests
//! that come and go stay few, and with them the atoms on all nodes that hear of them.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::Node;
use super::start::random_creation;
use crate::dist::NodeName;
use crate::term::Creation;

/// How many free names are kept: more guests than this hardly ever leave one after the other before others come.
const MAX_FREE_NAMES: usize = 1000;

/// The least number that has twelve digits to the base of 36; the greatest of 64 bits has thirteen.
const LEAST_NUMBER: u64 = 36_u64.pow(11);

/// The names that this node has given to others and that are free again.
#[derive(Debug, Default)]
pub(crate) struct DynamicNames {
    free: Mutex<Free>,
}

#[derive(Debug, Default)]
struct Free {
    by_host: HashMap<String, Vec<(NodeName, Creation)>>,
    count: usize,
}

impl DynamicNames {
    /// A name on `host` with its creation; `None` if `host` can't be part of a name.
    pub(crate) fn take(&self, host: &str) -> Option<(NodeName, Creation)> {
        let mut free = self.free.lock();
        if let Some(names) = free.by_host.get_mut(host) {
            let name = names.pop();
            if names.is_empty() {
                free.by_host.remove(host);
            }
            free.count -= usize::from(name.is_some());
            if name.is_some() {
                return name;
            }
        }
        drop(free);
        let alive = base36(rand::random_range(LEAST_NUMBER..=u64::MAX));
        Some((NodeName::new(&format!("{alive}@{host}")).ok()?, random_creation()))
    }

    /// The node that had `name`, with `creation`, is gone.
    pub(crate) fn give_back(&self, name: &NodeName, creation: Creation) {
        let mut free = self.free.lock();
        if free.count < MAX_FREE_NAMES {
            free.count += 1;
            let names = free.by_host.entry(name.host().to_owned()).or_default();
            names.push((name.clone(), creation.next()));
        }
    }
}

/// In capital letters, as OTP writes it.
fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    while number > 0 {
        let digit = u32::try_from(number % 36).unwrap_or_default();
        digits.extend(char::from_digit(digit, 36));
        number /= 36;
    }
    digits.iter().rev().map(char::to_ascii_uppercase).collect()
}

impl Node {
    /// The node that gave this one its name, if it started without.
    #[must_use]
    pub fn named_by(&self) -> Option<&NodeName> {
        self.0.named_by.as_ref()
    }

    /// The node that gave this one its name is gone, and will give the name to another: this one must not use it any
    /// more. It can't have another either, as the pids of its processes hold the old one.
    pub(crate) fn lose_name(&self) {
        tracing::warn!(name = %self.name(), "the node that gave this one its name is gone: all connections end");
        let node = self.clone();
        self.runtime().spawn(async move { node.close_connections().await });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_name_has_twelve_or_thirteen_characters() {
        let names = DynamicNames::default();
        for _ in 0..100 {
            let (name, creation) = names.take("vm").unwrap();
            assert!((12..=13).contains(&name.alive().len()), "{name}");
            assert!(
                name.alive().bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()),
                "{name}"
            );
            assert!(name.host() == "vm" && creation.0 > 3);
        }
        assert_eq!((base36(LEAST_NUMBER).len(), base36(u64::MAX)), (12, "3W5E11264SGSF".to_owned()));
    }

    #[test]
    fn a_free_name_is_given_again_on_its_host_with_the_next_creation() {
        let names = DynamicNames::default();
        let (name, creation) = names.take("vm").unwrap();
        names.give_back(&name, creation);
        assert_ne!(names.take("other").unwrap().0, name);
        assert_eq!(names.take("vm").unwrap(), (name.clone(), creation.next()));
        assert_ne!(names.take("vm").unwrap().0, name, "it is not free now");
        assert!(names.free.lock().by_host.is_empty());
    }

    #[test]
    fn free_names_do_not_add_up_for_ever() {
        let names = DynamicNames::default();
        for number in 0..2 * MAX_FREE_NAMES {
            names.give_back(&NodeName::new(&format!("A{number}@host{number}")).unwrap(), Creation(9));
        }
        assert_eq!(names.free.lock().by_host.len(), MAX_FREE_NAMES);
    }

    #[test]
    fn what_is_no_host_gets_no_name() {
        let names = DynamicNames::default();
        for host in ["", "a@b", &"h".repeat(250)] {
            assert_eq!(names.take(host), None, "{host}");
        }
    }
}

//! The order of pids, ports and references.
//!
//! | kind | compared by, first to last |
//! | --- | --- |
//! | pid | `serial`, `id`, node, creation |
//! | port | node, creation, `id` |
//! | reference | node, creation, words from the last to the first |
//!
//! Node names compare as atoms. A reference with fewer words is equal to one that has only zeros in addition.
//! Seen with identifiers of other nodes on OTP 25, 27 and 29.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use crate::term::{Pid, Port, Reference};

impl PartialOrd for Pid {
    fn partial_cmp(&self, other: &Pid) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Pid {
    fn cmp(&self, other: &Pid) -> Ordering {
        (self.serial, self.id, &self.node, self.creation).cmp(&(
            other.serial,
            other.id,
            &other.node,
            other.creation,
        ))
    }
}

impl PartialOrd for Port {
    fn partial_cmp(&self, other: &Port) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Port {
    fn cmp(&self, other: &Port) -> Ordering {
        (&self.node, self.creation, self.id).cmp(&(&other.node, other.creation, other.id))
    }
}

impl Reference {
    /// What makes the reference what it is; words it does not have count as zero.
    fn identity(&self) -> impl Ord + Hash + '_ {
        let [a, b, c, d, e] = self.all_words();
        (self.node(), self.creation(), [e, d, c, b, a])
    }
}

impl PartialEq for Reference {
    fn eq(&self, other: &Reference) -> bool {
        // The words differ most often.
        self.all_words() == other.all_words()
            && self.creation() == other.creation()
            && self.node() == other.node()
    }
}

impl Eq for Reference {}

impl Hash for Reference {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl PartialOrd for Reference {
    fn partial_cmp(&self, other: &Reference) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Reference {
    fn cmp(&self, other: &Reference) -> Ordering {
        self.identity().cmp(&other.identity())
    }
}

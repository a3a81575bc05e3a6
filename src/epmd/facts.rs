//! What a node tells of itself to those who look it up.
//!
//! `ALIVE2_REQ` and the answer to `PORT2_REQ` have an "extra" field of up to 1020 bytes that OTP leaves empty: epmd keeps
//! it for a node and gives it to who asks for the port, so before there is any connection to the node. Here it holds
//! facts, names with values: a role, a zone, the version of a program, what it is able to do.
//!
//! The field is then a map in the [external term format](crate::term::etf), with a binary of UTF-8 text for each name and
//! each value. The facts `role` = `db`, `zone` = `a`:
//!
//! | 131 | 116 | 0 0 0 2 | 109 | 0 0 0 4 | `role` | 109 | 0 0 0 2 | `db` | 109 | … |
//! | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
//! | version | map | of 2 | binary | of 4 bytes | | binary | of 2 bytes | | binary | … |
//!
//! So a BEAM program that asks epmd itself gets them by `binary_to_term(Extra)`, as `#{<<"role">> => <<"db">>, …}`. What is
//! no such map holds no facts, and a node without facts leaves the field empty, as BEAM nodes do.
//!
//! Anyone who can reach epmd can read facts, and any program of the machine can register what it likes: they are hints, not
//! secrets or proofs.

use std::collections::{BTreeMap, btree_map};

use bytes::Bytes;

use super::{EntryError, MAX_EXTRA_BYTES};
use crate::term::{Map, Term, etf};

/// Names with values that a node publishes with epmd.
///
/// ```
/// use erlnode::epmd::{Facts, NodeEntry};
///
/// let facts: Facts = [("role", "db"), ("zone", "a")].into_iter().collect();
/// let node = NodeEntry::new("foo", 5000)?.with_facts(&facts)?;
/// assert_eq!(node.facts().get("role"), Some("db"));
/// # Ok::<(), erlnode::epmd::EntryError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts(BTreeMap<String, String>);

impl Facts {
    /// No facts.
    #[must_use]
    pub fn new() -> Facts {
        Facts::default()
    }

    /// Adds a fact; an earlier one of this name is replaced.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.insert(name.into(), value.into());
    }

    /// The value of a fact.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All facts, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// How many facts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The facts as the "extra" field.
    ///
    /// # Errors
    /// [`EntryError::FactsTooLong`] if they do not fit into [`MAX_EXTRA_BYTES`].
    pub fn to_extra(&self) -> Result<Bytes, EntryError> {
        if self.is_empty() {
            return Ok(Bytes::new());
        }
        // Not encoded before it is known to fit: a byte of text is a byte there.
        let text: usize = self.0.iter().map(|(name, value)| name.len() + value.len()).sum();
        let map: Map = self.iter().map(|(name, value)| (Term::from(name), Term::from(value))).collect();
        let extra = if text > MAX_EXTRA_BYTES { None } else { etf::encode(&Term::Map(map)).ok() };
        let extra = extra.filter(|extra| extra.len() <= MAX_EXTRA_BYTES);
        extra.ok_or(EntryError::FactsTooLong)
    }

    /// The facts that an "extra" field holds; none if it is something else.
    #[must_use]
    pub fn from_extra(extra: &Bytes) -> Facts {
        let Ok(Term::Map(map)) = etf::decode_exact(extra) else { return Facts::new() };
        let text = |term: &Term| match term {
            Term::Binary(bytes) => str::from_utf8(bytes).ok().map(str::to_owned),
            _ => None,
        };
        let facts = map.iter().map(|(name, value)| Some((text(name)?, text(value)?)));
        Facts(facts.collect::<Option<_>>().unwrap_or_default())
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Facts {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(facts: I) -> Facts {
        Facts(facts.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl IntoIterator for Facts {
    type Item = (String, String);
    type IntoIter = btree_map::IntoIter<String, String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn facts_are_a_map_of_binaries() {
        let facts: Facts = [("role", "db")].into_iter().collect();
        let extra = facts.to_extra().unwrap();
        assert_eq!(extra, b"\x83t\0\0\0\x01m\0\0\0\x04rolem\0\0\0\x02db".as_slice());
        assert_eq!(Facts::from_extra(&extra), facts);
        assert_eq!(Facts::new().to_extra().unwrap(), b"".as_slice());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let facts = |length| [("x", "y".repeat(length))].into_iter().collect::<Facts>();
        let longest = MAX_EXTRA_BYTES - facts(0).to_extra().unwrap().len();
        assert_eq!(facts(longest).to_extra().unwrap().len(), MAX_EXTRA_BYTES);
        for length in [longest + 1, 100_000] {
            assert_eq!(facts(length).to_extra(), Err(EntryError::FactsTooLong));
        }
    }

    #[test]
    fn what_is_no_such_map_holds_no_facts() {
        for extra in [
            b"EXT".as_slice(),
            b"",
            b"\x83",
            b"\x83a\x07",
            b"\x83t\0\0\0\x01a\x01a\x02",
            b"\x83t\0\0\0\x01m\0\0\0\x01\xffm\0\0\0\0",
            b"\x83t\0\0\0\x01m\0\0\0\x01xm\0\0\0\0more",
            b"\x83t\xff\xff\xff\xff",
        ] {
            assert!(Facts::from_extra(&Bytes::from_static(extra)).is_empty(), "{extra:?}");
        }
    }

    proptest! {
        #[test]
        fn facts_are_read_as_they_were_written(pairs in prop::collection::btree_map(".{0,20}", ".{0,20}", 0..5)) {
            let facts: Facts = pairs.into_iter().collect();
            prop_assert_eq!(Facts::from_extra(&facts.to_extra().unwrap()), facts);
        }

        #[test]
        fn any_bytes_are_read_without_panic(extra in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Facts::from_extra(&Bytes::from([b"\x83t", extra.as_slice()].concat()));
        }
    }
}

//! Terms for other formats: the nearest value that, say, JSON has.
//!
//! | term | value |
//! | --- | --- |
//! | integer | number; the digits as text if it has more than 64 bits |
//! | float | number |
//! | `true`, `false` | boolean |
//! | `undefined`, `nil` | nothing |
//! | other atoms | text |
//! | binary | text if it is UTF-8, else bytes |
//! | tuple, proper list | sequence |
//! | map | map; keys that are no text, number or atom become text, as the Erlang shell prints them |
//! | native record | map of its fields |
//! | anything else | text, as the Erlang shell prints it |

use serde::ser::{Error, Serialize, SerializeMap, SerializeSeq, Serializer};

use super::DEFAULT_DEPTH_LIMIT;
use crate::term::Term;
use crate::term::naming::is_nothing;

/// A term as another format sees it.
pub(super) struct Natural<'a> {
    term: &'a Term,
    depth: u32,
}

impl<'a> Natural<'a> {
    pub(super) fn new(term: &'a Term) -> Natural<'a> {
        Natural { term, depth: DEFAULT_DEPTH_LIMIT }
    }
}

impl Serialize for Natural<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.term {
            Term::Integer(integer) => match (integer.as_i64(), u64::try_from(integer)) {
                (Some(value), _) => serializer.serialize_i64(value),
                (None, Ok(value)) => serializer.serialize_u64(value),
                (None, Err(_)) => serializer.serialize_str(&integer.to_big().to_string()),
            },
            Term::Float(float) => serializer.serialize_f64(*float),
            Term::Atom(atom) => match atom.as_str() {
                "true" => serializer.serialize_bool(true),
                "false" => serializer.serialize_bool(false),
                nothing if is_nothing(nothing) => serializer.serialize_none(),
                other => serializer.serialize_str(other),
            },
            Term::Binary(bytes) => match str::from_utf8(bytes) {
                Ok(text) => serializer.serialize_str(text),
                Err(_) => serializer.serialize_bytes(bytes),
            },
            Term::Tuple(elements) => self.sequence(elements, serializer),
            Term::List(elements) => self.sequence(elements, serializer),
            Term::Map(map) => {
                let depth = self.deeper()?;
                let mut entries = serializer.serialize_map(Some(map.len()))?;
                for (key, term) in map.iter() {
                    entries.serialize_entry(&Key(key), &Natural { term, depth })?;
                }
                entries.end()
            }
            Term::Record(record) => {
                let depth = self.deeper()?;
                let fields = record.fields();
                let mut entries = serializer.serialize_map(Some(fields.len()))?;
                for (field, term) in fields {
                    entries.serialize_entry(&field.as_str(), &Natural { term, depth })?;
                }
                entries.end()
            }
            other => serializer.collect_str(other),
        }
    }
}

impl Natural<'_> {
    fn sequence<S: Serializer>(&self, elements: &[Term], serializer: S) -> Result<S::Ok, S::Error> {
        let depth = self.deeper()?;
        let mut sequence = serializer.serialize_seq(Some(elements.len()))?;
        for term in elements {
            sequence.serialize_element(&Natural { term, depth })?;
        }
        sequence.end()
    }

    fn deeper<E: Error>(&self) -> Result<u32, E> {
        let too_deep = || E::custom(format_args!("a term nested deeper than {DEFAULT_DEPTH_LIMIT} levels"));
        self.depth.checked_sub(1).ok_or_else(too_deep)
    }
}

/// A key, which in most formats has to be text.
struct Key<'a>(&'a Term);

impl Serialize for Key<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Term::Atom(atom) => serializer.serialize_str(atom.as_str()),
            Term::Integer(_) => Natural::new(self.0).serialize(serializer),
            Term::Binary(bytes) if str::from_utf8(bytes).is_ok() => {
                Natural::new(self.0).serialize(serializer)
            }
            other => serializer.collect_str(other),
        }
    }
}

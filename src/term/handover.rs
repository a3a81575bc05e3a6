//! How terms that only Erlang has pass through serde.
//!
//! serde's data model has no pid and no atom. The term types therefore call themselves newtype structs with a
//! reserved name. Other formats don't know the names and see what is inside: text, or for a [`Term`] the nearest
//! natural value. The serializer and the deserializer of this crate know them and move the value itself through a
//! slot of the thread:
//!
//! ```text
//! Pid::serialize ── offer ─▶ slot ─ take_offered ─▶ Serializer::serialize_newtype_struct("$erlnode::Pid", ..)
//! Pid::deserialize ◀─ take_given ─ slot ◀──── give ────── Deserializer::deserialize_newtype_struct("$erlnode::Pid", ..)
//! ```
//!
//! The slot is full only during one call: [`Slot`] empties it when the call returns, fails or panics.

use std::cell::{Cell, RefCell};

use super::Term;
use super::etf::Encoded;

/// What all reserved names start with.
const PREFIX: &str = "$erlnode::";

/// The reserved name of a newtype struct, which says what its reader wants.
pub(crate) mod name {
    pub(crate) const TERM: &str = "$erlnode::Term";
    pub(crate) const ENCODED: &str = "$erlnode::Encoded";
    pub(crate) const ATOM: &str = "$erlnode::Atom";
    pub(crate) const PID: &str = "$erlnode::Pid";
    pub(crate) const PORT: &str = "$erlnode::Port";
    pub(crate) const REFERENCE: &str = "$erlnode::Reference";
    pub(crate) const INTEGER: &str = "$erlnode::Integer";
    pub(crate) const MAP: &str = "$erlnode::Map";
    pub(crate) const TUPLE: &str = "$erlnode::Tuple";
    pub(crate) const LIST: &str = "$erlnode::List";
    pub(crate) const IMPROPER_LIST: &str = "$erlnode::ImproperList";
    pub(crate) const BINARY: &str = "$erlnode::Binary";
    pub(crate) const BIT_STRING: &str = "$erlnode::BitString";
    pub(crate) const FUN: &str = "$erlnode::Fun";
    pub(crate) const RECORD: &str = "$erlnode::Record";
}

/// Whether a newtype struct's name is one of the reserved ones.
pub(crate) fn is_reserved(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// A value on its way.
#[derive(Debug)]
pub(crate) enum Handed {
    Term(Term),
    Encoded(Encoded),
}

/// Which way the value in the slot goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToSerializer,
    FromDeserializer,
}

thread_local! {
    static SLOT: RefCell<Option<Handed>> = const { RefCell::new(None) };
    static DIRECTION: Cell<Direction> = const { Cell::new(Direction::ToSerializer) };
    static READING: Cell<bool> = const { Cell::new(false) };
}

/// Runs `call`, in which a serializer can [`take_offered`] the value.
pub(crate) fn offer<T>(value: Handed, call: impl FnOnce() -> T) -> T {
    hand_over(Direction::ToSerializer, value, call)
}

/// The value whose `serialize` has called this serializer.
pub(crate) fn take_offered() -> Option<Handed> {
    take(Direction::ToSerializer)
}

/// Runs `call`, in which a visitor can [`take_given`] the value.
#[inline]
pub(crate) fn give<T>(value: Handed, call: impl FnOnce() -> T) -> T {
    hand_over(Direction::FromDeserializer, value, call)
}

/// The value the deserializer has read for this visitor.
#[inline]
pub(crate) fn take_given() -> Option<Handed> {
    take(Direction::FromDeserializer)
}

#[inline]
fn hand_over<T>(direction: Direction, value: Handed, call: impl FnOnce() -> T) -> T {
    // Empties the slot however `call` ends: what nobody took must not reach another reader.
    struct Slot;
    impl Drop for Slot {
        fn drop(&mut self) {
            SLOT.with_borrow_mut(|slot| *slot = None);
        }
    }
    SLOT.with_borrow_mut(|slot| *slot = Some(value));
    DIRECTION.set(direction);
    let _slot = Slot;
    call()
}

#[inline]
fn take(direction: Direction) -> Option<Handed> {
    if DIRECTION.get() == direction { SLOT.take() } else { None }
}

/// Runs `call` as one that reads Erlang terms, for [`is_reading`].
pub(crate) fn reading<T>(call: impl FnOnce() -> T) -> T {
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            READING.set(self.0);
        }
    }
    let _before = Before(READING.replace(true));
    call()
}

/// Whether the data being read on this thread is Erlang's, be it by way of serde's own buffers.
///
/// It also says so to a `Deserialize` implementation that, called by ours, goes on to read another format.
pub(crate) fn is_reading() -> bool {
    READING.get()
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn value() -> Handed {
        Handed::Term(Term::NIL)
    }

    #[test]
    fn a_value_is_taken_once_and_only_the_way_it_goes() {
        give(value(), || {
            assert!(take_offered().is_none());
            assert!(take_given().is_some());
            assert!(take_given().is_none());
        });
        offer(value(), || {
            assert!(take_given().is_none());
            assert!(take_offered().is_some());
        });
    }

    #[test]
    fn what_is_not_taken_is_gone() {
        give(value(), || ());
        assert!(take_given().is_none());
        offer(value(), || give(value(), || ()));
        assert!(take_offered().is_none());
        let panicked = catch_unwind(AssertUnwindSafe(|| give(value(), || panic!("on purpose"))));
        assert!(panicked.is_err() && take_given().is_none());
    }

    #[test]
    fn reading_ends_with_the_outermost_read() {
        reading(|| {
            reading(|| assert!(is_reading()));
            assert!(is_reading());
        });
        let panicked = catch_unwind(|| reading(|| panic!("on purpose")));
        assert!(panicked.is_err() && !is_reading());
    }
}

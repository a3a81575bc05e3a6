//! Printing terms as the Erlang shell does.
//!
//! `Display` and `Debug` write what `io_lib:format("~0tp", [Term])` gives, on one line and with the pairs of maps in
//! the order of their keys. A list is printed as a string where a shell with its usual settings does, so `[1000,1001]`
//! stays a list of numbers; a binary of UTF-8 is text whatever its characters, as in one started with `+pc unicode`. The alternate form, `{:#}`, breaks lines that
//! would be wider than 80 columns, much as `~p` does.
//!
//! Where the shell's output could not be read back, or means something only on the node it stands on, this differs:
//!
//! | term | printed as | the shell |
//! | --- | --- | --- |
//! | pid | `<rust@host.12.0/1732154>` | `<9023.12.0>` |
//! | port | `#Port<rust@host.5/1732154>` | `#Port<9023.5>` |
//! | reference | `#Ref<rust@host.3.2.1/1732154>` | `#Ref<9023.3.2.1>` |
//! | NaN, infinity | `#Float<NaN>` | cannot have them |
//!
//! A shell numbers the nodes it knows; those numbers say nothing elsewhere, so the name of the node is there in full.
//! It stands in quotes if it could be misread. The number behind the slash is the creation: without it nobody could
//! send to the pid, because a node drops what is addressed to an earlier incarnation of it.
//!
//! [`parse`](super::parse::parse) reads all of this back, except closures (`#Fun<lists.4.1234>`) and the floats that
//! Erlang cannot have.

mod compound;
mod flat;
mod pretty;
mod scalar;
mod text;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use super::{
    Atom, BitString, Fun, ImproperList, Integer, List, LocalFun, Map, Pid, Port, Record, Reference, Term,
    Tuple,
};

pub(super) use self::scalar::{write_float, write_fun, write_integer};
pub(super) use self::text::{
    is_atom_start, is_name_character, is_reserved_word, needs_quotes, write_escaped,
};

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() { pretty::write(self, f) } else { flat::write(self, f) }
    }
}

impl fmt::Display for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::write_atom(self, f)
    }
}

impl fmt::Display for Integer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        scalar::write_integer(self, f)
    }
}

impl fmt::Display for BitString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        scalar::write_bit_string(self, f)
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        scalar::write_pid(self, f)
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        scalar::write_port(self, f)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        scalar::write_reference(self, f)
    }
}

impl fmt::Display for Fun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        scalar::write_fun(self, f)
    }
}

impl fmt::Display for LocalFun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        scalar::write_local_fun(self, f)
    }
}

/// What is a term when it is wrapped prints as that term; to wrap it costs no more than a reference count.
macro_rules! display_as_term {
    ($($kind:ident)*) => { $(
        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&Term::$kind(self.clone()), f)
            }
        }
    )* };
}
display_as_term!(Tuple List ImproperList Map);

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Term::Record(Arc::new(self.clone())), f)
    }
}

macro_rules! debug_as_display {
    ($($kind:ident)*) => { $(
        impl fmt::Debug for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )* };
}
debug_as_display!(
    BitString Fun ImproperList Integer List LocalFun Map Pid Port Record Reference Term Tuple
);

//! What the fuzz targets have in common: the pieces of an input, a bound on memory, and the two nodes that talk.
//!
//! A target is a file in `targets`. It says what has to hold for any bytes, not only that nothing panics: what is
//! decoded is encoded to the same thing again, two ways of reading agree, and memory follows the bytes that came.

pub mod absurd;

use std::alloc::System;
use std::panic;
use std::sync::Once;

use cap::Cap;
use erlnode::dist::{Cookie, Creation, Flags, NodeName};
use erlnode::term::{Atom, Term, etf};

#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

/// What may be allocated whatever the input is, in bytes: caches, tables, and what the C library keeps.
const MEMORY_ALLOWANCE: usize = 8 << 20;

/// What may be allocated for each byte of input, in bytes. A term in text or in memory is far larger than on the wire:
/// two bytes for an empty tuple become a place in its list, and a place on a stack for each way of reading.
const MEMORY_FACTOR: usize = 2000;

/// Ends the program if what comes now needs more memory than an input of this length is worth.
pub fn bound_memory(input: &[u8]) {
    // To tell where a panic was takes memory, too.
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let tell = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let _ = MEMORY.set_limit(usize::MAX);
            tell(panic);
        }));
    });
    let limit = MEMORY.allocated() + MEMORY_ALLOWANCE + MEMORY_FACTOR * input.len();
    MEMORY.set_limit(limit).expect("it is more than there is now");
}

/// Cuts an input into pieces: a length of two bytes stands before each. The last may be shorter than it says.
///
/// Real lengths are four bytes long, and nearly all that a fuzzer makes of those is packets that never end.
pub fn pieces(mut input: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (&length, rest) = input.split_first_chunk::<2>()?;
        let (piece, rest) = rest.split_at(rest.len().min(u16::from_be_bytes(length).into()));
        input = rest;
        Some(piece)
    })
}

/// The node that is under attack.
pub fn own_name() -> NodeName {
    NodeName::new("bb@vm").expect("it is the name of a node")
}

/// The node that the bytes come from.
pub fn peer_name() -> NodeName {
    NodeName::new("aa@vm").expect("it is the name of a node")
}

/// The secret of both.
pub fn cookie() -> Cookie {
    Cookie::new("secret").expect("it is a cookie")
}

/// The creation of the node that is under attack.
pub const CREATION: Creation = Creation(7);

/// What two nodes have agreed on: all that there is, or less.
pub fn flags(choice: u8) -> Flags {
    let full = Flags::full_node();
    match choice % 4 {
        0 => full,
        1 => full - Flags::DIST_HDR_ATOM_CACHE - Flags::FRAGMENTS,
        2 => full - Flags::FRAGMENTS - Flags::ALTACT_SIG - Flags::NATIVE_RECORDS,
        _ => Flags::MANDATORY,
    }
}

/// Atoms that a distribution header could have brought.
pub fn atoms() -> Vec<Atom> {
    let names = ["", "aa@vm", "bb@vm", "rex", "net_kernel", "echo", "normal", "å"];
    names.iter().map(|name| Atom::new(name).expect("short")).collect()
}

/// All that has to hold for a term that was decoded.
pub fn check_term(term: &Term) {
    let bytes = etf::encode(term).expect("what was decoded can be encoded");
    let again = etf::decode_exact(&bytes).expect("what was encoded can be decoded");
    assert!(again == *term, "{term} became {again}");
    assert!(again.erlang_eq(term) && term.erlang_cmp(&again).is_eq() && term.cmp(&again).is_eq());
    assert!(etf::encode(&again).as_ref() == Ok(&bytes), "{term} is encoded in two ways");
    let text = term.to_string();
    // A closure has no text that can be read, and that of a native record does not say whether it is exported.
    let (is_readable, may_differ) = (!text.contains("#Fun<"), text.contains('#') && text.contains(':'));
    for text in [text, format!("{term:#}")].iter().filter(|_| is_readable) {
        let read: Term = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(
            read == *term || may_differ && read.to_string() == term.to_string(),
            "{text} was read as {read}"
        );
    }
}

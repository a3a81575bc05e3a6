//! A term as text.
#![no_main]

use erlnode::atom;
use erlnode::term::Creation;
use erlnode::term::parse::Parser;
use erlnode_fuzz::{bound_memory, check_term};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    bound_memory(text.as_bytes());
    match Parser::new().local_node(atom!("aa@vm"), Creation(7)).parse(text) {
        Ok(term) => check_term(&term),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

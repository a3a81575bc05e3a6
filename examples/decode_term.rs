//! How do I read what `term_to_binary` wrote, without any node?
//!
//! ```text
//! $ erl -noshell -eval 'file:write_file("/tmp/user.term", term_to_binary(
//!       #{name => <<"Joe">>, age => 68, languages => [prolog, erlang]})), halt().'
//!
//! $ cargo run --example decode_term -- /tmp/user.term
//! #{age => 68,languages => [prolog,erlang],name => <<"Joe">>}
//! Joe is 68 and speaks 2 languages
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it gets")]

use std::error::Error;

use bytes::Bytes;
use erlnode::term::{Atom, Term, etf, from_term};
use serde::Deserialize;

/// A map whose keys are the atoms or binaries of these names.
#[derive(Deserialize)]
struct User {
    name: String,
    age: u32,
    languages: Vec<Atom>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("which file? /tmp/user.term, say")?;
    let bytes = Bytes::from(std::fs::read(path)?);

    // Any term, and how Erlang would print it.
    let term: Term = etf::decode(&bytes)?;
    println!("{term}");

    // The shape that this program expects.
    let User { name, age, languages } = from_term(&term)?;
    println!("{name} is {age} and speaks {} languages", languages.len());
    Ok(())
}

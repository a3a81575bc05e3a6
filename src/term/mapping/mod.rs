//! Which Rust type is which term.
//!
//! Whatever implements serde's `Serialize` can be sent, and messages are read into whatever implements
//! `Deserialize`: [`to_term`] and [`to_encoded`] out, [`from_term`] and [`from_encoded`] in.
//!
//! ```
//! use erlnode::term::{Pid, Term, from_encoded, to_encoded};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! #[serde(rename_all = "snake_case")]
//! enum Call {
//!     Get,
//!     Add(i64),
//!     Move { x: i64, y: i64 },
//! }
//!
//! for call in [Call::Get, Call::Add(41), Call::Move { x: 1, y: 2 }] {
//!     let message = to_encoded(&call)?; // get | {add, 41} | {move, #{x => 1, y => 2}}
//!     assert_eq!(from_encoded::<Call>(&message)?, call);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The table
//!
//! | Rust | is written as | and also read from |
//! | --- | --- | --- |
//! | `bool` | `true`, `false` | |
//! | `i8` … `i128`, `u8` … `u128` | integer | |
//! | [`Integer`] | integer of any size | |
//! | `f32`, `f64` | float | integer |
//! | `char` | integer, as Erlang's `$a` and Elixir's `?a` | binary of one character |
//! | `String`, `&str` | binary | charlist; an atom only as the key of a map |
//! | bytes, as of `serde_bytes`; [`Binary`] | binary | list of bytes |
//! | `None` | `undefined`, or `nil` if [so set](super::ser::Options::nothing) | `undefined`, `nil`; a field that is absent |
//! | `Some(x)` | `x` | |
//! | `()` | `ok` | `nil`, `undefined`, `[]`, `{}` |
//! | `Ok(x)`, `Err(x)` | `{ok, x}`, `{error, x}` | |
//! | `Ok(())`, `Err(())` | `ok`, `error` | |
//! | `(a, b)`, `[a; n]`, tuple struct | tuple | |
//! | `Vec` and other sequences | list | |
//! | `HashMap` and other maps | map | |
//! | struct | map with atoms as keys | map with binaries as keys |
//! | newtype struct | what is in it | |
//! | unit struct | atom, its name | |
//! | unit variant | atom, its name | |
//! | newtype variant `V(x)` | `{'V', x}` | |
//! | tuple variant `V(a, b)` | `{'V', a, b}` | |
//! | struct variant `V { a }` | `{'V', #{a => …}}` | |
//! | [`Atom`], [`Pid`], [`Reference`], [`Map`] … | that term | |
//! | [`Term`], [`Encoded`] | the term in it | any term |
//!
//! Names are written as they are, so most types want `#[serde(rename_all = "snake_case")]`. What is not known in a map is
//! ignored unless the type has `#[serde(deny_unknown_fields)]`.
//!
//! # Records
//!
//! A name that begins with `#`, as Erlang writes records, makes a struct or a struct variant a tuple: first the name,
//! then the fields in order. It does the same for tuple structs, newtype structs and unit structs.
//!
//! ```
//! use erlnode::{atom, term::{Term, from_term, to_term}};
//! use serde::{Deserialize, Serialize};
//!
//! /// `-record(user, {name, age})`.
//! #[derive(Serialize, Deserialize)]
//! #[serde(rename = "#user")]
//! struct User {
//!     name: String,
//!     age: Option<u32>,
//! }
//!
//! let user = Term::tuple([atom!("user").into(), "Joe".into(), atom!("undefined").into()]);
//! assert_eq!(to_term(&User { name: "Joe".into(), age: None })?, user);
//! assert_eq!(from_term::<User>(&user)?.name, "Joe");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The native records of OTP 29 are [`Record`]s.
//!
//! # Elixir's structs
//!
//! They are maps whose key `__struct__` has the module. With that as serde's tag they are Rust structs, and several of
//! them are an enum:
//!
//! ```
//! use erlnode::{atom, term::{Map, Term, from_term, to_term}};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! #[serde(tag = "__struct__")]
//! enum Shape {
//!     #[serde(rename = "Elixir.Shape.Circle")]
//!     Circle { radius: f64 },
//!     #[serde(rename = "Elixir.Shape.Square")]
//!     Square { side: f64 },
//! }
//!
//! // %Shape.Circle{radius: 1.5}
//! let circle = Term::Map(Map::from_iter([
//!     (atom!("__struct__").into(), atom!("Elixir.Shape.Circle").into()),
//!     (atom!("radius").into(), Term::from(1.5)),
//! ]));
//! assert_eq!(from_term::<Shape>(&circle)?, Shape::Circle { radius: 1.5 });
//! assert_eq!(to_term(&Shape::Circle { radius: 1.5 })?, circle);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! serde checks the tag of an enum; the tag of a struct it only writes.
//!
//! # Without copying
//!
//! `&str` and `&[u8]` are borrowed from the message, as are `Cow<str>` and `Cow<[u8]>` under `#[serde(borrow)]`. A
//! [`Binary`] shares the message's memory, and so do the binaries in a [`Term`]. An [`Encoded`] is a slice of it, and is
//! sent on without having been looked into:
//!
//! ```
//! use erlnode::{atom, term::{Creation, Pid, etf::Encoded, from_encoded, to_encoded}};
//!
//! let from = Pid { node: atom!("shell@host"), id: 1, serial: 0, creation: Creation(7) };
//! let message = to_encoded(&(from, vec!["a", "b"]))?;
//! let (from, payload): (Pid, Encoded) = from_encoded(&message)?;
//! let (first, _): (&str, &str) = { let all: Vec<&str> = from_encoded(&payload)?; (all[0], all[1]) };
//! assert_eq!((from.id, first), (1, "a"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Depth
//!
//! Types that contain themselves are read and written by recursion, and only
//! [so deep](super::de::DEFAULT_DEPTH_LIMIT). There is no limit for [`Term`] and [`Encoded`].
//!
//! # Other formats
//!
//! The types of terms can be part of what is written as JSON, say. They are then
//! the nearest that there is: a pid becomes text, and can be read back from it, an atom too; a [`Term`] becomes what
//! one would expect of it.
//!
//! Untagged and internally tagged enums and flattened fields are such a format too, because serde reads them into a
//! buffer of its own first. Everything comes out of that as it went in, with two exceptions: in a [`Term`] or
//! [`Encoded`] read there, tuples have become lists; and a unit variant is read from a binary, too.

#[cfg(doc)]
use super::{
    Atom, Binary, Integer, Map, Pid, Record, Reference, Term, etf::Encoded, from_encoded, from_term,
    to_encoded, to_term,
};

#[cfg(test)]
mod tests;

//! Reading terms from text: Erlang's own syntax, as in a shell or a file for `file:consult/1`.
//!
//! ```
//! use erlnode::term::Term;
//! let term: Term = r#"{ok, [1, 2.5, $a], #{<<"key">> => "text"}}"#.parse()?;
//! assert_eq!(term.to_string(), r#"{ok,[1,2.5,97],#{<<"key">> => "text"}}"#);
//! # Ok::<(), erlnode::term::parse::ParseError>(())
//! ```
//!
//! | what | how |
//! | --- | --- |
//! | integers | `1`, `-1`, `1_000`, `16#ff`, `$a`, `$\n`, `$\x{1F600}` |
//! | floats | `1.0`, `1.0e-10` |
//! | atoms | `ok`, `'with space'`, `'it\'s'`; reserved words only in quotes |
//! | strings, as lists | `"text"`, `"in " "parts"`, `"""` over several lines |
//! | binaries, bit strings | `<<"text"/utf8>>`, `<<1,2>>`, `<<5:3,X:16/little>>`, `~"text"` |
//! | lists, tuples, maps | `[1,2]`, `[1\|2]`, `{a,b}`, `#{a => 1}` |
//! | native records | `#module:name{field = 1}` |
//! | functions | `fun lists:map/2` |
//! | pids, ports, references | as this library prints them, `<rust@host.12.0/1732154>` |
//!
//! Comments begin with `%`; a full stop may end the term. There are no variables, operators or calls. All of what
//! [`Display`](std::fmt::Display) writes can be read back, except closures. The pids of a shell, `<0.123.0>`, can be
//! read by a [`Parser`] that knows which node they are from.
//!
//! | file | reads |
//! | --- | --- |
//! | `grammar` | tokens into terms |
//! | `lexer` | characters into tokens |
//! | `number`, `text`, `identifier` | the longer tokens |
//! | `bits` | what is between `<<` and `>>` |

mod bits;
mod error;
mod grammar;
mod identifier;
mod lexer;
mod number;
mod text;

#[cfg(test)]
mod tests;

use std::str::FromStr;

use self::grammar::Grammar;
use self::lexer::Lexer;
use super::{Atom, Creation, Term};

pub use self::error::{ParseError, ParseErrorKind};

/// Reads the one term that `source` holds.
///
/// # Errors
/// [`ParseError`], which tells where the text goes wrong and what could have stood there.
pub fn parse(source: &str) -> Result<Term, ParseError> {
    Parser::new().parse(source)
}

impl FromStr for Term {
    type Err = ParseError;

    fn from_str(source: &str) -> Result<Term, ParseError> {
        parse(source)
    }
}

/// Reads terms as [`parse`] does, and knows some nodes, so that what is printed there can be read here.
///
/// ```
/// use erlnode::atom;
/// use erlnode::term::{Creation, parse::Parser};
/// let parser = Parser::new().local_node(atom!("iex@host"), Creation(7));
/// assert_eq!(parser.parse("<0.123.0>")?.to_string(), "<iex@host.123.0/7>");
/// assert_eq!(parser.parse("#PID<0.123.0>")?.to_string(), "<iex@host.123.0/7>");
/// # Ok::<(), erlnode::term::parse::ParseError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Parser {
    local: Option<Atom>,
    nodes: Vec<(Atom, Creation)>,
}

impl Parser {
    /// A parser that knows no node.
    #[must_use]
    pub fn new() -> Parser {
        Parser::default()
    }

    /// Takes `<0.123.0>` for a pid of `node`, and likewise `#Ref<0.…>` and `#Port<0.…>`, and does what
    /// [`known_node`](Parser::known_node) does.
    #[must_use]
    pub fn local_node(mut self, node: Atom, creation: Creation) -> Parser {
        self.local = Some(node.clone());
        self.known_node(node, creation)
    }

    /// Takes `creation` for that of identifiers of `node` which are written without one.
    #[must_use]
    pub fn known_node(mut self, node: Atom, creation: Creation) -> Parser {
        self.nodes.retain(|(known, _)| *known != node);
        self.nodes.push((node, creation));
        self
    }

    /// Reads the one term that `source` holds.
    ///
    /// # Errors
    /// [`ParseError`], which tells where the text goes wrong and what could have stood there.
    pub fn parse(&self, source: &str) -> Result<Term, ParseError> {
        Grammar::new(Lexer::new(self, source)).read().map_err(|fault| fault.locate(source))
    }

    fn creation(&self, node: &Atom) -> Option<Creation> {
        self.nodes.iter().find(|(known, _)| known == node).map(|(_, creation)| *creation)
    }
}

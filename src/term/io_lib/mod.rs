//! Text as OTP's module `io_lib` makes it: what a group leader is asked to print.
//!
//! A BEAM process does not render what it prints. It sends the format and the arguments to its group leader, as a call
//! of `io_lib:format/2`, and that renders them. This does the same, to the byte:
//!
//! ```
//! use erlnode::term::{Term, io_lib::Renderer};
//!
//! let arguments: Term = "[#{a => [1.5, \"text\"]}, 42, <<\"name\">>]".parse()?;
//! let text = Renderer::new().format(&Term::from("~p ~5..0b ~ts~n"), &arguments)?;
//! assert_eq!(text, "#{a => [1.5,\"text\"]} 00042 name\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! All control sequences are there, with field width, precision, padding character, the modifiers `t`, `l`, `k`, `K` and
//! `*` for values from the arguments:
//!
//! | | |
//! | --- | --- |
//! | `~p` `~P` | a term, over several lines where one is too long, strings as such; `~P` down to a depth |
//! | `~w` `~W` | a term on one line, lists as lists; `~W` down to a depth |
//! | `~s` `~c` | text; characters |
//! | `~b` `~B` `~x` `~X` `~+` `~#` | integers in any base, with a prefix or the base before them |
//! | `~e` `~f` `~g` | floats |
//! | `~n` `~~` `~i` | a line break; a tilde; nothing, for an argument that is left out |
//!
//! Where releases differ it is OTP 29 that is followed. What a BEAM does by its own state is settled so:
//!
//! | | here |
//! | --- | --- |
//! | the keys of maps | in their order, as `~kp` has them; a BEAM orders atoms by their place in its table, and large maps by hash |
//! | which characters are text | those of Latin-1, as in a node started without `+pc unicode`; [`Renderer::printable_range`] |
//! | pids, ports, references | `<0.12.0>` if they are of the [local node](Renderer::local_node), else as this library shows them, `<rust@host.12.0/173>`: the number in `<9023.12.0>` says nothing outside of one BEAM |
//! | `~Kp` with a fun | an error: only a BEAM can run it. With `ordered` and `reversed` it works |
//! | native records | on one line |
//! | terms nested deeper than 200 levels | what is inside is on one line |
//! | how long the text gets | [`MAX_TEXT`] at most, else it is an error; a BEAM makes any text that its memory can hold |
//!
//! | file | what it is about |
//! | --- | --- |
//! | `scan` | the format, taken apart |
//! | `build` | the text of each control sequence |
//! | `number` | integers and floats |
//! | `field` | width, precision and padding |
//! | `write` | terms on one line |
//! | `measure` | how long the parts of a term are |
//! | `pretty`, `indent` | terms over several lines |
//! | `printable` | lists and binaries that are text |
//! | `output` | the text, within its limit |
//!
//! Reference: stdlib application, [`io:fwrite/1`](https://www.erlang.org/doc/apps/stdlib/io.html#fwrite/1).

mod build;
mod field;
mod indent;
mod measure;
mod number;
mod output;
mod pretty;
mod printable;
mod scan;
#[cfg(test)]
mod tests;
mod write;

use self::output::Output;
use self::write::Style;
use super::{Atom, CharEncoding, Term};

/// The longest text that is made, in bytes, unless [`Renderer::max_text`] says something else: 64 MiB.
///
/// A width or a precision asks for any amount of text with a few bytes.
pub const MAX_TEXT: usize = 64 << 20;

/// Why there is no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The format is none, or the arguments do not fit it: where OTP raises `badarg`.
    #[error("the arguments do not fit the format")]
    BadArg,
    /// The text would be longer than the limit.
    #[error("the text would be too long")]
    TooLong,
}

/// Renders terms as OTP's module `io_lib` does.
#[derive(Debug, Clone)]
pub struct Renderer {
    local: Option<Atom>,
    range: CharEncoding,
    max_text: usize,
}

impl Default for Renderer {
    fn default() -> Renderer {
        Renderer { local: None, range: CharEncoding::Latin1, max_text: MAX_TEXT }
    }
}

impl Renderer {
    /// A renderer that knows no node.
    #[must_use]
    pub fn new() -> Renderer {
        Renderer::default()
    }

    /// Shows the pids, ports and references of `node` as that node itself does: `<0.12.0>`.
    #[must_use]
    pub fn local_node(mut self, node: Atom) -> Renderer {
        self.local = Some(node);
        self
    }

    /// Which lists and binaries `~tp` shows as text: `+pc latin1`, the default, or `+pc unicode` of `erl`.
    #[must_use]
    pub fn printable_range(mut self, range: CharEncoding) -> Renderer {
        self.range = range;
        self
    }

    /// The longest text that is made, in bytes.
    #[must_use]
    pub fn max_text(mut self, bytes: usize) -> Renderer {
        self.max_text = bytes;
        self
    }

    /// The text of `format`, which is a charlist, a binary or an atom, with the elements of the list `arguments`.
    ///
    /// # Errors
    /// [`FormatError`]. The text is also none if it has a number in it that is no character.
    ///
    /// Does what `io_lib:format/2` does.
    pub fn format(&self, format: &Term, arguments: &Term) -> Result<String, FormatError> {
        let arguments = arguments.as_list().ok_or(FormatError::BadArg)?;
        let directives = scan::scan(format, arguments)?;
        let mut out = Output::new(self.max_text);
        build::build(self, &directives, &mut out)?;
        Ok(out.into_text())
    }

    /// `term` on one line, lists always as lists, and atoms with characters beyond Latin-1 escaped.
    ///
    /// # Errors
    /// [`FormatError::TooLong`].
    ///
    /// Does what `io_lib:write/1` does.
    pub fn write(&self, term: &Term) -> Result<String, FormatError> {
        self.write_depth(term, -1)
    }

    /// As [`write`](Renderer::write), with `...` for what is deeper than `depth`, if that is not negative.
    ///
    /// # Errors
    /// [`FormatError::TooLong`].
    ///
    /// Does what `io_lib:write/2` does.
    pub fn write_depth(&self, term: &Term, depth: i64) -> Result<String, FormatError> {
        let mut out = Output::new(self.max_text);
        let style = Style { renderer: self, encoding: CharEncoding::Latin1, reversed: false };
        write::write(term, depth, style, &mut out).map_err(|_| FormatError::TooLong)?;
        Ok(out.into_text())
    }

    /// `term` over lines of `line_length` columns, the first of which begins in `column`, counted from 1; with `...` for
    /// what is deeper than `depth`, if that is not negative.
    ///
    /// # Errors
    /// [`FormatError::TooLong`].
    ///
    /// Does what `io_lib:print/4` does.
    pub fn print(
        &self,
        term: &Term,
        column: i64,
        line_length: i64,
        depth: i64,
    ) -> Result<String, FormatError> {
        let mut out = Output::new(self.max_text);
        let style = Style { renderer: self, encoding: CharEncoding::Latin1, reversed: false };
        let layout = pretty::Layout { column, line_length, depth, strings: true };
        pretty::print(term, layout, style, &mut out).map_err(|_| FormatError::TooLong)?;
        Ok(out.into_text())
    }
}

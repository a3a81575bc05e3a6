//! Text as Erlang's I/O takes it: nested lists of characters and binaries.
//!
//! Reference: STDLIB, [`unicode:chardata/0`](https://www.erlang.org/doc/apps/stdlib/unicode.html#t:chardata/0).

use super::Term;

/// What the characters and bytes of chardata stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CharEncoding {
    /// Characters below 256, in binaries a byte each.
    Latin1,
    /// All characters, in binaries as UTF-8.
    Unicode,
}

impl Term {
    /// The text of chardata: a binary, or a list of characters, binaries and such lists. `None` if this is none, or has
    /// characters that `encoding` has not.
    ///
    /// Does what `unicode:characters_to_binary/2` does.
    ///
    /// ```
    /// use erlnode::term::{CharEncoding, Term};
    ///
    /// let hello: Term = "[<<\"he\">>, [108, 108] | <<\"o\">>]".parse()?;
    /// assert_eq!(hello.chardata(CharEncoding::Unicode).as_deref(), Some("hello"));
    /// # Ok::<(), erlnode::term::parse::ParseError>(())
    /// ```
    #[must_use]
    pub fn chardata(&self, encoding: CharEncoding) -> Option<String> {
        let latin1 = encoding == CharEncoding::Latin1;
        let mut text = String::new();
        let mut rest = vec![self];
        while let Some(term) = rest.pop() {
            match term {
                Term::Integer(code) => {
                    let code = u32::try_from(code).ok().filter(|code| !latin1 || *code < 256)?;
                    text.push(char::from_u32(code)?);
                }
                Term::Binary(bytes) if latin1 => text.extend(bytes.iter().map(|&byte| char::from(byte))),
                Term::Binary(bytes) => text.push_str(std::str::from_utf8(bytes).ok()?),
                Term::List(list) => rest.extend(list.iter().rev()),
                Term::ImproperList(list) => {
                    rest.push(list.tail());
                    rest.extend(list.elements().iter().rev());
                }
                _ => return None,
            }
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_come_in_nested_lists_and_binaries() {
        let text = |source: &str, encoding| source.parse::<Term>().unwrap().chardata(encoding);
        use CharEncoding::{Latin1, Unicode};
        assert_eq!(text("[[104,<<\"e\">>|<<\"l\">>],[[],\"l\"],[246]]", Unicode).as_deref(), Some("hellö"));
        assert_eq!(text("[<<195,182>>,8364]", Unicode).as_deref(), Some("ö€"));
        assert_eq!(text("[<<246>>,246]", Latin1).as_deref(), Some("öö"));
        assert_eq!(text("[]", Unicode).as_deref(), Some(""));
        for (none, encoding) in [
            ("[atom]", Unicode),
            ("<<246>>", Unicode),
            ("[8364]", Latin1),
            ("[55296]", Unicode),
            ("[-1]", Latin1),
        ] {
            assert_eq!(text(none, encoding), None, "{none}");
        }
    }
}

//! Terms as Elixir writes them: `:atom`, `"binary"`, `[a: 1]`, `%{"key" => 'list'}`, `My.Module`.

use super::line::Unreadable;
use crate::term::parse::Parser;
use crate::term::{Atom, Map, Term};

/// How deep lists, tuples and maps may be in each other: somebody types them.
const MAX_DEPTH: u32 = 100;

/// Reads the one term that `source` holds. What is written as in Erlang, as pids are, `parser` reads.
pub(super) fn read(source: &str, parser: &Parser) -> Result<Term, Unreadable> {
    let mut reader = Reader { rest: source.trim(), parser };
    let term = reader.term(0)?;
    reader.blanks();
    if reader.rest.is_empty() { Ok(term) } else { Err(reader.unexpected("the end")) }
}

struct Reader<'a> {
    rest: &'a str,
    parser: &'a Parser,
}

impl<'a> Reader<'a> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn accept(&mut self, token: &str) -> bool {
        self.blanks();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn unexpected(&self, expected: &str) -> Unreadable {
        let found: String = self.rest.chars().take(12).collect();
        match found.is_empty() {
            true => Unreadable(format!("the line ends where {expected} should be")),
            false => Unreadable(format!("\"{found}\" stands where {expected} should be")),
        }
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn term(&mut self, depth: u32) -> Result<Term, Unreadable> {
        if depth > MAX_DEPTH {
            return Err(Unreadable("it is nested too deeply".to_owned()));
        }
        self.blanks();
        for identifier in ["#PID<", "#Reference<", "#Port<", "<0.", "<<"] {
            if self.rest.starts_with(identifier) {
                let close = if identifier == "<<" { ">>" } else { ">" };
                let end = self.rest.find(close).map(|at| at + close.len());
                let (text, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
                self.rest = rest;
                return self.parser.parse(text).map_err(|error| Unreadable(error.to_string()));
            }
        }
        if self.accept("%{") {
            return self.map(depth);
        }
        if self.accept("{") {
            return Ok(Term::tuple(self.elements("}", depth)?));
        }
        if self.accept("[") {
            return Ok(Term::list(self.elements("]", depth)?));
        }
        if self.accept(":\"") {
            let name = self.quoted('"')?;
            return to_atom(&name);
        }
        if self.accept(":") {
            let name = self.take_while(is_name);
            return if name.is_empty() { Err(self.unexpected("a name")) } else { to_atom(name) };
        }
        if self.accept("~c\"") || self.accept("~C\"") {
            return Ok(Term::charlist(&self.quoted('"')?));
        }
        if self.accept("\"") {
            return Ok(Term::from(self.quoted('"')?));
        }
        if self.accept("'") {
            return Ok(Term::charlist(&self.quoted('\'')?));
        }
        if let Some(character) = self.rest.strip_prefix('?').and_then(|rest| rest.chars().next()) {
            self.rest = self.rest.get(1 + character.len_utf8()..).unwrap_or_default();
            return Ok(Term::from(u32::from(character)));
        }
        match self.rest.chars().next() {
            Some('0'..='9' | '-') => self.number(),
            Some(c) if c.is_ascii_uppercase() => {
                let alias = self.take_while(|c| is_name(c) || c == '.');
                to_atom(&format!("Elixir.{alias}"))
            }
            Some('a'..='z') => {
                let word = self.rest;
                match self.take_while(is_name) {
                    word @ ("true" | "false" | "nil") => to_atom(word),
                    _ => {
                        self.rest = word;
                        Err(self.unexpected("a term"))
                    }
                }
            }
            _ => Err(self.unexpected("a term")),
        }
    }

    fn number(&mut self) -> Result<Term, Unreadable> {
        let text = self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '+'));
        let digits = text.replace('_', "");
        let (sign, unsigned) = digits.strip_prefix('-').map_or(("", digits.as_str()), |rest| ("-", rest));
        let based = [("0x", 16), ("0b", 2), ("0o", 8)]
            .iter()
            .find_map(|(prefix, base)| Some(format!("{sign}{base}#{}", unsigned.strip_prefix(prefix)?)));
        let parsed = self.parser.parse(&based.unwrap_or(digits));
        match parsed {
            Ok(term @ (Term::Integer(_) | Term::Float(_))) => Ok(term),
            _ => Err(Unreadable(format!("{text} is no number"))),
        }
    }

    /// The rest of a text behind its opening quote.
    fn quoted(&mut self, quote: char) -> Result<String, Unreadable> {
        let mut text = String::new();
        let mut characters = self.rest.chars();
        while let Some(character) = characters.next() {
            match character {
                '\\' => match characters.next() {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('r') => text.push('\r'),
                    Some('e') => text.push('\u{1b}'),
                    Some('0') => text.push('\0'),
                    Some(other) => text.push(other),
                    None => break,
                },
                character if character == quote => {
                    self.rest = characters.as_str();
                    return Ok(text);
                }
                character => text.push(character),
            }
        }
        Err(Unreadable(format!("a text is not closed by {quote}")))
    }

    /// The rest of a list or tuple. Pairs `key: value` come last.
    fn elements(&mut self, close: &str, depth: u32) -> Result<Vec<Term>, Unreadable> {
        let mut elements = Vec::new();
        loop {
            if self.accept(close) {
                return Ok(elements);
            }
            elements.push(match self.keyword() {
                Some(key) => Term::tuple([to_atom(&key)?, self.term(depth + 1)?]),
                None => self.term(depth + 1)?,
            });
            if !self.accept(",") {
                return if self.accept(close) { Ok(elements) } else { Err(self.unexpected(close)) };
            }
        }
    }

    fn map(&mut self, depth: u32) -> Result<Term, Unreadable> {
        let mut pairs = Vec::new();
        loop {
            if self.accept("}") {
                return Ok(Term::Map(pairs.into_iter().collect::<Map>()));
            }
            let key = match self.keyword() {
                Some(key) => to_atom(&key)?,
                None => {
                    let key = self.term(depth + 1)?;
                    if !self.accept("=>") {
                        return Err(self.unexpected("=>"));
                    }
                    key
                }
            };
            pairs.push((key, self.term(depth + 1)?));
            if !self.accept(",") && !self.rest.trim_start().starts_with('}') {
                return Err(self.unexpected("}"));
            }
        }
    }

    /// The `key:` of a pair, if there is one.
    fn keyword(&mut self) -> Option<String> {
        self.blanks();
        let end = self.rest.find(|c| !is_name(c))?;
        let (key, rest) = self.rest.split_at(end);
        let value = rest.strip_prefix(':')?;
        let is_key = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && value.starts_with(' ');
        is_key.then(|| {
            self.rest = value;
            key.to_owned()
        })
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '@' | '?' | '!')
}

fn to_atom(name: &str) -> Result<Term, Unreadable> {
    Atom::new(name).map(Term::Atom).map_err(|error| Unreadable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atom;
    use crate::term::Creation;

    #[test]
    fn terms_are_read_as_elixir_reads_them() {
        let parser = Parser::new().local_node(atom!("a@b"), Creation(7));
        for (source, expected) in [
            (":ok", "ok"),
            (":\"with space\"", "'with space'"),
            ("nil", "nil"),
            ("My.Module", "'Elixir.My.Module'"),
            ("\"text\\n\"", "<<\"text\\n\">>"),
            ("'list'", "\"list\""),
            ("~c\"list\"", "\"list\""),
            ("[1, 2.5, -3, 1_000, 0xff, ?a]", "[1,2.5,-3,1000,255,97]"),
            ("[:a, b: 1, c: \"d\"]", "[a,{b,1},{c,<<\"d\">>}]"),
            ("{:ok, %{\"k\" => [], name: {}}}", "{ok,#{name => {},<<\"k\">> => []}}"),
            ("#PID<0.5.0>", "<a@b.5.0/7>"),
            ("<<1, 2>>", "<<1,2>>"),
            ("%{}", "#{}"),
        ] {
            assert_eq!(read(source, &parser).unwrap().to_string(), expected, "{source}");
        }
        for wrong in ["", "x", "[1", "{1,", "%{1}", "\"open", ":", "1 2", "1x", "%{1 => }", "[1 2]"] {
            assert!(read(wrong, &parser).is_err(), "{wrong}");
        }
        assert!(read(&"[".repeat(100_000), &parser).is_err());
    }
}

//! What a line of input asks for.
//!
//! | line | is |
//! | ---- | -- |
//! | `rust:add(1, 2).`, `:rust.add(1, 2)`, `My.Module.f()` | a call by module and function |
//! | `info <0.5.0>`, `info(<0.5.0>).` | a command with its arguments |
//! | `rust:`, `:rust.` | a question: what is there |

use crate::node::Node;
use crate::term::parse::Parser;
use crate::term::{Atom, Term};

use super::elixir;

/// In whose syntax terms are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Erlang,
    Elixir,
}

/// Why a line can't be read, in a sentence.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable(pub(super) String);

/// What is asked for.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    Nothing,
    Call {
        module: Atom,
        function: Atom,
        arguments: Vec<Term>,
    },
    Command {
        name: String,
        arguments: Vec<Term>,
    },
    /// Which functions of the module there are.
    Functions(String),
}

/// Reads lines.
pub(super) struct Reader {
    language: Language,
    parser: Parser,
}

impl Reader {
    pub(super) fn new(node: &Node, language: Language) -> Reader {
        let parser = Parser::new().local_node(node.name().as_atom().clone(), node.creation());
        Reader { language, parser }
    }

    pub(super) fn read(&self, line: &str) -> Result<Line, Unreadable> {
        let line = line.trim();
        let code = line.trim_end_matches(['.', ' ', '\t']);
        if code.is_empty() || code.starts_with(['%', '#']) && !code.starts_with("#PID") {
            return Ok(Line::Nothing);
        }
        if let Some(module) =
            code.strip_suffix(':').or_else(|| line.strip_suffix('.').filter(|m| m.starts_with(':')))
        {
            let module = module.trim_start_matches(':').trim_matches('\'');
            return Ok(Line::Functions(module.to_owned()));
        }
        match code.strip_suffix(')').and_then(|code| split_call(code)) {
            Some((head, inside)) => {
                let arguments = || self.terms(&split(inside, |c| c == ','));
                match qualified(head) {
                    Some((module, function)) => Ok(Line::Call {
                        module: name(&module)?,
                        function: name(&function)?,
                        arguments: arguments()?,
                    }),
                    None if is_word(head) => {
                        Ok(Line::Command { name: head.to_owned(), arguments: arguments()? })
                    }
                    None => Err(Unreadable(format!("{head} is neither a command nor module and function"))),
                }
            }
            None => {
                let words = split(code, char::is_whitespace);
                let (command, arguments) = words.split_first().ok_or_else(|| Unreadable(String::new()))?;
                if !is_word(command) {
                    return Err(Unreadable(
                        "this is no command and no call of a function: help tells what there is".to_owned(),
                    ));
                }
                let arguments: Vec<&str> = arguments.iter().map(|word| word.trim_end_matches(',')).collect();
                Ok(Line::Command { name: (*command).to_owned(), arguments: self.terms(&arguments)? })
            }
        }
    }

    fn terms(&self, sources: &[&str]) -> Result<Vec<Term>, Unreadable> {
        sources.iter().map(|source| self.term(source)).collect()
    }

    fn term(&self, source: &str) -> Result<Term, Unreadable> {
        let erlang = || self.parser.parse(source).map_err(|error| Unreadable(error.to_string()));
        let elixir = || elixir::read(source, &self.parser);
        let read = match self.language {
            Language::Erlang => erlang().or_else(|error| elixir().map_err(|_| error)),
            Language::Elixir => elixir().or_else(|error| erlang().map_err(|_| error)),
        };
        // A name that would need quotes, as that of a node often does.
        read.or_else(|error| match is_bare_name(source) {
            true => name(source).map(Term::Atom),
            false => Err(Unreadable(format!("{source}: {}", error.0))),
        })
    }
}

fn name(text: &str) -> Result<Atom, Unreadable> {
    Atom::new(text).map_err(|error| Unreadable(error.to_string()))
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic()) && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

fn is_bare_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic())
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '@' | '.' | '-'))
}

/// `head(inside`, of which the closing parenthesis is gone.
fn split_call(code: &str) -> Option<(&str, &str)> {
    let mut quoted = None;
    let at = code.char_indices().find_map(|(at, c)| match (c, quoted) {
        (c, Some(quote)) if c == quote => {
            quoted = None;
            None
        }
        ('\'' | '"', None) => {
            quoted = Some(c);
            None
        }
        ('(', None) => Some(at),
        _ => None,
    })?;
    let head = code.get(..at)?.trim();
    (!head.contains(char::is_whitespace) || head.contains(['\'', '"'])).then_some((head, code.get(at + 1..)?))
}

/// The module and the function of `m:f`, `:m.f` or `M.N.f`.
fn qualified(head: &str) -> Option<(String, String)> {
    let unquoted = |name: &str| name.trim().trim_matches(['\'', '"']).to_owned();
    if let Some(elixir) = head.strip_prefix(':') {
        let (module, function) = elixir.rsplit_once('.')?;
        return Some((unquoted(module), unquoted(function)));
    }
    if head.starts_with(|c: char| c.is_ascii_uppercase()) {
        let (module, function) = head.rsplit_once('.')?;
        return Some((format!("Elixir.{module}"), unquoted(function)));
    }
    let at = match head.strip_prefix('\'') {
        Some(rest) => rest.find("':")? + 2,
        None => head.find(':')?,
    };
    let (module, function) = head.split_at(at);
    Some((unquoted(module), unquoted(function.strip_prefix(':')?)))
}

/// Splits at what `separates`, but not within brackets and quotes. Parts that are blank are left out.
fn split(text: &str, separates: impl Fn(char) -> bool) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut depth, mut quote) = (0, 0u32, None);
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match (quote, c) {
            (Some(_), '\\') => drop(characters.next()),
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            // A character, which may be a quote or bracket.
            (None, '$' | '?') => drop(characters.next()),
            (None, '(' | '[' | '{' | '<') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            // Not that of an arrow.
            (None, '>') if !text.get(..at).is_some_and(|before| before.ends_with('=')) => {
                depth = depth.saturating_sub(1);
            }
            (None, c) if depth == 0 && separates(c) => {
                parts.push(text.get(start..at).unwrap_or_default());
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(line: &str, language: Language) -> String {
        let node = Node::nonode();
        match Reader::new(&node, language).read(line) {
            Ok(Line::Nothing) => "nothing".to_owned(),
            Ok(Line::Call { module, function, arguments }) => {
                format!("{module}:{function} {}", Term::list(arguments))
            }
            Ok(Line::Command { name, arguments }) => format!("{name} {}", Term::list(arguments)),
            Ok(Line::Functions(module)) => format!("functions of {module}"),
            Err(Unreadable(why)) => format!("error: {why}"),
        }
    }

    #[tokio::test]
    async fn lines_are_commands_or_calls() {
        for (line, expected) in [
            ("", "nothing"),
            (" . \n", "nothing"),
            ("% a comment", "nothing"),
            ("help", "help []"),
            ("nodes().", "nodes []"),
            ("info counter\n", "info [counter]"),
            ("info(counter).", "info [counter]"),
            ("send counter {add, 1}.", "send [counter,{add,1}]"),
            ("send {counter, 'a@b'}, \"a b\"", "send [{counter,a@b},\"a b\"]"),
            ("connect rust@my-host.example", "connect ['rust@my-host.example']"),
            ("rust:add(1, 2).", "rust:add [1,2]"),
            ("'my mod':'f g'([#{a => \")\"}], $,)", "'my mod':'f g' [[#{a => \")\"}],44]"),
            ("m:f()", "m:f []"),
            ("rust:", "functions of rust"),
        ] {
            assert_eq!(read(line, Language::Erlang).await, expected, "{line}");
        }
        for (line, expected) in [
            (":rust.add(1, 2)", "rust:add [1,2]"),
            ("My.Mod.f(:a, \"b\")", "'Elixir.My.Mod':f [a,<<\"b\">>]"),
            ("send :counter, {:add, 1}", "send [counter,{add,1}]"),
            ("info #PID<0.1.0>", "info [<nonode@nohost.1.0/0>]"),
            ("rust:add(1, 2)", "rust:add [1,2]"),
            (":rust.", "functions of rust"),
        ] {
            let read = read(line, Language::Elixir).await;
            let own_creation = read.split_once('/').filter(|_| read.contains("nohost"));
            let read = own_creation.map_or(read.clone(), |(before, _)| format!("{before}/0>]"));
            assert_eq!(read, expected, "{line}");
        }
    }

    #[tokio::test]
    async fn what_can_not_be_read_is_said_in_a_sentence() {
        for line in ["1 + 2", "X = 5.", "rust:add(1, {)", "(((", ")", "''", "f(", "send x {"] {
            assert!(read(line, Language::Erlang).await.starts_with("error: "), "{line}");
        }
    }
}

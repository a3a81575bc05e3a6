//! The text that a device is asked to print, and the prompts of what it is asked to read.

use super::request::Call;
use crate::atom;
use crate::term::io_lib::Renderer;
use crate::term::{Atom, CharEncoding, Term};

/// What is to be printed, of characters or of a function that makes them. The functions are those of `io_lib` that OTP's
/// `io` asks for.
///
/// `None` if the function is another one; `Some(None)` if it fails, or makes characters that the encoding has not.
pub(crate) fn of_call(call: Call<'_>, encoding: CharEncoding, renderer: &Renderer) -> Option<Option<String>> {
    if call.module != "io_lib" {
        return None;
    }
    let integer = |term: &Term| if let Term::Integer(integer) = term { integer.as_i64() } else { None };
    let text = match (call.function.as_str(), call.arguments) {
        ("format" | "fwrite", [format, arguments]) => renderer.format(format, arguments).ok(),
        ("format" | "fwrite", [format, arguments, Term::List(options)]) if options.is_empty() => {
            renderer.format(format, arguments).ok()
        }
        ("write", [term]) => renderer.write(term).ok(),
        ("write", [term, Term::Integer(depth)]) => {
            depth.as_i64().and_then(|depth| renderer.write_depth(term, depth).ok())
        }
        ("print", [term]) => renderer.print(term, 1, 80, -1).ok(),
        ("print", [term, column, length, depth]) => {
            match (integer(column), integer(length), integer(depth)) {
                (Some(column), Some(length), Some(depth)) => renderer.print(term, column, length, depth).ok(),
                _ => None,
            }
        }
        ("nl", []) => Some("\n".to_owned()),
        _ => return None,
    };
    Some(text.filter(|text| encoding == CharEncoding::Unicode || is_latin1(text)))
}

pub(crate) fn is_latin1(text: &str) -> bool {
    text.chars().all(|c| c <= '\u{ff}')
}

/// A prompt: text in any form, `{format, Format, Args}`, or a term that is shown.
///
/// Does what `io_lib:format_prompt/2` does.
pub(crate) fn of_prompt(prompt: &Term, encoding: CharEncoding, renderer: &Renderer) -> String {
    let modifier = if encoding == CharEncoding::Unicode { "t" } else { "" };
    let text = match prompt {
        Term::Tuple(tuple) if matches!(&**tuple, [format, _, _] if format.is_atom("format")) => {
            let [_, format, arguments] = &**tuple else { return String::new() };
            renderer.format(format, arguments)
        }
        Term::List(_) | Term::ImproperList(_) | Term::Atom(_) | Term::Binary(_) => {
            renderer.format(&Term::from(format!("~{modifier}s")), &Term::list([prompt.clone()]))
        }
        term => renderer.format(&Term::from(format!("~{modifier}p")), &Term::list([term.clone()])),
    };
    text.unwrap_or_else(|_| "???".to_owned())
}

/// Text as a process gets it that reads: a list of characters, or a binary in the encoding that it asked for.
pub(crate) fn reply(text: &str, encoding: CharEncoding, binary: bool) -> Term {
    match encoding {
        CharEncoding::Latin1 if !is_latin1(text) => {
            error(Term::tuple([atom!("no_translation"), atom!("unicode"), atom!("latin1")].map(Term::Atom)))
        }
        CharEncoding::Latin1 if binary => {
            // It was just looked at.
            Term::Binary(text.chars().filter_map(|c| u8::try_from(u32::from(c)).ok()).collect())
        }
        CharEncoding::Unicode if binary => Term::from(text),
        _ => Term::charlist(text),
    }
}

/// `{error, Reason}`.
pub(crate) fn error(reason: impl Into<Term>) -> Term {
    Term::tuple([Term::Atom(atom!("error")), reason.into()])
}

/// `{error, Name}`.
pub(crate) fn error_name(name: &Atom) -> Term {
    error(name.clone())
}

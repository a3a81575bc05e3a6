//! What a device is asked for.
//!
//! | request | old form, for Latin-1 |
//! | ------- | --------------------- |
//! | `{put_chars, Encoding, Chars}` | `{put_chars, Chars}` |
//! | `{put_chars, Encoding, M, F, Args}` | `{put_chars, M, F, Args}` |
//! | `{get_line, Encoding, Prompt}` | `{get_line, Prompt}` |
//! | `{get_chars, Encoding, Prompt, N}` | `{get_chars, Prompt, N}` |
//! | `{get_until, Encoding, Prompt, M, F, Args}` | `{get_until, Prompt, M, F, Args}` |
//! | `{get_password, Encoding}` | |
//! | `{get_geometry, columns \| rows}`, `getopts`, `{setopts, Options}` | |
//! | `{requests, Requests}` | |

use crate::term::{Atom, CharEncoding, Term};

/// A request of the I/O protocol.
#[derive(Debug)]
pub(crate) enum Request<'a> {
    PutChars(CharEncoding, &'a Term),
    /// What a function makes.
    PutCall(CharEncoding, Call<'a>),
    GetLine(CharEncoding, &'a Term),
    GetChars(CharEncoding, &'a Term, usize),
    /// As much as a function wants.
    GetUntil(CharEncoding, &'a Term, Call<'a>),
    GetPassword,
    GetGeometry(&'a Atom),
    GetOpts,
    SetOpts(&'a [Term]),
    Requests(&'a [Term]),
    Unknown,
}

/// A function and its arguments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) module: &'a Atom,
    pub(crate) function: &'a Atom,
    pub(crate) arguments: &'a [Term],
}

impl<'a> Request<'a> {
    pub(crate) fn read(request: &'a Term) -> Request<'a> {
        let latin1 = CharEncoding::Latin1;
        let (what, arguments) = match request.as_tuple() {
            Some([Term::Atom(what), arguments @ ..]) => (what.as_str(), arguments),
            None if request.is_atom("getopts") => return Request::GetOpts,
            _ => return Request::Unknown,
        };
        let read = match (what, arguments) {
            ("put_chars", [chars]) => Some(Request::PutChars(latin1, chars)),
            ("put_chars", [encoding, chars]) => encoding_of(encoding).map(|it| Request::PutChars(it, chars)),
            ("put_chars", [m, f, a]) => call(m, f, a).map(|call| Request::PutCall(latin1, call)),
            ("put_chars", [encoding, m, f, a]) => {
                both(encoding, call(m, f, a)).map(|(encoding, call)| Request::PutCall(encoding, call))
            }
            ("get_line", [prompt]) => Some(Request::GetLine(latin1, prompt)),
            ("get_line", [encoding, prompt]) => encoding_of(encoding).map(|it| Request::GetLine(it, prompt)),
            ("get_chars", [prompt, count]) => {
                count_of(count).map(|count| Request::GetChars(latin1, prompt, count))
            }
            ("get_chars", [encoding, prompt, count]) => both(encoding, count_of(count))
                .map(|(encoding, count)| Request::GetChars(encoding, prompt, count)),
            ("get_until", [prompt, m, f, a]) => {
                call(m, f, a).map(|call| Request::GetUntil(latin1, prompt, call))
            }
            ("get_until", [encoding, prompt, m, f, a]) => both(encoding, call(m, f, a))
                .map(|(encoding, call)| Request::GetUntil(encoding, prompt, call)),
            ("get_password", [_]) => Some(Request::GetPassword),
            ("get_geometry", [Term::Atom(what)]) => Some(Request::GetGeometry(what)),
            ("setopts", [Term::List(options)]) => Some(Request::SetOpts(options)),
            ("requests", [Term::List(requests)]) => Some(Request::Requests(requests)),
            _ => None,
        };
        read.unwrap_or(Request::Unknown)
    }
}

fn encoding_of(term: &Term) -> Option<CharEncoding> {
    match term.as_atom()?.as_str() {
        "latin1" => Some(CharEncoding::Latin1),
        "unicode" => Some(CharEncoding::Unicode),
        _ => None,
    }
}

fn count_of(term: &Term) -> Option<usize> {
    if let Term::Integer(count) = term { usize::try_from(count).ok() } else { None }
}

fn call<'a>(module: &'a Term, function: &'a Term, arguments: &'a Term) -> Option<Call<'a>> {
    match (module, function, arguments) {
        (Term::Atom(module), Term::Atom(function), Term::List(arguments)) => {
            Some(Call { module, function, arguments })
        }
        _ => None,
    }
}

fn both<T>(encoding: &Term, other: Option<T>) -> Option<(CharEncoding, T)> {
    encoding_of(encoding).zip(other)
}

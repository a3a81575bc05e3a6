//! Functions of module `io` that other nodes call here: they print at the caller's group leader, and read from it.
//!
//! | function | arity |
//! | -------- | ----- |
//! | `format`, `fwrite` | `[Format]`, `[Format, Args]`, `[Device, Format, Args]` |
//! | `put_chars` | `[Chars]`, `[Device, Chars]` |
//! | `write`, `nl` | the term if any, and with a device before it |
//! | `get_line`, `get_chars` | `[Prompt]`, `[Prompt, N]`, and with a device before it |
//! | `columns`, `rows` | none, or a device |
//!
//! A device is a pid or the name of a process, `standard_io` the group leader.

use crate::atom;
use crate::node::{Caller, Dest, Node, Raise};
use crate::term::{Atom, CharEncoding, Term, from_term};

use super::IoError;

/// Exports them.
pub(crate) fn export(node: &Node) {
    for name in ["format", "fwrite"] {
        node.export("io", name, async |caller, (text,): (Term,)| format(caller, None, text, Term::NIL).await);
        node.export("io", name, async |caller, (text, arguments): (Term, Term)| {
            format(caller, None, text, arguments).await
        });
        node.export("io", name, async |caller, (device, text, arguments): (Term, Term, Term)| {
            format(caller, Some(device), text, arguments).await
        });
    }
    node.export("io", "put_chars", async |caller, (chars,): (Term,)| put_chars(caller, None, chars).await);
    node.export("io", "put_chars", async |caller, (device, chars): (Term, Term)| {
        put_chars(caller, Some(device), chars).await
    });
    node.export("io", "write", async |caller, (term,): (Term,)| write(caller, None, term).await);
    node.export("io", "write", async |caller, (device, term): (Term, Term)| {
        write(caller, Some(device), term).await
    });
    node.export("io", "nl", async |caller, (): ()| put_chars(caller, None, Term::charlist("\n")).await);
    node.export("io", "nl", async |caller, (device,): (Term,)| {
        put_chars(caller, Some(device), Term::charlist("\n")).await
    });
    node.export("io", "get_line", async |caller, (prompt,): (Term,)| {
        ask(caller, None, [name(atom!("get_line")), unicode(), prompt]).await
    });
    node.export("io", "get_line", async |caller, (device, prompt): (Term, Term)| {
        ask(caller, Some(device), [name(atom!("get_line")), unicode(), prompt]).await
    });
    node.export("io", "get_chars", async |caller, (prompt, count): (Term, Term)| {
        ask(caller, None, [name(atom!("get_chars")), unicode(), prompt, count]).await
    });
    node.export("io", "get_chars", async |caller, (device, prompt, count): (Term, Term, Term)| {
        ask(caller, Some(device), [name(atom!("get_chars")), unicode(), prompt, count]).await
    });
    for (function, what) in [("columns", atom!("columns")), ("rows", atom!("rows"))] {
        let of_leader = what.clone();
        node.export("io", function, move |caller, (): ()| geometry(caller, None, of_leader.clone()));
        node.export("io", function, move |caller, (device,): (Term,)| {
            geometry(caller, Some(device), what.clone())
        });
    }
}

async fn format(caller: Caller, device: Option<Term>, text: Term, arguments: Term) -> Result<Atom, Raise> {
    let call = vec![unicode(), name(atom!("io_lib")), name(atom!("format")), Term::list([text, arguments])];
    print(caller, device, call).await
}

async fn write(caller: Caller, device: Option<Term>, term: Term) -> Result<Atom, Raise> {
    let call = vec![unicode(), name(atom!("io_lib")), name(atom!("write")), Term::list([term])];
    print(caller, device, call).await
}

async fn put_chars(caller: Caller, device: Option<Term>, chars: Term) -> Result<Atom, Raise> {
    // As OTP sends it: it may be in pieces of several encodings.
    let text = chars.chardata(CharEncoding::Unicode).ok_or_else(badarg)?;
    print(caller, device, vec![unicode(), Term::from(text)]).await
}

async fn print(mut caller: Caller, device: Option<Term>, what: Vec<Term>) -> Result<Atom, Raise> {
    let request = Term::tuple([name(atom!("put_chars"))].into_iter().chain(what));
    match request_of(&mut caller, device, request).await? {
        Ok(_) => Ok(atom!("ok")),
        Err(IoError::Refused(_)) => Err(badarg()),
        Err(error) => Err(error.into()),
    }
}

/// What is read, or `{error, Reason}`.
async fn ask(
    mut caller: Caller,
    device: Option<Term>,
    request: impl IntoIterator<Item = Term>,
) -> Result<Term, Raise> {
    let reply = request_of(&mut caller, device, Term::tuple(request)).await?;
    Ok(reply.unwrap_or_else(|error| super::text::error(error.reason())))
}

async fn geometry(caller: Caller, device: Option<Term>, what: Atom) -> Result<Term, Raise> {
    let reply = ask(caller, device, [name(atom!("get_geometry")), name(what)]).await?;
    Ok(match reply {
        Term::Integer(size) => Term::tuple([name(atom!("ok")), Term::Integer(size)]),
        _ => super::text::error(atom!("enotsup")),
    })
}

async fn request_of(
    caller: &mut Caller,
    device: Option<Term>,
    request: Term,
) -> Result<Result<Term, IoError>, Raise> {
    let mut io = match device {
        Some(device) if !device.is_atom("standard_io") => {
            caller.io_at(from_term::<Dest>(&device).map_err(|_| badarg())?)
        }
        _ => caller.io(),
    };
    Ok(io.request(request).await)
}

fn badarg() -> Raise {
    Raise::error(atom!("badarg"))
}

fn name(atom: Atom) -> Term {
    Term::Atom(atom)
}

fn unicode() -> Term {
    name(atom!("unicode"))
}

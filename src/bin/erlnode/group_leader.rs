//! The group leader of a function that is called from here: what it prints comes out on standard error.
//!
//! A BEAM sends what is to be printed as a call of the function that renders it, such as `io_lib:format/2`. That
//! function is called on the node that asked, which has it and knows its own terms best.
//!
//! Reference: STDLIB User's Guide, ["The Erlang I/O Protocol"](https://www.erlang.org/doc/apps/stdlib/io_protocol.html).

use std::io::{self, Write};

use erlnode::atom;
use erlnode::node::{Node, Process};
use erlnode::process::Exit;
use erlnode::term::etf::Encoded;
use erlnode::term::{Atom, CharEncoding, Pid, Term};

/// Answers `{io_request, From, ReplyAs, Request}` with `{io_reply, ReplyAs, Reply}`.
pub(crate) async fn group_leader(mut process: Process) -> Result<(), Exit> {
    loop {
        let message = process.receive().await;
        let Ok((tag, from, reply_as, request)) = message.decode::<(Atom, Pid, Encoded, Term)>() else {
            continue;
        };
        if tag == "io_request" {
            let reply = answer(process.node(), &from.node, request).await;
            process.send(from, (atom!("io_reply"), reply_as, reply)).await?;
        }
    }
}

/// `ok` or `{error, Reason}`.
type Reply = Result<(), Atom>;

async fn answer(node: &Node, at: &Atom, request: Term) -> Reply {
    let mut requests = vec![request];
    while let Some(request) = requests.pop() {
        let Some([Term::Atom(kind), arguments @ ..]) = request.as_tuple() else {
            return Err(if request.is_atom("getopts") { atom!("enotsup") } else { atom!("request") });
        };
        match (kind.as_str(), arguments) {
            ("put_chars", [chars]) => put(chars, "latin1")?,
            ("put_chars", [Term::Atom(encoding), chars]) => put(chars, encoding.as_str())?,
            ("put_chars", [Term::Atom(m), Term::Atom(f), Term::List(a)]) => {
                put(&render(node, at, m, f, a).await?, "latin1")?;
            }
            ("put_chars", [Term::Atom(encoding), Term::Atom(m), Term::Atom(f), Term::List(a)]) => {
                put(&render(node, at, m, f, a).await?, encoding.as_str())?;
            }
            ("requests", [Term::List(all)]) => requests.extend(all.iter().rev().cloned()),
            (
                "get_line" | "get_chars" | "get_until" | "get_password" | "get_geometry" | "setopts"
                | "put_ansi",
                _,
            ) => return Err(atom!("enotsup")),
            _ => return Err(atom!("request")),
        }
    }
    Ok(())
}

async fn render(
    node: &Node,
    at: &Atom,
    module: &Atom,
    function: &Atom,
    arguments: &[Term],
) -> Result<Term, Atom> {
    let call = node.erpc(at.as_str()).call(module.as_str(), function.as_str(), arguments.to_vec());
    call.await.map_err(|_| function.clone())
}

fn put(chars: &Term, encoding: &str) -> Reply {
    let encoding = if encoding == "latin1" { CharEncoding::Latin1 } else { CharEncoding::Unicode };
    let text = chars.chardata(encoding).ok_or(atom!("put_chars"))?;
    // Whoever reads it may have gone away; that is no concern of the function.
    let _ = io::stderr().lock().write_all(text.as_bytes());
    Ok(())
}

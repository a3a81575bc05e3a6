//! The output of a function as messages to the C node that called it: `erl_call -fetch_stdout`.
//!
//! The process that waits for the function is its group leader, and speaks Erlang's I/O protocol with it:
//!
//! | request | reply | to the C node |
//! | ------- | ----- | ------------- |
//! | `{put_chars, Encoding, Chars}` | `ok` | `{rex_stdout, Utf8}` |
//! | `{put_chars, Encoding, M, F, Args}` | `{error, F}`: only a BEAM can run it | |
//! | `{requests, Requests}` | that of the last, or of the first that fails | as of each |
//! | `{get_line, ..}`, `getopts`, and other input | `{error, enotsup}` | |
//! | anything else | `{error, request}` | |
//!
//! The result comes after all output.

use std::time::Duration;

use super::call::Call;
use crate::atom;
use crate::node::Process;
use crate::process::Message;
use crate::term::etf::Encoded;
use crate::term::{Atom, CharEncoding, Pid, Term};

/// Runs the function in a process of its own, whose group leader `process` is.
pub(super) async fn run(call: Call, process: &mut Process, caller: &Pid) -> Encoded {
    let own = process.pid().clone();
    process.cell().state.lock().group_leader = own;
    let mut running = call.spawn(process, caller.clone());
    let result = loop {
        tokio::select! {
            biased;
            message = receive_request(process) => serve(process, caller, message).await,
            result = running.ended() => break result,
        }
    };
    // What it printed last arrived before it ended.
    while let Some(message) = process.receive_match_timeout(Duration::ZERO, is_request).await {
        serve(process, caller, message).await;
    }
    running.value_of(result, process).await
}

fn is_request(message: &Message) -> bool {
    message.tag_and_arity().is_some_and(|(what, arity)| arity == 4 && what == "io_request")
}

async fn receive_request(process: &mut Process) -> Message {
    process.receive_match(is_request).await
}

async fn serve(process: &Process, caller: &Pid, message: Message) {
    let Ok((_, from, reply_as, request)) = message.decode::<(Atom, Pid, Encoded, Term)>() else { return };
    let mut output = Vec::new();
    let reply = request_reply(&request, &mut output);
    if !output.is_empty() {
        let text = Term::Binary(output.into());
        let _ = process.send(caller, Term::tuple([Term::Atom(atom!("rex_stdout")), text])).await;
    }
    let _ = process.send(from, (atom!("io_reply"), reply_as, reply)).await;
}

fn error(reason: Atom) -> Term {
    Term::tuple([Term::Atom(atom!("error")), Term::Atom(reason)])
}

/// The reply to an I/O request; what it prints is added to `output`.
fn request_reply(request: &Term, output: &mut Vec<u8>) -> Term {
    let ok = || Term::Atom(atom!("ok"));
    let (what, arguments) = match request.as_tuple() {
        Some([Term::Atom(what), arguments @ ..]) => (what.as_str(), arguments),
        _ => (request.as_atom().map_or("", Atom::as_str), [].as_slice()),
    };
    match (what, arguments) {
        ("put_chars", [encoding, characters]) => {
            let encoding =
                if encoding.is_atom("latin1") { CharEncoding::Latin1 } else { CharEncoding::Unicode };
            match characters.chardata(encoding) {
                Some(text) => {
                    output.extend_from_slice(text.as_bytes());
                    ok()
                }
                None => error(atom!("put_chars")),
            }
        }
        ("put_chars", [_, _, Term::Atom(function), _]) => error(function.clone()),
        ("requests", [Term::List(requests)]) => {
            let mut reply = ok();
            for request in requests.iter() {
                reply = match request.as_tuple() {
                    // Nested ones nobody sends, and they could be nested deeply.
                    Some([Term::Atom(what), ..]) if what == "requests" => error(atom!("request")),
                    _ => request_reply(request, output),
                };
                if !reply.is_atom("ok") {
                    break;
                }
            }
            reply
        }
        ("get_until", [_, _, _, _, _])
        | ("get_chars", [_, _, _])
        | ("get_line", [_, _])
        | ("get_geometry" | "setopts", [_])
        | ("getopts", []) => error(atom!("enotsup")),
        _ => error(atom!("request")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_answered_as_otp_does() {
        for (request, reply, printed) in [
            ("{put_chars,unicode,[\"a\",[228|<<\"b\"/utf8>>]]}", "ok", "aäb"),
            ("{put_chars,latin1,<<228>>}", "ok", "ä"),
            ("{put_chars,latin1,[8364]}", "{error,put_chars}", ""),
            ("{put_chars,unicode,<<228>>}", "{error,put_chars}", ""),
            ("{put_chars,unicode,io_lib,format,[\"x\",[]]}", "{error,format}", ""),
            ("{requests,[{put_chars,unicode,\"a\"},{put_chars,unicode,\"b\"}]}", "ok", "ab"),
            (
                "{requests,[{put_chars,unicode,\"a\"},getopts,{put_chars,unicode,\"b\"}]}",
                "{error,enotsup}",
                "a",
            ),
            ("{requests,[{requests,[]}]}", "{error,request}", ""),
            ("{get_line,unicode,\"> \"}", "{error,enotsup}", ""),
            ("{get_geometry,columns}", "{error,enotsup}", ""),
            ("getopts", "{error,enotsup}", ""),
            ("whatever", "{error,request}", ""),
            ("{put_chars,\"latin1\"}", "{error,request}", ""),
        ] {
            let mut output = Vec::new();
            let got = request_reply(&request.parse().unwrap(), &mut output);
            assert_eq!(
                (got.to_string().as_str(), output.as_slice()),
                (reply, printed.as_bytes()),
                "{request}"
            );
        }
    }
}

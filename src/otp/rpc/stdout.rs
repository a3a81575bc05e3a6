//! The output of a function as messages to the C node that called it: `erl_call -fetch_stdout`.
//!
//! The process that waits for the function is its group leader, and speaks Erlang's I/O protocol with it:
//!
//! | request | reply | to the C node |
//! | ------- | ----- | ------------- |
//! | `{put_chars, Encoding, Chars}` | `ok` | `{rex_stdout, Utf8}` |
//! | `{put_chars, Encoding, io_lib, F, Args}` | `ok`, or `{error, F}` if it makes no text | the same |
//! | `{requests, Requests}` | that of the last, or of the first that fails | as of each |
//! | `{get_line, ..}`, `getopts`, and other input | `{error, enotsup}` | |
//! | anything else | `{error, request}` | |
//!
//! The result comes after all output.

use std::time::Duration;

use super::super::io::request::Request;
use super::super::io::text::{self, error_name};
use super::call::Call;
use crate::atom;
use crate::node::Process;
use crate::process::Message;
use crate::term::etf::Encoded;
use crate::term::io_lib::Renderer;
use crate::term::{Atom, Pid, Term};

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
    let mut output = String::new();
    let renderer = Renderer::new().local_node(process.node().name().as_atom().clone());
    let reply = request_reply(&request, &renderer, &mut output);
    if !output.is_empty() {
        let text = Term::from(output);
        let _ = process.send(caller, Term::tuple([Term::Atom(atom!("rex_stdout")), text])).await;
    }
    let _ = process.send(from, (atom!("io_reply"), reply_as, reply)).await;
}

/// The reply to an I/O request; what it prints is added to `output`.
fn request_reply(request: &Term, renderer: &Renderer, output: &mut String) -> Term {
    let text = match Request::read(request) {
        Request::PutChars(encoding, chars) => chars.chardata(encoding).ok_or(atom!("put_chars")),
        Request::PutCall(encoding, call) => {
            text::of_call(call, encoding, renderer).flatten().ok_or_else(|| call.function.clone())
        }
        Request::Requests(requests) => {
            let mut reply = Term::Atom(atom!("ok"));
            for request in requests {
                reply = match Request::read(request) {
                    // Nested ones nobody sends, and they could be nested deeply.
                    Request::Requests(_) => error_name(&atom!("request")),
                    _ => request_reply(request, renderer, output),
                };
                if !reply.is_atom("ok") {
                    break;
                }
            }
            return reply;
        }
        Request::Unknown => Err(atom!("request")),
        _ => Err(atom!("enotsup")),
    };
    match text {
        Ok(text) => {
            output.push_str(&text);
            Term::Atom(atom!("ok"))
        }
        Err(reason) => error_name(&reason),
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
            ("{put_chars,unicode,io_lib,format,[\"x~p\",[1]]}", "ok", "x1"),
            ("{put_chars,unicode,io_lib,format,[\"x\",[1]]}", "{error,format}", ""),
            ("{put_chars,unicode,m,f,[]}", "{error,f}", ""),
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
            ("{put_chars,\"latin1\"}", "ok", "latin1"),
        ] {
            let mut output = String::new();
            let got = request_reply(&request.parse().unwrap(), &Renderer::new(), &mut output);
            assert_eq!((got.to_string().as_str(), output.as_str()), (reply, printed), "{request}");
        }
    }
}

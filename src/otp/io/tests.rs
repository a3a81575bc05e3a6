//! The client, with devices that answer as they are told.

use tokio::sync::oneshot;

use super::*;
use crate::atom;
use crate::node::{Node, Process};
use crate::process::Exit;
use crate::term::etf::Encoded;
use crate::term::{Atom, CharEncoding, Pid, Term};

/// Replies to one request after the other, and ends at the next.
async fn device(
    mut process: Process,
    replies: &[&str],
    asked: oneshot::Sender<Vec<String>>,
) -> Result<(), Exit> {
    let mut requests = Vec::new();
    for reply in replies {
        let (tag, from, reply_as, request): (Atom, Pid, Encoded, Term) = process.receive().await.decode()?;
        assert_eq!(tag, "io_request");
        requests.push(request.to_string());
        process.send(from, (atom!("io_reply"), reply_as, reply.parse::<Term>().unwrap())).await?;
    }
    let _ = asked.send(requests);
    process.receive().await;
    Ok(())
}

/// Runs `$ask` in a process whose group leader gives these replies. Gives what that was asked, and what came of it.
macro_rules! with_replies {
    ($replies:expr, $ask:expr) => {{
        let node = Node::nonode();
        let (sender, asked) = oneshot::channel();
        let (result_sender, result) = oneshot::channel();
        let leader = node.spawn(async move |process| device(process, &$replies, sender).await);
        node.spawn(async move |mut process: Process| {
            let own = process.pid().clone();
            process.set_group_leader(&leader, &own).await;
            let ask = async |mut io: Io<'_>| $ask(&mut io).await;
            let _ = result_sender.send(ask(process.io()).await);
            Ok(())
        });
        (asked.await.unwrap(), result.await.unwrap())
    }};
}

#[tokio::test]
async fn requests_are_those_of_otp() {
    let (asked, _) =
        with_replies!(["ok", "ok", "ok", "ok", "eof", "\"x\"", "[]", "ok", "ok"], async |io: &mut Io<'_>| {
            io.print(format!("{}", 1.5)).await.unwrap();
            io.put_chars(CharEncoding::Latin1, "x").await.unwrap();
            io.format("~p~n", [Term::from(1)]).await.unwrap();
            io.write(Term::from(1)).await.unwrap();
            assert_eq!(io.get_line("> ").await.unwrap(), None);
            assert_eq!(io.get_chars("", 3).await.unwrap().as_deref(), Some("x"));
            assert!(io.options().await.unwrap().is_empty());
            io.set_options([Term::from(true)]).await.unwrap();
            assert!(io.requests([Term::NIL]).await.unwrap().is_atom("ok"));
        });
    let expected = [
        "{put_chars,unicode,<<\"1.5\">>}",
        "{put_chars,latin1,<<\"x\">>}",
        "{put_chars,unicode,io_lib,format,[\"~p~n\",[1]]}",
        "{put_chars,unicode,io_lib,write,[1]}",
        "{get_line,unicode,<<\"> \">>}",
        "{get_chars,unicode,<<>>,3}",
        "getopts",
        "{setopts,[true]}",
        "{requests,[[]]}",
    ];
    assert_eq!(asked, expected);
}

#[tokio::test]
async fn a_term_is_read_up_to_its_full_stop() {
    let lines =
        ["\"\\n\"", "\"% a comment\\n\"", "\"{ok,\\n\"", "\"1.5}. % five.\\n\"", "<<\"x y.\">>", "eof"];
    let (_, results) = with_replies!(lines, async |io: &mut Io<'_>| {
        let term = io.read("").await.unwrap();
        let fault = io.read("").await.unwrap_err();
        (term, fault, io.read("").await.unwrap())
    });
    assert_eq!(results.0, Some("{ok, 1.5}".parse().unwrap()));
    assert!(matches!(results.1, IoError::NoTerm(_)), "{}", results.1);
    assert_eq!(results.2, None);
}

#[tokio::test]
async fn what_a_device_refuses_is_an_error() {
    let replies =
        ["{error,enotsup}", "{error,format}", "{error,request}", "maybe", "{error,terminated}", "error"];
    let (_, errors) = with_replies!(replies, async |io: &mut Io<'_>| {
        let mut errors = Vec::new();
        for _ in 0..5 {
            errors.push(io.print("x").await.unwrap_err().reason().to_string());
        }
        errors.push(io.columns().await.unwrap_err().reason().to_string());
        errors
    });
    assert_eq!(errors, ["enotsup", "format", "request", "request", "terminated", "enotsup"]);
}

#[tokio::test]
async fn a_device_that_ends_is_terminated() {
    let (_, errors) = with_replies!([], async |io: &mut Io<'_>| {
        // It is there for the first and gone for the second.
        [io.print("x").await.unwrap_err(), io.get_line("").await.unwrap_err()]
    });
    assert!(errors.iter().all(|error| matches!(error, IoError::Terminated)), "{errors:?}");
    let (_, error) = with_replies!([], async |io: &mut Io<'_>| io.print("x").await);
    assert!(matches!(error, Err(IoError::Terminated)));
}

#[tokio::test]
async fn a_request_that_nobody_waits_for_any_more_leaves_nothing() {
    let node = Node::nonode();
    let (sender, left) = oneshot::channel();
    node.spawn(async move |mut process: Process| {
        let silent = process.spawn(async |mut process| {
            loop {
                process.receive().await;
            }
        });
        let limit = std::time::Duration::from_millis(1);
        let mut io = process.io_at(silent.clone());
        let given_up = tokio::time::timeout(limit, io.get_line("")).await.is_err();

        let nothing = process.receive_timeout(std::time::Duration::ZERO).await.is_none();
        let _ = sender.send(given_up && nothing);
        Ok(())
    });
    assert!(left.await.unwrap());
}

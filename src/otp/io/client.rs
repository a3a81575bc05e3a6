//! Printing at a device and reading from it.

use std::future::poll_fn;

use crate::atom;
use crate::node::{Dest, Process, SendError};
use crate::process::{Message, Recipient};
use crate::term::etf::Encoded;
use crate::term::parse::parse;
use crate::term::{Atom, CharEncoding, Pid, Reference, Term};

use super::IoError;

/// A device that a process prints at and reads from: its group leader, or another.
///
/// Every request waits until the device has answered it, which a reading one does when there is something to read;
/// where that is too long, put [`tokio::time::timeout`] around it. A request that is dropped before its reply came may
/// be served all the same, and its reply comes as a message `{io_reply, Reference, Reply}`, as in Erlang.
///
/// ```
/// use erlnode::node::{Caller, Node};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let node = Node::nonode();
/// // Called from a shell as rpc:call(Node, rust, greet, []), it asks there and prints there.
/// node.export("rust", "greet", async |mut caller: Caller, (): ()| {
///     let name = caller.io().get_line("Your name? ").await?.unwrap_or_default();
///     caller.io().print_line(format!("Hello, {}!", name.trim_end())).await?;
///     Ok(())
/// });
/// # }
/// ```
#[derive(Debug)]
pub struct Io<'a> {
    process: &'a mut Process,
    device: Dest,
}

impl Process {
    /// Input and output by way of this process's group leader, as functions of OTP's module `io` do it.
    ///
    /// A function that was called from another node has the caller's group leader, so it prints where the caller would.
    pub fn io(&mut self) -> Io<'_> {
        let device = self.group_leader().into();
        Io { process: self, device }
    }

    /// Input and output by way of any device: a pid, or the name of a registered process, such as `("user", node)`.
    pub fn io_at(&mut self, device: impl Into<Dest>) -> Io<'_> {
        Io { process: self, device: device.into() }
    }
}

/// Printing.
impl Io<'_> {
    /// Prints `text`, which may be what `format!` makes.
    ///
    /// # Errors
    /// [`IoError`].
    ///
    /// Does what `io:put_chars/1` does.
    pub async fn print(&mut self, text: impl AsRef<str>) -> Result<(), IoError> {
        let text = Term::from(text.as_ref());
        self.ok(Term::tuple([name(atom!("put_chars")), name(atom!("unicode")), text])).await
    }

    /// Prints `text` and a line break.
    ///
    /// # Errors
    /// [`IoError`].
    pub async fn print_line(&mut self, text: impl AsRef<str>) -> Result<(), IoError> {
        self.print(format!("{}\n", text.as_ref())).await
    }

    /// Prints characters, binaries and lists of them, whose bytes and numbers mean what `encoding` says.
    ///
    /// # Errors
    /// [`IoError`]; `Refused(put_chars)` if they are no such text.
    ///
    /// Does what `io:put_chars/1` and `file:write/2` do.
    pub async fn put_chars(&mut self, encoding: CharEncoding, chars: impl Into<Term>) -> Result<(), IoError> {
        self.ok(Term::tuple([name(atom!("put_chars")), encoding_name(encoding), chars.into()])).await
    }

    /// Prints `arguments` as the control sequences of `format` say, `~p` and the like. The device renders them.
    ///
    /// # Errors
    /// [`IoError`]; `Refused(format)` if the arguments do not fit.
    ///
    /// Does what `io:format/2` does.
    pub async fn format(
        &mut self,
        format: &str,
        arguments: impl IntoIterator<Item = Term>,
    ) -> Result<(), IoError> {
        let arguments = Term::list([Term::charlist(format), Term::list(arguments)]);
        let [module, function] = [name(atom!("io_lib")), name(atom!("format"))];
        let unicode = name(atom!("unicode"));
        self.ok(Term::tuple([name(atom!("put_chars")), unicode, module, function, arguments])).await
    }

    /// Prints `term` on one line, lists always as lists. The device renders it.
    ///
    /// # Errors
    /// [`IoError`].
    ///
    /// Does what `io:write/1` does.
    pub async fn write(&mut self, term: impl Into<Term>) -> Result<(), IoError> {
        let arguments = Term::list([term.into()]);
        let [module, function] = [name(atom!("io_lib")), name(atom!("write"))];
        let unicode = name(atom!("unicode"));
        self.ok(Term::tuple([name(atom!("put_chars")), unicode, module, function, arguments])).await
    }
}

/// Reading.
impl Io<'_> {
    /// Reads a line with the line break at its end, after `prompt` was printed; `None` at the end of the input.
    ///
    /// # Errors
    /// [`IoError`].
    ///
    /// Does what `io:get_line/1` does.
    pub async fn get_line(&mut self, prompt: &str) -> Result<Option<String>, IoError> {
        let request = [name(atom!("get_line")), name(atom!("unicode")), Term::from(prompt)];
        text_or_eof(self.request(Term::tuple(request)).await?)
    }

    /// Reads `count` characters, or less at the end of the input; `None` at its very end.
    ///
    /// # Errors
    /// [`IoError`].
    ///
    /// Does what `io:get_chars/2` does.
    pub async fn get_chars(&mut self, prompt: &str, count: usize) -> Result<Option<String>, IoError> {
        let (prompt, count) = (Term::from(prompt), Term::from(count));
        let request = [name(atom!("get_chars")), name(atom!("unicode")), prompt, count];
        text_or_eof(self.request(Term::tuple(request)).await?)
    }

    /// Reads a term, up to the line that ends with its full stop; `None` at the end of the input. Blank lines and
    /// comments before the term are passed over.
    ///
    /// The text is read line by line, and [parsed](crate::term::parse) here: what that can read can be input.
    ///
    /// # Errors
    /// [`IoError::NoTerm`] if what comes up to a full stop, or up to the end of the input, is no term.
    ///
    /// Does what `io:read/1` does.
    pub async fn read(&mut self, prompt: &str) -> Result<Option<Term>, IoError> {
        let mut text = String::new();
        while let Some(line) = self.get_line(prompt).await? {
            if text.is_empty() && is_blank(&line) {
                continue;
            }
            text.push_str(&line);
            if has_full_stop(&text) {
                return Ok(Some(parse(&text)?));
            }
        }
        if text.is_empty() { Ok(None) } else { Ok(Some(parse(&text)?)) }
    }

    /// Reads a line that is not shown.
    ///
    /// # Errors
    /// [`IoError`]; [`NotSupported`](IoError::NotSupported) where there is no terminal.
    ///
    /// Does what `io:get_password/0` does.
    pub async fn get_password(&mut self) -> Result<Option<String>, IoError> {
        let request = Term::tuple([name(atom!("get_password")), name(atom!("unicode"))]);
        text_or_eof(self.request(request).await?)
    }
}

/// The device itself.
impl Io<'_> {
    /// How many columns a line has.
    ///
    /// # Errors
    /// [`IoError::NotSupported`] where there is no terminal.
    ///
    /// Does what `io:columns/0` does.
    pub async fn columns(&mut self) -> Result<usize, IoError> {
        self.geometry(atom!("columns")).await
    }

    /// How many rows a page has.
    ///
    /// # Errors
    /// [`IoError::NotSupported`] where there is no terminal.
    ///
    /// Does what `io:rows/0` does.
    pub async fn rows(&mut self) -> Result<usize, IoError> {
        self.geometry(atom!("rows")).await
    }

    async fn geometry(&mut self, what: Atom) -> Result<usize, IoError> {
        // A BEAM without a terminal says `error`, a file says `{error, _}`; io:columns/0 makes enotsup of all.
        match self.request(Term::tuple([name(atom!("get_geometry")), name(what)])).await {
            Ok(Term::Integer(size)) => usize::try_from(&size).map_err(|_| IoError::NotSupported),
            Ok(_) | Err(IoError::Refused(_)) => Err(IoError::NotSupported),
            Err(error) => Err(error),
        }
    }

    /// The device's options: a list of `{Name, Value}`, such as `{encoding, unicode}`.
    ///
    /// # Errors
    /// [`IoError`].
    ///
    /// Does what `io:getopts/0` does.
    pub async fn options(&mut self) -> Result<Vec<Term>, IoError> {
        match self.request(name(atom!("getopts"))).await? {
            Term::List(options) => Ok(options.into_vec()),
            other => Err(IoError::UnexpectedReply(other)),
        }
    }

    /// Sets some of the device's options: `{encoding, latin1}`, `{binary, true}`, `{echo, false}`. Of text that is read
    /// as lists or binaries this library makes the same.
    ///
    /// # Errors
    /// [`IoError::NotSupported`] if it has not all of them.
    ///
    /// Does what `io:setopts/1` does.
    pub async fn set_options(&mut self, options: impl IntoIterator<Item = Term>) -> Result<(), IoError> {
        self.ok(Term::tuple([name(atom!("setopts")), Term::list(options)])).await
    }

    /// Has several requests served without anything between them, and gives the reply of the last, or that of the first
    /// that fails.
    ///
    /// # Errors
    /// [`IoError`] of the first that fails. A device of OTP 29 ends when one of them is unknown to it.
    ///
    /// Does what `io:requests/1` does.
    pub async fn requests(&mut self, requests: impl IntoIterator<Item = Term>) -> Result<Term, IoError> {
        self.request(Term::tuple([name(atom!("requests")), Term::list(requests)])).await
    }

    /// Any other request of the protocol, and its reply, of which `{error, Reason}` is an error.
    ///
    /// # Errors
    /// [`IoError`].
    pub async fn request(&mut self, request: Term) -> Result<Term, IoError> {
        let reply = Exchange::new(self.process).run(self.device.clone(), request).await?;
        match reply.as_tuple() {
            Some([error, reason]) if error.is_atom("error") => Err(IoError::refused(reason.clone())),
            _ => Ok(reply),
        }
    }

    async fn ok(&mut self, request: Term) -> Result<(), IoError> {
        match self.request(request).await? {
            reply if reply.is_atom("ok") => Ok(()),
            reply => Err(IoError::UnexpectedReply(reply)),
        }
    }
}

/// A request under way. When dropped, nobody waits for the device any more.
struct Exchange<'a> {
    process: &'a mut Process,
    /// Of the monitor; the reply carries it too.
    reference: Reference,
    from: usize,
    done: bool,
}

impl<'a> Exchange<'a> {
    fn new(process: &'a mut Process) -> Exchange<'a> {
        let from = process.mailbox_end();
        let reference = process.new_monitor(false);
        Exchange { process, reference, from, done: false }
    }

    async fn run(&mut self, device: Dest, request: Term) -> Result<Term, IoError> {
        let device = self.recipient(device)?;
        self.process.monitor_by(&self.reference, device.clone(), None, None).await;
        let message: (Atom, Pid, Reference, Term) =
            (atom!("io_request"), self.process.pid().clone(), self.reference.clone(), request);
        match self.process.send(Dest::from(device), message).await {
            // The monitor says that it is not there.
            Ok(()) | Err(SendError::NoConnection(_) | SendError::ConnectionLost(_)) => {}
            Err(SendError::NotRegistered(_)) => return Err(IoError::Terminated),
            Err(error) => return Err(error.into()),
        }
        let (process, reference, from) = (&mut *self.process, &self.reference, &mut self.from);
        let message = poll_fn(|context| {
            process.poll_match(context, from, |message| {
                message.is_down(reference) || is_reply(message, reference)
            })
        })
        .await;
        self.done = true;
        if message.is_down(&self.reference) {
            return Err(IoError::Terminated);
        }
        let (_, _, reply) = message
            .decode::<(Atom, Reference, Term)>()
            .map_err(|error| IoError::UnexpectedReply(error.message.to_term().unwrap_or_default()))?;
        Ok(reply)
    }

    /// Who is asked. A name of this node is looked up once, so that the monitor and the request reach the same process.
    fn recipient(&self, device: Dest) -> Result<Recipient, IoError> {
        let here = self.process.node().name().as_atom();
        let pid = match device {
            Dest::NameNode(name, node) if node != *here => return Ok(Recipient::Name { name, node }),
            Dest::Pid(pid) => pid,
            Dest::Name(name) | Dest::NameNode(name, _) => {
                self.process.node().whereis(name.as_str()).ok_or(IoError::Terminated)?
            }
            Dest::Global(name) => self.process.node().whereis_global(&name).ok_or(IoError::Terminated)?,
            // An alias can't be monitored, so nobody could tell that it has ended.
            Dest::Alias(_) => return Err(IoError::NotSupported),
        };
        // It would wait for itself.
        if pid == *self.process.pid() { Err(IoError::NotSupported) } else { Ok(Recipient::Pid(pid)) }
    }
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        let reference = &self.reference;
        self.process.demonitor(reference, true);
        if !self.done {
            self.process.discard(&mut self.from, |message| is_reply(message, reference));
        }
    }
}

/// Whether it is `{io_reply, Reference, _}`.
fn is_reply(message: &Message, reference: &Reference) -> bool {
    if !message.tag_and_arity().is_some_and(|(tag, arity)| arity == 3 && tag == "io_reply") {
        return false;
    }
    let of = |encoded: Encoded| {
        let mut reader = encoded.reader();
        reader.tuple_header().ok()?;
        reader.skip().ok()?;
        reader.reference().ok()
    };
    message.to_encoded().ok().and_then(of).is_some_and(|of| of == *reference)
}

/// A list of characters or a binary, as the device is set; or `eof`.
fn text_or_eof(reply: Term) -> Result<Option<String>, IoError> {
    if reply.is_atom("eof") {
        return Ok(None);
    }
    let text = reply.chardata(CharEncoding::Unicode).or_else(|| reply.chardata(CharEncoding::Latin1));
    text.map(Some).ok_or(IoError::UnexpectedReply(reply))
}

/// Whether a line has nothing but blanks and a comment.
fn is_blank(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('%')
}

/// Whether the text ends with a full stop, blanks and a comment behind it left out.
fn has_full_stop(text: &str) -> bool {
    let line = text.trim_end().lines().next_back().unwrap_or_default();
    let code = line.rfind('%').and_then(|at| line.get(..at)).map(str::trim_end);
    line.ends_with('.') || code.is_some_and(|code| code.ends_with('.'))
}

fn name(atom: Atom) -> Term {
    Term::Atom(atom)
}

fn encoding_name(encoding: CharEncoding) -> Term {
    name(match encoding {
        CharEncoding::Latin1 => atom!("latin1"),
        CharEncoding::Unicode => atom!("unicode"),
    })
}

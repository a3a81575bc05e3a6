//! A process that does input and output for others: a group leader.
//!
//! | request | reply |
//! | ------- | ----- |
//! | `put_chars` of characters | `ok`, or `{error, {put_chars, Encoding, Chars}}` if they are none |
//! | `put_chars` of `io_lib:format/2`, `fwrite/2`, `write/1,2`, `print/1,4`, `nl/0` | `ok`, or `{error, Function}` if it fails, as for any other function |
//! | `get_line`, `get_chars` | characters, a binary if that was set, or `eof`; `{error, {no_translation, unicode, latin1}}` |
//! | `get_until` of `erl_scan:tokens` | the tokens of a term, `{eof, Location}` or `{error, _, Location}`; nothing but terms |
//! | `get_until` of any other function | `{error, Function}` |
//! | `get_geometry` | the number that the program has set, else `{error, enotsup}` |
//! | `getopts` | `[{binary, Boolean}, {encoding, unicode \| latin1}]` |
//! | `setopts` | `ok` for these two, and the options `binary` and `list`; else `{error, enotsup}` |
//! | `get_password` | `{error, enotsup}`: there is no terminal |
//! | `requests` | that of the last one, or of the first that is an error |
//! | anything else | `{error, request}` |
//!
//! While somebody waits for input, others can print; who else wants input waits behind.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::reader::{Reader, Reading, Wanted};
use super::request::{Call, Request};
use super::source::{Input, Output, Standard};
use super::text;
use super::user::Successor;
use crate::atom;
use crate::node::{Node, Process};
use crate::process::{Exit, Message};
use crate::term::etf::Encoded;
use crate::term::io_lib::Renderer;
use crate::term::{Atom, CharEncoding, Pid, Term};

/// What a group leader prints at and reads from, before it is [started](GroupLeader::start).
///
/// ```
/// use erlnode::node::{Node, Process};
/// use erlnode::otp::io::GroupLeader;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let node = Node::nonode();
/// let (leader, printed) = GroupLeader::capture();
/// let leader = leader.input_text("Ann\n").start(&node);
///
/// let done = node.spawn(async move |mut process: Process| {
///     let name = process.io_at(&leader).get_line("name? ").await?.unwrap_or_default();
///     process.io_at(&leader).print(format!("Hello {name}")).await?;
///     Ok(())
/// });
/// # while node.is_process_alive(&done) { tokio::task::yield_now().await }
/// assert_eq!(printed.text(), "name? Hello Ann\n");
/// # }
/// ```
#[derive(Debug)]
pub struct GroupLeader {
    output: Output,
    input: Input,
    geometry: Option<(u32, u32)>,
    local: Option<Atom>,
    functions_of_caller: bool,
}

/// What a group leader has printed.
#[derive(Clone, Default)]
pub struct Captured(Arc<Mutex<String>>);

impl Captured {
    /// All of it, since the start or since it was taken.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.lock().clone()
    }

    /// All of it; from now on it is only what is printed later.
    #[must_use]
    pub fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock())
    }
}

impl fmt::Debug for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().fmt(f)
    }
}

impl GroupLeader {
    fn new(output: Output) -> GroupLeader {
        GroupLeader { output, input: Input::Nothing, geometry: None, local: None, functions_of_caller: false }
    }

    /// Prints on the program's standard output. There is nothing to read, unless that is set.
    #[must_use]
    pub fn stdout() -> GroupLeader {
        GroupLeader::new(Output::Standard(Standard::Output))
    }

    /// Prints on the program's standard error.
    #[must_use]
    pub fn stderr() -> GroupLeader {
        GroupLeader::new(Output::Standard(Standard::Error))
    }

    /// Gives each piece of text to `callback`, which is not to block.
    #[must_use]
    pub fn callback(callback: impl FnMut(&str) + Send + 'static) -> GroupLeader {
        GroupLeader::new(Output::Callback(Box::new(callback)))
    }

    /// Sends each piece of text to a channel; who prints waits while that is full.
    #[must_use]
    pub fn channel(channel: mpsc::Sender<String>) -> GroupLeader {
        GroupLeader::new(Output::Channel(channel))
    }

    /// Keeps the text for the program to look at.
    #[must_use]
    pub fn capture() -> (GroupLeader, Captured) {
        let captured = Captured::default();
        let text = captured.clone();
        (GroupLeader::callback(move |printed| text.0.lock().push_str(printed)), captured)
    }

    /// Reads from the program's standard input, a line when somebody wants one.
    #[must_use]
    pub fn input_stdin(self) -> GroupLeader {
        GroupLeader { input: Input::Standard(None, None), ..self }
    }

    /// Reads this text, and then there is no more.
    #[must_use]
    pub fn input_text(self, text: impl Into<String>) -> GroupLeader {
        GroupLeader { input: Input::Text(text.into()), ..self }
    }

    /// Reads what comes from a channel, in pieces of any size, until it is closed.
    #[must_use]
    pub fn input_channel(self, channel: mpsc::Receiver<String>) -> GroupLeader {
        GroupLeader { input: Input::Channel(channel), ..self }
    }

    /// Says how many columns and rows there are, to those who ask: `io:columns/0`, `io:rows/0`.
    #[must_use]
    pub fn geometry(self, columns: u32, rows: u32) -> GroupLeader {
        GroupLeader { geometry: Some((columns, rows)), ..self }
    }

    /// Shows the pids of `node` as that node does, `<0.12.0>`, in place of those of the node it runs on.
    #[must_use]
    pub fn local_node(self, node: Atom) -> GroupLeader {
        GroupLeader { local: Some(node), ..self }
    }

    /// Calls the functions that make text, and are not known here, on the node that asks for it.
    ///
    /// BEAM nodes send nothing but `io_lib:format` and `io_lib:write`, unless programs make their own requests. Nobody can
    /// print while such a function runs.
    #[must_use]
    pub fn functions_of_caller(self) -> GroupLeader {
        GroupLeader { functions_of_caller: true, ..self }
    }

    /// Starts the process. It goes on until it gets an exit signal.
    pub fn start(self, node: &Node) -> Pid {
        node.spawn(|process| self.run(process))
    }

    /// What the process does, for those who start it in another way: by a supervisor, or under a name.
    ///
    /// # Errors
    /// It has no end of its own.
    ///
    /// # Cancel safety
    /// When dropped, those whose requests are under way see that the device has ended.
    pub async fn run(self, process: Process) -> Result<(), Exit> {
        self.serve(process, None).await
    }

    pub(super) async fn serve(
        self,
        mut process: Process,
        successor: Option<Arc<Successor>>,
    ) -> Result<(), Exit> {
        let (mut device, mut reader) = self.open(process.node());
        // The first of them reads.
        let mut waiting: VecDeque<Job> = VecDeque::new();
        loop {
            tokio::select! {
                biased;
                message = process.receive() => {
                    let Some(mut job) = Job::of(message) else {
                        if let Some(leader) = successor.as_ref().and_then(|next| next.0.lock().take()) {
                            (device, reader) = leader.open(process.node());
                        }
                        continue;
                    };
                    let reader = waiting.is_empty().then_some(&mut reader);
                    match device.advance(&mut job, reader, false).await {
                        Some(reply) => job.reply(&process, reply).await,
                        None => waiting.push_back(job),
                    }
                }
                more = reader.more(), if !waiting.is_empty() => {
                    let mut at_end = !more;
                    while let Some(job) = waiting.front_mut() {
                        let Some(reply) = device.advance(job, Some(&mut reader), at_end).await else { break };
                        at_end = false;
                        job.reply(&process, reply).await;
                        waiting.pop_front();
                    }
                }
            }
        }
    }
}

impl GroupLeader {
    fn open(self, node: &Node) -> (Device, Reader) {
        let local = self.local.unwrap_or_else(|| node.name().as_atom().clone());
        let device = Device {
            output: self.output,
            geometry: self.geometry,
            functions_of_caller: self.functions_of_caller,
            renderer: Renderer::new().local_node(local),
            node: node.clone(),
            binary: false,
            encoding: CharEncoding::Unicode,
        };
        (device, Reader::new(self.input))
    }
}

/// Requests of one process that are served one after the other.
struct Job {
    from: Pid,
    reply_as: Encoded,
    /// The next one last.
    requests: Vec<Term>,
    /// What the next one waits for, once it has asked.
    reading: Option<Reading>,
}

impl Job {
    fn of(message: Message) -> Option<Job> {
        let is_request = |(tag, arity): (Atom, usize)| tag == "io_request" && arity == 4;
        if !message.tag_and_arity().is_some_and(is_request) {
            tracing::debug!("a group leader got an unknown message");
            return None;
        }
        let (_, from, reply_as, request) = message.decode::<(Atom, Pid, Encoded, Term)>().ok()?;
        Some(Job { from, reply_as, requests: vec![request], reading: None })
    }

    async fn reply(&self, process: &Process, reply: Term) {
        // It may be gone by now.
        let reply = (atom!("io_reply"), self.reply_as.clone(), reply);
        let _ = process.send(&self.from, reply).await;
    }
}

/// The device itself, without what is read.
struct Device {
    output: Output,
    geometry: Option<(u32, u32)>,
    functions_of_caller: bool,
    renderer: Renderer,
    node: Node,
    binary: bool,
    encoding: CharEncoding,
}

impl Device {
    /// Serves what can be served of `job`; gives the reply if that is all. Without a `reader` another job reads.
    async fn advance(
        &mut self,
        job: &mut Job,
        mut reader: Option<&mut Reader>,
        at_end: bool,
    ) -> Option<Term> {
        let mut reply = text::error(atom!("request"));
        while let Some(request) = job.requests.last().cloned() {
            reply = match Request::read(&request) {
                Request::GetLine(encoding, prompt) => {
                    self.read(job, reader.as_deref_mut(), at_end, (encoding, prompt, Wanted::Line)).await?
                }
                Request::GetChars(encoding, prompt, count) => {
                    self.read(
                        job,
                        reader.as_deref_mut(),
                        at_end,
                        (encoding, prompt, Wanted::Characters(count)),
                    )
                    .await?
                }
                Request::GetUntil(encoding, prompt, call) => match Wanted::of(call) {
                    Some(wanted) => {
                        self.read(job, reader.as_deref_mut(), at_end, (encoding, prompt, wanted)).await?
                    }
                    None => text::error_name(call.function),
                },
                Request::Requests(requests) => {
                    job.requests.pop();
                    // Those that are within others nobody sends, and they could be nested deeply.
                    let is_nested = |request: &Term| matches!(Request::read(request), Request::Requests(_));
                    if requests.iter().any(is_nested) {
                        return Some(text::error(atom!("request")));
                    }
                    reply = Term::Atom(atom!("ok"));
                    job.requests.extend(requests.iter().rev().cloned());
                    continue;
                }
                request => self.serve(request, &job.from).await,
            };
            job.requests.pop();
            if is_error(&reply) {
                return Some(reply);
            }
        }
        Some(reply)
    }

    /// Reads what is wanted; `None` if it is not there yet.
    async fn read(
        &mut self,
        job: &mut Job,
        reader: Option<&mut Reader>,
        at_end: bool,
        (encoding, prompt, wanted): (CharEncoding, &Term, Wanted),
    ) -> Option<Term> {
        let reader = reader?;
        let first = job.reading.is_none();
        if first {
            let prompt = text::of_prompt(prompt, encoding, &self.renderer);
            self.print(prompt).await;
        }
        let reading = job.reading.get_or_insert_with(|| Reading::new(wanted));
        // What came to its end before this one asked is not its own end.
        let reply =
            reader.read(reading, at_end && !first, |text| text::reply(text, encoding, self.binary))?;
        job.reading = None;
        Some(reply)
    }

    /// Serves a request for which nothing has to be read.
    async fn serve(&mut self, request: Request<'_>, from: &Pid) -> Term {
        match request {
            Request::PutChars(encoding, chars) => match chars.chardata(encoding) {
                Some(text) => self.print(text).await,
                None => {
                    let name =
                        if encoding == CharEncoding::Latin1 { atom!("latin1") } else { atom!("unicode") };
                    let request = [Term::Atom(atom!("put_chars")), Term::Atom(name), chars.clone()];
                    return text::error(Term::tuple(request));
                }
            },
            Request::PutCall(encoding, call) => match self.text_of(call, encoding, from).await {
                Some(text) => self.print(text).await,
                None => return text::error_name(call.function),
            },
            Request::GetGeometry(what) => {
                return match (what.as_str(), self.geometry) {
                    ("columns", Some((columns, _))) => Term::from(columns),
                    ("rows", Some((_, rows))) => Term::from(rows),
                    _ => text::error(atom!("enotsup")),
                };
            }
            Request::GetOpts => {
                let encoding = match self.encoding {
                    CharEncoding::Latin1 => atom!("latin1"),
                    CharEncoding::Unicode => atom!("unicode"),
                };
                let option = |name, value| Term::tuple([Term::Atom(name), value]);
                let binary = Term::from(self.binary);
                return Term::list([
                    option(atom!("binary"), binary),
                    option(atom!("encoding"), Term::Atom(encoding)),
                ]);
            }
            Request::SetOpts(options) => {
                return if self.set(options) {
                    Term::Atom(atom!("ok"))
                } else {
                    text::error(atom!("enotsup"))
                };
            }
            Request::GetPassword => return text::error(atom!("enotsup")),
            _ => return text::error(atom!("request")),
        }
        Term::Atom(atom!("ok"))
    }

    async fn text_of(&mut self, call: Call<'_>, encoding: CharEncoding, from: &Pid) -> Option<String> {
        if let Some(text) = text::of_call(call, encoding, &self.renderer) {
            return text;
        }
        if !self.functions_of_caller {
            return None;
        }
        let Call { module, function, arguments } = call;
        let erpc = self.node.erpc(from.node.as_str());
        let chars =
            erpc.call::<_, Term>(module.as_str(), function.as_str(), arguments.to_vec()).await.ok()?;
        chars.chardata(encoding)
    }

    /// Sets options, all or none.
    fn set(&mut self, options: &[Term]) -> bool {
        let (mut binary, mut encoding) = (self.binary, self.encoding);
        for option in options {
            match (option.as_atom().map(Atom::as_str), option.as_tuple()) {
                (Some("binary"), _) => binary = true,
                (Some("list"), _) => binary = false,
                (_, Some([name, value])) if name.is_atom("binary") => match value.as_atom().map(Atom::as_str)
                {
                    Some("true") => binary = true,
                    Some("false") => binary = false,
                    _ => return false,
                },
                (_, Some([name, value])) if name.is_atom("encoding") => {
                    match value.as_atom().map(Atom::as_str) {
                        Some("latin1") => encoding = CharEncoding::Latin1,
                        Some("unicode" | "utf8") => encoding = CharEncoding::Unicode,
                        _ => return false,
                    }
                }
                _ => return false,
            }
        }
        (self.binary, self.encoding) = (binary, encoding);
        true
    }

    /// Prints; what a device for Latin-1 has no character for is shown by its number.
    async fn print(&mut self, text: String) {
        if text.is_empty() {
            return;
        }
        let text = match self.encoding {
            CharEncoding::Latin1 if !text::is_latin1(&text) => text
                .chars()
                .map(|c| if c <= '\u{ff}' { c.to_string() } else { format!("\\x{{{:X}}}", u32::from(c)) })
                .collect(),
            _ => text,
        };
        self.output.print(text).await;
    }
}

fn is_error(reply: &Term) -> bool {
    matches!(reply.as_tuple(), Some([error, ..]) if error.is_atom("error"))
}

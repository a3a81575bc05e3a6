//! Evaluating expressions inside a node, over a socket of the test's own.
//!
//! No distribution is involved, so it works on a node that is cut off, and says nothing to the cluster. What runs in
//! the node is `eval_server.erl`; it connects to us, and ends the node when the connection does.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::wait::PATIENCE;

/// Erlang expressions for `erl -eval` that connect to the port in the environment variable `EVAL_PORT`.
pub(crate) const SERVER: &str = include_str!("eval_server.erl");

/// The environment variable that tells the node where to connect.
pub(crate) const PORT_VARIABLE: &str = "EVAL_PORT";

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EvalError {
    /// It raised: `error:badarith`, or an Elixir message.
    Raised(String),
    /// The process that evaluated it exited with this reason.
    Exited(String),
    /// No answer in this time; it goes on in the node.
    Timeout(Duration),
    /// The node has ended.
    NodeGone,
}

impl std::error::Error for EvalError {}

impl std::fmt::Display for EvalError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            EvalError::Raised(what) => write!(f, "raised {what}"),
            EvalError::Exited(reason) => write!(f, "the process exited: {reason}"),
            EvalError::Timeout(limit) => write!(f, "no answer within {limit:?}"),
            EvalError::NodeGone => f.write_str("the node has ended"),
        }
    }
}

/// The language of an expression.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Language {
    Erlang,
    Elixir,
}

type Outcome = Result<String, EvalError>;
type Pending = Arc<Mutex<Option<HashMap<u64, oneshot::Sender<Outcome>>>>>;

/// The connection to a node's eval server.
#[derive(Debug)]
pub(crate) struct Channel {
    stream: Mutex<TcpStream>,
    next_id: AtomicU64,
    next_shell: AtomicU64,
    // `None` once the node is gone.
    pending: Pending,
}

impl Channel {
    /// Waits for the node to connect, and gives its name, too. `still_runs` is asked again and again; `None` when it
    /// says no or `limit` is over.
    pub(crate) async fn accept(
        listener: &TcpListener,
        limit: Duration,
        still_runs: impl Fn() -> bool,
    ) -> Option<(Channel, String)> {
        listener.set_nonblocking(true).ok()?;
        let connected = timeout(limit, async {
            loop {
                if let Ok((stream, _)) = listener.accept() {
                    return Some(stream);
                }
                if !still_runs() {
                    return None;
                }
                sleep(Duration::from_millis(5)).await;
            }
        });
        let mut stream = connected.await.ok()??;
        stream.set_nonblocking(false).ok()?;
        stream.set_nodelay(true).ok()?;
        // The name is sent right after connecting.
        let (_, outcome) = read_answer(&mut stream).ok()?;
        let pending = Pending::new(Mutex::new(Some(HashMap::new())));
        let channel = Channel {
            stream: Mutex::new(stream.try_clone().ok()?),
            next_id: AtomicU64::new(1),
            next_shell: AtomicU64::new(1),
            pending: Arc::clone(&pending),
        };
        thread::spawn(move || read_answers(stream, &pending));
        Some((channel, outcome.ok()?))
    }

    /// A listener for a node to connect to, and its port.
    pub(crate) fn listen() -> (TcpListener, u16) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port on loopback");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        (listener, port)
    }

    /// Has `source` evaluated, in the process of `shell` or, if that is 0, in one of its own.
    pub(crate) fn request(&self, language: Language, shell: u64, source: &str) -> PendingEval {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        if let Some(pending) = locked(&self.pending).as_mut() {
            pending.insert(id, sender);
        }
        let mut body = Vec::new();
        body.extend_from_slice(&id.to_be_bytes());
        body.extend_from_slice(&shell.to_be_bytes());
        body.push(match language {
            Language::Erlang => b'e',
            Language::Elixir => b'x',
        });
        body.extend_from_slice(source.trim_end().as_bytes());
        if matches!(language, Language::Erlang) && !source.trim_end().ends_with('.') {
            body.extend_from_slice(b" .");
        }
        let mut frame = u32::try_from(body.len()).expect("sources are small").to_be_bytes().to_vec();
        frame.extend_from_slice(&body);
        // A broken connection shows in the reading thread, which then lets go of all that wait.
        let _ = locked(&self.stream).write_all(&frame);
        PendingEval { receiver }
    }

    pub(crate) fn new_shell(&self) -> u64 {
        self.next_shell.fetch_add(1, Ordering::Relaxed)
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        let _ = locked(&self.stream).shutdown(Shutdown::Both);
    }
}

fn read_answers(mut stream: TcpStream, pending: &Pending) {
    while let Ok((id, outcome)) = read_answer(&mut stream) {
        let waiting = locked(pending).as_mut().and_then(|waiting| waiting.remove(&id));
        if let Some(waiting) = waiting {
            // Nobody waits any more for one that was dropped.
            let _ = waiting.send(outcome);
        }
    }
    // Dropping the senders tells the ones that wait.
    *locked(pending) = None;
}

fn read_answer(stream: &mut TcpStream) -> io::Result<(u64, Outcome)> {
    let mut head = [0; 13];
    stream.read_exact(&mut head)?;
    let [l0, l1, l2, l3, id @ .., outcome] = head;
    let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
    let mut text = vec![0; length.saturating_sub(9)];
    stream.read_exact(&mut text)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let outcome = match outcome {
        b'o' => Ok(text),
        b'r' => Err(EvalError::Raised(text)),
        _ => Err(EvalError::Exited(text)),
    };
    Ok((u64::from_be_bytes(id), outcome))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An expression under way in a node. It runs whether or not this is awaited.
#[derive(Debug)]
pub struct PendingEval {
    receiver: oneshot::Receiver<Outcome>,
}

impl PendingEval {
    /// Waits for the value, as the node prints it, for as long as [`PATIENCE`].
    ///
    /// # Errors
    /// See [`EvalError`].
    pub async fn result(self) -> Result<String, EvalError> {
        self.result_within(PATIENCE).await
    }

    /// The same with another limit.
    ///
    /// # Errors
    /// See [`EvalError`].
    pub async fn result_within(self, limit: Duration) -> Result<String, EvalError> {
        match timeout(limit, self.receiver).await {
            Err(_) => Err(EvalError::Timeout(limit)),
            Ok(Err(_)) => Err(EvalError::NodeGone),
            Ok(Ok(outcome)) => outcome,
        }
    }

    /// Whether the answer is there.
    #[must_use]
    pub fn is_done(&self) -> bool {
        !self.receiver.is_empty()
    }
}

/// A process in a node that evaluates one expression after the other and keeps variables, mailbox, links and
/// monitors in between, as the process of an interactive shell does.
#[derive(Debug)]
pub struct Shell<'a> {
    channel: &'a Channel,
    language: Language,
    number: u64,
}

impl<'a> Shell<'a> {
    pub(crate) fn new(channel: &'a Channel, language: Language) -> Shell<'a> {
        Shell { channel, language, number: channel.new_shell() }
    }

    /// Evaluates `source` after what was asked for earlier.
    ///
    /// # Errors
    /// See [`EvalError`]. After [`EvalError::Exited`] the next expression runs in a new process without variables.
    pub async fn eval(&self, source: &str) -> Result<String, EvalError> {
        self.eval_async(source).result().await
    }

    /// Starts evaluating `source`; the result can be waited for later.
    #[must_use]
    pub fn eval_async(&self, source: &str) -> PendingEval {
        self.channel.request(self.language, self.number, source)
    }

    /// Evaluates `source`, which is to print as `expected`.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    pub fn expect(&self, source: &str, expected: &str) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let result = self.eval(source).await;
            assert_eq!(result.as_deref(), Ok(expected), "{caller}: {source}");
        }
    }
}

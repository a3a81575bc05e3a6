//! Where a group leader reads from, and where it prints.

use std::fmt;
use std::io::{self, BufRead, Write};
use std::thread;

use tokio::sync::{mpsc, oneshot};

/// Where what is printed goes.
pub(super) enum Output {
    Standard(Standard),
    Callback(Box<dyn FnMut(&str) + Send>),
    Channel(mpsc::Sender<String>),
}

/// A stream of the program.
#[derive(Debug, Clone, Copy)]
pub(super) enum Standard {
    Output,
    Error,
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Output::Standard(standard) => standard.fmt(f),
            Output::Callback(_) => f.write_str("Callback"),
            Output::Channel(_) => f.write_str("Channel"),
        }
    }
}

impl Output {
    /// Prints. Whoever reads it may have gone away, which is no concern of those who print.
    pub(super) async fn print(&mut self, text: String) {
        match self {
            Output::Callback(callback) => callback(&text),
            Output::Channel(channel) => {
                let _ = channel.send(text).await;
            }
            Output::Standard(standard) => {
                let standard = *standard;
                // It may be a pipe that nobody empties.
                let _ = tokio::task::spawn_blocking(move || standard.print(&text)).await;
            }
        }
    }
}

impl Standard {
    fn print(self, text: &str) -> io::Result<()> {
        let print = |mut stream: Box<dyn Write>| {
            stream.write_all(text.as_bytes())?;
            stream.flush()
        };
        match self {
            Standard::Output => print(Box::new(io::stdout().lock())),
            Standard::Error => print(Box::new(io::stderr().lock())),
        }
    }
}

/// Where what is read comes from.
#[derive(Debug)]
pub(super) enum Input {
    /// There is nothing to read.
    Nothing,
    /// All of it.
    Text(String),
    Channel(mpsc::Receiver<String>),
    /// A line at a time, and none before somebody wants it.
    Standard(Option<mpsc::UnboundedSender<oneshot::Sender<String>>>, Option<oneshot::Receiver<String>>),
}

impl Input {
    /// The next part of it; `None` at the end.
    ///
    /// Nothing is lost when the future is dropped.
    pub(super) async fn more(&mut self) -> Option<String> {
        match self {
            Input::Nothing => None,
            Input::Text(text) => Some(std::mem::take(text)).filter(|text| !text.is_empty()),
            Input::Channel(channel) => channel.recv().await,
            Input::Standard(reader, line) => {
                if line.is_none() {
                    let (sender, receiver) = oneshot::channel();
                    let _ = reader.get_or_insert_with(start_reader).send(sender);
                    *line = Some(receiver);
                }
                let read = match line {
                    Some(line) => line.await.ok(),
                    None => None,
                };
                *line = None;
                read.filter(|line| !line.is_empty())
            }
        }
    }
}

/// A thread that reads a line of the standard input for each who asks. It is not one of the runtime's: those are waited
/// for when the runtime ends, and it may read until the program does.
fn start_reader() -> mpsc::UnboundedSender<oneshot::Sender<String>> {
    let (sender, mut wanted) = mpsc::unbounded_channel::<oneshot::Sender<String>>();
    thread::spawn(move || {
        while let Some(sender) = wanted.blocking_recv() {
            let mut line = Vec::new();
            let _ = io::stdin().lock().read_until(b'\n', &mut line);
            let _ = sender.send(String::from_utf8_lossy(&line).into_owned());
        }
    });
    sender
}

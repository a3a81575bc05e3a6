//! The evaluator: reads lines, has commands run, shows what comes of them.

use std::time::Duration;

use tokio::sync::oneshot;

use super::commands::{self, Shown};
use super::line::{Language, Line, Reader, Unreadable};
use super::registry::Shells;
use super::show::Printer;
use super::{complete, start::Handshake};
use crate::atom;
use crate::node::{CallFrom, Caller, Class, Node, Process, Raise};
use crate::otp::io::IoError;
use crate::process::{Exit, ExitKind, Message, Signal};
use crate::term::etf::Encoded;
use crate::term::{Atom, Pid, Term};

/// What the shell sends when its user wants the command that runs to be ended.
pub(super) const INTERRUPT: Atom = atom!("interrupt");

/// Columns of a terminal whose client does not say how many it has.
const COLUMNS: usize = 80;

/// Who opened the shell, and how.
#[derive(Debug, Clone)]
pub(super) struct Opened {
    pub(super) language: Language,
    /// The process that asked for it: a group process of the client.
    pub(super) by: CallFrom,
    pub(super) handshake: Option<Handshake>,
}

/// Reads and evaluates until the user leaves, or the terminal is gone.
pub(super) async fn evaluator(mut process: Process, opened: Opened) -> Result<(), Exit> {
    if let Some(handshake) = &opened.handshake {
        handshake.run(&mut process).await;
    }
    if let Some(why) = Shells::of(process.node()).refusal() {
        return Ok(process.io().print_line(why).await?);
    }
    // Only OTP 29 knows the first, and asks for it; without the second names do not complete.
    let line_history = Term::tuple([Term::Atom(atom!("line_history")), Term::from(true)]);
    let _ = process.io().set_options([line_history]).await;
    complete::install(&mut process).await;
    let node = process.node().clone();
    let banner = format!("erlnode {} on {}", env!("CARGO_PKG_VERSION"), node.name());
    process.io().print_line(format!("{banner}: help tells what there is, exit leaves")).await?;
    let reader = Reader::new(&node, opened.language);
    let mut number = 1u32;
    loop {
        let prompt = match opened.language {
            Language::Erlang => format!("({}){number}> ", node.name()),
            Language::Elixir => format!("{}({number})> ", node.name()),
        };
        // Meant for a command that has ended meanwhile. While a line is read it is the reply that tells of one.
        drop_interrupts(&mut process);
        let line = match process.io().get_line(&prompt).await {
            Ok(Some(line)) => line,
            Ok(None) => return Ok(()),
            Err(IoError::Refused(reason)) if reason.is_atom("interrupted") => continue,
            // What was typed is no text.
            Err(IoError::UnexpectedReply(_)) => continue,
            Err(error) => return Err(error.into()),
        };

        let text = match reader.read(&line) {
            Ok(Line::Nothing) => continue,
            Ok(Line::Command { name, .. }) if ["exit", "quit", "q"].contains(&name.as_str()) => return Ok(()),
            Ok(line) => run(&mut process, &opened, line).await,
            Err(Unreadable(why)) => Err(why),
        };
        number = number.saturating_add(1);
        match text {
            Ok(text) => page(&mut process, &text).await?,
            Err(why) => process.io().print_line(format!("** {why}")).await?,
        }
    }
}

fn is_interrupt(message: &Message) -> bool {
    message.as_term().is_some_and(|term| term.as_atom() == Some(&INTERRUPT))
}

fn drop_interrupts(process: &mut Process) {
    let mut from = 0;
    process.discard(&mut from, is_interrupt);
}

/// Runs a command in a process of its own, which an interrupt ends.
async fn run(process: &mut Process, opened: &Opened, line: Line) -> Result<String, String> {
    let (sender, mut result) = oneshot::channel();
    let caller = opened.by.clone();
    let language = opened.language;
    let (command, monitor) = process.spawn_monitor(async move |process: Process| {
        // Nobody waits for it any more if the shell has ended.
        let _ = sender.send(evaluate(Caller::new(process, caller), line, language).await);
        Ok(())
    });
    let running = Running { node: process.node().clone(), command };
    let outcome = tokio::select! {
        outcome = &mut result => outcome.ok(),
        _ = process.receive_match(is_interrupt) => Some(Err("interrupted".to_owned())),
    };
    drop(running);
    if let Some(outcome) = outcome {
        process.demonitor(&monitor, true);
        return outcome;
    }
    let down = process.receive_match(|message| message.is_down(&monitor)).await;
    let reason = match down.as_term().and_then(Term::as_tuple) {
        Some([.., reason]) => reason.clone(),
        _ => Term::NIL,
    };
    Err(format!("it has crashed: {}", Printer::new(process.node()).short(&reason)))
}

/// A command that is killed when this is dropped, as it is when the shell ends.
struct Running {
    node: Node,
    command: Pid,
}

impl Drop for Running {
    fn drop(&mut self) {
        let kill = Signal::Exit(ExitKind::Signal, Term::Atom(atom!("kill")));
        self.node.deliver(self.node.pid(), &self.command, kill);
    }
}

async fn evaluate(caller: Caller, line: Line, language: Language) -> Result<String, String> {
    let node = caller.node().clone();
    match line {
        Line::Nothing => Ok(String::new()),
        Line::Functions(module) => Ok(commands::functions(&node, Some(&module))),
        Line::Command { name, arguments } => match commands::find(&node, &name)? {
            Shown::Own(command) => command.run(caller, arguments, language).await,
            Shown::Added(added) => (added.run)(caller, arguments).await,
        },
        Line::Call { module, function, arguments } => {
            let printer = Printer::new(&node);
            let called = format!("{}/{}", show_function(&module, &function), arguments.len());
            let arguments: Vec<Encoded> = arguments
                .iter()
                .map(Encoded::from_term)
                .collect::<Result<_, _>>()
                .map_err(|error| error.to_string())?;
            match node.apply(caller, &module, &function, arguments).await {
                Ok(value) => {
                    let value = value.to_term().map_err(|error| error.to_string())?;
                    Ok(printer.term(&value))
                }
                Err(raise) => Err(raised(&raise, &called, &printer)),
            }
        }
    }
}

fn show_function(module: &Atom, function: &Atom) -> String {
    format!("{module}:{function}")
}

/// What a function raised, in a sentence.
fn raised(raise: &Raise, called: &str, printer: &Printer) -> String {
    let class = match raise.class {
        Class::Error => "error",
        Class::Exit => "exit",
        Class::Throw => "throw",
    };
    let frame = raise.stack.as_list().and_then(|stack| stack.first()?.as_tuple());
    let is_called = |frame: &[Term]| match frame {
        [module, function, arguments, _] => {
            let arity = arguments.as_list().map(<[Term]>::len);
            arity.is_some_and(|arity| called == format!("{module}:{function}/{arity}"))
        }
        _ => false,
    };
    match (raise.reason.as_atom().map(Atom::as_str), frame) {
        (Some("undef"), Some(frame)) if is_called(frame) => {
            format!("{called} is not exported here: functions tells what is")
        }
        (Some("function_clause"), Some(frame)) if is_called(frame) => {
            format!("{called} does not take such arguments")
        }
        _ => format!("exception {class}: {}", printer.short(&raise.reason)),
    }
}

/// Shows a text, a page at a time where there is a terminal.
async fn page(process: &mut Process, text: &str) -> Result<(), Exit> {
    let text = text.trim_end();
    if text.is_empty() {
        return Ok(());
    }
    let rows = match process.io().rows().await {
        Ok(rows) => rows.max(4),
        Err(IoError::NotSupported | IoError::Refused(_)) => usize::MAX,
        Err(error) => return Err(error.into()),
    };
    let columns = process.io().columns().await.unwrap_or(COLUMNS).max(1);
    let lines: Vec<&str> = text.lines().collect();
    let mut left = &lines[..];
    while !left.is_empty() {
        let (now, later) = left.split_at(page_of(left, rows, columns));
        process.io().print_line(now.join("\n")).await?;
        left = later;
        if !left.is_empty() {
            let prompt = format!("-- {} lines more: Enter shows them, q does not -- ", left.len());
            match process.io().get_line(&prompt).await {
                Ok(Some(answer)) if !answer.trim().eq_ignore_ascii_case("q") => {}
                Ok(_) | Err(IoError::Refused(_)) => break,
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

/// How many of the lines are shown at once: all if there is room, else so many that the question has room too.
fn page_of(lines: &[&str], rows: usize, columns: usize) -> usize {
    let height = |line: &&str| line.chars().count().div_ceil(columns).max(1);
    let (mut used, mut shown) = (0, 0);
    for line in lines {
        used += height(line);
        if used > rows.saturating_sub(2) {
            let all: usize = lines.iter().map(height).sum();
            return if all < rows { lines.len() } else { shown.max(1) };
        }
        shown += 1;
    }
    shown
}

/// How long the client may take for what it is asked for at the start.
pub(super) const SOON: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_leaves_room_for_the_question() {
        let lines = vec!["x"; 100];
        assert_eq!(page_of(&lines, 24, 80), 22);
        assert_eq!(page_of(&lines[..23], 24, 80), 23);
        assert_eq!(page_of(&lines[..24], 24, 80), 22);
        assert_eq!(page_of(&lines, usize::MAX, 80), 100);
        let wide = "x".repeat(200);
        assert_eq!(page_of(&vec![wide.as_str(); 100], 24, 80), 7);
        assert_eq!(page_of(&[&"x".repeat(10_000)], 24, 80), 1);
    }
}

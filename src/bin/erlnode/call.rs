//! `erlnode call`: a function of a node, called from a shell.

use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;
use erlnode::node::{Class, Node, Raise};
use erlnode::otp::ErpcError;
use erlnode::otp::io::GroupLeader;
use erlnode::term::{Atom, Term};

use crate::source::{self, Source};
use crate::visit::Visit;

/// Call a function on a node and print what it returns.
///
/// The value is printed in Erlang's syntax. What the function prints itself goes to standard error, and what it reads
/// comes from standard input.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  erlnode call rabbit@thishost rabbit_misc version '[]'\n  \
    erlnode call rust@thishost rust add '[1, 2]' --cookie secret\n  \
    erlnode call iex@thishost String upcase '[<<\"hello\">>]'    as String.upcase(\"hello\") in Elixir")]
pub(crate) struct Call {
    #[command(flatten)]
    visit: Visit,
    /// The module; one of Elixir by the name that it has there.
    #[arg(value_parser = source::module)]
    module: Atom,
    /// The function.
    #[arg(value_parser = source::name)]
    function: Atom,
    /// The arguments: a list in Erlang's syntax. Pids can stand there as a shell of the node prints them.
    #[arg(value_name = "ARGS", value_parser = source::list, default_value = "[]")]
    arguments: Source,
}

/// A call in a stack trace is shown without its arguments if it is longer than this, in bytes.
const LONGEST_CALL: usize = 160;

impl Call {
    pub(crate) async fn run(self) -> ExitCode {
        let Call { visit, module, function, arguments } = self;
        let timeout = visit.timeout();
        visit
            .run(async |node, to| {
                // For the reason, which the call does not tell.
                if let Err(error) = node.connect(to).await {
                    return crate::fail(&error);
                }
                let arguments = match arguments.term(node, to).await {
                    Ok(Term::List(list)) => list.to_vec(),
                    Ok(_) => unreachable!("the command line was checked"),
                    Err(error) => return crate::fail(&error),
                };
                let call = node.erpc(to).call::<_, Term>(module.as_str(), function.as_str(), arguments);
                let mut leader = GroupLeader::stderr().input_stdin().functions_of_caller();
                if let Ok(to) = Atom::new(to) {
                    leader = leader.local_node(to);
                }
                let leader = leader.start(node);
                // The visit as a whole ends in time.
                match call.timeout(timeout.saturating_mul(2)).group_leader(leader).await {
                    Ok(value) => {
                        crate::print(format_args!("{value:#}\n"));
                        ExitCode::SUCCESS
                    }
                    Err(ErpcError::Raised(raise)) => {
                        let message = message(&raise.reason, node, to).await;
                        crate::tell(format_args!("{}", exception(&raise, message, to)));
                        ExitCode::FAILURE
                    }
                    Err(ErpcError::ConnectionLost(node)) => {
                        crate::tell(format_args!("{node} closed the connection before it answered the call"));
                        ExitCode::FAILURE
                    }
                    Err(error) => crate::fail(&error),
                }
            })
            .await
    }
}

/// What an exception of Elixir says, by the word of the node that raised it.
async fn message(reason: &Term, node: &Node, raised_at: &str) -> Option<String> {
    let Term::Map(map) = reason else { return None };
    let (_, module) = map.iter().find(|(key, _)| key.is_atom("__struct__"))?;
    let name = module.as_atom()?.as_str();
    let call = node.erpc(raised_at).call::<_, String>("Elixir.Exception", "message", (reason,));
    let message = call.await.ok()?;
    Some(format!("({}) {message}", name.strip_prefix("Elixir.").unwrap_or(name)))
}

/// An exception as a shell would show it, with the `message` that it has in Elixir.
fn exception(raise: &Raise, message: Option<String>, node: &str) -> String {
    let mut frames = raise.stack.as_list().unwrap_or_default();
    let mut text = match (raise.class, frames) {
        (Class::Error, [first, others @ ..]) if raise.reason.is_atom("undef") => {
            frames = others;
            match Frame::of(first) {
                Some(frame) => format!("{node} has no function {}", frame.function()),
                None => "exception error: undef".to_owned(),
            }
        }
        (Class::Error, _) => {
            format!("exception error: {}", message.unwrap_or_else(|| raise.reason.to_string()))
        }
        (Class::Exit, _) => format!("exception exit: {}", raise.reason),
        (Class::Throw, _) => format!("exception throw: {}", raise.reason),
    };
    for frame in frames.iter().filter_map(Frame::of) {
        let _ = write!(text, "\n  in {}", frame.text());
    }
    text
}

/// An entry of a stack trace: `{Module, Function, Arity or Arguments, [{file, File}, {line, Line}]}`.
struct Frame<'a> {
    module: &'a Atom,
    function: &'a Atom,
    arguments: &'a Term,
    location: &'a [Term],
}

impl Frame<'_> {
    fn of(term: &Term) -> Option<Frame<'_>> {
        match term.as_tuple()? {
            [Term::Atom(module), Term::Atom(function), arguments, location] => {
                Some(Frame { module, function, arguments, location: location.as_list().unwrap_or_default() })
            }
            _ => None,
        }
    }

    /// `module:function/arity`.
    fn function(&self) -> String {
        let Frame { module, function, arguments, .. } = self;
        match arguments.as_list() {
            Some(arguments) => format!("{module}:{function}/{}", arguments.len()),
            None => format!("{module}:{function}/{arguments}"),
        }
    }

    /// With the arguments, if they are known and short.
    fn text(&self) -> String {
        let Frame { module, function, .. } = self;
        let mut text = match self.arguments.as_list().map(|arguments| arguments.iter().map(Term::to_string)) {
            Some(arguments) => {
                format!("{module}:{function}({})", arguments.collect::<Vec<String>>().join(", "))
            }
            None => self.function(),
        };
        if text.len() > LONGEST_CALL {
            text = self.function();
        }
        if let (Some(Term::List(file)), Some(line)) = (self.located("file"), self.located("line")) {
            let file: Option<String> = file.iter().map(character).collect();
            let _ = write!(text, " ({}, line {line})", file.unwrap_or_default());
        }
        text
    }

    fn located(&self, name: &str) -> Option<&Term> {
        self.location.iter().find_map(|item| match item.as_tuple()? {
            [key, value] if key.is_atom(name) => Some(value),
            _ => None,
        })
    }
}

fn character(term: &Term) -> Option<char> {
    let Term::Integer(code) = term else { return None };
    u32::try_from(code).ok().and_then(char::from_u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(class: Class, reason: &str, stack: &str) -> String {
        let raise = Raise { class, reason: reason.parse().unwrap(), stack: stack.parse().unwrap() };
        exception(&raise, None, "n@h")
    }

    #[test]
    fn an_exception_is_shown_with_where_it_was_raised() {
        let stack = r#"[{erlang,'+',[1,a],[]},{m,f,2,[{file,"m.erl"},{line,3}]},odd]"#;
        assert_eq!(
            shown(Class::Error, "badarith", stack),
            "exception error: badarith\n  in erlang:'+'(1, a)\n  in m:f/2 (m.erl, line 3)"
        );
        assert_eq!(shown(Class::Throw, "{ball,1}", "[]"), "exception throw: {ball,1}");
    }

    #[test]
    fn a_missing_function_is_named() {
        assert_eq!(
            shown(Class::Error, "undef", "[{m,f,[a],[]},{m,g,0,[]}]"),
            "n@h has no function m:f/1\n  in m:g/0"
        );
        assert_eq!(shown(Class::Error, "undef", "[]"), "exception error: undef");
    }

    #[test]
    fn long_arguments_are_left_out() {
        let stack = format!("[{{m,f,[\"{}\"],[]}}]", "x".repeat(200));
        assert_eq!(shown(Class::Error, "badarg", &stack), "exception error: badarg\n  in m:f/1");
    }
}

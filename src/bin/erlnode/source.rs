//! Terms and names on the command line.

use erlnode::atom;
use erlnode::node::Node;
use erlnode::otp::ErpcError;
use erlnode::term::parse::{Parser, parse};
use erlnode::term::{Atom, Creation, Pid, Term};

/// A term in Erlang's syntax.
///
/// Pids, ports and references can be written as a shell of the other node prints them, `<0.123.0>`. Such a term is
/// known only when that node is: it tells which incarnation of it they belong to.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Term(Term),
    /// With identifiers of the other node.
    OfNode(String),
}

impl Source {
    /// The term, where `node` is the full name of the other node.
    pub(crate) async fn term(self, own: &Node, node: &str) -> Result<Term, ErpcError> {
        match self {
            Source::Term(term) => Ok(term),
            Source::OfNode(text) => {
                let Pid { node, creation, .. } = own.erpc(node).call("erlang", "self", ()).await?;
                Ok(parser_at(node, creation).parse(&text).expect("it was read before, as of another node"))
            }
        }
    }
}

fn parser_at(node: Atom, creation: Creation) -> Parser {
    Parser::new().local_node(node, creation)
}

pub(crate) fn term(text: &str) -> Result<Source, String> {
    parse(text).map(Source::Term).or_else(|error| match at_some_node(text) {
        Some(_) => Ok(Source::OfNode(text.to_owned())),
        None => Err(error.to_string()),
    })
}

/// What the term will be like when the node is known.
fn at_some_node(text: &str) -> Option<Term> {
    parser_at(atom!("nonode@nohost"), Creation(0)).parse(text).ok()
}

/// A list in Erlang's syntax.
pub(crate) fn list(text: &str) -> Result<Source, String> {
    let source = term(text)?;
    let is_list = match &source {
        Source::Term(term) => term.as_list().is_some(),
        Source::OfNode(text) => matches!(at_some_node(text), Some(Term::List(_))),
    };
    if is_list { Ok(source) } else { Err("not a list; that of no arguments is []".to_owned()) }
}

/// A name: an atom, which need not be quoted, as the shell that ran this command took quotes away already.
pub(crate) fn name(text: &str) -> Result<Atom, String> {
    if text.starts_with('\'')
        && let Ok(Term::Atom(atom)) = parse(text)
    {
        return Ok(atom);
    }
    Atom::new(text).map_err(|error| error.to_string())
}

/// The name of a module: one that begins with a capital letter is Elixir's, as it would not be an atom in Erlang.
pub(crate) fn module(text: &str) -> Result<Atom, String> {
    if text.starts_with(|first: char| first.is_ascii_uppercase()) && !text.starts_with("Elixir.") {
        return name(&format!("Elixir.{text}"));
    }
    name(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_need_no_quotes_and_elixir_modules_no_prefix() {
        assert_eq!(name("with space").unwrap(), "with space");
        assert_eq!(name("'it\\'s'").unwrap(), "it's");
        assert_eq!(name("exists?").unwrap(), "exists?");
        assert_eq!(module("lists").unwrap(), "lists");
        assert_eq!(module("String.Chars").unwrap(), "Elixir.String.Chars");
        assert_eq!(module("Elixir.String").unwrap(), "Elixir.String");
    }

    #[test]
    fn arguments_are_a_list() {
        assert!(matches!(list("[1, \"a\"]"), Ok(Source::Term(Term::List(list))) if list.len() == 2));
        assert!(list("{1}").is_err());
        assert!(list("[1").is_err());
        assert!(list("[1|2]").is_err());
    }

    #[test]
    fn identifiers_of_the_other_node_are_read_later() {
        assert!(matches!(list(" [<0.1.0>, a]"), Ok(Source::OfNode(_))));
        assert!(matches!(term("{#Ref<0.1.2.3>}"), Ok(Source::OfNode(_))));
        assert!(list("{<0.1.0>}").is_err());
        assert!(list("[a|<0.1.0>]").is_err());
        assert!(term("[<0.1.0>").is_err());
    }
}

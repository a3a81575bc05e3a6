//! How names go on: what the tabulator key asks for.
//!
//! The client's group process calls a fun of its own for that, with what stands before the cursor, the last character
//! first; the answer is `{yes | no, Rest, Candidates}`. A node that is no BEAM can't make a fun. But the client can: it
//! is asked to evaluate an expression, by `erl_eval`, whose value is a fun that calls `erlnode_shell:expand/1` here; and
//! that fun is then given back to it as an option of the terminal. Where the client does not do it the key has its usual
//! meaning there.

use std::collections::BTreeSet;

use super::commands;
use super::evaluator::SOON;
use crate::atom;
use crate::node::{Caller, Node, Process, Raise};
use crate::term::{CharEncoding, Term};

const MODULE: &str = "erlnode_shell";

/// More candidates are not shown.
const MAX_CANDIDATES: usize = 500;

/// Exports the function that the client's fun calls.
pub(super) fn export(node: &Node) {
    node.export(MODULE, "expand", async |caller: Caller, (before,): (Term,)| {
        let before = before.chardata(CharEncoding::Unicode).ok_or_else(|| Raise::error(atom!("badarg")))?;
        let line: String = before.chars().rev().collect();
        Ok(expand(caller.node(), &line).to_term())
    });
}

/// Has the client ask this node how names go on.
pub(super) async fn install(process: &mut Process) {
    let client = process.group_leader().node;
    let node = process.node().clone();
    let call = node.erpc(client.as_str()).call("erl_eval", "expr", (fun_of(&node), Term::NIL));
    let value: Result<Term, _> = call.timeout(SOON).await;
    let fun = match &value {
        Ok(value) => match value.as_tuple() {
            Some([kind, fun @ Term::Fun(_), _]) if kind.is_atom("value") => fun.clone(),
            _ => return,
        },
        Err(error) => return tracing::debug!(%error, "names are not completed in a shell"),
    };
    let option = Term::tuple([Term::Atom(atom!("expand_fun")), fun]);
    if let Err(error) = process.io().set_options([option]).await {
        tracing::debug!(%error, "names are not completed in a shell");
    }
}

/// The abstract form of
///
/// ```text
/// fun(Before) -> try erpc:call(Node, erlnode_shell, expand, [Before], 5000) catch _:_ -> {no, [], []} end end
/// ```
fn fun_of(node: &Node) -> Term {
    let tuple = |elements: Vec<Term>| Term::tuple(elements);
    let atom = |name: &str| crate::term::Atom::new(name).map_or(Term::NIL, Term::Atom);
    let form =
        |kind: &str, rest: Vec<Term>| tuple([atom(kind), Term::from(1)].into_iter().chain(rest).collect());
    let literal = |name: &str| form("atom", vec![atom(name)]);
    let nil = || form("nil", vec![]);
    let before = || form("var", vec![atom("Before")]);
    let anything = || form("var", vec![atom("_")]);
    let remote = form("remote", vec![literal("erpc"), literal("call")]);
    let own = form("atom", vec![Term::Atom(node.name().as_atom().clone())]);
    let list = form("cons", vec![before(), nil()]);
    let limit = form("integer", vec![Term::from(5000)]);
    let arguments = Term::list([own, literal(MODULE), literal("expand"), list, limit]);
    let call = form("call", vec![remote, arguments]);
    let pattern = form("tuple", vec![Term::list([anything(), anything(), anything()])]);
    let nothing = form("tuple", vec![Term::list([literal("no"), nil(), nil()])]);
    let handler = form("clause", vec![Term::list([pattern]), Term::NIL, Term::list([nothing])]);
    let body = form("try", vec![Term::list([call]), Term::NIL, Term::list([handler]), Term::NIL]);
    let clause = form("clause", vec![Term::list([before()]), Term::NIL, Term::list([body])]);
    form("fun", vec![tuple(vec![atom("clauses"), Term::list([clause])])])
}

/// How a name goes on.
#[derive(Debug, Default, PartialEq)]
struct Expansion {
    /// What can be added at once.
    rest: String,
    /// The names it may become, if those are several.
    candidates: Vec<String>,
}

impl Expansion {
    fn to_term(&self) -> Term {
        let found = !self.rest.is_empty() || !self.candidates.is_empty();
        let found = Term::Atom(if found { atom!("yes") } else { atom!("no") });
        let candidates = Term::list(self.candidates.iter().map(|name| Term::charlist(name)));
        Term::tuple([found, Term::charlist(&self.rest), candidates])
    }
}

fn expand(node: &Node, line: &str) -> Expansion {
    let word_start = line
        .rfind(|c: char| !(c.is_alphanumeric() || "_@:.'".contains(c)))
        .map_or(0, |at| at + line.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8));
    let (before, word) = line.split_at(word_start);
    let is_first = before.trim().is_empty();
    let (prefix, names) = candidates(node, word, is_first);
    let mut fitting: BTreeSet<String> = names.into_iter().filter(|name| name.starts_with(prefix)).collect();
    let common = common_start(&fitting);
    let rest = common.get(prefix.len()..).unwrap_or_default().to_owned();
    let candidates = match fitting.len() {
        0 | 1 => Vec::new(),
        _ if !rest.is_empty() => Vec::new(),
        many => {
            if many > MAX_CANDIDATES {
                fitting = fitting.into_iter().take(MAX_CANDIDATES).collect();
            }
            fitting.into_iter().collect()
        }
    };
    Expansion { rest, candidates }
}

/// The part of the word that is looked for, and the names that it may be the start of.
fn candidates<'a>(node: &Node, word: &'a str, is_first: bool) -> (&'a str, Vec<String>) {
    let functions = |module: &str| {
        let of = node.exported().filter(|(of, ..)| *of == *module);
        of.map(|(_, name, _)| format!("{name}(")).collect()
    };
    // In Elixir's form, :module.function.
    if let Some(elixir) = word.strip_prefix(':') {
        return match elixir.split_once('.') {
            Some((module, prefix)) => (prefix, functions(module)),
            None => (elixir, modules(node).into_iter().map(|module| format!("{module}.")).collect()),
        };
    }
    if let Some((module, prefix)) = word.split_once(':') {
        return (prefix, functions(module.trim_matches('\'')));
    }
    if is_first {
        let modules = modules(node).into_iter().map(|module| format!("{module}:"));
        return (word, commands::names(node).into_iter().chain(modules).collect());
    }
    let names = node.registered().into_iter().map(|name| name.to_string());
    let nodes = node.nodes(crate::node::NodeType::Connected).into_iter().map(|name| name.to_string());
    (word, names.chain(nodes).chain(commands::names(node)).collect())
}

fn modules(node: &Node) -> BTreeSet<String> {
    node.exported().map(|(module, ..)| module.to_string()).collect()
}

fn common_start(names: &BTreeSet<String>) -> String {
    // They are in order, so the first and the last differ most.
    let (Some(first), Some(last)) = (names.first(), names.last()) else { return String::new() };
    first.chars().zip(last.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_go_on_as_far_as_they_are_clear() {
        let node = Node::nonode();
        for name in ["alpha", "alpine", "beta"] {
            node.export("my_module", name, async |_: Caller, (): ()| Ok(()));
        }
        let expanded = |line: &str| {
            let Expansion { rest, candidates } = expand(&node, line);
            (rest, candidates.join(" "))
        };
        let of = |rest: &str, candidates: &str| (rest.to_owned(), candidates.to_owned());
        assert_eq!(expanded("upt"), of("ime", ""));
        assert_eq!(expanded("my_mod"), of("ule:", ""));
        assert_eq!(expanded("my_module:b"), of("eta(", ""));
        assert_eq!(expanded("my_module:a"), of("lp", ""));
        assert_eq!(expanded("my_module:alp"), of("", "alpha( alpine("));
        assert_eq!(expanded(":my_module.be"), of("ta(", ""));
        assert_eq!(expanded("info net_k"), of("ernel", ""));
        assert_eq!(expanded("send(net_k"), of("ernel", ""));
        assert_eq!(expanded("zzz"), of("", ""));
        assert!(expanded("").1.contains("uptime"));
        assert_eq!(expand(&node, "zzz").to_term().to_string(), "{no,[],[]}");
    }

    #[tokio::test]
    async fn the_fun_is_as_the_parser_of_a_beam_writes_it() {
        let node = Node::nonode();
        let form = fun_of(&node).to_string();
        assert!(form.starts_with("{'fun',1,{clauses,[{clause,1,[{var,1,'Before'}],[],[{'try',1,"), "{form}");
    }
}

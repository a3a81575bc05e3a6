//! `erlang:memory/0,1`.

use super::super::Node;
use crate::atom;
use crate::term::{Atom, Term};

/// All of `memory/0`, in its order.
pub(super) fn all(node: &Node) -> Term {
    Term::list(figures(node).map(pair))
}

/// `memory/1`: the figure of one kind, or pairs for a list of kinds. `None` is `badarg`.
pub(super) fn some(node: &Node, which: &Term) -> Option<Term> {
    let figures = figures(node);
    let one = |which: &Term| figures.iter().find(|(kind, _)| which.as_atom() == Some(kind)).cloned();
    match which {
        Term::List(kinds) => {
            kinds.iter().map(|kind| one(kind).map(pair)).collect::<Option<Vec<Term>>>().map(Term::list)
        }
        kind => one(kind).map(|(_, bytes)| Term::from(bytes)),
    }
}

fn pair((kind, bytes): (Atom, u64)) -> Term {
    Term::tuple([Term::Atom(kind), Term::from(bytes)])
}

/// There is one heap for all. What processes take of it is counted as they start and end; the rest is the system's.
fn figures(node: &Node) -> [(Atom, u64); 9] {
    let memory = Memory::of_program();
    let processes = (node.process_table().memory() as u64).min(memory.total);
    [
        (atom!("total"), memory.total),
        (atom!("processes"), processes),
        (atom!("processes_used"), processes),
        (atom!("system"), memory.total - processes),
        (atom!("atom"), 0),
        (atom!("atom_used"), 0),
        (atom!("binary"), 0),
        (atom!("code"), memory.code),
        (atom!("ets"), 0),
    ]
}

/// The memory of the whole program in bytes, on systems that tell it in a file; 0 elsewhere.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memory {
    /// All that it has in memory.
    pub(crate) total: u64,
    /// What of that is read from files, as the code is.
    pub(crate) code: u64,
}

/// The unit of `/proc/self/statm`, on all systems that this is likely to run on.
const PAGE: u64 = 4096;

impl Memory {
    pub(crate) fn of_program() -> Memory {
        let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
        // The second number is what is in memory, the third what of that files back.
        let mut pages = text.split_ascii_whitespace().skip(1).map(|pages| pages.parse().unwrap_or(0));
        let mut next = || pages.next().unwrap_or(0) * PAGE;
        Memory { total: next(), code: next() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_kind_has_a_figure_a_list_of_kinds_has_pairs_and_what_is_no_kind_is_badarg() {
        let node = Node::nonode();
        let some = |which: &str| some(&node, &which.parse().unwrap());
        assert!(matches!(some("total"), Some(Term::Integer(_))));
        assert_eq!(some("[binary, ets]").unwrap().to_string(), "[{binary,0},{ets,0}]");
        for wrong in ["[code,nothing]", "nothing", "1"] {
            assert_eq!(some(wrong), None);
        }
    }

    #[tokio::test]
    async fn processes_are_counted_as_long_as_they_live() {
        let node = Node::nonode();
        let before = node.process_table().memory();
        let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
        let pid = node.spawn(async move |_| {
            let _ = receiver.await;
            Ok(())
        });
        assert!(node.process_table().memory() > before);
        drop(sender);
        while node.process_table().get(&pid).is_some() {
            tokio::task::yield_now().await;
        }
        assert_eq!(node.process_table().memory(), before);
    }
}

//! `erlang:memory/0,1`.

use crate::atom;
use crate::term::{Atom, Term};

/// All of `memory/0`, in its order.
pub(super) fn all() -> Term {
    Term::list(figures(resident()).map(pair))
}

/// `memory/1`: the figure of one kind, or pairs for a list of kinds. `None` is `badarg`.
pub(super) fn some(which: &Term) -> Option<Term> {
    let figures = figures(resident());
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

/// There is one heap for all, so it all counts as that of the system.
fn figures(total: u64) -> [(Atom, u64); 9] {
    [
        (atom!("total"), total),
        (atom!("processes"), 0),
        (atom!("processes_used"), 0),
        (atom!("system"), total),
        (atom!("atom"), 0),
        (atom!("atom_used"), 0),
        (atom!("binary"), 0),
        (atom!("code"), 0),
        (atom!("ets"), 0),
    ]
}

/// The memory of the whole program in bytes, on systems that tell it in a file; 0 elsewhere.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_ascii_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_a_figure_a_list_of_kinds_has_pairs_and_what_is_no_kind_is_badarg() {
        assert!(matches!(some(&"total".parse().unwrap()), Some(Term::Integer(_))));
        assert_eq!(some(&"[code, ets]".parse().unwrap()).unwrap().to_string(), "[{code,0},{ets,0}]");
        for wrong in ["[code,nothing]", "nothing", "1"] {
            assert_eq!(some(&wrong.parse().unwrap()), None);
        }
    }
}

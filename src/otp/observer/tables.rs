//! The page Table Viewer: registries of the node, and of the program, as if they were ETS tables.
//!
//! | table | rows |
//! | ----- | ---- |
//! | `registered_names` | `{Name, Pid}` |
//! | `exported_functions` | `{{Module, Function, Arity}}` |
//! | `global_names` | `{Name, Pid}`, if the node takes part in `global` |
//! | those of [`Node::show_table`] | what the program says |
//!
//! They can be looked at, not changed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;

use super::{BACKEND, entry};
use crate::atom;
use crate::node::{Caller, Node, Process, Raise};
use crate::otp::kernel_sup;
use crate::term::{Atom, Pid, Term};

/// So many rows go into one message.
const CHUNK: usize = 1000;

type Rows = Arc<dyn Fn() -> Vec<Term> + Send + Sync>;

/// The tables of the program.
#[derive(Default)]
struct Tables(RwLock<BTreeMap<String, Rows>>);

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.read().keys()).finish()
    }
}

impl Node {
    /// Shows a table of the program on the page Table Viewer of `observer`, as if it were an ETS table of that name.
    ///
    /// `rows` is called when somebody looks, and is to be quick: as soon as somebody lists the tables, for the size. Rows
    /// are tuples, of which the first element is taken for the key. Another table of this name is replaced.
    ///
    /// ```
    /// use erlnode::node::Node;
    /// use erlnode::term::Term;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let node = Node::nonode();
    /// node.show_table("sessions", || vec![Term::tuple([Term::from("anna"), Term::from(3)])]);
    /// # }
    /// ```
    ///
    /// # Panics
    /// When `name` is longer than an atom can be.
    pub fn show_table(&self, name: &str, rows: impl Fn() -> Vec<Term> + Send + Sync + 'static) {
        assert!(Atom::new(name).is_ok(), "a name of at most 255 characters");
        let tables = self.attached::<Tables>().unwrap_or_else(|| {
            let tables = Arc::new(Tables::default());
            self.attach(tables.clone());
            tables
        });
        tables.0.write().insert(name.to_owned(), Arc::new(rows));
    }
}

pub(super) fn export(node: &Node) {
    node.export(BACKEND, "get_table_list", async |caller: Caller, (kind, _options): (Atom, Term)| {
        let node = caller.node();
        match kind.as_str() {
            "ets" => Ok(Term::list(names(node).iter().filter_map(|name| describe(node, name)))),
            "mnesia" => {
                let text = format!("Mnesia is not running on: {}", node.name());
                Ok(entry(atom!("error"), Term::charlist(&text)))
            }
            _ => Err(Raise::error(atom!("function_clause"))),
        }
    });
    node.export(BACKEND, "get_table", async |caller: Caller, (to, table, _kind): (Pid, Term, Atom)| {
        let rows = table.as_atom().and_then(|name| rows(caller.node(), name)).unwrap_or_default();
        Ok(caller.spawn(move |process| send_rows(process, to, rows)))
    });
    node.export("ets", "info", async |caller: Caller, (table, item): (Term, Atom)| {
        let table = table.as_atom().and_then(|name| describe(caller.node(), name));
        let found = table.as_ref().and_then(Term::as_list).unwrap_or_default().iter().find_map(|pair| {
            let [name, value] = pair.as_tuple()? else { return None };
            (name.as_atom() == Some(&item)).then(|| value.clone())
        });
        Ok(found.unwrap_or_else(super::undefined))
    });
}

async fn send_rows(process: Process, to: Pid, rows: Vec<Term>) -> Result<(), crate::process::Exit> {
    process.link(&to).await;
    let own = || Term::Pid(process.pid().clone());
    for chunk in rows.chunks(CHUNK) {
        let wrapped = Term::list(chunk.iter().map(|row| Term::list([row.clone()])));
        process.send(&to, Term::tuple([own(), wrapped])).await?;
    }
    process.send(&to, Term::tuple([own(), Term::Atom(atom!("$end_of_table"))])).await?;
    Ok(())
}

fn names(node: &Node) -> Vec<Atom> {
    let mut names = vec![atom!("registered_names"), atom!("exported_functions")];
    if !node.is_hidden() {
        names.push(atom!("global_names"));
    }
    if let Some(tables) = node.attached::<Tables>() {
        names.extend(tables.0.read().keys().filter_map(|name| Atom::new(name).ok()));
    }
    names
}

fn rows(node: &Node, table: &Atom) -> Option<Vec<Term>> {
    let shown = node.attached::<Tables>().and_then(|tables| tables.0.read().get(table.as_str()).cloned());
    if let Some(rows) = shown {
        return Some(rows());
    }
    let pair = |name: Term, pid: Pid| Term::tuple([name, Term::Pid(pid)]);
    Some(match table.as_str() {
        "registered_names" => {
            let names = node.registered().into_iter();
            names
                .filter_map(|name| Some(pair(Term::Atom(name.clone()), node.whereis(name.as_str())?)))
                .collect()
        }
        "exported_functions" => node
            .exported()
            .map(|(module, function, arity)| {
                let function = [Term::Atom(module), Term::Atom(function), Term::from(arity)];
                Term::tuple([Term::tuple(function)])
            })
            .collect(),
        "global_names" if !node.is_hidden() => {
            let names = node.global().registered_names().into_iter();
            names.filter_map(|name| Some(pair(name.clone(), node.global().whereis_name(name)?))).collect()
        }
        _ => return None,
    })
}

/// What there is to tell of a table.
fn describe(node: &Node, name: &Atom) -> Option<Term> {
    let rows = rows(node, name)?;
    let owner = node.whereis(kernel_sup::NAME).unwrap_or_else(|| node.pid().clone());
    Some(Term::list([
        entry(atom!("name"), name.clone()),
        entry(atom!("id"), atom!("ignore")),
        entry(atom!("protection"), atom!("protected")),
        entry(atom!("owner"), owner),
        entry(atom!("size"), rows.len()),
        entry(atom!("reg_name"), atom!("kernel_sup")),
        entry(atom!("type"), atom!("set")),
        entry(atom!("keypos"), 1),
        entry(atom!("heir"), atom!("none")),
        entry(atom!("memory"), rows.len() * size_of::<Term>()),
        entry(atom!("compressed"), false),
        entry(atom!("fixed"), false),
    ]))
}

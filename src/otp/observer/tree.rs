//! Which process started which: the picture of an application.
//!
//! A BEAM node draws it from links, beginning at the application's master; so it is here for the processes that a
//! process has started and is linked with. To the first process of the program belong all servers and supervisors, and
//! all processes with a name, that no other process is the parent of: what the program has started itself.
//!
//! ```text
//! {Root, [{Pid, Text}], [{ParentText, ChildText}], [{Text, Text}]}
//! ```
//!
//! The last are links between processes that are not parent and child. Processes are told apart by their texts, so these
//! are made to differ.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::appmon;
use crate::node::{Node, ProcessCell};
use crate::otp::application::Application;
use crate::otp::kernel_sup;
use crate::term::{Pid, Term};

/// More than that nobody could make out in a picture.
const MAX_SHOWN: usize = 10_000;

type Set<T> = HashSet<T, FixedState>;
type Children = HashMap<Pid, Vec<Arc<ProcessCell>>, FixedState>;

/// The tree of an application; four empty lists if there is none of this name.
pub(super) fn of_application(node: &Node, name: &Term) -> Term {
    let found = Application::all(node).into_iter().find(|found| Some(&found.name) == name.as_atom());
    let drawn = found.and_then(|application| draw(node, &application));
    drawn.unwrap_or_else(|| Term::tuple([Term::NIL, Term::NIL, Term::NIL, Term::NIL]))
}

fn draw(node: &Node, application: &Application) -> Option<Term> {
    let root = node.process_table().get(&application.master(node)?)?;
    let mut cells = node.process_table().all();
    // In the order in which they were started.
    cells.sort_unstable_by_key(|cell| (cell.pid.serial, cell.pid.id));
    let children = children(node, application, &root, cells);
    let mut shown: Vec<Arc<ProcessCell>> = Vec::new();
    let mut texts: HashMap<Pid, String, FixedState> = HashMap::default();
    let mut edges = Vec::new();
    let mut parents: Set<(Pid, Pid)> = Set::default();
    let mut queue = VecDeque::from([root.clone()]);
    while let Some(cell) = queue.pop_front() {
        if shown.len() >= MAX_SHOWN {
            break;
        }
        if texts.contains_key(&cell.pid) {
            continue;
        }
        texts.insert(cell.pid.clone(), text(node, &cell));
        for child in children.get(&cell.pid).into_iter().flatten() {
            edges.push((cell.pid.clone(), child.pid.clone()));
            parents.insert((cell.pid.clone(), child.pid.clone()));
            queue.push_back(child.clone());
        }
        shown.push(cell);
    }
    let text = |pid: &Pid| texts.get(pid).map(|text| Term::charlist(text));
    let pair = |(a, b): &(Pid, Pid)| Some(Term::tuple([text(a)?, text(b)?]));
    let mut links = Vec::new();
    for cell in &shown {
        let linked: Vec<Pid> = cell.state.lock().linked().cloned().collect();
        for other in linked {
            let is_edge = |a: &Pid, b: &Pid| parents.contains(&(a.clone(), b.clone()));
            // Each once.
            let first = (cell.pid.serial, cell.pid.id) < (other.serial, other.id);
            if first
                && texts.contains_key(&other)
                && !is_edge(&cell.pid, &other)
                && !is_edge(&other, &cell.pid)
            {
                links.push((cell.pid.clone(), other));
            }
        }
    }
    let pids =
        shown.iter().filter_map(|cell| Some(Term::tuple([Term::Pid(cell.pid.clone()), text(&cell.pid)?])));
    Some(Term::tuple([
        text(&root.pid)?,
        Term::list(pids),
        Term::list(edges.iter().filter_map(pair)),
        Term::list(links.iter().filter_map(pair)),
    ]))
}

/// The processes by those that they hang on.
fn children(
    node: &Node,
    application: &Application,
    root: &ProcessCell,
    cells: Vec<Arc<ProcessCell>>,
) -> Children {
    let services: Set<Pid> = kernel_sup::services(node).into_iter().map(|service| service.pid).collect();
    let of_services = node.whereis(kernel_sup::NAME).as_ref() == Some(&root.pid);
    // An application that is all the node runs.
    let is_alone = Application::all(node).len() == 1 && application.master(node).as_ref() == Some(&root.pid);
    let mut children = Children::default();
    for cell in cells {
        if cell.pid == root.pid {
            continue;
        }
        if services.contains(&cell.pid) {
            // Among them the first process of the program, which has its own tree.
            let other_root = node.whereis(crate::otp::application::CONTROLLER).as_ref() == Some(&cell.pid);
            if of_services && (!other_root || is_alone) {
                children.entry(root.pid.clone()).or_default().push(cell);
            }
            continue;
        }
        let parent = cell.parent.as_ref().and_then(|parent| node.process_table().get(parent));
        match parent {
            Some(parent) => {
                if cell.state.lock().is_linked(&parent.pid) {
                    children.entry(parent.pid.clone()).or_default().push(cell);
                }
            }
            None if of_services && !is_alone => {}
            None => {
                let name = node.names().name_of(&cell.pid);
                // Who looks is not part of the picture.
                let looks = name.as_ref().is_some_and(|name| name == appmon::NAME);
                if !looks && (cell.ancestors.is_some() || name.is_some()) {
                    children.entry(root.pid.clone()).or_default().push(cell);
                }
            }
        }
    }
    children
}

/// What the process is called in the picture: its name, or else its label or its type with its pid.
fn text(node: &Node, cell: &ProcessCell) -> String {
    if let Some(name) = node.names().name_of(&cell.pid) {
        return name.to_string();
    }
    let pid = format!("<0.{}.{}>", cell.pid.id, cell.pid.serial);
    match node.process_title(cell) {
        Some(title) => format!("{title} {pid}"),
        None => pid,
    }
}

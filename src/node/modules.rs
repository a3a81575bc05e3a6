//! What a BEAM knows of modules, told of what has their place here.
//!
//! Two things go by the name of a module: functions that are [exported](Node::export) as `Module:Function`, and the types
//! of servers, which are what their processes began with. Of both a BEAM node can ask `Module:module_info/0,1`, and its
//! tools do. The functions that are told of are those that can be called, and no others.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::FixedState;
use parking_lot::RwLock;

use super::Node;
use crate::atom;
use crate::term::{Atom, Term};

/// The types of servers that were started, with the behaviour that each has.
#[derive(Debug, Default)]
struct Behaviours(RwLock<HashMap<Atom, Atom, FixedState>>);

/// What `module_info/1` can be asked.
const ITEMS: [&str; 6] = ["module", "exports", "attributes", "compile", "md5", "functions"];

impl Node {
    /// Has it known that processes of `module` are of this behaviour: `gen_server` or `supervisor`.
    pub(crate) fn add_behaviour(&self, module: &Atom, behaviour: Atom) {
        let Some(behaviours) = self.attached::<Behaviours>() else {
            let first = HashMap::from_iter([(module.clone(), behaviour)]);
            return self.attach(Arc::new(Behaviours(RwLock::new(first))));
        };
        if !behaviours.0.read().contains_key(module) {
            behaviours.0.write().insert(module.clone(), behaviour);
        }
    }

    fn behaviour(&self, module: &Atom) -> Option<Atom> {
        self.attached::<Behaviours>()?.0.read().get(module).cloned()
    }

    /// Whether something of this node goes by the name of the module.
    pub(crate) fn is_module(&self, module: &Atom) -> bool {
        self.exports().has_module(module) || self.behaviour(module).is_some()
    }

    /// All of them, in alphabetical order.
    pub(crate) fn modules(&self) -> Vec<Atom> {
        let mut all = self.exports().modules();
        if let Some(behaviours) = self.attached::<Behaviours>() {
            all.extend(behaviours.0.read().keys().cloned());
        }
        all.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        all.dedup();
        all
    }

    /// `Module:module_info()`. `None` if there is no such module.
    pub(crate) fn module_info(&self, module: &Atom) -> Option<Term> {
        // The functions include those that only the module itself can call: here there are none.
        let items = ITEMS.iter().filter(|item| **item != "functions");
        let all = items.map(|item| {
            let name = Term::Atom(super::exports::to_atom(item));
            Some(Term::tuple([name, self.module_info_item(module, item)?]))
        });
        all.collect::<Option<Vec<_>>>().map(Term::list)
    }

    /// `Module:module_info(Item)`. `None` if there is no such module or item.
    pub(crate) fn module_info_item(&self, module: &Atom, item: &str) -> Option<Term> {
        if !self.is_module(module) {
            return None;
        }
        Some(match item {
            "module" => Term::Atom(module.clone()),
            "exports" | "functions" => {
                let own = [(atom!("module_info"), 0), (atom!("module_info"), 1)];
                let functions = self.exports().functions(module).into_iter().chain(own);
                Term::list(functions.map(|(name, arity)| Term::tuple([Term::Atom(name), Term::from(arity)])))
            }
            "attributes" => {
                let vsn = Term::list([Term::charlist(env!("CARGO_PKG_VERSION"))]);
                let vsn = Term::tuple([Term::Atom(atom!("vsn")), vsn]);
                let behaviour = self.behaviour(module).map(|behaviour| {
                    Term::tuple([Term::Atom(atom!("behaviour")), Term::list([Term::Atom(behaviour)])])
                });
                Term::list(std::iter::once(vsn).chain(behaviour))
            }
            "compile" => Term::list([Term::tuple([
                Term::Atom(atom!("version")),
                Term::charlist(env!("CARGO_PKG_VERSION")),
            ])]),
            // Of code that is not there.
            "md5" => Term::from(""),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_module_has_the_functions_that_can_be_called() {
        let node = Node::nonode();
        let info = |module: &'static str, item: &str| {
            node.module_info_item(&Atom::new(module).unwrap(), item).map(|value| value.to_string())
        };
        assert_eq!(info("mine", "exports"), None);
        node.export("mine", "f", async |_, (): ()| Ok(()));
        assert_eq!(info("mine", "exports").as_deref(), Some("[{f,0},{module_info,0},{module_info,1}]"));
        assert!(node.is_exported("mine", "module_info", 1));
        assert!(!node.is_exported("mine", "module_info", 2));
        assert_eq!(info("mine", "nothing"), None);
        node.add_behaviour(&atom!("Mine"), atom!("gen_server"));
        assert!(info("Mine", "attributes").unwrap().ends_with(",{behaviour,[gen_server]}]"));
        assert!(node.module_info(&atom!("Mine")).is_some());
        assert!(node.modules().contains(&atom!("Mine")));
    }
}

//! What every node has to know.

use std::collections::{BTreeMap, BTreeSet};

use super::member::ProcessKey;

/// The names and group members that there are.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Model {
    pub(crate) names: BTreeMap<String, ProcessKey>,
    /// By scope.
    pub(crate) members: BTreeMap<&'static str, BTreeSet<ProcessKey>>,
}

impl Model {
    /// A node is gone, and with it its processes.
    pub(crate) fn lose_node(&mut self, node: &str) {
        let is_there = |process: &ProcessKey| process.starts_with(&format!("{node}."));
        self.names.retain(|_, process| !is_there(process));
        self.members.values_mut().for_each(|members| members.retain(|member| !is_there(member)));
    }

    pub(crate) fn members(&self, scope: &str) -> Vec<ProcessKey> {
        self.members.get(scope).into_iter().flatten().cloned().collect()
    }

    /// A name whose process is on that node: the oldest.
    pub(crate) fn name_at(&self, node: &str) -> Option<String> {
        let mut names = self.names.iter().filter(|(_, process)| process.starts_with(&format!("{node}.")));
        names.next().map(|(name, _)| name.clone())
    }

    pub(crate) fn member_at(&self, scope: &str, node: &str) -> Option<ProcessKey> {
        let mut members = self.members.get(scope)?.iter();
        members.find(|member| member.starts_with(&format!("{node}."))).cloned()
    }

    pub(crate) fn remove_member(&mut self, scope: &str, member: &str) {
        if let Some(members) = self.members.get_mut(scope) {
            members.remove(member);
        }
    }
}

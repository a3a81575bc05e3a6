//! Functions that have this node join process groups, and look into them.

use std::time::Duration;

use erlnode::atom;
use erlnode::node::{Caller, Node, Raise};
use erlnode::otp::pg::Pg;
use erlnode::term::{Atom, Pid, Term};

use super::MODULE;
use super::echo::echo;

pub(super) fn export(node: &Node) {
    node.export(MODULE, "pg_join", async |caller: Caller, (group,): (Term,)| {
        join(caller.node(), caller.node().pg(), group).await
    });
    node.export(MODULE, "pg_join", async |caller: Caller, (scope, group): (Atom, Term)| {
        join(caller.node(), started(caller.node(), &scope)?, group).await
    });
    node.export(MODULE, "pg_members", async |caller: Caller, (group,): (Term,)| {
        Ok::<_, Raise>(caller.node().pg().members(group))
    });
    node.export(MODULE, "pg_members", async |caller: Caller, (scope, group): (Atom, Term)| {
        let is_new = caller.node().whereis(scope.as_str()).is_none();
        let scope = started(caller.node(), &scope)?;
        if is_new {
            first_answers(&scope, &group).await;
        }
        Ok::<_, Raise>(scope.members(group))
    });
}

async fn join(node: &Node, scope: Pg, group: Term) -> Result<Pid, Raise> {
    let pid = node.spawn(echo);
    scope.join(group, &pid).await?;
    Ok(pid)
}

/// The scope, which runs from its first use on.
fn started(node: &Node, scope: &Atom) -> Result<Pg, Raise> {
    let pg = node.pg_scope(scope.as_str());
    pg.start().map_err(|_| Raise::error(atom!("badarg")))?;
    Ok(pg)
}

/// Gives a scope that has just been started the moment in which other nodes tell what they have, so that the first look
/// shows it.
async fn first_answers(scope: &Pg, group: &Term) {
    let until_there = async {
        while scope.members(group.clone()).is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    // The group may be empty.
    let _ = tokio::time::timeout(Duration::from_millis(300), until_there).await;
}

//! The functions of OTP's module `pg`, for those who call them here: by `rpc`, `erpc` or spawn.
//!
//! They are called with a scope as their first argument, or without one, for the scope `pg`. Those that fail do so as
//! on a BEAM node: `{nolocal, Pid}`, `noproc`, `function_clause`.

use serde::{Deserialize, Deserializer, Serialize};

use super::{Pg, PgError};
use crate::atom;
use crate::node::{Caller, Node, Raise};
use crate::otp::gen_server::CallError;
use crate::term::{Atom, Pid, Reference, Term};

const PG: &str = "pg";

pub(super) fn export(node: &Node) {
    node.export(PG, "start", async |caller: Caller, (scope,): (Atom,)| start(&caller, scope));
    node.export(PG, "start_link", async |caller: Caller, (scope,): (Atom,)| start(&caller, scope));
    node.export(PG, "start_link", async |caller: Caller, ()| start(&caller, atom!("pg")));
    export_changes(node);
    export_reads(node);
    export_monitors(node);
}

fn export_changes(node: &Node) {
    node.export(PG, "join", async |mut caller: Caller, (group, pids): (Term, PidOrPids)| {
        change(&mut caller, atom!("pg"), "join_local", group, pids).await
    });
    node.export(PG, "join", async |mut caller: Caller, (scope, group, pids): (Atom, Term, PidOrPids)| {
        change(&mut caller, scope, "join_local", group, pids).await
    });
    node.export(PG, "leave", async |mut caller: Caller, (group, pids): (Term, PidOrPids)| {
        change(&mut caller, atom!("pg"), "leave_local", group, pids).await
    });
    node.export(PG, "leave", async |mut caller: Caller, (scope, group, pids): (Atom, Term, PidOrPids)| {
        change(&mut caller, scope, "leave_local", group, pids).await
    });
}

/// Exports a function with and without its first argument, the scope.
macro_rules! export_read {
    ($node:ident, $name:literal, |$scope:ident $(, $argument:ident: $kind:ty)?| $value:expr) => {
        $node.export(PG, $name, async |caller: Caller, ($($argument,)?): ($($kind,)?)| {
            let $scope = caller.node().pg();
            $value
        });
        $node.export(PG, $name, async |caller: Caller, (scope, $($argument)?): (Atom, $($kind)?)| {
            let $scope = Pg::of(caller.node(), scope);
            $value
        });
    };
}

fn export_reads(node: &Node) {
    export_read!(node, "get_members", |pg, group: Term| Ok::<_, Raise>(pg.members(group)));
    export_read!(node, "get_local_members", |pg, group: Term| Ok::<_, Raise>(pg.local_members(group)));
    // The table of a scope that does not run can't be read.
    export_read!(node, "which_groups", |pg| {
        pg.read(|groups| groups.names().cloned().collect::<Vec<_>>()).ok_or_else(badarg)
    });
    export_read!(node, "which_local_groups", |pg| {
        pg.read(|groups| groups.local_names().cloned().collect::<Vec<_>>()).ok_or_else(badarg)
    });
}

fn badarg() -> Raise {
    Raise::error(atom!("badarg"))
}

fn export_monitors(node: &Node) {
    node.export(PG, "monitor", async |mut caller: Caller, (group,): (Term,)| {
        call(&mut caller, atom!("pg"), request("monitor", [group])).await
    });
    node.export(PG, "monitor", async |mut caller: Caller, (scope, group): (Atom, Term)| {
        call(&mut caller, scope, request("monitor", [group])).await
    });
    node.export(PG, "monitor_scope", async |mut caller: Caller, ()| {
        call(&mut caller, atom!("pg"), atom!("monitor").into()).await
    });
    node.export(PG, "monitor_scope", async |mut caller: Caller, (scope,): (Atom,)| {
        call(&mut caller, scope, atom!("monitor").into()).await
    });
    node.export(PG, "demonitor", async |mut caller: Caller, (reference,): (Reference,)| {
        call(&mut caller, atom!("pg"), request("demonitor", [reference.into()])).await
    });
    node.export(PG, "demonitor", async |mut caller: Caller, (scope, reference): (Atom, Reference)| {
        call(&mut caller, scope, request("demonitor", [reference.into()])).await
    });
}

/// `{ok, Pid}`, or `{error, Reason}`.
fn start(caller: &Caller, scope: Atom) -> Result<Term, Raise> {
    let pair = |tag: Atom, value: Term| Term::tuple([tag.into(), value]);
    let scope = Pg::of(caller.node(), scope);
    Ok(match (caller.node().whereis(scope.name.as_str()), scope.start()) {
        (None, Ok(pid)) => pair(atom!("ok"), pid.into()),
        (Some(pid), _) => pair(atom!("error"), pair(atom!("already_started"), pid.into())),
        (None, Err(_)) => return Err(badarg()),
    })
}

/// A pid or a list of anything.
#[derive(Serialize)]
#[serde(transparent)]
struct PidOrPids(Term);

impl<'de> Deserialize<'de> for PidOrPids {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PidOrPids, D::Error> {
        match Term::deserialize(deserializer)? {
            term @ (Term::Pid(_) | Term::List(_)) => Ok(PidOrPids(term)),
            _ => Err(serde::de::Error::custom("expected a pid or a list of pids")),
        }
    }
}

async fn change(
    caller: &mut Caller,
    scope: Atom,
    what: &str,
    group: Term,
    PidOrPids(pids): PidOrPids,
) -> Result<Term, Raise> {
    let own = caller.node().name().as_atom().clone();
    let is_foreign = |term: &&Term| !matches!(term, Term::Pid(Pid { node, .. }) if *node == own);
    let foreign = match &pids {
        Term::List(list) => list.iter().find(is_foreign),
        pid => Some(pid).filter(is_foreign),
    };
    if let Some(foreign) = foreign {
        return Err(Raise::error(Term::tuple([atom!("nolocal").into(), foreign.clone()])));
    }
    call(caller, scope, request(what, [group, pids])).await
}

fn request<const N: usize>(what: &str, parts: [Term; N]) -> Term {
    let tag = Term::Atom(Atom::new(what).expect("a short name"));
    Term::tuple(std::iter::once(tag).chain(parts).collect::<Vec<_>>())
}

/// As `gen_server:call(Scope, Request, infinity)`.
async fn call(caller: &mut Caller, scope: Atom, request: Term) -> Result<Term, Raise> {
    let result = super::call(caller, &scope, request.clone()).await;
    result.map_err(|error: CallError| {
        let arguments = Term::list([scope.into(), request, atom!("infinity").into()]);
        let call = Term::tuple([atom!("gen_server").into(), atom!("call").into(), arguments]);
        Raise::exit(Term::tuple([error.reason(), call]))
    })
}

/// What a function that calls `pg` fails with on a BEAM node.
impl From<PgError> for Raise {
    fn from(error: PgError) -> Raise {
        match error {
            PgError::NotLocal(pid) => Raise::error(Term::tuple([atom!("nolocal").into(), pid.into()])),
            error => Raise::exit(error.reason()),
        }
    }
}

//! The functions of the module `global` that other nodes may call, by `rpc` and its like.
//!
//! | function | differs from a BEAM's |
//! | --- | --- |
//! | `whereis_name/1`, `registered_names/0`, `send/2`, `sync/0,1`, `disconnect/0` | |
//! | `register_name/2,3`, `re_register_name/2,3`, `unregister_name/1` | |
//! | `set_lock/1,2,3`, `del_lock/1,2` | by the process that runs the call, so that a lock goes with its end |
//! | `trans/2,3,4` | the fun has to be `fun M:F/0` of an exported function; the lock is held by another process |
//! | `info/0` | has no resolvers and syncers |
//! | `resolve_it/4` and the methods | in [`resolve`](super::resolve) |

use std::future::pending;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::calls::multi_call;
use super::handle::GlobalError;
use super::lock::{LockError, own_and_visible, set_lock_retrying};
use super::message::{Call, LockId};
use super::registrar::Change;
use super::resolve::Resolver;
use super::server::Shared;
use crate::atom;
use crate::node::{Caller, Node, Raise, SendError};
use crate::term::etf::Encoded;
use crate::term::{Atom, ExternalFun, Fun, Integer, Pid, Term};

const MODULE: &str = "global";

pub(super) fn export(node: &Node) {
    export_names(node);
    export_locks(node);
}

fn export_names(node: &Node) {
    node.export(MODULE, "whereis_name", async |caller: Caller, (name,): (Term,)| {
        Ok(caller.node().global().whereis_name(name))
    });
    node.export(MODULE, "registered_names", async |caller: Caller, ()| {
        Ok(caller.node().global().registered_names())
    });
    node.export(MODULE, "send", async |caller: Caller, (name, message): (Term, Encoded)| {
        let Some(pid) = caller.node().global().whereis_name(name.clone()) else {
            let badarg = [atom!("badarg").into(), Term::tuple([name, message.to_term()?])];
            return Err(Raise::exit(Term::tuple(badarg)));
        };
        match caller.send(&pid, message).await {
            Ok(()) | Err(SendError::NoConnection(_) | SendError::ConnectionLost(_)) => Ok(pid),
            Err(error) => Err(Raise::from(error)),
        }
    });
    node.export(MODULE, "register_name", async |caller: Caller, (name, pid): (Term, Pid)| {
        change(&caller, Change::Register { name, pid, method: Resolver::default().to_term() }).await
    });
    node.export(MODULE, "register_name", async |caller: Caller, (name, pid, method): (Term, Pid, Method)| {
        change(&caller, Change::Register { name, pid, method: method.0 }).await
    });
    node.export(MODULE, "re_register_name", async |caller: Caller, (name, pid): (Term, Pid)| {
        change(&caller, Change::ReRegister { name, pid, method: Resolver::default().to_term() }).await
    });
    node.export(
        MODULE,
        "re_register_name",
        async |caller: Caller, (name, pid, method): (Term, Pid, Method)| {
            change(&caller, Change::ReRegister { name, pid, method: method.0 }).await
        },
    );
    node.export(MODULE, "unregister_name", async |caller: Caller, (name,): (Term,)| {
        caller.node().global().unregister_name(name).await.map_err(|_| noproc())?;
        Ok(atom!("ok"))
    });
    node.export(MODULE, "sync", async |caller: Caller, ()| {
        caller.node().global().sync().await.map_err(|_| noproc())?;
        Ok(atom!("ok"))
    });
    node.export(MODULE, "sync", async |caller: Caller, (nodes,): (Vec<Atom>,)| {
        caller.node().global().sync_with(Some(nodes)).await.map_err(|_| noproc())?;
        Ok(atom!("ok"))
    });
    node.export(MODULE, "disconnect", async |caller: Caller, ()| {
        caller.node().global().disconnect().await.map_err(|_| noproc())
    });
    node.export(MODULE, "info", async |caller: Caller, ()| {
        Ok(caller.node().attached::<Shared>().ok_or_else(noproc)?.state())
    });
}

fn export_locks(node: &Node) {
    node.export(MODULE, "set_lock", async |mut caller: Caller, (id,): (LockId,)| {
        let nodes = own_and_visible(caller.node());
        set_lock(&mut caller, &id, &nodes, None).await
    });
    node.export(MODULE, "set_lock", async |mut caller: Caller, (id, nodes): (LockId, Vec<Atom>)| {
        set_lock(&mut caller, &id, &nodes, None).await
    });
    node.export(
        MODULE,
        "set_lock",
        async |mut caller: Caller, (id, nodes, retries): (LockId, Vec<Atom>, Retries)| {
            set_lock(&mut caller, &id, &nodes, retries.0).await
        },
    );
    node.export(MODULE, "del_lock", async |mut caller: Caller, (id,): (LockId,)| {
        let nodes = own_and_visible(caller.node());
        multi_call(&mut caller, nodes, &Call::DelLock(id)).await;
        Ok(true)
    });
    node.export(MODULE, "del_lock", async |mut caller: Caller, (id, nodes): (LockId, Vec<Atom>)| {
        multi_call(&mut caller, nodes, &Call::DelLock(id)).await;
        Ok(true)
    });
    node.export(MODULE, "trans", async |caller: Caller, (id, fun): (LockId, Term)| {
        let nodes = own_and_visible(caller.node());
        trans(caller, id, fun, nodes, None).await
    });
    node.export(MODULE, "trans", async |caller: Caller, (id, fun, nodes): (LockId, Term, Vec<Atom>)| {
        trans(caller, id, fun, nodes, None).await
    });
    node.export(
        MODULE,
        "trans",
        async |caller: Caller, (id, fun, nodes, retries): (LockId, Term, Vec<Atom>, Retries)| {
            trans(caller, id, fun, nodes, retries.0).await
        },
    );
}

async fn change(caller: &Caller, change: Change) -> Result<Atom, Raise> {
    match caller.node().global().transaction(change).await {
        Ok(()) => Ok(atom!("yes")),
        Err(GlobalError::NameTaken | GlobalError::HasName) => Ok(atom!("no")),
        Err(GlobalError::NotRunning) => Err(noproc()),
    }
}

async fn set_lock(
    caller: &mut Caller,
    id: &LockId,
    nodes: &[Atom],
    retries: Option<u32>,
) -> Result<bool, Raise> {
    let shared = caller.node().attached::<Shared>().ok_or_else(noproc)?;
    Ok(set_lock_retrying(caller, &shared, id, nodes, retries, pending()).await == Some(true))
}

async fn trans(
    caller: Caller,
    id: LockId,
    fun: Term,
    nodes: Vec<Atom>,
    retries: Option<u32>,
) -> Result<Encoded, Raise> {
    let node = caller.node().clone();
    let mut lock = node.global().set_lock(id.resource).requester(id.requester).nodes(nodes);
    if let Some(retries) = retries {
        lock = lock.retries(retries);
    }
    match lock.await {
        Ok(lock) => {
            let result = node.apply_fun(caller, fun, Vec::new()).await;
            lock.del().await;
            result
        }
        Err(LockError::Taken) => Ok(Encoded::from_term(&atom!("aborted").into())?),
        Err(LockError::NotRunning) => Err(noproc()),
    }
}

fn noproc() -> Raise {
    Raise::exit(atom!("noproc"))
}

/// A non-negative integer, or `infinity`.
struct Retries(Option<u32>);

impl<'de> Deserialize<'de> for Retries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Retries, D::Error> {
        match Term::deserialize(deserializer)? {
            // More than can be counted is as good as for ever.
            Term::Integer(retries) if retries >= Integer::from(0) => {
                Ok(Retries(u32::try_from(&retries).ok()))
            }
            Term::Atom(infinity) if infinity == "infinity" => Ok(Retries(None)),
            _ => Err(D::Error::custom("expected a number of retries, or infinity")),
        }
    }
}

/// A fun of three arguments, or `{Module, Function}` for one.
struct Method(Term);

impl<'de> Deserialize<'de> for Method {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Method, D::Error> {
        let method = Term::deserialize(deserializer)?;
        if let Some([Term::Atom(module), Term::Atom(function)]) = method.as_tuple() {
            let (module, function) = (module.clone(), function.clone());
            let fun = ExternalFun { module, function, arity: 3 };
            return Ok(Method(Term::Fun(Fun::External(std::sync::Arc::new(fun)))));
        }
        match &method {
            Term::Fun(Fun::External(fun)) if fun.arity == 3 => Ok(Method(method)),
            Term::Fun(Fun::Local(fun)) if fun.arity == 3 => Ok(Method(method)),
            _ => Err(D::Error::custom("expected a fun of three arguments")),
        }
    }
}

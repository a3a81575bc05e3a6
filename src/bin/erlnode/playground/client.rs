//! Functions by which a shell on another node has this one act as a client.

use std::time::Duration;

use erlnode::atom;
use erlnode::node::{Caller, Class, Dest, Node, Raise, SendError};
use erlnode::otp::ErpcError;
use erlnode::term::etf::Encoded;
use erlnode::term::{Atom, Term};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::MODULE;

pub(super) fn export(node: &Node) {
    node.export(MODULE, "connect", async |caller: Caller, (node,): (Atom,)| {
        Ok::<_, Raise>(caller.node().connect(node.as_str()).await.is_ok())
    });
    node.export(MODULE, "disconnect", async |caller: Caller, (node,): (Atom,)| {
        Ok::<_, Raise>(caller.node().disconnect(node.as_str()).await)
    });
    node.export(MODULE, "ping", async |caller: Caller, (node,): (Atom,)| {
        Ok::<_, Raise>(match caller.node().ping(node.as_str()).await {
            Ok(()) => atom!("pong"),
            Err(_) => atom!("pang"),
        })
    });
    node.export(MODULE, "send", async |caller: Caller, (to, message): (Dest, Encoded)| {
        match caller.send(to, message).await {
            // As in Erlang: what can't be reached gets nothing, and the sender is not told.
            Ok(()) | Err(SendError::NoConnection(_) | SendError::ConnectionLost(_)) => Ok(()),
            Err(error) => Err(Raise::from(error)),
        }
    });
    node.export(MODULE, "call", async |mut caller: Caller, (to, request, ms): (Dest, Encoded, Timeout)| {
        let result = caller.call::<_, Encoded>(to, request).timeout(ms.0).await;
        Ok::<_, Raise>(result.map_err(|error| error.reason()))
    });
    node.export(MODULE, "rpc", async |caller: Caller, (node, m, f, args, ms): RpcArguments| {
        let call = caller.node().erpc(node.as_str()).call::<_, Term>(m.as_str(), f.as_str(), args);
        Ok::<_, Raise>(call.timeout(ms.0).await.map_err(|error| class_and_reason(&error)))
    });
    node.export(MODULE, "spawn", async |mut caller: Caller, (node, m, f, args): SpawnArguments| {
        caller.spawn_at(node.as_str(), m.as_str(), f.as_str(), args).await.map_err(Raise::from)
    });
}

type SpawnArguments = (Atom, Atom, Atom, Vec<Encoded>);
type RpcArguments = (Atom, Atom, Atom, Vec<Encoded>, Timeout);

/// As `catch` would show what `erpc:call/5` raises.
fn class_and_reason(error: &ErpcError) -> (Atom, Term) {
    let (class, reason) = error.class_and_reason();
    let class = match class {
        Class::Error => atom!("error"),
        Class::Exit => atom!("exit"),
        Class::Throw => atom!("throw"),
    };
    (class, reason)
}

/// Milliseconds, or `infinity`.
struct Timeout(Duration);

impl<'de> Deserialize<'de> for Timeout {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Timeout, D::Error> {
        let ms = match Term::deserialize(deserializer)? {
            Term::Integer(ms) => u32::try_from(&ms).ok(),
            Term::Atom(infinity) if infinity == "infinity" => Some(u32::MAX),
            _ => None,
        };
        let ms = ms.ok_or_else(|| D::Error::custom("expected a timeout in milliseconds, or infinity"))?;
        Ok(Timeout(Duration::from_millis(ms.into())))
    }
}

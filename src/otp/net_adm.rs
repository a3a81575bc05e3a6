//! Whether another node is there, as OTP's module `net_adm` asks.
//!
//! A connection proves only that the other machine answers. So the node is asked, too: `net_kernel`, which every node
//! has, replies `yes` to `{is_auth, Node}`.

use std::time::Duration;

use super::r#gen::CallError;
use crate::atom;
use crate::dist::NodeName;
use crate::node::{ConnectError, Node};
use crate::term::{Atom, Term};

/// Longer than any program runs.
const FOREVER: Duration = Duration::from_secs(u32::MAX as u64);

/// Why a node did not answer: OTP's `pang`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PingError {
    /// There is no connection to it.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// It is connected, but does not answer as a node does.
    #[error("{node} is connected, but its net_kernel does not answer: {error}")]
    NoAnswer {
        /// The node.
        node: Atom,
        /// What the call came to.
        error: CallError,
    },
}

impl Node {
    /// Asks `node` whether it is there, connecting to it if need be. `Ok` is `pong`, an error `pang`.
    ///
    /// It waits for as long as the node is connected.
    ///
    /// # Errors
    /// [`PingError`] says why there is no answer. A node that does not answer is disconnected.
    ///
    /// Does what `net_adm:ping/1` does.
    pub async fn ping(&self, node: &str) -> Result<(), PingError> {
        let node = NodeName::new(node).map_err(ConnectError::Name)?.as_atom().clone();
        self.connect(node.as_str()).await?;
        let request = (atom!("is_auth"), self.name().as_atom().clone());
        let reply = self.call::<_, Term>((atom!("net_kernel"), node.clone()), request).timeout(FOREVER).await;
        match reply {
            Ok(_) => Ok(()),
            Err(error) => {
                self.disconnect(node.as_str()).await;
                Err(PingError::NoAnswer { node, error })
            }
        }
    }
}

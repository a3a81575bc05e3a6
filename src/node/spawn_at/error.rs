//! Why no process was started.

use crate::atom;
use crate::node::{ConnectError, Raise, SendError};
use crate::process::Exit;
use crate::term::Atom;

/// Why no process was started.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// There is no connection to the node, and none could be made: no process was started.
    #[error(transparent)]
    NoConnection(ConnectError),
    /// The connection was lost before the answer: whether a process was started is not known.
    #[error("the connection to {0} ended")]
    ConnectionLost(Atom),
    /// The node refused, for instance with `system_limit`.
    #[error("the node refused to start the process: {0}")]
    Refused(Atom),
    /// The request could not be sent.
    #[error(transparent)]
    Send(SendError),
}

impl SpawnError {
    /// The reason that Erlang has for it, as in a `spawn_reply`.
    #[must_use]
    pub fn reason(&self) -> Atom {
        match self {
            SpawnError::NoConnection(_) | SpawnError::ConnectionLost(_) => atom!("noconnection"),
            SpawnError::Refused(reason) => reason.clone(),
            SpawnError::Send(SendError::Control(_)) => atom!("notsup"),
            SpawnError::Send(_) => atom!("badarg"),
        }
    }
}

impl From<SendError> for SpawnError {
    fn from(error: SendError) -> SpawnError {
        match error {
            SendError::NoConnection(error) => SpawnError::NoConnection(error),
            SendError::ConnectionLost(node) => SpawnError::ConnectionLost(node),
            error => SpawnError::Send(error),
        }
    }
}

impl From<SpawnError> for Exit {
    fn from(error: SpawnError) -> Exit {
        Exit::new(error.reason())
    }
}

impl From<SpawnError> for Raise {
    fn from(error: SpawnError) -> Raise {
        Raise::error(error.reason())
    }
}

//! Names of the whole cluster, as destinations: `global` itself is a service above the node.

use super::{Dest, Node, SendError};
use crate::term::{Pid, Term};

/// Looks up a global name; [attached](super::attached) by the service that knows them.
pub(crate) struct GlobalNames(pub(crate) fn(&Node, &Term) -> Option<Pid>);

impl Node {
    /// The process of a global name.
    pub(crate) fn whereis_global(&self, name: &Term) -> Option<Pid> {
        self.attached::<GlobalNames>().and_then(|names| (names.0)(self, name))
    }

    /// Puts the process in the place of its global name.
    pub(super) fn resolve_global(&self, dest: Dest) -> Result<Dest, SendError> {
        match dest {
            Dest::Global(name) => match self.whereis_global(&name) {
                Some(pid) => Ok(Dest::Pid(pid)),
                None => Err(SendError::NotRegisteredGlobally(name)),
            },
            dest => Ok(dest),
        }
    }
}

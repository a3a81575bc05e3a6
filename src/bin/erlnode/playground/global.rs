//! Functions by which a shell on another node has this one register and look up global names.

use erlnode::atom;
use erlnode::node::{Caller, Node, Raise};
use erlnode::otp::global::GlobalError;
use erlnode::term::Term;

use super::MODULE;
use super::echo::echo;

pub(super) fn export(node: &Node) {
    node.export(MODULE, "register_global", async |caller: Caller, (name,): (Term,)| {
        let pid = caller.node().spawn(echo);
        match caller.node().global().register_name(name, &pid).await {
            Ok(()) => Ok(atom!("yes")),
            Err(GlobalError::NameTaken | GlobalError::HasName) => {
                // Nobody knows of the process.
                caller.exit(&pid, atom!("kill")).await;
                Ok(atom!("no"))
            }
            Err(error) => Err(Raise::error(error.to_string())),
        }
    });
    node.export(MODULE, "whereis_global", async |caller: Caller, (name,): (Term,)| {
        Ok::<_, Raise>(caller.node().global().whereis_name(name))
    });
}

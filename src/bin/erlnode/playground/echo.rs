//! `echo`: gives back what it gets.

use erlnode::node::{Dest, Process};
use erlnode::process::Exit;
use erlnode::term::etf::Encoded;

/// Answers `{From, Payload}` with `Payload`, if `From` is a pid or an alias.
///
/// The payload is never decoded: what came from another node goes back as the bytes that came.
pub(super) async fn echo(mut process: Process) -> Result<(), Exit> {
    loop {
        let message = process.receive().await;
        if let Ok((from @ (Dest::Pid(_) | Dest::Alias(_)), payload)) = message.decode::<(Dest, Encoded)>() {
            // Whoever asked may be gone, and its node with it.
            let _ = process.send(from, payload).await;
        }
    }
}

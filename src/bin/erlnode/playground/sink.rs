//! `sink`: counts what it gets.

use erlnode::atom;
use erlnode::node::{Dest, Process};
use erlnode::process::Exit;
use erlnode::term::Atom;

/// Counts messages; answers `{report, From}` with `{sink, Count}` and starts again from 0.
pub(super) async fn sink(mut process: Process) -> Result<(), Exit> {
    let mut count: u64 = 0;
    loop {
        let message = process.receive().await;
        let is_report = matches!(message.tag_and_arity(), Some((tag, 2)) if tag == "report");
        match is_report.then(|| message.decode::<(Atom, Dest)>()) {
            Some(Ok((_, from))) => {
                // Whoever asked may be gone; what was counted was told all the same.
                let _ = process.send(from, (atom!("sink"), count)).await;
                count = 0;
            }
            Some(Err(_)) | None => count += 1,
        }
    }
}

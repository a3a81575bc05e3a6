//! `source`: sends as much as it is asked for.

use erlnode::atom;
use erlnode::node::{Dest, Process, SendError};
use erlnode::process::Exit;
use erlnode::term::etf::Encoded;

/// After so many messages others get their turn, also when nothing makes the sender wait.
const SENDS_A_TURN: u64 = 1024;

/// Answers `{From, N, Payload}` by sending `Payload` N times, then `done`.
pub(super) async fn source(mut process: Process) -> Result<(), Exit> {
    loop {
        let message = process.receive().await;
        if let Ok((from, times, payload)) = message.decode::<(Dest, u64, Encoded)>() {
            // Without a connection to whoever asked there is nothing left to do for it.
            let _ = send_times(&process, &from, times, &payload).await;
        }
    }
}

async fn send_times(process: &Process, to: &Dest, times: u64, payload: &Encoded) -> Result<(), SendError> {
    for sent in 1..=times {
        process.send(to.clone(), payload.clone()).await?;
        if sent % SENDS_A_TURN == 0 {
            tokio::task::yield_now().await;
        }
    }
    process.send(to.clone(), atom!("done")).await
}

//! `erlnode ping`: whether a node is there, and if not, why.

use std::process::ExitCode;

use clap::Args;

use crate::visit::Visit;

/// Ask a node whether it is there: prints pong, or pang and the reason.
#[derive(Debug, Args)]
pub(crate) struct Ping {
    #[command(flatten)]
    visit: Visit,
}

impl Ping {
    pub(crate) async fn run(self) -> ExitCode {
        let mut ponged = false;
        let status = self
            .visit
            .run(async |node, to| match node.ping(to).await {
                Ok(()) => {
                    ponged = true;
                    ExitCode::SUCCESS
                }
                Err(error) => crate::fail(&error),
            })
            .await;
        // At the end, as it is the answer to all that can go wrong, lack of time included.
        crate::print(format_args!("{}\n", if ponged { "pong" } else { "pang" }));
        status
    }
}

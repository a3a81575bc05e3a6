//! `erlnode names`: which nodes a machine has.

use std::process::ExitCode;

use clap::Args;
use erlnode::epmd::message::Listing;
use erlnode::epmd::{Address, Client, default_port};

/// List the nodes that are registered on a machine.
#[derive(Debug, Args)]
pub(crate) struct Names {
    /// The machine to ask: a host name or an address.
    #[arg(default_value = "localhost")]
    host: String,
    /// The port of its epmd [env: ERL_EPMD_PORT] [default: 4369].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
}

impl Names {
    pub(crate) async fn run(self) -> ExitCode {
        crate::log("warn");
        let address = Address::new(self.host, self.port.unwrap_or_else(default_port));
        match Client::new(address).names().await {
            Ok(listing) => {
                print(&listing);
                ExitCode::SUCCESS
            }
            Err(error) => crate::fail(&error),
        }
    }
}

/// Prints nodes as `epmd -names` does.
pub(crate) fn print(listing: &Listing) {
    let mut text = format!("epmd: up and running on port {} with data:\n", listing.epmd_port);
    for node in &listing.nodes {
        text.push_str(&format!("name {} at port {}\n", node.name, node.port));
    }
    crate::print(format_args!("{text}"));
}

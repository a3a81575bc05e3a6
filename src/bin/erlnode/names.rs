//! `erlnode names`: which nodes a machine has.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use erlnode::epmd::message::{ListedNode, Listing};
use erlnode::epmd::{Address, Client, Error, NodeType, default_port};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How many nodes are looked up at once.
const LOOKUPS: usize = 16;

/// List the nodes that are registered on a machine.
#[derive(Debug, Args)]
pub(crate) struct Names {
    /// The machine to ask: a host name or an address.
    #[arg(default_value = "localhost")]
    host: String,
    /// The port of its epmd [env: ERL_EPMD_PORT] [default: 4369].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Print all that epmd knows of the nodes, as one JSON object: type, versions, and the facts that they publish.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Machine {
    host: String,
    epmd_port: u16,
    /// The one registered last first.
    nodes: Vec<Node>,
}

/// A node; of one that ended since it was listed there is only the first part.
#[derive(Debug, Serialize)]
struct Node {
    name: String,
    port: u16,
    #[serde(flatten)]
    details: Option<Details>,
}

#[derive(Debug, Serialize)]
struct Details {
    r#type: Type,
    protocol: u8,
    highest_version: u16,
    lowest_version: u16,
    facts: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Type {
    Normal,
    Hidden,
    #[serde(untagged)]
    Other(u8),
}

impl Names {
    pub(crate) async fn run(self) -> ExitCode {
        crate::log("warn");
        let address = Address::new(self.host, self.port.unwrap_or_else(default_port));
        let client = Client::new(address);
        let printed = match client.names().await {
            Ok(listing) if self.json => print_json(client, listing).await,
            Ok(listing) => {
                print(&listing);
                Ok(())
            }
            Err(error) => Err(error),
        };
        printed.map_or_else(|error| crate::fail(&error), |()| ExitCode::SUCCESS)
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

async fn print_json(client: Client, listing: Listing) -> Result<(), Error> {
    let turns = Arc::new(Semaphore::new(LOOKUPS));
    let mut lookups = JoinSet::new();
    for (place, listed) in listing.nodes.into_iter().enumerate() {
        let (client, turns) = (client.clone(), Arc::clone(&turns));
        lookups.spawn(async move {
            let _turn = turns.acquire().await;
            Ok((place, look_up(&client, listed).await?))
        });
    }
    let found: Result<BTreeMap<usize, Node>, Error> = lookups.join_all().await.into_iter().collect();
    let nodes = found?.into_values().collect();
    let machine = Machine { host: client.address().host.clone(), epmd_port: listing.epmd_port, nodes };
    match serde_json::to_string_pretty(&machine) {
        Ok(text) => crate::print(format_args!("{text}\n")),
        Err(error) => tracing::error!(%error, "cannot write JSON"),
    }
    Ok(())
}

async fn look_up(client: &Client, listed: ListedNode) -> Result<Node, Error> {
    let found = match client.port_please(&listed.name).await {
        // OTP's epmd gives no answer for a name of 255 characters.
        Err(Error::Closed { .. }) => None,
        found => found?,
    };
    let details = found.map(|entry| Details {
        r#type: match entry.node_type() {
            NodeType::NORMAL => Type::Normal,
            NodeType::HIDDEN => Type::Hidden,
            NodeType(other) => Type::Other(other),
        },
        protocol: entry.protocol(),
        highest_version: entry.highest_version(),
        lowest_version: entry.lowest_version(),
        facts: entry.facts().into_iter().collect(),
    });
    Ok(Node { name: listed.name, port: listed.port, details })
}

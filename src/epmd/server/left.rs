//! Names that an earlier server left in the table, see [`table`](crate::epmd::table).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::state::{State, TableFault};
use crate::epmd::table::Table;

/// How long a node may take to accept a connection before it counts as gone. It is on this machine.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Drops left names of nodes that are gone, for as long as the server lives.
pub(super) async fn watch<T: Table>(state: Arc<State<T>>) {
    let ended = state.ended();
    tokio::pin!(ended);
    tokio::select! {
        () = &mut ended => {}
        () = check_again_and_again(&state) => {}
    }
}

async fn check_again_and_again<T: Table>(state: &State<T>) {
    loop {
        // First of all the nodes get time to register again.
        sleep(state.limits.left_names_check).await;
        match state.drop_left_names().await {
            // There will be none until a name cannot be given back.
            Ok(0) => state.name_left.notified().await,
            Ok(left) => tracing::debug!(left, "names without a connection, whose nodes are there"),
            Err(error) => tracing::warn!(%error, "cannot check the names that are left"),
        }
    }
}

impl<T: Table> State<T> {
    /// Gives how many names are left whose nodes are there.
    async fn drop_left_names(&self) -> Result<usize, TableFault> {
        let mut alive = 0;
        for (entry, owner) in self.ask(self.table.active()).await? {
            let name = entry.name();
            if self.holders.lock().await.contains_key(name) {
                continue;
            }
            if self.takes_connections(entry.port()).await {
                alive += 1;
                continue;
            }
            // The node may have registered again meanwhile.
            let holders = self.holders.lock().await;
            if !holders.contains_key(name) && self.ask(self.table.unregister(name, owner)).await? {
                tracing::info!(%name, port = entry.port(), "dropped a name that was left: its node is gone");
            }
        }
        Ok(alive)
    }

    /// Whether a program of this machine takes connections on a port.
    pub(super) async fn takes_connections(&self, port: u16) -> bool {
        for ip in &self.node_addresses {
            let connecting = TcpStream::connect(SocketAddr::new(*ip, port));
            if matches!(timeout(CONNECT_TIMEOUT, connecting).await, Ok(Ok(_))) {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::net::TcpListener;

    use super::*;
    use crate::epmd::message::{KillReply, StopReply};
    use crate::epmd::names::{NameTaken, Owner};
    use crate::epmd::server::Builder;
    use crate::epmd::table::{MemoryTable, UnusedName};
    use crate::epmd::{Address, Client, Error, NodeEntry, Server};
    use crate::term::Creation;

    const SOON: Duration = Duration::from_millis(5);

    /// How long to wait for what comes at once on a machine that is not busy.
    const PATIENCE: Duration = Duration::from_secs(60);

    fn client<T: Table>(server: &Server<T>) -> Client {
        Client::new(Address::new("localhost", server.port()))
    }

    fn builder(table: &Arc<MemoryTable>) -> Builder<Arc<MemoryTable>> {
        Server::builder().port(0).table(Arc::clone(table))
    }

    fn port_of(node: &TcpListener) -> u16 {
        node.local_addr().unwrap().port()
    }

    fn foo(port: u16) -> NodeEntry {
        NodeEntry::new("foo", port).unwrap()
    }

    /// A table in which `foo` is left, with this port.
    async fn left(port: u16) -> (Arc<MemoryTable>, Creation) {
        let table = Arc::new(MemoryTable::default());
        let server = builder(&table).start().await.unwrap();
        let registration = client(&server).register(foo(port)).await.unwrap();
        server.close().await;
        (table, registration.creation())
    }

    #[tokio::test]
    async fn a_left_name_is_found_until_its_node_registers_again() {
        let node = TcpListener::bind("127.0.0.1:0").unwrap();
        let (table, creation) = left(port_of(&node)).await;
        let server = builder(&table).start().await.unwrap();
        let client = client(&server);
        assert_eq!(client.port_please("foo").await.unwrap(), Some(foo(port_of(&node))));
        assert_eq!(client.kill().await.unwrap(), KillReply::Refused);
        let other = client.register(foo(1)).await;
        assert!(matches!(other, Err(Error::NameTaken { .. })), "the node that had it takes connections");
        let again = client.register(foo(port_of(&node))).await.unwrap();
        assert_eq!(again.creation().0, creation.0 + 1);
        again.close().await;
        assert_eq!(client.port_please("foo").await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_left_name_goes_to_another_if_its_node_is_gone() {
        let node = TcpListener::bind("127.0.0.1:0").unwrap();
        let (table, creation) = left(port_of(&node)).await;
        let server = builder(&table).start().await.unwrap();
        drop(node);
        let other = client(&server).register(foo(1)).await.unwrap();
        assert_eq!(other.creation().0, creation.0 + 1);
        assert_eq!(table.nodes(), [foo(1)]);
    }

    #[tokio::test]
    async fn left_names_of_nodes_that_are_gone_are_dropped() {
        let node = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (table, _) = left(node.local_addr().unwrap().port()).await;
        let server = builder(&table).left_names_check(SOON).start().await.unwrap();
        // The node is looked at again and again: each time it sees a connection that closes.
        for _ in 0..3 {
            timeout(PATIENCE, node.accept()).await.expect("it is looked at").unwrap();
            assert_eq!(table.nodes().len(), 1);
        }
        let kept = client(&server).register(NodeEntry::new("bar", 1).unwrap()).await.unwrap();
        drop(node);
        let dropped = async {
            while table.nodes().len() > 1 {
                sleep(SOON).await;
            }
        };
        timeout(PATIENCE, dropped).await.expect("it is dropped");
        assert_eq!(table.nodes(), [kept.entry().clone()], "what has a connection is not checked");
    }

    #[tokio::test]
    async fn a_left_name_can_be_stopped() {
        let (table, _) = left(1).await;
        let server = builder(&table).relaxed_command_check(true).start().await.unwrap();
        assert_eq!(client(&server).stop("foo").await.unwrap(), StopReply::Stopped);
        assert!(table.nodes().is_empty());
        assert_eq!(client(&server).stop("foo").await.unwrap(), StopReply::NotFound);
    }

    /// A table that is out of reach, or that is and says nothing.
    struct Broken {
        silent: bool,
    }

    #[derive(Debug, thiserror::Error)]
    #[error("the disk is full")]
    struct DiskFull;

    impl Broken {
        async fn fail<A>(&self) -> Result<A, DiskFull> {
            if self.silent {
                std::future::pending::<Infallible>().await;
            }
            Err(DiskFull)
        }
    }

    impl Table for Broken {
        type Error = DiskFull;

        async fn register(&self, _: &NodeEntry, _: Owner) -> Result<Result<Creation, NameTaken>, DiskFull> {
            self.fail().await
        }

        async fn unregister(&self, _: &str, _: Owner) -> Result<bool, DiskFull> {
            self.fail().await
        }

        async fn find(&self, _: &str) -> Result<Option<NodeEntry>, DiskFull> {
            self.fail().await
        }

        async fn active(&self) -> Result<Vec<(NodeEntry, Owner)>, DiskFull> {
            self.fail().await
        }

        async fn unused(&self) -> Result<Vec<UnusedName>, DiskFull> {
            self.fail().await
        }
    }

    #[tokio::test]
    async fn without_its_table_a_server_gives_no_answers() {
        for silent in [false, true] {
            let builder = Server::builder().port(0).table_timeout(SOON).left_names_check(SOON);
            let server = builder.table(Broken { silent }).start().await.unwrap();
            let client = client(&server);
            for _ in 0..2 {
                assert!(matches!(client.register(foo(1)).await, Err(Error::Closed { .. })));
                assert!(matches!(client.port_please("foo").await, Err(Error::Closed { .. })));
                assert!(matches!(client.names().await, Err(Error::Closed { .. })));
                assert!(matches!(client.dump().await, Err(Error::Closed { .. })));
                assert!(matches!(client.kill().await, Err(Error::Closed { .. })));
            }
        }
    }
}

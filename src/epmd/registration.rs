//! A node that stays registered.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::{Client, NodeEntry};
use crate::term::Creation;

/// How long to wait for epmd to confirm that it has dropped a name.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A node that is registered with epmd.
///
/// When the connection to epmd is lost, most likely as epmd ended, the node registers again: 2 seconds later, and then every
/// 2 seconds until it succeeds, under the same name and port. It keeps the creation that it got first, whatever epmd gives
/// it then, as the pids that others hold carry that one; BEAM nodes do the same. In the meantime nodes that are connected
/// stay so, but others do not find this one, and another node can take its name: then this one goes on trying.
///
/// ```text
///   register() ---> Registered --- connection lost ---> Lost --+
///                       ^                               ^      | every 2 s
///                       +------ registered again -------+------+
/// ```
///
/// Dropping it gives the name back too, only without waiting until epmd has seen it.
#[derive(Debug)]
pub struct Registration {
    entry: NodeEntry,
    creation: Creation,
    state: watch::Receiver<RegistrationState>,
    close: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

/// How a [`Registration`] stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegistrationState {
    /// epmd knows the node.
    Registered,
    /// The connection is lost, and so is the name until the next attempt succeeds.
    Lost {
        /// How many attempts have failed since.
        attempts: u32,
    },
}

impl Registration {
    pub(super) fn new(
        client: Client,
        entry: NodeEntry,
        creation: Creation,
        stream: TcpStream,
    ) -> Registration {
        tracing::info!(name = %entry.name(), port = entry.port(), %creation, epmd = %client.address(), "registered");
        let (report, state) = watch::channel(RegistrationState::Registered);
        let (close, closed) = oneshot::channel();
        let keeper = Keeper { client, entry: entry.clone(), report };
        let task = tokio::spawn(keeper.run(stream, closed));
        Registration { entry, creation, state, close: Some(close), task }
    }

    /// What is registered.
    #[must_use]
    pub fn entry(&self) -> &NodeEntry {
        &self.entry
    }

    /// The creation that epmd gave with the first registration: the creation of the node for as long as it lives.
    #[must_use]
    pub fn creation(&self) -> Creation {
        self.creation
    }

    /// Whether epmd knows the node at this moment.
    #[must_use]
    pub fn state(&self) -> RegistrationState {
        *self.state.borrow()
    }

    /// Waits until the state is another than when this was last called, or than at the beginning, and gives it.
    ///
    /// # Cancel safety
    /// Dropping the future loses no change.
    pub async fn changed(&mut self) -> RegistrationState {
        if self.state.changed().await.is_err() {
            // The task that reports lives as long as this, unless the runtime is going down: then nothing changes.
            std::future::pending::<()>().await;
        }
        *self.state.borrow_and_update()
    }

    /// Gives the name back. When this returns, epmd has dropped it, unless epmd takes more than a second.
    pub async fn close(mut self) {
        if let Some(close) = self.close.take() {
            let _ = close.send(());
        }
        // It ends by itself after `CLOSE_TIMEOUT`; that it was aborted is the other way to end.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // This closes the connection, which is all that epmd waits for.
        self.task.abort();
    }
}

/// The task behind a [`Registration`].
struct Keeper {
    client: Client,
    entry: NodeEntry,
    report: watch::Sender<RegistrationState>,
}

impl Keeper {
    async fn run(self, mut stream: TcpStream, mut closed: oneshot::Receiver<()>) {
        loop {
            let error = tokio::select! {
                _ = &mut closed => return give_back(stream).await,
                error = lost(&mut stream) => error,
            };
            drop(stream);
            let epmd = self.client.address();
            tracing::warn!(name = %self.entry.name(), %epmd, %error, "lost the connection to epmd");
            self.report.send_replace(RegistrationState::Lost { attempts: 0 });
            stream = tokio::select! {
                _ = &mut closed => return,
                stream = self.register_again() => stream,
            };
            tracing::info!(name = %self.entry.name(), %epmd, "registered again");
            self.report.send_replace(RegistrationState::Registered);
        }
    }

    async fn register_again(&self) -> TcpStream {
        let mut attempts = 0_u32;
        loop {
            sleep(self.client.interval()).await;
            match self.client.alive(&self.entry).await {
                // The new creation is ignored: the node keeps its first.
                Ok((stream, _)) => return stream,
                Err(error) if attempts == 0 => {
                    tracing::warn!(name = %self.entry.name(), %error, "cannot register again; still trying");
                }
                Err(error) => {
                    tracing::debug!(name = %self.entry.name(), %error, attempts, "cannot register again");
                }
            }
            attempts = attempts.saturating_add(1);
            self.report.send_replace(RegistrationState::Lost { attempts });
        }
    }
}

/// Waits until the connection ends and tells why. epmd sends nothing on it; should it, that is ignored.
async fn lost(stream: &mut TcpStream) -> io::Error {
    let mut ignored = [0; 64];
    loop {
        match stream.read(&mut ignored).await {
            Ok(0) => return io::ErrorKind::UnexpectedEof.into(),
            Ok(_) => {}
            Err(error) => return error,
        }
    }
}

/// Ends the connection and waits for epmd to do the same, which it does once the name is dropped.
async fn give_back(mut stream: TcpStream) {
    let closing = async {
        if stream.shutdown().await.is_ok() {
            lost(&mut stream).await;
        }
    };
    let _ = timeout(CLOSE_TIMEOUT, closing).await;
}

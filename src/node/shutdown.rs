//! How a node ends.
//!
//! ```text
//!  shutdown ──▶ listens no more ──▶ its processes end ──▶ its connections close ──▶ its name is free at epmd ──▶ stopped
//! ```
//!
//! A task of its own does it, so that it comes to its end whoever began it: a process of the node, which ends on the
//! way, or a future that was dropped.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::Node;
use super::registry::ProcessCell;
use crate::atom;
use crate::process::{ExitKind, Signal};
use crate::term::{Atom, Term};

/// How long processes have to end by themselves.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long those that are killed may take: one that never awaits does not end at all.
const TIME_TO_KILL: Duration = Duration::from_secs(1);

/// How often it is looked whether processes have ended.
const INTERVAL: Duration = Duration::from_millis(5);

impl Node {
    /// Ends the node: its processes, its connections, and its name at epmd. From the start on it takes no connections.
    ///
    /// Processes get the exit signal `shutdown`, and those that have not ended a second later are killed.
    ///
    /// It can be called more than once, and from several places: all wait for the same end. A process of the node that
    /// calls it does not come back from it: it ends as the others do.
    ///
    /// # Cancel safety
    /// When dropped, the node goes on to end.
    ///
    /// Does what `init:stop/0` does, but for the program.
    pub async fn shutdown(&self) {
        let mut first = None;
        let stopped = self.0.stopped.get_or_init(|| {
            let (sender, stopped) = watch::channel(false);
            first = Some(sender);
            stopped
        });
        // Only now, when all can see that the node is stopping.
        if let Some(sender) = first {
            let node = self.clone();
            self.runtime().spawn(async move {
                node.stop().await;
                sender.send_replace(true);
            });
        }
        let mut stopped = stopped.clone();
        // An error says that the runtime has ended, and the node with it.
        let _ = stopped.wait_for(|stopped| *stopped).await;
    }

    /// Whether the node has begun to end.
    pub(crate) fn is_stopping(&self) -> bool {
        self.0.stopped.get().is_some()
    }

    async fn stop(&self) {
        let listener = self.0.services.lock().listener.take();
        if let Some(listener) = listener {
            listener.abort();
            // Nobody listens any more when it is gone.
            let _ = listener.await;
        }
        self.end_all_processes().await;
        self.close_connections().await;
        let services = std::mem::take(&mut *self.0.services.lock());
        if let Some(registration) = services.registration {
            registration.close().await;
        }
        if let Some(server) = services.epmd {
            server.close().await;
        }
        let mut tasks = services.tasks;
        tasks.shutdown().await;
        tracing::info!(node = %self.name(), "node stopped");
    }

    /// Asks all processes to end, then kills those that have not, and those that were started meanwhile.
    async fn end_all_processes(&self) {
        let mut asked = self.send_exit_to_all(&atom!("shutdown"));
        let _ = timeout(PATIENCE, async {
            loop {
                while asked.pop_if(|cell| cell.state.lock().has_ended()).is_some() {}
                if asked.is_empty() {
                    return;
                }
                sleep(INTERVAL).await;
            }
        })
        .await;
        let _ = timeout(TIME_TO_KILL, async {
            while !self.send_exit_to_all(&atom!("kill")).is_empty() {
                sleep(INTERVAL).await;
            }
        })
        .await;
    }

    /// The processes that end by themselves when they get the signal.
    fn send_exit_to_all(&self, reason: &Atom) -> Vec<Arc<ProcessCell>> {
        let mut running = self.process_table().all();
        running.retain(|cell| cell.has_task.load(Ordering::Relaxed));
        for cell in &running {
            let signal = Signal::Exit(ExitKind::Signal, Term::Atom(reason.clone()));
            self.deliver_to(self.pid(), cell, signal);
        }
        running
    }
}

//! What those hear who monitor a group or a scope: `{Ref, join | leave, Group, [Pid]}`.

use serde::{Deserialize, Serialize};

use crate::process::Message;
use crate::term::{Pid, Reference, Term};

/// Some processes have joined a group, or left it; by [`Message::decode`].
///
/// ```
/// use erlnode::atom;
/// use erlnode::node::{Node, Process};
/// use erlnode::otp::pg::{Change, Event};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let node = Node::nonode();
/// node.pg().start()?;
/// let (ready, is_ready) = tokio::sync::oneshot::channel();
/// let (done, is_done) = tokio::sync::oneshot::channel();
/// node.spawn(async move |mut process: Process| {
///     let pg = process.node().pg();
///     let (reference, members) = pg.monitor(&mut process, atom!("workers")).await?;
///     assert!(members.is_empty());
///     let _ = ready.send(());
///     let event: Event = process.receive().await.decode()?;
///     assert_eq!((event.reference, event.change), (reference, Change::Join));
///     let _ = done.send(event.pids);
///     Ok(())
/// });
/// is_ready.await?;
/// let worker = node.spawn(async |_| std::future::pending().await);
/// node.pg().join(atom!("workers"), &worker).await?;
/// assert_eq!(is_done.await?, [worker]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Parts", into = "Parts")]
pub struct Event {
    /// What [`monitor`](super::Pg::monitor) gave.
    pub reference: Reference,
    /// Whether they have joined or left.
    pub change: Change,
    /// The group.
    pub group: Term,
    /// The processes, each as often as it has.
    pub pids: Vec<Pid>,
}

/// What has happened to the members of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// They have joined.
    Join,
    /// They have left.
    Leave,
}

/// As it is sent.
type Parts = (Reference, Change, Term, Vec<Pid>);

impl From<Parts> for Event {
    fn from((reference, change, group, pids): Parts) -> Event {
        Event { reference, change, group, pids }
    }
}

impl From<Event> for Parts {
    fn from(Event { reference, change, group, pids }: Event) -> Parts {
        (reference, change, group, pids)
    }
}

impl Event {
    /// Whether `message` is one, of the monitor `reference`.
    pub(super) fn is_of(message: &Message, reference: &Reference) -> bool {
        let Some(encoded) = message.as_encoded() else { return false };
        let mut reader = encoded.reader();
        matches!(reader.tuple_header(), Ok(4)) && reader.reference().is_ok_and(|of| of == *reference)
    }
}

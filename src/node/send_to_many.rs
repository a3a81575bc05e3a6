//! One message to many processes of another node: one connection for all, and one write for many.

use super::seq_trace::Sent;
use super::{Dest, Node, SendError};
use crate::dist::cork::Cork;
use crate::term::etf::Encoded;
use crate::term::{Atom, Pid, SerializeError};

impl Node {
    /// Sends `message` to `pids`, all of the node `at`, if that is connected, until the connection is busy for the sender.
    /// Gives how many were sent to, and how many of `pids` that has seen to: all, if it was not busy.
    pub(crate) fn send_to_many<'a>(
        &self,
        sent: impl Fn() -> Sent<'a>,
        at: &Atom,
        pids: &[Pid],
        message: &Encoded,
    ) -> (usize, usize) {
        let Some(connection) = self.connection(at.as_str()) else { return (0, pids.len()) };
        let _cork = Cork::new();
        let mut count = 0;
        for (done, pid) in pids.iter().enumerate() {
            let sent = sent();
            if connection.outbox.is_busy_for(sent.from) {
                return (count, done);
            }
            let write = |writer: &mut _| message.write_to(writer).map_err(SerializeError::from);
            match connection.message(sent, &Dest::Pid(pid.clone()), write) {
                Ok(()) => count += 1,
                Err(error @ SendError::ConnectionLost(_)) => {
                    tracing::debug!(node = %at, %error, "a group could not be sent to");
                    break;
                }
                Err(error) => tracing::debug!(?pid, %error, "a message could not be sent"),
            }
        }
        (count, pids.len())
    }

    /// Waits until the connection to `at` has room for what `sender` sends.
    ///
    /// # Errors
    /// [`SendError::ConnectionLost`], also if there is none.
    pub(crate) async fn room_at(&self, sender: &Pid, at: &Atom) -> Result<(), SendError> {
        let lost = || SendError::ConnectionLost(at.clone());
        self.connection(at.as_str()).ok_or_else(lost)?.room(sender).await
    }
}

//! Connections that other nodes make to this one, up to the end of the handshake.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};

use super::handshakes::Place;
use super::{ConnectError, Node};
use crate::dist::driver::{self, Gate, SetupError};
use crate::dist::handshake::{Accept, Accepted, NameReceived, NameWanted, Refusal};
use crate::dist::packet::LengthSize;
use crate::dist::transport::Stream;
use crate::dist::{AcceptedCookies, Flags, NodeName};
use crate::term::Creation;

/// How long nothing is tried after a connection could not be taken.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

impl Node {
    /// Takes connections of other nodes from now on.
    pub(crate) fn listen(&self, listener: TcpListener) {
        let node = self.clone();
        let listening = self.runtime().spawn(async move {
            let mut is_failing = false;
            loop {
                match listener.accept().await {
                    Ok((tcp, from)) => {
                        if std::mem::take(&mut is_failing) {
                            tracing::info!("connections are taken again");
                        }
                        let place = node.0.handshakes.enter(from.ip());
                        let handshake = node.clone().accept(tcp, place);
                        node.keep(handshake);
                    }
                    Err(error) => {
                        // Out of file descriptors, as a rule: others may close some.
                        if !std::mem::replace(&mut is_failing, true) {
                            tracing::warn!(%error, "no connections can be taken");
                        }
                        tokio::time::sleep(RETRY_INTERVAL).await;
                    }
                }
            }
        });
        self.0.services.lock().listener = Some(listening);
    }

    /// Takes a connection that another node has made.
    async fn accept(self, tcp: TcpStream, mut place: Place) {
        let Ok(stream) = Stream::new(tcp) else { return };
        let settings = Accept {
            name: self.name().clone(),
            creation: self.creation(),
            flags: self.settings().flags(),
            required: Flags::MANDATORY,
            length_size: LengthSize::Two,
        };
        let gate = NodeGate { node: &self, admitted: Mutex::new(None) };
        let handshake = driver::accept(&stream, settings, self.settings().net_setuptime, &gate);
        let result = tokio::select! {
            result = handshake => result,
            () = place.lost() => Err(SetupError::Crowded),
        };
        drop(place);
        match result {
            Ok((established, input)) => self.established(stream, established, input).await,
            Err(error) => {
                let address = stream.remote_addr();
                if error.is_usual() {
                    tracing::debug!(%address, %error, "a connection came to nothing");
                } else {
                    tracing::warn!(%address, %error, "refused a connection");
                }
                drop(stream);
                gate.failed(|_| ConnectError::Setup(Arc::new(error)));
            }
        }
    }
}

/// Decides for the node who may connect.
struct NodeGate<'a> {
    node: &'a Node,
    /// Whom it let in, and by which attempt.
    admitted: Mutex<Option<(NodeName, u64)>>,
}

impl NodeGate<'_> {
    /// The handshake has come to nothing.
    fn failed(&self, error: impl FnOnce(&NodeName) -> ConnectError) {
        let admitted = self.admitted.lock().take();
        if let Some((name, id)) = admitted {
            self.node.admitted_failed(&name, id, error(&name));
        }
    }
}

/// Changes nothing if the handshake has succeeded, or failed, before; so it was broken off.
impl Drop for NodeGate<'_> {
    fn drop(&mut self) {
        self.failed(|name| ConnectError::BrokenOff { node: name.clone() });
    }
}

impl Gate for NodeGate<'_> {
    fn name_received(&self, name: &NameReceived) -> Result<(Accepted, AcceptedCookies), Refusal> {
        if !self.node.allowed_nodes().includes(name.name()) {
            return Err(Refusal::NotAllowed);
        }
        let (accepted, id) = self.node.admit(name)?;
        *self.admitted.lock() = Some((name.name().clone(), id));
        Ok((accepted, self.node.cookies().accepted_from(name.name().as_atom())))
    }

    fn name_wanted(&self, wanted: &NameWanted) -> Result<(NodeName, Creation, AcceptedCookies), Refusal> {
        if !self.node.allowed_nodes().includes_host(wanted.host()) {
            return Err(Refusal::NotAllowed);
        }
        let (name, creation, id) = self.node.admit_unnamed(wanted)?;
        *self.admitted.lock() = Some((name.clone(), id));
        Ok((name, creation, self.node.cookies().accepted()))
    }
}

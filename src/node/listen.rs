//! Connections that other nodes make to this one, up to the end of the handshake.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};

use super::{ConnectError, Node};
use crate::dist::driver::{self, Gate};
use crate::dist::handshake::{Accept, Accepted, NameReceived, NameWanted, Refusal};
use crate::dist::packet::LengthSize;
use crate::dist::transport::Stream;
use crate::dist::{AcceptedCookies, Flags, NodeName};
use crate::term::Creation;

impl Node {
    /// Takes connections of other nodes from now on.
    pub(crate) fn listen(&self, listener: TcpListener) {
        let node = self.clone();
        self.keep(async move {
            loop {
                match listener.accept().await {
                    Ok((tcp, _)) => {
                        let handshake = node.clone().accept(tcp);
                        node.keep(handshake);
                    }
                    Err(error) => {
                        // Out of file descriptors, as a rule: others may close some.
                        tracing::warn!(%error, "could not take a connection");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
            }
        });
    }

    /// Takes a connection that another node has made.
    async fn accept(self, tcp: TcpStream) {
        let Ok(stream) = Stream::new(tcp) else { return };
        let settings = Accept {
            name: self.name().clone(),
            creation: self.creation(),
            flags: self.flags(),
            required: Flags::MANDATORY,
            length_size: LengthSize::Two,
        };
        let gate = NodeGate { node: &self, admitted: Mutex::new(None) };
        let result = driver::accept(&stream, settings, self.settings().setup_time, &gate).await;
        let admitted = gate.admitted.into_inner();
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
                if let Some((name, id)) = admitted {
                    self.admitted_failed(&name, id, ConnectError::Setup(Arc::new(error)));
                }
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

impl Gate for NodeGate<'_> {
    fn name_received(&self, name: &NameReceived) -> Result<(Accepted, AcceptedCookies), Refusal> {
        if !self.node.allowed_nodes().includes(name.name()) {
            return Err(Refusal::NotAllowed);
        }
        let (accepted, id) = self.node.admit(name)?;
        *self.admitted.lock() = Some((name.name().clone(), id));
        Ok((accepted, self.node.cookies().accepted_from(name.name().as_atom())))
    }

    fn name_wanted(&self, _wanted: &NameWanted) -> Result<(NodeName, Creation, AcceptedCookies), Refusal> {
        Err(Refusal::NotAllowed)
    }
}

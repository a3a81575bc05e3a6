//! Whose messages replies are.

use crate::atom;
use crate::dist::control::ControlMessage;
use crate::node::Process;
use crate::node::tests::cluster::Cluster;
use crate::node::tests::peer::Peer;
use crate::node::tests::term;
use crate::otp::gen_server::{From, GenServer, Never, Reply};
use crate::process::Exit;
use crate::term::{Atom, Pid, Term};

/// Answers `now` itself, and has others answer `later`.
struct Server;

impl GenServer for Server {
    type Call = Atom;
    type Cast = Never;
    type Reply = Pid;

    async fn handle_call(
        &mut self,
        call: Atom,
        from: From<Pid>,
        process: &mut Process,
    ) -> Result<Reply<Pid>, Exit> {
        if call == *"now" {
            return Ok(Reply::Now(process.pid().clone()));
        }
        let (node, own) = (process.node().clone(), process.pid().clone());
        if call == *"outside" {
            tokio::spawn(async move { from.reply(&node, own).await });
        } else {
            process.spawn(async move |process| Ok(from.reply(&process, process.pid().clone()).await?));
        }
        Ok(Reply::Later)
    }
}

/// Signals are in order, and large messages in line, by their sender.
#[tokio::test]
async fn a_reply_is_sent_by_the_process_that_replies_and_else_by_the_server() {
    let cluster = Cluster::new().await;
    let node = cluster.node("a").await;
    let server = node.start_server(Server).await.unwrap();
    let mut peer = Peer::connect(&node, "peer@localhost").await;
    for (call, by_server) in [("now", true), ("outside", true), ("process", false)] {
        let own = peer.pid(1);
        let from = Term::tuple([Term::Pid(own.clone()), Term::Reference(peer.reference(1))]);
        let request = [Term::Atom(atom!("$gen_call")), from, term(call)];
        let control = ControlMessage::SendSender { from: own.clone(), to: server.clone() };
        peer.send_with(control, &Term::tuple(request)).await;
        let (control, reply) = peer.receive().await.unwrap();
        let replier = reply.unwrap().as_tuple().unwrap()[1].as_pid().unwrap().clone();
        assert_eq!(control, ControlMessage::SendSender { from: replier.clone(), to: own }, "{call}");
        assert_eq!(replier == server, by_server, "{call}");
    }
}

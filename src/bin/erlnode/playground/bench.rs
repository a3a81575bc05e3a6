//! Functions that measure how fast this node and another one, or itself, talk to each other.
//!
//! The loops run here, so that two nodes of the same kind are measured and not the shell that asks. A destination that
//! ends makes them exit with its reason; for one that just does not answer they wait.

use std::time::{Duration, Instant};

use erlnode::atom;
use erlnode::node::{Caller, Dest, Node, Process, Raise};
use erlnode::process::{Exit, Message};
use erlnode::term::etf::Encoded;
use erlnode::term::{Atom, Reference, Term};
use tokio::sync::mpsc;

use super::MODULE;
use super::counter::Call;
use super::watch::recipient;

/// After so many messages others get their turn, also when nothing makes the sender wait.
const SENDS_A_TURN: u64 = 1024;

pub(super) fn export(node: &Node) {
    node.export(MODULE, "bench_call", async |caller: Caller, (to, times, processes): (Dest, u64, u64)| {
        share(&caller, times, processes, |process, times| call(process, to.clone(), times)).await
    });
    node.export(MODULE, "bench_echo", async |caller: Caller, arguments: (Dest, u64, u64, Encoded)| {
        let (to, times, processes, payload) = arguments;
        share(&caller, times, processes, |process, times| echo(process, to.clone(), times, payload.clone()))
            .await
    });
    node.export(MODULE, "bench_erpc", async |caller: Caller, (at, times, processes): (Atom, u64, u64)| {
        share(&caller, times, processes, |process, times| erpc(process, at.clone(), times)).await
    });
    node.export(MODULE, "bench_send", async |mut caller: Caller, (to, times, payload): SendArguments| {
        send(&mut caller, to, times, payload).await
    });
}

type SendArguments = (Dest, u64, Encoded);

/// `{ok, Us}`, with the time of it all.
type Time = (Atom, u128);

/// `{ok, Us, P50Us, P99Us}`, with the time of it all and those that half and 99 of 100 rounds did not exceed.
type Times = (Atom, u128, u128, u128);

/// Has so many processes share the rounds, each with `body`, which gives how long each of its rounds took.
async fn share<F, Fut>(caller: &Caller, times: u64, processes: u64, body: F) -> Result<Times, Raise>
where
    F: Fn(Process, u64) -> Fut,
    Fut: Future<Output = Result<Vec<Duration>, Exit>> + Send + 'static,
{
    if processes == 0 {
        return Err(Raise::error(atom!("badarg")));
    }
    let (results, mut finished) = mpsc::unbounded_channel();
    let start = Instant::now();
    for number in 0..processes {
        let own = times / processes + u64::from(number < times % processes);
        let results = results.clone();
        // Linked: they end with whoever asked for it.
        caller.spawn_link(|process| {
            let rounds = body(process, own);
            async move {
                // Nobody waits any more after another one has failed.
                let _ = results.send(rounds.await);
                Ok(())
            }
        });
    }
    drop(results);
    let mut rounds = Vec::new();
    while let Some(result) = finished.recv().await {
        rounds.extend(result?);
    }
    let elapsed = start.elapsed();
    rounds.sort_unstable();
    let percentile = |percent: usize| {
        let index = (rounds.len() * percent).div_ceil(100).saturating_sub(1);
        rounds.get(index).copied().unwrap_or_default().as_micros()
    };
    Ok((atom!("ok"), elapsed.as_micros(), percentile(50), percentile(99)))
}

async fn call(mut process: Process, to: Dest, times: u64) -> Result<Vec<Duration>, Exit> {
    let mut rounds = Vec::new();
    for _ in 0..times {
        let start = Instant::now();
        process.call::<_, Term>(to.clone(), Call::Get).await?;
        rounds.push(start.elapsed());
    }
    Ok(rounds)
}

async fn echo(mut process: Process, to: Dest, times: u64, payload: Encoded) -> Result<Vec<Duration>, Exit> {
    let watch = Watch::start(&process, &to).await;
    let own = Dest::Pid(process.pid().clone());
    let mut rounds = Vec::new();
    for _ in 0..times {
        let start = Instant::now();
        process.send(to.clone(), (own.clone(), payload.clone())).await?;
        let answer = process.receive().await;
        rounds.push(start.elapsed());
        watch.check(answer)?;
    }
    Ok(rounds)
}

async fn erpc(process: Process, at: Atom, times: u64) -> Result<Vec<Duration>, Exit> {
    let mut rounds = Vec::new();
    for _ in 0..times {
        let start = Instant::now();
        process.node().erpc(at.as_str()).call::<_, i64>(MODULE, "add", (1, 2)).await?;
        rounds.push(start.elapsed());
    }
    Ok(rounds)
}

async fn send(process: &mut Process, to: Dest, times: u64, payload: Encoded) -> Result<Time, Raise> {
    let watch = Watch::start(process, &to).await;
    let start = Instant::now();
    for sent in 1..=times {
        process.send(to.clone(), payload.clone()).await?;
        if sent % SENDS_A_TURN == 0 {
            tokio::task::yield_now().await;
        }
    }
    let mut arrived = 0;
    while arrived < times {
        process.send(to.clone(), (atom!("report"), process.pid().clone())).await?;
        let (_, count) = watch.check(process.receive().await)?.decode::<(Atom, u64)>().map_err(Exit::from)?;
        arrived += count;
    }
    Ok((atom!("ok"), start.elapsed().as_micros()))
}

/// Watches over the process that answers, so that its end is noticed.
struct Watch(Option<Reference>);

impl Watch {
    async fn start(process: &Process, dest: &Dest) -> Watch {
        Watch(match recipient(dest, process.node()) {
            Some(recipient) => Some(process.monitor(recipient).await),
            None => None,
        })
    }

    /// Gives the message back, unless it says that the process has ended.
    fn check(&self, message: Message) -> Result<Message, Exit> {
        if !matches!(message.tag_and_arity(), Some((tag, 5)) if tag == "DOWN") {
            return Ok(message);
        }
        match message.decode::<(Atom, Reference, Atom, Term, Term)>() {
            Ok((_, reference, _, _, reason)) if self.0.as_ref() == Some(&reference) => Err(Exit::new(reason)),
            // A payload that looks like it.
            Ok(other) => Ok(Message::from_value(other)),
            Err(error) => Ok(error.message),
        }
    }
}

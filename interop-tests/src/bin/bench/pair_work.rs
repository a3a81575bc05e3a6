//! Work that two nodes do together; the loops are in the playground, within the nodes.

use std::time::Duration;

use erlnode::atom;
use erlnode::process::Exit;
use erlnode::term::{Atom, Term};
use tokio::time::{Instant, sleep};

use crate::case::{Measure, Payload, Reading, STREAMED_BYTES, Stream, Work};
use crate::nodes::{Cluster, Kind, Pair, TestNode};
use crate::os::cpu_time;

/// `{ok, Us}`.
type Time = (Atom, u64);

/// `{ok, Us, P50Us, P99Us}`.
type Times = (Atom, u64, u64, u64);

/// The most times that anything is done in one run.
const MOST: u64 = 20_000_000;

/// How long a sink may take for what was sent to it.
const SINK_LIMIT: Duration = Duration::from_secs(120);

/// A kind of work, as one pair does it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PairWork<'a> {
    cluster: &'a Cluster,
    pair: Pair,
    work: &'a Work,
}

/// What the playground says of one run.
struct Run {
    elapsed: Duration,
    /// Not known where messages go one way only.
    percentiles: Option<(f64, f64)>,
}

impl<'a> PairWork<'a> {
    /// `None` if this pair can't do it.
    pub(crate) fn new(cluster: &'a Cluster, pair: Pair, work: &'a Work) -> Option<PairWork<'a>> {
        // A Rust node calls all functions by erpc.
        let possible = !matches!(work, Work::Rpc) || pair.from == Kind::Beam;
        possible.then_some(PairWork { cluster, pair, work })
    }

    fn from(&self) -> &'a TestNode {
        self.cluster.from(self.pair)
    }

    fn to(&self) -> &'a TestNode {
        self.cluster.to(self.pair)
    }

    /// How often the work is done in about so many seconds. Finding that out also makes the nodes connect and warms
    /// them up.
    pub(crate) async fn times_in(&self, seconds: f64) -> u64 {
        let mut times = self.fewest();
        if seconds == 0.0 {
            return times;
        }
        if let Work::EchoBesideStream(stream) = self.work {
            let half = self.echo_beside(*stream, times).await.first().map_or(seconds, |half| half.value);
            // A percentile takes many, however slow they are.
            return ((seconds / half.max(1e-6)) as u64).clamp(times.max((50.0 * seconds) as u64), MOST);
        }
        loop {
            let took = self.run(times).await.elapsed.as_secs_f64();
            if took >= seconds / 4.0 || times >= MOST {
                let scaled = times as f64 * seconds / took.max(1e-6);
                return (scaled as u64).clamp(self.fewest(), MOST);
            }
            times = (times * 4).min(MOST);
        }
    }

    fn fewest(&self) -> u64 {
        match self.work {
            Work::Send(payload) if payload.is_large() => 1,
            Work::EchoBesideStream(_) => 5,
            _ => 64,
        }
    }

    /// Does the work so many times and gives what was measured.
    pub(crate) async fn measure(&self, times: u64) -> Vec<Reading> {
        if let Work::EchoBesideStream(stream) = self.work {
            return self.echo_beside(*stream, times).await;
        }
        let cpu = || [self.from(), self.to()].map(|node| cpu_time(node.os_pid()));
        let [from_before, to_before] = cpu();
        let run = self.run(times).await;
        let [from_after, to_after] = cpu();
        let count = times as f64;
        let rate = count / run.elapsed.as_secs_f64().max(1e-6);
        let mut readings = vec![match self.work {
            Work::Send(payload) if payload.is_large() => Measure::BYTES.is(rate * payload.bytes() as f64),
            Work::Send(_) => Measure::RATE.is(rate),
            _ => Measure::ROUNDS.is(rate),
        }];
        if let Some((p50, p99)) = run.percentiles {
            readings.extend([Measure::P50.is(p50), Measure::P99.is(p99)]);
        }
        readings.extend([
            Measure::CPU_FROM.is((from_after - from_before).as_secs_f64() / count),
            Measure::CPU_TO.is((to_after - to_before).as_secs_f64() / count),
        ]);
        readings
    }

    async fn run(&self, times: u64) -> Run {
        let (from, to) = (self.from(), self.to());
        let call = |function, arguments| self.cluster.call::<_, Times>(from, function, arguments);
        let (_, us, p50, p99) = match self.work {
            Work::Send(payload) => return self.send(*payload, times).await,
            Work::Echo { clients } => self.echo(times, *clients).await,
            Work::Call { clients } => {
                self.cluster.call(from, "bench_call", (to.registered("counter"), times, clients)).await
            }
            Work::Erpc => call("bench_erpc", (to.atom(), times, 1)).await,
            Work::Rpc => call("bench_rpc", (to.atom(), times, 1)).await,
            Work::EchoBesideStream(_) | Work::Spawn { .. } | Work::Connections { .. } => {
                unreachable!("it is done in another way")
            }
        };
        Run { elapsed: Duration::from_micros(us), percentiles: Some((seconds(p50), seconds(p99))) }
    }

    async fn send(&self, payload: Payload, times: u64) -> Run {
        let arguments = (self.to().registered("sink"), times, payload.term());
        let (_, us): Time = self.cluster.call(self.from(), "bench_send", arguments).await;
        Run { elapsed: Duration::from_micros(us), percentiles: None }
    }

    async fn echo(&self, times: u64, clients: u64) -> Times {
        let arguments = (self.to().registered("echo"), times, clients, Payload::Integer.term());
        self.cluster.call(self.from(), "bench_echo", arguments).await
    }

    async fn echo_beside(&self, stream: Stream, times: u64) -> Vec<Reading> {
        let (sender, receiver) = match stream {
            Stream::WithRequests => (self.from(), self.to()),
            Stream::WithReplies => (self.to(), self.from()),
        };
        // The connection is there before the stream is.
        self.echo(1, 1).await;
        let (at, sink) = (sender.atom(), receiver.registered("sink"));
        let streaming = self.cluster.in_process({
            let sink = sink.clone();
            async move |mut process| {
                let binary = Term::Binary(vec![b'x'; STREAMED_BYTES].into());
                let arguments = (sink, u64::from(u32::MAX), binary);
                process.spawn_at(at.as_str(), "rust", "bench_send", arguments).await.map_err(Exit::from)
            }
        });
        let streaming = streaming.await;
        // The first one has arrived: now it is under way.
        self.arrived(&sink, 1).await;
        let start = Instant::now();
        let (_, _, p50, p99) = self.echo(times, 1).await;
        let arrived = self.arrived(&sink, 0).await;
        let elapsed = start.elapsed().as_secs_f64();
        self.cluster
            .in_process(async move |process| {
                process.exit(&streaming, atom!("kill")).await;
                Ok(())
            })
            .await;
        self.until_quiet(&sink).await;
        vec![
            Measure::P50.is(seconds(p50)),
            Measure::P99.is(seconds(p99)),
            Measure::STREAM.is(arrived as f64 * STREAMED_BYTES as f64 / elapsed),
        ]
    }

    /// How many messages the sink has counted since it was asked last, and waits until there are so many.
    async fn arrived(&self, sink: &(Atom, Atom), at_least: u64) -> u64 {
        let sink = sink.clone();
        let count = self.cluster.in_process(async move |mut process| {
            let mut arrived = 0;
            loop {
                process.send(sink.clone(), (atom!("report"), process.pid().clone())).await?;
                arrived += process.receive().await.decode::<(Atom, u64)>()?.1;
                if arrived >= at_least {
                    return Ok(arrived);
                }
                sleep(Duration::from_millis(10)).await;
            }
        });
        tokio::time::timeout(SINK_LIMIT, count).await.expect("what is sent to a sink arrives")
    }

    /// Waits until nothing of a stream that was ended is on its way any more: the sink counts for the next run.
    async fn until_quiet(&self, sink: &(Atom, Atom)) {
        let start = Instant::now();
        let mut quiet = 0;
        while quiet < 3 {
            assert!(start.elapsed() < SINK_LIMIT, "a stream goes on though its sender was killed");
            sleep(Duration::from_millis(50)).await;
            quiet = if self.arrived(sink, 0).await == 0 { quiet + 1 } else { 0 };
        }
    }
}

fn seconds(us: u64) -> f64 {
    Duration::from_micros(us).as_secs_f64()
}

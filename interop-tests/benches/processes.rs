//! Processes of one node: their mailboxes, and messages that never leave the node.
//!
//! `cargo bench --package interop-tests --bench processes`
//!
//! The node takes no connections and registers nowhere. Loops run inside the processes; a benchmark only says how many
//! rounds there are to be, and takes the time that they took.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use erlnode::node::{Node, Process};
use erlnode::process::Exit;
use erlnode::term::{Pid, Term};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// How many messages wait in the mailbox that is searched.
const WAITING: i64 = 1000;

/// A node, and what its processes run on.
struct Setting {
    runtime: Runtime,
    node: Node,
}

impl Setting {
    fn new() -> Setting {
        let runtime = Runtime::new().expect("a runtime");
        let builder = Node::builder("bench@127.0.0.1").cookie("bench").dist_listen(false).serve_epmd(false);
        let node = runtime
            .block_on(builder.start())
            .expect("nothing is in the way of a node that takes no connections");
        Setting { runtime, node }
    }

    /// Runs `body` as a process and gives what it returns.
    fn in_process<T, F, Fut>(&self, body: F) -> T
    where
        T: Send + 'static,
        F: FnOnce(Process) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, Exit>> + Send + 'static,
    {
        let (done, result) = oneshot::channel();
        self.node.spawn(|process| {
            let body = body(process);
            async move {
                let _ = done.send(body.await);
                Ok(())
            }
        });
        let result = self.runtime.block_on(result).expect("the process ends by itself");
        result.expect("what it does succeeds")
    }
}

/// A process sends to itself and takes the message out of its mailbox.
fn mailbox(criterion: &mut Criterion) {
    let setting = Setting::new();
    let mut group = criterion.benchmark_group("mailbox");
    group.bench_function("push and receive", |bencher| {
        bencher.iter_custom(|rounds| {
            setting.in_process(async move |mut process: Process| {
                let own = process.pid().clone();
                let start = Instant::now();
                for n in 0..rounds {
                    process.send(&own, n).await?;
                    black_box(process.receive().await.decode::<u64>()?);
                }
                Ok(start.elapsed())
            })
        });
    });
    group.bench_function("push 1000, receive 1000", |bencher| {
        bencher.iter_custom(|rounds| {
            setting.in_process(async move |mut process: Process| {
                let own = process.pid().clone();
                let start = Instant::now();
                for _ in 0..rounds {
                    for n in 0..WAITING {
                        process.send(&own, n).await?;
                    }
                    for _ in 0..WAITING {
                        black_box(process.receive().await.decode::<i64>()?);
                    }
                }
                Ok(start.elapsed())
            })
        });
    });
    group.bench_function("selective receive behind 1000 others", |bencher| {
        bencher
            .iter_custom(|rounds| setting.in_process(async move |process| selective(process, rounds).await));
    });
}

async fn selective(mut process: Process, rounds: u64) -> Result<Duration, Exit> {
    let own = process.pid().clone();
    for n in 0..WAITING {
        process.send(&own, Term::from(n)).await?;
    }
    let wanted = Term::from("wanted");
    let start = Instant::now();
    for _ in 0..rounds {
        process.send(&own, wanted.clone()).await?;
        let found = process.receive_match(|message| message.to_term().is_ok_and(|term| term == wanted)).await;
        black_box(found);
    }
    Ok(start.elapsed())
}

/// One process sends, another one answers.
fn local(criterion: &mut Criterion) {
    let setting = Setting::new();
    let echo = setting.node.spawn(async |mut process: Process| {
        loop {
            let (from, n): (Pid, u64) = process.receive().await.decode()?;
            process.send(from, n).await?;
        }
    });
    let mut group = criterion.benchmark_group("two processes");
    group.bench_function("round trip", |bencher| {
        bencher.iter_custom(|rounds| {
            let echo = echo.clone();
            setting.in_process(async move |mut process: Process| {
                let own = process.pid().clone();
                let start = Instant::now();
                for n in 0..rounds {
                    process.send(&echo, (own.clone(), n)).await?;
                    black_box(process.receive().await.decode::<u64>()?);
                }
                Ok(start.elapsed())
            })
        });
    });
    group.bench_function("messages one way", |bencher| {
        bencher.iter_custom(|rounds| {
            setting.in_process(async move |mut process: Process| {
                let sink = process.spawn_link(async move |mut sink: Process| {
                    for _ in 0..rounds {
                        black_box(sink.receive().await.decode::<u64>()?);
                    }
                    let (from, n): (Pid, u64) = sink.receive().await.decode()?;
                    sink.send(from, n).await?;
                    Ok(())
                });
                let own = process.pid().clone();
                let start = Instant::now();
                for n in 0..rounds {
                    process.send(&sink, n).await?;
                }
                process.send(&sink, (own, 0u64)).await?;
                process.receive().await;
                Ok(start.elapsed())
            })
        });
    });
}

/// A process that starts and ends at once.
fn spawn(criterion: &mut Criterion) {
    let setting = Setting::new();
    criterion.bench_function("spawn and end", |bencher| {
        bencher.iter_custom(|rounds| {
            setting.in_process(async move |mut process: Process| {
                let start = Instant::now();
                for _ in 0..rounds {
                    let own = process.pid().clone();
                    process.spawn(async move |child: Process| Ok(child.send(own, 0u8).await?));
                    black_box(process.receive().await);
                }
                Ok(start.elapsed())
            })
        });
    });
}

criterion_group!(benches, mailbox, local, spawn);
criterion_main!(benches);

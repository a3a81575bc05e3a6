//! Work that one node does, and what it costs; each time on a node that is new.

use std::time::{Duration, Instant};

use erlnode::term::Atom;
use interop_tests::raw_peer::{RawOptions, RawPeer};
use interop_tests::unique_name;
use tokio::time::sleep;

use crate::case::{Measure, Reading, Work};
use crate::nodes::{Cluster, Kind};
use crate::os::{cpu_time, resident_memory};

/// How far from each other two looks at a node's memory are.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// How often its memory is looked at until it is taken for settled.
const LOOKS: usize = 50;

/// Does the work and gives what was measured. In runs of less than a second there is less of it to do.
pub(crate) async fn measure(cluster: &Cluster, kind: Kind, work: &Work, seconds: f64) -> Vec<Reading> {
    let count = match work {
        Work::Spawn { count } | Work::Connections { count } => *count,
        _ => unreachable!("it is for pairs"),
    };
    let count = ((count as f64 * seconds.min(1.0)) as u64).max(5);
    let node = cluster.fresh(kind).await;
    let pid = node.os_pid();
    let before = settled_memory(pid).await;
    let (start, cpu_before) = (Instant::now(), cpu_time(pid));
    let mut connections = Vec::new();
    if let Work::Spawn { .. } = work {
        cluster.call::<_, Atom>(&node, "spawn_idle", (count,)).await;
    } else {
        let (port, cookie) = cluster.listener(&node);
        connections = (0..count).map(|_| connect(port, &cookie)).collect();
    }
    let time = start.elapsed();
    let after = settled_memory(pid).await;
    let cpu = cpu_time(pid) - cpu_before;
    drop(connections);
    let each = |whole: f64| whole / count as f64;
    vec![
        Measure::TIME.is(each(time.as_secs_f64())),
        Measure::CPU.is(each(cpu.as_secs_f64())),
        Measure::MEMORY.is(each(after.saturating_sub(before) as f64)),
    ]
}

/// A connection of a hidden node.
fn connect(port: u16, cookie: &str) -> RawPeer {
    RawPeer::connect(port, &RawOptions::new(&unique_name("raw"), cookie)).expect("the node lets it in")
}

/// The memory of a process once it does not change any more.
async fn settled_memory(pid: u32) -> u64 {
    let mut memory = resident_memory(pid);
    for _ in 0..LOOKS {
        sleep(LOOK_AGAIN).await;
        let now = resident_memory(pid);
        if now.abs_diff(memory) <= memory / 200 {
            return now;
        }
        memory = now;
    }
    memory
}

//! Three BEAM nodes (OTP 25, 27, 29) and three Rust nodes (`erlnode start`) that live through all a cluster can meet.
//!
//! While messages flow between the members of a group, the cluster changes names and groups, loses links, is split and
//! healed, and loses members by `kill -9`, which come back under their names. After each of these every node has to
//! know every name and every member, and no other.
//!
//! | environment | |
//! | --- | --- |
//! | `CLUSTER_SECONDS=600` | how long it goes on; 25 s if not set, and always one round of each kind |
//! | `CLUSTER_LOG=erlnode::otp::global=trace` | what the Rust nodes log, which is shown when the test fails |
//! | `CLUSTER_OF_BEAMS=1` | BEAM nodes in the place of the Rust nodes, to see what is OTP's own doing |
//!
//! `CLUSTER_SECONDS=600 cargo test -p interop-tests --test cluster -- --nocapture` is the long form; it prints a line a
//! round.
//!
//! What is lawful: a link that is lost cuts off more nodes than its two ends, as `prevent_overlapping_partitions` has it;
//! of a name that was registered on both sides of a split one process is left, or none; a BEAM may drop the names of a
//! node (see `rounds`), and has them again when it is connected anew. What is not: a node that does not find back, a name
//! or a member that is missing, too many, or not the same everywhere.
//!
//! | file | is about |
//! | --- | --- |
//! | `member` | what is asked of a node, of either kind |
//! | `model` | what every node has to know |
//! | `rounds` | what happens to the cluster |

#![expect(clippy::print_stdout, reason = "the long form says how far it is")]

mod member;
mod model;
mod rounds;

use std::env;
use std::time::{Duration, Instant};

use self::rounds::Cluster;

/// At least one of each.
const KINDS: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_names_and_groups_are_right_whatever_happens() {
    let seconds = env::var("CLUSTER_SECONDS").ok().map_or(25, |seconds| seconds.parse().expect("a number"));
    let of_beams = env::var_os("CLUSTER_OF_BEAMS").is_some();
    let mut cluster = Cluster::start(of_beams).await;
    let started = Instant::now();
    let mut rounds = 0;
    while rounds < KINDS || started.elapsed() < Duration::from_secs(seconds) {
        let kind = cluster.round(rounds).await;
        println!("round {rounds}, {:.1} s: {kind}", started.elapsed().as_secs_f32());
        rounds += 1;
    }
    cluster.end().await;
    println!("{rounds} rounds in {:.0} s", started.elapsed().as_secs_f32());
}

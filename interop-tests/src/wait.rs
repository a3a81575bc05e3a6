//! Waiting for something to become true.

use std::panic::Location;
use std::time::{Duration, Instant};

use tokio::time::sleep;

/// How long tests wait for what should happen soon: far more than it takes, as the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `condition` is true, asking often.
///
/// # Panics
/// If it is not within `limit`.
#[track_caller]
pub fn wait_until(limit: Duration, mut condition: impl AsyncFnMut() -> bool) -> impl Future<Output = ()> {
    let caller = Location::caller();
    async move {
        let deadline = Instant::now() + limit;
        while !condition().await {
            assert!(Instant::now() < deadline, "{caller}: not so after {limit:?}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

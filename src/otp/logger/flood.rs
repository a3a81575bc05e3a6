//! How many events of other nodes are logged.

use std::time::Duration;

use tokio::time::Instant;

/// So many events are logged within a second: as many as a handler of a BEAM writes in a burst.
pub const MAX_EVENTS: u32 = 500;

const WINDOW: Duration = Duration::from_secs(1);

/// Counts events in windows of a second.
#[derive(Debug, Default)]
pub(super) struct Flood {
    window: Option<Instant>,
    logged: u32,
    dropped: u64,
}

impl Flood {
    /// Whether an event that came `now` is logged, and how many were not in the window that has ended with it.
    pub(super) fn admit(&mut self, now: Instant) -> (bool, Option<u64>) {
        let mut told = None;
        if self.window.is_none_or(|start| now.duration_since(start) >= WINDOW) {
            told = self.take_dropped();
            (self.window, self.logged) = (Some(now), 0);
        }
        let admitted = self.logged < MAX_EVENTS;
        if admitted {
            self.logged += 1;
        } else {
            self.dropped += 1;
        }
        (admitted, told)
    }

    /// When the end of the window has to be looked at, though nothing more came: something was dropped in it.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.window.filter(|_| self.dropped > 0).map(|start| start + WINDOW)
    }

    /// How many were dropped since this was asked last.
    pub(super) fn take_dropped(&mut self) -> Option<u64> {
        let dropped = std::mem::take(&mut self.dropped);
        (dropped > 0).then_some(dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn so_many_a_second_and_the_others_are_counted() {
        let start = Instant::now();
        let mut flood = Flood::default();
        let admitted = (0..2000).filter(|_| flood.admit(start).0).count();
        assert_eq!(admitted, MAX_EVENTS as usize);
        assert_eq!(flood.deadline(), Some(start + WINDOW));
        assert_eq!(flood.admit(start + WINDOW), (true, Some(1500)));
        assert_eq!(flood.deadline(), None);
        assert_eq!(flood.admit(start + 3 * WINDOW), (true, None));
    }
}

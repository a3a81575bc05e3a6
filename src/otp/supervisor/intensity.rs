//! How often a supervisor may start children again.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// The restarts within the last `period`, of which there may be `restarts`.
#[derive(Debug)]
pub(super) struct Intensity {
    restarts: usize,
    period: Duration,
    /// The oldest first.
    recent: VecDeque<Instant>,
}

impl Intensity {
    pub(super) fn new(restarts: usize, period: Duration) -> Intensity {
        Intensity { restarts, period, recent: VecDeque::new() }
    }

    /// Counts a restart; false if it is one too many.
    pub(super) fn allow(&mut self, now: Instant) -> bool {
        while self.recent.front().is_some_and(|then| now.duration_since(*then) > self.period) {
            self.recent.pop_front();
        }
        if self.recent.len() >= self.restarts {
            return false;
        }
        self.recent.push_back(now);
        true
    }
}

/// That of OTP: one in 5 s.
impl Default for Intensity {
    fn default() -> Intensity {
        Intensity::new(1, Duration::from_secs(5))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_restarts_are_allowed_within_the_period() {
        let mut intensity = Intensity::new(2, Duration::from_secs(5));
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(intensity.allow(at(0)));
        assert!(intensity.allow(at(3)));
        assert!(!intensity.allow(at(5)), "the first is 5 s ago, which is within the period");
        assert!(intensity.allow(at(6)));
        assert!(!intensity.allow(at(8)));
        assert!(intensity.allow(at(20)));
    }

    #[test]
    fn none_may_be_allowed() {
        assert!(!Intensity::new(0, Duration::from_secs(5)).allow(Instant::now()));
    }
}

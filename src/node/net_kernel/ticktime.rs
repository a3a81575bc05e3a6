//! The `net_ticktime` of the node, and how it changes while the node runs.
//!
//! A cluster changes its `net_ticktime` on one node after the other, so for a while some have the old and some the new
//! one. A change therefore begins with a transition period, which has to be longer than it takes to tell all nodes:
//! in it a node ticks as often as the shorter of the two times wants, and waits for others as long as the longer says.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::dist::tick::{TickPeriods, TickSettings, Ticker, period};
use crate::node::Node;
use crate::node::config::Settings;

/// How long a transition takes unless it is said; as in OTP.
const DEFAULT_TRANSITION_PERIOD: Duration = Duration::from_secs(60);

/// How long a node may be silent before it is taken for dead: [`Node::net_ticktime`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetTicktime {
    /// It is that.
    Is(Duration),
    /// It is being changed to that: `{ongoing_change_to, Time}`.
    ChangingTo(Duration),
}

/// What came of [`Node::set_net_ticktime`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TicktimeChange {
    /// It was that already.
    Unchanged,
    /// The change has begun: `change_initiated`.
    Initiated,
    /// Another change is not over yet, to this time, so nothing is done: `{ongoing_change_to, Time}`.
    Ongoing(Duration),
}

/// What all connections of a node are watched by.
#[derive(Debug)]
pub(crate) struct Ticktime {
    intensity: u16,
    time: Mutex<NetTicktime>,
    periods: watch::Sender<TickPeriods>,
}

impl Ticktime {
    pub(crate) fn new(settings: &Settings) -> Ticktime {
        let intensity = settings.net_tickintensity;
        let time = rounded(settings.net_ticktime, intensity);
        Ticktime {
            intensity,
            time: Mutex::new(NetTicktime::Is(time)),
            periods: watch::Sender::new(TickPeriods::of(time, intensity)),
        }
    }

    /// Watches a connection that is up from now on.
    pub(in crate::node) fn watch(&self, peer_is_hidden: bool) -> (Ticker, watch::Receiver<TickPeriods>) {
        let (NetTicktime::Is(net_ticktime) | NetTicktime::ChangingTo(net_ticktime)) = *self.time.lock();
        let settings = TickSettings { net_ticktime, net_tickintensity: self.intensity, peer_is_hidden };
        (Ticker::new(settings, Instant::now()), self.periods.subscribe())
    }
}

/// The next that is a multiple of `intensity` milliseconds, as OTP has it.
fn rounded(time: Duration, intensity: u16) -> Duration {
    let intensity = u64::from(intensity.max(1));
    let millis = u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX / intensity);
    Duration::from_millis(millis.max(1).div_ceil(intensity).saturating_mul(intensity))
}

impl Node {
    /// How long a node may be silent before it is taken for dead, give or take one of the periods that it is
    /// [divided in](crate::node::Builder::net_tickintensity).
    ///
    /// Does what `net_kernel:get_net_ticktime/0` does.
    #[must_use]
    pub fn net_ticktime(&self) -> NetTicktime {
        *self.net_kernel().ticktime().time.lock()
    }

    /// Changes `net_ticktime` for all connections, those that are up included, with a transition of a minute: all other
    /// nodes of the cluster have to be told in that time. It is rounded up to a multiple of as many milliseconds as
    /// [`net_tickintensity`](crate::node::Builder::net_tickintensity) says.
    ///
    /// It has to be called within a tokio runtime, as has [`set_net_ticktime_within`](Node::set_net_ticktime_within).
    ///
    /// Does what `net_kernel:set_net_ticktime/1` does.
    pub fn set_net_ticktime(&self, time: Duration) -> TicktimeChange {
        self.set_net_ticktime_within(time, DEFAULT_TRANSITION_PERIOD)
    }

    /// The same with another transition period. In it the node sends ticks as often as the shorter of the two times wants,
    /// and waits for others as long as the longer one says.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use erlnode::node::{NetTicktime, Node, TicktimeChange};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let node = Node::nonode();
    /// let [old, new] = [60, 12].map(Duration::from_secs);
    /// assert_eq!(node.net_ticktime(), NetTicktime::Is(old));
    /// let change = node.set_net_ticktime_within(new, Duration::from_secs(30));
    /// assert_eq!(change, TicktimeChange::Initiated);
    /// assert_eq!(node.net_ticktime(), NetTicktime::ChangingTo(new));
    /// tokio::time::sleep(Duration::from_secs(31)).await;
    /// assert_eq!(node.net_ticktime(), NetTicktime::Is(new));
    /// # }
    /// ```
    ///
    /// Does what `net_kernel:set_net_ticktime/2` does.
    pub fn set_net_ticktime_within(&self, time: Duration, transition: Duration) -> TicktimeChange {
        let ticktime = self.net_kernel().ticktime();
        let (new, intensity) = (rounded(time, ticktime.intensity), ticktime.intensity);
        let old = {
            let mut time = ticktime.time.lock();
            match *time {
                NetTicktime::ChangingTo(other) => return TicktimeChange::Ongoing(other),
                NetTicktime::Is(old) if old == new => return TicktimeChange::Unchanged,
                NetTicktime::Is(old) => {
                    *time = NetTicktime::ChangingTo(new);
                    old
                }
            }
        };
        let besides = period(old.min(new), intensity);
        self.set_tick_periods(TickPeriods { look: period(old.max(new), intensity), besides: Some(besides) });
        // As many ticks as cover the transition.
        let ticks = u32::try_from(transition.as_nanos().div_ceil(besides.as_nanos())).unwrap_or(u32::MAX);
        tracing::info!(?old, ?new, ?transition, "net_ticktime is being changed");
        let node = self.clone();
        self.keep(async move {
            tokio::time::sleep(besides.saturating_mul(ticks)).await;
            *node.net_kernel().ticktime().time.lock() = NetTicktime::Is(new);
            node.set_tick_periods(TickPeriods::of(new, intensity));
        });
        TicktimeChange::Initiated
    }

    fn set_tick_periods(&self, periods: TickPeriods) {
        self.net_kernel().ticktime().periods.send_replace(periods);
        for connection in self.net_kernel().all_up() {
            connection.outbox.call();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticktime_is_a_multiple_of_as_many_milliseconds_as_the_intensity() {
        let round = |millis, intensity| rounded(Duration::from_millis(millis), intensity).as_millis();
        assert_eq!([round(60_000, 4), round(7, 4), round(0, 4), round(7, 0)], [60_000, 8, 4, 7]);
        assert_eq!(rounded(Duration::from_nanos(1), 1000), Duration::from_secs(1));
        rounded(Duration::MAX, 1000);
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_takes_its_transition_and_no_other_begins_meanwhile() {
        let node = Node::nonode();
        let seconds = Duration::from_secs;
        assert_eq!(node.set_net_ticktime(seconds(60)), TicktimeChange::Unchanged);
        assert_eq!(node.set_net_ticktime(seconds(20)), TicktimeChange::Initiated);
        assert_eq!(node.set_net_ticktime(seconds(60)), TicktimeChange::Ongoing(seconds(20)));
        assert_eq!(node.net_ticktime(), NetTicktime::ChangingTo(seconds(20)));
        let (_, periods) = node.net_kernel().ticktime().watch(false);
        assert_eq!(*periods.borrow(), TickPeriods { look: seconds(15), besides: Some(seconds(5)) });
        tokio::time::sleep(seconds(59)).await;
        assert_eq!(node.net_ticktime(), NetTicktime::ChangingTo(seconds(20)));
        tokio::time::sleep(seconds(2)).await;
        assert_eq!(node.net_ticktime(), NetTicktime::Is(seconds(20)));
        assert_eq!(*periods.borrow(), TickPeriods { look: seconds(5), besides: None });
        assert_eq!(node.set_net_ticktime_within(seconds(60), Duration::ZERO), TicktimeChange::Initiated);
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(node.net_ticktime(), NetTicktime::Is(seconds(60)));
    }
}

//! Ticks: how a node notices that another one is gone although nobody closed the connection.
//!
//! A node that has written nothing for a while sends a tick, an empty packet. So something arrives from a healthy node
//! at least that often, and a node from which nothing at all arrives for `net_ticktime` is taken to be down. A tick is
//! not answered: each side minds its own clock, which is why all nodes of a cluster need the same `net_ticktime`.
//!
//! ```text
//! net_ticktime = 60 s, net_tickintensity = 4: looked at every 15 s
//!
//!           last byte                                               down
//!     ├──────────┼────┬───────────────┬───────────────┬───────────────┬──▶
//!                     0 silent         1 silent        2, 3 silent     4 silent periods: 60 s to 75 s
//! ```
//!
//! A running cluster can change its `net_ticktime` node by node: see [`TickPeriods`].
//!
//! Reference: kernel application, parameters `net_ticktime` and `net_tickintensity`.

use std::time::{Duration, Instant};

/// The `net_ticktime` of OTP unless set otherwise.
pub const DEFAULT_NET_TICKTIME: Duration = Duration::from_secs(60);

/// The `net_tickintensity` of OTP unless set otherwise.
pub const DEFAULT_NET_TICKINTENSITY: u16 = 4;

/// How a connection is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TickSettings {
    /// After how long without a byte the other node is taken to be down, up to one period more. The same on all
    /// nodes of a cluster.
    pub net_ticktime: Duration,
    /// Into how many periods that is divided; from 4 to 1000 in OTP. Zero counts as one.
    pub net_tickintensity: u16,
    /// Whether the other node is hidden. It then gets a tick every period, whatever else was written: there are C
    /// nodes that write nothing of their own but answer each tick with one.
    pub peer_is_hidden: bool,
}

impl Default for TickSettings {
    fn default() -> TickSettings {
        TickSettings {
            net_ticktime: DEFAULT_NET_TICKTIME,
            net_tickintensity: DEFAULT_NET_TICKINTENSITY,
            peer_is_hidden: false,
        }
    }
}

impl TickSettings {
    fn periods(&self) -> TickPeriods {
        TickPeriods::of(self.net_ticktime, self.net_tickintensity)
    }
}

/// How often a connection is looked at and ticked.
///
/// While the `net_ticktime` of a cluster changes, some nodes have the old one and some the new. Nobody is taken for dead
/// meanwhile if each node ticks as the shorter time wants it, and looks at others as the longer one does:
///
/// ```text
///               ┌ transition ───────────────────┐
/// longer:       │ looks: new, besides: old      │ looks: new
/// shorter:      │ looks: old, besides: new      │ looks: new
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TickPeriods {
    /// How often it is looked whether anything came, and ticked if nothing was sent.
    pub look: Duration,
    /// How often it is ticked besides.
    pub besides: Option<Duration>,
}

impl TickPeriods {
    /// The usual ones.
    #[must_use]
    pub fn of(net_ticktime: Duration, net_tickintensity: u16) -> TickPeriods {
        TickPeriods { look: period(net_ticktime, net_tickintensity), besides: None }
    }
}

/// How long one of `net_tickintensity` periods is.
#[must_use]
pub fn period(net_ticktime: Duration, net_tickintensity: u16) -> Duration {
    // Not shorter than a millisecond, so that a net_ticktime of zero is no endless loop.
    (net_ticktime / u32::from(net_tickintensity.max(1))).max(Duration::from_millis(1))
}

/// Says when to send a tick, and when to give up a connection.
///
/// It has no clock: call [`poll`](Ticker::poll) with the time and the connection's counters at the time it asked
/// for, or at any other; it is drained when it says [`Wait`](TickAction::Wait).
#[derive(Debug, Clone)]
pub struct Ticker {
    periods: TickPeriods,
    intensity: u16,
    peer_is_hidden: bool,
    next_look: Instant,
    /// Of the ticks besides.
    next_tick: Instant,
    read: u64,
    written: u64,
    silent: u16,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TickAction {
    /// Send a tick, then poll again.
    SendTick,
    /// Nothing has come for too long: close the connection, the other node is down (`net_tick_timeout`).
    PeerDown,
    /// Nothing to do before that time.
    Wait(Instant),
}

impl Ticker {
    /// Starts watching a connection on which nothing has been read or written yet.
    #[must_use]
    pub fn new(settings: TickSettings, now: Instant) -> Ticker {
        let periods = settings.periods();
        Ticker {
            periods,
            intensity: settings.net_tickintensity.max(1),
            peer_is_hidden: settings.peer_is_hidden,
            next_look: now + periods.look,
            next_tick: now,
            read: 0,
            written: 0,
            silent: 0,
        }
    }

    /// Goes on with other periods: the next look is one of the new periods from now, if it has changed, and ticks besides
    /// begin at once.
    pub fn change(&mut self, periods: TickPeriods, now: Instant) {
        if periods.look != self.periods.look {
            self.next_look = now + periods.look;
        }
        if periods.besides != self.periods.besides {
            self.next_tick = now;
        }
        self.periods = periods;
    }

    /// What to do at `now`, when so many bytes (or packets) have been read and written on the connection altogether.
    ///
    /// When called late, the time that was missed counts as one period, so that a node which was asleep itself does
    /// not take all others to be down.
    pub fn poll(&mut self, now: Instant, read: u64, written: u64) -> TickAction {
        if now < self.next_look {
            return self.tick_besides(now);
        }
        advance(&mut self.next_look, self.periods.look, now);
        self.silent = if read == self.read { self.silent.saturating_add(1) } else { 0 };
        let quiet = written == self.written;
        self.read = read;
        self.written = written;
        if self.silent >= self.intensity {
            TickAction::PeerDown
        } else if quiet || self.peer_is_hidden {
            TickAction::SendTick
        } else {
            self.tick_besides(now)
        }
    }

    fn tick_besides(&mut self, now: Instant) -> TickAction {
        match self.periods.besides {
            None => TickAction::Wait(self.next_look),
            Some(period) if self.next_tick <= now => {
                advance(&mut self.next_tick, period, now);
                TickAction::SendTick
            }
            Some(_) => TickAction::Wait(self.next_look.min(self.next_tick)),
        }
    }

    /// Whether nothing has come for three quarters of `net_ticktime`, in which ticks must have been due: the other node
    /// is in trouble, or the network is.
    #[must_use]
    pub fn misses_ticks(&self) -> bool {
        self.silent > 0 && u32::from(self.silent) * 4 >= u32::from(self.intensity) * 3
    }
}

/// To the next time after `now`; times that were missed do not count.
fn advance(next: &mut Instant, period: Duration, now: Instant) {
    *next += period;
    if *next <= now {
        *next = now + period;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn ticker() -> (Ticker, Instant) {
        let start = Instant::now();
        (Ticker::new(TickSettings::default(), start), start)
    }

    #[test]
    fn a_quiet_connection_ticks_every_period() {
        let (mut ticker, start) = ticker();
        assert_eq!(ticker.poll(start, 0, 0), TickAction::Wait(start + 15 * SECOND));
        for period in 1..20 {
            let now = start + period * 15 * SECOND;
            // One byte a period from the other side, nothing but ticks from this one.
            assert_eq!(ticker.poll(now, period.into(), 0), TickAction::SendTick);
            assert_eq!(ticker.poll(now, period.into(), 0), TickAction::Wait(now + 15 * SECOND));
        }
    }

    #[test]
    fn a_busy_connection_does_not_tick() {
        let (mut ticker, start) = ticker();
        for period in 1..20 {
            let now = start + period * 15 * SECOND;
            assert_eq!(ticker.poll(now, period.into(), period.into()), TickAction::Wait(now + 15 * SECOND));
        }
    }

    #[test]
    fn a_hidden_node_gets_a_tick_every_period() {
        let start = Instant::now();
        let settings = TickSettings { peer_is_hidden: true, ..TickSettings::default() };
        let mut ticker = Ticker::new(settings, start);
        assert_eq!(ticker.poll(start + 15 * SECOND, 1, 1), TickAction::SendTick);
        assert_eq!(ticker.poll(start + 30 * SECOND, 2, 2), TickAction::SendTick);
    }

    /// After how many seconds of silence the other node is down, if its last byte came `offset` seconds into a period.
    fn seconds_of_silence(offset: u32) -> u32 {
        let (mut ticker, start) = ticker();
        for second in 1.. {
            let read = u64::from(second > offset);
            if ticker.poll(start + second * SECOND, read, 0) == TickAction::PeerDown {
                return second - offset;
            }
        }
        unreachable!()
    }

    #[test]
    fn a_silent_node_is_down_within_the_bounds_that_otp_documents() {
        for offset in 1..15 {
            assert!((45..=75).contains(&seconds_of_silence(offset)), "{offset}");
        }
    }

    #[test]
    fn ticks_are_missed_before_the_node_is_down_and_until_something_comes() {
        let (mut ticker, start) = ticker();
        let mut poll = |period: u32, read| {
            ticker.poll(start + period * 15 * SECOND, read, 0);
            ticker.misses_ticks()
        };
        // A node that sends every other period, as one may that has other things to send than ticks.
        assert!(!(1..19).any(|period| poll(period, u64::from(period / 2))));
        assert_eq!([19, 20, 21].map(|period| poll(period, 9)), [false, false, true]);
        assert!(!poll(22, 10));
    }

    #[test]
    fn in_a_transition_ticks_come_at_the_shorter_period_and_looks_at_the_longer() {
        let (mut ticker, start) = ticker();
        let [long, short] = [60, 8].map(|time| TickPeriods::of(time * SECOND, 4).look);
        ticker.change(TickPeriods { look: long, besides: Some(short) }, start + SECOND);
        let mut ticks = Vec::new();
        for second in 1..60 {
            let now = start + second * SECOND;
            loop {
                match ticker.poll(now, 0, second.into()) {
                    TickAction::SendTick => ticks.push(second),
                    TickAction::PeerDown => panic!("taken for dead after {second} s"),
                    TickAction::Wait(until) => {
                        assert!(until > now && until <= now + short);
                        break;
                    }
                }
            }
        }
        assert_eq!(ticks, (1..60).step_by(2).collect::<Vec<u32>>());
        // The old one goes on where it is, and a new one begins now.
        let now = start + 60 * SECOND;
        ticker.change(TickPeriods { look: long, besides: None }, now - SECOND);
        assert_eq!(ticker.poll(now - SECOND, 1, 1), TickAction::Wait(now));
        ticker.change(TickPeriods { look: short, besides: None }, now - SECOND);
        assert_eq!(ticker.poll(now, 1, 1), TickAction::Wait(now + SECOND));
    }

    #[test]
    fn sleep_of_our_own_is_not_silence_of_others() {
        let (mut ticker, start) = ticker();
        let late = start + 3600 * SECOND;
        assert_eq!(ticker.poll(late, 0, 0), TickAction::SendTick);
        assert_eq!(ticker.poll(late, 0, 0), TickAction::Wait(late + 15 * SECOND));
    }

    #[test]
    fn settings_of_zero_do_no_harm() {
        let start = Instant::now();
        let settings =
            TickSettings { net_ticktime: Duration::ZERO, net_tickintensity: 0, peer_is_hidden: false };
        let mut ticker = Ticker::new(settings, start);
        assert_eq!(ticker.poll(start, 0, 0), TickAction::Wait(start + Duration::from_millis(1)));
    }
}

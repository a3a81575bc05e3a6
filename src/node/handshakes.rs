//! The handshakes of nodes that connect to this one: how many may be under way at once.
//!
//! Anybody who reaches the port can begin handshakes and leave them half done, as long as the setup time allows. Each
//! has a place until it is over. When all places are taken, the oldest handshake of the address that has the most
//! loses its place to the new one:
//!
//! - whoever holds places takes them from himself as soon as he has more than the others;
//! - a node on the same address as such a one gets in, too, as its handshake is a new one, and is done long before it
//!   is the oldest.
//!
//! For an IPv6 address its first 64 bits count, as one machine has all the rest.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::oneshot;

/// The places for handshakes.
#[derive(Debug)]
pub(crate) struct Handshakes {
    limit: usize,
    /// The log tells no more often than that.
    quiet: Duration,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// The oldest first.
    places: VecDeque<Taken>,
    next: u64,
    /// How many have lost their places since the log last told.
    untold: usize,
    told: Option<Instant>,
}

#[derive(Debug)]
struct Taken {
    id: u64,
    origin: IpAddr,
    /// Dropped when the place is lost.
    _keep: oneshot::Sender<()>,
}

/// The place of one handshake, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    id: u64,
    kept: oneshot::Receiver<()>,
    state: Arc<Mutex<State>>,
}

impl Handshakes {
    pub(crate) fn new(limit: usize, quiet: Duration) -> Handshakes {
        Handshakes { limit, quiet, state: Arc::default() }
    }

    /// A place for a handshake with somebody at `address`, perhaps that of another handshake.
    pub(crate) fn enter(&self, address: IpAddr) -> Place {
        let (keep, kept) = oneshot::channel();
        let mut state = self.state.lock();
        let id = state.next;
        state.next += 1;
        state.places.push_back(Taken { id, origin: origin(address), _keep: keep });
        if state.places.len() > self.limit {
            state.displace();
            state.tell(self.limit, self.quiet, Instant::now());
        }
        Place { id, kept, state: Arc::clone(&self.state) }
    }
}

impl State {
    /// Takes the place of the oldest handshake of the origin that has the most.
    fn displace(&mut self) {
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        for place in &self.places {
            *counts.entry(place.origin).or_default() += 1;
        }
        let most = counts.values().max().copied().unwrap_or_default();
        if let Some(oldest) = self.places.iter().position(|place| counts.get(&place.origin) == Some(&most)) {
            self.places.remove(oldest);
            self.untold += 1;
        }
    }

    fn tell(&mut self, limit: usize, quiet: Duration, now: Instant) {
        if self.told.is_none_or(|told| now.duration_since(told) >= quiet) {
            tracing::warn!(
                limit,
                given_up = self.untold,
                "too many handshakes at once: giving up the oldest of the address that has the most"
            );
            self.told = Some(now);
            self.untold = 0;
        }
    }
}

impl Place {
    /// Waits until the place is lost to another handshake.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub(crate) async fn lost(&mut self) {
        // The other half is only ever dropped.
        let _ = (&mut self.kept).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.state.lock();
        // They are in the order of their ids.
        if let Ok(at) = state.places.binary_search_by_key(&self.id, |place| place.id) {
            state.places.remove(at);
        }
    }
}

/// What stands for a machine.
fn origin(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// The numbers of those that have lost their places.
    fn lost(places: &mut [Place]) -> Vec<u64> {
        let lost = places.iter_mut().filter_map(|place| match place.kept.try_recv() {
            Err(oneshot::error::TryRecvError::Closed) => Some(place.id),
            _ => None,
        });
        lost.collect()
    }

    fn handshakes() -> Handshakes {
        Handshakes::new(4, Duration::from_secs(7))
    }

    #[test]
    fn the_oldest_of_the_address_with_the_most_gives_way() {
        let handshakes = handshakes();
        let from = ["10.0.0.1", "10.0.0.2", "10.0.0.2", "10.0.0.3"];
        let mut places: Vec<Place> = from.iter().map(|from| handshakes.enter(address(from))).collect();
        assert_eq!(lost(&mut places), [0; 0]);
        places.push(handshakes.enter(address("10.0.0.4")));
        assert_eq!(lost(&mut places), [1]);
        // All have one now: the oldest of all.
        places.push(handshakes.enter(address("10.0.0.5")));
        assert_eq!(lost(&mut places), [0, 1]);
    }

    #[test]
    fn who_floods_only_displaces_himself() {
        let handshakes = handshakes();
        let mut lawful = [handshakes.enter(address("10.0.0.1"))];
        let mut flood: Vec<Place> = (0..100).map(|_| handshakes.enter(address("10.0.0.2"))).collect();
        assert_eq!(lost(&mut lawful), [0; 0]);
        assert_eq!(lost(&mut flood).len(), 97);
        let mut late = [handshakes.enter(address("10.0.0.2"))];
        assert_eq!(lost(&mut late), [0; 0], "the new one always has a place");
    }

    #[test]
    fn a_place_given_back_is_free() {
        let handshakes = handshakes();
        let mut places: Vec<Place> = (0..4).map(|_| handshakes.enter(address("10.0.0.1"))).collect();
        places.remove(2);
        places.push(handshakes.enter(address("10.0.0.1")));
        assert_eq!(lost(&mut places), [0; 0]);
        drop(places);
        assert!(handshakes.state.lock().places.is_empty());
    }

    #[test]
    fn one_machine_is_one_origin() {
        assert_eq!(origin(address("2001:db8::1")), origin(address("2001:db8::2:3:4:5")));
        assert_ne!(origin(address("2001:db8::1")), origin(address("2001:db8:0:1::1")));
        assert_eq!(origin(address("::ffff:10.0.0.1")), address("10.0.0.1"));
    }

    #[test]
    fn the_log_tells_once_in_a_while() {
        let (mut state, start) = (State::default(), Instant::now());
        let quiet = Duration::from_secs(7);
        state.untold = 1;
        state.tell(4, quiet, start);
        state.untold += 5;
        state.tell(4, quiet, start + Duration::from_secs(6));
        assert_eq!(state.untold, 5, "not told yet");
        state.tell(4, quiet, start + quiet);
        assert_eq!(state.untold, 0);
    }
}

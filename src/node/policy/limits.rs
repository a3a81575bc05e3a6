//! What a peer may send besides calls.

use super::rule::NamePattern;

/// What a peer may send to processes of this node; see [`Policy::peer`](super::Policy::peer).
///
/// What is not taken is dropped, and told to the log, at most ten times a second; the connection stays. A pid or an alias
/// counts as permission to send to it: who is not to have those of others is not to be allowed to call `erlang:whereis/1`,
/// `erlang:processes/0` and the like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeerLimits {
    /// All, if there is no list.
    names: Option<Vec<NamePattern>>,
    largest_message: Option<usize>,
    no_exits: bool,
    no_links: bool,
}

impl PeerLimits {
    /// No limits.
    #[must_use]
    pub fn new() -> PeerLimits {
        PeerLimits::default()
    }

    /// The registered names it may send to; a `*` at the end of one stands for any rest. A call of a generic server by any
    /// other name ends at once with `noproc`, and so does a monitor.
    ///
    /// The services that every node has can always be sent to: `net_kernel`, `rex`, `global_name_server` and their like.
    /// What `erlang:send/2` and `rex` send for the peer is held to the same names.
    #[must_use]
    pub fn names<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> PeerLimits {
        self.names = Some(names.into_iter().map(NamePattern::new).collect());
        self
    }

    /// The largest message that is taken, in bytes of its external format. A call, or a request to spawn, whose arguments
    /// take more is refused with `system_limit`. What comes back from calls made here is not limited, nor are reasons to
    /// exit.
    ///
    /// The message was read before it is dropped, as its sender may go on with others. What can be read at all is a matter
    /// of [`Builder::frame_limit`](crate::node::Builder::frame_limit) and
    /// [`fragment_limits`](crate::node::Builder::fragment_limits), which end the connection.
    #[must_use]
    pub fn largest_message(mut self, bytes: usize) -> PeerLimits {
        self.largest_message = Some(bytes);
        self
    }

    /// Whether exit signals are taken that its processes send with `exit/2`; true if not set. Those of links are.
    #[must_use]
    pub fn exits(mut self, take: bool) -> PeerLimits {
        self.no_exits = !take;
        self
    }

    /// Whether its processes may link to processes here; true if not set. If not, they get the exit signal `noproc`, as if
    /// the process were not there. A process that it spawns here it can link from the start.
    #[must_use]
    pub fn links(mut self, take: bool) -> PeerLimits {
        self.no_links = !take;
        self
    }

    pub(super) fn takes_name(&self, name: &str) -> bool {
        self.names.as_ref().is_none_or(|names| names.iter().any(|pattern| pattern.fits(name)))
    }

    pub(super) fn takes_size(&self, bytes: usize) -> bool {
        self.largest_message.is_none_or(|largest| bytes <= largest)
    }

    pub(super) fn takes_exits(&self) -> bool {
        !self.no_exits
    }

    pub(super) fn takes_links(&self) -> bool {
        !self.no_links
    }
}

//! Capability flags: what a node says in the handshake that it understands.
//!
//! Both nodes send 64 bits. What both have is what may be used on the connection, see [`Flags::effective`].
//!
//! | Bits           | In the handshake                                                           |
//! | -------------- | -------------------------------------------------------------------------- |
//! | 0 .. 31        | all that an old `send_name` carries; the rest follows in a complement      |
//! | 26             | `MANDATORY_25_DIGEST`: stands for all flags that OTP 25 made mandatory      |
//! | 1, 6           | the atom cache of old releases, no longer used                             |
//! | 15, 21, 36     | used inside OTP only, never on the wire                                     |
//!
//! The documentation gives `MANDATORY_25_DIGEST` as bit 36 and says that it became mandatory in OTP 27; on the wire it
//! is bit 26, and OTP 29 still accepts nodes without it.
//!
//! Reference: ERTS User's Guide, "Distribution Protocol", [Distribution Flags][1].
//!
//! [1]: https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#distribution-flags

use std::fmt;
use std::ops::{BitAnd, BitOr, Sub};

/// A set of capability flags.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(u64);

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $bit:literal;)*) => {
        impl Flags {
            $($(#[$doc])* pub const $name: Flags = Flags(1 << $bit);)*
        }

        /// The name of each bit that has one.
        const NAMES: &[(Flags, &str)] = &[$((Flags::$name, stringify!($name))),*];
    };
}

flags! {
    /// The node is visible: it shows up in `nodes()` and takes part in the mesh. Decided for each direction.
    PUBLISHED = 0;
    /// The atom cache of releases before R13, not used any more.
    ATOM_CACHE = 1;
    /// References have more than one word.
    EXTENDED_REFERENCES = 2;
    /// Processes can be monitored.
    DIST_MONITOR = 3;
    /// Funs have a tag of their own.
    FUN_TAGS = 4;
    /// Processes can be monitored by their registered names.
    DIST_MONITOR_NAME = 5;
    /// The atom cache of hidden nodes of old releases, not used any more.
    HIDDEN_ATOM_CACHE = 6;
    /// The newer tag of funs.
    NEW_FUN_TAGS = 7;
    /// Pids and ports have more than 18 bits.
    EXTENDED_PIDS_PORTS = 8;
    /// `fun m:f/a` has a tag of its own.
    EXPORT_PTR_TAG = 9;
    /// Bit strings have a tag of their own.
    BIT_BINARIES = 10;
    /// Floats have eight bytes instead of text.
    NEW_FLOATS = 11;
    /// The I/O protocol carries Unicode.
    UNICODE_IO = 12;
    /// Messages start with a distribution header, which numbers the atoms.
    DIST_HDR_ATOM_CACHE = 13;
    /// Short atoms have tags of their own.
    SMALL_ATOM_TAGS = 14;
    /// Atoms are UTF-8.
    UTF8_ATOMS = 16;
    /// Maps have a tag.
    MAP_TAG = 17;
    /// Creations have 32 bits.
    BIG_CREATION = 18;
    /// Messages carry the pid of the sender.
    SEND_SENDER = 19;
    /// The label of a seq_trace token can be any term.
    BIG_SEQTRACE_LABELS = 20;
    /// Exit reasons are payload, not part of the control message.
    EXIT_PAYLOAD = 22;
    /// Large messages are cut into fragments.
    FRAGMENTS = 23;
    /// The handshake of OTP 23.
    HANDSHAKE_23 = 24;
    /// Links are removed with numbered unlinks that are acknowledged.
    UNLINK_ID = 25;
    /// Stands for [`Flags::MANDATORY_25`].
    MANDATORY_25_DIGEST = 26;
    /// Processes can be spawned by control messages.
    SPAWN = 32;
    /// The connecting node wants to be given a name.
    NAME_ME = 33;
    /// Pids, ports and references of 64, 64 and 160 bits.
    V4_NC = 34;
    /// Messages can be sent to process aliases.
    ALIAS = 35;
    /// Signals with alternative actions, such as priority messages (OTP 28).
    ALTACT_SIG = 37;
    /// Native records (OTP 29).
    NATIVE_RECORDS = 38;
}

impl Flags {
    /// No flag at all.
    pub const NONE: Flags = Flags(0);

    /// What [`MANDATORY_25_DIGEST`](Flags::MANDATORY_25_DIGEST) stands for: the flags without which OTP 25 refuses a
    /// node.
    pub const MANDATORY_25: Flags = Flags(
        Flags::EXTENDED_REFERENCES.0
            | Flags::FUN_TAGS.0
            | Flags::NEW_FUN_TAGS.0
            | Flags::EXTENDED_PIDS_PORTS.0
            | Flags::EXPORT_PTR_TAG.0
            | Flags::BIT_BINARIES.0
            | Flags::NEW_FLOATS.0
            | Flags::UTF8_ATOMS.0
            | Flags::MAP_TAG.0
            | Flags::BIG_CREATION.0
            | Flags::HANDSHAKE_23.0,
    );

    /// The flags without which OTP 26 and later refuse a node, and this crate too.
    pub const MANDATORY: Flags = Flags(Flags::MANDATORY_25.0 | Flags::UNLINK_ID.0 | Flags::V4_NC.0);

    /// All bits that an old `send_name` has room for.
    pub(crate) const LOW: Flags = Flags(0xffff_ffff);

    /// The flags of a full visible node: those of OTP 29, all of which this crate can decode and answer.
    ///
    /// A hidden node leaves out [`PUBLISHED`](Flags::PUBLISHED).
    #[must_use]
    pub const fn full_node() -> Flags {
        Flags(
            Flags::PUBLISHED.0
                | Flags::MANDATORY.0
                | Flags::DIST_MONITOR.0
                | Flags::DIST_MONITOR_NAME.0
                | Flags::UNICODE_IO.0
                | Flags::DIST_HDR_ATOM_CACHE.0
                | Flags::SMALL_ATOM_TAGS.0
                | Flags::SEND_SENDER.0
                | Flags::BIG_SEQTRACE_LABELS.0
                | Flags::EXIT_PAYLOAD.0
                | Flags::FRAGMENTS.0
                | Flags::MANDATORY_25_DIGEST.0
                | Flags::SPAWN.0
                | Flags::ALIAS.0
                | Flags::ALTACT_SIG.0
                | Flags::NATIVE_RECORDS.0,
        )
    }

    /// The set with these bits.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Flags {
        Flags(bits)
    }

    /// The set as it stands on the wire.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether all of `other` is in this set.
    #[must_use]
    pub const fn contains(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is in this set.
    #[must_use]
    pub const fn intersects(self, other: Flags) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether there is no flag in this set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// This set with `MANDATORY_25_DIGEST` spelled out.
    #[must_use]
    pub const fn expanded(self) -> Flags {
        if self.contains(Flags::MANDATORY_25_DIGEST) { Flags(self.0 | Flags::MANDATORY_25.0) } else { self }
    }

    /// What may be used between a node with these flags and one with `other`.
    #[must_use]
    pub const fn effective(self, other: Flags) -> Flags {
        Flags(self.expanded().0 & other.expanded().0)
    }

    /// Which of `required` a node with these flags lacks; empty if none.
    #[must_use]
    pub const fn missing(self, required: Flags) -> Flags {
        Flags(required.0 & !self.expanded().0)
    }

    /// The names of the flags in this set, lowest bit first; bits without a name are left out.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES.iter().filter(move |(flag, _)| self.contains(*flag)).map(|(_, name)| *name)
    }

    /// Whether messages on a connection with these flags start with a distribution header.
    #[must_use]
    pub const fn has_headers(self) -> bool {
        // OTP goes by either flag; only nodes other than OTP have just one of them.
        self.intersects(Flags(Flags::DIST_HDR_ATOM_CACHE.0 | Flags::FRAGMENTS.0))
    }
}

impl BitOr for Flags {
    type Output = Flags;

    fn bitor(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

impl BitAnd for Flags {
    type Output = Flags;

    fn bitand(self, other: Flags) -> Flags {
        Flags(self.0 & other.0)
    }
}

/// The flags of the left side that are not in the right.
impl Sub for Flags {
    type Output = Flags;

    fn sub(self, other: Flags) -> Flags {
        Flags(self.0 & !other.0)
    }
}

/// The names separated by spaces, then the bits without a name.
impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut unnamed = self.0;
        let mut separator = "";
        for (flag, name) in NAMES.iter().filter(|(flag, _)| self.contains(*flag)) {
            write!(f, "{separator}{name}")?;
            separator = " ";
            unnamed &= !flag.0;
        }
        for bit in (0..u64::BITS).filter(|bit| unnamed >> bit & 1 == 1) {
            write!(f, "{separator}bit{bit}")?;
            separator = " ";
        }
        Ok(())
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flags({:#x}: {self})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_of_real_nodes() {
        assert_eq!(Flags::full_node().bits(), 0x6d_07df_7fbd, "OTP 29.1.2");
        let otp25 = Flags::full_node() - Flags::ALTACT_SIG - Flags::NATIVE_RECORDS;
        assert_eq!(otp25.bits(), 0xd_07df_7fbd, "OTP 25.2.3 and 27.3.4");
        assert_eq!((otp25 - Flags::PUBLISHED).bits(), 0xd_07df_7fbc, "a hidden node of OTP 25.2.3");
    }

    #[test]
    fn the_digest_bit_stands_for_the_mandatory_flags() {
        let few = Flags::MANDATORY_25_DIGEST | Flags::UNLINK_ID | Flags::V4_NC;
        assert_eq!(few.missing(Flags::MANDATORY), Flags::NONE);
        assert!(few.effective(Flags::full_node()).contains(Flags::MANDATORY));
        let none = Flags::UNLINK_ID | Flags::V4_NC;
        assert_eq!(none.missing(Flags::MANDATORY), Flags::MANDATORY_25);
    }

    #[test]
    fn missing_flags_are_named() {
        let flags = Flags::full_node() - Flags::MANDATORY_25_DIGEST - Flags::MAP_TAG - Flags::V4_NC;
        assert_eq!(flags.missing(Flags::MANDATORY).names().collect::<Vec<_>>(), ["MAP_TAG", "V4_NC"]);
        assert_eq!(Flags::from_bits(1 << 63 | 1).to_string(), "PUBLISHED bit63");
    }

    #[test]
    fn the_effective_set_is_what_both_have() {
        let hidden = Flags::from_bits(0xd_07df_7fbc);
        let effective = Flags::full_node().effective(hidden);
        assert!(!effective.intersects(Flags::PUBLISHED | Flags::ALTACT_SIG));
        assert_eq!(effective.bits(), 0xd_07df_7fbc);
    }
}

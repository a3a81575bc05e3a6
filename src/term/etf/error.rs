//! What can be wrong with bytes that should be a term, and with a term that should become bytes.

/// Why bytes are not the term that was asked for, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reading} at byte {offset}{}: {kind}", tag_text(.tag))]
#[non_exhaustive]
pub struct DecodeError {
    /// Where the term begins that could not be read: how many bytes stand before it. In a compressed term, of the
    /// inflated bytes.
    pub offset: usize,
    /// The byte there, which says what kind of term it is; `None` at the end of the bytes.
    pub tag: Option<u8>,
    /// What was being read.
    pub reading: &'static str,
    /// What is wrong with it.
    pub kind: DecodeErrorKind,
}

fn tag_text(tag: &Option<u8>) -> String {
    tag.map(|tag| format!(" (tag {tag})")).unwrap_or_default()
}

/// What is wrong with the bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The bytes end before the term does, or could never hold as many elements as it announces.
    #[error("the bytes end before the term does")]
    Truncated,
    /// The bytes do not begin with the version of the format, 131.
    #[error("version 131 expected, found {found}")]
    Version {
        /// The byte there.
        found: u8,
    },
    /// There is a term of another kind than the one asked for, or where only one kind may stand.
    #[error("a term with tag {found} stands there")]
    UnexpectedTag {
        /// Its tag.
        found: u8,
    },
    /// No term begins with this byte, or only one that never goes from node to node.
    #[error("no term begins with {found}")]
    UnknownTag {
        /// The byte there.
        found: u8,
    },
    /// An atom of more than 255 characters.
    #[error("an atom has at most 255 characters")]
    AtomTooLong,
    /// The name of an atom is not UTF-8.
    #[error("the name of an atom is not UTF-8")]
    AtomNotUtf8,
    /// An atom is given by a place that the distribution header does not have.
    #[error("the header has no atom {index}")]
    UnknownAtomRef {
        /// The place.
        index: u8,
    },
    /// An integer that does not fit in the type asked for, or where it stands.
    #[error("the integer is out of range")]
    IntegerOutOfRange,
    /// A float that is infinite or not a number.
    #[error("a float must be finite")]
    NotFinite,
    /// The text of an old float is not a number.
    #[error("the text of a float is not a number")]
    FloatText,
    /// The last byte of a bit string can't have so many bits.
    #[error("{bits} bits of the last byte of a bit string")]
    BitCount {
        /// How many were announced.
        bits: u8,
    },
    /// A bit string where a binary was asked for.
    #[error("a bit string is no binary")]
    NotWholeBytes,
    /// A reference of no words, or of more than five.
    #[error("a reference of {words} words")]
    ReferenceWords {
        /// How many were announced.
        words: u16,
    },
    /// An identifier in an old form uses bits which that form does not have.
    #[error("a number is too large for the old form of an identifier")]
    OldIdentifier,
    /// A key stands twice in a map.
    #[error("a key stands twice in a map")]
    DuplicateKey,
    /// A field stands twice in a native record.
    #[error("a field stands twice in a record")]
    DuplicateField,
    /// Flags of a native record that have no meaning yet.
    #[error("a record with the flags {flags}")]
    RecordFlags {
        /// All flags; the lowest bit is known.
        flags: u8,
    },
    /// A fun is not as long as it says, or has more free variables than a fun can have.
    #[error("a fun is not of the size it announces")]
    FunSize,
    /// Terms are nested deeper than the limit that was set.
    #[error("nested deeper than {limit}")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// Bytes are left after the term.
    #[error("{count} bytes are left after the term")]
    TrailingBytes {
        /// How many.
        count: usize,
    },
    /// The compressed bytes are no zlib stream.
    #[error("the compressed bytes are damaged")]
    Inflate,
    /// The compressed bytes inflate to more or fewer bytes than announced.
    #[error("the compressed bytes do not inflate to {announced} bytes")]
    InflatedSize {
        /// How many were announced.
        announced: usize,
    },
    /// The compressed bytes inflate to more than the limit.
    #[error("{announced} inflated bytes are more than the limit of {limit}")]
    InflatedTooLarge {
        /// How many were announced.
        announced: usize,
        /// The limit, for a stream of this length.
        limit: usize,
    },
}

/// Why a term cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A float that is infinite or not a number: Erlang has none.
    #[error("a float must be finite")]
    NotFinite,
    /// More elements, pairs or bytes than the format can count, 2³² - 1.
    #[error("the format counts to 4294967295, this is {count}")]
    TooLarge {
        /// How many there are.
        count: usize,
    },
    /// An integer of more bytes than a BEAM takes: [`MAX_INTEGER_BYTES`](super::MAX_INTEGER_BYTES).
    #[error("an integer of {bytes} bytes")]
    IntegerTooLarge {
        /// How many bytes it has.
        bytes: usize,
    },
    /// A native record that has a field twice.
    #[error("a field stands twice in a record")]
    DuplicateField,
    /// A fun with more free variables than a fun can have, 255.
    #[error("a fun with {count} free variables")]
    TooManyFreeVariables {
        /// How many there are.
        count: usize,
    },
    /// A native record, for a node that knows none.
    #[error("the receiver knows no native records")]
    NativeRecord,
    /// A term that came in the external format, and is not a valid one.
    #[error("a malformed term cannot be passed on: {0}")]
    Malformed(#[from] DecodeError),
}

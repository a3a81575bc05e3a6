//! What can be wrong with the text of a term.

use crate::term::AtomTooLong;

/// A text that is no term: where, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {kind}")]
#[non_exhaustive]
pub struct ParseError {
    /// Where the fault is, in bytes from the start.
    pub offset: usize,
    /// The line of the fault, from 1.
    pub line: usize,
    /// The column of the fault in its line, in characters from 1.
    pub column: usize,
    /// What is wrong.
    #[source]
    pub kind: ParseErrorKind,
}

/// The kinds of [`ParseError`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// Something else should stand here.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What could stand here.
        expected: &'static str,
        /// The text that stands here, shortened.
        found: Found,
    },
    /// A quote has no end.
    #[error("this {what} has no end")]
    Unterminated {
        /// What began here.
        what: &'static str,
    },
    /// A variable, which has no value here.
    #[error("a variable has no value here; an atom like this needs single quotes")]
    Variable,
    /// A reserved word where an atom could be.
    #[error("a reserved word; the atom needs single quotes")]
    ReservedWord,
    /// An atom has too many characters.
    #[error(transparent)]
    AtomTooLong(#[from] AtomTooLong),
    /// A backslash before what it cannot escape.
    #[error("no valid escape sequence")]
    BadEscape,
    /// A number that is none.
    #[error("no valid number")]
    BadNumber,
    /// The base of an integer is not 2 to 36.
    #[error("the base of an integer is 2 to 36")]
    BadBase,
    /// A float is larger than floats can be.
    #[error("a float this large does not exist")]
    FloatTooLarge,
    /// The lines between `"""` don't begin as the last one does, or share a line with the quotes.
    #[error("a text between triple quotes has its own lines, indented at least like the closing quotes")]
    BadTripleQuotes,
    /// `#{key := value}`.
    #[error("`:=` only updates maps; `=>` makes one")]
    MapUpdate,
    /// A field of a record is given twice.
    #[error("this field has a value already")]
    DuplicateField,
    /// A closure, which no text can name.
    #[error("a closure cannot be read back")]
    Closure,
    /// An identifier, begun with `<`, `#Ref<` or `#Port<`, that does not follow the form.
    #[error("expected {form}")]
    BadIdentifier {
        /// The form it should have.
        form: &'static str,
    },
    /// The name of a node has no `@`, or is empty.
    #[error("the name of a node is like name@host; any other needs single quotes")]
    BadNodeName,
    /// An identifier names its node with a number, as shells do.
    #[error("the node of this identifier is a number, which means something only there; write its name")]
    NumberedNode,
    /// An identifier of a node that the parser does not know, without a creation.
    #[error(
        "the creation of this node is not known; write it behind a slash, as in <rust@host.12.0/1732154>"
    )]
    NoCreation,
    /// A type of a segment in `<<…>>` that does not exist, or not for this value.
    #[error("this type does not fit the value")]
    BadSegmentType,
    /// A size of a segment in `<<…>>` that its type does not have.
    #[error("this size does not fit the type")]
    BadSegmentSize,
    /// A segment is too large.
    #[error("a segment has at most {max} bits")]
    SegmentTooLarge {
        /// The limit.
        max: u32,
    },
    /// A function has more than 255 arguments.
    #[error("a function has at most 255 arguments")]
    BadArity,
}

/// The text found in place of what was expected; prints in backquotes, or as `the end`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found(Option<Box<str>>);

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            None => f.write_str("the end"),
            Some(text) => write!(f, "`{text}`"),
        }
    }
}

/// How much of a text that does not belong is shown, in characters.
const MAX_FOUND: usize = 20;

impl Found {
    pub(super) fn new(text: &str) -> Found {
        let end = text.char_indices().nth(MAX_FOUND).map_or(text.len(), |(at, _)| at);
        let text = text.get(..end).unwrap_or(text);
        Found((!text.is_empty()).then(|| text.escape_debug().collect::<String>().into_boxed_str()))
    }
}

/// An error before its line and column are known, which it takes the whole text to find.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) offset: usize,
    pub(super) kind: ParseErrorKind,
}

impl Fault {
    pub(super) fn locate(self, source: &str) -> ParseError {
        let before = source.get(..self.offset).unwrap_or(source);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        ParseError {
            offset: self.offset,
            line: 1 + before.bytes().filter(|byte| *byte == b'\n').count(),
            column: 1 + before.get(line_start..).map_or(0, |text| text.chars().count()),
            kind: self.kind,
        }
    }
}

//! Aliases: references that a process can be sent to by, until it does not want that any more.

/// When an alias stops working by itself, besides `unalias`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AliasMode {
    /// Only by `unalias`.
    ExplicitUnalias,
    /// Also when the monitor it belongs to is removed, by `demonitor` or its `'DOWN'`.
    Demonitor,
    /// Also with the first message that came through it, which removes the monitor as well.
    ReplyDemonitor,
}

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

/// What an alias without a monitor is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AliasOptions {
    /// It stops working with the first message that came through it; otherwise only by `unalias`.
    pub reply: bool,
    /// What is sent through it with priority goes before ordinary messages.
    pub priority: bool,
}

/// An alias that is active.
#[derive(Debug, Clone, Copy)]
pub(super) struct Alias {
    pub(super) ends: AliasEnd,
    pub(super) priority: bool,
}

/// What ends an alias, besides `unalias`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AliasEnd {
    Nothing,
    Monitor,
    /// And the end of its monitor.
    Reply,
}

impl From<AliasMode> for Alias {
    fn from(mode: AliasMode) -> Alias {
        let ends = match mode {
            AliasMode::ExplicitUnalias => AliasEnd::Nothing,
            AliasMode::Demonitor => AliasEnd::Monitor,
            AliasMode::ReplyDemonitor => AliasEnd::Reply,
        };
        Alias { ends, priority: false }
    }
}

impl From<AliasOptions> for Alias {
    fn from(options: AliasOptions) -> Alias {
        let ends = if options.reply { AliasEnd::Reply } else { AliasEnd::Nothing };
        Alias { ends, priority: options.priority }
    }
}

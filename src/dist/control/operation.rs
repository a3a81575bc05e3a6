//! The numbers of the operations.

use std::fmt;

use super::ControlMessage;

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal, $elements:literal $(, $payload:ident)?;)*) => {
        /// What a control message is about: the first element of its tuple.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[expect(missing_docs, reason = "each has the documentation of the variant of ControlMessage")]
        pub enum Operation {
            $($(#[$doc])* $name = $number,)*
        }

        impl Operation {
            /// The operation with that number.
            #[must_use]
            pub fn new(number: i64) -> Option<Operation> {
                match number {
                    $($number => Some(Operation::$name),)*
                    _ => None,
                }
            }

            /// How many elements its tuple has, at least.
            pub(super) fn elements(self) -> usize {
                match self {
                    $(Operation::$name => $elements,)*
                }
            }

            /// Whether a payload follows.
            #[must_use]
            pub fn has_payload(self) -> bool {
                match self {
                    $(Operation::$name => operations!(@payload $($payload)?),)*
                }
            }
        }

        /// As the documentation spells it.
        impl fmt::Display for Operation {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Operation::$name => $text,)*
                })
            }
        }
    };
    (@payload) => { false };
    (@payload payload) => { true };
}

operations! {
    Link = 1, "LINK", 3;
    Send = 2, "SEND", 3, payload;
    Exit = 3, "EXIT", 4;
    Unlink = 4, "UNLINK", 3;
    RegSend = 6, "REG_SEND", 4, payload;
    GroupLeader = 7, "GROUP_LEADER", 3;
    Exit2 = 8, "EXIT2", 4;
    SendTt = 12, "SEND_TT", 4, payload;
    ExitTt = 13, "EXIT_TT", 5;
    RegSendTt = 16, "REG_SEND_TT", 5, payload;
    Exit2Tt = 18, "EXIT2_TT", 5;
    MonitorP = 19, "MONITOR_P", 4;
    DemonitorP = 20, "DEMONITOR_P", 4;
    MonitorPExit = 21, "MONITOR_P_EXIT", 5;
    SendSender = 22, "SEND_SENDER", 3, payload;
    SendSenderTt = 23, "SEND_SENDER_TT", 4, payload;
    PayloadExit = 24, "PAYLOAD_EXIT", 3, payload;
    PayloadExitTt = 25, "PAYLOAD_EXIT_TT", 4, payload;
    PayloadExit2 = 26, "PAYLOAD_EXIT2", 3, payload;
    PayloadExit2Tt = 27, "PAYLOAD_EXIT2_TT", 4, payload;
    PayloadMonitorPExit = 28, "PAYLOAD_MONITOR_P_EXIT", 4, payload;
    SpawnRequest = 29, "SPAWN_REQUEST", 6, payload;
    SpawnRequestTt = 30, "SPAWN_REQUEST_TT", 7, payload;
    SpawnReply = 31, "SPAWN_REPLY", 5;
    SpawnReplyTt = 32, "SPAWN_REPLY_TT", 6;
    AliasSend = 33, "ALIAS_SEND", 3, payload;
    AliasSendTt = 34, "ALIAS_SEND_TT", 4, payload;
    UnlinkId = 35, "UNLINK_ID", 4;
    UnlinkIdAck = 36, "UNLINK_ID_ACK", 4;
    AltactSigSend = 37, "ALTACT_SIG_SEND", 4, payload;
}

impl Operation {
    /// The number in the tuple.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Whether the tuple may have more elements than are known, which later releases would add.
    pub(super) fn is_extensible(self) -> bool {
        self == Operation::AltactSigSend
    }
}

impl ControlMessage {
    /// The operation.
    #[must_use]
    pub fn operation(&self) -> Operation {
        match self {
            ControlMessage::Link { .. } => Operation::Link,
            ControlMessage::Send { .. } => Operation::Send,
            ControlMessage::Exit { .. } => Operation::Exit,
            ControlMessage::Unlink { .. } => Operation::Unlink,
            ControlMessage::RegSend { .. } => Operation::RegSend,
            ControlMessage::GroupLeader { .. } => Operation::GroupLeader,
            ControlMessage::Exit2 { .. } => Operation::Exit2,
            ControlMessage::SendTt { .. } => Operation::SendTt,
            ControlMessage::ExitTt { .. } => Operation::ExitTt,
            ControlMessage::RegSendTt { .. } => Operation::RegSendTt,
            ControlMessage::Exit2Tt { .. } => Operation::Exit2Tt,
            ControlMessage::MonitorP { .. } => Operation::MonitorP,
            ControlMessage::DemonitorP { .. } => Operation::DemonitorP,
            ControlMessage::MonitorPExit { .. } => Operation::MonitorPExit,
            ControlMessage::SendSender { .. } => Operation::SendSender,
            ControlMessage::SendSenderTt { .. } => Operation::SendSenderTt,
            ControlMessage::PayloadExit { .. } => Operation::PayloadExit,
            ControlMessage::PayloadExitTt { .. } => Operation::PayloadExitTt,
            ControlMessage::PayloadExit2 { .. } => Operation::PayloadExit2,
            ControlMessage::PayloadExit2Tt { .. } => Operation::PayloadExit2Tt,
            ControlMessage::PayloadMonitorPExit { .. } => Operation::PayloadMonitorPExit,
            ControlMessage::SpawnRequest(_) => Operation::SpawnRequest,
            ControlMessage::SpawnRequestTt(..) => Operation::SpawnRequestTt,
            ControlMessage::SpawnReply { .. } => Operation::SpawnReply,
            ControlMessage::SpawnReplyTt { .. } => Operation::SpawnReplyTt,
            ControlMessage::AliasSend { .. } => Operation::AliasSend,
            ControlMessage::AliasSendTt { .. } => Operation::AliasSendTt,
            ControlMessage::UnlinkId { .. } => Operation::UnlinkId,
            ControlMessage::UnlinkIdAck { .. } => Operation::UnlinkIdAck,
            ControlMessage::AltactSigSend { .. } => Operation::AltactSigSend,
        }
    }
}

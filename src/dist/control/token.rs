//! The tokens of sequential tracing in control messages.

use super::ControlMessage;
use crate::term::Term;

impl ControlMessage {
    /// The seq_trace token, if there is one.
    #[must_use]
    pub fn token(&self) -> Option<&Term> {
        match self {
            ControlMessage::SendTt { token, .. }
            | ControlMessage::ExitTt { token, .. }
            | ControlMessage::RegSendTt { token, .. }
            | ControlMessage::Exit2Tt { token, .. }
            | ControlMessage::SendSenderTt { token, .. }
            | ControlMessage::PayloadExitTt { token, .. }
            | ControlMessage::PayloadExit2Tt { token, .. }
            | ControlMessage::SpawnRequestTt(_, token)
            | ControlMessage::SpawnReplyTt { token, .. }
            | ControlMessage::AliasSendTt { token, .. } => Some(token),
            ControlMessage::AltactSigSend { token, .. } => token.as_ref(),
            _ => None,
        }
    }

    /// The same with a token, where there is a place for one.
    #[must_use]
    pub fn with_token(self, token: Term) -> ControlMessage {
        match self {
            ControlMessage::Send { to } => ControlMessage::SendTt { to, token },
            ControlMessage::Exit { from, to, reason } => ControlMessage::ExitTt { from, to, token, reason },
            ControlMessage::RegSend { from, to } => ControlMessage::RegSendTt { from, to, token },
            ControlMessage::Exit2 { from, to, reason } => ControlMessage::Exit2Tt { from, to, token, reason },
            ControlMessage::SendSender { from, to } => ControlMessage::SendSenderTt { from, to, token },
            ControlMessage::PayloadExit { from, to } => ControlMessage::PayloadExitTt { from, to, token },
            ControlMessage::PayloadExit2 { from, to } => ControlMessage::PayloadExit2Tt { from, to, token },
            ControlMessage::SpawnRequest(request) => ControlMessage::SpawnRequestTt(request, token),
            ControlMessage::SpawnReply { request, to, flags, result } => {
                ControlMessage::SpawnReplyTt { request, to, flags, result, token }
            }
            ControlMessage::AliasSend { from, to } => ControlMessage::AliasSendTt { from, to, token },
            ControlMessage::AltactSigSend { flags, from, to, .. } => {
                ControlMessage::AltactSigSend { flags, from, to, token: Some(token) }
            }
            other => other,
        }
    }
}

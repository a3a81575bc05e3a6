//! Reading control messages.

use std::num::NonZeroU64;
use std::ops::RangeInclusive;

use super::{
    AltactFlags, AltactTo, ControlMessage, Operation, PidOrName, SpawnReplyFlags, SpawnRequest, UnlinkId,
};
use crate::term::etf::{DecodeError, Reader, tag};
use crate::term::{Atom, Pid, Reference, Term};

/// What OTP calls a small integer.
const SMALL: RangeInclusive<i64> = -(1 << 59)..=(1 << 59) - 1;

/// Why bytes are not a control message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// It is no tuple that starts with a number.
    #[error("a control message is a tuple that starts with the number of an operation: {0}")]
    NoOperation(#[source] DecodeError),
    /// It is the empty tuple.
    #[error("a control message is a tuple that starts with the number of an operation, not an empty one")]
    Empty,
    /// No operation has that number.
    #[error("there is no control message with the number {number}")]
    UnknownOperation {
        /// The number.
        number: i64,
    },
    /// The tuple has more or fewer elements than the operation.
    #[error("a tuple of {} elements is expected for {operation}, this one has {got}", operation.elements())]
    Arity {
        /// The operation.
        operation: Operation,
        /// How many elements the tuple has.
        got: usize,
    },
    /// An element is not what has to stand there.
    #[error("bad {field} in {operation}: {error}")]
    Element {
        /// The operation.
        operation: Operation,
        /// What has to stand there.
        field: &'static str,
        /// What is wrong with it.
        #[source]
        error: DecodeError,
    },
    /// A number is out of range.
    #[error("bad {field} in {operation}: out of range")]
    Range {
        /// The operation.
        operation: Operation,
        /// What has to stand there.
        field: &'static str,
    },
}

/// The elements of a tuple, read one after the other.
struct Elements<'r, 'a> {
    operation: Operation,
    /// How many elements the tuple has.
    arity: usize,
    reader: &'r mut Reader<'a>,
}

impl ControlMessage {
    /// Reads a control message. A payload, if there is one, stands after it.
    ///
    /// # Errors
    /// [`ControlError`]: the other node is at fault, and OTP closes the connection.
    pub fn decode(reader: &mut Reader<'_>) -> Result<ControlMessage, ControlError> {
        let arity = match reader.tuple_header().map_err(ControlError::NoOperation)? {
            0 => return Err(ControlError::Empty),
            arity => arity,
        };
        let number = reader.i64().map_err(ControlError::NoOperation)?;
        let operation = Operation::new(number).ok_or(ControlError::UnknownOperation { number })?;
        let expected = operation.elements();
        if arity != expected && !(arity > expected && operation.is_extensible()) {
            return Err(ControlError::Arity { operation, got: arity });
        }
        Elements { operation, arity, reader }.message()
    }
}

impl<'a> Elements<'_, 'a> {
    /// The fields of a struct are evaluated in the order they are written in, which is that of the tuple.
    fn message(&mut self) -> Result<ControlMessage, ControlError> {
        Ok(match self.operation {
            Operation::Link => ControlMessage::Link { from: self.from()?, to: self.to()? },
            Operation::Send => {
                self.skip()?;
                ControlMessage::Send { to: self.to()? }
            }
            Operation::Exit => {
                ControlMessage::Exit { from: self.from()?, to: self.to()?, reason: self.reason()? }
            }
            Operation::Unlink => ControlMessage::Unlink { from: self.from()?, to: self.to()? },
            Operation::RegSend => ControlMessage::RegSend { from: self.from()?, to: self.name_to()? },
            Operation::GroupLeader => ControlMessage::GroupLeader { from: self.from()?, to: self.to()? },
            Operation::Exit2 => {
                ControlMessage::Exit2 { from: self.from()?, to: self.to()?, reason: self.reason()? }
            }
            Operation::SendTt => {
                self.skip()?;
                ControlMessage::SendTt { to: self.to()?, token: self.token()? }
            }
            Operation::ExitTt => ControlMessage::ExitTt {
                from: self.from()?,
                to: self.to()?,
                token: self.token()?,
                reason: self.reason()?,
            },
            Operation::RegSendTt => {
                ControlMessage::RegSendTt { from: self.from()?, to: self.name_to()?, token: self.token()? }
            }
            Operation::Exit2Tt => ControlMessage::Exit2Tt {
                from: self.from()?,
                to: self.to()?,
                token: self.token()?,
                reason: self.reason()?,
            },
            Operation::MonitorP => ControlMessage::MonitorP {
                from: self.from()?,
                to: self.pid_or_name("receiver")?,
                reference: self.reference("monitor")?,
            },
            Operation::DemonitorP => ControlMessage::DemonitorP {
                from: self.from()?,
                to: self.pid_or_name("receiver")?,
                reference: self.reference("monitor")?,
            },
            Operation::MonitorPExit => ControlMessage::MonitorPExit {
                from: self.pid_or_name("sender")?,
                to: self.to()?,
                reference: self.reference("monitor")?,
                reason: self.reason()?,
            },
            Operation::SendSender => ControlMessage::SendSender { from: self.from()?, to: self.to()? },
            Operation::SendSenderTt => {
                ControlMessage::SendSenderTt { from: self.from()?, to: self.to()?, token: self.token()? }
            }
            Operation::PayloadExit => ControlMessage::PayloadExit { from: self.from()?, to: self.to()? },
            Operation::PayloadExitTt => {
                ControlMessage::PayloadExitTt { from: self.from()?, to: self.to()?, token: self.token()? }
            }
            Operation::PayloadExit2 => ControlMessage::PayloadExit2 { from: self.from()?, to: self.to()? },
            Operation::PayloadExit2Tt => {
                ControlMessage::PayloadExit2Tt { from: self.from()?, to: self.to()?, token: self.token()? }
            }
            Operation::PayloadMonitorPExit => ControlMessage::PayloadMonitorPExit {
                from: self.pid_or_name("sender")?,
                to: self.to()?,
                reference: self.reference("monitor")?,
            },
            Operation::SpawnRequest => ControlMessage::SpawnRequest(Box::new(self.spawn_request()?)),
            Operation::SpawnRequestTt => {
                ControlMessage::SpawnRequestTt(Box::new(self.spawn_request()?), self.token()?)
            }
            Operation::SpawnReply => ControlMessage::SpawnReply {
                request: self.reference("request")?,
                to: self.to()?,
                flags: self.spawn_reply_flags()?,
                result: self.pid_or_name("result")?,
            },
            Operation::SpawnReplyTt => ControlMessage::SpawnReplyTt {
                request: self.reference("request")?,
                to: self.to()?,
                flags: self.spawn_reply_flags()?,
                result: self.pid_or_name("result")?,
                token: self.token()?,
            },
            Operation::AliasSend => {
                ControlMessage::AliasSend { from: self.from()?, to: self.reference("alias")? }
            }
            Operation::AliasSendTt => ControlMessage::AliasSendTt {
                from: self.from()?,
                to: self.reference("alias")?,
                token: self.token()?,
            },
            Operation::UnlinkId => {
                ControlMessage::UnlinkId { id: self.unlink_id()?, from: self.from()?, to: self.to()? }
            }
            Operation::UnlinkIdAck => {
                ControlMessage::UnlinkIdAck { id: self.u64("id")?, from: self.from()?, to: self.to()? }
            }
            Operation::AltactSigSend => self.altact_sig_send()?,
        })
    }

    fn spawn_request(&mut self) -> Result<SpawnRequest, ControlError> {
        let (id, from) = (self.reference("request")?, self.from()?);
        let group_leader = self.pid("group leader")?;
        if self.read("function", Reader::tuple_header)? != 3 {
            return Err(self.out_of_range("function"));
        }
        let (module, function) = (self.read("module", Reader::atom)?, self.read("function", Reader::atom)?);
        let arity = self.read("arity", Reader::i64)?;
        if !SMALL.contains(&arity) {
            return Err(self.out_of_range("arity"));
        }
        let options = self.read("options", Reader::term)?;
        Ok(SpawnRequest { id, from, group_leader, module, function, arity, options })
    }

    fn altact_sig_send(&mut self) -> Result<ControlMessage, ControlError> {
        // Bits that are not known are ignored, however many there are.
        let bits = self.read("flags", Reader::integer)?;
        let bits = match bits.as_i64() {
            Some(small) => u64::try_from(small).map_err(|_| self.out_of_range("flags"))?,
            None => match bits.to_big().to_bytes_le() {
                (num_bigint::Sign::Minus, _) => return Err(self.out_of_range("flags")),
                (_, bytes) => bytes.first().copied().map_or(0, u64::from),
            },
        };
        let flags = AltactFlags { priority: bits & altact::PRIORITY != 0, exit: bits & altact::EXIT != 0 };
        let from = self.from()?;
        let to = match (bits & altact::ALIAS != 0, bits & altact::NAME != 0) {
            (false, false) => AltactTo::Pid(self.to()?),
            (true, false) => AltactTo::Alias(self.reference("alias")?),
            (false, true) => AltactTo::Name(self.read("receiver", Reader::atom)?),
            (true, true) => return Err(self.out_of_range("flags")),
        };
        let mut known = self.operation.elements();
        let mut token = None;
        if bits & altact::TOKEN != 0 {
            known += 1;
            if self.arity < known {
                return Err(ControlError::Arity { operation: self.operation, got: self.arity });
            }
            token = Some(self.token()?);
        }
        for _ in known..self.arity {
            self.skip()?;
        }
        Ok(ControlMessage::AltactSigSend { flags, from, to, token })
    }

    fn from(&mut self) -> Result<Pid, ControlError> {
        self.pid("sender")
    }

    fn to(&mut self) -> Result<Pid, ControlError> {
        self.pid("receiver")
    }

    /// The name after an unused element.
    fn name_to(&mut self) -> Result<Atom, ControlError> {
        self.skip()?;
        self.read("receiver", Reader::atom)
    }

    fn reason(&mut self) -> Result<Term, ControlError> {
        self.read("reason", Reader::term)
    }

    fn token(&mut self) -> Result<Term, ControlError> {
        self.read("token", Reader::term)
    }

    fn pid(&mut self, field: &'static str) -> Result<Pid, ControlError> {
        self.read(field, Reader::pid)
    }

    fn reference(&mut self, field: &'static str) -> Result<Reference, ControlError> {
        self.read(field, Reader::reference)
    }

    fn pid_or_name(&mut self, field: &'static str) -> Result<PidOrName, ControlError> {
        match self.reader.peek_tag() {
            Some(tag::NEW_PID | tag::PID) => self.pid(field).map(PidOrName::Pid),
            _ => self.read(field, Reader::atom).map(PidOrName::Name),
        }
    }

    fn spawn_reply_flags(&mut self) -> Result<SpawnReplyFlags, ControlError> {
        let flags = self.read("flags", Reader::i64)?;
        u32::try_from(flags).map(SpawnReplyFlags).map_err(|_| self.out_of_range("flags"))
    }

    fn unlink_id(&mut self) -> Result<UnlinkId, ControlError> {
        NonZeroU64::new(self.u64("id")?).map(UnlinkId).ok_or(self.out_of_range("id"))
    }

    fn u64(&mut self, field: &'static str) -> Result<u64, ControlError> {
        let number = self.read(field, Reader::integer)?;
        let number = match number.as_i64() {
            Some(small) => u64::try_from(small).ok(),
            None => u64::try_from(number.to_big()).ok(),
        };
        number.ok_or(self.out_of_range(field))
    }

    /// An element that is not used, of whatever kind.
    fn skip(&mut self) -> Result<(), ControlError> {
        self.read("unused element", Reader::skip)
    }

    fn read<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, DecodeError>,
    ) -> Result<T, ControlError> {
        let operation = self.operation;
        read(self.reader).map_err(|error| ControlError::Element { operation, field, error })
    }

    fn out_of_range(&self, field: &'static str) -> ControlError {
        ControlError::Range { operation: self.operation, field }
    }
}

/// The bits of the flags of `ALTACT_SIG_SEND`.
pub(super) mod altact {
    pub(in super::super) const PRIORITY: u64 = 1;
    pub(in super::super) const TOKEN: u64 = 2;
    pub(in super::super) const ALIAS: u64 = 4;
    pub(in super::super) const NAME: u64 = 8;
    pub(in super::super) const EXIT: u64 = 16;
}

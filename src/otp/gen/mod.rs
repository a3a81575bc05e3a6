//! The exchange that all generic servers share: calls, casts and replies.
//!
//! ```text
//!   caller                                      server
//!     │  monitor, with an alias                   │
//!     ├──────────────────────────────────────────▶│
//!     │  {'$gen_call', {Pid, [alias | Ref]}, Req} │
//!     ├──────────────────────────────────────────▶│
//!     │  {[alias | Ref], Reply}   to the alias    │
//!     │◀──────────────────────────────────────────┤
//!     │  demonitor                                │
//!     ├──────────────────────────────────────────▶│
//! ```
//!
//! A cast is `{'$gen_cast', Request}`, and that is all. `{system, {Pid, Tag}, Request}` asks something of any
//! process that OTP's module `sys` knows how to deal with.
//!
//! Within the node the request and the reply are not encoded: they are moved, and handed out again if the other side
//! asks for the type that was sent.
//!
//! | file      | what it is about                                     |
//! | --------- | ---------------------------------------------------- |
//! | `call`    | the caller: [`Call`], [`CallError`], casts           |
//! | `request` | the server: telling [`Request`]s from other messages |
//! | `from`    | the way back: [`From`] and its tag                   |

mod call;
mod from;
mod request;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::call::{Call, CallError};
pub(crate) use self::from::is_reply_to;
pub use self::from::{From, Replier};
pub use self::request::Request;

use self::from::Tag;
use crate::atom;
use crate::process::Envelope;
use crate::term::etf::{EncodeError, Writer};
use crate::term::{Atom, Pid};

/// How long a call waits for its reply unless told otherwise, as in OTP.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

const GEN_CALL: Atom = atom!("$gen_call");
const GEN_CAST: Atom = atom!("$gen_cast");
const SYSTEM: Atom = atom!("system");

/// What stands around a request or a reply.
#[derive(Debug)]
enum Gen {
    Call(Pid, Tag),
    Cast,
    System(Pid, Tag),
    Reply(Tag),
}

impl Envelope for Gen {
    fn write_head(&self, writer: &mut Writer) -> Result<(), EncodeError> {
        match self {
            Gen::Call(pid, tag) | Gen::System(pid, tag) => {
                writer.tuple_header(3)?;
                let kind = if matches!(self, Gen::Call(..)) { GEN_CALL } else { SYSTEM };
                writer.atom(&kind);
                writer.tuple_header(2)?;
                writer.pid(pid);
                tag.write(writer)
            }
            Gen::Cast => {
                writer.tuple_header(2)?;
                writer.atom(&GEN_CAST);
                Ok(())
            }
            Gen::Reply(tag) => {
                writer.tuple_header(2)?;
                tag.write(writer)
            }
        }
    }
}

//! Why a device did not do what it was asked for.

use crate::atom;
use crate::node::{Raise, SendError};
use crate::process::Exit;
use crate::term::parse::ParseError;
use crate::term::{Atom, Term};

/// Why an I/O request failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IoError {
    /// The device is not there, or it ended or its node was lost before it replied.
    #[error("the I/O device is not there")]
    Terminated,
    /// The device knows the request and can't do it: `{error, enotsup}`.
    #[error("the I/O device can't do that")]
    NotSupported,
    /// The device replied `{error, Reason}`, with any other reason: what it prints or reads makes no sense, or whoever
    /// reads was interrupted.
    #[error("the I/O device refused: {0}")]
    Refused(Term),
    /// The text that was read is no term, or not all of it.
    #[error("what was read is no term: {0}")]
    NoTerm(#[from] ParseError),
    /// The reply is none that the request can have.
    #[error("the I/O device replied {0}")]
    UnexpectedReply(Term),
    /// The request could not be sent.
    #[error(transparent)]
    Send(#[from] SendError),
}

impl IoError {
    /// What `{error, Reason}` says.
    pub(super) fn refused(reason: Term) -> IoError {
        match reason.as_atom().map(Atom::as_str) {
            Some("enotsup") => IoError::NotSupported,
            Some("terminated") => IoError::Terminated,
            _ => IoError::Refused(reason),
        }
    }

    /// The `Reason` of the `{error, Reason}` that functions of OTP's module `io` return, or that they raise.
    #[must_use]
    pub fn reason(&self) -> Term {
        match self {
            IoError::Terminated => Term::Atom(atom!("terminated")),
            IoError::NotSupported => Term::Atom(atom!("enotsup")),
            IoError::Refused(reason) => reason.clone(),
            IoError::UnexpectedReply(_) => Term::Atom(atom!("request")),
            IoError::NoTerm(_) | IoError::Send(_) => {
                Term::tuple([Term::Atom(atom!("error")), Term::from(self.to_string())])
            }
        }
    }
}

impl From<IoError> for Exit {
    fn from(error: IoError) -> Exit {
        Exit::new(error.reason())
    }
}

/// As functions of OTP's module `io` raise it.
impl From<IoError> for Raise {
    fn from(error: IoError) -> Raise {
        Raise::error(error.reason())
    }
}

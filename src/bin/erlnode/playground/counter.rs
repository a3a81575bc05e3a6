//! `counter`: a generic server under a supervisor.

use std::time::Duration;

use erlnode::atom;
use erlnode::node::Process;
use erlnode::otp::gen_server::{From, GenServer, Reply};
use erlnode::otp::supervisor::{ChildSpec, Supervisor};
use erlnode::process::Exit;
use erlnode::term::{Integer, Term};
use serde::{Deserialize, Serialize};

/// Starts the counter, and starts it again however often it ends: people are to try that.
pub(super) fn supervisor() -> Supervisor {
    Supervisor::one_for_one()
        .intensity(usize::MAX, Duration::from_secs(1))
        .child(ChildSpec::server("counter", Counter::new).name("counter"))
}

/// An integer that callers can read and change.
#[derive(Debug)]
struct Counter(Integer);

impl Counter {
    /// At 0, as after each start.
    fn new() -> Counter {
        Counter(Integer::from(0))
    }
}

/// `get`, `{add, N}`, `stop` or `crash`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Call {
    Get,
    Add(Integer),
    Stop,
    Crash,
}

/// `{add, N}` or `reset`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Cast {
    Add(Integer),
    Reset,
}

impl GenServer for Counter {
    type Call = Call;
    type Cast = Cast;
    type Reply = Term;

    async fn handle_call(&mut self, call: Call, _: From<Term>, _: &mut Process) -> Result<Reply<Term>, Exit> {
        match call {
            Call::Get => {}
            Call::Add(n) => self.0 = &self.0 + &n,
            Call::Stop => return Ok(Reply::Stop(atom!("ok").into(), Exit::normal())),
            Call::Crash => return Err(Exit::new(atom!("crash"))),
        }
        Ok(Reply::Now(self.0.clone().into()))
    }

    async fn handle_cast(&mut self, cast: Cast, _: &mut Process) -> Result<(), Exit> {
        self.0 = match cast {
            Cast::Add(n) => &self.0 + &n,
            Cast::Reset => Integer::from(0),
        };
        Ok(())
    }

    fn state(&self) -> Term {
        self.0.clone().into()
    }
}

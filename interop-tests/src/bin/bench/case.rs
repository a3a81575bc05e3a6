//! What is measured: the list of cases, and the measures that one run of a case gives.

use erlnode::atom;
use erlnode::term::{Map, Term};

/// Something that two nodes, or one, are asked to do again and again.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// What `--case` looks for, and what the case is called in JSON.
    pub(crate) name: &'static str,
    /// The heading in the table.
    pub(crate) title: &'static str,
    pub(crate) work: Work,
}

#[derive(Debug, Clone)]
pub(crate) enum Work {
    /// Messages from one process to a sink on the other node.
    Send(Payload),
    /// So many processes that each send a small term to `echo` on the other node and wait for it to come back.
    Echo { clients: u64 },
    /// So many processes that call a `gen_server` on the other node.
    Call { clients: u64 },
    /// A process that calls a function on the other node.
    Erpc,
    /// The same by way of module `rpc`.
    Rpc,
    /// Echo by one client while large binaries stream between the same two nodes.
    EchoBesideStream(Stream),
    /// Processes that a node starts and that then only wait.
    Spawn { count: u64 },
    /// Connections that a node accepts, from hidden nodes.
    Connections { count: u64 },
}

impl Work {
    /// Whether it is no work for a pair.
    pub(crate) fn is_of_one_node(&self) -> bool {
        matches!(self, Work::Spawn { .. } | Work::Connections { .. })
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Payload {
    Integer,
    Tuple,
    Map,
    /// A binary of so many bytes.
    Binary(usize),
}

/// Which way the binaries go.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stream {
    /// From the clients of echo to where the echo is.
    WithRequests,
    /// The other way.
    WithReplies,
}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// The size of the binaries that stream beside an echo.
pub(crate) const STREAMED_BYTES: usize = 64 * MIB;

/// All of them, in the order of the table.
pub(crate) fn all() -> Vec<Case> {
    use Work::{Call, Connections, Echo, EchoBesideStream, Erpc, Rpc, Send, Spawn};
    let case = |name, title, work| Case { name, title, work };
    vec![
        case("send-integer", "messages: an integer", Send(Payload::Integer)),
        case("send-100-bytes", "messages: a binary of 100 bytes", Send(Payload::Binary(100))),
        case("send-tuple", "messages: a tuple of 10, atoms among them", Send(Payload::Tuple)),
        case("send-map", "messages: a map of 5", Send(Payload::Map)),
        case("send-1-kib", "messages: a binary of 1 KiB", Send(Payload::Binary(KIB))),
        case("send-64-kib", "messages: a binary of 64 KiB", Send(Payload::Binary(64 * KIB))),
        case("send-8-mib", "messages: a binary of 8 MiB", Send(Payload::Binary(8 * MIB))),
        case("echo-1", "echo, 1 client", Echo { clients: 1 }),
        case("echo-64", "echo, 64 clients", Echo { clients: 64 }),
        case("call-1", "gen_server:call, 1 client", Call { clients: 1 }),
        case("call-64", "gen_server:call, 64 clients", Call { clients: 64 }),
        case("erpc", "erpc:call, 1 client", Erpc),
        case("rpc", "rpc:call, 1 client", Rpc),
        case(
            "echo-beside-requests",
            "echo, 1 client, while 64 MiB binaries go the way of the requests",
            EchoBesideStream(Stream::WithRequests),
        ),
        case(
            "echo-beside-replies",
            "echo, 1 client, while 64 MiB binaries go the way of the replies",
            EchoBesideStream(Stream::WithReplies),
        ),
        case("spawn", "starting processes that wait", Spawn { count: 100_000 }),
        case("connections", "accepting connections", Connections { count: 200 }),
    ]
}

impl Payload {
    pub(crate) fn term(self) -> Term {
        match self {
            Payload::Integer => Term::from(42),
            Payload::Binary(size) => Term::Binary(vec![b'x'; size].into()),
            Payload::Tuple => Term::tuple([
                atom!("order").into(),
                Term::from(1042),
                atom!("pending").into(),
                Term::from("ann"),
                Term::Float(12.5),
                atom!("eur").into(),
                Term::list([Term::from(1), Term::from(2), Term::from(300)]),
                atom!("undefined").into(),
                Term::from(true),
                Term::tuple([atom!("retry").into(), Term::from(3)]),
            ]),
            Payload::Map => Term::Map(Map::from_iter([
                (atom!("id").into(), Term::from(1042)),
                (atom!("name").into(), Term::from("ann")),
                (atom!("active").into(), Term::from(true)),
                (atom!("tags").into(), Term::list([atom!("new").into(), atom!("paid").into()])),
                (atom!("score").into(), Term::Float(1.5)),
            ])),
        }
    }

    /// Whether its speed is told in bytes, not in messages.
    pub(crate) fn is_large(self) -> bool {
        matches!(self, Payload::Binary(size) if size >= 64 * KIB)
    }

    pub(crate) fn bytes(self) -> usize {
        if let Payload::Binary(size) = self { size } else { 0 }
    }
}

/// One number that a run of a case gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reading {
    pub(crate) measure: Measure,
    pub(crate) value: f64,
}

/// What a number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Measure {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) more_is_better: bool,
}

impl Measure {
    pub(crate) const RATE: Measure = Measure::more("messages", "/s");
    pub(crate) const BYTES: Measure = Measure::more("bytes", "B/s");
    pub(crate) const ROUNDS: Measure = Measure::more("round trips", "/s");
    pub(crate) const STREAM: Measure = Measure::more("stream", "B/s");
    pub(crate) const P50: Measure = Measure::less("half take no longer than", "s");
    pub(crate) const P99: Measure = Measure::less("99 % take no longer than", "s");
    pub(crate) const CPU_FROM: Measure = Measure::less("CPU each, node that asks", "s");
    pub(crate) const CPU_TO: Measure = Measure::less("CPU each, node that is asked", "s");
    pub(crate) const TIME: Measure = Measure::less("time each", "s");
    pub(crate) const CPU: Measure = Measure::less("CPU each", "s");
    pub(crate) const MEMORY: Measure = Measure::less("memory each", "B");

    const fn more(name: &'static str, unit: &'static str) -> Measure {
        Measure { name, unit, more_is_better: true }
    }

    const fn less(name: &'static str, unit: &'static str) -> Measure {
        Measure { name, unit, more_is_better: false }
    }

    pub(crate) fn is(self, value: f64) -> Reading {
        Reading { measure: self, value }
    }
}

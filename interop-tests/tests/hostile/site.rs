//! A Rust node under attack, with a BEAM node that goes on working with it.

use std::time::Duration;

use bytes::Bytes;
use erlnode::term::etf;
use interop_tests::raw_peer::{RawOptions, RawPeer};
use interop_tests::{BeamNode, Epmd, NodeOptions, PATIENCE, PendingEval, Release, RustNode, wait_until};

/// What the processes that BEAM nodes start here do: `echo` is that of the Rust node, the bystander calls and sends,
/// links and monitors, and ends, after ten rounds at least, with how long the longest round took, in ms.
const BYSTANDER: &str = "
    register(bystander, self()),
    true = erlang:monitor_node(NODE, true),
    Echo = erpc:call(NODE, erlang, whereis, [echo]),
    link(Echo),
    Monitor = monitor(process, {echo, NODE}),
    Loop = fun Loop(Round, Longest) ->
        Start = erlang:monotonic_time(millisecond),
        3 = erpc:call(NODE, rust, add, [1, 2]),
        {echo, NODE} ! {self(), Round},
        receive Round -> ok end,
        Took = max(Longest, erlang:monotonic_time(millisecond) - Start),
        receive
            {stop, From} when Round > 10 -> From ! Took;
            {stop, From} -> self() ! {stop, From}, Loop(Round + 1, Took);
            Unexpected -> exit({Monitor, Unexpected})
        after 0 -> Loop(Round + 1, Took)
        end
    end,
    Loop(1, 0)";

/// What takes so long has waited for something; otherwise it takes a millisecond, as long as the machine is not busy.
const HELD_UP: Duration = Duration::from_secs(30);

/// The nodes of a test.
pub(crate) struct Site {
    pub(crate) epmd: Epmd,
    pub(crate) rust: RustNode,
    pub(crate) beam: BeamNode,
    bystander: PendingEval,
    seen: usize,
    peers: u32,
}

/// A node to be attacked: a Rust node, or a real one to compare with.
pub(crate) struct Target {
    pub(crate) port: u16,
    pub(crate) cookie: String,
    /// The pid of its `echo`, as text.
    pub(crate) echo: String,
}

impl Site {
    pub(crate) async fn start(release: Release) -> Site {
        let epmd = Epmd::start(release).await;
        let rust = RustNode::start(NodeOptions::with(&epmd)).await;
        let beam = BeamNode::start(release, NodeOptions::with(&epmd)).await;
        let bystander = beam.eval_async(&BYSTANDER.replace("NODE", &rust.atom()));
        beam.wait_until("is_pid(whereis(bystander))", "true").await;
        Site { epmd, rust, beam, bystander, seen: 0, peers: 0 }
    }

    pub(crate) async fn target(&self) -> Target {
        let pid = format!("erpc:call({}, erlang, whereis, [echo])", self.rust.atom());
        Target {
            port: self.epmd.port_of(self.rust.name()),
            cookie: self.rust.cookie().to_owned(),
            echo: pid_text(&self.beam, &pid).await,
        }
    }

    /// A peer with a name of its own.
    pub(crate) fn options(&mut self) -> RawOptions {
        self.peers += 1;
        RawOptions::new(&format!("peer{}@raw", self.peers), self.rust.cookie())
    }

    /// What the Rust node has complained about since this was last asked, as soon as it is `count` lines or more.
    pub(crate) async fn complaints(&mut self, count: usize) -> Vec<String> {
        wait_until(PATIENCE, async || self.all_complaints().len() >= self.seen + count).await;
        let new = self.all_complaints().split_off(self.seen);
        self.seen += new.len();
        new
    }

    fn all_complaints(&self) -> Vec<String> {
        let log = self.rust.stderr();
        let lines = log.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        // Raw peers never tick.
        let lines = lines.filter(|line| !line.contains("not even ticks"));
        // A function that was called in vain is the business of the one who called.
        let lines = lines.filter(|line| !line.contains("a process ended with an error"));
        lines.filter(|line| line.contains(" WARN ") || line.contains("ERROR ")).map(str::to_owned).collect()
    }

    /// One complaint, which has all of `texts`; what is wrong otherwise.
    pub(crate) async fn expect_complaint(&mut self, case: &str, texts: &[&str]) -> Result<(), String> {
        let complaints = self.complaints(1).await;
        match &complaints[..] {
            [line] if texts.iter().all(|text| line.contains(text)) => Ok(()),
            _ => Err(format!("{case}: expected one line with {texts:?}, got {complaints:#?}")),
        }
    }

    /// Waits until the Rust node has no connection to that peer any more.
    pub(crate) async fn expect_disconnected(&self, peer: &str) {
        let connected =
            format!("lists:member('{peer}', erpc:call({}, erlang, nodes, [connected]))", self.rust.atom());
        self.beam.wait_until(&connected, "false").await;
    }

    /// All that has to hold at the end, whatever was done to the Rust node.
    pub(crate) async fn finish(mut self) {
        // What would come late has come by now.
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(
            self.complaints(0).await,
            Vec::<String>::new(),
            "nothing but what was asked for is logged"
        );
        let stop = "bystander ! {stop, self()}, receive Result -> Result end";
        let result = self.beam.eval(stop).await.unwrap_or_else(|error| panic!("{error}"));
        let ended = self.bystander.result().await;
        assert!(ended.is_ok(), "the bystander was disturbed: {ended:?}\n{}", self.rust.stderr());
        let longest: u128 = result.parse().unwrap();
        assert!(longest < HELD_UP.as_millis(), "the bystander was held up for {longest} ms");
    }
}

/// A real node with an `echo` as that of the Rust node.
pub(crate) async fn beam_target(epmd: &Epmd, release: Release) -> (BeamNode, Target) {
    let beam = BeamNode::start(release, NodeOptions::with(epmd)).await;
    let echo = "Echo = spawn(fun Loop() -> receive {From, What} -> From ! What; _ -> ok end, Loop() end),
                register(echo, Echo)";
    beam.expect(echo, "true").await;
    let target = Target {
        port: epmd.port_of(beam.name()),
        cookie: beam.cookie().to_owned(),
        echo: pid_text(&beam, "whereis(echo)").await,
    };
    (beam, target)
}

/// The pid that `expression` gives, with the name and creation of its node.
pub(crate) async fn pid_text(beam: &BeamNode, expression: &str) -> String {
    let bytes = beam.eval(&format!("binary_to_list(term_to_binary({expression}))")).await.unwrap();
    let bytes: Vec<u8> =
        bytes.trim_matches(['[', ']']).split(',').map(|byte| byte.parse().unwrap()).collect();
    format!("{:?}", etf::decode(&Bytes::from(bytes)).unwrap())
}

/// The peer, connected.
pub(crate) fn connect(target: &Target, options: &RawOptions) -> RawPeer {
    RawPeer::connect(target.port, options).unwrap_or_else(|error| panic!("{}: {error:?}", options.name))
}

//! Much at once: a million messages, large ones, and receivers that are slow or stand still.
//!
//! Whatever one connection or process is up to, nothing may be lost or come in another order, the memory of the Rust
//! node has to stay within bounds, and others must not have to wait. That they do not is seen from what comes before
//! what, not from a clock: the machine that runs this may be slow and busy.

use std::time::{Duration, Instant};

use interop_tests::raw_peer::{RawOptions, RawPeer, encoded};
use interop_tests::{BeamNode, Epmd, NodeOptions, Release, RustNode};

const MIB: u64 = 1 << 20;

/// How long anything may take; most is done in a few seconds.
const LIMIT: Duration = Duration::from_secs(300);

/// What the Erlang nodes do.
const LOAD: &str = r#"
    -module(load).
    -export([in_order/2, intact/2, round_trips/2, taken/1]).

    %% Counts to N: to the sink, and through the echo. Gives what the sink counted and the last that came back in order.
    in_order(Node, N) ->
        Me = self(),
        count(1, N, fun(I) -> {sink, Node} ! I end),
        {sink, Node} ! {report, Me},
        {sink, Sunk} = receive Report -> Report end,
        spawn_link(fun() -> count(1, N, fun(I) -> {echo, Node} ! {Me, I} end) end),
        count(1, N, fun(I) -> receive Next -> I = Next end end),
        {Sunk, N}.

    count(I, N, _) when I > N -> ok;
    count(I, N, Do) -> Do(I), count(I + 1, N, Do).

    %% Whether so many bytes, no 64 kB of which are the same, come back from the echo as they were.
    intact(Node, Size) ->
        Block = binary:copy(<<"0123456789ab">>, 5461),
        Large = iolist_to_binary([<<I:32, Block/binary>> || I <- lists:seq(1, Size bsr 16)]),
        {echo, Node} ! {self(), Large},
        receive Back when is_binary(Back) -> {byte_size(Back) > Size - 65536, Back =:= Large} end.

    round_trips(Node, N) ->
        count(1, N, fun(I) -> {echo, Node} ! {self(), I}, receive I -> ok end end).

    %% How many messages come before `done` that are as this one.
    taken(Message) -> taken(Message, 0).
    taken(Message, N) -> receive Message -> taken(Message, N + 1); done -> N end.
"#;

/// A Rust node, and an Erlang node that has the module `load`.
struct Site {
    epmd: Epmd,
    rust: RustNode,
    beam: BeamNode,
}

impl Site {
    async fn start(release: Release) -> Site {
        let epmd = Epmd::start(release).await;
        let rust = RustNode::start(NodeOptions::with(&epmd)).await;
        let beam = loaded(release, &epmd).await;
        Site { epmd, rust, beam }
    }

    /// Has the Erlang node evaluate `source`, in which `RUST` is the name of the Rust node.
    async fn expect(&self, source: &str, expected: &str) {
        self.beam.expect_within(LIMIT, &source.replace("RUST", &self.rust.atom()), expected).await;
    }

    /// Goes on with round trips of the Erlang node, at least so many and for so long. The Rust node may meanwhile grow by
    /// no more than `room` from `before`.
    async fn goes_on_in(&self, before: u64, room: u64, at_least: Duration) {
        let start = Instant::now();
        while start.elapsed() < at_least {
            self.expect("load:round_trips(RUST, 200)", "ok").await;
            let grown = self.rust.resident().saturating_sub(before);
            assert!(grown < room, "{} MiB more than before", grown / MIB);
        }
    }
}

async fn loaded(release: Release, epmd: &Epmd) -> BeamNode {
    let beam = BeamNode::start(release, NodeOptions::with(epmd)).await;
    beam.load_module("load", LOAD).await;
    beam
}

async fn a_million_in_order(release: Release) {
    let site = Site::start(release).await;
    site.expect("load:in_order(RUST, 1000000)", "{1000000,1000000}").await;
}

#[tokio::test]
async fn a_million_in_order_from_otp_25() {
    a_million_in_order(Release::Otp25).await;
}

#[tokio::test]
async fn a_million_in_order_from_otp_27() {
    a_million_in_order(Release::Otp27).await;
}

#[tokio::test]
async fn a_million_in_order_from_otp_29() {
    a_million_in_order(Release::Otp29).await;
}

#[tokio::test]
async fn large_binaries_come_and_go_intact() {
    for release in Release::all() {
        let site = Site::start(release).await;
        for _ in 0..5 {
            site.expect("load:intact(RUST, 64 bsl 20)", "{true,true}").await;
        }
        // Less than all of them together: what has been sent is gone.
        assert!(site.rust.resident() < 256 * MIB, "{} MiB", site.rust.resident() / MIB);
    }
}

/// Small messages go out between the fragments of a large one of another process.
#[tokio::test]
async fn a_large_message_holds_up_nobody_else() {
    const SIZE: u32 = 64 << 20;
    let site = Site::start(Release::Otp29).await;
    let options = RawOptions::new("peer@raw", site.rust.cookie());
    let mut peer = RawPeer::connect(site.epmd.port_of(site.rust.name()), &options).expect("a connection");
    let own = peer.pid(1);
    // {Own, 1, <<0:SIZE/unit:8>>}
    let head = [&[104, 3][..], &encoded(&own), &[97, 1, 109], &SIZE.to_be_bytes()].concat();
    let request = [head, vec![0; SIZE as usize]].concat();
    peer.send(&format!("{{6, {own}, '', source}}"), &request);
    // Version, kind, sequence, and how many fragments come with this one.
    let fragments_left = |frame: &[u8]| match frame {
        [131, 69 | 70, _, _, _, _, _, _, _, _, left @ ..] => {
            left.first_chunk().map(|left| u64::from_be_bytes(*left))
        }
        _ => None,
    };
    let answered = tokio::task::spawn_blocking(move || {
        let mut left = None;
        while left.is_none() {
            left = fragments_left(&peer.receive().expect("a fragment"));
        }
        assert!(left > Some(500), "{left:?} fragments come");
        // Only now, so that the answer cannot go before the first of them.
        peer.send(
            &format!("{{6, {}, '', echo}}", peer.pid(2)),
            &encoded(&format!("{{{}, small}}", peer.pid(2))),
        );
        loop {
            let frame = peer.receive().expect("an answer");
            match fragments_left(&frame) {
                Some(now) => left = Some(now),
                None if frame.windows(5).any(|part| part == b"small") => break left,
                None => {}
            }
        }
    });
    let left = answered.await.unwrap();
    assert!(left > Some(1), "the answer came after the last fragment");
}

/// What is sent to a node that does not read any more waits with its senders, and all comes when it reads again.
#[tokio::test]
async fn a_node_that_stands_still_holds_up_nobody_else() {
    for release in Release::all() {
        let site = Site::start(release).await;
        let stopped = loaded(release, &site.epmd).await;
        stopped.expect(&format!("net_adm:ping({})", site.rust.atom()), "pong").await;
        let taker = stopped.shell();
        taker.expect("register(taker, self())", "true").await;
        let shell = site.beam.shell();
        shell
            .expect(&format!("Taker = rpc:call({}, erlang, whereis, [taker]), ok", stopped.atom()), "ok")
            .await;
        let before = site.rust.resident();
        stopped.stop_signal();
        let ask =
            format!("{{source, {}}} ! {{Taker, 150000, binary:copy(<<7>>, 2000)}}, ok", site.rust.atom());
        shell.expect(&ask, "ok").await;
        site.goes_on_in(before, 48 * MIB, Duration::from_secs(2)).await;
        stopped.cont_signal();
        let taken = taker.eval_async("load:taken(binary:copy(<<7>>, 2000))");
        assert_eq!(taken.result_within(LIMIT).await.as_deref(), Ok("150000"));
    }
}

/// The same with one that reads, but less than it is sent.
#[tokio::test]
async fn a_slow_reader_holds_up_nobody_else() {
    let site = Site::start(Release::Otp27).await;
    let options = RawOptions::new("slow@raw", site.rust.cookie());
    let mut peer = RawPeer::connect(site.epmd.port_of(site.rust.name()), &options).expect("a connection");
    let before = site.rust.resident();
    let own = peer.pid(1);
    let payload = "x".repeat(2000);
    peer.send(
        &format!("{{6, {own}, '', source}}"),
        &encoded(&format!("{{{own}, 100000, <<\"{payload}\">>}}")),
    );
    let reader = tokio::task::spawn_blocking(move || {
        let mut taken = 0;
        while let Some(frame) = peer.receive() {
            if !frame.ends_with(payload.as_bytes()) {
                break;
            }
            taken += 1;
            if taken % 100 == 0 {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        taken
    });
    while !reader.is_finished() {
        site.goes_on_in(before, 48 * MIB, Duration::from_millis(1)).await;
    }
    assert_eq!(reader.await.unwrap(), 100_000);
}

/// What a process here does not receive stays in its mailbox, and goes with it: all rounds together send twice as much
/// as the node may ever have.
#[tokio::test]
async fn a_process_that_does_not_receive_holds_up_nobody_else() {
    const ROUNDS: usize = 6;
    const SENT: u64 = 64 * MIB;
    let site = Site::start(Release::Otp29).await;
    let shell = site.beam.shell();
    let in_shell = async |source: &str, expected: &str| {
        let result = shell.eval_async(&source.replace("RUST", &site.rust.atom())).result_within(LIMIT).await;
        assert_eq!(result.as_deref(), Ok(expected), "{source}");
    };
    site.expect("load:round_trips(RUST, 1)", "ok").await;
    let before = site.rust.resident();
    for _ in 0..ROUNDS {
        let send = "put(deaf, spawn_monitor(RUST, rust, sleep, [600000])), {Pid, _} = get(deaf),
            [Pid ! {N, binary:copy(<<7>>, 16380)} || N <- lists:seq(1, 4096)], ok";
        in_shell(&in_fun(send), "ok").await;
        let all = "{Pid, _} = get(deaf), Wait = fun Wait() ->
                case erpc:call(RUST, erlang, process_info, [Pid, message_queue_len]) of
                    {_, 4096} -> all;
                    _ -> timer:sleep(20), Wait()
                end
            end,
            Wait()";
        in_shell(&in_fun(all), "all").await;
        site.goes_on_in(before, 3 * SENT, Duration::from_millis(100)).await;
        let end =
            "{Pid, Ref} = get(deaf), exit(Pid, kill), receive {'DOWN', Ref, process, Pid, Why} -> Why end";
        in_shell(&in_fun(end), "killed").await;
    }
}

/// With variables of its own, so that it can be evaluated again in the same shell.
fn in_fun(source: &str) -> String {
    format!("(fun() -> {source} end)()")
}

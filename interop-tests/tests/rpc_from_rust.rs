//! The calls of `erpc` and `rpc` that a Rust node makes to nodes of three releases at once, itself, and one that is not
//! there.

use std::time::Duration;

use erlnode::atom;
use erlnode::node::{Caller, Class, Node, Raise};
use erlnode::otp::{ErpcError, ErpcRequests, NoResponse, RpcError};
use erlnode::term::{Atom, Pid, Term};
use interop_tests::{BeamNode, Epmd, NodeOptions, PATIENCE, Release, unique_name};

/// Longer than the test.
const LONG_MS: u64 = 200_000;

const BRIEF: Duration = Duration::from_millis(100);

struct Cluster {
    node: Node,
    beams: Vec<BeamNode>,
    _epmd: Epmd,
}

impl Cluster {
    async fn start() -> Cluster {
        let epmd = Epmd::start(Release::Otp29).await;
        let mut beams = Vec::new();
        for release in Release::all() {
            beams.push(BeamNode::start(release, NodeOptions::with(&epmd)).await);
        }
        let builder = Node::builder(&unique_name("rust")).cookie(beams[0].cookie()).epmd_port(epmd.port());
        let node = builder.serve_epmd(false).start().await.unwrap_or_else(|error| panic!("{error}"));
        // What the BEAM nodes have of themselves.
        node.export("timer", "sleep", async |_: Caller, (ms,): (u64,)| {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            Ok(atom!("ok"))
        });
        node.export("lists", "sum", async |_: Caller, (all,): (Vec<i64>,)| Ok(all.iter().sum::<i64>()));
        node.export("lists", "nth", async |_: Caller, (n, all): (usize, Vec<i64>)| {
            all.get(n - 1).copied().ok_or(Raise::error(atom!("function_clause")))
        });
        Cluster { node, beams, _epmd: epmd }
    }

    /// Those that are there.
    fn names(&self) -> Vec<&str> {
        self.beams.iter().map(BeamNode::name).chain([self.node.name().as_str()]).collect()
    }
}

async fn multicalls(cluster: &Cluster) {
    let (node, names) = (&cluster.node, cluster.names());
    let mut all = names.clone();
    all.insert(2, "no@where");
    all.push(names[0]);
    let answers = node.erpc_multi(&all).call::<_, Atom>("erlang", "node", ()).timeout(PATIENCE).await;
    assert_eq!(answers.len(), all.len());
    for (name, (at, answer)) in all.iter().zip(answers) {
        assert_eq!(at, *name);
        match answer {
            Err(ErpcError::NoConnection(_)) => assert_eq!(at, "no@where"),
            answer => assert_eq!(answer.unwrap(), at),
        }
    }
    let raised = node.erpc_multi(&names).call::<_, Term>("erlang", "error", (atom!("x"),)).timeout(PATIENCE);
    for (at, raised) in raised.await {
        let error = raised.unwrap_err();
        assert_eq!(error.to_rpc().to_string(), "{badrpc,{'EXIT',{x,[{erlang,error,[x],[]}]}}}", "{at}");
    }
    // Those that are in time are not held up by those that are not.
    let late = node.erpc_multi(&names).call::<_, Term>("timer", "sleep", (LONG_MS,)).timeout(BRIEF);
    for (at, late) in late.await {
        assert!(matches!(late, Err(ErpcError::Timeout(BRIEF))), "{at}: {late:?}");
    }
    let unsendable = node.erpc_multi(&names).call::<_, Term>("lists", "sum", (Unsendable,));
    assert!(unsendable.await.iter().all(|(_, error)| matches!(error, Err(ErpcError::Encode(_)))));
}

struct Unsendable;

impl serde::Serialize for Unsendable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("not to be sent"))
    }
}

async fn requests(cluster: &Cluster) {
    let node = &cluster.node;
    let mut requests = ErpcRequests::new();
    for (index, at) in cluster.names().into_iter().enumerate() {
        let numbers: Vec<i64> = (0..=index as i64).collect();
        requests.add(node.erpc(at).send_request::<_, i64>("lists", "sum", (numbers,)), (index as i64, "sum"));
        requests.add(node.erpc(at).send_request("erlang", "throw", (index,)), (index as i64, "throw"));
        requests.add(node.erpc(at).send_request("timer", "sleep", (LONG_MS,)), (index as i64, "sleep"));
    }
    assert_eq!(requests.len(), 12);
    for _ in 0..8 {
        let ((index, what), outcome) = requests.wait(PATIENCE).await.unwrap().unwrap();
        match outcome {
            Ok(sum) => assert_eq!((what, sum), ("sum", index * (index + 1) / 2)),
            Err(ErpcError::Raised(Raise { class: Class::Throw, reason, .. })) => {
                assert_eq!((what, reason), ("throw", Term::from(index)));
            }
            Err(error) => panic!("{what} {index}: {error}"),
        }
    }
    assert!(requests.check().is_none());
    assert_eq!(requests.wait(BRIEF).await.unwrap_err(), NoResponse(BRIEF));
    assert_eq!(requests.labels().filter(|(_, what)| *what == "sleep").count(), 4);
    assert_eq!(requests.receive(BRIEF).await.unwrap_err(), NoResponse(BRIEF));
    assert!(requests.is_empty() && requests.next().await.is_none());

    // Who gives up stops nothing there.
    let beam = &cluster.beams[0];
    let sleeping = |count: &str| {
        (format!(
        "length([P || P <- processes(), process_info(P, initial_call) =:= {{initial_call, {{erpc, execute_call, 4}}}},
                 process_info(P, monitored_by) =:= {{monitored_by, {count}}}]) > 0"
    ), "true")
    };
    let (unwatched, yes) = sleeping("[]");
    beam.wait_until(&unwatched, yes).await;

    let mut slow = node.erpc(beam.name()).send_request::<_, Term>("timer", "sleep", (LONG_MS,));
    assert!(slow.check().await.is_none() && slow.wait(BRIEF).await.is_none());
    let late = slow.receive(BRIEF).await.unwrap_err();
    assert_eq!(late.to_rpc().to_string(), "{badrpc,timeout}");
    let name: Atom =
        node.erpc(beam.name()).send_request("erlang", "node", ()).receive(PATIENCE).await.unwrap();
    assert_eq!(name, beam.name());
}

async fn casts_and_broadcasts(cluster: &Cluster) {
    let (node, names) = (&cluster.node, cluster.names());
    let (sender, mut received) = tokio::sync::mpsc::unbounded_channel();
    let collector = node.spawn(async move |mut process| {
        loop {
            let _ = sender.send(process.receive().await.to_term().unwrap());
        }
    });
    node.register("collector", &collector).unwrap();
    let mut all = names.clone();
    all.push("no@where");
    node.erpc_multi(&all).cast("erlang", "send", (&collector, atom!("hi"))).await.unwrap();
    for _ in &names {
        assert_eq!(next(&mut received).await.to_string(), "hi");
    }
    // Only this node has one of that name.
    let rpc = node.rpc().timeout(PATIENCE);
    rpc.abcast(&all, "collector", atom!("all")).await.unwrap();
    assert_eq!(next(&mut received).await.to_string(), "all");
    let (good, bad) = rpc.sbcast(&all, "collector", atom!("sure")).await.unwrap();
    assert_eq!((good.len(), bad.len()), (1, 4));
    assert_eq!(good[0], *node.name().as_str());
    assert_eq!(next(&mut received).await.to_string(), "sure");
    let (good, bad) = rpc.sbcast(&names, "rex", atom!("nonsense")).await.unwrap();
    assert_eq!((good.len(), bad.len()), (4, 0));
}

async fn next(received: &mut tokio::sync::mpsc::UnboundedReceiver<Term>) -> Term {
    tokio::time::timeout(PATIENCE, received.recv()).await.expect("it comes").expect("it lives")
}

async fn server_calls(cluster: &Cluster) {
    let (node, names) = (&cluster.node, cluster.names());
    let rpc = node.rpc().timeout(PATIENCE);
    for at in &names {
        let features: Vec<Atom> =
            rpc.server_call(at, "rex", "features_reply", atom!("features_request")).await.unwrap();
        assert_eq!(features, ["erpc"], "{at}");
    }
    let down = rpc.server_call::<_, Term>("no@where", "rex", "x", ()).await.unwrap_err();
    assert!(matches!(&down, RpcError::NodeDown(at) if at == "no@where"), "{down}");
    let missing = rpc.server_call::<_, Term>(names[0], "nobody", "x", ()).await.unwrap_err();
    assert!(matches!(&missing, RpcError::Exit(reason) if reason.is_atom("noproc")), "{missing}");
    // A server of its own making, on each of the BEAM nodes.
    let serve = "Serve = fun S() -> receive {From, N} -> From ! {doubler, node(), 2 * N}, S() end end,
                 register(doubler, spawn(Serve))";
    for beam in &cluster.beams {
        beam.expect(serve, "true").await;
    }
    let mut all = names.clone();
    all.push("no@where");
    let (replies, bad) = rpc.multi_server_call::<_, i64>(&all, "doubler", 21).await.unwrap();
    let replied: Vec<&str> = replies.iter().map(|(at, _)| at.as_str()).collect();
    assert_eq!(replied, names[..3]);
    assert!(replies.iter().all(|(_, reply)| *reply == 42));
    assert_eq!(bad.iter().map(Atom::as_str).collect::<Vec<_>>(), [names[3], "no@where"]);
}

async fn block_calls(cluster: &Cluster) {
    let rpc = cluster.node.rpc().timeout(PATIENCE);
    for at in cluster.names() {
        let sum: i64 = rpc.block_call(at, "lists", "sum", (vec![1, 2],)).await.unwrap();
        assert_eq!(sum, 3);
        let raised = rpc.block_call::<_, Term>(at, "erlang", "error", (atom!("x"),)).await.unwrap_err();
        assert_eq!(raised.to_rpc().to_string(), "{badrpc,{'EXIT',{x,[{erlang,error,[x],[]}]}}}", "{at}");
        let late = rpc.clone().timeout(BRIEF).block_call::<_, Term>(at, "timer", "sleep", (300,)).await;
        assert!(matches!(late, Err(RpcError::Timeout(BRIEF))), "{late:?}");
        let rex: Pid = cluster.node.erpc(at).call("erlang", "whereis", (atom!("rex"),)).await.unwrap();
        assert!(rpc.pinfo(&rex).await.unwrap().to_string().contains("{registered_name,rex}"));
        let name = rpc.pinfo_items(&rex, atom!("registered_name")).await.unwrap();
        assert_eq!(name.to_string(), "{registered_name,rex}");
    }
    let down = rpc.block_call::<_, Term>("no@where", "m", "f", ()).await.unwrap_err();
    assert_eq!(down.to_rpc().to_string(), "{badrpc,nodedown}");
}

async fn in_parallel(cluster: &Cluster) {
    let rpc = cluster.node.rpc().timeout(PATIENCE);
    assert_eq!(rpc.everywhere().len(), 4);
    let numbers: Vec<i64> = (1..=20).collect();
    let mapped: Vec<i64> = rpc.pmap("lists", "nth", (&numbers,), 1..=20u8).await.unwrap();
    assert_eq!(mapped, numbers);
    let failed = rpc.pmap::<_, _, Term>("lists", "nth", (&numbers,), [1, 50]).await.unwrap_err();
    assert!(matches!(failed, ErpcError::Raised(_)), "{failed}");
    let calls = (0..8i64).map(|n| ("lists", "sum", (vec![n, n],)));
    let sums: Vec<Result<i64, ErpcError>> = rpc.parallel_eval(calls).await;
    let sums: Vec<i64> = sums.into_iter().map(Result::unwrap).collect();
    assert_eq!(sums, (0..8).map(|n| 2 * n).collect::<Vec<i64>>());
}

/// Calls that run there when the node goes.
async fn a_node_that_dies(cluster: &Cluster) {
    let (node, beam) = (&cluster.node, &cluster.beams[1]);
    let asleep = node.erpc(beam.name()).send_request::<_, Term>("timer", "sleep", (LONG_MS,));
    let multi =
        node.erpc_multi([beam.name()]).call::<_, Term>("timer", "sleep", (LONG_MS,)).timeout(PATIENCE);
    let rpc = node.rpc().timeout(PATIENCE);
    let blocked = rpc.block_call::<_, Term>(beam.name(), "timer", "sleep", (LONG_MS,));
    let killed = async {
        let calls = "length([P || P <- processes(), process_info(P, monitored_by) =/= {monitored_by, []},
             process_info(P, initial_call) =:= {initial_call, {erpc, execute_call, 4}}])";
        beam.wait_until(calls, "2").await;
        beam.wait_until("element(2, process_info(whereis(rex), current_function))", "{timer,sleep,1}").await;
        beam.kill_9();
    };
    let (multi, blocked, ()) = tokio::join!(multi.into_future(), blocked, killed);
    let nodedown = "{badrpc,nodedown}";
    assert_eq!(asleep.receive(PATIENCE).await.unwrap_err().to_rpc().to_string(), nodedown);
    assert_eq!(multi[0].1.as_ref().unwrap_err().to_rpc().to_string(), nodedown);
    assert_eq!(blocked.unwrap_err().to_rpc().to_string(), nodedown);
}

#[tokio::test]
async fn a_rust_node_calls_nodes_of_all_releases_at_once() {
    let cluster = Cluster::start().await;
    multicalls(&cluster).await;
    requests(&cluster).await;
    casts_and_broadcasts(&cluster).await;
    server_calls(&cluster).await;
    block_calls(&cluster).await;
    in_parallel(&cluster).await;
    a_node_that_dies(&cluster).await;
    cluster.node.shutdown().await;
}

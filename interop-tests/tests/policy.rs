//! What real nodes see of a node with a policy: who may call what, and what may be sent.

use erlnode::node::{CallRequest, Caller, Node, PeerLimits, Policy, Rule};
use erlnode::term::Term;
use interop_tests::{BeamNode, Epmd, NodeOptions, Release, unique_name};

/// What each kind of call comes to that the rules refuse: `rust:secret/1`.
const REFUSED: [(&str, &str); 10] = [
    (
        "try erpc:call(RUST, rust, secret, [1]) catch C:R -> {C, R} end",
        "{error,{exception,{not_allowed,policy},[{rust,secret,[1],[]}]}}",
    ),
    (
        "try erpc:call(RUST, fun rust:secret/0) catch C:R -> {C, R} end",
        "{error,{exception,{not_allowed,policy},[{rust,secret,[],[]},{erlang,apply,2,[]}]}}",
    ),
    ("rpc:call(RUST, rust, secret, [1])", "{badrpc,{'EXIT',{{not_allowed,policy},[{rust,secret,[1],[]}]}}}"),
    (
        "rpc:block_call(RUST, rust, secret, [1])",
        "{badrpc,{'EXIT',{{not_allowed,policy},[{rust,secret,[1],[]}]}}}",
    ),
    (
        "gen_server:call({rex, RUST}, {call, rust, secret, [1], group_leader()})",
        "{badrpc,{'EXIT',{{not_allowed,policy},[{rust,secret,[1],[]}]}}}",
    ),
    (
        "rpc:multicall([RUST, node()], erlang, apply, [rust, secret, [1]])",
        "{[{badrpc,{'EXIT',{{not_allowed,policy},[{rust,secret,[1],[]},{erlang,apply,3,[]}]}}},\
           {badrpc,{'EXIT',{undef,[{rust,secret,[1],[]},{erlang,apply,3,[]}]}}}],[]}",
    ),
    (
        "{P, M} = spawn_monitor(RUST, rust, secret, [1]), receive {'DOWN', M, process, P, R} -> R end",
        "{{not_allowed,policy},[{rust,secret,[1],[]}]}",
    ),
    (
        "process_flag(trap_exit, true), P = proc_lib:spawn_link(RUST, rust, secret, [1]),
         receive {'EXIT', P, R} -> R end",
        "{{not_allowed,policy},[{rust,secret,[1],[]}]}",
    ),
    (
        "process_flag(trap_exit, true),
         P = gen_server:call({net_kernel, RUST}, {spawn_link, rust, secret, [1], group_leader()}),
         receive {'EXIT', P, R} -> R end",
        "{{not_allowed,policy},[{rust,secret,[1],[]}]}",
    ),
    // Nobody waits for it, and it has not run.
    (
        "[rpc:cast(RUST, rust, secret, [self()]), ok = erpc:cast(RUST, rust, secret, [self()]),
       erpc:call(RUST, rust, add, [1, 2])]",
        "[true,ok,3]",
    ),
];

const LIMITED: [(&str, &str); 9] = [
    ("erpc:call(RUST, rust, add, [1, 2])", "3"),
    (
        "rpc:call(RUST, rust, add, [-1, 2])",
        "{badrpc,{'EXIT',{{not_allowed,negative},[{rust,add,[-1,2],[]}]}}}",
    ),
    ("net_adm:ping(RUST)", "pong"),
    // As if there were no such process, and at once.
    ("try gen_server:call({closed, RUST}, get, infinity) catch exit:{R, _} -> R end", "noproc"),
    ("M = monitor(process, {closed, RUST}), receive {'DOWN', M, process, _, R} -> R end", "noproc"),
    (
        "{open, RUST} ! {self(), 1}, {closed, RUST} ! {self(), 2}, {open, RUST} ! {self(), 3},
      [receive X -> X end || _ <- [1, 2]]",
        "[1,3]",
    ),
    ("rpc:sbcast([RUST], open, {self(), 4}) =:= {[RUST], []}", "true"),
    ("rpc:sbcast([RUST], closed, {self(), 4}) =:= {[], [RUST]}", "true"),
    (
        "B = binary:copy(<<1>>, 100000), {open, RUST} ! {self(), B},
         try erpc:call(RUST, rust, echo, [B]) catch C:R -> {C, R} end",
        "{error,{erpc,system_limit}}",
    ),
];

async fn narrowed_for(release: Release) {
    let epmd = Epmd::start(release).await;
    let beam = BeamNode::start(release, NodeOptions::with(&epmd)).await;
    let builder = Node::builder(&unique_name("rust")).cookie(beam.cookie()).epmd_port(epmd.port());
    let rules = Policy::new().rule(Rule::deny("rust:secret").from(beam.name()));
    let node =
        builder.serve_epmd(false).policy(rules).start().await.unwrap_or_else(|error| panic!("{error}"));
    node.export("rust", "add", async |_: Caller, (a, b): (i64, i64)| Ok(a + b));
    node.export("rust", "echo", async |_: Caller, (term,): (Term,)| Ok(term));
    node.export("rust", "secret", async |_: Caller, (): ()| Ok("secret"));
    node.export("rust", "secret", async |_: Caller, (_,): (Term,)| Ok("secret"));
    for name in ["open", "closed"] {
        let echo = node.spawn(async |mut process| {
            loop {
                let (from, payload): (erlnode::term::Pid, Term) = process.receive().await.decode()?;
                process.send(from, payload).await?;
            }
        });
        node.register(name, &echo).unwrap();
    }
    let expect = async |cases: &[(&str, &str)]| {
        for (source, expected) in cases {
            let source = source.replace("RUST", &format!("'{}'", node.name()));
            beam.expect(&format!("fun() -> {source} end()"), expected).await;
        }
    };
    expect(&REFUSED).await;
    let limits = PeerLimits::new().names(["open"]).largest_message(50_000).exits(false).links(false);
    let policy =
        Policy::new().peer("*", limits).hook(async |call: CallRequest| match call.argument::<i64>(0) {
            Ok(number) if number < 0 => Err(Term::Atom(erlnode::atom!("negative"))),
            _ => Ok(()),
        });
    node.set_policy(policy);
    expect(&LIMITED).await;
    let open = node.whereis("open").unwrap();
    expect(&[
        (
            "process_flag(trap_exit, true), P = erpc:call(RUST, erlang, whereis, [open]), exit(P, kill),
             link(P), receive {'EXIT', P, R} -> {R, erpc:call(RUST, erlang, is_process_alive, [P])} end",
            "{noproc,true}",
        ),
        ("exit(erpc:call(RUST, erlang, whereis, [open]), kill)", "true"),
    ])
    .await;
    assert!(node.is_process_alive(&open));
    node.set_policy(Policy::new());
    expect(&[("rpc:call(RUST, rust, secret, [1])", "<<\"secret\">>")]).await;
    node.shutdown().await;
}

#[tokio::test]
async fn what_otp_25_may_do_is_narrowed() {
    narrowed_for(Release::Otp25).await;
}

#[tokio::test]
async fn what_otp_27_may_do_is_narrowed() {
    narrowed_for(Release::Otp27).await;
}

#[tokio::test]
async fn what_otp_29_may_do_is_narrowed() {
    narrowed_for(Release::Otp29).await;
}

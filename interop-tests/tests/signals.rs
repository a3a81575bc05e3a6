//! Signals with something to them: tokens of sequential tracing, priority, aliases, group leaders, spawn requests.
//!
//! What a Rust process does with a token is compared with what an Erlang process on a third node does with it.

use std::time::Duration;

use erlnode::atom;
use erlnode::node::{Caller, Dest, Node, Process};
use erlnode::process::{
    AliasMode, AliasOptions, Exit, MonitorOptions, SpawnReplyOption, SpawnRequestOptions,
};
use erlnode::term::{Atom, Pid, Reference, Term};
use interop_tests::{BeamNode, Epmd, NodeOptions, Release, unique_name};

/// Longer than anything here takes on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts a relay `NAME` on a BEAM node; that of the Rust node is [`relay`].
const RELAY: &str = "
    Relay = fun Relay() ->
        receive
            {send, To, What} -> To ! What;
            {exit, To, Why} -> exit(To, Why);
            {link, To, Why} -> link(To), exit(Why);
            {spawn, To, What} -> spawn(fun() -> To ! What end);
            {spawn_at, To, What} ->
                Request = spawn_request(node(To), erlang, send, [To, What], []),
                receive {spawn_reply, Request, ok, _} -> To ! spawned end
        end,
        Relay()
    end,
    spawn(fun() -> register(NAME, self()), Relay() end), ok";

type Job = (Atom, Dest, Term);

async fn relay(mut process: Process) -> Result<(), Exit> {
    loop {
        let (job, to, what) = process.receive().await.decode::<Job>()?;
        let pid = || if let Dest::Pid(pid) = &to { Ok(pid.clone()) } else { Err(Exit::new(atom!("badarg"))) };
        match job.as_str() {
            "send" => process.send(to, what).await?,
            "exit" => process.exit(&pid()?, what).await,
            "link" => {
                process.link(&pid()?).await;
                return Err(Exit::new(what));
            }
            "spawn" => {
                process.spawn(async move |process| Ok(process.send(to, what).await?));
            }
            "spawn_at" => {
                let (node, options) = (pid()?.node, SpawnRequestOptions::default());
                let arguments = (to.clone(), what);
                let request =
                    process.spawn_request(node.as_str(), "erlang", "send", arguments, options).await?;
                process.receive_match(|message| is_about(&message.to_term().unwrap(), &request)).await;
                process.send(to, atom!("spawned")).await?;
            }
            _ => return Err(Exit::new(atom!("badarg"))),
        }
    }
}

/// Whether a message is a tuple with `reference` in the second place.
fn is_about(message: &Term, reference: &Reference) -> bool {
    matches!(message.as_tuple(), Some([_, Term::Reference(of), ..]) if of == reference)
}

/// A Rust node and a BEAM node that talk to each other. In what the BEAM evaluates, `RUST` is the Rust node.
struct Pair {
    rust: Node,
    beam: BeamNode,
    epmd: Epmd,
}

impl Pair {
    async fn start(release: Release) -> Pair {
        let epmd = Epmd::start(release).await;
        let builder =
            Node::builder(&unique_name("rust")).cookie("interop").epmd_port(epmd.port()).serve_epmd(false);
        let rust = builder.start().await.unwrap();
        let beam = BeamNode::start(release, NodeOptions::with(&epmd)).await;
        Pair { rust, beam, epmd }
    }

    fn source(&self, source: &str) -> String {
        source.replace("RUST", &format!("'{}'", self.rust.name()))
    }

    fn spawn<F, Fut>(&self, name: &str, body: F) -> Pid
    where
        F: FnOnce(Process) -> Fut,
        Fut: Future<Output = Result<(), Exit>> + Send + 'static,
    {
        let pid = self.rust.spawn(body);
        self.rust.register(name, &pid).unwrap();
        pid
    }
}

async fn next(process: &mut Process) -> Term {
    let message = tokio::time::timeout(PATIENCE, process.receive()).await.expect("a message comes");
    message.to_term().unwrap()
}

/// Gives `Job` to a relay, with a token, and what the tokens of the messages are that come back: flags, label and
/// numbers, and whether they are of the node of the relay.
const TRACED: &str = "
    Traced = fun(Node, Job, Count) ->
        process_flag(trap_exit, true),
        Do = fun() ->
            case Job of
                {spawn_request, Args} -> apply(erlang, spawn_request, [Node | Args]);
                {Relay, What} -> {Relay, Node} ! What
            end
        end,
        % Neither loading nor connecting is to come between, here or there; what ends the relay is done only once.
        {module, _} = code:ensure_loaded(seq_trace),
        pong = net_adm:ping(Node),
        seq_trace:set_token([]),
        case Job of
            {_, {link, _, _}} -> ok;
            _ -> Do(), [receive _ -> ok end || _ <- lists:seq(1, Count)]
        end,
        seq_trace:set_token(label, {any, \"label\"}),
        seq_trace:set_token(print, true),
        seq_trace:set_token(serial, {3, 5}),
        Do(),
        See = fun(_) ->
            Message = receive Any -> Any after 20000 -> nothing end,
            Kind = if is_tuple(Message) -> element(1, Message); true -> Message end,
            case seq_trace:get_token() of
                {Flags, Label, Serial, From, Last} ->
                    {Kind, Flags, Label, Last, Serial, is_atom(From) orelse node(From) =:= Node};
                [] -> {Kind, no_token}
            end
        end,
        Seen = lists:map(See, lists:seq(1, Count)),
        seq_trace:set_token([]),
        lists:sort(Seen)
    end,";

/// What each relay is to do, and how many messages come of it.
const JOBS: &[(&str, u32)] = &[
    ("{relay, {send, self(), hello}}", 1),
    ("{relay, {send, alias(), hello}}", 1),
    ("{relay, {exit, self(), hello}}", 1),
    ("{relay, {spawn, self(), hello}}", 1),
    ("{relay, {spawn_at, self(), hello}}", 2),
    ("{spawn_request, [erlang, send, [self(), hello], []]}", 2),
    ("{spawn_request, [erlang, send, [self(), hello], [{monitor, []}]]}", 3),
    ("{spawn_request, [erlang, send, [self(), hello], [no_such_option]]}", 1),
    // The last, as it ends the relay.
    ("{relay, {link, self(), hello}}", 1),
];

async fn a_token_travels_through_rust_as_through_erlang(release: Release) {
    let pair = Pair::start(release).await;
    let other = BeamNode::start(release, NodeOptions::with(&pair.epmd)).await;
    let shell = pair.beam.shell();
    let mut wrong = Vec::new();
    for (number, (job, count)) in JOBS.iter().enumerate() {
        // Each has its own relay, which has counted nothing before.
        let name = format!("relay_{number}");
        pair.spawn(&name, relay);
        other.expect(&RELAY.replace("NAME", &name), "ok").await;
        other.wait_until(&format!("is_pid(whereis({name}))"), "true").await;
        let job = job.replace("relay", &name);
        let on = |node: &str| format!("{TRACED} Traced({node}, {job}, {count})");
        let erlang = shell.eval(&on(&other.atom())).await.unwrap();
        let rust = shell.eval(&on(&format!("'{}'", pair.rust.name()))).await.unwrap();
        // With exit/2 goes no token, for whatever reason.
        let has_token = !job.contains("{exit,");
        assert_eq!(erlang.contains("\"label\""), has_token, "{job}: {erlang}");
        assert!(!erlang.contains("nothing"), "{job}: {erlang}");
        wrong.extend((rust != erlang).then(|| format!("{job}: {rust}, and not {erlang}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Without a token comes none back, whatever came before.
async fn a_token_goes_with_the_next_message_without_one(release: Release) {
    let pair = Pair::start(release).await;
    pair.spawn("relay", relay);
    let source = pair.source(
        "{module, _} = code:ensure_loaded(seq_trace), seq_trace:set_token(label, 17), {relay, RUST} ! {send, self(), one},
         receive one -> ok end, {label, 17} = seq_trace:get_token(label), seq_trace:set_token([]),
         {relay, RUST} ! {send, self(), two}, receive two -> seq_trace:get_token() end",
    );
    pair.beam.expect(&source, "[]").await;
}

async fn a_token_of_a_rust_process_is_seen_by_erlang(release: Release) {
    let pair = Pair::start(release).await;
    let own = pair.spawn("tracer", async |mut process: Process| {
        let (from,) = process.receive().await.decode::<(Pid,)>()?;
        let token = erlnode::process::SeqTraceToken::new(atom!("of_rust"));
        process.set_seq_trace_token(Some(token));
        process.send(&from, atom!("traced")).await?;
        process.send(&from, atom!("traced")).await?;
        process.set_seq_trace_token(None);
        process.send(&from, atom!("untraced")).await?;
        std::future::pending().await
    });
    assert_eq!(own.node, *pair.rust.name().as_atom());
    let source = pair.source(
        "{module, _} = code:ensure_loaded(seq_trace), {tracer, RUST} ! {self()},
         Seen = fun(M) ->
             receive M -> ok end,
             case seq_trace:get_token() of {F, L, S, P, C} -> {F, L, S, node(P) =:= RUST, C}; T -> T end
         end,
         [Seen(traced), Seen(traced), Seen(untraced)]",
    );
    pair.beam.expect(&source, "[{0,of_rust,1,true,0},{0,of_rust,2,true,0},[]]").await;
}

/// A process that makes an alias, waits for `go`, and tells in which order the messages are that have come.
async fn ordered(mut process: Process, options: AliasOptions) -> Result<(), Exit> {
    process.trap_exit(true);
    let (from, count) = process.receive().await.decode::<(Pid, usize)>()?;
    process.send(&from, process.alias_with(options)).await?;
    process.receive_match(|message| message.to_term().unwrap().is_atom("go")).await;
    let mut seen = Vec::new();
    for _ in 0..count {
        seen.push(next(&mut process).await);
    }
    process.send(from, seen).await?;
    Ok(())
}

async fn priority_goes_first_by_an_alias_that_was_made_for_it(release: Release) {
    let pair = Pair::start(release).await;
    let priority = AliasOptions { priority: true, ..AliasOptions::default() };
    pair.spawn("priority", move |process| ordered(process, priority));
    pair.spawn("ordinary", move |process| ordered(process, AliasOptions::default()));
    let shell = pair.beam.shell();
    for (name, expected) in
        [("priority", "[3,{'EXIT',self,boom},4,1,2,5]"), ("ordinary", "[1,2,3,{'EXIT',self,boom},4,5]")]
    {
        let to_rust = pair.source(&format!(
            "NAME = {{{name}, RUST}}, NAME ! {{self(), 6}},
             Alias = receive A when is_reference(A) -> A end,
             NAME ! 1, NAME ! 2, erlang:send(Alias, 3, [priority]), exit(Alias, boom, [priority]),
             erlang:send(Alias, 4, [priority]), Alias ! 5, NAME ! go,
             receive Seen when is_list(Seen) ->
                 [case M of {{'EXIT', P, Why}} when P =:= self() -> {{'EXIT', self, Why}}; _ -> M end || M <- Seen]
             end",
        ))
        .replace("NAME", &format!("To_{name}"))
        .replace("Alias", &format!("Alias_{name}"))
        .replace("Seen", &format!("Seen_{name}"))
        .replace("receive A when is_reference(A) -> A", &format!("receive A_{name} when is_reference(A_{name}) -> A_{name}"));
        shell.expect(&to_rust, expected).await;
    }
}

/// Sends to an alias of the BEAM with priority, and without.
async fn send_in_turns(mut process: Process) -> Result<(), Exit> {
    let (to, alias) = process.receive().await.decode::<(Pid, Reference)>()?;
    process.send(&to, 1).await?;
    process.send_priority(&to, 2).await?;
    process.send_priority(&alias, 3).await?;
    process.exit_alias(&alias, atom!("boom"), true).await;
    process.send(&alias, 4).await?;
    process.send(&to, atom!("go")).await?;
    std::future::pending().await
}

async fn priority_of_rust_is_obeyed_where_the_beam_has_it(release: Release) {
    let pair = Pair::start(release).await;
    pair.spawn("sender", send_in_turns);
    let (options, count, expected) = match release {
        Release::Otp29 => ("[priority]", 5, "[3,exit,1,2,4]"),
        // These have no exit signals by alias.
        _ => ("[]", 4, "[1,2,3,4]"),
    };
    let source = pair.source(&format!(
        "process_flag(trap_exit, true), {{sender, RUST}} ! {{self(), alias({options})}},
         receive go -> ok end,
         [receive {{'EXIT', _, boom}} -> exit; M -> M end || _ <- lists:seq(1, {count})]",
    ));
    pair.beam.expect(&source, expected).await;
}

/// Each kind of alias is sent to twice, and once more when its monitor is gone.
async fn aliases_end_as_they_should(release: Release) {
    let pair = Pair::start(release).await;
    pair.spawn("aliases", async |mut process: Process| {
        let (from,) = process.receive().await.decode::<(Pid,)>()?;
        let explicit = process.alias();
        let reply = process.alias_with(AliasOptions { reply: true, ..AliasOptions::default() });
        let mut aliases = vec![explicit, reply];
        let modes = [AliasMode::ExplicitUnalias, AliasMode::Demonitor, AliasMode::ReplyDemonitor];
        for mode in modes {
            aliases.push(process.monitor_alias(&from, mode).await);
        }
        process.send(&from, aliases.clone()).await?;
        process.receive_match(|message| message.to_term().unwrap().is_atom("demonitor")).await;
        for alias in &aliases {
            process.demonitor(alias, true);
        }
        process.send(&from, atom!("demonitored")).await?;
        process.receive_match(|message| message.to_term().unwrap().is_atom("go")).await;
        let mut seen = Vec::new();
        while let Some(message) = process.receive_timeout(Duration::ZERO).await {
            seen.push(message.to_term().unwrap());
        }
        process.send(from, seen).await?;
        Ok(())
    });
    // Those of the first round, of the second, and of the third.
    let source = pair.source(
        "To = {aliases, RUST}, To ! {self()}, Aliases = receive L when is_list(L) -> L end,
         Send = fun(Round) -> [A ! {Round, N} || {N, A} <- lists:zip(lists:seq(1, 5), Aliases)] end,
         Send(a), Send(b), To ! demonitor, receive demonitored -> ok end, Send(c), To ! go,
         receive Seen when is_list(Seen) -> Seen end",
    );
    pair.beam.expect(&source, "[{a,1},{a,2},{a,3},{a,4},{a,5},{b,1},{b,3},{b,4},{c,1},{c,3}]").await;
}

async fn group_leaders_are_set_from_either_side(release: Release) {
    let pair = Pair::start(release).await;
    let member = pair.spawn("member", async |mut process: Process| {
        let (from,) = process.receive().await.decode::<(Pid,)>()?;
        let leader = process.group_leader();
        process.send(&from, leader).await?;
        let own = process.pid().clone();
        process.set_group_leader(&own, &from).await;
        process.send(&from, atom!("led")).await?;
        std::future::pending().await
    });
    assert!(pair.rust.is_process_alive(&member));
    let source = pair.source(
        "Pid = erpc:call(RUST, erlang, whereis, [member]), group_leader(self(), Pid), Pid ! {self()},
         In = receive Leader when is_pid(Leader) -> Leader =:= self() end,
         receive led -> ok end, {In, group_leader() =:= Pid}",
    );
    pair.beam.expect(&source, "{true,true}").await;
}

/// Requests with every option, at the BEAM and at this node itself, which must be told the same.
async fn spawn_requests_are_told_as_wanted(release: Release) {
    let pair = Pair::start(release).await;
    pair.rust.export("test", "stop", async |_: Caller, (reason,): (Atom,)| {
        Err::<(), _>(erlnode::node::Raise::exit(reason))
    });
    let nodes = [pair.beam.name().to_owned(), pair.rust.name().to_string()];
    for (number, node) in nodes.into_iter().enumerate() {
        // A reason that both nodes end the function with.
        let (module, function) = if number == 0 { ("erlang", "exit") } else { ("test", "stop") };
        let (sender, told) = tokio::sync::oneshot::channel();
        pair.rust.spawn(async move |mut process: Process| {
            process.trap_exit(true);
            let mut told = Vec::new();
            let tag = Some(Term::Atom(atom!("my_tag")));
            let monitor = MonitorOptions { alias: Some(AliasMode::ExplicitUnalias), tag: tag.clone() };
            for (reply, link, monitor) in [
                (SpawnReplyOption::Yes, false, None),
                (SpawnReplyOption::ErrorOnly, true, None),
                (SpawnReplyOption::SuccessOnly, false, Some(monitor)),
                (SpawnReplyOption::No, true, Some(MonitorOptions::default())),
            ] {
                let options =
                    SpawnRequestOptions { link, monitor: monitor.clone(), reply, reply_tag: tag.clone() };
                let arguments = (atom!("oops"),);
                let request =
                    process.spawn_request(&node, module, function, arguments, options).await.unwrap();
                if monitor.is_some_and(|monitor| monitor.alias.is_some()) {
                    process.send(&request, atom!("by_alias")).await.unwrap();
                }
                let count =
                    usize::from(matches!(reply, SpawnReplyOption::Yes | SpawnReplyOption::SuccessOnly))
                        + usize::from(link)
                        + match reply {
                            SpawnReplyOption::SuccessOnly => 2,
                            SpawnReplyOption::No => 1,
                            _ => 0,
                        };
                let mut kinds = Vec::new();
                for _ in 0..count {
                    let message = next(&mut process).await;
                    kinds.push(match message.as_tuple() {
                        Some([kind, Term::Reference(of), ..]) => format!("{kind} {}", *of == request),
                        Some([kind, ..]) => kind.to_string(),
                        _ => message.to_string(),
                    });
                }
                kinds.sort();
                told.push(kinds.join(", "));
            }
            let _ = sender.send(told);
            Ok(())
        });
        let told = tokio::time::timeout(PATIENCE, told).await.expect("all is told").unwrap();
        let expected = ["my_tag true", "'EXIT'", "by_alias, my_tag true, my_tag true", "'DOWN' true, 'EXIT'"];
        assert_eq!(told, expected, "at {number}");
    }
}

macro_rules! on_each_release {
    ($($what:ident: $name_25:ident $name_27:ident $name_29:ident;)*) => { $(
        #[tokio::test]
        async fn $name_25() {
            $what(Release::Otp25).await;
        }

        #[tokio::test]
        async fn $name_27() {
            $what(Release::Otp27).await;
        }

        #[tokio::test]
        async fn $name_29() {
            $what(Release::Otp29).await;
        }
    )* };
}

on_each_release! {
    a_token_travels_through_rust_as_through_erlang:
        a_token_travels_25 a_token_travels_27 a_token_travels_29;
    a_token_goes_with_the_next_message_without_one:
        a_token_goes_25 a_token_goes_27 a_token_goes_29;
    a_token_of_a_rust_process_is_seen_by_erlang:
        a_token_of_rust_is_seen_25 a_token_of_rust_is_seen_27 a_token_of_rust_is_seen_29;
    priority_of_rust_is_obeyed_where_the_beam_has_it:
        priority_of_rust_25 priority_of_rust_27 priority_of_rust_29;
    aliases_end_as_they_should:
        aliases_end_25 aliases_end_27 aliases_end_29;
    group_leaders_are_set_from_either_side:
        group_leaders_25 group_leaders_27 group_leaders_29;
    spawn_requests_are_told_as_wanted:
        spawn_requests_25 spawn_requests_27 spawn_requests_29;
}

/// Earlier releases have no priority to send with.
#[tokio::test]
async fn priority_of_the_beam_29() {
    priority_goes_first_by_an_alias_that_was_made_for_it(Release::Otp29).await;
}

//! The functions of `pg` called on a Rust node, as on a BEAM; what its scope process is asked directly; and the rows of
//! the playground.

use interop_tests::{BeamNode, Epmd, NodeOptions, RustNode};

use super::{RELEASES, beam};

/// What a shell asks of another node, which has a scope `pg` and a process registered as `net_kernel`. `N` is the node,
/// `P` that process, `R` another one's pid, and each is to give the same on all nodes.
const ASKED: &[&str] = &[
    "rpc:call(N, pg, get_members, [g])",
    "rpc:call(N, pg, which_groups, [])",
    "rpc:call(N, pg, join, [g, P])",
    "rpc:call(N, pg, join, [pg, g, [P, P]])",
    "rpc:call(N, pg, get_members, [g]) =:= [P, P, P]",
    "rpc:call(N, pg, get_local_members, [pg, g]) =:= [P, P, P]",
    "rpc:call(N, pg, get_local_members, [g]) =:= [P, P, P]",
    "{rpc:call(N, pg, which_groups, []), rpc:call(N, pg, which_local_groups, [pg])}",
    "rpc:call(N, pg, leave, [g, P])",
    "rpc:call(N, pg, leave, [none, [P]])",
    "rpc:call(N, pg, leave, [pg, g, [P, P]])",
    "rpc:call(N, pg, leave, [g, P])",
    "rpc:call(N, pg, which_groups, [pg])",
    // Their errors.
    "{badrpc, {'EXIT', {{nolocal, R}, [_ | _]}}} = rpc:call(N, pg, join, [g, R]), nolocal",
    "{badrpc, {'EXIT', {{nolocal, x}, [_ | _]}}} = rpc:call(N, pg, join, [g, [P, x]]), nolocal",
    "{badrpc, {'EXIT', {function_clause, [{pg, join, [pg, g, x], _} | _]}}} = rpc:call(N, pg, join, [pg, g, x]), clause",
    "{badrpc, {'EXIT', {noproc, {gen_server, call, [missing, _, infinity]}}}} = rpc:call(N, pg, join, [missing, g, P]), noproc",
    "{badrpc, {'EXIT', {noproc, {gen_server, call, [missing | _]}}}} = rpc:call(N, pg, monitor_scope, [missing]), noproc",
    "rpc:call(N, pg, get_members, [missing, g])",
    "rpc:call(N, pg, get_local_members, [missing, g])",
    "{badrpc, {'EXIT', {badarg, _}}} = rpc:call(N, pg, which_groups, [missing]), badarg",
    "{badrpc, {'EXIT', {undef, [{pg, members, [g], _} | _]}}} = rpc:call(N, pg, members, [g]), undef",
    // Scopes.
    "{ok, S} = rpc:call(N, pg, start, [more]), S =:= rpc:call(N, erlang, whereis, [more])",
    "{error, {already_started, S}} = rpc:call(N, pg, start, [more]), again",
    "rpc:call(N, pg, join, [more, g, P])",
    "{rpc:call(N, pg, which_groups, [more]), rpc:call(N, pg, which_groups, [])}",
    "{Ref, Members} = rpc:call(N, pg, monitor, [more, g]), {is_reference(Ref), Members =:= [P]}",
    "{Ref2, All} = rpc:call(N, pg, monitor_scope, [more]), {is_reference(Ref2), All =:= #{g => [P]}}",
    // Whoever has subscribed has ended.
    "element(1, rpc:call(N, pg, monitor, [g]))  =/= Ref",
    "rpc:call(N, pg, leave, [more, g, P])",
    // The process of the scope.
    "is_tuple(sys:get_state({pg, N}))",
    "{status, S2, {module, gen_server}, _} = sys:get_status({pg, N}), S2 =:= rpc:call(N, erlang, whereis, [pg])",
    "{sys:suspend({pg, N}), sys:resume({pg, N})}",
    "gen_server:cast({pg, N}, {sync, self(), []})",
    "lists:member(pg, rpc:call(N, erlang, registered, []))",
    "rpc:call(N, pg, join, [last, P])",
    "pg:get_members(last) =:= [P]",
];

/// The forms in which `pg.erl` of OTP 25 and 27 asks its process.
const ASKED_DIRECTLY: &[&str] = &[
    "gen_server:call({pg, N}, {join_local, g, P})",
    "gen_server:call({pg, N}, {join_local, g, [P, P]})",
    "{MRef, [P, P, P]} = gen_server:call({pg, N}, {monitor, g}), is_reference(MRef)",
    "{SRef, #{g := [P, P, P]}} = gen_server:call({pg, N}, monitor), is_reference(SRef)",
    "gen_server:call({pg, N}, {leave_local, g, [P]})",
    "gen_server:call({pg, N}, {leave_local, none, P})",
    "lists:sort([receive {MRef, leave, g, [P]} -> group after 60000 -> none end, receive {SRef, leave, g, [P]} -> scope after 60000 -> none end])",
    "gen_server:call({pg, N}, {demonitor, MRef})",
    "gen_server:call({pg, N}, {demonitor, MRef})",
    "gen_server:call({pg, N}, {demonitor, SRef})",
    "gen_server:call({pg, N}, {leave_local, g, [P, P]})",
    "receive {_, leave, g, _} -> still after 0 -> quiet end",
];

/// And that of OTP 29.
const ASKED_IN_NEW_FORMS: &[&str] = &[
    "{GRef, []} = gen_server:call({pg, N}, {subscribe, {group, g}}), is_reference(GRef)",
    "{ARef, #{}} = gen_server:call({pg, N}, {subscribe, scope}), is_reference(ARef)",
    "gen_server:call({pg, N}, {update, [{g, [P, P], []}, {h, [P], []}]})",
    "receive {GRef, join, g, [P, P]} -> joined after 60000 -> none end",
    "gen_server:call({pg, N}, {update, [{g, [], [P, P]}, {h, [], [P]}]})",
    "receive {GRef, leave, g, [P, P]} -> left after 60000 -> none end",
    "[gen_server:call({pg, N}, {unsubscribe, X}) || X <- [GRef, ARef, ARef]]",
    "{rpc:call(N, pg, which_groups, []), is_process_alive(whereis(pg))}",
];

/// What each of `sources` gives, asked of the node `name` in one shell.
async fn answers(asking: &BeamNode, name: &str, sources: &[&str]) -> Vec<String> {
    let shell = asking.shell();
    let bind = format!("N = '{name}', P = rpc:call(N, erlang, whereis, [net_kernel]), R = self(), is_pid(P)");
    shell.expect(&bind, "true").await;
    let mut answers = Vec::new();
    for source in sources {
        let answer = shell.eval(source).await;
        answers.push(answer.unwrap_or_else(|error| format!("{source}: {error}")));
    }
    answers
}

#[tokio::test]
async fn a_rust_node_answers_as_a_beam_of_the_same_release() {
    for release in RELEASES {
        let epmd = Epmd::start(release).await;
        let (asking, like, node) = tokio::join!(
            beam(release, &epmd, &["pg"]),
            beam(release, &epmd, &["pg"]),
            RustNode::start(NodeOptions::with(&epmd)),
        );
        let newest = release == interop_tests::Release::Otp29;
        let directly = if newest { ASKED_IN_NEW_FORMS } else { ASKED_DIRECTLY };
        for sources in [directly, ASKED] {
            let expected = answers(&asking, like.name(), sources).await;
            // Gone before the next one joins as the last.
            asking.expect(&format!("catch rpc:call('{}', pg, leave, [last, rpc:call('{0}', erlang, whereis, [net_kernel])]), ok", like.name()), "ok").await;
            asking.wait_until("pg:get_members(last)", "[]").await;
            let got = answers(&asking, node.name(), sources).await;
            for ((source, expected), got) in sources.iter().zip(&expected).zip(&got) {
                assert_eq!(got, expected, "{release:?}: {source}");
                assert!(!expected.contains("badmatch"), "{release:?}: {source}: {expected}");
            }
        }
        // Both forms are understood, whoever asks.
        let others = if newest { ASKED_DIRECTLY } else { ASKED_IN_NEW_FORMS };
        for (source, answer) in others.iter().zip(answers(&asking, node.name(), others).await) {
            assert!(!answer.contains(source), "{release:?}: {answer}");
        }
    }
}

/// `rust:pg_join/1,2` and `rust:pg_members/1,2`.
#[tokio::test]
async fn the_playground_joins_groups_and_shows_their_members() {
    for release in RELEASES {
        let epmd = Epmd::start(release).await;
        let (beam, node) =
            tokio::join!(beam(release, &epmd, &["pg", "chat"]), RustNode::start(NodeOptions::with(&epmd)));
        let shell = beam.shell();
        shell.expect(&format!("N = '{}', pong = net_adm:ping(N), ok", node.name()), "ok").await;
        shell.expect("Call = fun(F, As) -> erpc:call(N, rust, F, As) end, ok", "ok").await;
        shell.expect("P = Call(pg_join, [g]), node(P) =:= N", "true").await;
        shell.expect("[P] =:= Call(pg_members, [g])", "true").await;
        shell.expect("P ! {self(), hello}, receive hello -> ok after 60000 -> silent end", "ok").await;
        let members = "Members = fun M(S, G, W) -> case pg:get_members(S, G) of W -> true; _ -> timer:sleep(10), M(S, G, W) end end, ok";
        shell.expect(members, "ok").await;
        shell.expect("Members(pg, g, [P])", "true").await;
        // A scope that nobody has used there so far shows what others have in it, from the first look on.
        shell.expect("ok = pg:join(chat, {room, <<\"1\">>}, self()), Call(pg_members, [chat, {room, <<\"1\">>}]) =:= [self()]", "true").await;
        shell.expect("Q = Call(pg_join, [chat, {room, <<\"1\">>}]), Q =/= P", "true").await;
        shell
            .expect(
                "lists:sort(Call(pg_members, [chat, {room, <<\"1\">>}])) =:= lists:sort([self(), Q])",
                "true",
            )
            .await;
        shell
            .expect(
                "pg:leave(chat, {room, <<\"1\">>}, self()), Members(chat, {room, <<\"1\">>}, [Q])",
                "true",
            )
            .await;
        shell.expect("exit(Q, kill), Members(chat, {room, <<\"1\">>}, [])", "true").await;
        shell.expect("Call(pg_members, [none])", "[]").await;
        node.kill_9();
        shell.expect("Members(pg, g, [])", "true").await;
    }
}

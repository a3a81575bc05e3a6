//! A member of the cluster, and what is asked of it: of a BEAM by its shell, of a Rust node by the functions of the
//! playground, called from a hidden node that is no part of the cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::env;

use erlnode::node::Node;
use erlnode::otp::ErpcError;
use erlnode::term::{Atom, Pid, Term};
use interop_tests::{BeamNode, EvalError, NodeOptions, PATIENCE, Release, RustNode};

/// A process as all nodes show it: its node and its number there.
pub(crate) type ProcessKey = String;

/// Which kind of node it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Beam(Release),
    Rust,
}

/// A running node.
#[derive(Debug)]
pub(crate) enum Running {
    Beam(Box<BeamNode>),
    Rust(Box<RustNode>, Node),
}

/// What runs on each BEAM: processes that answer as those of the playground do, and one that keeps messages flowing.
const LOAD: &str = r"
-module(load).
-export([start/1, echo/0, answered/0, key/1]).

echo() ->
    receive
        {From, Payload} -> From ! Payload, echo();
        _ -> echo()
    end.

start(Scopes) ->
    register(load, spawn(fun() -> flow(Scopes, 0, #{}) end)),
    ok.

answered() ->
    load ! {answered, self()},
    receive {answered, Counts} -> lists:sort(maps:to_list(Counts)) after 50000 -> silent end.

flow(Scopes, N, Counts) ->
    Payload = case N rem 50 of 0 -> binary:copy(<<N:32>>, 50000); _ -> <<N:32>> end,
    Members = lists:usort([Pid || Scope <- Scopes, Pid <- pg:get_members(Scope, flow)]),
    Asked = [begin erlang:send(Pid, {self(), {N, Pid, Payload}}, [noconnect]), Pid end || Pid <- Members],
    Now = lists:foldl(fun(Pid, Acc) -> answer(N, Pid, Acc) end, Counts, Asked),
    receive
        {answered, From} -> From ! {answered, Now}
    after 5 -> ok
    end,
    flow(Scopes, N + 1, Now).

answer(N, Pid, Counts) ->
    receive {N, Pid, _} -> maps:update_with(node(Pid), fun(C) -> C + 1 end, 1, Counts)
    after 300 -> drain(), Counts
    end.

drain() ->
    receive {_, _, _} -> drain() after 0 -> ok end.

key(Pid) ->
    [_, Number, Serial] = string:tokens(pid_to_list(Pid), `<.>`),
    lists:flatten([atom_to_list(node(Pid)), $., Number, $., Serial]).
";

impl Running {
    pub(crate) async fn start(kind: Kind, name: &str, options: NodeOptions, controller: &Node) -> Running {
        let options = options.name(name);
        match kind {
            Kind::Beam(release) => {
                let beam = BeamNode::start(release, options).await;
                beam.load_module("load", &LOAD.replace('`', "\"")).await;
                for scope in scopes(kind) {
                    beam.expect(&format!("{{ok, _}} = pg:start({scope}), ok"), "ok").await;
                }
                let scopes = scopes(kind).join(",");
                beam.expect(&format!("load:start([{scopes}])"), "ok").await;
                Running::Beam(Box::new(beam))
            }
            Kind::Rust => {
                let options = match env::var("CLUSTER_LOG") {
                    Ok(filter) => options.environment("ERLNODE_LOG", &filter),
                    Err(_) => options,
                };
                let node = RustNode::start(options).await;
                let running = Running::Rust(Box::new(node), controller.clone());
                for scope in scopes(kind) {
                    running.members(scope).await;
                }
                running
            }
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Running::Beam(beam) => beam.name(),
            Running::Rust(node, _) => node.name(),
        }
    }

    pub(crate) fn kill_9(&self) {
        match self {
            Running::Beam(beam) => beam.kill_9(),
            Running::Rust(node, _) => node.kill_9(),
        }
    }

    /// What it has written, for a test that fails.
    pub(crate) fn output(&self) -> String {
        match self {
            Running::Beam(beam) => beam.output(),
            Running::Rust(node, _) => {
                let log = node.stderr();
                log.lines().filter(|line| !line.contains("DEBUG")).collect::<Vec<_>>().join("\n")
            }
        }
    }

    async fn eval(beam: &BeamNode, source: &str) -> String {
        match beam.eval(source).await {
            Ok(value) => value,
            Err(EvalError::Raised(what)) => panic!("{}: {source} raised {what}", beam.name()),
            Err(error) => panic!("{}: {source}: {error}\n{}", beam.name(), beam.output()),
        }
    }

    /// Calls a function of a Rust node.
    async fn call(&self, module: &str, function: &str, arguments: Vec<Term>) -> Result<Term, ErpcError> {
        let Running::Rust(node, controller) = self else { panic!("{} is no Rust node", self.name()) };
        controller.erpc(node.name()).call(module, function, arguments).timeout(PATIENCE).await
    }

    async fn called(&self, module: &str, function: &str, arguments: Vec<Term>) -> Term {
        let result = self.call(module, function, arguments).await;
        result.unwrap_or_else(|error| {
            panic!("{}: {module}:{function}: {error}\n{}", self.name(), self.output())
        })
    }

    pub(crate) async fn connect(&self, to: &str) {
        match self {
            Running::Beam(beam) => {
                drop(Running::eval(beam, &format!("net_kernel:connect_node('{to}')")).await);
            }
            Running::Rust(..) => drop(self.called("rust", "connect", vec![atom(to)]).await),
        }
    }

    pub(crate) async fn disconnect(&self, from: &str) {
        match self {
            Running::Beam(beam) => {
                drop(Running::eval(beam, &format!("erlang:disconnect_node('{from}')")).await);
            }
            Running::Rust(..) => drop(self.called("rust", "disconnect", vec![atom(from)]).await),
        }
    }

    /// The visible nodes that it is connected to, and those that `global` has as members.
    pub(crate) async fn known(&self) -> (BTreeSet<String>, BTreeSet<String>) {
        match self {
            Running::Beam(beam) => {
                let source = "[[atom_to_list(N) || N <- L] || L <- [nodes(), gen_server:call(global_name_server, get_known, infinity)]]";
                let printed = Running::eval(beam, source).await;
                let term: Term = printed.parse().unwrap_or_else(|error| panic!("{printed}: {error}"));
                match term.as_list() {
                    Some([nodes, known]) => {
                        (strings(nodes).into_iter().collect(), strings(known).into_iter().collect())
                    }
                    _ => panic!("{printed}"),
                }
            }
            Running::Rust(node, controller) => {
                let nodes = self.called("erlang", "nodes", vec![]).await;
                let known: Vec<Atom> = controller
                    .call(("global_name_server", node.name()), erlnode::atom!("get_known"))
                    .timeout(PATIENCE)
                    .await
                    .unwrap_or_else(|error| panic!("{}: {error}", node.name()));
                (
                    strings(&nodes).into_iter().collect(),
                    known.iter().map(|name| name.as_str().to_owned()).collect(),
                )
            }
        }
    }

    /// Registers a new process; it, if the name was free.
    pub(crate) async fn register(&self, name: &str) -> Option<ProcessKey> {
        match self {
            Running::Beam(beam) => {
                let source = format!(
                    "P = spawn(load, echo, []), case global:register_name({name}, P) of yes -> load:key(P); no -> exit(P, kill), no end"
                );
                let printed = Running::eval(beam, &source).await;
                (printed != "no").then(|| printed.trim_matches('"').to_owned())
            }
            Running::Rust(..) => {
                let name: Term = name.parse().expect("a term");
                if !self.called("rust", "register_global", vec![name.clone()]).await.is_atom("yes") {
                    return None;
                }
                let pid = self.called("rust", "whereis_global", vec![name]).await;
                // It may be gone already, in a conflict.
                Some(pid.as_pid().map_or_else(String::new, key))
            }
        }
    }

    /// All global names, as terms, and who has them.
    pub(crate) async fn names(&self) -> BTreeMap<String, ProcessKey> {
        match self {
            Running::Beam(beam) => {
                let source = "[[Name, load:key(P)] || Name <- global:registered_names(), P <- [global:whereis_name(Name)], is_pid(P)]";
                pairs(&Running::eval(beam, source).await)
            }
            Running::Rust(..) => {
                let names = self.called("global", "registered_names", vec![]).await;
                let mut found = BTreeMap::new();
                for name in names.as_list().expect("a list") {
                    let pid = self.called("rust", "whereis_global", vec![name.clone()]).await;
                    if let Term::Pid(pid) = pid {
                        found.insert(name.to_string(), key(&pid));
                    }
                }
                found
            }
        }
    }

    /// Has a new process join the group `flow`.
    pub(crate) async fn join(&self, scope: &str) -> ProcessKey {
        match self {
            Running::Beam(beam) => {
                let source =
                    format!("P = spawn(load, echo, []), ok = pg:join({scope}, flow, P), load:key(P)");
                Running::eval(beam, &source).await.trim_matches('"').to_owned()
            }
            Running::Rust(..) => {
                let pid = self.called("rust", "pg_join", vec![atom(scope), atom("flow")]).await;
                key(pid.as_pid().expect("a pid"))
            }
        }
    }

    /// The members of the group `flow`, sorted.
    pub(crate) async fn members(&self, scope: &str) -> Vec<ProcessKey> {
        let mut members: Vec<ProcessKey> = match self {
            Running::Beam(beam) => {
                let source = format!("[load:key(P) || P <- pg:get_members({scope}, flow)]");
                strings(&Running::eval(beam, &source).await.parse().expect("a list"))
            }
            Running::Rust(..) => {
                let pids = self.called("rust", "pg_members", vec![atom(scope), atom("flow")]).await;
                pids.as_list().expect("a list").iter().filter_map(Term::as_pid).map(key).collect()
            }
        };
        members.sort();
        members
    }

    /// Whether it has no lock of `global` left; of a Rust node that is not seen.
    pub(crate) async fn is_unlocked(&self) -> bool {
        match self {
            Running::Beam(beam) => Running::eval(beam, "ets:tab2list(global_locks)").await == "[]",
            Running::Rust(..) => true,
        }
    }

    /// Ends a process, wherever it is; for a BEAM to do.
    pub(crate) async fn kill_member(&self, scope: &str, member: &str) {
        let Running::Beam(beam) = self else { panic!("{} is no BEAM", self.name()) };
        let source =
            format!("[exit(P, kill) || P <- pg:get_members({scope}, flow), load:key(P) =:= \"{member}\"]");
        assert_eq!(Running::eval(beam, &source).await, "[true]", "{member} is a member");
    }

    pub(crate) async fn kill_name(&self, name: &str) {
        let Running::Beam(beam) = self else { panic!("{} is no BEAM", self.name()) };
        assert_eq!(Running::eval(beam, &format!("exit(global:whereis_name({name}), kill)")).await, "true");
    }

    pub(crate) async fn unregister(&self, name: &str) {
        let Running::Beam(beam) = self else { panic!("{} is no BEAM", self.name()) };
        assert_eq!(Running::eval(beam, &format!("global:unregister_name({name})")).await, "ok");
    }

    /// How many messages were answered by members on each node; of a BEAM.
    pub(crate) async fn answered(&self) -> String {
        let Running::Beam(beam) = self else { panic!("{} is no BEAM", self.name()) };
        Running::eval(beam, "load:answered()").await
    }

    /// Has a Rust node send to a process `echo` of another, and that answer.
    pub(crate) async fn exchange(&self, with: &str) {
        let echo = Term::tuple([atom("echo"), atom(with)]);
        let arguments = vec![echo, Term::from(500), Term::from(4), Term::from("a payload")];
        let result = self.called("rust", "bench_echo", arguments).await;
        let is_ok = matches!(result.as_tuple(), Some([ok, ..]) if ok.is_atom("ok"));
        assert!(is_ok, "{} to {with}: {result}", self.name());
    }
}

/// OTP 25 and 29 can't be in one scope: a scope of 25 ends when one of 29 says that it is there.
pub(crate) fn scopes(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Beam(Release::Otp25) => &["old"],
        Kind::Beam(Release::Otp29) => &["new"],
        _ => &["old", "new"],
    }
}

fn atom(name: &str) -> Term {
    Term::Atom(Atom::new(name).expect("a short name"))
}

fn key(pid: &Pid) -> ProcessKey {
    format!("{}.{}.{}", pid.node, pid.id, pid.serial)
}

/// A list of atoms or charlists.
fn strings(list: &Term) -> Vec<String> {
    let text = |term: &Term| match term {
        Term::Atom(atom) => atom.as_str().to_owned(),
        list => list.as_list().map_or_else(String::new, |characters| {
            let code = |character: &Term| match character {
                Term::Integer(code) => u32::try_from(code).ok().and_then(char::from_u32),
                _ => None,
            };
            characters.iter().filter_map(code).collect()
        }),
    };
    list.as_list().unwrap_or_else(|| panic!("{list} is no list")).iter().map(text).collect()
}

fn pairs(printed: &str) -> BTreeMap<String, ProcessKey> {
    let list: Term = printed.parse().unwrap_or_else(|error| panic!("{printed}: {error}"));
    let pair = |pair: &Term| match pair.as_list() {
        Some([name, key]) => {
            let key = strings(&Term::list([key.clone()])).concat();
            (name.to_string(), key)
        }
        _ => panic!("{pair}"),
    };
    list.as_list().expect("a list").iter().map(pair).collect()
}

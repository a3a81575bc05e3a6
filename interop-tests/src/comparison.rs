//! A Rust node and a BEAM node that are asked the same.

use crate::beam::BeamNode;
use crate::epmd::Epmd;
use crate::options::NodeOptions;
use crate::release::Release;
use crate::rust_node::RustNode;

/// In scope of each expression: `Show` makes terms of two nodes comparable. Pids and references become words, and
/// what stack traces say of files and lines goes.
const SHOW: &str = "
    Show = fun
        S(T) when is_pid(T) -> {pid, case node(T) of TARGET -> target; _ -> caller end};
        S(T) when is_reference(T) -> reference;
        S({M, F, A, L}) when is_atom(M), is_atom(F), is_list(L) -> {M, F, S(A), [X || {error_info, _} = X <- L]};
        S(T) when is_tuple(T) -> list_to_tuple([S(E) || E <- tuple_to_list(T)]);
        S([H | T]) -> [S(H) | S(T)];
        S(T) -> T
    end,
    Next = fun() -> receive M -> M after 50000 -> nothing end end, _ = Next, ";

/// An Erlang node that asks a Rust node and another Erlang node of its release the same, and compares the answers.
#[derive(Debug)]
pub struct Comparison {
    /// The node that is to be as the other.
    pub rust: RustNode,
    /// The real node.
    pub beam: BeamNode,
    /// The node that asks.
    pub caller: BeamNode,
    _epmd: Epmd,
}

impl Comparison {
    /// Starts the nodes.
    ///
    /// # Panics
    /// If one does not start.
    pub async fn start(release: Release) -> Comparison {
        let epmd = Epmd::start(release).await;
        let rust = RustNode::start(NodeOptions::with(&epmd)).await;
        let beam = BeamNode::start(release, NodeOptions::with(&epmd)).await;
        let caller = BeamNode::start(release, NodeOptions::with(&epmd)).await;
        Comparison { rust, beam, caller, _epmd: epmd }
    }

    /// Evaluates `source`, with what `prelude` defines, twice: the name of each node stands for `TARGET`. What it shows
    /// has to be the same, and to have `part` in it, so that both are not equally wrong.
    ///
    /// `Next()` is the next message.
    ///
    /// # Panics
    /// If it is not.
    pub async fn same(&self, prelude: &str, source: &str, part: &str) {
        if let Err(difference) = self.compare(prelude, source, part).await {
            panic!("{difference}");
        }
    }

    /// As [`same`](Comparison::same), for those who want to know of all differences.
    ///
    /// # Errors
    /// What differs.
    pub async fn compare(&self, prelude: &str, source: &str, part: &str) -> Result<(), String> {
        let ask = async |target: &str| {
            let whole = format!("{SHOW} {prelude} Show((fun() -> {source} end)())");
            let value = self.caller.eval(&whole.replace("TARGET", target)).await;
            value
                .map(|value| value.replace(target, "TARGET"))
                .map_err(|error| format!("{source} on {target}: {error}"))
        };
        let expected = ask(&self.beam.atom()).await?;
        if !expected.contains(part) {
            return Err(format!("{source} on {}: {expected}", self.beam.name()));
        }
        match ask(&self.rust.atom()).await? {
            value if value == expected => Ok(()),
            value => Err(format!("{source}\n  is {value}\n  and {expected} on a BEAM node")),
        }
    }
}

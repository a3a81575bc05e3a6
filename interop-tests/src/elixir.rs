//! An Elixir node of a test.

use std::ops::Deref;

use crate::beam::{BeamNode, Launch, QUIET_SCHEDULERS, distribution_flags};
use crate::eval::{Language, SERVER};
use crate::options::NodeOptions;
use crate::release::Release;
use crate::scratch::Scratch;

/// A node started with `elixir`; what it evaluates is Elixir, and values print as `inspect` does.
///
/// It is a [`BeamNode`] otherwise.
#[derive(Debug)]
pub struct ElixirNode(BeamNode);

impl ElixirNode {
    /// Starts `elixir` and waits until it answers.
    ///
    /// # Panics
    /// If it does not start, with what it wrote.
    pub async fn start(release: Release, options: NodeOptions) -> ElixirNode {
        let name = options.node_name(&format!("ex{}", release.number()));
        let mut launch = Launch::new(release.command("elixir"), Scratch::new(release), &options);
        launch.command.args([if name.long { "--name" } else { "--sname" }, name.argument()]);
        launch.command.args(["--cookie", &options.cookie]);
        if options.hidden {
            launch.command.arg("--hidden");
        }
        // `--erl` is cut at spaces.
        let mut flags = distribution_flags(&options);
        flags.extend(QUIET_SCHEDULERS.map(str::to_owned));
        flags.extend(options.arguments.iter().cloned());
        launch.command.args(["--erl", &flags.join(" "), "--no-halt", "-e", &in_elixir(SERVER)]);
        ElixirNode(
            launch.start(Language::Elixir, &name, &options).await.unwrap_or_else(|output| panic!("{output}")),
        )
    }
}

impl Deref for ElixirNode {
    type Target = BeamNode;

    fn deref(&self) -> &BeamNode {
        &self.0
    }
}

/// Elixir code that evaluates Erlang expressions.
fn in_elixir(erlang: &str) -> String {
    // A sigil with these delimiters takes everything as it stands up to the closing line.
    format!(
        "source = ~S\"\"\"\n{erlang}\n\"\"\"\n\
         {{:ok, tokens, _}} = :erl_scan.string(String.to_charlist(source))\n\
         {{:ok, expressions}} = :erl_parse.parse_exprs(tokens)\n\
         :erl_eval.exprs(expressions, [])\n"
    )
}

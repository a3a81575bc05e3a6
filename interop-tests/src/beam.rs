//! An Erlang node of a test.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::panic::Location;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::time::sleep;

use crate::eval::{Channel, EvalError, Language, PORT_VARIABLE, PendingEval, SERVER, Shell};
use crate::names::{elixir_atom, erlang_atom};
use crate::options::{Mapper, NodeName, NodeOptions};
use crate::os_process::OsProcess;
use crate::release::Release;
use crate::scratch::Scratch;
use crate::wait::PATIENCE;

/// How long a node may take to start; a second is usual, and ten of them for RabbitMQ.
pub(crate) const START_LIMIT: Duration = Duration::from_secs(180);

/// Flags that keep an idle node from spinning: tests run side by side.
pub(crate) const QUIET_SCHEDULERS: [&str; 6] = ["+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none"];

/// A running Erlang node that evaluates what the test asks; killed when dropped.
#[derive(Debug)]
pub struct BeamNode {
    name: String,
    cookie: String,
    language: Language,
    channel: Channel,
    process: OsProcess,
    // Last, as the process may be writing there until it is gone.
    home: Scratch,
}

impl BeamNode {
    /// Starts `erl` and waits until it answers.
    ///
    /// # Panics
    /// If it does not start, with what it wrote.
    pub async fn start(release: Release, options: NodeOptions) -> BeamNode {
        BeamNode::try_start(release, options).await.unwrap_or_else(|output| panic!("{output}"))
    }

    /// The same for a node that may not start, such as one with a name that is taken.
    ///
    /// # Errors
    /// What it wrote.
    pub async fn try_start(release: Release, options: NodeOptions) -> Result<BeamNode, String> {
        let name = options.node_name(&format!("otp{}", release.number()));
        let mut launch = Launch::new(release.command("erl"), Scratch::new(release), &options);
        launch.command.arg("-noinput").args(QUIET_SCHEDULERS);
        launch.command.args([if name.long { "-name" } else { "-sname" }, name.argument()]);
        launch.command.args(["-setcookie", &options.cookie]).args(distribution_flags(&options));
        if options.hidden {
            launch.command.arg("-hidden");
        }
        launch.command.args(&options.arguments).args(["-eval", SERVER]);
        launch.start(Language::Erlang, &name, &options).await
    }

    /// The node's full name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The node's full name as an atom, as Erlang prints it: quoted only if it must be.
    #[must_use]
    pub fn atom(&self) -> String {
        erlang_atom(&self.name)
    }

    /// The node's full name as an atom, as Elixir prints it.
    #[must_use]
    pub fn elixir_atom(&self) -> String {
        elixir_atom(&self.name)
    }

    /// The cookie it was started with.
    #[must_use]
    pub fn cookie(&self) -> &str {
        &self.cookie
    }

    /// The process id of the VM.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Its home folder, under the same path here and for the node.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// What it has written to standard output and standard error.
    #[must_use]
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// Evaluates `source` in a process of its own and gives the value as `~tp` prints it on one line (`inspect` in an
    /// Elixir node). The full stop at the end may be left out.
    ///
    /// Any number of expressions can be under way. That process ends with the evaluation, and with it go its links,
    /// its registered name, its ETS tables; a [`shell`](Self::shell) keeps them.
    ///
    /// # Errors
    /// See [`EvalError`]; the limit is [`PATIENCE`].
    pub async fn eval(&self, source: &str) -> Result<String, EvalError> {
        self.eval_async(source).result().await
    }

    /// Starts evaluating `source`; the result can be waited for later.
    #[must_use]
    pub fn eval_async(&self, source: &str) -> PendingEval {
        self.channel.request(self.language, 0, source)
    }

    /// Evaluates Erlang, also in an Elixir node.
    ///
    /// # Errors
    /// See [`EvalError`]; the limit is [`PATIENCE`].
    pub async fn eval_erlang(&self, source: &str) -> Result<String, EvalError> {
        self.channel.request(Language::Erlang, 0, source).result().await
    }

    /// A process in the node that stays, for expressions that build on each other.
    #[must_use]
    pub fn shell(&self) -> Shell<'_> {
        Shell::new(&self.channel, self.language)
    }

    /// Compiles a module and loads it: what takes many steps runs as fast as other code of the node does, which
    /// evaluated expressions do not.
    ///
    /// # Panics
    /// If it does not compile.
    pub async fn load_module(&self, name: &str, source: &str) {
        let file = self.home().join(name).with_extension("erl");
        std::fs::write(&file, source).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let path = file.to_string_lossy();
        let load = format!(
            "{{ok, Module, Code}} = compile:file({path:?}, [binary, return_errors]), \
             {{module, Module}} = code:load_binary(Module, {path:?}, Code), Module."
        );
        self.expect(&load, &erlang_atom(name)).await;
    }

    /// Evaluates `source`, which is to print as `expected`.
    ///
    /// # Panics
    /// If it does not, or not within [`PATIENCE`].
    #[track_caller]
    pub fn expect(&self, source: &str, expected: &str) -> impl Future<Output = ()> {
        self.expect_within(PATIENCE, source, expected)
    }

    /// The same with another limit.
    ///
    /// # Panics
    /// If it does not print so, or not within `limit`.
    #[track_caller]
    pub fn expect_within(&self, limit: Duration, source: &str, expected: &str) -> impl Future<Output = ()> {
        let caller = Location::caller();
        async move {
            let result = self.eval_async(source).result_within(limit).await;
            if result.as_deref() != Ok(expected) {
                panic!("{caller}: {}", self.mismatch(source, expected, &result));
            }
        }
    }

    /// Evaluates `source` again and again until it prints as `expected`.
    ///
    /// # Panics
    /// If it does not within [`PATIENCE`].
    #[track_caller]
    pub fn wait_until(&self, source: &str, expected: &str) -> impl Future<Output = ()> {
        self.wait_until_within(PATIENCE, source, expected)
    }

    /// The same with another limit.
    ///
    /// # Panics
    /// If it does not within `limit`.
    #[track_caller]
    pub fn wait_until_within(
        &self,
        limit: Duration,
        source: &str,
        expected: &str,
    ) -> impl Future<Output = ()> {
        let caller = Location::caller();
        async move {
            let deadline = Instant::now() + limit;
            loop {
                let left = deadline.saturating_duration_since(Instant::now());
                let result = self.eval_async(source).result_within(left).await;
                if result.as_deref() == Ok(expected) {
                    return;
                }
                if Instant::now() >= deadline || result == Err(EvalError::NodeGone) {
                    panic!("{caller}: after {limit:?} still {}", self.mismatch(source, expected, &result));
                }
                sleep(Duration::from_millis(20)).await;
            }
        }
    }

    fn mismatch(&self, source: &str, expected: &str, result: &Result<String, EvalError>) -> String {
        let mut text = format!("on {}: {source}\n  expected: {expected}\n", self.name);
        let _ = match result {
            Ok(value) => writeln!(text, "  got:      {value}"),
            Err(error) => writeln!(text, "  got:      ({error})"),
        };
        let _ = write!(text, "output of the node:\n{}", self.output());
        text
    }

    /// Kills the VM at once (SIGKILL), as a crash would.
    pub fn kill_9(&self) {
        self.process.signal(Signal::KILL);
    }

    /// Freezes the VM (SIGSTOP), from the return of this on: its connections stay and fall silent.
    pub fn stop_signal(&self) {
        self.process.freeze();
    }

    /// Lets a frozen VM go on (SIGCONT).
    pub fn cont_signal(&self) {
        self.process.signal(Signal::CONT);
    }

    /// Waits until the VM has ended; `None` if it has not within `limit`.
    pub async fn wait_exit(&self, limit: Duration) -> Option<ExitStatus> {
        self.process.wait(limit).await
    }
}

/// What an Erlang VM is told about its port mapper.
pub(crate) fn distribution_flags(options: &NodeOptions) -> Vec<String> {
    let mut flags = vec!["-start_epmd".to_owned(), "false".to_owned()];
    if let Mapper::FixedPort(port) = options.mapper {
        flags.extend(["-erl_epmd_port".to_owned(), port.to_string()]);
    }
    flags
}

/// A VM about to be started: its command with what Erlang, Elixir and RabbitMQ nodes have in common.
pub(crate) struct Launch {
    pub(crate) command: Command,
    pub(crate) home: Scratch,
    listener: TcpListener,
}

impl Launch {
    pub(crate) fn new(mut command: Command, home: Scratch, options: &NodeOptions) -> Launch {
        let (listener, port) = Channel::listen();
        command.env("HOME", home.path()).env(PORT_VARIABLE, port.to_string());
        if let Mapper::Epmd(port) = options.mapper {
            command.env("ERL_EPMD_PORT", port.to_string());
        }
        Launch { command, home, listener }
    }

    pub(crate) async fn start(
        mut self,
        language: Language,
        name: &NodeName,
        options: &NodeOptions,
    ) -> Result<BeamNode, String> {
        let name = name.full.as_str();
        self.command.envs(options.environment.iter().map(|(name, value)| (name, value)));
        let process = OsProcess::spawn(name, &self.command).map_err(|error| format!("{name}: {error}"))?;
        let started = Instant::now();
        let answered = Channel::accept(&self.listener, START_LIMIT, || process.exit_status().is_none()).await;
        let Some((channel, actual_name)) = answered else {
            // The last of the output may still be on its way.
            sleep(Duration::from_millis(50)).await;
            let ended = match process.exit_status() {
                Some(status) => format!("ended ({status})"),
                None => "does not answer".to_owned(),
            };
            return Err(format!(
                "{name} {ended} after {:?}; its output:\n{}",
                started.elapsed(),
                process.output()
            ));
        };
        if actual_name != name {
            return Err(format!("{name} calls itself {actual_name}; its output:\n{}", process.output()));
        }
        Ok(BeamNode {
            name: actual_name,
            cookie: options.cookie.clone(),
            language,
            channel,
            process,
            home: self.home,
        })
    }
}

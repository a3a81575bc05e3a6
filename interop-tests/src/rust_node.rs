//! A Rust node of a test, as the command `erlnode start` makes it.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use std::{env, fs};

use rustix::process::Signal;
use tokio::time::sleep;

use crate::names::{elixir_atom, erlang_atom};
use crate::options::{Mapper, NodeOptions};
use crate::os_process::OsProcess;
use crate::release::without_erlang_settings;
use crate::scratch::Scratch;

/// How long `erlnode start` may take until it is ready.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How long it may take to end by itself when the test is through with it.
const END_LIMIT: Duration = Duration::from_secs(3);

/// A running `erlnode start`; ended when dropped, first politely.
#[derive(Debug)]
pub struct RustNode {
    name: String,
    cookie: String,
    process: OsProcess,
    _home: Scratch,
}

impl RustNode {
    /// Starts the node and waits until it says that it is ready.
    ///
    /// # Panics
    /// If it does not start, with what it wrote.
    pub async fn start(options: NodeOptions) -> RustNode {
        RustNode::try_start(options).await.unwrap_or_else(|output| panic!("{output}"))
    }

    /// The same for a node that may not start.
    ///
    /// # Errors
    /// How it ended and what it wrote.
    pub async fn try_start(options: NodeOptions) -> Result<RustNode, String> {
        let name = options.node_name("rust");
        let home = Scratch::on_host();
        let mut command = erlnode_command();
        command.env("HOME", home.path()).env("ERLNODE_LOG", "debug");
        command.args(["start", if name.long { "--name" } else { "--sname" }, name.argument()]);
        command.args(["--cookie", &options.cookie]);
        if options.hidden {
            command.arg("--hidden");
        }
        match options.mapper {
            Mapper::Epmd(port) => command.env("ERL_EPMD_PORT", port.to_string()),
            Mapper::FixedPort(port) => command.args(["--no-epmd", "--dist-port", &port.to_string()]),
        };
        command.args(&options.arguments);
        command.envs(options.environment.iter().map(|(name, value)| (name, value)));
        let process = OsProcess::spawn(&name.full, &command).map_err(|error| format!("erlnode: {error}"))?;
        let started = Instant::now();
        // The ready line is the one with the node's full name; it is read when its end is there.
        while !process
            .stdout()
            .split_inclusive('\n')
            .any(|line| line.contains(&name.full) && line.ends_with('\n'))
        {
            if let Some(status) = process.exit_status() {
                sleep(Duration::from_millis(50)).await;
                return Err(format!("erlnode start ended ({status}); its output:\n{}", process.output()));
            }
            if started.elapsed() >= START_LIMIT {
                return Err(format!(
                    "{} is not ready after {START_LIMIT:?}; its output:\n{}",
                    name.full,
                    process.output()
                ));
            }
            sleep(Duration::from_millis(5)).await;
        }
        Ok(RustNode { name: name.full, cookie: options.cookie, process, _home: home })
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

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// How much memory it has now, in bytes: its resident set.
    ///
    /// # Panics
    /// If it has ended.
    #[must_use]
    pub fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("a process");
        let line =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process with memory");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number of kB") * 1024
    }

    /// What it has written to standard output.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.process.stdout()
    }

    /// What it has written to standard error.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.process.stderr()
    }

    /// Asks it to end (SIGTERM), as an operator would.
    pub fn terminate(&self) {
        self.process.signal(Signal::TERM);
    }

    /// Asks it to end as Ctrl-C does (SIGINT).
    pub fn interrupt(&self) {
        self.process.signal(Signal::INT);
    }

    /// Kills it at once (SIGKILL), as a crash would.
    pub fn kill_9(&self) {
        self.process.signal(Signal::KILL);
    }

    /// Freezes it (SIGSTOP), from the return of this on: its connections stay and fall silent.
    pub fn stop_signal(&self) {
        self.process.freeze();
    }

    /// Lets it go on when frozen (SIGCONT).
    pub fn cont_signal(&self) {
        self.process.signal(Signal::CONT);
    }

    /// Waits until it has ended; `None` if it has not within `limit`.
    pub async fn wait_exit(&self, limit: Duration) -> Option<ExitStatus> {
        self.process.wait(limit).await
    }
}

impl Drop for RustNode {
    fn drop(&mut self) {
        self.process.end(END_LIMIT);
    }
}

/// The command `erlnode`, as built with these tests, ready to be given arguments.
///
/// # Panics
/// If it cannot be built.
#[must_use]
pub fn erlnode_command() -> Command {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    let mut command = Command::new(PATH.get_or_init(|| built("erlnode", &["src"], &["--bin", "erlnode"])));
    without_erlang_settings(&mut command);
    command
}

/// The example of this name, ready to be given arguments.
///
/// # Panics
/// If it cannot be built.
#[must_use]
pub fn example_command(name: &str) -> Command {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        // All are built together, and the time of one stands for all.
        let one = built("examples/ping", &["src", "examples"], &["--examples"]);
        one.parent().expect("a file is in a folder").to_owned()
    });
    let mut command = Command::new(folder.join(name));
    without_erlang_settings(&mut command);
    command
}

/// Cargo names the programs of a package only to its own tests, so they are found beside the test, and built if the
/// sources are newer: a test must not pass or fail because of yesterday's program.
fn built(program: &str, sources: &[&str], target: &[&str]) -> PathBuf {
    let test = env::current_exe().expect("a running program has a path");
    // target/debug/deps/test-0123456789abcdef, or target/debug/program
    let folder = test.parent().expect("a file is in a folder");
    let profile = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    let program = profile.join(program);
    let workspace =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("interop-tests is in the workspace");
    let built = program.metadata().and_then(|metadata| metadata.modified()).ok();
    let mut sources = sources.iter().chain(&["Cargo.toml", "Cargo.lock"]).map(|path| workspace.join(path));
    if built.is_some() && sources.all(|path| newest(&path) <= built) {
        return program;
    }
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--target-dir"]).arg(profile.parent().unwrap_or(profile)).args(target);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let status = cargo.current_dir(workspace).status().expect("cargo starts");
    assert!(status.success(), "{} could not be built", program.display());
    program
}

/// When the file, or any file in the folder, was last written.
fn newest(path: &Path) -> Option<std::time::SystemTime> {
    if path.is_dir() {
        let entries = path.read_dir().ok()?;
        entries.filter_map(|entry| newest(&entry.ok()?.path())).max()
    } else {
        path.metadata().and_then(|metadata| metadata.modified()).ok()
    }
}

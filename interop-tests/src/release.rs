//! The Erlang releases the tests run against, as `interop-tests/run` made them.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fmt};

/// An Erlang/OTP release with the Elixir that goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Release {
    /// OTP 25 and Elixir 1.14, as in Debian bookworm.
    Otp25,
    /// OTP 27 and Elixir 1.18, as in Debian trixie.
    Otp27,
    /// OTP 29 and Elixir 1.20, as in Debian sid.
    Otp29,
}

impl Release {
    /// Every release, oldest first.
    #[must_use]
    pub fn all() -> [Release; 3] {
        [Release::Otp25, Release::Otp27, Release::Otp29]
    }

    /// 25, 27 or 29.
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            Release::Otp25 => 25,
            Release::Otp27 => 27,
            Release::Otp29 => 29,
        }
    }

    /// A program of the release (`erl`, `erl_call`, `escript`, ...), ready to be given arguments.
    ///
    /// It runs in the file tree of the release: of this machine's files it sees only a [`Scratch`](crate::Scratch)
    /// of the release. Its working folder is `/`, and its pid is the child's pid.
    ///
    /// # Panics
    /// If the release is not there.
    #[must_use]
    pub fn command(self, program: &str) -> Command {
        tree_command(&self.number().to_string(), program)
    }

    pub(crate) fn tree(self) -> PathBuf {
        tree(&self.number().to_string())
    }
}

/// `OTP 27`.
impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OTP {}", self.number())
    }
}

/// The folder of a tree that `interop-tests/run` made: a release number, `rabbitmq` or `redis`.
pub(crate) fn tree(name: &str) -> PathBuf {
    let cache = match env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty()) {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cache"),
    };
    let tree = cache.join("erlnode/otp").join(name);
    assert!(
        tree.join("recipe").exists(),
        "no {} in {}: run interop-tests/run, which makes it and then runs the tests",
        match name {
            "rabbitmq" => "RabbitMQ".to_owned(),
            "redis" => "Redis".to_owned(),
            number => format!("Erlang/OTP {number}"),
        },
        tree.display(),
    );
    tree
}

/// A program of a tree, without settings for Erlang that this test run may have inherited.
pub(crate) fn tree_command(name: &str, program: &str) -> Command {
    let path = tree(name).join("bin").join(program);
    assert!(path.exists(), "{name} has no program {program}");
    let mut command = Command::new(path);
    without_erlang_settings(&mut command);
    command
}

/// Takes away what would change how a node starts.
pub(crate) fn without_erlang_settings(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if ["ERL_", "ELIXIR_", "RABBITMQ_", "ERLNODE_", "RUST_LOG"]
            .iter()
            .any(|prefix| text.starts_with(prefix))
        {
            command.env_remove(&name);
        }
    }
}

//! A program at a terminal: what somebody types, and what they see.

use std::io::Write;
use std::process::{Command, ExitStatus};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::os_process::OsProcess;
use crate::wait::PATIENCE;

/// A program that runs at a terminal of its own, of 24 rows with 80 columns; killed when dropped.
#[derive(Debug)]
pub struct Terminal {
    process: OsProcess,
    input: Mutex<std::process::ChildStdin>,
}

impl Terminal {
    /// Starts `command` at a terminal.
    ///
    /// # Panics
    /// If `script`, which makes the terminal, does not start.
    #[must_use]
    pub fn start(name: &str, command: &Command) -> Terminal {
        let quoted = |text: &std::ffi::OsStr| format!("'{}'", text.to_string_lossy().replace('\'', "'\\''"));
        let words: Vec<String> =
            std::iter::once(command.get_program()).chain(command.get_args()).map(quoted).collect();
        // The end of its terminal ends it, also where these tests run without one, as under nohup.
        let line = format!("stty rows 24 cols 80; exec env --default-signal=HUP {}", words.join(" "));
        let mut script = Command::new("script");
        script.args(["--quiet", "--return", "--flush", "--command", &line, "/dev/null"]);
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => script.env(name, value),
                None => script.env_remove(name),
            };
        }
        script.env("TERM", "xterm").env("SHELL", "/bin/sh");
        let (process, input) =
            OsProcess::spawn_with_input(name, &script).unwrap_or_else(|error| panic!("script: {error}"));
        Terminal { process, input: Mutex::new(input) }
    }

    /// Types `text`; the return key is `\r`.
    ///
    /// # Panics
    /// If the program has ended.
    pub fn press(&self, text: &str) {
        let mut input = self.input.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        input.write_all(text.as_bytes()).and_then(|()| input.flush()).expect("the program reads");
    }

    /// Types a line.
    ///
    /// # Panics
    /// If the program has ended.
    pub fn enter(&self, line: &str) {
        self.press(&format!("{line}\r"));
    }

    /// All that was written to the terminal so far, with the codes that move the cursor.
    #[must_use]
    pub fn screen(&self) -> String {
        self.process.stdout()
    }

    /// Waits until `text` was written, `times` times.
    ///
    /// # Panics
    /// If it was not within [`PATIENCE`].
    #[track_caller]
    pub fn wait_for(&self, text: &str, times: usize) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let deadline = Instant::now() + PATIENCE;
            while self.screen().matches(text).count() < times {
                assert!(Instant::now() < deadline, "{caller}: no {text:?} in\n{}", self.screen());
                sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// Waits until the program has ended; `None` if it has not within `limit`.
    pub async fn wait_exit(&self, limit: Duration) -> Option<ExitStatus> {
        self.process.wait(limit).await
    }
}

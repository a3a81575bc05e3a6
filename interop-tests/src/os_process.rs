//! A child process whose output is kept, and which ends with its owner. When the test fails, the output is shown.

use std::fs;
use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::sleep;

/// A running program; killed when dropped.
#[derive(Debug)]
pub(crate) struct OsProcess {
    /// What it is called in the output of a test that fails.
    name: String,
    child: Mutex<Child>,
    pid: u32,
    stdout: Captured,
    stderr: Captured,
}

/// What a program has written so far.
#[derive(Debug, Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl OsProcess {
    /// Starts `command` without input.
    pub(crate) fn spawn(name: &str, command: &Command) -> io::Result<OsProcess> {
        let mut command = ending_with_parent(command);
        command.stdin(Stdio::null());
        OsProcess::of(name, command)
    }

    /// The same with input.
    pub(crate) fn spawn_with_input(
        name: &str,
        command: &Command,
    ) -> io::Result<(OsProcess, std::process::ChildStdin)> {
        let mut command = ending_with_parent(command);
        command.stdin(Stdio::piped());
        let process = OsProcess::of(name, command)?;
        let input = process.lock().stdin.take();
        input.map(|input| (process, input)).ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }

    fn of(name: &str, mut command: Command) -> io::Result<OsProcess> {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = spawn_from_lasting_thread(command)?;
        let (stdout, stderr) = (Captured::default(), Captured::default());
        stdout.fill_from(child.stdout.take());
        stderr.fill_from(child.stderr.take());
        Ok(OsProcess { name: name.to_owned(), pid: child.id(), child: Mutex::new(child), stdout, stderr })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) fn stdout(&self) -> String {
        self.stdout.text()
    }

    pub(crate) fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Standard output, then standard error.
    pub(crate) fn output(&self) -> String {
        self.stdout() + &self.stderr()
    }

    /// Sends a signal; an ended process takes none.
    pub(crate) fn signal(&self, signal: Signal) {
        if self.exit_status().is_none() {
            // The process has not been waited for, so the pid is still its own.
            let _ = kill_process(Pid::from_child(&self.lock()), signal);
        }
    }

    /// Freezes it, and returns when none of its threads runs any more: they go on for a moment after the signal.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.exit_status().is_none() && !stands_still(self.pid) {
            assert!(Instant::now() < deadline, "{} goes on for 10 s after SIGSTOP", self.name);
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// How it ended, if it has.
    pub(crate) fn exit_status(&self) -> Option<ExitStatus> {
        self.lock().try_wait().ok().flatten()
    }

    /// Waits for it to end by itself; `None` if it does not within `limit`.
    pub(crate) async fn wait(&self, limit: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            let status = self.exit_status();
            if status.is_some() || Instant::now() >= deadline {
                return status;
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Asks it to end, and kills it if it has not after `limit`.
    pub(crate) fn end(&self, limit: Duration) {
        self.signal(Signal::TERM);
        let deadline = Instant::now() + limit;
        while self.exit_status().is_none() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Whether each thread of a process is in state `T`, which follows the name in parentheses in its `stat`.
fn stands_still(pid: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return false };
    threads.flatten().all(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
    })
}

/// The same command, killed by the kernel when its parent goes: `Drop` does not run in a test that is killed.
fn ending_with_parent(command: &Command) -> Command {
    let mut ending = Command::new("setpriv");
    ending.args(["--pdeathsig", "KILL", "--"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => ending.env(name, value),
            None => ending.env_remove(name),
        };
    }
    ending
}

/// To the kernel the parent is the thread that started the child, and tests run on threads that end with them.
fn spawn_from_lasting_thread(command: Command) -> io::Result<Child> {
    type Order = (Command, Sender<io::Result<Child>>);
    static SPAWNER: LazyLock<Sender<Order>> = LazyLock::new(|| {
        let (orders, taken) = channel::<Order>();
        thread::spawn(move || {
            for (mut command, reply) in taken {
                let _ = reply.send(command.spawn());
            }
        });
        orders
    });
    let (reply, answer) = channel();
    SPAWNER.send((command, reply)).expect("the spawning thread never ends");
    answer.recv().expect("the spawning thread always answers")
}

impl Drop for OsProcess {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- output of {}:\n{}", self.name, last_of(&self.output()));
        }
        let mut child = self.lock();
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// As much of a log as a reader of a failed test may want.
fn last_of(output: &str) -> &str {
    const MOST: usize = 64 * 1024;
    let start = output.ceil_char_boundary(output.len().saturating_sub(MOST));
    &output[start..]
}

impl Captured {
    /// Reads on in a thread of its own, which ends when the last process that could write has.
    fn fill_from(&self, pipe: Option<impl Read + Send + 'static>) {
        let Some(mut pipe) = pipe else { return };
        let kept = self.clone();
        thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = pipe.read(&mut piece) {
                kept.lock().extend_from_slice(&piece[..length]);
            }
        });
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.lock()).into_owned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

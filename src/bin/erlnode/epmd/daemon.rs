//! `-daemon`: epmd in the background.
//!
//! The command starts itself once more and returns when that child listens, or has found an epmd that runs, or has failed
//! and said why. The child is in a session of its own, so that it outlives the terminal; it has given up all files that it
//! inherited, so that whoever waits for the end of a pipe, or holds a lock, does not wait for it.
//!
//! ```text
//!   command                     child
//!      |---- starts ------------->|  closes inherited files; setsid; /
//!      |                          |  listens
//!      |<--- a byte, then end ----|  standard output and error: /dev/null
//!      | ends with 0              |  serves
//! ```

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::process::{Command, ExitCode, Stdio};

/// Set in the environment of the child.
const MARK: &str = "ERLNODE_EPMD_DAEMON";

/// What goes through the pipe when the child listens.
const READY: &[u8] = b"\n";

/// Whether this is the child.
pub(super) fn is_child() -> bool {
    std::env::var_os(MARK).as_deref() == Some(OsStr::new("1"))
}

/// Starts the child and waits until it listens or ends; the exit status for the command.
pub(super) fn start() -> io::Result<ExitCode> {
    let mut arguments = std::env::args_os();
    let mut command = Command::new(std::env::current_exe()?);
    #[cfg(unix)]
    if let Some(name) = arguments.next() {
        // `ps` shows what was asked for, and a link stays one.
        std::os::unix::process::CommandExt::arg0(&mut command, name);
    }
    #[cfg(not(unix))]
    let _ = arguments.next();
    command.args(arguments).env(MARK, "1").stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let mut said = Vec::new();
    if let Some(mut pipe) = child.stdout.take() {
        pipe.read_to_end(&mut said)?;
    }
    if said == READY {
        return Ok(ExitCode::SUCCESS);
    }
    Ok(if child.wait()?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Makes the child independent of who started it. To be called before anything else opens a file.
#[cfg(unix)]
pub(super) fn detach() -> io::Result<()> {
    for entry in inherited_files() {
        // It may be the one of the listing, which is closed by now.
        let _ = nix::unistd::close(entry);
    }
    rustix::process::setsid()?;
    std::env::set_current_dir("/")
}

/// The numbers of all open files but the three standard ones.
#[cfg(unix)]
fn inherited_files() -> Vec<i32> {
    // As on Linux and elsewhere; where neither is, the limit for new files tells how far to look.
    let listing = ["/proc/self/fd", "/dev/fd"].iter().find_map(|folder| std::fs::read_dir(folder).ok());
    let numbers: Vec<i32> = match listing {
        Some(listing) => listing.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect(),
        None => {
            let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
            (0..i32::try_from(limit.unwrap_or(1024)).unwrap_or(1024)).collect()
        }
    };
    numbers.into_iter().filter(|number| *number > 2).collect()
}

#[cfg(not(unix))]
pub(super) fn detach() -> io::Result<()> {
    Ok(())
}

/// Lets the command that waits for the child go on.
pub(super) fn ready() -> io::Result<()> {
    let mut out = io::stdout();
    out.write_all(READY)?;
    out.flush()?;
    #[cfg(unix)]
    {
        let null = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
        rustix::stdio::dup2_stdout(&null)?;
        rustix::stdio::dup2_stderr(&null)?;
    }
    Ok(())
}

//! How a command that serves is told to end.

use std::io;

/// From now on SIGTERM and Ctrl-C no longer end the process; the future does when one of them comes.
///
/// To be called before a command says that it is ready: whoever reads that may send the signal at once.
pub(crate) fn end_signal() -> io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        Ok(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
    }
    #[cfg(windows)]
    {
        let mut interrupt = tokio::signal::windows::ctrl_c()?;
        Ok(async move {
            interrupt.recv().await;
        })
    }
}

/// The end of the terminal does not end the process, for as long as the value lives.
pub(crate) fn ignore_hangup() -> io::Result<impl Sized> {
    #[cfg(unix)]
    return tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup());
    #[cfg(not(unix))]
    return Ok(());
}

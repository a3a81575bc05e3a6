//! What the nodes within a test log, in the output of that test.

use std::sync::Once;

use tracing_subscriber::EnvFilter;

/// Has all that nodes in this process log from now on written to the output of the test that runs on the same thread,
/// or has started it: shown when the test fails.
pub(crate) fn log_to_test() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let logs = tracing_subscriber::fmt().with_env_filter(EnvFilter::new("debug")).with_ansi(false);
        // A test may have its own.
        let _ = logs.with_test_writer().try_init();
    });
}

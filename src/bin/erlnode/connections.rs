//! How a node that runs takes and makes connections: options named as the kernel parameters of OTP where there are some.

use std::time::Duration;

use clap::{Args, ValueEnum};
use erlnode::node::{Builder, DistAutoConnect};

/// How connections come about, are watched and limited.
#[derive(Debug, Args)]
pub(crate) struct ConnectionOptions {
    /// Let only this node connect, and connect to no other: NAME@HOST, HOST for all there, or NAME@ for that name anywhere;
    /// may be given several times.
    #[arg(long, value_name = "NODE")]
    allow: Vec<String>,
    /// Don't connect to a node again by itself after a connection to it was lost (once), or never do so.
    #[arg(long, value_name = "WHEN")]
    dist_auto_connect: Option<AutoConnect>,
    /// How long a connected node may be silent before it is taken for dead; the same on all nodes of a cluster.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    net_ticktime: u64,
    /// In how many ticks that is divided, from 4 to 1000.
    #[arg(long, value_name = "TICKS", default_value_t = 4, value_parser = clap::value_parser!(u16).range(4..=1000))]
    net_tickintensity: u16,
    /// How long each message of a handshake may take, and reaching a node at all, up to 120; fractions are possible.
    #[arg(long, value_name = "SECONDS", default_value = "7", value_parser = setup_time)]
    net_setuptime: Duration,
    /// How many handshakes of nodes that connect may be under way at once.
    #[arg(long, value_name = "NUMBER", default_value_t = 512, value_parser = at_least_one)]
    max_handshakes: usize,
    /// Disconnect a node that sends a longer frame [default: 1 GiB].
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1..))]
    frame_limit: Option<u32>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum AutoConnect {
    Once,
    Never,
}

/// Seconds, as the kernel parameter has them.
fn setup_time(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds) if seconds > 0.0 && seconds <= 120.0 => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("not a number of seconds above 0 and up to 120".to_owned()),
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "not a number from 1 on".to_owned())
}

impl ConnectionOptions {
    pub(crate) fn apply(self, mut builder: Builder) -> Builder {
        builder = builder
            .allow(self.allow)
            .net_ticktime(Duration::from_secs(self.net_ticktime))
            .net_tickintensity(self.net_tickintensity)
            .net_setuptime(self.net_setuptime)
            .max_handshakes(self.max_handshakes);
        if let Some(limit) = self.frame_limit {
            builder = builder.frame_limit(limit);
        }
        match self.dist_auto_connect {
            Some(AutoConnect::Once) => builder.dist_auto_connect(DistAutoConnect::Once),
            Some(AutoConnect::Never) => builder.dist_auto_connect(DistAutoConnect::Never),
            None => builder,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setup_time_has_the_bounds_of_otp() {
        assert_eq!(setup_time("0.3"), Ok(Duration::from_millis(300)));
        assert_eq!(setup_time("120"), Ok(Duration::from_secs(120)));
        for text in ["0", "-1", "121", "x", "", "NaN", "inf"] {
            assert!(setup_time(text).is_err(), "{text}");
        }
    }
}

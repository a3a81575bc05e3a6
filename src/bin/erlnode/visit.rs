//! What the commands have in common that talk to a node once and end.
//!
//! They are nodes themselves for that long: hidden ones that nobody can connect to, so they need no epmd but the one
//! that knows the other node, and other nodes of the cluster hardly notice them.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use erlnode::dist::{NameKind, NodeName};
use erlnode::epmd;
use erlnode::node::Node;
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use crate::cookie::CookieOptions;

/// How long the visitor takes to leave in order before it just leaves.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(1);

/// Which node to talk to, and how.
#[derive(Debug, Args)]
pub(crate) struct Visit {
    /// The node; without @HOST, the one of that short name on this machine.
    node: String,
    #[command(flatten)]
    cookie: CookieOptions,
    /// Have the node give this command its name, as erl_call -R does; nodes of OTP 23 and later can do that.
    #[arg(short = 'R', long)]
    dynamic_name: bool,
    /// How long all of it may take.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    timeout: Duration,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(Duration::ZERO) | Err(_) => Err("not a number above 0".to_owned()),
        Ok(duration) => Ok(duration),
    }
}

impl Visit {
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Runs `errand` with a node of its own and the full name of the node to talk to, as long as there is time.
    pub(crate) async fn run(self, errand: impl AsyncFnOnce(&Node, &str) -> ExitCode) -> ExitCode {
        crate::log("warn");
        let Visit { node: to, cookie, dynamic_name, timeout } = self;
        let deadline = Instant::now() + timeout;
        let too_late = |to: &str| {
            let seconds = timeout.as_secs_f32();
            crate::tell(format_args!("no answer from {to} within {seconds} s; --timeout gives it more"));
            ExitCode::FAILURE
        };
        let name = match own_name(&to, dynamic_name).await {
            Ok(name) => name,
            Err(error) => return crate::fail(&error),
        };
        let mut builder = Node::builder(&name).dist_listen(false);
        if dynamic_name {
            builder = builder.named_by(&to);
        }
        let node = match timeout_at(deadline, cookie.apply(builder).start()).await {
            Ok(Ok(node)) => node,
            Ok(Err(error)) => return crate::fail(&error),
            Err(_) => return too_late(&to),
        };
        let to = if to.contains('@') { to } else { format!("{to}@{}", node.name().host()) };
        let status = match timeout_at(deadline, errand(&node, &to)).await {
            Ok(status) => status,
            Err(_) => too_late(&to),
        };
        let _ = tokio::time::timeout(SHUTDOWN_LIMIT, node.shutdown()).await;
        status
    }
}

/// A name that no other node has, of the kind that `other` has; or what stands for the name that it is to give.
async fn own_name(other: &str, dynamic: bool) -> Result<String, erlnode::dist::NameError> {
    let alive = match dynamic {
        true => "undefined".to_owned(),
        false => format!("erlnode-{}-{:08x}", std::process::id(), rand::random::<u32>()),
    };
    if !other.contains('@') {
        return Ok(alive);
    }
    let other = NodeName::new(other)?;
    Ok(match other.kind() {
        NameKind::Short => alive,
        NameKind::Long => format!("{alive}@{}", own_address(other.host()).await),
    })
}

/// The address from which this machine reaches `host`; it stands for a fully qualified host name.
async fn own_address(host: &str) -> String {
    let address = async {
        // Connecting such a socket sends nothing.
        let target = tokio::net::lookup_host((host, epmd::default_port())).await.ok()?.next()?;
        let any = if target.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any).await.ok()?;
        socket.connect(target).await.ok()?;
        Some(socket.local_addr().ok()?.ip().to_string())
    };
    // A host that can't be found is for the connection to complain about.
    address.await.unwrap_or_else(|| "127.0.0.1".to_owned())
}

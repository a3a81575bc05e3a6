//! A RabbitMQ broker of a test: a BEAM node that nobody here wrote.

use std::fs;
use std::ops::Deref;

use crate::beam::{BeamNode, Launch, START_LIMIT, distribution_flags};
use crate::eval::{Language, SERVER};
use crate::options::NodeOptions;
use crate::ports::free_port;
use crate::release::tree_command;
use crate::scratch::Scratch;

/// A running broker: RabbitMQ 3.10 on OTP 25, as Debian bookworm has them. It is a [`BeamNode`] that evaluates
/// Erlang, with the applications of RabbitMQ.
#[derive(Debug)]
pub struct RabbitNode {
    node: BeamNode,
    amqp_port: u16,
}

impl RabbitNode {
    /// Starts a broker on loopback and waits until it takes clients.
    ///
    /// # Panics
    /// If it does not start, with what it wrote.
    pub async fn start(options: NodeOptions) -> RabbitNode {
        let name = options.node_name("rabbit");
        let mut launch =
            Launch::new(tree_command("rabbitmq", "rabbitmq-server"), Scratch::of_rabbitmq(), &options);
        let home = launch.home.path().to_owned();
        // Without /proc, as in a container that allows no mounts, it cannot measure memory as it would by itself.
        let configuration = "vm_memory_calculation_strategy = allocated\n\
                             total_memory_available_override_value = 1GB\n";
        fs::write(home.join("rabbitmq.conf"), configuration).expect("a new folder can be written to");
        let amqp_port = free_port();
        let mut flags = distribution_flags(&options);
        flags.extend(["-setcookie".to_owned(), options.cookie.clone(), "-noinput".to_owned()]);
        if options.hidden {
            flags.push("-hidden".to_owned());
        }
        launch
            .command
            .env("RABBITMQ_NODENAME", &name.full)
            .env("RABBITMQ_USE_LONGNAME", if name.long { "true" } else { "false" })
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", amqp_port.to_string())
            .env("RABBITMQ_DIST_PORT", free_port().to_string())
            .env("RABBITMQ_MNESIA_BASE", home.join("mnesia"))
            .env("RABBITMQ_LOG_BASE", home.join("log"))
            .env("RABBITMQ_LOGS", "-")
            .env("RABBITMQ_CONFIG_FILE", home.join("rabbitmq.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", home.join("plugins"))
            .env("RABBITMQ_CONF_ENV_FILE", home.join("none"))
            // Makes the start script become the VM instead of waiting for it.
            .env("RABBITMQ_ALLOW_INPUT", "true")
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", flags.join(" "));
        launch.command.args(&options.arguments).args(["-eval", SERVER]);
        let started = launch.start(Language::Erlang, &name, &options).await;
        let node = started.unwrap_or_else(|output| panic!("{output}"));
        node.wait_until_within(START_LIMIT, "rabbit:is_running()", "true").await;
        RabbitNode { node, amqp_port }
    }

    /// Where it takes AMQP clients, on 127.0.0.1.
    #[must_use]
    pub fn amqp_port(&self) -> u16 {
        self.amqp_port
    }
}

impl Deref for RabbitNode {
    type Target = BeamNode;

    fn deref(&self) -> &BeamNode {
        &self.node
    }
}

//! The example that keeps the names in Redis: names that outlive the daemon.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;

use erlnode::epmd::message::KillReply;
use erlnode::epmd::{Error, NodeEntry};
use interop_tests::{
    BeamNode, NodeOptions, PATIENCE, RedisServer, Release, example_command, free_port, wait_until,
};

use super::answers::{alive, answer};
use super::client;

/// The example, running; killed when dropped.
struct Example(Child);

impl Example {
    fn start(port: u16, redis: &RedisServer) -> Example {
        let mut command = example_command("epmd_redis");
        let mut child = command
            .args([&port.to_string(), &redis.address()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).expect("UTF-8");
        assert_eq!(line, format!("epmd is ready on 127.0.0.1:{port}\n"));
        Example(child)
    }

    fn kill_9(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        self.kill_9();
    }
}

fn alive_name(node: &BeamNode) -> &str {
    node.name().split('@').next().expect("a name")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_epmd_with_its_names_in_redis_survives_a_restart() {
    let redis = RedisServer::start().await;
    let port = free_port();
    let mut epmd = Example::start(port, &redis);
    let options = NodeOptions::with_epmd_port(port);
    let (a, b) = tokio::join!(
        BeamNode::start(Release::Otp25, options.clone()),
        BeamNode::start(Release::Otp29, options.clone()),
    );
    let client = client(port).timeout(Duration::from_secs(60));
    let listed = client.port_please(alive_name(&b)).await.unwrap();
    assert!(listed.is_some());
    // A node that is gone by the time the daemon is back: nothing listens on its port.
    let (_, open, gone) = answer(port, &alive(b"gone", b"", 6));
    assert!(open);
    assert_eq!(redis.ask("ZCARD epmd:active").as_deref(), Some(":3\r\n"));
    // Frozen, `b` cannot register again, and still its port takes connections.
    b.stop_signal();
    let creation = || redis.ask(&format!("HGET epmd:name:{} creation", alive_name(&b)));
    let first = creation();
    epmd.kill_9();
    drop(gone);
    let mut epmd = Example::start(port, &redis);
    assert_eq!(
        client.port_please(alive_name(&b)).await.unwrap(),
        listed,
        "found before it has registered again"
    );
    let other = client.register(NodeEntry::new(alive_name(&b), 1).unwrap()).await;
    assert!(matches!(other, Err(Error::NameTaken { .. })), "it is alive, so its name is taken: {other:?}");
    assert_eq!(client.kill().await.unwrap(), KillReply::Refused);
    assert_eq!(creation(), first);
    b.cont_signal();
    wait_until(PATIENCE * 3, async || creation() != first).await;
    a.expect(&format!("net_adm:ping({}).", b.atom()), "pong").await;
    // It is a left name until the check finds its node gone.
    wait_until(PATIENCE * 3, async || client.port_please("gone").await.is_ok_and(|found| found.is_none()))
        .await;

    // A name ends with its node, as ever, and the next node of that name gets the next creation.
    let before = creation();
    b.kill_9();
    wait_until(PATIENCE * 3, async || {
        client.port_please(alive_name(&b)).await.is_ok_and(|found| found.is_none())
    })
    .await;
    let dump = client.dump().await.unwrap().text;
    assert!(dump.contains(&format!("old/unused name <{}>, port = ", alive_name(&b))), "{dump}");
    assert!(dump.contains("old/unused name <gone>, port = 5000"), "{dump}");
    let next = client.register(NodeEntry::new(alive_name(&b), 1).unwrap()).await.unwrap();
    assert_eq!(before.map(|text| text.contains(&(next.creation().0 - 1).to_string())), Some(true));
    next.close().await;

    // Without Redis there is no answer, and no wrong one either.
    drop(redis);
    assert!(matches!(client.port_please(alive_name(&a)).await, Err(Error::Closed { .. })));
    epmd.kill_9();
}

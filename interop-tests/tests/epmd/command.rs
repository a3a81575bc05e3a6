//! The command, by its own name and by a link called `epmd`, beside OTP's: the same options, output and exit statuses.

use std::io::Read;
use std::os::unix::fs::symlink;
use std::process::{Child, Command, Stdio};

use erlnode::epmd::NodeEntry;
use interop_tests::{Epmd, PATIENCE, Release, Scratch, erlnode_command, free_port, wait_until};
use rustix::process::{Pid, Signal, kill_process};

use super::{client, run, run_whole};

/// `erlnode epmd` on a port of its own; killed when dropped.
pub(super) struct ErlnodeEpmd {
    child: Child,
    pub(super) port: u16,
}

impl ErlnodeEpmd {
    pub(super) fn start(arguments: &[&str]) -> ErlnodeEpmd {
        let port = free_port();
        let mut command = erlnode_command();
        command.args(["epmd", "--port", &port.to_string()]).args(arguments).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut ready = [0; 16];
        child.stdout.as_mut().unwrap().read_exact(&mut ready).expect("a line that it is ready");
        assert_eq!(&ready, b"epmd is ready on");
        ErlnodeEpmd { child, port }
    }

    fn wait(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for ErlnodeEpmd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A link called `epmd` to the command, in a folder of its own.
pub(super) struct Link(Scratch);

impl Link {
    pub(super) fn new() -> Link {
        let folder = Scratch::on_host();
        symlink(erlnode_command().get_program(), folder.path().join("epmd")).unwrap();
        Link(folder)
    }

    pub(super) fn command(&self) -> Command {
        // Of the environment of the test nothing that concerns Erlang.
        let mut command = Command::new(self.0.path().join("epmd"));
        for (name, value) in erlnode_command().get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }
}

async fn the_queries_of_both_commands_print_alike(release: Release) {
    let ours = ErlnodeEpmd::start(&[]);
    let theirs = Epmd::start(release).await;
    let link = Link::new();
    let mut entries = Vec::new();
    for port in [ours.port, theirs.port()] {
        for name in ["foo", "r\u{fc}st", "a b"] {
            entries.push(client(port).register(NodeEntry::new(name, 5000).unwrap()).await.unwrap());
        }
        entries.pop().unwrap().close().await;
    }
    let nobody = free_port();
    let long = "x".repeat(1001);
    let queries: [&[&str]; 7] = [
        &["-names"],
        &["-dump"],
        &["-started"],
        &["-stop", "foo"],
        &["-stop", &long],
        &["-d", "-names"],
        &["-kill"],
    ];
    for port in [ours.port, theirs.port(), nobody] {
        let port = port.to_string();
        for query in queries {
            let expected = run_whole(release.command("epmd").args(["-port", &port]).args(query)).await;
            let printed = run_whole(link.command().args(["-port", &port]).args(query)).await;
            assert_eq!(printed, expected, "{query:?} on port {port}");
            let printed = run_whole(link.command().env("ERL_EPMD_PORT", &port).args(query)).await;
            assert_eq!(printed, expected, "{query:?} on port {port} of the environment");
            let printed = run_whole(erlnode_command().args(["epmd", "-port", &port]).args(query)).await;
            assert_eq!(printed, expected, "{query:?} on port {port} as erlnode epmd");
        }
        let expected = run(release.command("epmd").args(["-port", &port, "-names"])).await;
        assert_eq!(run(erlnode_command().args(["names", "--port", &port])).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queries_print_as_those_of_otp_25() {
    the_queries_of_both_commands_print_alike(Release::Otp25).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queries_print_as_those_of_otp_27() {
    the_queries_of_both_commands_print_alike(Release::Otp27).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queries_print_as_those_of_otp_29() {
    the_queries_of_both_commands_print_alike(Release::Otp29).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_usage_is_what_it_is_for_otps() {
    let link = Link::new();
    let nobody = free_port().to_string();
    let bad: [&[&str]; 21] = [
        &["-bogus"],
        &["names"],
        &["-h"],
        &["-port"],
        &["-port", "0"],
        &["-port", "x"],
        &["-port", "-names"],
        &["-packet_timeout"],
        &["-packet_timeout", "0"],
        &["-delay_accept"],
        &["-delay_accept", "0"],
        &["-delay_write"],
        &["-delay_write", "soon"],
        &["-address"],
        &["-names", "-d"],
        &["-kill", "-port", "4369"],
        &["-dump", "x"],
        &["-started", "-names"],
        &["-stop"],
        &["-stop", "a", "b"],
        &["-daemon", "-bogus"],
    ];
    for release in Release::all() {
        for arguments in bad {
            let theirs = run_whole(release.command("epmd").args(["-port", &nobody]).args(arguments)).await;
            assert!(theirs.1.starts_with("usage: epmd ") && theirs.2 == Some(1), "{arguments:?}: {theirs:?}");
            let ours = run_whole(link.command().args(["-port", &nobody]).args(arguments)).await;
            assert_eq!((&ours.0, ours.2), (&theirs.0, theirs.2), "{arguments:?}");
            assert!(ours.1.starts_with("usage: epmd "), "{arguments:?}: {}", ours.1);
            // Each option that theirs tells of, ours does, too.
            let options = theirs.1.lines().filter_map(|line| line.strip_prefix("    -")?.split(' ').next());
            for option in options {
                assert!(
                    ours.1.contains(&format!("-{option}")),
                    "{release}: -{option} is missing: {}",
                    ours.1
                );
            }
        }
    }
    let ours = run_whole(erlnode_command().args(["epmd", "--bogus"])).await;
    assert_eq!((ours.0.as_str(), ours.2), ("", Some(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_options_to_serve_are_taken() {
    for release in Release::all() {
        let (port, link) = (free_port(), Link::new());
        let arguments =
            ["-d", "-debug", "-relaxed_command_check", "-packet_timeout", "7x", "-delay_accept", "1"];
        let more =
            ["-delay_write", "1", "-address", "127.0.0.1, ::1", "-port", "1", "-port", &port.to_string()];
        // They are good usage for theirs, too.
        drop(Epmd::start_with(release, &arguments).await);
        let mut child = link.command().args(arguments).args(more).stderr(Stdio::null()).spawn().unwrap();
        wait_until(PATIENCE, async || client(port).names().await.is_ok()).await;
        let killed = run(release.command("epmd").args(["-port", &port.to_string(), "-kill"])).await;
        assert_eq!(killed, ("Killed\n".to_owned(), Some(0)));
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_is_that_of_otps() {
    let link = Link::new();
    let port = free_port().to_string();
    let mut command = link.command();
    command.env("ERL_EPMD_PORT", &port).env("ERL_EPMD_RELAXED_COMMAND_CHECK", "");
    command.env("ERL_EPMD_ADDRESS", "127.0.0.1,127.0.0.2");
    assert_eq!(run_whole(command.arg("-daemon")).await, (String::new(), String::new(), Some(0)));
    let registration = client(port.parse().unwrap()).register(NodeEntry::new("foo", 5000).unwrap()).await;
    let _node = registration.unwrap();
    assert!(std::net::TcpStream::connect(format!("127.0.0.2:{port}")).is_ok());
    let bad = run_whole(link.command().env("ERL_EPMD_ADDRESS", "nowhere").args(["-port", &port])).await;
    assert_eq!(bad, (String::new(), "epmd: cannot parse IP address \"nowhere\"\n".to_owned(), Some(1)));
    // A query needs no addresses.
    let mut stop = Release::Otp27.command("epmd");
    let stop =
        run(stop.env("ERL_EPMD_PORT", &port).env("ERL_EPMD_ADDRESS", "nowhere").args(["-stop", "foo"]));
    assert_eq!(stop.await, ("STOPPED\n".to_owned(), Some(0)));
    let mut kill = link.command();
    let kill = run(kill.env("ERL_EPMD_PORT", &port).env("ERL_EPMD_ADDRESS", "nowhere").arg("-kill"));
    assert_eq!(kill.await, ("Killed\n".to_owned(), Some(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_who_registered_what_from_where() {
    let (link, port) = (Link::new(), free_port());
    let mut command = link.command();
    command.args(["-d", "-port", &port.to_string()]).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    wait_until(PATIENCE, async || client(port).names().await.is_ok()).await;
    let node = client(port).register(NodeEntry::new("foo", 5000).unwrap()).await.unwrap();
    let other = client(port).register(NodeEntry::new("foo", 5001).unwrap()).await;
    assert!(other.is_err());
    node.close().await;
    assert_eq!(run(link.command().args(["-port", &port.to_string(), "-kill"])).await.1, Some(0));
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    for (what, fields) in [
        (" registered ", ["name=foo", "port=5000", "peer="]),
        (" refused to register ", ["name=foo", "port=5001", "reason=the name is taken"]),
        (" unregistered ", ["name=foo", "peer=", ""]),
    ] {
        let line = log.lines().find(|line| line.contains(what)).unwrap_or_else(|| panic!("no{what}in {log}"));
        assert!(fields.iter().all(|field| line.contains(field)), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_ends_when_it_is_told_to() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut epmd = ErlnodeEpmd::start(&[]);
        let _node = client(epmd.port).register(NodeEntry::new("foo", 5000).unwrap()).await.unwrap();
        kill_process(Pid::from_child(&epmd.child), signal).unwrap();
        assert_eq!(epmd.wait(), Some(0));
    }
    let mut epmd = ErlnodeEpmd::start(&["-relaxed_command_check"]);
    let port = epmd.port.to_string();
    let _node = client(epmd.port).register(NodeEntry::new("foo", 5000).unwrap()).await.unwrap();
    let again = run(erlnode_command().args(["epmd", "-port", &port])).await;
    assert_eq!(again, (String::new(), Some(0)), "one that finds another running has nothing to do");
    let stopped = run(Release::Otp27.command("epmd").args(["-port", &port, "-stop", "foo"])).await;
    assert_eq!(stopped, ("STOPPED\n".to_owned(), Some(0)));
    let killed = run(Release::Otp27.command("epmd").args(["-port", &port, "-kill"])).await;
    assert_eq!(killed, ("Killed\n".to_owned(), Some(0)));
    assert_eq!(epmd.wait(), Some(0));
}

#[tokio::test]
async fn without_an_epmd_names_says_what_to_do() {
    let port = free_port().to_string();
    let output = erlnode_command().args(["names", "--port", &port]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains(&format!("no epmd is running at localhost:{port}; start one")), "{text}");
}

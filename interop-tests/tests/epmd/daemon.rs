//! In the background, under systemd, and started by `erl`: a link called `epmd` beside OTP's.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use erlnode::epmd::NodeEntry;
use interop_tests::{PATIENCE, Release, Scratch, erlnode_command, free_port, wait_until};
use rustix::process::{Pid, Signal, kill_process};

use super::command::Link;
use super::{client, run_whole};

fn nothing() -> (String, String, Option<i32>) {
    (String::new(), String::new(), Some(0))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_is_started_asked_and_ended_as_otps_is() {
    let link = Link::new();
    for release in Release::all() {
        let port = free_port().to_string();
        for ours in [true, false] {
            let epmd = |arguments: &[&str]| {
                let mut command = if ours { link.command() } else { release.command("epmd") };
                command.args(["-port", &port]).args(arguments);
                async move { run_whole(&mut command).await }
            };
            assert_eq!(epmd(&["-daemon"]).await, nothing(), "ours: {ours}");
            if !ours {
                // Theirs returns before it listens.
                wait_until(PATIENCE, async || epmd(&["-started"]).await.2 == Some(0)).await;
            }
            assert_eq!(epmd(&["-started"]).await, nothing());
            assert_eq!(epmd(&["-daemon"]).await, nothing(), "there is one already");
            assert_eq!(epmd(&[]).await, nothing(), "there is one already");
            let expected =
                (format!("epmd: up and running on port {port} with data:\n"), String::new(), Some(0));
            assert_eq!(epmd(&["-names"]).await, expected);
            assert_eq!(epmd(&["-kill"]).await, ("Killed\n".to_owned(), String::new(), Some(0)));
            wait_until(PATIENCE, async || epmd(&["-started"]).await.2 == Some(1)).await;
        }
    }
}

/// The process that listens, by what `/proc` says of all processes.
fn find_daemon(port: &str) -> u32 {
    let processes =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let line = |pid: u32| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let text = |pid| String::from_utf8_lossy(&line(pid)).into_owned();
    let mut found =
        processes.filter(|pid: &u32| text(*pid).contains(&format!("epmd\0-daemon\0-port\0{port}\0")));
    found.next().expect("a daemon")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_lets_go_of_who_started_it() {
    let (link, port) = (Link::new(), free_port().to_string());
    let folder = Scratch::on_host();
    // As scripts do it: a lock on file 9, and output that is read to its end.
    let script = format!(
        "exec 9>'{}/lock' 8<&0; '{}' -daemon -port {port}; flock -n 9",
        folder.path().display(),
        link.command().get_program().to_str().unwrap()
    );
    let output = run_whole(Command::new("sh").args(["-c", &script])).await;
    assert_eq!(output, nothing());
    let lock = folder.path().join("lock");
    let locked = run_whole(Command::new("flock").arg("-n").arg(&lock).arg("true")).await;
    assert_eq!(locked, nothing(), "the daemon does not hold the lock");

    let pid = find_daemon(&port);
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    assert_eq!(fields[3], pid.to_string(), "a session of its own: {stat}");
    assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).unwrap(), Path::new("/"));
    for file in 0..3 {
        assert_eq!(fs::read_link(format!("/proc/{pid}/fd/{file}")).unwrap(), Path::new("/dev/null"));
    }
    // The end of a terminal is no reason to end.
    let daemon = Pid::from_raw(pid.try_into().unwrap()).unwrap();
    kill_process(daemon, Signal::HUP).unwrap();
    let node = client(port.parse().unwrap()).register(NodeEntry::new("foo", 5000).unwrap()).await.unwrap();
    node.close().await;
    kill_process(daemon, Signal::TERM).unwrap();
    wait_until(PATIENCE, async || client(port.parse().unwrap()).names().await.is_err()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_cannot_listen_says_so() {
    let occupied = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    // It takes connections and closes them: no epmd does.
    let port = occupied.local_addr().unwrap().port().to_string();
    std::thread::spawn(move || while occupied.accept().is_ok() {});
    let (stdout, stderr, status) = run_whole(Link::new().command().args(["-daemon", "-port", &port])).await;
    assert_eq!((stdout.as_str(), status), ("", Some(1)));
    assert!(stderr.contains(&format!("127.0.0.1:{port} is in use")), "{stderr}");
}

/// Runs `epmd -systemd` as systemd does, and gives what it says on the way, with its pid left out.
async fn under_systemd(epmd: &Path, folder: &Path) -> (String, Option<i32>) {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = socket.local_addr().unwrap().port();
    let path = folder.join("notify");
    let _ = fs::remove_file(&path);
    let notified = UnixDatagram::bind(&path).unwrap();
    notified.set_read_timeout(Some(PATIENCE)).unwrap();
    // The first file after the standard ones, and the pid that the program will have.
    let script = "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" -systemd -port \"$1\"";
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(epmd).arg(port.to_string()).env("NOTIFY_SOCKET", &path);
    let mut child = command.stdin(Stdio::from(OwnedFd::from(socket))).spawn().unwrap();
    let mut said = Vec::new();
    let receive = || {
        let mut message = [0; 200];
        let length = notified.recv(&mut message).expect("a message");
        String::from_utf8_lossy(&message[..length]).replace(&child.id().to_string(), "PID")
    };
    said.push(receive());
    let listing = client(port).names().await.expect("it listens");
    assert_eq!(listing.epmd_port, port);
    assert!(matches!(client(port).kill().await, Ok(erlnode::epmd::message::KillReply::Killed)));
    said.push(receive());
    let status = tokio::task::spawn_blocking(move || child.wait().unwrap().code()).await.unwrap();
    (said.join("\n"), status)
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_hands_over_its_sockets() {
    let link = Link::new();
    let folder = Scratch::on_host();
    let ours = under_systemd(Path::new(link.command().get_program()), folder.path()).await;
    assert!(ours.0.starts_with("READY=1\nSTATUS="), "{ours:?}");
    for release in Release::all() {
        let folder = Scratch::new(release);
        let theirs = under_systemd(Path::new(release.command("epmd").get_program()), folder.path()).await;
        assert_eq!(ours, theirs, "{release}");
    }
    let nothing_given = run_whole(link.command().args(["-systemd", "-port", &free_port().to_string()])).await;
    assert_eq!((nothing_given.0.as_str(), nothing_given.2), ("", Some(1)));
    assert!(nothing_given.1.contains("systemd provides no sockets"), "{}", nothing_given.1);
}

async fn erl_starts_the_link_by_itself(release: Release) {
    let folder = Scratch::new(release);
    // A release sees only its own files.
    let program = folder.path().join("epmd");
    fs::copy(erlnode_command().get_program(), &program).unwrap();
    let port = free_port();
    let mut nodes = Vec::new();
    for name in ["a", "b"] {
        let mut erl = release.command("erl");
        erl.args(["-noinput", "-sname", name, "-epmd", &format!("{} -daemon", program.display())]);
        nodes.push(erl.env("ERL_EPMD_PORT", port.to_string()).spawn().unwrap());
    }
    let asked = client(port).timeout(Duration::from_secs(60));
    wait_until(PATIENCE * 3, async || asked.names().await.is_ok_and(|listing| listing.nodes.len() == 2))
        .await;
    let mut names: Vec<String> =
        asked.names().await.unwrap().nodes.into_iter().map(|node| node.name).collect();
    names.sort();
    assert_eq!(names, ["a", "b"]);
    for mut node in nodes {
        node.kill().unwrap();
        node.wait().unwrap();
    }
    // Else the daemon would outlive the test.
    wait_until(PATIENCE, async || {
        asked.kill().await.is_ok_and(|reply| reply == erlnode::epmd::message::KillReply::Killed)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn erl_of_otp_25_starts_it_by_itself() {
    erl_starts_the_link_by_itself(Release::Otp25).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn erl_of_otp_27_starts_it_by_itself() {
    erl_starts_the_link_by_itself(Release::Otp27).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn erl_of_otp_29_starts_it_by_itself() {
    erl_starts_the_link_by_itself(Release::Otp29).await;
}

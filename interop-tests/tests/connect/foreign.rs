//! Nodes that are no Erlang VM, and such as are older than any here.

use std::io::{Read, Write};
use std::process::{Output, Stdio};

use erlnode::dist::{Cookie, Flags};
use interop_tests::raw_peer::RawPeer;
use interop_tests::{BeamNode, Epmd, NodeOptions, Release, RustNode};

/// What `erl_call` of `release` prints.
async fn erl_call(release: Release, epmd: &Epmd, arguments: &[&str]) -> Output {
    let mut command = release.command("erl_call");
    command.args(arguments).env("ERL_EPMD_PORT", epmd.port().to_string()).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    output.await.unwrap()
}

async fn erl_call_calls(release: Release) {
    let epmd = Epmd::start(release).await;
    let rust = RustNode::start(NodeOptions::with(&epmd).long_names()).await;
    let address = format!("127.0.0.1:{}", epmd.names()[0].1);
    let cookie = ["-c", rust.cookie()];
    let by_name = ["-name", rust.name()];
    let by_address = ["-address", &address];
    let call = ["-a", "rust add [1,2]"];
    let modes: [&[&str]; 7] = [
        &[],
        &["-r"],
        // The node gives it a name.
        &["-R"],
        &["-h", "visitor"],
        &["-fetch_stdout"],
        &["-timeout", "60"],
        &["-v"],
    ];
    for mode in modes {
        for target in [&by_name[..], &by_address[..]] {
            let output = erl_call(release, &epmd, &[target, &cookie[..], mode, &call[..]].concat()).await;
            let printed = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && printed.ends_with('3'), "{mode:?} {target:?}: {output:?}");
        }
    }
    let silent =
        erl_call(release, &epmd, &[&by_name[..], &cookie, &["-no_result_term"], &call].concat()).await;
    assert!(silent.status.success() && silent.stdout.is_empty(), "{silent:?}");
    // What the node does not have is answered, and nothing that would stop it is done.
    let absent =
        erl_call(release, &epmd, &[&by_name[..], &cookie, &["-a", "os cmd [\"true\"]"]].concat()).await;
    assert!(String::from_utf8_lossy(&absent.stdout).contains("undef"), "{absent:?}");
    erl_call(release, &epmd, &[&by_name[..], &cookie, &["-q"]].concat()).await;
    let wrong = erl_call(release, &epmd, &[&by_name[..], &["-c", "wrong"], &call].concat()).await;
    assert!(!wrong.status.success(), "{wrong:?}");
    assert!(rust.stderr().contains("has another cookie than this node"), "{}", rust.stderr());
    let again = erl_call(release, &epmd, &[&by_name[..], &cookie, &call].concat()).await;
    assert_eq!(String::from_utf8_lossy(&again.stdout), "3");
}

#[tokio::test]
async fn erl_call_of_otp_25_calls() {
    erl_call_calls(Release::Otp25).await;
}

#[tokio::test]
async fn erl_call_of_otp_27_calls() {
    erl_call_calls(Release::Otp27).await;
}

#[tokio::test]
async fn erl_call_of_otp_29_calls() {
    erl_call_calls(Release::Otp29).await;
}

/// A packet of the handshake.
fn packet(parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    [&u16::try_from(body.len()).unwrap().to_be_bytes()[..], &body].concat()
}

/// The next packet of the handshake.
fn next_packet(stream: &mut impl Read) -> Vec<u8> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut packet = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut packet).unwrap();
    packet
}

/// Connects with the old form of the name, of which the rest comes after the challenge, and asks for `echo`.
fn connects_with_an_old_name(port: u16, cookie: &str) {
    let mut stream = RawPeer::dial(port).unwrap();
    let flags =
        (Flags::full_node() - Flags::PUBLISHED - Flags::DIST_HDR_ATOM_CACHE - Flags::FRAGMENTS).bits();
    let (high, low) = (u32::try_from(flags >> 32).unwrap(), u32::try_from(flags & 0xffff_ffff).unwrap());
    stream.write_all(&packet(&[b"n", &[0, 5], &low.to_be_bytes(), b"old@raw"])).unwrap();
    assert_eq!(next_packet(&mut stream), b"sok");
    let challenge = next_packet(&mut stream);
    assert_eq!(challenge[0], b'N');
    let challenge = u32::from_be_bytes(challenge[9..13].try_into().unwrap());
    stream.write_all(&packet(&[b"c", &high.to_be_bytes(), &[0, 0, 0, 77]])).unwrap();
    let cookie = Cookie::new(cookie).unwrap();
    stream.write_all(&packet(&[b"r", &[0, 0, 0, 1], &cookie.digest(challenge).0])).unwrap();
    let ack = next_packet(&mut stream);
    assert_eq!((ack[0], &ack[1..]), (b'a', &cookie.digest(1).0[..]));
}

#[tokio::test]
async fn an_old_name_is_taken_as_by_real_nodes() {
    for release in [Release::Otp27, Release::Otp29] {
        let epmd = Epmd::start(release).await;
        let rust = RustNode::start(NodeOptions::with(&epmd)).await;
        let port = epmd.names()[0].1;
        connects_with_an_old_name(port, rust.cookie());
        let beam = BeamNode::start(release, NodeOptions::with(&epmd)).await;
        let port = epmd.names().into_iter().map(|(_, port)| port).find(|other| *other != port).unwrap();
        connects_with_an_old_name(port, beam.cookie());
    }
}

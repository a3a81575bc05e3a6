//! Client and server together, and clients that meet something else.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::message::{KillReply, StopReply};
use super::*;

const SOON: Duration = Duration::from_millis(5);

async fn start(port: u16) -> Server {
    Server::builder().port(port).relaxed_command_check(true).start().await.unwrap()
}

fn client(port: u16) -> Client {
    Client::new(Address::new("localhost", port)).reconnect_interval(SOON)
}

fn foo() -> NodeEntry {
    NodeEntry::new("foo", 5000).unwrap()
}

/// Answers one connection with `reply`, whatever it asks.
async fn impostor(reply: &'static [u8]) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 100]).await.unwrap();
        stream.write_all(reply).await.unwrap();
    });
    Client::new(Address::new("127.0.0.1", port))
}

#[tokio::test]
async fn a_registered_node_is_found_until_it_is_closed() {
    let server = start(0).await;
    let client = client(server.port());
    let entry = foo().hidden().with_extra("extra").unwrap();
    let registration = client.register(entry.clone()).await.unwrap();
    assert_eq!(registration.state(), RegistrationState::Registered);
    assert_eq!(client.port_please("foo").await.unwrap().as_ref(), Some(&entry));
    assert_eq!(client.port_please("bar").await.unwrap(), None);
    let listing = client.names().await.unwrap();
    assert_eq!((listing.epmd_port, listing.nodes.len()), (server.port(), 1));
    registration.close().await;
    assert_eq!(client.port_please("foo").await.unwrap(), None);
    assert!(client.dump().await.unwrap().text.starts_with("old/unused name <foo>, port = 5000"));
}

#[tokio::test]
async fn a_dropped_registration_gives_the_name_back() {
    let server = start(0).await;
    let client = client(server.port()).clash_patience(Duration::from_secs(30));
    let first = client.register(foo()).await.unwrap();
    let creation = first.creation();
    drop(first);
    let second = client.register(foo()).await.unwrap();
    assert_eq!(second.creation().0, creation.0 + 1);
}

#[tokio::test]
async fn a_taken_name_is_an_error_that_names_it() {
    let server = start(0).await;
    let client = client(server.port());
    let _first = client.register(foo()).await.unwrap();
    let error = client.register(foo()).await.unwrap_err();
    assert!(matches!(&error, Error::NameTaken { name, .. } if name == "foo"), "{error}");
    let expected = format!(
        "the name `foo` is taken: epmd at localhost:{} has a node with that name; \
         stop that node or take another name",
        server.port()
    );
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_node_registers_again_when_epmd_is_back() {
    let server = start(0).await;
    let port = server.port();
    let mut registration = client(port).register(foo()).await.unwrap();
    server.close().await;
    while matches!(registration.changed().await, RegistrationState::Lost { attempts: 0 }) {}
    let server = start(port).await;
    while registration.changed().await != RegistrationState::Registered {}
    assert_eq!(server.nodes(), [foo()]);
}

#[tokio::test]
async fn a_node_keeps_trying_for_its_name_and_keeps_its_first_creation() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let epmd = tokio::spawn(async move {
        let answer = async |reply: &[u8]| {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 100]).await.unwrap();
            stream.write_all(reply).await.unwrap();
            stream
        };
        for reply in [b"v\0\0\0\0\x07", b"v\x01\0\0\0c", b"v\x01\0\0\0c"] {
            drop(answer(reply).await);
        }
        answer(b"v\0\0\0\0\x09").await
    });
    let mut registration = client(port).register(foo()).await.unwrap();
    assert_eq!(registration.creation().0, 7);
    let mut states = Vec::new();
    while states.last() != Some(&RegistrationState::Registered) {
        states.push(registration.changed().await);
    }
    // States that follow each other too fast are not all seen.
    let lost = states.iter().take_while(|state| matches!(state, RegistrationState::Lost { .. })).count();
    assert_eq!(lost + 1, states.len());
    assert_eq!(registration.creation().0, 7);
    let _connection = epmd.await.unwrap();
}

#[tokio::test]
async fn a_stopped_node_registers_again_too() {
    let server = start(0).await;
    let client = client(server.port());
    let mut registration = client.register(foo()).await.unwrap();
    assert_eq!(client.stop("foo").await.unwrap(), StopReply::Stopped);
    assert!(matches!(registration.changed().await, RegistrationState::Lost { .. }));
    while registration.changed().await != RegistrationState::Registered {}
    assert_eq!(client.stop("bar").await.unwrap(), StopReply::NotFound);
}

#[tokio::test]
async fn a_node_without_epmd_can_still_be_closed() {
    let server = start(0).await;
    let client = client(server.port()).reconnect_interval(Duration::from_secs(1000));
    let mut registration = client.register(foo()).await.unwrap();
    assert_eq!(client.kill().await.unwrap(), KillReply::Killed);
    registration.changed().await;
    registration.close().await;
}

#[tokio::test]
async fn where_nobody_listens_there_is_no_epmd() {
    let server = start(0).await;
    let client = client(server.port());
    server.close().await;
    for error in [client.names().await.unwrap_err(), client.register(foo()).await.unwrap_err()] {
        assert!(matches!(error, Error::NotRunning { .. }), "{error}");
    }
}

#[tokio::test]
async fn what_is_not_allowed_is_answered_by_closing() {
    let server = Server::builder().port(0).start().await.unwrap();
    let error = client(server.port()).stop("foo").await.unwrap_err();
    assert!(matches!(error, Error::Closed { .. }), "{error}");
}

#[tokio::test]
async fn who_is_silent_times_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::new("127.0.0.1", listener.local_addr().unwrap().port());
    let client = Client::new(address).timeout(Duration::from_millis(20));
    for error in [client.names().await.unwrap_err(), client.register(foo()).await.unwrap_err()] {
        assert!(matches!(error, Error::Timeout { .. }), "{error}");
        assert!(error.to_string().contains("within 0.02 s"), "{error}");
    }
}

#[tokio::test]
async fn who_is_no_epmd_is_found_out() {
    for reply in [b"HTTP/1.1 400 Bad Request".as_slice(), b"w", b"w\0\x13"] {
        let error = impostor(reply).await.port_please("foo").await.unwrap_err();
        assert!(matches!(error, Error::BadReply { .. }), "{error}");
    }
    let error = impostor(b"HTTP/1.1").await.register(foo()).await.unwrap_err();
    assert!(matches!(error, Error::BadReply { .. }), "{error}");
    let error = impostor(b"v\0\0").await.register(foo()).await.unwrap_err();
    assert!(matches!(error, Error::Closed { .. }), "{error}");
}

#[tokio::test]
async fn a_host_without_address_is_an_error_of_its_own() {
    let error = Client::new(Address::new("no host", 4369)).names().await.unwrap_err();
    assert!(matches!(error, Error::UnknownHost { .. }), "{error}");
}

#[tokio::test]
async fn a_request_too_long_is_not_sent() {
    let server = start(0).await;
    let error = client(server.port()).port_please(&"x".repeat(4000)).await.unwrap_err();
    assert!(matches!(error, Error::NameTooLong(_)), "{error}");
}

#[tokio::test]
async fn many_nodes_and_clients_at_once() {
    let server = start(0).await;
    let client = client(server.port());
    let mut registrations = Vec::new();
    for number in 0..100 {
        let entry = NodeEntry::new(&format!("node{number}"), 5000 + number).unwrap();
        registrations.push(client.register(entry).await.unwrap());
    }
    let mut lookups = tokio::task::JoinSet::new();
    for number in 0..100 {
        let client = client.clone();
        lookups.spawn(async move {
            let entry = client.port_please(&format!("node{number}")).await.unwrap().unwrap();
            assert_eq!(entry.port(), 5000 + number);
        });
    }
    while let Some(result) = lookups.join_next().await {
        result.unwrap();
    }
    assert_eq!(client.names().await.unwrap().nodes.len(), 100);
}

//! What would take memory, time or places without end.

use std::time::Duration;

use interop_tests::Release;
use interop_tests::raw_peer::{RawPeer, encoded};

use crate::packets::fragment;
use crate::site::{Site, connect, pid_text};
use crate::stream::{control, reference, to_name};

const MIB: u64 = 1 << 20;

#[tokio::test]
async fn lengths_reserve_nothing_and_too_long_ones_are_refused() {
    let mut site = Site::start(Release::Otp27).await;
    let target = site.target().await;
    let before = site.rust.resident();
    let mut peers = Vec::new();
    for _ in 0..20 {
        let mut peer = connect(&target, &site.options());
        // 1 GiB is what the node takes.
        peer.send_bytes(&[0x40, 0, 0, 0, 131, 68]);
        peers.push(peer);
    }
    let mut peer = connect(&target, &site.options());
    peer.send_bytes(&[0xff, 0xff, 0xff, 0xff, 131, 68]);
    assert!(peer.is_closed());
    site.expect_complaint("length", &[peer.name(), "4294967295 bytes is announced"]).await.unwrap();
    let grown = site.rust.resident().saturating_sub(before);
    assert!(grown < 32 * MIB, "{} MiB for frames that were only announced", grown / MIB);
    // They go in the middle of a frame, which is how nodes go, too.
    drop(peers);
    site.finish().await;
}

#[tokio::test]
async fn a_million_nested_lists_come_back() {
    let mut site = Site::start(Release::Otp29).await;
    let target = site.target().await;
    let mut peer = connect(&target, &site.options());
    // The bystander shall not wait for its turn behind them.
    let echo = spawn_echo(&site).await;
    let elements = [[108, 0, 0, 0, 1].repeat(1_000_000), vec![106; 1_000_001]].concat();
    let tails = [[108, 0, 0, 0, 1, 106].repeat(1_000_000), vec![106]].concat();
    for payload in [elements, tails] {
        let message = [&[104, 2], &encoded(&peer.pid(2))[..], &payload].concat();
        peer.send(&format!("{{22, {}, {echo}}}", peer.pid(1)), &message);
        assert!(comes_back(&mut peer, &payload));
    }
    site.finish().await;
}

/// The pid of a new echo.
async fn spawn_echo(site: &Site) -> String {
    pid_text(&site.beam, &format!("erpc:call({}, rust, spawn_echo, [])", site.rust.atom())).await
}

/// Whether the next message, which is a large one and comes in fragments, ends with `payload`.
fn comes_back(peer: &mut RawPeer, payload: &[u8]) -> bool {
    let mut message = Vec::new();
    while let Some(frame) = peer.receive() {
        // Version, kind, sequence, number.
        let number = u64::from_be_bytes(frame[10..18].try_into().unwrap());
        message.extend_from_slice(&frame[18..]);
        if number == 1 {
            return message.ends_with(payload);
        }
    }
    false
}

#[tokio::test]
async fn half_a_million_atoms_leave_nothing_behind() {
    let mut site = Site::start(Release::Otp25).await;
    let target = site.target().await;
    let mut peer = connect(&target, &site.options());
    let mut messages = Vec::new();
    let mut before = 0;
    for round in 0..2000u32 {
        // 255 new atoms, in the same places of the cache again and again.
        let mut message = vec![131, 68, 255];
        message.extend([0x88; 127]);
        message.push(0x08);
        for place in 0..255u8 {
            message.extend([place, 12]);
            message.extend(format!("atom{round:04}{place:04}").as_bytes());
        }
        message.extend(encoded(&to_name(&peer, "echo")));
        message.extend([104, 2]);
        message.extend(encoded(&peer.pid(2)));
        message.extend([108, 0, 0, 0, 255]);
        message.extend((0..255).flat_map(|place| [82, place]));
        message.push(106);
        messages.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        messages.extend(message);
        if round % 200 == 199 {
            peer.send_bytes(&messages);
            messages.clear();
            for _ in 0..200 {
                assert!(peer.receive_with(format!("atom{round:04}0000").as_bytes()[..4].as_ref()).is_some());
            }
            if round == 399 {
                before = site.rust.resident();
            }
        }
    }
    let grown = site.rust.resident().saturating_sub(before);
    assert!(grown < 16 * MIB, "{} MiB for atoms that nobody has any more", grown / MIB);
    site.finish().await;
}

#[tokio::test]
async fn what_a_connection_holds_goes_with_it() {
    let mut site = Site::start(Release::Otp27).await;
    let target = site.target().await;
    let process = spawn_echo(&site).await;
    let mut after_each = Vec::new();
    for _ in 0..4 {
        let mut peer = connect(&target, &site.options());
        let piece = [encoded(&to_name(&peer, "echo")), vec![109, 0, 255, 255, 255], vec![7; 65_000]].concat();
        for sequence in 0..1000 {
            peer.send_frame(&fragment(true, sequence, 1000, &piece));
        }
        for number in 0..20_000 {
            let own = peer.pid(number);
            let reference = reference(&target).replace(".1.2.3", &format!(".1.2.{number}"));
            control(&mut peer, &format!("{{19, {own}, {process}, {reference}}}"));
        }
        assert!(peer.is_answered());
        after_each.push(site.rust.resident() / MIB);
        // The next one is not to find what this one has held.
        let name = peer.name().to_owned();
        drop(peer);
        site.expect_disconnected(&name).await;
    }
    // The allocator keeps what it got once, so one more of them does not show.
    let grown = after_each[3].saturating_sub(after_each[1]);
    assert!(grown < 60, "MiB after each: {after_each:?}");
    site.finish().await;
}

#[tokio::test]
async fn who_does_not_read_holds_up_only_who_sends_to_it() {
    let mut site = Site::start(Release::Otp27).await;
    let target = site.target().await;
    let mut peer = connect(&target, &site.options());
    let before = site.rust.resident();
    // A gigabyte, if it were read.
    let own = peer.pid(1);
    peer.send(&to_name(&peer, "source"), &encoded(&format!("{{{own}, 131072, <<0:65536>>}}")));
    // Services are asked by everybody, so they must not wait for anybody.
    tokio::time::sleep(Duration::from_millis(500)).await;
    for number in 0..100 {
        let call =
            format!("{{'$gen_call', {{{own}, #Ref<peer@raw.0.0.{number}/77>}}, {{is_auth, peer@raw}}}}");
        peer.send(&to_name(&peer, "net_kernel"), &encoded(&call));
        let call = format!(
            "{{'$gen_call', {{{own}, #Ref<peer@raw.0.1.{number}/77>}}, {{call, rust, echo, [a], {own}}}}}"
        );
        peer.send(&to_name(&peer, "rex"), &encoded(&call));
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    site.beam.expect(&format!("net_adm:ping({})", site.rust.atom()), "pong").await;
    let rex = format!("gen_server:call({{rex, {}}}, {{call, rust, echo, [a], self()}})", site.rust.atom());
    site.beam.expect(&rex, "a").await;
    let grown = site.rust.resident().saturating_sub(before);
    assert!(grown < 32 * MIB, "{} MiB for a peer that does not read", grown / MIB);
    drop(peer);
    let source = format!(
        "{{source, {}}} ! {{self(), 3, a}}, [receive M -> M end || _ <- lists:seq(1, 4)]",
        site.rust.atom()
    );
    site.beam.expect(&source, "[a,a,a,done]").await;
    site.finish().await;
}

#[tokio::test]
async fn services_survive_what_they_do_not_understand() {
    let mut site = Site::start(Release::Otp29).await;
    let target = site.target().await;
    let mut peer = connect(&target, &site.options());
    let names =
        site.beam.eval(&format!("erpc:call({}, erlang, registered, [])", site.rust.atom())).await.unwrap();
    let own = peer.pid(1);
    let reference = "#Ref<peer@raw.0.0.1/77>";
    let junk = [
        "a".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        "[a | b]".to_owned(),
        "1.5".to_owned(),
        "<<1, 2, 3:5>>".to_owned(),
        "#{a => #{}}".to_owned(),
        "{'$gen_call'}".to_owned(),
        "{'$gen_call', a, b}".to_owned(),
        "{'$gen_call', {a, b}, c}".to_owned(),
        format!("{{'$gen_call', {{{own}, a}}, b}}"),
        format!("{{'$gen_call', {{{own}, [alias | {reference}]}}, b}}"),
        format!("{{'$gen_call', {{{own}, [alias | a]}}, {{}}}}"),
        format!("{{'$gen_call', {{{own}, {reference}}}, []}}"),
        format!("{{'$gen_call', {{{own}, {reference}}}, {{call, a, b, c, d}}}}"),
        format!("{{'$gen_call', {{{own}, {reference}}}, {{is_auth}}}}"),
        "{'$gen_cast', a}".to_owned(),
        "{'$gen_cast', {cast, a, b, c, d}}".to_owned(),
        "{system, a, b}".to_owned(),
        format!("{{system, {{{own}, {reference}}}, get_state_please}}"),
        "{'EXIT', a, b}".to_owned(),
        format!("{{'EXIT', {own}, a}}"),
        format!("{{'DOWN', {reference}, process, {own}, a}}"),
        "{nodeup, a}".to_owned(),
        "{nodedown, 'a@b'}".to_owned(),
        "{io_request, a, b, c}".to_owned(),
        format!("{{io_request, {own}, {reference}, {{put_chars, latin1}}}}"),
        "{spawn_reply, a, b, c}".to_owned(),
        format!("{{spawn_reply, {reference}, ok, {own}}}"),
    ];
    // The counter ends, as it promises, for a call that it does not know.
    for name in names.trim_matches(['[', ']']).split(',').filter(|name| *name != "counter") {
        for message in &junk {
            peer.send(&to_name(&peer, name), &encoded(message));
        }
    }
    assert!(peer.is_answered());
    let again =
        site.beam.eval(&format!("erpc:call({}, erlang, registered, [])", site.rust.atom())).await.unwrap();
    assert_eq!(sorted(&names), sorted(&again), "all of them live");
    site.beam.expect(&format!("net_adm:ping({})", site.rust.atom()), "pong").await;
    site.finish().await;
}

fn sorted(list: &str) -> Vec<&str> {
    let mut sorted: Vec<&str> = list.trim_matches(['[', ']']).split(',').collect();
    sorted.sort_unstable();
    sorted
}

//! The outbox over real sockets, with a peer that reads when the test wants it to.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::*;
use crate::atom;
use crate::dist::NodeName;
use crate::dist::connection::Inbound;
use crate::dist::control::ControlMessage;
use crate::dist::driver;
use crate::dist::fragment::FragmentLimits;
use crate::dist::packet::{FrameLimit, LengthSize, Packets};
use crate::dist::tick::{TickPeriods, TickSettings, Ticker};
use crate::dist::transport::{ReadHalf, Stream};
use crate::term::{Creation, Pid};

/// Longer than anything here takes on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);

/// An outbox, and the other end of its connection. The buffers between them are small.
async fn outbox(busy_limit: usize) -> (Arc<Outbox>, ReadHalf, std::net::TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    SockRef::from(&listener).set_recv_buffer_size(64 << 10).unwrap();
    let stream = Stream::connect(&[listener.local_addr().unwrap()], Duration::from_secs(60)).await.unwrap();
    let (peer, _) = listener.accept().unwrap();
    let (read, write) = stream.split();
    (Arc::new(Outbox::new(write, Flags::full_node(), busy_limit)), read, peer)
}

async fn run(stream: ReadHalf, outbox: &Outbox, handle: impl FnMut()) -> CloseReason {
    let mut handle = handle;
    let inbound =
        Inbound::new(&NodeName::new("peer@localhost").unwrap(), outbox.flags(), FragmentLimits::default());
    let ticks = TickSettings::default();
    let periods = TickPeriods::of(ticks.net_ticktime, ticks.net_tickintensity);
    let (_periods, changes) = tokio::sync::watch::channel(periods);
    let ticks = (Ticker::new(ticks, Instant::now()), changes);
    driver::run(stream, outbox, inbound, ticks, FrameLimit::DEFAULT, bytes::BytesMut::new(), |_| {
        handle();
        Ok(())
    })
    .await
}

fn pid(id: u32) -> Pid {
    Pid { node: atom!("own@localhost"), id, serial: 0, creation: Creation(1) }
}

/// A message of process `id` with so many bytes, not counting the control message.
fn message(id: u32, size: usize) -> OutgoingMessage {
    let mut message = OutgoingMessage::new(Flags::full_node());
    let control = ControlMessage::RegSend { from: pid(id), to: atom!("name") };
    message.encode_with(&control, |writer| writer.binary(&vec![7; size])).unwrap();
    message
}

#[tokio::test]
async fn bytes_that_the_writer_has_taken_count_until_they_are_written() {
    const LIMIT: u32 = 16 << 20;
    let (outbox, stream, mut peer) = outbox(LIMIT as usize).await;
    let carrier = tokio::spawn({
        let outbox = outbox.clone();
        async move { run(stream, &outbox, || {}).await }
    });
    let mut sent = 0u64;
    let mut fill = || {
        while !outbox.is_busy_for(&pid(1)) {
            let mut message = message(1, 50_000);
            sent += message.len() as u64;
            outbox.send(&mut message).unwrap();
        }
        sent - outbox.written()
    };
    fill();
    // As much as makes the writer take more out of the queue, and not write all of it.
    let before = outbox.written();
    while outbox.written() == before {
        peer.read_exact(&mut [0; 10_000]).unwrap();
        tokio::task::yield_now().await;
    }
    let waits = fill();
    assert!(waits < u64::from(LIMIT) + 100_000, "{waits} bytes wait");
    carrier.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_floods_does_not_keep_this_side_from_writing() {
    const SIZE: usize = 8 << 20;
    let (outbox, stream, peer) = outbox(2 * SIZE).await;
    let stop = Arc::new(AtomicBool::new(false));
    let flood = std::thread::spawn({
        let (mut peer, stop) = (peer.try_clone().unwrap(), stop.clone());
        move || {
            let ticks = [0; 1 << 16];
            while !stop.load(Ordering::Relaxed) && peer.write_all(&ticks).is_ok() {}
        }
    });
    let carrier = tokio::spawn({
        let outbox = outbox.clone();
        async move {
            // What comes takes longer to handle than to send.
            run(stream, &outbox, || {
                std::hint::black_box((0..1500).fold(0, |sum, n| sum ^ std::hint::black_box(n)));
            })
            .await
        }
    });
    for _ in 0..SIZE / 50_000 {
        outbox.send(&mut message(1, 50_000)).unwrap();
    }
    let read = tokio::task::spawn_blocking({
        let mut peer = peer.try_clone().unwrap();
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        move || {
            let (mut all, mut buffer) = (0, vec![0; 1 << 16]);
            while all < SIZE / 50_000 * 50_000 {
                match peer.read(&mut buffer) {
                    Ok(count) => all += count,
                    Err(_) => break,
                }
            }
            all
        }
    });
    let read = read.await.unwrap();
    stop.store(true, Ordering::Relaxed);
    outbox.close(CloseReason::ClosedHere);
    drop(peer);
    carrier.await.unwrap();
    drop(outbox);
    flood.join().unwrap();
    assert!(read >= SIZE / 50_000 * 50_000, "only {read} bytes came");
}

/// What `future` gives, with the peer reading meanwhile.
async fn while_read<F: Future>(peer: &std::net::TcpStream, future: F) -> F::Output {
    let mut peer = peer.try_clone().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let reader = tokio::task::spawn_blocking({
        let stop = stop.clone();
        move || {
            peer.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
            let mut buffer = vec![0; 1 << 16];
            while !stop.load(Ordering::Relaxed) {
                let _ = peer.read(&mut buffer);
            }
        }
    });
    let output = tokio::time::timeout(PATIENCE, future).await.expect("it ends");
    stop.store(true, Ordering::Relaxed);
    reader.await.unwrap();
    output
}

#[tokio::test]
async fn who_waits_goes_on_when_there_is_room_and_when_the_connection_ends() {
    let (outbox, stream, peer) = outbox(100_000).await;
    let carrier = tokio::spawn({
        let outbox = outbox.clone();
        async move { run(stream, &outbox, || {}).await }
    });
    let fill = || {
        while !outbox.is_busy_for(&pid(1)) {
            outbox.send(&mut message(1, 10_000)).unwrap();
        }
        let outbox = outbox.clone();
        tokio::spawn(async move { outbox.ready(&pid(1)).await })
    };
    let waits = fill();
    tokio::task::yield_now().await;
    assert!(!waits.is_finished());
    // The kernel holds some megabytes; with each piece that is read, more is written.
    assert_eq!(while_read(&peer, waits).await.unwrap(), Ok(()));
    while_read(&peer, outbox.drained()).await;
    assert_eq!(outbox.queued(), 0);
    let waits = fill();
    outbox.close(CloseReason::ClosedHere);
    assert_eq!(waits.await.unwrap(), Err(Closed));
    assert_eq!(outbox.send(&mut message(1, 1)), Err(Closed));
    assert!(matches!(carrier.await.unwrap(), CloseReason::ClosedHere));
}

#[test]
fn what_is_sent_behind_a_cork_goes_out_in_the_end() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (outbox, _stream, _peer) = outbox(100_000).await;
        let outer = Cork::new();
        {
            let _inner = Cork::new();
            outbox.send(&mut message(1, 10)).unwrap();
        }
        assert_eq!(outbox.written(), 0);
        drop(outer);
        assert_eq!(outbox.queued(), 0);
        outbox.send(&mut message(1, 10)).unwrap();
        assert_eq!(outbox.queued(), 0);
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_left_behind_by_senders_that_meet() {
    let (outbox, stream, mut peer) = outbox(DEFAULT_BUSY_LIMIT).await;
    let carrier = tokio::spawn({
        let outbox = outbox.clone();
        async move { run(stream, &outbox, || {}).await }
    });
    let reader = tokio::task::spawn_blocking(move || {
        let mut all = 0;
        let mut buffer = vec![0; 1 << 16];
        loop {
            match peer.read(&mut buffer) {
                Ok(0) | Err(_) => break all,
                Ok(count) => all += count as u64,
            }
        }
    });
    let senders: Vec<_> = (1..5)
        .map(|id| {
            let outbox = outbox.clone();
            tokio::spawn(async move {
                for round in 0..1000 {
                    outbox.ready(&pid(id)).await.unwrap();
                    // Now and then one that goes out in fragments.
                    let size = if round % 50 == 0 { 200_000 } else { round };
                    outbox.send(&mut message(id, size)).unwrap();
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    tokio::time::timeout(PATIENCE, outbox.drained()).await.unwrap();
    assert_eq!(outbox.queued(), 0);
    assert!(!outbox.is_busy_for(&pid(1)));
    let written = outbox.written();
    outbox.close(CloseReason::ClosedHere);
    carrier.await.unwrap();
    drop(outbox);
    assert_eq!(reader.await.unwrap(), written);
}

#[tokio::test]
async fn nothing_is_written_under_a_tight_cork_however_much_is_sent() {
    let (outbox, _stream, mut peer) = outbox(DEFAULT_BUSY_LIMIT).await;
    let send = || {
        for _ in 0..3 {
            outbox.send(&mut message(1, CORKED_BYTES)).unwrap();
        }
    };
    {
        let _outer = Cork::new();
        {
            let _tight = Cork::tight();
            let _inner = Cork::new();
            send();
            assert_eq!(outbox.written(), 0);
        }
        assert_eq!(outbox.written(), 0);
        // The outer one lets that much pass.
        send();
        assert!(outbox.written() > 0);
    }
    peer.read_exact(&mut vec![0; CORKED_BYTES]).unwrap();
}

/// Reads what there is, then lets others run, until `is_enough`; gives how many bytes were read.
async fn read_until(
    peer: &mut std::net::TcpStream,
    mut handle: impl FnMut(&[u8]),
    is_enough: impl Fn() -> bool,
) -> usize {
    peer.set_nonblocking(true).unwrap();
    let (start, mut all, mut buffer) = (Instant::now(), 0, vec![0; 1 << 16]);
    while !is_enough() {
        assert!(start.elapsed() < PATIENCE, "{all} bytes came, and that is not enough");
        if let Ok(count) = peer.read(&mut buffer) {
            handle(&buffer[..count]);
            all += count;
        }
        tokio::task::yield_now().await;
    }
    all
}

#[tokio::test]
async fn a_large_message_keeps_nobody_waiting_but_its_sender() {
    const SIZE: usize = 32 << 20;
    let (outbox, stream, mut peer) = outbox(DEFAULT_BUSY_LIMIT).await;
    let carrier = tokio::spawn({
        let outbox = outbox.clone();
        async move { run(stream, &outbox, || {}).await }
    });
    outbox.send(&mut message(1, SIZE)).unwrap();
    assert!(outbox.is_busy_for(&pid(1)));
    assert!(!outbox.is_busy_for(&pid(2)));
    outbox.send(&mut message(2, 10)).unwrap();

    let peer_name = NodeName::new("own@localhost").unwrap();
    let mut inbound = Inbound::new(&peer_name, outbox.flags(), FragmentLimits::default());
    let (mut input, came) = (bytes::BytesMut::new(), std::cell::Cell::new(0));
    let packets = Packets { length_size: LengthSize::Four, limit: FrameLimit::DEFAULT };
    let read = read_until(
        &mut peer,
        |bytes| {
            input.extend_from_slice(bytes);
            while let Some(packet) = packets.take(&mut input).unwrap() {
                came.set(came.get() + usize::from(inbound.handle_packet(packet).unwrap().is_some()));
            }
        },
        || came.get() == 1,
    );
    let read = read.await;
    assert!(read < SIZE / 2, "a small message of another process came after {read} bytes");
    assert!(outbox.is_busy_for(&pid(1)));
    carrier.abort();
}

#[tokio::test]
async fn a_few_large_messages_keep_everybody_waiting() {
    let (outbox, _stream, _peer) = outbox(DEFAULT_BUSY_LIMIT).await;
    let mut senders = 0;
    while !outbox.is_busy_for(&pid(senders)) {
        assert!(senders < 100, "there is no end to it");
        outbox.send(&mut message(senders, 2 << 20)).unwrap();
        senders += 1;
    }
    // Some have gone out to the kernel.
    assert!(senders as usize >= SHARE_OF_LIMIT, "{senders}");
}

#[tokio::test]
async fn who_has_a_large_message_under_way_waits_for_that_and_not_for_those_of_others() {
    const SIZE: usize = 32 << 20;
    let (outbox, stream, mut peer) = outbox(DEFAULT_BUSY_LIMIT).await;
    let carrier = tokio::spawn({
        let outbox = outbox.clone();
        async move { run(stream, &outbox, || {}).await }
    });
    outbox.send(&mut message(1, SIZE)).unwrap();
    outbox.send(&mut message(2, SIZE / 8)).unwrap();
    let ready = |id| {
        let outbox = outbox.clone();
        tokio::spawn(async move { outbox.ready(&pid(id)).await })
    };
    let (first, second) = (ready(1), ready(2));
    tokio::task::yield_now().await;
    assert!(!first.is_finished() && !second.is_finished());
    let read = read_until(&mut peer, |_| {}, || second.is_finished()).await;
    assert!(read < SIZE / 2, "its own message is out, but it waited for {read} bytes");
    assert!(!first.is_finished());
    read_until(&mut peer, |_| {}, || first.is_finished()).await;
    carrier.abort();
}

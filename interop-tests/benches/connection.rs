//! What a connection does with each message, without a socket: headers, the atom cache, fragments.
//!
//! `cargo bench --package interop-tests --bench connection`

use std::hint::black_box;
use std::io::IoSlice;

use bytes::{Bytes, BytesMut};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use erlnode::atom;
use erlnode::dist::atom_cache::{InputCache, OutputCache};
use erlnode::dist::connection::{FRAGMENT_SIZE, Inbound, Outbound, OutgoingMessage, OutputQueue};
use erlnode::dist::control::ControlMessage;
use erlnode::dist::fragment::{FragmentLimits, Reassembly};
use erlnode::dist::packet::{FrameLimit, LengthSize, Packets};
use erlnode::dist::{Creation, Flags, NodeName};
use erlnode::term::{Atom, Pid, Term};

const PEER: &str = "aa@vm";

fn pid() -> Pid {
    Pid { node: atom!("aa@vm"), id: 90, serial: 1, creation: Creation(7) }
}

/// Eight atoms that both sides know, as after the first message.
fn header(criterion: &mut Criterion) {
    let atoms: Vec<Atom> = (0..8).map(|n| Atom::new(&format!("atom_{n}")).expect("a short name")).collect();
    let (mut output, mut input) = (OutputCache::new(), InputCache::new());
    let mut out = BytesMut::new();
    output.write(&atoms, &mut out);
    input.read(&out).expect("a header");
    let mut group = criterion.benchmark_group("header of 8 known atoms");
    group.bench_function("write", |bencher| {
        bencher.iter(|| {
            out.clear();
            output.write(black_box(&atoms), &mut out);
        });
    });
    group.bench_function("read", |bencher| {
        bencher.iter(|| input.read(black_box(&out)).map(|(atoms, rest)| (atoms, rest.len())));
    });
}

/// All atoms of the cache in turn, so that the memory of recent headers is of no use.
fn varied_headers(criterion: &mut Criterion) {
    let atoms: Vec<Atom> = (0..512).map(|n| Atom::new(&format!("atom_{n}")).expect("a short name")).collect();
    let (mut output, mut input) = (OutputCache::new(), InputCache::new());
    let mut headers = |input: &mut InputCache| -> Vec<BytesMut> {
        let header = |atoms: &[Atom]| {
            let mut out = BytesMut::new();
            output.write(atoms, &mut out);
            input.read(&out).expect("a header");
            out
        };
        atoms.chunks(4).map(header).collect()
    };
    headers(&mut input);
    let known = headers(&mut input);
    let mut next = known.iter().cycle();
    criterion.bench_function("header of 4 known atoms, each time others, read", |bencher| {
        bencher.iter(|| {
            let header = next.next().expect("they go around");
            input.read(black_box(header)).map(|(atoms, rest)| (atoms, rest.len()))
        });
    });
}

/// A small message from the sender's term to the receiver's control message; the payload is left as it is, as in a node.
fn message(criterion: &mut Criterion) {
    let flags = Flags::full_node();
    let mut outbound = Outbound::new(flags);
    let mut inbound =
        Inbound::new(&NodeName::new(PEER).expect("a node name"), flags, FragmentLimits::default());
    let mut outgoing = OutgoingMessage::new(flags);
    let control = ControlMessage::RegSend { from: pid(), to: atom!("sink") };
    let payload = Term::tuple([atom!("order").into(), Term::from(1042), atom!("pending").into()]);
    let mut send = || {
        outgoing.encode_with(&control, |writer| writer.term(&payload)).expect("it has an external form");
        outbound.push(&mut outgoing);
        frames(&mut outbound)
    };
    // From the second one on, the atoms are known.
    let first = send();
    receive(&mut inbound, first);
    let known = send();
    let mut group = criterion.benchmark_group("small message");
    group.bench_function("send", |bencher| bencher.iter(&mut send));
    group.bench_function("receive", |bencher| {
        bencher.iter_batched(|| known.clone(), |bytes| receive(&mut inbound, bytes), BatchSize::SmallInput);
    });
}

/// The bytes that wait to be written.
fn frames(outbound: &mut Outbound) -> BytesMut {
    let (mut queue, mut bytes) = (OutputQueue::new(), BytesMut::new());
    while outbound.queued_bytes() > 0 {
        outbound.take(&mut queue);
        while !queue.is_empty() {
            let mut slices = [IoSlice::new(&[]); 16];
            let count = queue.io_slices(&mut slices);
            let length = slices[..count].iter().map(|slice| slice.len()).sum();
            slices[..count].iter().for_each(|slice| bytes.extend_from_slice(slice));
            queue.advance(length);
        }
    }
    bytes
}

fn receive(inbound: &mut Inbound, mut bytes: BytesMut) -> usize {
    let packets = Packets { length_size: LengthSize::Four, limit: FrameLimit::DEFAULT };
    let mut received = 0;
    while let Some(packet) = packets.take(&mut bytes).expect("packets") {
        received += usize::from(inbound.handle_packet(packet).expect("a message").is_some());
    }
    received
}

/// The pieces of a binary of 8 MiB.
fn fragments(criterion: &mut Criterion) {
    let piece = Bytes::from(vec![7; FRAGMENT_SIZE]);
    let count = (8 << 20) / FRAGMENT_SIZE as u64;
    let mut group = criterion.benchmark_group("fragments");
    group.throughput(Throughput::Bytes(count * FRAGMENT_SIZE as u64));
    group.bench_function("join 8 MiB", |bencher| {
        let mut reassembly = Reassembly::new(FragmentLimits::default());
        bencher.iter(|| {
            let mut whole = reassembly.first(1, count, None, piece.clone()).expect("in order");
            for fragment in (1..count).rev() {
                whole = reassembly.next(1, fragment, black_box(&piece)).expect("in order");
            }
            whole.expect("it is complete")
        });
    });
}

criterion_group!(benches, header, varied_headers, message, fragments);
criterion_main!(benches);

//! The external term format: terms to bytes and back, beside two other crates that do the same.
//!
//! `cargo bench --package interop-tests --bench codec`; `-- map` for one kind of term.
//!
//! What each makes of the bytes differs: `eetf` and `erltf` copy binaries where `erlnode` shares the buffer that they
//! came in, and `erlnode` can leave out [`Term`] altogether, which `decode into a struct` shows.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use erlnode::atom;
use erlnode::term::etf::{self, Encoded};
use erlnode::term::{self, Map, Term};
use serde::{Deserialize, Serialize};

/// Terms as messages have them.
fn terms() -> [(&'static str, Term); 5] {
    let order = Term::tuple([
        atom!("order").into(),
        Term::from(1042),
        atom!("pending").into(),
        Term::from("ann"),
        Term::Float(12.5),
        atom!("eur").into(),
        Term::list([Term::from(1), Term::from(2), Term::from(300)]),
        atom!("undefined").into(),
        Term::from(true),
        Term::tuple([atom!("retry").into(), Term::from(3)]),
    ]);
    let nested = (0..100).fold(order.clone(), |inner, level| {
        Term::tuple([atom!("level").into(), Term::from(level), Term::list([inner, Term::NIL])])
    });
    [
        ("tuple of 10", order),
        ("map", term::to_term(&customer()).expect("a map")),
        ("list of 1000 integers", Term::list((0..1000).map(|n| Term::from(n * 1000)))),
        ("binary of 1 MiB", Term::Binary(vec![7; 1 << 20].into())),
        ("100 levels", nested),
    ]
}

#[derive(Debug, Serialize, Deserialize)]
struct Customer {
    id: u64,
    name: String,
    active: bool,
    score: f64,
    visits: Vec<u32>,
}

fn customer() -> Customer {
    Customer { id: 1042, name: "ann".to_owned(), active: true, score: 1.5, visits: vec![1, 2, 300] }
}

fn decode(criterion: &mut Criterion) {
    for (name, term) in terms() {
        let bytes = etf::encode(&term).expect("it has an external form");
        let mut group = criterion.benchmark_group(format!("decode {name}"));
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function("erlnode", |bencher| bencher.iter(|| etf::decode(black_box(&bytes))));
        group.bench_function("eetf", |bencher| bencher.iter(|| eetf::Term::decode(black_box(&bytes[..]))));
        group.bench_function("erltf", |bencher| bencher.iter(|| erltf::decode(black_box(&bytes))));
    }
}

fn encode(criterion: &mut Criterion) {
    for (name, term) in terms() {
        let bytes = etf::encode(&term).expect("it has an external form");
        let of_eetf = eetf::Term::decode(&bytes[..]).expect("eetf reads it");
        let of_erltf = erltf::decode(&bytes).expect("erltf reads it");
        let mut group = criterion.benchmark_group(format!("encode {name}"));
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function("erlnode", |bencher| bencher.iter(|| etf::encode(black_box(&term))));
        group.bench_function("eetf", |bencher| {
            bencher.iter(|| {
                let mut out = Vec::new();
                black_box(&of_eetf).encode(&mut out).map(|()| out)
            });
        });
        group.bench_function("erltf", |bencher| bencher.iter(|| erltf::encode(black_box(&of_erltf))));
    }
}

/// Without a [`Term`] in between: what a program does that knows what it is sent.
fn typed(criterion: &mut Criterion) {
    let encoded = term::to_encoded(&customer()).expect("a map");
    criterion.bench_function("decode into a struct", |bencher| {
        bencher.iter(|| term::from_encoded::<Customer>(black_box(&encoded)));
    });
    let customer = customer();
    criterion
        .bench_function("encode a struct", |bencher| bencher.iter(|| term::to_encoded(black_box(&customer))));
}

/// What a term costs that is passed on unread, as by an echo.
fn forward(criterion: &mut Criterion) {
    let terms =
        terms().map(|(name, term)| (name, Encoded::from_term(&term).expect("it has an external form")));
    for (name, encoded) in terms {
        criterion.bench_function(&format!("forward {name}"), |bencher| {
            bencher.iter_batched_ref(
                etf::Writer::with_atom_refs,
                |writer| black_box(&encoded).write_to(writer),
                BatchSize::SmallInput,
            );
        });
    }
}

/// Maps of many keys are put in order when they are read.
fn large_map(criterion: &mut Criterion) {
    let pairs = (0..1000).map(|n| (Term::from(n), Term::from(format!("value {n}").as_str())));
    let bytes: Bytes = etf::encode(&Term::Map(Map::from_iter(pairs))).expect("it has an external form");
    criterion
        .bench_function("decode a map of 1000", |bencher| bencher.iter(|| etf::decode(black_box(&bytes))));
}

criterion_group!(benches, decode, encode, typed, forward, large_map);
criterion_main!(benches);

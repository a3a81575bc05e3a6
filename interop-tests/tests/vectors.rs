//! Golden vectors: terms and control messages encoded by real nodes, recorded in `vectors/` by `record-vectors`.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::{fs, path::Path};

use bytes::Bytes;
use erlnode::dist::control::ControlMessage;
use erlnode::term::etf::{self, Reader, Writer};
use erlnode::term::{Fun, Term};
use interop_tests::{BeamNode, Epmd, NodeOptions, Release, Scratch};

/// One line of a file: what was evaluated, and the bytes it gave.
struct Vector {
    expression: String,
    bytes: Bytes,
}

impl Vector {
    /// Whether the node encoded the term itself; otherwise the bytes are made up, lawful but unusual.
    fn is_canonical(&self) -> bool {
        !self.expression.starts_with("{raw,")
    }
}

fn vectors(release: Release) -> Vec<Vector> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("vectors/otp{}.txt", release.number()));
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('%'));
    let vectors = lines.map(|line| {
        let (expression, hex) = line.split_once('\t').unwrap();
        Vector { expression: expression.to_owned(), bytes: unpack(hex) }
    });
    let vectors: Vec<_> = vectors.collect();
    assert!(vectors.len() > 200, "{} vectors of {release}", vectors.len());
    vectors
}

/// Reads hex in which `(XX*N)` stands for N times the byte XX.
fn unpack(hex: &str) -> Bytes {
    let byte = |digits: &str| u8::from_str_radix(digits, 16).unwrap();
    let mut bytes = Vec::new();
    let mut rest = hex;
    while !rest.is_empty() {
        if let Some(run) = rest.strip_prefix('(') {
            let (run, after) = run.split_once(')').unwrap();
            let (digits, length) = run.split_once('*').unwrap();
            bytes.resize(bytes.len() + length.parse::<usize>().unwrap(), byte(digits));
            rest = after;
        } else {
            bytes.push(byte(&rest[..2]));
            rest = &rest[2..];
        }
    }
    Bytes::from(bytes)
}

/// Whether the term has a map of more than one key somewhere: the order of these in the encoding is not laid down.
fn has_map(term: &Term) -> bool {
    let mut left = vec![term];
    while let Some(term) = left.pop() {
        match term {
            Term::Map(map) if map.len() > 1 => return true,
            Term::Map(map) => left.extend(map.iter().flat_map(|(key, value)| [key, value])),
            Term::Tuple(tuple) => left.extend(tuple.iter()),
            Term::List(list) => left.extend(list.iter()),
            Term::ImproperList(list) => left.extend(list.elements().iter().chain([list.tail()])),
            Term::Record(record) => left.extend(record.fields().map(|(_, value)| value)),
            Term::Fun(Fun::Local(fun)) => left.extend(fun.free_variables()),
            _ => {}
        }
    }
    false
}

fn decode(release: Release, vector: &Vector) -> Term {
    etf::decode(&vector.bytes).unwrap_or_else(|error| panic!("{release}: {}: {error}", vector.expression))
}

#[test]
fn what_nodes_encode_survives_decoding_and_encoding() {
    for release in Release::all() {
        for vector in vectors(release) {
            let term = decode(release, &vector);
            let again = etf::decode(&etf::encode(&term).unwrap()).unwrap();
            assert_eq!(again, term, "{release}: {}", vector.expression);
        }
    }
}

#[test]
fn encoding_gives_the_bytes_of_otp_29() {
    let release = Release::Otp29;
    for vector in vectors(release).into_iter().filter(Vector::is_canonical) {
        let term = decode(release, &vector);
        let bytes = etf::encode(&term).unwrap();
        if has_map(&term) {
            assert_eq!(bytes.len(), vector.bytes.len(), "{}", vector.expression);
        } else {
            assert_eq!(bytes, vector.bytes, "{}", vector.expression);
        }
    }
}

#[test]
fn releases_encode_the_same_terms() {
    // These name something of the node that recorded them, or of its release.
    let differs = ["self()", "init", "ports()", "make_ref", "alias", "monitor", "fun(X)", "vectors_funs"];
    let newest: HashMap<_, _> = vectors(Release::Otp29)
        .into_iter()
        .map(|vector| (vector.expression.clone(), decode(Release::Otp29, &vector)))
        .collect();
    for release in [Release::Otp25, Release::Otp27] {
        for vector in vectors(release) {
            if !differs.iter().any(|part| vector.expression.contains(part)) {
                let term = decode(release, &vector);
                assert_eq!(newest.get(&vector.expression), Some(&term), "{release}: {}", vector.expression);
            }
        }
    }
}

/// The bytes that this crate makes of each vector mean to a real node what the vector itself does.
async fn a_node_reads_the_same(release: Release) {
    let scratch = Scratch::new(release);
    let file = scratch.path().join("pairs");
    let mut pairs = String::new();
    let vectors = vectors(release);
    for vector in &vectors {
        let ours = etf::encode(&decode(release, vector)).unwrap();
        let hex = |bytes: &[u8]| bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        let _ = writeln!(pairs, "{:?} {} {}", vector.expression, hex(&vector.bytes), hex(&ours));
    }
    fs::write(&file, pairs).unwrap();
    let epmd = Epmd::start(release).await;
    let node = BeamNode::start(release, NodeOptions::with(&epmd)).await;
    let differing = r#"
        {ok, File} = file:read_file("FILE"),
        Term = fun(Hex) -> binary_to_term(binary:decode_hex(Hex)) end,
        Lines = binary:split(File, <<"\n">>, [global, trim]),
        Differing = [Line || Line <- Lines, begin
            [Ours, Theirs | _] = lists:reverse(binary:split(Line, <<" ">>, [global])),
            try Term(Ours) =/= Term(Theirs) catch _:_ -> true end
        end],
        {length(Lines), Differing}.
    "#;
    let none = format!("{{{},[]}}", vectors.len());
    node.expect(&differing.replace("FILE", &file.display().to_string()), &none).await;
}

#[tokio::test]
async fn otp_25_reads_what_is_encoded() {
    a_node_reads_the_same(Release::Otp25).await;
}

#[tokio::test]
async fn otp_27_reads_what_is_encoded() {
    a_node_reads_the_same(Release::Otp27).await;
}

#[tokio::test]
async fn otp_29_reads_what_is_encoded() {
    a_node_reads_the_same(Release::Otp29).await;
}

/// A frame that a node has sent to one without atom cache.
struct Frame {
    what: String,
    operation: String,
    bytes: Bytes,
}

fn frames(release: Release) -> Vec<Frame> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("vectors/control{}.txt", release.number()));
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('%'));
    let frames = lines.map(|line| {
        let [what, operation, hex] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        Frame { what: what.to_owned(), operation: operation.to_owned(), bytes: unpack(hex) }
    });
    frames.collect()
}

#[test]
fn every_control_message_of_real_nodes_is_read_and_written_as_it_was() {
    for release in Release::all() {
        let mut operations = BTreeSet::new();
        for Frame { what, operation, bytes } in frames(release) {
            let body = bytes.slice(2..);
            assert_eq!(bytes[..2], [112, 131], "{release}: {what}: a pass-through frame");
            let mut reader = Reader::new(&body, &[]);
            let control = ControlMessage::decode(&mut reader)
                .unwrap_or_else(|error| panic!("{release}: {what}: {error}"));
            assert_eq!(control.operation().to_string(), operation, "{release}: {what}");
            operations.insert(control.operation().number());
            let mut writer = Writer::new();
            writer.raw(&bytes[..2]);
            control.encode(&mut writer).unwrap();
            if control.has_payload() {
                let payload = etf::decode_exact(&body.slice(reader.offset()..)).unwrap();
                writer.version();
                writer.term(&payload).unwrap();
            }
            assert_eq!(writer.into_bytes(), bytes, "{release}: {what}: {control:?}");
        }
        // OTP does not send the others: exit/2 leaves the token of the caller behind.
        let sent = [
            1, 2, 3, 6, 7, 8, 12, 13, 16, 19, 20, 21, 22, 23, 24, 25, 26, 28, 29, 30, 31, 32, 33, 34, 35, 36,
        ];
        let only = match release {
            Release::Otp25 => Some(4),
            Release::Otp27 => None,
            Release::Otp29 => Some(37),
        };
        assert_eq!(operations, sent.into_iter().chain(only).collect(), "{release}");
    }
}

/// Every tag that OTP has ever written, but for references to a cache, which only stand in distributed messages, and
/// what a node keeps for itself.
#[test]
fn there_is_a_vector_for_every_tag() {
    let mut seen = BTreeSet::new();
    for release in Release::all() {
        for vector in vectors(release) {
            let mut bytes = vector.bytes.slice(1..);
            seen.insert(bytes[0]);
            // And those of the elements: passing over a head leaves the elements.
            if let [104 | 105 | 108 | 116, ..] = bytes[..] {
                let head = if bytes[0] == 104 { 2 } else { 5 };
                bytes = bytes.slice(head..);
                seen.extend(bytes.first());
            }
        }
    }
    let all: [u8; 29] = [
        67, 70, 77, 80, 88, 89, 90, 97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111,
        112, 113, 114, 115, 116, 118, 119,
    ];
    let missing: Vec<u8> = all.into_iter().chain([120]).filter(|tag| !seen.contains(tag)).collect();
    assert_eq!(missing, Vec::<u8>::new(), "tags without a vector");
}

//! A compressed term: the input as it is, and the input made into a stream that inflates to it.
#![no_main]

use std::io::Write as _;

use bytes::Bytes;
use erlnode::term::etf::{self, DecodeErrorKind, DecodeLimits};
use erlnode_fuzz::{bound_memory, check_term};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use libfuzzer_sys::fuzz_target;

/// How much may be inflated here, in bytes.
const MAX_INFLATED: usize = 1 << 20;

fuzz_target!(|data: &[u8]| {
    bound_memory(data);
    let limits = DecodeLimits { max_inflated: MAX_INFLATED, ..DecodeLimits::default() };
    let raw = Bytes::from([&[131, 80], data].concat());
    match etf::decode_with(&raw, &limits) {
        Ok((term, used)) => {
            assert!(used <= raw.len());
            check_term(&term);
        }
        Err(error) => {
            if let DecodeErrorKind::InflatedTooLarge { announced, limit } = error.kind {
                assert!(announced > limit && limit <= MAX_INFLATED);
            }
        }
    }

    let Some((&level, body)) = data.split_first() else { return };
    // A compressed term is none in another.
    if body.first() == Some(&80) {
        return;
    }
    let mut stream = ZlibEncoder::new(Vec::new(), Compression::new(u32::from(level % 10)));
    stream.write_all(body).expect("memory can be written to");
    let stream = stream.finish().expect("memory can be written to");
    let length = u32::try_from(body.len()).expect("inputs are short").to_be_bytes();
    let packed = Bytes::from([&[131, 80], &length[..], &stream].concat());
    let plain = Bytes::from([&[131], body].concat());
    match (etf::decode_with(&packed, &limits), etf::decode(&plain)) {
        (Ok((a, used)), Ok(b)) => {
            assert!(a == b, "{a} {b}");
            assert_eq!(used, packed.len());
            let again = etf::encode_compressed(&a, level.into()).expect("what was decoded can be encoded");
            assert!(etf::decode_exact(&again).is_ok_and(|same| same == a), "{a}");
        }
        (Err(a), Err(b)) => assert_eq!(a.kind, b.kind),
        (a, b) => panic!("{a:?} {b:?}"),
    }
});

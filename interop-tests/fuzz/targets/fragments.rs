//! Fragments of many sequences, against a model that keeps all pieces.
#![no_main]

use std::collections::HashMap;

use bytes::Bytes;
use erlnode::dist::fragment::{FragmentError, FragmentLimits, Reassembly};
use erlnode_fuzz::{bound_memory, pieces};
use libfuzzer_sys::fuzz_target;

const LIMITS: FragmentLimits = FragmentLimits { sequences: 3, bytes: 100 };

fuzz_target!(|data: &[u8]| {
    bound_memory(data);
    let mut reassembly = Reassembly::new(LIMITS);
    let mut model: HashMap<u64, (u64, Vec<u8>)> = HashMap::new();
    for piece in pieces(data) {
        let [first, sequence, fragment, bytes @ ..] = piece else { return };
        let (first, sequence) = (*first % 2 == 0, u64::from(*sequence % 8));
        // Most are what has to come, as others end the connection.
        let fragment = match (*fragment, model.get(&sequence)) {
            (0..200, Some((next, _))) => *next,
            (255, _) => u64::MAX,
            (fragment, _) => u64::from(fragment % 5),
        };
        let result = if first {
            reassembly.first(sequence, fragment, None, Bytes::copy_from_slice(bytes))
        } else {
            reassembly.next(sequence, fragment, bytes)
        };
        let held: usize = model.values().map(|(_, bytes)| bytes.len()).sum();
        let whole = match result {
            Ok(whole) => whole,
            Err(error) => {
                match error {
                    FragmentError::SequenceInUse { .. } => assert!(first && model.contains_key(&sequence)),
                    FragmentError::UnknownSequence { .. } => {
                        assert!(!first && !model.contains_key(&sequence))
                    }
                    FragmentError::Order { expected, got, .. } => assert!(got == fragment && got != expected),
                    FragmentError::TooManySequences { .. } => {
                        assert!(first && model.len() == LIMITS.sequences)
                    }
                    FragmentError::TooManyBytes { .. } => assert!(held + bytes.len() > LIMITS.bytes),
                    _ => {}
                }
                return;
            }
        };
        let (next, all) = if first {
            (fragment, bytes.to_vec())
        } else {
            let (next, mut all) = model.remove(&sequence).expect("only what was begun goes on");
            all.extend(bytes);
            (next, all)
        };
        assert_eq!(next, fragment);
        if fragment == 1 {
            assert_eq!(whole.expect("it is complete").bytes, all);
        } else {
            assert!(whole.is_none());
            assert!(model.insert(sequence, (fragment - 1, all)).is_none());
        }
        assert_eq!(reassembly.in_flight(), model.len());
        assert_eq!(reassembly.bytes(), model.values().map(|(_, bytes)| bytes.len()).sum::<usize>());
        assert!(reassembly.in_flight() <= LIMITS.sequences && reassembly.bytes() <= LIMITS.bytes);
    }
});

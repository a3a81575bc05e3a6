//! A term in the external format, with the atoms of a distribution header.
#![no_main]

use bytes::Bytes;
use erlnode::term::etf::{DecodeLimits, EncodeError, Encoded, Reader, Writer};
use erlnode::term::{Term, from_encoded};
use erlnode_fuzz::{atoms, bound_memory, check_term};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    bound_memory(data);
    let (bytes, atoms) = (Bytes::copy_from_slice(data), atoms());
    let reader = Reader::new(&bytes, &atoms);
    let (mut read, mut checked, mut skipped) = (reader.clone(), reader.clone(), reader.clone());
    let (term, check, skip) = (read.term(), checked.check(), skipped.skip());
    let encoded = Encoded::new(bytes.clone(), Some(atoms.as_slice().into()));
    let mut passed = Writer::new();
    let passage = encoded.write_to(&mut passed);
    let by_serde = from_encoded::<Term>(&encoded);
    let Ok(term) = term else {
        assert!(check.is_err());
        assert!(passage.is_err() && passed.len() == 0);
        assert!(by_serde.is_err());
        return;
    };
    assert_eq!(check, Ok(()), "{term}");
    assert_eq!(skip, Ok(()), "{term}");
    assert_eq!(read.offset(), checked.offset());
    assert_eq!(read.offset(), skipped.offset());
    check_term(&term);
    assert!(by_serde.is_ok_and(|same| same == term), "{term} by serde");
    passage.expect("what was decoded can be sent on");
    let passed = Encoded::new(passed.into_bytes(), None).to_term();
    assert!(passed.is_ok_and(|same| same == term), "{term} was sent on");

    // Not to a node without native records, if there are some.
    let mut old = Writer::new();
    old.set_native_records(false);
    let (by_passage, mut by_term) = (encoded.write_to(&mut old), Writer::new());
    by_term.set_native_records(false);
    match by_term.term(&term) {
        Ok(()) => assert_eq!(by_passage, Ok(())),
        Err(error) => {
            assert_eq!(error, EncodeError::NativeRecord);
            assert_eq!(by_passage, Err(error));
        }
    }

    // A limit on the depth refuses, or changes nothing.
    let limits = DecodeLimits { max_depth: Some(3), ..DecodeLimits::default() };
    if let Ok(shallow) = Reader::with_limits(&bytes, &atoms, &limits).term() {
        assert!(shallow == term);
    }
});

//! Any term comes back as it was.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::super::{Encoded, Reader, Writer, decode_exact, encode, encode_compressed};
use crate::term::{Atom, arbitrary};

proptest! {
    #![proptest_config(arbitrary::cases(500))]

    #[test]
    fn a_term_decodes_to_what_was_encoded(term in arbitrary::term(), level in 0u32..10) {
        let bytes = encode(&term).unwrap();
        let decoded = decode_exact(&bytes).unwrap();
        prop_assert!(decoded == term);
        prop_assert_eq!(encode(&decoded).unwrap(), bytes.clone());
        let compressed = encode_compressed(&term, level).unwrap();
        prop_assert!(compressed.len() <= bytes.len());
        prop_assert!(decode_exact(&compressed).unwrap() == term);
    }

    #[test]
    fn terms_share_their_atoms(terms in prop::collection::vec(arbitrary::term(), 1..4)) {
        let mut writer = Writer::with_atom_refs();
        for term in &terms {
            writer.term(term).unwrap();
        }
        let atoms: Arc<[Atom]> = writer.atoms().into();
        let bytes = writer.into_bytes();
        let mut reader = Reader::new(&bytes, &atoms);
        for term in &terms {
            let start = reader.offset();
            reader.clone().skip().unwrap();
            prop_assert!(reader.term().unwrap() == *term);

            // Sent on in full and with other references.
            let encoded = Encoded::new(bytes.slice(start..reader.offset()), Some(Arc::clone(&atoms)));
            let mut full = Writer::new();
            encoded.write_to(&mut full).unwrap();
            prop_assert!(full.atoms().is_empty());
            prop_assert!(Encoded::new(full.into_bytes(), None).to_term().unwrap() == *term);
            let mut refs = Writer::with_atom_refs();
            refs.atom(&Atom::new("another").unwrap());
            let before = refs.len();
            encoded.write_to(&mut refs).unwrap();
            let again = Encoded::new(refs.to_bytes().slice(before..), Some(refs.atoms().into()));
            prop_assert!(again.to_term().unwrap() == *term);
        }
        prop_assert!(reader.is_empty());
    }

    #[test]
    fn integers_and_floats_are_read_by_kind(number in arbitrary::number()) {
        use crate::term::Term;
        let mut writer = Writer::new();
        writer.term(&number).unwrap();
        let bytes: Bytes = writer.into_bytes();
        let mut reader = Reader::new(&bytes, &[]);
        match number {
            Term::Integer(value) => {
                prop_assert!(reader.float().is_err());
                prop_assert_eq!(reader.clone().i64().ok(), value.as_i64());
                prop_assert!(reader.integer().unwrap() == value);
            }
            Term::Float(value) => {
                prop_assert!(reader.integer().is_err());
                prop_assert_eq!(reader.float().unwrap().to_bits(), value.to_bits());
            }
            _ => unreachable!(),
        }
    }
}

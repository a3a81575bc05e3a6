//! Distribution headers, one after the other, and the atom cache that they change.
#![no_main]

use bytes::BytesMut;
use erlnode::dist::atom_cache::{InputCache, OutputCache};
use erlnode_fuzz::{bound_memory, pieces};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    bound_memory(data);
    let (mut input, mut output, mut other) = (InputCache::new(), OutputCache::new(), InputCache::new());
    for piece in pieces(data) {
        let Ok((atoms, rest)) = input.read(piece) else { return };
        assert!(piece.ends_with(rest));
        let atoms = atoms.as_deref().unwrap_or_default();
        assert!(atoms.len() <= 255);
        // As a message would have them: each once.
        let mut distinct = atoms.to_vec();
        distinct.sort();
        distinct.dedup();
        let mut header = BytesMut::new();
        output.write(&distinct, &mut header);
        let (same, rest) = other.read(&header).expect("what was written can be read");
        assert_eq!(same.as_deref().unwrap_or_default(), distinct);
        assert!(rest.is_empty());
    }
});

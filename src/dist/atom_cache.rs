//! The atom cache: each side remembers the atoms that it was sent, so that they need not be sent again.
//!
//! There is one cache for each direction of a connection, and the [distribution header](super::header) of every message
//! changes it. So headers are written in the order in which messages are sent and read in the order in which they
//! arrive, those of messages that are then dropped too.

use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;

use bytes::BytesMut;
use smallvec::SmallVec;

use super::header::{self, AtomCacheRefs, CACHE_ENTRIES, HeaderError, MAX_REFERENCES, NewRef};
use crate::term::Atom;

/// How many recent headers the receiving side remembers.
///
/// The messages of one process to another have the same header, once all atoms are known. This many pairs can talk
/// at one time without an allocation for the atoms of a message.
const RECENT_HEADERS: usize = 64;

/// In how many places the sending side looks for an atom.
const WAYS: u16 = 4;

/// The atoms that a header refers to; `None` if there are none.
pub type HeaderAtoms = Option<Arc<[Atom]>>;

/// How many entries come into being at a time. Most connections carry a few atoms and need a few of these blocks.
const BLOCK: usize = 32;

/// The entries of a cache. As nodes of a large cluster have many connections, what is not used takes no memory.
struct Entries<T>(Box<[Option<Box<[T; BLOCK]>>]>);

impl<T: Default> Entries<T> {
    fn new() -> Entries<T> {
        Entries(std::iter::repeat_with(|| None).take(CACHE_ENTRIES / BLOCK).collect())
    }

    /// `None` if none of its block was ever used.
    fn get(&self, entry: usize) -> Option<&T> {
        self.0.get(entry / BLOCK)?.as_ref()?.get(entry % BLOCK)
    }

    /// `None` if the cache has no such entry.
    fn get_mut(&mut self, entry: usize) -> Option<&mut T> {
        let block = self.0.get_mut(entry / BLOCK)?;
        block.get_or_insert_with(|| Box::new(std::array::from_fn(|_| T::default()))).get_mut(entry % BLOCK)
    }

    fn used(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten().flat_map(|block| block.iter())
    }
}

/// The atoms that the other node has sent.
pub struct InputCache {
    entries: Entries<Option<Atom>>,
    /// Counts how often an entry was replaced, which makes all remembered headers worthless.
    replacements: u64,
    recent: Box<[Option<Box<Recent>>]>,
    hasher: foldhash::fast::FixedState,
}

/// A header of known atoms only.
struct Recent {
    header: SmallVec<[u8; 32]>,
    replacements: u64,
    atoms: Arc<[Atom]>,
}

impl InputCache {
    /// An empty cache.
    #[must_use]
    pub fn new() -> InputCache {
        InputCache {
            entries: Entries::new(),
            replacements: 0,
            recent: std::iter::repeat_with(|| None).take(RECENT_HEADERS).collect(),
            hasher: foldhash::fast::FixedState::default(),
        }
    }

    /// Reads a header, from the number of references on, and gives its atoms and what stands after it.
    ///
    /// A header without references gives `None`.
    ///
    /// # Errors
    /// [`HeaderError`]; the connection cannot go on.
    pub fn read<'a>(&mut self, input: &'a [u8]) -> Result<(HeaderAtoms, &'a [u8]), HeaderError> {
        let mut references = AtomCacheRefs::decode(input)?;
        if references.count() == 0 {
            return Ok((None, references.rest()));
        }
        let recent = if references.has_new_entries() {
            None
        } else {
            let length = 1 + references.count() / 2 + 1 + references.count();
            let (header, rest) = input.split_at_checked(length).ok_or(HeaderError::TooShort)?;
            let hash = usize::try_from(self.hasher.hash_one(header) % RECENT_HEADERS as u64).unwrap_or(0);
            if let Some(Some(recent)) = self.recent.get(hash)
                && recent.replacements == self.replacements
                && recent.header[..] == *header
            {
                return Ok((Some(recent.atoms.clone()), rest));
            }
            Some((hash, header))
        };
        let mut atoms = SmallVec::<[Atom; 16]>::new();
        while let Some(reference) = references.next()? {
            atoms.push(self.atom(reference.entry, reference.new)?);
        }
        let atoms: Arc<[Atom]> = atoms.into_iter().collect();
        if let Some((hash, header)) = recent
            && let Some(slot) = self.recent.get_mut(hash)
        {
            let (header, replacements) = (SmallVec::from_slice(header), self.replacements);
            *slot = Some(Box::new(Recent { header, replacements, atoms: atoms.clone() }));
        }
        Ok((Some(atoms), references.rest()))
    }

    fn atom(&mut self, entry: u16, new: Option<&[u8]>) -> Result<Atom, HeaderError> {
        let Some(text) = new else {
            let known = self.entries.get(usize::from(entry)).and_then(Option::clone);
            return known.ok_or(HeaderError::UnknownEntry { entry });
        };
        // The header has eleven bits for an entry.
        let slot = self.entries.get_mut(usize::from(entry)).ok_or(HeaderError::UnknownEntry { entry })?;
        if let Some(atom) = slot
            && atom.as_str().as_bytes() == text
        {
            return Ok(atom.clone());
        }
        let text = std::str::from_utf8(text).map_err(|_| HeaderError::NotUtf8 { entry })?;
        let atom = Atom::new(text).map_err(|_| HeaderError::AtomTooLong { entry })?;
        // Remembered headers have no empty entries in them.
        if slot.replace(atom.clone()).is_some() {
            self.replacements += 1;
        }
        Ok(atom)
    }
}

impl Default for InputCache {
    fn default() -> InputCache {
        InputCache::new()
    }
}

impl fmt::Debug for InputCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.entries.used().flatten().count();
        f.debug_struct("InputCache").field("known", &known).finish_non_exhaustive()
    }
}

/// The atoms that the other node has been sent.
///
/// An atom has four places, by its hash, and takes that of the one that was not used for longest. Two atoms of one
/// message never share a place: although OTP reads a header from first to last, so that a place could be used twice in
/// it, nothing in the documentation says so. Where all four are taken by other atoms of the same message, an atom goes
/// to the next place that is not, where later messages do not look for it; the other node then has it twice.
pub struct OutputCache {
    entries: Entries<Sent>,
    /// The number of the message being written; none is 0.
    message: u32,
    hasher: foldhash::fast::FixedState,
}

#[derive(Default)]
struct Sent {
    atom: Option<Atom>,
    /// The number of the last message that used the entry.
    used: u32,
}

impl OutputCache {
    /// An empty cache.
    #[must_use]
    pub fn new() -> OutputCache {
        OutputCache { entries: Entries::new(), message: 0, hasher: foldhash::fast::FixedState::default() }
    }

    /// Appends the header of a message that refers to `atoms`, in that order, from the number of references on.
    ///
    /// The message must be sent, and before all others whose headers are written later. No more than
    /// [`MAX_REFERENCES`] atoms can be referred to: those beyond are left out.
    pub fn write(&mut self, atoms: &[Atom], out: &mut BytesMut) {
        let atoms = atoms.get(..MAX_REFERENCES).unwrap_or(atoms);
        // After 2^32 messages old entries can seem to be used by this one, which is only a place less to choose from.
        self.message = self.message.checked_add(1).unwrap_or(1);
        // The places first, then the texts, since the lengths of all texts depend on the longest.
        let mut references = SmallVec::<[NewRef<'_>; 16]>::new();
        for atom in atoms {
            let (entry, is_new) = self.place(atom);
            references.push(NewRef { entry, new: is_new.then(|| atom.as_str()) });
        }
        header::encode(&references, out);
    }

    /// The entry for an atom of the current message, and whether the other node is yet to be told.
    fn place(&mut self, atom: &Atom) -> (u16, bool) {
        let sets = CACHE_ENTRIES as u64 / u64::from(WAYS);
        let set = u16::try_from(self.hasher.hash_one(atom) % sets).unwrap_or(0);
        let home = set * WAYS..(set + 1) * WAYS;
        let mut oldest = None;
        for entry in home.clone() {
            let Some(sent) = self.entries.get_mut(usize::from(entry)) else { continue };
            if sent.atom.as_ref() == Some(atom) {
                sent.used = self.message;
                return (entry, false);
            }
            let age = if sent.atom.is_none() { u32::MAX } else { self.message.wrapping_sub(sent.used) };
            if age > 0 && oldest.is_none_or(|(_, oldest)| age > oldest) {
                oldest = Some((entry, age));
            }
        }
        // 255 atoms cannot take up 2048 places, so one of them is found.
        let entry = oldest.map(|(entry, _)| entry).unwrap_or_else(|| self.next_free(home.end));
        if let Some(sent) = self.entries.get_mut(usize::from(entry)) {
            *sent = Sent { atom: Some(atom.clone()), used: self.message };
        }
        (entry, true)
    }

    /// The first entry from `start` on, around the end, that no atom of the current message has.
    fn next_free(&self, start: u16) -> u16 {
        let start = usize::from(start);
        let entry = (start..start + CACHE_ENTRIES)
            .map(|entry| entry % CACHE_ENTRIES)
            .find(|&entry| self.entries.get(entry).is_none_or(|sent| sent.used != self.message));
        entry.and_then(|entry| u16::try_from(entry).ok()).unwrap_or(0)
    }
}

impl Default for OutputCache {
    fn default() -> OutputCache {
        OutputCache::new()
    }
}

impl fmt::Debug for OutputCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.entries.used().filter(|sent| sent.atom.is_some()).count();
        f.debug_struct("OutputCache").field("known", &known).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::atom;

    fn atoms(names: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<Atom> {
        names.into_iter().map(|name| Atom::new(name.as_ref()).unwrap()).collect()
    }

    fn written(cache: &mut OutputCache, atoms: &[Atom]) -> BytesMut {
        let mut out = BytesMut::new();
        cache.write(atoms, &mut out);
        out
    }

    fn read(cache: &mut InputCache, header: &[u8]) -> Result<HeaderAtoms, HeaderError> {
        let (atoms, rest) = cache.read(header)?;
        assert!(rest.is_empty());
        Ok(atoms)
    }

    #[test]
    fn an_atom_is_sent_once() {
        let mut output = OutputCache::new();
        let message = atoms(["a@vm", "", "rex"]);
        assert!(written(&mut output, &message).windows(3).any(|text| text == b"rex"));
        assert_eq!(written(&mut output, &message).len(), 1 + 2 + 3);
    }

    #[test]
    fn the_same_header_again_gives_the_same_atoms_without_allocating() {
        let (mut output, mut input) = (OutputCache::new(), InputCache::new());
        let message = atoms(["a@vm", "", "rex"]);
        let first = read(&mut input, &written(&mut output, &message)).unwrap().unwrap();
        assert_eq!(first[..], message);
        let second = read(&mut input, &written(&mut output, &message)).unwrap().unwrap();
        // A new atom in a place that was empty changes nothing.
        read(&mut input, &written(&mut output, &atoms(["new"]))).unwrap();
        let third = read(&mut input, &written(&mut output, &message)).unwrap().unwrap();
        assert!(Arc::ptr_eq(&second, &third));
    }

    #[test]
    fn a_new_entry_overwrites_also_what_is_remembered() {
        let mut input = InputCache::new();
        let known = [1, 0, 5];
        read(&mut input, b"\x01\x08\x05\x01a").unwrap();
        assert_eq!(read(&mut input, &known).unwrap().unwrap()[..], [atom!("a")]);
        read(&mut input, b"\x01\x08\x05\x01b").unwrap();
        assert_eq!(read(&mut input, &known).unwrap().unwrap()[..], [atom!("b")]);
    }

    #[test]
    fn one_entry_twice_in_a_header_is_read_from_first_to_last() {
        let mut input = InputCache::new();
        // 5 = a, 5, 5 = b, 5.
        let header = b"\x04\x08\x08\x00\x05\x01a\x05\x05\x01b\x05";
        let read = read(&mut input, header).unwrap().unwrap();
        assert_eq!(read[..], atoms(["a", "a", "b", "b"]));
    }

    #[test]
    fn faulty_headers_are_refused() {
        let mut input = InputCache::new();
        assert_eq!(read(&mut input, &[1, 7, 255]), Err(HeaderError::UnknownEntry { entry: 2047 }));
        assert_eq!(read(&mut input, &[1, 8, 3, 1, 255]), Err(HeaderError::NotUtf8 { entry: 3 }));
        let long = [&[1, 0x18, 3, 1, 0][..], &[b'a'; 256]].concat();
        assert_eq!(read(&mut input, &long), Err(HeaderError::AtomTooLong { entry: 3 }));
        assert_eq!(read(&mut input, &[1, 0]), Err(HeaderError::TooShort));
        assert_eq!(read(&mut input, &[]), Err(HeaderError::TooShort));
    }

    #[test]
    fn atoms_of_one_message_never_share_an_entry() {
        let mut output = OutputCache::new();
        for round in 0..200 {
            let message = atoms((0..255).map(|i| format!("atom{}", (i * 7 + round * 131) % 9000)));
            let header = written(&mut output, &message);
            let mut references = AtomCacheRefs::decode(&header).unwrap();
            let mut entries: Vec<u16> =
                std::iter::from_fn(|| references.next().unwrap()).map(|reference| reference.entry).collect();
            entries.sort_unstable();
            entries.dedup();
            assert_eq!(entries.len(), message.len());
        }
    }

    proptest! {
        #![proptest_config(crate::term::arbitrary::cases(40))]

        #[test]
        fn both_sides_agree_over_long_sequences(
            messages in prop::collection::vec(prop::collection::vec(0..6000u32, 0..40), 1..400),
        ) {
            let (mut output, mut input) = (OutputCache::new(), InputCache::new());
            for mut message in messages {
                message.sort_unstable();
                message.dedup();
                let message = atoms(message.iter().map(|i| if i % 50 == 0 { "å".repeat(200) + &i.to_string() } else { i.to_string() }));
                let header = written(&mut output, &message);
                let atoms = read(&mut input, &header).unwrap();
                prop_assert_eq!(atoms.as_deref().unwrap_or_default(), &message[..]);
            }
        }

        #[test]
        fn no_bytes_can_panic(headers in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..20)) {
            let mut input = InputCache::new();
            for header in headers {
                let _ = input.read(&header);
            }
        }
    }
}

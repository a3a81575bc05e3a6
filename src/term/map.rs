//! Maps.

use super::{Elements, Term};

/// A map. Keys are distinct by `=:=`, so `1` and `1.0` are two keys.
///
/// Its pairs are kept in the order of [`Term`]'s `Ord`, which is how OTP orders the keys of a map.
#[derive(Clone, Default)]
pub struct Map(
    // Key, value, key, value, ... with rising keys.
    pub(crate) Elements,
);

impl Map {
    /// How many pairs the map has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.as_slice().len() / 2
    }

    /// Whether it is `#{}`.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The pairs, by rising keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Term, &Term)> + DoubleEndedIterator {
        let (pairs, _) = self.0.as_slice().as_chunks::<2>();
        pairs.iter().map(|[key, value]| (key, value))
    }

    /// The value of `key`.
    #[must_use]
    pub fn get(&self, key: &Term) -> Option<&Term> {
        let (pairs, _) = self.0.as_slice().as_chunks::<2>();
        let found = pairs.binary_search_by(|[candidate, _]| candidate.cmp(key)).ok()?;
        pairs.get(found).map(|[_, value]| value)
    }

    /// A map of `pairs`, or the first key that stands in it twice.
    ///
    /// # Errors
    /// The key that is there twice.
    pub fn from_distinct(mut pairs: Vec<(Term, Term)>) -> Result<Map, Term> {
        pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
        if let Some(at) = pairs.windows(2).position(|pair| matches!(pair, [(a, _), (b, _)] if a == b)) {
            return Err(pairs.swap_remove(at).0);
        }
        Ok(Map(pairs.into_iter().flat_map(|(key, value)| [key, value]).collect()))
    }
}

/// Of equal keys the last one counts, as in `maps:from_list/1`.
impl FromIterator<(Term, Term)> for Map {
    fn from_iter<I: IntoIterator<Item = (Term, Term)>>(pairs: I) -> Map {
        let mut pairs: Vec<(Term, Term)> = pairs.into_iter().collect();
        pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
        // The sort is stable: of a run of equal keys, keep the place and take the later value.
        pairs.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                std::mem::swap(&mut later.1, &mut kept.1);
            }
            same
        });
        Map(pairs.into_iter().flat_map(|(key, value)| [key, value]).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_equal_keys_counts() {
        let map: Map = [(Term::from(1), Term::from(1)), (Term::from(1), Term::from(2))].into_iter().collect();
        assert_eq!(map.len(), 1);
        assert_eq!(map.get(&Term::from(1)), Some(&Term::from(2)));
    }

    #[test]
    fn from_distinct_refuses_a_key_twice() {
        assert!(Map::from_distinct(vec![(Term::from(1), Term::NIL), (Term::from(1), Term::NIL)]).is_err());
    }
}

//! What holds for any value, any term and any bytes.

use std::collections::BTreeMap;
use std::fmt::Debug;

use proptest::prelude::*;
use serde::de::DeserializeOwned;

use super::types::{AnyStruct, Call, Record, User, user};
use crate::term::etf::Encoded;
use crate::term::{Term, arbitrary, from_encoded, from_term, to_encoded, to_term};

proptest! {
    #[test]
    fn any_term_comes_back(term in arbitrary::term()) {
        prop_assert!(to_term(&term).unwrap() == term);
        let encoded = to_encoded(&(1, &term)).unwrap();
        let (_, again): (u8, Term) = from_encoded(&encoded).unwrap();
        prop_assert!(again == term);
        let (_, part): (u8, Encoded) = from_encoded(&encoded).unwrap();
        prop_assert!(to_term(&part).unwrap() == term);
    }

    #[test]
    fn any_value_comes_back(
        value: (i64, u128, Option<String>, Vec<Result<(), i8>>, BTreeMap<String, (char, bool)>, Vec<u8>)
    ) {
        let term = to_term(&value).unwrap();
        prop_assert_eq!(&from_term::<Tuple6>(&term).unwrap(), &value);
        let encoded = to_encoded(&value).unwrap();
        prop_assert_eq!(&from_encoded::<Tuple6>(&encoded).unwrap(), &value);
        prop_assert_eq!(encoded.to_term().unwrap(), term);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let encoded = Encoded::new(bytes.into(), None);
        let _ = from_encoded::<Call>(&encoded);
        let _ = from_encoded::<Tuple6>(&encoded);
        let _ = from_encoded::<AnyStruct>(&encoded);
        let _ = from_encoded::<Record>(&encoded);
        let _ = from_encoded::<Vec<User>>(&encoded);
    }

    #[test]
    fn any_damage_is_read_or_refused(value: Tuple6, at: prop::sample::Index, byte: u8) {
        let encoded = to_encoded(&(&value, user())).unwrap();
        let mut bytes = encoded.bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let damaged = Encoded::new(bytes.clone().into(), None);
        let _ = from_encoded::<(Tuple6, User)>(&damaged);
        bytes.truncate(at);
        let cut = Encoded::new(bytes.into(), None);
        prop_assert!(from_encoded::<(Tuple6, User)>(&cut).is_err());
    }

    #[test]
    fn any_term_is_read_or_refused(term in arbitrary::term()) {
        refuses_or_reads::<Call>(&term)?;
        refuses_or_reads::<AnyStruct>(&term)?;
        refuses_or_reads::<Vec<Option<f64>>>(&term)?;
        refuses_or_reads::<BTreeMap<String, Term>>(&term)?;
        refuses_or_reads::<serde_json::Value>(&term)?;
        refuses_or_reads::<(Term, String)>(&term)?;
    }
}

type Tuple6 = (i64, u128, Option<String>, Vec<Result<(), i8>>, BTreeMap<String, (char, bool)>, Vec<u8>);

/// Both ways of reading agree.
fn refuses_or_reads<T: DeserializeOwned + PartialEq + Debug>(term: &Term) -> Result<(), TestCaseError> {
    let encoded = Encoded::from_term(term).unwrap();
    match (from_term::<T>(term), from_encoded::<T>(&encoded)) {
        (Ok(a), Ok(b)) => prop_assert_eq!(a, b),
        (Err(a), Err(b)) => prop_assert_eq!(a.reason(), b.reason()),
        (a, b) => prop_assert!(false, "{a:?} {b:?}"),
    }
    Ok(())
}

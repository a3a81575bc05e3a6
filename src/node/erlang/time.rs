//! Time as Erlang tells it. The native unit is the nanosecond, and monotonic time starts with the node.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::term::Term;

pub(super) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// In the native unit.
pub(super) fn native(time: Duration) -> Term {
    Term::from(time.as_nanos())
}

/// In one of Erlang's time units: an atom, or parts per second.
pub(super) fn in_unit(time: Duration, unit: &Term) -> Option<Term> {
    Some(Term::from(match unit {
        Term::Integer(parts) => {
            let parts = u128::try_from(parts).ok().filter(|parts| *parts > 0)?;
            // Whole seconds apart, so that the product stays small.
            let seconds = u128::from(time.as_secs()).checked_mul(parts)?;
            seconds.checked_add(u128::from(time.subsec_nanos()).checked_mul(parts)? / 1_000_000_000)?
        }
        unit => match unit.as_atom()?.as_str() {
            "second" | "seconds" => time.as_secs().into(),
            "millisecond" | "milli_seconds" => time.as_millis(),
            "microsecond" | "micro_seconds" => time.as_micros(),
            "nanosecond" | "nano_seconds" | "native" | "perf_counter" => time.as_nanos(),
            _ => return None,
        },
    }))
}

/// `{MegaSecs, Secs, MicroSecs}`.
pub(super) fn timestamp(time: Duration) -> Term {
    let seconds = time.as_secs();
    Term::tuple([seconds / 1_000_000, seconds % 1_000_000, time.subsec_micros().into()].map(Term::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_units_are_those_of_erlang() {
        let time = Duration::from_millis(1500);
        let unit = |unit: &str| in_unit(time, &unit.parse().unwrap());
        assert_eq!(unit("millisecond"), Some(Term::from(1500)));
        assert_eq!(unit("10"), Some(Term::from(15)));
        for wrong in ["0", "-1", "fortnight", "[]"] {
            assert_eq!(unit(wrong), None);
        }
    }

    #[test]
    fn a_timestamp_is_three_numbers() {
        assert_eq!(timestamp(Duration::from_micros(1_700_000_000_000_042)).to_string(), "{1700,0,42}");
    }
}

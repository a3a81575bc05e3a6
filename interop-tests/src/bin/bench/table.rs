//! The report as text for a person.

use std::fmt::{self, Display, Formatter};

use crate::case::Reading;
use crate::report::{Column, Report};

/// How wide the names of the measures are.
const NAMES: usize = 33;

/// How wide a column is.
const COLUMN: usize = 19;

/// Above so many running processes per core others get in the way.
const BUSY: f64 = 0.5;

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, {}", self.date, self.machine)?;
        writeln!(f, "{}, started with +sbwt none, as nodes that share a machine are best", self.otp)?;
        writeln!(f, "{} (rounds: {}, of {} s each)", self.command, self.rounds, self.seconds)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        if self.load_before > BUSY * cores {
            writeln!(
                f,
                "The machine was busy (load {:.1}) before this began: trust the ratios only, and these roughly.",
                self.load_before
            )?;
        }
        writeln!(f)?;
        writeln!(
            f,
            "Medians of all rounds, and how many times the first column's they are (×, the median of each round's)."
        )?;
        writeln!(f, "↑ more is better, ↓ less is better. A → B: A sends or asks, B receives or answers.")?;
        let mut heading = Vec::new();
        for case in &self.cases {
            let Some(first) = case.measures.first() else { continue };
            let columns: Vec<&str> = first.columns.iter().map(|column| column.name).collect();
            if heading != columns {
                write!(f, "\n{:NAMES$}", "")?;
                columns.iter().try_for_each(|name| write!(f, "{name:>COLUMN$}"))?;
                writeln!(f)?;
                heading = columns;
            }
            writeln!(f, "\n{} [{}]", case.title, case.name)?;
            for measure in &case.measures {
                let arrow = if measure.more_is_better { '↑' } else { '↓' };
                write!(f, "  {:width$}{arrow}", measure.name, width = NAMES - 3)?;
                for column in &measure.columns {
                    write!(f, "{:>COLUMN$}", cell(column, measure.unit))?;
                }
                writeln!(f)?;
            }
        }
        Ok(())
    }
}

fn cell(column: &Column, unit: &str) -> String {
    let Some(median) = column.median else { return "–".to_owned() };
    let ratio = column.ratio.map_or_else(|| " ".repeat(7), |ratio| format!("{:>6}×", three_digits(ratio)));
    format!("{}{ratio}", scaled(median, unit))
}

/// What was measured, in short.
pub(crate) fn brief(reading: &Reading) -> String {
    scaled(reading.value, reading.measure.unit)
}

/// `1.25 M/s`, `12.0 µs`: three digits and a prefix.
pub(crate) fn scaled(value: f64, unit: &str) -> String {
    const PREFIXES: [(f64, &str); 6] =
        [(1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ")];
    let smallest = (1e-9, "n");
    let (scale, prefix) = if value == 0.0 {
        (1.0, "")
    } else {
        PREFIXES.into_iter().find(|(scale, _)| value >= *scale).unwrap_or(smallest)
    };
    format!("{} {prefix}{unit}", three_digits(value / scale))
}

pub(crate) fn three_digits(value: f64) -> String {
    let decimals = match value {
        0.0 | 99.95.. => 0,
        9.995.. => 1,
        _ => 2,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_a_prefix() {
        let values = [
            (0.0, "/s"),
            (1_250_000.0, "/s"),
            (99_960.0, "/s"),
            (0.000_012, "s"),
            (2.5e-9, "s"),
            (512.0, "B"),
        ];
        let texts = values.map(|(value, unit)| scaled(value, unit));
        assert_eq!(texts, ["0 /s", "1.25 M/s", "100 k/s", "12.0 µs", "2.50 ns", "512 B"]);
    }
}

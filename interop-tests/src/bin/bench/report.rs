//! What was measured, all rounds of it, and what comes of it: medians and ratios.

use serde::Serialize;

use crate::case::{Case, Measure, Reading};

/// All of it, as JSON has it.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) date: String,
    pub(crate) command: String,
    pub(crate) machine: String,
    pub(crate) otp: String,
    /// How busy the machine was before it began.
    pub(crate) load_before: f64,
    pub(crate) rounds: u32,
    pub(crate) seconds: f64,
    pub(crate) cases: Vec<CaseReport>,
}

/// The numbers of a case, in a column for each that did it. The first column is what the others are compared with.
#[derive(Debug, Serialize)]
pub(crate) struct CaseReport {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) measures: Vec<MeasureReport>,
}

#[derive(Debug, Serialize)]
pub(crate) struct MeasureReport {
    pub(crate) name: &'static str,
    /// Without prefix: seconds, bytes.
    pub(crate) unit: &'static str,
    pub(crate) more_is_better: bool,
    pub(crate) columns: Vec<Column>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    /// Of all rounds; none where it can't be done.
    pub(crate) median: Option<f64>,
    /// How many times the first column's it is: the median of what it is in each round, as a machine that is slow for a
    /// while is so for all.
    pub(crate) ratio: Option<f64>,
    pub(crate) rounds: Vec<f64>,
}

impl CaseReport {
    pub(crate) fn new(case: &Case) -> CaseReport {
        CaseReport { name: case.name, title: case.title, measures: Vec::new() }
    }

    /// Takes the numbers of another round.
    pub(crate) fn add(&mut self, columns: &[&'static str], column: &'static str, readings: Vec<Reading>) {
        for Reading { measure, value } in readings {
            let known = self.measures.iter().position(|known| known.name == measure.name);
            let index = known.unwrap_or_else(|| {
                self.measures.push(MeasureReport::new(measure, columns));
                self.measures.len() - 1
            });
            let columns = &mut self.measures[index].columns;
            columns
                .iter_mut()
                .filter(|known| known.name == column)
                .for_each(|known| known.rounds.push(value));
        }
    }

    /// Works out medians and ratios, when all rounds are there.
    pub(crate) fn conclude(&mut self) {
        for measure in &mut self.measures {
            let Some(first) = measure.columns.first().map(|column| column.rounds.clone()) else { continue };
            for (index, column) in measure.columns.iter_mut().enumerate() {
                column.median = median(column.rounds.iter().copied());
                if index > 0 {
                    let ratios = column.rounds.iter().zip(&first).map(|(own, first)| own / first);
                    // The processor's time is counted in ticks, and may be none in a short run.
                    column.ratio = median(ratios.filter(|ratio| ratio.is_finite()));
                }
            }
        }
    }
}

impl MeasureReport {
    fn new(measure: Measure, columns: &[&'static str]) -> MeasureReport {
        let column = |&name| Column { name, median: None, ratio: None, rounds: Vec::new() };
        let Measure { name, unit, more_is_better } = measure;
        MeasureReport { name, unit, more_is_better, columns: columns.iter().map(column).collect() }
    }
}

/// The one in the middle, or what is between the two there.
fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get((values.len() - 1) / 2)?;
    Some((lower + upper) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), Some(2.5));
        assert_eq!(median([].into_iter()), None);
    }

    #[test]
    fn ratios_are_those_of_each_round() {
        let mut report = CaseReport::new(&case::all()[0]);
        // The machine is ten times slower in the second round.
        for (first, second) in [(100.0, 300.0), (10.0, 30.0), (100.0, 400.0)] {
            report.add(&["a", "b", "c"], "a", vec![Measure::RATE.is(first)]);
            report.add(&["a", "b", "c"], "b", vec![Measure::RATE.is(second)]);
        }
        report.conclude();
        let columns = &report.measures[0].columns;
        assert_eq!((columns[0].median, columns[0].ratio), (Some(100.0), None));
        assert_eq!((columns[1].median, columns[1].ratio), (Some(300.0), Some(3.0)));
        assert_eq!((columns[2].median, columns[2].ratio), (None, None));
    }
}

//! The report as a table in Markdown, ready for the README: what the text has, without its wide margins.

use std::fmt::{self, Display, Formatter};

use crate::report::{Column, Report};
use crate::table::{scaled, three_digits};

/// The table, with what was measured where and how above it.
pub(crate) struct Markdown<'a>(pub(crate) &'a Report);

impl Display for Markdown<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Report { date, command, machine, otp, rounds, seconds, .. } = self.0;
        writeln!(
            f,
            "`{command}`, {date}, {machine}, {otp}: medians of {rounds} rounds of {seconds} s each, and how"
        )?;
        writeln!(f, "many times the first column's they are (↑ more is better, ↓ less is better).")?;
        let mut heading = Vec::new();
        for case in &self.0.cases {
            let Some(first) = case.measures.first() else { continue };
            let columns: Vec<&str> = first.columns.iter().map(|column| column.name).collect();
            if heading != columns {
                writeln!(f, "\n| | | {} |", columns.join(" | "))?;
                writeln!(f, "| --- | --- |{}", " ---: |".repeat(columns.len()))?;
                heading = columns;
            }
            let mut title = case.title;
            for measure in &case.measures {
                let arrow = if measure.more_is_better { '↑' } else { '↓' };
                write!(f, "| {title} | {} {arrow} |", measure.name)?;
                measure
                    .columns
                    .iter()
                    .try_for_each(|column| write!(f, " {} |", cell(column, measure.unit)))?;
                writeln!(f)?;
                title = "";
            }
        }
        Ok(())
    }
}

fn cell(column: &Column, unit: &str) -> String {
    match (column.median, column.ratio) {
        (None, _) => "–".to_owned(),
        (Some(median), None) => scaled(median, unit),
        (Some(median), Some(ratio)) => format!("{}, **{}×**", scaled(median, unit), three_digits(ratio)),
    }
}

//! The command line.

use std::path::PathBuf;

use clap::Parser;
use interop_tests::Release;

/// Measures Rust nodes beside BEAM nodes: four pairs (BEAM and BEAM, BEAM and Rust both ways, Rust and Rust) do the
/// same work in turn, several times over. The table at the end has the medians, and how many times the BEAM pair's each is.
///
/// Nothing else should run meanwhile. All of it takes about eight minutes; --quick takes one and gives rough numbers.
#[derive(Debug, Clone, Parser)]
#[command(name = "interop-tests/bench")]
pub(crate) struct Options {
    /// The release of Erlang/OTP that the BEAM nodes run: 25, 27 or 29.
    #[arg(long, value_name = "RELEASE", default_value = "29", value_parser = release)]
    pub(crate) otp: Release,
    /// One round of a tenth of a second each, to see that everything works; the same as --rounds 1 --seconds 0.1.
    #[arg(long, conflicts_with_all = ["rounds", "seconds"])]
    quick: bool,
    /// How often each pair does each case.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How long that is to take, about; with 0 everything is done as few times as it can be.
    #[arg(long, default_value_t = 1.0, value_parser = seconds)]
    seconds: f64,
    /// Only cases with this in their name (in the table it stands in brackets); may be repeated.
    #[arg(long = "case", value_name = "NAME")]
    cases: Vec<String>,
    /// Write the numbers of every round to this file, too, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

impl Options {
    pub(crate) fn rounds(&self) -> u32 {
        if self.quick { 1 } else { self.rounds }
    }

    pub(crate) fn seconds(&self) -> f64 {
        if self.quick { 0.1 } else { self.seconds }
    }

    pub(crate) fn wants(&self, case: &str) -> bool {
        self.cases.is_empty() || self.cases.iter().any(|part| case.contains(part.as_str()))
    }
}

fn release(number: &str) -> Result<Release, String> {
    let release = Release::all().into_iter().find(|release| release.number().to_string() == number);
    release.ok_or_else(|| "it is none of 25, 27 and 29".to_owned())
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "it is no number".to_owned())?;
    if (0.0..=600.0).contains(&seconds) { Ok(seconds) } else { Err("it is not from 0 to 600".to_owned()) }
}

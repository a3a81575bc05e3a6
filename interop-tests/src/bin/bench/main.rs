//! Measures Rust nodes beside BEAM nodes, in one run; `interop-tests/bench` starts it as it should be started.
//!
//! Four pairs of nodes are up at a time and take turns, so that whatever else the machine does hits them alike. Every
//! case is done by each pair for the same time in each round; numbers that nobody can compare (of different days, of
//! different machines) do not come up.
//!
//! | file | what it has |
//! | --- | --- |
//! | `case` | what is measured |
//! | `nodes` | the nodes, and how they are told what to do |
//! | `pair_work`, `node_work` | doing it |
//! | `os` | time of the processor and memory, as the operating system tells them |
//! | `report`, `table`, `markdown` | medians and ratios; the text; the same for the README |
//! | `rust.erl` | the playground of a BEAM node |

#![expect(clippy::print_stdout, reason = "a program that prints a table")]

mod case;
mod markdown;
mod node_work;
mod nodes;
mod options;
mod os;
mod pair_work;
mod report;
mod table;

use std::process::ExitCode;

use clap::Parser;

use crate::case::Case;
use crate::markdown::Markdown;
use crate::nodes::{Cluster, Kind, Pair};
use crate::options::Options;
use crate::pair_work::PairWork;
use crate::report::{CaseReport, Report};

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let cases: Vec<Case> = case::all().into_iter().filter(|case| options.wants(case.name)).collect();
    if cases.is_empty() {
        let names: Vec<&str> = case::all().iter().map(|case| case.name).collect();
        eprintln!("there is no such case; there are {}", names.join(", "));
        return ExitCode::FAILURE;
    }
    let report = run(&options, &cases).await;
    print!("{report}\n{}", Markdown(&report));
    if let Some(path) = &options.json {
        let json = serde_json::to_string_pretty(&report).expect("numbers and names have a form in JSON");
        if let Err(error) = std::fs::write(path, json + "\n") {
            eprintln!("{}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// What one pair, or one node, does in each round.
struct Job<'a> {
    /// Its place in the list of cases.
    case: usize,
    doer: Doer<'a>,
}

enum Doer<'a> {
    /// So many times a round.
    Pair(PairWork<'a>, Pair, u64),
    Node(Kind),
}

impl Job<'_> {
    fn column(&self) -> &'static str {
        match self.doer {
            Doer::Pair(_, pair, _) => pair.name,
            Doer::Node(kind) => kind.name(),
        }
    }

    /// All columns of the case.
    fn columns(&self) -> Vec<&'static str> {
        match self.doer {
            Doer::Pair(..) => Pair::ALL.map(|pair| pair.name).to_vec(),
            Doer::Node(_) => Kind::ALL.map(Kind::name).to_vec(),
        }
    }
}

async fn run(options: &Options, cases: &[Case]) -> Report {
    let (date, load_before) = (os::date(), os::load());
    say(format_args!("starting the nodes"));
    let cluster = Cluster::start(options.otp).await;
    let jobs = jobs(&cluster, cases, options.seconds()).await;
    let mut reports: Vec<CaseReport> = cases.iter().map(CaseReport::new).collect();
    for round in 1..=options.rounds() {
        for job in &jobs {
            let case = &cases[job.case];
            let readings = match &job.doer {
                Doer::Pair(work, _, times) => work.measure(*times).await,
                Doer::Node(kind) => node_work::measure(&cluster, *kind, &case.work, options.seconds()).await,
            };
            let brief = readings.first().map(table::brief).unwrap_or_default();
            let (rounds, column) = (options.rounds(), job.column());
            say(format_args!("round {round} of {rounds}: {:<20} {column}  {brief}", case.name));
            reports[job.case].add(&job.columns(), column, readings);
        }
    }
    reports.iter_mut().for_each(CaseReport::conclude);
    let otp = cluster.otp().await;
    cluster.end().await;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    Report {
        date,
        command: format!("interop-tests/bench {}", arguments.join(" ")).trim_end().to_owned(),
        machine: os::machine(),
        otp,
        load_before,
        rounds: options.rounds(),
        seconds: options.seconds(),
        cases: reports,
    }
}

/// Everything to be done in a round: for each case the pairs in turn, so that they share what else goes on.
async fn jobs<'a>(cluster: &'a Cluster, cases: &'a [Case], seconds: f64) -> Vec<Job<'a>> {
    let mut jobs = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        if case.work.is_of_one_node() {
            jobs.extend(Kind::ALL.map(|kind| Job { case: index, doer: Doer::Node(kind) }));
            continue;
        }
        for pair in Pair::ALL {
            let Some(work) = PairWork::new(cluster, pair, &case.work) else { continue };
            let times = work.times_in(seconds).await;
            say(format_args!("trying out: {:<20} {}  {times} times a round", case.name, pair.name));
            jobs.push(Job { case: index, doer: Doer::Pair(work, pair, times) });
        }
    }
    jobs
}

/// Progress goes to standard error, so that standard output has the table and nothing else.
fn say(what: std::fmt::Arguments<'_>) {
    eprintln!("{what}");
}

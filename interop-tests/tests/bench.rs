//! The program behind `interop-tests/bench`, with as little to do as it takes: everything it measures can be measured.

use std::process::Command;

use interop_tests::{Release, Scratch};
use serde_json::Value;

/// Has cases measured, as few times as can be, against the nodes of one release; all of them if none are named.
fn measured(release: Release, cases: &[&str]) -> Value {
    let folder = Scratch::on_host();
    let file = folder.path().join("report.json");
    let mut bench = Command::new(env!("CARGO_BIN_EXE_bench"));
    bench.args(["--rounds", "1", "--seconds", "0", "--otp", &release.number().to_string()]);
    bench.args(cases.iter().flat_map(|case| ["--case", case])).arg("--json").arg(&file);
    let output = bench.output().expect("it starts");
    let (text, progress) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{progress}", output.status);
    let json = std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let report: Value = serde_json::from_slice(&json).expect("it is JSON");
    for case in list(&report["cases"]) {
        assert!(text.contains(case["title"].as_str().expect("a title")), "{case} is not in\n{text}");
    }
    assert!(text.contains(&format!("{release} (ERTS ")), "{text}");
    report
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list"))
}

/// Every column has a number, except where a case is not for it.
fn is_complete(report: &Value) {
    for case in list(&report["cases"]) {
        assert!(!list(&case["measures"]).is_empty(), "{case}");
        for measure in list(&case["measures"]) {
            for column in list(&measure["columns"]) {
                let from_rust = column["name"].as_str().is_some_and(|name| name.starts_with("Rust →"));
                let possible = !(case["name"] == "rpc" && from_rust);
                assert_eq!(list(&column["rounds"]).len(), usize::from(possible), "{column}");
                assert_eq!(column["median"].is_f64(), possible, "{column}");
            }
        }
        // What takes no time was not done.
        let first = list(&case["measures"][0]["columns"]);
        assert!(
            first.iter().all(|column| column["median"].as_f64().is_none_or(|value| value > 0.0)),
            "{case}"
        );
    }
}

/// How many columns each case has.
fn columns(report: &Value) -> Vec<(&str, usize)> {
    let cases = list(&report["cases"]).iter();
    cases
        .map(|case| (case["name"].as_str().expect("a name"), list(&case["measures"][0]["columns"]).len()))
        .collect()
}

#[test]
fn every_case_is_measured() {
    let report = measured(Release::Otp29, &[]);
    is_complete(&report);
    let (pairs, nodes): (Vec<_>, Vec<_>) =
        columns(&report).into_iter().partition(|(name, _)| !["spawn", "connections"].contains(name));
    assert!(pairs.len() >= 15 && pairs.iter().all(|(_, columns)| *columns == 4), "{pairs:?}");
    assert!(nodes.len() == 2 && nodes.iter().all(|(_, columns)| *columns == 2), "{nodes:?}");
}

#[test]
fn older_releases_are_measured_too() {
    for release in [Release::Otp25, Release::Otp27] {
        let report = measured(release, &["send-tuple", "call-1", "rpc", "spawn"]);
        is_complete(&report);
        let expected = [("send-tuple", 4), ("call-1", 4), ("erpc", 4), ("rpc", 4), ("spawn", 2)];
        assert_eq!(columns(&report), expected);
    }
}

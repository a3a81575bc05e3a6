//! The order of the layers, and what every source file has in common.
//!
//! Imports go down only: `bin`, `otp`, `node`, then `process`, `discovery`, `dist` and `epmd` side by side, then
//! `term`. Of those side by side only `discovery` may use others: `epmd`, and `dist::name`.

use std::fs;
use std::path::{Path, PathBuf};

/// The longest a source file may be; tests in a file of their own may be longer.
const MAX_LINES: usize = 600;

/// A module's place in the order; it may use what has a lower one.
fn height(module: &str) -> Option<u32> {
    match module {
        "term" => Some(0),
        "epmd" | "dist" | "process" | "discovery" => Some(1),
        "node" => Some(2),
        "otp" => Some(3),
        _ => None,
    }
}

/// Whether a file of module `from` may use `crate::to…`.
fn may_use(from: &str, to: &str) -> bool {
    let module = to.split("::").next().unwrap_or_default();
    let (Some(own), Some(used)) = (height(from), height(module)) else {
        // A macro, or something else at the root of the crate.
        return true;
    };
    let beside = module == "epmd" || to == "dist::name" || to.starts_with("dist::name::");
    from == module || used < own || (from == "discovery" && beside)
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../src")
}

/// Every Rust file in `folder`, with its text.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found
}

/// The module at the top of the crate that a file belongs to: `term` for `src/term/etf/tag.rs`.
fn module_of(path: &Path) -> String {
    let inside = path.strip_prefix(src()).unwrap();
    inside.components().next().unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// The paths after `crate::` in a source text, comments left out and groups in braces taken apart.
fn crate_paths(text: &str) -> Vec<String> {
    let code: String =
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut paths = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        // `$crate::` is a macro's, and `my_crate::` something else.
        if !code[..at].ends_with(|before: char| before == '$' || before == '_' || before.is_alphanumeric()) {
            expand(String::new(), &code[at + "crate::".len()..], &mut paths);
        }
    }
    paths
}

/// Adds the paths that `rest`, which follows `prefix`, stands for; gives how much of it they take up.
fn expand(prefix: String, rest: &str, paths: &mut Vec<String>) -> usize {
    let plain =
        rest.find(|next: char| next != '_' && next != ':' && !next.is_alphanumeric()).unwrap_or(rest.len());
    let path = prefix + &rest[..plain];
    if !rest[plain..].starts_with('{') {
        paths.push(path);
        return plain;
    }
    let mut at = plain + 1;
    while at < rest.len() && !rest[at..].starts_with('}') {
        match rest[at..].chars().next() {
            Some(skip) if skip.is_whitespace() || skip == ',' => at += 1,
            _ => {
                at += expand(path.clone(), &rest[at..], paths);
                // `as name`, or the `*` that takes all.
                at += rest[at..].find([',', '}']).unwrap_or(0);
            }
        }
    }
    at + 1
}

#[test]
fn imports_go_down_only() {
    let mut wrong = Vec::new();
    for (path, text) in sources(&src()) {
        let module = module_of(&path);
        for used in crate_paths(&text) {
            if !may_use(&module, &used) {
                wrong.push(format!("{} uses crate::{used}", path.strip_prefix(src()).unwrap().display()));
            }
        }
    }
    assert!(wrong.is_empty(), "imports that go up or sideways:\n{}", wrong.join("\n"));
}

#[test]
fn modules_reach_each_other_by_their_full_path() {
    // `super::super::dist` would hide an import from the test above.
    let mut wrong = Vec::new();
    for (path, text) in sources(&src()).into_iter().filter(|(path, _)| height(&module_of(path)).is_some()) {
        let inside = path.strip_prefix(src()).unwrap().with_extension("");
        let depth = inside.components().count() - usize::from(inside.ends_with("mod"));
        let climb = "super::".repeat(depth);
        for (at, _) in text.match_indices(&climb) {
            let name =
                text[at + climb.len()..].split(|next: char| next != '_' && !next.is_alphanumeric()).next();
            if name.is_some_and(|name| height(name).is_some()) {
                wrong.push(format!("{}: {climb}{}", inside.display(), name.unwrap_or_default()));
            }
        }
    }
    assert!(wrong.is_empty(), "write crate:: instead:\n{}", wrong.join("\n"));
}

#[test]
fn files_are_short_and_say_what_they_are() {
    let mut wrong = Vec::new();
    let harness = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = [src(), harness.join("src"), harness.join("tests")]
        .iter()
        .flat_map(|folder| sources(folder))
        .collect::<Vec<_>>();
    for (path, text) in files {
        // The tests of a module in a file beside it; what they are about stands in the module's header.
        if path.ends_with("tests.rs") {
            continue;
        }
        let lines = text.lines().count();
        if lines > MAX_LINES {
            wrong.push(format!("{} has {lines} lines, more than {MAX_LINES}", path.display()));
        }
        if !text.starts_with("//!") {
            wrong.push(format!("{} does not begin with a header (//!)", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_rules_themselves() {
    assert!(may_use("otp", "node::Node"));
    assert!(may_use("dist", "term::Term"));
    assert!(may_use("dist", "dist::name"));
    assert!(may_use("discovery", "dist::name::NodeName"));
    assert!(may_use("discovery", "epmd::client"));
    assert!(!may_use("discovery", "dist::flags"));
    assert!(!may_use("dist", "epmd"));
    assert!(!may_use("term", "dist"));
    assert!(!may_use("node", "otp::rpc"));
    let text = "use crate::{term::{Atom, etf::{self as format, *}}, node};\n// crate::otp\nlet x = crate::dist::flags();\n$crate::epmd";
    assert_eq!(crate_paths(text), ["term::Atom", "term::etf::self", "term::etf::", "node", "dist::flags"]);
}

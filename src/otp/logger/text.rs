//! The text of an event.
//!
//! | event | printed as |
//! | ----- | ---------- |
//! | a format and its arguments | what the format makes of them |
//! | a string | itself |
//! | `#{label => _, format => F, args => A}`, of `error_logger` | as a format |
//! | `#{label => _, report => R}`, of OTP | `R` |
//! | a map or a list of pairs | `key: value, key: value` |

use std::fmt::Write;

use super::format;
use crate::term::{CharEncoding, Term};

/// How much of an event is logged, in bytes.
pub const MAX_TEXT: usize = 8 << 10;

/// The text of what stands between the level and the metadata: one term or two.
pub(super) fn of(what: &[Term]) -> String {
    let text = match what {
        [format, arguments] => formatted(format, arguments),
        [report] if is_report(report) => report_text(report),
        [string] => string.chardata(CharEncoding::Unicode).unwrap_or_else(|| string.to_string()),
        _ => String::new(),
    };
    one_line(text)
}

/// Whether `logger` takes it for a report, and not for a string.
pub(super) fn is_report(term: &Term) -> bool {
    match term {
        Term::Map(_) => true,
        Term::List(list) => matches!(list.first(), Some(Term::Tuple(_))),
        _ => false,
    }
}

/// As the handlers of a BEAM do, whatever is wrong with it.
fn formatted(format: &Term, arguments: &Term) -> String {
    let text = arguments.as_list().and_then(|arguments| format::format(format, arguments));
    text.unwrap_or_else(|| format!("FORMAT ERROR: {format} - {arguments}"))
}

fn report_text(report: &Term) -> String {
    let Term::Map(map) = report else { return pairs_text(report) };
    let get = |key: &str| map.iter().find(|(name, _)| name.is_atom(key)).map(|(_, value)| value);
    match (get("label"), get("format"), get("args"), get("report")) {
        (Some(_), Some(format), Some(arguments), _) => formatted(format, arguments),
        (Some(_), _, _, Some(inner)) => pairs_text(inner),
        _ => {
            let others = map.iter().filter(|(key, _)| !key.is_atom("label"));
            joined(others)
        }
    }
}

/// A list of pairs, or a list of such lists, as crash reports are.
fn pairs_text(term: &Term) -> String {
    let Some(list) = term.as_list().filter(|list| !list.is_empty()) else { return printed(term) };
    if let [own @ Term::List(_), _] = list {
        return pairs_text(own);
    }
    let pairs: Option<Vec<_>> = list
        .iter()
        .map(|element| match element.as_tuple() {
            Some([key, value]) => Some((key, value)),
            _ => None,
        })
        .collect();
    pairs.map_or_else(|| printed(term), |pairs| joined(pairs.into_iter()))
}

fn joined<'a>(pairs: impl Iterator<Item = (&'a Term, &'a Term)>) -> String {
    let mut text = String::new();
    for (key, value) in pairs {
        if text.len() > MAX_TEXT {
            break;
        }
        let separator = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{separator}{}: {}", printed(key), printed(value));
    }
    text
}

/// Text as itself, all else as a shell prints it.
fn printed(term: &Term) -> String {
    match term {
        Term::Binary(bytes) if !bytes.is_empty() => {
            std::str::from_utf8(bytes).map_or_else(|_| term.to_string(), str::to_owned)
        }
        _ => term.to_string(),
    }
}

/// Nothing that looks like another line of the log, or tells a terminal something: line breaks are blanks.
fn one_line(mut text: String) -> String {
    let more = text.len() > MAX_TEXT;
    if more {
        text.truncate(text.floor_char_boundary(MAX_TEXT));
    }
    let mut line = String::with_capacity(text.len());
    for character in text.trim_end().chars() {
        match character {
            '\n' | '\t' => line.push(' '),
            control if control.is_control() => line.extend(control.escape_default()),
            character => line.push(character),
        }
    }
    if more {
        line.push_str("...");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(what: &str) -> String {
        let what: Term = what.parse().unwrap();
        of(what.as_tuple().unwrap())
    }

    #[test]
    fn events_print_as_what_they_say() {
        for (what, expected) in [
            ("{\"le ~p\",[1]}", "le 1"),
            ("{<<\"zz\">>}", "zz"),
            ("{\"x\"}", "x"),
            ("{[<<\"io\">>,\"data\",[]]}", "iodata"),
            ("{#{a => 1, b => <<\"two\">>}}", "a: 1, b: two"),
            ("{[{a,1},{b,[2]}]}", "a: 1, b: [2]"),
            ("{#{label => {error_logger,error_msg}, format => \"em ~p\", args => [1]}}", "em 1"),
            ("{#{label => {error_logger,error_report}, report => r}}", "r"),
            ("{#{label => {supervisor,progress}, report => [{started,[]}]}}", "started: []"),
            ("{#{label => {proc_lib,crash}, report => [[{pid,p},{links,[]}],[]]}}", "pid: p, links: []"),
            ("{#{label => {gen_server,terminate}, name => n, reason => why}}", "name: n, reason: why"),
            ("{\"~p\",[1,2]}", "FORMAT ERROR: \"~p\" - [1,2]"),
            ("{\"~p\",x}", "FORMAT ERROR: \"~p\" - x"),
            ("{\"one~ntwo~n\",[]}", "one two"),
            ("{<<\"\\e[31mred\\r\">>}", "\\u{1b}[31mred"),
            ("{[]}", ""),
            ("{atom}", "atom"),
            ("{[{a,1},b]}", "[{a,1},b]"),
        ] {
            assert_eq!(text(what), expected, "{what}");
        }
    }

    #[test]
    fn a_long_text_is_cut() {
        let long = of(&[Term::from("ä".repeat(MAX_TEXT))]);
        assert!(long.len() <= MAX_TEXT + 3 && long.ends_with("ä..."));
    }
}

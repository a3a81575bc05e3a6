//! Events as those of tracing.

use super::{Level, text};
use crate::term::{Atom, Map, Pid, Term};

/// What is shown of one field, in bytes.
const MAX_FIELD: usize = 1024;

/// The metadata that have fields of their own; the group leader says only who is to be told.
const KNOWN: [&str; 9] = ["pid", "gl", "time", "mfa", "file", "line", "domain", "label", "report_cb"];

/// The fields of an event, as they are printed.
#[derive(Debug, Default, PartialEq)]
struct Fields {
    severity: &'static str,
    pid: Option<String>,
    node: Option<String>,
    time: Option<String>,
    mfa: Option<String>,
    file: Option<String>,
    line: Option<String>,
    domain: Option<String>,
    label: Option<String>,
    meta: Option<String>,
}

/// Logs an event of a process of this node.
pub(super) fn here(level: Level, what: &[Term], meta: &[(Atom, Term)], pid: Option<&Pid>) {
    let meta: Map = meta.iter().map(|(key, value)| (Term::Atom(key.clone()), value.clone())).collect();
    emit(level, what, &meta, pid);
}

/// Logs an event of another node.
pub(super) fn of_other_node(level: Level, what: &[Term], meta: &Map) {
    emit(level, what, meta, None);
}

fn emit(level: Level, what: &[Term], meta: &Map, pid: Option<&Pid>) {
    macro_rules! event {
        ($level:ident) => {
            if tracing::enabled!(tracing::Level::$level) {
                let Fields { severity, pid, node, time, mfa, file, line, domain, label, meta } =
                    fields(level, what, meta, pid);
                tracing::event!(
                    tracing::Level::$level,
                    severity,
                    pid = pid.map(display),
                    node = node.map(display),
                    time = time.map(display),
                    mfa = mfa.map(display),
                    file = file.map(display),
                    line = line.map(display),
                    domain = domain.map(display),
                    label = label.map(display),
                    meta = meta.map(display),
                    "{}",
                    text::of(what)
                )
            }
        };
    }
    match level {
        Level::Emergency | Level::Alert | Level::Critical | Level::Error => event!(ERROR),
        Level::Warning => event!(WARN),
        Level::Notice | Level::Info => event!(INFO),
        Level::Debug => event!(DEBUG),
    }
}

fn fields(level: Level, what: &[Term], meta: &Map, pid: Option<&Pid>) -> Fields {
    let get = |key: &str| meta.iter().find(|(name, _)| name.is_atom(key)).map(|(_, value)| value);
    let shown = |key: &str| get(key).map(short);
    let pid = pid.or_else(|| get("pid").and_then(Term::as_pid));
    let label = match what {
        [Term::Map(report)] => {
            report.iter().find(|(key, _)| key.is_atom("label")).map(|(_, label)| short(label))
        }
        _ => None,
    };
    let others =
        meta.iter().filter(|(key, _)| !key.as_atom().is_some_and(|key| KNOWN.contains(&key.as_str())));
    let others: Map = others.map(|(key, value)| (key.clone(), value.clone())).collect();
    Fields {
        severity: level.name(),
        pid: pid.map(ToString::to_string),
        node: pid.map(|pid| pid.node.to_string()),
        time: get("time").map(|time| utc(time).unwrap_or_else(|| short(time))),
        mfa: get("mfa").map(function),
        file: get("file")
            .map(|file| file.chardata(crate::term::CharEncoding::Unicode).unwrap_or_else(|| short(file))),
        line: shown("line"),
        domain: get("domain").map(dotted),
        label,
        meta: (!others.is_empty()).then(|| short(&Term::Map(others))),
    }
}

/// `module:function/arity`.
fn function(mfa: &Term) -> String {
    match mfa.as_tuple() {
        Some([module, function, arity]) => format!("{}:{}/{}", short(module), short(function), short(arity)),
        _ => short(mfa),
    }
}

/// `otp.sasl`.
fn dotted(domain: &Term) -> String {
    let names =
        domain.as_list().and_then(|names| names.iter().map(Term::as_atom).collect::<Option<Vec<_>>>());
    match names {
        Some(names) => names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join("."),
        None => short(domain),
    }
}

fn short(term: &Term) -> String {
    let mut text = term.to_string();
    if text.len() > MAX_FIELD {
        text.truncate(text.floor_char_boundary(MAX_FIELD));
        text.push_str("...");
    }
    text
}

/// Microseconds since 1970 as date and time of UTC.
fn utc(time: &Term) -> Option<String> {
    let Term::Integer(time) = time else { return None };
    let micros = time.as_i64()?;
    let (days, of_day) = (micros.div_euclid(86_400_000_000), micros.rem_euclid(86_400_000_000));
    let (year, month, day) = date(days)?;
    let (seconds, micros) = (of_day / 1_000_000, of_day % 1_000_000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z"))
}

/// The date so many days after 1970 began: counted in years that begin in March, so that a leap day is the last.
fn date(days: i64) -> Option<(i64, i64, i64)> {
    const FOUR_CENTURIES: i64 = 146_097;
    let days = days.checked_add(719_468)?;
    let (era, day) = (days.div_euclid(FOUR_CENTURIES), days.rem_euclid(FOUR_CENTURIES));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    Some((era * 400 + year + next, month, day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_become_fields() {
        let meta: Term = "#{pid => <a@b.5.0/1>, gl => <c@d.1.0/1>, time => 1795280811404809, mfa => {m,f,2}, \
            file => \"m.erl\", line => 7, domain => [otp,sasl], report_cb => fun m:f/2, error_logger => #{tag => error}}"
            .parse()
            .unwrap();
        let Term::Map(meta) = meta else { panic!("a map") };
        let what = ["#{label => {m,crash}}".parse().unwrap()];
        let text = |text: &str| Some(text.to_owned());
        let expected = Fields {
            severity: "alert",
            pid: text("<a@b.5.0/1>"),
            node: text("a@b"),
            time: text("2026-11-21T17:06:51.404809Z"),
            mfa: text("m:f/2"),
            file: text("m.erl"),
            line: text("7"),
            domain: text("otp.sasl"),
            label: text("{m,crash}"),
            meta: text("#{error_logger => #{tag => error}}"),
        };
        assert_eq!(fields(Level::Alert, &what, &meta, None), expected);
    }

    #[test]
    fn times_are_dates() {
        let at = |micros: i64| utc(&Term::from(micros)).unwrap();
        assert_eq!(at(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(at(951_782_400_000_001), "2000-02-29T00:00:00.000001Z");
        assert_eq!(at(1_709_251_199_000_000), "2024-02-29T23:59:59.000000Z");
        assert_eq!(at(-1), "1969-12-31T23:59:59.999999Z");
        for extreme in [i64::MIN, i64::MAX] {
            assert!(at(extreme).ends_with('Z'));
        }
    }
}

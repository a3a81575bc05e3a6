//! Terms, tables and quantities as the shell shows them.

use std::fmt::Write;
use std::time::Duration;

use crate::node::Node;
use crate::term::{Pid, Term};

/// Prints terms with this node's pids and references as it has them itself: `<0.5.0>`.
pub(super) struct Printer {
    pid: String,
    reference: String,
    creation: String,
}

impl Printer {
    pub(super) fn new(node: &Node) -> Printer {
        let name = node.name().as_atom();
        Printer {
            pid: format!("<{name}."),
            reference: format!("#Ref<{name}."),
            creation: format!("/{}>", node.creation().0),
        }
    }

    /// On as many lines as it takes.
    pub(super) fn term(&self, term: &Term) -> String {
        self.local(format!("{term:#}"))
    }

    /// On one line.
    pub(super) fn short(&self, term: &Term) -> String {
        self.local(term.to_string())
    }

    pub(super) fn pid(&self, pid: &Pid) -> String {
        self.local(pid.to_string())
    }

    fn local(&self, text: String) -> String {
        if !text.contains(&self.pid) {
            return text;
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some(at) = rest.find(&self.pid) {
            let (before, from) = rest.split_at(at);
            out.push_str(before);
            // A reference has the same prefix behind its own.
            let is_reference = before.ends_with("#Ref") && self.reference.len() > self.pid.len();
            let behind = from.get(self.pid.len()..).unwrap_or_default();
            let numbers =
                behind.len() - behind.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
            let (numbers, after) = behind.split_at(numbers);
            match after.strip_prefix(&self.creation) {
                Some(after) if is_reference || numbers.matches('.').count() == 1 => {
                    let _ = write!(out, "<0.{numbers}>");
                    rest = after;
                }
                _ => {
                    out.push_str(&self.pid);
                    rest = behind;
                }
            }
        }
        out.push_str(rest);
        out
    }
}

/// Columns as wide as they have to be; the first row is the head. Numbers stand at the right.
pub(super) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    const WIDEST: usize = 48;
    let shown = |cell: &str| match cell.char_indices().nth(WIDEST) {
        Some((at, _)) => format!("{}…", cell.get(..at).unwrap_or(cell)),
        None => cell.to_owned(),
    };
    let rows: Vec<[String; N]> = std::iter::once(head.map(str::to_owned))
        .chain(rows.iter().map(|row| row.clone().map(|cell| shown(&cell))))
        .collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (index, cell) in row.iter().enumerate() {
            let column = || rows.iter().skip(1).filter_map(|row| row.get(index));
            let width = rows.iter().filter_map(|row| row.get(index)).map(|cell| cell.chars().count()).max();
            let numbers = column().count() > 0 && column().all(|cell| is_number(cell));
            let room = " ".repeat(width.unwrap_or_default().saturating_sub(cell.chars().count()));
            let separator = if index == 0 { "" } else { "  " };
            let _ = match numbers {
                true => write!(line, "{separator}{room}{cell}"),
                false => write!(line, "{separator}{cell}{room}"),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn is_number(cell: &str) -> bool {
    cell.starts_with(|c: char| c.is_ascii_digit())
}

/// `1.5 MB`.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if count < 10_000 {
        return format!("{count} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "it is shown with few digits")]
    let mut amount = count as f64;
    let mut unit = "B";
    for next in UNITS {
        if amount < 1000.0 {
            break;
        }
        amount /= 1000.0;
        unit = next;
    }
    if amount < 10.0 { format!("{amount:.1} {unit}") } else { format!("{amount:.0} {unit}") }
}

/// `2 days, 03:04:05`.
pub(super) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let clock = format!("{:02}:{:02}:{:02}", of_day / 3600, of_day / 60 % 60, of_day % 60);
    match days {
        0 => clock,
        1 => format!("1 day, {clock}"),
        _ => format!("{days} days, {clock}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_pids_have_no_name_and_others_do() {
        let printer = Printer {
            pid: "<a@b.".to_owned(),
            reference: "#Ref<a@b.".to_owned(),
            creation: "/7>".to_owned(),
        };
        let printed = |text: &str| printer.short(&text.parse().unwrap());
        assert_eq!(
            printed("{<a@b.5.0/7>,[<a@b.6.1/7>],<c@d.5.0/7>,<a@b.5.0/8>}"),
            "{<0.5.0>,[<0.6.1>],<c@d.5.0/7>,<a@b.5.0/8>}"
        );
        assert_eq!(printed("#Ref<a@b.1.2.3/7>"), "#Ref<0.1.2.3>");
        assert_eq!(printed("\"<a@b.\""), "\"<a@b.\"");
    }

    #[test]
    fn quantities_are_short() {
        assert_eq!(
            [bytes(0), bytes(9999), bytes(10_000), bytes(1_560_000)],
            ["0 B", "9999 B", "10 kB", "1.6 MB"]
        );
        assert_eq!(duration(Duration::from_secs(93_784)), "1 day, 02:03:04");
    }

    #[test]
    fn numbers_stand_at_the_right() {
        let rows = [["a".to_owned(), "1".to_owned()], ["longer".to_owned(), "100".to_owned()]];
        assert_eq!(table(["name", "n"], &rows), "name      n\na         1\nlonger  100\n");
    }
}

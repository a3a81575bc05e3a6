//! OTP's spelling of the options of `epmd`, made ours.
//!
//! Programs that know OTP's `epmd` write `epmd -port 4370 -names`, and `erl` itself starts `epmd -daemon`. They can do so
//! with `erlnode epmd` too, and with a link to this program that is called `epmd`. What OTP's command line asks for:
//!
//! - Options have one dash and underscores; each may be given several times, and the last one counts.
//! - Numbers are read up to the first character that is no digit; 0 is bad usage.
//! - A query (`-names`, `-kill`, `-stop NAME`, `-dump`, `-started`) comes last.
//! - Bad usage prints the usage to standard error and has exit status 1.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// What follows an option.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Flag,
    Number,
    Text,
    Query,
    NamedQuery,
}

/// OTP's options without the dash.
const OPTIONS: [(&str, Kind); 15] = [
    ("d", Kind::Flag),
    ("debug", Kind::Flag),
    ("daemon", Kind::Flag),
    ("relaxed_command_check", Kind::Flag),
    ("systemd", Kind::Flag),
    ("port", Kind::Number),
    ("packet_timeout", Kind::Number),
    ("delay_accept", Kind::Number),
    ("delay_write", Kind::Number),
    ("address", Kind::Text),
    ("names", Kind::Query),
    ("kill", Kind::Query),
    ("dump", Kind::Query),
    ("started", Kind::Query),
    ("stop", Kind::NamedQuery),
];

const USAGE: &str = "\
usage: epmd [-d|-debug] [-address List] [-port No] [-daemon] [-systemd]
            [-relaxed_command_check] [-packet_timeout Seconds]
            [-delay_accept Seconds] [-delay_write Seconds]
       epmd [-port No] [-names|-kill|-stop Name|-dump|-started]

This is the epmd of erlnode. To serve:
    -address List           listen on these addresses besides loopback;
                            0.0.0.0,:: is all there are
    -port No                the port, 4369 if neither this nor ERL_EPMD_PORT
                            says otherwise
    -d, -debug              log to standard error; twice for all there is.
                            Only 5 unused names are remembered then.
    -daemon                 run in the background; returns when it listens
    -systemd                serve on the sockets that systemd hands over
    -relaxed_command_check  allow -kill while nodes are registered, and -stop
    -packet_timeout Seconds
                            close connections without a request after so long
                            (60)
    -delay_accept Seconds
    -delay_write Seconds    be as slow as this with each connection, or reply
To ask the epmd that runs:
    -names                  list the nodes
    -kill                   end it
    -stop Name              take the name of a node away
    -dump                   show all that it remembers
    -started                print nothing: the exit status tells whether it runs

`epmd --help` tells of more options.
";

/// The command line is none that OTP's `epmd` would take.
#[derive(Debug)]
pub(crate) struct BadUsage;

impl BadUsage {
    /// Prints the usage and gives the exit status.
    pub(crate) fn tell(self) -> ExitCode {
        let _ = io::stderr().write_all(USAGE.as_bytes());
        ExitCode::FAILURE
    }
}

/// Whether this program was started by a link called `epmd`, in the place of OTP's.
pub(crate) fn called_as_epmd() -> bool {
    std::env::args_os().next().is_some_and(|program| is_epmd(&program))
}

fn is_epmd(program: &OsStr) -> bool {
    Path::new(program).file_stem().is_some_and(|name| name == "epmd")
}

/// Makes `epmd -names` of a link into `epmd epmd --names`, and `erlnode epmd -names` into `erlnode epmd --names`.
pub(crate) fn in_our_spelling(arguments: Vec<OsString>) -> Result<Vec<OsString>, BadUsage> {
    let mut rest = arguments.into_iter();
    let Some(program) = rest.next() else { return Ok(Vec::new()) };
    let link = is_epmd(&program);
    let mut ours = vec![program];
    if link {
        ours.push("epmd".into());
    } else {
        match rest.next() {
            Some(command) if command == "epmd" => ours.push(command),
            other => return Ok(ours.into_iter().chain(other).chain(rest).collect()),
        }
    }
    while let Some(argument) = rest.next() {
        let option = argument.to_str().and_then(|text| text.strip_prefix('-'));
        let known = option.and_then(|option| OPTIONS.iter().find(|(name, _)| *name == option));
        let Some((name, kind)) = known else {
            // Options that only this epmd has are spelled its way.
            if link && !option.is_some_and(|option| option.starts_with('-')) {
                return Err(BadUsage);
            }
            ours.push(argument);
            continue;
        };
        let mut long = OsString::from(if *name == "d" { "--debug".to_owned() } else { long_spelling(name) });
        let value = match kind {
            Kind::Flag | Kind::Query => None,
            Kind::Number => Some(number(&rest.next().ok_or(BadUsage)?).ok_or(BadUsage)?.into()),
            Kind::Text | Kind::NamedQuery => Some(rest.next().ok_or(BadUsage)?),
        };
        if let Some(value) = value {
            long.push("=");
            long.push(value);
        }
        ours.push(long);
        if matches!(kind, Kind::Query | Kind::NamedQuery) && rest.next().is_some() {
            return Err(BadUsage);
        }
    }
    Ok(ours)
}

fn long_spelling(name: &str) -> String {
    format!("--{}", name.replace('_', "-"))
}

/// The digits at the beginning, if they are a number other than 0.
fn number(text: &OsStr) -> Option<String> {
    let text = text.to_str()?.trim_start();
    let text = text.strip_prefix('+').unwrap_or(text);
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    digits.contains(|digit| digit != '0').then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(line: &str) -> Option<String> {
        let arguments = line.split_whitespace().map(OsString::from).collect();
        let ours = in_our_spelling(arguments).ok()?;
        Some(ours.join(OsStr::new(" ")).into_string().unwrap())
    }

    #[test]
    fn a_link_stands_in_for_otps() {
        assert_eq!(spelled("/usr/bin/epmd -daemon").unwrap(), "/usr/bin/epmd epmd --daemon");
        assert_eq!(spelled("epmd -d -d -debug").unwrap(), "epmd epmd --debug --debug --debug");
        assert_eq!(
            spelled("epmd -packet_timeout 1 -port 4370x -stop -d").unwrap(),
            "epmd epmd --packet-timeout=1 --port=4370 --stop=-d"
        );
        assert_eq!(spelled("epmd --host-addresses -names").unwrap(), "epmd epmd --host-addresses --names");
        for bad in ["names", "-name", "-h", "-port", "-port 0", "-port x", "-names -d", "-stop", "-stop a b"]
        {
            assert_eq!(spelled(&format!("epmd {bad}")), None, "{bad}");
        }
    }

    #[test]
    fn the_subcommand_takes_both_spellings() {
        assert_eq!(spelled("erlnode epmd --port 4370 -names").unwrap(), "erlnode epmd --port 4370 --names");
        assert_eq!(spelled("erlnode epmd -h").unwrap(), "erlnode epmd -h");
        assert_eq!(spelled("erlnode epmd -port 0"), None);
    }

    #[test]
    fn other_subcommands_are_left_alone() {
        for line in ["erlnode", "erlnode names -port 1", "epmdx -names"] {
            assert_eq!(spelled(line).unwrap(), line);
        }
    }

    #[test]
    fn the_usage_tells_all_options() {
        for (name, _) in OPTIONS {
            assert!(USAGE.contains(&format!("-{name}")), "{name}");
        }
    }
}

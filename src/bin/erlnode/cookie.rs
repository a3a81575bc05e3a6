//! How a command is told the cookie.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use erlnode::node::Builder;

/// The environment variable that holds the cookie; only the user's own processes can look there.
const VARIABLE: &str = "ERLNODE_COOKIE";

/// The same for a second one.
const ACCEPTED_VARIABLE: &str = "ERLNODE_ACCEPT_COOKIE";

/// Where the cookie comes from; from `~/.erlang.cookie` if nothing is said.
#[derive(Debug, Args)]
pub(crate) struct CookieOptions {
    /// The secret that all nodes of the cluster share [default: that of erl, in ~/.erlang.cookie, made if it is missing].
    #[arg(long, env = VARIABLE, hide_env_values = true)]
    cookie: Option<Secret>,
    /// A file that holds the cookie and that nobody but its owner can read; it has precedence over --cookie.
    #[arg(long, value_name = "FILE")]
    cookie_file: Option<PathBuf>,
}

impl CookieOptions {
    /// Whether the cookie is the one that `erl` takes, too, when nothing is said.
    pub(crate) fn is_default(&self) -> bool {
        self.cookie.is_none() && self.cookie_file.is_none()
    }

    pub(crate) fn apply(self, builder: Builder) -> Builder {
        match (self.cookie, self.cookie_file) {
            (_, Some(file)) => builder.cookie_file(file),
            (Some(Secret(cookie)), None) => builder.cookie(&cookie),
            (None, None) => builder,
        }
    }
}

/// A second cookie, for nodes that run.
#[derive(Debug, Args)]
pub(crate) struct AcceptedCookie {
    /// A second cookie with which nodes may connect, while those of a cluster get a new one after the other.
    #[arg(long, env = ACCEPTED_VARIABLE, hide_env_values = true)]
    accept_cookie: Option<Secret>,
}

impl AcceptedCookie {
    pub(crate) fn apply(self, builder: Builder) -> Builder {
        match self.accept_cookie {
            Some(Secret(cookie)) => builder.accept_cookie(&cookie),
            None => builder,
        }
    }
}

/// Starts the command anew, in the same process, if there is a cookie among its arguments: every user of the machine can
/// see those in the list of processes.
pub(crate) fn hide(arguments: &[OsString]) {
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        let mut others = arguments.to_vec();
        let options = [("--cookie", VARIABLE), ("--accept-cookie", ACCEPTED_VARIABLE)];
        let cookies: Vec<(&str, OsString)> = options
            .into_iter()
            .filter_map(|(option, variable)| Some((variable, take(&mut others, option)?)))
            .collect();
        if !cookies.is_empty()
            && let (Some((name, others)), Ok(program)) = (others.split_first(), std::env::current_exe())
        {
            // This returns only if it fails, and then the cookies stay where they are.
            let _ = std::process::Command::new(program).arg0(name).args(others).envs(cookies).exec();
        }
    }
    #[cfg(not(unix))]
    let _ = arguments;
}

/// Takes `--cookie COOKIE` or `--cookie=COOKIE`, or another such option, out of the arguments.
fn take(arguments: &mut Vec<OsString>, option: &str) -> Option<OsString> {
    let options = arguments.iter().take_while(|argument| *argument != "--");
    let (at, given) = options.enumerate().find_map(|(at, argument)| match argument.to_str()? {
        text if text == option => Some((at, None)),
        text => Some((at, Some(OsString::from(text.strip_prefix(option)?.strip_prefix('=')?)))),
    })?;
    match given {
        Some(cookie) => {
            arguments.remove(at);
            Some(cookie)
        }
        None if at + 1 < arguments.len() => arguments.drain(at..at + 2).nth(1),
        None => None,
    }
}

/// A text that is not to be printed.
#[derive(Clone)]
struct Secret(String);

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Secret, Self::Err> {
        Ok(Secret(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(line: &str) -> (Option<OsString>, String) {
        let mut arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let cookie = take(&mut arguments, "--cookie");
        (cookie, arguments.join(" ".as_ref()).into_string().unwrap())
    }

    #[test]
    fn the_cookie_is_taken_out_in_both_spellings() {
        assert_eq!(taken("e start --cookie c --hidden"), (Some("c".into()), "e start --hidden".into()));
        assert_eq!(taken("e ping n --cookie=c"), (Some("c".into()), "e ping n".into()));
    }

    #[test]
    fn what_is_no_cookie_stays() {
        for line in
            ["e start --cookie", "e start --cookie-file f", "e send n p -- --cookie c", "e --cookies=c"]
        {
            assert_eq!(taken(line), (None, line.into()));
        }
    }
}

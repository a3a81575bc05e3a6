//! The file that a cookie is kept in, by default the one that `erl` uses.

use std::path::{Path, PathBuf};

use crate::dist::Cookie;

/// Why the cookie file can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CookieFileError {
    /// There is no home directory to look in.
    #[error("neither a cookie nor HOME is set: give the cookie, or a file that holds it")]
    NoHome,
    /// It can't be read, or made.
    #[error("can't use the cookie file {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// Others than its owner can read it.
    #[error("the cookie file {path} can be read by others: run chmod 400 {path}")]
    Permissions {
        /// The file.
        path: PathBuf,
    },
    /// It is empty, and everybody knows the empty cookie.
    #[error("the cookie file {path} is empty: write the cookie of the cluster to it")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// What it holds is no cookie.
    #[error("the cookie file {path} does not hold a cookie: {source}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: crate::dist::CookieError,
    },
}

/// Reads the cookie that `erl` uses: `~/.erlang.cookie`, made with a random cookie if it is missing.
///
/// # Errors
/// [`CookieFileError`].
pub fn default_cookie() -> Result<Cookie, CookieFileError> {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty()).ok_or(CookieFileError::NoHome)?;
    let path = Path::new(&home).join(".erlang.cookie");
    if !path.exists() {
        make_cookie_file(&path).map_err(|source| CookieFileError::Io { path: path.clone(), source })?;
    }
    read_cookie_file(&path)
}

/// Reads a cookie from a file that nobody but its owner may read. White space around it does not count.
///
/// # Errors
/// [`CookieFileError`].
pub fn read_cookie_file(path: &Path) -> Result<Cookie, CookieFileError> {
    let io = |source| CookieFileError::Io { path: path.to_owned(), source };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if std::fs::metadata(path).map_err(io)?.permissions().mode() & 0o077 != 0 {
            return Err(CookieFileError::Permissions { path: path.to_owned() });
        }
    }
    let text = std::fs::read_to_string(path).map_err(io)?;
    if text.trim().is_empty() {
        return Err(CookieFileError::Empty { path: path.to_owned() });
    }
    Cookie::new(text.trim()).map_err(|source| CookieFileError::Content { path: path.to_owned(), source })
}

/// As OTP does: twenty capital letters, for the owner's eyes only.
///
/// The file is there with all that is in it or not at all: two nodes may be the first to start.
fn make_cookie_file(path: &Path) -> std::io::Result<()> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o400);
    }
    let cookie: String = (0..20).map(|_| char::from(rand::random_range(b'A'..=b'Z'))).collect();
    let unfinished = path.with_extension(format!("cookie.{:08x}", rand::random::<u32>()));
    let written = options.open(&unfinished).and_then(|mut file| file.write_all(cookie.as_bytes()));
    let made = match written.and_then(|()| std::fs::hard_link(&unfinished, path)) {
        // Another node that starts now was faster.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    };
    let _ = std::fs::remove_file(&unfinished);
    made
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("erlnode-{name}-{:08x}", rand::random::<u32>()));
        std::fs::create_dir(&folder).expect("a new folder");
        folder
    }

    #[test]
    fn a_new_cookie_file_is_read_by_all_that_start_at_once() {
        let folder = folder("first-start");
        let path = folder.join(".erlang.cookie");
        let start = || {
            make_cookie_file(&path).expect("made, or there");
            read_cookie_file(&path).expect("whole")
        };
        let cookies: Vec<Cookie> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        let one = std::fs::read_to_string(&path).unwrap();
        assert!(one.len() == 20 && one.bytes().all(|byte| byte.is_ascii_uppercase()));
        let digest = |cookie: &Cookie| cookie.digest(1).0;
        assert!(cookies.iter().all(|cookie| digest(cookie) == digest(&cookies[0])));
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o400);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn an_empty_file_holds_no_cookie() {
        let folder = folder("empty-cookie");
        let path = folder.join("cookie");
        std::fs::write(&path, " \n").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        assert!(matches!(read_cookie_file(&path), Err(CookieFileError::Empty { .. })));
        std::fs::remove_dir_all(folder).unwrap();
    }
}

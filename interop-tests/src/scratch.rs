//! Folders that a test shares with the nodes it starts.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{fs, io, process};

use crate::release::{Release, tree};

/// A folder with the same path for this process and for the programs of one release, removed on drop.
///
/// A release runs in a file tree of its own, so the folder is in that tree and this machine has a link to it.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    link: bool,
}

impl Scratch {
    /// A folder that programs of `release` see, too.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn new(release: Release) -> Scratch {
        Scratch::in_tree(&release.tree())
    }

    /// A folder that RabbitMQ sees, too.
    pub(crate) fn of_rabbitmq() -> Scratch {
        Scratch::in_tree(&tree("rabbitmq"))
    }

    fn in_tree(tree: &Path) -> Scratch {
        let path = unused_path(|path| {
            // The path is absolute: joined as it is, it would replace the tree's.
            let folder = tree.join("root").join(path.strip_prefix("/").unwrap_or(path));
            fs::create_dir(&folder)?;
            symlink(&folder, path).inspect_err(|_| drop(fs::remove_dir(&folder)))
        });
        Scratch { path, link: true }
    }

    /// A folder for programs that run outside the trees.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn on_host() -> Scratch {
        Scratch { path: unused_path(|path| fs::create_dir(path)), link: false }
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A node that was just killed may still have files open; what is left is a few bytes in a cache folder.
        if self.link {
            if let Ok(folder) = fs::read_link(&self.path) {
                let _ = fs::remove_dir_all(folder);
            }
            let _ = fs::remove_file(&self.path);
        } else {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// A path at which `make` has made something that was not there before.
fn unused_path(make: impl Fn(&Path) -> io::Result<()>) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = PathBuf::from(format!("/tmp/erlnode-test-{}-{number}", process::id()));
        match make(&path) {
            Ok(()) => return path,
            // A killed test run with the same pid may have left one.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => panic!("{}: {error}", path.display()),
        }
    }
}

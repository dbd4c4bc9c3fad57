//! The lock: one run at a time.

use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{io, process, thread};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// How soon a lock that is held is tried again: the kernel has no lock with a timeout.
const PAUSE: Duration = Duration::from_millis(20);

/// The lock cannot be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    #[error(
        "another lvsctl is running (pid {holder} holds {}); try again when it has ended",
        path.display()
    )]
    Held { path: PathBuf, holder: String },
    #[error("cannot {action} {}: {source}{}", path.display(), hint(source))]
    Io { action: &'static str, path: PathBuf, source: io::Error },
}

pub(super) fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "; run it as root, or choose another state directory",
        _ => "",
    }
}

/// A state directory that is locked for this process.
///
/// Dropping it removes the lock file, and the directory too where nothing else is in it. The
/// kernel releases the lock of a killed process, so that a leftover file locks nobody out.
#[derive(Debug)]
pub(crate) struct Lock {
    directory: PathBuf,
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Makes the directory where it does not exist, and locks it; waits up to `patience` for another
    /// process to release it.
    pub(crate) fn take(directory: &Path, patience: Duration) -> Result<Self, LockError> {
        let path = directory.join("lock");
        let started = Instant::now();
        loop {
            let made = fs::create_dir_all(directory);
            attempt("create the state directory", directory, made)?;
            let opened =
                File::options().read(true).write(true).create(true).truncate(false).open(&path);
            let mut file = match opened {
                // Its holder ended just now, and removed the directory.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => attempt("open the lock file", &path, opened)?,
            };
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) if started.elapsed() < patience => {
                    thread::sleep(PAUSE);
                    continue;
                }
                Err(Errno::WOULDBLOCK) => return Err(held(file, path)),
                Err(error) => attempt("lock", &path, Err(error.into()))?,
            }
            // A lock on a file that was removed meanwhile keeps nobody out.
            if !is_at(&file, &path) {
                continue;
            }
            let written = file
                .set_len(0)
                .and_then(|()| file.rewind())
                .and_then(|()| writeln!(file, "{}", process::id()));
            attempt("write the lock file", &path, written)?;
            return Ok(Self { directory: directory.to_owned(), path, _file: file });
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Neither matters where it fails: the lock goes with the open file.
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_dir(&self.directory);
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(ours), Ok(there)) => ours.ino() == there.ino() && ours.dev() == there.dev(),
        _ => false,
    }
}

fn held(file: File, path: PathBuf) -> LockError {
    let mut holder = String::new();
    let read = file.take(20).read_to_string(&mut holder);
    let holder = match (read, holder.trim()) {
        (Ok(_), number) if number.parse::<u32>().is_ok() => number.to_owned(),
        _ => "unknown".to_owned(),
    };
    LockError::Held { path, holder }
}

fn attempt<T>(action: &'static str, path: &Path, result: io::Result<T>) -> Result<T, LockError> {
    result.map_err(|source| LockError::Io { action, path: path.to_owned(), source })
}

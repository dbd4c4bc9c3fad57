//! The lock: one run at a time.

use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{io, process, thread};

use lvs::netlink::reason;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::private;

/// How soon a lock that is held is tried again: the kernel has no lock with a timeout.
const PAUSE: Duration = Duration::from_millis(20);

/// How often a lock file may vanish before the directory counts as one that cannot have any.
const MOST_VANISHED: u32 = 100;

/// How many files a run may have open beside those that are open when it begins.
const DESCRIPTORS: usize = 16;

/// The lock cannot be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    #[error(
        "another lvsctl is running (pid {holder} holds {}); try again when it has ended",
        path.display()
    )]
    Held { path: PathBuf, holder: String },
    #[error("interrupted while another lvsctl is running; nothing was changed")]
    Interrupted,
    #[error(
        "a run needs {DESCRIPTORS} file descriptors: {}. Nothing was changed. Raise the limit (ulimit -n, \
         or LimitNOFILE of the unit)",
        reason(.0)
    )]
    Descriptors(io::Error),
    #[error("cannot {action} {}: {}{}", path.display(), reason(source), hint(source))]
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
    file: File,
}

impl Lock {
    /// Makes the directory where it does not exist, and locks it; waits up to `patience` for another
    /// process to release it, or until `is_interrupted`.
    pub(crate) fn take(
        directory: &Path,
        patience: Duration,
        is_interrupted: impl Fn() -> bool,
    ) -> Result<Self, LockError> {
        let path = directory.join("lock");
        let started = Instant::now();
        let mut vanished = 0;
        loop {
            attempt("use the state directory", directory, private::make_directory(directory))?;
            let mut file = match private::open_or_create(&path) {
                // Its holder ended just now, and removed the directory.
                Err(error)
                    if error.kind() == io::ErrorKind::NotFound && vanished < MOST_VANISHED =>
                {
                    vanished += 1;
                    continue;
                }
                opened => attempt("open the lock file", &path, opened)?,
            };
            if !attempt("lock", &path, try_lock(&file))? {
                if !is_held_by_a_run(&mut file, &path) {
                    // Whoever holds it has no business here: the file is replaced.
                    attempt("remove the lock file", &path, fs::remove_file(&path))?;
                    continue;
                }
                if is_interrupted() {
                    return Err(LockError::Interrupted);
                }
                if started.elapsed() < patience {
                    thread::sleep(PAUSE);
                    continue;
                }
                let holder = holder(&mut file);
                let holder = holder.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string());
                return Err(LockError::Held { path, holder });
            }
            // A lock on a file that was removed meanwhile keeps nobody out.
            if !is_at(&file, &path) {
                continue;
            }
            let mut file = attempt("protect the lock file", &path, private::with_mode(file))?;
            let written = file
                .set_len(0)
                .and_then(|()| file.rewind())
                .and_then(|()| writeln!(file, "{}", process::id()));
            match written {
                // A full disk does not keep `down` from its work: the number is for messages.
                Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSPC | libc::EDQUOT)) => {
                }
                written => attempt("write the lock file", &path, written)?,
            }
            let lock = Self { directory: directory.to_owned(), path, file };
            lock.spare_descriptors()?;
            return Ok(lock);
        }
    }

    /// A run that cannot open files in the middle could not roll back either.
    fn spare_descriptors(&self) -> Result<(), LockError> {
        let spare: io::Result<Vec<File>> =
            (0..DESCRIPTORS).map(|_| self.file.try_clone()).collect();
        spare.map(drop).map_err(LockError::Descriptors)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Neither matters where it fails: the lock goes with the open file.
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_dir(&self.directory);
    }
}

/// Returns whether the lock was taken.
pub(super) fn try_lock(file: &File) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether a lock that is held is that of a run. Earlier releases left lock files that every user may
/// open and lock; then the process that it names must have it open.
fn is_held_by_a_run(file: &mut File, path: &Path) -> bool {
    if file.metadata().is_ok_and(|found| found.mode() & 0o077 == 0) || !is_at(file, path) {
        return true;
    }
    // It makes the file first, and writes its number then.
    let Some(holder) = holder(file) else { return true };
    let Ok(open) = fs::read_dir(format!("/proc/{holder}/fd")) else { return false };
    open.flatten().any(|entry| is_at(file, &entry.path()))
}

fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(ours), Ok(there)) => ours.ino() == there.ino() && ours.dev() == there.dev(),
        _ => false,
    }
}

/// The process ID in a lock file.
fn holder(file: &mut File) -> Option<u32> {
    let mut holder = String::new();
    file.rewind().and_then(|()| file.take(20).read_to_string(&mut holder)).ok()?;
    holder.trim().parse().ok()
}

fn attempt<T>(action: &'static str, path: &Path, result: io::Result<T>) -> Result<T, LockError> {
    result.map_err(|source| LockError::Io { action, path: path.to_owned(), source })
}

//! Where this machine's journal is, and of which life.

use crate::host::machine::{Key, Value};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use super::Error;
use super::arguments::Options;
use crate::engine::{Journal, JournalFile, Lock};
use crate::host::namespace_cookie;

/// Keeps every other lvsctl from changing anything.
pub(super) fn lock(options: &Options) -> Result<Lock, Error> {
    Ok(Lock::take(&options.state_dir, Duration::from_secs(options.wait.into()))?)
}

/// The journal of the network namespace that this thread is in. Each has its own, by the number that
/// `ls -L -i /proc/self/ns/net` shows there. The kernel gives that number again after the namespace
/// has ended, so that the epoch tells the two apart.
pub(super) fn journal(directory: &Path) -> Result<Journal<Key, Value>, Error> {
    const NAMESPACE: &str = "/proc/thread-self/ns/net";
    const BOOT: &str = "/proc/sys/kernel/random/boot_id";
    let unreadable = |path| move |source| Error::Identity { path, source };
    let namespace = fs::metadata(NAMESPACE).map_err(unreadable(NAMESPACE))?;
    let boot = fs::read_to_string(BOOT).map_err(unreadable(BOOT))?;
    let epoch = match namespace_cookie() {
        Some(cookie) => format!("boot {} namespace {cookie}", boot.trim()),
        None => format!("boot {}", boot.trim()),
    };
    let path = directory.join(format!("net-{}.journal", namespace.ino()));
    Ok(JournalFile::load(path, epoch)?)
}

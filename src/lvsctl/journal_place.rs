//! Where the journal of this network namespace is, and its reading.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Error;
use crate::engine::{JournalError, JournalFile};
use crate::host::namespace_cookie;
use crate::policy::MachineJournal;

/// The journal of the network namespace of this thread.
///
/// Each network namespace has a journal, named by the inode number that `ls -L -i /proc/self/ns/net`
/// shows. The kernel reuses that number after the namespace has ended; the epoch distinguishes the
/// two.
pub(super) fn journal(directory: &Path) -> Result<MachineJournal, Error> {
    let JournalPlace { path, epoch } = JournalPlace::new(directory)?;
    Ok(JournalFile::load(path, epoch)?)
}

/// Where the journal of the network namespace of this thread is.
pub(super) struct JournalPlace {
    pub(super) path: PathBuf,
    pub(super) epoch: String,
}

impl JournalPlace {
    pub(super) fn new(directory: &Path) -> Result<Self, Error> {
        const NAMESPACE: &str = "/proc/thread-self/ns/net";
        const BOOT: &str = "/proc/sys/kernel/random/boot_id";
        let unreadable = |path| move |source| Error::Identity { path, source };
        let namespace = fs::metadata(NAMESPACE).map_err(unreadable(NAMESPACE))?;
        let boot = fs::read_to_string(BOOT).map_err(unreadable(BOOT))?;
        let epoch = match namespace_cookie().map_err(Error::Cookie)? {
            Some(cookie) => format!("boot {} namespace {cookie}", boot.trim()),
            None => format!("boot {}", boot.trim()),
        };
        let path = directory.join(format!("net-{}.journal", namespace.ino()));
        Ok(Self { path, epoch })
    }
}

/// With a damaged journal, previous values would be lost for good.
pub(super) fn refuse_damage(journal: &MachineJournal) -> Result<(), Error> {
    match journal.damage() {
        Some(damage) => Err(JournalError::Damaged(Box::new(damage.clone())).into()),
        None => Ok(()),
    }
}

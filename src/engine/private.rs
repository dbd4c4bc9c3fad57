//! Files and directories that nobody but their owner may write, whatever the umask is.
//!
//! Who can write the journal decides what the next run does as root.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Mode of a file: only its owner may read it, so that nobody else can hold a lock on it.
const FILE: u32 = 0o600;

/// Mode of the state directory.
const DIRECTORY: u32 = 0o700;

/// Mode of the directories above it.
const PARENT: u32 = 0o755;

/// Makes the directory and those above it, unless it exists, and checks who can write it.
pub(super) fn make_directory(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(PARENT).create(parent)?;
    }
    match DirBuilder::new().mode(DIRECTORY).create(path) {
        // The umask may have taken bits away.
        Ok(()) => fs::set_permissions(path, Permissions::from_mode(DIRECTORY)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let found = fs::metadata(path)?;
            match found.is_dir() {
                true => check(&found, "directory", "chmod 700"),
                false => Err(io::Error::other("it is not a directory")),
            }
        }
        failed => failed,
    }
}

/// Opens an existing file to read it.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    checked(own(OpenOptions::new().read(true)).open(path))
}

/// Opens an existing file to append to it.
pub(crate) fn append(path: &Path) -> io::Result<File> {
    checked(own(OpenOptions::new().read(true).append(true)).open(path))
}

/// Makes a file that must not exist yet.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    with_mode(checked(own(OpenOptions::new().write(true).create_new(true)).open(path))?)
}

/// Removes a file, unless it is gone already.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Opens a file to read and write it, and makes it where it does not exist.
pub(super) fn open_or_create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    checked(own(options.read(true).write(true).create(true).truncate(false)).open(path))
}

pub(super) fn with_mode(file: File) -> io::Result<File> {
    file.set_permissions(Permissions::from_mode(FILE))?;
    Ok(file)
}

/// Symbolic links are not followed, and a FIFO in place of a file does not block.
fn own(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(FILE).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
}

fn checked(opened: io::Result<File>) -> io::Result<File> {
    let file = opened.map_err(|error| match error.raw_os_error() {
        Some(libc::ELOOP) => io::Error::other("it is a symbolic link, which is not followed"),
        _ => error,
    })?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    check(&found, "file", "chmod 600")?;
    Ok(file)
}

/// Refuses what another user than root and ourselves owns or can write.
fn check(found: &Metadata, what: &str, mend: &str) -> io::Result<()> {
    let mode = found.mode() & 0o7777;
    let written_by_others = mode & 0o022 != 0;
    if !written_by_others && (found.uid() == 0 || found.uid() == effective_user()) {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "other users can write this {what} (owner {}, mode {mode:04o}), so that what it contains \
         cannot be trusted: check it, then run chown root and {mend} on it",
        found.uid()
    )))
}

#[allow(unsafe_code)]
fn effective_user() -> u32 {
    // SAFETY: it takes nothing and cannot fail.
    unsafe { libc::geteuid() }
}

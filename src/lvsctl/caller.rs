//! Who called: sudo and set-user-ID bits give more rights than the user who typed the command has.

use std::env;
use std::fs::{self, File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Whether the caller could read the file without our rights. What that user could not read is not
/// shown in an error message.
pub(super) fn may_read(path: &Path, file: &File) -> bool {
    let Some(user) = restricted() else { return true };
    let may = |found: &Metadata, bit: u32| {
        let shift = if found.uid() == user { 6 } else { 0 };
        found.mode() >> shift & bit != 0
    };
    let is_reachable = |path: &Path| {
        let above = path.ancestors().skip(1);
        above.map(fs::metadata).all(|found| found.is_ok_and(|found| may(&found, 0o1)))
    };
    file.metadata().is_ok_and(|found| may(&found, 0o4))
        && path.canonicalize().is_ok_and(|path| is_reachable(&path))
}

/// The user who called, if that user is another one than we are.
fn restricted() -> Option<u32> {
    let (real, effective) = users();
    if real != effective {
        return Some(real);
    }
    if env::var_os("DOAS_USER").is_some_and(|name| name != "root") {
        // The number is not known: as somebody to whom no file belongs.
        return Some(u32::MAX);
    }
    let called = ["SUDO_UID", "PKEXEC_UID"].into_iter().find_map(env::var_os)?;
    let user = called.to_str().and_then(|user| user.parse().ok()).unwrap_or(u32::MAX);
    (user != effective).then_some(user)
}

#[allow(unsafe_code)]
fn users() -> (u32, u32) {
    // SAFETY: both take nothing and cannot fail.
    unsafe { (libc::getuid(), libc::geteuid()) }
}

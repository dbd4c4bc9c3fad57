//! Who called: sudo and set-user-ID bits give more rights than the user who typed the command has.

use std::env;
use std::fmt;
use std::fs::{self, File, Metadata};
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::remote::RemoteSession;

/// The user who called, and from where, as far as that is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Caller {
    /// The real user ID of the process.
    uid: u32,
    /// The user ID of the login, which `sudo` and `su` keep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    loginuid: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tty: Option<String>,
    /// The peer of the ssh session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ssh: Option<IpAddr>,
}

impl Caller {
    pub(super) fn current() -> Self {
        let uid = users().0;
        let loginuid = fs::read_to_string("/proc/self/loginuid").ok();
        let loginuid = loginuid.and_then(|text| text.trim().parse().ok());
        // Nobody logged in for a service.
        let loginuid = loginuid.filter(|user| *user != u32::MAX);
        let called = ["SUDO_UID", "PKEXEC_UID"].into_iter().find_map(|name| env::var(name).ok());
        let called = called.and_then(|user| user.parse().ok());
        let user = name_of(loginuid.or(called).unwrap_or(uid));
        Self {
            uid,
            loginuid,
            user,
            tty: terminal(),
            ssh: RemoteSession::of_process().map(|it| it.peer),
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.user {
            Some(user) => f.write_str(user)?,
            None => write!(f, "uid {}", self.loginuid.unwrap_or(self.uid))?,
        }
        self.tty.iter().try_for_each(|tty| write!(f, " {tty}"))?;
        self.ssh.iter().try_for_each(|peer| write!(f, " {peer}"))
    }
}

/// The name of a user of this machine. Those of a directory service have their number only.
fn name_of(user: u32) -> Option<String> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let number = user.to_string();
    let mut lines = users.lines().map(|line| line.split(':'));
    lines.find_map(|mut fields| {
        let name = fields.next()?;
        (fields.nth(1) == Some(&*number)).then(|| name.to_owned())
    })
}

/// The terminal of one of the standard streams: `pts/3`.
fn terminal() -> Option<String> {
    (0..=2).find_map(|stream| {
        let path = fs::read_link(format!("/proc/self/fd/{stream}")).ok()?;
        let name = path.to_str()?.strip_prefix("/dev/")?;
        (name.starts_with("pts/") || name.starts_with("tty")).then(|| name.to_owned())
    })
}

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

//! Network namespaces. A socket belongs to the namespace in which its thread opened it.

use std::convert::Infallible;
use std::ffi::OsStr;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::error::reason;

/// The files of the names of ip-netns(8).
const NAMED: &str = "/run/netns";

/// A network namespace as a command line names it: a word with a slash is a path, a number is a PID,
/// anything else is a name.
///
/// # Examples
///
/// ```
/// use lvs::netlink::Namespace;
///
/// assert_eq!("blue".parse(), Ok(Namespace::Named("blue".to_owned())));
/// assert_eq!("4711".parse(), Ok(Namespace::Process(4711)));
/// assert_eq!("/proc/1/ns/net".parse(), Ok(Namespace::Path("/proc/1/ns/net".into())));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// A name of ip-netns(8): a file in `/run/netns`.
    Named(String),
    /// A namespace file, such as `/proc/1/ns/net`.
    Path(PathBuf),
    /// The namespace of a process, by its PID.
    Process(u32),
}

/// A namespace that cannot be entered.
#[derive(Debug, thiserror::Error)]
pub enum NamespaceError {
    /// There is no such name or path.
    #[error("no network namespace {0}; `ip netns list` shows those with a name")]
    Missing(Namespace),
    /// No process has that PID.
    #[error("no process {0}: it has ended, or its PID is of another PID namespace")]
    NoProcess(u32),
    /// The caller lacks `CAP_SYS_ADMIN`, which the user namespace of the target needs too (setns(2)).
    #[error("not permitted to enter the network namespace {0}: it needs root (CAP_SYS_ADMIN)")]
    NotPermitted(Namespace),
    /// The path is something else.
    #[error("{0} is not a network namespace")]
    Other(Namespace),
    /// Anything else.
    #[error("cannot enter the network namespace {0}: {reason}", reason = reason(.1))]
    Failed(Namespace, #[source] io::Error),
}

impl FromStr for Namespace {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        Ok(match text.parse() {
            Ok(process) if is_number => Self::Process(process),
            _ if text.contains('/') => Self::Path(text.into()),
            _ => Self::Named(text.to_owned()),
        })
    }
}

impl From<&OsStr> for Namespace {
    /// As a text is parsed; a name that is not UTF-8 is the path of its file.
    fn from(word: &OsStr) -> Self {
        match word.to_str() {
            Some(text) => text.parse().unwrap_or_else(|never: Infallible| match never {}),
            None if word.as_bytes().contains(&b'/') => Self::Path(word.into()),
            None => Self::Path(Path::new(NAMED).join(word)),
        }
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => write!(f, "'{}'", name.escape_debug()),
            Self::Path(path) => write!(f, "'{}'", path.display().to_string().escape_debug()),
            Self::Process(process) => write!(f, "of process {process}"),
        }
    }
}

impl Namespace {
    /// The word that names it on a command line, such as `4711` for a process.
    #[must_use]
    pub fn word(&self) -> String {
        match self {
            Self::Named(name) => name.clone(),
            Self::Path(path) => path.display().to_string(),
            Self::Process(process) => process.to_string(),
        }
    }

    /// Moves the calling thread into the namespace, for sockets that it opens and files that it reads
    /// below [`proc_net`] from then on. Threads that it starts later start there.
    pub fn enter(&self) -> Result<(), NamespaceError> {
        self.open().and_then(|file| set(&file)).map_err(|source| self.failed(source))
    }

    fn open(&self) -> io::Result<File> {
        let path = match self {
            // These would name the directory.
            Self::Named(name) if matches!(name.as_str(), "" | "." | "..") => {
                return Err(io::ErrorKind::NotFound.into());
            }
            Self::Named(name) => Path::new(NAMED).join(name),
            Self::Path(path) => path.clone(),
            Self::Process(process) => PathBuf::from(format!("/proc/{process}/ns/net")),
        };
        // Opening a FIFO must not block.
        OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)
    }

    fn failed(&self, source: io::Error) -> NamespaceError {
        use io::ErrorKind::{InvalidInput, NotADirectory, NotFound, PermissionDenied};
        let namespace = self.clone();
        match (self, source.kind()) {
            (Self::Process(process), NotFound) => NamespaceError::NoProcess(*process),
            (_, NotFound | NotADirectory) => NamespaceError::Missing(namespace),
            (_, PermissionDenied) => NamespaceError::NotPermitted(namespace),
            (_, InvalidInput) => NamespaceError::Other(namespace),
            _ => NamespaceError::Failed(namespace, source),
        }
    }
}

#[allow(unsafe_code)]
fn set(namespace: &File) -> io::Result<()> {
    // SAFETY: a system call on a descriptor that is open as long as `namespace` is borrowed; it only
    // changes the network namespace of this thread.
    let result = unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The directory with the network files of the calling thread's namespace. `/proc/net` is that of
/// the main thread, which [`Namespace::enter`] on another thread does not move.
#[must_use]
pub fn proc_net() -> &'static Path {
    // Since Linux 3.17.
    let of_thread = Path::new("/proc/thread-self/net");
    if of_thread.exists() { of_thread } else { Path::new("/proc/net") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let Ok(namespace) = text.parse::<Namespace>();
        namespace.enter().unwrap_err().to_string()
    }

    #[test]
    fn namespace_is_parsed_from_name_path_or_pid() {
        let read = |text: &str| text.parse::<Namespace>().unwrap();
        assert_eq!(read("0"), Namespace::Process(0));
        assert_eq!(read("99999999999"), Namespace::Named("99999999999".to_owned()));
        assert_eq!(read("+1"), Namespace::Named("+1".to_owned()));
        assert_eq!(read("./1"), Namespace::Path("./1".into()));
        assert_eq!(read(""), Namespace::Named(String::new()));
        let read = |bytes: &[u8]| Namespace::from(OsStr::from_bytes(bytes));
        assert_eq!(read(b"blue"), Namespace::Named("blue".to_owned()));
        assert_eq!(read(b"./\xff"), Namespace::Path(OsStr::from_bytes(b"./\xff").into()));
        assert_eq!(read(b"\xff"), Namespace::Path(OsStr::from_bytes(b"/run/netns/\xff").into()));
    }

    #[test]
    fn enter_names_the_namespace_in_errors() {
        assert!(refused("no-such-name").starts_with("no network namespace 'no-such-name'; "));
        assert!(refused("..").starts_with("no network namespace '..'; "));
        assert!(refused("").starts_with("no network namespace ''; "));
        assert!(refused("/no/such/path").starts_with("no network namespace '/no/such/path'; "));
        assert!(refused("4294967295").starts_with("no process 4294967295: "));
        assert_eq!(refused("/dev/null"), "'/dev/null' is not a network namespace");
        assert!(refused("a\u{1b}[2J").contains("'a\\u{1b}[2J'"));
    }

    #[test]
    fn proc_net_of_this_thread_exists() {
        assert!(proc_net().join("dev").exists());
    }
}

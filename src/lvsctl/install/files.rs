//! Files that are written and removed together, or not at all. Each ends in a mark that shows whether
//! it was edited. Directories are found below a root, as a machine that has this root finds them.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use crate::ipvsadm::replace_file;
use crate::lvsctl::Error;

/// Twice the size of the longest cluster file.
const LONGEST: u64 = 128 << 20;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Text(Vec<u8>),
    /// A symbolic link, and its target.
    Link(PathBuf),
}

/// The desired content of a path, `None` for no file.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) path: PathBuf,
    pub(super) desired: Option<Content>,
}

/// A path whose content differs.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) path: PathBuf,
    before: Option<Content>,
    pub(super) after: Option<Content>,
}

/// The actual content of a path.
pub(super) enum Actual {
    Absent,
    /// As lvsctl wrote it.
    Ours(Content),
    /// Unmanaged, or edited.
    NotOurs,
}

/// Reads a path. A link is ours if its target is `link`.
pub(super) fn actual(path: &Path, link: Option<&Path>) -> Result<Actual, Error> {
    let unread = Error::file("read", path);
    let kind = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Actual::Absent),
        metadata => metadata.map_err(unread)?.file_type(),
    };
    if kind.is_symlink() {
        let target = fs::read_link(path).map_err(unread)?;
        let ours = link.is_some_and(|link| target == link);
        return Ok(if ours { Actual::Ours(Content::Link(target)) } else { Actual::NotOurs });
    }
    if !kind.is_file() {
        return Ok(Actual::NotOurs);
    }
    let text = read(path).map_err(unread)?;
    Ok(if is_ours(&text) { Actual::Ours(Content::Text(text)) } else { Actual::NotOurs })
}

pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut text = Vec::new();
    if file.take(LONGEST + 1).read_to_end(&mut text)? as u64 > LONGEST {
        let reason = format!("it is longer than {LONGEST} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    Ok(text)
}

/// The changes that bring every path in sync; [`Error::NotOurs`] if a path is unmanaged or was edited.
pub(super) fn between(items: Vec<Item>, link: &Path) -> Result<Vec<Change>, Error> {
    let (mut changes, mut unmanaged) = (Vec::new(), Vec::new());
    for Item { path, desired } in items {
        let before = match actual(&path, Some(link))? {
            Actual::Absent => None,
            Actual::Ours(content) => Some(content),
            Actual::NotOurs => {
                unmanaged.push(path);
                continue;
            }
        };
        if before != desired {
            changes.push(Change { path, before, after: desired });
        }
    }
    if unmanaged.is_empty() { Ok(changes) } else { Err(Error::NotOurs(unmanaged)) }
}

/// Makes the changes in their order. If one fails, those before it are rolled back.
pub(super) fn make(changes: &[Change]) -> Result<(), Error> {
    for (at, change) in changes.iter().enumerate() {
        if let Err((action, source)) = put(&change.path, change.after.as_ref()) {
            for done in changes.iter().take(at).rev() {
                // The first failure is reported.
                let _ = put(&done.path, done.before.as_ref());
            }
            let path = change.path.clone();
            return Err(match source.kind() {
                io::ErrorKind::PermissionDenied => Error::NeedsRoot { path, source },
                _ => Error::File { action, path, source },
            });
        }
    }
    Ok(())
}

fn put(path: &Path, content: Option<&Content>) -> Result<(), (&'static str, io::Error)> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    let Some(content) = content else {
        fs::remove_file(path).map_err(|error| ("remove", error))?;
        return sync(directory);
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(directory)
        .map_err(|error| ("make the directory of", error))?;
    match content {
        Content::Text(text) => {
            replace_file(path, text).map_err(|error| ("write", error.source))?;
            // Whatever the umask is: others may read what runs as root, and not write it.
            let mode = fs::Permissions::from_mode(0o644);
            fs::set_permissions(path, mode).map_err(|error| ("set the mode of", error))
        }
        Content::Link(target) => {
            symlink(target, path).map_err(|error| ("make the link", error))?;
            sync(directory)
        }
    }
}

fn sync(directory: &Path) -> Result<(), (&'static str, io::Error)> {
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(|error| ("sync the directory of", error))
}

/// The start of the last line, before the checksum of all lines above. A comment in every kind of file
/// that is written; last, so that lines keep their numbers.
const MARK: &str = "# written by lvsctl install: ";

/// A text with its mark. It replaces an earlier mark, which the copy of a copy has.
pub(super) fn marked(text: &[u8]) -> Vec<u8> {
    let mut text = split(text).map_or(text, |(own, _)| own).to_vec();
    if !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    let mark = format!("{MARK}{:016x}\n", sum(&text));
    text.extend(mark.as_bytes());
    text
}

/// Whether a file ends in the right mark.
pub(super) fn is_ours(file: &[u8]) -> bool {
    split(file).is_some_and(|(own, found)| found == format!("{:016x}", sum(own)).as_bytes())
}

/// The text above the mark, and the checksum in it.
fn split(file: &[u8]) -> Option<(&[u8], &[u8])> {
    let lines = file.strip_suffix(b"\n")?;
    let start = lines.iter().rposition(|byte| *byte == b'\n')? + 1;
    let (own, last) = file.split_at_checked(start)?;
    Some((own, last.strip_suffix(b"\n")?.strip_prefix(MARK.as_bytes())?))
}

/// FNV-1a of 64 bits. It detects edits, not attacks, and is the same in every release.
fn sum(text: &[u8]) -> u64 {
    text.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// As many links as the kernel follows in one path.
const MOST_LINKS: usize = 40;

/// The directory of a path without a leading slash. Symbolic links on the way are followed below the root,
/// absolute ones and those with `..` too.
pub(super) fn below(root: &Path, path: &str) -> io::Result<PathBuf> {
    let mut found: Vec<OsString> = Vec::new();
    let mut left: VecDeque<PathBuf> = Path::new(path).iter().map(PathBuf::from).collect();
    let mut links = 0;
    while let Some(next) = left.pop_front() {
        match next.components().next() {
            Some(Component::ParentDir) => drop(found.pop()),
            Some(Component::Normal(name)) => found.push(name.to_owned()),
            _ => continue,
        }
        let here: PathBuf = root.iter().chain(found.iter().map(OsString::as_os_str)).collect();
        let Ok(target) = fs::read_link(&here) else { continue };
        links += 1;
        if links > MOST_LINKS {
            return Err(io::Error::from_raw_os_error(libc::ELOOP));
        }
        match target.is_absolute() {
            true => found.clear(),
            false => drop(found.pop()),
        }
        for component in target.iter().rev() {
            left.push_front(component.into());
        }
    }
    Ok(root.iter().chain(found.iter().map(OsString::as_os_str)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(path: PathBuf, text: &str) -> Item {
        Item { path, desired: Some(Content::Text(marked(text.as_bytes()))) }
    }

    #[test]
    fn files_in_sync_stay_and_edited_files_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let link = Path::new("/etc/one");
        let items = || {
            let linked = Item { path: at("d/link"), desired: Some(Content::Link(link.to_owned())) };
            vec![item(at("d/one"), "one"), item(at("two"), "two"), linked]
        };
        let changes = between(items(), link).unwrap();
        assert_eq!(changes.len(), 3);
        make(&changes).unwrap();
        assert!(between(items(), link).unwrap().is_empty());

        fs::write(at("two"), "2\n").unwrap();
        fs::remove_file(at("d/link")).unwrap();
        symlink("/dev/null", at("d/link")).unwrap();
        let Err(Error::NotOurs(paths)) = between(items(), link) else {
            panic!("edits are accepted")
        };
        assert_eq!(paths, [at("two"), at("d/link")]);
    }

    #[test]
    fn failed_write_rolls_back_the_others() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let link = Path::new("/etc/one");
        make(&between(vec![item(at("one"), "one")], link).unwrap()).unwrap();
        // Not even root can write below a file.
        let items = vec![item(at("one"), "1"), item(at("new"), "new"), item(at("two/x"), "x")];
        let changes = between(items, link).unwrap();
        fs::write(at("two"), "").unwrap();
        assert!(make(&changes).is_err());
        assert_eq!(fs::read(at("one")).unwrap(), marked(b"one"));
        assert!(!at("new").exists());
    }

    #[test]
    fn edit_anywhere_in_a_file_is_detected() {
        // The sum of FNV-1a's own test suite.
        assert_eq!(sum(b"foobar"), 0x8594_4171_f739_67e8);
        let file = marked(b"one\ntwo");
        assert!(file.starts_with(b"one\ntwo\n# written by lvsctl install: "));
        assert!(is_ours(&file));
        for at in 0..file.len() {
            let mut edited = file.clone();
            edited[at] ^= 1;
            assert!(!is_ours(&edited), "{at}");
            edited = file.clone();
            edited.insert(at, b'x');
            assert!(!is_ours(&edited), "{at}");
        }
        assert!(!is_ours(&[&file[..], b"three\n"].concat()));
        for foreign in ["", "\n", "one\n", "# written by lvsctl install: \n"] {
            assert!(!is_ours(foreign.as_bytes()), "{foreign:?}");
        }
    }

    #[test]
    fn copy_of_a_copy_has_one_mark() {
        let file = marked(b"one\n");
        assert_eq!(marked(&file), file);
        let mut edited = b"zero\n".to_vec();
        edited.extend(&file);
        assert_eq!(marked(&edited), marked(b"zero\none\n"));
    }

    #[test]
    fn links_are_followed_below_the_root() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        fs::create_dir_all(root.join("usr/lib/units")).unwrap();
        fs::create_dir_all(root.join("etc/systemd")).unwrap();
        symlink("/usr/lib/units", root.join("etc/systemd/system")).unwrap();
        symlink("../../../../../usr", root.join("etc/up")).unwrap();
        symlink("loop", root.join("etc/loop")).unwrap();
        let of = |path| below(root, path);
        assert_eq!(of("etc/systemd/system").unwrap(), root.join("usr/lib/units"));
        assert_eq!(of("etc/systemd/system/wants").unwrap(), root.join("usr/lib/units/wants"));
        assert_eq!(of("etc/up/lib").unwrap(), root.join("usr/lib"));
        assert_eq!(of("etc/lvsctl").unwrap(), root.join("etc/lvsctl"));
        assert!(of("etc/loop/x").is_err());
        assert_eq!(below(Path::new("/"), "nosuch/x").unwrap(), Path::new("/nosuch/x"));
    }
}

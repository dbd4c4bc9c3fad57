//! Files that are written and removed together, or not at all. Each ends in a mark that identifies
//! it, and shows whether it was edited.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::ipvsadm::replace_file;
use crate::lvsctl::Error;

/// The longest cluster file is half as long.
const LONGEST: u64 = 128 << 20;

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// A file.
    Text(Vec<u8>),
    /// A symbolic link to that.
    Link(PathBuf),
}

/// What a path shall be; `None` where there shall be nothing.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) path: PathBuf,
    pub(super) desired: Option<Content>,
}

/// A path that is not as it shall be.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) path: PathBuf,
    before: Option<Content>,
    pub(super) after: Option<Content>,
}

/// What a path is.
pub(super) enum Found {
    Nothing,
    /// As we wrote it.
    Ours(Content),
    /// Someone else's, or edited since.
    Others,
}

/// Looks at a path. A link is ours where it leads to what we would link there.
pub(super) fn found(path: &Path, link: Option<&Path>) -> Result<Found, Error> {
    let unread = |source| Error::File { action: "read", path: path.to_owned(), source };
    let kind = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        metadata => metadata.map_err(unread)?.file_type(),
    };
    if kind.is_symlink() {
        let target = fs::read_link(path).map_err(unread)?;
        let ours = link.is_some_and(|link| target == link);
        return Ok(if ours { Found::Ours(Content::Link(target)) } else { Found::Others });
    }
    if !kind.is_file() {
        return Ok(Found::Others);
    }
    let text = read(path).map_err(unread)?;
    Ok(if is_ours(&text) { Found::Ours(Content::Text(text)) } else { Found::Others })
}

/// Reads a regular file whole.
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

/// What has to be done so that every path is as desired.
///
/// # Errors
///
/// [`Error::NotOurs`] where a path is someone else's: nothing may be done then.
pub(super) fn between(items: Vec<Item>, link: &Path) -> Result<Vec<Change>, Error> {
    let (mut changes, mut foreign) = (Vec::new(), Vec::new());
    for Item { path, desired } in items {
        let before = match found(&path, Some(link))? {
            Found::Nothing => None,
            Found::Ours(content) => Some(content),
            Found::Others => {
                foreign.push(path);
                continue;
            }
        };
        if before != desired {
            changes.push(Change { path, before, after: desired });
        }
    }
    if foreign.is_empty() { Ok(changes) } else { Err(Error::NotOurs(foreign)) }
}

/// Makes the changes in their order. Where one fails, those before it are rolled back.
pub(super) fn make(changes: &[Change]) -> Result<(), Error> {
    for (at, change) in changes.iter().enumerate() {
        if let Err((action, source)) = put(&change.path, change.after.as_ref()) {
            for done in changes.iter().take(at).rev() {
                // The first failure is the one to tell.
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
    fs::create_dir_all(directory).map_err(|error| ("make the directory of", error))?;
    match content {
        Content::Text(text) => replace_file(path, text).map_err(|error| ("write", error.source)),
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

/// The start of the last line, a comment in every kind of file that is written; the sum of what
/// stands above follows. Last, so that lines keep their numbers.
const MARK: &str = "# written by lvsctl install: ";

/// A text with its mark. One that comes with a mark, as a copy of a copy does, gets a new one.
pub(super) fn marked(text: &[u8]) -> Vec<u8> {
    let mut text = split(text).map_or(text, |(own, _)| own).to_vec();
    if !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    let mark = format!("{MARK}{:016x}\n", sum(&text));
    text.extend(mark.as_bytes());
    text
}

/// Whether a file is as [`marked`] made it.
pub(super) fn is_ours(file: &[u8]) -> bool {
    split(file).is_some_and(|(own, found)| found == format!("{:016x}", sum(own)).as_bytes())
}

/// What stands above the mark, and the sum in it.
fn split(file: &[u8]) -> Option<(&[u8], &[u8])> {
    let lines = file.strip_suffix(b"\n")?;
    let start = lines.iter().rposition(|byte| *byte == b'\n')? + 1;
    let (own, last) = file.split_at_checked(start)?;
    Some((own, last.strip_suffix(b"\n")?.strip_prefix(MARK.as_bytes())?))
}

/// FNV-1a of 64 bits, which stays the same from release to release: it finds edits, and need not
/// withstand anyone who means to deceive.
fn sum(text: &[u8]) -> u64 {
    text.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
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
        let Err(Error::NotOurs(paths)) = between(items(), link) else { panic!("it was edited") };
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
}

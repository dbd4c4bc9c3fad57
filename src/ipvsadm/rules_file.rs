//! A file, replaced whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The file could not be replaced; it is as it was.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}; what was there is untouched", .path.display())]
pub(crate) struct NotReplaced {
    action: &'static str,
    path: PathBuf,
    pub(crate) source: io::Error,
}

/// Writes a new file beside `path`, syncs it and gives it that name. A link is followed; permissions
/// of a file that was there stay.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<(), NotReplaced> {
    let attempt = |action, result: io::Result<()>| {
        result.map_err(|source| NotReplaced { action, path: path.to_owned(), source })
    };
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    // Two runs at once each write a file of their own; the later one stays.
    let mut name = target.clone().into_os_string();
    name.push(format!(".new-{}", std::process::id()));
    let new = PathBuf::from(name);
    let replaced = attempt("write beside", write_synced(&new, &target, content))
        .and_then(|()| attempt("replace", fs::rename(&new, &target)));
    if replaced.is_err() {
        // The first failure is the one to tell.
        let _ = fs::remove_file(&new);
        return replaced;
    }
    // The new name must be on the disk, too, before this counts as saved.
    let directory = target.parent().filter(|it| *it != Path::new("")).unwrap_or(Path::new("."));
    attempt("sync the directory of", File::open(directory).and_then(|it| it.sync_all()))
}

fn write_synced(new: &Path, target: &Path, content: &[u8]) -> io::Result<()> {
    let present = match fs::metadata(target) {
        Ok(present) if present.is_file() => Some(present),
        Ok(_) => return Err(io::Error::other("it is not a regular file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    // Not through a link that someone put in its place.
    let mut file = File::options().write(true).create_new(true).open(new)?;
    if let Some(present) = present {
        file.set_permissions(present.permissions())?;
    }
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_and_keeps_its_permissions() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rules");
        replace(&path, b"one\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one\n");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        replace(&path, b"two\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(names(directory.path()), ["rules"]);
    }

    #[test]
    fn a_link_stays_one() {
        let directory = tempfile::tempdir().unwrap();
        let (path, link) = (directory.path().join("rules"), directory.path().join("link"));
        fs::write(&path, "one\n").unwrap();
        symlink("rules", &link).unwrap();
        replace(&link, b"two\n").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&path).unwrap(), b"two\n");
    }

    #[test]
    fn what_cannot_be_replaced_stays_and_nothing_is_left_beside() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("missing/rules");
        let error = replace(&missing, b"two\n").unwrap_err().to_string();
        assert!(error.contains("missing/rules: No such file or directory"), "{error}");
        let error = replace(directory.path(), b"two\n").unwrap_err().to_string();
        assert!(error.contains("not a regular file"), "{error}");
        assert!(names(directory.path()).is_empty());
    }
}

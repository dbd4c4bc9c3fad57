//! Directories below a root, as a machine that has this root finds them.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

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
    use std::os::unix::fs::symlink;

    use super::*;

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

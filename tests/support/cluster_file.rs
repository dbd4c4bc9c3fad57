//! A file for `lvsctl`, of the test's own.

use std::fs;
use std::path::PathBuf;

/// A file that goes when it is dropped.
pub struct ClusterFile(PathBuf);

impl ClusterFile {
    pub fn new(name: &str, text: &str) -> Self {
        let path = PathBuf::from(format!("/run/cluster-{name}-{}.toml", std::process::id()));
        fs::write(&path, text).unwrap();
        Self(path)
    }

    pub fn write(&self, text: &str) {
        fs::write(&self.0, text).unwrap();
    }

    /// `apply --exclusive FILE` and the like.
    pub fn line(&self, words: &str) -> String {
        format!("{words} {}", self.0.display())
    }
}

impl Drop for ClusterFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

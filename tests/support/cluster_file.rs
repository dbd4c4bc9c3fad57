//! A temporary cluster file.

use std::fs;
use std::path::PathBuf;

/// A file that is removed when it is dropped.
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

    /// Appends the path to the words of a command: `apply --exclusive FILE`.
    pub fn line(&self, words: &str) -> String {
        format!("{words} {}", self.0.display())
    }
}

impl Drop for ClusterFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

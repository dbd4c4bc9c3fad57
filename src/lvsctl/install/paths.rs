//! Where the files of a cluster are.

use std::path::{Path, PathBuf};

/// The paths of the files of one cluster, below a root.
pub(super) struct Paths {
    root: PathBuf,
    name: String,
}

impl Paths {
    pub(super) fn new(root: &Path, name: &str) -> Self {
        Self { root: root.to_owned(), name: name.to_owned() }
    }

    /// The name of the cluster.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn unit_name(&self) -> String {
        format!("lvsctl-{}.service", self.name)
    }

    /// The cluster file, where the installed machine finds it.
    pub(super) fn own_file(&self) -> String {
        format!("/etc/lvsctl/{}.toml", self.name)
    }

    /// The unit, where the installed machine finds it.
    pub(super) fn own_unit(&self) -> PathBuf {
        Path::new("/etc/systemd/system").join(self.unit_name())
    }

    pub(super) fn file(&self) -> PathBuf {
        self.below(&self.own_file())
    }

    pub(super) fn unit(&self) -> PathBuf {
        self.below(&format!("/etc/systemd/system/{}", self.unit_name()))
    }

    /// What `systemctl enable` would link.
    pub(super) fn wanted_at_boot(&self) -> PathBuf {
        self.below(&format!("/etc/systemd/system/multi-user.target.wants/{}", self.unit_name()))
    }

    pub(super) fn modules(&self) -> PathBuf {
        self.below(&format!("/etc/modules-load.d/lvsctl-{}.conf", self.name))
    }

    /// Letters come behind digits, so that `99-sysctl.conf` and its like have no last word.
    pub(super) fn sysctls(&self) -> PathBuf {
        self.below(&format!("/etc/sysctl.d/zz-lvsctl-{}.conf", self.name))
    }

    fn below(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// The names of the clusters that are installed below a root, sorted.
    pub(super) fn installed(root: &Path) -> std::io::Result<Vec<String>> {
        let directory = root.join("etc/systemd/system");
        let mut names = Vec::new();
        let entries = match std::fs::read_dir(directory) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(names),
            entries => entries?,
        };
        for entry in entries {
            let unit = entry?.file_name().into_string().unwrap_or_default();
            let name = unit.strip_prefix("lvsctl-").and_then(|rest| rest.strip_suffix(".service"));
            names.extend(name.map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }
}

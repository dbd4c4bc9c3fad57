//! What comes again with the next boot.

use std::fs;

/// Where `systemctl enable` links the units that a target wants.
const WANTED: &str = "/etc/systemd/system/multi-user.target.wants";

/// The units that `lvsctl install` wrote and a boot starts.
pub(super) fn started_at_boot() -> Vec<String> {
    let units = fs::read_dir(WANTED).into_iter().flatten().flatten();
    let names = units.filter_map(|unit| unit.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| name.starts_with("lvsctl-")).collect();
    names.sort_unstable();
    names
}

//! The unit for systemd, and what moves its rules.

use std::fs;
use std::path::Path;

use super::{read, run};

#[test]
fn the_units_are_ones_that_systemd_takes() {
    for name in ["ipvsadm.service", "lvsctl-metrics.service"] {
        verify(name);
    }
}

fn verify(name: &str) {
    let directory = tempfile::tempdir().unwrap();
    let unit = directory.path().join(name);
    // The programs are those of this build and of the source: nothing need be installed.
    let programs = Path::new(env!("CARGO_BIN_EXE_ipvsadm")).parent().unwrap();
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging");
    let text = read(&format!("systemd/{name}"));
    let here = text
        .replace("/usr/sbin", &programs.display().to_string())
        .replace("/usr/libexec/ipvsadm-rs", &packaging.display().to_string());
    assert_ne!(text, here);
    fs::write(&unit, here).unwrap();
    let (good, findings) =
        run("systemd-analyze", &["verify", "--man=no", &unit.display().to_string()]);
    let ours: Vec<_> = findings.lines().filter(|line| line.contains(name)).collect();
    assert!(good && ours.is_empty(), "{findings}");
}

#[test]
fn the_drop_in_changes_every_command_of_the_unit() {
    let unit = read("systemd/ipvsadm.service");
    let drop_in = read("systemd/sysconfig.conf");
    let commands: Vec<_> = unit.lines().filter(|line| line.starts_with("Exec")).collect();
    assert_eq!(commands.len(), 3);
    for line in commands {
        let key = line.split_once('=').unwrap().0;
        let moved = line.replace("--debian", "--sysconfig");
        assert!(drop_in.contains(&format!("{key}=\n{moved}\n")), "{line}");
    }
}

#[test]
fn the_debian_changelog_begins_with_the_version_of_the_package() {
    let version = env!("CARGO_PKG_VERSION");
    let first = format!("ipvsadm-rs ({version}-1) ");
    assert!(read("packaging/debian/changelog").starts_with(&first), "{first}");
}

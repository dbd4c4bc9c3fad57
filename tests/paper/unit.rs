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
    // The programs are those of this build: nothing need be installed.
    let programs = Path::new(env!("CARGO_BIN_EXE_ipvsadm")).parent().unwrap();
    let text = read(&format!("systemd/{name}"));
    let here = text.replace("/usr/sbin", &programs.display().to_string());
    assert_ne!(text, here);
    fs::write(&unit, here).unwrap();
    let (good, findings) =
        run("systemd-analyze", &["verify", "--man=no", &unit.display().to_string()]);
    let ours: Vec<_> = findings.lines().filter(|line| line.contains(name)).collect();
    assert!(good && ours.is_empty(), "{findings}");
}

#[test]
fn the_drop_in_moves_every_path_of_the_unit() {
    let unit = read("systemd/ipvsadm.service");
    let drop_in = read("systemd/sysconfig.conf");
    let settings =
        unit.lines().filter(|line| !line.starts_with('#') && line.contains("/etc/ipvsadm.rules"));
    let settings: Vec<_> = settings.collect();
    assert_eq!(settings.len(), 3);
    for line in settings {
        let key = line.split_once('=').unwrap().0;
        let moved = line.replace("/etc/ipvsadm.rules", "/etc/sysconfig/ipvsadm");
        assert!(drop_in.contains(&format!("{key}=\n{moved}\n")), "{line}");
    }
}

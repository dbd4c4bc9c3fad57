//! Units under a real systemd, in a guest where systemd is the first process: `scripts/test kernel`.

#![cfg(test)]

#[path = "../support/mod.rs"]
mod support;

#[allow(dead_code, reason = "written for the tests of the doctor")]
#[path = "../kernel_doctor/cluster.rs"]
mod cluster;
mod doctor;
mod install;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use support::{Outcome, REFERENCE, root};

/// The path of the reference, whose place our programs take.
const JUDGE: &str = "/run/reference";
/// The units that the guest needs at boot: the others take seconds.
const BOOT: &str = "-e journald -e modules-load -e sysctl";
const RULES: &str = "/etc/ipvsadm.rules";
const WEB: &str = "-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 198.51.100.2:80 -i -w 1\n";
const OTHER: &str = "-A -u 192.0.2.1:53 -s wlc\n";

/// The guest itself, which has one table and one systemd: the tests take turns.
struct Machine(#[allow(dead_code, reason = "held, not read")] MutexGuard<'static, ()>);

impl Machine {
    /// Installs our programs and the unit as the package does, with an empty table and no rules.
    fn new() -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        static INSTALLED: Once = Once::new();
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        support::in_guest();
        INSTALLED.call_once(|| {
            let programs = Path::new(support::IPVSADM).parent().unwrap().display();
            root(&format!(
                "cp {REFERENCE} {JUDGE}; \
                 cp {programs}/ipvsadm {programs}/ipvsadm-save {programs}/ipvsadm-restore \
                 {programs}/lvsctl /usr/sbin; \
                 cp systemd/ipvsadm.service /run/systemd/system; \
                 for unit in $(ls /lib/systemd/system/sysinit.target.wants | grep -v {BOOT}); do \
                     ln -s /dev/null /run/systemd/system/$unit; done; \
                 systemctl daemon-reload"
            ));
        });
        root(&format!("systemctl stop ipvsadm; rm -f {RULES}; {JUDGE} -C"));
        Self(turn)
    }

    fn run(&self, line: &str) -> Outcome {
        let output = Command::new("sh").args(["-c", line]).output().unwrap();
        Outcome {
            status: output.status.code().unwrap(),
            output: String::from_utf8(output.stdout).unwrap(),
            errors: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn systemctl(&self, verb: &str) -> Outcome {
        self.run(&format!("systemctl {verb} ipvsadm"))
    }

    /// The table, as the reference saves it.
    fn table(&self) -> String {
        self.run(&format!("{JUDGE} -Sn")).success().replace(" --tun-type ipip", "")
    }

    fn fill(&self, rules: &str) {
        let filled = self.run(&format!("{JUDGE} -R <<'END'\n{rules}END"));
        assert_eq!(filled.success(), "");
    }

    /// The last log message of the unit.
    fn last_message(&self) -> String {
        self.run("journalctl --sync; journalctl -u ipvsadm -t ipvsadm-restore -o cat -n 1")
            .success()
    }
}

#[test]
fn unit_start_restores_table_and_stop_clears_it() {
    let machine = Machine::new();
    fs::write(RULES, format!("# of {RULES}\n{WEB}")).unwrap();
    // The kernel must load its modules although the unit is sandboxed.
    root("modprobe -r ip_vs_rr ip_vs_wlc ip_vs");
    machine.systemctl("start").success();
    assert_eq!(machine.table(), WEB);
    machine.fill(OTHER);
    machine.systemctl("start").success();
    assert_eq!(machine.table(), format!("{WEB}{OTHER}"), "it had been started");

    let line = format!("ipvsadm -E -t 192.0.2.1:80 -s wlc && ipvsadm-save -n --file {RULES}");
    machine.run(&line).success();
    machine.run("ipvsadm -C").success();
    machine.systemctl("reload").success();
    assert_eq!(machine.table(), format!("{}{OTHER}", WEB.replace("-s rr", "-s wlc")));

    machine.systemctl("stop").success();
    assert_eq!(machine.table(), "");
}

#[test]
fn enabled_unit_starts_before_the_network() {
    let machine = Machine::new();
    machine.systemctl("enable").success();
    let started = "systemctl list-dependencies --plain multi-user.target network-pre.target";
    let started = machine.run(started).success();
    assert!(started.contains("ipvsadm.service"), "{started}");
    let before = machine.run("systemctl show --property Before ipvsadm").success();
    assert!(before.contains("network-pre.target"), "{before}");
    machine.systemctl("disable").success();
}

#[test]
fn unit_without_rules_file_keeps_the_table() {
    let machine = Machine::new();
    machine.fill(WEB);
    machine.systemctl("start").success();
    assert_eq!(machine.systemctl("is-active").output, "inactive\n");
    assert_eq!(machine.table(), WEB);
}

#[test]
fn unit_with_invalid_rules_fails_and_keeps_the_table() {
    let machine = Machine::new();
    machine.fill(WEB);
    for (line, message) in [
        ("-A -t 192.0.2.7:80 -s", "line 2: -s: missing argument"),
        ("-A -t 192.0.2.7:80 nonsense", "line 2: unexpected argument nonsense"),
    ] {
        fs::write(RULES, format!("{OTHER}{line}\n")).unwrap();
        assert_eq!(machine.systemctl("start").status, 1);
        assert_eq!(machine.systemctl("is-active").output, "failed\n");
        assert_eq!(machine.last_message().trim(), message);
        assert_eq!(machine.table(), WEB);
    }

    fs::write(RULES, WEB).unwrap();
    machine.systemctl("start").success();
    fs::write(RULES, format!("{OTHER}-A\n")).unwrap();
    assert_eq!(machine.systemctl("reload").status, 1);
    assert_eq!(machine.systemctl("is-active").output, "active\n");
    assert_eq!(machine.table(), WEB);
}

#[test]
fn sysconfig_drop_in_reads_the_rules_of_fedora() {
    let machine = Machine::new();
    let directory = "/run/systemd/system/ipvsadm.service.d";
    machine
        .run(&format!(
            "mkdir -p {directory} /etc/sysconfig && cp systemd/sysconfig.conf {directory} && \
             systemctl daemon-reload"
        ))
        .success();
    fs::write("/etc/sysconfig/ipvsadm", WEB).unwrap();
    machine.systemctl("start").success();
    assert_eq!(machine.table(), WEB);
    fs::write("/etc/sysconfig/ipvsadm", OTHER).unwrap();
    machine.systemctl("reload").success();
    assert_eq!(machine.table(), OTHER);
    machine.run(&format!("rm -r {directory} && systemctl daemon-reload")).success();
}

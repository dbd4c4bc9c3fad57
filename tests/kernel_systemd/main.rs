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
                 install -D packaging/ipvsadm-service /usr/libexec/ipvsadm-rs/ipvsadm-service; \
                 cp systemd/ipvsadm.service /run/systemd/system; \
                 for unit in $(ls /lib/systemd/system/sysinit.target.wants | grep -v {BOOT}); do \
                     ln -s /dev/null /run/systemd/system/$unit; done; \
                 systemctl daemon-reload"
            ));
        });
        root(&format!(
            "systemctl stop ipvsadm; rm -rf {RULES} /etc/sysconfig; {JUDGE} -C; \
             echo AUTO=true >/etc/default/ipvsadm"
        ));
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
        self.run("journalctl --sync; journalctl -u ipvsadm -t ipvsadm -o cat -n 1").success()
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
    machine.run(&format!("{JUDGE} -E -t 192.0.2.1:80 -s sh")).success();
    machine.systemctl("reload").success();
    assert_eq!(machine.table(), format!("{}{OTHER}", WEB.replace("-s rr", "-s wlc")));

    machine.systemctl("stop").success();
    assert_eq!(machine.table(), "");
}

#[test]
fn enabled_unit_starts_after_the_network_as_sync_daemons_need_it() {
    let machine = Machine::new();
    machine.systemctl("enable").success();
    let started = "systemctl list-dependencies --plain multi-user.target";
    let started = machine.run(started).success();
    assert!(started.contains("ipvsadm.service"), "{started}");
    let after = machine.run("systemctl show --property After ipvsadm").success();
    assert!(after.contains("network.target"), "{after}");
    machine.systemctl("disable").success();
}

#[test]
fn unit_without_rules_file_keeps_the_table() {
    let machine = Machine::new();
    machine.fill(WEB);
    machine.systemctl("start").success();
    assert_eq!(machine.table(), WEB);
}

#[test]
fn unit_obeys_the_rules_file_alone_without_default_file() {
    let machine = Machine::new();
    machine.run("rm /etc/default/ipvsadm").success();
    fs::write(RULES, WEB).unwrap();
    machine.systemctl("start").success();
    assert_eq!(machine.table(), WEB);
    machine.systemctl("stop").success();
    assert_eq!(machine.table(), "");

    machine.run(&format!("rm {RULES}")).success();
    machine.fill(WEB);
    machine.systemctl("start").success();
    machine.systemctl("stop").success();
    assert_eq!(machine.table(), WEB);
}

#[test]
fn unit_with_auto_false_starts_sync_daemons_and_keeps_the_table() {
    let machine = Machine::new();
    let daemons = || {
        let lines = machine.run(&format!("{JUDGE} -L --daemon")).success();
        lines
            .lines()
            .map(|line| line.split(" maxlen").next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    fs::write(RULES, OTHER).unwrap();
    machine.fill(WEB);
    root(
        "ip link add eth9 type dummy; ip link set eth9 up; ip address add 192.168.9.1/24 dev eth9",
    );
    for (kind, running) in
        [("none", &[][..]), ("master", &["master"]), ("both", &["master", "backup"])]
    {
        let file =
            format!("AUTO=false\nDAEMON=\"{kind}\"\nIFACE='eth9'\nSYNCID=7 # of this site\n");
        fs::write("/etc/default/ipvsadm", file).unwrap();
        machine.systemctl("start").success();
        let running: Vec<_> = running
            .iter()
            .map(|kind| format!("{kind} sync daemon (mcast=eth9, syncid=7,"))
            .collect();
        assert_eq!(daemons(), running, "{kind}");
        machine.systemctl("reload").success();
        machine.systemctl("stop").success();
        assert_eq!((daemons(), machine.table()), (vec![], WEB.to_owned()), "{kind}");
    }
    root("ip link delete eth9");
}

#[test]
fn default_file_is_read_as_a_shell_reads_it_with_line_ends_of_windows_too() {
    let machine = Machine::new();
    fs::write(RULES, WEB).unwrap();
    for (file, restored) in [
        ("  export AUTO='true'\n", true),
        ("# AUTO=false\r\nAUTO=\"true\"\r\nDAEMON=\"none\"\r\n\r\n", true),
        ("AUTO=true\nAUTO=\"false\" # not now\n", false),
        ("AUTO=yes\n", false),
        ("", false),
    ] {
        fs::write("/etc/default/ipvsadm", file).unwrap();
        machine.systemctl("start").success();
        assert_eq!(machine.table(), if restored { WEB } else { "" }, "{file}");
        let message = machine.last_message();
        let said =
            "ipvsadm: the rules are not restored: AUTO in /etc/default/ipvsadm is not \"true\"";
        assert!(restored || message.trim() == said, "{file}: {message}");
        machine.systemctl("stop").success();
    }
}

#[test]
fn rules_that_are_a_link_to_a_private_file_of_another_user_are_restored() {
    let machine = Machine::new();
    let home = "/home/operator";
    root(&format!("mkdir -p {home}; ln -s {home}/lvs.rules {RULES}"));
    fs::write(format!("{home}/lvs.rules"), WEB).unwrap();
    root(&format!("chmod 700 {home}; chmod 600 {home}/lvs.rules; chown -R 65534 {home}"));
    machine.systemctl("start").success();
    assert_eq!(machine.table(), WEB);
    root(&format!("rm -r {home}"));
}

#[test]
fn unit_with_default_file_that_is_no_shell_file_fails_and_keeps_the_table() {
    let machine = Machine::new();
    machine.fill(WEB);
    fs::write("/etc/default/ipvsadm", "AUTO=\"true\n").unwrap();
    assert_eq!(machine.systemctl("start").status, 1);
    let message = machine.last_message();
    assert!(message.contains("/etc/default/ipvsadm: not a valid shell file"), "{message}");
    assert_eq!(machine.table(), WEB);
}

#[test]
fn boot_with_one_invalid_rule_restores_the_others_and_reports_it() {
    let machine = Machine::new();
    fs::write(RULES, format!("{OTHER}-A -t 192.0.2.7:80 -s\n{WEB}")).unwrap();
    assert_eq!(machine.systemctl("start").status, 1);
    assert_eq!(machine.last_message().trim(), "line 2: -s: missing argument");
    assert_eq!(machine.table(), format!("{WEB}{OTHER}"));
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

/// The unit with the drop-in of the RPM package, until the end of the test.
struct Sysconfig(Machine);

impl Sysconfig {
    const DIRECTORY: &str = "/run/systemd/system/ipvsadm.service.d";
    const FILE: &str = "/etc/sysconfig/ipvsadm";

    fn new() -> Self {
        let machine = Machine::new();
        machine
            .run(&format!(
                "mkdir -p {directory} /etc/sysconfig && cp systemd/sysconfig.conf {directory} && \
                 systemctl daemon-reload",
                directory = Self::DIRECTORY
            ))
            .success();
        Self(machine)
    }
}

impl Drop for Sysconfig {
    fn drop(&mut self) {
        root(&format!(
            "systemctl stop ipvsadm; rm -r {}; systemctl daemon-reload",
            Self::DIRECTORY
        ));
    }
}

#[test]
fn sysconfig_with_rules_is_restored_and_saved_at_stop_as_on_fedora() {
    let fedora = Sysconfig::new();
    let machine = &fedora.0;
    fs::write(Sysconfig::FILE, WEB).unwrap();
    machine.systemctl("start").success();
    assert_eq!(machine.table(), WEB);
    fs::write(Sysconfig::FILE, OTHER).unwrap();
    machine.systemctl("reload").success();
    assert_eq!(machine.table(), OTHER);
    machine.fill(WEB);
    machine.systemctl("stop").success();
    assert_eq!(machine.table(), "");
    let saved = fs::read_to_string(Sysconfig::FILE).unwrap();
    assert_eq!(saved.replace(" --tun-type ipip", ""), format!("{WEB}{OTHER}"));

    // Without a saved table, it is not cleared.
    machine.systemctl("start").success();
    root("rm -r /etc/sysconfig && touch /etc/sysconfig");
    machine.systemctl("stop");
    assert_eq!(machine.table(), format!("{WEB}{OTHER}"));
    root("rm /etc/sysconfig");
}

#[test]
fn sysconfig_that_is_a_link_is_saved_at_stop_whatever_ipvsadm_config_says_as_on_fedora() {
    let fedora = Sysconfig::new();
    let machine = &fedora.0;
    root(&format!(
        "mkdir -p /srv/lvs; ln -s /srv/lvs/rules {file}; chown 65534 /srv/lvs; \
         printf 'IPVS_SAVE_ON_STOP=\"no\"\\nIPVS_SAVE_ON_RESTART=\"no\"\\n' >{file}-config",
        file = Sysconfig::FILE
    ));
    fs::write("/srv/lvs/rules", WEB).unwrap();
    machine.systemctl("start").success();
    machine.fill(OTHER);
    machine.systemctl("restart").success();
    assert_eq!(machine.table(), format!("{WEB}{OTHER}"));
    root(&format!("{JUDGE} -D -t 192.0.2.1:80"));
    machine.systemctl("stop").success();
    assert_eq!(machine.table(), "");
    assert_eq!(fs::read_to_string("/srv/lvs/rules").unwrap(), OTHER);
    assert!(fs::symlink_metadata(Sysconfig::FILE).unwrap().is_symlink());
    root("rm -r /srv/lvs");
}

#[test]
fn sysconfig_that_names_a_rules_file_is_read_as_on_opensuse() {
    let suse = Sysconfig::new();
    let machine = &suse.0;
    for (name, rules) in [
        ("## Type: string\nIPVSADM_CONFIG=\"\"\n", RULES),
        ("## Type: string\nIPVSADM_CONFIG=\"/run/own.rules\"\n", "/run/own.rules"),
        ("export IPVSADM_CONFIG='/home/two words.rules'\r\n", "/home/two words.rules"),
    ] {
        fs::write(Sysconfig::FILE, name).unwrap();
        fs::write(rules, WEB).unwrap();
        machine.systemctl("start").success();
        assert_eq!(machine.table(), WEB, "{name}");
        machine.fill(OTHER);
        machine.systemctl("stop").success();
        assert_eq!(machine.table(), "", "{name}");
        assert_eq!(fs::read_to_string(rules).unwrap(), WEB, "{name}");
        assert_eq!(fs::read_to_string(Sysconfig::FILE).unwrap(), name);
        fs::remove_file(rules).unwrap();
    }
}

/// A stand-in for openrc-run: reads the settings and the service, and calls the function.
const OPENRC_RUN: &str = r#"#!/bin/sh
ebegin() { :; }
eend() { return "$1"; }
. "/etc/conf.d/${1##*/}"
. "$1"
"$2"
"#;

#[test]
fn openrc_service_saves_at_stop_and_restores_at_start() {
    let machine = Machine::new();
    let saved = "/var/lib/ipvsadm/rules-save";
    fs::write("/run/openrc-run", OPENRC_RUN).unwrap();
    root(
        "mkdir -p /etc/conf.d && cp packaging/ipvsadm.conf.d /etc/conf.d/ipvsadm.openrc && chmod +x /run/openrc-run",
    );
    let service = |verb: &str| {
        machine.run(&format!("/run/openrc-run packaging/ipvsadm.openrc {verb}")).success();
    };
    machine.fill(WEB);
    service("start");
    assert_eq!(machine.table(), WEB, "without a saved table");
    service("stop");
    assert_eq!(machine.table(), "");
    service("start");
    assert_eq!(machine.table(), WEB);
    machine.fill(OTHER);
    service("reload");
    assert_eq!(machine.table(), WEB);
    service("clear");
    service("save");
    assert_eq!(fs::read_to_string(saved).unwrap(), "");

    root(&format!("printf '%s' '{WEB}' >{saved}"));
    service("load");
    assert_eq!(machine.table(), WEB);
    root(&format!("true >{saved}; echo SAVE_ON_STOP=No >>/etc/conf.d/ipvsadm.openrc"));
    service("stop");
    assert_eq!(machine.table(), "");
    assert_eq!(fs::read_to_string(saved).unwrap(), "");
    root("rm -r /etc/conf.d /var/lib/ipvsadm");
}

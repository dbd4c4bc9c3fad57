//! `lvsctl install`: two clusters on one machine, the director of one and a real server of the other.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{JUDGE, Machine};
use crate::support::{assert_same, root};

const FRONT: &str = r#"
name = "front"
mode = "nat"
directors = ["192.168.20.254"]
[[service]]
listen = "tcp://192.168.10.10:80"
scheduler = "rr"
real = ["192.168.20.1"]
"#;

const POOL: &str = r#"
name = "pool"
mode = "tun"
directors = ["192.168.10.9"]
[[service]]
listen = "tcp://192.168.10.20:80"
real = ["192.168.10.1"]
[[service]]
listen = "tcp://192.168.10.21:80"
mode = "dr"
real = ["192.168.10.1"]
"#;

const UNITS: &str = "lvsctl-front lvsctl-pool";

/// All state that the two could leave behind. `tunl0` stays, down, once it exists.
fn everything(machine: &Machine) -> String {
    let line = "ip -oneline link show | sed 's/qdisc [^ ]* //'; ip -4 -oneline address show; \
         ip route show table all; grep -r . /proc/sys/net/ipv4/conf /proc/sys/net/ipv4/ip_forward | sort";
    machine.run(line).success() + &machine.table()
}

fn installed(machine: &Machine) -> String {
    machine.run("find /etc -name '*lvsctl*' | sort").success()
}

/// Asserts that the kernel has the values of the sysctl drop-in of a cluster.
fn agree(name: &str) {
    let drop_in = fs::read_to_string(format!("/etc/sysctl.d/zz-lvsctl-{name}.conf")).unwrap();
    let settings: Vec<_> = drop_in.lines().filter_map(|line| line.split_once(" = ")).collect();
    assert!(settings.len() > 3, "{drop_in}");
    for (key, value) in settings {
        let found = fs::read_to_string(Path::new("/proc/sys").join(key)).unwrap();
        assert_eq!(found.trim(), value, "{key}");
    }
}

#[test]
fn installed_clusters_are_applied_at_boot_and_reverted_at_stop() {
    let machine = Machine::new();
    root(
        "modprobe ipip; modprobe ip_vs; systemctl start sysinit.target; \
         for device in eth0 eth1; do ip link add $device type dummy; ip link set $device up; done; \
         ip address add 192.168.10.1/24 dev eth0; ip address add 192.168.20.254/24 dev eth1",
    );
    let before = everything(&machine);
    fs::write("/run/front.toml", FRONT).unwrap();
    fs::write("/run/pool.toml", POOL).unwrap();
    let refused = machine.run("setpriv --reuid nobody lvsctl install /run/front.toml");
    assert_eq!(refused.status, 1);
    // Of the files, or of the journal, where there is one.
    assert!(refused.errors.contains(" as root"), "{refused:?}");
    assert_eq!(installed(&machine), "");

    for name in ["front", "pool"] {
        let line = format!("lvsctl install /run/{name}.toml");
        assert!(machine.run(&line).success().contains(": 5 files; next, run:"));
        assert!(machine.run(&line).success().ends_with(": no changes needed\n"));
        root(&format!("rm /run/{name}.toml"));
    }
    let all = installed(&machine);
    // The addresses arrive late.
    let drop_in = "/run/systemd/system/lvsctl-front.service.d";
    root(&format!(
        "mkdir {drop_in}; printf '[Service]\\nRestartSec=1s\\n' >{drop_in}/soon.conf; \
         ip address delete 192.168.20.254/24 dev eth1; systemctl daemon-reload"
    ));
    let enabled = machine.run(&format!("systemctl is-enabled {UNITS}")).success();
    assert_eq!(enabled, "enabled\nenabled\n");
    let late = machine.run("systemctl start lvsctl-front");
    assert_eq!(late.status, 1, "{late:?}");
    root("ip address add 192.168.20.254/24 dev eth1");
    let started = Instant::now();
    while machine.run("systemctl is-active lvsctl-front").status != 0 {
        assert!(started.elapsed() < Duration::from_secs(30), "it is not tried again");
        std::thread::sleep(Duration::from_millis(200));
    }
    machine.run("systemctl start lvsctl-pool").success();
    let table = "-A -t 192.168.10.10:80 -s rr\n-a -t 192.168.10.10:80 -r 192.168.20.1:80 -m -w 1\n";
    assert_eq!(machine.table(), table);
    let addresses = machine.run("ip -4 -brief address show").success();
    for vip in [10, 20, 21] {
        assert!(addresses.contains(&format!("192.168.10.{vip}/32")), "{addresses}");
    }
    agree("front");
    agree("pool");
    let up = everything(&machine);
    machine.run(&format!("{JUDGE} -C; systemctl reload lvsctl-front")).success();
    assert_same(&everything(&machine), &up, "after reload");
    let refused = machine.run("lvsctl uninstall pool");
    assert_eq!(refused.status, 1);
    assert!(refused.errors.contains("systemctl disable --now lvsctl-pool.service"), "{refused:?}");
    machine.run(&format!("systemctl restart {UNITS}")).success();
    assert_same(&everything(&machine), &up, "after restart");
    machine.run(&format!("systemctl stop {UNITS}")).success();
    assert_same(&everything(&machine), &before, "after stop");

    // What happens at boot before the units start.
    root("modprobe -r ipip; systemctl restart systemd-modules-load systemd-sysctl");
    agree("front");
    agree("pool");
    for name in ["front", "pool"] {
        let steps = machine.run(&format!("lvsctl diff /etc/lvsctl/{name}.toml"));
        assert_eq!(steps.status, 2);
        assert!(!steps.output.contains("/proc/sys"), "{steps:?}");
        assert!(!steps.output.contains("modprobe"), "{steps:?}");
    }
    // What udev does for a new interface, by systemd's 99-systemd.rules.
    root(
        "modprobe -r ipip; modprobe ipip; \
         /lib/systemd/systemd-sysctl --prefix=/net/ipv4/conf/tunl0",
    );
    agree("pool");

    assert_eq!(installed(&machine), all);
    let unit = "/etc/systemd/system/lvsctl-pool.service";
    let text = fs::read_to_string(unit).unwrap();
    fs::write(unit, text.replace("5min", "1min")).unwrap();
    let refused = machine.run("lvsctl uninstall pool");
    assert!(refused.errors.contains("lvsctl-pool.service was changed since"), "{refused:?}");
    assert_eq!(installed(&machine), all);
    fs::write(unit, text).unwrap();
    machine.run("lvsctl uninstall pool && lvsctl uninstall").success();
    assert_eq!(installed(&machine), "");
    root(&format!("rm -r {drop_in}; ip link delete eth0; ip link delete eth1"));
}

#[test]
fn install_names_network_manager_and_its_setting() {
    let machine = Machine::new();
    // Without udev, networkd manages interfaces only if /sys is read-only, as in a container.
    root(
        "mkdir -p /run/systemd/network; mount -o remount,ro /sys; \
         printf '[Match]\\nName=eth7\\n[Network]\\nAddress=192.168.30.1/24\\n' \
             >/run/systemd/network/10-seven.network; \
         ip link add eth7 type dummy; systemctl start systemd-networkd; \
         until ip address show dev eth7 | grep -q 192.168.30.1/24; do sleep 0.2; done",
    );
    let file = FRONT.replace("192.168.20", "192.168.30").replace("192.168.10", "192.168.30");
    fs::write("/run/seven.toml", file).unwrap();
    let plan = machine.run("lvsctl install --dry-run /run/seven.toml").success();
    root(
        "systemctl stop systemd-networkd.socket systemd-networkd; rm /run/systemd/network/10-seven.network; \
         ip link delete eth7; mount -o remount,rw /sys",
    );
    assert!(
        plan.starts_with(
            "# systemd-networkd manages eth7 by /run/systemd/network/10-seven.network"
        )
    );
    let snippet = "write /etc/systemd/network/10-seven.network.d/lvsctl-front.conf:\n\
         #     [Network]\n#     KeepConfiguration=static\n";
    assert!(plan.contains(snippet), "{plan}");
}

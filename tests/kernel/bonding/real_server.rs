//! A NAT real server and a bond change one default route, one after the other.

use crate::support::cluster_file::ClusterFile;
use crate::support::{Host, assert_same, root};

const BOND: &str = "mode = \"dr\"\n[[director.bond]]\nname = \"bond0\"\nmode = \"active-backup\"\n\
     ports = [\"eth0\", \"eth1\"]\n[[service]]\nlisten = \"tcp://192.0.2.10:80\"\n\
     real = [\"192.0.2.20\"]\n";

const UP: &str = "real-server up --mode nat --vip 203.0.113.9 --gateway 192.0.2.254 \
     --vip 2001:db8:9::9 --gateway 2001:db8::fe";
const DOWN: &str = "real-server down --mode nat --vip 203.0.113.9 --vip 2001:db8:9::9";

/// Two ports, one of them in use, and an interface besides.
fn host() -> Host {
    root("modprobe bonding max_bonds=0");
    let host = Host::with_addresses();
    host.shell(
        "set -e; ip link add eth1 type dummy; ip link set dummy0 down; \
         ip address add 192.0.2.1/24 dev eth0; ip address add 2001:db8::1/64 dev eth0 nodad; \
         ip link add uplink type dummy; ip link set uplink up; ip address add 10.0.0.1/24 dev uplink",
    )
    .success();
    host
}

/// The kernel's own routes of an interface that was down come last.
fn sorted(host: &Host) -> String {
    let everything = host.everything();
    let mut lines: Vec<_> = everything.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// Makes the journal one of an earlier release: without the indexes of interfaces, and without an end.
fn age_journal(host: &Host) {
    let files = std::fs::read_dir(host.state_directory()).unwrap();
    let mut paths = files.map(|entry| entry.unwrap().path());
    let path = paths.find(|path| path.extension().is_some_and(|it| it == "journal")).unwrap();
    let mut aged = String::new();
    for line in std::fs::read_to_string(&path).unwrap().lines() {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        if line.get("version").is_some() {
            line["version"] = 2.into();
        }
        if let Some(entry) = line.get_mut("entry") {
            entry.as_object_mut().unwrap().remove("interface");
        }
        if line.get("end").is_none() {
            aged += &format!("{line}\n");
        }
    }
    std::fs::write(path, aged).unwrap();
}

/// Both orders in which the two are reverted, with these default routes before.
#[track_caller]
fn is_put_back(host: &Host, default: &str, bond_first: bool) {
    let file = ClusterFile::new("bond-and-nat", BOND);
    let bond = [file.line("apply --role director"), file.line("down")];
    let nat = [UP.to_owned(), DOWN.to_owned()];
    host.shell(default).success();
    let before = sorted(host);
    let (first, second) = if bond_first { (&bond, &nat) } else { (&nat, &bond) };
    for downs in [[&first[1], &second[1]], [&second[1], &first[1]]] {
        for up in [first, second] {
            host.lvsctl_inside(&up[0]).success();
        }
        let routes = host.shell("ip route show default; ip -6 route show default").success();
        for line in ["via 192.0.2.254 dev bond0", "via 2001:db8::fe dev bond0"] {
            assert!(routes.contains(line), "{line}\n{routes}");
        }
        if *downs[0] == nat[1] {
            age_journal(host);
        }
        for down in downs {
            host.lvsctl_inside(down).success();
        }
        assert_same(&sorted(host), &before, &format!("{}, then {downs:?}", first[0]));
    }
}

#[test]
fn bond_and_nat_real_server_put_the_default_route_back_in_any_order() {
    let host = host();
    let plain = "ip route add default via 192.0.2.253 dev eth0 && \
                 ip -6 route add default via 2001:db8::fd dev eth0 metric 1";
    let without = "ip route del default; ip -6 route del default metric 1";
    is_put_back(&host, plain, true);
    host.shell(without).success();
    is_put_back(&host, plain, false);
    // What `down` of the real server restores meanwhile is on the bond.
    let file = ClusterFile::new("bond-between", BOND);
    host.lvsctl_inside(UP).success();
    host.lvsctl_inside(&file.line("apply --role director")).success();
    host.lvsctl_inside(DOWN).success();
    let routes = host.shell("ip route show default").success();
    assert_eq!(routes.trim(), "default via 192.0.2.253 dev bond0");
    for line in ["apply --role director", "status --role director"] {
        let again = host.lvsctl_inside(&file.line(line));
        assert_eq!(again.status, 0, "{again:?}");
        assert_eq!(host.shell("ip route show default").success(), routes);
    }
    host.lvsctl_inside(&file.line("down")).success();
    host.shell(without).success();
    is_put_back(
        &host,
        "ip route add default via 192.0.2.253 dev eth0 proto dhcp src 192.0.2.1 mtu 1400",
        false,
    );
    host.shell("ip route del default").success();
    is_put_back(&host, "ip route add default via 10.0.0.254 dev uplink proto static", false);
}

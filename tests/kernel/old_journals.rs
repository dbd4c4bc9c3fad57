//! `lvsctl down` with journals that lvsctl 0.1 wrote (`tests/fixtures/0.1`).

use std::fs;

use crate::support::{Host, assert_same, root};

/// Sets a host up, puts the old journal in the place of the new one, and reverts by it.
#[track_caller]
fn reverts(host: &Host, up: &[&str], down: &[&str], old: &str) {
    let settings = || {
        let listings = ["-L --timeout", "-L --daemon"];
        listings.map(|listing| host.reference(listing).success()).concat()
    };
    let before = host.everything() + &settings();
    for line in up {
        host.lvsctl(line).success();
    }
    let journal = fs::read_dir(host.state_directory())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "journal"))
        .unwrap();
    // The first line names the boot and the namespace, which are not those of the old journal.
    let new = fs::read_to_string(&journal).unwrap();
    let header = new.lines().next().unwrap().replace("\"version\":3", "\"version\":2");
    let entries = old.split_once('\n').unwrap().1;
    fs::write(&journal, format!("{header}\n{entries}")).unwrap();
    let status = host.lvsctl("status");
    assert_eq!(status.status, 0, "{status:?}");
    for line in down {
        host.lvsctl(line).success();
    }
    assert_same(&(host.everything() + &settings()), &before, "after down");
    assert!(!journal.exists(), "nothing is left to revert");
}

/// A host with `eth0`, which has these addresses, and the index that the old routes name.
fn host(addresses: [&str; 2]) -> Host {
    root("modprobe -a ip_vs ip_vs_pe_sip");
    let host = Host::new();
    host.shell("ip link add eth0 index 9 type dummy && ip link set eth0 up").success();
    for address in addresses {
        host.shell(&format!("ip address add {address} dev eth0")).success();
    }
    host
}

#[test]
fn down_with_old_journal_of_dr_real_server_reverts_it() {
    let host = host(["192.168.10.3/24", "2001:db8:1::3/64"]);
    let lines = ["up", "down"].map(|verb| {
        format!("real-server {verb} --mode dr --vip 192.168.10.11 --vip 2001:db8:1::10")
    });
    let journal = include_str!("../fixtures/0.1/dr.journal");
    reverts(&host, &[&lines[0]], &[&lines[1]], journal);
}

#[test]
fn down_with_old_journal_of_nat_real_server_restores_default_routes() {
    let host = host(["192.168.20.1/24", "2001:db8:2::1/64"]);
    host.shell(
        "ip route add default via 192.168.20.253 dev eth0 proto static mtu 1400 advmss 1300 && \
         ip route add default via 2001:db8:2::253 dev eth0 proto static metric 1 mtu 1400",
    )
    .success();
    let up = [
        "real-server up --mode nat --vip 198.51.100.17 --gateway 192.168.20.254",
        "real-server up --mode nat --vip 2001:db8:1::17 --gateway 2001:db8:2::254",
    ];
    let down = [
        "real-server down --mode nat --vip 198.51.100.17",
        "real-server down --mode nat --vip 2001:db8:1::17",
    ];
    reverts(&host, &up, &down, include_str!("../fixtures/0.1/nat.journal"));
}

#[test]
fn down_with_old_journal_of_exclusive_director_restores_unmanaged_services() {
    let host = host(["192.168.10.1/24", "2001:db8:1::1/64"]);
    let unmanaged = "-A -t 192.0.2.99:443 -s wlc -p 60\n\
                     -a -t 192.0.2.99:443 -r 192.168.10.2:443 -g -w 3\n-A -f 3 -s rr -o\n";
    host.restore(unmanaged).success();
    let up = "apply --exclusive tests/fixtures/0.1/director.toml";
    let down = "down tests/fixtures/0.1/director.toml";
    reverts(&host, &[up], &[down], include_str!("../fixtures/0.1/director.journal"));
}

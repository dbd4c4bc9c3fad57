//! Rules of nftables: what the doctor says of them, and what happens to packets.
//!
//! User-Mode Linux has no nftables, so these tests run in the other guest: `scripts/test nftables`.

#![cfg(test)]

#[path = "../kernel_doctor/cluster.rs"]
#[allow(dead_code, reason = "the doctor's tests use the rest")]
mod cluster;
#[path = "../support/mod.rs"]
mod support;

mod rulesets;

use cluster::{Cluster, DR, DR_IPV6, NAT, Way, examined, ids};
use rulesets::{At, Case, Says};
use support::Host;
use support::cluster_file::ClusterFile;

/// Loads each ruleset, and compares the doctor with the packets of a client.
fn agree(way: Way, cases: &[Case]) {
    let cluster = Cluster::up(way);
    cluster.is_well();
    // On a real server only a file says which port matters.
    let file = ClusterFile::new(
        &way.vip.replace(':', "-"),
        &format!(
            "mode = \"{}\"\ndirectors = [\"{}\"]\n[[service]]\nlisten = \"tcp://{}:80\"\n\
             scheduler = \"rr\"\nreal = [\"{}\"]\n",
            way.mode,
            if way.vip.contains(':') { "2001:db8:1::1" } else { "192.168.10.1" },
            if way.vip.contains(':') { format!("[{}]", way.vip) } else { way.vip.to_owned() },
            if way.vip.contains(':') { "2001:db8:1::2" } else { "192.168.10.2" },
        ),
    );
    let mut wrong = Vec::new();
    for case in cases {
        let (host, options) = match case.at {
            At::Director => (&cluster.director, String::new()),
            At::Real => (&cluster.real, file.line("")),
        };
        load(host, case);
        cluster.client.shell("ip neigh flush all").success();
        let answer = cluster.client.ask_within(way.vip, 80, std::time::Duration::from_millis(900));
        let (status, findings, object) = examined(host, &options);
        let unknown = object["unknown"].as_array().unwrap();
        let said = match ids(&findings).as_slice() {
            [] if !unknown.is_empty() => Says::Unknown,
            [] => Says::Works,
            found if found.contains(&"F1") => Says::Dead,
            _ => Says::Other,
        };
        let happened = if answer == "real" { Says::Works } else { Says::Dead };
        let name = case.name;
        if happened != case.happens {
            wrong.push(format!("{name}: packets: {happened:?}, expected {:?}", case.happens));
        }
        if said != case.says {
            wrong.push(format!(
                "{name}: doctor ({status}): {said:?}, expected {:?}\n{findings:#?}\n{unknown:#?}",
                case.says
            ));
        }
        if said == Says::Dead {
            wrong.extend(
                is_not_fixed(&cluster, way, host, &findings).map(|it| format!("{name}: {it}")),
            );
        }
        host.shell("nft flush ruleset").success();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    cluster.is_well();
}

fn load(host: &Host, case: &Case) {
    let file = format!("{}.nft", host.state_directory().display());
    // nft wants each block that ends in a line of its own.
    std::fs::write(&file, case.rules.replace("} }", "}\n}")).unwrap();
    let program = if case.rules.starts_with('*') { "iptables-nft-restore" } else { "nft -f" };
    let loaded = host.shell(&format!("{program} {file}"));
    assert_eq!(loaded.status, 0, "{}: {loaded:?}", case.name);
}

/// What is wrong with the fix of a finding, which is to heal, and with its undo.
fn is_not_fixed(
    cluster: &Cluster,
    way: Way,
    host: &Host,
    findings: &[serde_json::Value],
) -> Option<String> {
    let finding = findings.iter().find(|it| it["id"] == "F1")?;
    let fix = finding["fix"][0].as_str().unwrap_or_default();
    if finding["fix"].as_array().is_none_or(Vec::is_empty) {
        return None;
    }
    let before = host.shell("nft list ruleset").success();
    let fixed = host.shell(fix);
    if fixed.status != 0 {
        return Some(format!("{fix}: {fixed:?}"));
    }
    if cluster.client.ask(way.vip, 80) != "real" {
        return Some(format!("{fix} heals nothing"));
    }
    let undo = finding["undo"][0].as_str().unwrap_or_default();
    let undone = host.shell(undo);
    let after = host.shell("nft list ruleset").success();
    (undone.status != 0 || after != before).then(|| format!("{undo}: {undone:?}\n{after}"))
}

#[test]
fn rules_on_a_real_server_are_judged_as_packets_are() {
    agree(DR, rulesets::REAL_SERVER);
}

#[test]
fn rules_on_a_real_server_of_ipv6_are_judged_as_packets_are() {
    agree(DR_IPV6, rulesets::IPV6);
}

#[test]
fn rules_on_a_director_of_nat_are_judged_as_packets_are() {
    agree(NAT, rulesets::DIRECTOR);
}

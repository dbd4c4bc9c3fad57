//! Faults of a director: its address, its table, and other programs that manage it.

use lvs::ipvs::{Client, Destination, Forwarding, ServiceIdentity};

use crate::cluster::{Breakage, Cluster, DR, examined, ids, is_found, is_healthy, run};
use crate::support::{LVSCTL, root};

const WEB: &str = "-t 192.168.10.10:80";

#[test]
fn broken_director_is_found_and_fixed() {
    let mut cluster = Cluster::up(DR);
    missing_address_and_wrong_port_are_fixed(&cluster);
    director_that_is_a_real_server_is_checked(&mut cluster);
    another_manager_of_the_table_is_named(&cluster);
    names_in_boot_rules_are_found(&cluster);
    services_that_refuse_clients_are_found(&cluster);
    let host = &cluster.director;
    let (server, other) = (format!("{WEB} -r 192.168.10.2 -g"), format!("{WEB} -r 10.9.9.9"));
    let by = format!(
        "ip route add default via 203.0.113.1 dev eth0 onlink && \
         ip neigh replace 203.0.113.1 lladdr 02:00:00:00:00:99 dev eth0 nud reachable && ipvsadm -a {other} -i && \
         ipvsadm -e {server} -w 0"
    );
    let fixed_by = format!("ip route del default; ipvsadm -d {other}; ipvsadm -e {server} -w 1");
    cluster.breaks_until(&Breakage { id: "I3", host, by: &by, felt: true }, &fixed_by);
    hash_that_refuses_clients_is_fixed(&cluster);
    connections_that_stay_half_open_are_found(&cluster);
}

fn missing_address_and_wrong_port_are_fixed(cluster: &Cluster) {
    let host = &cluster.director;
    for (id, felt, by) in [
        ("A16", true, "ip address del 192.168.10.10/32 dev eth0".to_owned()),
        ("H21", true, format!("ipvsadm -D {WEB}")),
        (
            "H5",
            false,
            "ip link add sync type dummy && ip link set sync up && \
             ipvsadm --start-daemon master --mcast-interface sync && ip link set sync down"
                .to_owned(),
        ),
    ] {
        cluster.breaks(&Breakage { id, host, by: &by, felt });
    }
    let fixed_by = "ip link set sync carrier on";
    let by = "ip link set sync carrier off";
    cluster.breaks_until(&Breakage { id: "H5", host, by, felt: false }, fixed_by);
    host.shell("ipvsadm --stop-daemon master && ip link del sync").success();
    host.shell("ipvsadm --start-daemon master --mcast-interface eth0").success();
    for value in ["1 50", "5 50"] {
        let by = format!("echo {value} >/proc/sys/net/ipv4/vs/sync_threshold");
        cluster.breaks(&Breakage { id: "H25", host, by: &by, felt: false });
    }
    host.shell("ipvsadm --stop-daemon master").success();
    // `ipvsadm` cannot create such a destination.
    host.inside(|| {
        let mut ipvs = Client::connect().unwrap();
        let address: std::net::Ipv4Addr = "192.168.10.2".parse().unwrap();
        let web = ServiceIdentity::tcp("192.168.10.10".parse::<std::net::Ipv4Addr>().unwrap(), 80);
        let destination = Destination::new(address, 8080, Forwarding::DirectRouting);
        ipvs.add_destination(&web, &destination).unwrap();
        ipvs.delete_destination(&web, address.into(), 80).unwrap();
    });
    let finding = is_found(host, "N11");
    run(host, &finding, "fix");
    is_healthy(host, "director");
    cluster.is_answered();
}

fn director_that_is_a_real_server_is_checked(cluster: &mut Cluster) {
    let local = "-t 192.168.10.10:445";
    cluster.director.reference(&format!("-A {local} -s rr")).success();
    cluster.director.reference(&format!("-a {local} -r 192.168.10.1 -g")).success();
    let finding = is_found(&cluster.director, "N15");
    assert!(finding["title"].as_str().unwrap().contains("192.168.10.10:445"), "{finding:#}");
    cluster.director.serve(445, "director");
    is_healthy(&cluster.director, "director");
    // As a standby it forwards what it must answer.
    cluster.director.stop_serving(445);
    cluster.director.reference(&format!("-a {local} -r 192.168.10.2 -g")).success();
    let finding = is_found(&cluster.director, "N15");
    run(&cluster.director, &finding, "fix");
    is_healthy(&cluster.director, "director");
    run(&cluster.director, &finding, "undo");
    is_found(&cluster.director, "N15");
    cluster.director.serve(445, "director");
    is_healthy(&cluster.director, "director");
    let start = "ipvsadm --start-daemon backup --mcast-interface eth0";
    cluster.director.shell(start).success();
    let finding = is_found(&cluster.director, "H9");
    run(&cluster.director, &finding, "fix");
    is_healthy(&cluster.director, "director");
    run(&cluster.director, &finding, "undo");
    run(&cluster.director, &is_found(&cluster.director, "H9"), "fix");
    cluster.director.shell("ipvsadm --stop-daemon backup").success();
}

fn another_manager_of_the_table_is_named(cluster: &Cluster) {
    root("cp /bin/sleep /run/keepalived");
    let process = cluster.director.shell("/run/keepalived 600 & echo $!").success();
    let director = &cluster.director;
    // It is a shell until exec.
    let findings = loop {
        let (_, findings, _) = examined(director, "");
        if !findings.is_empty() {
            break findings;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    assert_eq!(ids(&findings), ["K12", "N13"]);
    run(director, &findings[1], "fix");
    is_found(director, "K12");
    run(director, &findings[1], "undo");
    assert_eq!(examined(director, "").1, findings);
    run(director, &findings[1], "fix");
    // Programs in other namespaces do not count.
    is_healthy(&cluster.real, "real-server");
    cluster.director.shell(&format!("kill {process}")).success();
}

fn names_in_boot_rules_are_found(cluster: &Cluster) {
    let outcome = cluster.director.shell(&format!(
        "echo '-A -t www.example.org:80 -s rr' >/run/rules-with-names && touch /etc/ipvsadm.rules && \
         unshare --mount sh -c 'mount --bind /run/rules-with-names /etc/ipvsadm.rules && \
         exec {LVSCTL} doctor'"
    ));
    assert_eq!(outcome.status, 0, "{outcome:?}");
    assert!(outcome.output.starts_with("advice names-in-boot-rules (H16): "), "{outcome:?}");
    is_healthy(&cluster.director, "director");
}

fn services_that_refuse_clients_are_found(cluster: &Cluster) {
    let host = &cluster.director;
    cluster.is_answered();
    cluster.breaks_until(
        &Breakage {
            id: "H12",
            host,
            by: &format!("ipvsadm -e {WEB} -r 192.168.10.2 -g -w 0"),
            felt: true,
        },
        &format!("ipvsadm -e {WEB} -r 192.168.10.2 -g -w 1"),
    );
    // Earlier connections count as inactive ones; the kernel applies the limit from the next one on.
    host.reference(&format!("-e {WEB} -r 192.168.10.2 -g -w 1 -x 1")).success();
    cluster.is_answered();
    cluster.breaks_until(
        &Breakage { id: "H13", host, by: "true", felt: true },
        &format!("ipvsadm -e {WEB} -r 192.168.10.2 -g -w 1"),
    );
    let two = |scheduler: &str| {
        format!(
            "ipvsadm -A -t 192.168.10.10:443 -s {scheduler} && \
             ipvsadm -a -t 192.168.10.10:443 -r 192.168.10.2 -g && \
             ipvsadm -a -t 192.168.10.10:443 -r 192.168.10.3 -g -w 0"
        )
    };
    for (id, by) in [
        ("H3", two("rr -p 300")),
        ("H17", "echo 3 >/proc/sys/net/ipv4/vs/drop_entry".to_owned()),
        ("H17", "echo 3 >/proc/sys/net/ipv4/vs/secure_tcp".to_owned()),
        ("H1", "ipvsadm --set 60 0 0".to_owned()),
        ("H2", "ipvsadm -A -u 192.168.10.10:53 -s rr; ipvsadm -a -u 192.168.10.10:53 -r 192.168.10.2 -g; ipvsadm --set 0 0 3600".to_owned()),
    ] {
        cluster.breaks(&Breakage { id, host, by: &by, felt: false });
    }
}

/// The hash selects the drained server for some clients.
fn hash_that_refuses_clients_is_fixed(cluster: &Cluster) {
    let (client, host) = (&cluster.client, &cluster.director);
    let clients = "$(seq 101 116)";
    client
        .shell(&format!(
            "for i in {clients}; do echo address add 192.168.10.$i/24 dev eth0; done | ip -batch -"
        ))
        .success();
    let refused = || {
        let count = client.shell(&format!(
            "for i in {clients}; do \
             ncat -s 192.168.10.$i 192.168.10.10 80 </dev/null || echo $i; done"
        ));
        count.output.lines().filter(|line| line.parse::<u8>().is_ok()).count()
    };
    host.reference(&format!("-a {WEB} -r 192.168.10.3 -g -w 0")).success();
    assert_eq!(refused(), 0);
    host.reference(&format!("-E {WEB} -s sh")).success();
    assert_ne!(refused(), 0);
    let finding = is_found(host, "H15");
    run(host, &finding, "fix");
    is_healthy(host, "director");
    assert_eq!(refused(), 0);
    run(host, &finding, "undo");
    is_found(host, "H15");
    host.reference(&format!("-d {WEB} -r 192.168.10.3")).success();
    host.reference(&format!("-E {WEB} -s rr")).success();
}

/// Connections that nobody answers, and no others.
fn connections_that_stay_half_open_are_found(cluster: &Cluster) {
    cluster.real.shell("ip address del 192.168.10.10/32 dev lo").success();
    let director = &cluster.director;
    director.reference("-A -t 192.168.10.10:81 -s rr").success();
    director.reference("-a -t 192.168.10.10:81 -r 192.168.10.2 -g").success();
    cluster
        .client
        .shell(
            "for i in 1 2 3; do timeout 2 bash -c 'exec 3<>/dev/tcp/192.168.10.10/81' & done; wait",
        )
        .success();
    let finding = is_found(&cluster.director, "H18");
    assert!(finding["found"].as_str().unwrap().starts_with('3'), "{finding:#}");
}

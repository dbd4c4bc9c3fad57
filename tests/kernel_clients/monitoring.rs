//! Parsers of the text listing as in monitoring systems: fields separated by blanks, three header
//! lines, `->` in columns 3 and 4.

use std::thread::sleep;
use std::time::Duration;

use crate::support::{Host, IPVSADM, Network, REFERENCE, root};

/// A service as a Nagios check parses it from `-Ln`.
#[derive(Debug, PartialEq)]
struct Service {
    protocol: String,
    address: String,
    scheduler: String,
    servers: Vec<Server>,
}

#[derive(Debug, PartialEq)]
struct Server {
    address: String,
    method: String,
    weight: u32,
    active: u64,
    inactive: u64,
}

fn services(listing: &str) -> Vec<Service> {
    let mut services: Vec<Service> = Vec::new();
    let mut lines = listing.lines();
    assert!(lines.next().unwrap().starts_with("IP Virtual Server version 1.2.1 (size="));
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(lines.next().unwrap()), ["Prot", "LocalAddress:Port", "Scheduler", "Flags"]);
    let columns = ["->", "RemoteAddress:Port", "Forward", "Weight", "ActiveConn", "InActConn"];
    assert_eq!(words(lines.next().unwrap()), columns);
    for line in lines {
        let words = words(line);
        if &line[2..4] == "->" {
            let [_, address, method, weight, active, inactive] = &words[..] else {
                panic!("{line}")
            };
            services.last_mut().unwrap().servers.push(Server {
                address: address.clone(),
                method: method.clone(),
                weight: weight.parse().unwrap(),
                active: active.parse().unwrap(),
                inactive: inactive.parse().unwrap(),
            });
        } else {
            services.push(Service {
                protocol: words[0].clone(),
                address: words[1].clone(),
                scheduler: words[2].clone(),
                servers: Vec::new(),
            });
        }
    }
    services
}

/// The rows of `-Ln --stats --exact` as an exporter parses them: a name, then connections, packets in
/// and out, bytes in and out.
fn counters(listing: &str) -> Vec<(String, [u64; 5])> {
    let row = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let name = words.next().unwrap().to_owned();
        let numbers: Vec<u64> = words.map(|word| word.parse().unwrap()).collect();
        (name, numbers.try_into().unwrap())
    };
    listing.lines().skip(3).map(row).collect()
}

/// The kernel updates the counters every two seconds.
fn wait_for_counters() {
    sleep(Duration::from_secs(5));
}

/// A director with two web servers behind it, and a client.
struct Farm {
    director: Host,
    client: Host,
    _servers: [Host; 2],
    _network: Network,
}

fn farm() -> Farm {
    root("modprobe ip_vs");
    let network = Network::new();
    let director = network.host("192.168.10.1/24");
    // The client is in another subnet, so that replies go through the director.
    let client = network.host("172.16.0.2/24");
    director
        .shell(
            "ip address add 172.16.0.1/24 dev eth0; echo 1 >/proc/sys/net/ipv4/ip_forward; \
             for i in all eth0; do echo 0 >/proc/sys/net/ipv4/conf/$i/send_redirects; done",
        )
        .success();
    client.shell("ip route add default via 172.16.0.1").success();
    let servers = [2, 3].map(|number| {
        let mut server = network.host(&format!("192.168.10.{number}/24"));
        server.shell("ip route add default via 192.168.10.1").success();
        server.serve(80, &format!("server-{number}"));
        server
    });
    for line in [
        "-A -t 172.16.0.1:80 -s rr",
        "-a -t 172.16.0.1:80 -r 192.168.10.2:80 -m -w 1",
        "-a -t 172.16.0.1:80 -r 192.168.10.3:80 -m -w 20",
        "-A -u 172.16.0.1:53 -s wlc -p 60",
        "-A -f 9 -s sh -b sh-port",
        "-a -f 9 -r 192.168.10.2 -g -w 0",
    ] {
        director.ipvsadm(line).success();
    }
    Farm { director, client, _servers: servers, _network: network }
}

#[test]
fn monitoring_parsers_read_the_same_from_both_programs() {
    let Farm { director, client, .. } = &farm();
    let answers: Vec<_> = (0..4).map(|_| client.ask("172.16.0.1", 80)).collect();
    for server in ["server-2", "server-3"] {
        assert_eq!(answers.iter().filter(|answer| *answer == server).count(), 2, "{answers:?}");
    }

    let listing = director.ipvsadm("-L -n").success();
    assert_eq!(listing, director.reference("-L -n").success());
    let server = |address: &str, method: &str, weight, inactive| Server {
        address: address.to_owned(),
        method: method.to_owned(),
        weight,
        active: 0,
        inactive,
    };
    let service = |protocol: &str, address: &str, scheduler: &str, servers| Service {
        protocol: protocol.to_owned(),
        address: address.to_owned(),
        scheduler: scheduler.to_owned(),
        servers,
    };
    assert_eq!(
        services(&listing),
        [
            service(
                "TCP",
                "172.16.0.1:80",
                "rr",
                vec![
                    server("192.168.10.2:80", "Masq", 1, 2),
                    server("192.168.10.3:80", "Masq", 20, 2)
                ]
            ),
            service("UDP", "172.16.0.1:53", "wlc", vec![]),
            service("FWM", "9", "sh", vec![server("192.168.10.2:0", "Route", 0, 0)]),
        ]
    );

    wait_for_counters();
    let stats = director.ipvsadm("-Ln --stats --exact").success();
    assert_eq!(stats, director.reference("-Ln --stats --exact").success());
    let counters = counters(&stats);
    let names: Vec<_> = counters.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "172.16.0.1:80",
            "192.168.10.2:80",
            "192.168.10.3:80",
            "172.16.0.1:53",
            "9",
            "192.168.10.2:0"
        ]
    );
    let [(_, web), (_, first), (_, second), ..] = &counters[..] else { panic!() };
    assert_eq!([web[0], first[0], second[0]], [4, 2, 2]);
    for (total, (first, second)) in web.iter().zip(first.iter().zip(second)) {
        assert_eq!(*total, first + second);
        assert!(*first > 0);
    }
}

/// Pipelines of monitoring scripts, as found in the field.
#[test]
fn script_pipelines_print_the_same_with_both_programs() {
    let Farm { director, client, .. } = &farm();
    client.ask("172.16.0.1", 80);
    wait_for_counters();
    for (pipeline, answer) in [
        ("ipvsadm -Ln | tail -n +4 | wc -l", "6"),
        ("ipvsadm -Ln | grep -c '^TCP\\|^UDP'", "2"),
        (
            "ipvsadm -ln --sort --stats | egrep '^(TC|UD)P' | awk '{print $2 \" \" $3}'",
            "172.16.0.1:80 1\n172.16.0.1:53 0",
        ),
        ("ipvsadm -Ln | awk '$1==\"->\" && $3==\"Masq\" {sum += $4} END {print sum}'", "21"),
        ("ipvsadm -L -n -t 172.16.0.1:80 | cut -c3-4 | grep -c -- '->'", "3"),
        ("ipvsadm -Ln --stats --exact | awk '/^TCP/ {print NF}'", "7"),
        ("ipvsadm -L -n --thresholds | awk '$2==\"192.168.10.3:80\" {print $3, $4}'", "0 0"),
        ("ipvsadm -Lnc | awk '/TIME_WAIT/ {print $1, $5, NF}'", "TCP 172.16.0.1:80 6"),
        (
            "ipvsadm -S -n | awk '$1==\"-A\" {print NF} $1==\"-a\" {print NF}' | tr '\\n' ' '",
            "5 8 8 7 7 8 ",
        ),
        ("ipvsadm -v >/dev/null 2>&1; echo $?", "0"),
    ] {
        for program in [IPVSADM, REFERENCE] {
            let line = format!("ipvsadm() {{ {program} \"$@\"; }}\n{pipeline}");
            let found = director.shell(&line).output;
            assert_eq!(found.trim_end_matches('\n'), answer, "{pipeline} with {program}");
        }
    }
}

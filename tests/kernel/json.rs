//! `ipvsadm -L --json` on the kernel, checked against the published schema.

use serde_json::{Value, json};

use crate::support::{Host, Outcome, root, schema};

#[track_caller]
fn read(outcome: Outcome) -> Value {
    assert_eq!(outcome.errors, "");
    let output = outcome.success();
    assert_eq!(output.lines().count(), 1, "one line: {output}");
    let value = serde_json::from_str(&output).unwrap();
    assert_eq!(schema::violation(&value, &schema::of_listings()), None);
    value
}

/// A host whose table has services and destinations of every kind.
fn host() -> Host {
    root("modprobe -a ip_vs ip_vs_pe_sip");
    let host = Host::with_addresses();
    for line in [
        "-A -t 192.0.2.1:80 -s sh -b sh-port,flag-3 -p 300 -M 255.255.255.0",
        "-a -t 192.0.2.1:80 -r 198.51.100.2:8080 -m -w 7 -x 100 -y 50",
        "-a -t 192.0.2.1:80 -r 198.51.100.3 -g",
        "-a -t 192.0.2.1:80 -r 198.51.100.4 -i --tun-type gue --tun-port 6080 --tun-remcsum",
        "-a -t 192.0.2.1:80 -r 2001:db8::5 -i --tun-type gre --tun-csum",
        "-A -u [2001:db8::1]:5060 -s rr -p 60 -M 64 --pe sip -o",
        "-A --sctp-service 192.0.2.1:9 -s none",
        "-A -f 3000000000 -6 -s wlc",
    ] {
        host.ipvsadm(line).success();
    }
    host
}

#[test]
fn json_listing_of_table_fits_schema() {
    let host = host();
    let table = read(host.ipvsadm("-L --json"));
    assert_eq!(table["schema"], 1);
    assert_eq!(table["version"], "1.2.1");
    assert!(table["table_size"].is_u64());
    let services = table["services"].as_array().unwrap();
    assert_eq!(services.len(), 4);
    let find = |field: &str, value: Value| {
        services.iter().find(|service| service[field] == value).unwrap()
    };
    let web = find("protocol", json!("tcp"));
    assert_eq!(web["address"], "192.0.2.1");
    assert_eq!(web["port"], 80);
    assert_eq!(web["scheduler"], "sh");
    assert_eq!(web["flags"], json!(["sh-port", "flag-3"]));
    assert_eq!(web["persistence"], json!({"timeout": 300, "netmask": "255.255.255.0"}));
    let servers = web["destinations"].as_array().unwrap();
    let server = |address: &str| servers.iter().find(|it| it["address"] == address).unwrap();
    let nat = server("198.51.100.2");
    assert_eq!((&nat["forward"], &nat["port"]), (&json!("masq"), &json!(8080)));
    assert_eq!((&nat["weight"], &nat["tunnel"]), (&json!(7), &Value::Null));
    assert_eq!(nat["thresholds"], json!({"upper": 100, "lower": 50}));
    assert_eq!(server("198.51.100.3")["forward"], "route");
    let gue = json!({"type": "gue", "port": 6080, "checksum": "remote"});
    assert_eq!(server("198.51.100.4")["tunnel"], gue);
    let gre = server("2001:db8::5");
    assert_eq!(gre["family"], "ipv6");
    assert_eq!(gre["tunnel"], json!({"type": "gre", "port": null, "checksum": "full"}));

    let sip = find("protocol", json!("udp"));
    assert_eq!(sip["persistence"], json!({"timeout": 60, "netmask": 64}));
    assert_eq!((&sip["persistence_engine"], &sip["flags"]), (&json!("sip"), &json!(["ops"])));
    assert_eq!(find("fwmark", json!(3_000_000_000_u64))["family"], "ipv6");
    assert_eq!(find("protocol", json!("sctp"))["persistence"], Value::Null);

    // Options for names and columns concern text only.
    for line in ["-L --json -n", "-L --json --stats", "-l --rate --exact --json"] {
        assert_eq!(read(host.ipvsadm(line)), table, "{line}");
    }
    let one = read(host.ipvsadm("-L -f 3000000000 -6 --json"));
    assert_eq!(one["services"].as_array().unwrap().len(), 1);
    let none = host.ipvsadm("-L -t 192.0.2.1:81 --json");
    assert_eq!((none.status, none.errors.as_str()), (1, "No such service\n"));
    assert_eq!(none.output, "");
}

#[test]
fn json_listing_of_timeouts_and_daemons_fits_schema() {
    let host = host();
    host.ipvsadm("--set 901 121 301").success();
    let timeouts = read(host.ipvsadm("-L --timeout --json"));
    assert_eq!(timeouts["timeouts"], json!({"tcp": 901, "tcp_fin": 121, "udp": 301}));
    assert_eq!(read(host.ipvsadm("-L --daemon --json"))["daemons"], json!([]));
    host.ipvsadm("-d -t 192.0.2.1:80 -r [2001:db8::5]:80").success();
    host.ipvsadm("--start-daemon master --mcast-interface dummy0 --syncid 3").success();
    let daemons = read(host.ipvsadm("-L --daemon --json"));
    host.ipvsadm("--stop-daemon master").success();
    let master = &daemons["daemons"][0];
    assert_eq!((&master["state"], &master["sync_id"]), (&json!("master"), &json!(3)));
    assert_eq!((&master["interface"], &master["port"]), (&json!("dummy0"), &json!(8848)));
}

#[test]
fn json_listing_of_connections_fits_schema() {
    let mut host = host();
    host.shell("ip address add 198.51.100.9/32 dev lo").success();
    host.ipvsadm("-A -t 192.0.2.1:81 -s rr -p 100").success();
    host.ipvsadm("-a -t 192.0.2.1:81 -r 198.51.100.9 -m").success();
    assert_eq!(read(host.ipvsadm("-Lc --json"))["connections"], json!([]));
    host.serve(81, "here");
    assert_eq!(host.ask("192.0.2.1", 81), "here");
    let listed = read(host.ipvsadm("-Lnc --json"));
    let connections = listed["connections"].as_array().unwrap();
    // The connection and its template.
    assert_eq!(connections.len(), 2, "{listed}");
    for connection in connections {
        assert_eq!(connection["protocol"], "tcp");
        assert_eq!(connection["virtual"], json!({"address": "192.0.2.1", "port": 81}));
        assert_eq!(connection["destination"], json!({"address": "198.51.100.9", "port": 81}));
        assert!(connection["expires"].as_u64().unwrap() <= 900);
    }
    assert!(connections.iter().any(|connection| connection["client"]["port"] == 0));
}

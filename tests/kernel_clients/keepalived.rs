//! keepalived beside ipvsadm: it changes the table by netlink, and both programs list the result.

use std::fs;

use crate::support::cluster::Cluster;
use crate::support::{Host, LVSCTL, root};
use crate::wait_for_rules;

/// Every forwarding method, tunnel type, family and protocol, with flags and persistence.
const CONFIGURATION: &str = "
virtual_server 192.0.2.10 80 {
    lvs_sched wrr
    lvs_method NAT
    protocol TCP
    persistence_timeout 300
    persistence_granularity 255.255.255.0
    real_server 198.51.100.2 8080 { weight 3 }
    real_server 198.51.100.3 80 { weight 1 }
}
virtual_server 192.0.2.10 53 {
    lvs_sched sh
    sh-port
    sh-fallback
    ops
    lvs_method DR
    protocol UDP
    real_server 198.51.100.2 53 { weight 1 }
}
virtual_server 192.0.2.11 80 {
    lvs_sched mh
    mh-port
    lvs_method TUN type gue port 6080 csum
    protocol TCP
    real_server 198.51.100.2 80 { weight 1 }
    real_server 198.51.100.3 80 {
        weight 2
        lvs_method TUN type gre nocsum
    }
    real_server 198.51.100.4 80 {
        weight 3
        lvs_method TUN type gue port 6081 remcsum
    }
    real_server 198.51.100.5 80 {
        weight 4
        lvs_method TUN
    }
    real_server 2001:db8::e 80 { weight 5 }
}
virtual_server 2001:db8::10 443 {
    lvs_sched wlc
    lvs_method NAT
    protocol SCTP
    persistence_timeout 60
    persistence_granularity 64
    real_server 2001:db8::2 443 { weight 1 }
}
virtual_server fwmark 7 {
    lvs_sched rr
    lvs_method DR
    persistence_engine sip
    persistence_timeout 90
    protocol UDP
    real_server 198.51.100.2 0 { weight 1 }
}
virtual_server 192.0.2.12 80 {
    delay_loop 1
    lvs_sched rr
    lvs_method NAT
    protocol TCP
    real_server 198.51.100.1 8081 {
        weight 6
        inhibit_on_failure
        TCP_CHECK { connect_timeout 1 }
    }
}
";

fn rules(checked: u32) -> String {
    format!(
        "-A -t 192.0.2.10:80 -s wrr -p 300 -M 255.255.255.0\n\
         -a -t 192.0.2.10:80 -r 198.51.100.2:8080 -m -w 3\n\
         -a -t 192.0.2.10:80 -r 198.51.100.3:80 -m -w 1\n\
         -A -t 192.0.2.11:80 -s mh -b mh-port\n\
         -a -t 192.0.2.11:80 -r 198.51.100.2:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum\n\
         -a -t 192.0.2.11:80 -r 198.51.100.3:80 -i -w 2 --tun-type gre --tun-nocsum\n\
         -a -t 192.0.2.11:80 -r 198.51.100.4:80 -i -w 3 --tun-type gue --tun-port 6081 --tun-remcsum\n\
         -a -t 192.0.2.11:80 -r 198.51.100.5:80 -i -w 4 --tun-type ipip\n\
         -a -t 192.0.2.11:80 -r [2001:db8::e]:80 -i -w 5 --tun-type gue --tun-port 6080 --tun-csum\n\
         -A -t 192.0.2.12:80 -s rr\n\
         -a -t 192.0.2.12:80 -r 198.51.100.1:8081 -m -w {checked}\n\
         -A -u 192.0.2.10:53 -s sh -o -b sh-fallback,sh-port\n\
         -a -u 192.0.2.10:53 -r 198.51.100.2:53 -g -w 1\n\
         -A --sctp-service [2001:db8::10]:443 -s wlc -p 60 -M 64\n\
         -a --sctp-service [2001:db8::10]:443 -r [2001:db8::2]:443 -m -w 1\n\
         -A -f 7 -s rr -p 90 --pe sip\n\
         -a -f 7 -r 198.51.100.2:0 -g -w 1\n"
    )
}

fn assert_alike(host: &Host) {
    for listing in [
        "-Ln",
        "-Ln --stats --exact",
        "-Ln --rate",
        "-Ln --thresholds",
        "-Ln --persistent-conn",
        "-Ln --tun-info",
        "-Ln --nosort",
        "-Ln -f 7",
        "-L --timeout",
        "-L --daemon",
        "-Sn",
    ] {
        assert_eq!(host.ipvsadm(listing), host.reference(listing), "{listing}");
    }
}

#[test]
fn table_of_keepalived_is_listed_as_by_the_reference() {
    root("modprobe -a ip_vs ip_vs_pe_sip");
    let mut host = Host::with_addresses();
    let directory = host.state_directory().display().to_string();
    fs::create_dir_all(&directory).unwrap();
    fs::write(format!("{directory}/keepalived.conf"), CONFIGURATION).unwrap();
    let pids = format!("--pid {directory}/pid --checkers_pid {directory}/checkers");
    host.serve(8081, "alive");
    host.start(&format!(
        "exec keepalived --dont-fork --check --log-console --use-file {directory}/keepalived.conf {pids} \
         >{directory}/log 2>&1"
    ));
    let log = || fs::read_to_string(format!("{directory}/log")).unwrap_or_default();
    wait_for_rules(&host, &rules(6), &log());
    assert_alike(&host);
    let tunnels = host.ipvsadm("-Ln --tun-info").success();
    for info in [" gue:6080:+c ", " gue:6081:r+c ", " gre:-c ", " ipip "] {
        assert!(tunnels.contains(info), "{info}: {tunnels}");
    }

    host.stop_serving(8081);
    wait_for_rules(&host, &rules(0), &log());
    assert_alike(&host);
    // keepalived ignores a manual edit, and applies its next change on top.
    host.ipvsadm("-e -t 192.0.2.10:80 -r 198.51.100.3:80 -m -w 9").success();
    host.serve(8081, "alive");
    let edited = rules(6).replace("198.51.100.3:80 -m -w 1", "198.51.100.3:80 -m -w 9");
    wait_for_rules(&host, &edited, &log());
    assert_alike(&host);
}

/// A real server without the virtual address passes every check of its own address.
#[test]
fn keepalived_removes_real_server_that_lacks_the_virtual_address() {
    let cluster = Cluster::on_one_switch();
    for server in &cluster.real_servers {
        server.lvsctl("real-server up --mode dr --vip 192.168.10.10").success();
    }
    let Cluster { mut director, real_servers, .. } = cluster;
    director.shell("ip address add 192.168.10.10/32 dev eth0").success();
    let real_server = |address: &str| {
        format!(
            "real_server {address} 80 {{\n weight 1\n MISC_CHECK {{\n misc_path \"{LVSCTL} check \
             tcp://192.168.10.10:80 --real {address} --mode dr --timeout 1\"\n misc_timeout 10\n }}\n}}\n"
        )
    };
    let configuration = format!(
        "global_defs {{\n script_user root\n enable_script_security\n}}\n\
         virtual_server 192.168.10.10 80 {{\n delay_loop 1\n lvs_sched rr\n lvs_method DR\n \
         protocol TCP\n{}{}}}\n",
        real_server("192.168.10.2"),
        real_server("192.168.10.3")
    );
    let directory = director.state_directory().display().to_string();
    fs::create_dir_all(&directory).unwrap();
    fs::write(format!("{directory}/keepalived.conf"), configuration).unwrap();
    let pids = format!("--pid {directory}/pid --checkers_pid {directory}/checkers");
    director.start(&format!(
        "exec keepalived --dont-fork --check --log-console --use-file {directory}/keepalived.conf {pids} \
         >{directory}/log 2>&1"
    ));
    let log = || fs::read_to_string(format!("{directory}/log")).unwrap_or_default();
    let service = "-A -t 192.168.10.10:80 -s rr\n";
    let [one, two] =
        ["2", "3"].map(|last| format!("-a -t 192.168.10.10:80 -r 192.168.10.{last}:80 -g -w 1\n"));
    let both = format!("{service}{one}{two}");
    wait_for_rules(&director, &both, &log());
    real_servers[0].shell("ip address del 192.168.10.10/32 dev lo").success();
    wait_for_rules(&director, &format!("{service}{two}"), &log());
    real_servers[0].shell("ip address add 192.168.10.10/32 dev lo").success();
    wait_for_rules(&director, &both, &log());
}

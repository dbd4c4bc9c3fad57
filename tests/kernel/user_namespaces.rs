//! Root of a user namespace, as in an unprivileged container: netlink of IPVS is refused, and the
//! kernel's socket options are not.

use crate::support::{Host, IPVSADM, Outcome, REFERENCE};

/// Runs lines of shell as nobody who is root of a user and a network namespace of his own.
fn unprivileged(host: &Host, lines: &str) -> Outcome {
    let script = host.state_directory().join("script");
    std::fs::create_dir_all(host.state_directory()).unwrap();
    std::fs::write(&script, lines).unwrap();
    host.shell(&format!(
        "setpriv --reuid 65534 --clear-groups --inh-caps=-all --bounding-set=-all \
         unshare -Urn sh {}",
        script.display()
    ))
}

fn host() -> Host {
    let host = Host::with_addresses();
    // Netlink loads it, but not for a program that is not privileged.
    host.ipvsadm("-L").success();
    host
}

const UP: &str = "ip link set lo up && ip address add 192.0.2.1/24 dev lo && set -e\n";

#[test]
fn every_command_works_in_an_unprivileged_namespace() {
    let host = host();
    let listed = unprivileged(
        &host,
        &format!(
            "{UP}i={IPVSADM}
             $i -A -t 192.0.2.1:80 -s wrr -p 300 -M 255.255.255.0
             $i -A -f 7 -s rr
             $i -a -t 192.0.2.1:80 -r 192.0.2.2:8080 -m -w 5 -x 9 -y 3
             $i -a -t 192.0.2.1:80 -r 192.0.2.3 -i
             $i -e -t 192.0.2.1:80 -r 192.0.2.3 -i -w 2
             $i -E -f 7 -s lc
             $i -Ln; $i -Ln --stats; $i -S -n >/dev/shm/rules-$$; cat /dev/shm/rules-$$
             $i -Ln -t 192.0.2.1:80; $i -L --timeout
             $i -Z; $i -Z -t 192.0.2.1:80
             $i -d -t 192.0.2.1:80 -r 192.0.2.3; $i -D -f 7; $i -Sn
             $i -C; $i -Sn; $i -R </dev/shm/rules-$$; $i -Sn | cmp - /dev/shm/rules-$$
             $i -Ln --json; rm /dev/shm/rules-$$"
        ),
    );
    let saved = "-A -t 192.0.2.1:80 -s wrr -p 300 -M 255.255.255.0\n\
        -a -t 192.0.2.1:80 -r 192.0.2.2:8080 -m -w 5 -x 9 -y 3\n\
        -a -t 192.0.2.1:80 -r 192.0.2.3:80 -i -w 2 --tun-type ipip\n-A -f 7 -s lc\n";
    let output = listed.clone().success();
    assert_eq!(listed.errors, "");
    assert!(output.contains(saved), "{output}");
    for row in [
        "TCP  192.0.2.1:80 wrr persistent 300 mask 255.255.255.0\n",
        "  -> 192.0.2.2:8080               Masq    5      0          0         \n",
        "FWM  7 lc\n",
        "  -> 192.0.2.3:80                        0        0        0        0        0\n",
        "Timeout (tcp tcpfin udp): 900 120 300\n",
        "\"weight\":5",
    ] {
        assert!(output.contains(row), "{row}{output}");
    }
}

#[test]
fn what_socket_options_lack_is_refused_by_name() {
    let host = host();
    for (line, first, second) in [
        (
            "-A -t [2001:db8::1]:80 -s rr",
            "Operation not supported with specified address family",
            "does not support IPv6",
        ),
        (
            "-a -t 192.0.2.1:80 -r 192.0.2.2 -i --tun-type gre",
            "Operation not supported with IPv6",
            "does not support encapsulations other than ipip",
        ),
        ("-A -t 192.0.2.1:80", "Service already exists", "already exists with scheduler rr"),
        ("-D -t 192.0.2.1:81", "No such service", "With the same address there is"),
        (
            "-A -t 192.0.2.1:82 -s RR",
            "Scheduler or persistence engine not found",
            "did you mean -s rr",
        ),
    ] {
        let lines = format!("{UP}{IPVSADM} -A -t 192.0.2.1:80 -s rr\n{IPVSADM} {line} --explain\n");
        let outcome = unprivileged(&host, &lines);
        assert_eq!(outcome.visible(), (255, "", first), "{line}: {outcome:?}");
        assert!(outcome.errors.contains(second), "{line}: {outcome:?}");
    }
}

/// The network namespace belongs to the initial user namespace.
#[test]
fn network_namespace_of_another_owner_is_refused() {
    let host = host();
    let inside = |program: &str| {
        host.shell(&format!(
            "setpriv --reuid 65534 --clear-groups --inh-caps=-all --bounding-set=-all \
             unshare -Ur {program}"
        ))
    };
    let (ours, theirs) =
        (inside(&format!("{IPVSADM} -Ln --explain")), inside(&format!("{REFERENCE} -Ln")));
    assert_eq!(ours.visible(), theirs.visible());
    assert!(ours.errors.contains("does not own this network namespace"), "{ours:?}");
}

/// The socket of the options needs no port.
#[test]
fn socket_options_work_when_no_port_is_left() {
    let host = host();
    let listed = unprivileged(
        &host,
        &format!(
            "{UP}cd /proc/sys/net/ipv4; echo 60000 60000 >ip_local_port_range
             echo 60000 >ip_local_reserved_ports
             {IPVSADM} -A -t 192.0.2.1:80 -s rr; {IPVSADM} -Sn"
        ),
    );
    assert_eq!(listed.success(), "-A -t 192.0.2.1:80 -s rr\n");
}

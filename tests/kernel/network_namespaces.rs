//! Several network namespaces: commands that work in another one (`--netns`), and dumps of one while
//! another changes.

use std::fmt::Write as _;
use std::io;

use lvs::ipvs::Client;
use lvs::netlink::{Socket, Transport};

use crate::support::{Host, IPVSADM, LVSCTL, assert_same, root};

#[test]
fn ipvsadm_with_netns_works_in_that_namespace() {
    let (here, there) = (Host::new(), Host::with_addresses());
    let pid = there.shell("sleep 300 >/dev/null 2>&1 & echo $!").success();
    let name = there.name();
    let path = format!("/run/netns/{name}");
    for (port, namespace) in [(80, name), (81, path.as_str()), (82, pid.trim())] {
        let add = format!("-A -t 192.0.2.1:{port} -s rr --netns {namespace} ");
        here.ipvsadm(&add).success();
        let list = here.ipvsadm(&format!("-L -n --netns={namespace}")).success();
        assert_same(&list, &there.ipvsadm("-L -n").success(), namespace);
        assert!(list.contains(&format!("192.0.2.1:{port} rr")), "{list}");
    }
    assert_eq!(here.ipvsadm("-Sn").success(), "");
    for directory in ["", "/run/netns/"] {
        let list = format!(
            "name=$(printf 'odd-{name}\\377'); ln -sf {name} \"/run/netns/$name\"
             {IPVSADM} -Sn --netns \"{directory}$name\" >/run/{name}-rules || exit
             {LVSCTL} diff --netns \"{directory}$name\" - </run/{name}-rules >&2 || exit
             cat /run/{name}-rules; rm \"/run/netns/$name\""
        );
        let list = here.shell(&list).success();
        assert_same(&list, &there.ipvsadm("-Sn").success(), directory);
    }

    let mut there = there;
    there.shell("ip address add 198.51.100.9/32 dev lo").success();
    there.ipvsadm("-a -t 192.0.2.1:80 -r 198.51.100.9 -m").success();
    there.serve(80, "there");
    assert_eq!(there.ask("192.0.2.1", 80), "there");
    let connections = format!("-L -n -c --netns {}", there.name());
    assert!(here.ipvsadm(&connections).success().contains("198.51.100.9:80"));
    assert_eq!(here.ipvsadm("-L -n -c").success().lines().count(), 2);
    there.shell(&format!("kill {pid}")).success();
}

#[test]
fn netns_that_cannot_be_entered_is_refused_in_one_line() {
    root("modprobe -a ip_vs ipip");
    let host = Host::new();
    let other = Host::new();
    let before = host.everything();
    for (namespace, words) in [
        ("nosuch", "no network namespace 'nosuch'"),
        ("/run/nosuch", "no network namespace '/run/nosuch'"),
        ("999999", "no process 999999"),
        ("/proc/1/ns/mnt", "'/proc/1/ns/mnt' is not a network namespace"),
        ("/run", "is not a network namespace"),
    ] {
        let ours = host.ipvsadm(&format!("-C --netns {namespace}"));
        assert_eq!((ours.status, ours.output.as_str()), (2, ""), "{ours:?}");
        assert!(ours.errors.contains(words), "{ours:?}");
        assert_eq!(ours.errors.lines().count(), 1, "{ours:?}");
        let line = format!("--netns {namespace} real-server up --mode tun --vip 192.168.10.10");
        let companion = host.lvsctl(&line);
        assert_eq!(companion.status, 1, "{companion:?}");
        assert!(companion.errors.contains(words), "{companion:?}");
    }
    let name = other.name();
    let unprivileged =
        host.shell(&format!("setpriv --bounding-set -sys_admin {IPVSADM} -L --netns {name}"));
    assert_eq!(unprivileged.status, 2, "{unprivileged:?}");
    assert!(unprivileged.errors.contains("CAP_SYS_ADMIN"), "{unprivileged:?}");
    assert_same(&host.everything(), &before, "after the refusals");
}

#[test]
fn lvsctl_with_netns_sets_up_and_reverts_that_namespace() {
    root("modprobe -a ip_vs ipip");
    let (here, there) = (Host::new(), Host::new());
    let name = there.name();
    let (here_before, there_before) = (here.everything(), there.everything());
    let run = |verb: &str| {
        here.lvsctl(&format!("--netns {name} real-server {verb} --mode tun --vip 192.168.10.10"))
    };
    run("up").success();
    assert!(there.everything().contains("192.168.10.10"));
    assert_same(&here.everything(), &here_before, "up in the other namespace");
    assert_eq!(run("status").status, 0);
    run("down").success();
    assert_same(&there.everything(), &there_before, "down");
}

/// A socket that calls a function after each request, before the reply is received.
struct Disturbed<F> {
    socket: Socket,
    disturb: F,
}

impl<F: FnMut()> Transport for Disturbed<F> {
    fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        self.socket.send(datagram)?;
        (self.disturb)();
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.receive(buffer)
    }
}

#[test]
fn service_is_listed_once_while_another_namespace_adds_services() {
    let (here, there) = (Host::with_addresses(), Host::with_addresses());
    here.ipvsadm("-A -t 192.0.2.1:80 -s rr").success();
    // So many that the kernel's hash table has some in front of it.
    let mut rules = String::new();
    for port in 1000..1300 {
        writeln!(rules, "-A -t 192.0.2.1:{port} -s rr").unwrap();
    }
    let mut questions = 0;
    let listed = here.inside(|| {
        let disturb = || {
            questions += 1;
            // The first request looks up the family.
            if questions == 2 {
                there.restore(&rules).success();
            }
        };
        let socket = Socket::new().unwrap();
        Client::new(Disturbed { socket, disturb }).unwrap().services().unwrap()
    });
    assert_eq!(questions, 2);
    assert_eq!(listed.len(), 1, "{listed:?}");
}

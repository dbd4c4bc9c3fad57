//! `--confirm`: what nobody confirms is reverted, whoever dies meanwhile; and changes that would cut
//! the ssh session in which lvsctl runs.

use std::io::Read;
use std::time::Duration;

use crate::support::cluster_file::ClusterFile;
use crate::support::{Host, LVSCTL, Network, assert_same};

const UP: &str = "real-server up --mode nat --vip 198.51.100.17 --gateway 192.168.20.254";

/// An administrator behind a router, and a server whose default route leads there.
fn administrator_and_server() -> (Host, Host) {
    let (outside, inside) = (Network::new(), Network::new());
    let administrator = outside.host("198.51.100.100/24");
    let router = outside.host("198.51.100.253/24");
    inside.attach(&router, "eth1", &["192.168.20.253/24"]);
    router.shell("sysctl -qw net.ipv4.ip_forward=1").success();
    // It does not forward to the administrator.
    let director = inside.host("192.168.20.254/24");
    let mut server = inside.host("192.168.20.2/24");
    administrator.shell("ip route add 192.168.20.0/24 via 198.51.100.253").success();
    server.shell("ip route add default via 192.168.20.253 proto static").success();
    server.serve(22, "login");
    std::mem::forget((outside, inside, router, director));
    (administrator, server)
}

fn lvsctl(server: &Host, line: &str) -> String {
    format!("{LVSCTL} --state-dir {} {line}", server.state_directory().display())
}

/// Waits until the default route leads to the router again.
fn wait_for_the_old_route(server: &Host) {
    server
        .shell(
            "for try in $(seq 100); do ip route show default | grep -q 192.168.20.253 && exit; \
             sleep 0.1; done; echo no way back; exit 1",
        )
        .success();
}

#[test]
fn nat_real_server_set_up_over_ssh_is_reverted_when_its_session_dies() {
    let (administrator, server) = administrator_and_server();
    let reached = || administrator.ask_within("192.168.20.2", 22, Duration::from_millis(800));
    assert_eq!(reached(), "login");
    let before = server.everything();
    // Its processes die with the session.
    let line = lvsctl(&server, &format!("{UP} --confirm 4"));
    server.shell(&format!("setsid sh -c '{line} >/run/confirm-said 2>&1; kill -KILL 0'; true"));
    let said = server.shell("cat /run/confirm-said").success();
    assert!(said.contains("reverted in 4 seconds unless you run: lvsctl --state-dir "), "{said}");
    assert_eq!(reached(), "nobody", "the session is cut");
    let other = server.lvsctl("real-server down --mode nat --vip 198.51.100.17");
    assert!(other.errors.contains("run lvsctl confirm first"), "{other:?}");
    wait_for_the_old_route(&server);
    assert_eq!(reached(), "login");
    server.lvsctl("--wait 5 real-server down --mode nat --vip 198.51.100.17").success();
    assert_same(&server.everything(), &before, "after the time to confirm");
    assert!(server.lvsctl("confirm").errors.contains("no change waits to be confirmed"));
}

#[test]
fn confirmed_change_stays() {
    let (_, server) = administrator_and_server();
    server.lvsctl(&format!("{UP} --confirm 4")).success();
    server.lvsctl("confirm").success();
    let complete = server.everything();
    server.shell("sleep 4.3").success();
    assert_same(&server.everything(), &complete, "after the time to confirm");
    // No changes, nothing to confirm.
    server.lvsctl(&format!("{UP} --confirm 1")).success();
    assert_eq!(server.lvsctl("confirm").status, 1);
}

#[test]
fn unconfirmed_update_restores_the_earlier_version() {
    let (_, server) = administrator_and_server();
    let text = |vips: &[&str]| {
        let service = |vip: &&str| {
            format!("[[service]]\nlisten = \"tcp://{vip}:80\"\nreal = [\"192.168.20.2\"]\n")
        };
        let services: String = vips.iter().map(service).collect();
        format!("mode = \"dr\"\ndirectors = [\"192.168.20.254\"]\n{services}")
    };
    let file = ClusterFile::new("confirm", &text(&["192.168.20.10", "192.168.20.11"]));
    server.lvsctl(&file.line("apply")).success();
    let earlier = server.everything();
    for line in [file.line("apply --confirm 60"), file.line("down --confirm 60")] {
        file.write(&text(&["192.168.20.11", "192.168.20.12"]));
        server.lvsctl(&line).success();
        assert_ne!(server.everything(), earlier);
        server.lvsctl("confirm --revert").success();
        // The order of addresses means nothing.
        let sorted = |text: &str| {
            let mut lines: Vec<_> = text.lines().collect();
            lines.sort_unstable();
            lines.join("\n")
        };
        assert_same(&sorted(&server.everything()), &sorted(&earlier), &line);
    }
    server.lvsctl(&file.line("down")).success();
}

#[test]
fn next_run_reverts_when_the_waiting_process_was_killed() {
    let (_, server) = administrator_and_server();
    let before = server.everything();
    server.lvsctl(&format!("{UP} --confirm 1")).success();
    let waiting = format!("lvsctl --state-dir {} confirm", server.state_directory().display());
    server.shell(&format!("pkill -KILL -f '{waiting}'; sleep 1.2")).success();
    let next = server.lvsctl("real-server down --mode nat --vip 198.51.100.17");
    assert!(next.errors.contains("was not confirmed in time: it was reverted"), "{next:?}");
    assert_same(&server.everything(), &before, "after the next run");
}

#[test]
fn change_that_may_cut_the_ssh_session_is_announced_and_refused_on_a_terminal() {
    let (_, server) = administrator_and_server();
    let session = "SSH_CONNECTION='198.51.100.100 50000 192.168.20.2 22'";
    let (up, down) = (lvsctl(&server, UP), "real-server down --mode nat --vip 198.51.100.17");
    let before = server.everything();
    let refused = server.shell(&format!("{session} script -qec '{up}' /run/terminal </dev/null"));
    assert_eq!(refused.status, 1, "{refused:?}");
    assert!(refused.output.contains("may cut the ssh session from 198.51.100.100"), "{refused:?}");
    assert!(refused.output.contains("--confirm SECONDS"), "{refused:?}");
    assert_same(&server.everything(), &before, "nothing was changed");
    // sudo strips the variable.
    let stripped = format!("{session} sh -c 'env -u SSH_CONNECTION {up}; true'");
    let announced = server.shell(&stripped);
    assert_eq!(announced.status, 0, "{announced:?}");
    let what = "may cut the ssh session from 198.51.100.100: ip route replace default via \
                192.168.20.254";
    assert!(announced.errors.contains(what), "{announced:?}");
    let back = server.shell(&format!("{session} {}", lvsctl(&server, down)));
    assert!(back.errors.contains("may cut the ssh session"), "{back:?}");
    // A session by another route, or in another namespace, is not affected.
    for other in ["192.168.20.7 5 192.168.20.2 22", "198.51.100.100 5 203.0.113.1 22"] {
        let quiet = server.shell(&format!("SSH_CONNECTION='{other}' {up}"));
        assert_eq!(quiet.errors, "", "{other}");
        server.lvsctl(down).success();
    }
}

#[test]
fn run_without_a_change_keeps_the_way_back_of_an_earlier_one() {
    let (_, server) = administrator_and_server();
    let before = server.everything();
    for _ in 0..2 {
        server.lvsctl(&format!("{UP} --confirm 60")).success();
    }
    server.lvsctl("confirm --revert").success();
    assert_same(&server.everything(), &before, "after the revert");
}

const CUT: &str = "may cut the ssh session from 198.51.100.100: ip route";

/// `su -` and cron leave no variable; a terminal multiplexer has that of an ended session.
#[test]
fn ssh_session_is_found_by_the_connection_of_its_server() {
    let (administrator, server) = administrator_and_server();
    // The server's end is the one that connects, which makes no difference.
    let mut administrator = administrator;
    administrator.serve_by(50000, |connection| {
        // Until the other end closes it.
        let _ = connection.read(&mut [0]);
    });
    let (up, down) = (lvsctl(&server, UP), "real-server down --mode nat --vip 198.51.100.17");
    for (name, between) in [("sshd", ""), ("sshd-session", "setsid -w ")] {
        let shell = format!("/run/{name}");
        let session = format!(
            "cp /bin/bash {shell}; exec {shell} -c 'exec 3<>/dev/tcp/198.51.100.100/50000; \
             {between}env -u SSH_CONNECTION {up}; true'"
        );
        let announced = server.shell(&session);
        assert!(announced.errors.contains(CUT), "{name}: {announced:?}");
        server.lvsctl(down).success();
    }
    // The multiplexer is not below the server, and its variable is that of an earlier session.
    let stale = "SSH_CONNECTION='203.0.113.7 5 192.168.20.2 22'";
    let process = server
        .shell(
            "/run/sshd -c 'exec 3<>/dev/tcp/198.51.100.100/50000; read -t 60 -u 3' >/dev/null & \
             until ss -Htn | grep -q :50000; do sleep 0.1; done; cp /bin/bash /run/screen; echo $!",
        )
        .success();
    let announced = server.shell(&format!("{stale} /run/screen -c '{up}; true'"));
    assert!(announced.errors.contains(CUT), "{announced:?}");
    let of_variable = server.shell(&format!("{stale} {}", lvsctl(&server, down)));
    assert!(of_variable.errors.contains("session from 203.0.113.7"), "{of_variable:?}");
    server.shell(&format!("kill {process}")).success();
}

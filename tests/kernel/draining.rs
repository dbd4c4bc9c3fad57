//! Real servers that leave, and what that does to open connections.

use std::time::{Duration, Instant};

use crate::killed;
use crate::support::cluster::Cluster;
use crate::support::cluster_file::ClusterFile;
use crate::support::open_connections::{Fate, OpenConnections, echo_on};
use crate::support::{Host, LVSCTL, assert_same};

const VIP: &str = "192.168.10.10";

const FILE: &str = "mode = \"dr\"\ndirectors = [\"192.168.10.1\"]\n\
    [director.timeouts]\ntcp-fin = 1\n\
    [[service]]\nlisten = \"tcp://192.168.10.10:80\"\nscheduler = \"rr\"\n\
    real = [\"192.168.10.2\", \"192.168.10.3\"]\n";

const ALIVE: [Fate; 2] = [Fate::Alive(b'1'), Fate::Alive(b'2')];

/// Two real servers with long connections.
fn cluster(file: &ClusterFile) -> Cluster {
    let mut cluster = Cluster::on_one_switch();
    for (server, name) in cluster.real_servers.iter_mut().zip([b'1', b'2']) {
        server.stop_serving(80);
        echo_on(server, name);
    }
    for host in cluster.servers() {
        host.lvsctl_inside(&file.line("apply")).success();
    }
    cluster
}

/// The table and the parameters that a drain sets.
fn state(director: &Host) -> String {
    let parameters = "cd /proc/sys/net/ipv4/vs && cat expire_nodest_conn expire_quiescent_template";
    director.reference("-Sn").success() + &director.shell(parameters).success()
}

/// Runs a command until it makes no more changes.
fn until(director: &Host, line: &str, done: impl Fn(&str) -> bool) {
    let started = Instant::now();
    loop {
        let output = director.lvsctl_inside(line).success();
        if done(&output) {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "{line}: {output}");
        std::thread::sleep(Duration::from_millis(300));
    }
}

#[test]
fn apply_without_a_real_server_keeps_its_connections_until_they_end() {
    let file = ClusterFile::new("drop", FILE);
    let cluster = cluster(&file);
    let director = &cluster.director;
    let mut open = OpenConnections::open(&cluster.client, VIP, 20);
    file.write(&FILE.replace(", \"192.168.10.3\"", ""));

    let planned = director.lvsctl_inside(&file.line("diff"));
    let quiesce = "ipvsadm -e -t 192.168.10.10:80 -r 192.168.10.3:80 -g -w 0\n\
                   # destination 192.168.10.3:80 of tcp 192.168.10.10:80 has 10 active and 0 \
                   inactive connections: it stays with weight 0";
    assert!(planned.status == 2 && planned.output.starts_with(quiesce), "{planned:?}");
    let applied = director.lvsctl_inside(&file.line("apply")).success();
    assert!(applied.contains("10 active"), "{applied}");
    assert_eq!(ALIVE.map(|fate| open.count(fate)), [10, 10]);
    let mut new = OpenConnections::open(&cluster.client, VIP, 4);
    assert_eq!(new.count(ALIVE[0]), 4, "no new connection to what goes");
    let again = director.lvsctl_inside(&file.line("diff"));
    assert!(again.status == 0 && again.output.contains("10 active"), "{again:?}");

    open.close(b'2');
    until(director, &file.line("apply"), |output| output.contains("ipvsadm -d"));
    assert_eq!(director.lvsctl_inside(&file.line("diff")).visible(), (0, "", ""));
    assert_eq!(open.count(ALIVE[0]), 10);
    director.lvsctl_inside(&file.line("down")).success();
    assert_eq!(director.reference("-Sn").success(), "");
}

#[test]
fn apply_with_cut_resets_connections_at_once() {
    let file = ClusterFile::new("cut", FILE);
    let cluster = cluster(&file);
    let director = &cluster.director;
    let mut open = OpenConnections::open(&cluster.client, VIP, 20);
    let before = state(director);
    // A service goes with its destinations.
    file.write(&FILE.replace("192.168.10.10:80", "192.168.10.10:81"));
    let kept = director.lvsctl_inside(&file.line("apply")).success();
    assert_eq!(ALIVE.map(|fate| open.count(fate)), [10, 10], "{kept}");
    file.write(FILE);
    director.lvsctl_inside(&file.line("apply")).success();
    assert_same(&state(director), &before, "back in the file");

    file.write(&FILE.replace("\"192.168.10.2\", ", ""));
    let cut = director.lvsctl_inside(&file.line("apply --cut")).success();
    assert!(cut.contains("10 active and 0 inactive connections, which are reset"), "{cut}");
    assert_eq!((open.count(Fate::Reset), open.count(ALIVE[1])), (10, 10));
    let gone = before.replace("-a -t 192.168.10.10:80 -r 192.168.10.2:80 -g -w 1\n", "");
    assert_same(&state(director), &gone, "after the cut");
}

#[test]
fn apply_with_drain_waits_and_deletes() {
    let file = ClusterFile::new("wait", FILE);
    let cluster = cluster(&file);
    let director = &cluster.director;
    let mut open = OpenConnections::open(&cluster.client, VIP, 20);
    open.close(b'2');
    file.write(&format!("drain = \"20s\"\n{}", FILE.replace(", \"192.168.10.3\"", "")));
    let applied = director.lvsctl_inside(&file.line("apply")).success();
    assert!(applied.contains("draining destination 192.168.10.3:80"), "{applied}");
    assert!(applied.contains("-w 0\n") && applied.contains("+ ipvsadm -d"), "{applied}");
    assert_eq!(director.lvsctl_inside(&file.line("diff")).visible(), (0, "", ""));
    assert_eq!(open.count(ALIVE[0]), 10);
}

#[test]
fn drain_waits_for_connections_and_cuts_the_rest() {
    let text = FILE.replace("\"rr\"", "\"rr\"\npersistence = 300");
    let text = format!(
        "{text}[[service]]\nlisten = \"tcp://192.168.10.10:81\"\n\
        real = [{{ address = \"192.168.10.3\", weight = 7 }}]\n"
    );
    let file = ClusterFile::new("drain", &text.replace("\npersistence = 300", ""));
    let cluster = cluster(&file);
    let director = &cluster.director;
    let before = state(director);
    let mut open = OpenConnections::open(&cluster.client, VIP, 50);
    let mut stay = OpenConnections::open(&cluster.client, VIP, 10);
    open.close(b'2');
    let drained = director.lvsctl_inside("drain 192.168.10.3 --within 3s --cut").success();
    assert!(drained.contains("weight 0 until lvsctl resume"), "{drained}");
    assert!(drained.contains("note: destination 192.168.10.3:80"), "{drained}");
    assert_eq!(open.count(ALIVE[0]), 25, "those of the other server live on");
    assert_eq!((stay.count(ALIVE[0]), stay.count(Fate::Reset)), (5, 5));
    let quiesced = director.reference("-Sn").success();
    assert_eq!(quiesced.matches("192.168.10.3:8").count(), 2, "{quiesced}");
    assert_eq!(quiesced.matches("-w 0").count(), 2, "{quiesced}");
    // Everything else respects it.
    assert_eq!(director.lvsctl_inside(&file.line("diff")).visible(), (0, "", ""));
    assert_eq!(director.lvsctl_inside(&file.line("status")).status, 0);
    assert_eq!(director.lvsctl_inside("status").status, 0);
    director.lvsctl_inside(&file.line("apply")).success();
    assert_eq!(director.reference("-Sn").success(), quiesced);
    // One service, in steps, and then the other.
    let resumed = director
        .lvsctl_inside("resume 192.168.10.3 --service tcp://192.168.10.10:81 --over 2s")
        .success();
    assert!(resumed.contains("-w 4\n") && resumed.contains("-w 7\n"), "{resumed}");
    director.lvsctl_inside("resume 192.168.10.3").success();
    assert_same(&state(director), &before, "after resume");
    let again = director.lvsctl_inside("resume 192.168.10.3").success();
    assert!(again.ends_with("is not drained: nothing to resume\n"), "{again}");
    let unknown = director.lvsctl_inside("resume 192.168.10.4");
    assert!(unknown.status == 1 && unknown.errors.contains("no service"), "{unknown:?}");
    director.lvsctl_inside("drain 192.168.10.3 --within 1s --then delete").success();
    assert_eq!(director.lvsctl_inside(&file.line("diff")).visible(), (0, "", ""));
    director.lvsctl_inside(&file.line("down")).success();
    assert_eq!(director.reference("-Sn").success(), "");
}

#[test]
fn drain_of_a_persistent_service_lets_no_client_come_back() {
    let file = ClusterFile::new("persistent", &FILE.replace("\"rr\"", "\"rr\"\npersistence = 300"));
    let cluster = cluster(&file);
    let director = &cluster.director;
    let before = state(director);
    let first = OpenConnections::open(&cluster.client, VIP, 1).fates()[0];
    let server = if first == ALIVE[0] { "192.168.10.2" } else { "192.168.10.3" };
    let drained = director.lvsctl_inside(&format!("drain {server} --within 1s"));
    assert_eq!(drained.status, 2, "{drained:?}");
    assert!(drained.output.contains(", 1 persistent left"), "{drained:?}");
    assert!(state(director).ends_with("0\n1\n"), "expire_quiescent_template is set");
    let second = OpenConnections::open(&cluster.client, VIP, 1).fates()[0];
    assert_ne!(first, second, "the client comes back to a drained server");
    director.lvsctl_inside(&format!("resume {server}")).success();
    assert_same(&state(director), &before, "after resume");
}

#[test]
fn drain_gives_way_to_a_health_checker() {
    let file = ClusterFile::new("checker", FILE);
    let cluster = cluster(&file);
    let director = &cluster.director;
    let mut open = OpenConnections::open(&cluster.client, VIP, 2);
    // A signal ends the wait, and the next run goes on.
    let started = Instant::now();
    let line = "drain 192.168.10.3 --within 60s >/dev/null & sleep 2; kill $!; wait $!";
    let place = director.state_directory().display();
    let ended = director.shell(&format!("{LVSCTL} --state-dir {place} {line}"));
    assert!(ended.status == 1 && ended.errors.contains("SIGTERM ended the wait"), "{ended:?}");
    assert!(started.elapsed() < Duration::from_secs(30));
    director
        .shell("(sleep 2; ipvsadm -e -t 192.168.10.10:80 -r 192.168.10.3 -g -w 5) >/dev/null &");
    let drained = director.lvsctl("drain 192.168.10.3 --within 20s");
    assert_eq!(drained.status, 2, "{drained:?}");
    assert!(drained.output.contains("another program, such as a health checker"), "{drained:?}");
    assert!(director.reference("-Sn").success().contains("-w 5"), "their weight stays");
    assert_eq!(open.count(ALIVE[0]) + open.count(ALIVE[1]), 2);
    // What it deletes meanwhile stays deleted.
    director.shell("(sleep 2; ipvsadm -d -t 192.168.10.10:80 -r 192.168.10.3) >/dev/null &");
    let drained = director.lvsctl("drain 192.168.10.3 --within 20s").success();
    assert!(drained.contains("192.168.10.3 is gone"), "{drained}");
    director.lvsctl("drain 192.168.10.2 --within 1s");
    director.shell("ipvsadm -d -t 192.168.10.10:80 -r 192.168.10.2").success();
    let resumed = director.lvsctl("resume 192.168.10.2").success();
    assert!(resumed.contains("192.168.10.2 is gone"), "{resumed}");
    let table = director.reference("-Sn").success();
    assert!(!table.contains("192.168.10.2:80") && !table.contains("192.168.10.3:80"), "{table}");
}

#[test]
fn drain_killed_at_any_step_is_ended_by_resume() {
    let file = ClusterFile::new("killed-drain", FILE);
    let cluster = cluster(&file);
    let director = &cluster.director;
    let (drain, resume) = ("drain 192.168.10.3 --within 1s", "resume 192.168.10.3");
    let before = state(director);
    for (first, killed) in [("", drain), (drain, resume)] {
        let mut kills = 0;
        loop {
            if !first.is_empty() {
                director.lvsctl_inside(first).success();
            }
            if !killed::killed(director, killed, kills + 1) {
                break;
            }
            kills += 1;
            director.lvsctl_inside(resume).success();
            assert_same(&state(director), &before, &format!("{killed}, killed at step {kills}"));
        }
        assert!(kills > 4, "{killed} was killed {kills} times only");
        director.lvsctl_inside(resume).success();
        assert_same(&state(director), &before, killed);
    }
}

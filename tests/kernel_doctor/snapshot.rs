//! `lvsctl snapshot`, `lvsctl doctor --from`, `--symptom` and `--watch`.

use serde_json::Value as Json;

use crate::cluster::{Cluster, examined, ids, run};

pub(crate) fn are_read_elsewhere(cluster: &Cluster) {
    let (client, real) = (&cluster.client, &cluster.real);
    real.shell(
        "cd /proc/sys/net/ipv4/conf; echo 1 >tunl0/rp_filter; echo 0 >all/arp_ignore; \
         echo 0 >eth0/arp_ignore",
    )
    .success();
    let here = examined(real, "");
    assert_eq!(ids(&here.1), ["A4", "P1"]);
    let snapshot = format!("/run/snapshot-{}", real.name());
    assert_eq!(real.lvsctl(&format!("snapshot {snapshot}")).success(), "");
    assert_eq!(examined(client, &format!("--from {snapshot}")).2, here.2);
    // The findings that explain the symptom come first.
    let (status, findings, object) =
        examined(client, &format!("--from {snapshot} --symptom no-synack"));
    assert_eq!((status, ids(&findings)), (1, vec!["P1", "A4"]));
    let causes: Vec<&Json> =
        object["causes"].as_array().unwrap().iter().map(|it| &it["id"]).collect();
    assert_eq!(causes, ["P1", "A1", "F1"]);
    let outcome = client.lvsctl(&format!("doctor --from {snapshot} --symptom no-synack"));
    let likely = "likely causes of no-synack:\n  1. The reverse path filter of the tunnel drops what it \
                  decapsulates (found here, see above)\n     try  nstat ";
    assert!(outcome.output.contains(likely), "{outcome:?}");
    for text in ["", "{}", "{\"schema\":2}", "{\"schema\":1}", "[1]"] {
        client.shell(&format!("echo '{text}' >{snapshot}")).success();
        let refused = client.lvsctl(&format!("doctor --from {snapshot}"));
        assert_eq!((refused.status, refused.output.as_str()), (1, ""), "{text}");
        assert!(refused.errors.contains("is not an lvsctl snapshot"), "{refused:?}");
    }
}

pub(crate) fn of_counters_show_what_moved(cluster: &Cluster) {
    let real = &cluster.real;
    // Otherwise the client may resolve the address to the real server.
    real.shell("echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore").success();
    let moved = std::thread::scope(|scope| {
        let watch = scope.spawn(|| real.lvsctl("doctor --json --watch 2").success());
        while !watch.is_finished() {
            cluster.is_not_answered();
        }
        watch.join().unwrap()
    });
    let moved: Json = serde_json::from_str(&moved).unwrap();
    let moved = moved["moved"].as_array().unwrap();
    let filter = moved.iter().find(|it| it["counter"] == "TcpExt IPReversePathFilter");
    let filter = filter.unwrap_or_else(|| panic!("{moved:#?}"));
    assert!(
        filter["by"].as_u64().unwrap() > 0 && filter["meaning"].as_str().unwrap().contains("P1")
    );
    real.shell("echo 2 >/proc/sys/net/ipv4/conf/tunl0/rp_filter").success();
}

/// The commands of a finding name its namespace, whether by name, path or process.
pub(crate) fn of_another_namespace_name_it(cluster: &Cluster) {
    let (client, real) = (&cluster.client, &cluster.real);
    let process = real.shell("exec sh -c 'echo $PPID'").success();
    let path = format!("/run/netns/{}", real.name());
    for namespace in [real.name(), &path, process.trim()] {
        real.shell(
            "ip address del 192.168.10.10/32 dev tunl0; \
             echo 1 >/proc/sys/net/ipv4/conf/tunl0/rp_filter",
        )
        .success();
        let here = examined(real, "").1;
        let state = real.state_directory().display();
        let there = examined(client, &format!("--state-dir {state} --netns {namespace}")).1;
        assert_eq!((ids(&there), ids(&here)), (vec!["P1", "A1"], vec!["P1", "A1"]));
        for finding in &there {
            run(client, finding, "fix");
        }
        cluster.is_well();
        for finding in there.iter().rev() {
            run(client, finding, "undo");
        }
        assert_eq!(examined(real, "").1, here);
        for finding in &here {
            run(real, finding, "fix");
        }
    }
}

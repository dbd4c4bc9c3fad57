//! The hosts of a cluster, for the tests of every mode.

use super::{Host, Network, root};

/// A client, a director and real servers. All but the client have strict reverse path filters.
pub struct Cluster {
    pub client: Host,
    pub director: Host,
    pub real_servers: Vec<Host>,
}

impl Cluster {
    /// Takes hosts that have their interfaces already.
    pub fn new(client: Host, director: Host, real_servers: Vec<Host>) -> Self {
        root("modprobe ip_vs");
        let cluster = Self { client, director, real_servers };
        for host in cluster.servers() {
            host.shell(
                "for filter in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 1 >$filter; done",
            )
            .success();
        }
        cluster
    }

    /// All on one switch: 192.168.10.0/24 and 2001:db8:1::/64 with the client at 100, the director
    /// at 1, and two real servers at 2 and 3 that answer `r1` and `r2` on port 80.
    pub fn on_one_switch() -> Self {
        let network = Network::new();
        let host = |number| network.dual_stack_host(number);
        let (client, director, mut real_servers) = (host(100), host(1), vec![host(2), host(3)]);
        for (server, name) in real_servers.iter_mut().zip(["r1", "r2"]) {
            server.serve(80, name);
        }
        // The switch lives as long as its ports.
        std::mem::forget(network);
        Self::new(client, director, real_servers)
    }

    /// The director and the real servers.
    pub fn servers(&self) -> impl Iterator<Item = &Host> {
        [&self.director].into_iter().chain(&self.real_servers)
    }

    /// The state of the servers, as by [`Host::everything`].
    pub fn everything(&self) -> String {
        let host = |host: &Host| {
            let lines = host.everything();
            lines.lines().map(|line| format!("{}: {line}\n", host.name())).collect::<String>()
        };
        self.servers().map(host).collect()
    }

    /// Reverts a virtual address on every server.
    pub fn down(&self, mode: &str, vip: &str) {
        self.director.lvsctl(&format!("director down --mode {mode} --vip {vip}")).success();
        for server in &self.real_servers {
            server.lvsctl(&format!("real-server down --mode {mode} --vip {vip}")).success();
        }
    }

    /// The sorted answers to `count` requests on port 80. Before each, the client flushes its neighbour
    /// entries.
    pub fn answers(&self, vip: &str, count: usize) -> Vec<String> {
        let ask = || {
            self.client.shell("ip neigh flush dev eth0").success();
            self.client.ask(vip, 80)
        };
        let mut answers: Vec<_> = (0..count).map(|_| ask()).collect();
        answers.sort();
        answers
    }
}

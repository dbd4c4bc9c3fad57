//! A cluster drawn by its seed: hosts, their wires, and the lines that set them up.

use std::fmt::{self, Write as _};

use crate::faults;
use crate::support::random::Random;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Nat,
    Dr,
    Tun,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topology {
    /// All on one segment, with a default route to nobody.
    Segment,
    /// Clients on one side of the director, real servers on the other.
    Legs,
    /// A remote client behind the router of the segment of the virtual address.
    Routed,
    /// The same, and the second real server is behind the router too (TUN).
    Apart,
    /// One segment, and the only client is behind its router (NAT).
    OneArm,
}

/// The networks; each is a bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Net {
    Inside,
    Outside,
    Far,
    Back,
}

impl Net {
    pub(crate) const ALL: [Self; 4] = [Self::Inside, Self::Outside, Self::Far, Self::Back];

    /// An address of the network.
    pub(crate) fn at(self, ipv6: bool, number: u8) -> String {
        let [ipv4_net, ipv6_net] = match self {
            Self::Inside => ["192.168.10", "2001:db8:1"],
            Self::Outside => ["198.51.100", "2001:db8:2"],
            Self::Far => ["203.0.113", "2001:db8:3"],
            Self::Back => ["192.168.30", "2001:db8:4"],
        };
        if ipv6 { format!("{ipv6_net}::{number}") } else { format!("{ipv4_net}.{number}") }
    }

    pub(crate) fn prefix(self, ipv6: bool) -> String {
        let network = self.at(ipv6, 0);
        if ipv6 { format!("{}/64", network.trim_end_matches('0')) } else { format!("{network}/24") }
    }
}

/// An interface on a network.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    /// The interface that has the addresses, on top of `ports`.
    pub(crate) device: String,
    pub(crate) ports: Vec<&'static str>,
    pub(crate) net: Net,
    pub(crate) addresses: Vec<u8>,
}

#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) name: &'static str,
    pub(crate) wires: Vec<Wire>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Shell(String),
    /// `lvsctl` with the cluster file as its last argument.
    Lvsctl(&'static str),
    /// A program that answers on an address, or on all.
    Listen {
        address: Option<String>,
        port: u16,
    },
    /// The program ends.
    Deaf,
}

/// A step of the set-up, or a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) host: &'static str,
    pub(crate) what: What,
}

impl Line {
    pub(crate) fn shell(host: &'static str, line: impl Into<String>) -> Self {
        Self { host, what: What::Shell(line.into()) }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host;
        match &self.what {
            What::Shell(line) => write!(f, "{host}# {line}"),
            What::Lvsctl(words) => write!(f, "{host}# lvsctl {words} cluster.toml"),
            What::Listen { address, port } => {
                let at = address.as_deref().unwrap_or("every address");
                write!(f, "{host}: a program answers on {at}, port {port}")
            }
            What::Deaf => write!(f, "{host}: the program ends"),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) ipv6: bool,
    pub(crate) mode: Mode,
    pub(crate) topology: Topology,
    /// The type of the tunnel, for ipvsadm and the file.
    pub(crate) tunnel: &'static str,
    /// Packets of a firewall mark.
    pub(crate) marked: bool,
    pub(crate) machines: Vec<Machine>,
    pub(crate) clients: Vec<&'static str>,
    /// The network of the virtual address; `None` if the router routes it to the director.
    pub(crate) vip_net: Option<Net>,
    pub(crate) vip: String,
    /// Each with its address in the table.
    pub(crate) reals: Vec<(&'static str, String)>,
    /// The port of the programs.
    pub(crate) port: u16,
    pub(crate) scheduler: &'static str,
    pub(crate) file: String,
    pub(crate) set_up: Vec<Line>,
    pub(crate) faults: Vec<Line>,
    /// Whether the doctor that repairs has the file.
    pub(crate) with_file: bool,
}

pub(crate) const VIP: u8 = 10;

impl Plan {
    pub(crate) fn draw(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mode = random.of(&[Mode::Nat, Mode::Dr, Mode::Tun]);
        let topology = match mode {
            Mode::Nat => random.of(&[Topology::Legs, Topology::Routed, Topology::OneArm]),
            Mode::Dr => random.of(&[Topology::Segment, Topology::Legs, Topology::Routed]),
            Mode::Tun => {
                random.of(&[Topology::Segment, Topology::Legs, Topology::Routed, Topology::Apart])
            }
        };
        let tunnel = match mode {
            Mode::Tun => random.of(&["ipip", "ipip", "gue", "gre"]),
            _ => "",
        };
        let mut plan = Self {
            seed,
            ipv6: random.once_in(3),
            mode,
            topology,
            tunnel,
            marked: random.once_in(8),
            machines: Vec::new(),
            clients: Vec::new(),
            vip_net: None,
            vip: String::new(),
            reals: Vec::new(),
            port: if mode == Mode::Nat && random.once_in(2) { 8080 } else { 80 },
            scheduler: random.of(&["rr", "rr", "wrr", "lc", "wlc", "sh", "mh", "sed", "nq", "dh"]),
            file: String::new(),
            set_up: Vec::new(),
            faults: Vec::new(),
            with_file: random.once_in(2),
        };
        plan.wire(&mut random);
        plan.address(&mut random);
        plan.file = plan.cluster_file();
        plan.set_up(&mut random);
        let count = random.below(4);
        for _ in 0..count {
            let lines = faults::draw(&plan, &mut random);
            plan.faults.extend(lines);
        }
        plan
    }

    pub(crate) fn machine(&self, name: &str) -> &Machine {
        self.machines.iter().find(|it| it.name == name).unwrap()
    }

    /// Director and real servers.
    pub(crate) fn judged(&self) -> Vec<&'static str> {
        ["d"].into_iter().chain(self.reals.iter().map(|(name, _)| *name)).collect()
    }

    /// Whether the address of the client decides.
    pub(crate) fn hashes(&self) -> bool {
        matches!(self.scheduler, "sh" | "mh" | "dh")
    }

    /// The interface of a host on a network.
    pub(crate) fn device(&self, name: &str, net: Net) -> Option<&str> {
        let machine = self.machines.iter().find(|it| it.name == name)?;
        machine.wires.iter().find(|it| it.net == net).map(|it| it.device.as_str())
    }

    /// The network of the director towards clients.
    pub(crate) fn front(&self) -> Net {
        match (self.mode, self.topology) {
            (_, Topology::Legs) => Net::Outside,
            (Mode::Nat, Topology::Routed) => Net::Outside,
            _ => Net::Inside,
        }
    }

    fn wire(&mut self, random: &mut Random) {
        use Net::{Back, Far, Inside, Outside};
        use Topology::{Apart, Legs, OneArm, Routed, Segment};
        let front = self.front();
        let routed = matches!(self.topology, Routed | Apart | OneArm);
        let mut add = |name, wires: &[(Net, u8)]| {
            let mut machine = Machine { name, wires: Vec::new() };
            for (device, (net, number)) in ["eth0", "eth1", "eth2"].into_iter().zip(wires) {
                // Clients have several, since schedulers may hash.
                let more = if name.starts_with('c') { 7 } else { 0 };
                let addresses = (*number..=number + more).collect();
                let wire =
                    Wire { device: device.to_owned(), ports: vec![device], net: *net, addresses };
                machine.wires.push(wire);
            }
            self.machines.push(machine);
        };
        add("c1", &[(if routed { Far } else { front }, 100)]);
        self.clients.push("c1");
        if self.topology != OneArm && random.once_in(2) {
            add("c2", &[(front, 110)]);
            self.clients.push("c2");
        }
        if routed && random.once_in(3) {
            add("c3", &[(Far, 120)]);
            self.clients.push("c3");
        }
        match self.topology {
            Apart => add("gw", &[(front, 254), (Far, 254), (Back, 254)]),
            Routed | OneArm => add("gw", &[(front, 254), (Far, 254)]),
            Segment | Legs => {}
        }
        let legs = front == Outside;
        add("d", if legs { &[(Inside, 1), (Outside, 1)] } else { &[(Inside, 1)] });
        let both = legs && self.mode != Mode::Nat;
        add("r1", if both { &[(Inside, 2), (Outside, 2)] } else { &[(Inside, 2)] });
        self.reals.push(("r1", Inside.at(self.ipv6, 2)));
        if !random.once_in(3) {
            let net = if self.topology == Apart { Back } else { Inside };
            let wires = [(net, 3), (Outside, 3)];
            add("r2", if both { &wires } else { &wires[..1] });
            self.reals.push(("r2", net.at(self.ipv6, 3)));
        }
        // A machine that has nothing to do with it.
        if random.once_in(5) {
            add("x", &[(front, 66)]);
        }
        // VLAN 10 on the inside, or bonds.
        let kind = random.below(8);
        for machine in &mut self.machines {
            for wire in machine.wires.iter_mut().filter(|wire| wire.net == Inside) {
                match kind {
                    0 => wire.device += ".10",
                    1 if machine.name == "d" || machine.name == "r1" => {
                        wire.ports.push("eth3");
                        wire.device = "bond0".to_owned();
                    }
                    _ => {}
                }
            }
        }
    }

    fn address(&mut self, random: &mut Random) {
        let routed = matches!(self.topology, Topology::Routed | Topology::Apart | Topology::OneArm);
        // Nobody answers ARP for an address that only a mark makes local.
        if routed && (random.once_in(4) || self.marked) {
            self.vip = if self.ipv6 { "2001:db8:9::10" } else { "192.0.2.10" }.to_owned();
        } else {
            self.vip_net = Some(self.front());
            self.vip = self.front().at(self.ipv6, VIP);
        }
    }

    pub(crate) fn host_prefix(&self) -> &'static str {
        if self.ipv6 { "128" } else { "32" }
    }

    /// `ADDRESS:PORT`, with brackets where IPv6 needs them.
    pub(crate) fn end(&self, address: &str, port: u16) -> String {
        if self.ipv6 { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
    }

    /// The service in the words of ipvsadm.
    pub(crate) fn service(&self) -> String {
        match (self.marked, self.ipv6) {
            (true, false) => "-f 7".to_owned(),
            (true, true) => "-f 7 -6".to_owned(),
            _ => format!("-t {}", self.end(&self.vip, 80)),
        }
    }

    /// A real server in the words of ipvsadm.
    pub(crate) fn destination(&self, address: &str) -> String {
        let port = if self.marked && self.mode != Mode::Nat { 0 } else { self.port };
        let method = match (self.mode, self.tunnel) {
            (Mode::Nat, _) => "-m",
            (Mode::Dr, _) => "-g",
            (_, "gue") => "-i --tun-type gue --tun-port 6080 --tun-nocsum",
            (_, "gre") => "-i --tun-type gre --tun-nocsum",
            _ => "-i",
        };
        format!("-r {} {method}", self.end(address, port))
    }

    fn cluster_file(&self) -> String {
        let mut file = String::new();
        let mode = match self.mode {
            Mode::Nat => "nat",
            Mode::Dr => "dr",
            Mode::Tun => "tun",
        };
        let director = Net::Inside.at(self.ipv6, 1);
        let _ = writeln!(file, "mode = \"{mode}\"\ndirectors = [\"{director}\"]");
        let address = if self.ipv6 { format!("[{}]", self.vip) } else { self.vip.clone() };
        if self.vip_net.is_none() {
            let _ = writeln!(file, "[director]\nvip-device = \"lo\"");
        }
        let _ = writeln!(file, "[[service]]");
        let _ = match (self.marked, self.ipv6) {
            (true, false) => writeln!(file, "listen = \"fwmark://7\"\nvips = [\"{}\"]", self.vip),
            (true, true) => {
                writeln!(file, "listen = \"fwmark://7?family=ipv6\"\nvips = [\"{}\"]", self.vip)
            }
            _ => writeln!(file, "listen = \"tcp://{address}:80\""),
        };
        let _ = writeln!(file, "scheduler = \"{}\"", self.scheduler);
        let _ = writeln!(file, "real = [");
        for (_, real) in &self.reals {
            let address = match (self.mode, self.ipv6, self.port) {
                (Mode::Nat, ..) => self.end(real, self.port),
                _ => real.clone(),
            };
            let tunnel = match self.tunnel {
                "gue" => ", tunnel = { type = \"gue\", port = 6080, checksum = \"none\" }",
                "gre" => ", tunnel = { type = \"gre\", checksum = \"none\" }",
                _ => "",
            };
            let _ = writeln!(file, "  {{ address = \"{address}\"{tunnel} }},");
        }
        file + "]\n"
    }

    fn set_up(&mut self, random: &mut Random) {
        let family = if self.ipv6 { "-6" } else { "-4" };
        let mut lines = Vec::new();
        let mut add = |host, line: String| lines.push(Line::shell(host, line));
        for machine in &self.machines {
            let name = machine.name;
            if machine.name == "gw" {
                add(
                    name,
                    "echo 1 >/proc/sys/net/ipv4/ip_forward; \
                     echo 1 >/proc/sys/net/ipv6/conf/all/forwarding"
                        .to_owned(),
                );
                if self.vip_net.is_none() {
                    let via = self.front().at(self.ipv6, 1);
                    add(name, format!("ip {family} route add {} via {via}", self.vip));
                }
                continue;
            }
            if self.judged().contains(&name) {
                let [all, own] = [random.below(3), random.below(3)];
                add(
                    name,
                    format!(
                        "cd /proc/sys/net/ipv4/conf; for it in */rp_filter; do echo {own} >$it; done; \
                     echo {all} >all/rp_filter"
                    ),
                );
            }
            let front = self.front();
            let of_nat = self.mode == Mode::Nat && name.starts_with('r');
            let gateway = match machine.wires.last() {
                _ if of_nat => continue,
                Some(wire) if wire.net == Net::Inside && front == Net::Outside => continue,
                Some(wire) => wire.net.at(self.ipv6, 254),
                None => continue,
            };
            // A switch without a router, too.
            let router = self.machines.iter().any(|it| it.name == "gw");
            if router || random.once_in(2) {
                add(name, format!("ip {family} route add default via {gateway}"));
            }
        }
        self.set_up = lines;
        self.listeners();
        let by_lvsctl = random.below(3);
        for name in self.judged() {
            let by_lvsctl = by_lvsctl == 0 || by_lvsctl == 1 && random.once_in(2);
            // lvsctl leaves marks to the packet filter.
            if name == "d" && self.marked {
                self.marks();
            }
            match (by_lvsctl, name) {
                (true, _) => {
                    self.set_up.push(Line { host: name, what: What::Lvsctl("apply") });
                }
                (false, "d") => self.director(random),
                (false, _) => self.real_server(name, random),
            }
        }
    }

    fn listeners(&mut self) {
        let listen = |(host, _): &(&'static str, String)| {
            let what = What::Listen { address: None, port: self.port };
            Line { host, what }
        };
        let lines: Vec<Line> = self.reals.iter().map(listen).collect();
        self.set_up.extend(lines);
    }

    fn marks(&mut self) {
        let iptables = self.iptables();
        let family = if self.ipv6 { "-6" } else { "-4" };
        let vip = &self.vip;
        let line = format!(
            "{iptables} -t mangle -A PREROUTING -d {vip} -p tcp --dport 80 -j MARK --set-mark 7"
        );
        self.set_up.push(Line::shell("d", line));
        if self.vip_net.is_none() {
            let line = format!(
                "ip {family} rule add fwmark 7 lookup 100; \
                 ip {family} route add local default dev lo table 100"
            );
            self.set_up.push(Line::shell("d", line));
        }
    }

    pub(crate) fn iptables(&self) -> &'static str {
        if self.ipv6 { "ip6tables-legacy" } else { "iptables-legacy" }
    }

    /// As tutorials do it.
    fn director(&mut self, random: &mut Random) {
        let (vip, prefix) = (self.vip.clone(), self.host_prefix());
        let nic = self.device("d", self.front()).unwrap().to_owned();
        let mut lines = Vec::new();
        if self.mode == Mode::Nat {
            lines.push(match self.ipv6 {
                true => "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding".to_owned(),
                false => "echo 1 >/proc/sys/net/ipv4/ip_forward".to_owned(),
            });
        }
        let on = |device: &str| format!("ip address add {vip}/{prefix} dev {device}");
        // IPv6 neighbours are answered for addresses of the very interface only.
        let anywhere = !self.ipv6 || self.vip_net.is_none();
        let family = if self.ipv6 { "-6" } else { "-4" };
        let place = if anywhere { random.below(7) } else { 0 };
        lines.push(match place {
            _ if self.marked && self.vip_net.is_none() => String::new(),
            1 => on("lo"),
            2 => format!("ip link add dummy0 type dummy; ip link set dummy0 up; {}", on("dummy0")),
            3 if self.mode == Mode::Tun && !self.ipv6 => {
                format!("ip link set tunl0 up; {}", on("tunl0"))
            }
            4 => format!("ip {family} route add local {vip} dev lo"),
            5 if self.vip_net.is_some() => format!("ip address add {vip}/24 dev {nic}"),
            6 if self.vip_net.is_some() => {
                format!("ip address add {vip}/24 dev {nic} noprefixroute")
            }
            _ => on(&nic),
        });
        let mut rules = format!("-A {} -s {}", self.service(), self.scheduler);
        if random.once_in(8) {
            rules += " -p 60";
        }
        for (_, real) in &self.reals {
            let weight = 1 + random.below(2);
            let line = format!("\n-a {} {} -w {weight}", self.service(), self.destination(real));
            rules += &line;
        }
        lines.push(format!("ipvsadm -R <<END\n{rules}\nEND"));
        self.set_up
            .extend(lines.into_iter().filter(|it| !it.is_empty()).map(|it| Line::shell("d", it)));
    }

    fn real_server(&mut self, host: &'static str, random: &mut Random) {
        let (vip, prefix) = (self.vip.clone(), self.host_prefix());
        let family = if self.ipv6 { "-6" } else { "-4" };
        if self.mode == Mode::Nat {
            let director = Net::Inside.at(self.ipv6, 1);
            let line = format!("ip {family} route add default via {director}");
            self.set_up.push(Line::shell(host, line));
            return;
        }
        let own = self.reals.iter().find(|(name, _)| *name == host).unwrap().1.clone();
        let mut lines = vec![
            "cd /proc/sys/net/ipv4/conf; echo 1 >all/arp_ignore; echo 2 >all/arp_announce"
                .to_owned(),
        ];
        let tunnel = match (self.tunnel, self.ipv6) {
            ("", _) => None,
            ("gre", false) => Some("gre0"),
            ("gre", true) => Some("ip6gre0"),
            (_, true) => Some("ip6tnl0"),
            ("ipip", false) if random.once_in(4) => {
                lines.push(format!("ip tunnel add lvs0 mode ipip local {own}"));
                Some("lvs0")
            }
            _ => Some("tunl0"),
        };
        if self.tunnel == "gue" {
            lines.push(format!("ip {family} fou add port 6080 gue"));
        }
        if let Some(tunnel) = tunnel {
            lines.push(format!("ip link set {tunnel} up"));
            lines.push(format!(
                "cd /proc/sys/net/ipv4/conf; echo 0 >all/rp_filter; echo 0 >{tunnel}/rp_filter"
            ));
        } else if self.topology == Topology::Legs {
            lines.push("echo 2 >/proc/sys/net/ipv4/conf/all/rp_filter".to_owned());
        }
        let on = |device: &str| format!("ip address add {vip}/{prefix} dev {device}");
        lines.push(match random.below(4) {
            0 | 1 => on(tunnel.unwrap_or("lo")),
            2 => format!("ip link add dummy0 type dummy; ip link set dummy0 up; {}", on("dummy0")),
            _ if random.once_in(3) => format!("ip {family} route add local {vip} dev lo"),
            _ => on("lo"),
        });
        self.set_up.extend(lines.into_iter().map(|line| Line::shell(host, line)));
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, ipv6, mode, topology, tunnel, .. } = self;
        let family = if *ipv6 { "IPv6" } else { "IPv4" };
        writeln!(f, "seed {seed}: {mode:?} {tunnel} {family} {topology:?}, vip {}", self.vip)?;
        for machine in &self.machines {
            for wire in &machine.wires {
                let addresses: Vec<_> =
                    wire.addresses.iter().map(|number| wire.net.at(*ipv6, *number)).collect();
                let (net, device) = (wire.net, &wire.device);
                writeln!(f, "{}: {device} on {net:?} {}", machine.name, addresses.join(" "))?;
            }
        }
        writeln!(f, "--- cluster.toml\n{}--- set-up", self.file)?;
        for line in &self.set_up {
            writeln!(f, "{line}")?;
        }
        writeln!(f, "--- faults")?;
        self.faults.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

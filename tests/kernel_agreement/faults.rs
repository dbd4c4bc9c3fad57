//! What people and programs do to a machine that worked. Not all of it hurts.

use crate::plan::{Line, Mode, Net, Plan, What};
use crate::support::random::Random;

type Fault = fn(&Plan, &mut Random) -> Vec<Line>;

/// Those that appear twice are as frequent as that in the field.
const FAULTS: &[Fault] = &[
    sysctl,
    sysctl,
    ipvs_sysctl,
    vip_elsewhere,
    vip_elsewhere,
    link,
    mtu,
    neighbour,
    route,
    route,
    rule,
    filter,
    filter,
    filter,
    listener,
    table,
    table,
    second_owner,
    tunnel,
    mark,
    address,
    ipv6_sysctl,
];

/// One fault; those that do not exist on this machine are drawn again.
pub(crate) fn draw(plan: &Plan, random: &mut Random) -> Vec<Line> {
    loop {
        let at = usize::try_from(random.below(FAULTS.len() as u64)).unwrap();
        let lines = FAULTS[at](plan, random);
        if !lines.is_empty() {
            return lines;
        }
    }
}

fn one(host: &'static str, line: impl Into<String>) -> Vec<Line> {
    vec![Line::shell(host, line)]
}

/// A director or a real server.
fn judged(plan: &Plan, random: &mut Random) -> &'static str {
    let hosts = plan.judged();
    random.of(&hosts)
}

fn real(plan: &Plan, random: &mut Random) -> (&'static str, String) {
    let at = usize::try_from(random.below(plan.reals.len() as u64)).unwrap();
    plan.reals[at].clone()
}

fn family(plan: &Plan) -> &'static str {
    if plan.ipv6 { "-6" } else { "-4" }
}

/// A network interface of a host.
fn nic(plan: &Plan, host: &str, random: &mut Random) -> String {
    let wires = &plan.machine(host).wires;
    let at = usize::try_from(random.below(wires.len() as u64)).unwrap();
    wires[at].device.clone()
}

fn fallback(plan: &Plan) -> &'static str {
    match (plan.tunnel, plan.ipv6) {
        ("gre", false) => "gre0",
        ("gre", true) => "ip6gre0",
        (_, true) => "ip6tnl0",
        _ => "tunl0",
    }
}

fn client(plan: &Plan, random: &mut Random) -> (Net, u8) {
    let name = random.of(&plan.clients);
    let wire = &plan.machine(name).wires[0];
    (wire.net, wire.addresses[0])
}

fn sysctl(plan: &Plan, random: &mut Random) -> Vec<Line> {
    let host = judged(plan, random);
    let nic = nic(plan, host, random);
    let scope = random.of(&["all", "all", "default", "lo", &nic, &nic, "tunl0", "dummy0"]);
    let (name, values): (_, &[&str]) = match random.below(8) {
        0..=2 => ("rp_filter", &["0", "1", "1", "2"]),
        3 | 4 => ("arp_ignore", &["0", "0", "1", "2", "3", "8"]),
        5 => ("arp_announce", &["0", "1", "2"]),
        6 => ("forwarding", &["0", "1"]),
        _ => ("accept_local", &["0", "1"]),
    };
    let value = random.of(values);
    one(host, format!("echo {value} >/proc/sys/net/ipv4/conf/{scope}/{name}"))
}

fn ipv6_sysctl(plan: &Plan, random: &mut Random) -> Vec<Line> {
    if !plan.ipv6 {
        return Vec::new();
    }
    let host = judged(plan, random);
    let nic = nic(plan, host, random);
    let scope = random.of(&["all", "default", "lo", &nic, &nic]);
    let line = random.of(&["0 >{}/forwarding", "1 >{}/forwarding", "1 >{}/disable_ipv6"]);
    one(host, format!("cd /proc/sys/net/ipv6/conf; echo {}", line.replace("{}", scope)))
}

fn ipvs_sysctl(_: &Plan, random: &mut Random) -> Vec<Line> {
    let line = random.of(&[
        "1 >conntrack",
        "1 >snat_reroute",
        "0 >snat_reroute",
        "3 >drop_entry",
        "3 >drop_packet",
        "1 >sloppy_tcp",
        "1 >expire_nodest_conn",
        "1 >expire_quiescent_template",
        "0 >pmtu_disc",
        "1 >ignore_tunneled",
        "0 >conn_reuse_mode",
        "1 >bypass_tests",
    ]);
    one("d", format!("cd /proc/sys/net/ipv4/vs; echo {line}"))
}

/// Removes the address wherever it is, or adds another form of it.
fn vip_elsewhere(plan: &Plan, random: &mut Random) -> Vec<Line> {
    let host = judged(plan, random);
    let (vip, whole) = (&plan.vip, plan.host_prefix());
    let family = family(plan);
    let gone = format!(
        "for it in $(ip -o {family} address show to {vip}/{whole} | awk '{{print $4 \"+\" $2}}'); do \
         ip address del ${{it%+*}} dev ${{it#*+}}; done; ip {family} route del local {vip} table local"
    );
    let nic = nic(plan, host, random);
    let wide = if plan.ipv6 { "64" } else { "24" };
    let then = match random.below(8) {
        0 | 1 => String::new(),
        2 => format!("; ip address add {vip}/{wide} dev lo"),
        3 => format!("; ip address add {vip}/{wide} dev lo noprefixroute"),
        4 => format!("; ip address add {vip}/{whole} dev {nic}"),
        5 => format!("; ip address add {vip}/{wide} dev {nic}"),
        6 => format!("; ip {family} route add local {vip} dev lo"),
        _ => {
            format!(
                "; ip link add dummy1 type dummy; ip link set dummy1 up; \
                     ip address add {vip}/{whole} dev dummy1"
            )
        }
    };
    let only_adds = random.once_in(3) && !then.is_empty();
    let line = if only_adds { then.trim_start_matches("; ").to_owned() } else { gone + &then };
    one(host, line)
}

fn link(plan: &Plan, random: &mut Random) -> Vec<Line> {
    let host = judged(plan, random);
    let nic = nic(plan, host, random);
    match random.below(6) {
        0 => one(host, format!("ip link set {nic} down")),
        1 => one(host, format!("ip link set {nic} down; ip link set {nic} up")),
        2 => one("switch", format!("ip link set {} down", port(plan, host, "eth0"))),
        3 => one(host, format!("ip link set {nic} arp off")),
        4 => one(host, format!("ip link set {nic} address 02:00:00:00:00:99")),
        _ => one(
            host,
            format!("ip link set dev {} down", random.of(&["dummy0", fallback(plan), "lo"])),
        ),
    }
}

/// The port of the switch.
pub(crate) fn port(plan: &Plan, host: &str, device: &str) -> String {
    format!("m{}{host}{}", plan.seed % 1_000_000, device.trim_start_matches("eth"))
}

fn mtu(plan: &Plan, random: &mut Random) -> Vec<Line> {
    let host = judged(plan, random);
    let nic = nic(plan, host, random);
    let device = random.of(&[nic.as_str(), &nic, fallback(plan)]);
    let mtu = random.of(&["1280", "1400", "1480", "9000"]);
    one(host, format!("ip link set {device} mtu {mtu}"))
}

fn neighbour(plan: &Plan, random: &mut Random) -> Vec<Line> {
    let host = judged(plan, random);
    let wires = &plan.machine(host).wires;
    let wire = &wires[usize::try_from(random.below(wires.len() as u64)).unwrap()];
    let number = random.of(&[1, 2, 3, 254, 100, 110]);
    let state = random.of(&["permanent", "stale", "noarp"]);
    let (to, device) = (wire.net.at(plan.ipv6, number), &wire.device);
    one(host, format!("ip neigh replace {to} lladdr 02:00:00:00:00:77 dev {device} nud {state}"))
}

fn route(plan: &Plan, random: &mut Random) -> Vec<Line> {
    let host = judged(plan, random);
    let family = family(plan);
    let (net, number) = client(plan, random);
    let whole = plan.host_prefix();
    let of_client = [net.prefix(plan.ipv6), format!("{}/{whole}", net.at(plan.ipv6, number))];
    let of_client = random.of(&[&of_client[0], &of_client[1]]).clone();
    let (_, real) = real(plan, random);
    let refused = random.of(&["blackhole", "unreachable", "prohibit"]);
    let nic = nic(plan, host, random);
    let other = plan.machine(host).wires[0].net.at(plan.ipv6, 200);
    let line = match random.below(9) {
        0 => "route del default".to_owned(),
        1 => format!("route replace default via {other}"),
        2 => format!("route add {refused} {of_client}"),
        3 => format!("route add {refused} {real}/{whole}"),
        4 => format!("route add {real}/{whole} via {other}"),
        5 => format!("route replace {of_client} dev {nic}"),
        6 => format!("route add {of_client} via {other}"),
        7 => format!("route replace {refused} default metric 1"),
        _ => format!("route add default dev {nic} metric 5"),
    };
    one(host, format!("ip {family} {line}"))
}

fn rule(plan: &Plan, random: &mut Random) -> Vec<Line> {
    let host = judged(plan, random);
    let family = family(plan);
    let (net, number) = client(plan, random);
    let (_, real) = real(plan, random);
    let nic = nic(plan, host, random);
    let other = plan.machine(host).wires[0].net.at(plan.ipv6, 200);
    let selector = match random.below(8) {
        0 => format!("from {}", plan.vip),
        1 => format!("to {}", net.prefix(plan.ipv6)),
        2 => format!("to {real}"),
        3 => format!("from {}", net.at(plan.ipv6, number)),
        4 => format!("iif {nic}"),
        5 => "fwmark 7".to_owned(),
        6 => format!("ipproto tcp sport {}", plan.port),
        _ => "from all".to_owned(),
    };
    let line = match random.below(4) {
        0 => format!("ip {family} rule add {selector} blackhole"),
        // An empty table goes on with the next rule.
        1 => format!("ip {family} rule add {selector} lookup 77"),
        2 => format!(
            "ip {family} rule add {selector} lookup 77; \
             ip {family} route add default via {other} table 77"
        ),
        _ => format!(
            "ip {family} rule add {selector} lookup 77; \
             ip {family} route add unreachable default table 77"
        ),
    };
    one(host, line)
}

/// One to three rules of the expressions that people use.
fn filter(plan: &Plan, random: &mut Random) -> Vec<Line> {
    let host = judged(plan, random);
    let iptables = plan.iptables();
    let mut lines = String::new();
    let chain = random.of(&["INPUT", "INPUT", "INPUT", "FORWARD", "OUTPUT"]);
    match random.below(8) {
        // A firewall that lets in what it knows.
        0 => {
            let known = match random.below(5) {
                0 => format!("-p tcp --dport {}", plan.port),
                1 => "-p tcp -m multiport --dports 22,80,443,8080".to_owned(),
                2 => "-p tcp --dport 22".to_owned(),
                3 => "-p tcp --sport 1024:65535 --dport 80 -m conntrack --ctstate NEW".to_owned(),
                _ => format!("-d {}", plan.vip),
            };
            let state = random.of(&["-m conntrack --ctstate", "-m state --state"]);
            lines += &format!(
                "{iptables} -P {chain} DROP; {iptables} -A {chain} -i lo -j ACCEPT; \
                 {iptables} -A {chain} {state} ESTABLISHED,RELATED -j ACCEPT; \
                 {iptables} -A {chain} {known} -j ACCEPT"
            );
            let icmp = if plan.ipv6 { "icmpv6" } else { "icmp" };
            let outer = if plan.ipv6 { "41" } else { "4" };
            if plan.ipv6 || random.once_in(2) {
                lines += &format!("; {iptables} -A {chain} -p {icmp} -j ACCEPT");
            }
            if plan.mode == Mode::Tun && random.once_in(2) {
                lines += &format!("; {iptables} -A {chain} -p {outer} -j ACCEPT");
            }
        }
        1 => {
            let notrack = random.of(&["NOTRACK", "CT --notrack", "DROP"]);
            let matched = matches(plan, host, "PREROUTING", random);
            lines += &format!("{iptables} -t raw -A PREROUTING {matched} -j {notrack}");
        }
        2 => {
            let target = random.of(&[
                "REDIRECT --to-ports 80",
                "REDIRECT --to-ports 8080",
                "RETURN",
                "ACCEPT",
            ]);
            let matched = matches(plan, host, "PREROUTING", random);
            let tcp = if matched.contains("-p ") { "" } else { "-p tcp " };
            lines += &format!("{iptables} -t nat -A PREROUTING {tcp}{matched} -j {target}");
        }
        3 => {
            let matched = matches(plan, host, "POSTROUTING", random);
            lines += &format!("{iptables} -t nat -A POSTROUTING {matched} -j MASQUERADE");
        }
        4 => {
            let first = matches(plan, host, chain, random);
            let inner = matches(plan, host, chain, random);
            let target = random.of(&["DROP", "RETURN", "ACCEPT", "REJECT"]);
            lines += &format!(
                "{iptables} -N own; {iptables} -A own {inner} -j {target}; \
                 {iptables} -A {chain} {first} -j own; {iptables} -A {chain} {inner} -j DROP"
            );
        }
        _ => {
            for _ in 0..=random.below(2) {
                let matched = matches(plan, host, chain, random);
                let target = random.of(&["DROP", "DROP", "REJECT", "ACCEPT", "RETURN"]);
                lines += &format!("{iptables} -A {chain} {matched} -j {target}; ");
            }
        }
    }
    one(host, lines.trim_end_matches("; "))
}

/// The conditions of a rule.
fn matches(plan: &Plan, host: &str, chain: &str, random: &mut Random) -> String {
    let (net, number) = client(plan, random);
    let (address, network) = (net.at(plan.ipv6, number), net.prefix(plan.ipv6));
    let nic = nic(plan, host, random);
    let (_, real) = real(plan, random);
    let vip = &plan.vip;
    let range = [net.at(plan.ipv6, 90), net.at(plan.ipv6, 105)].join("-");
    let outer = if plan.ipv6 { "41" } else { "4" };
    let device = match chain {
        "OUTPUT" | "POSTROUTING" => format!("-o {nic}"),
        _ => format!("-i {nic}"),
    };
    match random.below(25) {
        0 => "-p tcp --dport 80".to_owned(),
        1 => format!("-p tcp --dport {}", plan.port),
        2 => format!("-p tcp --sport {}", plan.port),
        3 => format!("-s {address}"),
        4 => format!("-s {network}"),
        5 => format!("! -s {network}"),
        6 => format!("-d {vip}"),
        7 => format!("-s {vip}"),
        8 => format!("{device} -p tcp"),
        9 => "-m conntrack --ctstate INVALID".to_owned(),
        10 => "-p tcp -m state --state NEW".to_owned(),
        11 => "-p tcp -m multiport --dports 80,443".to_owned(),
        12 => format!("-m iprange --src-range {range}"),
        13 => "-p tcp --syn -m limit --limit 100/second".to_owned(),
        14 => "-m mark --mark 7".to_owned(),
        15 => "-m addrtype --dst-type LOCAL -p tcp".to_owned(),
        16 => format!("-p {outer}"),
        17 => "-p udp".to_owned(),
        18 => format!("-d {real}"),
        19 => "-p tcp -m length --length 0:500".to_owned(),
        20 => "-m comment --comment web -p tcp --dport 80:8080".to_owned(),
        21 => "-p tcp -m tcp --tcp-flags SYN,ACK SYN,ACK".to_owned(),
        22 => format!("-d {address}"),
        23 => "-p udp --dport 6080".to_owned(),
        _ => "-m conntrack --ctstate NEW,ESTABLISHED -p tcp".to_owned(),
    }
}

fn listener(plan: &Plan, random: &mut Random) -> Vec<Line> {
    let (host, own) = real(plan, random);
    let line = |what| Line { host, what };
    let listen = match random.below(4) {
        0 => return vec![line(What::Deaf)],
        1 => What::Listen { address: None, port: 8081 },
        2 => What::Listen { address: Some(own), port: plan.port },
        _ => What::Listen { address: Some(plan.vip.clone()), port: plan.port },
    };
    vec![line(What::Deaf), line(listen)]
}

fn table(plan: &Plan, random: &mut Random) -> Vec<Line> {
    let (_, real) = real(plan, random);
    let (service, destination) = (plan.service(), plan.destination(&real));
    let nobody = plan.destination(&Net::Inside.at(plan.ipv6, 99));
    let other_port = plan.end(&real, 81);
    let line = match random.below(12) {
        0 => format!("-e {service} {destination} -w 0"),
        1 => format!("-e {service} {destination} -w 1 -x 1"),
        2 => format!("-e {service} {destination} -w 1 -x 100 -y 50"),
        3 => format!("-d {service} {}", {
            let end: Vec<&str> = destination.split(' ').take(2).collect();
            end.join(" ")
        }),
        4 => format!("-a {service} {nobody} -w 1"),
        5 => format!("-e {service} {} -w 1", {
            let end: Vec<&str> = destination.split(' ').take(2).collect();
            format!("{} {}", end.join(" "), random.of(&["-m", "-g", "-i"]))
        }),
        6 => format!("-D {service}"),
        7 => format!("-E {service} -s {}", random.of(&["rr", "sh", "wlc", "mh", "lblc"])),
        8 => format!("-a {service} -r {other_port} -m -w 1"),
        9 => "-C".to_owned(),
        10 => format!("-E {service} -s rr -p 30"),
        _ => "--set 1 1 1".to_owned(),
    };
    one("d", format!("ipvsadm {line}"))
}

/// Another machine answers ARP for the virtual address.
fn second_owner(plan: &Plan, _: &mut Random) -> Vec<Line> {
    let Some(device) = plan.vip_net.and_then(|net| plan.device("x", net)) else {
        return Vec::new();
    };
    let (vip, whole) = (&plan.vip, plan.host_prefix());
    one("x", format!("ip address add {vip}/{whole} dev {device}"))
}

fn tunnel(plan: &Plan, random: &mut Random) -> Vec<Line> {
    if plan.mode != Mode::Tun {
        return Vec::new();
    }
    let (host, own) = real(plan, random);
    let director = Net::Inside.at(plan.ipv6, 1);
    let family = family(plan);
    let device = fallback(plan);
    one(
        host,
        match (random.below(6), plan.ipv6) {
            (0, _) => format!("ip link set {device} down"),
            (1, false) => format!("ip tunnel add own0 mode ipip local {own}; ip link set own0 up"),
            (2, false) => {
                format!(
                    "ip tunnel add own0 mode ipip remote {director} local {own}; ip link set own0 up"
                )
            }
            (1, true) => {
                format!(
                    "ip -6 tunnel add own0 mode any remote {director} local {own}; ip link set own0 up"
                )
            }
            (3, _) => format!("ip {family} fou del port 6080"),
            (4, _) => format!("ip {family} address flush dev {device}"),
            _ => format!("ip link set {device} up; ip {family} address add {own} dev {device}"),
        },
    )
}

fn mark(plan: &Plan, random: &mut Random) -> Vec<Line> {
    if !plan.marked {
        return Vec::new();
    }
    let (iptables, family) = (plan.iptables(), family(plan));
    let line = match random.below(4) {
        0 => format!("{iptables} -t mangle -F PREROUTING"),
        1 => format!("{iptables} -t mangle -A PREROUTING -p tcp -j MARK --set-mark 8"),
        2 => format!("ip {family} rule del fwmark 7"),
        _ => format!("ip {family} route flush table 100"),
    };
    one("d", line)
}

fn address(plan: &Plan, random: &mut Random) -> Vec<Line> {
    let host = judged(plan, random);
    let wires = &plan.machine(host).wires;
    let wire = &wires[usize::try_from(random.below(wires.len() as u64)).unwrap()];
    let (own, device) = (wire.net.at(plan.ipv6, wire.addresses[0]), &wire.device);
    let wide = if plan.ipv6 { "64" } else { "24" };
    let narrow = if plan.ipv6 { "126" } else { "25" };
    let family = family(plan);
    one(
        host,
        match random.below(4) {
            0 => format!("ip address del {own}/{wide} dev {device}"),
            1 => format!(
                "ip address del {own}/{wide} dev {device}; ip address add {own}/{narrow} dev {device}"
            ),
            2 => format!("ip address add {} dev {device}", wire.net.at(plan.ipv6, 77)),
            _ => format!("ip {family} address flush dev {device}"),
        },
    )
}

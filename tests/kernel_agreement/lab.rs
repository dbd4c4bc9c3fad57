//! The hosts of a plan, each a network namespace, and what happens to their packets.

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::thread;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::faults::port;
use crate::plan::{Line, Plan, What};
use crate::support::cluster_file::ClusterFile;
use crate::support::{Host, LVSCTL, Outcome, root};

/// A lost first packet is sent again after one second, and after three.
const PATIENCE: Duration = Duration::from_secs(4);

/// Requests of a client until each real server has answered; more are of no use.
const MOST_REQUESTS: usize = 12;

/// More than a packet, in both directions.
const BODY: [u8; 3000] = [b'.'; 3000];

pub(crate) struct Lab<'a> {
    plan: &'a Plan,
    hosts: HashMap<&'static str, Host>,
    switch: &'a Host,
    programs: HashMap<&'static str, Program>,
    pub(crate) file: ClusterFile,
}

/// What the clients got.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) works: bool,
    /// A line per client and per owner of the address.
    pub(crate) seen: Vec<String>,
    answered: Vec<String>,
}

impl<'a> Lab<'a> {
    /// Wires the hosts, and sets them up.
    pub(crate) fn new(plan: &'a Plan, switch: &'a Host) -> Self {
        let hosts: HashMap<_, _> = plan.machines.iter().map(|it| (it.name, Host::new())).collect();
        let file = ClusterFile::new(&format!("agreement-{}", plan.seed), &plan.file);
        let mut lab = Self { plan, hosts, switch, programs: HashMap::new(), file };
        lab.wire();
        for line in &plan.set_up {
            let outcome = lab.run(line);
            assert_eq!(outcome.status, 0, "{plan}\n{line}: {outcome:?}");
        }
        lab
    }

    fn wire(&self) {
        let plan = self.plan;
        let mut of_root = String::new();
        let mut of_switch = String::new();
        let bridge = |net| format!("m{}{net:?}", plan.seed % 1_000_000).to_lowercase();
        for net in crate::plan::Net::ALL {
            let used = plan.machines.iter().any(|it| it.wires.iter().any(|wire| wire.net == net));
            if used {
                let name = bridge(net);
                of_switch += &format!("link add {name} type bridge\nlink set {name} up\n");
            }
        }
        for machine in &plan.machines {
            let host = self.host(machine.name);
            let mut lines = String::new();
            for wire in &machine.wires {
                for device in &wire.ports {
                    let port = port(plan, machine.name, device);
                    let (to, from) = (host.name(), self.switch.name());
                    of_root += &format!(
                        "link add {port} netns {from} type veth peer name {device} netns {to}\n"
                    );
                    of_switch += &format!("link set {port} master {} up\n", bridge(wire.net));
                    lines += &format!("link set {device} up\n");
                }
                let (device, first) = (&wire.device, wire.ports[0]);
                if device == "bond0" {
                    lines += "link add bond0 type bond mode active-backup miimon 100\n";
                    for port in &wire.ports {
                        lines += &format!("link set {port} down\nlink set {port} master bond0\n");
                    }
                    lines += "link set bond0 up\n";
                } else if device != first {
                    lines += &format!(
                        "link add link {first} name {device} type vlan id 10\nlink set {device} up\n"
                    );
                }
                for number in &wire.addresses {
                    let address = wire.net.at(plan.ipv6, *number);
                    let options = if plan.ipv6 { "/64 nodad" } else { "/24" };
                    let at = format!("{address}{}", options);
                    lines += &match at.split_once(' ') {
                        Some((at, flag)) => format!("address add {at} dev {device} {flag}\n"),
                        None => format!("address add {at} dev {device}\n"),
                    };
                }
            }
            fs::write(batch(host), lines).unwrap();
        }
        fs::write(batch(self.switch).clone() + &plan.seed.to_string(), &of_switch).unwrap();
        let of_switch = batch(self.switch) + &plan.seed.to_string();
        root(&format!(
            "ip -batch - <<END\n{of_root}END\nip -n {} -batch {of_switch}",
            self.switch.name()
        ));
        let _ = fs::remove_file(of_switch);
        for host in self.hosts.values() {
            host.shell(&format!("ip -batch {}", batch(host))).success();
            let _ = fs::remove_file(batch(host));
        }
    }

    pub(crate) fn host(&self, name: &str) -> &Host {
        &self.hosts[name]
    }

    /// Makes a line of the set-up, or a fault. Faults may fail: what they would change is not there.
    pub(crate) fn run(&mut self, line: &Line) -> Outcome {
        let fine = Outcome { status: 0, output: String::new(), errors: String::new() };
        let host = match line.host {
            "switch" => self.switch,
            name => &self.hosts[name],
        };
        match &line.what {
            What::Shell(line) => host.shell(line),
            What::Lvsctl(words) => host.lvsctl_inside(&self.file.line(words)),
            What::Deaf => {
                self.programs.remove(line.host);
                fine
            }
            What::Listen { address, port } => {
                let ipv6 = self.plan.ipv6;
                let any = if ipv6 { "::" } else { "0.0.0.0" };
                let at = address.as_deref().unwrap_or(any).parse().unwrap();
                let at = SocketAddr::new(at, *port);
                let program = host.inside(|| Program::start(at, line.host));
                let status = i32::from(program.is_none());
                self.programs.extend(program.map(|it| (line.host, it)));
                Outcome { status, ..fine }
            }
        }
    }

    /// The hosts forget their neighbours.
    pub(crate) fn forget(&self) {
        for host in self.hosts.values() {
            host.shell("ip neigh flush all");
        }
    }

    /// Requests of every client, until each has heard every real server.
    pub(crate) fn traffic(&self) -> Traffic {
        let before = self.scheduled();
        // One that was added may get its first client late.
        let table = self.host("d").shell("ipvsadm -Sn").output;
        let added =
            table.lines().filter(|line| line.starts_with("-a")).count() > self.plan.reals.len();
        let clients: Vec<Vec<String>> = thread::scope(|scope| {
            let ask = |name: &&'static str| scope.spawn(|| self.ask(name, added));
            let threads: Vec<_> = self.plan.clients.iter().map(ask).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let mut traffic = Traffic { works: true, ..Traffic::default() };
        for (name, answers) in self.plan.clients.iter().zip(clients) {
            traffic.seen.push(format!("{name}: {}", answers.join(" ")));
            traffic.works &= answers.iter().all(|it| it.starts_with('r'));
            traffic.answered.extend(answers);
        }
        let scheduled = self.scheduled().wrapping_sub(before);
        if traffic.works && scheduled < traffic.answered.len() as u64 {
            traffic.works = false;
            let requests = traffic.answered.len();
            traffic.seen.push(format!("IPVS scheduled {scheduled} of {requests} requests"));
        }
        if traffic.works {
            if let Some(owner) = self.other_owner() {
                traffic.works = false;
                traffic.seen.push(owner);
            }
        }
        traffic
    }

    /// Whether a client was answered by a real server.
    pub(crate) fn was_heard(traffic: &Traffic, real: &str) -> bool {
        traffic.answered.iter().any(|it| it == real)
    }

    /// The connections that IPVS has scheduled; the sum of all processors is up to date only there.
    fn scheduled(&self) -> u64 {
        let file = "/proc/thread-self/net/ip_vs_stats_percpu";
        let statistics = self.host("d").inside(|| fs::read_to_string(file).unwrap_or_default());
        let rows =
            statistics.lines().skip(2).take_while(|line| !line.trim_start().starts_with('~'));
        let counts = rows.filter_map(|line| line.split_whitespace().nth(1));
        counts.filter_map(|count| u64::from_str_radix(count, 16).ok()).sum()
    }

    fn ask(&self, client: &'static str, to_the_end: bool) -> Vec<String> {
        let plan = self.plan;
        let wire = &plan.machine(client).wires[0];
        let sources: Vec<IpAddr> = wire
            .addresses
            .iter()
            .map(|number| wire.net.at(plan.ipv6, *number).parse().unwrap())
            .collect();
        let vip = SocketAddr::new(plan.vip.parse().unwrap(), 80);
        self.host(client).inside(|| {
            let mut answers: Vec<String> = Vec::new();
            for source in sources.iter().cycle().take(MOST_REQUESTS) {
                let answer = request(*source, vip);
                let answered = answer.starts_with('r');
                answers.push(answer);
                let heard = |name: &str| answers.iter().filter(|it| *it == name).count() > 1;
                let all = !to_the_end && plan.reals.iter().all(|(name, _)| heard(name));
                if !answered || all || plan.hashes() && answers.len() == sources.len() {
                    break;
                }
            }
            answers
        })
    }

    /// Whether anybody answers ARP (NDP) for the address while the switch blocks the director.
    fn other_owner(&self) -> Option<String> {
        let plan = self.plan;
        let net = plan.vip_net?;
        let wire = plan.machine("d").wires.iter().find(|it| it.net == net)?;
        let set = |state: u8| -> String {
            let ports = wire.ports.iter().map(|device| port(plan, "d", device));
            ports.map(|port| format!("bridge link set dev {port} state {state}; ")).collect()
        };
        let on_net = |name: &&str| plan.device(name, net).is_some();
        let asker = plan.clients.iter().copied().chain(["gw"]).find(|name| on_net(name))?;
        let asker_device = plan.device(asker, net)?;
        let vip = &plan.vip;
        self.switch.shell(&set(0)).success();
        let asker = self.host(asker);
        asker.shell(&format!("ip neigh flush to {vip}"));
        asker.inside(|| {
            let any = if plan.ipv6 { "[::]:0" } else { "0.0.0.0:0" };
            let to = SocketAddr::new(vip.parse().unwrap(), 9);
            let _ = UdpSocket::bind(any).and_then(|socket| socket.send_to(b"who?", to));
        });
        thread::sleep(Duration::from_millis(300));
        let known = asker
            .shell(&format!("ip neigh show {vip} dev {asker_device}; ip neigh flush to {vip}"));
        self.switch.shell(&set(3)).success();
        // It may have asked meanwhile.
        self.host("d").shell("ip neigh flush nud failed nud incomplete");
        let known = known.output;
        known
            .contains("lladdr")
            .then(|| format!("another machine answers for {vip}: {}", known.trim()))
    }

    /// Whether requests that this real server alone gets are answered.
    pub(crate) fn works_alone(&self, real: &str) -> bool {
        let director = self.host("d");
        let saved = director.shell("ipvsadm -Sn").output;
        let mut rules = String::new();
        let address = &self.plan.reals.iter().find(|(name, _)| *name == real).unwrap().1;
        for line in saved.lines() {
            let Some((start, _)) = line.rsplit_once(" -w ") else { continue };
            let own =
                line.contains(&format!("{address}:")) || line.contains(&format!("[{address}]"));
            rules += &format!("{} -w {}\n", start.replacen("-a", "-e", 1), u8::from(own));
        }
        director.shell(&format!("ipvsadm -R <<END\n{rules}END"));
        let all = self
            .plan
            .clients
            .iter()
            .all(|client| self.ask(client, false).iter().all(|answer| answer == real));
        director.shell(&format!("ipvsadm -C; ipvsadm -R <<END\n{saved}END"));
        all
    }

    /// Runs the commands of a fix; those of lvsctl within this process.
    pub(crate) fn fix(&self, host: &str, commands: &[String]) -> Vec<String> {
        let host = self.host(host);
        let programs = std::path::Path::new(LVSCTL).parent().unwrap().display();
        let run = |command: &String| {
            let outcome = match command.strip_prefix("lvsctl ") {
                Some(words) => {
                    let own = format!("--state-dir {} ", host.state_directory().display());
                    host.lvsctl_inside(words.strip_prefix(&own).unwrap_or(words))
                }
                None => host.shell(&format!("PATH={programs}:$PATH\n{command}")),
            };
            match outcome.status {
                0 => command.clone(),
                status => format!("{command}: exit status {status} {}", outcome.errors.trim()),
            }
        };
        commands.iter().map(run).collect()
    }
}

impl Drop for Lab<'_> {
    fn drop(&mut self) {
        let bridges: String = crate::plan::Net::ALL
            .iter()
            .map(|net| {
                format!(
                    "ip link del {}; ",
                    format!("m{}{net:?}", self.plan.seed % 1_000_000).to_lowercase()
                )
            })
            .collect();
        self.programs.clear();
        self.switch.shell(&bridges);
    }
}

fn batch(host: &Host) -> String {
    format!("/run/batch-{}", host.name())
}

/// `r1`, or what happened instead.
fn request(source: IpAddr, vip: SocketAddr) -> String {
    let mut answer = String::new();
    let done = || -> std::io::Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(vip), Type::STREAM, None)?;
        socket.bind(&SocketAddr::new(source, 0).into())?;
        socket.connect_timeout(&vip.into(), PATIENCE)?;
        let mut stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.write_all(&BODY)?;
        stream.shutdown(Shutdown::Write)?;
        Ok(stream)
    }();
    match done.and_then(|mut stream| stream.read_to_string(&mut answer)) {
        Ok(_) if answer.ends_with('\n') => answer.trim_end().trim_start_matches('.').to_owned(),
        Ok(_) => "cut".to_owned(),
        Err(error) => format!("{:?}", error.kind()).to_lowercase(),
    }
}

/// A program that answers each connection with its name, once it has read all.
struct Program(TcpListener);

impl Program {
    fn start(at: SocketAddr, name: &'static str) -> Option<Self> {
        let listener = TcpListener::bind(at).ok()?;
        let accepting = listener.try_clone().ok()?;
        thread::spawn(move || {
            for connection in accepting.incoming() {
                let Ok(mut connection) = connection else { return };
                thread::spawn(move || {
                    let _ = connection.set_read_timeout(Some(PATIENCE));
                    let _ = connection.set_write_timeout(Some(PATIENCE));
                    let mut body = Vec::new();
                    let read = (&mut connection).take(1 << 20).read_to_end(&mut body);
                    if read.is_ok_and(|length| length == BODY.len()) {
                        let _ = connection.write_all(&BODY);
                        let _ = connection.write_all(format!("{name}\n").as_bytes());
                    }
                });
            }
        });
        Some(Self(listener))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // A listener that is shut down accepts no more; std has `shutdown` for streams only.
        if let Ok(listener) = self.0.try_clone() {
            let _ = TcpStream::from(OwnedFd::from(listener)).shutdown(Shutdown::Both);
        }
    }
}

//! Requests as lines of a ruleset, and how values are spelt: tables that the parser reads too.

use std::fmt::{Display, Write as _};
use std::net::{IpAddr, Ipv6Addr};

use super::option::Id;
use super::{Names, quoted};
use crate::ipvs::{
    AddressFamily, Checksum, Daemon, Destination, Forwarding, Protocol, Request, Service,
    ServiceFlags, ServiceIdentity, Tunnel,
};

/// The options that name a service by protocol.
pub(super) static PROTOCOLS: [(Id, Protocol, &str); 3] = [
    (Id::TcpService, Protocol::TCP, "-t"),
    (Id::UdpService, Protocol::UDP, "-u"),
    (Id::SctpService, Protocol::SCTP, "--sctp-service"),
];

pub(super) static METHODS: [(Id, Forwarding, &str); 3] = [
    (Id::Gatewaying, Forwarding::DirectRouting, "-g"),
    (Id::Ipip, Forwarding::Tunnel, "-i"),
    (Id::Masquerading, Forwarding::Masquerade, "-m"),
];

pub(super) static CHECKSUMS: [(Id, Checksum, &str); 3] = [
    (Id::TunnelNoChecksum, Checksum::None, "--tun-nocsum"),
    (Id::TunnelChecksum, Checksum::Full, "--tun-csum"),
    (Id::TunnelRemoteChecksum, Checksum::Remote, "--tun-remcsum"),
];

/// Encapsulations, by the argument of `--tun-type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum TunnelType {
    #[default]
    Ipip,
    Gue,
    Gre,
}

impl TunnelType {
    pub(super) const ALL: [Self; 3] = [Self::Ipip, Self::Gue, Self::Gre];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ipip => "ipip",
            Self::Gue => "gue",
            Self::Gre => "gre",
        }
    }
}

/// A name of a scheduler flag.
#[derive(Debug)]
pub struct SchedulerFlag {
    pub name: &'static str,
    /// The only scheduler that has the name.
    scheduler: Option<&'static str>,
    pub flag: ServiceFlags,
}

/// A flag has its name of a scheduler before its name of all.
pub static SCHEDULER_FLAGS: [SchedulerFlag; 7] = [
    SchedulerFlag::new("sh-fallback", Some("sh"), ServiceFlags::SCHEDULER_1),
    SchedulerFlag::new("sh-port", Some("sh"), ServiceFlags::SCHEDULER_2),
    SchedulerFlag::new("mh-fallback", Some("mh"), ServiceFlags::SCHEDULER_1),
    SchedulerFlag::new("mh-port", Some("mh"), ServiceFlags::SCHEDULER_2),
    SchedulerFlag::new("flag-1", None, ServiceFlags::SCHEDULER_1),
    SchedulerFlag::new("flag-2", None, ServiceFlags::SCHEDULER_2),
    SchedulerFlag::new("flag-3", None, ServiceFlags::SCHEDULER_3),
];

impl SchedulerFlag {
    const fn new(name: &'static str, scheduler: Option<&'static str>, flag: ServiceFlags) -> Self {
        Self { name, scheduler, flag }
    }

    pub fn named(name: &str) -> Option<&'static Self> {
        SCHEDULER_FLAGS.iter().find(|row| row.name == name)
    }

    /// Whether it is a name for any scheduler.
    pub const fn is_general(&self) -> bool {
        self.scheduler.is_none()
    }

    pub fn fits(&self, scheduler: &str) -> bool {
        self.scheduler.is_none_or(|only| only == scheduler)
    }
}

/// The names of the scheduler flags that a service has set, in the scheduler's own words where it
/// has some.
pub fn scheduler_flags(service: &Service) -> impl Iterator<Item = &'static str> {
    let bits = [ServiceFlags::SCHEDULER_1, ServiceFlags::SCHEDULER_2, ServiceFlags::SCHEDULER_3];
    bits.into_iter().filter(|bit| service.flags.contains(*bit)).filter_map(|bit| {
        let fits = |row: &&SchedulerFlag| row.flag == bit && row.fits(&service.scheduler);
        SCHEDULER_FLAGS.iter().find(fits).map(|row| row.name)
    })
}

/// The option of a forwarding method.
pub fn method(forwarding: Forwarding) -> &'static str {
    // No option asks for local delivery; the kernel finds it out by itself.
    METHODS.iter().find(|row| row.1 == forwarding).map_or("-g", |row| row.2)
}

/// How much of a destination a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As `-S` writes it: `--tun-type` also where the encapsulation is the default one.
    Full,
    /// As a person types it in a shell.
    Short,
}

/// Appends the options of an encapsulation.
pub fn append_tunnel(line: &mut String, tunnel: Tunnel, style: Style) {
    let (kind, port, checksum) = match tunnel {
        Tunnel::Ipip if style == Style::Short => return,
        Tunnel::Ipip => (TunnelType::Ipip, None, None),
        Tunnel::Gue { port, checksum } => (TunnelType::Gue, Some(port), Some(checksum)),
        Tunnel::Gre { checksum } => (TunnelType::Gre, None, Some(checksum)),
        // A type of a newer kernel: nothing that could be read back names it.
        Tunnel::Other(_) => return,
    };
    line.push_str(" --tun-type ");
    line.push_str(kind.name());
    if let Some(port) = port {
        line.push_str(" --tun-port ");
        append_number(line, port.into());
    }
    if let Some(row) = CHECKSUMS.iter().find(|row| Some(row.1) == checksum) {
        line.push(' ');
        line.push_str(row.2);
    }
}

/// Appends `-t 192.0.2.1:80`, `-f 5 -6`.
pub fn append_identity(line: &mut String, identity: &ServiceIdentity, names: Option<&dyn Names>) {
    match *identity {
        ServiceIdentity::Mark { mark, family } => {
            line.push_str("-f ");
            append_number(line, mark);
            line.push_str(match family {
                AddressFamily::Ipv4 => "",
                AddressFamily::Ipv6 => " -6",
            });
        }
        ServiceIdentity::Address { protocol, address, port } => {
            // The reference's word for what no command can add.
            let row = PROTOCOLS.iter().find(|row| row.1 == protocol);
            line.push_str(row.map_or("--xxx-service", |row| row.2));
            line.push(' ');
            append_endpoint(line, (address, port), Some(protocol), names);
        }
    }
}

/// Appends the attributes of a service, which stand behind its identity.
pub fn append_service(line: &mut String, service: &Service, style: Style) {
    append_word(line, " -s", &service.scheduler, style);
    if let Some(persistence) = service.persistence {
        let _ = write!(line, " -p {}", persistence.timeout);
        if !persistence.netmask.is_host() {
            let _ = write!(line, " -M {}", persistence.netmask);
        }
    }
    if let Some(engine) = &service.persistence_engine {
        append_word(line, " --pe", engine, style);
    }
    if service.flags.contains(ServiceFlags::ONE_PACKET) {
        line.push_str(" -o");
    }
    for (index, flag) in scheduler_flags(service).enumerate() {
        line.push_str(if index == 0 { " -b " } else { "," });
        line.push_str(flag);
    }
}

/// Appends a destination, which stands behind the identity of its service. Piece by piece, since
/// most lines of a large table are these.
pub fn append_destination(
    line: &mut String,
    service: &ServiceIdentity,
    destination: &Destination,
    style: Style,
    names: Option<&dyn Names>,
) {
    append_real_server(line, service, (destination.address, destination.port), names);
    for piece in [" ", method(destination.forwarding), " -w "] {
        line.push_str(piece);
    }
    append_number(line, destination.weight);
    if destination.forwarding == Forwarding::Tunnel {
        append_tunnel(line, destination.tunnel, style);
    }
    let thresholds = [(" -x ", destination.upper_threshold), (" -y ", destination.lower_threshold)];
    for (option, threshold) in thresholds.into_iter().filter(|(_, threshold)| *threshold != 0) {
        line.push_str(option);
        append_number(line, threshold);
    }
}

fn append_real_server(
    line: &mut String,
    service: &ServiceIdentity,
    server: (IpAddr, u16),
    names: Option<&dyn Names>,
) {
    line.push_str(" -r ");
    let protocol = match *service {
        ServiceIdentity::Address { protocol, .. } => Some(protocol),
        // The protocol of a marked packet is not known.
        ServiceIdentity::Mark { .. } => None,
    };
    append_endpoint(line, server, protocol, names);
}

fn append_daemon(line: &mut String, daemon: &Daemon, style: Style) {
    let Daemon { state, interface, sync_id, .. } = daemon;
    let _ = write!(line, "--start-daemon {}", state.name());
    append_word(line, " --mcast-interface", interface.as_str(), style);
    let _ = write!(line, " --syncid {sync_id}");
    append_option(line, "--sync-maxlen", daemon.maximum_length);
    append_option(line, "--mcast-group", daemon.group);
    append_option(line, "--mcast-port", daemon.port);
    append_option(line, "--mcast-ttl", daemon.time_to_live);
}

/// Appends an option with a name, which a person types in a shell. In a ruleset, a word that begins a
/// comment, that is the name of the program, or that is empty would be left out: it is attached.
fn append_word(line: &mut String, option: &str, word: &str, style: Style) {
    line.push_str(option);
    match style {
        Style::Short => {
            line.push(' ');
            line.push_str(&quoted(word));
        }
        Style::Full => {
            let is_left_out = word.is_empty() || word.starts_with('#') || word == "ipvsadm";
            line.push(if is_left_out { '=' } else { ' ' });
            line.push_str(word);
        }
    }
}

/// Appends an option with its value, if there is one. Writing to a string does not fail.
fn append_option(line: &mut String, option: &str, value: Option<impl Display>) {
    if let Some(value) = value {
        let _ = write!(line, " {option} {value}");
    }
}

/// Appends a request as a line, without the newline, with addresses in numbers.
pub fn append_request(line: &mut String, request: &Request, style: Style) {
    let mut change = |verb, identity: &ServiceIdentity| {
        line.push_str(verb);
        append_identity(line, identity, None);
    };
    match request {
        Request::AddService(service) => {
            change("-A ", &service.identity);
            append_service(line, service, style);
        }
        Request::EditService(service) => {
            change("-E ", &service.identity);
            append_service(line, service, style);
        }
        Request::DeleteService(identity) => change("-D ", identity),
        Request::AddDestination { service, destination } => {
            change("-a ", service);
            append_destination(line, service, destination, style, None);
        }
        Request::EditDestination { service, destination } => {
            change("-e ", service);
            append_destination(line, service, destination, style, None);
        }
        Request::DeleteDestination { service, address, port } => {
            change("-d ", service);
            append_real_server(line, service, (*address, *port), None);
        }
        Request::Flush => line.push_str("-C"),
        Request::Zero(None) => line.push_str("-Z"),
        Request::Zero(Some(identity)) => change("-Z ", identity),
        Request::SetTimeouts(timeouts) => {
            let _ = write!(line, "--set {} {} {}", timeouts.tcp, timeouts.tcp_fin, timeouts.udp);
        }
        Request::StartDaemon(daemon) => append_daemon(line, daemon, style),
        Request::StopDaemon { state, sync_id } => {
            let _ = write!(line, "--stop-daemon {}", state.name());
            // The kernel does not look at it.
            if *sync_id != 0 && style == Style::Full {
                let _ = write!(line, " --syncid {sync_id}");
            }
        }
    }
}

/// Longest address and port that the reference writes, in bytes.
pub const LONGEST_ENDPOINT: usize = 59;

/// Appends an address and a port. A name stands for either only where it reads back to the same
/// value, and the reference would not cut the text.
pub fn append_endpoint(
    line: &mut String,
    (address, port): (IpAddr, u16),
    protocol: Option<Protocol>,
    names: Option<&dyn Names>,
) {
    let host = names.and_then(|names| {
        // Host names are looked up as IPv4 only when they are read.
        let same = |name: &str| names.address(name).map(IpAddr::V4) == Some(address);
        names.host(address).filter(|name| reads_as_name(name) && same(name))
    });
    let service = names.and_then(|names| {
        let protocol = protocol?;
        let same = |name: &str| names.port(name, protocol) == Some(port);
        names.service(port, protocol).filter(|name| same(name) && reads_as_name(name))
    });
    let start = line.len();
    append_named(line, (address, port), host.as_deref(), service.as_deref());
    if line.len() > start + LONGEST_ENDPOINT {
        line.truncate(start);
        append_named(line, (address, port), None, None);
    }
}

/// Appends an address and a port, each by its name where it has one.
pub fn append_named(
    line: &mut String,
    (address, port): (IpAddr, u16),
    host: Option<&str>,
    service: Option<&str>,
) {
    // Names of IPv6 hosts stand in brackets too.
    let brackets = address.is_ipv6();
    line.push_str(if brackets { "[" } else { "" });
    match host {
        Some(host) => line.push_str(host),
        None => append_address(line, address),
    }
    line.push_str(if brackets { "]:" } else { ":" });
    match service {
        Some(service) => line.push_str(service),
        None => append_number(line, port.into()),
    }
}

/// Appends an address in numbers.
pub fn append_address(line: &mut String, address: IpAddr) {
    let [a, b, c, d] = match address {
        IpAddr::V4(address) => address.octets(),
        IpAddr::V6(address) => return append_ipv6(line, address),
    };
    append_number(line, a.into());
    for octet in [b, c, d] {
        line.push('.');
        append_number(line, octet.into());
    }
}

/// Appends an IPv6 address as inet_ntop(3) writes it, which shows the last 32 bits of an
/// IPv4-compatible address (`::192.0.2.1`) as IPv4. Rust does so for IPv4-mapped addresses only.
fn append_ipv6(line: &mut String, address: Ipv6Addr) {
    let _ = match address.segments() {
        [0, 0, 0, 0, 0, 0, high, _] if high != 0 => {
            let [.., a, b, c, d] = address.octets();
            write!(line, "::{a}.{b}.{c}.{d}")
        }
        _ => write!(line, "{address}"),
    };
}

/// Appends a number. `write!` does the same, and takes most of the time of a long line.
fn append_number(line: &mut String, number: u32) {
    if number >= 10 {
        append_number(line, number / 10);
    }
    line.push(char::from(b'0' + (number % 10) as u8));
}

/// Whether a name cannot be taken for a number, a comment, a bracket or two words when it is read.
fn reads_as_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    name.chars().all(plain)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.contains(|c: char| c.is_ascii_alphabetic())
}

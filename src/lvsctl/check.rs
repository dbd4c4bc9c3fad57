//! `check`: probes each real server from the director, by the path that the packets of clients take.

use std::fmt;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use serde_json::{Value as Json, json};

use super::arguments::{CheckFlags, Options};
use super::error::{Error, usage};
use super::{connections, input, values};
use crate::doctor;
use crate::host::machine::{self, Machine};
use crate::host::{Probed, Target, probe};
use crate::path::service_name;
use lvs::ipvs::{Destination, Forwarding, Protocol, ServiceIdentity, Tunnel};

/// Exit code if a real server does not answer.
const NOT_ANSWERED: u8 = 1;

pub(super) fn run(
    flags: &CheckFlags,
    options: &Options,
    output: &mut dyn Write,
) -> Result<u8, Error> {
    let checks = checks(flags)?;
    let targets: Vec<Target> =
        checks.iter().filter_map(|it| it.target.as_ref().ok().copied()).collect();
    let mut probed = match options.dry_run {
        true => Vec::new(),
        false => probe(&targets, flags.timeout).map_err(machine::Error::from)?,
    }
    .into_iter();
    let listeners = doctor::listeners().unwrap_or_default();
    let mut answered = 0;
    let mut items = Vec::new();
    for check in &checks {
        let result = match check.target.as_ref() {
            Err(why) => Found::NotProbed(why),
            Ok(target) => match probed.next() {
                None => Found::NotProbed("nothing is sent with --dry-run"),
                Some(Probed::Own) => {
                    let to = check.destination_on_wire(target);
                    let hears = |it: &crate::path::Listener| {
                        it.protocol == target.protocol && it.port == to.port() && it.hears(to.ip())
                    };
                    Found::Own { to, is_served: listeners.iter().any(hears) }
                }
                Some(outcome) => Found::Probed(*target, outcome),
            },
        };
        answered += usize::from(result.is_answer());
        match options.json {
            true => items.push(check.json(&result)),
            false => writeln!(output, "{check}: {result}")?,
        }
    }
    let is_done = answered == checks.len() || options.dry_run;
    if options.json {
        let object = json!({"schema": 1, "answered": answered, "checks": items});
        writeln!(output, "{object}")?;
    } else if !options.dry_run {
        writeln!(output, "{answered} of {} real servers answer", checks.len())?;
    }
    Ok(if is_done { 0 } else { NOT_ANSWERED })
}

/// A real server of a service.
struct Check {
    service: ServiceIdentity,
    destination: Destination,
    /// Or why it cannot be probed.
    target: Result<Target, &'static str>,
}

/// The real servers that the command line selects, of the table or a file.
fn checks(flags: &CheckFlags) -> Result<Vec<Check>, Error> {
    let word = flags.subject.as_deref();
    let service = match word.and_then(Path::to_str).filter(|it| it.contains("://")) {
        Some(text) => match values::service(text) {
            Ok(service) => Some(service),
            Err(error) => usage!("{error}"),
        },
        None => None,
    };
    let file = word.filter(|_| service.is_none());
    let services = match file {
        Some(file) => input::services(file)?,
        None => connections::of_table(&mut Machine::new()?.read_only(), service)?,
    };
    let pairs = services.into_iter().flat_map(|(service, destinations)| {
        destinations.into_iter().map(move |it| (service.identity, it))
    });
    let mut found: Vec<(ServiceIdentity, Destination)> = pairs.collect();
    found.retain(|(identity, destination)| {
        service.is_none_or(|only| only == *identity)
            && flags.real.is_none_or(|(address, port)| {
                address == destination.address && port.is_none_or(|port| port == destination.port)
            })
    });
    if let (true, Some(service), Some((address, port)), Some(mode)) =
        (found.is_empty(), service, flags.real, flags.mode)
    {
        // A health checker has removed it.
        let port = port.unwrap_or(service.port());
        found.push((service, Destination::new(address, port, mode.forwarding())));
    }
    if found.is_empty() {
        let place = file.map_or("the table".to_owned(), |file| file.display().to_string());
        match (service, flags.real) {
            (Some(_), Some(_)) => usage!(
                "{place} has no such real server: give its forwarding method with --mode, or the \
                 cluster file in place of the service"
            ),
            (None, None) => usage!("{place} has no real servers"),
            _ => usage!("{place} has no such service or real server"),
        }
    }
    let check = |(service, mut destination): (ServiceIdentity, Destination)| {
        if let Some(mode) = flags.mode {
            destination.forwarding = mode.forwarding();
        }
        let target = target(service, &destination, flags.to);
        Check { service, destination, target }
    };
    Ok(found.into_iter().map(check).collect())
}

fn target(
    service: ServiceIdentity,
    destination: &Destination,
    to: Option<ServiceIdentity>,
) -> Result<Target, &'static str> {
    let ServiceIdentity::Address { protocol, address, port } = to.unwrap_or(service) else {
        return Err("a service by mark has no address: give one that clients use with --to");
    };
    if port == 0 {
        return Err("the service has every port: give one that clients use with --to");
    }
    if ![Protocol::TCP, Protocol::UDP].contains(&protocol) {
        return Err("probes are of TCP and UDP alone");
    }
    let real_port = if destination.port == 0 { port } else { destination.port };
    Ok(Target {
        protocol,
        vip: SocketAddr::new(address, port),
        real: SocketAddr::new(destination.address, real_port),
        forwarding: destination.forwarding,
        tunnel: destination.tunnel,
    })
}

impl Check {
    const fn method(&self) -> &'static str {
        match (self.destination.forwarding, self.destination.tunnel) {
            (Forwarding::Masquerade, _) => "nat",
            (Forwarding::DirectRouting, _) => "dr",
            (Forwarding::Tunnel, Tunnel::Gue { .. }) => "tun gue",
            (Forwarding::Tunnel, Tunnel::Gre { .. }) => "tun gre",
            (Forwarding::Tunnel, _) => "tun",
            _ => "local",
        }
    }

    /// The destination of packets when they reach the real server.
    fn destination_on_wire(&self, target: &Target) -> SocketAddr {
        match self.destination.forwarding {
            Forwarding::Masquerade => target.real,
            _ => target.vip,
        }
    }

    fn json(&self, result: &Found<'_>) -> Json {
        let mut object = json!({
            "service": service_name(self.service),
            "real": SocketAddr::new(self.destination.address, self.destination.port).to_string(),
            "method": self.method(),
            "answers": result.is_answer(),
            "result": result.name(),
            "detail": result.to_string(),
        });
        if let Found::Probed(_, Probed::Answers { after, device, .. }) = result {
            if let Some(object) = object.as_object_mut() {
                object.insert("milliseconds".to_owned(), json!(after.as_secs_f64() * 1000.0));
                object.insert("interface".to_owned(), json!(device.to_string()));
            }
        }
        object
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Destination { address, port, .. } = self.destination;
        let real = SocketAddr::new(address, port);
        write!(f, "{} -> {real} ({})", service_name(self.service), self.method())
    }
}

/// What a check found out.
enum Found<'a> {
    Probed(Target, Probed),
    /// The real server is this machine.
    Own {
        to: SocketAddr,
        is_served: bool,
    },
    NotProbed(&'a str),
}

impl Found<'_> {
    const fn is_answer(&self) -> bool {
        matches!(
            self,
            Self::Probed(_, Probed::Answers { .. } | Probed::Open)
                | Self::Own { is_served: true, .. }
        )
    }

    /// The word of the JSON output.
    const fn name(&self) -> &'static str {
        match self {
            Self::NotProbed(_) | Self::Probed(_, Probed::Own) => "not-probed",
            Self::Own { is_served: true, .. } | Self::Probed(_, Probed::Answers { .. }) => {
                "answers"
            }
            Self::Own { is_served: false, .. } | Self::Probed(_, Probed::Refused) => "refused",
            Self::Probed(_, Probed::Open) => "open",
            Self::Probed(_, Probed::Unreachable { .. }) => "unreachable",
            Self::Probed(_, Probed::OtherSource(_)) => "other-source",
            Self::Probed(_, Probed::Returned) => "returned",
            Self::Probed(_, Probed::Silent) => "silent",
            Self::Probed(_, Probed::NoNeighbour { .. }) => "no-neighbour",
            Self::Probed(_, Probed::BehindRouter { .. }) => "behind-router",
            Self::Probed(_, Probed::LinkDown(_)) => "link-down",
            Self::Probed(_, Probed::NoRoute) => "no-route",
            Self::Probed(_, Probed::NoSource) => "no-source",
        }
    }
}

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (target, outcome) = match self {
            Self::Probed(target, outcome) => (target, outcome),
            Self::Own { to, is_served: true } => {
                return write!(f, "this machine itself, where a program listens on {to}");
            }
            Self::Own { to, .. } => {
                return write!(f, "this machine itself, where no program listens on {to}");
            }
            Self::NotProbed(why) => return write!(f, "not probed: {why}"),
        };
        let (real, vip) = (target.real.ip(), target.vip);
        match outcome {
            Probed::Answers { after, device, sent_by } => {
                write!(f, "answers after {:.1} ms", after.as_secs_f64() * 1000.0)?;
                match device == sent_by {
                    true => Ok(()),
                    false => write!(f, ", by another path: on {device}, asked on {sent_by}"),
                }
            }
            Probed::Open => {
                f.write_str("the port is open: it refuses a closed port, and not this one")
            }
            Probed::Own => f.write_str("this machine itself"),
            Probed::Refused if target.protocol == Protocol::TCP => {
                f.write_str("refused (RST): no program listens on the port there")
            }
            Probed::Refused => {
                f.write_str("refused (ICMP port unreachable): no program listens on the port there")
            }
            Probed::Unreachable { from, what } => {
                write!(f, "{from} answers ICMP {what}")?;
                f.write_str(hint(target, *from))
            }
            Probed::OtherSource(source) => {
                write!(f, "answers from {source}, while clients wait for {vip}")
            }
            Probed::Returned => {
                write!(f, "{real} sends the packets on: it does not have the address {}", vip.ip())
            }
            Probed::Silent => write!(f, "no answer{}", silence(target.forwarding)),
            Probed::NoNeighbour { next, device } => {
                let protocol = if next.is_ipv4() { "ARP" } else { "neighbour solicitations" };
                write!(
                    f,
                    "{next} does not answer {protocol} on {device}: it is down, or in another network"
                )
            }
            Probed::BehindRouter { gateway, device } => write!(
                f,
                "{real} is behind the router {gateway} on {device}: direct routing reaches machines \
                 on the same network alone"
            ),
            Probed::LinkDown(device) => write!(f, "{device} is down or without carrier"),
            Probed::NoRoute => write!(f, "there is no route to {real}"),
            Probed::NoSource => f.write_str(
                "this machine has no address to ask from: a client must have another than the VIP",
            ),
        }
    }
}

/// What an ICMP error of the real server means.
fn hint(target: &Target, from: IpAddr) -> &'static str {
    match (target.forwarding, target.tunnel) {
        _ if from != target.real.ip() && from != target.vip.ip() => "",
        (Forwarding::Tunnel, Tunnel::Gue { .. }) => {
            ": nothing receives on the GUE port there, or a packet filter rejects it"
        }
        (Forwarding::Tunnel, _) => {
            ": no interface decapsulates the tunnel there, or a packet filter rejects it"
        }
        _ => ": a packet filter rejects it there",
    }
}

/// What no answer at all can mean.
const fn silence(forwarding: Forwarding) -> &'static str {
    match forwarding {
        Forwarding::Masquerade => ": a packet filter drops it, or the answer takes another way",
        Forwarding::Tunnel => {
            ": no tunnel decapsulates it, its reverse path filter or a packet filter drops it, or the \
             virtual address is missing there"
        }
        _ => {
            ": the virtual address is missing there, or a reverse path filter or packet filter drops it"
        }
    }
}

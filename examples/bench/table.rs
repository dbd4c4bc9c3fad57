//! The tables that are measured.

use std::fmt;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::str::FromStr;

use lvs::ipvs::{Destination, Forwarding, Request, Service, ServiceIdentity};

/// So many services, and destinations of each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) services: u32,
    pub(crate) destinations: u32,
}

impl FromStr for Shape {
    type Err = String;

    /// `10000x5`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (services, destinations) = text.split_once('x').ok_or("no x")?;
        let number = |text: &str| text.parse::<u32>().map_err(|error| error.to_string());
        Ok(Self { services: number(services)?, destinations: number(destinations)? })
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {}", self.services, self.destinations)
    }
}

impl Shape {
    /// The service of that number.
    pub(crate) fn service(number: u32) -> ServiceIdentity {
        ServiceIdentity::tcp(Ipv4Addr::from_bits(0xc0a8_0000 + number), 80)
    }

    /// What makes the table.
    pub(crate) fn requests(self) -> impl Iterator<Item = Request> {
        (0..self.services).flat_map(move |number| {
            let identity = Self::service(number);
            let servers = (0..self.destinations).map(move |server| {
                let address =
                    Ipv4Addr::from_bits(0x0a00_0002 + number * self.destinations + server);
                let server = Destination::new(address, 80, Forwarding::Masquerade);
                Request::AddDestination { service: identity, destination: server }
            });
            [Request::AddService(Service::new(identity, "wlc"))].into_iter().chain(servers)
        })
    }

    /// The same as `-S` writes it.
    pub(crate) fn rules(self) -> String {
        let mut rules = String::new();
        for request in self.requests() {
            match request {
                Request::AddService(service) => {
                    writeln!(rules, "-A -t {} -s wlc", text(&service.identity)).unwrap();
                }
                Request::AddDestination { service, destination: server } => {
                    let server = format!("{}:{}", server.address, server.port);
                    writeln!(rules, "-a -t {} -r {server} -m -w 1", text(&service)).unwrap();
                }
                _ => unreachable!(),
            }
        }
        rules
    }
}

fn text(service: &ServiceIdentity) -> String {
    match service {
        ServiceIdentity::Address { address, port, .. } => format!("{address}:{port}"),
        ServiceIdentity::Mark { .. } => unreachable!(),
    }
}

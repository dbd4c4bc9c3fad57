//! Tables to restore and list, and connections to one service.

use std::fmt;
use std::fmt::Write as _;
use std::io;
use std::mem::size_of;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::str::FromStr;

use lvs::ipvs::{Destination, Forwarding, Request, Service, ServiceIdentity};

/// The size of a table: services, and destinations per service.
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
    /// The identity of a service, by its number.
    pub(crate) fn service(number: u32) -> ServiceIdentity {
        ServiceIdentity::tcp(Ipv4Addr::from_bits(0xc0a8_0000 + number), 80)
    }

    /// The requests that add the table.
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

    /// The table as `-S` prints it.
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

/// The service of the connections.
pub(crate) const SERVICE: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 1);
pub(crate) const PORT: u16 = 53;

/// Opens connections: one UDP datagram from each of many clients that do not exist. The service must
/// exist.
#[allow(unsafe_code)]
pub(crate) fn connect(count: u32) {
    // SAFETY: a bare system call.
    let socket = unsafe { libc::socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_RAW) };
    assert!(socket >= 0, "{}", io::Error::last_os_error());
    // SAFETY: the descriptor is new, and nothing else owns it.
    let socket = unsafe { OwnedFd::from_raw_fd(socket) };
    let to = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: 0,
        sin_addr: libc::in_addr { s_addr: SERVICE.to_bits().to_be() },
        sin_zero: [0; 8],
    };
    for number in 0..count {
        let packet = packet(number);
        // SAFETY: both pointers are valid for the lengths given.
        let sent = unsafe {
            libc::sendto(
                socket.as_raw_fd(),
                packet.as_ptr().cast(),
                packet.len(),
                0,
                (&raw const to).cast(),
                size_of::<libc::sockaddr_in>() as libc::socklen_t,
            )
        };
        assert!(sent == packet.len() as isize, "{}", io::Error::last_os_error());
    }
}

/// An IP header and a UDP header; the kernel fills in the fields that are 0.
fn packet(number: u32) -> [u8; 28] {
    let client = 0xac10_0000 + number / 50_000;
    let port = (1024 + number % 50_000) as u16;
    let mut packet = [0; 28];
    packet[0] = 0x45;
    packet[8] = 64;
    packet[9] = 17;
    packet[12..16].copy_from_slice(&client.to_be_bytes());
    packet[16..20].copy_from_slice(&SERVICE.octets());
    packet[20..22].copy_from_slice(&port.to_be_bytes());
    packet[22..24].copy_from_slice(&PORT.to_be_bytes());
    packet[25] = 8;
    packet
}

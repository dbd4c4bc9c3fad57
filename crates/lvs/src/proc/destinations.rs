//! The table of services and destinations, `/proc/net/ip_vs`.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::IpAddr;

use super::{address, fields, hexadecimal, parsed, port, protocol, read_line};
use crate::ipvs::{Destination, DestinationEntry, Forwarding, ServiceEntry, ServiceIdentity};
use crate::netlink::proc_net;

/// Name of the file in `/proc/net`.
const NAME: &str = "ip_vs";

/// Header lines above the first service.
const HEADER_LINES: usize = 3;

/// Destinations above which the file is malformed.
const MOST_ROWS: usize = 1 << 20;

/// The destinations of all services from one read of `/proc/net/ip_vs`, where netlink takes one dump
/// per service.
///
/// The file has addresses, forwarding methods, weights and numbers of connections. It lacks the
/// scheduler flags and the persistence engine of a service, and the family of a mark. So it
/// complements a dump of the services, and is used only if it has the same services in the same
/// order. Both walk the same hash table (`ip_vs_info_seq_ops` and `ip_vs_genl_dump_services` of the
/// kernel's ip_vs_ctl.c). They differ if a service was added or deleted in between, or if a change
/// in another network namespace makes Linux 6.1 skip some in the file.
pub struct DestinationTable {
    rows: Vec<Row>,
    /// Index of the first row of each service.
    starts: Vec<usize>,
}

impl DestinationTable {
    /// Reads the file of the calling thread's network namespace.
    ///
    /// `services` is the dump of [`Client::services`](crate::ipvs::Client::services). `None` if the
    /// file cannot be read or does not agree with it; use
    /// [`Client::destinations`](crate::ipvs::Client::destinations) then.
    #[must_use]
    pub fn open(services: &[ServiceEntry]) -> Option<Self> {
        let file = File::open(proc_net().join(NAME)).ok()?;
        Self::read(BufReader::new(file), services)
    }

    /// The same of any text, for the fuzz target.
    #[doc(hidden)]
    pub fn read(mut input: impl BufRead, services: &[ServiceEntry]) -> Option<Self> {
        if has_mark_of_both_families(services) {
            return None;
        }
        let mut line = Vec::new();
        for _ in 0..HEADER_LINES {
            read_line(&mut input, &mut line).ok()?;
        }
        let mut table = Self { rows: Vec::new(), starts: Vec::with_capacity(services.len()) };
        let mut services = services.iter();
        while read_line(&mut input, &mut line).ok()? {
            match line.strip_prefix(b"  -> ") {
                Some(_) if table.starts.is_empty() || table.rows.len() == MOST_ROWS => return None,
                Some(row) => table.rows.push(Row::parse(row)?),
                None => {
                    let service = &services.next()?.service;
                    if !is_line_of(&line, &service.identity)? {
                        return None;
                    }
                    table.starts.push(table.rows.len());
                }
            }
        }
        services.next().is_none().then_some(table)
    }

    /// The destinations of the service with that index in the dump, in the kernel's order. What the
    /// file lacks (thresholds, tunnel, persistent connections, counters) has its default.
    #[must_use]
    pub fn destinations(&self, service: usize) -> Vec<DestinationEntry> {
        let Some(&start) = self.starts.get(service) else { return Vec::new() };
        let end = self.starts.get(service + 1).copied().unwrap_or(self.rows.len());
        self.rows.get(start..end).unwrap_or_default().iter().map(Row::entry).collect()
    }
}

/// The file has no family, so it does not distinguish two services of one mark.
fn has_mark_of_both_families(services: &[ServiceEntry]) -> bool {
    let mut marks = HashSet::new();
    services.iter().any(|entry| match entry.service.identity {
        ServiceIdentity::Mark { mark, .. } => !marks.insert(mark),
        ServiceIdentity::Address { .. } => false,
    })
}

/// Whether a line such as `TCP  C0000201:0050 wlc ` or `FWM  00000005 rr ` is about that service.
fn is_line_of(line: &[u8], identity: &ServiceIdentity) -> Option<bool> {
    let mut fields = fields(line);
    let (title, name) = (fields.next()?, fields.next()?);
    Some(match *identity {
        ServiceIdentity::Mark { mark, .. } => title == b"FWM" && hexadecimal(name)? == mark,
        ServiceIdentity::Address { protocol: number, address, port } => {
            protocol(title) == Some(number) && endpoint(name)? == (address, port)
        }
    })
}

/// `C0000201:0050`, `[2001:0db8:0000:0000:0000:0000:0000:0001]:0050`.
fn endpoint(field: &[u8]) -> Option<(IpAddr, u16)> {
    let colon = field.iter().rposition(|byte| *byte == b':')?;
    let (host, number) = field.split_at_checked(colon)?;
    let host = host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]")).unwrap_or(host);
    Some((address(host)?, port(number.strip_prefix(b":")?)?))
}

/// A destination, without the defaults of an entry: there may be many.
struct Row {
    address: IpAddr,
    port: u16,
    forwarding: Forwarding,
    weight: u32,
    active: u32,
    inactive: u32,
}

impl Row {
    /// Reads `C6336402:0050      Masq    1      0          0         `.
    fn parse(line: &[u8]) -> Option<Self> {
        let mut fields = fields(line);
        let (address, port) = endpoint(fields.next()?)?;
        // `ip_vs_fwd_name` also prints `Masq` for an unknown method, which cannot be added.
        let forwarding = match fields.next()? {
            b"Masq" => Forwarding::Masquerade,
            b"Local" => Forwarding::Local,
            b"Tunnel" => Forwarding::Tunnel,
            b"Route" => Forwarding::DirectRouting,
            _ => return None,
        };
        // The kernel prints these 32 bits with %d.
        let mut number = || parsed::<i32>(fields.next()?).map(|number| number as u32);
        let (weight, active, inactive) = (number()?, number()?, number()?);
        Some(Self { address, port, forwarding, weight, active, inactive })
    }

    fn entry(&self) -> DestinationEntry {
        let destination = Destination::new(self.address, self.port, self.forwarding);
        let mut entry = DestinationEntry::new(destination.with_weight(self.weight));
        (entry.active_connections, entry.inactive_connections) = (self.active, self.inactive);
        entry
    }
}

/// The number of active and inactive connections of all destinations, from `/proc/net/ip_vs`. `None`
/// if it cannot be read, as without IPVS.
#[must_use]
pub fn connection_count() -> Option<u64> {
    let file = File::open(proc_net().join(NAME)).ok()?;
    sum_connections(BufReader::new(file))
}

fn sum_connections(mut table: impl BufRead) -> Option<u64> {
    let mut line = Vec::new();
    let mut sum = 0_u64;
    while read_line(&mut table, &mut line).ok()? {
        if let Some(row) = line.strip_prefix(b"  -> ") {
            // After address, method and weight. The header has words there.
            let counts = fields(row).skip(3).filter_map(parsed::<u32>);
            sum = counts.fold(sum, |sum, count| sum.saturating_add(count.into()));
        }
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;
    use crate::ipvs::{AddressFamily, Service, Stats};

    /// From Linux 6.1, except two numbers.
    const TABLE: &str = "\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  C0000201:0050 rr 
  -> C6336403:0050      Masq    100    4294967    7         
  -> C6336402:1F90      Route   1      0          0         
UDP  [2001:0db8:0000:0000:0000:0000:0000:0001]:0035 wlc persistent 300 FFFFFFFF
FWM  B2D05E00 sh ops 
  -> [2001:0db8:0000:0000:0000:0000:0000:0002]:0000      Tunnel  -1     0          0         
";

    fn entry(identity: ServiceIdentity) -> ServiceEntry {
        ServiceEntry { service: Service::new(identity, "rr"), stats: Stats::default() }
    }

    fn dumped() -> Vec<ServiceEntry> {
        let six: IpAddr = "2001:db8::1".parse().unwrap();
        vec![
            entry(ServiceIdentity::tcp(Ipv4Addr::new(192, 0, 2, 1), 80)),
            entry(ServiceIdentity::udp(six, 53)),
            entry(ServiceIdentity::Mark { mark: 3_000_000_000, family: AddressFamily::Ipv4 }),
        ]
    }

    #[test]
    fn destinations_are_read_from_every_kind_of_row() {
        let table = DestinationTable::read(TABLE.as_bytes(), &dumped()).unwrap();
        let rows = |service| -> Vec<_> {
            let row = |entry: &DestinationEntry| {
                let Destination { address, port, forwarding, weight, .. } = entry.destination;
                let numbers = (entry.active_connections, entry.inactive_connections);
                (format!("{address} {port} {forwarding:?}"), weight, numbers)
            };
            table.destinations(service).iter().map(row).collect()
        };
        assert_eq!(
            rows(0),
            [
                ("198.51.100.3 80 Masquerade".to_owned(), 100, (4_294_967, 7)),
                ("198.51.100.2 8080 DirectRouting".to_owned(), 1, (0, 0)),
            ]
        );
        assert_eq!(rows(1), []);
        assert_eq!(rows(2), [("2001:db8::2 0 Tunnel".to_owned(), u32::MAX, (0, 0))]);
        assert_eq!(rows(3), []);
    }

    #[test]
    fn table_that_differs_from_the_dump_is_none() {
        let agrees = |services: &[ServiceEntry]| {
            DestinationTable::read(TABLE.as_bytes(), services).is_some()
        };
        assert!(agrees(&dumped()));
        for place in 0..3 {
            let mut services = dumped();
            let gone = services.remove(place);
            assert!(!agrees(&services), "added since");
            services.push(gone);
            assert_eq!(agrees(&services), place == 2, "reordered");
            services.push(entry(ServiceIdentity::tcp(Ipv4Addr::new(192, 0, 2, 9), 80)));
            assert!(!agrees(&services), "deleted since");
        }
        let mut services = dumped();
        services[0] = entry(ServiceIdentity::tcp(Ipv4Addr::new(192, 0, 2, 1), 81));
        assert!(!agrees(&services));
        services[0] = entry(ServiceIdentity::udp(Ipv4Addr::new(192, 0, 2, 1), 80));
        assert!(!agrees(&services));
    }

    #[test]
    fn table_with_one_mark_of_both_families_is_none() {
        let mark = |family| entry(ServiceIdentity::Mark { mark: 5, family });
        let services = [mark(AddressFamily::Ipv4), mark(AddressFamily::Ipv6)];
        let table = "x\ny\nz\nFWM  00000005 rr \nFWM  00000005 rr \n";
        assert!(DestinationTable::read(table.as_bytes(), &services).is_none());
        let one = "x\ny\nz\nFWM  00000005 rr \n";
        assert!(DestinationTable::read(one.as_bytes(), &services[..1]).is_some());
    }

    #[test]
    fn connection_count_sums_all_destinations() {
        let table = "\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  C0000201:0050 rr 
  -> C6336403:0050      Masq    100    60000      7         
UDP  C0000201:0035 rr 
  -> C6336402:1F90      Route   1      0          40000     
";
        assert_eq!(sum_connections(table.as_bytes()), Some(100_007));
    }

    proptest! {
        #[test]
        fn read_never_panics(line in "(TCP|  -> )[0-9A-F:\\[\\] ]{0,40}", bytes: Vec<u8>) {
            for line in [line.as_bytes(), &bytes] {
                let input = [b"x\ny\nz\nTCP  C0000201:0050 rr \n", line].concat();
                let table = DestinationTable::read(&input[..], &dumped()[..1]);
                prop_assert!(table.is_none_or(|table| table.destinations(0).len() <= 1));
            }
        }
    }
}

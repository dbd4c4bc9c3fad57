//! The row of a service.

use std::io::{self, Write};

use super::columns::Columns;
use crate::ipvsadm::Names;
use crate::ipvsadm::command::Format;
use crate::ipvsadm::names::{Endpoint, cut};
use lvs::ipvs::{AddressFamily, Protocol, Service, ServiceEntry, ServiceFlags, ServiceIdentity};
use lvs::ruleset::syntax::scheduler_flags;

use super::{ROW_LENGTH, Style, counters};

/// Width of the name of a service. That of an IPv4 service is truncated to it.
const NAME_WIDTH: usize = 33;

pub(super) fn write_row(
    output: &mut dyn Write,
    entry: &ServiceEntry,
    style: Style<'_>,
) -> io::Result<()> {
    let ServiceEntry { service, stats, .. } = entry;
    let mut row = String::with_capacity(ROW_LENGTH);
    append_name(&mut row, &service.identity, style.names);
    match style.format {
        Format::Stats | Format::Rate => {
            row.pad(NAME_WIDTH);
            let rates = style.format == Format::Rate;
            for value in counters(stats, rates) {
                row.counter(value, style.exact);
            }
        }
        _ => {
            row.push(' ');
            append_attributes(&mut row, service);
        }
    }
    row.push('\n');
    output.write_all(row.as_bytes())
}

/// Appends `TCP  192.0.2.1:80` or `FWM  5 IPv6`. The reference shows marks from 2^31 up as negative
/// numbers.
fn append_name(row: &mut String, identity: &ServiceIdentity, names: Option<&dyn Names>) {
    match *identity {
        ServiceIdentity::Mark { mark, family } => {
            row.push_str("FWM  ");
            row.number(mark.into());
            if family == AddressFamily::Ipv6 {
                row.push_str(" IPv6");
            }
        }
        ServiceIdentity::Address { protocol, address, port } => {
            let title = match protocol {
                Protocol::TCP => "TCP",
                Protocol::UDP => "UDP",
                Protocol::SCTP => "SCTP",
                _ => "?",
            };
            row.left(title, 4);
            row.push(' ');
            Endpoint { address, port, protocol: Some(protocol) }.append_listed(row, names);
            if address.is_ipv4() {
                cut(row, NAME_WIDTH);
            }
        }
    }
}

/// Appends the scheduler and what is not the default, `sh (sh-port) persistent 300 mask 255.255.255.0`.
fn append_attributes(row: &mut String, service: &Service) {
    row.push_str(&service.scheduler);
    if service.flags.intersects(ServiceFlags::SCHEDULER) {
        // The reference leaves out the third flag of these two.
        let third = !matches!(service.scheduler.as_str(), "sh" | "mh");
        let flags: Vec<_> =
            scheduler_flags(service).filter(|flag| third || *flag != "flag-3").collect();
        row.push_str(&format!(" ({})", flags.join(",")));
    }
    if let Some(persistence) = service.persistence {
        row.push_str(&format!(" persistent {}", persistence.timeout));
        if !persistence.netmask.is_host() {
            row.push_str(&format!(" mask {}", persistence.netmask));
        }
        if let Some(engine) = &service.persistence_engine {
            row.push_str(&format!(" pe {engine}"));
        }
    }
    if service.flags.contains(ServiceFlags::ONE_PACKET) {
        row.push_str(" ops");
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::ipvsadm::names::fake::FakeNames;
    use lvs::ipvs::{Netmask, Persistence, Stats};

    const NAMES: FakeNames = FakeNames(&[
        ("thirty.three.characters.example.a.very.long.host.name.com", "192.0.2.1"),
        ("six.example", "2001:db8::6"),
    ]);

    fn row(service: Service, format: Format, names: Option<&dyn Names>) -> String {
        let mut stats = Stats::default();
        (stats.connections, stats.packets_in, stats.packets_out) = (1, 22, 0);
        (stats.bytes_in, stats.bytes_out) = (100_000_000, u64::MAX);
        stats.rates.connections = 123_456_789;
        let mut output = Vec::new();
        let style = Style { format, exact: false, names };
        write_row(&mut output, &ServiceEntry::new(service, stats), style).unwrap();
        String::from_utf8(output).unwrap()
    }

    fn service(address: &str, port: u16, scheduler: &str) -> Service {
        let address: IpAddr = address.parse().unwrap();
        Service::new(ServiceIdentity::tcp(address, port), scheduler)
    }

    fn default(service: Service) -> String {
        row(service, Format::Default, None)
    }

    #[test]
    fn plain_service_shows_its_scheduler() {
        assert_eq!(default(service("192.0.2.1", 80, "rr")), "TCP  192.0.2.1:80 rr\n");
        let udp = ServiceIdentity::udp(Ipv4Addr::new(192, 0, 2, 2), 53);
        let mut dns = Service::new(udp, "rr");
        dns.flags = ServiceFlags::ONE_PACKET;
        assert_eq!(default(dns), "UDP  192.0.2.2:53 rr ops\n");
        let other = ServiceIdentity::Address {
            protocol: Protocol(47),
            address: Ipv4Addr::new(192, 0, 2, 2).into(),
            port: 0,
        };
        assert_eq!(default(Service::new(other, "none")), "?    192.0.2.2:0 none\n");
    }

    #[test]
    fn mark_is_unsigned() {
        let mark =
            |mark, family| default(Service::new(ServiceIdentity::Mark { mark, family }, "wlc"));
        assert_eq!(mark(3_000_000_000, AddressFamily::Ipv4), "FWM  3000000000 wlc\n");
        assert_eq!(mark(5, AddressFamily::Ipv6), "FWM  5 IPv6 wlc\n");
    }

    #[test]
    fn persistence_is_shown_with_mask_and_engine() {
        let mut web = service("192.0.2.1", 80, "rr");
        web.persistence_engine = Some("sip".to_owned());
        // Without persistence the engine is not shown.
        assert_eq!(default(web.clone()), "TCP  192.0.2.1:80 rr\n");
        web.flags = ServiceFlags::ONE_PACKET;
        let netmask = Netmask::Ipv4(Ipv4Addr::new(255, 255, 255, 0));
        web.persistence = Some(Persistence::new(360, netmask));
        assert_eq!(
            default(web.clone()),
            "TCP  192.0.2.1:80 rr persistent 360 mask 255.255.255.0 pe sip ops\n"
        );
        web.persistence_engine = None;
        web.persistence = Some(Persistence::new(360, Netmask::Ipv4(Ipv4Addr::BROADCAST)));
        assert_eq!(default(web), "TCP  192.0.2.1:80 rr persistent 360 ops\n");
        let mut six = service("2001:db8::1", 443, "wlc");
        six.persistence = Some(Persistence::new(30, Netmask::Ipv6(64)));
        assert_eq!(default(six), "TCP  [2001:db8::1]:443 wlc persistent 30 mask 64\n");
    }

    #[test]
    fn scheduler_flags_stand_in_parentheses() {
        let mut web = service("192.0.2.1", 99, "sh");
        web.flags = ServiceFlags::from_bits_retain(0x38);
        assert_eq!(default(web.clone()), "TCP  192.0.2.1:99 sh (sh-fallback,sh-port)\n");
        web.flags = ServiceFlags::SCHEDULER_3;
        assert_eq!(default(web.clone()), "TCP  192.0.2.1:99 sh ()\n");
        web.scheduler = "wrr".to_owned();
        assert_eq!(default(web), "TCP  192.0.2.1:99 wrr (flag-3)\n");
    }

    #[test]
    fn counters_follow_a_name_of_33_columns() {
        assert_eq!(
            row(service("192.0.2.1", 80, "rr"), Format::Stats, None),
            "TCP  192.0.2.1:80                        1       22        0  100000K18446744T\n"
        );
        assert_eq!(
            row(service("192.0.2.1", 80, "rr"), Format::Rate, None),
            "TCP  192.0.2.1:80                  123456K        0        0        0        0\n"
        );
        let long = service("2001:db8:1111:2222:3333:4444:5555:6666", 443, "rr");
        assert_eq!(
            row(long, Format::Stats, None),
            "TCP  [2001:db8:1111:2222:3333:4444:5555:6666]:443        1       22        0  100000K18446744T\n"
        );
    }

    #[test]
    fn name_of_ipv4_service_is_truncated() {
        let named =
            |address, port| row(service(address, port, "rr"), Format::Default, Some(&NAMES));
        assert_eq!(named("192.0.2.1", 80), "TCP  thirty.three.characters.exam rr\n");
        assert_eq!(named("2001:db8::6", 443), "TCP  [six.example]:https rr\n");
        assert_eq!(named("192.0.2.3", 8080), "TCP  192.0.2.3:http-alt rr\n");
    }
}

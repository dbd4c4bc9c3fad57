//! What is in the table near to what was not found.

use std::net::IpAddr;

use crate::ipvsadm::endpoint::Endpoint;
use crate::ipvsadm::save::service_option;
use lvs::ipvs::{Destination, DestinationEntry, Forwarding, ServiceEntry, ServiceIdentity};

use super::listed;

/// Other services of the same address, or with the same mark in the other family.
pub(super) fn service(wanted: &ServiceIdentity, services: &[ServiceEntry]) -> String {
    let is_near = |found: &ServiceIdentity| match (wanted, found) {
        (
            ServiceIdentity::Address { address, .. },
            ServiceIdentity::Address { address: found, .. },
        ) => address == found,
        (ServiceIdentity::Mark { mark, .. }, ServiceIdentity::Mark { mark: found, .. }) => {
            mark == found
        }
        _ => false,
    };
    let near: Vec<_> = services
        .iter()
        .map(|entry| &entry.service.identity)
        .filter(|found| is_near(found))
        .map(|found| service_option(found, None))
        .collect();
    let what = match wanted {
        ServiceIdentity::Address { .. } => "address",
        ServiceIdentity::Mark { .. } => "mark",
    };
    match (near.as_slice(), services.len()) {
        ([], 0) => "The table of this network namespace is empty: add the service with -A.".into(),
        ([], 1) => format!("The only service in the table has another {what}: see `ipvsadm -Ln`."),
        ([], count) => {
            format!("None of the {count} services in the table has this {what}: see `ipvsadm -Ln`.")
        }
        (near, _) => format!("With the same {what} there is {}.", listed(near.iter())),
    }
}

/// For `-e`, where the port may not be the one that was written.
pub(super) fn edited_destination(
    service: &ServiceIdentity,
    wanted: &Destination,
    found: &[DestinationEntry],
) -> String {
    let has_own_port = wanted.forwarding == Forwarding::Masquerade
        || matches!(service, ServiceIdentity::Mark { .. });
    let cure = match has_own_port {
        true => "name its port in -r",
        false => {
            "-e takes the service's port unless -m is given; delete the other with -d first, and \
             add it again with -a"
        }
    };
    text(service, (wanted.address, wanted.port), cure, found)
}

/// For `-d`, which takes the port as it is written, whatever the forwarding method.
pub(super) fn deleted_destination(
    service: &ServiceIdentity,
    address: IpAddr,
    port: u16,
    found: &[DestinationEntry],
) -> String {
    text(service, (address, port), "-d takes the port that -r names, or else the service's", found)
}

fn text(
    service: &ServiceIdentity,
    (address, port): (IpAddr, u16),
    cure: &str,
    found: &[DestinationEntry],
) -> String {
    let endpoint = |address, port| Endpoint::of_server(service, address, port).listed(None);
    let wanted = endpoint(address, port);
    let same: Vec<_> = found
        .iter()
        .map(|entry| &entry.destination)
        .filter(|found| found.address == address)
        .map(|found| endpoint(found.address, found.port))
        .collect();
    if !same.is_empty() {
        return format!("There is no {wanted}, but {}: {cure}.", listed(same.iter()));
    }
    if found.is_empty() {
        return format!("There is no {wanted}: the service has no real servers.");
    }
    let others = found.iter().map(|entry| &entry.destination);
    let others = listed(others.map(|found| endpoint(found.address, found.port)));
    format!("There is no {wanted}; the service's real servers are {others}.")
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use lvs::ipvs::{AddressFamily, Service, Stats};

    const VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
    const RIP: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);

    fn services(identities: &[ServiceIdentity]) -> Vec<ServiceEntry> {
        let entry = |identity: &ServiceIdentity| {
            ServiceEntry::new(Service::new(*identity, "rr"), Stats::default())
        };
        identities.iter().map(entry).collect()
    }

    fn servers(ports: &[u16]) -> Vec<DestinationEntry> {
        let entry = |port: &u16| {
            DestinationEntry::new(Destination::new(RIP, *port, Forwarding::Masquerade))
        };
        ports.iter().map(entry).collect()
    }

    #[test]
    fn services_of_the_same_address() {
        let wanted = ServiceIdentity::tcp(VIP, 80);
        let other = ServiceIdentity::tcp(RIP, 80);
        let near = [ServiceIdentity::udp(VIP, 80), other, ServiceIdentity::tcp(VIP, 8080)];
        assert_eq!(
            service(&wanted, &services(&near)),
            "With the same address there is -u 192.0.2.1:80, -t 192.0.2.1:8080."
        );
        let many: Vec<_> = (1..=5).map(|port| ServiceIdentity::tcp(VIP, port)).collect();
        assert!(service(&wanted, &services(&many)).ends_with("192.0.2.1:3, and 2 more."));
        assert!(service(&wanted, &[]).contains("is empty"));
        assert!(service(&wanted, &services(&[other])).starts_with("The only service"));
        assert!(service(&wanted, &services(&[other, other])).starts_with("None of the 2 services"));
    }

    #[test]
    fn marks_of_the_other_family() {
        let [four, six] = [AddressFamily::Ipv4, AddressFamily::Ipv6]
            .map(|family| ServiceIdentity::Mark { mark: 7, family });
        let text = service(&six, &services(&[four]));
        assert_eq!(text, "With the same mark there is -f 7.");
        assert_eq!(service(&four, &services(&[six])), "With the same mark there is -f 7 -6.");
    }

    #[test]
    fn destinations_with_another_port() {
        let web = ServiceIdentity::tcp(VIP, 80);
        assert_eq!(
            deleted_destination(&web, RIP.into(), 80, &servers(&[8080])),
            "There is no 198.51.100.2:80, but 198.51.100.2:8080: -d takes the port that -r names, \
             or else the service's."
        );
        let edited = |forwarding| {
            let wanted = Destination::new(RIP, 80, forwarding);
            edited_destination(&web, &wanted, &servers(&[8080]))
        };
        assert!(edited(Forwarding::Masquerade).ends_with(": name its port in -r."));
        assert!(edited(Forwarding::Tunnel).contains("takes the service's port unless -m is given"));
    }

    #[test]
    fn other_destinations() {
        let web = ServiceIdentity::tcp(VIP, 80);
        let deleted = |found: &[DestinationEntry]| {
            deleted_destination(&web, Ipv4Addr::new(198, 51, 100, 9).into(), 80, found)
        };
        assert!(deleted(&[]).ends_with("the service has no real servers."));
        let servers = deleted(&servers(&[1, 2, 3, 4]));
        assert!(servers.ends_with(
            "real servers are 198.51.100.2:1, 198.51.100.2:2, 198.51.100.2:3, and 1 more."
        ));
    }
}

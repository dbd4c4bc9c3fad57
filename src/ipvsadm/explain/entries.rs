//! Explains by the table: the existing entry that a command adds, or the ones beside a missing one.

use std::net::IpAddr;

use crate::ipvsadm::names::Endpoint;
use lvs::ipvs::{
    Destination, DestinationEntry, Forwarding, Service, ServiceEntry, ServiceFlags, ServiceIdentity,
};
use lvs::ruleset::syntax::{
    Style, append_identity, append_tunnel, method as method_option, scheduler_flags,
};

use super::listed;

pub(super) fn existing_service(desired: &Service, found: &Service) -> String {
    let attributes = |service: &Service| {
        let persistence = service.persistence;
        let mut flags: Vec<_> = scheduler_flags(service).collect();
        if service.flags.contains(ServiceFlags::ONE_PACKET) {
            flags.push("ops");
        }
        [
            ("scheduler", service.scheduler.clone()),
            ("flags", flags.join(",")),
            ("persistence", persistence.map(|it| it.timeout.to_string()).unwrap_or_default()),
            ("netmask", persistence.map(|it| it.netmask.to_string()).unwrap_or_default()),
            ("persistence engine", service.persistence_engine.clone().unwrap_or_default()),
        ]
    };
    differences(attributes(found), attributes(desired), "-E in place of -A")
}

pub(super) fn existing_destination(desired: &Destination, found: &Destination) -> String {
    let attributes = |destination: &Destination| {
        [
            ("forwarding method", method(destination)),
            ("weight", destination.weight.to_string()),
            ("upper threshold", destination.upper_threshold.to_string()),
            ("lower threshold", destination.lower_threshold.to_string()),
        ]
    };
    differences(attributes(found), attributes(desired), "-e in place of -a")
}

fn differences<const COUNT: usize>(
    found: [(&str, String); COUNT],
    desired: [(&str, String); COUNT],
    cure: &str,
) -> String {
    let or_none = |value: &str| match value {
        "" => "none".to_owned(),
        value => value.escape_debug().to_string(),
    };
    let differences: Vec<_> = found
        .iter()
        .zip(&desired)
        .filter(|(found, desired)| found != desired)
        .map(|((name, found), (_, desired))| {
            format!("{name} {} instead of {}", or_none(found), or_none(desired))
        })
        .collect();
    match differences.as_slice() {
        [] => "It already exists with these attributes: no change is needed.".to_owned(),
        differences => {
            format!("It already exists with {}; use {cure} to change it.", differences.join(", "))
        }
    }
}

/// The forwarding method as options.
fn method(destination: &Destination) -> String {
    let mut text = method_option(destination.forwarding).to_owned();
    if destination.forwarding == Forwarding::Tunnel {
        append_tunnel(&mut text, destination.tunnel, Style::Full);
    }
    text
}

/// Names other services of the same address, or with the same mark in the other family.
pub(super) fn missing_service(desired: &ServiceIdentity, services: &[ServiceEntry]) -> String {
    let is_near = |found: &ServiceIdentity| match (desired, found) {
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
        .map(|found| {
            let mut option = String::new();
            append_identity(&mut option, found, None);
            option
        })
        .collect();
    let what = match desired {
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

/// For `-e`, which may use another port than `-r` names.
pub(super) fn edit_of_missing_destination(
    service: &ServiceIdentity,
    desired: &Destination,
    found: &[DestinationEntry],
) -> String {
    let has_own_port = desired.forwarding == Forwarding::Masquerade
        || matches!(service, ServiceIdentity::Mark { .. });
    let cure = if has_own_port {
        "name its port in -r"
    } else {
        "-e takes the service's port unless -m is given; delete the other with -d first, and \
         add it again with -a"
    };
    other_destinations(service, (desired.address, desired.port), cure, found)
}

/// For `-d`, which uses the port of `-r` for every forwarding method.
pub(super) fn delete_of_missing_destination(
    service: &ServiceIdentity,
    address: IpAddr,
    port: u16,
    found: &[DestinationEntry],
) -> String {
    let cure = "-d takes the port that -r names, or else the service's";
    other_destinations(service, (address, port), cure, found)
}

fn other_destinations(
    service: &ServiceIdentity,
    (address, port): (IpAddr, u16),
    cure: &str,
    found: &[DestinationEntry],
) -> String {
    let endpoint = |address, port| Endpoint::of_server(service, address, port).listed(None);
    let desired = endpoint(address, port);
    let same: Vec<_> = found
        .iter()
        .map(|entry| &entry.destination)
        .filter(|found| found.address == address)
        .map(|found| endpoint(found.address, found.port))
        .collect();
    if !same.is_empty() {
        return format!("There is no {desired}, but {}: {cure}.", listed(same.iter()));
    }
    if found.is_empty() {
        return format!("There is no {desired}: the service has no real servers.");
    }
    let others = found.iter().map(|entry| &entry.destination);
    let others = listed(others.map(|found| endpoint(found.address, found.port)));
    format!("There is no {desired}; the service's real servers are {others}.")
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use lvs::ipvs::{AddressFamily, Checksum, Netmask, Persistence, Stats, Tunnel};

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
    fn missing_service_names_services_of_the_same_address() {
        let desired = ServiceIdentity::tcp(VIP, 80);
        let other = ServiceIdentity::tcp(RIP, 80);
        let near = [ServiceIdentity::udp(VIP, 80), other, ServiceIdentity::tcp(VIP, 8080)];
        assert_eq!(
            missing_service(&desired, &services(&near)),
            "With the same address there is -u 192.0.2.1:80, -t 192.0.2.1:8080."
        );
        let many: Vec<_> = (1..=5).map(|port| ServiceIdentity::tcp(VIP, port)).collect();
        assert!(missing_service(&desired, &services(&many)).ends_with("192.0.2.1:3, and 2 more."));
        assert!(missing_service(&desired, &[]).contains("is empty"));
        assert!(missing_service(&desired, &services(&[other])).starts_with("The only service"));
        assert!(
            missing_service(&desired, &services(&[other, other]))
                .starts_with("None of the 2 services")
        );
    }

    #[test]
    fn missing_mark_names_the_mark_of_the_other_family() {
        let [four, six] = [AddressFamily::Ipv4, AddressFamily::Ipv6]
            .map(|family| ServiceIdentity::Mark { mark: 7, family });
        let text = missing_service(&six, &services(&[four]));
        assert_eq!(text, "With the same mark there is -f 7.");
        assert_eq!(
            missing_service(&four, &services(&[six])),
            "With the same mark there is -f 7 -6."
        );
    }

    #[test]
    fn missing_destination_names_the_same_address_with_another_port() {
        let web = ServiceIdentity::tcp(VIP, 80);
        assert_eq!(
            delete_of_missing_destination(&web, RIP.into(), 80, &servers(&[8080])),
            "There is no 198.51.100.2:80, but 198.51.100.2:8080: -d takes the port that -r names, \
             or else the service's."
        );
        let edited = |forwarding| {
            let desired = Destination::new(RIP, 80, forwarding);
            edit_of_missing_destination(&web, &desired, &servers(&[8080]))
        };
        assert!(edited(Forwarding::Masquerade).ends_with(": name its port in -r."));
        assert!(edited(Forwarding::Tunnel).contains("takes the service's port unless -m is given"));
    }

    #[test]
    fn missing_destination_names_the_others() {
        let web = ServiceIdentity::tcp(VIP, 80);
        let deleted = |found: &[DestinationEntry]| {
            delete_of_missing_destination(&web, Ipv4Addr::new(198, 51, 100, 9).into(), 80, found)
        };
        assert!(deleted(&[]).ends_with("the service has no real servers."));
        let servers = deleted(&servers(&[1, 2, 3, 4]));
        assert!(servers.ends_with(
            "real servers are 198.51.100.2:1, 198.51.100.2:2, 198.51.100.2:3, and 1 more."
        ));
    }

    #[test]
    fn existing_service_differs_in_its_attributes() {
        let mut found = Service::new(ServiceIdentity::tcp(Ipv4Addr::LOCALHOST, 80), "rr");
        let desired = found.clone();
        assert!(
            existing_service(&desired, &found)
                .starts_with("It already exists with these attributes")
        );
        found.scheduler = "sh".to_owned();
        found.flags = ServiceFlags::SCHEDULER_2;
        found.persistence = Some(Persistence::new(300, Netmask::host(AddressFamily::Ipv4)));
        assert_eq!(
            existing_service(&desired, &found),
            "It already exists with scheduler sh instead of rr, flags sh-port instead of none, \
             persistence 300 instead of none, netmask 255.255.255.255 instead of none; use -E in \
             place of -A to change it."
        );
    }

    #[test]
    fn existing_destination_differs_in_method_and_weight() {
        let found = Destination::new(Ipv4Addr::LOCALHOST, 80, Forwarding::Tunnel);
        assert!(
            existing_destination(&found, &found)
                .starts_with("It already exists with these attributes")
        );
        let tunnel = Tunnel::Gue { port: 6080, checksum: Checksum::Full };
        let desired = found.clone().with_tunnel(tunnel).with_weight(5);
        assert_eq!(
            existing_destination(&desired, &found),
            "It already exists with forwarding method -i --tun-type ipip instead of -i --tun-type gue \
             --tun-port 6080 --tun-csum, weight 1 instead of 5; use -e in place of -a to change it."
        );
    }
}

//! What is there already, and how it differs from what was to be added.

use crate::ipvsadm::{save, scheduler_flags};
use lvs::ipvs::{Destination, Forwarding, Service, ServiceFlags};

pub(super) fn service(wanted: &Service, found: &Service) -> String {
    let attributes = |service: &Service| {
        let persistence = service.persistence;
        let mut flags = scheduler_flags::of(service);
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
    text(attributes(found), attributes(wanted), "-E in place of -A")
}

pub(super) fn destination(wanted: &Destination, found: &Destination) -> String {
    let attributes = |destination: &Destination| {
        [
            ("forwarding method", method(destination)),
            ("weight", destination.weight.to_string()),
            ("upper threshold", destination.upper_threshold.to_string()),
            ("lower threshold", destination.lower_threshold.to_string()),
        ]
    };
    text(attributes(found), attributes(wanted), "-e in place of -a")
}

fn text<const COUNT: usize>(
    found: [(&str, String); COUNT],
    wanted: [(&str, String); COUNT],
    cure: &str,
) -> String {
    let or_none = |value: &str| match value {
        "" => "none".to_owned(),
        value => value.escape_debug().to_string(),
    };
    let differences: Vec<_> = found
        .iter()
        .zip(&wanted)
        .filter(|(found, wanted)| found != wanted)
        .map(|((name, found), (_, wanted))| {
            format!("{name} {} where {} was asked for", or_none(found), or_none(wanted))
        })
        .collect();
    match differences.as_slice() {
        [] => "It is there just as asked for: nothing is left to be done.".to_owned(),
        differences => {
            format!("It is there with {}; use {cure} to change it.", differences.join(", "))
        }
    }
}

/// As options say it.
fn method(destination: &Destination) -> String {
    let mut text = save::method(destination.forwarding).to_owned();
    if destination.forwarding == Forwarding::Tunnel {
        save::append_tunnel(&mut text, destination.tunnel);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use lvs::ipvs::{AddressFamily, Checksum, Netmask, Persistence, ServiceIdentity, Tunnel};

    #[test]
    fn services_differ_in_their_attributes() {
        let mut found = Service::new(ServiceIdentity::tcp(Ipv4Addr::LOCALHOST, 80), "rr");
        let wanted = found.clone();
        assert!(service(&wanted, &found).starts_with("It is there just as asked for"));
        found.scheduler = "sh".to_owned();
        found.flags = ServiceFlags::SCHEDULER_2;
        found.persistence = Some(Persistence::new(300, Netmask::host(AddressFamily::Ipv4)));
        assert_eq!(
            service(&wanted, &found),
            "It is there with scheduler sh where rr was asked for, flags sh-port where none was \
             asked for, persistence 300 where none was asked for, netmask 255.255.255.255 where \
             none was asked for; use -E in place of -A to change it."
        );
    }

    #[test]
    fn destinations_differ_in_method_weight_and_thresholds() {
        let found = Destination::new(Ipv4Addr::LOCALHOST, 80, Forwarding::Tunnel);
        assert!(destination(&found, &found).starts_with("It is there just as asked for"));
        let tunnel = Tunnel::Gue { port: 6080, checksum: Checksum::Full };
        let wanted = found.clone().with_tunnel(tunnel).with_weight(5);
        assert_eq!(
            destination(&wanted, &found),
            "It is there with forwarding method -i --tun-type ipip where -i --tun-type gue --tun-port 6080 \
             --tun-csum was asked for, weight 1 where 5 was asked for; use -e in place of -a to \
             change it."
        );
    }
}

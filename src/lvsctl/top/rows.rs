//! What `top` shows of one reading: services and their real servers, sorted and filtered.

use std::cmp::Reverse;

use crate::lvsctl::input::Labels;
use crate::lvsctl::sample::Sample;
use lvs::ipvs::{DestinationEntry, Forwarding, Rates, ServiceEntry, ServiceIdentity};
use lvs::table::Key;

/// A line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) key: Key,
    /// The name in the file, or the address.
    pub(super) title: String,
    /// Address and name, to be searched.
    pub(super) text: String,
    /// Scheduler of a service, method of a real server.
    pub(super) how: String,
    /// Of a real server.
    pub(super) weight: Option<u32>,
    pub(super) active: u32,
    pub(super) inactive: u32,
    pub(super) rates: Rates,
}

/// A service and its real servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) service: Row,
    pub(super) servers: Vec<Row>,
}

/// What the rows are sorted by, the largest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Order {
    /// As the kernel lists them.
    #[default]
    Kernel,
    Active,
    Connections,
    Packets,
    Bytes,
    Weight,
}

impl Order {
    const ALL: [Self; 6] =
        [Self::Kernel, Self::Active, Self::Connections, Self::Packets, Self::Bytes, Self::Weight];

    pub(super) fn next(self) -> Self {
        let mut all = Self::ALL.into_iter().cycle().skip_while(|it| *it != self);
        all.nth(1).unwrap_or_default()
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Kernel => "table",
            Self::Active => "active",
            Self::Connections => "conn/s",
            Self::Packets => "pkt/s",
            Self::Bytes => "bytes/s",
            Self::Weight => "weight",
        }
    }

    fn value(self, row: &Row) -> u64 {
        let rates = &row.rates;
        match self {
            Self::Kernel => 0,
            Self::Active => row.active.into(),
            Self::Connections => rates.connections,
            Self::Packets => rates.packets_in.saturating_add(rates.packets_out),
            Self::Bytes => rates.bytes_in.saturating_add(rates.bytes_out),
            Self::Weight => row.weight.unwrap_or_default().into(),
        }
    }
}

/// The groups of a reading.
pub(super) fn groups(sample: &Sample, labels: &Labels) -> Vec<Group> {
    let group = |(service, servers): (&ServiceEntry, &[DestinationEntry])| {
        let identity = service.service.identity;
        let servers: Vec<Row> = servers.iter().map(|it| server(identity, it, labels)).collect();
        let total = |value: fn(&Row) -> u32| servers.iter().map(value).fold(0, u32::saturating_add);
        let (title, text) = named(Key::Service(identity), address(&identity), labels);
        Group {
            service: Row {
                key: Key::Service(identity),
                title,
                text,
                how: service.service.scheduler.clone(),
                weight: None,
                active: total(|row| row.active),
                inactive: total(|row| row.inactive),
                rates: service.stats.rates,
            },
            servers,
        }
    };
    sample.services.iter().map(|it| group((&it.service, &it.destinations))).collect()
}

fn server(service: ServiceIdentity, entry: &DestinationEntry, labels: &Labels) -> Row {
    let destination = &entry.destination;
    let key = Key::of(service, destination);
    let address = std::net::SocketAddr::new(destination.address, destination.port).to_string();
    let (title, text) = named(key, address, labels);
    Row {
        key,
        title,
        text,
        how: method(destination.forwarding).to_owned(),
        weight: Some(destination.weight),
        active: entry.active_connections,
        inactive: entry.inactive_connections,
        rates: entry.stats.rates,
    }
}

const fn method(forwarding: Forwarding) -> &'static str {
    match forwarding {
        Forwarding::Masquerade => "nat",
        Forwarding::Tunnel => "tun",
        Forwarding::DirectRouting => "dr",
        Forwarding::Local => "local",
        _ => "?",
    }
}

/// The sum over all services.
pub(super) fn total(groups: &[Group]) -> Rates {
    groups.iter().fold(Rates::default(), |mut sum, group| {
        let rates = &group.service.rates;
        for (sum, one) in [
            (&mut sum.connections, rates.connections),
            (&mut sum.packets_in, rates.packets_in),
            (&mut sum.packets_out, rates.packets_out),
            (&mut sum.bytes_in, rates.bytes_in),
            (&mut sum.bytes_out, rates.bytes_out),
        ] {
            *sum = sum.saturating_add(one);
        }
        sum
    })
}

/// `tcp 192.0.2.1:80`, without the word `service` of its key.
fn address(identity: &ServiceIdentity) -> String {
    let key = Key::Service(*identity).to_string();
    key.strip_prefix("service ").map_or(key.clone(), str::to_owned)
}

fn named(key: Key, address: String, labels: &Labels) -> (String, String) {
    match labels.get(&key).and_then(|label| label.name.as_deref()) {
        Some(name) => (format!("{name} {address}"), format!("{name} {address}").to_lowercase()),
        None => (address.clone(), address.to_lowercase()),
    }
}

/// The rows to show: those with the words of the filter, or of a service that has them; of one service
/// only, if there is one.
pub(super) fn visible<'a>(
    groups: &'a [Group],
    order: Order,
    filter: &str,
    only: Option<ServiceIdentity>,
) -> Vec<&'a Row> {
    let filter = filter.to_lowercase();
    let has = |row: &Row| row.text.contains(&filter);
    let mut groups: Vec<&Group> = groups
        .iter()
        .filter(|group| only.is_none_or(|only| group.service.key == Key::Service(only)))
        .collect();
    groups.sort_by_key(|group| match order {
        Order::Weight => Reverse(0),
        order => Reverse(order.value(&group.service)),
    });
    let mut rows = Vec::new();
    for group in groups {
        let all = has(&group.service);
        let mut servers: Vec<&Row> = group.servers.iter().filter(|row| all || has(row)).collect();
        servers.sort_by_key(|row| Reverse(order.value(row)));
        if all || !servers.is_empty() {
            rows.push(&group.service);
            rows.extend(servers);
        }
    }
    rows
}

/// A number of at most five characters: `99999`, `123k`, `1.2M`.
pub(super) fn short(number: u64) -> String {
    const UNITS: [char; 6] = ['k', 'M', 'G', 'T', 'P', 'E'];
    if number < 100_000 {
        return number.to_string();
    }
    let mut tenths = number / 100;
    for unit in UNITS {
        if tenths < 100 {
            return format!("{}.{}{unit}", tenths / 10, tenths % 10);
        }
        if tenths < 10_000 {
            return format!("{}{unit}", tenths / 10);
        }
        tenths /= 1000;
    }
    number.to_string()
}

#[cfg(test)]
pub(super) mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::config::Label;
    use crate::lvsctl::sample::ServiceSample;
    use lvs::ipvs::{Destination, Service, Stats};

    /// Two services, the second with a name; their real servers have as many connections as their
    /// last number.
    pub(in crate::lvsctl::top) fn sample() -> Vec<Group> {
        let mut sample = Sample::empty(crate::lvsctl::values::Per::Destination);
        let mut labels = Labels::new();
        for (port, servers) in [(80, [2, 3]), (81, [4, 9])] {
            let identity = ServiceIdentity::tcp(Ipv4Addr::new(192, 0, 2, 1), port);
            let entry = |last: u8| {
                let address = Ipv4Addr::new(198, 51, 100, last);
                let destination = Destination::new(address, 80, Forwarding::Tunnel);
                let mut entry = DestinationEntry::new(destination.with_weight(u32::from(last) % 9));
                entry.active_connections = last.into();
                entry
            };
            let mut stats = Stats::default();
            stats.rates.bytes_in = u64::from(port) * 1000;
            sample.services.push(ServiceSample {
                service: ServiceEntry::new(Service::new(identity, "wlc"), stats),
                destinations: servers.map(entry).to_vec(),
            });
            let label = Label { name: Some("Shop".to_owned()), comment: None };
            labels.insert(Key::Service(identity), label);
        }
        labels.retain(|key, _| key.to_string().ends_with(":81"));
        groups(&sample, &labels)
    }

    fn titles(order: Order, filter: &str) -> Vec<String> {
        visible(&sample(), order, filter, None).iter().map(|row| row.title.clone()).collect()
    }

    #[test]
    fn rows_are_sorted_and_filtered_with_their_service() {
        let (one, other) = ("tcp 192.0.2.1:80", "Shop tcp 192.0.2.1:81");
        let [a, b, c, d] = [2, 3, 4, 9].map(|last| format!("198.51.100.{last}:80"));
        assert_eq!(titles(Order::Kernel, ""), [one, &a, &b, other, &c, &d]);
        assert_eq!(titles(Order::Active, ""), [other, &d, &c, one, &b, &a]);
        assert_eq!(titles(Order::Bytes, "100.3"), [one, &b]);
        assert_eq!(titles(Order::Kernel, "sHOP"), [other, &c, &d]);
        assert!(titles(Order::Kernel, "none").is_empty());
        assert_eq!(total(&sample()).bytes_in, 161_000);
    }

    #[test]
    fn numbers_have_at_most_five_characters() {
        for (number, expected) in [
            (0, "0"),
            (99_999, "99999"),
            (100_000, "100k"),
            (999_999, "999k"),
            (1_250_000, "1.2M"),
            (12_500_000_000, "12G"),
            (u64::MAX, "18E"),
        ] {
            assert_eq!(short(number), expected);
        }
    }
}

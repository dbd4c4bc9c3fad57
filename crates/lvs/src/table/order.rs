//! The order in which many changes are made.

use super::{Key, Value};
use crate::table::Change;

/// The place of a change among others. Sorted by it (stably), every state between is safe: what is
/// new comes first, each service before its destinations; weights are raised before others are
/// lowered, so that some destination can always take a connection; what goes, goes last,
/// destinations before services.
#[must_use]
pub fn rank(change: &Change<Key, Value>) -> u8 {
    match (&change.from, &change.to) {
        (None, _) => 0,
        (Some(Value::Destination(from)), Some(Value::Destination(to))) => {
            match to.weight.cmp(&from.weight) {
                std::cmp::Ordering::Greater => 1,
                std::cmp::Ordering::Equal => 2,
                std::cmp::Ordering::Less => 3,
            }
        }
        (Some(_), Some(_)) => 2,
        (Some(_), None) => match change.key {
            Key::Service(_) => 5,
            _ => 4,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::ipvs::{Destination, Forwarding, Service, ServiceIdentity};
    use crate::table::command;

    #[test]
    fn nobody_is_without_a_destination_between() {
        let identity = |port| ServiceIdentity::tcp(Ipv4Addr::new(192, 0, 2, 1), port);
        let service = |port, from: Option<&str>, to: Option<&str>| {
            let value = |name: &str| Value::from(Service::new(identity(port), name));
            Change { key: Key::Service(identity(port)), from: from.map(value), to: to.map(value) }
        };
        let destination = |last, from: Option<u32>, to: Option<u32>| {
            let of = |weight| {
                let address = Ipv4Addr::new(192, 0, 2, last);
                Destination { weight, ..Destination::new(address, 80, Forwarding::Tunnel) }
            };
            let value = |weight| Value::Destination(of(weight));
            let key = Key::of(identity(80), &of(0));
            Change { key, from: from.map(value), to: to.map(value) }
        };
        let mut changes = [
            service(8, Some("rr"), None),
            destination(2, Some(1), None),
            destination(3, Some(5), Some(1)),
            service(81, Some("rr"), Some("wrr")),
            destination(4, Some(1), Some(2)),
            service(80, None, Some("rr")),
            destination(5, None, Some(1)),
        ];
        changes.sort_by_key(rank);
        let commands: Vec<String> = changes.iter().map(command).collect();
        assert_eq!(
            commands,
            [
                "ipvsadm -A -t 192.0.2.1:80 -s rr",
                "ipvsadm -a -t 192.0.2.1:80 -r 192.0.2.5:80 -i -w 1",
                "ipvsadm -e -t 192.0.2.1:80 -r 192.0.2.4:80 -i -w 2",
                "ipvsadm -E -t 192.0.2.1:81 -s wrr",
                "ipvsadm -e -t 192.0.2.1:80 -r 192.0.2.3:80 -i -w 1",
                "ipvsadm -d -t 192.0.2.1:80 -r 192.0.2.2:80",
                "ipvsadm -D -t 192.0.2.1:8",
            ]
        );
    }
}

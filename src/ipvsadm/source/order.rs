//! The order of a sorted listing.
//!
//! The reference compares `a - b` in 32 bits and takes the result as signed, so 192.0.2.1 comes
//! before 10.0.0.1, and across a distance of 2^31 the relation is not transitive: 127.0.0.1,
//! 172.16.0.1 and 10.0.0.1 each come before the next, in a circle. What such a table looks like
//! depends on the algorithm, so this is the one of glibc's qsort(3) up to 2.36: a stable merge sort
//! from the top down. [`slice::sort_by`] may panic on such a relation.

use std::net::IpAddr;

use lvs::ipvs::{Destination, ServiceEntry, ServiceIdentity};

/// Sorts services by mark, family, protocol, address and port.
pub(crate) fn sort_services(services: Vec<ServiceEntry>) -> Vec<ServiceEntry> {
    let order = order_of_services(&services);
    arranged(services, order)
}

/// The places of services in sorted order.
pub(crate) fn order_of_services(services: &[ServiceEntry]) -> Vec<usize> {
    order_of(services, |left, right| {
        compare_services(&left.service.identity, &right.service.identity)
    })
}

/// Sorts destinations, or what has one, by address and port.
pub(crate) fn sort_destinations<T>(
    destinations: Vec<T>,
    destination: impl Fn(&T) -> &Destination,
) -> Vec<T> {
    let order = order_of(&destinations, |left, right| {
        let (left, right) = (destination(left), destination(right));
        first_difference([
            compare_addresses(left.address, right.address),
            difference(left.port.into(), right.port.into()),
        ])
    });
    arranged(destinations, order)
}

fn compare_services(left: &ServiceIdentity, right: &ServiceIdentity) -> i32 {
    let pairs = sort_key(left).into_iter().zip(sort_key(right));
    first_difference(pairs.map(|(left, right)| difference(left, right)))
}

/// The sort key: mark, family, protocol, address and port.
fn sort_key(identity: &ServiceIdentity) -> [u32; 8] {
    let family = identity.family().number().into();
    match *identity {
        ServiceIdentity::Mark { mark, .. } => [mark, family, 0, 0, 0, 0, 0, 0],
        ServiceIdentity::Address { protocol, address, port } => {
            let [first, second, third, fourth] = address_words(address);
            [0, family, protocol.0.into(), first, second, third, fourth, port.into()]
        }
    }
}

/// The family of the first address decides how many words are compared. IPv4 uses the first one.
fn compare_addresses(left: IpAddr, right: IpAddr) -> i32 {
    let words = match left {
        IpAddr::V4(_) => 1,
        IpAddr::V6(_) => 4,
    };
    let pairs = address_words(left).into_iter().zip(address_words(right));
    let differences = pairs.take(words).map(|(left, right)| difference(left, right));
    first_difference(differences)
}

fn address_words(address: IpAddr) -> [u32; 4] {
    match address {
        IpAddr::V4(address) => [address.to_bits(), 0, 0, 0],
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            [96, 64, 32, 0].map(|shift| (bits >> shift) as u32)
        }
    }
}

const fn difference(left: u32, right: u32) -> i32 {
    left.wrapping_sub(right) as i32
}

fn first_difference(differences: impl IntoIterator<Item = i32>) -> i32 {
    let mut differences = differences.into_iter();
    differences.find(|difference| *difference != 0).unwrap_or(0)
}

/// The places of values in sorted order. Places are moved instead of values, which are large.
fn order_of<T>(values: &[T], compare: impl Fn(&T, &T) -> i32) -> Vec<usize> {
    let mut places: Vec<usize> = (0..values.len()).collect();
    merge_sort(&mut places, &mut Vec::with_capacity(values.len()), &|left, right| match (
        values.get(left),
        values.get(right),
    ) {
        (Some(left), Some(right)) => compare(left, right),
        _ => 0,
    });
    places
}

/// Moves values in place to the order of their places: to copy them takes longer than to sort.
fn arranged<T>(mut values: Vec<T>, mut places: Vec<usize>) -> Vec<T> {
    for start in 0..places.len() {
        // A cycle of values that move to each other's places.
        let mut here = start;
        while let Some(place) = places.get_mut(here) {
            let from = std::mem::replace(place, here);
            if from == start {
                break;
            }
            values.swap(here, from);
            here = from;
        }
    }
    values
}

fn merge_sort(
    places: &mut [usize],
    merged: &mut Vec<usize>,
    compare: &impl Fn(usize, usize) -> i32,
) {
    if places.len() < 2 {
        return;
    }
    let (left, right) = places.split_at_mut(places.len() / 2);
    merge_sort(left, merged, compare);
    merge_sort(right, merged, compare);
    merged.clear();
    let mut left = left.iter().copied().peekable();
    let mut right = right.iter().copied().peekable();
    while let (Some(&first), Some(&second)) = (left.peek(), right.peek()) {
        merged.extend(if compare(first, second) <= 0 { left.next() } else { right.next() });
    }
    merged.extend(left);
    merged.extend(right);
    places.copy_from_slice(merged);
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;
    use lvs::ipvs::{AddressFamily, Protocol};

    fn sorted(identities: Vec<ServiceIdentity>) -> Vec<ServiceIdentity> {
        let order = order_of(&identities, compare_services);
        arranged(identities, order)
    }

    fn tcp(text: &str) -> ServiceIdentity {
        let (address, port) = text.rsplit_once(':').unwrap();
        let address = address.trim_matches(['[', ']']).parse::<IpAddr>().unwrap();
        ServiceIdentity::tcp(address, port.parse().unwrap())
    }

    fn listed(input: &str) -> String {
        let order = sorted(input.split_whitespace().map(tcp).collect());
        let texts = order.iter().map(|identity| match identity {
            ServiceIdentity::Address { address, port, .. } => format!("{address}:{port}"),
            ServiceIdentity::Mark { mark, .. } => mark.to_string(),
        });
        texts.collect::<Vec<_>>().join(" ")
    }

    /// Dump order and sorted listing of one table, as the reference showed them on Linux 6.1.
    #[test]
    fn intransitive_table_is_sorted_as_by_the_reference() {
        let dumped = "1.2.3.4:82 1.2.3.4:83 64.0.0.1:85 129.0.0.1:85 223.1.1.1:85 192.168.0.1:85 \
            172.16.0.1:85 127.0.0.1:85 10.0.0.1:85 64.0.0.1:84 129.0.0.1:84 223.1.1.1:84 \
            192.168.0.1:84 172.16.0.1:84 127.0.0.1:84 10.0.0.1:84 1.2.3.4:81 64.0.0.1:83 \
            129.0.0.1:83 223.1.1.1:83 192.168.0.1:83 172.16.0.1:83 127.0.0.1:83 10.0.0.1:83 \
            64.0.0.1:82 129.0.0.1:82 223.1.1.1:82 192.168.0.1:82 172.16.0.1:82 127.0.0.1:82 \
            10.0.0.1:82 1.2.3.4:84 64.0.0.1:81 129.0.0.1:81 223.1.1.1:81 192.168.0.1:81 \
            172.16.0.1:81 127.0.0.1:81 10.0.0.1:81 1.2.3.4:85";
        let expected = "127.0.0.1:82 129.0.0.1:82 172.16.0.1:81 172.16.0.1:82 172.16.0.1:83 \
            172.16.0.1:85 192.168.0.1:81 192.168.0.1:82 192.168.0.1:83 192.168.0.1:85 \
            223.1.1.1:82 1.2.3.4:81 1.2.3.4:82 1.2.3.4:83 1.2.3.4:84 1.2.3.4:85 10.0.0.1:81 \
            10.0.0.1:82 10.0.0.1:83 10.0.0.1:84 10.0.0.1:85 64.0.0.1:81 64.0.0.1:82 64.0.0.1:83 \
            64.0.0.1:84 64.0.0.1:85 127.0.0.1:81 127.0.0.1:83 127.0.0.1:84 127.0.0.1:85 \
            129.0.0.1:81 129.0.0.1:83 129.0.0.1:84 129.0.0.1:85 172.16.0.1:84 192.168.0.1:84 \
            223.1.1.1:81 223.1.1.1:83 223.1.1.1:84 223.1.1.1:85";
        assert_eq!(listed(dumped), expected);
    }

    #[test]
    fn services_are_sorted_by_mark_family_and_protocol() {
        let mark = |mark, family| ServiceIdentity::Mark { mark, family };
        let sctp = ServiceIdentity::Address {
            protocol: Protocol::SCTP,
            address: Ipv4Addr::new(192, 0, 2, 1).into(),
            port: 96,
        };
        let udp = ServiceIdentity::udp(Ipv4Addr::new(192, 0, 2, 1), 53);
        // As the reference listed them; 3000000000 is negative there, and so comes first.
        let expected = vec![
            mark(3_000_000_000, AddressFamily::Ipv4),
            tcp("192.0.2.1:80"),
            tcp("255.255.255.255:65535"),
            udp,
            sctp,
            tcp("[2001:db8::1]:443"),
            mark(5, AddressFamily::Ipv4),
            mark(5, AddressFamily::Ipv6),
        ];
        let mut reversed = expected.clone();
        reversed.reverse();
        assert_eq!(sorted(reversed), expected);
    }

    #[test]
    fn family_of_the_first_destination_decides() {
        let compare = |left: &str, right: &str| {
            compare_addresses(left.parse().unwrap(), right.parse().unwrap()).signum()
        };
        // Observed: 198.51.100.44 is listed before 2001:db8:1111::7777.
        assert_eq!(compare("198.51.100.44", "2001:db8:1111::7777"), -1);
        assert_eq!(compare("2001:db8:1111::7777", "198.51.100.44"), 1);
        assert_eq!(compare("32.1.13.184", "2001:db8::1"), 0);
        assert_eq!(compare("2001:db8::1", "32.1.13.184"), 1);
        assert_eq!(compare("2001:db8:0:1::", "2001:db8:0:2::"), -1);
        assert_eq!(compare("fd00::", "2001:db8::"), -1);
    }

    proptest! {
        #[test]
        fn sort_is_stable_within_half_of_the_number_space(
            values in prop::collection::vec((0..8_u32, any::<u8>()), 0..200)
        ) {
            let mut expected = values.clone();
            expected.sort_by_key(|(key, _)| *key);
            let order = order_of(&values, |left, right| difference(left.0, right.0));
            let sorted = arranged(values, order);
            prop_assert_eq!(sorted, expected);
        }

        #[test]
        fn sort_loses_nothing(values in prop::collection::vec(any::<u32>(), 0..200)) {
            let order = order_of(&values, |left, right| difference(*left, *right));
            let mut sorted = arranged(values.clone(), order);
            let mut expected = values;
            sorted.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(sorted, expected);
        }
    }
}

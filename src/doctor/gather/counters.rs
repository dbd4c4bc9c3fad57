//! The counters of the network that `/proc` has by name.

use std::collections::BTreeMap;

use super::text;
use lvs::netlink::proc_net;

pub(super) fn all() -> BTreeMap<String, u64> {
    let mut counters = BTreeMap::new();
    for file in ["netstat", "snmp"] {
        counters.extend(pairs(&text(proc_net().join(file))));
    }
    for line in text(proc_net().join("snmp6")).lines() {
        let mut words = line.split_whitespace();
        if let (Some(name), Some(Ok(value))) = (words.next(), words.next().map(str::parse)) {
            counters.insert(name.to_owned(), value);
        }
    }
    counters
}

/// Lines in pairs: `TcpExt: NAME …`, then `TcpExt: NUMBER …`.
fn pairs(text: &str) -> Vec<(String, u64)> {
    let lines: Vec<&str> = text.lines().collect();
    let (pairs, _) = lines.as_chunks::<2>();
    let mut counters = Vec::new();
    for [names, values] in pairs {
        let (Some((group, names)), Some((_, values))) =
            (names.split_once(": "), values.split_once(": "))
        else {
            continue;
        };
        let both = names.split_whitespace().zip(values.split_whitespace());
        counters.extend(
            both.filter_map(|(name, value)| Some((format!("{group} {name}"), value.parse().ok()?))),
        );
    }
    counters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_by_name() {
        let text = "TcpExt: A B\nTcpExt: 1 2\nIpExt: C\nIpExt: 3\nodd: X\n";
        let expected = [("TcpExt A", 1), ("TcpExt B", 2), ("IpExt C", 3)];
        assert_eq!(pairs(text), expected.map(|(name, value)| (name.to_owned(), value)));
        assert!(pairs("TcpExt: A\nTcpExt: -1\n\n").is_empty(), "the largest backlog may be -1");
    }
}

//! What `/proc` and the list of modules show.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::net::IpAddr;
use std::path::Path;

use crate::doctor::facts::{CONNTRACK_DROPPED, Listener};
use lvs::ipvs::Protocol;
use lvs::netlink::proc_net;

/// No file is read further.
const MAX_TEXT: u64 = 1 << 20;
/// The lists of modules of distributions are below 2 MB.
const MAX_MODULES: u64 = 16 << 20;
const MAX_SOCKETS: u64 = 8 << 20;

/// The text of a file; empty if it cannot be read.
pub(super) fn text(path: impl AsRef<Path>) -> String {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_TEXT).read_to_end(&mut text));
    read.map(|_| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
}

/// The programs of this network namespace that change the IPVS table on their own.
pub(super) fn controllers() -> Vec<String> {
    const KNOWN: [&str; 4] = ["keepalived", "ldirectord", "kube-proxy", "kube-router"];
    let here = fs::read_link("/proc/thread-self/ns/net").ok();
    let mut found = BTreeSet::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let process = entry.path();
        if entry.file_name().to_str().is_none_or(|name| name.parse::<u32>().is_err()) {
            continue;
        }
        let name = text(process.join("comm"));
        if KNOWN.contains(&name.trim())
            && here.is_some()
            && fs::read_link(process.join("ns/net")).ok() == here
        {
            found.insert(name.trim().to_owned());
        }
    }
    found.into_iter().collect()
}

pub(super) fn counters() -> BTreeMap<String, u64> {
    let mut counters = BTreeMap::new();
    for file in ["netstat", "snmp"] {
        counters.extend(pairs(&text(proc_net().join(file))));
    }
    let dropped = dropped_connections(&text(proc_net().join("stat/nf_conntrack")));
    counters.extend(dropped.map(|count| (CONNTRACK_DROPPED.to_owned(), count)));
    for line in text(proc_net().join("snmp6")).lines() {
        let mut words = line.split_whitespace();
        if let (Some(name), Some(Ok(value))) = (words.next(), words.next().map(str::parse)) {
            counters.insert(name.to_owned(), value);
        }
    }
    counters
}

/// Adds the hexadecimal column `drop` of every processor.
fn dropped_connections(text: &str) -> Option<u64> {
    let mut lines = text.lines();
    let column = lines.next()?.split_whitespace().position(|name| name == "drop")?;
    let of = |line: &str| u64::from_str_radix(line.split_whitespace().nth(column)?, 16).ok();
    Some(lines.filter_map(of).sum())
}

/// Parses pairs of lines: `TcpExt: NAME …`, then `TcpExt: NUMBER …`.
fn pairs(text: &str) -> Vec<(String, u64)> {
    let mut lines = text.lines();
    let mut counters = Vec::new();
    while let (Some(names), Some(values)) = (lines.next(), lines.next()) {
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

/// The schedulers and persistence engines that are loaded, built in, or listed as modules of this
/// kernel. `None` without a list of modules, as in a container.
pub(super) fn ipvs_parts(release: &str) -> Option<Vec<String>> {
    let directory = Path::new("/lib/modules").join(release);
    let mut found = BTreeSet::new();
    for (list, required) in [("modules.dep", true), ("modules.builtin", false)] {
        match File::open(directory.join(list)) {
            Ok(file) => found.extend(listed(BufReader::new(file.take(MAX_MODULES)))),
            Err(_) if required => return None,
            Err(_) => {}
        }
    }
    let loaded = fs::read_dir("/sys/module").into_iter().flatten().flatten();
    found.extend(loaded.filter_map(|entry| ipvs_part(entry.file_name().to_str()?)));
    Some(found.into_iter().collect())
}

/// Parses lines such as `kernel/net/netfilter/ipvs/ip_vs_rr.ko.xz: …`.
fn listed(list: impl BufRead) -> Vec<String> {
    let name = |line: String| {
        let path = line.split(':').next().unwrap_or_default();
        let file = path.rsplit('/').next().unwrap_or_default();
        ipvs_part(file.split(".ko").next().unwrap_or_default())
    };
    list.lines().map_while(Result::ok).filter_map(name).collect()
}

fn ipvs_part(module: &str) -> Option<String> {
    Some(module.strip_prefix("ip_vs_")?.to_owned())
}

/// States of `net/tcp_states.h`: a listening TCP socket, and a UDP socket without a peer.
const LISTEN: &str = "0A";
const UNCONNECTED: &str = "07";

/// The listening sockets of this network namespace. Socket diagnosis over netlink would load the
/// modules `tcp_diag` and `udp_diag`.
pub(crate) fn listeners() -> io::Result<Vec<Listener>> {
    let mut listeners = Vec::new();
    for (file, protocol, state) in [
        ("tcp", Protocol::TCP, LISTEN),
        ("tcp6", Protocol::TCP, LISTEN),
        ("udp", Protocol::UDP, UNCONNECTED),
        ("udp6", Protocol::UDP, UNCONNECTED),
    ] {
        let file = match File::open(proc_net().join(file)) {
            // The kernel has no IPv6.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            file => file?,
        };
        listeners.extend(sockets(BufReader::new(file.take(MAX_SOCKETS)), protocol, state)?);
    }
    Ok(listeners)
}

fn sockets(input: impl BufRead, protocol: Protocol, state: &str) -> io::Result<Vec<Listener>> {
    let mut listeners = Vec::new();
    for line in input.lines().skip(1) {
        let line = line?;
        let mut words = line.split_ascii_whitespace().skip(1);
        let (local, found) = (words.next(), words.nth(1));
        if found != Some(state) {
            // The kernel shows listening TCP sockets first; the others may be millions.
            if state == LISTEN {
                break;
            }
            continue;
        }
        let endpoint = local.and_then(endpoint);
        listeners.extend(endpoint.map(|(address, port)| Listener { protocol, address, port }));
    }
    Ok(listeners)
}

/// Parses 32-bit words in host byte order, followed by a port.
fn endpoint(text: &str) -> Option<(IpAddr, u16)> {
    let (digits, port) = text.split_once(':')?;
    let word = |word| Some(u32::from_str_radix(word, 16).ok()?.to_ne_bytes());
    let words = (0..digits.len()).step_by(8).map(|at| word(digits.get(at..at + 8)?));
    let bytes = words.collect::<Option<Vec<_>>>()?.concat();
    let address = match bytes.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?),
        16 => IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?),
        _ => return None,
    };
    Some((address, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_parsed_by_name() {
        let text = "TcpExt: A B\nTcpExt: 1 2\nIpExt: C\nIpExt: 3\nodd: X\n";
        let expected = [("TcpExt A", 1), ("TcpExt B", 2), ("IpExt C", 3)];
        assert_eq!(pairs(text), expected.map(|(name, value)| (name.to_owned(), value)));
        assert!(pairs("TcpExt: A\nTcpExt: -1\n\n").is_empty(), "the largest backlog may be -1");
    }

    #[test]
    fn dropped_connections_of_all_processors_are_added() {
        let text = "entries  searched drop early_drop\n0a 0 0000000f 0\n0a 0 00000001 0\n";
        assert_eq!(dropped_connections(text), Some(16));
        assert_eq!(dropped_connections(""), None);
    }

    #[test]
    fn ipvs_modules_are_recognized_by_file_name() {
        let list = "kernel/net/netfilter/ipvs/ip_vs_rr.ko: kernel/net/netfilter/ipvs/ip_vs.ko\n\
                    kernel/net/netfilter/ipvs/ip_vs.ko.zst:\n\
                    kernel/net/netfilter/ipvs/ip_vs_pe_sip.ko.xz: a/ip_vs_lc.ko\n";
        assert_eq!(listed(list.as_bytes()), ["rr", "pe_sip"]);
    }

    const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue\n   \
        0: 00000000:0050 00000000:0000 0A 00000000:00000000\n   \
        1: 0100007F:1F90 00000000:0000 0A 00000000:00000000\n   \
        2: 0A0AA8C0:0016 020AA8C0:8000 01 00000000:00000000\n   \
        3: 00000000:0051 00000000:0000 0A 00000000:00000000\n";

    #[test]
    #[cfg(target_endian = "little")]
    fn listening_sockets_are_read_up_to_the_first_connection() {
        let listeners = sockets(TCP.as_bytes(), Protocol::TCP, LISTEN).unwrap();
        let found: Vec<_> = listeners.iter().map(|it| (it.address.to_string(), it.port)).collect();
        assert_eq!(found, [("0.0.0.0".to_owned(), 80), ("127.0.0.1".to_owned(), 8080)]);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn endpoints_of_both_families_are_parsed() {
        let (address, port) = endpoint("B80D012000000000000000000A000000:0035").unwrap();
        assert_eq!((address.to_string().as_str(), port), ("2001:db8::a", 53));
        for bad in ["", ":", "00:50", "0000000G:0050", "00000000:", "00000000:10000"] {
            assert_eq!(endpoint(bad), None, "{bad:?}");
        }
    }
}

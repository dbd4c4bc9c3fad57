//! Values that do not fit their option.

use std::fmt::Display;
use std::net::Ipv4Addr;

use lvs::ruleset::syntax::{Completion, Id, Row};

use super::nearest;
use super::{Line, SERVICES, endpoint};
use crate::ipvsadm::explain::IPV6_NETMASK;
use crate::ipvsadm::options::{OPTIONS, Own};

/// For [`UsageError::Illegal`](crate::ipvsadm::UsageError::Illegal) of these words.
pub(super) fn illegal(what: &str, line: &Line<'_>) -> Option<String> {
    let value = |ids: &[Id]| line.find(ids).map(|(row, text)| (spelt(row), text));
    let number = |id: Id, last: &dyn Display, first: u32| {
        let (option, text) = value(&[id])?;
        Some(not_a_number(&option, text, first, last))
    };
    match what {
        "virtual server address[:port]" => {
            let (option, text) = value(&SERVICES)?;
            Some(endpoint::unreadable(&option, text))
        }
        "real server address[:port]" => {
            let (option, text) = value(&[Id::RealServer, Own::Destination.id()])?;
            Some(endpoint::unreadable(&option, text))
        }
        "virtual address[:port]" => {
            let (option, text) = value(&[Own::VirtualAddress.id()])?;
            Some(endpoint::unreadable(&option, text))
        }
        "client address[/prefix]" => Some(
            "--client takes an address, or a network such as 192.0.2.0/24 or 2001:db8::/32."
                .to_owned(),
        ),
        "virtual server persistent mask" => Some(mask(value(&[Id::Netmask])?.1)),
        "ipv6 netmask" => Some(IPV6_NETMASK.to_owned()),
        "weight" => number(Id::Weight, &i32::MAX, 0),
        "u_threshold" => number(Id::UpperThreshold, &i32::MAX, 0),
        "l_threshold" => number(Id::LowerThreshold, &i32::MAX, 0),
        "tunnel port" => number(Id::TunnelPort, &u16::MAX, 1),
        "syncid" => number(Id::SyncId, &u8::MAX, 0),
        "mcast-port" => number(Id::MulticastPort, &u16::MAX, 1),
        "mcast-ttl" => number(Id::MulticastTimeToLive, &u8::MAX, 1),
        "sync-maxlen" => number(Id::SyncMaximumLength, &65507, 1),
        "tunnel type" => choice(Id::TunnelType, line),
        "count-by" => choice(Own::CountBy.id(), line),
        "start-daemon parameter" | "start_daemon" => {
            let (row, text) = line.options.iter().find_map(|(row, text)| {
                Some((*row, text.as_deref()?)).filter(|_| row.verb().is_some())
            })?;
            Some(one_of(row, text))
        }
        _ => None,
    }
}

fn spelt(row: &Row) -> String {
    match row.shorts.chars().next() {
        Some(short) => format!("-{short}"),
        None => format!("--{}", row.long),
    }
}

fn choice(id: Id, line: &Line<'_>) -> Option<String> {
    let (row, text) = line.find(&[id])?;
    Some(one_of(row, text))
}

/// For an option with a few words as its values.
fn one_of(row: &Row, text: &str) -> String {
    let Completion::Words(words) = row.completion else { return String::new() };
    let words = words.iter().copied();
    match nearest(text, words.clone()) {
        Some(near) => format!("Did you mean --{} {near}?", row.long),
        None => format!("--{} is one of {}.", row.long, words.collect::<Vec<_>>().join(", ")),
    }
}

fn not_a_number(option: &str, text: &str, first: u32, last: &dyn Display) -> String {
    let shown = text.escape_debug();
    let problem = if text.is_empty() {
        "the value is empty (is a variable of a script not set?)".to_owned()
    } else if text.starts_with('-') && OPTIONS.short(text.chars().nth(1).unwrap_or('-')).is_some() {
        format!("the next option, {shown}, stands in its place")
    } else if text.starts_with('-') {
        format!("{shown} is negative")
    } else if text.parse::<u128>().is_ok() {
        format!("{shown} is outside of that")
    } else if text.contains('%') {
        format!("`{shown}` is a percentage")
    } else if text.contains(['.', ',']) {
        format!("`{shown}` is not whole")
    } else {
        format!("`{shown}` is not a decimal number")
    };
    format!("{option} takes a whole number from {first} to {last}: {problem}.")
}

fn mask(text: &str) -> String {
    let prefix = text.strip_prefix('/').unwrap_or(text).parse::<u32>().ok().filter(|it| *it <= 32);
    match prefix {
        Some(prefix) => {
            let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
            format!("For IPv4, -M takes a mask in numbers: -M {}.", Ipv4Addr::from_bits(mask))
        }
        None => "For IPv4, -M takes a mask in numbers, such as -M 255.255.255.0.".to_owned(),
    }
}

/// A timeout of `-p` or `--set`.
pub(super) fn timeout(text: &str, of_set: bool) -> String {
    let shown = text.escape_debug();
    let range = match of_set {
        true => "Timeouts are whole seconds up to 2678400 (31 days), or 0 to leave one as it is",
        false => "Timeouts are whole seconds from 1 to 2678400 (31 days)",
    };
    let unit = text.strip_suffix(['s', 'm', 'h', 'd']);
    let factor = match text.chars().last() {
        Some('m') => 60,
        Some('h') => 3600,
        Some('d') => 86400,
        _ => 1,
    };
    let seconds = unit.and_then(|number| number.parse::<u32>().ok()?.checked_mul(factor));
    match seconds {
        Some(seconds) => format!("{range}, without a unit: {shown} is {seconds}."),
        None if text.is_empty() => format!("{range}: the value is empty."),
        None => format!("{range}: not {shown}."),
    }
}

pub(super) fn mark(text: &str) -> String {
    let shown = text.escape_debug();
    let (number, mask) = match text.split_once('/') {
        Some((number, mask)) => (number, Some(mask)),
        None => (text, None),
    };
    let hexadecimal = number.strip_prefix("0x").or_else(|| number.strip_prefix("0X"));
    let decimal = hexadecimal.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    match (mask, decimal) {
        (Some(_), _) => format!(
            "IPVS compares the whole mark, without a mask: -f {}.",
            decimal.map_or_else(|| number.escape_debug().to_string(), |it| it.to_string())
        ),
        (None, Some(decimal)) => format!("-f takes the mark in decimal: -f {decimal}."),
        (None, None) if text == "0" => {
            "0 is the mark of packets without one: use a mark from 1 on, and set it with \
             `iptables -t mangle … -j MARK --set-mark`."
                .to_owned()
        }
        (None, None) if text.contains(['.', ':']) => {
            format!("-f takes a firewall mark; for an address, use -t {shown} or -u {shown}.")
        }
        _ => {
            format!("-f takes a firewall mark, a whole number from 1 to 4294967295: not `{shown}`.")
        }
    }
}

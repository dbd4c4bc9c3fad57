//! The rules of nftables, by netlink (`linux/netfilter/nf_tables.h`): tables, chains, rules, and sets
//! with their elements, of one generation of the ruleset.

mod program;
mod set;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;

use lvs::ipvs::AddressFamily;
use lvs::netlink::{Connection, Error, Socket, Transport};
use netlink_packet_core::DecodeError;

use super::{Base, Chain, Hook, Match, Nft, Table, What};
use crate::host::{Link, append_attribute, attributes};
use set::Sets;

/// `NFNL_SUBSYS_NFTABLES` and its messages.
const NF_TABLES: u16 = 10 << 8;
const NEW_TABLE: u16 = NF_TABLES;
const NEW_CHAIN: u16 = NF_TABLES | 3;
const NEW_RULE: u16 = NF_TABLES | 6;
const NEW_SET: u16 = NF_TABLES | 9;
const NEW_ELEMENTS: u16 = NF_TABLES | 12;
const NEW_GENERATION: u16 = NF_TABLES | 15;
const GET_GENERATION: u16 = NF_TABLES | 16;

/// `struct nfgenmesg`, for every family; a message begins with it.
const HEADER: [u8; 4] = [0; 4];

/// Attempts at a ruleset that does not change while it is read.
const ATTEMPTS: u32 = 10;

/// Elements of all sets that are read.
const MOST_ELEMENTS: usize = 1 << 20;

/// Rules that one ruleset may become.
const MOST_RULES: usize = 1 << 20;

/// The messages of a ruleset, behind their netlink headers.
#[derive(Debug, Default)]
struct Ruleset {
    tables: Vec<Vec<u8>>,
    chains: Vec<Vec<u8>>,
    rules: Vec<Vec<u8>>,
    sets: Vec<Vec<u8>>,
    elements: Vec<Vec<u8>>,
}

/// The tables of nftables. Asking would load the module.
pub(super) fn read(release: &str, links: &[Link]) -> io::Result<Vec<Table>> {
    if !is_loaded(release) {
        return Ok(Vec::new());
    }
    let ruleset = || {
        let mut connection = Connection::new(Socket::netfilter()?);
        for _ in 0..ATTEMPTS {
            let before = generation(&mut connection)?;
            match dump(&mut connection) {
                // A table or set that was deleted in between.
                Err(Error::Refused { errno: libc::ENOENT, .. }) => {}
                Err(error) => return Err(error),
                Ok(ruleset) if generation(&mut connection)? == before => return Ok(ruleset),
                Ok(_) => {}
            }
        }
        Err(Error::Interrupted(ATTEMPTS))
    };
    let interface = |link: &Link| Interface {
        index: link.index,
        name: link.name.to_string(),
        is_bridge: link.kind.name() == "bridge",
    };
    let interfaces: Vec<Interface> = links.iter().map(interface).collect();
    Ok(tables(&ruleset().map_err(io::Error::other)?, &interfaces))
}

/// A module that is built in need not be in `/sys/module`.
fn is_loaded(release: &str) -> bool {
    let list = Path::new("/lib/modules").join(release).join("modules.builtin");
    Path::new("/sys/module/nf_tables").exists()
        || fs::read_to_string(list).is_ok_and(|it| it.contains("/nf_tables.ko"))
}

fn generation<T: Transport>(connection: &mut Connection<T>) -> Result<Option<u32>, Error> {
    connection.query_message(GET_GENERATION, &HEADER, NEW_GENERATION, |message| {
        Ok(number(behind(message), 1))
    })
}

fn dump<T: Transport>(connection: &mut Connection<T>) -> Result<Ruleset, Error> {
    let mut ruleset = Ruleset {
        tables: messages(connection, NEW_TABLE, &HEADER)?,
        chains: messages(connection, NEW_CHAIN, &HEADER)?,
        rules: messages(connection, NEW_RULE, &HEADER)?,
        sets: messages(connection, NEW_SET, &HEADER)?,
        elements: Vec::new(),
    };
    let mut size = 0;
    for set in &ruleset.sets {
        let mut request = vec![set.first().copied().unwrap_or_default(), 0, 0, 0];
        // The names of the table and the set have the same numbers in both messages.
        for (kind, value) in attributes(behind(set)).filter(|(kind, _)| [1, 2].contains(kind)) {
            append_attribute(&mut request, kind, value);
        }
        let found = messages(connection, NEW_ELEMENTS, &request)?;
        size += found.iter().map(Vec::len).sum::<usize>();
        if size > MOST_ELEMENTS * 64 {
            return Err(Error::Malformed("sets with too many elements".to_owned()));
        }
        ruleset.elements.extend(found);
    }
    Ok(ruleset)
}

/// The number of a question is that of its answer, and one more.
fn messages<T: Transport>(
    connection: &mut Connection<T>,
    reply: u16,
    request: &[u8],
) -> Result<Vec<Vec<u8>>, Error> {
    let whole = |message: &[u8]| Ok::<_, DecodeError>(message.to_vec());
    connection.dump_messages(reply + 1, request, reply, whole)
}

/// The attributes of a message.
fn behind(message: &[u8]) -> &[u8] {
    message.get(HEADER.len()..).unwrap_or_default()
}

fn find(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(it, _)| *it == kind).map(|(_, value)| value)
}

/// The elements of a list (`NFTA_LIST_ELEM`, or the devices of a hook).
fn list(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    attributes(bytes).map(|(_, value)| value)
}

/// Numbers are in network byte order.
fn number(bytes: &[u8], kind: u16) -> Option<u32> {
    Some(u32::from_be_bytes(find(bytes, kind)?.get(..4)?.try_into().ok()?))
}

fn wide(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(..8)?.try_into().ok()?))
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

/// A table of one family or of several.
struct Place<'a> {
    family: u8,
    table: &'a [u8],
}

impl<'a> Place<'a> {
    /// The table that a chain, rule or set belongs to.
    fn of(message: &'a [u8]) -> Option<Self> {
        Some(Self { family: *message.first()?, table: find(behind(message), 1)? })
    }

    fn is(&self, table: &Table) -> bool {
        table.nft.is_some_and(|nft| nft as u8 == self.family) && text(self.table) == table.name
    }
}

/// What rules need of an interface.
struct Interface {
    index: u32,
    name: String,
    is_bridge: bool,
}

/// Puts a ruleset together.
fn tables(ruleset: &Ruleset, interfaces: &[Interface]) -> Vec<Table> {
    /// `NFT_TABLE_F_DORMANT`: the kernel does not enter its chains.
    const DORMANT: u32 = 1;
    let sets = Sets::parse(&ruleset.sets, &ruleset.elements);
    let mut tables: Vec<Table> = Vec::new();
    for message in &ruleset.tables {
        let is_dormant = number(behind(message), 2).is_some_and(|flags| flags & DORMANT != 0);
        let nft = message.first().and_then(|family| Nft::of(*family)).filter(|_| !is_dormant);
        let (Some(nft), Some(name)) = (nft, find(behind(message), 1)) else { continue };
        let (name, chains) = (text(name), Vec::new());
        let family = if nft == Nft::Ip6 { AddressFamily::Ipv6 } else { AddressFamily::Ipv4 };
        tables.push(Table { family, name, chains, nft: Some(nft) });
    }
    for message in &ruleset.chains {
        let Some(place) = Place::of(message) else { continue };
        let table = tables.iter_mut().find(|table| place.is(table));
        if let (Some(table), Some(chain)) =
            (table, chain(place.family, behind(message), interfaces))
        {
            table.chains.push(chain);
        }
    }
    let mut places = HashMap::new();
    for (at, table) in tables.iter().enumerate() {
        let chains = table.chains.iter().enumerate();
        places.extend(chains.map(|(chain, it)| {
            ((table.nft.map(|nft| nft as u8), table.name.clone(), it.name.clone()), (at, chain))
        }));
    }
    let mut room = MOST_RULES;
    for message in &ruleset.rules {
        let Some(place) = Place::of(message) else { continue };
        let all = behind(message);
        let of = find(all, 2).map(text).unwrap_or_default();
        let found = places.get(&(Some(place.family), text(place.table), of));
        let Some((table, chain)) = found.copied() else { continue };
        let Some(table) = tables.get_mut(table) else { continue };
        let Some(chain) = table.chains.get_mut(chain) else { continue };
        let handle = find(all, 3).and_then(wide).unwrap_or_default();
        let expressions = find(all, 4).unwrap_or_default();
        let context = program::Context {
            family: table.family,
            sets: &sets.of(place.family, place.table),
            interfaces,
            room,
        };
        let mut rules = context.rules(handle, expressions);
        if table.nft == Some(Nft::Bridge) {
            // The port by which a packet arrives is not known.
            let bridged = Match { what: What::Some("bridge".to_owned()), negated: false };
            rules.iter_mut().for_each(|rule| rule.matches.push(bridged.clone()));
        }
        room = room.saturating_sub(rules.len());
        chain.rules.extend(rules);
    }
    let both: Vec<Table> = tables
        .iter()
        .filter(|table| !matches!(table.nft, Some(Nft::Ip | Nft::Ip6)))
        .map(|table| Table { family: AddressFamily::Ipv6, ..table.clone() })
        .collect();
    tables.extend(both);
    tables
}

/// What is entered before every other chain of a hook, or after it.
const FAR: i32 = 1 << 30;

fn chain(family: u8, message: &[u8], interfaces: &[Interface]) -> Option<Chain> {
    let name = text(find(message, 3)?);
    let Some(hook) = find(message, 4) else {
        return Some(Chain { name, base: None, rules: Vec::new() });
    };
    let priority = number(hook, 2).unwrap_or_default() as i32;
    let place = number(hook, 1)?;
    let (hook_of_packets, priority) = match (Nft::of(family)?, place) {
        // Ingress, before everything else, and egress after it.
        (Nft::Netdev, 0) | (Nft::Inet, 5) => (Hook::Prerouting, priority / 4 - FAR),
        (Nft::Netdev, _) => (Hook::Postrouting, priority / 4 + FAR),
        (Nft::Bridge, place @ 0..=1) => (*Hook::ALL.get(place as usize)?, priority / 4 - FAR),
        (Nft::Bridge, _) => return Some(Chain { name, base: None, rules: Vec::new() }),
        (_, place) => (*Hook::ALL.get(place as usize)?, priority),
    };
    let mut devices: Vec<String> = find(hook, 3).map(text).into_iter().collect();
    devices.extend(find(hook, 4).into_iter().flat_map(list).map(text));
    if family == Nft::Bridge as u8 {
        let bridges = interfaces.iter().filter(|it| it.is_bridge);
        devices = bridges.map(|it| it.name.clone()).collect();
        if devices.is_empty() {
            return Some(Chain { name, base: None, rules: Vec::new() });
        }
    }
    let base = Base {
        hook: hook_of_packets,
        priority,
        accepts: number(message, 5) != Some(0),
        translates: find(message, 7).map(text).as_deref() == Some("nat"),
        devices,
    };
    Some(Chain { name, base: Some(base), rules: Vec::new() })
}

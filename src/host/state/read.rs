//! Dumps of route netlink, and the lookups of source addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_packet_core::DecodeError;

use super::route::{HEADER, Route};
use super::{Address, Interfaces, Link, Neighbour, Rule, SourceAddress, State, append};
use crate::host::host_prefix;
use lvs::netlink::{Connection, Error, Transport};

/// Attempts at dumps that name an interface which the dump of the links lacks.
const ATTEMPTS: u32 = 3;

/// A message type for requests; that of replies is two less.
struct Kind {
    get: u16,
    /// The header that the kernel expects behind that of netlink.
    header: usize,
}

const LINKS: Kind = Kind { get: libc::RTM_GETLINK, header: 16 };
const ADDRESSES: Kind = Kind { get: libc::RTM_GETADDR, header: 8 };
const ROUTES: Kind = Kind { get: libc::RTM_GETROUTE, header: HEADER };
const NEIGHBOURS: Kind = Kind { get: libc::RTM_GETNEIGH, header: 12 };
const RULES: Kind = Kind { get: libc::RTM_GETRULE, header: 12 };

impl Kind {
    const fn reply(&self) -> u16 {
        self.get - 2
    }
}

/// A dump or a lookup that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What was asked for.
    pub(crate) what: &'static str,
    pub(crate) error: Error,
}

impl State {
    /// Dumps what route netlink knows: links, addresses, routes, rules, neighbours.
    pub(crate) fn dump<T: Transport>(connection: &mut Connection<T>) -> Result<Self, Failure> {
        let mut state = Self::default();
        state.read_links(connection)?;
        state.read_addresses(connection)?;
        state.read_routes(connection)?;
        state.read_rules(connection)?;
        state.neighbours = state.with_interfaces(connection, |connection, interfaces| {
            dump(connection, &NEIGHBOURS, "the neighbours", |message| {
                Neighbour::parse(message, interfaces)
            })
        })?;
        Ok(state)
    }

    pub(crate) fn read_links<T: Transport>(
        &mut self,
        connection: &mut Connection<T>,
    ) -> Result<(), Failure> {
        let mut links =
            dump(connection, &LINKS, "the interfaces", |message| Link::parse(message).map(Some))?;
        let interfaces = Interfaces::of(&links);
        for link in &mut links {
            for other in [&mut link.master, &mut link.lower].into_iter().flatten() {
                *other = interfaces.get(other.index);
            }
        }
        self.links = links;
        Ok(())
    }

    /// Needs the links.
    pub(crate) fn read_addresses<T: Transport>(
        &mut self,
        connection: &mut Connection<T>,
    ) -> Result<(), Failure> {
        self.addresses = self.with_interfaces(connection, |connection, interfaces| {
            dump(connection, &ADDRESSES, "the addresses", |message| {
                Address::parse(message, interfaces)
            })
        })?;
        Ok(())
    }

    /// Needs the links.
    pub(crate) fn read_routes<T: Transport>(
        &mut self,
        connection: &mut Connection<T>,
    ) -> Result<(), Failure> {
        self.routes = self.with_interfaces(connection, |connection, interfaces| {
            dump(connection, &ROUTES, "the routes", |message| Route::parse(message, interfaces))
        })?;
        Ok(())
    }

    pub(crate) fn read_rules<T: Transport>(
        &mut self,
        connection: &mut Connection<T>,
    ) -> Result<(), Failure> {
        self.rules = dump(connection, &RULES, "the policy rules", Rule::parse)?;
        Ok(())
    }

    /// Dumps objects that name interfaces: again with new links, if one of them is not among the
    /// links.
    fn with_interfaces<T: Transport, O>(
        &mut self,
        connection: &mut Connection<T>,
        mut dump: impl FnMut(&mut Connection<T>, &Interfaces) -> Result<Vec<O>, Failure>,
    ) -> Result<Vec<O>, Failure> {
        let mut attempt = 1;
        loop {
            let interfaces = Interfaces::of(&self.links);
            let objects = dump(connection, &interfaces)?;
            if !interfaces.is_incomplete.get() || attempt == ATTEMPTS {
                return Ok(objects);
            }
            attempt += 1;
            self.read_links(connection)?;
        }
    }

    /// The route that the kernel selects (`ip route get`). Sends no packet.
    pub(in crate::host) fn look_up_route<T: Transport>(
        &self,
        connection: &mut Connection<T>,
        towards: IpAddr,
    ) -> Result<Option<Route>, Error> {
        let request = route_request(towards);
        let interfaces = Interfaces::of(&self.links);
        connection.query_message(ROUTES.get, &request, ROUTES.reply(), |message| {
            Route::parse(message, &interfaces)
        })
    }

    /// The source addresses that the kernel selects towards an arbitrary address, where there is a
    /// default route.
    pub(crate) fn look_up_sources<T: Transport>(
        &mut self,
        connection: &mut Connection<T>,
    ) -> Result<(), Failure> {
        let anywhere = [
            IpAddr::V4(Ipv4Addr::new(1, 0, 0, 1)),
            IpAddr::V6(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 1)),
        ];
        for towards in anywhere {
            let is_default = |route: &Route| {
                route.is_default() && route.destination.is_ipv4() == towards.is_ipv4()
            };
            if !self.main_routes().any(is_default) {
                continue;
            }
            self.look_up_source(connection, towards)?;
        }
        Ok(())
    }

    /// The source address that the kernel selects towards an address.
    pub(in crate::host) fn look_up_source<T: Transport>(
        &mut self,
        connection: &mut Connection<T>,
        towards: IpAddr,
    ) -> Result<(), Failure> {
        match self.look_up_route(connection, towards) {
            Ok(route) => self.sources.extend(route.and_then(|route| {
                let device = route.interface()?.name.clone();
                Some(SourceAddress { towards, source: route.preferred_source?, device })
            })),
            // An unreachable route is an answer too.
            Err(Error::Refused { .. }) => {}
            Err(error) => return Err(Failure { what: "the source address", error }),
        }
        Ok(())
    }
}

/// The message that asks for the route to an address (`RTM_GETROUTE`).
pub(in crate::host) fn route_request(towards: IpAddr) -> Vec<u8> {
    let (family, octets) = match towards {
        IpAddr::V4(address) => (libc::AF_INET, address.octets().to_vec()),
        IpAddr::V6(address) => (libc::AF_INET6, address.octets().to_vec()),
    };
    let mut request = vec![0; HEADER];
    request.splice(..2, [family as u8, host_prefix(towards)]);
    append(&mut request, libc::RTA_DST, &octets);
    request
}

fn dump<T: Transport, E>(
    connection: &mut Connection<T>,
    kind: &Kind,
    what: &'static str,
    parse: impl FnMut(&[u8]) -> Result<Option<E>, DecodeError>,
) -> Result<Vec<E>, Failure> {
    // Zeros: of all families, without a filter.
    let everything = vec![0; kind.header];
    match connection.dump_messages(kind.get, &everything, kind.reply(), parse) {
        Ok(entries) => Ok(entries.into_iter().flatten().collect()),
        // A kernel without policy routing has no rules.
        Err(Error::Refused { errno: libc::EOPNOTSUPP | libc::EAFNOSUPPORT, .. }) => Ok(Vec::new()),
        Err(error) => Err(Failure { what, error }),
    }
}

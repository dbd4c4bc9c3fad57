//! A whole table that somebody wants, made of requests as a kernel makes its own.

use std::collections::HashMap;
use std::iter;
use std::net::IpAddr;

use super::{Error, Key, Snapshot, Value, rank};
use crate::ipvs::{Client, Daemon, Destination, Request, Service, ServiceIdentity, Timeouts};
use crate::netlink::Transport;
use crate::table::{Change, suffices};

/// What an empty table becomes by requests, each with the number of the line that it was on.
///
/// # Examples
///
/// ```
/// use std::net::Ipv4Addr;
/// use lvs::ipvs::{Request, Service, ServiceIdentity};
/// use lvs::table::Ruleset;
///
/// let web = ServiceIdentity::tcp(Ipv4Addr::new(192, 0, 2, 10), 80);
/// let add = Request::AddService(Service::new(web, "rr"));
/// let mut table = Ruleset::default();
/// assert_eq!(table.take(1, add.clone()), Ok(()));
/// assert_eq!(table.take(2, add), Err(libc::EEXIST));
/// assert_eq!(table.entries().count(), 1);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Ruleset {
    pools: HashMap<ServiceIdentity, Pool>,
    timeouts: Option<Numbered<Timeouts>>,
    daemons: Vec<Numbered<Daemon>>,
}

#[derive(Clone, Debug)]
struct Pool {
    service: Numbered<Service>,
    destinations: HashMap<(IpAddr, u16), Numbered<Destination>>,
}

/// A change, and the line that asks for it; none asks for what goes because no line names it.
pub type LineChange = (Option<usize>, Change<Key, Value>);

/// What a line set, and its number.
type Numbered<T> = (usize, T);

impl Ruleset {
    /// Takes a request; one that zeroes counters changes no table.
    ///
    /// # Errors
    ///
    /// The error number with which a kernel refuses it: `EEXIST`, `ESRCH` or `ENOENT`.
    pub fn take(&mut self, line: usize, request: Request) -> Result<(), i32> {
        match request {
            Request::AddService(service) => {
                if self.pools.contains_key(&service.identity) {
                    return Err(libc::EEXIST);
                }
                let destinations = HashMap::new();
                let identity = service.identity;
                self.pools.insert(identity, Pool { service: (line, service), destinations });
            }
            Request::EditService(service) => {
                let pool = self.pools.get_mut(&service.identity).ok_or(libc::ESRCH)?;
                pool.service.1 = service;
            }
            Request::DeleteService(identity) => {
                self.pools.remove(&identity).ok_or(libc::ESRCH)?;
            }
            Request::AddDestination { service: identity, destination } => {
                let pool = self.pools.get_mut(&identity).ok_or(libc::ESRCH)?;
                let name = (destination.address, destination.port);
                if pool.destinations.contains_key(&name) {
                    return Err(libc::EEXIST);
                }
                pool.destinations.insert(name, (line, destination));
            }
            Request::EditDestination { service: identity, destination } => {
                let pool = self.pools.get_mut(&identity).ok_or(libc::ESRCH)?;
                let name = (destination.address, destination.port);
                pool.destinations.get_mut(&name).ok_or(libc::ENOENT)?.1 = destination;
            }
            Request::DeleteDestination { service: identity, address, port } => {
                let pool = self.pools.get_mut(&identity).ok_or(libc::ESRCH)?;
                pool.destinations.remove(&(address, port)).ok_or(libc::ENOENT)?;
            }
            Request::Flush => self.pools.clear(),
            Request::Zero(service) => {
                let known = service.is_none_or(|service| self.pools.contains_key(&service));
                return known.then_some(()).ok_or(libc::ESRCH);
            }
            Request::SetTimeouts(Timeouts { tcp, tcp_fin, udp }) => {
                let (_, set) = self.timeouts.unwrap_or_default();
                let later = |new: u32, old: u32| if new == 0 { old } else { new };
                let set = Timeouts {
                    tcp: later(tcp, set.tcp),
                    tcp_fin: later(tcp_fin, set.tcp_fin),
                    udp: later(udp, set.udp),
                };
                self.timeouts = Some((line, set));
            }
            Request::StartDaemon(daemon) => {
                if self.daemons.iter().any(|(_, running)| running.state == daemon.state) {
                    return Err(libc::EEXIST);
                }
                self.daemons.push((line, daemon));
            }
            Request::StopDaemon { state, .. } => {
                let at = self.daemons.iter().position(|(_, running)| running.state == state);
                self.daemons.remove(at.ok_or(libc::ESRCH)?);
            }
        }
        Ok(())
    }

    /// Every entry with the line that added it: each service before its destinations, in the order of
    /// the lines; timeouts and daemons last.
    pub fn entries(&self) -> impl Iterator<Item = (usize, Key, Value)> {
        let mut pools: Vec<&Pool> = self.pools.values().collect();
        pools.sort_by_key(|pool| pool.service.0);
        let timeouts = self.timeouts.iter();
        let timeouts = timeouts.map(|(line, it)| (*line, Key::Timeouts, Value::Timeouts(*it)));
        let daemons = self
            .daemons
            .iter()
            .map(|(line, daemon)| (*line, Key::Daemon(daemon.state), Value::from(daemon.clone())));
        pools.into_iter().flat_map(Pool::entries).chain(timeouts).chain(daemons)
    }

    /// Whether a service or a destination is in it.
    fn has(&self, key: &Key) -> bool {
        key.service().and_then(|service| self.pools.get(&service)).is_some_and(|pool| match key {
            Key::Destination { address, port, .. } => {
                pool.destinations.contains_key(&(*address, *port))
            }
            _ => true,
        })
    }

    /// What makes the table that the client sees exactly this one, in a safe order, each change with
    /// the line that asks for it. What is as it should be is in none of them; nor are daemons and
    /// timeouts that no line speaks of, since a saved table does not either.
    ///
    /// # Errors
    ///
    /// Where the table cannot be listed; or keeps changing, where something is to be deleted.
    pub fn changes<T: Transport>(
        &self,
        snapshot: &mut Snapshot,
        client: &mut Client<T>,
    ) -> Result<Vec<LineChange>, Error> {
        let stranger = |key: &Key| !self.has(key);
        let mut found = snapshot.keys(client)?;
        if found.iter().any(stranger) {
            found = snapshot.settled_keys(client)?;
        }
        let mut changes = Vec::new();
        for (line, key, value) in self.entries() {
            let from = snapshot.read(client, &key)?;
            if !suffices(from.as_ref(), Some(&value), Value::satisfies) {
                changes.push((Some(line), Change { key, from, to: Some(value) }));
            }
        }
        for key in found.into_iter().filter(stranger) {
            // With a service go its destinations.
            let goes_along = matches!(key, Key::Destination { .. })
                && key.service().is_some_and(|service| !self.pools.contains_key(&service));
            if !goes_along {
                let from = snapshot.read(client, &key)?;
                changes.push((None, Change { key, from, to: None }));
            }
        }
        changes.sort_by_key(|(_, change)| rank(change));
        Ok(changes)
    }
}

impl Pool {
    fn entries(&self) -> impl Iterator<Item = (usize, Key, Value)> {
        let (line, service) = &self.service;
        let identity = service.identity;
        let mut destinations: Vec<_> = self.destinations.values().collect();
        destinations.sort_by_key(|(line, _)| *line);
        let destinations = destinations.into_iter().map(move |(line, destination)| {
            (*line, Key::of(identity, destination), Value::Destination(destination.clone()))
        });
        let service = (*line, Key::Service(identity), Value::from(service.clone()));
        iter::once(service).chain(destinations)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::ipvs::{DaemonState, Forwarding};

    const VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

    fn web(port: u16) -> ServiceIdentity {
        ServiceIdentity::tcp(VIP, port)
    }

    fn server(last: u8, weight: u32) -> Destination {
        let address = Ipv4Addr::new(198, 51, 100, last);
        Destination { weight, ..Destination::new(address, 80, Forwarding::Masquerade) }
    }

    fn table(requests: Vec<Request>) -> Ruleset {
        let mut table = Ruleset::default();
        for (at, request) in requests.into_iter().enumerate() {
            assert_eq!(table.take(at + 1, request), Ok(()), "line {}", at + 1);
        }
        table
    }

    #[test]
    fn requests_make_a_table_as_the_kernel_does() {
        let service = |port, scheduler: &str| Service::new(web(port), scheduler);
        let table = table(vec![
            Request::AddService(service(1, "rr")),
            Request::Flush,
            Request::AddService(service(80, "rr")),
            Request::AddService(service(81, "rr")),
            Request::AddDestination { service: web(80), destination: server(2, 1) },
            Request::AddDestination { service: web(80), destination: server(3, 1) },
            Request::AddDestination { service: web(81), destination: server(2, 1) },
            Request::EditService(service(80, "wrr")),
            Request::EditDestination { service: web(80), destination: server(2, 7) },
            Request::DeleteDestination {
                service: web(80),
                address: server(3, 1).address,
                port: 80,
            },
            Request::DeleteService(web(81)),
            Request::SetTimeouts(Timeouts { tcp: 900, tcp_fin: 0, udp: 300 }),
            Request::SetTimeouts(Timeouts { tcp: 0, tcp_fin: 120, udp: 200 }),
            Request::Zero(None),
        ]);
        let timeouts = Timeouts { tcp: 900, tcp_fin: 120, udp: 200 };
        let expected = [
            (3, Key::Service(web(80)), Value::from(service(80, "wrr"))),
            (5, Key::of(web(80), &server(2, 7)), Value::Destination(server(2, 7))),
            (13, Key::Timeouts, Value::Timeouts(timeouts)),
        ];
        assert!(table.entries().eq(expected));
    }

    #[test]
    fn what_a_kernel_refuses_is_refused() {
        let mut table = table(vec![Request::AddService(Service::new(web(80), "rr"))]);
        let (nowhere, address) = (web(81), server(2, 1).address);
        for (request, errno) in [
            (Request::AddService(Service::new(web(80), "rr")), libc::EEXIST),
            (Request::EditService(Service::new(nowhere, "rr")), libc::ESRCH),
            (Request::DeleteService(nowhere), libc::ESRCH),
            (Request::AddDestination { service: nowhere, destination: server(2, 1) }, libc::ESRCH),
            (
                Request::EditDestination { service: web(80), destination: server(2, 1) },
                libc::ENOENT,
            ),
            (Request::DeleteDestination { service: web(80), address, port: 80 }, libc::ENOENT),
            (Request::Zero(Some(nowhere)), libc::ESRCH),
            (Request::StopDaemon { state: DaemonState::Master, sync_id: 0 }, libc::ESRCH),
        ] {
            assert_eq!(table.take(2, request.clone()), Err(errno), "{request:?}");
        }
        assert_eq!(table.entries().count(), 1);
    }
}

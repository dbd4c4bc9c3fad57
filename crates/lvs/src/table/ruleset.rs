//! A complete desired table, built from requests as the kernel builds its own.

use std::collections::HashMap;
use std::iter;
use std::net::IpAddr;

use super::{Key, Value};
use crate::ipvs::{Daemon, Destination, Request, Service, ServiceIdentity, Timeouts};
use crate::netlink;

/// The table that requests make of an empty one. Each entry has the number of the line that added it.
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
/// let mut ruleset = Ruleset::default();
/// ruleset.apply(1, add.clone())?;
/// assert!(ruleset.apply(2, add).is_err(), "the service already exists");
/// assert_eq!(ruleset.entries().count(), 1);
/// # Ok::<(), lvs::netlink::Error>(())
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

/// A value, and the number of the line that set it.
type Numbered<T> = (usize, T);

impl Ruleset {
    /// Applies a request of a line as the kernel would. Zeroing counters changes nothing.
    ///
    /// # Errors
    ///
    /// [`netlink::Error::Refused`] with the error number that the kernel would answer: `EEXIST`,
    /// `ESRCH` or `ENOENT`.
    pub fn apply(&mut self, line: usize, request: Request) -> Result<(), netlink::Error> {
        self.try_apply(line, request).map_err(|errno| netlink::Error::refused(errno, None))
    }

    fn try_apply(&mut self, line: usize, request: Request) -> Result<(), i32> {
        match request {
            Request::AddService(service) => {
                if self.pools.contains_key(&service.identity) {
                    return Err(libc::EEXIST);
                }
                let identity = service.identity;
                let destinations = HashMap::new();
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

    /// Returns every entry with the line that added it: each service before its destinations, in the
    /// order of the lines; timeouts and daemons last.
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

    /// Returns whether it has a service or a destination.
    pub(super) fn contains(&self, key: &Key) -> bool {
        key.service().and_then(|service| self.pools.get(&service)).is_some_and(|pool| match key {
            Key::Destination { address, port, .. } => {
                pool.destinations.contains_key(&(*address, *port))
            }
            _ => true,
        })
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
            assert_eq!(table.try_apply(at + 1, request), Ok(()), "line {}", at + 1);
        }
        table
    }

    #[test]
    fn ruleset_applies_requests_as_the_kernel_does() {
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
    fn ruleset_refuses_what_the_kernel_refuses() {
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
            assert_eq!(table.try_apply(2, request.clone()), Err(errno), "{request:?}");
        }
        assert_eq!(table.entries().count(), 1);
    }
}

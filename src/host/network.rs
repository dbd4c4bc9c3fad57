//! Synchronous reads and writes of the machine that we run on.

use std::collections::HashMap;
use std::fmt;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::time::Duration;

use rtnetlink::Handle;
use rtnetlink::sys::AsyncSocket;
use tokio::runtime::{Builder, Runtime};

use super::{
    DOWN, Error, FullRoute, InterfaceName, Key, PRESENT, Topology, UP, address, fou, full_route,
    link, link_kind, message, route, rule,
};
use crate::engine::Change;
use crate::trace::RouteSocket;

/// netlink-proto never answers a request whose reply was lost in a full buffer.
const SECONDS: u64 = 10;

/// This machine, in the network namespace that the process is in.
pub struct Host {
    runtime: Runtime,
    pub(super) handle: Handle,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}

impl Host {
    /// Opens a conversation with the kernel.
    ///
    /// # Errors
    ///
    /// Where there is no route netlink.
    pub fn new() -> Result<Self, Error> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(Error::Start)?;
        let entered = runtime.enter();
        let (mut connection, handle, _) =
            rtnetlink::new_connection_with_socket::<RouteSocket>().map_err(Error::Start)?;
        // With strict checking the kernel filters what it dumps. Kernels before 4.20 do not know
        // it; every dump is filtered here in any case.
        let _ = connection.socket_mut().socket_mut().set_netlink_get_strict_chk(true);
        drop(entered);
        runtime.spawn(connection);
        Ok(Self { runtime, handle })
    }

    /// What the kernel changes by itself along with a change, each as it is and as it will be.
    ///
    /// # Errors
    ///
    /// Where the kernel refuses to tell.
    pub fn side_effects(
        &self,
        change: &Change<Key, String>,
    ) -> Result<Vec<Change<Key, String>>, Error> {
        if let Key::Port(port) = &change.key {
            let key = Key::LinkUp(port.clone());
            let to = if change.to.is_some() { UP } else { DOWN };
            let from = self.read(&key)?;
            return Ok(vec![Change { key, from, to: Some(to.to_owned()) }]);
        }
        let (Key::Sysctl(sysctl), Some(value)) = (&change.key, &change.to) else {
            return Ok(Vec::new());
        };
        if sysctl.side_effects(value, &[]).is_empty() {
            return Ok(Vec::new());
        }
        let names = self.names()?.into_values().collect::<Vec<_>>();
        let mut changes = Vec::new();
        for (sysctl, value) in sysctl.side_effects(value, &names) {
            let from = sysctl.read()?;
            changes.push(Change { key: Key::Sysctl(sysctl), from, to: Some(value) });
        }
        Ok(changes)
    }

    /// Whether the interface that a key is about is gone, so that it has no value to be given back.
    ///
    /// # Errors
    ///
    /// Where the kernel refuses to tell.
    pub fn is_orphaned(&self, key: &Key) -> Result<bool, Error> {
        match key.device() {
            Some(device) => Ok(self.link(device)?.is_none()),
            None => Ok(false),
        }
    }

    /// What an interface has that goes over to a bond of which it becomes a port: the routes through
    /// it and its addresses, in an order in which they can be removed, and its MTU. Nothing where
    /// there is no such interface.
    ///
    /// # Errors
    ///
    /// Where the kernel refuses to tell, and where a route leads through other interfaces too.
    pub fn port_configuration(&self, device: &InterfaceName) -> Result<Vec<(Key, String)>, Error> {
        let Some(link) = self.link(device)? else {
            return Ok(Vec::new());
        };
        let routes = full_route::list(&self.handle, link.index, device);
        let routes = self.wait(format!("listing the routes through {device}"), routes)?;
        let routes = routes.map_err(|shared| Error::SharedRoute(shared.0.to_string()))?;
        let addresses = address::list_full(&self.handle, link.index, device);
        let addresses = self.wait(format!("listing the addresses of {device}"), addresses)?;
        let address = |(address, prefix, value)| {
            (Key::FullAddress { address, prefix, device: device.clone() }, value)
        };
        let routes = routes.into_iter().map(|(route, value)| (Key::FullRoute(route), value));
        let mtu = (Key::Mtu(device.clone()), link.mtu.to_string());
        Ok(routes.chain(addresses.into_iter().map(address)).chain([mtu]).collect())
    }

    /// The ways by which the machine reaches others, for [`segments_of`](super::segments_of).
    ///
    /// # Errors
    ///
    /// Where the kernel refuses to tell.
    pub fn outbound_routes(&self) -> Result<Vec<(FullRoute, String)>, Error> {
        let names = self.names()?;
        let ways = full_route::outbound_routes(&self.handle, &names);
        self.wait("listing the routes".to_owned(), ways)
    }

    /// The addresses and routes that there are.
    ///
    /// # Errors
    ///
    /// Where the kernel refuses to tell.
    pub fn topology(&self) -> Result<Topology, Error> {
        let names = self.names()?;
        let addresses = address::list(&self.handle, &names);
        let addresses = self.wait("listing the addresses".to_owned(), addresses)?;
        let routes = route::list(&self.handle, &names);
        let routes = self.wait("listing the routes".to_owned(), routes)?;
        Ok(Topology { addresses, routes })
    }

    /// The present value of a key; `None` where there is none.
    ///
    /// # Errors
    ///
    /// Where the kernel refuses to tell.
    pub fn read(&self, key: &Key) -> Result<Option<String>, Error> {
        let what = || format!("reading {key}");
        let present = PRESENT.to_owned();
        match key {
            Key::Sysctl(sysctl) => sysctl.read(),
            Key::Link(name) => Ok(self.link(name)?.map(|link| link.kind)),
            Key::LinkUp(name) => {
                let state = |link: link::Link| if link.up { UP } else { DOWN };
                Ok(self.link(name)?.map(|link| state(link).to_owned()))
            }
            Key::Port(name) => {
                let Some(master) = self.link(name)?.and_then(|link| link.master) else {
                    return Ok(None);
                };
                let found = self.wait(what(), link::name(&self.handle, master))?;
                Ok(found.map(String::from))
            }
            Key::FouPort { port, family } => {
                fou::find(*port, *family).map_err(|error| Error::generic(what(), error))
            }
            Key::Mtu(name) => Ok(self.link(name)?.map(|link| link.mtu.to_string())),
            Key::FullAddress { address, prefix, device } => {
                let Some(link) = self.link(device)? else {
                    return Ok(None);
                };
                let found = address::find_full(&self.handle, link.index, *address, *prefix, device);
                self.wait(what(), found)
            }
            Key::FullRoute(route) => {
                let Some(link) = self.link(&route.device)? else {
                    return Ok(None);
                };
                self.wait(what(), full_route::find(&self.handle, link.index, route))
            }
            Key::Rule { source, table, priority } => {
                let found = rule::find(&self.handle, *source, *table, *priority);
                Ok(self.wait(what(), found)?.map(|_| present))
            }
            Key::DefaultRoute(family) => {
                self.wait(what(), route::find_default(&self.handle, *family))
            }
            Key::Address { address, prefix, device } => {
                let Some(link) = self.link(device)? else {
                    return Ok(None);
                };
                let found = address::find(&self.handle, link.index, *address, *prefix);
                Ok(self.wait(what(), found)?.map(|_| present))
            }
            Key::Route { destination, prefix, device } => {
                let Some(link) = self.link(device)? else {
                    return Ok(None);
                };
                let found = route::find(&self.handle, link.index, *destination, *prefix);
                Ok(self.wait(what(), found)?.map(|_| present))
            }
        }
    }

    /// Makes a change.
    ///
    /// What is to be removed and is gone already is fine.
    ///
    /// # Errors
    ///
    /// Where the kernel refuses, or there is no such interface or sysctl.
    pub fn write(&self, change: &Change<Key, String>) -> Result<(), Error> {
        let what = Key::command(change);
        let to = change.to.as_deref();
        match &change.key {
            Key::Sysctl(sysctl) => sysctl.write(to.unwrap_or_default()),
            Key::Link(name) => match (to, &change.from) {
                (Some(kind), Some(found)) if both_bonds(kind, found) => {
                    self.wait(what, link::change(&self.handle, name, kind))
                }
                (Some(kind), Some(found)) => Err(Error::OtherKind {
                    name: name.to_string(),
                    found: found.clone(),
                    desired: kind.to_owned(),
                }),
                (Some(kind), None) => self.wait(what, link::add(&self.handle, name, kind)),
                (None, _) => {
                    let link = self.existing(name)?;
                    self.wait(what, link::delete(&self.handle, link.index))
                }
            },
            Key::Rule { source, table, priority } => match to {
                Some(_) => self.wait(what, rule::add(&self.handle, *source, *table, *priority)),
                None => self.wait(what, rule::delete(&self.handle, *source, *table, *priority)),
            },
            Key::DefaultRoute(family) => match to {
                Some(to) => self.wait(what, route::set_default(&self.handle, *family, to)),
                None => self.wait(what, route::delete_default(&self.handle, *family)),
            },
            Key::LinkUp(name) => {
                let link = self.existing(name)?;
                self.wait(what, link::set_up(&self.handle, link.index, to == Some(UP)))
            }
            Key::Port(name) => {
                let link = self.existing(name)?;
                if let (Some(found), Some(_)) = (&change.from, to) {
                    let (port, found) = (name.to_string(), found.clone());
                    return Err(Error::OtherMaster { port, found });
                }
                let master = match to.map(str::parse::<InterfaceName>) {
                    Some(Ok(master)) => Some(self.existing(&master)?.index),
                    Some(Err(error)) => {
                        return Err(Error::Garbled { what, reason: error.to_string() });
                    }
                    None => None,
                };
                self.wait(what, link::set_master(&self.handle, &link, master))
            }
            Key::FouPort { port, family } => {
                let done = match to {
                    Some(_) => fou::add(*port, *family),
                    None => fou::delete(*port, *family),
                };
                done.map_err(|error| Error::generic(what, error))
            }
            Key::Mtu(name) => {
                let link = self.existing(name)?;
                match to.unwrap_or_default().parse() {
                    Ok(mtu) => self.wait(what, link::set_mtu(&self.handle, link.index, mtu)),
                    Err(_) => Err(Error::Garbled { what, reason: "not a number".to_owned() }),
                }
            }
            Key::FullAddress { address, prefix, device } => {
                let index = self.existing(device)?.index;
                match to {
                    Some(to) => self.wait(what, address::add_full(&self.handle, index, to)),
                    None => {
                        let gone = address::delete(&self.handle, index, *address, *prefix);
                        self.wait(what, gone)
                    }
                }
            }
            Key::FullRoute(route) => {
                let index = self.existing(&route.device)?.index;
                match to {
                    Some(to) => {
                        let replace = change.from.is_some();
                        self.wait(what, full_route::add(&self.handle, index, to, replace))
                    }
                    None => self.wait(what, full_route::delete(&self.handle, index, route)),
                }
            }
            Key::Address { address, prefix, device } => {
                let link = self.existing(device)?;
                if let Some(to) = to.filter(|to| message::has_message(to)) {
                    self.wait(what, address::add_full(&self.handle, link.index, to))
                } else if to.is_some() {
                    self.wait(what, address::add(&self.handle, link.index, *address, *prefix))
                } else {
                    self.wait(what, address::delete(&self.handle, link.index, *address, *prefix))
                }
            }
            Key::Route { destination, prefix, device } => {
                let link = self.existing(device)?;
                if to.is_some() {
                    self.wait(what, route::add(&self.handle, link.index, *destination, *prefix))
                } else {
                    self.wait(what, route::delete(&self.handle, link.index, *destination, *prefix))
                }
            }
        }
    }

    fn names(&self) -> Result<HashMap<u32, InterfaceName>, Error> {
        self.wait("listing the interfaces".to_owned(), link::names(&self.handle))
    }

    fn link(&self, name: &InterfaceName) -> Result<Option<link::Link>, Error> {
        self.wait(format!("looking for interface {name}"), link::find(&self.handle, name))
    }

    fn existing(&self, name: &InterfaceName) -> Result<link::Link, Error> {
        self.link(name)?.ok_or_else(|| Error::NoInterface(name.to_string()))
    }

    pub(super) fn wait<T>(
        &self,
        what: String,
        answer: impl Future<Output = Result<T, rtnetlink::Error>>,
    ) -> Result<T, Error> {
        let limited = async { tokio::time::timeout(Duration::from_secs(SECONDS), answer).await };
        match self.runtime.block_on(limited) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(rtnetlink::Error::NetlinkError(message))) => {
                Err(Error::Refused { what, errno: -message.raw_code() })
            }
            Ok(Err(other)) => Err(Error::Garbled { what, reason: other.to_string() }),
            Err(_) => Err(Error::TimedOut { what, seconds: SECONDS }),
        }
    }
}

fn both_bonds(one: &str, other: &str) -> bool {
    link_kind::bond_options(one).is_some() && link_kind::bond_options(other).is_some()
}

/// The number of the network namespace that we are in; unlike its inode number, no other gets it
/// until the next boot. `None` before Linux 5.14, which does not tell (`SO_NETNS_COOKIE`,
/// `asm-generic/socket.h`).
#[must_use]
#[allow(unsafe_code)]
pub fn namespace_cookie() -> Option<u64> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    let mut cookie = 0_u64;
    let mut length = libc::socklen_t::try_from(size_of_val(&cookie)).ok()?;
    // SAFETY: the descriptor is open as long as `socket` lives, and the kernel writes at most
    // `length` bytes, which is the size of `cookie`.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NETNS_COOKIE,
            (&raw mut cookie).cast(),
            &raw mut length,
        )
    };
    (result == 0).then_some(cookie)
}

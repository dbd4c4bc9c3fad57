//! Synchronous reads and writes of the machine that we run on.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use rtnetlink::Handle;
use rtnetlink::sys::protocols::NETLINK_ROUTE;
use rtnetlink::sys::{AsyncSocket, Socket};
use tokio::runtime::{Builder, Runtime};

use super::rule::SourceRule;
use super::{
    DOWN, Error, InterfaceName, Key, PRESENT, UP, address, fou, full_route, link, link_kind, route,
    route_mss, rule,
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
    /// Opens a route netlink socket.
    ///
    /// # Errors
    ///
    /// If there is no route netlink.
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

    /// What the kernel changes by itself along with a change, from the actual to the new value.
    ///
    /// # Errors
    ///
    /// If an actual value cannot be read.
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

    /// Whether the interface of a key is gone, so that the previous value cannot be put back.
    ///
    /// # Errors
    ///
    /// If the kernel refuses the dump.
    pub fn is_orphaned(&self, key: &Key) -> Result<bool, Error> {
        match key.device() {
            Some(device) => Ok(self.link(device)?.is_none()),
            None => Ok(false),
        }
    }

    /// What moves from an interface to the bond whose port it becomes: the routes through it and
    /// its addresses, in an order in which they can be removed, and its MTU. Empty where there is
    /// no such interface.
    ///
    /// # Errors
    ///
    /// If the kernel refuses a dump, and if a route has other next hops too.
    pub fn port_configuration(&self, device: &InterfaceName) -> Result<Vec<(Key, String)>, Error> {
        let Some(link) = self.link(device)? else {
            return Ok(Vec::new());
        };
        let routes = full_route::list(&self.handle, link.index, device);
        let routes = self.wait(format!("dumping the routes through {device}"), routes)?;
        let routes = routes.map_err(|shared| Error::SharedRoute(shared.0.to_string()))?;
        let addresses = address::list_full(&self.handle, link.index, device);
        let addresses = self.wait(format!("dumping the addresses of {device}"), addresses)?;
        let address = |(address, prefix, value)| {
            (Key::FullAddress { address, prefix, device: device.clone() }, value)
        };
        let routes = routes.into_iter().map(|(route, value)| (Key::FullRoute(route), value));
        let mtu = (Key::Mtu(device.clone()), link.mtu.to_string());
        Ok(routes.chain(addresses.into_iter().map(address)).chain([mtu]).collect())
    }

    /// Reads the actual value of a key; `None` where there is none.
    ///
    /// # Errors
    ///
    /// If the kernel refuses the dump.
    pub fn read(&self, key: &Key) -> Result<Option<String>, Error> {
        let (handle, what) = (&self.handle, || format!("reading {key}"));
        let present = |found: bool| found.then(|| PRESENT.to_owned());
        match key {
            Key::Sysctl(sysctl) => sysctl.read(),
            Key::Link(name) => self.of_link(name, |link| Ok(Some(link.kind))),
            Key::LinkUp(name) => self.of_link(name, |link| {
                let state = if link.up { UP } else { DOWN };
                Ok(Some(state.to_owned()))
            }),
            Key::Mtu(name) => self.of_link(name, |link| Ok(Some(link.mtu.to_string()))),
            Key::Port(name) => self.of_link(name, |link| match link.master {
                Some(master) => {
                    let name = self.wait(what(), link::name(handle, master))?;
                    Ok(name.map(String::from))
                }
                None => Ok(None),
            }),
            Key::FouPort { port, family } => {
                fou::find(*port, *family).map_err(|error| Error::generic(what(), error))
            }
            &Key::Rule { source, table, priority } => {
                let rule = SourceRule { source, table, priority };
                Ok(present(self.wait(what(), rule::find(handle, &rule))?.is_some()))
            }
            Key::DefaultRoute(family) => self.wait(what(), route::find_default(handle, *family)),
            &Key::DefaultRouteMss { family, metric } => {
                self.wait(what(), route_mss::find(handle, family, metric))
            }
            Key::Address { address, prefix, device } => self.of_link(device, |link| {
                let found = address::find(handle, link.index, *address, *prefix);
                Ok(present(self.wait(what(), found)?.is_some()))
            }),
            Key::FullAddress { address, prefix, device } => self.of_link(device, |link| {
                let found = address::find_full(handle, link.index, *address, *prefix, device);
                self.wait(what(), found)
            }),
            Key::Route { destination, prefix, device } => self.of_link(device, |link| {
                let found = route::find(handle, link.index, *destination, *prefix);
                Ok(present(self.wait(what(), found)?.is_some()))
            }),
            Key::FullRoute(route) => self.of_link(&route.device, |link| {
                self.wait(what(), full_route::find(handle, link.index, route))
            }),
        }
    }

    /// Makes a change. Removing what is gone already succeeds.
    ///
    /// # Errors
    ///
    /// If the kernel refuses, or the interface or sysctl does not exist.
    pub fn write(&self, change: &Change<Key, String>) -> Result<(), Error> {
        let (handle, what) = (&self.handle, Key::command(change));
        let to = change.to.as_deref();
        match &change.key {
            Key::Sysctl(sysctl) => sysctl.write(to.unwrap_or_default()),
            Key::Link(name) => match (to, &change.from) {
                (Some(kind), Some(actual)) if both_bonds(kind, actual) => {
                    self.wait(what, link::change(handle, name, kind))
                }
                (Some(kind), Some(actual)) => Err(Error::OtherKind {
                    name: name.to_string(),
                    actual: actual.clone(),
                    desired: kind.to_owned(),
                }),
                (Some(kind), None) => self.wait(what, link::add(handle, name, kind)),
                (None, _) => self.wait(what, link::delete(handle, self.existing(name)?.index)),
            },
            Key::LinkUp(name) => {
                self.wait(what, link::set_up(handle, self.existing(name)?.index, to == Some(UP)))
            }
            Key::Mtu(name) => match to.unwrap_or_default().parse() {
                Ok(mtu) => self.wait(what, link::set_mtu(handle, self.existing(name)?.index, mtu)),
                Err(_) => Err(Error::Garbled { what, reason: "not a number".to_owned() }),
            },
            Key::Port(name) => {
                let link = self.existing(name)?;
                if let (Some(actual), Some(_)) = (&change.from, to) {
                    let (port, actual) = (name.to_string(), actual.clone());
                    return Err(Error::OtherMaster { port, actual });
                }
                let master = match to.map(str::parse::<InterfaceName>) {
                    Some(Ok(master)) => Some(self.existing(&master)?.index),
                    Some(Err(error)) => {
                        return Err(Error::Garbled { what, reason: error.to_string() });
                    }
                    None => None,
                };
                self.wait(what, link::set_master(handle, &link, master))
            }
            Key::FouPort { port, family } => {
                let done = match to {
                    Some(_) => fou::add(*port, *family),
                    None => fou::delete(*port, *family),
                };
                done.map_err(|error| Error::generic(what, error))
            }
            &Key::Rule { source, table, priority } => {
                let rule = SourceRule { source, table, priority };
                match to {
                    Some(_) => self.wait(what, rule::add(handle, &rule)),
                    None => self.wait(what, rule::delete(handle, &rule)),
                }
            }
            Key::DefaultRoute(family) => match to {
                Some(to) => self.wait(what, route::set_default(handle, *family, to)),
                None => self.wait(what, route::delete_default(handle, *family)),
            },
            &Key::DefaultRouteMss { family, metric } => match to.map(str::parse).transpose() {
                Ok(mss) => self.wait(what, route_mss::set(handle, family, metric, mss)),
                Err(_) => Err(Error::Garbled { what, reason: "not a number".to_owned() }),
            },
            Key::Address { address, prefix, device }
            | Key::FullAddress { address, prefix, device } => {
                let (index, address, prefix) = (self.existing(device)?.index, *address, *prefix);
                match to {
                    Some(PRESENT) => self.wait(what, address::add(handle, index, address, prefix)),
                    Some(to) => self.wait(what, address::add_full(handle, index, to)),
                    None => self.wait(what, address::delete(handle, index, address, prefix)),
                }
            }
            Key::Route { destination, prefix, device } => {
                let index = self.existing(device)?.index;
                let (destination, prefix) = (*destination, *prefix);
                match to {
                    Some(_) => self.wait(what, route::add(handle, index, destination, prefix)),
                    None => self.wait(what, route::delete(handle, index, destination, prefix)),
                }
            }
            Key::FullRoute(route) => {
                let index = self.existing(&route.device)?.index;
                match to {
                    Some(to) => {
                        let replace = change.from.is_some();
                        self.wait(what, full_route::add(handle, index, to, replace))
                    }
                    None => self.wait(what, full_route::delete(handle, index, route)),
                }
            }
        }
    }

    /// Reads something of an interface; `None` where there is no such interface.
    fn of_link(
        &self,
        name: &InterfaceName,
        read: impl FnOnce(link::Link) -> Result<Option<String>, Error>,
    ) -> Result<Option<String>, Error> {
        self.link(name)?.map_or(Ok(None), read)
    }

    fn names(&self) -> Result<HashMap<u32, InterfaceName>, Error> {
        self.wait("dumping the interfaces".to_owned(), link::names(&self.handle))
    }

    fn link(&self, name: &InterfaceName) -> Result<Option<link::Link>, Error> {
        self.wait(format!("reading interface {name}"), link::find(&self.handle, name))
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

/// The cookie of our network namespace (`SO_NETNS_COOKIE`, `asm-generic/socket.h`); unlike its inode
/// number, it is not reused until the next boot. `None` before Linux 5.14.
///
/// The socket is one of those without which nothing can be read here, and is not bound: a machine
/// may have no free port, and a unit may not be allowed to bind one.
#[allow(unsafe_code)]
pub(crate) fn namespace_cookie() -> io::Result<Option<u64>> {
    let socket = Socket::new(NETLINK_ROUTE)?;
    let mut cookie = 0_u64;
    let mut length = libc::socklen_t::try_from(size_of_val(&cookie)).map_err(io::Error::other)?;
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
    match result {
        0 => Ok(Some(cookie)),
        _ => match io::Error::last_os_error() {
            error if error.raw_os_error() == Some(libc::ENOPROTOOPT) => Ok(None),
            error => Err(error),
        },
    }
}

//! Reads and writes of the machine that we run on, one key at a time.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

use rtnetlink::{Handle, LinkUnspec};
use socket2::{Domain, Protocol, Type};

use super::changes::Changes;
use super::request::Request;
use super::state::{Interface, Link, LinkKind, Route, State, describe};
use super::{DOWN, Error, FullRoute, InterfaceName, Key, PRESENT, UP, fou, kept, message};
use crate::engine::Change;
use crate::trace::{self, Traced};
use lvs::ipvs::AddressFamily;
use lvs::netlink::{Connection, Socket};

/// How often a route is tried whose source address is tentative, and the pause between.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(250);

/// This machine, in the network namespace of the process.
///
/// What was read is kept until something is changed, so that a run dumps each kind of object a few
/// times, however many keys it reads.
pub struct Host {
    /// For what is read, and for messages of the kernel that are put back.
    connection: Connection<Traced<Socket>>,
    /// For what is changed; opened with the first change.
    changes: Option<Changes>,
    state: State,
    read: Read,
    /// Interfaces of the journal, with the index that each had.
    recorded: HashMap<InterfaceName, u32>,
}

/// Which lists of the state are current.
#[derive(Clone, Copy, Default)]
struct Read {
    links: bool,
    addresses: bool,
    routes: bool,
    rules: bool,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}

impl Host {
    /// Opens a route netlink socket.
    pub fn new() -> Result<Self, Error> {
        let opened = trace::route_socket(describe).map(Connection::new);
        let connection =
            opened.map_err(|error| Error::generic("opening route netlink".to_owned(), error))?;
        Ok(Self {
            connection,
            changes: None,
            state: State::default(),
            read: Read::default(),
            recorded: HashMap::new(),
        })
    }

    /// Forgets what was read.
    pub fn invalidate(&mut self) {
        self.read = Read::default();
    }

    /// What the kernel changes by itself along with a change, from the actual to the new value.
    pub fn side_effects(
        &mut self,
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
        self.read_links()?;
        let names: Vec<InterfaceName> =
            self.state.links.iter().map(|link| link.name.clone()).collect();
        let mut changes = Vec::new();
        for (sysctl, value) in sysctl.side_effects(value, &names) {
            let from = sysctl.read()?;
            changes.push(Change { key: Key::Sysctl(sysctl), from, to: Some(value) });
        }
        Ok(changes)
    }

    /// Whether the interface of a key is gone, so that the previous value cannot be put back; of a
    /// default route also what it led through.
    pub fn is_orphaned(&mut self, key: &Key, previous: &str) -> Result<bool, Error> {
        self.read_links()?;
        if let Key::DefaultRoute(_) = key {
            return Ok(match kept::default_route_to_put(previous) {
                Some(kept::DefaultRoute::Through { device, .. }) => {
                    self.found(&device.into()).is_none()
                }
                Some(kept::DefaultRoute::Kept(kept)) => {
                    kept.interfaces().any(|interface| self.found(&interface).is_none())
                        || self.lacks_nexthop(&kept)?
                }
                None => false,
            });
        }
        match self.located(key)?.device() {
            Some(device) => Ok(self.state.link(device).is_none()),
            None => Ok(false),
        }
    }

    /// Whether the nexthop object of a route is gone: it goes with its interface.
    fn lacks_nexthop(&mut self, kept: &kept::Kept) -> Result<bool, Error> {
        let Some(object) = kept.nexthop_object() else { return Ok(false) };
        match Request::get_nexthop(object).query(&mut self.connection) {
            Ok(()) => Ok(false),
            Err(error) if error.errno() == Some(libc::ENOENT) => Ok(true),
            Err(error) => Err(Error::generic(format!("reading nexthop {object}"), error)),
        }
    }

    /// The index of the interface of a key.
    pub fn index(&mut self, key: &Key) -> Result<Option<u32>, Error> {
        match key.interface() {
            Some(name) => Ok(self.link(&name)?.map(|link| link.index)),
            None => Ok(None),
        }
    }

    /// Notes the index that the interface of a journalled key had: it may have another name now.
    pub fn remember(&mut self, key: &Key, index: u32) {
        if let Some(name) = key.interface() {
            self.recorded.insert(name, index);
        }
    }

    /// The interface that was recorded, by its name or, if that is gone, by its index.
    fn found(&self, recorded: &Interface) -> Option<&Link> {
        let index = self.recorded.get(&recorded.name).copied().unwrap_or(recorded.index);
        self.state.find_link(&Interface { index, name: recorded.name.clone() })
    }

    /// The key with the name that its interface has now.
    fn located<'a>(&mut self, key: &'a Key) -> Result<Cow<'a, Key>, Error> {
        let Some(name) = key.interface().filter(|name| self.recorded.contains_key(name)) else {
            return Ok(Cow::Borrowed(key));
        };
        self.read_links()?;
        Ok(match self.found(&name.clone().into()) {
            Some(link) if link.name != name => Cow::Owned(key.on(&link.name)),
            _ => Cow::Borrowed(key),
        })
    }

    /// The value of a [`Key::DefaultRoute`] with the interfaces that lead where the recorded ones led:
    /// they may have other names or indexes, or be ports of a bond, which has their addresses.
    pub fn relocated_default_route(&mut self, value: &str) -> Result<String, Error> {
        self.read_links()?;
        let now = |recorded: &Interface| {
            let link = self.found(recorded)?;
            let bond = link.master.as_ref().and_then(|master| self.state.link(&master.name));
            let bond = bond.filter(|master| matches!(master.kind, LinkKind::Bond(_)));
            let link = bond.unwrap_or(link);
            Some(Interface { index: link.index, name: link.name.clone() })
        };
        Ok(kept::relocated(value, now).unwrap_or_else(|| value.to_owned()))
    }

    /// What moves from an interface to the bond whose port it becomes: the routes through it and
    /// its addresses, in an order in which they can be removed, and its MTU. Empty where there is
    /// no such interface.
    pub fn port_configuration(
        &mut self,
        device: &InterfaceName,
    ) -> Result<Vec<(Key, String)>, Error> {
        let Some(mtu) = self.link(device)?.map(|link| link.mtu) else {
            return Ok(Vec::new());
        };
        self.read_routes()?;
        self.read_addresses()?;
        let shared = |route: &&Route| route.leads_through(device) && FullRoute::of(route).is_none();
        let mut own = self.state.routes.iter().filter(|route| !route.is_made_by_kernel());
        if let Some(shared) = own.find(shared) {
            return Err(Error::SharedRoute(shared.to_string()));
        }
        // The route to the gateway must exist before one through it.
        let mut routes: Vec<(FullRoute, &Route)> =
            self.state.full_routes().filter(|(route, _)| route.device == *device).collect();
        routes.sort_by_key(|(_, route)| route.gateway().is_none());
        let routes = routes
            .into_iter()
            .filter_map(|(identity, route)| Some((Key::FullRoute(identity), kept::route(route)?)));
        // In an order in which they can be removed: added again in the reverse order, they have the
        // same order as before. IPv4 lists the newest last, and removes the secondary addresses of
        // a subnet with the primary one; IPv6 lists the newest first.
        let own =
            self.state.addresses.iter().filter(|address| {
                address.interface.name == *device && !address.is_made_by_kernel()
            });
        let (mut ipv4, ipv6): (Vec<_>, Vec<_>) = own.partition(|it| it.address.is_ipv4());
        ipv4.reverse();
        let addresses = ipv4.into_iter().chain(ipv6).filter_map(|it| {
            let (address, prefix, device) = (it.address, it.prefix, device.clone());
            Some((Key::FullAddress { address, prefix, device }, kept::address(it)?))
        });
        let mtu = (Key::Mtu(device.clone()), mtu.to_string());
        Ok(routes.chain(addresses).chain([mtu]).collect())
    }

    /// Reads the actual value of a key; `None` where there is none.
    pub fn read(&mut self, key: &Key) -> Result<Option<String>, Error> {
        let key = &*self.located(key)?;
        match key {
            Key::Sysctl(sysctl) => return sysctl.read(),
            Key::FouPort { port, family } => {
                let found = fou::find(*port, *family);
                return found.map_err(|error| Error::generic(format!("reading {key}"), error));
            }
            Key::Link(_) | Key::LinkUp(_) | Key::Port(_) | Key::Mtu(_) => self.read_links()?,
            Key::Address { .. } | Key::FullAddress { .. } => self.read_addresses()?,
            Key::DefaultRoute(family) => {
                self.read_routes()?;
                return Ok(self.state.default_route(*family).map(kept::default_route));
            }
            Key::Route { .. } | Key::FullRoute(_) | Key::DefaultRouteMss { .. } => {
                self.read_routes()?;
            }
            Key::Rule { .. } => self.read_rules()?,
        }
        Ok(self.state.value(key).flatten())
    }

    /// Makes a change. Removing what is gone already succeeds.
    pub fn write(&mut self, change: &Change<Key, String>) -> Result<(), Error> {
        let key = self.located(&change.key)?.into_owned();
        let done = self.make(&Change { key, ..change.clone() });
        // Also after an error: the change may have had an effect.
        match &change.key {
            Key::Sysctl(_) | Key::FouPort { .. } => {}
            Key::Rule { .. } => self.read.rules = false,
            Key::Route { .. }
            | Key::FullRoute(_)
            | Key::DefaultRoute(_)
            | Key::DefaultRouteMss { .. } => self.read.routes = false,
            Key::Address { .. } | Key::FullAddress { .. } => {
                (self.read.addresses, self.read.routes) = (false, false);
            }
            Key::Link(_) | Key::LinkUp(_) | Key::Port(_) | Key::Mtu(_) => self.invalidate(),
        }
        done
    }

    fn make(&mut self, change: &Change<Key, String>) -> Result<(), Error> {
        let (what, to) = (Key::command(change), change.to.as_deref());
        match &change.key {
            Key::Sysctl(sysctl) => sysctl.write(to.unwrap_or_default()),
            Key::FouPort { port, family } => {
                let done = match to {
                    Some(_) => fou::add(*port, *family),
                    None => fou::delete(*port, *family),
                };
                done.map_err(|error| Error::generic(what, error))
            }
            Key::Link(name) => self.make_link(what, name, change),
            Key::LinkUp(name) => {
                let index = self.existing(name)?.index;
                self.set_up(what, index, to == Some(UP))
            }
            Key::Mtu(name) => {
                let mtu = number(&what, to)?;
                let link = LinkUnspec::new_with_index(self.existing(name)?.index);
                let link = link.mtu(mtu.unwrap_or_default()).build();
                self.change(what, |handle| handle.link().set(link).execute())
            }
            Key::Port(name) => self.make_port(what, name, change),
            &Key::Rule { source, table, priority } => match to {
                Some(_) => self.change(what, |handle| {
                    let mut request = handle.rule().add();
                    *request.message_mut() = message::new_rule(source, table, priority);
                    request.execute()
                }),
                None => {
                    let rule = message::rule(source, table, priority);
                    let done = self.change(what, |handle| handle.rule().del(rule).execute());
                    unless_gone(done, libc::ENOENT)
                }
            },
            Key::Address { address, prefix, device }
            | Key::FullAddress { address, prefix, device } => {
                self.make_address(what, (*address, *prefix), device, to)
            }
            Key::Route { destination, prefix, device } => {
                let index = self.existing(device)?.index;
                match to {
                    Some(_) => {
                        let route = message::new_route(index, *destination, *prefix);
                        self.change(what, |handle| handle.route().add(route).execute())
                    }
                    None => {
                        self.delete_route(what, |state| state.route(*destination, *prefix, device))
                    }
                }
            }
            Key::FullRoute(route) => match to {
                Some(to) => self.make_full_route(what, route, to, change.from.is_some()),
                None => {
                    self.existing(&route.device)?;
                    self.delete_route(what, |state| {
                        let mut own = state.full_routes();
                        own.find(|(it, _)| it == route).map(|(_, route)| route)
                    })
                }
            },
            Key::DefaultRoute(family) => match to {
                Some(to) => self.make_default_route(what, *family, to),
                None => self.delete_route(what, |state| state.default_route(*family)),
            },
            &Key::DefaultRouteMss { family, metric } => {
                let mss = number(&what, to)?;
                self.read_routes()?;
                match self.state.default_route_with_mss(family, metric) {
                    Some(route) => {
                        let message = kept::with_mss(route, mss);
                        self.execute(what, &Request::put_route(message, true))
                    }
                    // Without such a route there is nothing to do.
                    None => Ok(()),
                }
            }
        }
    }

    fn make_link(
        &mut self,
        what: String,
        name: &InterfaceName,
        change: &Change<Key, String>,
    ) -> Result<(), Error> {
        let kind = |words: &String| LinkKind::from(words.clone());
        match (change.to.as_ref().map(kind), change.from.as_ref().map(kind)) {
            (Some(desired @ LinkKind::Bond(_)), Some(LinkKind::Bond(_))) => {
                self.change_link(what, name, &desired)
            }
            (Some(desired), Some(actual)) => Err(Error::OtherKind {
                name: name.to_string(),
                actual: actual.to_string(),
                desired: desired.to_string(),
            }),
            (Some(desired), None) => {
                let link = message::link(name, &desired);
                let added = self.change(what.clone(), |handle| handle.link().add(link).execute());
                // If the kernel loads the module `ipip` for this request, the module makes `tunl0` by
                // itself (as `ip6_tunnel` makes `ip6tnl0`): the interface exists, as desired. So
                // does `bonding` with `bond0`, whose options are set then.
                match (added, &desired) {
                    (Err(Error::Refused { errno: libc::EEXIST, .. }), LinkKind::Bond(_)) => {
                        self.change_link(what, name, &desired)
                    }
                    (Err(Error::Refused { errno: libc::EEXIST, .. }), _) => Ok(()),
                    (added, _) => added,
                }
            }
            (None, _) => {
                // The kernel accepts this for `tunl0`, and keeps it as long as `ipip` is loaded.
                let index = self.existing(name)?.index;
                self.change(what, |handle| handle.link().del(index).execute())
            }
        }
    }

    /// Sets the options of a link.
    fn change_link(
        &mut self,
        what: String,
        name: &InterfaceName,
        kind: &LinkKind,
    ) -> Result<(), Error> {
        let link = message::link(name, kind);
        self.change(what, |handle| handle.link().change(link).execute())
    }

    fn set_up(&mut self, what: String, index: u32, up: bool) -> Result<(), Error> {
        let link = LinkUnspec::new_with_index(index);
        let link = if up { link.up() } else { link.down() }.build();
        self.change(what, |handle| handle.link().set(link).execute())
    }

    /// Makes an interface a port of another, or of none. It must be down to become a port of a bond,
    /// which brings it up; a bond that releases it leaves it down.
    fn make_port(
        &mut self,
        what: String,
        name: &InterfaceName,
        change: &Change<Key, String>,
    ) -> Result<(), Error> {
        let Link { index, up, .. } = *self.existing(name)?;
        let master = match (&change.from, &change.to) {
            (Some(actual), Some(_)) => {
                let (port, actual) = (name.to_string(), actual.clone());
                return Err(Error::OtherMaster { port, actual });
            }
            (None, Some(master)) => {
                let master = master.parse::<InterfaceName>();
                let garbled = |error: super::InvalidInterfaceName| Error::Garbled {
                    what: what.clone(),
                    reason: error.to_string(),
                };
                self.existing(&master.map_err(garbled)?)?.index
            }
            (_, None) => 0,
        };
        if up && master != 0 {
            self.set_up(what.clone(), index, false)?;
        }
        let link = LinkUnspec::new_with_index(index).controller(master).build();
        self.change(what, |handle| handle.link().set(link).execute())
    }

    fn make_address(
        &mut self,
        what: String,
        (address, prefix): (IpAddr, u8),
        device: &InterfaceName,
        to: Option<&str>,
    ) -> Result<(), Error> {
        let index = self.existing(device)?.index;
        match to {
            Some(PRESENT) => self.change(what, |handle| {
                let mut request = handle.address().add(index, address, prefix);
                *request.message_mut() = message::new_address(index, address, prefix);
                request.execute()
            }),
            Some(to) => match kept::address_to_add(to, index) {
                Some(message) => self.execute(what, &Request::put_address(message)),
                // Its lifetime has ended.
                None if kept::has_message(to) => Ok(()),
                None => Err(unreadable(what, to)),
            },
            None => {
                self.read_addresses()?;
                let Some(found) = self.state.address(address, prefix, device) else {
                    return Ok(());
                };
                let found = message::address(found);
                let done = self.change(what, |handle| handle.address().del(found).execute());
                unless_gone(done, libc::EADDRNOTAVAIL)
            }
        }
    }

    /// An IPv6 address cannot be the source during duplicate address detection (`ipv6_chk_addr`, RFC
    /// 4862), which takes a second or two.
    fn make_full_route(
        &mut self,
        what: String,
        route: &FullRoute,
        to: &str,
        replace: bool,
    ) -> Result<(), Error> {
        let index = self.existing(&route.device)?.index;
        let Some((message, has_source)) = kept::route_to_add(to, index) else {
            return Err(unreadable(what, to));
        };
        let may_be_tentative = has_source && route.destination.is_ipv6();
        let mut attempts = if may_be_tentative { ATTEMPTS } else { 1 };
        let request = Request::put_route(message, replace);
        loop {
            attempts -= 1;
            match self.execute(what.clone(), &request) {
                Err(Error::Refused { errno: libc::EINVAL, .. }) if attempts > 0 => {
                    thread::sleep(PAUSE);
                }
                result => return result,
            }
        }
    }

    /// Replaces the default route in one request, so that there always is one.
    fn make_default_route(
        &mut self,
        what: String,
        family: AddressFamily,
        to: &str,
    ) -> Result<(), Error> {
        self.read_links()?;
        let index = |interface: &Interface| {
            let found = self.found(interface);
            found.map(|link| link.index).ok_or_else(|| Error::NoInterface(interface.to_string()))
        };
        match kept::default_route_to_put(to) {
            Some(kept::DefaultRoute::Through { gateway, device }) => {
                let (index, metric) = (index(&device.into())?, kept::default_metric(family));
                let route = message::new_default_route(index, gateway, metric);
                self.change(what, |handle| handle.route().add(route).replace().execute())
            }
            Some(kept::DefaultRoute::Kept(kept)) => {
                let request = Request::put_route(kept.with_indexes(index)?, true);
                self.execute(what, &request)
            }
            None => Err(unreadable(what, to)),
        }
    }

    /// Deletes the route that `find` finds, unless it is gone already.
    fn delete_route(
        &mut self,
        what: String,
        find: impl FnOnce(&State) -> Option<&Route>,
    ) -> Result<(), Error> {
        self.read_routes()?;
        let Some(found) = find(&self.state) else { return Ok(()) };
        let done = match message::route(found) {
            Some(route) => self.change(what, |handle| handle.route().del(route).execute()),
            // rtnetlink does not know all attributes of a route.
            None => {
                let request = Request::delete_route(kept::request(found));
                self.execute(what, &request)
            }
        };
        unless_gone(done, libc::ESRCH)
    }

    /// Makes a change that rtnetlink has the words for.
    fn change<F>(&mut self, what: String, change: impl FnOnce(&Handle) -> F) -> Result<(), Error>
    where
        F: Future<Output = Result<(), rtnetlink::Error>>,
    {
        let changes = match &mut self.changes {
            Some(changes) => changes,
            closed => closed.insert(Changes::open()?),
        };
        changes.make(what, change)
    }

    /// Sends a message of the kernel as it is.
    fn execute(&mut self, what: String, request: &Request) -> Result<(), Error> {
        request.execute(&mut self.connection).map_err(|error| Error::generic(what, error))
    }

    fn read_links(&mut self) -> Result<(), Error> {
        if !self.read.links {
            self.state.read_links(&mut self.connection)?;
            self.read.links = true;
        }
        Ok(())
    }

    fn read_addresses(&mut self) -> Result<(), Error> {
        self.read_links()?;
        if !self.read.addresses {
            self.state.read_addresses(&mut self.connection)?;
            self.read.addresses = true;
        }
        Ok(())
    }

    fn read_routes(&mut self) -> Result<(), Error> {
        self.read_links()?;
        if !self.read.routes {
            self.state.read_routes(&mut self.connection)?;
            self.read.routes = true;
        }
        Ok(())
    }

    fn read_rules(&mut self) -> Result<(), Error> {
        if !self.read.rules {
            self.state.read_rules(&mut self.connection)?;
            self.read.rules = true;
        }
        Ok(())
    }

    fn link(&mut self, name: &InterfaceName) -> Result<Option<&Link>, Error> {
        self.read_links()?;
        Ok(self.state.link(name))
    }

    fn existing(&mut self, name: &InterfaceName) -> Result<&Link, Error> {
        self.link(name)?.ok_or_else(|| Error::NoInterface(name.to_string()))
    }
}

/// What was done; `gone` is the error number for an object that is gone already.
fn unless_gone(done: Result<(), Error>, gone: i32) -> Result<(), Error> {
    match done {
        Err(Error::Refused { errno, .. }) if errno == gone => Ok(()),
        done => done,
    }
}

/// The number that a value is.
fn number(what: &str, value: Option<&str>) -> Result<Option<u32>, Error> {
    let garbled = |_| Error::Garbled { what: what.to_owned(), reason: "not a number".to_owned() };
    value.map(str::parse).transpose().map_err(garbled)
}

fn unreadable(what: String, value: &str) -> Error {
    Error::Garbled { what, reason: format!("{value:?} is not a value of the journal") }
}

/// The cookie of our network namespace (`SO_NETNS_COOKIE`, `asm-generic/socket.h`); unlike its inode
/// number, it is not reused until the next boot. `None` before Linux 5.14.
///
/// The socket is one of those without which nothing can be read here, and is not bound: a machine
/// may have no free port, and a unit may not be allowed to bind one.
#[allow(unsafe_code)]
pub(crate) fn namespace_cookie() -> io::Result<Option<u64>> {
    let (domain, protocol) = (Domain::from(libc::AF_NETLINK), Protocol::from(libc::NETLINK_ROUTE));
    let socket = socket2::Socket::new(domain, Type::RAW, Some(protocol))?;
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

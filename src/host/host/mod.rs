//! Synchronous reads and writes of the machine that we run on.

mod read;
mod write;

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use rtnetlink::Handle;
use rtnetlink::sys::AsyncSocket;
use tokio::runtime::{Builder, Runtime};

use super::{
    DOWN, Error, FullRoute, InterfaceName, Key, Topology, UP, address, full_address, full_route,
    link, route,
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
        let addresses = full_address::list(&self.handle, link.index, device);
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

//! Synchronous reads and writes of the machine that we run on.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use rtnetlink::Handle;
use tokio::runtime::{Builder, Runtime};

use super::{
    DOWN, Error, InterfaceName, Key, PRESENT, Surroundings, UP, address, default_route, link, route,
};
use crate::plan::Change;

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
        // With strict checking the kernel filters what is listed. Kernels before 4.20 do not know
        // it; whoever lists something filters it in any case.
        let (connection, handle, _) = rtnetlink::new_connection_with_strict_check()
            .or_else(|_| rtnetlink::new_connection())
            .map_err(Error::Start)?;
        drop(entered);
        runtime.spawn(connection);
        Ok(Self { runtime, handle })
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
            Key::DefaultRoute(family) => {
                self.wait(what(), default_route::find(&self.handle, *family))
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
                (Some(kind), Some(found)) => Err(Error::OtherKind {
                    name: name.to_string(),
                    found: found.clone(),
                    wanted: kind.to_owned(),
                }),
                (Some(kind), None) => self.wait(what, link::add(&self.handle, name, kind)),
                (None, _) => {
                    let link = self.existing(name)?;
                    self.wait(what, link::delete(&self.handle, link.index))
                }
            },
            Key::DefaultRoute(family) => match to {
                Some(to) => self.wait(what, default_route::set(&self.handle, *family, to)),
                None => self.wait(what, default_route::delete(&self.handle, *family)),
            },
            Key::LinkUp(name) => {
                let link = self.existing(name)?;
                self.wait(what, link::set_up(&self.handle, link.index, to == Some(UP)))
            }
            Key::Address { address, prefix, device } => {
                let link = self.existing(device)?;
                if to.is_some() {
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

    /// What the kernel changes by itself along with a change, each as it is and as it will be.
    ///
    /// # Errors
    ///
    /// Where the kernel refuses to tell.
    pub fn consequences(
        &self,
        change: &Change<Key, String>,
    ) -> Result<Vec<Change<Key, String>>, Error> {
        let (Key::Sysctl(sysctl), Some(value)) = (&change.key, &change.to) else {
            return Ok(Vec::new());
        };
        if sysctl.consequences(value, &[]).is_empty() {
            return Ok(Vec::new());
        }
        let names = self.names()?.into_values().collect::<Vec<_>>();
        let mut changes = Vec::new();
        for (sysctl, value) in sysctl.consequences(value, &names) {
            let from = sysctl.read()?;
            changes.push(Change { key: Key::Sysctl(sysctl), from, to: Some(value) });
        }
        Ok(changes)
    }

    /// The addresses and routes that there are.
    ///
    /// # Errors
    ///
    /// Where the kernel refuses to tell.
    pub fn surroundings(&self) -> Result<Surroundings, Error> {
        let names = self.names()?;
        let addresses = address::list(&self.handle, &names);
        let addresses = self.wait("listing the addresses".to_owned(), addresses)?;
        let routes = route::list(&self.handle, &names);
        let routes = self.wait("listing the routes".to_owned(), routes)?;
        Ok(Surroundings { addresses, routes })
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

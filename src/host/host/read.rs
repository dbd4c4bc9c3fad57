//! What each key is now.

use super::Host;
use crate::host::{
    DOWN, Error, Key, PRESENT, UP, address, default_route, fou, full_address, full_route, link,
    route, rule,
};

impl Host {
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
                let found = full_address::find(&self.handle, link.index, *address, *prefix, device);
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
}

//! How each key is given its value.

use super::Host;
use crate::engine::Change;
use crate::host::{
    Error, InterfaceName, Key, UP, address, bond_mode, default_route, fou, full_address,
    full_route, link, message, route, rule,
};

impl Host {
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
                Some(to) => self.wait(what, default_route::set(&self.handle, *family, to)),
                None => self.wait(what, default_route::delete(&self.handle, *family)),
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
                    Some(to) => self.wait(what, full_address::add(&self.handle, index, to)),
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
                    self.wait(what, full_address::add(&self.handle, link.index, to))
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
}

fn both_bonds(one: &str, other: &str) -> bool {
    bond_mode::options(one).is_some() && bond_mode::options(other).is_some()
}

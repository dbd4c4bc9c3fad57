//! Addresses and their state.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use rtnetlink::Handle;
use rtnetlink::packet_route::address::{AddressHeaderFlags, AddressScope};
use serde::{Deserialize, Serialize};

use crate::host::{AssignedAddress, InterfaceName, address};

/// An address, with what the kernel says of its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressState {
    /// The address, its prefix and its interface.
    #[serde(flatten)]
    pub assigned: AssignedAddress,
    /// Duplicate address detection found it on another machine, so it is not used.
    pub duplicate: bool,
    /// It is of scope host.
    pub host_scope: bool,
}

pub(super) async fn list(
    handle: &Handle,
    names: &HashMap<u32, InterfaceName>,
) -> Result<Vec<AddressState>, rtnetlink::Error> {
    let mut messages = handle.address().get().execute();
    let mut addresses = Vec::new();
    while let Some(message) = messages.try_next().await? {
        let device = names.get(&message.header.index);
        if let (Some(address), Some(device)) = (address::address_of(&message), device) {
            let (prefix, device) = (message.header.prefix_len, device.clone());
            addresses.push(AddressState {
                assigned: AssignedAddress { address, prefix, device },
                duplicate: message.header.flags.contains(AddressHeaderFlags::Dadfailed),
                host_scope: message.header.scope == AddressScope::Host,
            });
        }
    }
    Ok(addresses)
}

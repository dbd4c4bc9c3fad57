//! Interfaces and their state.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use rtnetlink::Handle;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use serde::{Deserialize, Serialize};

use crate::host::InterfaceName;
use crate::host::link::{self, Link};

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkState {
    /// Its name.
    pub name: InterfaceName,
    /// Its number.
    pub index: u32,
    /// Its address on the wire, such as `02:00:00:00:00:01`, where it has one.
    pub hardware: Option<String>,
    /// As `ip -d link` calls it, with the options of a bond or of a tunnel's end; `device` for
    /// hardware.
    pub kind: String,
    /// Somebody switched it on.
    pub up: bool,
    /// It has a carrier.
    pub carrier: bool,
    /// It has a link layer on which neighbours are asked for (not `NOARP`, and no loopback).
    pub arp: bool,
    /// The bridge or the bond whose port it is, or the VRF that it belongs to.
    pub master: Option<InterfaceName>,
    /// How long its packets can be, in bytes.
    pub mtu: u32,
    /// Packets that it received and threw away.
    pub receive_dropped: u64,
    /// Packets that it could not send.
    pub transmit_dropped: u64,
}

/// All of them, by the kernel's numbers.
pub(super) async fn list(handle: &Handle) -> Result<Vec<(u32, LinkState)>, rtnetlink::Error> {
    let mut messages = handle.link().get().execute();
    let (mut links, mut masters) = (Vec::new(), Vec::new());
    while let Some(message) = messages.try_next().await? {
        if let Some((index, name)) = link::named(&message) {
            let link = link::of(&message);
            masters.push(link.master);
            links.push((index, state(&message, name, link)));
        }
    }
    let names: HashMap<u32, InterfaceName> =
        links.iter().map(|(index, link)| (*index, link.name.clone())).collect();
    for ((_, link), master) in links.iter_mut().zip(masters) {
        link.master = master.and_then(|master| names.get(&master).cloned());
    }
    Ok(links)
}

fn state(message: &LinkMessage, name: InterfaceName, link: Link) -> LinkState {
    let flags = message.header.flags;
    let mut state = LinkState {
        name,
        index: link.index,
        hardware: None,
        kind: link.kind,
        up: link.up,
        carrier: flags.contains(LinkFlags::LowerUp),
        arp: !flags.intersects(LinkFlags::Noarp | LinkFlags::Loopback),
        master: None,
        mtu: link.mtu,
        receive_dropped: 0,
        transmit_dropped: 0,
    };
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::Address(bytes) => {
                let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                state.hardware = Some(bytes.join(":"));
            }
            LinkAttribute::Stats64(stats) => {
                state.receive_dropped = stats.rx_dropped;
                state.transmit_dropped = stats.tx_dropped;
            }
            _ => {}
        }
    }
    state
}

//! What is said of the directors and of the real servers as machines.

use std::net::IpAddr;

use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::duration::Seconds;
use super::{Unicast, text};
use crate::host::{Bond, BondMode, InterfaceName, InvalidInterfaceName};
use lvs::ipvs::{Daemon, DaemonState, Timeouts};

/// `[director]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(in crate::config) struct Director {
    pub(in crate::config) vip_device: Option<InterfaceName>,
    pub(in crate::config) assign_vips: bool,
    pub(in crate::config) timeouts: Option<TimeoutsTable>,
    pub(in crate::config) sync: Vec<Spanned<Sync>>,
    pub(in crate::config) bond: Vec<Spanned<BondTable>>,
}

impl Default for Director {
    fn default() -> Self {
        Self {
            vip_device: None,
            assign_vips: true,
            timeouts: None,
            sync: Vec::new(),
            bond: Vec::new(),
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::config) struct TimeoutsTable {
    tcp: Option<Seconds>,
    tcp_fin: Option<Seconds>,
    udp: Option<Seconds>,
}

impl TimeoutsTable {
    pub(in crate::config) fn timeouts(&self) -> Timeouts {
        let seconds = |time: Option<Seconds>| time.map_or(0, |time| time.0);
        let Self { tcp, tcp_fin, udp } = self;
        Timeouts { tcp: seconds(*tcp), tcp_fin: seconds(*tcp_fin), udp: seconds(*udp) }
    }
}

/// `[[director.sync]]`: a connection synchronization daemon.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::config) struct Sync {
    pub(in crate::config) state: DaemonState,
    interface: InterfaceName,
    #[serde(default)]
    id: u8,
    maximum_length: Option<u16>,
    group: Option<Group>,
    port: Option<u16>,
    ttl: Option<u8>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "IpAddr")]
struct Group(IpAddr);

impl TryFrom<IpAddr> for Group {
    type Error = String;

    fn try_from(group: IpAddr) -> Result<Self, String> {
        if group.is_multicast() {
            Ok(Self(group))
        } else {
            Err(format!("{group} is not a multicast group, such as 224.0.0.81"))
        }
    }
}

impl Sync {
    pub(in crate::config) fn daemon(&self) -> Daemon {
        Daemon {
            state: self.state,
            interface: self.interface.to_string(),
            sync_id: self.id.into(),
            maximum_length: self.maximum_length,
            group: self.group.map(|group| group.0),
            port: self.port,
            time_to_live: self.ttl,
        }
    }

    /// What the kernel takes for "not said".
    pub(in crate::config) fn zero(&self) -> Option<&'static str> {
        let is = |number: Option<u16>| number == Some(0);
        match self {
            sync if is(sync.port) => Some("port"),
            sync if is(sync.maximum_length) => Some("maximum-length"),
            sync if sync.ttl == Some(0) => Some("ttl"),
            _ => None,
        }
    }
}

/// `[[director.bond]]`: several ports, one lane.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::config) struct BondTable {
    name: Spanned<InterfaceName>,
    mode: BondMode,
    ports: Vec<Spanned<Port>>,
}

#[derive(Clone, Debug)]
struct Port(InterfaceName);

impl TryFrom<String> for Port {
    type Error = InvalidInterfaceName;

    fn try_from(name: String) -> Result<Self, InvalidInterfaceName> {
        name.try_into().map(Self)
    }
}

impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer)
    }
}

impl BondTable {
    pub(in crate::config) fn bond(&self) -> Bond {
        let ports = self.ports.iter().map(|port| port.get_ref().0.clone()).collect();
        Bond { name: self.name.get_ref().clone(), mode: self.mode, ports }
    }

    /// Every interface that it names, and where: itself first.
    pub(in crate::config) fn interfaces(&self) -> impl Iterator<Item = Spanned<&InterfaceName>> {
        let ports = self.ports.iter().map(|port| Spanned::new(port.span(), &port.get_ref().0));
        [Spanned::new(self.name.span(), self.name.get_ref())].into_iter().chain(ports)
    }
}

/// `[real-server]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(in crate::config) struct RealServerSettings {
    /// The interface that faces the director.
    pub(in crate::config) device: Option<InterfaceName>,
    /// Where answers go in NAT, one of each family; the first director of the family otherwise.
    pub(in crate::config) gateways: Vec<Spanned<Unicast>>,
}

//! The tables of the file: keys, defaults, and values that are checked as they are read.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::forms::{Parameters, ShortOrTable, deserialize_by};
use super::value::{
    Endpoint, Flag, Listen, Mask, Name, PersistenceEngine, Scheduler, Seconds, Text, Unicast,
};
use crate::host::{BondMode, InterfaceName, InvalidInterfaceName};
use crate::policy::{Bond, Mode};
use lvs::ipvs::{
    self, Checksum, Daemon, DaemonState, Destination, Netmask, Service, ServiceFlags,
    ServiceIdentity, Timeouts, Tunnel,
};
use lvs::table;

/// The kernel keeps weights and thresholds as signed numbers (`ip_vs_dest`).
pub(crate) const LARGEST_WEIGHT: u32 = i32::MAX as u32;

/// What `ipvsadm -p` sets without a time, in seconds.
const DEFAULT_PERSISTENCE: Seconds = Seconds(360);

/// A cluster as its file describes it, checked as a whole.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct ClusterSpec {
    #[serde(default)]
    pub(super) name: Name,
    /// For people; nothing depends on it.
    pub(super) comment: Option<Text>,
    pub(super) mode: Option<Mode>,
    /// How long `apply` waits for the connections of a real server that goes.
    drain: Option<Seconds>,
    #[serde(default)]
    pub(super) directors: Vec<Spanned<Unicast>>,
    #[serde(default)]
    pub(super) director: Director,
    #[serde(default)]
    pub(super) real_server: RealServerSettings,
    #[serde(default, rename = "service")]
    pub(super) services: Vec<ServiceTable>,
}

impl ClusterSpec {
    /// The name that keeps the journal entries of several files on one machine apart.
    pub(crate) fn name(&self) -> &str {
        &self.name.0
    }

    pub(crate) fn comment(&self) -> Option<&str> {
        self.comment.as_ref().map(|text| text.0.as_str())
    }

    /// The names and comments of services and destinations.
    pub(crate) fn labels(&self) -> HashMap<table::Key, Label> {
        let mut labels = HashMap::new();
        for service in &self.services {
            let identity = service.listen.get_ref().0;
            let label = Label::new(service.name.clone(), service.comment.clone());
            labels.insert(table::Key::Service(identity), label);
            for real in service.real.iter().map(Spanned::get_ref) {
                let (address, port) = (real.address, service.port(real));
                let key = table::Key::Destination { service: identity, address, port };
                labels.insert(key, real.label.clone());
            }
        }
        labels.retain(|_, label| *label != Label::default());
        labels
    }

    /// The addresses of all real servers, each once.
    pub(crate) fn real_servers(&self) -> BTreeSet<IpAddr> {
        let reals = self.services.iter().flat_map(|service| &service.real);
        reals.map(|real| real.get_ref().address).collect()
    }

    /// How long `apply` waits for the connections of a real server that goes.
    pub(crate) fn drain(&self) -> Option<Duration> {
        self.drain.map(|time| Duration::from_secs(time.0.into()))
    }

    /// The mode in which a service reaches a real server.
    pub(super) fn mode(&self, service: &ServiceTable, real: &Real) -> Option<Mode> {
        real.mode.or(service.mode).or(self.mode)
    }
}

/// `[director]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct Director {
    pub(super) vip_device: Option<InterfaceName>,
    pub(super) assign_vips: bool,
    pub(super) timeouts: Option<TimeoutsTable>,
    /// Kernel parameters of IPVS.
    pub(super) parameters: Parameters,
    pub(super) sync: Vec<Spanned<Sync>>,
    pub(super) bond: Vec<Spanned<BondTable>>,
}

impl Default for Director {
    fn default() -> Self {
        Self {
            vip_device: None,
            assign_vips: true,
            timeouts: None,
            parameters: Parameters::default(),
            sync: Vec::new(),
            bond: Vec::new(),
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct TimeoutsTable {
    tcp: Option<Seconds>,
    tcp_fin: Option<Seconds>,
    udp: Option<Seconds>,
}

impl TimeoutsTable {
    pub(super) fn timeouts(&self) -> Timeouts {
        let seconds = |time: Option<Seconds>| time.map_or(0, |time| time.0);
        let Self { tcp, tcp_fin, udp } = self;
        Timeouts::new(seconds(*tcp), seconds(*tcp_fin), seconds(*udp))
    }
}

/// `[[director.sync]]`: a connection synchronization daemon.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Sync {
    pub(super) state: DaemonState,
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
        match group.is_multicast() {
            true => Ok(Self(group)),
            false => Err(format!("{group} is not a multicast group, such as 224.0.0.81")),
        }
    }
}

impl Sync {
    pub(super) fn daemon(&self) -> Daemon {
        let mut daemon = Daemon::new(self.state, self.interface.to_string(), self.id.into());
        daemon.maximum_length = self.maximum_length;
        daemon.group = self.group.map(|group| group.0);
        daemon.port = self.port;
        daemon.time_to_live = self.ttl;
        daemon
    }

    /// A key with the value 0, which the kernel takes for "not given".
    pub(super) fn zero(&self) -> Option<&'static str> {
        let is = |number: Option<u16>| number == Some(0);
        match self {
            sync if is(sync.port) => Some("port"),
            sync if is(sync.maximum_length) => Some("maximum-length"),
            sync if sync.ttl == Some(0) => Some("ttl"),
            _ => None,
        }
    }
}

/// `[[director.bond]]`: link aggregation.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct BondTable {
    name: Spanned<InterfaceName>,
    mode: BondMode,
    ports: Vec<Spanned<Port>>,
}

#[derive(Clone, Debug)]
struct Port(InterfaceName);

deserialize_by!(string: Port);
deserialize_by!(short_or_table: Persistence, Real);

impl FromStr for Port {
    type Err = InvalidInterfaceName;

    fn from_str(name: &str) -> Result<Self, InvalidInterfaceName> {
        name.parse().map(Self)
    }
}

impl BondTable {
    pub(super) fn bond(&self) -> Bond {
        let ports = self.ports.iter().map(|port| port.get_ref().0.clone()).collect();
        Bond { name: self.name.get_ref().clone(), mode: self.mode, ports }
    }

    /// Every interface that it names, with its place: the bond first.
    pub(super) fn interfaces(&self) -> impl Iterator<Item = Spanned<&InterfaceName>> {
        let ports = self.ports.iter().map(|port| Spanned::new(port.span(), &port.get_ref().0));
        [Spanned::new(self.name.span(), self.name.get_ref())].into_iter().chain(ports)
    }
}

/// `[real-server]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct RealServerSettings {
    /// The interface that faces the director.
    pub(super) device: Option<InterfaceName>,
    /// Where replies go in NAT, one per family; by default the first director of the family.
    pub(super) gateways: Vec<Spanned<Unicast>>,
    /// Whether the default routes announce an MSS that fits the tunnel.
    pub(super) advmss: bool,
}

impl Default for RealServerSettings {
    fn default() -> Self {
        Self { device: None, gateways: Vec::new(), advmss: true }
    }
}

/// What people call a service or a real server; nothing depends on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) name: Option<String>,
    pub(crate) comment: Option<String>,
}

impl Label {
    fn new(name: Option<Text>, comment: Option<Text>) -> Self {
        Self { name: name.map(|text| text.0), comment: comment.map(|text| text.0) }
    }
}

/// `[[service]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct ServiceTable {
    pub(super) listen: Spanned<Listen>,
    name: Option<Text>,
    comment: Option<Text>,
    pub(super) mode: Option<Mode>,
    /// For a firewall mark, which does not imply them.
    #[serde(default)]
    pub(super) vips: Vec<Spanned<Unicast>>,
    pub(super) vip_device: Option<InterfaceName>,
    #[serde(default)]
    pub(super) scheduler: Scheduler,
    #[serde(default)]
    pub(super) flags: Vec<Spanned<Flag>>,
    pub(super) persistence: Option<Spanned<Persistence>>,
    pub(super) persistence_engine: Option<PersistenceEngine>,
    pub(super) one_packet: Option<Spanned<bool>>,
    pub(super) real: Vec<Spanned<Real>>,
}

impl ServiceTable {
    /// The virtual addresses: that of `listen`, or those given for a firewall mark.
    pub(super) fn vips(&self) -> Vec<IpAddr> {
        match self.listen.get_ref().0 {
            ServiceIdentity::Address { address, .. } => vec![address],
            ServiceIdentity::Mark { .. } => self.vips.iter().map(|vip| vip.get_ref().0).collect(),
        }
    }

    pub(super) fn is_served_by(&self, own: &[IpAddr]) -> bool {
        self.real.iter().any(|real| own.contains(&real.get_ref().address))
    }

    /// The port of a real server: by default that of the service.
    pub(super) fn port(&self, real: &Real) -> u16 {
        real.port.unwrap_or_else(|| self.listen.get_ref().0.port())
    }

    pub(super) fn service(&self) -> Service {
        let identity = self.listen.get_ref().0;
        let mut service = Service::new(identity, &*self.scheduler.0);
        for flag in &self.flags {
            service.flags = service.flags.union(flag.get_ref().0.flag);
        }
        if self.one_packet.as_ref().is_some_and(|one_packet| *one_packet.get_ref()) {
            service.flags = service.flags.union(ServiceFlags::ONE_PACKET);
        }
        if let Some(persistence) = &self.persistence {
            let persistence = persistence.get_ref();
            let netmask = persistence.netmask.unwrap_or_else(|| Netmask::host(identity.family()));
            service.persistence = Some(ipvs::Persistence::new(persistence.timeout.0, netmask));
        }
        service.persistence_engine =
            self.persistence_engine.as_ref().map(|engine| engine.0.clone());
        service
    }

    pub(super) fn destination(&self, real: &Real, mode: Mode) -> Destination {
        Destination::new(real.address, self.port(real), mode.forwarding())
            .with_weight(real.weight)
            .with_thresholds(real.upper_threshold, real.lower_threshold)
            .with_tunnel(real.tunnel.unwrap_or(Tunnel::Ipip))
    }
}

/// `"5m"`, `300` or `{ timeout = "5m", netmask = "255.255.255.0" }`.
#[derive(Clone, Debug)]
pub(super) struct Persistence {
    pub(super) timeout: Seconds,
    /// Clients of one network count as one.
    pub(super) netmask: Option<Netmask>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct PersistenceTable {
    timeout: Option<Seconds>,
    netmask: Option<Mask>,
}

impl FromStr for Persistence {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self { timeout: text.parse()?, netmask: None })
    }
}

impl ShortOrTable for Persistence {
    type Table = PersistenceTable;
    const EXPECTED: &'static str = "seconds, as 300 or \"5m\", or a table { timeout, netmask }";

    fn from_table(table: PersistenceTable) -> Result<Self, String> {
        let netmask = table.netmask.map(|mask| mask.0);
        Ok(Self { timeout: table.timeout.unwrap_or(DEFAULT_PERSISTENCE), netmask })
    }
}

/// `"192.168.20.1:80"` or `{ address = "192.168.20.1:80", weight = 2, … }`.
#[derive(Clone, Debug)]
pub(super) struct Real {
    pub(super) address: IpAddr,
    pub(super) port: Option<u16>,
    /// Overrides that of the service.
    pub(super) mode: Option<Mode>,
    pub(super) weight: u32,
    pub(super) upper_threshold: u32,
    pub(super) lower_threshold: u32,
    pub(super) tunnel: Option<Tunnel>,
    pub(super) label: Label,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct RealTable {
    address: Endpoint,
    name: Option<Text>,
    comment: Option<Text>,
    mode: Option<Mode>,
    weight: Option<Number>,
    upper_threshold: Option<Number>,
    lower_threshold: Option<Number>,
    tunnel: Option<TunnelValue>,
}

#[derive(Deserialize)]
#[serde(try_from = "TunnelTable")]
struct TunnelValue(Tunnel);

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct TunnelTable {
    r#type: TunnelKind,
    port: Option<u16>,
    checksum: Option<ChecksumKind>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum TunnelKind {
    Ipip,
    Gue,
    Gre,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ChecksumKind {
    None,
    Full,
    Remote,
}

#[derive(Deserialize)]
#[serde(try_from = "i64")]
struct Number(u32);

impl TryFrom<i64> for Number {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        let valid = u32::try_from(number).ok().filter(|number| *number <= LARGEST_WEIGHT);
        valid.map(Self).ok_or_else(|| format!("{number} is not 0 to {LARGEST_WEIGHT}"))
    }
}

impl FromStr for Real {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Endpoint(address, port) = text.parse()?;
        Ok(Self {
            address,
            port,
            mode: None,
            weight: 1,
            upper_threshold: 0,
            lower_threshold: 0,
            tunnel: None,
            label: Label::default(),
        })
    }
}

impl ShortOrTable for Real {
    type Table = RealTable;
    const EXPECTED: &'static str =
        "a real server, as \"192.168.20.1:80\" or { address = \"192.168.20.1:80\", weight = 2 }";

    fn from_table(table: RealTable) -> Result<Self, String> {
        let Endpoint(address, port) = table.address;
        let number = |number: Option<Number>, default| number.map_or(default, |number| number.0);
        let real = Self {
            address,
            port,
            mode: table.mode,
            weight: number(table.weight, 1),
            upper_threshold: number(table.upper_threshold, 0),
            lower_threshold: number(table.lower_threshold, 0),
            tunnel: table.tunnel.map(|tunnel| tunnel.0),
            label: Label::new(table.name, table.comment),
        };
        // The kernel refuses a lower threshold above the upper one (ERANGE).
        if real.lower_threshold > real.upper_threshold && real.upper_threshold != 0 {
            return Err(format!(
                "lower-threshold {} is above upper-threshold {}: a full server accepts connections \
                 again once it has fewer than lower-threshold",
                real.lower_threshold, real.upper_threshold
            ));
        }
        Ok(real)
    }
}

impl TryFrom<TunnelTable> for TunnelValue {
    type Error = String;

    fn try_from(table: TunnelTable) -> Result<Self, String> {
        tunnel(table).map(Self)
    }
}

/// The combinations of type, port and checksum that `ipvsadm` accepts.
fn tunnel(table: TunnelTable) -> Result<Tunnel, String> {
    let checksum = match table.checksum {
        None | Some(ChecksumKind::None) => Checksum::None,
        Some(ChecksumKind::Full) => Checksum::Full,
        Some(ChecksumKind::Remote) => Checksum::Remote,
    };
    let refuse = |what: &str| Err(what.to_owned());
    match (table.r#type, table.port, table.checksum) {
        (TunnelKind::Gue, None | Some(0), _) => {
            refuse("a tunnel of type gue needs its port, 1 to 65535: port = 6080")
        }
        (TunnelKind::Gue, Some(port), _) => Ok(Tunnel::Gue { port, checksum }),
        (_, Some(_), _) => refuse("only a tunnel of type gue has a port"),
        (TunnelKind::Gre, None, Some(ChecksumKind::Remote)) => {
            refuse("a tunnel of type gre has no remote checksum: \"none\" or \"full\"")
        }
        (TunnelKind::Gre, None, _) => Ok(Tunnel::Gre { checksum }),
        (TunnelKind::Ipip, None, Some(_)) => refuse("a tunnel of type ipip has no checksum"),
        (TunnelKind::Ipip, None, None) => Ok(Tunnel::Ipip),
    }
}

//! Collects the options of a line and makes its request.
//!
//! Errors are looked for in the order of the reference, and the first one counts: options from left
//! to right, then operands, scheduler flags, which option is allowed with the command, and last
//! what the values mean together.

use std::mem;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;

use super::option::{Id, Legality, Row, Table, Verb};
use super::print::{CHECKSUMS, METHODS, PROTOCOLS, SchedulerFlag, TunnelType};
use super::rows::{TUNNEL_CHECKSUM, TUNNEL_NO_CHECKSUM, TUNNEL_PORT, TUNNEL_REMOTE_CHECKSUM};
use super::scanner::Event;
use super::values::{address_and_port, cut, integer, multicast_group, netmask};
use super::{Names, UsageError};
use crate::ipvs::{
    AddressFamily, Checksum, Daemon, DaemonState, Destination, Forwarding, Netmask, Persistence,
    Protocol, Request, Service, ServiceFlags, ServiceIdentity, Timeouts, Tunnel,
};

/// Longest timeout that the reference takes: 31 days, in seconds.
const MAXIMUM_TIMEOUT: u32 = 31 * 24 * 60 * 60;

/// Timeout of `-p` without a value, in seconds. The reference's manual says 300.
const DEFAULT_PERSISTENCE: u32 = 360;

/// Longest message of a daemon: 65535 bytes less the headers of IPv4 and UDP.
const MAXIMUM_MESSAGE: u16 = 65507;

/// Weights and thresholds: the kernel takes them for signed.
const COUNTS: RangeInclusive<u32> = 0..=(u32::MAX >> 1);

const PORTS: RangeInclusive<u16> = 1..=u16::MAX;

/// Scheduler of a service for which none is named.
const DEFAULT_SCHEDULER: &str = "wlc";

/// Interface of a daemon for which none is named.
const DEFAULT_INTERFACE: &str = "eth0";

/// What a line is read with.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub table: &'static Table,
    /// `argv[0]`.
    pub program: &'a str,
    pub names: &'a dyn Names,
    /// Whether this is a line of a restore.
    pub restore: bool,
}

/// The values of a line, each as its option gives it. [`Draft::request`] checks whether the option
/// is allowed with the command.
pub struct Draft<'a> {
    pub context: Context<'a>,
    pub verb: Verb,
    command: &'static Row,
    /// Options given by place, one bit each.
    places: u64,
    operands: Vec<String>,

    pub service: Option<ServiceIdentity>,
    /// Whether the service names a port.
    has_port: bool,
    scheduler: String,
    scheduler_flags: String,
    /// Seconds.
    persistence: Option<u32>,
    /// `None`: the mask of a single client.
    netmask: Option<Netmask>,
    persistence_engine: Option<String>,
    one_packet: bool,

    real_server: Option<(IpAddr, u16)>,
    /// Its address, port and tunnel come from the other fields.
    destination: Destination,
    tunnel_options: bool,
    tunnel_type: TunnelType,
    tunnel_port: u16,
    checksum: Checksum,

    daemon: Daemon,
}

impl<'a> Draft<'a> {
    fn new(context: Context<'a>, command: &'static Row, verb: Verb, operands: Vec<String>) -> Self {
        Self {
            context,
            verb,
            command,
            places: 0,
            operands,
            service: None,
            has_port: false,
            scheduler: String::new(),
            scheduler_flags: String::new(),
            persistence: None,
            netmask: None,
            persistence_engine: None,
            one_packet: false,
            real_server: None,
            destination: Destination::new(Ipv4Addr::UNSPECIFIED, 0, Forwarding::DirectRouting),
            tunnel_options: false,
            tunnel_type: TunnelType::default(),
            tunnel_port: 0,
            checksum: Checksum::default(),
            daemon: Daemon::new(DaemonState::Master, "", 0),
        }
    }

    /// Reads a line to its end. `take` gets the options of the program.
    ///
    /// # Errors
    ///
    /// The first option that cannot be read, is repeated, or has a value that does not fit.
    pub fn read<'e>(
        events: impl IntoIterator<Item = Result<Event<'e>, UsageError>>,
        context: Context<'a>,
        mut take: impl FnMut(u8, Option<&str>) -> Result<(), UsageError>,
    ) -> Result<Self, UsageError> {
        let no_command = || UsageError::NoCommand { program: context.program.to_owned() };
        let mut events = events.into_iter();
        let mut operands = Vec::new();
        let (command, value) = loop {
            match events.next() {
                Some(Ok(Event::Operand(operand))) => operands.push(operand.into_owned()),
                Some(Ok(Event::Option { row, value })) => break (row, value),
                Some(Err(_)) | None => return Err(no_command()),
            }
        };
        let verb = command.verb().ok_or_else(no_command)?;
        let mut draft = Self::new(context, command, verb, operands);
        // These two ignore the rest of the line.
        if matches!(verb, Verb::Help | Verb::Version) {
            draft.operands.clear();
            return Ok(draft);
        }
        draft.take_command(value.as_deref())?;
        for event in events {
            match event? {
                Event::Operand(operand) => draft.operands.push(operand.into_owned()),
                Event::Option { row, value } => {
                    draft.note(row)?;
                    match row.id {
                        Id::Program(id) => take(id, value.as_deref())?,
                        id => draft.take(id, value.as_deref())?,
                    }
                }
            }
        }
        Ok(draft)
    }

    fn take_command(&mut self, value: Option<&str>) -> Result<(), UsageError> {
        let what = match self.verb {
            Verb::StartDaemon => "start-daemon parameter",
            Verb::StopDaemon => "start_daemon",
            _ => return Ok(()),
        };
        self.daemon.state = [DaemonState::Master, DaemonState::Backup]
            .into_iter()
            .find(|state| Some(state.name()) == value)
            .ok_or(UsageError::Illegal(what))?;
        Ok(())
    }

    /// Notes an option, and refuses it the second time.
    fn note(&mut self, row: &'static Row) -> Result<(), UsageError> {
        let bit = row.place.map_or(0, |place| 1 << place);
        if self.places & bit != 0 {
            return Err(UsageError::Multiple(row.name));
        }
        self.places |= bit;
        Ok(())
    }

    /// Takes an option and its argument.
    fn take(&mut self, id: Id, value: Option<&str>) -> Result<(), UsageError> {
        let text = value.unwrap_or_default();
        match id {
            Id::TcpService | Id::UdpService | Id::SctpService => self.take_service(id, text)?,
            Id::MarkService => self.take_mark(text)?,
            Id::Ipv6 => self.take_ipv6()?,
            Id::Scheduler => self.scheduler = cut(text, 15).to_owned(),
            Id::SchedulerFlags => self.scheduler_flags = text.to_owned(),
            Id::Persistent => {
                self.persistence = Some(match value {
                    Some(text) if self.context.restore => seconds(text, 0..=u32::MAX)?,
                    Some(text) => seconds(text, 1..=MAXIMUM_TIMEOUT)?,
                    None => DEFAULT_PERSISTENCE,
                });
            }
            Id::Netmask => self.take_netmask(text)?,
            Id::PersistenceEngine => {
                self.persistence_engine = (!text.is_empty()).then(|| cut(text, 16).to_owned());
            }
            Id::OnePacket => self.one_packet = true,
            Id::RealServer => self.take_real_server(text)?,
            Id::Weight => self.destination.weight = number(text, COUNTS, "weight")?,
            Id::UpperThreshold => {
                self.destination.upper_threshold = number(text, COUNTS, "u_threshold")?;
            }
            Id::LowerThreshold => {
                self.destination.lower_threshold = number(text, COUNTS, "l_threshold")?;
            }
            Id::TunnelType => {
                let kind = TunnelType::ALL.into_iter().find(|kind| kind.name() == text);
                self.tunnel_type = kind.ok_or(UsageError::Illegal("tunnel type"))?;
                self.tunnel_options = true;
            }
            Id::TunnelPort => {
                self.tunnel_port = number(text, PORTS, "tunnel port")?;
                self.tunnel_options = true;
            }
            Id::MulticastInterface => self.daemon.interface = cut(text, 15).to_owned(),
            Id::SyncId => self.daemon.sync_id = number(text, 0..=255, "syncid")?,
            Id::MulticastGroup => self.daemon.group = Some(multicast_group(text)?),
            Id::MulticastPort => self.daemon.port = Some(number(text, PORTS, "mcast-port")?),
            Id::MulticastTimeToLive => {
                self.daemon.time_to_live = Some(number(text, 1..=u8::MAX, "mcast-ttl")?);
            }
            Id::SyncMaximumLength => {
                let length = number(text, 1..=MAXIMUM_MESSAGE, "sync-maxlen")?;
                self.daemon.maximum_length = Some(length);
            }
            Id::Gatewaying | Id::Ipip | Id::Masquerading => {
                if let Some(row) = METHODS.iter().find(|row| row.0 == id) {
                    self.destination.forwarding = row.1;
                }
            }
            Id::TunnelNoChecksum | Id::TunnelChecksum | Id::TunnelRemoteChecksum => {
                if let Some(row) = CHECKSUMS.iter().find(|row| row.0 == id) {
                    self.checksum = row.1;
                }
                self.tunnel_options = true;
            }
            Id::Command(_) | Id::Program(_) => {}
        }
        Ok(())
    }

    fn take_service(&mut self, id: Id, text: &str) -> Result<(), UsageError> {
        let row = PROTOCOLS.iter().find(|row| row.0 == id);
        let protocol = row.map_or(Protocol::TCP, |row| row.1);
        let (address, port) = address_and_port(text, Some(protocol), self.context.names)
            .ok_or(UsageError::Illegal("virtual server address[:port]"))?;
        self.has_port = port.is_some();
        if address.is_ipv6() {
            // The reference drops a mask that came before.
            self.netmask = None;
        }
        self.service =
            Some(ServiceIdentity::Address { protocol, address, port: port.unwrap_or(0) });
        Ok(())
    }

    fn take_mark(&mut self, text: &str) -> Result<(), UsageError> {
        let mark = integer(text, 1..=u32::MAX)
            // The reference saves marks of 2^31 and more as negative numbers.
            .or_else(|| {
                let negative = integer(text, i32::MIN..=-1).filter(|_| self.context.restore);
                negative.map(|mark: i32| mark as u32)
            })
            .ok_or_else(|| UsageError::InvalidMark(text.to_owned()))?;
        self.service = Some(ServiceIdentity::Mark { mark, family: AddressFamily::Ipv4 });
        Ok(())
    }

    fn take_ipv6(&mut self) -> Result<(), UsageError> {
        let Some(ServiceIdentity::Mark { family, .. }) = &mut self.service else {
            return Err(UsageError::Ipv6BeforeMark);
        };
        *family = AddressFamily::Ipv6;
        self.netmask = None;
        Ok(())
    }

    fn take_netmask(&mut self, text: &str) -> Result<(), UsageError> {
        let family = self.service.map_or(AddressFamily::Ipv4, |service| service.family());
        let mask = netmask(text, family, self.context.names);
        self.netmask = Some(mask.ok_or(UsageError::Illegal(match family {
            AddressFamily::Ipv4 => "virtual server persistent mask",
            AddressFamily::Ipv6 => "ipv6 netmask",
        }))?);
        Ok(())
    }

    fn take_real_server(&mut self, text: &str) -> Result<(), UsageError> {
        let protocol = self.service.map(|service| service.protocol());
        let (address, port) = address_and_port(text, protocol, self.context.names)
            .ok_or(UsageError::Illegal("real server address[:port]"))?;
        let default = self.service.map_or(0, |service| service.port());
        self.real_server = Some((address, port.unwrap_or(default)));
        Ok(())
    }

    /// Checks the whole line and returns its request, or `None` for a command that changes nothing
    /// and is left to the program.
    ///
    /// # Errors
    ///
    /// The first thing wrong, in the order of the reference.
    pub fn request(&mut self) -> Result<Option<Request>, UsageError> {
        let timeouts = self.operands()?;
        // Checked with every command, even one that takes none.
        let flags = self.scheduler_flags()?;
        self.context.table.check(self.command, self.places)?;
        Ok(Some(match self.verb {
            Verb::AddService => Request::AddService(self.service(flags)?),
            Verb::EditService => Request::EditService(self.service(flags)?),
            Verb::DeleteService => Request::DeleteService(self.identity()?),
            Verb::AddServer => Request::AddDestination {
                service: self.identity()?,
                destination: self.destination()?,
            },
            Verb::EditServer => Request::EditDestination {
                service: self.identity()?,
                destination: self.destination()?,
            },
            Verb::DeleteServer => {
                let (address, port) = self.real_server()?;
                Request::DeleteDestination { service: self.identity()?, address, port }
            }
            Verb::Flush => Request::Flush,
            Verb::Zero => Request::Zero(self.service.filter(|service| !is_all_zero(service))),
            Verb::Set => Request::SetTimeouts(timeouts),
            Verb::StartDaemon => Request::StartDaemon(Daemon {
                interface: given(&mut self.daemon.interface, DEFAULT_INTERFACE),
                ..self.daemon.clone()
            }),
            Verb::StopDaemon => {
                Request::StopDaemon { state: self.daemon.state, sync_id: self.daemon.sync_id }
            }
            Verb::List | Verb::Restore | Verb::Save | Verb::Help | Verb::Version => {
                return Ok(None);
            }
        }))
    }

    /// The timeouts of `--set`, the only command that takes operands.
    fn operands(&self) -> Result<Timeouts, UsageError> {
        let (timeouts, left_over) = match (self.verb, self.operands.as_slice()) {
            (Verb::Set, [tcp, tcp_fin, udp, left_over @ ..]) => {
                // 0 leaves a timeout as it is.
                let timeout = |text| seconds(text, 0..=MAXIMUM_TIMEOUT);
                let (tcp, tcp_fin, udp) = (timeout(tcp)?, timeout(tcp_fin)?, timeout(udp)?);
                (Timeouts { tcp, tcp_fin, udp }, left_over)
            }
            (Verb::Set, _) => return Err(UsageError::SetNeedsThree),
            (_, left_over) => (Timeouts::default(), left_over),
        };
        match left_over.first() {
            Some(operand) => Err(UsageError::UnexpectedArgument(operand.clone())),
            None => Ok(timeouts),
        }
    }

    /// The flags of a comma-separated list, of which the reference keeps 127 bytes. Empty members
    /// are ignored; a list of commas alone, at which the reference crashes, is empty.
    fn scheduler_flags(&self) -> Result<ServiceFlags, UsageError> {
        let scheduler = match self.scheduler.as_str() {
            "" => DEFAULT_SCHEDULER,
            scheduler => scheduler,
        };
        let mut flags = ServiceFlags::empty();
        for member in cut(&self.scheduler_flags, 127).split(',').filter(|it| !it.is_empty()) {
            let Some(row) = SchedulerFlag::named(member) else {
                return Err(UsageError::InvalidSchedulerFlag(member.to_owned()));
            };
            if !row.fits(scheduler) {
                return Err(UsageError::IncompatibleSchedulerFlag(member.to_owned()));
            }
            flags |= row.flag;
        }
        Ok(flags)
    }

    fn identity(&self) -> Result<ServiceIdentity, UsageError> {
        self.service.ok_or_else(|| self.missing("service-address"))
    }

    fn real_server(&self) -> Result<(IpAddr, u16), UsageError> {
        self.real_server.ok_or_else(|| self.missing("real-server"))
    }

    fn missing(&self, name: &'static str) -> UsageError {
        UsageError::MissingOption { name, user: self.command.name, kind: "command" }
    }

    /// The service of `-A` and `-E`. What the line leaves out is reset to its default.
    fn service(&mut self, scheduler_flags: ServiceFlags) -> Result<Service, UsageError> {
        let identity = self.identity()?;
        let mut flags = scheduler_flags;
        flags.set(ServiceFlags::ONE_PACKET, self.one_packet);
        if let ServiceIdentity::Address { protocol, port, .. } = identity {
            // A saved table may have what another netlink client made.
            let is_saved = self.context.restore && self.has_port;
            if port == 0 && self.persistence.is_none() && !is_saved {
                return Err(UsageError::ZeroPort);
            }
            if self.one_packet && protocol != Protocol::UDP && !self.context.restore {
                return Err(UsageError::OnePacketNeedsUdp);
            }
        }
        let netmask = self.netmask.unwrap_or(Netmask::host(identity.family()));
        Ok(Service {
            identity,
            scheduler: given(&mut self.scheduler, DEFAULT_SCHEDULER),
            flags,
            persistence: self.persistence.map(|timeout| Persistence::new(timeout, netmask)),
            persistence_engine: self.persistence_engine.take(),
        })
    }

    /// The destination of `-a` and `-e`. What the line leaves out is reset to its default.
    fn destination(&self) -> Result<Destination, UsageError> {
        let service = self.identity()?;
        let (address, port) = self.real_server()?;
        let is_mark = matches!(service, ServiceIdentity::Mark { .. });
        let forwarding = self.destination.forwarding;
        let is_tunnel = forwarding == Forwarding::Tunnel;
        let checksum = self.checksum;
        // Only masquerading can rewrite the port.
        let keeps_port = is_mark || forwarding == Forwarding::Masquerade;
        let destination = Destination {
            address,
            port: if keeps_port { port } else { service.port() },
            tunnel: match self.tunnel_type {
                TunnelType::Ipip => Tunnel::Ipip,
                TunnelType::Gue => Tunnel::Gue { port: self.tunnel_port, checksum },
                TunnelType::Gre => Tunnel::Gre { checksum },
            },
            ..self.destination
        };
        if destination.family() != service.family() && !is_tunnel {
            return Err(UsageError::DifferentFamily);
        }
        if !is_tunnel && self.tunnel_options {
            return Err(UsageError::TunnelOptions);
        }
        self.check_tunnel()?;
        Ok(destination)
    }

    /// Checks the tunnel options against the tunnel type.
    fn check_tunnel(&self) -> Result<(), UsageError> {
        const PORT: u64 = 1 << TUNNEL_PORT;
        const EITHER: u64 = 1 << TUNNEL_NO_CHECKSUM | 1 << TUNNEL_CHECKSUM;
        const REMOTE: u64 = 1 << TUNNEL_REMOTE_CHECKSUM;
        let (required, exclusive) = match self.tunnel_type {
            TunnelType::Ipip => (0, 0),
            TunnelType::Gue => (PORT, EITHER | REMOTE),
            TunnelType::Gre if self.context.restore => (0, EITHER | REMOTE),
            TunnelType::Gre => (0, EITHER),
        };
        let legality = Legality { required, legal: required | exclusive, exclusive };
        let given = self.places & (PORT | EITHER | REMOTE);
        legality.check(given, self.context.table, ("tunnel type", self.tunnel_type.name()))
    }
}

/// What was given, or the default.
fn given(text: &mut String, default: &str) -> String {
    if text.is_empty() { default.to_owned() } else { mem::take(text) }
}

/// Whether address and port are zero, which the reference takes for no service.
fn is_all_zero(service: &ServiceIdentity) -> bool {
    matches!(service, ServiceIdentity::Address { address, port: 0, .. } if address.is_unspecified())
}

/// A timeout in seconds.
fn seconds(text: &str, range: RangeInclusive<u32>) -> Result<u32, UsageError> {
    integer(text, range).ok_or_else(|| UsageError::InvalidTimeout(text.to_owned()))
}

/// Parses a number within the range.
fn number<T>(text: &str, range: RangeInclusive<T>, what: &'static str) -> Result<T, UsageError>
where
    T: TryFrom<i64> + PartialOrd,
{
    integer(text, range).ok_or(UsageError::Illegal(what))
}

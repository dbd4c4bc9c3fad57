//! IPVS values as netlink messages and back (`linux/ip_vs.h`).
//!
//! Each attribute table lists number, name and type. Numbers are in host byte order unless their type
//! says otherwise. Attributes that a newer kernel adds are ignored; those that an older kernel does
//! not send have a default, unless they are essential.

mod attribute;
mod destination;
mod service;
mod status;
#[cfg(test)]
mod tests;

use std::fmt::{self, Display, Formatter};

use netlink_packet_core::{DecodeError, Emitable, ParseableParametrized};
use netlink_packet_generic::{GenlFamily, GenlHeader};

use self::attribute::{Nest, Value, attributes};
pub(super) use self::destination::{DestinationAttribute, destination, destination_entry};
use self::service::ServiceAttribute;
use self::status::DaemonAttribute;
use super::{
    AddressFamily, Daemon, Destination, Info, Request, Service, ServiceEntry, ServiceIdentity,
    Timeouts, Version,
};

/// Commands of requests (`IPVS_CMD_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Command {
    NewService = 1,
    SetService = 2,
    DeleteService = 3,
    GetService = 4,
    NewDestination = 5,
    SetDestination = 6,
    DeleteDestination = 7,
    GetDestination = 8,
    NewDaemon = 9,
    DeleteDaemon = 10,
    GetDaemon = 11,
    SetConfig = 12,
    GetConfig = 13,
    GetInfo = 15,
    Zero = 16,
    Flush = 17,
}

/// `IPVS_CMD_SET_INFO`: the reply to [`Command::GetInfo`], and the only message with attribute numbers
/// of its own.
const SET_INFO: u8 = 14;

/// Names of the commands, in the order of their numbers.
const COMMANDS: &str = "UNSPEC NEW_SERVICE SET_SERVICE DEL_SERVICE GET_SERVICE \
    NEW_DEST SET_DEST DEL_DEST GET_DEST NEW_DAEMON DEL_DAEMON GET_DAEMON \
    SET_CONFIG GET_CONFIG SET_INFO GET_INFO ZERO FLUSH";

attributes! {
    /// Attributes of a message (`IPVS_CMD_ATTR_*`). Timeouts are in seconds.
    Attribute {
        1 => Service(Nest<ServiceAttribute>),
        2 => Destination(Nest<DestinationAttribute>),
        3 => Daemon(Nest<DaemonAttribute>),
        4 => TimeoutTcp(u32),
        5 => TimeoutTcpFin(u32),
        6 => TimeoutUdp(u32),
    }
}

/// A message of the IPVS family, without headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IpvsMessage {
    command: u8,
    attributes: Nest<Attribute>,
    /// The content of a `SET_INFO`, which has no other attributes. Never sent.
    info: Info,
}

impl Display for IpvsMessage {
    /// Writes the command and the attributes, for a trace.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match COMMANDS.split(' ').nth(self.command.into()) {
            Some(name) => write!(f, "{name} ")?,
            None => write!(f, "command {} ", self.command)?,
        }
        match self.info {
            Info { version: Version(version), table_size } if self.command == SET_INFO => {
                write!(f, "{{Version {version}, TableSize {table_size}}}")
            }
            _ => self.attributes.show(f),
        }
    }
}

impl GenlFamily for IpvsMessage {
    fn family_name() -> &'static str {
        "IPVS" // IPVS_GENL_NAME
    }
    fn command(&self) -> u8 {
        self.command
    }
    fn version(&self) -> u8 {
        1 // IPVS_GENL_VERSION
    }
}

impl Emitable for IpvsMessage {
    fn buffer_len(&self) -> usize {
        self.attributes.length()
    }
    fn emit(&self, buffer: &mut [u8]) {
        self.attributes.emit(buffer);
    }
}

impl ParseableParametrized<[u8], GenlHeader> for IpvsMessage {
    fn parse_with_param(bytes: &[u8], header: GenlHeader) -> Result<Self, DecodeError> {
        let (info, bytes) = match header.cmd {
            SET_INFO => (status::info(bytes)?, &[][..]),
            _ => (Info::default(), bytes),
        };
        Ok(Self { command: header.cmd, attributes: Value::parse(bytes)?, info })
    }
}

impl From<&Request> for IpvsMessage {
    fn from(request: &Request) -> Self {
        let (command, attributes) = match request {
            Request::AddService(service) => (Command::NewService, vec![full_service(service)]),
            Request::EditService(service) => (Command::SetService, vec![full_service(service)]),
            Request::DeleteService(service) => (Command::DeleteService, vec![named(service)]),
            Request::AddDestination { service, destination } => {
                (Command::NewDestination, vec![named(service), full_destination(destination)])
            }
            Request::EditDestination { service, destination } => {
                (Command::SetDestination, vec![named(service), full_destination(destination)])
            }
            Request::DeleteDestination { service, address, port } => {
                let destination = destination::identity_attributes(*address, *port);
                let destination = Attribute::Destination(destination.into());
                (Command::DeleteDestination, vec![named(service), destination])
            }
            Request::Flush => (Command::Flush, Vec::new()),
            Request::Zero(service) => (Command::Zero, service.iter().map(named).collect()),
            Request::SetTimeouts(timeouts) => (Command::SetConfig, timeout_attributes(timeouts)),
            Request::StartDaemon(daemon) => {
                let daemon = status::daemon_attributes(daemon);
                (Command::NewDaemon, vec![Attribute::Daemon(daemon.into())])
            }
            Request::StopDaemon { state, sync_id } => {
                // The kernel requires an interface, and ignores it.
                let daemon = status::daemon_identity(*state, "", *sync_id);
                (Command::DeleteDaemon, vec![Attribute::Daemon(daemon.into())])
            }
        };
        Self::new(command, attributes)
    }
}

fn named(service: &ServiceIdentity) -> Attribute {
    Attribute::Service(service::identity_attributes(service).into())
}

fn full_service(service: &Service) -> Attribute {
    Attribute::Service(service::service_attributes(service).into())
}

fn full_destination(destination: &Destination) -> Attribute {
    Attribute::Destination(destination::destination_attributes(destination).into())
}

impl IpvsMessage {
    fn new(command: Command, attributes: Vec<Attribute>) -> Self {
        let info = Info::default();
        Self { command: command as u8, attributes: attributes.into(), info }
    }

    /// A message without attributes.
    pub(super) fn bare(command: Command) -> Self {
        Self::new(command, Vec::new())
    }

    /// A message that identifies a service.
    pub(super) fn about(command: Command, service: &ServiceIdentity) -> Self {
        Self::new(command, vec![named(service)])
    }

    pub(super) fn into_service(self) -> Result<ServiceEntry, DecodeError> {
        self.value(|attribute| match attribute {
            Attribute::Service(nest) => Some(service::service_entry(nest.attributes)),
            _ => None,
        })
    }

    /// A destination of a service of that family: [`destination()`] or [`destination_entry`].
    pub(super) fn into_destination<D>(
        self,
        decode: fn(&[DestinationAttribute], AddressFamily) -> Result<D, DecodeError>,
        service_family: AddressFamily,
    ) -> Result<D, DecodeError> {
        self.value(|attribute| match attribute {
            Attribute::Destination(nest) => Some(decode(&nest.attributes, service_family)),
            _ => None,
        })
    }

    pub(super) fn into_daemon(self) -> Result<Daemon, DecodeError> {
        self.value(|attribute| match attribute {
            Attribute::Daemon(nest) => Some(status::daemon(nest.attributes)),
            _ => None,
        })
    }

    /// Timeouts; 0 for a protocol that the kernel lacks.
    pub(super) fn timeouts(&self) -> Timeouts {
        let mut timeouts = Timeouts::default();
        for attribute in &self.attributes.attributes {
            match *attribute {
                Attribute::TimeoutTcp(seconds) => timeouts.tcp = seconds,
                Attribute::TimeoutTcpFin(seconds) => timeouts.tcp_fin = seconds,
                Attribute::TimeoutUdp(seconds) => timeouts.udp = seconds,
                _ => {}
            }
        }
        timeouts
    }

    pub(super) fn into_info(self) -> Result<Info, DecodeError> {
        if self.command == SET_INFO { Ok(self.info) } else { Err(NO_VALUE.into()) }
    }

    fn value<V>(
        self,
        decode: impl FnMut(Attribute) -> Option<Result<V, DecodeError>>,
    ) -> Result<V, DecodeError> {
        self.attributes.attributes.into_iter().find_map(decode).ok_or(NO_VALUE)?
    }
}

const NO_VALUE: &str = "a reply without the requested value";

fn timeout_attributes(timeouts: &Timeouts) -> Vec<Attribute> {
    vec![
        Attribute::TimeoutTcp(timeouts.tcp),
        Attribute::TimeoutTcpFin(timeouts.tcp_fin),
        Attribute::TimeoutUdp(timeouts.udp),
    ]
}

//! IPVS values as netlink messages and back (`linux/ip_vs.h`).
//!
//! Each attribute table is a list of number, name and type, as the header has it. Numbers are in
//! host byte order unless their type says otherwise. An attribute that is not in a table is kept
//! as it is and not looked at, so a newer kernel does no harm; one that an older kernel does not
//! send has a stated meaning, unless nothing makes sense without it.

mod attribute;
mod daemon;
mod destination;
mod service;
mod status;
#[cfg(test)]
mod tests;

use std::fmt::{self, Display, Formatter};

use netlink_packet_core::{DecodeError, Emitable, ParseableParametrized};
use netlink_packet_generic::{GenlFamily, GenlHeader};

use self::attribute::{Nest, Value, attributes};
use self::daemon::DaemonAttribute;
use self::destination::DestinationAttribute;
use self::service::ServiceAttribute;
use self::status::InfoAttribute;
use super::{
    AddressFamily, Daemon, Destination, DestinationEntry, Info, Request, Service, ServiceEntry,
    ServiceIdentity, Timeouts,
};

/// What a message asks for or answers.
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

/// `IPVS_CMD_SET_INFO`: only ever the answer to [`Command::GetInfo`], and the only message whose
/// attributes have numbers of their own.
const SET_INFO: u8 = 14;

/// The names of the commands, by their numbers.
const COMMANDS: [&str; 18] = [
    "UNSPEC",
    "NEW_SERVICE",
    "SET_SERVICE",
    "DEL_SERVICE",
    "GET_SERVICE",
    "NEW_DEST",
    "SET_DEST",
    "DEL_DEST",
    "GET_DEST",
    "NEW_DAEMON",
    "DEL_DAEMON",
    "GET_DAEMON",
    "SET_CONFIG",
    "GET_CONFIG",
    "SET_INFO",
    "GET_INFO",
    "ZERO",
    "FLUSH",
];

/// `IPVS_GENL_NAME`.
const NAME: &str = "IPVS";
/// `IPVS_GENL_VERSION`.
const VERSION: u8 = 1;

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
    attributes: Attributes,
}

/// The attributes of a message. Those of one command are numbered apart.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Attributes {
    Usual(Nest<Attribute>),
    /// The answer to [`Command::GetInfo`].
    Info(Nest<InfoAttribute>),
}

impl IpvsMessage {
    fn new(command: Command, attributes: Vec<Attribute>) -> Self {
        Self { command: command as u8, attributes: Attributes::Usual(attributes.into()) }
    }
}

impl Display for IpvsMessage {
    /// For a person: the command and the attributes.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match COMMANDS.get(usize::from(self.command)) {
            Some(name) => f.write_str(name)?,
            None => write!(f, "command {}", self.command)?,
        }
        f.write_str(" ")?;
        match &self.attributes {
            Attributes::Usual(attributes) => attributes.show(f),
            Attributes::Info(attributes) => attributes.show(f),
        }
    }
}

impl GenlFamily for IpvsMessage {
    fn family_name() -> &'static str {
        NAME
    }
    fn command(&self) -> u8 {
        self.command
    }
    fn version(&self) -> u8 {
        VERSION
    }
}

impl Emitable for IpvsMessage {
    fn buffer_len(&self) -> usize {
        match &self.attributes {
            Attributes::Usual(attributes) => attributes.length(),
            Attributes::Info(attributes) => attributes.length(),
        }
    }
    fn emit(&self, buffer: &mut [u8]) {
        match &self.attributes {
            Attributes::Usual(attributes) => attributes.emit(buffer),
            Attributes::Info(attributes) => attributes.emit(buffer),
        }
    }
}

impl ParseableParametrized<[u8], GenlHeader> for IpvsMessage {
    fn parse_with_param(bytes: &[u8], header: GenlHeader) -> Result<Self, DecodeError> {
        let attributes = match header.cmd {
            SET_INFO => Attributes::Info(Value::parse(bytes)?),
            _ => Attributes::Usual(Value::parse(bytes)?),
        };
        Ok(Self { command: header.cmd, attributes })
    }
}

impl From<&Request> for IpvsMessage {
    fn from(request: &Request) -> Self {
        match request {
            Request::AddService(added) => Self::new(Command::NewService, vec![whole(added)]),
            Request::EditService(edited) => Self::new(Command::SetService, vec![whole(edited)]),
            Request::DeleteService(service) => Self::about(Command::DeleteService, service),
            Request::AddDestination { service, destination: added } => {
                let added = destination::destination_attributes(added);
                Self::new(
                    Command::NewDestination,
                    vec![named(service), Attribute::Destination(added.into())],
                )
            }
            Request::EditDestination { service, destination: edited } => {
                let edited = destination::destination_attributes(edited);
                Self::new(
                    Command::SetDestination,
                    vec![named(service), Attribute::Destination(edited.into())],
                )
            }
            Request::DeleteDestination { service, address, port } => {
                let deleted = destination::identity_attributes(*address, *port);
                Self::new(
                    Command::DeleteDestination,
                    vec![named(service), Attribute::Destination(deleted.into())],
                )
            }
            Request::Flush => Self::bare(Command::Flush),
            Request::Zero(None) => Self::bare(Command::Zero),
            Request::Zero(Some(service)) => Self::about(Command::Zero, service),
            Request::SetTimeouts(timeouts) => {
                Self::new(Command::SetConfig, timeout_attributes(timeouts))
            }
            Request::StartDaemon(started) => {
                let started = daemon::daemon_attributes(started);
                Self::new(Command::NewDaemon, vec![Attribute::Daemon(started.into())])
            }
            Request::StopDaemon { state, sync_id } => {
                // The kernel wants an interface, and does not look at it.
                let stopped = daemon::identity_attributes(*state, "", *sync_id);
                Self::new(Command::DeleteDaemon, vec![Attribute::Daemon(stopped.into())])
            }
        }
    }
}

impl IpvsMessage {
    /// A message that says all by its command.
    pub(super) fn bare(command: Command) -> Self {
        Self::new(command, Vec::new())
    }

    /// A message that names a service; the kernel needs no more of it than to tell it from others.
    pub(super) fn about(command: Command, service: &ServiceIdentity) -> Self {
        Self::new(command, vec![named(service)])
    }
}

fn named(service: &ServiceIdentity) -> Attribute {
    Attribute::Service(service::identity_attributes(service).into())
}

fn whole(service: &Service) -> Attribute {
    Attribute::Service(service::service_attributes(service).into())
}

impl IpvsMessage {
    pub(super) fn into_service(self) -> Result<ServiceEntry, DecodeError> {
        self.value(|attribute| match attribute {
            Attribute::Service(nest) => Some(service::service_entry(nest.attributes)),
            _ => None,
        })
    }

    /// A destination of a service of that family.
    pub(super) fn into_destination(
        self,
        service_family: AddressFamily,
    ) -> Result<DestinationEntry, DecodeError> {
        self.destination(|attributes| destination::destination_entry(attributes, service_family))
    }

    /// The same without its connections and counters.
    pub(super) fn into_bare_destination(
        self,
        service_family: AddressFamily,
    ) -> Result<Destination, DecodeError> {
        self.destination(|attributes| destination::destination(attributes, service_family))
    }

    pub(super) fn into_daemon(self) -> Result<Daemon, DecodeError> {
        self.value(|attribute| match attribute {
            Attribute::Daemon(nest) => Some(daemon::daemon(nest.attributes)),
            _ => None,
        })
    }

    pub(super) fn timeouts(&self) -> Timeouts {
        match &self.attributes {
            Attributes::Usual(nest) => timeouts(&nest.attributes),
            Attributes::Info(_) => Timeouts::default(),
        }
    }

    pub(super) fn into_info(self) -> Result<Info, DecodeError> {
        match self.attributes {
            Attributes::Info(nest) => Ok(status::info(&nest.attributes)),
            Attributes::Usual(_) => Err(NOT_ASKED_FOR.into()),
        }
    }

    fn destination<D>(
        self,
        of: impl Fn(&[DestinationAttribute]) -> Result<D, DecodeError>,
    ) -> Result<D, DecodeError> {
        self.value(|attribute| match attribute {
            Attribute::Destination(nest) => Some(of(&nest.attributes)),
            _ => None,
        })
    }

    fn value<V>(
        self,
        of: impl FnMut(Attribute) -> Option<Result<V, DecodeError>>,
    ) -> Result<V, DecodeError> {
        match self.attributes {
            Attributes::Usual(nest) => {
                nest.attributes.into_iter().find_map(of).ok_or(NOT_ASKED_FOR)?
            }
            Attributes::Info(_) => Err(NOT_ASKED_FOR.into()),
        }
    }
}

const NOT_ASKED_FOR: &str = "an answer without what was asked for";

fn timeout_attributes(timeouts: &Timeouts) -> Vec<Attribute> {
    vec![
        Attribute::TimeoutTcp(timeouts.tcp),
        Attribute::TimeoutTcpFin(timeouts.tcp_fin),
        Attribute::TimeoutUdp(timeouts.udp),
    ]
}

/// A kernel built without one of the protocols does not tell its timeouts; they are 0.
fn timeouts(attributes: &[Attribute]) -> Timeouts {
    let mut timeouts = Timeouts::default();
    for attribute in attributes {
        match *attribute {
            Attribute::TimeoutTcp(seconds) => timeouts.tcp = seconds,
            Attribute::TimeoutTcpFin(seconds) => timeouts.tcp_fin = seconds,
            Attribute::TimeoutUdp(seconds) => timeouts.udp = seconds,
            _ => {}
        }
    }
    timeouts
}

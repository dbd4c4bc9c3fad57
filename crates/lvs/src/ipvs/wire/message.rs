//! A message of the IPVS family.

use std::fmt::{self, Display, Formatter};

use netlink_packet_core::{DecodeError, Emitable, ParseableParametrized};
use netlink_packet_generic::{GenlFamily, GenlHeader};

use super::Command;
use super::command::{COMMANDS, SET_INFO};
use super::daemon::DaemonAttribute;
use super::destination::DestinationAttribute;
use super::service::ServiceAttribute;
use super::settings::InfoAttribute;
use super::table::attributes;
use super::value::{Nest, Value};

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
pub(in crate::ipvs) struct IpvsMessage {
    command: u8,
    pub(super) attributes: Attributes,
}

/// The attributes of a message. Those of one command are numbered apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Attributes {
    Usual(Nest<Attribute>),
    /// The answer to [`Command::GetInfo`].
    Info(Nest<InfoAttribute>),
}

impl IpvsMessage {
    pub(super) fn new(command: Command, attributes: Vec<Attribute>) -> Self {
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

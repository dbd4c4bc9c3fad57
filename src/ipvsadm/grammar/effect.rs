//! The effect of each option on its line, in the order of the line: what stands later knows what
//! stood before.

use super::error::UsageError;
use super::line::{Line, TunnelType};
use super::options::{OptionId, OptionRow, Verb};
use super::value::{address_and_port, cut, integer, multicast_group, netmask, network};
use crate::ipvsadm::{CountBy, Place};
use lvs::ipvs::{AddressFamily, Checksum, DaemonState, Forwarding, Protocol, ServiceIdentity};

/// Longest timeout that the reference takes: 31 days, in seconds.
const MAXIMUM_TIMEOUT: u32 = 31 * 24 * 60 * 60;

/// Timeout of `-p` without a value, in seconds. The reference's manual says 300.
const DEFAULT_PERSISTENCE: u32 = 360;

/// Longest message of a daemon: 65535 bytes less the headers of IPv4 and UDP.
const MAXIMUM_MESSAGE: u16 = 65507;

impl Line<'_> {
    /// Takes the argument of the command itself.
    ///
    /// # Errors
    ///
    /// A daemon that does not exist.
    pub(super) fn take_command(&mut self, value: Option<&str>) -> Result<(), UsageError> {
        let what = match self.verb {
            Verb::StartDaemon => "start-daemon parameter",
            Verb::StopDaemon => "start_daemon",
            _ => return Ok(()),
        };
        self.daemon_state = [DaemonState::Master, DaemonState::Backup]
            .into_iter()
            .find(|state| Some(state.name()) == value)
            .ok_or(UsageError::Illegal(what))?;
        Ok(())
    }

    /// Takes an option and its argument.
    ///
    /// # Errors
    ///
    /// An option that was given before, or a value that does not fit.
    pub(super) fn take(
        &mut self,
        option: &'static OptionRow,
        value: Option<&str>,
    ) -> Result<(), UsageError> {
        if let Some(name) = option.name {
            if self.given.iter().any(|row| row.name == option.name) {
                return Err(UsageError::Multiple(name));
            }
            self.given.push(option);
        }
        let text = value.unwrap_or_default();
        match option.id {
            OptionId::TcpService => self.take_service(Protocol::TCP, text)?,
            OptionId::UdpService => self.take_service(Protocol::UDP, text)?,
            OptionId::SctpService => self.take_service(Protocol::SCTP, text)?,
            OptionId::MarkService => self.take_mark(text)?,
            OptionId::Ipv6 => self.take_ipv6()?,
            OptionId::Scheduler => self.scheduler = cut(text, 15).to_owned(),
            OptionId::SchedulerFlags => self.scheduler_flags = text.to_owned(),
            OptionId::Persistent => {
                self.persistence = Some(match value {
                    Some(text) => persistence(text)?,
                    None => DEFAULT_PERSISTENCE,
                });
            }
            OptionId::Netmask => self.take_netmask(text)?,
            OptionId::PersistenceEngine => {
                self.persistence_engine = (!text.is_empty()).then(|| cut(text, 16).to_owned());
            }
            OptionId::RealServer => self.take_real_server(text)?,
            OptionId::Masquerading => self.forwarding = Forwarding::Masquerade,
            OptionId::Ipip => self.forwarding = Forwarding::Tunnel,
            OptionId::Gatewaying => self.forwarding = Forwarding::DirectRouting,
            OptionId::Weight => self.weight = count(text, "weight")?,
            OptionId::UpperThreshold => self.upper_threshold = count(text, "u_threshold")?,
            OptionId::LowerThreshold => self.lower_threshold = count(text, "l_threshold")?,
            OptionId::TunnelType => self.take_tunnel_type(text)?,
            OptionId::TunnelPort => {
                self.tunnel_port =
                    integer(text, 1..=u16::MAX).ok_or(UsageError::Illegal("tunnel port"))?;
            }
            OptionId::TunnelNoChecksum => self.checksum = Checksum::None,
            OptionId::TunnelChecksum => self.checksum = Checksum::Full,
            OptionId::TunnelRemoteChecksum => self.checksum = Checksum::Remote,
            OptionId::MulticastInterface => self.interface = cut(text, 15).to_owned(),
            OptionId::SyncId => {
                self.sync_id = integer(text, 0..=255).ok_or(UsageError::Illegal("syncid"))?;
            }
            OptionId::MulticastGroup => {
                let group = multicast_group(text).map_err(|family| UsageError::InvalidGroup {
                    family,
                    group: text.to_owned(),
                })?;
                self.group = Some(group);
            }
            OptionId::MulticastPort => {
                let port = integer(text, 1..=u16::MAX);
                self.port = Some(port.ok_or(UsageError::Illegal("mcast-port"))?);
            }
            OptionId::MulticastTimeToLive => {
                let hops = integer(text, 1..=u8::MAX);
                self.time_to_live = Some(hops.ok_or(UsageError::Illegal("mcast-ttl"))?);
            }
            OptionId::SyncMaximumLength => {
                let bytes = integer(text, 1..=MAXIMUM_MESSAGE);
                self.maximum_length = Some(bytes.ok_or(UsageError::Illegal("sync-maxlen"))?);
            }
            OptionId::NetworkNamespace => self.namespace = text.parse().ok(),
            OptionId::Client => {
                let client = network(text, self.surroundings.names);
                self.choice.client =
                    Some(client.ok_or(UsageError::Illegal("client address[/prefix]"))?);
            }
            OptionId::VirtualAddress => {
                self.choice.service = Some(self.place(text, "virtual address[:port]")?);
            }
            OptionId::Destination => {
                self.choice.destination = Some(self.place(text, "real server address[:port]")?);
            }
            OptionId::State => self.choice.state = Some(text.to_owned()),
            OptionId::CountBy => {
                let by = CountBy::ALL.into_iter().find(|by| by.name() == text);
                self.choice.count_by = Some(by.ok_or(UsageError::Illegal("count-by"))?);
            }
            // All that these say is that they were given.
            OptionId::Command(_)
            | OptionId::Numeric
            | OptionId::Connection
            | OptionId::Timeout
            | OptionId::Daemon
            | OptionId::Stats
            | OptionId::Rate
            | OptionId::Thresholds
            | OptionId::PersistentConnections
            | OptionId::NoSort
            | OptionId::Exact
            | OptionId::OnePacket
            | OptionId::TunnelInfo
            | OptionId::Json
            | OptionId::NoLoad
            | OptionId::Explain
            | OptionId::Replace
            | OptionId::Sort => {}
        }
        Ok(())
    }

    fn take_service(&mut self, protocol: Protocol, text: &str) -> Result<(), UsageError> {
        let (address, port) = address_and_port(text, Some(protocol), self.surroundings.names)
            .ok_or(UsageError::Illegal("virtual server address[:port]"))?;
        if address.is_ipv6() {
            // The reference forgets a mask that stood before.
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
                let negative = integer(text, i32::MIN..=-1).filter(|_| self.surroundings.restore);
                negative.map(i32::cast_unsigned)
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
        let family = match &self.service {
            Some(service) => service.family(),
            None => AddressFamily::Ipv4,
        };
        let mask = netmask(text, family, self.surroundings.names);
        self.netmask = Some(mask.ok_or(UsageError::Illegal(match family {
            AddressFamily::Ipv4 => "virtual server persistent mask",
            AddressFamily::Ipv6 => "ipv6 netmask",
        }))?);
        Ok(())
    }

    fn take_real_server(&mut self, text: &str) -> Result<(), UsageError> {
        let protocol = self.service.map(|service| service.protocol());
        let (address, port) = address_and_port(text, protocol, self.surroundings.names)
            .ok_or(UsageError::Illegal("real server address[:port]"))?;
        let default = self.service.map_or(0, |service| service.port());
        self.real_server = Some((address, port.unwrap_or(default)));
        Ok(())
    }

    /// Where connections go. No service is known, so ports have no names.
    fn place(&self, text: &str, what: &'static str) -> Result<Place, UsageError> {
        let (address, port) = address_and_port(text, None, self.surroundings.names)
            .ok_or(UsageError::Illegal(what))?;
        Ok(Place { address, port })
    }

    fn take_tunnel_type(&mut self, text: &str) -> Result<(), UsageError> {
        self.tunnel_type = [TunnelType::Ipip, TunnelType::Gue, TunnelType::Gre]
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or(UsageError::Illegal("tunnel type"))?;
        Ok(())
    }
}

/// A timeout of `--set`, in seconds; 0 leaves it as it is.
pub(super) fn timeout(text: &str) -> Result<u32, UsageError> {
    integer(text, 0..=MAXIMUM_TIMEOUT).ok_or_else(|| UsageError::InvalidTimeout(text.to_owned()))
}

fn persistence(text: &str) -> Result<u32, UsageError> {
    integer(text, 1..=MAXIMUM_TIMEOUT).ok_or_else(|| UsageError::InvalidTimeout(text.to_owned()))
}

/// A weight or a threshold: the kernel takes them for signed.
fn count(text: &str, what: &'static str) -> Result<u32, UsageError> {
    integer(text, 0..=i32::MAX.cast_unsigned()).ok_or(UsageError::Illegal(what))
}

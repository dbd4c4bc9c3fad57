//! What a line says, as domain values, and the checks that need to know what they mean.

use std::net::IpAddr;

use super::error::UsageError;
use super::legality;
use super::line::{Line, TunnelType};
use super::options::OptionId;
use lvs::ipvs::{
    Daemon, Destination, Forwarding, Netmask, Persistence, Protocol, Service, ServiceFlags,
    ServiceIdentity, Tunnel,
};

/// Scheduler of a service for which none is named.
const DEFAULT_SCHEDULER: &str = "wlc";

/// Interface of a daemon for which none is named.
const DEFAULT_INTERFACE: &str = "eth0";

impl Line<'_> {
    /// The service, where the command needs one.
    pub(super) fn service(&self) -> Result<ServiceIdentity, UsageError> {
        self.service.ok_or_else(|| self.missing("service-address"))
    }

    /// The real server's address and port, where the command needs them.
    pub(super) fn real_server(&self) -> Result<(IpAddr, u16), UsageError> {
        self.real_server.ok_or_else(|| self.missing("real-server"))
    }

    /// The scheduler, named or not.
    pub(super) fn scheduler(&self) -> &str {
        non_empty(&self.scheduler).unwrap_or(DEFAULT_SCHEDULER)
    }

    fn missing(&self, name: &'static str) -> UsageError {
        UsageError::MissingOption {
            name,
            user: self.command.name.unwrap_or_default(),
            kind: "command",
        }
    }
}

/// The service of `-A` and `-E`: what is not said has its default, whatever it was before.
///
/// # Errors
///
/// Port 0 without persistence, or one-packet scheduling of anything but UDP and marks.
pub(super) fn service(
    line: &Line<'_>,
    scheduler_flags: ServiceFlags,
) -> Result<Service, UsageError> {
    let identity = line.service()?;
    let mut flags = scheduler_flags;
    if line.has(OptionId::OnePacket) {
        flags = flags.union(ServiceFlags::ONE_PACKET);
    }
    if let ServiceIdentity::Address { protocol, port, .. } = identity {
        if port == 0 && line.persistence.is_none() {
            return Err(UsageError::ZeroPort);
        }
        if flags.contains(ServiceFlags::ONE_PACKET) && protocol != Protocol::UDP {
            return Err(UsageError::OnePacketNeedsUdp);
        }
    }
    let mut service = Service::new(identity, line.scheduler()).with_flags(flags);
    let netmask = line.netmask.unwrap_or(Netmask::host(identity.family()));
    service.persistence = line.persistence.map(|timeout| Persistence::new(timeout, netmask));
    service.persistence_engine.clone_from(&line.persistence_engine);
    Ok(service)
}

/// The destination of `-a` and `-e`: what is not said has its default, whatever it was before.
///
/// # Errors
///
/// Another address family or tunnel options without tunnelling, or tunnel options that do not go
/// with the tunnel type.
pub(super) fn destination(line: &Line<'_>) -> Result<Destination, UsageError> {
    let service = line.service()?;
    let (address, port) = line.real_server()?;
    let is_mark = matches!(service, ServiceIdentity::Mark { .. });
    let is_tunnel = line.forwarding == Forwarding::Tunnel;
    // Only masquerading can rewrite the port.
    let keeps_port = line.forwarding != Forwarding::Masquerade && !is_mark;
    let port = if keeps_port { service.port() } else { port };
    let tunnel = match line.tunnel_type {
        TunnelType::Ipip => Tunnel::Ipip,
        TunnelType::Gue => Tunnel::Gue { port: line.tunnel_port, checksum: line.checksum },
        TunnelType::Gre => Tunnel::Gre { checksum: line.checksum },
    };
    let destination = Destination::new(address, port, line.forwarding)
        .with_weight(line.weight)
        .with_thresholds(line.upper_threshold, line.lower_threshold)
        .with_tunnel(tunnel);
    if destination.family() != service.family() && !is_tunnel {
        return Err(UsageError::DifferentFamily);
    }
    let tunnel_options = [
        OptionId::TunnelType,
        OptionId::TunnelPort,
        OptionId::TunnelNoChecksum,
        OptionId::TunnelChecksum,
        OptionId::TunnelRemoteChecksum,
    ];
    if !is_tunnel && tunnel_options.into_iter().any(|id| line.has(id)) {
        return Err(UsageError::TunnelOptions);
    }
    legality::check_tunnel(line.tunnel_type, &line.given)?;
    Ok(destination)
}

/// The daemon of `--start-daemon`.
pub(super) fn daemon(line: &Line<'_>) -> Daemon {
    let interface = non_empty(&line.interface).unwrap_or(DEFAULT_INTERFACE);
    let mut daemon = Daemon::new(line.daemon_state, interface, line.sync_id);
    daemon.maximum_length = line.maximum_length;
    daemon.group = line.group;
    daemon.port = line.port;
    daemon.time_to_live = line.time_to_live;
    daemon
}

fn non_empty(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

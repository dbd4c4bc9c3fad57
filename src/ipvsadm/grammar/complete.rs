//! A line that has been read to its end, checked as a whole and turned into its command.

use super::effect::timeout;
use super::error::UsageError;
use super::legality;
use super::line::Line;
use super::options::{OptionId, Verb};
use super::request::{daemon, destination, service};
use super::value::scheduler_flags;
use crate::ipvsadm::{Command, Format, Listing, Subject};
use lvs::ipvs::{Request, ServiceIdentity, Timeouts};

/// The command of a line: operands first, then scheduler flags, then what goes with what, then
/// what makes no sense.
///
/// # Errors
///
/// The first thing wrong, in that order.
pub(super) fn complete(line: &Line<'_>) -> Result<Command, UsageError> {
    let timeouts = operands(line)?;
    // Looked at for every command that was given some, even one that takes none.
    let flags = scheduler_flags(&line.scheduler_flags, line.scheduler())?;
    legality::check_command(line.command, line.verb, &line.given)?;

    Ok(Command::Change(match line.verb {
        Verb::Help => return Ok(Command::Help),
        Verb::Version => return Ok(Command::Version),
        Verb::Restore if line.has(OptionId::Replace) => return Ok(Command::Replace),
        Verb::Restore => return Ok(Command::Restore),
        Verb::Save => {
            return Ok(Command::Save { numeric: line.has(OptionId::Numeric) });
        }
        Verb::List => return listing(line).map(Command::List),
        Verb::AddService => Request::AddService(service(line, flags)?),
        Verb::EditService => Request::EditService(service(line, flags)?),
        Verb::DeleteService => Request::DeleteService(line.service()?),
        Verb::AddServer => {
            Request::AddDestination { service: line.service()?, destination: destination(line)? }
        }
        Verb::EditServer => {
            Request::EditDestination { service: line.service()?, destination: destination(line)? }
        }
        Verb::DeleteServer => {
            let (address, port) = line.real_server()?;
            Request::DeleteDestination { service: line.service()?, address, port }
        }
        Verb::Flush => Request::Flush,
        Verb::Zero => Request::Zero(line.service.filter(|service| !is_all_zero(service))),
        Verb::Set => Request::SetTimeouts(timeouts),
        Verb::StartDaemon => Request::StartDaemon(daemon(line)),
        Verb::StopDaemon => Request::StopDaemon { state: line.daemon_state, sync_id: line.sync_id },
    }))
}

/// The timeouts of `--set`, the only command that takes operands.
fn operands(line: &Line<'_>) -> Result<Timeouts, UsageError> {
    let (timeouts, left_over) = match (line.verb, line.operands.as_slice()) {
        (Verb::Set, [tcp, tcp_fin, udp, left_over @ ..]) => {
            let timeouts = Timeouts::new(timeout(tcp)?, timeout(tcp_fin)?, timeout(udp)?);
            (timeouts, left_over)
        }
        (Verb::Set, _) => return Err(UsageError::SetNeedsThree),
        (_, left_over) => (Timeouts::default(), left_over),
    };
    match left_over.first() {
        Some(operand) => Err(UsageError::UnexpectedArgument(operand.clone())),
        None => Ok(timeouts),
    }
}

fn listing(line: &Line<'_>) -> Result<Listing, UsageError> {
    let any = |ids: &[OptionId]| ids.iter().any(|&id| line.has(id));
    if any(&[OptionId::Connection, OptionId::Timeout, OptionId::Daemon])
        && any(&[OptionId::Stats, OptionId::Rate, OptionId::Thresholds])
        || any(&[OptionId::Timeout, OptionId::Daemon]) && any(&[OptionId::PersistentConnections])
    {
        return Err(UsageError::ListConflict);
    }
    let of_connections = [
        OptionId::Client,
        OptionId::VirtualAddress,
        OptionId::Destination,
        OptionId::State,
        OptionId::CountBy,
    ];
    let alone = line.given.iter().find(|row| of_connections.contains(&row.id));
    if let Some(user) = alone.and_then(|row| row.name)
        && !line.has(OptionId::Connection)
    {
        return Err(UsageError::MissingOption { name: "connection", user, kind: "option" });
    }
    let format = [
        (OptionId::Stats, Format::Stats),
        (OptionId::Rate, Format::Rate),
        (OptionId::Thresholds, Format::Thresholds),
        (OptionId::PersistentConnections, Format::PersistentConnections),
        (OptionId::TunnelInfo, Format::TunnelInfo),
    ]
    .into_iter()
    .find(|&(id, _)| line.has(id))
    .map_or(Format::Default, |(_, format)| format);
    let subject = if line.has(OptionId::Connection) {
        Subject::Connections {
            engine_data: line.has(OptionId::PersistentConnections),
            choice: line.choice.clone(),
        }
    } else if let Some(service) = line.service {
        Subject::Service(service)
    } else if line.has(OptionId::Timeout) {
        Subject::Timeouts
    } else if line.has(OptionId::Daemon) {
        Subject::Daemons
    } else {
        Subject::Table
    };
    Ok(Listing {
        subject,
        format,
        numeric: line.has(OptionId::Numeric),
        exact: line.has(OptionId::Exact),
        sorted: !line.has(OptionId::NoSort),
        json: line.has(OptionId::Json),
    })
}

/// An address and a port of zeros: to the reference that is no service at all.
fn is_all_zero(service: &ServiceIdentity) -> bool {
    matches!(service, ServiceIdentity::Address { address, port: 0, .. } if address.is_unspecified())
}

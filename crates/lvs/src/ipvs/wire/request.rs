//! Requests as messages.

use super::message::Attribute;
use super::{Command, IpvsMessage, daemon, destination, service, settings};
use crate::ipvs::{Request, Service, ServiceIdentity};

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
                Self::new(Command::SetConfig, settings::timeout_attributes(timeouts))
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
    pub(in crate::ipvs) fn bare(command: Command) -> Self {
        Self::new(command, Vec::new())
    }

    /// A message that names a service; the kernel needs no more of it than to tell it from others.
    pub(in crate::ipvs) fn about(command: Command, service: &ServiceIdentity) -> Self {
        Self::new(command, vec![named(service)])
    }
}

fn named(service: &ServiceIdentity) -> Attribute {
    Attribute::Service(service::identity_attributes(service).into())
}

fn whole(service: &Service) -> Attribute {
    Attribute::Service(service::service_attributes(service).into())
}

//! Cause and cure of an error, in our own words: the line after the reference's.
//!
//! One file an idea. Each is a pure function over what was asked and what was found; only this file
//! goes and looks, and only after a failure that somebody wants explained.

mod daemon;
mod destination_address;
mod existing;
mod families;
mod modules;
mod near;
mod netmask;
mod permission;
mod scheduler;
mod thresholds;

use std::fmt::Display;

use lvs::ipvs::{Destination, Request, ServiceIdentity};
use lvs::netlink::{self, Transport};

use super::command::{Command, Listing, Subject};
use super::error::Error;
use super::grammar::UsageError;
use super::source::Source;
use modules::Modules;
use permission::Privileges;

/// Most things of the table that are named as near misses.
const MOST_NEAR: usize = 3;

/// What can be said of an error without the table.
pub(super) fn of_error(error: &Error) -> Option<String> {
    if let Some(source) = error.of_kernel() {
        return match (error, source) {
            (_, netlink::Error::Refused { errno: libc::EPERM, .. }) => {
                Some(permission::explain(&Privileges::of_this_thread()))
            }
            (Error::Initialization(_), netlink::Error::NoFamily(_)) => {
                Some(Modules::of_this_kernel().why_no_ipvs())
            }
            (_, netlink::Error::Refused { message, .. }) => message.clone(),
            (_, source) => Some(source.to_string()),
        };
    }
    match error {
        Error::CannotOpen { source, .. } => Some(source.to_string()),
        Error::EmptyLine(_) => Some(error.to_string()),
        Error::Usage(UsageError::Illegal("ipv6 netmask")) => Some(netmask::rule()),
        _ => None,
    }
}

/// What can be said of an error with the command and the table at hand.
pub(super) fn of_command<T: Transport>(
    source: &mut Source<T>,
    command: &Command,
    error: &Error,
) -> Option<String> {
    let errno = error.of_kernel().and_then(netlink::Error::errno);
    let found = errno.and_then(|errno| match command {
        Command::Change(request) => of_change(source, request, errno),
        Command::List(Listing { subject: Subject::Service(identity), .. })
            if errno == libc::ESRCH =>
        {
            near_service(source, identity)
        }
        _ => None,
    });
    found.or_else(|| of_error(error))
}

fn of_change<T: Transport>(
    source: &mut Source<T>,
    request: &Request,
    errno: i32,
) -> Option<String> {
    match (request, errno) {
        (Request::AddService(service) | Request::EditService(service), libc::ENOENT) => {
            Some(scheduler::explain(service, &Modules::of_this_kernel()))
        }
        (Request::AddService(service) | Request::EditService(service), libc::EINVAL) => {
            netmask::explain(service.persistence?.netmask)
        }
        (Request::AddService(service), libc::EEXIST) => {
            let found = source.service(&service.identity).ok()?;
            Some(existing::service(service, &found.service))
        }
        (Request::EditService(service), libc::ESRCH) => near_service(source, &service.identity),
        (
            Request::DeleteService(service)
            | Request::Zero(Some(service))
            | Request::AddDestination { service, .. }
            | Request::EditDestination { service, .. }
            | Request::DeleteDestination { service, .. },
            libc::ESRCH,
        ) => near_service(source, service),
        (Request::AddDestination { service, destination }, libc::EEXIST) => {
            let found = source.destinations(service, true).ok()?;
            let same = |found: &Destination| {
                (found.address, found.port) == (destination.address, destination.port)
            };
            let found = found.into_iter().map(|entry| entry.destination).find(same)?;
            Some(existing::destination(destination, &found))
        }
        (Request::EditDestination { service, destination }, libc::ENOENT) => {
            let found = source.destinations(service, true).ok()?;
            Some(near::edited_destination(service, destination, &found))
        }
        (Request::DeleteDestination { service, address, port }, libc::ENOENT) => {
            let found = source.destinations(service, true).ok()?;
            Some(near::deleted_destination(service, *address, *port, &found))
        }
        (
            Request::AddDestination { destination, .. }
            | Request::EditDestination { destination, .. },
            libc::ERANGE,
        ) => thresholds::explain(destination),
        (
            Request::AddDestination { service, destination }
            | Request::EditDestination { service, destination },
            libc::EINVAL,
        ) => invalid_destination(source, service, destination),
        (Request::StartDaemon(daemon), errno) => {
            let running = source.daemons().ok()?;
            daemon::not_started(daemon, errno, &running)
        }
        (Request::StopDaemon { state, .. }, libc::ESRCH) => {
            Some(daemon::not_running(*state, &source.daemons().ok()?))
        }
        _ => None,
    }
}

fn near_service<T: Transport>(
    source: &mut Source<T>,
    identity: &ServiceIdentity,
) -> Option<String> {
    Some(near::service(identity, &source.services(true).ok()?))
}

fn invalid_destination<T: Transport>(
    source: &mut Source<T>,
    service: &ServiceIdentity,
    destination: &Destination,
) -> Option<String> {
    if destination.family() != service.family()
        && let Some(text) = families::explain(destination, &source.daemons().ok()?)
    {
        return Some(text);
    }
    let address = destination.address;
    destination_address::explain(address, destination_address::reach(address))
}

/// The first few of them, as words of a sentence.
fn listed<V: Display>(values: impl ExactSizeIterator<Item = V>) -> String {
    let left_out = values.len().saturating_sub(MOST_NEAR);
    let mut texts: Vec<_> = values.take(MOST_NEAR).map(|value| value.to_string()).collect();
    if left_out > 0 {
        texts.push(format!("and {left_out} more"));
    }
    texts.join(", ")
}

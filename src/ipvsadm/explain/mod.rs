//! Cause and cure of an error, in a second line after the text of the reference.
//!
//! The functions of the other files are pure. This file reads what they need, and only after a failure
//! that is to be explained.

mod entries;
mod kernel;
mod refused;
mod usage;

use std::fmt::Display;

use lvs::ipvs::{Destination, Netmask, Request, ServiceIdentity};
use lvs::netlink::{self, Transport};

use super::command::{Command, Listing, Subject};
use super::error::Error;
use super::source::Source;
pub(crate) use kernel::unknown_scheduler;
use kernel::{Modules, Privileges};
pub(crate) use usage::nearest_by;

/// Entries of the table that are named at most.
const MAX_LISTED: usize = 3;

const IPV6_NETMASK: &str =
    "With an IPv6 service -M takes a prefix length from 1 to 128, such as -M 64.";

/// Explains an error without reading the table.
pub(super) fn of_error(error: &Error) -> Option<String> {
    if let Some(source) = error.of_kernel() {
        return match (error, source) {
            (_, netlink::Error::Refused { errno: libc::EPERM, .. }) => {
                Some(kernel::permission(&Privileges::of_this_thread()))
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
        _ => None,
    }
}

/// Explains a mistake in a line of these words, which may be one of a restore.
pub(super) fn of_usage(error: &Error, words: &[impl AsRef<str>]) -> Option<String> {
    let mistake = match error {
        Error::Line { source, .. } => source,
        error => error,
    };
    match mistake {
        Error::Usage(mistake) => {
            let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
            usage::explain(mistake, &words)
        }
        error => of_error(error),
    }
}

/// Explains the error of a command by reading the table.
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
            missing_service(source, identity)
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
            Some(kernel::missing_scheduler(service, &Modules::of_this_kernel()))
        }
        (Request::AddService(service) | Request::EditService(service), libc::EINVAL) => {
            netmask(service.persistence?.netmask)
        }
        (Request::AddService(service), libc::EEXIST) => {
            let found = source.service(&service.identity).ok()?;
            Some(entries::existing_service(service, &found.service))
        }
        (Request::EditService(service), libc::ESRCH) => missing_service(source, &service.identity),
        (
            Request::DeleteService(service)
            | Request::Zero(Some(service))
            | Request::AddDestination { service, .. }
            | Request::EditDestination { service, .. }
            | Request::DeleteDestination { service, .. },
            libc::ESRCH,
        ) => missing_service(source, service),
        (Request::AddDestination { service, destination }, libc::EEXIST) => {
            let found = source.destinations(service, true).ok()??;
            let same = |found: &Destination| {
                (found.address, found.port) == (destination.address, destination.port)
            };
            let found = found.into_iter().map(|entry| entry.destination).find(same)?;
            Some(entries::existing_destination(destination, &found))
        }
        (Request::EditDestination { service, destination }, libc::ENOENT) => {
            let found = source.destinations(service, true).ok()??;
            Some(entries::edit_of_missing_destination(service, destination, &found))
        }
        (Request::DeleteDestination { service, address, port }, libc::ENOENT) => {
            let found = source.destinations(service, true).ok()??;
            Some(entries::delete_of_missing_destination(service, *address, *port, &found))
        }
        (
            Request::AddDestination { destination, .. }
            | Request::EditDestination { destination, .. },
            libc::ERANGE,
        ) => refused::thresholds(destination),
        (
            Request::AddDestination { service, destination }
            | Request::EditDestination { service, destination },
            libc::EINVAL,
        ) => invalid_destination(source, service, destination),
        (Request::StartDaemon(daemon), errno) => {
            let running = source.daemons().ok()?;
            refused::not_started(daemon, errno, &running)
        }
        (Request::StopDaemon { state, .. }, libc::ESRCH) => {
            Some(refused::not_running(*state, &source.daemons().ok()?))
        }
        _ => None,
    }
}

fn missing_service<T: Transport>(
    source: &mut Source<T>,
    identity: &ServiceIdentity,
) -> Option<String> {
    Some(entries::missing_service(identity, &source.services(true).ok()?))
}

fn invalid_destination<T: Transport>(
    source: &mut Source<T>,
    service: &ServiceIdentity,
    destination: &Destination,
) -> Option<String> {
    if destination.family() != service.family() {
        let text = refused::family(destination, &source.daemons().ok()?);
        if text.is_some() {
            return text;
        }
    }
    let address = destination.address;
    refused::address(address, refused::reach(address))
}

/// The command line does not let such a prefix length through. IPv4 masks are not checked, not even 0.
fn netmask(netmask: Netmask) -> Option<String> {
    match netmask {
        Netmask::Ipv4(_) | Netmask::Ipv6(1..=128) => None,
        Netmask::Ipv6(prefix) => {
            Some(format!("The prefix length {prefix} is not valid. {IPV6_NETMASK}"))
        }
    }
}

/// Joins the first values, and counts the others.
fn listed<V: Display>(values: impl ExactSizeIterator<Item = V>) -> String {
    let left_out = values.len().saturating_sub(MAX_LISTED);
    let mut texts: Vec<_> = values.take(MAX_LISTED).map(|value| value.to_string()).collect();
    if left_out > 0 {
        texts.push(format!("and {left_out} more"));
    }
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn prefix_length_out_of_range_is_named() {
        let prefix = |prefix| netmask(Netmask::Ipv6(prefix)).unwrap();
        assert!(prefix(0).starts_with("The prefix length 0 is not valid. With an IPv6 service"));
        assert!(prefix(129).starts_with("The prefix length 129 is not valid."));
        assert_eq!(netmask(Netmask::Ipv6(64)), None);
        assert_eq!(netmask(Netmask::Ipv4(Ipv4Addr::UNSPECIFIED)), None);
    }
}

//! IPVS values as netlink messages and back (`linux/ip_vs.h`).
//!
//! Each attribute table is a list of number, name and type, as the header has it. Numbers are in
//! host byte order unless their type says otherwise. An attribute that is not in a table is kept
//! as it is and not looked at, so a newer kernel does no harm; one that an older kernel does not
//! send has a stated meaning, unless nothing makes sense without it.

mod answer;
mod command;
mod daemon;
mod destination;
mod message;
mod request;
mod service;
mod settings;
mod stats;
mod table;
#[cfg(test)]
mod tests;
mod value;

pub(super) use command::Command;
pub(super) use message::IpvsMessage;

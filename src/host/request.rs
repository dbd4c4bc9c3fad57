//! Requests of route netlink whose bytes are the kernel's own, or answer a question.

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};

use super::state::append;
use lvs::netlink::{Connection, Error, Transport};

/// A request: its message type, flags, and what follows the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    kind: u16,
    flags: u16,
    bytes: Vec<u8>,
}

/// Flags of a request for something new, and of one that replaces what exists.
const NEW: u16 = NLM_F_CREATE | NLM_F_EXCL;
const REPLACE: u16 = NLM_F_CREATE | NLM_F_REPLACE;

/// `RTM_GETNEXTHOP` and `NHA_ID` (`linux/nexthop.h`).
const GET_NEXTHOP: u16 = 106;
const NEXTHOP_ID: u16 = 1;

impl Request {
    pub(super) fn execute<T: Transport>(
        &self,
        connection: &mut Connection<T>,
    ) -> Result<(), Error> {
        connection.execute_message(self.kind, self.flags, &self.bytes)
    }

    /// Sends a question, whose reply has a type two below.
    pub(super) fn query<T: Transport>(&self, connection: &mut Connection<T>) -> Result<(), Error> {
        connection.query_message(self.kind, &self.bytes, self.kind - 2, |_| Ok(()))
    }

    /// Adds or changes an address by its message.
    pub(super) const fn put_address(message: Vec<u8>) -> Self {
        Self { kind: libc::RTM_NEWADDR, flags: REPLACE, bytes: message }
    }

    /// Adds a route by its message; may it replace another?
    pub(super) const fn put_route(message: Vec<u8>, replace: bool) -> Self {
        let flags = if replace { REPLACE } else { NEW };
        Self { kind: libc::RTM_NEWROUTE, flags, bytes: message }
    }

    pub(super) const fn delete_route(message: Vec<u8>) -> Self {
        Self { kind: libc::RTM_DELROUTE, flags: 0, bytes: message }
    }

    /// Asks for a nexthop object: is it there?
    pub(super) fn get_nexthop(object: u32) -> Self {
        let mut bytes = vec![0; 8];
        append(&mut bytes, NEXTHOP_ID, &object.to_ne_bytes());
        Self { kind: GET_NEXTHOP, flags: 0, bytes }
    }
}

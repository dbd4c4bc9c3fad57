//! A request as bytes.

use std::fmt::Debug;

use netlink_packet_core::{
    Emitable, NLM_F_ACK, NLM_F_REQUEST, NLMSG_NOOP, NetlinkHeader, NetlinkMessage,
};
use netlink_packet_generic::{GenlFamily, GenlMessage};

/// A payload that can be sent: the traits that `netlink-packet-generic` asks of a family.
pub trait Payload: GenlFamily + Emitable + Debug {}
impl<P: GenlFamily + Emitable + Debug> Payload for P {}

/// Appends a request to a datagram.
pub(super) fn append<P: Payload>(
    datagram: &mut Vec<u8>,
    family: u16,
    flags: u16,
    sequence: u32,
    payload: P,
) {
    let mut message = GenlMessage::from_payload(payload);
    message.set_resolved_family_id(family);
    let mut message = NetlinkMessage::from(message);
    message.header.flags = flags;
    message.header.sequence_number = sequence;
    message.finalize();
    let start = datagram.len();
    datagram.resize(start + message.header.length as usize, 0);
    if let Some(room) = datagram.get_mut(start..) {
        message.serialize(room);
    }
}

/// Appends a message that does nothing and is acknowledged (`NLMSG_NOOP` with `NLM_F_ACK`).
pub(super) fn append_full_stop(datagram: &mut Vec<u8>, sequence: u32) {
    let mut header = NetlinkHeader::default();
    header.message_type = NLMSG_NOOP;
    header.flags = NLM_F_REQUEST | NLM_F_ACK;
    header.sequence_number = sequence;
    let start = datagram.len();
    datagram.resize(start + header.buffer_len(), 0);
    header.length = header.buffer_len() as u32;
    if let Some(room) = datagram.get_mut(start..) {
        header.emit(room);
    }
}

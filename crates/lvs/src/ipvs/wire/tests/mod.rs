//! Values through the wire and back; bytes of the reference and of a real kernel.

use netlink_packet_core::{
    DecodeError, Emitable, NetlinkBuffer, NetlinkDeserializable, NetlinkHeader, Parseable,
};
use netlink_packet_generic::GenlMessage;

use super::IpvsMessage;

mod kernel;
mod reference;
mod round_trip;

/// Generic header and attributes of a message.
fn bytes(message: IpvsMessage) -> Vec<u8> {
    let message = GenlMessage::from_payload(message);
    let mut bytes = vec![0; Emitable::buffer_len(&message)];
    message.emit(&mut bytes);
    bytes
}

fn parse(bytes: &[u8]) -> Result<IpvsMessage, DecodeError> {
    GenlMessage::deserialize(&NetlinkHeader::default(), bytes).map(|message| message.payload)
}

/// Messages (without the netlink header) below the heads that begin with `head`.
fn messages(fixture: &str, head: &str) -> Vec<Vec<u8>> {
    let mut wanted = false;
    let mut messages = Vec::new();
    for line in fixture.lines() {
        if let Some(title) = line.strip_prefix("# ") {
            wanted = title.starts_with(head);
        } else if wanted {
            let datagram: Vec<u8> = (0..line.len() / 2)
                .map(|at| u8::from_str_radix(&line[at * 2..at * 2 + 2], 16).unwrap())
                .collect();
            let mut rest = &datagram[..];
            while !rest.is_empty() {
                let message = NetlinkBuffer::new_checked(rest).unwrap();
                let length = NetlinkHeader::parse(&message).unwrap().length as usize;
                messages.push(message.payload().to_vec());
                rest = &rest[length.next_multiple_of(4).min(rest.len())..];
            }
        }
    }
    messages
}

fn replies(head: &str) -> Vec<Vec<u8>> {
    messages(include_str!("../fixtures/replies.txt"), head)
}

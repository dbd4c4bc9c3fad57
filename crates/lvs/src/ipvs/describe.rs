//! Datagrams as text, to trace what a client sends and receives.

use netlink_packet_core::{DecodeError, NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_MULTIPART};
use netlink_packet_core::{NLM_F_REQUEST, NlasIterator, ParseableParametrized};
use netlink_packet_generic::GenlHeader;
use netlink_packet_generic::constants::{CTRL_ATTR_FAMILY_NAME, GENL_ID_CTRL};

use super::wire::IpvsMessage;
use crate::netlink::{Content, Incoming, Messages};

/// Maximum length of a line in bytes; a name in a message may have 64 KiB.
const LONGEST_LINE: usize = 1024;

/// Describes a datagram that a [`Client`](super::Client) sends or receives: one line per message,
/// of at most 1 KiB, with control characters escaped.
///
/// A line has the sequence number, the flags, and the command with its attributes or the result.
/// Messages of any family but the controller are decoded as IPVS messages.
///
/// # Examples
///
/// ```
/// let noop = [16, 0, 0, 0, 1, 0, 5, 0, 7, 0, 0, 0, 0, 0, 0, 0];
/// # #[cfg(target_endian = "little")]
/// assert_eq!(lvs::ipvs::describe(&noop).collect::<Vec<_>>(), ["seq 7 request,ack: NOOP"]);
/// ```
pub fn describe(datagram: &[u8]) -> impl Iterator<Item = String> {
    Messages(datagram).map(|message| {
        let mut line =
            message.map_or_else(|error| error.to_string(), |message| describe_one(&message));
        if line.len() > LONGEST_LINE {
            let end = (0..=LONGEST_LINE - 3).rev().find(|end| line.is_char_boundary(*end));
            line.truncate(end.unwrap_or(0));
            line.push_str("...");
        }
        line
    })
}

fn describe_one(message: &Incoming<'_>) -> String {
    let header = &message.header;
    let content = match message.content() {
        Content::Payload(payload) if header.message_type == GENL_ID_CTRL => controller(payload),
        Content::Payload(payload) => ipvs(payload).map_or_else(
            |error| format!("{} malformed bytes: {error}", payload.len()),
            |message| message.to_string(),
        ),
        Content::Outcome(Ok(())) => "ACK".to_owned(),
        Content::End(Ok(())) => "DONE".to_owned(),
        // The kernel's text is untrusted.
        Content::Outcome(Err(error)) => format!("ERROR {}", error.to_string().escape_debug()),
        Content::End(Err(error)) => format!("DONE {}", error.to_string().escape_debug()),
        Content::Nothing => "NOOP".to_owned(),
    };
    format!("seq {} {}: {content}", header.sequence_number, flags(header.flags))
}

fn flags(bits: u16) -> String {
    let names = [
        ("request", NLM_F_REQUEST),
        ("multipart", NLM_F_MULTIPART),
        ("ack", NLM_F_ACK),
        ("interrupted", NLM_F_DUMP_INTR),
        // In a reply these bits have another meaning.
        ("dump", NLM_F_DUMP | NLM_F_REQUEST),
    ];
    let set = names.iter().filter(|(_, mask)| bits & mask == *mask).map(|(name, _)| *name);
    let set: Vec<_> = set.collect();
    if set.is_empty() { format!("flags {bits:#x}") } else { set.join(",") }
}

/// A message of the generic netlink controller.
fn controller(payload: &[u8]) -> String {
    let command = match payload.first() {
        Some(3) => "GETFAMILY",
        Some(1) => "NEWFAMILY",
        _ => return "CTRL".to_owned(),
    };
    let attributes = NlasIterator::new(payload.get(4..).unwrap_or_default());
    for attribute in attributes.map_while(Result::ok) {
        if attribute.kind() == CTRL_ATTR_FAMILY_NAME {
            let name = String::from_utf8_lossy(attribute.value());
            return format!("CTRL {command} {:?}", name.trim_end_matches('\0'));
        }
    }
    "CTRL".to_owned()
}

fn ipvs(payload: &[u8]) -> Result<IpvsMessage, DecodeError> {
    let (&[cmd, version, _, _], attributes) =
        payload.split_first_chunk().ok_or("no generic header")?;
    IpvsMessage::parse_with_param(attributes, GenlHeader { cmd, version })
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::io;
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;
    use crate::ipvs::{Client, Service, ServiceIdentity};
    use crate::netlink::Transport;
    use crate::netlink::fake_kernel::{FakeKernel, Seen, outcome};

    struct Traced<'a, T>(T, &'a RefCell<Vec<String>>);

    impl<T: Transport> Transport for Traced<'_, T> {
        fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
            self.1.borrow_mut().extend(describe(datagram).map(|line| format!("> {line}")));
            self.0.send(datagram)
        }
        fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.0.receive(buffer)?;
            self.1.borrow_mut().extend(describe(&buffer[..length]).map(|line| format!("< {line}")));
            Ok(length)
        }
    }

    #[test]
    fn describe_shows_a_refused_service() {
        let lines = RefCell::new(Vec::new());
        let kernel = FakeKernel::new(|seen: &[Seen]| {
            vec![Ok([outcome(seen[0].sequence(), 17), outcome(seen[1].sequence(), 0)].concat())]
        });
        let mut client = Client::new(Traced(kernel, &lines)).unwrap();
        let web = ServiceIdentity::tcp(Ipv4Addr::new(192, 0, 2, 1), 80);
        client.add_service(&Service::new(web, "rr")).unwrap_err();
        drop(client);
        assert_eq!(
            lines.into_inner()[3..],
            [
                "> seq 2 request: NEW_SERVICE {Service {Family 2, Protocol 6, Address 192.0.2.1, \
                 Port 80, Scheduler \"rr\", Flags 0x0/0xffffffff, Timeout 0, \
                 Netmask 255.255.255.255}}",
                "> seq 3 request,ack: NOOP",
                "< seq 2 flags 0x0: ERROR File exists",
                "< seq 3 flags 0x0: ACK",
            ]
        );
    }

    proptest! {
        #[test]
        fn describe_is_bounded_for_any_bytes(
            command: u8, kind in 0_u16..40, bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let payload = [&[command, 1, 0, 0], &bytes[..]].concat();
            let full = crate::netlink::fake_kernel::message(kind, 0, 1, &payload);
            for datagram in [&full, &bytes] {
                let lines: Vec<_> = describe(datagram).collect();
                prop_assert!(lines.len() <= datagram.len().div_ceil(16));
                prop_assert!(lines.iter().all(|line| line.len() <= LONGEST_LINE));
            }
        }

        #[test]
        fn describe_cuts_a_long_line(length in 0_usize..3000) {
            let name = "é".repeat(length);
            let nest = [&((name.len() + 4) as u16).to_ne_bytes()[..], &[6, 0], name.as_bytes()].concat();
            let attributes = [&((nest.len() + 4) as u16).to_ne_bytes()[..], &[1, 0], &nest].concat();
            let payload = [&[1, 1, 0, 0], &attributes[..]].concat();
            let datagram = crate::netlink::fake_kernel::message(28, 0, 1, &payload);
            prop_assert!(describe(&datagram).all(|line| line.len() <= LONGEST_LINE));
        }
    }
}

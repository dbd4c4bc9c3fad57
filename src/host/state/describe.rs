//! Datagrams of route netlink as text, for `LVS_LOG` and `--verbose`.

use lvs::netlink::{Content, Incoming, Messages};

use super::{Address, Interfaces, Link, Neighbour, Route, Rule, hexadecimal};

/// Bytes of a message that are shown.
const SHOWN: usize = 256;

/// One line per message: sequence number, type, flags, and the object in the words of ip(8).
pub(crate) fn describe(datagram: &[u8]) -> Vec<String> {
    Messages(datagram)
        .map(|message| message.map_or_else(|error| error.to_string(), |it| line(&it)))
        .collect()
}

fn line(message: &Incoming<'_>) -> String {
    let header = &message.header;
    let content = match message.content() {
        Content::Payload(payload) => {
            let words = object(header.message_type, payload).unwrap_or_default();
            let bytes = hexadecimal::digits(payload.get(..SHOWN).unwrap_or(payload));
            format!("{} {words} [{bytes}]", name(header.message_type))
        }
        Content::Outcome(Ok(())) => "ACK".to_owned(),
        Content::End(Ok(())) => "DONE".to_owned(),
        Content::Outcome(Err(error)) => format!("ERROR {error}"),
        Content::End(Err(error)) => format!("DONE {error}"),
        Content::Nothing => "NOOP".to_owned(),
    };
    format!("seq {} flags {:#x}: {content}", header.sequence_number, header.flags)
}

/// The name of a message type (`RTM_*`).
fn name(kind: u16) -> String {
    const OBJECTS: [(u16, &str); 5] = [
        (libc::RTM_NEWLINK, "LINK"),
        (libc::RTM_NEWADDR, "ADDR"),
        (libc::RTM_NEWROUTE, "ROUTE"),
        (libc::RTM_NEWNEIGH, "NEIGH"),
        (libc::RTM_NEWRULE, "RULE"),
    ];
    let verb = match kind % 4 {
        0 => "NEW",
        1 => "DEL",
        2 => "GET",
        _ => "SET",
    };
    match OBJECTS.iter().find(|(first, _)| *first == kind / 4 * 4) {
        Some((_, object)) => format!("{verb}{object}"),
        None => format!("type {kind}"),
    }
}

fn object(kind: u16, payload: &[u8]) -> Option<String> {
    let nobody = Interfaces::default();
    match kind / 4 * 4 {
        libc::RTM_NEWLINK => Link::parse(payload).ok().map(|it| format!("{} {}", it.name, it.kind)),
        libc::RTM_NEWADDR => Address::parse(payload, &nobody).ok()?.map(|it| it.to_string()),
        libc::RTM_NEWROUTE => Route::parse(payload, &nobody).ok()?.map(|it| it.to_string()),
        libc::RTM_NEWNEIGH => Neighbour::parse(payload, &nobody).ok()?.map(|it| it.to_string()),
        libc::RTM_NEWRULE => Rule::parse(payload).ok()?.map(|it| it.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use lvs::netlink::fake_kernel::{message, outcome};

    use super::*;

    #[test]
    fn route_datagram_is_described_in_words() {
        let address = [2, 32, 0, 0, 5, 0, 0, 0, 8, 0, 2, 0, 192, 0, 2, 77];
        let both =
            [message(libc::RTM_NEWADDR, 0x605, 7, &address), outcome(8, libc::EPERM)].concat();
        let lines = describe(&both);
        let bytes = "02200000050000000800020".to_owned() + "0c000024d";
        assert_eq!(
            lines[0],
            format!("seq 7 flags 0x605: NEWADDR 192.0.2.77/32 scope global dev if5 [{bytes}]")
        );
        assert!(
            lines[1].starts_with("seq 8 flags 0x0: ERROR Operation not permitted"),
            "{lines:?}"
        );
        for length in 0..both.len() {
            describe(&both[..length]);
        }
    }
}

//! Values that `ip` syntax cannot express in full: words for people, followed by the kernel's message,
//! so that the journal keeps every attribute.

use netlink_packet_core::{Emitable, Parseable};

/// Separates the words from the message in hexadecimal digits.
const MESSAGE: &str = " message ";

pub(super) fn value(words: &str, message: &impl Emitable) -> String {
    let mut bytes = vec![0; message.buffer_len()];
    message.emit(&mut bytes);
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{words}{MESSAGE}{digits}")
}

pub(super) fn has_message(value: &str) -> bool {
    value.contains(MESSAGE)
}

pub(super) fn decode<M: Parseable<[u8]>>(value: &str) -> Option<M> {
    let (_, digits) = value.split_once(MESSAGE)?;
    let byte = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    let bytes: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect::<Option<_>>()?;
    M::parse(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use rtnetlink::RouteMessageBuilder;
    use rtnetlink::packet_route::route::RouteMessage;

    use super::*;
    use crate::host::without_message;

    #[test]
    fn message_behind_words_round_trips() {
        let message = RouteMessageBuilder::<Ipv4Addr>::new()
            .destination_prefix(Ipv4Addr::new(192, 0, 2, 0), 24)
            .priority(7)
            .build();
        let value = value("via 192.0.2.1", &message);
        assert_eq!(without_message(&value), "via 192.0.2.1");
        assert_eq!(decode::<RouteMessage>(&value), Some(message));
        assert!(has_message(&value) && !has_message("via 192.0.2.1"));
        assert_eq!(without_message("dev ppp0"), "dev ppp0");
        for bad in ["dev ppp0", "x message 0", "x message xx", "x message 00", "x message 0é0"] {
            assert_eq!(decode::<RouteMessage>(bad), None, "{bad:?}");
        }
    }
}

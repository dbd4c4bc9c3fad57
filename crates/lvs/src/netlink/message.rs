//! Messages: requests as bytes, the messages of a datagram, and the kernel's explanation of a refusal
//! (`NLMSGERR_ATTR_*` of `linux/netlink.h`).

use std::fmt::Debug;

use netlink_packet_core::{
    Emitable, NLM_F_ACK, NLM_F_ACK_TLVS, NLM_F_CAPPED, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_DONE,
    NLMSG_ERROR, NLMSG_NOOP, NLMSG_OVERRUN, NetlinkBuffer, NetlinkHeader, NetlinkMessage,
    NlasIterator, Parseable, ParseableParametrized, parse_u32,
};
use netlink_packet_generic::{GenlFamily, GenlHeader, GenlMessage};

use super::Error;

/// A payload of a request: the traits that `netlink-packet-generic` requires.
pub trait Payload: GenlFamily + Emitable + Debug {}
impl<P: GenlFamily + Emitable + Debug> Payload for P {}

/// A payload of a reply.
pub trait Reply: ParseableParametrized<[u8], GenlHeader> + Debug {}
impl<R: ParseableParametrized<[u8], GenlHeader> + Debug> Reply for R {}

pub(super) fn append_request<P: Payload>(
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
    message.serialize(grown(datagram, message.header.length as usize));
}

/// Appends a message with that type, flags, sequence number and payload.
pub(super) fn append_message(
    datagram: &mut Vec<u8>,
    kind: u16,
    flags: u16,
    sequence: u32,
    payload: &[u8],
) {
    let mut header = NetlinkHeader::default();
    header.message_type = kind;
    header.flags = flags;
    header.sequence_number = sequence;
    header.length = (header.buffer_len() + payload.len()) as u32;
    header.emit(grown(datagram, header.buffer_len()));
    datagram.extend_from_slice(payload);
}

/// Appends a barrier: a message without effect that is acknowledged (`NLMSG_NOOP` with `NLM_F_ACK`).
pub(super) fn append_barrier(datagram: &mut Vec<u8>, sequence: u32) {
    append_message(datagram, NLMSG_NOOP, NLM_F_REQUEST | NLM_F_ACK, sequence, &[]);
}

/// Appends that many zeros and returns them.
fn grown(datagram: &mut Vec<u8>, length: usize) -> &mut [u8] {
    let start = datagram.len();
    datagram.resize(start + length, 0);
    datagram.get_mut(start..).unwrap_or_default()
}

/// A message from the kernel.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// Header of the message.
    pub header: NetlinkHeader,
    body: &'a [u8],
    /// All of it.
    pub(super) bytes: &'a [u8],
    /// Whether nothing follows it in its datagram.
    pub(super) is_last: bool,
}

#[derive(Debug)]
/// What a message holds.
pub enum Content<'a> {
    /// Of a family or protocol.
    Payload(&'a [u8]),
    /// Result of a request (`NLMSG_ERROR`; number 0 is success).
    Outcome(Result<(), Error>),
    /// End of a dump (`NLMSG_DONE`), and its result.
    End(Result<(), Error>),
    /// `NLMSG_NOOP`.
    Nothing,
}

impl<'a> Incoming<'a> {
    /// Whether the table changed during the dump that this message belongs to.
    pub(crate) const fn is_interrupted(&self) -> bool {
        self.header.flags & NLM_F_DUMP_INTR != 0
    }

    /// What follows the header; fails unless the message is of that type.
    pub(super) fn payload(&self, kind: u16) -> Result<&'a [u8], Error> {
        match self.header.message_type {
            found if found == kind => Ok(self.body),
            found => Err(Error::Malformed(format!("a reply of type {found}, not {kind}"))),
        }
    }

    /// What it holds.
    pub fn content(&self) -> Content<'a> {
        match self.header.message_type {
            NLMSG_ERROR => Content::Outcome(acknowledgement(&self.header, self.body)),
            NLMSG_DONE => Content::End(done(&self.header, self.body)),
            NLMSG_NOOP => Content::Nothing,
            NLMSG_OVERRUN => Content::Outcome(Err(Error::Overrun)),
            _ => Content::Payload(self.body),
        }
    }
}

/// The messages of a datagram. Ends after the first malformed one.
pub struct Messages<'a>(pub &'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Incoming<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let datagram = std::mem::take(&mut self.0);
        let message = NetlinkBuffer::new_checked(datagram).and_then(|buffer| {
            let header = NetlinkHeader::parse(&buffer)?;
            let length = header.length as usize;
            // The last message of a datagram may come without its padding.
            self.0 = datagram.get(length.next_multiple_of(4)..).unwrap_or_default();
            let bytes = datagram.get(..length).unwrap_or_default();
            Ok(Incoming { header, body: buffer.payload(), bytes, is_last: self.0.is_empty() })
        });
        Some(message.map_err(|error| Error::Malformed(error.to_string())))
    }
}

// NLMSGERR_ATTR_*.
const MESSAGE: u16 = 1;
const OFFSET: u16 = 2;
const MISSING_TYPE: u16 = 5;

/// Length of `struct nlmsghdr`.
const HEADER_LENGTH: usize = 16;

/// The result in the body of an `NLMSG_ERROR`: error number, echo of the request (full, or only its
/// header if the acknowledgement is capped), attributes.
pub(super) fn acknowledgement(header: &NetlinkHeader, body: &[u8]) -> Result<(), Error> {
    let (code, echo) = split_code(body)?;
    let attributes = if header.flags & NLM_F_CAPPED != 0 {
        echo.get(HEADER_LENGTH..)
    } else {
        NetlinkBuffer::new_checked(echo)
            .ok()
            .and_then(|request| echo.get((request.length() as usize).next_multiple_of(4)..))
    };
    outcome(header, code, attributes)
}

/// The result in the body of an `NLMSG_DONE`: error number, attributes. Without a number the dump
/// is complete.
pub(super) fn done(header: &NetlinkHeader, body: &[u8]) -> Result<(), Error> {
    if body.is_empty() {
        return Ok(());
    }
    let (code, attributes) = split_code(body)?;
    outcome(header, code, Some(attributes))
}

fn split_code(body: &[u8]) -> Result<(i32, &[u8]), Error> {
    let (code, rest) = body
        .split_first_chunk()
        .ok_or_else(|| Error::Malformed(format!("a result of {} bytes", body.len())))?;
    Ok((i32::from_ne_bytes(*code), rest))
}

fn outcome(header: &NetlinkHeader, code: i32, attributes: Option<&[u8]>) -> Result<(), Error> {
    match code {
        0 => Ok(()),
        1.. => Err(Error::Malformed(format!("error number {code} is not negative"))),
        _ => {
            let attributes = attributes.filter(|_| header.flags & NLM_F_ACK_TLVS != 0);
            Err(Error::refused(code.saturating_neg(), attributes.and_then(explanation)))
        }
    }
}

/// The explanation in the attributes, as far as they can be parsed: a malformed explanation must not
/// hide the error.
fn explanation(attributes: &[u8]) -> Option<String> {
    let mut parts = Vec::new();
    for attribute in NlasIterator::new(attributes).map_while(Result::ok) {
        let value = attribute.value();
        parts.extend(match attribute.kind() {
            MESSAGE => {
                let text = value.split(|&byte| byte == 0).next()?;
                Some(String::from_utf8_lossy(text).into_owned())
            }
            OFFSET => parse_u32(value).ok().map(|at| format!("at byte {at} of the request")),
            MISSING_TYPE => {
                parse_u32(value).ok().map(|kind| format!("attribute {kind} is missing"))
            }
            _ => None,
        });
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

#[cfg(test)]
mod tests {
    use netlink_packet_core::{DefaultNla, Emitable};
    use proptest::prelude::*;

    use super::super::fake_kernel::{message, outcome};
    use super::*;

    #[test]
    fn messages_are_aligned_to_four_bytes() {
        let mut datagram = message(30, 0, 1, &[1, 2, 3]);
        datagram.push(0);
        datagram.extend(outcome(2, 0));
        datagram.extend(message(30, NLM_F_DUMP_INTR, 3, &[9]));
        let messages: Vec<_> = Messages(&datagram).map(Result::unwrap).collect();
        let sequences: Vec<_> = messages.iter().map(|m| m.header.sequence_number).collect();
        assert_eq!(sequences, [1, 2, 3]);
        assert!(matches!(messages[0].content(), Content::Payload([1, 2, 3])));
        assert!(matches!(messages[1].content(), Content::Outcome(Ok(()))));
        assert!(messages[2].is_interrupted());
    }

    #[test]
    fn truncated_message_ends_the_datagram() {
        let datagram = message(30, 0, 1, &[0; 8]);
        for length in 1..datagram.len() {
            let mut messages = Messages(&datagram[..length]);
            assert!(matches!(messages.next(), Some(Err(Error::Malformed(_)))));
            assert!(messages.next().is_none());
        }
    }

    proptest! {
        #[test]
        fn messages_never_panic_and_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let count = Messages(&bytes).inspect(|message| {
                if let Ok(message) = message {
                    let _ = message.content();
                }
            }).count();
            prop_assert!(count <= bytes.len().div_ceil(16).max(1));
        }
    }

    fn header(flags: u16) -> NetlinkHeader {
        let mut header = NetlinkHeader::default();
        header.flags = flags;
        header
    }

    fn attributes() -> Vec<u8> {
        let attributes = [
            DefaultNla::new(MESSAGE, b"Unsupported flags\0".to_vec()),
            DefaultNla::new(OFFSET, 24_u32.to_ne_bytes().to_vec()),
            DefaultNla::new(99, vec![1, 2, 3]),
            DefaultNla::new(MISSING_TYPE, 7_u32.to_ne_bytes().to_vec()),
        ];
        let mut bytes = vec![0; attributes.as_slice().buffer_len()];
        attributes.as_slice().emit(&mut bytes);
        bytes
    }

    fn body(code: i32, echo: &[u8], attributes: &[u8]) -> Vec<u8> {
        [&code.to_ne_bytes(), echo, attributes].concat()
    }

    /// A request of 18 bytes, which the echo pads to 20.
    fn request() -> Vec<u8> {
        let mut bytes = vec![0; 20];
        bytes[..4].copy_from_slice(&18_u32.to_ne_bytes());
        bytes
    }

    fn refused(result: Result<(), Error>) -> (i32, Option<String>) {
        match result {
            Err(Error::Refused { errno, message, .. }) => (errno, message),
            other => panic!("{other:?}"),
        }
    }

    const TEXT: &str = "Unsupported flags, at byte 24 of the request, attribute 7 is missing";

    #[test]
    fn explanation_is_found_after_capped_and_full_echo() {
        let capped = body(-22, &request()[..16], &attributes());
        let found = refused(acknowledgement(&header(NLM_F_ACK_TLVS | NLM_F_CAPPED), &capped));
        assert_eq!(found, (22, Some(TEXT.into())));

        let full = body(-22, &request(), &attributes());
        let found = refused(acknowledgement(&header(NLM_F_ACK_TLVS), &full));
        assert_eq!(found, (22, Some(TEXT.into())));

        let end = body(-19, &[], &attributes());
        assert_eq!(refused(done(&header(NLM_F_ACK_TLVS), &end)), (19, Some(TEXT.into())));
    }

    #[test]
    fn explanation_without_flag_is_ignored() {
        let full = body(-22, &request(), &attributes());
        assert_eq!(refused(acknowledgement(&header(0), &full)), (22, None));
    }

    #[test]
    fn zero_is_success_and_positive_number_is_malformed() {
        acknowledgement(&header(NLM_F_CAPPED), &body(0, &request()[..16], &[])).unwrap();
        done(&header(0), &[]).unwrap();
        let error = acknowledgement(&header(0), &body(22, &request(), &[])).unwrap_err();
        assert!(matches!(error, Error::Malformed(_)));
        assert!(matches!(done(&header(0), &[0, 0]), Err(Error::Malformed(_))));
    }

    proptest! {
        #[test]
        fn outcome_never_panics(flags: u16, bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = acknowledgement(&header(flags), &bytes);
            let _ = done(&header(flags), &bytes);
        }

        #[test]
        fn malformed_explanation_does_not_hide_the_error(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let full = body(-17, &request()[..16], &bytes);
            let found = refused(acknowledgement(&header(NLM_F_ACK_TLVS | NLM_F_CAPPED), &full));
            prop_assert_eq!(found.0, 17);
        }
    }
}

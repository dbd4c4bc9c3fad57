//! What one datagram from the kernel holds.

use netlink_packet_core::{
    NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP, NLMSG_OVERRUN, NetlinkBuffer,
    NetlinkHeader, Parseable,
};

use super::{Error, extended_ack};

/// A message from the kernel.
#[derive(Debug)]
pub(crate) struct Incoming<'a> {
    pub(crate) header: NetlinkHeader,
    body: &'a [u8],
}

/// What a message says.
#[derive(Debug)]
pub(crate) enum Content<'a> {
    /// A payload of the family.
    Payload(&'a [u8]),
    /// The outcome of a request (`NLMSG_ERROR`; number 0 is success).
    Outcome(Result<(), Error>),
    /// The end of a listing (`NLMSG_DONE`), which may be a bad one.
    End(Result<(), Error>),
    /// Nothing (`NLMSG_NOOP`).
    Nothing,
}

impl<'a> Incoming<'a> {
    /// Whether the table changed during the listing that this message is part of.
    pub(crate) const fn is_interrupted(&self) -> bool {
        self.header.flags & NLM_F_DUMP_INTR != 0
    }

    pub(crate) fn content(&self) -> Content<'a> {
        match self.header.message_type {
            NLMSG_ERROR => Content::Outcome(extended_ack::acknowledgement(&self.header, self.body)),
            NLMSG_DONE => Content::End(extended_ack::done(&self.header, self.body)),
            NLMSG_NOOP => Content::Nothing,
            NLMSG_OVERRUN => Content::Outcome(Err(Error::Overrun)),
            _ => Content::Payload(self.body),
        }
    }
}

/// The messages of a datagram, one after the other; ends after the first that makes no sense.
pub(crate) struct Messages<'a> {
    rest: &'a [u8],
}

impl<'a> Messages<'a> {
    pub(crate) const fn new(datagram: &'a [u8]) -> Self {
        Self { rest: datagram }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Incoming<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let datagram = std::mem::take(&mut self.rest);
        let message = NetlinkBuffer::new_checked(datagram).and_then(|buffer| {
            let header = NetlinkHeader::parse(&buffer)?;
            Ok(Incoming { header, body: buffer.payload() })
        });
        if let Ok(message) = &message {
            // The last message of a datagram may come without its padding.
            let next = (message.header.length as usize).next_multiple_of(4);
            self.rest = datagram.get(next..).unwrap_or_default();
        }
        Some(message.map_err(|error| Error::Malformed(error.to_string())))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fake_kernel::{message, outcome};
    use super::*;

    #[test]
    fn messages_follow_each_other_on_four_byte_borders() {
        let mut datagram = message(30, 0, 1, &[1, 2, 3]);
        datagram.push(0);
        datagram.extend(outcome(2, 0));
        datagram.extend(message(30, NLM_F_DUMP_INTR, 3, &[9]));
        let messages: Vec<_> = Messages::new(&datagram).map(Result::unwrap).collect();
        let sequences: Vec<_> = messages.iter().map(|m| m.header.sequence_number).collect();
        assert_eq!(sequences, [1, 2, 3]);
        assert!(matches!(messages[0].content(), Content::Payload([1, 2, 3])));
        assert!(matches!(messages[1].content(), Content::Outcome(Ok(()))));
        assert!(messages[2].is_interrupted());
    }

    #[test]
    fn a_message_that_is_cut_ends_the_datagram() {
        let datagram = message(30, 0, 1, &[0; 8]);
        for length in 1..datagram.len() {
            let mut messages = Messages::new(&datagram[..length]);
            assert!(matches!(messages.next(), Some(Err(Error::Malformed(_)))));
            assert!(messages.next().is_none());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_run_on(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let count = Messages::new(&bytes).inspect(|message| {
                if let Ok(message) = message {
                    let _ = message.content();
                }
            }).count();
            prop_assert!(count <= bytes.len().div_ceil(16).max(1));
        }
    }
}

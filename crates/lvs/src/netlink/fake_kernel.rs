//! A kernel in memory for the tests of this crate and of the programs. The test decides the replies.

// Only tests run this: a wrong datagram must fail them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::VecDeque;
use std::io;

use netlink_packet_core::{NLM_F_DUMP, NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP, NetlinkHeader};
use netlink_packet_generic::constants::GENL_ID_CTRL;

use super::Transport;
use super::message::{Content, Messages};

/// The id of every family.
pub const FAMILY: u16 = 28;

/// A message as the fake kernel receives it: a request, or the barrier after the requests.
#[derive(Clone, Debug)]
pub struct Seen {
    pub header: NetlinkHeader,
    /// Generic header and attributes; a barrier has none.
    pub payload: Vec<u8>,
}

impl Seen {
    pub const fn sequence(&self) -> u32 {
        self.header.sequence_number
    }

    pub const fn is_barrier(&self) -> bool {
        self.header.message_type == NLMSG_NOOP
    }

    const fn is_dump(&self) -> bool {
        self.header.flags & NLM_F_DUMP == NLM_F_DUMP
    }
}

/// A datagram from the kernel, or an error of the socket.
pub type Answer = io::Result<Vec<u8>>;

pub struct FakeKernel<F> {
    reply: F,
    queue: VecDeque<Answer>,
    /// Whether a dump has begun and not all of it has been received.
    dumping: bool,
    /// A datagram that arrives for ever once the replies are used up.
    pub endless: Option<Vec<u8>>,
    pub knows_family: bool,
}

impl<F: FnMut(&[Seen]) -> Vec<Answer>> FakeKernel<F> {
    pub fn new(reply: F) -> Self {
        Self { reply, queue: VecDeque::new(), dumping: false, endless: None, knows_family: true }
    }
}

impl<F: FnMut(&[Seen]) -> Vec<Answer>> Transport for FakeKernel<F> {
    fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        let seen: Vec<_> = Messages(datagram)
            .map(|message| {
                let message = message.unwrap();
                let payload = match message.content() {
                    Content::Payload(payload) => payload.to_vec(),
                    Content::Nothing => vec![],
                    content => panic!("{content:?}"),
                };
                Seen { header: message.header, payload }
            })
            .collect();
        let lookup = match seen.as_slice() {
            [seen] if seen.header.message_type == GENL_ID_CTRL => Some(seen.sequence()),
            _ => None,
        };
        if let Some(sequence) = lookup {
            if !self.knows_family {
                self.queue.push_back(Ok(outcome(sequence, libc::ENOENT)));
                return Ok(());
            }
            let [low, high] = FAMILY.to_ne_bytes();
            let id = [1, 2, 0, 0, 6, 0, 1, 0, low, high, 0, 0];
            self.queue.push_back(Ok(message(GENL_ID_CTRL, 0, sequence, &id)));
            self.queue.push_back(Ok(outcome(sequence, 0)));
        } else if self.dumping && seen.iter().any(Seen::is_dump) {
            // One dump per socket, and receiving continues it (`__netlink_dump_start` and
            // `netlink_recvmsg` of net/netlink).
            let busy = outcome(seen[0].sequence(), libc::EBUSY);
            self.queue.push_back(Ok(busy));
        } else {
            self.queue.extend((self.reply)(&seen));
            self.dumping |= seen.iter().any(Seen::is_dump);
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let reply = self.queue.pop_front();
        self.dumping &= !self.queue.is_empty();
        let datagram = match (reply, &self.endless) {
            (Some(reply), _) => reply?,
            (None, Some(endless)) => endless.clone(),
            (None, None) => return Err(io::ErrorKind::WouldBlock.into()),
        };
        let length = datagram.len().min(buffer.len());
        buffer[..length].copy_from_slice(&datagram[..length]);
        Ok(datagram.len())
    }
}

pub fn message(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let length = (16 + payload.len()) as u32;
    [
        &length.to_ne_bytes()[..],
        &kind.to_ne_bytes(),
        &flags.to_ne_bytes(),
        &sequence.to_ne_bytes(),
        &[0; 4],
        payload,
    ]
    .concat()
}

/// An acknowledgement (0) or a refusal (a positive `errno`), with an echo of the request's header.
pub fn outcome(sequence: u32, errno: i32) -> Vec<u8> {
    let echo = message(FAMILY, 0, sequence, &[]);
    message(NLMSG_ERROR, 0, sequence, &[&(-errno).to_ne_bytes()[..], &echo].concat())
}

/// The acknowledgement of the last message, which asks for one.
pub fn acknowledged(seen: &[Seen]) -> Answer {
    Ok(outcome(seen.last().unwrap().sequence(), 0))
}

/// The end of a dump.
pub fn end(sequence: u32, errno: i32) -> Vec<u8> {
    message(NLMSG_DONE, 2, sequence, &(-errno).to_ne_bytes())
}

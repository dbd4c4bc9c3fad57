//! A connection to the kernel: one request at a time, many in few datagrams, or a dump.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::ops::{ControlFlow, RangeInclusive};
use std::time::{Duration, Instant};

use netlink_packet_core::{
    DecodeError, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkDeserializable,
};
use netlink_packet_generic::GenlMessage;

use super::message::{
    Content, Incoming, Messages, Payload, Reply, append_barrier, append_message, append_request,
};
use super::{Error, Transport};

/// How long to wait for a reply to the current request, whatever else arrives.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(10);

/// Most that is received at once. From 128 KiB on the C library maps separate memory for a buffer,
/// whose pages cost nothing until they are used.
const RECEIVE_BUFFER: usize = 128 << 10;

/// The kernel fills a datagram of a dump up to the largest buffer that it was offered, 32 KiB at
/// most (`max_recvmsg_len` of net/netlink). This leaves room for [`Connection::shift_ends`].
const SMALL_OFFER: usize = 20 << 10;

/// By how much the offer grows: about an entry of IPVS.
const OFFER_STEP: usize = 384;

/// Attempts at a dump that changes interrupt. A dump takes a few milliseconds, and a program that
/// changes hundreds of addresses interrupts several in a row.
pub(super) const ATTEMPTS: u32 = 50;

/// How long to wait between later attempts.
const PAUSE: Duration = Duration::from_millis(10);

/// Attempts without a pause between them.
const HASTY_ATTEMPTS: u32 = 5;

/// Entries of a dump above which it is malformed.
const MOST_ENTRIES: usize = 1 << 20;

/// What the kernel may allocate for a datagram of a dump where it cannot have what it was offered
/// (`NLMSG_GOODSIZE`), and the most that it allocates.
const LEAST_ROOM: [usize; 2] = [4 << 10, 8 << 10];
const MOST_ROOM: usize = 32 << 10;

/// Room for an entry, and the overhead of a datagram: with less, a datagram counts as full.
const ENTRY_ROOM: usize = 1 << 10;

/// The usual receive buffer of 208 KiB holds about 250 refusals; the kernel drops the rest. Half
/// of that is safe wherever a larger buffer is not allowed.
const MOST_REQUESTS: u32 = 128;

/// Far below the usual send buffer of 208 KiB, which no datagram may exceed.
const MOST_BYTES: usize = 48 << 10;

/// The entries of a dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dump<E> {
    /// In the order of the kernel.
    pub entries: Vec<E>,
    /// After how many entries the kernel interrupted the dump to fill another datagram. Changes come
    /// in between there.
    pub ends: BTreeSet<usize>,
}

/// A dump before it is decoded.
#[derive(Default)]
struct RawDump {
    messages: Vec<u8>,
    ends: BTreeSet<usize>,
    interrupted: bool,
}

/// A connection over a [`Transport`]: for generic netlink families by typed payloads, for other
/// protocols, such as route netlink, by message types and the bytes behind the header.
///
/// Messages without the sequence number of the current request are skipped, so the connection
/// stays usable after an error and after a late reply. Every method can fail with an error of the
/// exchange ([`Error::Socket`], [`Error::TimedOut`], [`Error::Overrun`], [`Error::Malformed`]) and,
/// unless it says otherwise, with [`Error::Refused`] if the kernel refuses the request.
pub struct Connection<T> {
    transport: T,
    next_sequence: u32,
    received: Vec<u8>,
    /// Bytes of `received` that are offered to the kernel.
    offer: usize,
    outgoing: Vec<u8>,
    pub(super) time_limit: Duration,
    pub(super) pause: Duration,
}

impl<T: Transport> Connection<T> {
    /// Makes a connection. Nothing is sent yet.
    pub fn new(transport: T) -> Self {
        Self {
            transport,
            next_sequence: 1,
            received: vec![0; RECEIVE_BUFFER],
            offer: RECEIVE_BUFFER,
            outgoing: Vec::new(),
            time_limit: TIME_LIMIT,
            pause: PAUSE,
        }
    }

    /// Makes a connection whose dumps can be [shifted](Self::shift_ends).
    pub fn with_small_datagrams(transport: T) -> Self {
        Self { offer: SMALL_OFFER, ..Self::new(transport) }
    }

    /// Sends one request to the family with that id and waits for its outcome.
    ///
    /// The kernel sends no outcome for a request that ends with `EINTR` (`netlink_rcv_skb` of
    /// net/netlink), such as stopping a daemon that has just been started; that counts as success.
    pub fn execute(&mut self, family: u16, request: impl Payload) -> Result<(), Error> {
        let mut result = Ok(());
        self.execute_all(family, [request], |outcome| result = outcome)?;
        result
    }

    /// Sends one request and returns its one reply. More or fewer replies are [`Error::Malformed`].
    pub fn query<R: Reply>(&mut self, family: u16, request: impl Payload) -> Result<R, Error> {
        let sequence = self.send_one(family, NLM_F_ACK, request)?;
        self.reply(sequence, |message| decode(family, message))
    }

    /// As [`Connection::query`], for any protocol: `request` follows the header, and `convert` gets
    /// what follows the header of a reply of type `reply`.
    pub fn query_message<R>(
        &mut self,
        kind: u16,
        request: &[u8],
        reply: u16,
        mut convert: impl FnMut(&[u8]) -> Result<R, DecodeError>,
    ) -> Result<R, Error> {
        let sequence = self.send_message(kind, NLM_F_ACK, request)?;
        self.reply(sequence, |message| convert(message.payload(reply)?).map_err(malformed))
    }

    /// As [`Connection::execute`], for any protocol; `flags` are added to the usual ones, such as
    /// `NLM_F_CREATE`.
    pub fn execute_message(&mut self, kind: u16, flags: u16, request: &[u8]) -> Result<(), Error> {
        let sequence = self.send_message(kind, NLM_F_ACK | flags, request)?;
        self.receive(sequence..=sequence, |_, content| match content {
            Content::Outcome(outcome) => outcome.map(ControlFlow::Break),
            Content::Nothing => Ok(ControlFlow::Continue(())),
            content => Err(unexpected(&content)),
        })
    }

    fn reply<R>(
        &mut self,
        sequence: u32,
        mut decode: impl FnMut(&Incoming<'_>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let mut reply = None;
        self.receive(sequence..=sequence, |message, content| {
            match content {
                Content::Payload(_) if reply.is_none() => reply = Some(decode(message)?),
                Content::Outcome(outcome) => return outcome.map(ControlFlow::Break),
                Content::Nothing => {}
                content => return Err(unexpected(&content)),
            }
            Ok(ControlFlow::Continue(()))
        })?;
        reply.ok_or_else(|| Error::Malformed("an acknowledgement without a reply".into()))
    }

    /// Dumps a table and returns its entries, each converted by `convert`. A dump that the kernel
    /// marks as interrupted by a change is repeated.
    ///
    /// Fails with [`Error::Interrupted`] after 50 interrupted dumps in a row, and with
    /// [`Error::Malformed`] if an entry cannot be decoded or there are more than 2^20 of them.
    /// After a longer dump, and after one whose end is missing, the kernel may refuse the next dump
    /// of this connection with `EBUSY`.
    pub fn dump<R: Reply, E>(
        &mut self,
        family: u16,
        request: impl Payload + Clone,
        mut convert: impl FnMut(R) -> Result<E, DecodeError>,
    ) -> Result<Dump<E>, Error> {
        let RawDump { messages, ends, .. } = self
            .settled_dump(|connection| connection.send_one(family, NLM_F_DUMP, request.clone()))?;
        let entry = |message: Result<Incoming<'_>, Error>| {
            convert(decode(family, &message?)?).map_err(malformed)
        };
        let entries = Messages(&messages).map(entry).collect::<Result<_, _>>()?;
        Ok(Dump { entries, ends })
    }

    /// As [`Connection::dump`], for any protocol: `request` follows the header, and `convert` gets
    /// what follows the header of each reply, all of which have the type `reply`.
    pub fn dump_messages<E>(
        &mut self,
        kind: u16,
        request: &[u8],
        reply: u16,
        mut convert: impl FnMut(&[u8]) -> Result<E, DecodeError>,
    ) -> Result<Vec<E>, Error> {
        let dump =
            self.settled_dump(|connection| connection.send_message(kind, NLM_F_DUMP, request))?;
        let entry = |message: Result<Incoming<'_>, Error>| {
            convert(message?.payload(reply)?).map_err(malformed)
        };
        Messages(&dump.messages).map(entry).collect()
    }

    /// A dump that no change interrupted.
    fn settled_dump(
        &mut self,
        mut send: impl FnMut(&mut Self) -> Result<u32, Error>,
    ) -> Result<RawDump, Error> {
        for attempt in 0..ATTEMPTS {
            if attempt >= HASTY_ATTEMPTS {
                std::thread::sleep(self.pause);
            }
            let sequence = send(self)?;
            let dump = self.receive_dump(sequence)?;
            if !dump.interrupted {
                return Ok(dump);
            }
        }
        Err(Error::Interrupted(ATTEMPTS))
    }

    /// Receives all of a dump before anything is decoded: the sooner the kernel is asked to continue
    /// it, the fewer changes come in between. After a dump that is not received to its end, the
    /// kernel refuses the next one of this socket (`__netlink_dump_start` of net/netlink).
    fn receive_dump(&mut self, sequence: u32) -> Result<RawDump, Error> {
        let offer = self.offer.min(MOST_ROOM);
        let mut dump = RawDump::default();
        let (mut count, mut bytes, mut datagram_ended) = (0, 0, false);
        self.receive(sequence..=sequence, |message, content| {
            dump.interrupted |= message.is_interrupted();
            match content {
                Content::Payload(_) if count == MOST_ENTRIES => {
                    let text = format!("a dump of more than {MOST_ENTRIES} entries");
                    return Err(Error::Malformed(text));
                }
                Content::Payload(_) => {
                    if std::mem::replace(&mut datagram_ended, message.is_last) {
                        dump.ends.insert(count);
                        bytes = 0;
                    }
                    count += 1;
                    bytes += message.bytes.len();
                    dump.messages.extend_from_slice(message.bytes);
                    dump.messages.resize(dump.messages.len().next_multiple_of(4), 0);
                }
                Content::End(outcome) => return outcome.map(ControlFlow::Break),
                Content::Outcome(Err(error)) => return Err(error),
                Content::Nothing => {}
                content @ Content::Outcome(Ok(())) => return Err(unexpected(&content)),
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if may_be_full(bytes, offer) {
            dump.ends.insert(count);
        }
        Ok(dump)
    }

    /// Sends many requests and passes the result of each to `outcome`, in order.
    ///
    /// Requests are taken, encoded and sent as they come, at most 128 at a time, so any number
    /// needs the same memory. The kernel executes them in order and continues after a refusal. No
    /// request asks for an acknowledgement: the kernel reports refusals in any case. The barrier
    /// at the end of the datagram, a message without effect, is acknowledged after all of them.
    ///
    /// The returned error is one of the exchange. Then the results of the current datagram are
    /// unknown, and later requests were not sent.
    pub fn execute_all<P: Payload>(
        &mut self,
        family: u16,
        requests: impl IntoIterator<Item = P>,
        mut outcome: impl FnMut(Result<(), Error>),
    ) -> Result<(), Error> {
        let mut requests = requests.into_iter().peekable();
        while requests.peek().is_some() {
            let first = self.reserve(MOST_REQUESTS + 1);
            let mut sequence = first;
            self.outgoing.clear();
            while sequence - first < MOST_REQUESTS && self.outgoing.len() < MOST_BYTES {
                let Some(request) = requests.next() else { break };
                append_request(&mut self.outgoing, family, NLM_F_REQUEST, sequence, request);
                sequence += 1;
            }
            append_barrier(&mut self.outgoing, sequence);
            self.send()?;
            self.outcomes(first, sequence, &mut outcome)?;
        }
        Ok(())
    }

    /// Waits for the acknowledgement of the barrier and reports the results of the requests before.
    fn outcomes(
        &mut self,
        first: u32,
        barrier: u32,
        outcome: &mut impl FnMut(Result<(), Error>),
    ) -> Result<(), Error> {
        let mut refusals: Vec<(u32, Error)> = Vec::new();
        self.receive(first..=barrier, |message, content| {
            let sequence = message.header.sequence_number;
            let problem = match content {
                Content::Nothing => return Ok(ControlFlow::Continue(())),
                Content::Outcome(Ok(())) if sequence == barrier => {
                    return Ok(ControlFlow::Break(()));
                }
                Content::Outcome(Ok(())) => "an acknowledgement without a request for it",
                Content::Outcome(Err(error @ Error::Refused { .. })) => {
                    let last = refusals.last().map_or(0, |&(sequence, _)| sequence);
                    if last < sequence && sequence < barrier {
                        refusals.push((sequence, error));
                        return Ok(ControlFlow::Continue(()));
                    }
                    // The kernel replies in the order of the requests, and once to each.
                    "a refusal of the barrier, or refusals out of order"
                }
                Content::Outcome(Err(error)) => return Err(error),
                content => return Err(unexpected(&content)),
            };
            Err(Error::Malformed(problem.into()))
        })?;
        let mut refusals = refusals.into_iter().peekable();
        for sequence in first..barrier {
            let refusal = refusals.next_if(|&(refused, _)| refused == sequence);
            outcome(refusal.map_or(Ok(()), |(_, error)| Err(error)));
        }
        Ok(())
    }

    fn send_one(&mut self, family: u16, flags: u16, request: impl Payload) -> Result<u32, Error> {
        let sequence = self.reserve(1);
        self.outgoing.clear();
        append_request(&mut self.outgoing, family, NLM_F_REQUEST | flags, sequence, request);
        self.send()?;
        Ok(sequence)
    }

    fn send_message(&mut self, kind: u16, flags: u16, request: &[u8]) -> Result<u32, Error> {
        let sequence = self.reserve(1);
        self.outgoing.clear();
        append_message(&mut self.outgoing, kind, NLM_F_REQUEST | flags, sequence, request);
        self.send()?;
        Ok(sequence)
    }

    fn send(&mut self) -> Result<(), Error> {
        self.transport.send(&self.outgoing).map_err(|error| self.failure(error))
    }

    /// The first of `count` consecutive sequence numbers. Never 0, which the kernel uses for
    /// notifications.
    pub(super) fn reserve(&mut self, count: u32) -> u32 {
        let (first, next) = match self.next_sequence.checked_add(count) {
            Some(next) => (self.next_sequence, next),
            None => (1, count.saturating_add(1)),
        };
        self.next_sequence = next;
        first
    }

    /// Makes later dumps end their datagrams after other entries, as long as there is room for it.
    pub fn shift_ends(&mut self) {
        self.offer = (self.offer + OFFER_STEP).min(RECEIVE_BUFFER);
    }

    /// Passes messages with these sequence numbers to `handle` until it breaks.
    fn receive(
        &mut self,
        sequences: RangeInclusive<u32>,
        mut handle: impl FnMut(&Incoming<'_>, Content<'_>) -> Result<ControlFlow<()>, Error>,
    ) -> Result<(), Error> {
        // The clock runs only while unrelated messages arrive; otherwise the transport keeps time.
        let mut unrelated_since = None;
        loop {
            let offer = self.received.get_mut(..self.offer).unwrap_or_default();
            let length = self.transport.receive(offer);
            let length = length.map_err(|error| self.failure(error))?;
            let datagram = self.received.get(..length).filter(|_| length <= self.offer);
            let datagram = datagram.ok_or_else(|| {
                Error::Malformed(format!("a datagram of {length} bytes, longer than the buffer"))
            })?;
            let mut unrelated = true;
            for message in Messages(datagram) {
                let message = message?;
                if sequences.contains(&message.header.sequence_number) {
                    let content = message.content();
                    unrelated &= matches!(content, Content::Nothing);
                    if handle(&message, content)?.is_break() {
                        return Ok(());
                    }
                }
            }
            if !unrelated {
                unrelated_since = None;
            } else if unrelated_since.get_or_insert_with(Instant::now).elapsed() >= self.time_limit
            {
                return Err(self.timed_out());
            }
        }
    }

    fn failure(&self, error: io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => self.timed_out(),
            _ if error.raw_os_error() == Some(libc::ENOBUFS) => Error::Overrun,
            _ => Error::Socket(error),
        }
    }

    const fn timed_out(&self) -> Error {
        Error::TimedOut(self.time_limit.as_secs())
    }
}

impl<T: fmt::Debug> fmt::Debug for Connection<T> {
    // Without the buffers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("transport", &self.transport).finish_non_exhaustive()
    }
}

/// Whether a datagram of a dump may have ended for lack of room for another entry.
fn may_be_full(bytes: usize, offer: usize) -> bool {
    let [page, pages] = LEAST_ROOM;
    [page, pages, offer].iter().any(|room| (room - ENTRY_ROOM..=*room).contains(&bytes))
}

fn decode<R: Reply>(family: u16, message: &Incoming<'_>) -> Result<R, Error> {
    let payload = message.payload(family)?;
    let message = GenlMessage::deserialize(&message.header, payload).map_err(malformed)?;
    Ok(message.payload)
}

fn malformed(error: DecodeError) -> Error {
    Error::Malformed(error.to_string())
}

fn unexpected(content: &Content<'_>) -> Error {
    let what = match content {
        Content::Payload(_) => "an unexpected payload",
        Content::Outcome(_) => "an acknowledgement in place of a dump",
        Content::End(_) => "the end of a dump without a dump",
        Content::Nothing => "nothing",
    };
    Error::Malformed(what.into())
}

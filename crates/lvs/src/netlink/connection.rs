//! A connection to the kernel: one request at a time, many in few datagrams, or a dump.

use std::fmt;
use std::io;
use std::ops::{ControlFlow, RangeInclusive};
use std::time::{Duration, Instant};

use netlink_packet_core::{
    DecodeError, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkDeserializable, ParseableParametrized,
};
use netlink_packet_generic::{GenlHeader, GenlMessage};

use super::message::{Content, Incoming, Messages, Payload, append_barrier, append_request};
use super::{Error, Transport};

/// How long to wait for something that belongs to the request, whatever else arrives.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(10);

/// The kernel puts as much of a listing into one datagram as the largest buffer it has been offered
/// holds, 32 KiB at most (`max_recvmsg_len` of net/netlink). From 128 KiB on the C library maps memory
/// of its own for a buffer, of which only what is used has to be there.
const RECEIVE_BUFFER: usize = 128 << 10;

/// How often an interrupted listing is tried before giving up.
const ATTEMPTS: u32 = 5;

/// Entries of a listing above which the answer is not believed.
const LONGEST_LISTING: usize = 1 << 20;

/// The usual receive buffer of 208 KiB holds about 250 refusals; what comes beyond is lost. Half
/// of that is safe wherever a larger buffer is not allowed.
const MOST_REQUESTS: u32 = 128;

/// Far below the usual send buffer of 208 KiB, which no datagram may exceed.
const MOST_BYTES: usize = 48 << 10;

/// A conversation over a [`Transport`], for any generic netlink family.
///
/// Answers that do not carry the number of the current request are skipped, so a conversation goes
/// on after an error, and after an answer that came too late.
///
/// # Examples
///
/// ```no_run
/// use lvs::netlink::{Connection, Socket};
///
/// let mut connection = Connection::new(Socket::new()?);
/// let family = connection.family("IPVS")?;
/// # Ok::<(), lvs::netlink::Error>(())
/// ```
pub struct Connection<T> {
    transport: T,
    next_sequence: u32,
    received: Vec<u8>,
    outgoing: Vec<u8>,
    pub(super) time_limit: Duration,
}

impl<T: Transport> Connection<T> {
    /// Starts a conversation.
    pub fn new(transport: T) -> Self {
        Self {
            transport,
            next_sequence: 1,
            received: vec![0; RECEIVE_BUFFER],
            outgoing: Vec::new(),
            time_limit: TIME_LIMIT,
        }
    }

    /// Sends one request to the family of that id and waits until the kernel has done it.
    ///
    /// The kernel tells no outcome at all of a request that ends with `EINTR` (`netlink_rcv_skb` of
    /// net/netlink), as stopping a daemon that has just been started does; that counts as done.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] where the kernel answers with an error number; the others where the
    /// conversation failed.
    pub fn execute(&mut self, family: u16, request: impl Payload) -> Result<(), Error> {
        let mut result = Ok(());
        self.execute_all(family, [request], |outcome| result = outcome)?;
        result
    }

    /// Sends one request and gives its one answer.
    ///
    /// # Errors
    ///
    /// As [`Connection::execute`], and [`Error::Malformed`] where there is no answer, more than
    /// one, or one that cannot be read.
    pub fn query<R>(&mut self, family: u16, request: impl Payload) -> Result<R, Error>
    where
        R: ParseableParametrized<[u8], GenlHeader> + fmt::Debug,
    {
        let sequence = self.send_one(family, NLM_F_ACK, request)?;
        let mut answer = None;
        self.receive(sequence..=sequence, |message, content| {
            match content {
                Content::Payload(payload) if answer.is_none() => {
                    answer = Some(decode(family, message, payload)?);
                }
                Content::Outcome(outcome) => return outcome.map(ControlFlow::Break),
                Content::Nothing => {}
                content => return Err(unexpected(&content)),
            }
            Ok(ControlFlow::Continue(()))
        })?;
        answer.ok_or_else(|| Error::Malformed("an acknowledgement without the answer".into()))
    }

    /// Asks for a listing and gives its entries, each turned by `convert` into what the caller
    /// keeps. A listing that the kernel marks as interrupted by a change is asked for again.
    ///
    /// # Errors
    ///
    /// As [`Connection::execute`], [`Error::Interrupted`] after five interrupted listings in a row,
    /// and [`Error::Malformed`] for an entry that cannot be read and for a listing of more than 2^20
    /// entries. After one that is longer, or whose end did not come, the kernel may refuse the next
    /// listing of this connection with `EBUSY`.
    pub fn list<R, E>(
        &mut self,
        family: u16,
        request: impl Payload + Clone,
        mut convert: impl FnMut(R) -> Result<E, DecodeError>,
    ) -> Result<Vec<E>, Error>
    where
        R: ParseableParametrized<[u8], GenlHeader> + fmt::Debug,
    {
        for _ in 0..ATTEMPTS {
            let sequence = self.send_one(family, NLM_F_DUMP, request.clone())?;
            let mut heard = 0;
            let mut entries = Ok(Vec::new());
            let mut interrupted = false;
            let ended = self.receive(sequence..=sequence, |message, content| {
                interrupted |= message.is_interrupted();
                match content {
                    Content::Payload(_) if heard == LONGEST_LISTING => {
                        return Err(Error::Malformed(format!(
                            "a listing of more than {LONGEST_LISTING} entries"
                        )));
                    }
                    Content::Payload(payload) => {
                        heard += 1;
                        // After a bad entry the rest is only heard: until it is, the kernel refuses
                        // the socket's next listing (`__netlink_dump_start` of net/netlink).
                        if let Ok(kept) = &mut entries {
                            let answer = decode(family, message, payload);
                            match answer.and_then(|answer| convert(answer).map_err(malformed)) {
                                Ok(entry) => kept.push(entry),
                                Err(error) => entries = Err(error),
                            }
                        }
                    }
                    Content::End(outcome) => return outcome.map(ControlFlow::Break),
                    Content::Outcome(Err(error)) => return Err(error),
                    Content::Nothing => {}
                    content @ Content::Outcome(Ok(())) => return Err(unexpected(&content)),
                }
                Ok(ControlFlow::Continue(()))
            });
            let entries = entries?;
            ended?;
            if !interrupted {
                return Ok(entries);
            }
        }
        Err(Error::Interrupted(ATTEMPTS))
    }

    fn send_one(&mut self, family: u16, flags: u16, request: impl Payload) -> Result<u32, Error> {
        let sequence = self.reserve(1);
        self.outgoing.clear();
        let flags = NLM_F_REQUEST | flags;
        append_request(&mut self.outgoing, family, flags, sequence, request);
        self.send()?;
        Ok(sequence)
    }

    /// Sends what stands in `outgoing`.
    fn send(&mut self) -> Result<(), Error> {
        self.transport.send(&self.outgoing).map_err(|error| self.failure(error))
    }

    /// The first of that many sequence numbers in a row. Never 0, which the kernel uses for what
    /// nobody asked for.
    pub(super) fn reserve(&mut self, count: u32) -> u32 {
        let (first, next) = match self.next_sequence.checked_add(count) {
            Some(next) => (self.next_sequence, next),
            None => (1, count.saturating_add(1)),
        };
        self.next_sequence = next;
        first
    }

    /// Receives until `handle` has what it wants of the messages with these sequence numbers.
    fn receive(
        &mut self,
        sequences: RangeInclusive<u32>,
        mut handle: impl FnMut(&Incoming<'_>, Content<'_>) -> Result<ControlFlow<()>, Error>,
    ) -> Result<(), Error> {
        // The clock runs only while foreign messages arrive; in silence the transport keeps time.
        let mut astray_since = None;
        loop {
            let length = match self.transport.receive(&mut self.received) {
                Ok(length) => length,
                Err(error) => return Err(self.failure(error)),
            };
            let datagram = self.received.get(..length).ok_or_else(|| {
                Error::Malformed(format!("a datagram of {length} bytes, too long to be read"))
            })?;
            let mut astray = true;
            for message in Messages::new(datagram) {
                let message = message?;
                if sequences.contains(&message.header.sequence_number) {
                    let content = message.content();
                    astray &= matches!(content, Content::Nothing);
                    if handle(&message, content)?.is_break() {
                        return Ok(());
                    }
                }
            }
            if !astray {
                astray_since = None;
            } else if astray_since.get_or_insert_with(Instant::now).elapsed() >= self.time_limit {
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

impl<T: Transport> Connection<T> {
    /// Sends many requests and tells `outcome` what became of each, in their order.
    ///
    /// Requests are taken, encoded and sent as they come, at most 128 at a time, so that any number
    /// needs the same memory. The kernel does them one after the other and goes on after a refusal.
    /// No request asks for an acknowledgement: refusals are told in any case, and a barrier at the
    /// end of the datagram, a message that does nothing, is acknowledged after all of them.
    ///
    /// # Errors
    ///
    /// An error of the conversation itself, after which nothing is known of the datagram that was
    /// under way, and nothing behind it was sent. Refusals go to `outcome`.
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
                let Some(request) = requests.next() else {
                    break;
                };
                append_request(&mut self.outgoing, family, NLM_F_REQUEST, sequence, request);
                sequence += 1;
            }
            append_barrier(&mut self.outgoing, sequence);
            self.send()?;
            self.outcomes(first, sequence, &mut outcome)?;
        }
        Ok(())
    }

    /// Waits for the acknowledgement of the barrier and tells what became of the requests before.
    fn outcomes(
        &mut self,
        first: u32,
        barrier: u32,
        outcome: &mut impl FnMut(Result<(), Error>),
    ) -> Result<(), Error> {
        let mut refusals: Vec<(u32, Error)> = Vec::new();
        self.receive(first..=barrier, |message, content| {
            let sequence = message.header.sequence_number;
            match content {
                Content::Outcome(Ok(())) if sequence == barrier => {
                    return Ok(ControlFlow::Break(()));
                }
                Content::Outcome(Err(Error::Refused { .. })) if sequence == barrier => {
                    return Err(Error::Malformed("a refusal of the barrier".into()));
                }
                Content::Outcome(Err(error @ Error::Refused { .. })) => {
                    // The kernel answers in the order of the requests, and each once.
                    if refusals.last().is_some_and(|&(before, _)| before >= sequence) {
                        return Err(Error::Malformed("refusals out of order".into()));
                    }
                    refusals.push((sequence, error));
                }
                Content::Outcome(Err(error)) => return Err(error),
                Content::Nothing => {}
                Content::Outcome(Ok(())) => {
                    return Err(Error::Malformed(
                        "an acknowledgement that was not asked for".into(),
                    ));
                }
                content => return Err(unexpected(&content)),
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let mut refusals = refusals.into_iter().peekable();
        for sequence in first..barrier {
            let refusal = refusals.next_if(|&(refused, _)| refused == sequence);
            outcome(refusal.map_or(Ok(()), |(_, error)| Err(error)));
        }
        Ok(())
    }
}

impl<T: fmt::Debug> fmt::Debug for Connection<T> {
    // Without the buffer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("transport", &self.transport)
            .field("next_sequence", &self.next_sequence)
            .finish_non_exhaustive()
    }
}

fn decode<R>(family: u16, message: &Incoming<'_>, payload: &[u8]) -> Result<R, Error>
where
    R: ParseableParametrized<[u8], GenlHeader> + fmt::Debug,
{
    let kind = message.header.message_type;
    if kind != family {
        return Err(Error::Malformed(format!("an answer of type {kind}, not {family}")));
    }
    let message = GenlMessage::deserialize(&message.header, payload).map_err(malformed)?;
    Ok(message.payload)
}

fn malformed(error: DecodeError) -> Error {
    Error::Malformed(error.to_string())
}

fn unexpected(content: &Content<'_>) -> Error {
    let what = match content {
        Content::Payload(_) => "a payload where none, or no second one, was asked for",
        Content::Outcome(_) => "an acknowledgement instead of a listing",
        Content::End(_) => "the end of a listing that was not asked for",
        Content::Nothing => "nothing",
    };
    Error::Malformed(what.into())
}

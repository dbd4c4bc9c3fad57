//! Many requests in few datagrams.

use std::ops::ControlFlow;

use netlink_packet_core::NLM_F_REQUEST;

use super::connection::unexpected;
use super::incoming::Content;
use super::{Connection, Error, Payload, Transport, outgoing};

/// The usual receive buffer of 208 KiB holds about 250 refusals; what comes beyond is lost. Half
/// of that is safe wherever a larger buffer is not allowed.
const MOST_REQUESTS: u32 = 128;

/// Far below the usual send buffer of 208 KiB, which no datagram may exceed.
const MOST_BYTES: usize = 48 << 10;

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
                outgoing::append(&mut self.outgoing, family, NLM_F_REQUEST, sequence, request);
                sequence += 1;
            }
            outgoing::append_full_stop(&mut self.outgoing, sequence);
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

//! Conversations with a played kernel: as it should be, and every way in which it can go wrong.

use std::io;

use netlink_packet_core::{DecodeError, Emitable, NLM_F_ACK, ParseableParametrized};
use netlink_packet_generic::{GenlFamily, GenlHeader};

use super::fake_kernel::{Answer, FAMILY, FakeKernel, Seen, message, outcome};
use super::{Connection, Error};

mod batch;
mod execute;
mod hostile;
mod listing;
mod query;

/// A payload of any bytes.
#[derive(Clone, Debug, PartialEq)]
struct Bytes(Vec<u8>);

impl GenlFamily for Bytes {
    fn family_name() -> &'static str {
        "TEST"
    }
    fn command(&self) -> u8 {
        1
    }
    fn version(&self) -> u8 {
        1
    }
}

impl Emitable for Bytes {
    fn buffer_len(&self) -> usize {
        self.0.len()
    }
    fn emit(&self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&self.0);
    }
}

impl ParseableParametrized<[u8], GenlHeader> for Bytes {
    fn parse_with_param(bytes: &[u8], _: GenlHeader) -> Result<Self, DecodeError> {
        Ok(Self(bytes.to_vec()))
    }
}

fn ask() -> Bytes {
    Bytes(vec![0; 4])
}

fn answer(sequence: u32, value: u8) -> Vec<u8> {
    message(FAMILY, 2, sequence, &[1, 1, 0, 0, value])
}

fn connect<F: FnMut(&[Seen]) -> Vec<Answer>>(answer: F) -> Connection<FakeKernel<F>> {
    Connection::new(FakeKernel::new(answer))
}

/// A kernel that gives one list of answers, made from the sequence number of the first message, to
/// whatever is asked.
fn answering(
    answers: impl Fn(u32) -> Vec<Answer>,
) -> Connection<FakeKernel<impl FnMut(&[Seen]) -> Vec<Answer>>> {
    connect(move |seen: &[Seen]| answers(seen[0].sequence()))
}

fn list<F: FnMut(&[Seen]) -> Vec<Answer>>(
    connection: &mut Connection<FakeKernel<F>>,
) -> Result<Vec<u8>, Error> {
    connection.list(FAMILY, ask(), |Bytes(bytes)| {
        bytes.first().copied().ok_or_else(|| "an empty entry".into())
    })
}

fn query<F: FnMut(&[Seen]) -> Vec<Answer>>(
    connection: &mut Connection<FakeKernel<F>>,
) -> Result<Bytes, Error> {
    connection.query(FAMILY, ask())
}

/// What became of each request, as its error number.
fn execute_all<F: FnMut(&[Seen]) -> Vec<Answer>>(
    connection: &mut Connection<FakeKernel<F>>,
    requests: impl IntoIterator<Item = Bytes>,
) -> Result<Vec<i32>, Error> {
    let mut results = Vec::new();
    connection.execute_all(FAMILY, requests, |result| {
        results.push(result.map_or_else(|error| error.errno().unwrap(), |()| 0));
    })?;
    Ok(results)
}

/// Does what a kernel does with a datagram: `refuses` gives the error number of a request, and what
/// asks for an acknowledgement gets one.
fn obedient(refuses: impl Fn(&Seen) -> i32) -> impl FnMut(&[Seen]) -> Vec<Answer> {
    move |seen: &[Seen]| {
        let errno = |seen: &Seen| {
            if seen.is_full_stop() { 0 } else { refuses(seen) }
        };
        seen.iter()
            .map(|seen| (seen, errno(seen)))
            .filter(|(seen, errno)| seen.header.flags & NLM_F_ACK != 0 || *errno != 0)
            .map(|(seen, errno)| Ok(outcome(seen.sequence(), errno)))
            .collect()
    }
}

fn numbered(count: u32) -> impl Iterator<Item = Bytes> {
    (0..count).map(|n| Bytes(n.to_ne_bytes().to_vec()))
}

fn lost() -> Answer {
    Err(io::Error::from_raw_os_error(libc::ENOBUFS))
}

//! Connections to a fake kernel: correct exchanges, and every way in which one can fail.

use std::io;

use netlink_packet_core::{DecodeError, Emitable, NLM_F_ACK, ParseableParametrized};
use netlink_packet_generic::{GenlFamily, GenlHeader};

use super::fake_kernel::{Answer, FAMILY, FakeKernel, Seen, message, outcome};
use super::{Connection, Error};

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

fn reply(sequence: u32, value: u8) -> Vec<u8> {
    message(FAMILY, 2, sequence, &[1, 1, 0, 0, value])
}

fn connect<F: FnMut(&[Seen]) -> Vec<Answer>>(reply: F) -> Connection<FakeKernel<F>> {
    Connection::new(FakeKernel::new(reply))
}

/// A kernel with the same replies to every datagram, made from the sequence number of its first
/// message.
fn replying(
    replies: impl Fn(u32) -> Vec<Answer>,
) -> Connection<FakeKernel<impl FnMut(&[Seen]) -> Vec<Answer>>> {
    connect(move |seen: &[Seen]| replies(seen[0].sequence()))
}

fn dump<F: FnMut(&[Seen]) -> Vec<Answer>>(
    connection: &mut Connection<FakeKernel<F>>,
) -> Result<Vec<u8>, Error> {
    let dump = connection.dump(FAMILY, ask(), |Bytes(bytes)| {
        bytes.first().copied().ok_or_else(|| "an empty entry".into())
    });
    Ok(dump?.entries)
}

fn query<F: FnMut(&[Seen]) -> Vec<Answer>>(
    connection: &mut Connection<FakeKernel<F>>,
) -> Result<Bytes, Error> {
    connection.query(FAMILY, ask())
}

/// The error number of each request, 0 for success.
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

/// Replies as a kernel does: `refuses` returns the error number of a request, and a message that asks
/// for an acknowledgement gets one.
fn obedient(refuses: impl Fn(&Seen) -> i32) -> impl FnMut(&[Seen]) -> Vec<Answer> {
    move |seen: &[Seen]| {
        let errno = |seen: &Seen| {
            if seen.is_barrier() { 0 } else { refuses(seen) }
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

/// One request with a reply; family lookup.
mod query {
    use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST};

    use super::super::fake_kernel::{FAMILY, FakeKernel, Seen, acknowledged, message, outcome};
    use super::super::{Connection, Error};
    use super::{Bytes, connect, query, reply, replying};

    #[test]
    fn query_asks_for_acknowledgement_without_barrier() {
        let mut connection = connect(|seen: &[Seen]| {
            let [request] = seen else { panic!() };
            assert_eq!(request.header.flags, NLM_F_REQUEST | NLM_F_ACK);
            assert_eq!(request.payload, [1, 1, 0, 0, 0, 0, 0, 0]);
            vec![Ok(reply(request.sequence(), 7)), acknowledged(seen)]
        });
        assert_eq!(query(&mut connection).unwrap(), Bytes(vec![7]));
    }

    #[test]
    fn query_returns_its_one_reply() {
        let mut apart = replying(|s| vec![Ok(reply(s, 7)), Ok(outcome(s, 0))]);
        assert_eq!(query(&mut apart).unwrap(), Bytes(vec![7]));

        let mut together = replying(|s| {
            let mut datagram = reply(s, 7);
            datagram.resize(datagram.len().next_multiple_of(4), 0);
            vec![Ok([datagram, outcome(s, 0)].concat())]
        });
        assert_eq!(query(&mut together).unwrap(), Bytes(vec![7]));

        let mut refused = replying(|s| vec![Ok(outcome(s, libc::ESRCH))]);
        assert_eq!(query(&mut refused).unwrap_err().errno(), Some(libc::ESRCH));
    }

    #[test]
    fn query_with_none_two_or_foreign_replies_is_malformed() {
        let mut none = replying(|s| vec![Ok(outcome(s, 0))]);
        assert!(matches!(query(&mut none), Err(Error::Malformed(_))));
        let mut two = replying(|s| vec![Ok(reply(s, 1)), Ok(reply(s, 2)), Ok(outcome(s, 0))]);
        assert!(matches!(query(&mut two), Err(Error::Malformed(_))));
        let mut foreign = replying(|s| vec![Ok(message(99, 0, s, &[1, 1, 0, 0, 5]))]);
        assert!(matches!(query(&mut foreign), Err(Error::Malformed(_))));
        let mut headless = replying(|s| vec![Ok(message(FAMILY, 0, s, &[1, 1]))]);
        assert!(matches!(query(&mut headless), Err(Error::Malformed(_))));
    }

    #[test]
    fn family_is_found_or_named_in_the_error() {
        let mut kernel = FakeKernel::new(|_: &[Seen]| vec![]);
        kernel.knows_family = false;
        let mut connection = Connection::new(kernel);
        let Err(Error::NoFamily(name)) = connection.family("IPVS") else { panic!() };
        assert_eq!(name, "IPVS");
        assert_eq!(replying(|_| vec![]).family("IPVS").unwrap(), FAMILY);
    }
}

/// One request.
mod execute {
    use std::cell::Cell;
    use std::io;

    use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST};

    use super::super::Error;
    use super::super::fake_kernel::{FAMILY, Seen, acknowledged, outcome};
    use super::{ask, connect, replying};

    #[test]
    fn execute_reports_success_or_refusal() {
        let refused = Cell::new(0);
        let mut connection = connect(|seen: &[Seen]| {
            let [request, barrier] = seen else { panic!() };
            assert_eq!(request.header.message_type, FAMILY);
            assert_eq!(request.header.flags, NLM_F_REQUEST);
            assert_eq!(request.payload, [1, 1, 0, 0, 0, 0, 0, 0]);
            assert!(barrier.is_barrier());
            assert_eq!(barrier.header.flags, NLM_F_REQUEST | NLM_F_ACK);
            assert_eq!(barrier.header.length, 16);
            assert_eq!(barrier.sequence(), request.sequence() + 1);
            let refusal =
                (refused.get() != 0).then(|| Ok(outcome(request.sequence(), refused.get())));
            refusal.into_iter().chain([acknowledged(seen)]).collect()
        });
        connection.execute(FAMILY, ask()).unwrap();
        refused.set(libc::EEXIST);
        let error = connection.execute(FAMILY, ask()).unwrap_err();
        assert_eq!(error.errno(), Some(libc::EEXIST));
        refused.set(0);
        connection.execute(FAMILY, ask()).unwrap();
    }

    #[test]
    fn refusal_and_acknowledgement_in_one_datagram_are_read() {
        let mut connection = connect(|seen: &[Seen]| {
            let refusal = outcome(seen[0].sequence(), libc::ESRCH);
            vec![Ok([refusal, acknowledged(seen).unwrap()].concat())]
        });
        let error = connection.execute(FAMILY, ask()).unwrap_err();
        assert_eq!(error.errno(), Some(libc::ESRCH));
    }

    #[test]
    fn request_without_outcome_is_done() {
        let sent = Cell::new(0);
        let mut connection = connect(|seen: &[Seen]| {
            sent.set(sent.get() + 1);
            assert_eq!(seen.len(), 2);
            vec![acknowledged(seen)]
        });
        connection.execute(FAMILY, ask()).unwrap();
        assert_eq!(sent.get(), 1);
    }

    #[test]
    fn refusal_without_acknowledgement_times_out() {
        let mut connection = replying(|s| vec![Ok(outcome(s, libc::EEXIST))]);
        let result = connection.execute(FAMILY, ask());
        assert!(matches!(result, Err(Error::TimedOut(10))), "{result:?}");
    }

    #[test]
    fn refused_barrier_is_malformed() {
        let mut connection = replying(|s| vec![Ok(outcome(s + 1, libc::EEXIST))]);
        let result = connection.execute(FAMILY, ask());
        assert!(matches!(result, Err(Error::Malformed(_))), "{result:?}");
    }

    #[test]
    fn connection_continues_after_timeout() {
        let mut connection = connect(|seen: &[Seen]| match seen[0].sequence() {
            1 => vec![],
            // The replies to the first datagram arrive late, before those to the second.
            _ => vec![Ok(outcome(1, libc::EEXIST)), Ok(outcome(2, 0)), acknowledged(seen)],
        });
        assert!(matches!(connection.execute(FAMILY, ask()), Err(Error::TimedOut(10))));
        connection.execute(FAMILY, ask()).unwrap();
    }

    #[test]
    fn other_socket_errors_are_returned() {
        let mut connection =
            replying(|_| vec![Err(io::Error::from_raw_os_error(libc::ECONNREFUSED))]);
        let Err(Error::Socket(error)) = connection.execute(FAMILY, ask()) else { panic!() };
        assert_eq!(error.raw_os_error(), Some(libc::ECONNREFUSED));
    }
}

/// Dumps.
mod dump {
    use std::cell::Cell;
    use std::time::Duration;

    use netlink_packet_core::{NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_NOOP};

    use super::super::Error;
    use super::super::connection::ATTEMPTS;
    use super::super::fake_kernel::{Answer, FAMILY, Seen, end, message, outcome};
    use super::{connect, dump, reply, replying};

    #[test]
    fn dump_returns_all_entries() {
        let flags = Cell::new(0);
        let mut connection = connect(|seen: &[Seen]| {
            flags.set(seen[0].header.flags);
            let s = seen[0].sequence();
            let mut two = reply(s, 1);
            two.resize(two.len().next_multiple_of(4), 0);
            two.extend(reply(s, 2));
            vec![Ok(two), Ok(reply(s, 3)), Ok(end(s, 0))]
        });
        assert_eq!(dump(&mut connection).unwrap(), [1, 2, 3]);
        assert_eq!(flags.get(), NLM_F_REQUEST | NLM_F_DUMP);
        let mut empty = replying(|s| vec![Ok(message(3, 2, s, &[]))]);
        assert_eq!(dump(&mut empty).unwrap(), [0_u8; 0]);
    }

    #[test]
    fn failed_dump_returns_no_entries() {
        let mut at_once = replying(|s| vec![Ok(outcome(s, libc::EPERM))]);
        assert_eq!(dump(&mut at_once).unwrap_err().errno(), Some(libc::EPERM));
        let mut at_the_end = replying(|s| vec![Ok(reply(s, 1)), Ok(end(s, libc::ENODEV))]);
        assert_eq!(dump(&mut at_the_end).unwrap_err().errno(), Some(libc::ENODEV));
        let mut unfinished = replying(|s| vec![Ok(reply(s, 1))]);
        assert!(matches!(dump(&mut unfinished), Err(Error::TimedOut(10))));
        let mut acknowledged = replying(|s| vec![Ok(outcome(s, 0))]);
        assert!(matches!(dump(&mut acknowledged), Err(Error::Malformed(_))));
    }

    #[test]
    fn interrupted_dump_is_repeated() {
        let tries = Cell::new(0);
        let mut connection = replying(|s| {
            tries.set(tries.get() + 1);
            let flags = if tries.get() < 3 { NLM_F_DUMP_INTR } else { 0 };
            let entry = message(FAMILY, flags, s, &[1, 1, 0, 0, tries.get()]);
            vec![Ok(entry), Ok(end(s, 0))]
        });
        assert_eq!(dump(&mut connection).unwrap(), [3]);

        let tries = Cell::new(0);
        let mut never_at_rest = replying(|s| {
            tries.set(tries.get() + 1);
            vec![Ok(reply(s, 1)), Ok(message(3, NLM_F_DUMP_INTR, s, &[0; 4]))]
        });
        never_at_rest.pause = Duration::ZERO;
        assert!(matches!(dump(&mut never_at_rest), Err(Error::Interrupted(ATTEMPTS))));
        assert_eq!(tries.get(), ATTEMPTS);
    }

    #[test]
    fn unrelated_messages_are_skipped() {
        let mut connection = replying(|s| {
            vec![
                Ok(outcome(s.wrapping_sub(1), libc::EINVAL)),
                Ok(message(NLMSG_NOOP, 0, s, &[])),
                Ok(reply(0, 8)),
                Ok(reply(s, 1)),
                Ok(end(s + 1, 0)),
                Ok(end(s, 0)),
            ]
        });
        assert_eq!(dump(&mut connection).unwrap(), [1]);
        assert_eq!(dump(&mut connection).unwrap(), [1]);
    }

    #[test]
    fn dump_with_malformed_entry_is_received_to_its_end() {
        // No value, no generic header, another family.
        let bad: [fn(u32) -> Vec<u8>; 3] = [
            |s| message(FAMILY, 2, s, &[1, 1, 0, 0]),
            |s| message(FAMILY, 2, s, &[1, 1]),
            |s| message(99, 2, s, &[1, 1, 0, 0, 5]),
        ];
        for bad in bad {
            let dumps = Cell::new(0);
            let mut connection = replying(|s| {
                dumps.set(dumps.get() + 1);
                let second: Answer = match dumps.get() {
                    1 => Ok(bad(s)),
                    _ => Ok(reply(s, 2)),
                };
                vec![Ok(reply(s, 1)), second, Ok(reply(s, 3)), Ok(end(s, 0))]
            });
            assert!(matches!(dump(&mut connection), Err(Error::Malformed(_))));
            // The kernel refuses a second dump while the first is in progress.
            assert_eq!(dump(&mut connection).unwrap(), [1, 2, 3]);
        }
    }
}

/// Many requests in few datagrams.
mod batch {
    use std::cell::Cell;

    use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST};

    use super::super::Error;
    use super::super::fake_kernel::{Answer, FAMILY, Seen, acknowledged, outcome};
    use super::{Bytes, connect, execute_all, lost, numbered, obedient, reply, replying};

    fn number(seen: &Seen) -> u32 {
        u32::from_ne_bytes(seen.payload[4..].try_into().unwrap())
    }

    #[test]
    fn refusals_are_assigned_to_their_requests() {
        // The first and the last of a datagram, and one in the middle.
        let refused = [0, 50, 127, 128, 299];
        let errno = |n| {
            if refused.contains(&n) { libc::EEXIST } else { 0 }
        };
        let mut connection = connect(obedient(|seen| errno(number(seen))));
        let results = execute_all(&mut connection, numbered(300)).unwrap();
        assert_eq!(results, (0..300).map(errno).collect::<Vec<_>>());
    }

    #[test]
    fn only_the_barrier_asks_for_acknowledgement() {
        let datagrams = Cell::new(0);
        let mut connection = connect(|seen: &[Seen]| {
            datagrams.set(datagrams.get() + 1);
            let (barrier, requests) = seen.split_last().unwrap();
            assert!((1..=128).contains(&requests.len()));
            assert!(barrier.is_barrier());
            assert_eq!(barrier.header.flags, NLM_F_REQUEST | NLM_F_ACK);
            for request in requests {
                assert_eq!(request.header.message_type, FAMILY);
                assert_eq!(request.header.flags, NLM_F_REQUEST);
            }
            let numbers = seen.iter().map(Seen::sequence);
            assert!(numbers.eq(seen[0].sequence()..=barrier.sequence()));
            obedient(|_| 0)(seen)
        });
        assert_eq!(execute_all(&mut connection, numbered(300)).unwrap(), [0; 300]);
        assert_eq!(datagrams.get(), 3);
        assert_eq!(execute_all(&mut connection, numbered(0)).unwrap(), [0; 0]);
        assert_eq!(datagrams.get(), 3);
    }

    #[test]
    fn datagram_stays_below_the_send_buffer() {
        let bytes = Cell::new(0);
        let mut connection = connect(|seen: &[Seen]| {
            bytes.set(bytes.get().max(seen.iter().map(|seen| 16 + seen.payload.len()).sum()));
            obedient(|_| 0)(seen)
        });
        let requests = (0..100).map(|_| Bytes(vec![0; 4000]));
        assert_eq!(execute_all(&mut connection, requests).unwrap().len(), 100);
        assert!(bytes.get() < 64 << 10, "{} bytes", bytes.get());
    }

    #[test]
    fn batch_takes_requests_as_it_sends_them() {
        let taken = Cell::new(0);
        let done = Cell::new(0);
        let mut connection = connect(obedient(|_| 0));
        let requests = numbered(10_000).inspect(|_| taken.set(taken.get() + 1));
        connection
            .execute_all(FAMILY, requests, |result| {
                result.unwrap();
                done.set(done.get() + 1);
                assert!(taken.get() - done.get() <= 128);
            })
            .unwrap();
        assert_eq!(done.get(), 10_000);
    }

    #[test]
    fn sequence_numbers_wrap_without_zero() {
        let mut connection = connect(|seen: &[Seen]| {
            assert!(seen.iter().all(|seen| seen.sequence() != 0));
            obedient(|_| 0)(seen)
        });
        connection.reserve(u32::MAX - 130);
        for _ in 0..4 {
            assert_eq!(execute_all(&mut connection, numbered(100)).unwrap(), [0; 100]);
        }
    }

    #[test]
    fn requests_without_outcome_are_done() {
        let mut connection = connect(|seen: &[Seen]| {
            let refusal = outcome(seen[1].sequence(), libc::EEXIST);
            vec![Ok(refusal), acknowledged(seen)]
        });
        let results = execute_all(&mut connection, numbered(4)).unwrap();
        assert_eq!(results, [0, libc::EEXIST, 0, 0]);
    }

    #[test]
    fn refusal_after_the_barrier_does_not_reach_a_later_batch() {
        let mut connection = connect(|seen: &[Seen]| {
            let late = outcome(seen[2].sequence(), libc::EEXIST);
            vec![acknowledged(seen), Ok(late)]
        });
        for _ in 0..3 {
            let results = execute_all(&mut connection, numbered(3)).unwrap();
            assert_eq!(results, [0, 0, 0]);
        }
    }

    #[test]
    fn batch_with_wrong_replies_is_malformed() {
        // Five requests: the barrier is the sixth message.
        let wrong: [fn(u32) -> Vec<Answer>; 7] = [
            |s| vec![Ok(outcome(s + 1, 1)), Ok(outcome(s, 1))],
            |s| vec![Ok(outcome(s, 1)), Ok(outcome(s, 1))],
            |s| vec![Ok(outcome(s, 0))],
            |s| vec![Ok(outcome(s + 4, 0))],
            |s| vec![Ok(reply(s, 1))],
            |s| vec![Ok(reply(s + 5, 1))],
            |s| vec![Ok(outcome(s, 1)), Ok(outcome(s + 5, 1))],
        ];
        for replies in wrong {
            let result = execute_all(&mut replying(replies), numbered(5));
            assert!(matches!(result, Err(Error::Malformed(_))), "{result:?}");
        }
        let unended: [fn(u32) -> Vec<Answer>; 3] = [
            |s| vec![Ok(outcome(s, 1))],
            |s| vec![Ok(outcome(s + 4, 1))],
            |s| vec![Ok(outcome(s + 6, 0))],
        ];
        for replies in unended {
            let result = execute_all(&mut replying(replies), numbered(5));
            assert!(matches!(result, Err(Error::TimedOut(10))), "{result:?}");
        }
    }

    #[test]
    fn broken_batch_stops_and_reports_no_outcome() {
        let breaks: [fn(u32) -> Answer; 2] = [|_| lost(), |s| Ok(outcome(s + 128, libc::EPERM))];
        for breaks in breaks {
            let datagrams = Cell::new(0);
            let mut connection = connect(|seen: &[Seen]| {
                datagrams.set(datagrams.get() + 1);
                vec![breaks(seen[0].sequence())]
            });
            let batch =
                connection.execute_all(FAMILY, numbered(300), |_| panic!("nothing is known"));
            assert!(matches!(batch, Err(Error::Overrun | Error::Malformed(_))));
            assert_eq!(datagrams.get(), 1);
        }
    }
}

/// Replies that never end, are lost, truncated or malformed.
mod hostile {
    use std::time::Duration;

    use netlink_packet_core::NLMSG_NOOP;
    use proptest::prelude::*;

    use super::super::fake_kernel::{FAMILY, FakeKernel, Seen, message, outcome};
    use super::super::{Connection, Error};
    use super::{Bytes, ask, connect, dump, execute_all, lost, numbered, query, reply, replying};

    #[test]
    fn endless_unrelated_messages_time_out() {
        // Unrelated; NOOPs with the numbers of the request and of the barrier; empty.
        let nothing = |sequence| message(NLMSG_NOOP, 0, sequence, &[]);
        for endless in [reply(777, 1), nothing(1), nothing(2), vec![]] {
            let mut kernel = FakeKernel::new(|_: &[Seen]| vec![]);
            kernel.endless = Some(endless);
            let mut connection = Connection::new(kernel);
            connection.time_limit = Duration::from_millis(20);
            assert!(matches!(connection.execute(FAMILY, ask()), Err(Error::TimedOut(0))));
        }
    }

    #[test]
    fn endless_dump_is_malformed() {
        // Valid entries, and malformed ones without a value.
        for payload in [&[1, 1, 0, 0, 1, 0, 0, 0][..], &[1, 1, 0, 0]] {
            let mut kernel = FakeKernel::new(|_: &[Seen]| vec![]);
            kernel.endless = Some(message(FAMILY, 2, 1, payload).repeat(1024));
            let mut connection = Connection::new(kernel);
            assert!(matches!(dump(&mut connection), Err(Error::Malformed(_))));
        }
    }

    #[test]
    fn lost_replies_are_an_overrun() {
        let mut connection = replying(|_| vec![lost()]);
        assert!(matches!(connection.execute(FAMILY, ask()), Err(Error::Overrun)));
        assert!(matches!(query(&mut connection), Err(Error::Overrun)));
        assert!(matches!(dump(&mut connection), Err(Error::Overrun)));
        let batch = connection.execute_all(FAMILY, [ask()], |_| panic!("nothing is known"));
        assert!(matches!(batch, Err(Error::Overrun)));
    }

    #[test]
    fn truncated_datagrams_are_malformed() {
        let mut short = replying(|s| vec![Ok(outcome(s, 0)[..18].to_vec())]);
        assert!(matches!(short.execute(FAMILY, ask()), Err(Error::Malformed(_))));
        let mut long = replying(|s| vec![Ok(reply(s, 1).repeat(4000))]);
        assert!(matches!(dump(&mut long), Err(Error::Malformed(_))));
    }

    proptest! {
        #[test]
        fn replies_never_panic_or_hang(
            flags: u16,
            kinds in proptest::collection::vec(0_u16..32, 0..6),
            offsets in proptest::collection::vec(0_u32..6, 6),
            bytes in proptest::collection::vec(any::<u8>(), 0..60),
            cut in 0_usize..80,
        ) {
            let mut connection = connect(|seen: &[Seen]| {
                let made = kinds.iter().zip(&offsets).map(|(&kind, &offset)| {
                    // From the one before the request to some after the barrier.
                    let sequence = seen[0].sequence() + offset - 1;
                    let mut datagram = message(kind, flags, sequence, &bytes);
                    datagram.truncate(datagram.len().saturating_sub(cut / 4));
                    Ok(datagram)
                });
                made.chain([Ok(bytes.clone())]).collect()
            });
            connection.time_limit = Duration::ZERO;
            let _ = connection.execute(FAMILY, ask());
            let _ = query(&mut connection);
            let _ = connection.dump(FAMILY, ask(), |bytes: Bytes| Ok(bytes));
            let _ = execute_all(&mut connection, numbered(3));
        }
    }
}

//! Many requests in few datagrams.

use std::cell::Cell;

use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST};

use super::super::Error;
use super::super::fake_kernel::{Answer, FAMILY, Seen, acknowledged, outcome};
use super::{Bytes, answer, answering, connect, execute_all, lost, numbered, obedient};

fn number(seen: &Seen) -> u32 {
    u32::from_ne_bytes(seen.payload[4..].try_into().unwrap())
}

#[test]
fn errors_come_back_to_their_request() {
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
fn only_the_full_stop_of_a_datagram_asks_for_an_acknowledgement() {
    let datagrams = Cell::new(0);
    let mut connection = connect(|seen: &[Seen]| {
        datagrams.set(datagrams.get() + 1);
        let (barrier, requests) = seen.split_last().unwrap();
        assert!((1..=128).contains(&requests.len()));
        assert!(barrier.is_full_stop());
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
fn a_datagram_stays_below_the_send_buffer() {
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
fn a_batch_takes_requests_as_it_sends_them() {
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
fn sequence_numbers_start_over_without_zero() {
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
fn requests_whose_answers_the_kernel_swallows_are_done() {
    let mut connection = connect(|seen: &[Seen]| {
        let refusal = outcome(seen[1].sequence(), libc::EEXIST);
        vec![Ok(refusal), acknowledged(seen)]
    });
    let results = execute_all(&mut connection, numbered(4)).unwrap();
    assert_eq!(results, [0, libc::EEXIST, 0, 0]);
}

#[test]
fn a_refusal_behind_the_full_stop_belongs_to_no_later_batch() {
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
fn a_batch_that_is_answered_wrongly_is_broken() {
    // Five requests: the barrier is the sixth message.
    let wrong: [fn(u32) -> Vec<Answer>; 7] = [
        |s| vec![Ok(outcome(s + 1, 1)), Ok(outcome(s, 1))],
        |s| vec![Ok(outcome(s, 1)), Ok(outcome(s, 1))],
        |s| vec![Ok(outcome(s, 0))],
        |s| vec![Ok(outcome(s + 4, 0))],
        |s| vec![Ok(answer(s, 1))],
        |s| vec![Ok(answer(s + 5, 1))],
        |s| vec![Ok(outcome(s, 1)), Ok(outcome(s + 5, 1))],
    ];
    for answers in wrong {
        let result = execute_all(&mut answering(answers), numbered(5));
        assert!(matches!(result, Err(Error::Malformed(_))), "{result:?}");
    }
    let unended: [fn(u32) -> Vec<Answer>; 3] = [
        |s| vec![Ok(outcome(s, 1))],
        |s| vec![Ok(outcome(s + 4, 1))],
        |s| vec![Ok(outcome(s + 6, 0))],
    ];
    for answers in unended {
        let result = execute_all(&mut answering(answers), numbered(5));
        assert!(matches!(result, Err(Error::TimedOut(10))), "{result:?}");
    }
}

#[test]
fn a_broken_batch_sends_no_more_and_tells_no_outcome() {
    let breaks: [fn(u32) -> Answer; 2] = [|_| lost(), |s| Ok(outcome(s + 128, libc::EPERM))];
    for breaks in breaks {
        let datagrams = Cell::new(0);
        let mut connection = connect(|seen: &[Seen]| {
            datagrams.set(datagrams.get() + 1);
            vec![breaks(seen[0].sequence())]
        });
        let batch = connection.execute_all(FAMILY, numbered(300), |_| panic!("nothing is known"));
        assert!(matches!(batch, Err(Error::Overrun | Error::Malformed(_))));
        assert_eq!(datagrams.get(), 1);
    }
}

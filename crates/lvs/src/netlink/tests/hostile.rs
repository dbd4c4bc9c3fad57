//! Answers that never end, are lost, cut, or make no sense.

use std::time::Duration;

use netlink_packet_core::NLMSG_NOOP;
use proptest::prelude::*;

use super::super::fake_kernel::{FAMILY, FakeKernel, Seen, message, outcome};
use super::super::{Connection, Error};
use super::{Bytes, answer, answering, ask, connect, execute_all, list, lost, numbered, query};

#[test]
fn endless_chatter_ends() {
    // Foreign; of the request and of the barrier, but saying nothing; empty.
    let nothing = |sequence| message(NLMSG_NOOP, 0, sequence, &[]);
    for chatter in [answer(777, 1), nothing(1), nothing(2), vec![]] {
        let mut kernel = FakeKernel::new(|_: &[Seen]| vec![]);
        kernel.chatter = Some(chatter);
        let mut connection = Connection::new(kernel);
        connection.time_limit = Duration::from_millis(20);
        assert!(matches!(connection.execute(FAMILY, ask()), Err(Error::TimedOut(0))));
    }
}

#[test]
fn an_endless_listing_ends() {
    // Good entries and bad ones, which have no value.
    for payload in [&[1, 1, 0, 0, 1, 0, 0, 0][..], &[1, 1, 0, 0]] {
        let mut kernel = FakeKernel::new(|_: &[Seen]| vec![]);
        kernel.chatter = Some(message(FAMILY, 2, 1, payload).repeat(1024));
        let mut connection = Connection::new(kernel);
        assert!(matches!(list(&mut connection), Err(Error::Malformed(_))));
    }
}

#[test]
fn lost_answers_are_an_error() {
    let mut connection = answering(|_| vec![lost()]);
    assert!(matches!(connection.execute(FAMILY, ask()), Err(Error::Overrun)));
    assert!(matches!(query(&mut connection), Err(Error::Overrun)));
    assert!(matches!(list(&mut connection), Err(Error::Overrun)));
    let batch = connection.execute_all(FAMILY, [ask()], |_| panic!("nothing is known"));
    assert!(matches!(batch, Err(Error::Overrun)));
}

#[test]
fn datagrams_that_are_cut_are_malformed() {
    let mut short = answering(|s| vec![Ok(outcome(s, 0)[..18].to_vec())]);
    assert!(matches!(short.execute(FAMILY, ask()), Err(Error::Malformed(_))));
    let mut long = answering(|s| vec![Ok(answer(s, 1).repeat(4000))]);
    assert!(matches!(list(&mut long), Err(Error::Malformed(_))));
}

proptest! {
    #[test]
    fn no_answer_makes_it_panic_or_hang(
        flags: u16,
        kinds in proptest::collection::vec(0_u16..32, 0..6),
        offsets in proptest::collection::vec(0_u32..6, 6),
        bytes in proptest::collection::vec(any::<u8>(), 0..60),
        cut in 0_usize..80,
    ) {
        let mut connection = connect(|seen: &[Seen]| {
            let made = kinds.iter().zip(&offsets).map(|(&kind, &offset)| {
                // From the one before to some behind the barrier.
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
        let _ = connection.list(FAMILY, ask(), |bytes: Bytes| Ok(bytes));
        let _ = execute_all(&mut connection, numbered(3));
    }
}

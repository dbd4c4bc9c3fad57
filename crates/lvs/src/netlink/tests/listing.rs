//! Listings.

use std::cell::Cell;

use netlink_packet_core::{NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_NOOP};

use super::super::Error;
use super::super::fake_kernel::{Answer, FAMILY, Seen, end, message, outcome};
use super::{answer, answering, connect, list};

#[test]
fn a_listing_runs_to_its_end() {
    let flags = Cell::new(0);
    let mut connection = connect(|seen: &[Seen]| {
        flags.set(seen[0].header.flags);
        let s = seen[0].sequence();
        let mut two = answer(s, 1);
        two.resize(two.len().next_multiple_of(4), 0);
        two.extend(answer(s, 2));
        vec![Ok(two), Ok(answer(s, 3)), Ok(end(s, 0))]
    });
    assert_eq!(list(&mut connection).unwrap(), [1, 2, 3]);
    assert_eq!(flags.get(), NLM_F_REQUEST | NLM_F_DUMP);
    let mut empty = answering(|s| vec![Ok(message(3, 2, s, &[]))]);
    assert_eq!(list(&mut empty).unwrap(), [0_u8; 0]);
}

#[test]
fn a_listing_that_fails_is_no_short_listing() {
    let mut at_once = answering(|s| vec![Ok(outcome(s, libc::EPERM))]);
    assert_eq!(list(&mut at_once).unwrap_err().errno(), Some(libc::EPERM));
    let mut at_the_end = answering(|s| vec![Ok(answer(s, 1)), Ok(end(s, libc::ENODEV))]);
    assert_eq!(list(&mut at_the_end).unwrap_err().errno(), Some(libc::ENODEV));
    let mut unfinished = answering(|s| vec![Ok(answer(s, 1))]);
    assert!(matches!(list(&mut unfinished), Err(Error::TimedOut(10))));
    let mut acknowledged = answering(|s| vec![Ok(outcome(s, 0))]);
    assert!(matches!(list(&mut acknowledged), Err(Error::Malformed(_))));
}

#[test]
fn an_interrupted_listing_is_asked_for_again() {
    let tries = Cell::new(0);
    let mut connection = answering(|s| {
        tries.set(tries.get() + 1);
        let flags = if tries.get() < 3 { NLM_F_DUMP_INTR } else { 0 };
        let entry = message(FAMILY, flags, s, &[1, 1, 0, 0, tries.get()]);
        vec![Ok(entry), Ok(end(s, 0))]
    });
    assert_eq!(list(&mut connection).unwrap(), [3]);

    let tries = Cell::new(0);
    let mut never_at_rest = answering(|s| {
        tries.set(tries.get() + 1);
        vec![Ok(answer(s, 1)), Ok(message(3, NLM_F_DUMP_INTR, s, &[0; 4]))]
    });
    assert!(matches!(list(&mut never_at_rest), Err(Error::Interrupted(5))));
    assert_eq!(tries.get(), 5);
}

#[test]
fn foreign_and_late_messages_are_skipped() {
    let mut connection = answering(|s| {
        vec![
            Ok(outcome(s.wrapping_sub(1), libc::EINVAL)),
            Ok(message(NLMSG_NOOP, 0, s, &[])),
            Ok(answer(0, 8)),
            Ok(answer(s, 1)),
            Ok(end(s + 1, 0)),
            Ok(end(s, 0)),
        ]
    });
    assert_eq!(list(&mut connection).unwrap(), [1]);
    assert_eq!(list(&mut connection).unwrap(), [1]);
}

#[test]
fn a_listing_with_a_bad_entry_is_heard_to_its_end() {
    // No value, no generic header, another family.
    let bad: [fn(u32) -> Vec<u8>; 3] = [
        |s| message(FAMILY, 2, s, &[1, 1, 0, 0]),
        |s| message(FAMILY, 2, s, &[1, 1]),
        |s| message(99, 2, s, &[1, 1, 0, 0, 5]),
    ];
    for bad in bad {
        let listings = Cell::new(0);
        let mut connection = answering(|s| {
            listings.set(listings.get() + 1);
            let second: Answer = match listings.get() {
                1 => Ok(bad(s)),
                _ => Ok(answer(s, 2)),
            };
            vec![Ok(answer(s, 1)), second, Ok(answer(s, 3)), Ok(end(s, 0))]
        });
        assert!(matches!(list(&mut connection), Err(Error::Malformed(_))));
        // While the first was under way, the kernel would refuse this one.
        assert_eq!(list(&mut connection).unwrap(), [1, 2, 3]);
    }
}

#[test]
fn a_bad_entry_is_told_whatever_follows_it() {
    for follows in [None, Some(libc::ENODEV)] {
        let mut connection = answering(|s| {
            let entry = Ok(message(FAMILY, 2, s, &[1, 1, 0, 0]));
            let end = follows.map(|errno| Ok(end(s, errno)));
            [entry].into_iter().chain(end).collect()
        });
        let Err(Error::Malformed(text)) = list(&mut connection) else { panic!() };
        assert!(text.contains("an empty entry"), "{text}");
    }
}

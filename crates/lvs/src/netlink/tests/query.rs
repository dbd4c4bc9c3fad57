//! One question and its answer; the look-up of a family.

use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST};

use super::super::fake_kernel::{FAMILY, FakeKernel, Seen, acknowledged, message, outcome};
use super::super::{Connection, Error};
use super::{Bytes, answer, answering, connect, query};

#[test]
fn a_question_asks_for_an_acknowledgement_and_has_no_full_stop() {
    let mut connection = connect(|seen: &[Seen]| {
        let [question] = seen else { panic!() };
        assert_eq!(question.header.flags, NLM_F_REQUEST | NLM_F_ACK);
        assert_eq!(question.payload, [1, 1, 0, 0, 0, 0, 0, 0]);
        vec![Ok(answer(question.sequence(), 7)), acknowledged(seen)]
    });
    assert_eq!(query(&mut connection).unwrap(), Bytes(vec![7]));
}

#[test]
fn a_question_gets_its_one_answer() {
    let mut apart = answering(|s| vec![Ok(answer(s, 7)), Ok(outcome(s, 0))]);
    assert_eq!(query(&mut apart).unwrap(), Bytes(vec![7]));

    let mut together = answering(|s| {
        let mut datagram = answer(s, 7);
        datagram.resize(datagram.len().next_multiple_of(4), 0);
        vec![Ok([datagram, outcome(s, 0)].concat())]
    });
    assert_eq!(query(&mut together).unwrap(), Bytes(vec![7]));

    let mut refused = answering(|s| vec![Ok(outcome(s, libc::ESRCH))]);
    assert_eq!(query(&mut refused).unwrap_err().errno(), Some(libc::ESRCH));
}

#[test]
fn no_answer_or_two_or_a_foreign_one_is_malformed() {
    let mut none = answering(|s| vec![Ok(outcome(s, 0))]);
    assert!(matches!(query(&mut none), Err(Error::Malformed(_))));
    let mut two = answering(|s| vec![Ok(answer(s, 1)), Ok(answer(s, 2)), Ok(outcome(s, 0))]);
    assert!(matches!(query(&mut two), Err(Error::Malformed(_))));
    let mut foreign = answering(|s| vec![Ok(message(99, 0, s, &[1, 1, 0, 0, 5]))]);
    assert!(matches!(query(&mut foreign), Err(Error::Malformed(_))));
    let mut headless = answering(|s| vec![Ok(message(FAMILY, 0, s, &[1, 1]))]);
    assert!(matches!(query(&mut headless), Err(Error::Malformed(_))));
}

#[test]
fn a_family_is_found_or_named_in_the_error() {
    let mut kernel = FakeKernel::new(|_: &[Seen]| vec![]);
    kernel.knows_family = false;
    let mut connection = Connection::new(kernel);
    let Err(Error::NoFamily(name)) = connection.family("IPVS") else { panic!() };
    assert_eq!(name, "IPVS");
    assert_eq!(answering(|_| vec![]).family("IPVS").unwrap(), FAMILY);
}

//! One request.

use std::cell::Cell;
use std::io;

use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST};

use super::super::Error;
use super::super::fake_kernel::{FAMILY, Seen, acknowledged, outcome};
use super::{answering, ask, connect};

#[test]
fn a_request_is_done_or_refused() {
    let refused = Cell::new(0);
    let mut connection = connect(|seen: &[Seen]| {
        let [request, barrier] = seen else { panic!() };
        assert_eq!(request.header.message_type, FAMILY);
        assert_eq!(request.header.flags, NLM_F_REQUEST);
        assert_eq!(request.payload, [1, 1, 0, 0, 0, 0, 0, 0]);
        assert!(barrier.is_full_stop());
        assert_eq!(barrier.header.flags, NLM_F_REQUEST | NLM_F_ACK);
        assert_eq!(barrier.header.length, 16);
        assert_eq!(barrier.sequence(), request.sequence() + 1);
        let refusal = (refused.get() != 0).then(|| Ok(outcome(request.sequence(), refused.get())));
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
fn a_refusal_and_the_acknowledgement_may_share_a_datagram() {
    let mut connection = connect(|seen: &[Seen]| {
        let refusal = outcome(seen[0].sequence(), libc::ESRCH);
        vec![Ok([refusal, acknowledged(seen).unwrap()].concat())]
    });
    let error = connection.execute(FAMILY, ask()).unwrap_err();
    assert_eq!(error.errno(), Some(libc::ESRCH));
}

#[test]
fn a_request_whose_answer_the_kernel_swallows_is_done() {
    let told = Cell::new(0);
    let mut connection = connect(|seen: &[Seen]| {
        told.set(told.get() + 1);
        assert_eq!(seen.len(), 2);
        vec![acknowledged(seen)]
    });
    connection.execute(FAMILY, ask()).unwrap();
    assert_eq!(told.get(), 1);
}

#[test]
fn a_refusal_alone_does_not_end_the_wait() {
    let mut connection = answering(|s| vec![Ok(outcome(s, libc::EEXIST))]);
    let result = connection.execute(FAMILY, ask());
    assert!(matches!(result, Err(Error::TimedOut(10))), "{result:?}");
}

#[test]
fn a_refused_full_stop_is_no_refusal_of_the_request() {
    let mut connection = answering(|s| vec![Ok(outcome(s + 1, libc::EEXIST))]);
    let result = connection.execute(FAMILY, ask());
    assert!(matches!(result, Err(Error::Malformed(_))), "{result:?}");
}

#[test]
fn a_conversation_goes_on_after_silence() {
    let mut connection = connect(|seen: &[Seen]| match seen[0].sequence() {
        1 => vec![],
        // The answers to the first datagram come now, before those to the second.
        _ => vec![Ok(outcome(1, libc::EEXIST)), Ok(outcome(2, 0)), acknowledged(seen)],
    });
    assert!(matches!(connection.execute(FAMILY, ask()), Err(Error::TimedOut(10))));
    connection.execute(FAMILY, ask()).unwrap();
}

#[test]
fn other_errors_of_the_socket_are_told() {
    let mut connection = answering(|_| vec![Err(io::Error::from_raw_os_error(libc::ECONNREFUSED))]);
    let Err(Error::Socket(error)) = connection.execute(FAMILY, ask()) else { panic!() };
    assert_eq!(error.raw_os_error(), Some(libc::ECONNREFUSED));
}

//! Dumps of a fake kernel: what the real one can send, and what it cannot.

use std::cell::Cell;
use std::net::IpAddr;

use lvs::netlink::fake_kernel::{Answer, FakeKernel, Seen, end, message, outcome};
use lvs::netlink::{Connection, Error};
use netlink_packet_core::{NLM_F_DUMP_INTR, NLM_F_MULTIPART};
use proptest::prelude::*;

use super::*;

/// `struct ifinfomsg` of an interface that is up, and its attributes.
fn link(index: u32, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let header = [[0; 4], index.to_ne_bytes(), 1_u32.to_ne_bytes(), [0; 4]].concat();
    with(header, attributes)
}

fn with(mut bytes: Vec<u8>, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    for (kind, value) in attributes {
        append(&mut bytes, *kind, value);
    }
    bytes
}

/// A kernel with these objects: the type of the reply, and what follows its header.
fn kernel(
    objects: Vec<(u16, Vec<u8>)>,
) -> Connection<FakeKernel<impl FnMut(&[Seen]) -> Vec<Answer>>> {
    Connection::new(FakeKernel::new(move |seen: &[Seen]| {
        let (kind, sequence) = (seen[0].header.message_type, seen[0].sequence());
        let own = objects.iter().filter(|(reply, _)| reply + 2 == kind);
        let mut answers: Vec<Answer> = own
            .map(|(reply, bytes)| Ok(message(*reply, NLM_F_MULTIPART, sequence, bytes)))
            .collect();
        answers.push(Ok(end(sequence, 0)));
        answers
    }))
}

fn eth0() -> (u16, Vec<u8>) {
    (libc::RTM_NEWLINK, link(2, &[(libc::IFLA_IFNAME, b"eth0\0"), (libc::IFLA_MTU, &[0, 5, 0, 0])]))
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// `struct rtmsg` of IPv4: prefix, table, protocol, scope, type.
fn route(prefix: u8, kind: u8, attributes: &[(u16, &[u8])]) -> (u16, Vec<u8>) {
    let header = vec![2, prefix, 0, 0, 254, 16, 0, kind, 0, 0, 0, 0];
    (libc::RTM_NEWROUTE, with(header, attributes))
}

#[test]
fn every_kind_of_object_is_read() {
    let address = with(
        vec![2, 24, 0x80, 0, 2, 0, 0, 0],
        &[
            (libc::IFA_ADDRESS, &[192, 0, 2, 1]),
            (libc::IFA_LOCAL, &[192, 0, 2, 1]),
            (libc::IFA_LABEL, b"eth0:web\0"),
            (libc::IFA_FLAGS, &0x280_u32.to_ne_bytes()),
        ],
    );
    let rule = with(
        vec![2, 0, 32, 0, 0, 0, 0, 1, 0, 0, 0, 0],
        &[
            (2, &[192, 0, 2, 7]),
            (6, &100_u32.to_ne_bytes()),
            (15, &1440_u32.to_ne_bytes()),
            (10, &1_u32.to_ne_bytes()),
            (16, &0xff_u32.to_ne_bytes()),
            (3, b"eth0\0"),
        ],
    );
    let neighbour = with(
        [vec![2, 0, 0, 0, 2, 0, 0, 0], 0x20_u16.to_ne_bytes().to_vec(), vec![0, 1]].concat(),
        &[(1, &[192, 0, 2, 9]), (2, &[2, 0, 0, 0, 0, 1])],
    );
    let gateway: &[(u16, &[u8])] =
        &[(libc::RTA_GATEWAY, &[192, 0, 2, 254]), (libc::RTA_OIF, &[2, 0, 0, 0])];
    let state = State::dump(&mut kernel(vec![
        eth0(),
        (libc::RTM_NEWADDR, address),
        route(0, 1, gateway),
        route(0, 7, &[(libc::RTA_PRIORITY, &[9, 0, 0, 0])]),
        (libc::RTM_NEWRULE, rule),
        (libc::RTM_NEWNEIGH, neighbour),
    ]))
    .unwrap();
    let eth0: InterfaceName = "eth0".parse().unwrap();
    assert_eq!(
        state.link(&eth0).map(|link| (link.index, link.mtu, link.up)),
        Some((2, 1280, true))
    );
    let lines = |items: Vec<String>| items.join("\n");
    let addresses = lines(state.addresses.iter().map(ToString::to_string).collect());
    assert_eq!(addresses, "192.0.2.1/24 scope global noprefixroute dev eth0 label eth0:web");
    assert_eq!(state.addresses[0].interface, Interface { index: 2, name: eth0 });
    let routes = lines(state.routes.iter().map(ToString::to_string).collect());
    assert_eq!(
        routes,
        "default via 192.0.2.254 dev eth0 proto dhcp\nunreachable default proto dhcp metric 9"
    );
    assert_eq!(
        state.rules[0].to_string(),
        "100: from 192.0.2.7 fwmark 0x1/0xff iif eth0 lookup 1440"
    );
    assert_eq!(
        state.neighbours[0].to_string(),
        "192.0.2.9 dev eth0 lladdr 02:00:00:00:00:01 FAILED"
    );
}

#[test]
fn object_with_odd_attributes_does_not_disappear() {
    let objects = vec![
        (libc::RTM_NEWLINK, link(2, &[(libc::IFLA_IFNAME, b"eth\xd7\xdc\0"), (20, b"\xd7\xdc\0")])),
        // An empty attribute of every number, among them those that must hold numbers.
        (libc::RTM_NEWLINK, link(3, &(1..70).map(|kind| (kind, &[][..])).collect::<Vec<_>>())),
        // An attribute that claims to be longer than the message.
        (libc::RTM_NEWLINK, [link(4, &[]), vec![200, 0, 3, 0, 0]].concat()),
        route(0, 1, &(1..70).map(|kind| (kind, &[1][..])).collect::<Vec<_>>()),
        route(0, 99, &[(libc::RTA_MULTIPATH, &[7, 0, 0, 0, 2, 0, 0, 0])]),
    ];
    let state = State::dump(&mut kernel(objects)).unwrap();
    let names: Vec<_> = state.links.iter().map(|link| link.name.as_str()).collect();
    assert_eq!(names, ["eth??", "if3", "if4"]);
    assert_eq!(state.routes.len(), 2);
}

#[test]
fn multipath_route_has_all_its_hops() {
    let hop = |index: u8, last: u8| {
        let mut hop = vec![0, 0, 0, 3, index, 0, 0, 0];
        append(&mut hop, libc::RTA_GATEWAY, &[192, 0, 2, last]);
        hop[0] = hop.len() as u8;
        hop
    };
    let both = [hop(2, 1), hop(9, 2)].concat();
    let objects = vec![eth0(), route(0, 1, &[(libc::RTA_MULTIPATH, &both), (30, &[7, 0, 0, 0])])];
    let state = State::dump(&mut kernel(objects)).unwrap();
    assert_eq!(
        state.routes[0].to_string(),
        "default nhid 7 proto dhcp nexthop via 192.0.2.1 dev eth0 weight 4 \
         nexthop via 192.0.2.2 dev if9 weight 4"
    );
    assert_eq!(state.routes[0].nexthop_object, Some(7));
}

#[test]
fn interrupted_dump_of_addresses_is_repeated() {
    let tries = Cell::new(0_u8);
    let mut connection = Connection::new(FakeKernel::new(|seen: &[Seen]| {
        let (kind, sequence) = (seen[0].header.message_type, seen[0].sequence());
        let mut answers = Vec::new();
        if kind == libc::RTM_GETADDR {
            tries.set(tries.get() + 1);
            let address = with(
                vec![2, 24, 0, 0, 2, 0, 0, 0],
                &[(libc::IFA_LOCAL, &[192, 0, 2, tries.get()])],
            );
            let flags = if tries.get() < 3 { NLM_F_DUMP_INTR } else { 0 };
            answers.push(Ok(message(libc::RTM_NEWADDR, flags, sequence, &address)));
        }
        answers.push(Ok(end(sequence, 0)));
        answers
    }));
    // The address names an interface that the links lack: all is read once more, then believed.
    let state = State::dump(&mut connection).unwrap();
    let addresses: Vec<_> = state.addresses.iter().map(|address| address.address).collect();
    assert_eq!(addresses, [ip("192.0.2.5")]);
}

#[test]
fn failed_dump_names_what_was_asked_for() {
    let refusing = |asked: u16, errno| {
        Connection::new(FakeKernel::new(move |seen: &[Seen]| {
            let sequence = seen[0].sequence();
            let refused = seen[0].header.message_type == asked;
            vec![Ok(if refused { outcome(sequence, errno) } else { end(sequence, 0) })]
        }))
    };
    let failure = State::dump(&mut refusing(libc::RTM_GETROUTE, libc::EPERM)).unwrap_err();
    assert_eq!((failure.what, failure.error.errno()), ("the routes", Some(libc::EPERM)));
    let without_rules = State::dump(&mut refusing(libc::RTM_GETRULE, libc::EOPNOTSUPP)).unwrap();
    assert!(without_rules.rules.is_empty());
}

#[test]
fn reply_of_another_type_or_without_its_header_is_malformed() {
    for (kind, bytes) in [(libc::RTM_NEWADDR, link(2, &[])), (libc::RTM_NEWLINK, vec![0; 15])] {
        let mut connection = Connection::new(FakeKernel::new(move |seen: &[Seen]| {
            let sequence = seen[0].sequence();
            vec![Ok(message(kind, 0, sequence, &bytes)), Ok(end(sequence, 0))]
        }));
        let failure = State::dump(&mut connection).unwrap_err();
        assert!(matches!(failure.error, Error::Malformed(_)), "{failure:?}");
    }
}

#[test]
fn state_survives_its_snapshot() {
    let hop: &[(u16, &[u8])] = &[(libc::RTA_OIF, &[2, 0, 0, 0])];
    let address = with(vec![2, 24, 0, 254, 2, 0, 0, 0], &[(libc::IFA_LOCAL, &[192, 0, 2, 1][..])]);
    let objects = vec![eth0(), route(24, 1, hop), route(24, 2, hop), (libc::RTM_NEWADDR, address)];
    let state = State::dump(&mut kernel(objects)).unwrap();
    let text = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
}

proptest! {
    #[test]
    fn hostile_messages_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let interfaces = Interfaces::default();
        let _ = Link::parse(&bytes).map(|it| it.kind.to_string());
        let _ = Address::parse(&bytes, &interfaces).map(|it| it.map(|it| it.to_string()));
        let _ = Rule::parse(&bytes).map(|it| it.map(|it| it.to_string()));
        let _ = Neighbour::parse(&bytes, &interfaces).map(|it| it.map(|it| it.to_string()));
        let _ = LinkKind::parse(&bytes);
        let mut bytes = bytes;
        if let Some(family) = bytes.first_mut() {
            *family = 2;
        }
        let _ = Route::parse(&bytes, &interfaces).map(|it| it.map(|it| it.to_string()));
    }
}

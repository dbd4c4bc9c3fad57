//! The client against a fake kernel.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::*;
use crate::netlink::fake_kernel::{
    Answer, FAMILY, FakeKernel, Seen, acknowledged, end, message, outcome,
};
use crate::netlink::{Error, ErrorKind};

/// The bytes of an attribute.
fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = ((4 + value.len()) as u16).to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn reply(sequence: u32, command: u8, attributes: &[u8]) -> Answer {
    Ok(message(FAMILY, 0, sequence, &[&[command, 1, 0, 0], attributes].concat()))
}

fn client<F: FnMut(&[Seen]) -> Vec<Answer>>(reply: F) -> Client<FakeKernel<F>> {
    Client::new(FakeKernel::new(reply)).unwrap()
}

fn web() -> ServiceIdentity {
    ServiceIdentity::tcp(Ipv4Addr::new(192, 0, 2, 10), 80)
}

fn real_server() -> Destination {
    Destination::new(Ipv4Addr::new(198, 51, 100, 2), 80, Forwarding::Tunnel)
}

#[test]
fn kernel_without_ipvs_is_no_family() {
    let mut kernel = FakeKernel::new(|_: &[Seen]| vec![]);
    kernel.knows_family = false;
    let Err(Error::NoFamily(name)) = Client::new(kernel) else { panic!() };
    assert_eq!(name, "IPVS");
}

#[test]
fn each_method_sends_its_command() {
    let commands = RefCell::new(Vec::new());
    let mut ipvs = client(|seen: &[Seen]| {
        let [request, _barrier] = seen else { panic!() };
        commands.borrow_mut().push(request.payload[0]);
        vec![acknowledged(seen)]
    });
    let service = Service::new(web(), "rr");
    let daemon = Daemon::new(DaemonState::Master, "eth0", 0);
    ipvs.add_service(&service).unwrap();
    ipvs.edit_service(&service).unwrap();
    ipvs.delete_service(&web()).unwrap();
    ipvs.add_destination(&web(), &real_server()).unwrap();
    ipvs.edit_destination(&web(), &real_server()).unwrap();
    ipvs.delete_destination(&web(), real_server().address, 80).unwrap();
    ipvs.flush().unwrap();
    ipvs.zero(None).unwrap();
    ipvs.zero(Some(&web())).unwrap();
    ipvs.set_timeouts(&Timeouts { tcp: 900, tcp_fin: 0, udp: 0 }).unwrap();
    ipvs.start_daemon(&daemon).unwrap();
    ipvs.stop_daemon(DaemonState::Backup, 0).unwrap();
    // IPVS_CMD_* of linux/ip_vs.h.
    assert_eq!(*commands.borrow(), [1, 2, 3, 5, 6, 7, 17, 16, 16, 12, 9, 10]);
}

#[test]
fn refusal_keeps_its_number() {
    let mut ipvs = client(|seen: &[Seen]| {
        let refusal = Ok(outcome(seen[0].sequence(), libc::ESRCH));
        let barrier = seen.iter().filter(|seen| seen.is_barrier());
        let acknowledgement = barrier.map(|seen| Ok(outcome(seen.sequence(), 0)));
        [refusal].into_iter().chain(acknowledgement).collect()
    });
    assert_eq!(ipvs.flush().unwrap_err().errno(), Some(libc::ESRCH));
    assert_eq!(ipvs.service(&web()).unwrap_err().errno(), Some(libc::ESRCH));
    assert_eq!(ipvs.services().unwrap_err().errno(), Some(libc::ESRCH));
}

#[test]
fn info_and_timeouts_are_decoded() {
    let mut ipvs = client(|seen: &[Seen]| {
        let sequence = seen[0].sequence();
        let reply = match seen[0].payload[0] {
            15 => reply(sequence, 14, &attribute(1, &0x010201_u32.to_ne_bytes())),
            13 => reply(sequence, 12, &attribute(6, &300_u32.to_ne_bytes())),
            command => panic!("{command}"),
        };
        vec![reply, Ok(outcome(sequence, 0))]
    });
    assert_eq!(ipvs.info().unwrap().version.to_string(), "1.2.1");
    assert_eq!(ipvs.timeouts().unwrap(), Timeouts { tcp: 0, tcp_fin: 0, udp: 300 });
}

#[test]
fn destination_without_family_has_that_of_its_service() {
    let mut ipvs = client(|seen: &[Seen]| {
        let sequence = seen[0].sequence();
        assert_eq!(seen[0].payload[0], 8);
        let address = Ipv6Addr::LOCALHOST.octets();
        let nest = [attribute(1, &address), attribute(2, &443_u16.to_be_bytes())].concat();
        vec![reply(sequence, 5, &attribute(2, &nest)), Ok(end(sequence, 0))]
    });
    let mark = ServiceIdentity::Mark { mark: 7, family: AddressFamily::Ipv6 };
    let found = ipvs.destinations(&mark).unwrap();
    assert_eq!(found[0].destination.address, IpAddr::from(Ipv6Addr::LOCALHOST));
    assert_eq!(found[0].destination.port, 443);
}

#[test]
fn repeated_entries_of_a_dump_are_removed() {
    let mut ipvs = client(|seen: &[Seen]| {
        let sequence = seen[0].sequence();
        let entry = |last: u8| {
            let mut address = [0; 16];
            address[..4].copy_from_slice(&[198, 51, 100, last]);
            let nest = [attribute(1, &address), attribute(2, &80_u16.to_be_bytes())].concat();
            reply(sequence, 5, &attribute(2, &nest)).unwrap()
        };
        vec![Ok([2, 1].map(entry).concat()), Ok(entry(1)), Ok(end(sequence, 0))]
    });
    let expected = [2, 1].map(|last| IpAddr::from([198, 51, 100, last]));
    let found = ipvs.destinations(&web()).unwrap();
    let addresses: Vec<_> = found.iter().map(|entry| entry.destination.address).collect();
    assert_eq!(addresses, expected);
    let found = ipvs.bare_destinations(&web()).unwrap();
    let addresses: Vec<_> = found.iter().map(|destination| destination.address).collect();
    assert_eq!(addresses, expected);
}

#[test]
fn dump_of_several_datagrams_is_repeated() {
    let asked = Cell::new(0);
    let mut ipvs = client(|seen: &[Seen]| {
        let sequence = seen[0].sequence();
        asked.set(asked.get() + 1);
        let entry = |port: u16| {
            let nest = [attribute(1, &[192; 16]), attribute(2, &port.to_be_bytes())].concat();
            reply(sequence, 5, &attribute(2, &nest)).unwrap()
        };
        let (first, second): (&[u16], &[u16]) = match asked.get() {
            1 => (&[1, 2], &[4, 5]),
            2 => (&[1, 2, 3], &[4, 5]),
            _ => (&[1, 2, 3, 4], &[5]),
        };
        let datagram = |ports: &[u16]| Ok(ports.iter().flat_map(|port| entry(*port)).collect());
        vec![datagram(first), datagram(second), Ok(end(sequence, 0))]
    });
    let ports = ipvs.bare_destinations(&web()).unwrap().into_iter().map(|it| it.port);
    assert_eq!((ports.collect(), asked.get()), (vec![1, 2, 3, 4, 5], 3));
}

#[test]
fn reply_without_value_is_malformed() {
    let mut ipvs = client(|seen: &[Seen]| {
        let sequence = seen[0].sequence();
        vec![reply(sequence, 1, &[]), Ok(outcome(sequence, 0)), Ok(end(sequence, 0))]
    });
    assert!(matches!(ipvs.service(&web()), Err(Error::Malformed(_))));
    assert!(matches!(ipvs.info(), Err(Error::Malformed(_))));
    assert!(matches!(ipvs.services(), Err(Error::Malformed(_))));
}

#[test]
fn execute_all_sends_one_datagram_and_keeps_results_apart() {
    let mut ipvs = client(|seen: &[Seen]| {
        let [first, _, _, _barrier] = seen else { panic!() };
        vec![Ok(outcome(first.sequence(), libc::EEXIST)), acknowledged(seen)]
    });
    let service = Service::new(web(), "rr");
    let requests = [
        Request::AddService(service.clone()),
        Request::EditService(service),
        Request::AddDestination { service: web(), destination: real_server() },
    ];
    let results = ipvs.execute_all(&requests).unwrap();
    let errors: Vec<_> = results.iter().map(|result| result.as_ref().err()?.errno()).collect();
    assert_eq!(errors, [Some(libc::EEXIST), None, None]);
}

#[test]
fn error_kind_depends_on_the_request() {
    let service = || Service::new(web(), "rr");
    let edit = Request::EditDestination { service: web(), destination: real_server() };
    let stop = Request::StopDaemon { state: DaemonState::Master, sync_id: 0 };
    for (request, errno, kind) in [
        (Request::AddService(service()), libc::ENOENT, ErrorKind::NoScheduler),
        (Request::AddService(service()), libc::EEXIST, ErrorKind::AlreadyExists),
        (Request::EditService(service()), libc::ESRCH, ErrorKind::NoSuchService),
        (edit.clone(), libc::ENOENT, ErrorKind::NotFound),
        (edit, libc::ESRCH, ErrorKind::NoSuchService),
        (stop, libc::ESRCH, ErrorKind::NotFound),
        (Request::Flush, libc::EPERM, ErrorKind::NotPermitted),
        (Request::Flush, libc::ENOMEM, ErrorKind::Other),
    ] {
        let mut ipvs = client(|seen: &[Seen]| {
            vec![Ok(outcome(seen[0].sequence(), errno)), acknowledged(seen)]
        });
        assert_eq!(ipvs.execute(&request).unwrap_err().kind(), kind, "{request:?}");
        let results = ipvs.execute_all(&[request, Request::Flush]).unwrap();
        let kinds: Vec<_> = results.iter().map(|it| it.as_ref().err().map(Error::kind)).collect();
        assert_eq!(kinds, [Some(kind), None]);
    }
    let mut ipvs = client(|seen: &[Seen]| vec![Ok(outcome(seen[0].sequence(), libc::ESRCH))]);
    assert_eq!(ipvs.service(&web()).unwrap_err().kind(), ErrorKind::NoSuchService);
}

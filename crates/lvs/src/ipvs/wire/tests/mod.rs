//! The wire format beside the bytes of ipvsadm 1.31 and of Linux 6.1; round trips.

use netlink_packet_core::{
    DecodeError, Emitable, NetlinkBuffer, NetlinkDeserializable, NetlinkHeader, Parseable,
};
use netlink_packet_generic::GenlMessage;

use super::IpvsMessage;

mod round_trip;

/// Generic header and attributes of a message.
fn bytes(message: IpvsMessage) -> Vec<u8> {
    let message = GenlMessage::from_payload(message);
    let mut bytes = vec![0; Emitable::buffer_len(&message)];
    message.emit(&mut bytes);
    bytes
}

fn parse(bytes: &[u8]) -> Result<IpvsMessage, DecodeError> {
    GenlMessage::deserialize(&NetlinkHeader::default(), bytes).map(|message| message.payload)
}

/// Messages (without the netlink header) below the heads that begin with `head`.
fn messages(fixture: &str, head: &str) -> Vec<Vec<u8>> {
    let mut matches = false;
    let mut messages = Vec::new();
    for line in fixture.lines() {
        if let Some(title) = line.strip_prefix("# ") {
            matches = title.starts_with(head);
        } else if matches {
            let datagram: Vec<u8> = (0..line.len() / 2)
                .map(|at| u8::from_str_radix(&line[at * 2..at * 2 + 2], 16).unwrap())
                .collect();
            let mut rest = &datagram[..];
            while !rest.is_empty() {
                let message = NetlinkBuffer::new_checked(rest).unwrap();
                let length = NetlinkHeader::parse(&message).unwrap().length as usize;
                messages.push(message.payload().to_vec());
                rest = &rest[length.next_multiple_of(4).min(rest.len())..];
            }
        }
    }
    messages
}

fn replies(head: &str) -> Vec<Vec<u8>> {
    messages(include_str!("../fixtures/replies.txt"), head)
}

/// Requests beside those of ipvsadm 1.31.
mod reference {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use netlink_packet_core::NlasIterator;

    use super::super::{Command, IpvsMessage};
    use super::{bytes, messages};
    use crate::ipvs::{
        AddressFamily, Checksum, Daemon, DaemonState, Destination, Forwarding, Netmask,
        Persistence, Protocol, Request, Service, ServiceFlags, ServiceIdentity, Timeouts, Tunnel,
    };

    const REQUESTS: &str = include_str!("../fixtures/requests.txt");

    /// What the reference sent for one command line.
    fn reference(command_line: &str) -> Vec<u8> {
        let mut sent = messages(REQUESTS, command_line);
        assert_eq!(sent.len(), 1, "{command_line}");
        sent.remove(0)
    }

    fn ours(request: &Request) -> Vec<u8> {
        bytes(request.into())
    }

    /// The bytes of a nest of a message, header included.
    fn nest(message: &[u8], kind: u16) -> Vec<u8> {
        NlasIterator::new(&message[4..])
            .map(|attribute| attribute.unwrap())
            .find(|attribute| attribute.kind() == kind)
            .map(|attribute| {
                assert!(attribute.nested_flag());
                attribute.value().to_vec()
            })
            .unwrap()
    }

    const V4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

    fn persistent(service: Service, timeout: u32, flags: ServiceFlags) -> Service {
        let netmask = Netmask::host(service.identity.family());
        service.with_flags(flags).with_persistence(Persistence::new(timeout, netmask))
    }

    fn mark(mark: u32, family: AddressFamily) -> ServiceIdentity {
        ServiceIdentity::Mark { mark, family }
    }

    #[test]
    fn service_requests_equal_the_reference() {
        let none = ServiceFlags::default();
        let web = Service::new(ServiceIdentity::tcp(V4, 80), "wlc");
        let second = Service::new(ServiceIdentity::tcp(V4, 81), "rr");
        let names = Service::new(ServiceIdentity::udp(V4, 53), "sh");
        let secure = Service::new(ServiceIdentity::tcp(V6, 443), "wrr");
        let seven = Service::new(mark(7, AddressFamily::Ipv4), "mh");
        let eight = Service::new(mark(8, AddressFamily::Ipv6), "lc");
        let calls = Service::new(ServiceIdentity::udp(V4, 5060), "wlc");
        let discard =
            ServiceIdentity::Address { protocol: Protocol::SCTP, address: V4.into(), port: 9 };
        let cases = [
            ("-A -t 10.0.0.1:80", web.clone()),
            (
                "-A -t 10.0.0.1:81 -s rr -p 600 -M 255.255.255.0",
                second.with_persistence(Persistence::new(
                    600,
                    Netmask::Ipv4(Ipv4Addr::new(255, 255, 255, 0)),
                )),
            ),
            (
                "-A -u 10.0.0.1:53 -s sh -b sh-fallback,sh-port -o",
                names.with_flags(
                    ServiceFlags::ONE_PACKET
                        | ServiceFlags::SCHEDULER_1
                        | ServiceFlags::SCHEDULER_2,
                ),
            ),
            (
                "-A -t [2001:db8::1]:443 -s wrr -p 300 -M 64",
                secure.with_persistence(Persistence::new(300, Netmask::Ipv6(64))),
            ),
            ("-A -f 7 -s mh -b mh-port -p", persistent(seven, 360, ServiceFlags::SCHEDULER_2)),
            ("-A -f 8 -6 -s lc", eight),
            (
                "-A -u 10.0.0.1:5060 -s wlc -p 120 -o --pe sip",
                persistent(calls, 120, ServiceFlags::ONE_PACKET).with_persistence_engine("sip"),
            ),
            ("-A --sctp-service 10.0.0.1:9 -s nq", Service::new(discard, "nq")),
        ];
        for (command_line, service) in cases {
            let request = Request::AddService(service);
            assert_eq!(
                ours(&request),
                reference(&format!("ipvsadm {command_line}")),
                "{command_line}"
            );
        }
        let edited = persistent(Service { scheduler: "sed".into(), ..web }, 90, none);
        assert_eq!(
            ours(&Request::EditService(edited)),
            reference("ipvsadm -E -t 10.0.0.1:80 -s sed -p 90")
        );
        let edited = Service::new(mark(8, AddressFamily::Ipv6), "wlc");
        assert_eq!(ours(&Request::EditService(edited)), reference("ipvsadm -E -f 8 -6 -s wlc"));
    }

    #[test]
    fn destination_requests_equal_the_reference() {
        let first = ServiceIdentity::tcp(V4, 80);
        let second = ServiceIdentity::tcp(V4, 81);
        let secure = ServiceIdentity::tcp(V6, 443);
        let v4 = |last| Ipv4Addr::new(10, 0, 0, last);
        let v6 = |last| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last);
        let masqueraded = Destination::new(v4(2), 8080, Forwarding::Masquerade);
        let tunnelled = |last, port, tunnel| Destination {
            tunnel,
            ..Destination::new(v4(last), port, Forwarding::Tunnel)
        };
        let cases = [
            (
                "-t 10.0.0.1:80 -r 10.0.0.2:8080 -m -w 5 -x 100 -y 50",
                first,
                Destination {
                    weight: 5,
                    upper_threshold: 100,
                    lower_threshold: 50,
                    ..masqueraded.clone()
                },
            ),
            ("-t 10.0.0.1:80 -r 10.0.0.3 -i", first, tunnelled(3, 80, Tunnel::Ipip)),
            (
                "-t 10.0.0.1:81 -r 10.0.0.3 -i --tun-type gue --tun-port 6080 --tun-remcsum",
                second,
                tunnelled(3, 81, Tunnel::Gue { port: 6080, checksum: Checksum::Remote }),
            ),
            (
                "-t 10.0.0.1:81 -r 10.0.0.4 -i --tun-type gre --tun-csum",
                second,
                tunnelled(4, 81, Tunnel::Gre { checksum: Checksum::Full }),
            ),
            (
                "-t [2001:db8::1]:443 -r [2001:db8::2]:443 -g -w 0",
                secure,
                Destination {
                    weight: 0,
                    ..Destination::new(v6(2), 443, Forwarding::DirectRouting)
                },
            ),
            (
                "-f 7 -r 10.0.0.5:0 -g",
                mark(7, AddressFamily::Ipv4),
                Destination::new(v4(5), 0, Forwarding::DirectRouting),
            ),
            (
                "-f 8 -6 -r [2001:db8::3]:80 -m",
                mark(8, AddressFamily::Ipv6),
                Destination::new(v6(3), 80, Forwarding::Masquerade),
            ),
            (
                "-t 10.0.0.1:80 -r [2001:db8::9]:80 -i",
                first,
                Destination::new(v6(9), 80, Forwarding::Tunnel),
            ),
        ];
        let compare = |command_line: &str, request: &Request| {
            let (ours, reference) = (ours(request), reference(command_line));
            assert_eq!(ours[..4], reference[..4], "{command_line}");
            assert_eq!(nest(&ours, 2), nest(&reference, 2), "{command_line}");
            // The reference adds settings of the service here, which the kernel ignores.
            assert!(nest(&reference, 1).starts_with(&nest(&ours, 1)), "{command_line}");
        };
        for (command_line, service, destination) in cases {
            let request = Request::AddDestination { service, destination };
            compare(&format!("ipvsadm -a {command_line}"), &request);
        }
        let edited = Destination { weight: 9, ..masqueraded };
        compare(
            "ipvsadm -e -t 10.0.0.1:80 -r 10.0.0.2:8080 -m -w 9",
            &Request::EditDestination { service: first, destination: edited },
        );
    }

    #[test]
    fn delete_and_zero_requests_send_only_the_identity() {
        let compare = |command_line: &str, request: &Request, kinds: &[u16]| {
            let (ours, reference) = (ours(request), reference(command_line));
            assert_eq!(ours[..4], reference[..4], "{command_line}");
            for &kind in kinds {
                assert!(nest(&reference, kind).starts_with(&nest(&ours, kind)), "{command_line}");
            }
        };
        let web = ServiceIdentity::tcp(V4, 80);
        compare(
            "ipvsadm -D -u 10.0.0.1:53",
            &Request::DeleteService(ServiceIdentity::udp(V4, 53)),
            &[1],
        );
        compare("ipvsadm -D -f 8 -6", &Request::DeleteService(mark(8, AddressFamily::Ipv6)), &[1]);
        compare("ipvsadm -Z -t 10.0.0.1:80", &Request::Zero(Some(web)), &[1]);
        compare(
            "ipvsadm -d -t 10.0.0.1:80 -r 10.0.0.3",
            &Request::DeleteDestination {
                service: web,
                address: Ipv4Addr::new(10, 0, 0, 3).into(),
                port: 80,
            },
            &[1, 2],
        );
    }

    #[test]
    fn dump_and_query_requests_equal_the_reference() {
        let asked = messages(REQUESTS, "ipvsadm -L -n --stats");
        assert_eq!(bytes(IpvsMessage::bare(Command::GetService)), asked[0]);
        let web = ServiceIdentity::tcp(V4, 80);
        assert_eq!(bytes(IpvsMessage::about(Command::GetDestination, &web)), asked[1]);
        let six = mark(8, AddressFamily::Ipv6);
        assert!(asked.contains(&bytes(IpvsMessage::about(Command::GetDestination, &six))));
        for (command, command_line) in [
            (Command::GetInfo, "ipvsadm (every start)"),
            (Command::GetDaemon, "ipvsadm -L -n --daemon"),
            (Command::GetConfig, "ipvsadm -L -n --timeout"),
        ] {
            assert_eq!(bytes(IpvsMessage::bare(command)), reference(command_line));
        }
    }

    fn backup(sync_id: u32) -> Daemon {
        Daemon {
            state: DaemonState::Backup,
            interface: "veth0".into(),
            sync_id,
            maximum_length: None,
            group: None,
            port: None,
            time_to_live: None,
        }
    }

    fn full_backup() -> Daemon {
        Daemon {
            maximum_length: Some(1400),
            group: Some(Ipv4Addr::new(224, 0, 0, 99).into()),
            port: Some(9999),
            time_to_live: Some(3),
            ..backup(3)
        }
    }

    #[test]
    fn daemon_timeout_and_flush_requests_equal_the_reference() {
        let master = Daemon { state: DaemonState::Master, ..backup(7) };
        let six: Ipv6Addr = "ff02::99".parse().unwrap();
        let timeouts = Timeouts { tcp: 900, tcp_fin: 120, udp: 300 };
        let cases = [
            ("-C", Request::Flush),
            ("--set 900 120 300", Request::SetTimeouts(timeouts)),
            (
                "--start-daemon master --mcast-interface veth0 --syncid 7",
                Request::StartDaemon(master),
            ),
            (
                "--start-daemon backup --mcast-interface veth0 --syncid 3",
                Request::StartDaemon(full_backup()),
            ),
            (
                "--start-daemon backup --mcast-interface veth0 --syncid 4",
                Request::StartDaemon(Daemon { group: Some(six.into()), ..backup(4) }),
            ),
            (
                "--stop-daemon master",
                Request::StopDaemon { state: DaemonState::Master, sync_id: 0 },
            ),
        ];
        for (command_line, request) in cases {
            assert_eq!(
                ours(&request),
                reference(&format!("ipvsadm {command_line}")),
                "{command_line}"
            );
        }
        let zeroes = messages(REQUESTS, "ipvsadm -Z");
        assert_eq!(ours(&Request::Zero(None)), zeroes[0]);
    }
}

/// Replies of Linux 6.1 as values.
mod kernel {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    use super::super::{IpvsMessage, destination_entry};
    use super::{parse, replies};
    use crate::ipvs::{
        AddressFamily, Checksum, Daemon, DaemonState, Destination, DestinationEntry, Forwarding,
        Info, Netmask, Persistence, Protocol, Rates, Service, ServiceEntry, ServiceIdentity, Stats,
        Timeouts, Tunnel, Version,
    };

    /// Replies with that command below that head.
    fn decoded(head: &str, command: u8) -> Vec<IpvsMessage> {
        replies(head)
            .iter()
            .filter(|payload| payload[0] == command)
            .map(|payload| parse(payload).unwrap())
            .collect()
    }

    /// The counters of the one destination with connections, and of its service.
    fn busy() -> Stats {
        Stats {
            connections: 8,
            packets_in: 40,
            packets_out: 25,
            bytes_in: 2160,
            bytes_out: 1364,
            rates: Rates {
                connections: 1,
                packets_in: 5,
                packets_out: 3,
                bytes_in: 253,
                bytes_out: 159,
            },
        }
    }

    fn entry(identity: ServiceIdentity, scheduler: &str, flags: u32, timeout: u32) -> ServiceEntry {
        // The kernel sets IP_VS_SVC_F_HASHED (2) on every service in its table.
        let service = Service::new(identity, scheduler).with_kernel_fields(
            flags | 2,
            timeout,
            Netmask::host(identity.family()),
        );
        assert_eq!(service.flags.bits() & 3, 0);
        ServiceEntry { service, stats: Stats::default() }
    }

    #[test]
    fn services_of_linux_6_1_are_decoded() {
        let v4 = Ipv4Addr::new(10, 0, 0, 1);
        let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
        let discard =
            ServiceIdentity::Address { protocol: Protocol::SCTP, address: v4.into(), port: 9 };
        let mark = |mark, family| ServiceIdentity::Mark { mark, family };
        let mut expected = [
            entry(ServiceIdentity::tcp(v4, 81), "rr", 1, 600),
            entry(ServiceIdentity::tcp(v4, 80), "sed", 1, 90),
            entry(ServiceIdentity::udp(v4, 53), "sh", 4 | 8 | 16, 0),
            entry(ServiceIdentity::tcp(v6, 443), "wrr", 1, 300),
            entry(ServiceIdentity::udp(v4, 5060), "wlc", 1 | 4, 120),
            entry(discard, "nq", 0, 0),
            entry(mark(7, AddressFamily::Ipv4), "mh", 1 | 16, 360),
            entry(mark(8, AddressFamily::Ipv6), "wlc", 0, 0),
        ];
        let mask = Netmask::Ipv4(Ipv4Addr::new(255, 255, 255, 0));
        expected[0].service.persistence = Some(Persistence::new(600, mask));
        expected[1].stats = busy();
        expected[3].service.persistence = Some(Persistence::new(300, Netmask::Ipv6(64)));
        expected[4].service.persistence_engine = Some("sip".into());
        let replies = decoded("ipvsadm -L -n --stats", 1);
        let found: Vec<_> = replies.into_iter().map(|one| one.into_service().unwrap()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn destinations_of_linux_6_1_are_decoded() {
        let v4 = |last| Ipv4Addr::new(10, 0, 0, last);
        let v6 = |last| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last);
        let idle = |destination| DestinationEntry {
            destination,
            active_connections: 0,
            inactive_connections: 0,
            persistent_connections: 0,
            stats: Stats::default(),
        };
        let gre = Tunnel::Gre { checksum: Checksum::Full };
        let gue = Tunnel::Gue { port: 6080, checksum: Checksum::Remote };
        let mut expected = [
            Destination::new(v6(9), 80, Forwarding::Tunnel),
            Destination::new(v4(3), 80, Forwarding::Tunnel),
            Destination { weight: 9, ..Destination::new(v4(2), 8080, Forwarding::Masquerade) },
            Destination { tunnel: gre, ..Destination::new(v4(4), 81, Forwarding::Tunnel) },
            Destination { tunnel: gue, ..Destination::new(v4(3), 81, Forwarding::Tunnel) },
            Destination { weight: 0, ..Destination::new(v6(2), 443, Forwarding::DirectRouting) },
            Destination::new(v4(5), 0, Forwarding::DirectRouting),
            Destination::new(v6(3), 80, Forwarding::Masquerade),
        ]
        .map(idle);
        expected[2].inactive_connections = 8;
        expected[2].persistent_connections = 1;
        expected[2].stats = busy();
        let replies = decoded("ipvsadm -L -n --stats", 5);
        let found: Vec<_> = replies
            .into_iter()
            .map(|one| one.into_destination(destination_entry, AddressFamily::Ipv4).unwrap())
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn daemons_of_linux_6_1_are_decoded() {
        let daemon = |state, sync_id, length, group: IpAddr, port, time_to_live| Daemon {
            state,
            interface: "veth0".into(),
            sync_id,
            maximum_length: Some(length),
            group: Some(group),
            port: Some(port),
            time_to_live: Some(time_to_live),
        };
        let v4 = |last| Ipv4Addr::new(224, 0, 0, last).into();
        let v6 = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x99).into();
        let master = daemon(DaemonState::Master, 7, 1472, v4(81), 8848, 1);
        let expected = [
            master.clone(),
            daemon(DaemonState::Backup, 3, 1400, v4(99), 9999, 3),
            master,
            daemon(DaemonState::Backup, 4, 1452, v6, 8848, 1),
        ];
        let replies = decoded("ipvsadm -L -n --daemon", 9);
        let found: Vec<_> = replies.into_iter().map(|one| one.into_daemon().unwrap()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn timeouts_and_info_of_linux_6_1_are_decoded() {
        let reply = decoded("ipvsadm -L -n --timeout", 12).remove(0);
        assert_eq!(reply.timeouts(), Timeouts { tcp: 900, tcp_fin: 120, udp: 300 });
        let reply = decoded("ipvsadm (every start)", 14).remove(0);
        let info = Info { version: Version(0x01_02_01), table_size: 4096 };
        assert_eq!(reply.into_info().unwrap(), info);
    }
}

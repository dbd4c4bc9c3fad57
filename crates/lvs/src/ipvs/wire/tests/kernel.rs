//! What Linux 6.1 answered, as values.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::IpvsMessage;
use super::{parse, replies};
use crate::ipvs::{
    AddressFamily, Checksum, Daemon, DaemonState, Destination, DestinationEntry, Forwarding, Info,
    Netmask, Persistence, Protocol, Rates, Service, ServiceEntry, ServiceIdentity, Stats, Timeouts,
    Tunnel, Version,
};

/// Answers with that command below that head.
fn answers(head: &str, command: u8) -> Vec<IpvsMessage> {
    replies(head)
        .iter()
        .filter(|payload| payload[0] == command)
        .map(|payload| parse(payload).unwrap())
        .collect()
}

/// The counters of the one destination that had visitors, and of its service: eight connections.
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

fn listed(identity: ServiceIdentity, scheduler: &str, flags: u32, timeout: u32) -> ServiceEntry {
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
fn services() {
    let v4 = Ipv4Addr::new(10, 0, 0, 1);
    let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    let discard =
        ServiceIdentity::Address { protocol: Protocol::SCTP, address: v4.into(), port: 9 };
    let mark = |mark, family| ServiceIdentity::Mark { mark, family };
    let mut expected = [
        listed(ServiceIdentity::tcp(v4, 81), "rr", 1, 600),
        listed(ServiceIdentity::tcp(v4, 80), "sed", 1, 90),
        listed(ServiceIdentity::udp(v4, 53), "sh", 4 | 8 | 16, 0),
        listed(ServiceIdentity::tcp(v6, 443), "wrr", 1, 300),
        listed(ServiceIdentity::udp(v4, 5060), "wlc", 1 | 4, 120),
        listed(discard, "nq", 0, 0),
        listed(mark(7, AddressFamily::Ipv4), "mh", 1 | 16, 360),
        listed(mark(8, AddressFamily::Ipv6), "wlc", 0, 0),
    ];
    let mask = Netmask::Ipv4(Ipv4Addr::new(255, 255, 255, 0));
    expected[0].service.persistence = Some(Persistence::new(600, mask));
    expected[1].stats = busy();
    expected[3].service.persistence = Some(Persistence::new(300, Netmask::Ipv6(64)));
    expected[4].service.persistence_engine = Some("sip".into());
    let answers = answers("ipvsadm -L -n --stats", 1);
    let found: Vec<_> = answers.into_iter().map(|one| one.into_service().unwrap()).collect();
    assert_eq!(found, expected);
}

#[test]
fn destinations() {
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
    let answers = answers("ipvsadm -L -n --stats", 5);
    let found: Vec<_> =
        answers.into_iter().map(|one| one.into_destination(AddressFamily::Ipv4).unwrap()).collect();
    assert_eq!(found, expected);
}

#[test]
fn daemons() {
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
    let answers = answers("ipvsadm -L -n --daemon", 9);
    let found: Vec<_> = answers.into_iter().map(|one| one.into_daemon().unwrap()).collect();
    assert_eq!(found, expected);
}

#[test]
fn settings() {
    let answer = answers("ipvsadm -L -n --timeout", 12).remove(0);
    assert_eq!(answer.timeouts(), Timeouts { tcp: 900, tcp_fin: 120, udp: 300 });
    let answer = answers("ipvsadm (every start)", 14).remove(0);
    let info = Info { version: Version(0x01_02_01), table_size: 4096 };
    assert_eq!(answer.into_info().unwrap(), info);
}

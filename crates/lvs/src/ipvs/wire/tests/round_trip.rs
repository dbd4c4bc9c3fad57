//! Values survive encoding and decoding, and no bytes make the decoder panic.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_packet_core::{DefaultNla, Emitable};
use proptest::prelude::*;

use super::super::Attribute;
use super::super::destination::{DestinationAttribute, destination_attributes, destination_entry};
use super::super::service::{ServiceAttribute, service_attributes};
use super::super::status::Counters;
use super::super::{Command, IpvsMessage, service, timeout_attributes};
use super::{bytes, parse, replies};
use crate::ipvs::{
    AddressFamily, Checksum, Daemon, DaemonState, Destination, DestinationEntry, Forwarding, Info,
    Netmask, Protocol, Rates, Request, Service, ServiceEntry, ServiceIdentity, Stats, Timeouts,
    Tunnel, Version,
};

/// The message, encoded and decoded.
fn sent(message: IpvsMessage) -> IpvsMessage {
    parse(&bytes(message)).unwrap()
}

fn decode_everything(bytes: &[u8]) {
    if let Ok(message) = parse(bytes) {
        let _ = message.clone().into_info();
        let _ = message.timeouts();
        let _ = message.clone().into_service();
        let _ = message.clone().into_daemon();
        for family in [AddressFamily::Ipv4, AddressFamily::Ipv6] {
            let _ = message.clone().into_destination(destination_entry, family);
        }
    }
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(|octets| Ipv4Addr::from(octets).into()),
        any::<[u8; 16]>().prop_map(|octets| Ipv6Addr::from(octets).into()),
    ]
}

fn family() -> impl Strategy<Value = AddressFamily> {
    prop_oneof![Just(AddressFamily::Ipv4), Just(AddressFamily::Ipv6)]
}

fn identity() -> impl Strategy<Value = ServiceIdentity> {
    prop_oneof![
        (any::<u16>(), address(), any::<u16>()).prop_map(|(protocol, address, port)| {
            ServiceIdentity::Address { protocol: Protocol(protocol), address, port }
        }),
        (1..=u32::MAX, family()).prop_map(|(mark, family)| ServiceIdentity::Mark { mark, family }),
    ]
}

fn service() -> impl Strategy<Value = Service> {
    (identity(), "[a-z0-9é-]{0,15}", any::<[u32; 3]>(), proptest::option::of("[a-z]{1,16}"))
        .prop_map(|(identity, scheduler, [flags, timeout, mask], persistence_engine)| {
            let netmask = match identity.family() {
                AddressFamily::Ipv4 => Netmask::Ipv4(Ipv4Addr::from_bits(mask)),
                AddressFamily::Ipv6 => Netmask::Ipv6(mask),
            };
            let service = Service { persistence_engine, ..Service::new(identity, scheduler) };
            service.with_kernel_fields(flags, timeout, netmask)
        })
}

fn checksum() -> impl Strategy<Value = Checksum> {
    prop_oneof![Just(Checksum::None), Just(Checksum::Full), Just(Checksum::Remote)]
}

fn tunnel() -> impl Strategy<Value = Tunnel> {
    prop_oneof![
        Just(Tunnel::Ipip),
        (any::<u16>(), checksum()).prop_map(|(port, checksum)| Tunnel::Gue { port, checksum }),
        checksum().prop_map(|checksum| Tunnel::Gre { checksum }),
        (3..=u8::MAX).prop_map(Tunnel::Other),
    ]
}

fn destination() -> impl Strategy<Value = Destination> {
    let forwarding = (0_u32..8).prop_map(Forwarding::from_number);
    (address(), any::<u16>(), forwarding, any::<[u32; 3]>(), tunnel()).prop_map(
        |(address, port, forwarding, [weight, upper_threshold, lower_threshold], tunnel)| {
            Destination {
                address,
                port,
                forwarding,
                weight,
                upper_threshold,
                lower_threshold,
                tunnel,
            }
        },
    )
}

fn daemon() -> impl Strategy<Value = Daemon> {
    let state = prop_oneof![Just(DaemonState::Master), Just(DaemonState::Backup)];
    (
        (state, "[a-z0-9.]{0,15}", any::<u32>()),
        (
            proptest::option::of(any::<u16>()),
            proptest::option::of(address()),
            proptest::option::of(any::<u16>()),
            proptest::option::of(any::<u8>()),
        ),
    )
        .prop_map(
            |((state, interface, sync_id), (maximum_length, group, port, time_to_live))| Daemon {
                state,
                interface,
                sync_id,
                maximum_length,
                group,
                port,
                time_to_live,
            },
        )
}

fn stats() -> impl Strategy<Value = Stats> {
    any::<[u64; 10]>().prop_map(stats_of)
}

fn stats_of([a, b, c, d, e, f, g, h, i, j]: [u64; 10]) -> Stats {
    Stats {
        connections: a,
        packets_in: b,
        packets_out: c,
        bytes_in: d,
        bytes_out: e,
        rates: Rates { connections: f, packets_in: g, packets_out: h, bytes_in: i, bytes_out: j },
    }
}

fn number(kind: u16, value: u64, narrow: bool) -> DefaultNla {
    let (wide, narrow_value) = (value.to_ne_bytes(), (value as u32).to_ne_bytes());
    DefaultNla::new(kind, if narrow { narrow_value.to_vec() } else { wide.to_vec() })
}

fn emitted(attributes: &[DefaultNla]) -> Vec<u8> {
    let mut bytes = vec![0; attributes.buffer_len()];
    attributes.emit(&mut bytes);
    bytes
}

/// Statistics as a kernel sends them: `narrow` makes 32-bit numbers of all but the bytes.
fn stats_attributes(stats: &Stats, narrow: bool) -> Counters {
    Counters(emitted(&[
        number(1, stats.connections, narrow),
        number(2, stats.packets_in, narrow),
        number(3, stats.packets_out, narrow),
        // IPVS_STATS_ATTR_PAD, which aligns the next.
        DefaultNla::new(11, vec![]),
        number(4, stats.bytes_in, false),
        number(5, stats.bytes_out, false),
        number(6, stats.rates.connections, narrow),
        number(7, stats.rates.packets_in, narrow),
        number(8, stats.rates.packets_out, narrow),
        number(9, stats.rates.bytes_in, narrow),
        number(10, stats.rates.bytes_out, narrow),
    ]))
}

fn truncated(stats: &Stats) -> Stats {
    let cut = |value: u64| u64::from(value as u32);
    stats_of([
        cut(stats.connections),
        cut(stats.packets_in),
        cut(stats.packets_out),
        stats.bytes_in,
        stats.bytes_out,
        cut(stats.rates.connections),
        cut(stats.rates.packets_in),
        cut(stats.rates.packets_out),
        cut(stats.rates.bytes_in),
        cut(stats.rates.bytes_out),
    ])
}

/// An attribute of a future kernel.
fn unknown() -> DefaultNla {
    DefaultNla::new(4000, vec![1, 2, 3])
}

proptest! {
    #[test]
    fn service_survives_round_trip(service in service(), stats in stats()) {
        let mut attributes = service_attributes(&service);
        attributes.push(ServiceAttribute::Stats(stats_attributes(&stats, true)));
        attributes.push(ServiceAttribute::Other(unknown()));
        let old = IpvsMessage::new(Command::NewService, vec![Attribute::Service(attributes.clone().into())]);
        let entry = ServiceEntry { service: service.clone(), stats: truncated(&stats) };
        prop_assert_eq!(sent(old).into_service().unwrap(), entry);

        attributes.push(ServiceAttribute::Stats64(stats_attributes(&stats, false)));
        let new = IpvsMessage::new(
            Command::NewService,
            vec![Attribute::Other(unknown()), Attribute::Service(attributes.into())],
        );
        prop_assert_eq!(sent(new).into_service().unwrap(), ServiceEntry { service, stats });
    }

    #[test]
    fn destination_survives_round_trip(
        destination in destination(), counts: [u32; 3], stats in stats(), family in family(),
    ) {
        let [active_connections, inactive_connections, persistent_connections] = counts;
        let mut attributes = destination_attributes(&destination);
        attributes.extend([
            DestinationAttribute::ActiveConnections(active_connections),
            DestinationAttribute::InactiveConnections(inactive_connections),
            DestinationAttribute::PersistentConnections(persistent_connections),
            DestinationAttribute::Stats64(stats_attributes(&stats, false)),
            // 64-bit counters win, whatever comes last.
            DestinationAttribute::Stats(stats_attributes(&Stats::default(), true)),
            DestinationAttribute::Other(unknown()),
        ]);
        let message =
            IpvsMessage::new(Command::NewDestination, vec![Attribute::Destination(attributes.into())]);
        let entry = DestinationEntry {
            destination, active_connections, inactive_connections, persistent_connections, stats,
        };
        prop_assert_eq!(sent(message).into_destination(destination_entry, family).unwrap(), entry);
    }

    #[test]
    fn daemon_survives_round_trip(daemon in daemon()) {
        let message = IpvsMessage::from(&Request::StartDaemon(daemon.clone()));
        prop_assert_eq!(sent(message).into_daemon().unwrap(), daemon);
    }

    #[test]
    fn timeouts_and_info_survive_round_trip(tcp: u32, tcp_fin: u32, udp: u32) {
        let timeouts = Timeouts { tcp, tcp_fin, udp };
        let message = IpvsMessage::new(Command::SetConfig, timeout_attributes(&timeouts));
        prop_assert_eq!(sent(message).timeouts(), timeouts);
        let info = emitted(&[number(1, tcp.into(), true), number(2, udp.into(), true)]);
        // Command 14, IPVS_CMD_SET_INFO.
        let message = [&[14, 1, 0, 0], &info[..]].concat();
        prop_assert_eq!(
            parse(&message).unwrap().into_info().unwrap(),
            Info { version: Version(tcp), table_size: udp }
        );
    }

    #[test]
    fn decoder_never_panics(command in 0_u8..20, bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        decode_everything(&[&[command, 1, 0, 0], &bytes[..]].concat());
    }

    #[test]
    fn decoder_never_panics_on_changed_replies(
        which in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
        cuts: bool,
    ) {
        let replies = replies("");
        let mut reply = which.get(&replies).clone();
        for (index, byte) in changes {
            let place = index.index(reply.len());
            reply[place] = byte;
        }
        if cuts {
            reply.truncate(cut.index(reply.len()));
        }
        decode_everything(&reply);
    }

    #[test]
    fn name_of_any_length_is_sent(length in 0_usize..100_000) {
        let mut service = Service::new(ServiceIdentity::tcp([10, 0, 0, 1], 80), "x".repeat(length));
        service.persistence_engine = Some("y".repeat(length));
        let sent = sent((&Request::AddService(service)).into()).into_service().unwrap();
        // Longer than the 15 and 16 bytes that the kernel accepts, so it refuses the name.
        prop_assert_eq!(sent.service.scheduler.len(), length.min(255));
    }
}

#[test]
fn attributes_missing_from_old_kernels_have_defaults() {
    let identity = ServiceIdentity::tcp([10, 0, 0, 1], 80);
    let message = IpvsMessage::about(Command::NewService, &identity);
    let entry = sent(message).into_service().unwrap();
    assert_eq!(entry.service, Service::new(identity, "none"));
    assert_eq!(entry.stats, Stats::default());

    let v6 = Destination::new(Ipv6Addr::LOCALHOST, 443, Forwarding::DirectRouting);
    let attributes: Vec<_> = destination_attributes(&v6)
        .into_iter()
        .filter(|attribute| {
            !matches!(
                attribute,
                DestinationAttribute::Family(_)
                    | DestinationAttribute::TunnelType(_)
                    | DestinationAttribute::TunnelPort(_)
                    | DestinationAttribute::TunnelFlags(_)
            )
        })
        .collect();
    let entry = destination_entry(&attributes, AddressFamily::Ipv6).unwrap();
    assert_eq!(entry.destination, v6);
}

#[test]
fn reply_without_identity_is_malformed() {
    let identity = ServiceIdentity::udp([10, 0, 0, 1], 53);
    let service = service::identity_attributes(&identity);
    for left_out in 0..service.len() {
        let mut service = service.clone();
        service.remove(left_out);
        let message =
            IpvsMessage::new(Command::NewService, vec![Attribute::Service(service.into())]);
        assert!(sent(message).into_service().is_err(), "{left_out}");
    }
    let message = IpvsMessage::bare(Command::NewService);
    assert!(message.clone().into_service().is_err());
    assert!(message.clone().into_daemon().is_err());
    assert!(message.into_destination(destination_entry, AddressFamily::Ipv4).is_err());
    assert!(destination_entry(&[], AddressFamily::Ipv4).is_err());
}

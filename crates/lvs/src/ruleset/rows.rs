//! One row per command and option of the ruleset language.
//!
//! A place is the number of the column that the option has in the reference's table of options and
//! commands; its checks go from column to column.

use super::option::Completion::{Interfaces, RealServers, SchedulerFlags, Services, Words};
use super::option::{Id, Row, Section, Table, Verb, Verbs};

const ADD_OR_EDIT_SERVICE: Verbs = Verb::AddService.bit() | Verb::EditService.bit();
const ADD_OR_EDIT_SERVER: Verbs = Verb::AddServer.bit() | Verb::EditServer.bit();
const ANY_SERVER: Verbs = ADD_OR_EDIT_SERVER | Verb::DeleteServer.bit();
const ANY_SERVICE: Verbs = ADD_OR_EDIT_SERVICE | Verb::DeleteService.bit();
const LIST: Verbs = Verb::List.bit();

/// Columns of the options that a tunnel type restricts.
pub(super) const TUNNEL_PORT: u8 = 30;
pub(super) const TUNNEL_NO_CHECKSUM: u8 = 31;
pub(super) const TUNNEL_CHECKSUM: u8 = 32;
pub(super) const TUNNEL_REMOTE_CHECKSUM: u8 = 33;

/// The schedulers of the kernel, and `none`.
pub const SCHEDULERS: &[&str] = &[
    "rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh", "twos",
    "none",
];

/// The language as a library reads it, without the options of any program.
pub(super) static LANGUAGE: Table = Table::new(&[
    &SERVICE_COMMANDS,
    &SERVER_COMMANDS,
    &SETTING_COMMANDS,
    &SERVICE,
    &SCHEDULING,
    &SERVER,
    &FORWARDING,
    &DAEMONS,
]);

pub static SERVICE_COMMANDS: Section = Section {
    title: "\nServices",
    rows: &[
        Row::command(Verb::AddService, "add-service", "A")
            .followed_by("SERVICE [SCHEDULING]", "add a virtual service"),
        Row::command(Verb::EditService, "edit-service", "E").followed_by(
            "SERVICE [SCHEDULING]",
            "edit a virtual service; what is left out is reset",
        ),
        Row::command(Verb::DeleteService, "delete-service", "D")
            .followed_by("SERVICE", "delete a virtual service and its real servers"),
        Row::command(Verb::Flush, "clear", "C").named("flush").help("delete every service"),
        Row::command(Verb::Zero, "zero", "Z")
            .followed_by("[SERVICE]", "zero the counters of one service, or of all"),
    ],
};

pub static SERVER_COMMANDS: Section = Section {
    title: "\nReal servers",
    rows: &[
        Row::command(Verb::AddServer, "add-server", "a")
            .followed_by("SERVICE SERVER [FORWARDING]", "add a real server to a service"),
        Row::command(Verb::EditServer, "edit-server", "e").followed_by(
            "SERVICE SERVER [FORWARDING]",
            "edit a real server; what is left out is reset",
        ),
        Row::command(Verb::DeleteServer, "delete-server", "d")
            .followed_by("SERVICE SERVER", "delete a real server"),
    ],
};

const fn daemon_command(verb: Verb, long: &'static str) -> Row {
    Row::command(verb, long, "").takes("master|backup", "").completes(Words(&["master", "backup"]))
}

pub static SETTING_COMMANDS: Section = Section {
    title: "\nTimeouts and daemons",
    rows: &[
        Row::command(Verb::Set, "set", "").followed_by(
            "TCP TCPFIN UDP",
            "timeouts of connections in seconds; 0 leaves one as it is",
        ),
        daemon_command(Verb::StartDaemon, "start-daemon")
            .help("start a connection synchronization daemon"),
        daemon_command(Verb::StopDaemon, "stop-daemon")
            .help("stop a connection synchronization daemon"),
    ],
};

/// An option that names a service. Any two of them conflict.
const fn service(id: Id, long: &'static str, short: &'static str, value: &'static str) -> Row {
    Row::option(id, 2, long, short)
        .named("service-address")
        .takes(value, "")
        .completes(Services)
        .goes_with(Verb::Zero.bit())
        .alone_with(LIST)
        .needed_by(ANY_SERVICE | ANY_SERVER)
}

pub static SERVICE: Section = Section {
    title: "\nSERVICE is one of",
    rows: &[
        service(Id::TcpService, "tcp-service", "t", "ADDRESS[:PORT]")
            .help("TCP service; an IPv6 address with a port stands in brackets"),
        service(Id::UdpService, "udp-service", "u", "ADDRESS[:PORT]").help("UDP service"),
        service(Id::SctpService, "sctp-service", "", "ADDRESS[:PORT]").help("SCTP service"),
        service(Id::MarkService, "fwmark-service", "f", "MARK")
            .help("packets with this firewall mark"),
        Row::repeatable(Id::Ipv6, "ipv6", "6")
            .goes_with(ANY_SERVICE | ANY_SERVER | LIST | Verb::Zero.bit())
            .help("marked packets of IPv6, after -f"),
    ],
};

/// An option of `-A` and `-E`.
const fn scheduling(id: Id, place: u8, long: &'static str, short: &'static str) -> Row {
    Row::option(id, place, long, short).goes_with(ADD_OR_EDIT_SERVICE)
}

pub static SCHEDULING: Section = Section {
    title: "\nSCHEDULING",
    rows: &[
        scheduling(Id::Scheduler, 3, "scheduler", "s")
            .takes(
                "NAME",
                "scheduler: rr, wrr, lc, wlc (the default), lblc, lblcr, dh,\n\
                 sh, sed, nq, fo, ovf, mh, twos, or none",
            )
            .completes(Words(SCHEDULERS)),
        scheduling(Id::SchedulerFlags, 23, "sched-flags", "b")
            .takes(
                "FLAG[,FLAG]...",
                "flags of the scheduler: flag-1, flag-2, flag-3, sh-fallback,\n\
                 sh-port, mh-fallback, mh-port",
            )
            .completes(SchedulerFlags),
        scheduling(Id::Persistent, 4, "persistent", "p")
            .may_take("[=SECONDS]", "a client stays with its real server, 360 seconds by default"),
        scheduling(Id::Netmask, 5, "netmask", "M").takes(
            "MASK",
            "part of a client's address that counts for persistence;\n\
             a prefix length for IPv6",
        ),
        scheduling(Id::PersistenceEngine, 22, "pe", "")
            .takes("NAME", "persistence engine, such as sip")
            .completes(Words(&["sip"])),
        scheduling(Id::OnePacket, 21, "ops", "o").help("schedule every packet on its own (UDP)"),
    ],
};

pub static SERVER: Section = Section {
    title: "\nSERVER",
    rows: &[Row::option(Id::RealServer, 6, "real-server", "r")
        .takes("ADDRESS[:PORT]", "real server; without a port: that of the service")
        .completes(RealServers)
        .needed_by(ANY_SERVER)],
};

/// A forwarding method. Any two of them conflict.
const fn method(id: Id, long: &'static str, short: &'static str) -> Row {
    Row::option(id, 7, long, short).named("forwarding-method").goes_with(ADD_OR_EDIT_SERVER)
}

/// Any other option of `-a` and `-e`.
const fn forwarding(id: Id, place: u8, long: &'static str, short: &'static str) -> Row {
    Row::option(id, place, long, short).goes_with(ADD_OR_EDIT_SERVER)
}

pub static FORWARDING: Section = Section {
    title: "\nFORWARDING",
    rows: &[
        method(Id::Gatewaying, "gatewaying", "g").help("direct routing (the default)"),
        method(Id::Ipip, "ipip", "i").help("tunnelling"),
        method(Id::Masquerading, "masquerading", "m").help("network address translation"),
        forwarding(Id::TunnelType, 29, "tun-type", "")
            .takes("ipip|gue|gre", "encapsulation of -i, ipip by default")
            .completes(Words(&["ipip", "gue", "gre"])),
        forwarding(Id::TunnelPort, TUNNEL_PORT, "tun-port", "").takes("PORT", "UDP port of gue"),
        forwarding(Id::TunnelNoChecksum, TUNNEL_NO_CHECKSUM, "tun-nocsum", "")
            .help("no checksum in gue and gre (the default)"),
        forwarding(Id::TunnelChecksum, TUNNEL_CHECKSUM, "tun-csum", "")
            .help("a checksum in gue and gre"),
        forwarding(Id::TunnelRemoteChecksum, TUNNEL_REMOTE_CHECKSUM, "tun-remcsum", "")
            .help("remote checksum offload in gue"),
        forwarding(Id::Weight, 8, "weight", "w")
            .takes("NUMBER", "share of new connections, 1 by default; 0 takes no new ones"),
        forwarding(Id::UpperThreshold, 9, "u-threshold", "x")
            .takes("NUMBER", "connections from which on the server gets no new ones"),
        forwarding(Id::LowerThreshold, 10, "l-threshold", "y")
            .takes("NUMBER", "connections below which it gets new ones again"),
    ],
};

/// An option of `--start-daemon`.
const fn daemon(id: Id, place: u8, long: &'static str) -> Row {
    Row::option(id, place, long, "").goes_with(Verb::StartDaemon.bit())
}

pub static DAEMONS: Section = Section {
    title: "\nOptions of daemons",
    rows: &[
        // The reference accepts --syncid with -L, and ignores it.
        daemon(Id::SyncId, 19, "syncid")
            .takes("NUMBER", "group of directors that understand each other, 0 to 255")
            .goes_with(Verb::StopDaemon.bit() | LIST),
        daemon(Id::SyncMaximumLength, 27, "sync-maxlen").takes("BYTES", "longest message"),
        daemon(Id::MulticastInterface, 11, "mcast-interface")
            .takes("NAME", "interface to send and listen on, eth0 by default")
            .completes(Interfaces),
        daemon(Id::MulticastGroup, 24, "mcast-group").takes("ADDRESS", "multicast group"),
        daemon(Id::MulticastPort, 25, "mcast-port").takes("PORT", "UDP port"),
        daemon(Id::MulticastTimeToLive, 26, "mcast-ttl")
            .takes("NUMBER", "time to live of messages"),
    ],
};

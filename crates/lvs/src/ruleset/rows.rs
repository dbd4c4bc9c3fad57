//! One row per command and option of the ruleset language.
//!
//! A place is the number of the column that the option has in the reference's table of options and
//! commands; its checks go from column to column.

use super::option::Completion::{
    Interfaces, Nothing, RealServers, SchedulerFlags, Services, Words,
};
use super::option::{Id, Row, Section, Table, Verb, Verbs};

const ADD_OR_EDIT_SERVICE: Verbs = Verb::AddService.bit() | Verb::EditService.bit();
const ADD_OR_EDIT_SERVER: Verbs = Verb::AddServer.bit() | Verb::EditServer.bit();
const ANY_SERVER: Verbs = ADD_OR_EDIT_SERVER | Verb::DeleteServer.bit();
const ANY_SERVICE: Verbs = ADD_OR_EDIT_SERVICE | Verb::DeleteService.bit();
const LIST: Verbs = Verb::List.bit();
const START: Verbs = Verb::StartDaemon.bit();
const STOP: Verbs = Verb::StopDaemon.bit();

/// Columns of the options that a tunnel type restricts.
pub(super) const TUNNEL_PORT: u8 = 30;
pub(super) const TUNNEL_NO_CHECKSUM: u8 = 31;
pub(super) const TUNNEL_CHECKSUM: u8 = 32;
pub(super) const TUNNEL_REMOTE_CHECKSUM: u8 = 33;

/// The schedulers of the kernel, and `none`.
const SCHEDULERS: &[&str] = &[
    "rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh", "twos",
    "none",
];

const DAEMON: &str = "master|backup";

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
            .followed_by("SERVICE [SCHEDULING]")
            .help("add a virtual service"),
        Row::command(Verb::EditService, "edit-service", "E")
            .followed_by("SERVICE [SCHEDULING]")
            .help("edit a virtual service; what is left out is reset"),
        Row::command(Verb::DeleteService, "delete-service", "D")
            .followed_by("SERVICE")
            .help("delete a virtual service and its real servers"),
        Row::command(Verb::Flush, "clear", "C").named("flush").help("delete every service"),
        Row::command(Verb::Zero, "zero", "Z")
            .followed_by("[SERVICE]")
            .help("zero the counters of one service, or of all"),
    ],
};

pub static SERVER_COMMANDS: Section = Section {
    title: "\nReal servers",
    rows: &[
        Row::command(Verb::AddServer, "add-server", "a")
            .followed_by("SERVICE SERVER [FORWARDING]")
            .help("add a real server to a service"),
        Row::command(Verb::EditServer, "edit-server", "e")
            .followed_by("SERVICE SERVER [FORWARDING]")
            .help("edit a real server; what is left out is reset"),
        Row::command(Verb::DeleteServer, "delete-server", "d")
            .followed_by("SERVICE SERVER")
            .help("delete a real server"),
    ],
};

pub static SETTING_COMMANDS: Section = Section {
    title: "\nTimeouts and daemons",
    rows: &[
        Row::command(Verb::Set, "set", "")
            .followed_by("TCP TCPFIN UDP")
            .help("timeouts of connections in seconds; 0 leaves one as it is"),
        Row::command(Verb::StartDaemon, "start-daemon", "")
            .takes(DAEMON, Words(&["master", "backup"]))
            .help("start a connection synchronization daemon"),
        Row::command(Verb::StopDaemon, "stop-daemon", "")
            .takes(DAEMON, Words(&["master", "backup"]))
            .help("stop a connection synchronization daemon"),
    ],
};

/// An option that names a service. Any two of them conflict.
const fn service(id: Id, long: &'static str, short: &'static str, value: &'static str) -> Row {
    Row::option(id, 2, long, short)
        .named("service-address")
        .takes(value, Services)
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

pub static SCHEDULING: Section = Section {
    title: "\nSCHEDULING",
    rows: &[
        Row::option(Id::Scheduler, 3, "scheduler", "s")
            .takes("NAME", Words(SCHEDULERS))
            .goes_with(ADD_OR_EDIT_SERVICE)
            .help(
                "scheduler: rr, wrr, lc, wlc (the default), lblc, lblcr, dh,\n\
                 sh, sed, nq, fo, ovf, mh, twos, or none",
            ),
        Row::option(Id::SchedulerFlags, 23, "sched-flags", "b")
            .takes("FLAG[,FLAG]...", SchedulerFlags)
            .goes_with(ADD_OR_EDIT_SERVICE)
            .help(
                "flags of the scheduler: flag-1, flag-2, flag-3, sh-fallback,\n\
                 sh-port, mh-fallback, mh-port",
            ),
        Row::option(Id::Persistent, 4, "persistent", "p")
            .may_take("[=SECONDS]")
            .goes_with(ADD_OR_EDIT_SERVICE)
            .help("a client stays with its real server, 360 seconds by default"),
        Row::option(Id::Netmask, 5, "netmask", "M")
            .takes("MASK", Nothing)
            .goes_with(ADD_OR_EDIT_SERVICE)
            .help(
                "part of a client's address that counts for persistence;\n\
                 a prefix length for IPv6",
            ),
        Row::option(Id::PersistenceEngine, 22, "pe", "")
            .takes("NAME", Words(&["sip"]))
            .goes_with(ADD_OR_EDIT_SERVICE)
            .help("persistence engine, such as sip"),
        Row::option(Id::OnePacket, 21, "ops", "o")
            .goes_with(ADD_OR_EDIT_SERVICE)
            .help("schedule every packet on its own (UDP)"),
    ],
};

pub static SERVER: Section = Section {
    title: "\nSERVER",
    rows: &[Row::option(Id::RealServer, 6, "real-server", "r")
        .takes("ADDRESS[:PORT]", RealServers)
        .needed_by(ANY_SERVER)
        .help("real server; without a port: that of the service")],
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
            .takes("ipip|gue|gre", Words(&["ipip", "gue", "gre"]))
            .help("encapsulation of -i, ipip by default"),
        forwarding(Id::TunnelPort, TUNNEL_PORT, "tun-port", "")
            .takes("PORT", Nothing)
            .help("UDP port of gue"),
        forwarding(Id::TunnelNoChecksum, TUNNEL_NO_CHECKSUM, "tun-nocsum", "")
            .help("no checksum in gue and gre (the default)"),
        forwarding(Id::TunnelChecksum, TUNNEL_CHECKSUM, "tun-csum", "")
            .help("a checksum in gue and gre"),
        forwarding(Id::TunnelRemoteChecksum, TUNNEL_REMOTE_CHECKSUM, "tun-remcsum", "")
            .help("remote checksum offload in gue"),
        forwarding(Id::Weight, 8, "weight", "w")
            .takes("NUMBER", Nothing)
            .help("share of new connections, 1 by default; 0 takes no new ones"),
        forwarding(Id::UpperThreshold, 9, "u-threshold", "x")
            .takes("NUMBER", Nothing)
            .help("connections from which on the server gets no new ones"),
        forwarding(Id::LowerThreshold, 10, "l-threshold", "y")
            .takes("NUMBER", Nothing)
            .help("connections below which it gets new ones again"),
    ],
};

/// An option of `--start-daemon`.
const fn daemon(id: Id, place: u8, long: &'static str, value: &'static str) -> Row {
    Row::option(id, place, long, "").takes(value, Nothing).goes_with(START)
}

pub static DAEMONS: Section = Section {
    title: "\nOptions of daemons",
    rows: &[
        // The reference accepts --syncid with -L, and ignores it.
        daemon(Id::SyncId, 19, "syncid", "NUMBER")
            .goes_with(STOP | LIST)
            .help("group of directors that understand each other, 0 to 255"),
        daemon(Id::SyncMaximumLength, 27, "sync-maxlen", "BYTES").help("longest message"),
        daemon(Id::MulticastInterface, 11, "mcast-interface", "NAME")
            .takes("NAME", Interfaces)
            .help("interface to send and listen on, eth0 by default"),
        daemon(Id::MulticastGroup, 24, "mcast-group", "ADDRESS").help("multicast group"),
        daemon(Id::MulticastPort, 25, "mcast-port", "PORT").help("UDP port"),
        daemon(Id::MulticastTimeToLive, 26, "mcast-ttl", "NUMBER").help("time to live of messages"),
    ],
};

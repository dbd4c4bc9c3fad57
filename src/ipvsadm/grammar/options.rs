//! The one table of commands and options: how each is spelt and what messages call it.
//!
//! The scanner and the clap front end both read lines by this table and by nothing else. A new
//! option is a row here, its row in the table of [`legality`](super::legality), and its effect in
//! [`effect`](super::effect).

/// A command: what one line does. The order is that of the columns in
/// [`legality`](super::legality).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    AddService,
    EditService,
    DeleteService,
    Flush,
    List,
    AddServer,
    EditServer,
    DeleteServer,
    Set,
    StartDaemon,
    StopDaemon,
    Restore,
    Save,
    Zero,
    Help,
    Version,
}

/// What an option stands for, whichever way it was spelt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OptionId {
    Command(Verb),
    Numeric,
    Connection,
    TcpService,
    UdpService,
    SctpService,
    MarkService,
    Scheduler,
    Persistent,
    Netmask,
    RealServer,
    Masquerading,
    Ipip,
    Gatewaying,
    Weight,
    UpperThreshold,
    LowerThreshold,
    MulticastInterface,
    Timeout,
    Daemon,
    Stats,
    Rate,
    Thresholds,
    PersistentConnections,
    NoSort,
    SyncId,
    Exact,
    OnePacket,
    PersistenceEngine,
    SchedulerFlags,
    MulticastGroup,
    MulticastPort,
    MulticastTimeToLive,
    SyncMaximumLength,
    TunnelInfo,
    TunnelType,
    TunnelPort,
    TunnelNoChecksum,
    TunnelChecksum,
    TunnelRemoteChecksum,
    Json,
    NoLoad,
    NetworkNamespace,
    Explain,
    Client,
    VirtualAddress,
    Destination,
    State,
    CountBy,
    Replace,
    Sort,
    Ipv6,
}

/// Whether an option takes an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Argument {
    None,
    Required,
    Optional,
}

/// One row of the table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OptionRow {
    /// What it stands for.
    pub(super) id: OptionId,
    /// Its name in messages. Options that share one exclude each other; one without a name may be
    /// repeated and goes with every command.
    pub(super) name: Option<&'static str>,
    /// Long spelling, without the dashes.
    pub(super) long: &'static str,
    /// Short spellings, a character each.
    pub(super) shorts: &'static str,
    /// Its argument.
    pub(super) argument: Argument,
}

impl OptionRow {
    /// The command that this option is, if it is one.
    pub(super) const fn verb(&self) -> Option<Verb> {
        match self.id {
            OptionId::Command(verb) => Some(verb),
            _ => None,
        }
    }
}

/// The row with that long spelling.
pub(super) fn long(spelling: &str) -> Option<&'static OptionRow> {
    OPTIONS.iter().find(|row| row.long == spelling)
}

/// The row with that short spelling.
pub(super) fn short(spelling: char) -> Option<&'static OptionRow> {
    BY_SHORT.get(spelling as usize).copied().flatten()
}

/// The rows by their short spellings, which a restore looks up once a word.
#[allow(clippy::indexing_slicing, reason = "the compiler evaluates it")]
static BY_SHORT: [Option<&OptionRow>; 128] = {
    let mut rows = [None; 128];
    let mut row = 0;
    while row < OPTIONS.len() {
        let shorts = OPTIONS[row].shorts.as_bytes();
        let mut place = 0;
        while place < shorts.len() {
            rows[shorts[place] as usize] = Some(&OPTIONS[row]);
            place += 1;
        }
        row += 1;
    }
    rows
};

const fn command(
    verb: Verb,
    name: &'static str,
    long: &'static str,
    shorts: &'static str,
    argument: Argument,
) -> OptionRow {
    option(OptionId::Command(verb), name, long, shorts, argument)
}

const fn option(
    id: OptionId,
    name: &'static str,
    long: &'static str,
    shorts: &'static str,
    argument: Argument,
) -> OptionRow {
    OptionRow { id, name: Some(name), long, shorts, argument }
}

const fn nameless(id: OptionId, long: &'static str, shorts: &'static str) -> OptionRow {
    OptionRow { id, name: None, long, shorts, argument: Argument::None }
}

/// Every command and option. Named options stand in the order in which their legality is checked.
#[rustfmt::skip]
pub(super) static OPTIONS: &[OptionRow] = {
    use Argument::{None, Optional, Required};
    use OptionId as Id;
    &[
        command(Verb::AddService,    "add-service",    "add-service",    "A",  None),
        command(Verb::EditService,   "edit-service",   "edit-service",   "E",  None),
        command(Verb::DeleteService, "delete-service", "delete-service", "D",  None),
        command(Verb::Flush,         "flush",          "clear",          "C",  None),
        command(Verb::List,          "list",           "list",           "Ll", None),
        command(Verb::AddServer,     "add-server",     "add-server",     "a",  None),
        command(Verb::EditServer,    "edit-server",    "edit-server",    "e",  None),
        command(Verb::DeleteServer,  "delete-server",  "delete-server",  "d",  None),
        command(Verb::Set,           "set",            "set",            "",   None),
        command(Verb::StartDaemon,   "start-daemon",   "start-daemon",   "",   Required),
        command(Verb::StopDaemon,    "stop-daemon",    "stop-daemon",    "",   Required),
        command(Verb::Restore,       "restore",        "restore",        "R",  None),
        command(Verb::Save,          "save",           "save",           "S",  None),
        command(Verb::Zero,          "zero",           "zero",           "Z",  None),
        command(Verb::Help,          "help",           "help",           "h",  None),
        command(Verb::Version,       "version",        "version",        "v",  None),

        option(Id::Numeric,               "numeric",           "numeric",         "n", None),
        option(Id::Connection,            "connection",        "connection",      "c", None),
        option(Id::TcpService,            "service-address",   "tcp-service",     "t", Required),
        option(Id::UdpService,            "service-address",   "udp-service",     "u", Required),
        option(Id::SctpService,           "service-address",   "sctp-service",    "",  Required),
        option(Id::MarkService,           "service-address",   "fwmark-service",  "f", Required),
        option(Id::Scheduler,             "scheduler",         "scheduler",       "s", Required),
        option(Id::Persistent,            "persistent",        "persistent",      "p", Optional),
        option(Id::Netmask,               "netmask",           "netmask",         "M", Required),
        option(Id::RealServer,            "real-server",       "real-server",     "r", Required),
        option(Id::Masquerading,          "forwarding-method", "masquerading",    "m", None),
        option(Id::Ipip,                  "forwarding-method", "ipip",            "i", None),
        option(Id::Gatewaying,            "forwarding-method", "gatewaying",      "g", None),
        option(Id::Weight,                "weight",            "weight",          "w", Required),
        option(Id::UpperThreshold,        "u-threshold",       "u-threshold",     "x", Required),
        option(Id::LowerThreshold,        "l-threshold",       "l-threshold",     "y", Required),
        option(Id::MulticastInterface,    "mcast-interface",   "mcast-interface", "",  Required),
        option(Id::Timeout,               "timeout",           "timeout",         "",  None),
        option(Id::Daemon,                "daemon",            "daemon",          "",  None),
        option(Id::Stats,                 "stats",             "stats",           "",  None),
        option(Id::Rate,                  "rate",              "rate",            "",  None),
        option(Id::Thresholds,            "thresholds",        "thresholds",      "",  None),
        option(Id::PersistentConnections, "persistent-conn",   "persistent-conn", "",  None),
        option(Id::NoSort,                "nosort",            "nosort",          "",  None),
        option(Id::SyncId,                "syncid",            "syncid",          "",  Required),
        option(Id::Exact,                 "exact",             "exact",           "X", None),
        option(Id::OnePacket,             "ops",               "ops",             "o", None),
        option(Id::PersistenceEngine,     "pe",                "pe",              "",  Required),
        option(Id::SchedulerFlags,        "sched-flags",       "sched-flags",     "b", Required),
        option(Id::MulticastGroup,        "mcast-group",       "mcast-group",     "",  Required),
        option(Id::MulticastPort,         "mcast-port",        "mcast-port",      "",  Required),
        option(Id::MulticastTimeToLive,   "mcast-ttl",         "mcast-ttl",       "",  Required),
        option(Id::SyncMaximumLength,     "sync-maxlen",       "sync-maxlen",     "",  Required),
        option(Id::TunnelInfo,            "tun-info",          "tun-info",        "",  None),
        option(Id::TunnelType,            "tun-type",          "tun-type",        "",  Required),
        option(Id::TunnelPort,            "tun-port",          "tun-port",        "",  Required),
        option(Id::TunnelNoChecksum,      "tun-nocsum",        "tun-nocsum",      "",  None),
        option(Id::TunnelChecksum,        "tun-csum",          "tun-csum",        "",  None),
        option(Id::TunnelRemoteChecksum,  "tun-remcsum",       "tun-remcsum",     "",  None),

        // Ours; the reference knows none of them.
        option(Id::Json,                  "json",              "json",            "",  None),
        option(Id::NoLoad,                "no-load",           "no-load",         "",  None),
        option(Id::NetworkNamespace,      "netns",             "netns",           "",  Required),
        option(Id::Explain,               "explain",           "explain",         "",  None),
        option(Id::Client,                "client",            "client",          "",  Required),
        option(Id::VirtualAddress,        "vip",               "vip",             "",  Required),
        option(Id::Destination,           "real",              "real",            "",  Required),
        option(Id::State,                 "state",             "state",           "",  Required),
        option(Id::CountBy,               "count-by",          "count-by",        "",  Required),
        option(Id::Replace,               "replace",           "replace",         "",  None),

        nameless(Id::Sort, "sort", ""),
        nameless(Id::Ipv6, "ipv6", "6"),
    ]
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spelling_stands_for_two_options() {
        for row in OPTIONS {
            assert_eq!(long(row.long), Some(row));
            for spelling in row.shorts.chars() {
                assert_eq!(short(spelling), Some(row));
            }
        }
    }

    #[test]
    fn spellings_are_exact() {
        assert_eq!(long("numer"), None);
        assert_eq!(long("NUMERIC"), None);
        assert_eq!(long(""), None);
        assert_eq!(short('I'), None);
        assert_eq!(short('?'), None);
        assert_eq!(short('l').and_then(OptionRow::verb), Some(Verb::List), "-l is -L");
    }
}

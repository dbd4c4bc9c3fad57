//! Errors of a line, in the words of the reference.

/// A ruleset that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("line {line}: {source}")]
pub struct Error {
    /// Number of the line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub source: UsageError,
}

/// A command line that is not valid.
///
/// The text is what standard error gets, without the newline that ends it. Quotes, spelling and
/// the stray underscores and newline in it are those of ipvsadm 1.31, which scripts match on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UsageError {
    /// The first option is not a command, or cannot be read.
    #[error("Try `{program} -h' or '{program} --help' for more information.")]
    NoCommand {
        /// `argv[0]`, as it was typed.
        program: String,
    },
    /// An option after the command that does not exist.
    #[error("{0}: unknown option")]
    UnknownOption(String),
    /// An option at the end of the line that lacks its argument.
    #[error("{0}: missing argument")]
    MissingArgument(String),
    /// A flag with an argument.
    #[error("{0}: option does not take an argument")]
    SuperfluousArgument(String),
    /// A second command; the text is the last element of the line that was read.
    #[error("invalid option `{0}'")]
    SecondCommand(String),
    /// An option given twice, or two that share a name.
    #[error("multiple '{0}' options specified")]
    Multiple(&'static str),
    /// A value that does not fit its option.
    #[error("illegal {0} specified")]
    Illegal(&'static str),
    /// A timeout that is not a number of seconds within 31 days.
    #[error("invalid timeout value `{0}' specified")]
    InvalidTimeout(String),
    /// A state of connections that no protocol has, and the known ones.
    #[error("unknown connection state `{0}', known are {1}")]
    UnknownState(String, &'static str),
    /// A firewall mark that is not a number, or is 0.
    #[error("invalid fwmark value `{0}' specified")]
    InvalidMark(String),
    /// A multicast group that is not a multicast address of its family.
    #[error("invalid {family} mcast-group `{group}'")]
    InvalidGroup {
        /// `IPv4` or `IPv6`.
        family: &'static str,
        /// What was given.
        group: String,
    },
    /// `-6` without a firewall mark before it. The reference ends this line twice.
    #[error("-6 used before -f\n")]
    Ipv6BeforeMark,
    /// `--set` with fewer than three operands.
    #[error("--set option requires 3 timeout values")]
    SetNeedsThree,
    /// An operand that belongs to nothing.
    #[error("unexpected argument {0}")]
    UnexpectedArgument(String),
    /// An option of the whole run in restore input.
    #[error("the '{0}' option is not allowed in restore input")]
    NotInRestore(&'static str),
    /// A scheduler flag that does not exist.
    #[error("invalid scheduler flag `{0}'")]
    InvalidSchedulerFlag(String),
    /// A scheduler flag of another scheduler.
    #[error("incompatible scheduler flag `{0}'")]
    IncompatibleSchedulerFlag(String),
    /// An option that the command or the tunnel type needs.
    #[error("You need to supply the '{name}' option for the '{user}' {kind}")]
    MissingOption {
        /// Name of the option.
        name: &'static str,
        /// Name of the command or tunnel type.
        user: &'static str,
        /// `command` or `tunnel type`.
        kind: &'static str,
    },
    /// An option that does not go with the command or the tunnel type.
    #[error("Illegal '{name}' option with the '{user}' {kind}")]
    IllegalOption {
        /// Name of the option.
        name: &'static str,
        /// Name of the command or tunnel type.
        user: &'static str,
        /// `command` or `tunnel type`.
        kind: &'static str,
    },
    /// Two options of which only one is allowed.
    #[error("The option '{later}' conflicts with the '{first}' option in the '{user}' {kind}")]
    Conflict {
        /// The later one, in the order of the table.
        later: &'static str,
        /// The earlier one.
        first: &'static str,
        /// Name of the command or tunnel type.
        user: &'static str,
        /// `command` or `tunnel type`.
        kind: &'static str,
    },
    /// Columns of services in a listing that has none.
    #[error("options conflicts in the list command")]
    ListConflict,
    /// Only a persistent service may stand for every port.
    #[error("Zero port specified for non-persistent service")]
    ZeroPort,
    /// One-packet scheduling of a protocol with connections.
    #[error("One-Packet Scheduling is only for UDP virtual services")]
    OnePacketNeedsUdp,
    /// A real server of the other family that is not reached through a tunnel.
    #[error("Different address family is allowed only for tunneling servers")]
    DifferentFamily,
    /// `--tun-*` without `-i`.
    #[error("Tunnel options conflict with forward method")]
    TunnelOptions,
}

impl UsageError {
    /// The exit code: 255 where the reference's option library complained or no command was found,
    /// else 2.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::NoCommand { .. } => 255,
            _ if self.is_option_error() => 255,
            _ => 2,
        }
    }

    /// Whether the reference's option library complained. The reference goes on with the next line
    /// of a restore after these, and stops at every other one.
    #[must_use]
    pub const fn is_option_error(&self) -> bool {
        matches!(
            self,
            Self::UnknownOption(_) | Self::MissingArgument(_) | Self::SuperfluousArgument(_)
        )
    }
}

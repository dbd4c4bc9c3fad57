//! A command or an option as one row: spelling, argument, legality, help text and completion; and
//! the table of rows by which lines are read.
//!
//! The rows of the ruleset language are in [`rows`](super::rows). A program with options of its own
//! adds sections of rows and builds its [`Table`] of both.

use super::UsageError;

/// A command: what one line does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
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

/// A set of commands, one bit per [`Verb`].
pub type Verbs = u16;

impl Verb {
    pub const fn bit(self) -> Verbs {
        1 << self as u16
    }
}

/// What a row stands for, independent of its spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Id {
    Command(Verb),
    TcpService,
    UdpService,
    SctpService,
    MarkService,
    Ipv6,
    Scheduler,
    SchedulerFlags,
    Persistent,
    Netmask,
    PersistenceEngine,
    OnePacket,
    RealServer,
    Masquerading,
    Ipip,
    Gatewaying,
    Weight,
    UpperThreshold,
    LowerThreshold,
    TunnelType,
    TunnelPort,
    TunnelNoChecksum,
    TunnelChecksum,
    TunnelRemoteChecksum,
    SyncId,
    SyncMaximumLength,
    MulticastInterface,
    MulticastGroup,
    MulticastPort,
    MulticastTimeToLive,
    /// An option of the program only, by its own number.
    Program(u8),
}

/// Whether an option takes an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    None,
    Required,
    Optional,
}

/// What a shell offers as an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completion {
    Nothing,
    Words(&'static [&'static str]),
    /// Services of the table.
    Services,
    /// Real servers of the table.
    RealServers,
    /// Flags of the scheduler that the line names.
    SchedulerFlags,
    /// Network interfaces.
    Interfaces,
    /// Named network namespaces.
    Namespaces,
}

/// One command or option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    pub id: Id,
    /// Long spelling, without the dashes.
    pub long: &'static str,
    /// Short spellings, one character each.
    pub shorts: &'static str,
    /// Name in messages.
    pub name: &'static str,
    /// Position in the order of the reference's checks. Options with the same place exclude each
    /// other. One without a place may be repeated, and is allowed with every command.
    pub place: Option<u8>,
    pub argument: Argument,
    /// The argument as the help text writes it.
    pub value: &'static str,
    /// Commands that allow it.
    pub legal: Verbs,
    /// Commands that need it.
    pub required: Verbs,
    /// Commands that allow only one of the options with the command in this set.
    pub exclusive: Verbs,
    pub help: &'static str,
    pub completion: Completion,
}

impl Row {
    const fn new(id: Id, place: Option<u8>, long: &'static str, shorts: &'static str) -> Self {
        Self {
            id,
            long,
            shorts,
            name: long,
            place,
            argument: Argument::None,
            value: "",
            legal: 0,
            required: 0,
            exclusive: 0,
            help: "",
            completion: Completion::Nothing,
        }
    }

    pub const fn command(verb: Verb, long: &'static str, shorts: &'static str) -> Self {
        Self::new(Id::Command(verb), None, long, shorts)
    }

    pub const fn option(id: Id, place: u8, long: &'static str, shorts: &'static str) -> Self {
        Self::new(id, Some(place), long, shorts)
    }

    /// An option that may be repeated.
    pub const fn repeatable(id: Id, long: &'static str, shorts: &'static str) -> Self {
        Self::new(id, None, long, shorts)
    }

    /// A name in messages other than the long spelling.
    pub const fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// A command that operands or options follow.
    pub const fn followed_by(self, value: &'static str, help: &'static str) -> Self {
        Self { value, help, ..self }
    }

    /// An option with an argument.
    pub const fn takes(self, value: &'static str, help: &'static str) -> Self {
        Self { argument: Argument::Required, value, help, ..self }
    }

    /// An option whose argument may be left out.
    pub const fn may_take(self, value: &'static str, help: &'static str) -> Self {
        Self { argument: Argument::Optional, value, help, ..self }
    }

    /// A command or option without an argument.
    pub const fn help(self, help: &'static str) -> Self {
        Self { help, ..self }
    }

    pub const fn completes(self, completion: Completion) -> Self {
        Self { completion, ..self }
    }

    pub const fn goes_with(self, verbs: Verbs) -> Self {
        Self { legal: self.legal | verbs, ..self }
    }

    pub const fn needed_by(self, verbs: Verbs) -> Self {
        Self { required: verbs, ..self.goes_with(verbs) }
    }

    pub const fn alone_with(self, verbs: Verbs) -> Self {
        Self { exclusive: verbs, ..self.goes_with(verbs) }
    }

    /// The command that this row is, if it is one.
    pub const fn verb(&self) -> Option<Verb> {
        match self.id {
            Id::Command(verb) => Some(verb),
            _ => None,
        }
    }
}

/// Rows under one title of the help text.
#[derive(Debug)]
pub struct Section {
    /// As the help text prints it; it begins with an empty line where a new part begins.
    pub title: &'static str,
    pub rows: &'static [Row],
}

/// Sets of places, one bit each, against which the options of a line are checked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Legality {
    pub(super) required: u64,
    pub(super) legal: u64,
    pub(super) exclusive: u64,
}

impl Legality {
    const NONE: Self = Self { required: 0, legal: 0, exclusive: 0 };

    /// Checks the places given. The first wrong one, in the order of the reference, is the error of
    /// `user`: a command or a tunnel type.
    pub(super) fn check(
        self,
        given: u64,
        table: &Table,
        (kind, user): (&'static str, &'static str),
    ) -> Result<(), UsageError> {
        let missing = self.required & !given;
        let illegal = given & !self.legal;
        let exclusive = given & self.exclusive;
        let later = exclusive & exclusive.wrapping_sub(1);
        let wrong = missing | illegal | later;
        if wrong == 0 {
            return Ok(());
        }
        let name_of = |place| {
            let row = table.rows().find(|row| row.place.map(u32::from) == Some(place));
            row.map_or("", |row| row.name)
        };
        let place = wrong.trailing_zeros();
        let name = name_of(place);
        Err(if missing >> place & 1 != 0 {
            UsageError::MissingOption { name, user, kind }
        } else if illegal >> place & 1 != 0 {
            UsageError::IllegalOption { name, user, kind }
        } else {
            let first = name_of(exclusive.trailing_zeros());
            UsageError::Conflict { later: name, first, user, kind }
        })
    }
}

/// Every row of a command line, and what is looked up per word or per line.
#[derive(Debug)]
pub struct Table {
    pub sections: &'static [&'static Section],
    /// Section and row of each short spelling. Numbers need no relocation at program start.
    by_short: [Option<(u8, u8)>; 128],
    legality: [Legality; 16],
}

impl Table {
    #[allow(clippy::indexing_slicing, reason = "the compiler evaluates it")]
    pub const fn new(sections: &'static [&'static Section]) -> Self {
        let mut table = Self { sections, by_short: [None; 128], legality: [Legality::NONE; 16] };
        let mut section = 0;
        while section < sections.len() {
            let rows = sections[section].rows;
            let mut index = 0;
            while index < rows.len() {
                let row = &rows[index];
                let shorts = row.shorts.as_bytes();
                let mut short = 0;
                while short < shorts.len() {
                    table.by_short[shorts[short] as usize] = Some((section as u8, index as u8));
                    short += 1;
                }
                if let Some(place) = row.place {
                    let mut verb = 0;
                    while verb < 16 {
                        let legality = &mut table.legality[verb];
                        legality.legal |= ((row.legal >> verb & 1) as u64) << place;
                        legality.required |= ((row.required >> verb & 1) as u64) << place;
                        legality.exclusive |= ((row.exclusive >> verb & 1) as u64) << place;
                        verb += 1;
                    }
                }
                index += 1;
            }
            section += 1;
        }
        table
    }

    pub fn rows(&self) -> impl Iterator<Item = &'static Row> + Clone + use<> {
        self.sections.iter().flat_map(|section| section.rows)
    }

    /// The row with that long spelling.
    pub fn long(&self, spelling: &str) -> Option<&'static Row> {
        self.rows().find(|row| row.long == spelling)
    }

    /// The row with that short spelling.
    pub fn short(&self, spelling: char) -> Option<&'static Row> {
        let (section, row) = (*self.by_short.get(spelling as usize)?)?;
        self.sections.get(usize::from(section))?.rows.get(usize::from(row))
    }

    /// Checks the options given, by place, against the command.
    pub(super) fn check(&self, command: &'static Row, given: u64) -> Result<(), UsageError> {
        let verb = command.verb().map_or(0, |verb| verb as usize);
        let legality = self.legality.get(verb).copied().unwrap_or_default();
        legality.check(given, self, ("command", command.name))
    }
}

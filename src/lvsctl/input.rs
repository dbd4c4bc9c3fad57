//! The file of `apply` and similar commands: a cluster file or `ipvsadm -S` output.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::caller;
use super::departing;
use super::error::{Error, usage};
use super::log::Run;
use crate::config::{ClusterSpec, Label};
use crate::engine::{Desired, System};
use crate::host::machine::{Key, Machine, Value};
use crate::host::{self, InterfaceName, first_kernel};
use crate::ipvsadm;
use crate::path::{End, Served};
use crate::policy::{
    ActualState, AddressDuty, AddressOwner, DesiredItem, Duty, MachineJournal, Owned, Owner, Role,
    desired,
};
use lvs::ipvs::{self, Destination, Forwarding, Service, ServiceIdentity};
use lvs::table::{self, Ruleset};

/// A file, and the role that it gives this machine.
pub(super) enum Input {
    /// A cluster file, on a machine with these addresses.
    Cluster { cluster: Box<ClusterSpec>, role: Role, own: Vec<IpAddr> },
    /// A complete table from `ipvsadm -S` output, with the names in its comments.
    Table(Ruleset, Labels),
}

/// Where packets of a service arrive, if it has that address and method.
fn served_end(duty: &AddressDuty, service: &Service, real: &Destination) -> Option<End> {
    let ServiceIdentity::Address { protocol, address, port } = service.identity else {
        return None;
    };
    let same = address == duty.vip && real.forwarding == duty.mode.forwarding();
    let port = if real.forwarding == Forwarding::Masquerade { real.port } else { port };
    same.then_some(End { protocol, port, own: real.address, tunnel: Some(real.tunnel) })
}

impl Input {
    /// Reads a file, and finds the role of this machine by its addresses unless it is given.
    pub(super) fn load(file: &Path, role: Option<Role>, run: &Run) -> Result<Self, Error> {
        Self::of(file, role, run, || {
            let addresses = Machine::new()?.state()?.addresses;
            Ok(addresses.into_iter().map(|address| address.address).collect())
        })
    }

    /// [`Input::load`] for a machine with these addresses.
    pub(super) fn of(
        file: &Path,
        role: Option<Role>,
        run: &Run,
        own: impl FnOnce() -> Result<Vec<IpAddr>, Error>,
    ) -> Result<Self, Error> {
        let cluster = match (Content::load(file, run)?, role) {
            (Content::Cluster(cluster), _) => Box::new(cluster),
            (Content::Ruleset(text), None) => {
                let (table, labels) = text.parse()?;
                return Ok(Self::Table(table, labels));
            }
            (Content::Ruleset(_), Some(_)) => {
                usage!("--role is for cluster files, and {} is ipvsadm -S output", file.display());
            }
        };
        let own = own()?;
        let role = match role {
            Some(role) => role,
            None => cluster.role(&own)?,
        };
        Ok(Self::Cluster { cluster, role, own })
    }

    pub(super) fn cluster(&self) -> Option<&str> {
        match self {
            Self::Cluster { cluster, .. } => Some(cluster.name()),
            Self::Table(..) => None,
        }
    }

    /// How many directors the file has, counted in the family that has most.
    pub(super) fn directors(&self) -> usize {
        let Self::Cluster { cluster, .. } = self else { return 0 };
        let ipv4 = cluster.director_addresses().filter(IpAddr::is_ipv4).count();
        ipv4.max(cluster.director_addresses().count() - ipv4)
    }

    pub(super) fn owners(&self) -> Owners {
        match self {
            Self::Cluster { cluster, .. } => Owners::Cluster(cluster.name().to_owned()),
            Self::Table(..) => Owners::Rules,
        }
    }

    /// The owner of unmanaged entries of the table; none on a real server.
    pub(super) fn owner_of_table(&self) -> Option<Owner> {
        match self {
            Self::Cluster { cluster, role: role @ Role::Director, .. } => {
                Some(Owner::Cluster { name: cluster.name().to_owned(), role: *role })
            }
            Self::Cluster { .. } => None,
            Self::Table(..) => Some(Owner::Ruleset),
        }
    }

    /// The desired state of this machine, in order.
    pub(super) fn desired(
        &self,
        machine: &mut Machine,
        journal: &MachineJournal,
    ) -> Result<Vec<DesiredItem>, Error> {
        let mut desired = self.desired_by(|duties| desired_of(machine, duties, journal))?;
        departing::overlay(&mut desired, journal);
        Ok(desired)
    }

    /// The names and comments of services and destinations.
    pub(super) fn labels(&self) -> Labels {
        match self {
            Self::Cluster { cluster, .. } => cluster.labels(),
            Self::Table(_, labels) => labels.clone(),
        }
    }

    /// How long `apply` waits for the connections of real servers that the file no longer has.
    pub(super) fn drain(&self) -> Option<Duration> {
        match self {
            Self::Cluster { cluster, .. } => cluster.drain(),
            Self::Table(..) => None,
        }
    }

    /// [`Input::desired`], with `of_duties` for the desired state that follows from duties.
    pub(super) fn desired_by(
        &self,
        of_duties: impl FnOnce(&[Owned]) -> Result<Vec<DesiredItem>, Error>,
    ) -> Result<Vec<DesiredItem>, Error> {
        match self {
            Self::Cluster { .. } => of_duties(&self.duties()?),
            Self::Table(table, _) => {
                let item = |(_, key, value)| {
                    Desired::new(Key::Table(key), Some(Value::Table(value)), Owner::Ruleset)
                };
                Ok(table.entries().map(item).collect())
            }
        }
    }

    /// The virtual addresses of a real server, with what its packets and programs need.
    pub(super) fn served(&self) -> Result<Vec<Served>, Error> {
        let Self::Cluster { cluster, own, .. } = self else { return Ok(Vec::new()) };
        let of_directors = cluster.duties(Role::Director, own)?;
        let mut found = Vec::new();
        for owned in self.duties()? {
            let Duty::Address(duty) = &owned.duty else { continue };
            if duty.role != Role::RealServer {
                continue;
            }
            let mut served = Served::new(duty.vip, duty.mode.forwarding(), true);
            served.directors = cluster.director_addresses().collect();
            for of_director in &of_directors {
                if let Duty::Service(service, destinations) = of_director {
                    let ends = destinations.iter().filter(|it| own.contains(&it.address));
                    served.ends.extend(ends.filter_map(|it| served_end(duty, service, it)));
                }
            }
            found.push(served);
        }
        Ok(found)
    }

    /// The duties of the machine; a ruleset has none.
    pub(super) fn duties(&self) -> Result<Vec<Owned>, Error> {
        match self {
            Self::Cluster { cluster, role, own } => duties(cluster, *role, own),
            Self::Table(..) => Ok(Vec::new()),
        }
    }

    /// The head of the status object.
    pub(super) fn json(&self) -> Json {
        match self {
            Self::Cluster { cluster, role, .. } => {
                let mut head = json!({"schema": 1, "cluster": cluster.name(), "role": role.name()});
                if let (Some(comment), Some(head)) = (cluster.comment(), head.as_object_mut()) {
                    head.insert("comment".to_owned(), comment.into());
                }
                head
            }
            Self::Table(..) => json!({"schema": 1, "rules": true}),
        }
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster { cluster, role, .. } => {
                write!(f, "cluster {} ({})", cluster.name(), role.name())
            }
            Self::Table(..) => Owners::Rules.fmt(f),
        }
    }
}

/// The owners of everything that was applied from a file, whatever it contains now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owners {
    Cluster(String),
    Rules,
}

/// The names of the clusters that are set up.
pub(super) fn clusters(journal: &MachineJournal) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for owner in journal.owners() {
        let name = owner.cluster().map(str::to_owned);
        names.extend(name.filter(|name| !names.contains(name)));
    }
    names
}

impl Owners {
    /// What `down` is asked to revert: a cluster that is set up here, by its name, or what was applied
    /// from a file. The name needs no file.
    pub(super) fn named(word: &Path, journal: &MachineJournal, run: &Run) -> Result<Self, Error> {
        let names = clusters(journal);
        let is_file = |word: &str| word == "-" || word.contains('/') || Path::new(word).exists();
        let is_name = |word: &&str| names.iter().any(|name| name == word) || !is_file(word);
        let named = word.to_str().filter(is_name).map(|name| Self::Cluster(name.to_owned()));
        match (named, Self::load(word, run)) {
            (Some(named), Ok(file)) if named != file => usage!(
                "{0} is the name of a cluster, and a file of {file}: write ./{0} for the file, or run \
                 it in another directory",
                word.display()
            ),
            (Some(owners), _) | (None, Ok(owners)) => Ok(owners),
            (None, Err(error)) if names.is_empty() => Err(error),
            (None, Err(error)) => Err(Error::UnknownCluster { error: Box::new(error), names }),
        }
    }

    pub(super) fn load(file: &Path, run: &Run) -> Result<Self, Error> {
        Ok(match Content::load(file, run)? {
            Content::Cluster(cluster) => Self::Cluster(cluster.name().to_owned()),
            Content::Ruleset(_) => Self::Rules,
        })
    }

    /// Whether none of these clusters is meant.
    pub(super) fn is_unknown(&self, names: &[String]) -> bool {
        matches!(self, Self::Cluster(name) if !names.contains(name))
    }

    pub(super) fn covers(&self, owner: &Owner) -> bool {
        match self {
            Self::Cluster(name) => owner.cluster() == Some(name),
            Self::Rules => *owner == Owner::Ruleset,
        }
    }
}

impl fmt::Display for Owners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster(name) => write!(f, "cluster {name}"),
            Self::Rules => f.write_str("the table of the ruleset"),
        }
    }
}

/// Names and comments, by what they are for.
pub(super) type Labels = HashMap<table::Key, Label>;

/// The names and comments in a file, if there is one.
pub(super) fn labels(file: Option<&Path>) -> Result<Labels, Error> {
    let Some(file) = file else { return Ok(Labels::new()) };
    match Content::load(file, &Run::default())? {
        Content::Cluster(cluster) => Ok(cluster.labels()),
        Content::Ruleset(text) => Ok(text.parse()?.1),
    }
}

/// The services of a file with their real servers, in its order.
pub(super) fn services(file: &Path) -> Result<Vec<(Service, Vec<Destination>)>, Error> {
    Content::load(file, &Run::default())?.services()
}

/// The names that lines such as `# name: web` give to the service or destination of the next line.
fn names_in_comments(text: &[u8], table: &Ruleset) -> Labels {
    let (mut labels, mut name) = (Labels::new(), None);
    let mut names: HashMap<usize, String> = HashMap::new();
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        let given = line.strip_prefix(b"#").map(<[u8]>::trim_ascii_start);
        match given.map(|it| it.strip_prefix(b"name:")) {
            Some(Some(given)) => {
                let given = String::from_utf8_lossy(given.trim_ascii());
                name = Some(given.chars().take(LONGEST_NAME).collect::<String>());
            }
            Some(None) => {}
            None if line.is_empty() => {}
            None => names.extend(name.take().map(|name| (number + 1, name))),
        }
    }
    if !names.is_empty() {
        for (line, key, _) in table.entries() {
            if let Some(name) = names.remove(&line).filter(|name| !name.is_empty()) {
                labels.insert(key, Label { name: Some(name), comment: None });
            }
        }
    }
    labels
}

/// The length in characters at which a name is cut.
const LONGEST_NAME: usize = 100;

fn duties(cluster: &ClusterSpec, role: Role, own: &[IpAddr]) -> Result<Vec<Owned>, Error> {
    let name = cluster.name();
    let owned = |duty: Duty| {
        let owner = match &duty {
            Duty::Address(duty) => Owner::Address(AddressOwner {
                cluster: Some(name.to_owned()),
                role: duty.role,
                mode: duty.mode,
                vip: duty.vip,
                listener: None,
            }),
            _ => Owner::Cluster { name: name.to_owned(), role },
        };
        Owned { owner, duty }
    };
    Ok(cluster.duties(role, own)?.into_iter().map(owned).collect())
}

/// The desired state that follows from duties on this machine.
pub(super) fn desired_of(
    machine: &mut Machine,
    duties: &[Owned],
    journal: &MachineJournal,
) -> Result<Vec<DesiredItem>, Error> {
    let actual = ActualState::gather(machine, duties, journal)?;
    let desired = desired(duties, &actual)?;
    let mut checked: Vec<InterfaceName> = Vec::new();
    let is_loaded = ipvs::is_loaded();
    for item in &desired {
        if let Key::Host(host::Key::Sysctl(sysctl)) = &item.key {
            let since = first_kernel(&sysctl.to_string()).filter(|_| is_loaded);
            if let (Some(since), None) = (since, machine.read(&item.key)?) {
                return Err(Error::NoParameter { sysctl: sysctl.clone(), since });
            }
        }
        let Some(name) = interface_of(item) else { continue };
        if checked.contains(&name) {
            continue;
        }
        let made = |item: &DesiredItem| item.key == Key::Host(host::Key::Link(name.clone()));
        if !desired.iter().any(made)
            && machine.read(&Key::Host(host::Key::Link(name.clone())))?.is_none()
        {
            return Err(Error::NoInterface(name));
        }
        checked.push(name);
    }
    Ok(desired)
}

/// The interface that must exist, or be made, before the item can have its value.
fn interface_of(item: &DesiredItem) -> Option<InterfaceName> {
    match &item.key {
        Key::Host(host::Key::Sysctl(sysctl)) => sysctl.interface(),
        Key::Host(key) => key.device().cloned().filter(|_| item.value.is_some()),
        Key::Table(_) | Key::Drained(_) => None,
    }
}

/// The longest file that is accepted, in bytes.
const LONGEST: u64 = 64 << 20;

/// The number of mistakes that are reported.
const MOST_REPORTED: usize = 10;

/// The length in characters at which a mistake is cut.
const LONGEST_MISTAKE: usize = 240;

/// Large enough for few system calls.
const BUFFER: usize = 64 << 10;

/// A file, detected by content, not by name. It is read once, since it can be a pipe.
pub(super) enum Content {
    Cluster(ClusterSpec),
    Ruleset(RulesetText),
}

/// `ipvsadm -S` output, not parsed yet.
pub(super) struct RulesetText {
    path: PathBuf,
    /// Whether a message may show it.
    is_public: bool,
    /// The lines that were read to detect it.
    head: Vec<u8>,
    rest: BufReader<io::Take<Box<dyn Read>>>,
}

impl Content {
    /// Opens a file, `-` for standard input, and detects what it is by its first line that is neither empty nor a comment.
    pub(super) fn load(file: &Path, run: &Run) -> Result<Self, Error> {
        let unread = Error::file("read", file);
        let (text, is_public): (Box<dyn Read>, bool) = match file == Path::new("-") {
            true => (Box::new(io::stdin()), true),
            false => {
                let text = File::open(file).map_err(unread)?;
                let is_public = caller::may_read(file, &text);
                (Box::new(text), is_public)
            }
        };
        let mut rest = BufReader::with_capacity(BUFFER, run.reading(file, text).take(LONGEST + 1));
        let mut head = Vec::new();
        loop {
            let start = head.len();
            rest.read_until(b'\n', &mut head).map_err(unread)?;
            let line = head.get(start..).unwrap_or_default();
            // The parser of cluster files reports text that is not UTF-8.
            let is_rule = std::str::from_utf8(line).map_or(Some(false), ipvsadm::is_rule);
            match is_rule {
                None if !line.is_empty() => {}
                Some(true) => {
                    let path = file.to_owned();
                    return Ok(Self::Ruleset(RulesetText { path, is_public, head, rest }));
                }
                _ => {
                    let cluster = ClusterSpec::read(Cursor::new(head).chain(rest), file);
                    return Ok(Self::Cluster(cluster.map_err(|error| match is_public {
                        true => error,
                        false => error.without_text(),
                    })?));
                }
            }
        }
    }

    /// The services with their real servers, in the order of the file.
    pub(super) fn services(self) -> Result<Vec<(Service, Vec<Destination>)>, Error> {
        let mut services: Vec<(Service, Vec<Destination>)> = Vec::new();
        match self {
            Self::Cluster(cluster) => {
                for duty in cluster.duties(Role::Director, &[])? {
                    if let Duty::Service(service, destinations) = duty {
                        services.push((service, destinations));
                    }
                }
            }
            Self::Ruleset(text) => {
                for (_, _, value) in text.parse()?.0.entries() {
                    match (value, services.last_mut()) {
                        (table::Value::Service(service), _) => {
                            services.push((*service, Vec::new()))
                        }
                        (table::Value::Destination(it), Some((_, reals))) => reals.push(it),
                        _ => {}
                    }
                }
            }
        }
        Ok(services)
    }
}

impl RulesetText {
    fn parse(self) -> Result<(Ruleset, Labels), Error> {
        let Self { path, is_public, head: mut text, mut rest } = self;
        rest.read_to_end(&mut text).map_err(Error::file("read", &path))?;
        if rest.get_ref().limit() == 0 {
            let reason = format!("it is longer than {LONGEST} bytes");
            let source = io::Error::new(io::ErrorKind::FileTooLarge, reason);
            return Err(Error::file("read", &path)(source));
        }
        let mut mistakes = Vec::new();
        let table = ipvsadm::read_ruleset(&mut text.as_slice(), &mut mistakes);
        let table = table.map(|table| {
            let labels = names_in_comments(&text, &table);
            (table, labels)
        });
        table.map_err(|_| {
            let mistakes = String::from_utf8_lossy(&mistakes);
            let bounded = |line: &str| line.chars().take(LONGEST_MISTAKE).collect();
            let mut reported: Vec<String> =
                mistakes.lines().take(MOST_REPORTED).map(bounded).collect();
            if !is_public {
                reported = vec![
                    "what is wrong is not shown, since the user who called may not read the file"
                        .to_owned(),
                ];
            }
            Error::Ruleset { path, mistakes: reported.join("\n") }
        })
    }
}

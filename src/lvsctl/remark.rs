//! What a command says about clients, beside the changes.

use std::collections::HashSet;
use std::fmt;

use super::departing::Departing;
use crate::policy::{Misordered, Moved};
use lvs::table;

/// A sentence about a service or a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Remark {
    /// The kernel's order of destinations differs from that of the file, and stays.
    Order(Misordered),
    /// The destinations were added again.
    Reordered(Misordered),
    /// What is to go has connections, and stays with weight 0.
    Quiesced(Departing),
    /// What is to go had connections.
    Cut(Departing),
    /// In the table, but not in the file.
    NotInFile(Vec<table::Key>),
    /// So many connections were not reset.
    Left(usize),
}

impl Remark {
    /// Whether the machine differs from the file in this.
    pub(super) const fn is_difference(&self) -> bool {
        matches!(self, Self::Order(_))
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quiesced(Departing { key, connections, .. }) => write!(
                f,
                "{key} has {connections}: it stays with weight 0 and gets no new ones. The next run \
                 deletes it if they have ended; apply --drain DURATION waits for them, apply --cut \
                 resets them"
            ),
            Self::Cut(Departing { key, connections, .. }) => {
                write!(f, "{key} goes with {connections}, which are reset")
            }
            Self::NotInFile(keys) => {
                const SHOWN: usize = 3;
                let shown: Vec<String> = keys.iter().take(SHOWN).map(ToString::to_string).collect();
                write!(f, "in the table, but not in the file: {}", shown.join(", "))?;
                if keys.len() > SHOWN {
                    write!(f, " and {} more", keys.len() - SHOWN)?;
                }
                // A destination of a service that the file has too gets a share of its clients.
                let known: HashSet<&table::Key> = keys.iter().collect();
                let is_shared = |key: &table::Key| match key {
                    table::Key::Destination { service, .. } => {
                        !known.contains(&table::Key::Service(*service))
                    }
                    _ => false,
                };
                f.write_str(match keys.iter().any(is_shared) {
                    true => "; clients of services of the file are sent there too",
                    false => "; it stays",
                })?;
                f.write_str("; apply --exclusive removes what is not in the file")
            }
            Self::Left(count) => write!(
                f,
                "{count} connections were not reset, as by Linux before 5.9: they hang until they \
                 time out"
            ),
            Self::Order(found) => {
                write!(
                    f,
                    "{} ({}) has its destinations in another order than the file: a director with \
                     that order sends {} to another real server; apply --reorder puts them in order, \
                     which moves these clients",
                    table::Key::Service(found.service),
                    found.scheduler,
                    Share(found.moved),
                )
            }
            Self::Reordered(found) => write!(
                f,
                "{} ({}) has its destinations in the order of the file now: {} to another real \
                 server than before, open connections stay",
                table::Key::Service(found.service),
                found.scheduler,
                Going(found.moved),
            ),
        }
    }
}

/// The clients of a hash bucket, in percent of all.
const BUCKETS: usize = 256;

pub(super) struct Share(pub(super) Moved);

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Moved::Buckets(count) => write!(
                f,
                "{count} of {BUCKETS} hash buckets (about {} % of the clients)",
                (count * 100).div_ceil(BUCKETS)
            ),
            Moved::Few => f.write_str("a few clients (measured: 1 of 500)"),
            Moved::All => f.write_str("all new connections"),
            Moved::Unknown => f.write_str("an unknown number of clients"),
        }
    }
}

/// The same as the subject of a sentence.
struct Going(Moved);

impl fmt::Display for Going {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.0 == Moved::Unknown { "goes" } else { "go" };
        write!(f, "{} {verb}", Share(self.0))
    }
}

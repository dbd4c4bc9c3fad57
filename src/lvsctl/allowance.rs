//! `--allow`: which kinds of change a run may make.

use crate::host::machine::{Key, Machine, Value};
use clap::ValueEnum;

use super::Error;
use crate::engine::{Change, System};
use lvs::table;

/// A kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// Something new.
    Add,
    /// Another value.
    Edit,
    /// A real server gets no new connections any more: its weight becomes 0, and nothing else.
    Quiesce,
    /// Something goes.
    Delete,
}

impl Kind {
    fn of(change: &Change<Key, Value>) -> Self {
        match (&change.from, &change.to) {
            (None, _) => Self::Add,
            (_, None) => Self::Delete,
            (
                Some(Value::Table(table::Value::Destination(from))),
                Some(Value::Table(table::Value::Destination(to))),
            ) if to.weight == 0 && *to == from.clone().with_weight(0) => Self::Quiesce,
            _ => Self::Edit,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Edit => "edit",
            Self::Quiesce => "quiesce",
            Self::Delete => "delete",
        }
    }
}

/// Refuses a plan with changes of other kinds.
///
/// # Errors
///
/// [`Error::NotAllowed`], with each of them.
pub(super) fn check(steps: &[Change<Key, Value>], allowed: &[Kind]) -> Result<(), Error> {
    let kinds = steps.iter().map(|step| (Kind::of(step), step));
    let listed: Vec<String> = kinds
        .filter(|(kind, _)| !allowed.contains(kind))
        .map(|(kind, step)| format!("\n  {}: {}", kind.name(), Machine::command(step)))
        .collect();
    match listed.is_empty() {
        true => Ok(()),
        false => Err(Error::NotAllowed(listed.concat())),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use lvs::ipvs::{Destination, Forwarding, ServiceIdentity};

    fn weighed(weight: u32) -> Option<Value> {
        let address = Ipv4Addr::new(198, 51, 100, 2);
        let server = Destination::new(address, 80, Forwarding::Tunnel).with_weight(weight);
        Some(Value::Table(table::Value::Destination(server)))
    }

    fn change(from: Option<Value>, to: Option<Value>) -> Change<Key, Value> {
        let service = ServiceIdentity::tcp(Ipv4Addr::new(192, 0, 2, 1), 80);
        let address = Ipv4Addr::new(198, 51, 100, 2).into();
        Change { key: Key::Table(table::Key::Destination { service, address, port: 80 }), from, to }
    }

    #[test]
    fn every_change_is_of_a_kind() {
        assert_eq!(Kind::of(&change(None, weighed(1))), Kind::Add);
        assert_eq!(Kind::of(&change(weighed(1), weighed(2))), Kind::Edit);
        assert_eq!(Kind::of(&change(weighed(1), weighed(0))), Kind::Quiesce);
        assert_eq!(Kind::of(&change(weighed(1), None)), Kind::Delete);
        let other = |value: Option<Value>| match value {
            Some(Value::Table(table::Value::Destination(server))) => {
                let server = server.with_thresholds(9, 0);
                Some(Value::Table(table::Value::Destination(server)))
            }
            _ => None,
        };
        assert_eq!(Kind::of(&change(weighed(1), other(weighed(0)))), Kind::Edit);
    }

    #[test]
    fn what_is_not_allowed_is_listed() {
        let steps = [change(weighed(1), weighed(2)), change(weighed(2), None)];
        assert!(check(&steps, &[Kind::Edit, Kind::Delete]).is_ok());
        let told = check(&steps, &[Kind::Edit]).unwrap_err().to_string();
        assert!(
            told.ends_with(
                "\n  delete: ipvsadm -d -t 192.0.2.1:80 -r 198.51.100.2:80\nNothing was changed."
            ),
            "{told}"
        );
    }
}

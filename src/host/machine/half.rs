//! A change of a machine as one of its network or of its IPVS table.

use super::{Key, Value};
use crate::engine::Change;
use crate::host;
use lvs::table;

/// The change as one of the table, if it is.
pub(super) fn entry(change: &Change<Key, Value>) -> Option<Change<table::Key, table::Value>> {
    match split(change) {
        Some(Half::Table(change)) => Some(change),
        _ => None,
    }
}

pub(super) enum Half {
    Host(Change<host::Key, String>),
    Table(Change<table::Key, table::Value>),
}

/// The change as one of the half that its key belongs to, if its values do too.
pub(super) fn split(change: &Change<Key, Value>) -> Option<Half> {
    fn both<T>(
        change: &Change<Key, Value>,
        of: impl Fn(&Value) -> Option<T>,
    ) -> Option<(Option<T>, Option<T>)> {
        let all = |value: &Option<Value>| match value {
            Some(value) => of(value).map(Some),
            None => Some(None),
        };
        Some((all(&change.from)?, all(&change.to)?))
    }
    match &change.key {
        Key::Host(key) => {
            let text = |value: &Value| match value {
                Value::Host(text) => Some(text.clone()),
                Value::Table(_) => None,
            };
            let (from, to) = both(change, text)?;
            let key = key.clone();
            Some(Half::Host(Change { key, from, to }))
        }
        Key::Table(key) => {
            let entry = |value: &Value| match value {
                Value::Table(value) => Some(value.clone()),
                Value::Host(_) => None,
            };
            let (from, to) = both(change, entry)?;
            let key = *key;
            Some(Half::Table(Change { key, from, to }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{InterfaceName, UP};
    use lvs::ipvs::Timeouts;

    #[test]
    fn a_key_has_values_of_its_own_kind_only() {
        let of_host = Key::Host(host::Key::LinkUp(InterfaceName::tunl0()));
        let of_table = Key::Table(table::Key::Timeouts);
        let text = Value::Host(UP.to_owned());
        let timeouts = Value::Table(table::Value::Timeouts(Timeouts::default()));
        let is_split = |key: &Key, value: &Value| {
            let (key, to) = (key.clone(), Some(value.clone()));
            split(&Change { key, from: None, to }).is_some()
        };
        assert!(is_split(&of_host, &text) && is_split(&of_table, &timeouts));
        assert!(!is_split(&of_host, &timeouts) && !is_split(&of_table, &text));
    }
}

//! Which option goes with which command, and with which tunnel type.

use super::error::UsageError;
use super::line::TunnelType;
use super::options::{OptionRow, Verb};

/// What a command or a tunnel type says to an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Required,
    Optional,
    /// At most one of the options with this rule.
    Exclusive,
    Illegal,
}

const R: Rule = Rule::Required;
const O: Rule = Rule::Optional;
const X: Rule = Rule::Exclusive;
const __: Rule = Rule::Illegal;

/// Options by name, and what each command says to them, in the order of [`Verb`]. The order of the
/// rows is that of the checks: the first row that is broken gives the message.
#[rustfmt::skip]
static COMMANDS: &[(&str, [Rule; 14])] = &[
    //                    -A  -E  -D  -C  -L  -a  -e  -d set sta sto  -R  -S  -Z
    ("numeric",           [__, __, __, __,  O, __, __, __, __, __, __, __,  O, __]),
    ("connection",        [__, __, __, __,  X, __, __, __, __, __, __, __, __, __]),
    ("service-address",   [ R,  R,  R, __,  X,  R,  R,  R, __, __, __, __, __,  O]),
    ("scheduler",         [ O,  O, __, __, __, __, __, __, __, __, __, __, __, __]),
    ("persistent",        [ O,  O, __, __, __, __, __, __, __, __, __, __, __, __]),
    ("netmask",           [ O,  O, __, __, __, __, __, __, __, __, __, __, __, __]),
    ("real-server",       [__, __, __, __, __,  R,  R,  R, __, __, __, __, __, __]),
    ("forwarding-method", [__, __, __, __, __,  O,  O, __, __, __, __, __, __, __]),
    ("weight",            [__, __, __, __, __,  O,  O, __, __, __, __, __, __, __]),
    ("u-threshold",       [__, __, __, __, __,  O,  O, __, __, __, __, __, __, __]),
    ("l-threshold",       [__, __, __, __, __,  O,  O, __, __, __, __, __, __, __]),
    ("mcast-interface",   [__, __, __, __, __, __, __, __, __,  O, __, __, __, __]),
    ("timeout",           [__, __, __, __,  X, __, __, __, __, __, __, __, __, __]),
    ("daemon",            [__, __, __, __,  X, __, __, __, __, __, __, __, __, __]),
    ("stats",             [__, __, __, __,  O, __, __, __, __, __, __, __, __, __]),
    ("rate",              [__, __, __, __,  O, __, __, __, __, __, __, __, __, __]),
    ("thresholds",        [__, __, __, __,  O, __, __, __, __, __, __, __, __, __]),
    ("persistent-conn",   [__, __, __, __,  O, __, __, __, __, __, __, __, __, __]),
    ("nosort",            [__, __, __, __,  O, __, __, __, __, __, __, __, __, __]),
    ("syncid",            [__, __, __, __,  O, __, __, __, __,  O,  O, __, __, __]),
    ("exact",             [__, __, __, __,  O, __, __, __, __, __, __, __, __, __]),
    ("ops",               [ O,  O, __, __, __, __, __, __, __, __, __, __, __, __]),
    ("pe",                [ O,  O, __, __, __, __, __, __, __, __, __, __, __, __]),
    ("sched-flags",       [ O,  O, __, __, __, __, __, __, __, __, __, __, __, __]),
    ("mcast-group",       [__, __, __, __, __, __, __, __, __,  O, __, __, __, __]),
    ("mcast-port",        [__, __, __, __, __, __, __, __, __,  O, __, __, __, __]),
    ("mcast-ttl",         [__, __, __, __, __, __, __, __, __,  O, __, __, __, __]),
    ("sync-maxlen",       [__, __, __, __, __, __, __, __, __,  O, __, __, __, __]),
    ("tun-info",          [__, __, __, __,  O, __, __, __, __, __, __, __, __, __]),
    ("tun-type",          [__, __, __, __, __,  O,  O, __, __, __, __, __, __, __]),
    ("tun-port",          [__, __, __, __, __,  O,  O, __, __, __, __, __, __, __]),
    ("tun-nocsum",        [__, __, __, __, __,  O,  O, __, __, __, __, __, __, __]),
    ("tun-csum",          [__, __, __, __, __,  O,  O, __, __, __, __, __, __, __]),
    ("tun-remcsum",       [__, __, __, __, __,  O,  O, __, __, __, __, __, __, __]),
    ("json",              [__, __, __, __,  O, __, __, __, __, __, __, __, __, __]),
    ("no-load",           [__, __, __, __,  O, __, __, __, __, __, __, __,  O, __]),
    ("netns",             [ O,  O,  O,  O,  O,  O,  O,  O,  O,  O,  O,  O,  O,  O]),
    ("explain",           [ O,  O,  O,  O,  O,  O,  O,  O,  O,  O,  O,  O,  O,  O]),
    ("client",             [__, __, __, __,  O, __, __, __, __, __, __, __, __, __]),
    ("vip",                [__, __, __, __,  O, __, __, __, __, __, __, __, __, __]),
    ("real",               [__, __, __, __,  O, __, __, __, __, __, __, __, __, __]),
    ("state",              [__, __, __, __,  O, __, __, __, __, __, __, __, __, __]),
    ("count-by",           [__, __, __, __,  O, __, __, __, __, __, __, __, __, __]),
    ("replace",            [__, __, __, __, __, __, __, __, __, __, __,  O, __, __]),
];

/// Tunnel options by name, and what each tunnel type says to them, in the order of [`TunnelType`].
#[rustfmt::skip]
static TUNNEL_TYPES: &[(&str, [Rule; 3])] = &[
    //             ipip gue gre
    ("tun-port",    [__,  R, __]),
    ("tun-nocsum",  [__,  X,  X]),
    ("tun-csum",    [__,  X,  X]),
    ("tun-remcsum", [__,  X, __]),
];

/// Holds the options of a line against its command.
///
/// # Errors
///
/// What is missing, illegal or in conflict, first in the order of the table.
pub(super) fn check_command(
    command: &'static OptionRow,
    verb: Verb,
    given: &[&OptionRow],
) -> Result<(), UsageError> {
    let user = ("command", command.name.unwrap_or_default());
    check(COMMANDS, verb as usize, user, given)
}

/// Holds the tunnel options of a line against the tunnel type.
///
/// # Errors
///
/// What is missing, illegal or in conflict, first in the order of the table.
pub(super) fn check_tunnel(kind: TunnelType, given: &[&OptionRow]) -> Result<(), UsageError> {
    let user = ("tunnel type", kind.name());
    check(TUNNEL_TYPES, kind as usize, user, given)
}

fn check<const COLUMNS: usize>(
    table: &[(&'static str, [Rule; COLUMNS])],
    column: usize,
    (kind, user): (&'static str, &'static str),
    given: &[&OptionRow],
) -> Result<(), UsageError> {
    // Long restores come through here once a line: names are compared once, not once a row.
    let place = |option: &OptionRow| table.iter().position(|row| option.name == Some(row.0));
    let places = given.iter().filter_map(|option| place(option));
    let given = places.fold(0_u64, |given, place| given | 1 << place);
    let mut exclusive = None;
    for (place, &(name, rules)) in table.iter().enumerate() {
        let is_given = given & (1 << place) != 0;
        match rules.get(column) {
            Some(Rule::Required) if !is_given => {
                return Err(UsageError::MissingOption { name, user, kind });
            }
            Some(Rule::Illegal) if is_given => {
                return Err(UsageError::IllegalOption { name, user, kind });
            }
            Some(Rule::Exclusive) if is_given => {
                if let Some(first) = exclusive.replace(name) {
                    return Err(UsageError::Conflict { later: name, first, user, kind });
                }
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::options::{self, OPTIONS};
    use super::*;

    fn message(command: &str, given: &[&str]) -> String {
        let command = options::long(command).unwrap();
        let given: Vec<_> = given.iter().map(|it| options::long(it).unwrap()).collect();
        match check_command(command, command.verb().unwrap(), &given) {
            Ok(()) => String::new(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_table_has_a_row_for_every_named_option_in_its_order() {
        let mut names: Vec<_> =
            OPTIONS.iter().filter(|row| row.verb().is_none()).filter_map(|row| row.name).collect();
        names.dedup();
        let rows: Vec<_> = COMMANDS.iter().map(|row| row.0).collect();
        assert_eq!(rows, names);
        assert!(rows.len() <= 64, "a bit each in check");
    }

    #[test]
    fn the_first_broken_row_gives_the_message() {
        assert_eq!(
            message("add-service", &["scheduler"]),
            "You need to supply the 'service-address' option for the 'add-service' command"
        );
        assert_eq!(
            message("add-server", &["numeric"]),
            "Illegal 'numeric' option with the 'add-server' command"
        );
        assert_eq!(
            message("add-server", &["tcp-service", "scheduler"]),
            "Illegal 'scheduler' option with the 'add-server' command"
        );
        assert_eq!(
            message("clear", &["numeric"]),
            "Illegal 'numeric' option with the 'flush' command"
        );
        assert_eq!(
            message("zero", &["numeric"]),
            "Illegal 'numeric' option with the 'zero' command"
        );
        assert_eq!(message("list", &["syncid", "sort", "tun-info"]), "");
    }

    #[test]
    fn conflicts_are_named_in_the_order_of_the_table() {
        assert_eq!(
            message("list", &["daemon", "connection"]),
            "The option 'daemon' conflicts with the 'connection' option in the 'list' command"
        );
        assert_eq!(
            message("list", &["timeout", "fwmark-service"]),
            "The option 'timeout' conflicts with the 'service-address' option in the 'list' command"
        );
    }

    #[test]
    fn tunnel_types_have_options_of_their_own() {
        let check = |kind, given: &[&str]| {
            let given: Vec<_> = given.iter().map(|it| options::long(it).unwrap()).collect();
            match check_tunnel(kind, &given) {
                Ok(()) => String::new(),
                Err(error) => error.to_string(),
            }
        };
        assert_eq!(
            check(TunnelType::Gue, &["tun-csum"]),
            "You need to supply the 'tun-port' option for the 'gue' tunnel type"
        );
        assert_eq!(
            check(TunnelType::Gre, &["tun-remcsum"]),
            "Illegal 'tun-remcsum' option with the 'gre' tunnel type"
        );
        assert_eq!(
            check(TunnelType::Gue, &["tun-port", "tun-remcsum", "tun-nocsum"]),
            "The option 'tun-remcsum' conflicts with the 'tun-nocsum' option in the 'gue' tunnel type"
        );
        assert_eq!(check(TunnelType::Ipip, &[]), "");
    }
}

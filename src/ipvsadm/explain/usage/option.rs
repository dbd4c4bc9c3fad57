//! Commands and options: missing, unknown, misplaced, repeated.

use lvs::ruleset::syntax::{Argument, Row, Verb};

use super::{Line, nearest};
use crate::ipvsadm::options::OPTIONS;

/// Words for commands in other programs.
const OTHER_WORDS: [(&str, Verb); 9] = [
    ("show", Verb::List),
    ("ls", Verb::List),
    ("add", Verb::AddService),
    ("edit", Verb::EditService),
    ("del", Verb::DeleteService),
    ("delete", Verb::DeleteService),
    ("remove", Verb::DeleteService),
    ("flush", Verb::Flush),
    ("stats", Verb::List),
];

/// `-t`, or `--client` where there is no short spelling.
fn spelt(row: &Row) -> String {
    match row.shorts.chars().next() {
        Some(short) => format!("-{short}"),
        None => format!("--{}", row.long),
    }
}

fn command(verb: Verb) -> String {
    OPTIONS.rows().find(|row| row.verb() == Some(verb)).map_or_else(String::new, spelt)
}

/// The commands that a word holds, as `-nL` and `--list` do.
fn commands_of(word: &str) -> Vec<&'static Row> {
    let Some(text) = word.strip_prefix('-') else { return Vec::new() };
    let rows: Vec<&Row> = match text.strip_prefix('-') {
        Some(long) => {
            OPTIONS.long(long.split('=').next().unwrap_or_default()).into_iter().collect()
        }
        None => text.chars().map_while(|short| OPTIONS.short(short)).collect(),
    };
    rows.into_iter().filter(|row| row.verb().is_some()).collect()
}

/// A long option with a single dash: `-stats` is read as `-s tats`.
pub(super) fn single_dash(words: &[&str]) -> Option<String> {
    words.iter().find_map(|word| {
        let long = word.strip_prefix('-').filter(|long| long.len() > 2)?;
        let row = OPTIONS.long(long.split('=').next()?)?;
        Some(format!("Long options have two dashes: --{} instead of {word}.", row.long))
    })
}

pub(super) fn no_command(line: &Line<'_>) -> String {
    let first = line.words.first().copied().unwrap_or_default();
    let shown = first.escape_debug();
    if let (Some(row), false) = (commands_of(first).first(), first.starts_with("--")) {
        return format!("The command is the first letter: {0}… instead of {shown}.", spelt(row));
    }
    if first.starts_with('-') {
        if let Some(row) =
            line.words.iter().skip(1).find_map(|word| commands_of(word).first().copied())
        {
            return format!("The command comes first: ipvsadm {} {shown} …", spelt(row));
        }
    }
    let commands = OPTIONS.rows().filter(|row| row.verb().is_some()).map(|row| row.long);
    if let Some(long) = first.strip_prefix("--") {
        if let (Some(_), Some(missing)) = (commands_of(first).first(), missing_argument(first)) {
            return missing;
        }
        let is_known = OPTIONS.long(long).is_some();
        if let (false, Some(near)) = (is_known, nearest(long, commands)) {
            return format!("There is no command {shown}: did you mean --{near}?");
        }
    } else if !first.starts_with('-') {
        let other = OTHER_WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(first));
        let near = nearest(first, commands).and_then(|near| OPTIONS.long(near)).map(spelt);
        if let Some(meant) = other.map(|(_, verb)| command(*verb)).or(near) {
            return format!("Commands begin with a dash: {meant} instead of `{shown}`.");
        }
        return format!(
            "`{shown}` is not a command: a line begins with one, such as -L, -A or -a (see ipvsadm -h)."
        );
    }
    format!(
        "No command comes first, but {shown}: -A adds a service, -a a real server, -L lists the table \
         (see ipvsadm -h)."
    )
}

pub(super) fn unknown(word: &str) -> String {
    let shown = word.escape_debug();
    let longs = OPTIONS.rows().map(|row| row.long);
    if let Some(long) = word.strip_prefix("--") {
        let name = long.split('=').next().unwrap_or_default();
        return match nearest(name, longs) {
            Some(near) => {
                format!("There is no option --{}: did you mean --{near}?", name.escape_debug())
            }
            None => format!("There is no option --{}: see ipvsadm -h.", name.escape_debug()),
        };
    }
    let letters = word.strip_prefix('-').unwrap_or(word);
    if let Some(near) = nearest(letters, longs).filter(|_| letters.len() > 3) {
        return format!("Long options have two dashes: did you mean --{near}?");
    }
    let Some(letter) = letters.chars().find(|letter| OPTIONS.short(*letter).is_none()) else {
        return format!("{shown} cannot be read: see ipvsadm -h.");
    };
    let swapped = match letter.is_uppercase() {
        true => letter.to_ascii_lowercase(),
        false => letter.to_ascii_uppercase(),
    };
    match OPTIONS.short(swapped).filter(|_| swapped != letter) {
        Some(row) => format!(
            "There is no option -{}: did you mean -{swapped} (--{})?",
            letter.escape_debug(),
            row.long
        ),
        None => format!("There is no option -{}: see ipvsadm -h.", letter.escape_debug()),
    }
}

pub(super) fn missing_argument(word: &str) -> Option<String> {
    let row = match word.strip_prefix("--") {
        Some(long) => OPTIONS.long(long)?,
        None => OPTIONS.short(word.chars().last()?)?,
    };
    Some(format!("{} takes {}: write it behind the option.", spelt(row), row.value))
}

pub(super) fn second_command(line: &Line<'_>) -> String {
    let mut commands: Vec<&Row> = line.words.iter().flat_map(|word| commands_of(word)).collect();
    commands.dedup();
    let spelt: Vec<_> = commands.iter().map(|row| spelt(row)).collect();
    let verbs: Vec<_> = commands.iter().filter_map(|row| row.verb()).collect();
    let cure = match verbs.as_slice() {
        [Verb::AddService, Verb::AddServer, ..] => {
            "add the service first, then each real server with a call of its own"
        }
        _ => "call ipvsadm once for each, or give them to ipvsadm -R, one per line",
    };
    match spelt.as_slice() {
        [first, second, ..] => {
            format!("One call has one command, and here are {first} and {second}: {cure}.")
        }
        _ => format!("One call has one command: {cure}."),
    }
}

pub(super) fn given_twice(name: &str, line: &Line<'_>) -> String {
    let mut spelt: Vec<String> = line
        .options
        .iter()
        .filter(|(row, _)| row.name == name)
        .map(|(row, _)| spelt(row))
        .collect();
    spelt.dedup();
    match (name, spelt.as_slice()) {
        ("service-address", [first, second, ..]) => {
            format!("{first} and {second} name two services: each needs a call of its own.")
        }
        ("forwarding-method", [first, second, ..]) => format!(
            "{first} and {second} are two forwarding methods: choose one of -g (direct routing), -i \
             (tunnelling) and -m (NAT)."
        ),
        (_, [one, ..]) => format!("{one} is given twice: leave one out."),
        (name, []) => format!("{name} is given twice: leave one out."),
    }
}

pub(super) fn operand(text: &str, line: &Line<'_>) -> String {
    let shown = text.escape_debug();
    match line.verb() {
        Some(Verb::Restore) => {
            return format!("-R reads standard input: ipvsadm -R <{shown}");
        }
        Some(Verb::Save) => return format!("-S writes to standard output: ipvsadm -S >{shown}"),
        Some(Verb::Set) => return "--set takes three timeouts, and nothing else.".to_owned(),
        _ => {}
    }
    if text.starts_with(['"', '\'']) {
        return "Standard input is not read by a shell: leave out the quotes.".to_owned();
    }
    let at = line.words.iter().position(|word| *word == text);
    let before = at.and_then(|at| line.words.get(at.checked_sub(1)?)).copied().unwrap_or_default();
    if text.bytes().all(|byte| byte.is_ascii_digit()) && before.contains(['.', ':']) {
        return format!("Address and port are one word: {}:{shown}.", before.escape_debug());
    }
    if text.starts_with(':') {
        return format!(
            "Address and port are one word, without a blank: {}{shown}.",
            before.escape_debug()
        );
    }
    if text.contains(['.', ':']) {
        return match line.verb() {
            Some(Verb::AddServer | Verb::EditServer | Verb::DeleteServer)
                if line.find(&super::SERVICES).is_some() =>
            {
                format!("-r comes before the address of a real server: -r {shown}.")
            }
            _ => format!("-t or -u comes before the address of a service: -t {shown}."),
        };
    }
    let near = nearest(text, OPTIONS.rows().filter(|row| row.verb().is_none()).map(|row| row.long));
    if let Some(near) = near.filter(|_| text.len() > 2) {
        return format!("Options begin with dashes: did you mean --{near}?");
    }
    let flag = line.options.iter().rev().find(|(row, _)| spelt(row) == before);
    match flag {
        Some((row, _)) if row.argument == Argument::None => {
            format!("{before} takes no value: leave out `{shown}`, or put its option before it.")
        }
        _ => format!(
            "`{shown}` belongs to no option: is a value missing its option, or is one too many?"
        ),
    }
}

pub(super) fn missing(name: &str, user: &str, kind: &str) -> String {
    match (name, kind) {
        ("service-address", _) => {
            "Name the service: -t ADDRESS:PORT for TCP, -u for UDP, --sctp-service, or -f MARK."
                .to_owned()
        }
        ("real-server", _) => "Name the real server: -r ADDRESS[:PORT].".to_owned(),
        ("tun-port", _) => {
            "GUE needs the UDP port on which the real server decapsulates: --tun-port PORT."
                .to_owned()
        }
        ("connection", _) => format!("--{user} chooses among connections: add -c."),
        _ => format!("Add --{name}, which {user} needs."),
    }
}

pub(super) fn not_allowed(name: &str, user: &str, kind: &str, line: &Line<'_>) -> String {
    if kind != "command" {
        return format!(
            "Tunnels of type {user} have no {name}: leave --{name} out, or choose another --tun-type."
        );
    }
    let given = line.options.iter().find(|(row, _)| row.name == name).map(|(row, _)| *row);
    let Some(row) = given.or_else(|| OPTIONS.rows().find(|row| row.name == name)) else {
        return format!("Leave {name} out.");
    };
    let verbs = OPTIONS.rows().filter_map(Row::verb).filter(|verb| row.legal & verb.bit() != 0);
    let commands: Vec<String> = verbs.clone().map(command).collect();
    let used = line.verb().map(command).unwrap_or_default();
    let meant = commands.iter().find(|it| it.eq_ignore_ascii_case(&used) && **it != used);
    let belongs = format!("{} belongs to {}", spelt(row), commands.join(", "));
    match meant {
        Some(meant) => {
            format!("{belongs}, and the case counts: did you mean {meant} instead of {used}?")
        }
        None => format!("{belongs}: leave it out with {used}."),
    }
}

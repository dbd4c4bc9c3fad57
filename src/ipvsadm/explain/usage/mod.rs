//! Mistakes of a command line: which part is wrong, why, and what was probably meant, as near words do,
//! and the dashes and quotes of word processors.

mod endpoint;
mod option;
#[cfg(test)]
mod tests;
mod value;

use lvs::ruleset::syntax::{Event, Id, Row, SCHEDULER_FLAGS, Scanner, Verb};

use crate::ipvsadm::options::{OPTIONS, STATES};
use crate::ipvsadm::parse::UsageError;

/// A line as it was read, as far as its options can be read.
struct Line<'a> {
    words: &'a [&'a str],
    options: Vec<(&'static Row, Option<String>)>,
}

impl<'a> Line<'a> {
    fn of(words: &'a [&'a str]) -> Self {
        let events = Scanner::new(&OPTIONS, words, false).map_while(Result::ok);
        let options = events.filter_map(|event| match event {
            Event::Option { row, value } => Some((row, value.map(|value| value.into_owned()))),
            Event::Operand(_) => None,
        });
        Self { words, options: options.collect() }
    }

    /// The last option with one of these ids, and its value.
    fn find(&self, ids: &[Id]) -> Option<(&'static Row, &str)> {
        let found = self.options.iter().rev().find(|(row, _)| ids.contains(&row.id))?;
        Some((found.0, found.1.as_deref().unwrap_or_default()))
    }

    fn verb(&self) -> Option<Verb> {
        self.options.iter().find_map(|(row, _)| row.verb())
    }
}

const SERVICES: [Id; 3] = [Id::TcpService, Id::UdpService, Id::SctpService];

/// Explains a mistake in a line of these words, without the name of the program.
pub(super) fn explain(error: &UsageError, words: &[&str]) -> Option<String> {
    let line = Line::of(words);
    typography(words).or_else(|| option::single_dash(words)).or_else(|| of_error(error, &line))
}

fn of_error(error: &UsageError, line: &Line<'_>) -> Option<String> {
    Some(match error {
        UsageError::NoCommand { .. } => option::no_command(line),
        UsageError::UnknownOption(word) => option::unknown(word),
        UsageError::MissingArgument(word) => option::missing_argument(word)?,
        UsageError::SuperfluousArgument(word) => {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            let (name, value) = (name.escape_debug(), value.escape_debug());
            format!("{name} takes no value: leave out `={value}`.")
        }
        UsageError::SecondCommand(_) => option::second_command(line),
        UsageError::Multiple(name) => option::given_twice(name, line),
        UsageError::Illegal(what) => value::illegal(what, line)?,
        UsageError::InvalidTimeout(text) => value::timeout(text, line.verb() == Some(Verb::Set)),
        UsageError::InvalidMark(text) => value::mark(text),
        UsageError::InvalidGroup { family, .. } => match *family {
            "IPv6" => "--mcast-group takes an IPv6 multicast address, from ff00:: on, such as ff02::81.",
            _ => "--mcast-group takes an IPv4 multicast address, 224.0.0.0 to 239.255.255.255.",
        }
        .to_owned(),
        UsageError::Ipv6BeforeMark => match line.find(&SERVICES) {
            Some(_) => "-6 is for firewall marks; an address shows its family: leave out -6.",
            None => "-6 follows the firewall mark that it belongs to: -f MARK -6.",
        }
        .to_owned(),
        UsageError::SetNeedsThree => {
            "Three timeouts in seconds follow --set, for TCP, TCP after a FIN, and UDP, such as \
             `--set 900 120 300`; 0 leaves one as it is."
                .to_owned()
        }
        UsageError::UnexpectedArgument(text) => option::operand(text, line),
        UsageError::NotInRestore(name) => {
            format!("--{name} belongs to the call that reads the input: ipvsadm -R --{name} … <FILE")
        }
        UsageError::InvalidSchedulerFlag(flag) => {
            let names = SCHEDULER_FLAGS.iter().map(|row| row.name);
            match nearest(flag, names.clone()) {
                Some(near) => format!("There is no scheduler flag {}: did you mean {near}?", flag.escape_debug()),
                None => format!("The scheduler flags are {}.", names.collect::<Vec<_>>().join(", ")),
            }
        }
        UsageError::IncompatibleSchedulerFlag(flag) => {
            let of = flag.split('-').next().unwrap_or_default().escape_debug();
            let (_, scheduler) = line.find(&[Id::Scheduler]).unzip();
            let scheduler = scheduler.unwrap_or("wlc, the default").escape_debug();
            format!("{} is a flag of the scheduler {of}, and this is {scheduler}: add -s {of}.", flag.escape_debug())
        }
        UsageError::UnknownState(state, _) => {
            let near = nearest(state, STATES.iter().copied())?;
            format!("Did you mean {near}?")
        }
        UsageError::MissingOption { name, user, kind } => option::missing(name, user, kind),
        UsageError::IllegalOption { name, user, kind } => option::not_allowed(name, user, kind, line),
        UsageError::Conflict { later, first, .. } => {
            format!("--{later} and --{first} exclude each other: leave one out.")
        }
        UsageError::ListConflict => {
            "--stats, --rate, --thresholds and --persistent-conn choose columns of services: leave them \
             out with -c, --timeout and --daemon."
                .to_owned()
        }
        UsageError::ZeroPort => {
            let swallowed = line.find(&SERVICES).and_then(|(_, text)| endpoint::swallowed_port(text));
            swallowed.unwrap_or_else(|| {
                "Add the port, as in 192.0.2.1:80; or -p, since a persistent service may stand for \
                 every port."
                    .to_owned()
            })
        }
        UsageError::OnePacketNeedsUdp => {
            "-o schedules every packet by itself, which breaks the connections of TCP and SCTP: leave it \
             out, or name a service of UDP (-u)."
                .to_owned()
        }
        UsageError::DifferentFamily => {
            "One of service and real server is IPv4, the other IPv6: only tunnelling (-i) can connect \
             them."
                .to_owned()
        }
        UsageError::TunnelOptions => {
            "--tun-type and the like describe the tunnel of -i: add -i, or leave them out.".to_owned()
        }
        _ => return None,
    })
}

/// Longest word that is compared, in bytes.
const LONGEST: usize = 64;

/// The known word that is nearest to another one, if one is near, as the start of it is. Upper and lower
/// case are the same.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest_by(word, known, |word, known| word.len() > 2 && known.starts_with(word))
}

/// The same, with a rule for words that count as near.
pub(crate) fn nearest_by<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
    is_near: impl Fn(&str, &str) -> bool,
) -> Option<&'a str> {
    if word.is_empty() || word.len() > LONGEST {
        return None;
    }
    let word = word.to_lowercase();
    let distance = |known: &str| match known.to_lowercase() {
        known if is_near(&word, &known) => 1,
        known => strsim::damerau_levenshtein(&word, &known),
    };
    let near = known.into_iter().map(|known| (distance(known), known));
    let near = near.filter(|(distance, known)| *distance <= (known.len() / 3).max(1));
    near.min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

/// For a line with characters that word processors and web pages put in place of those of a keyboard.
fn typography(words: &[&str]) -> Option<String> {
    words.iter().find_map(|word| {
        let (name, code) = word.chars().find_map(|found| Some((name(found)?, u32::from(found))))?;
        let typed = typed(word);
        Some(format!(
            "`{}` has {name} (U+{code:04X}), as word processors and web pages write it: type {typed}",
            word.escape_debug()
        ))
    })
}

fn name(found: char) -> Option<&'static str> {
    Some(match found {
        '\u{2013}' => "an en dash",
        '\u{2014}' => "an em dash",
        '\u{2212}' => "a minus sign",
        '\u{2010}'..='\u{2015}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => "a dash",
        '\u{2018}'..='\u{201f}' | '\u{ab}' | '\u{bb}' => "a typographic quote",
        '\u{a0}' | '\u{202f}' | '\u{2000}'..='\u{200b}' | '\u{feff}' => "an invisible space",
        _ => return None,
    })
}

/// The word as a keyboard has it.
fn typed(word: &str) -> String {
    let plain = word.chars().filter_map(|found| match name(found) {
        None => Some(found),
        Some(name) if name.contains("dash") || name.contains("minus") => Some('-'),
        Some(_) => None,
    });
    let plain: String = plain.collect();
    // A pair of dashes becomes one.
    match plain.strip_prefix('-') {
        Some(long) if !long.starts_with('-') && long.len() > 1 && !word.starts_with('-') => {
            format!("-{plain}")
        }
        _ => plain,
    }
}

//! Random command lines, from a seed, that both programs must answer alike.
//!
//! `LVS_ORACLE_SEED` and `LVS_ORACLE_LINES` choose others than the default; a failure prints the
//! seed of its run.

use std::{env, io};

use lvs::ipvsadm::{Console, invoke};

use super::Oracle;
use crate::support::{Outcome, REFERENCE};

/// Lines that share a table before it is emptied.
const RUN: usize = 25;

/// Numbers from a seed (the splitmix64 generator).
struct Dice(u64);

impl Dice {
    fn number(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ mixed >> 31) % u64::try_from(below).unwrap()).unwrap()
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.number(100) < percent
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.number(choices.len())]
    }
}

const COMMANDS: &[&str] = &[
    "-A",
    "-A",
    "-A",
    "-A",
    "-E",
    "-D",
    "-a",
    "-a",
    "-a",
    "-a",
    "-e",
    "-e",
    "-d",
    "-L",
    "-L",
    "-Z",
    "-S",
    "-C",
    "--set",
    "--add-service",
    "--add-server",
    "--list",
    "-ln",
    "-Ln",
    "-Ln",
    "-Sn",
];
const SERVICES: &[&str] = &[
    "-t 192.0.2.1:80",
    "-t 192.0.2.1:80",
    "-t 192.0.2.1:80",
    "-u 192.0.2.1:53",
    "-t 192.0.2.2",
    "--sctp-service 192.0.2.1:80",
    "-t [2001:db8::80]:80",
    "-f 1",
    "-f 1 -6",
    "-f 2147483647",
    "--tcp-service=192.0.2.3:http",
    "-t vip.example:https",
    "-t10.0.0.1:80",
    "-t 300.1.1.1:80",
    "-t 2001:db8::80",
    "-t",
    "-f 0",
    "-u :80",
    "-u [::1]:domain",
    "-t 3232235777:1",
    "-f x",
];
const SERVICE_OPTIONS: &[&str] = &[
    "-s rr",
    "-s wrr",
    "-s sh -b sh-port",
    "-s mh -b mh-fallback,mh-port",
    "-s lc",
    "-p",
    "-p 60",
    "-p 0",
    "-p300",
    "-M 255.255.255.0",
    "-M 64",
    "-M 0.0.0.0",
    "-o",
    "--pe sip",
    "-s nosuch",
    "-b flag-1,flag-3",
    "-b bogus",
    "-s sed",
    "--persistent=20",
    "--scheduler wlc",
    "-M 300",
    "-op",
];
const SERVERS: &[&str] = &[
    "-r 198.51.100.2",
    "-r 198.51.100.2",
    "-r 198.51.100.2:80",
    "-r 198.51.100.3:8080",
    "-r 198.51.100.4:http",
    "-r [2001:db8::e]:80",
    "-r 2001:db8::f",
    "-r rs1.example",
    "-r 224.0.0.1",
    "-r 0.0.0.0:80",
    "-r 198.51.100.5:99999",
    "-r",
    "--real-server=198.51.100.6",
    "-r127.0.0.1",
];
const SERVER_OPTIONS: &[&str] = &[
    "-m",
    "-i",
    "-g",
    "-m",
    "-i",
    "-w 0",
    "-w 5",
    "-w 100000",
    "-w -1",
    "-w x",
    "-x 10",
    "-x 10 -y 5",
    "-y 7",
    "-i --tun-type gue --tun-port 6080",
    "-i --tun-type gre --tun-csum",
    "--tun-type ipip",
    "-i --tun-type gue",
    "--tun-remcsum",
    "--tun-port 0",
    "-mw9",
    "--weight=3",
    "--masquerading",
];
const LISTING_OPTIONS: &[&str] = &[
    "-n",
    "-n",
    "-n",
    "--stats",
    "--rate",
    "--thresholds",
    "--persistent-conn",
    "--tun-info",
    "--exact",
    "-X",
    "--nosort",
    "--sort",
    "--daemon",
    "--timeout",
    "-c",
    "--syncid 3",
    "-nX",
];
const ODDITIES: &[&str] = &[
    "-q",
    "--bogus",
    "foo",
    "--",
    "-",
    "-6",
    "-n=1",
    "-A",
    "-L",
    "-h",
    "--stats=1",
    "-w",
    "-C",
    "-f",
];

/// One command line. Most make sense; marks from 2^31 on and `-b ,` are left to the fixed cases,
/// since they are deliberate differences.
fn line(dice: &mut Dice) -> String {
    let command = dice.of(COMMANDS);
    let mut words = Vec::new();
    let mut some = |dice: &mut Dice, choices: &[&'static str], percent: usize| {
        while dice.chance(percent) {
            let word = dice.of(choices);
            words.push(word);
        }
    };
    match command {
        "-A" | "-E" | "--add-service" => some(dice, SERVICE_OPTIONS, 45),
        "-a" | "-e" | "-d" | "--add-server" => {
            some(dice, SERVER_OPTIONS, if command == "-d" { 5 } else { 45 });
            if dice.chance(96) {
                words.push(dice.of(SERVERS));
            }
        }
        "--set" => {
            for _ in 0..if dice.chance(85) { 3 } else { dice.number(5) } {
                words.push(dice.of(&["0", "1", "900", "2678400", "2678401", "x", "-1"]));
            }
        }
        _ => some(dice, LISTING_OPTIONS, if command.starts_with("-S") { 5 } else { 50 }),
    }
    let service = match command {
        "-A" | "-E" | "-D" | "-a" | "-e" | "-d" | "--add-service" | "--add-server" => 97,
        "-L" | "-Z" | "-Ln" => 30,
        _ => 3,
    };
    if dice.chance(service) {
        // Before or after the others: the order counts for -r, -M and -6.
        let place = dice.number(words.len() + 1);
        words.insert(place, dice.of(SERVICES));
    }
    if dice.chance(6) {
        let place = dice.number(words.len() + 1);
        words.insert(place, dice.of(ODDITIES));
    }
    if words.is_empty() { command.to_owned() } else { format!("{command} {}", words.join(" ")) }
}

/// Answers to the lines, each from the table that the ones before it left, and the table at the end.
fn answers(
    oracle: &Oracle,
    lines: &[String],
    run: impl Fn(&[String]) -> Vec<Outcome>,
) -> Vec<Outcome> {
    oracle.reset();
    let mut answers = run(lines);
    answers.push(oracle.host.reference("-Sn"));
    answers.push(oracle.host.reference("-Ln --thresholds"));
    answers
}

fn reference(oracle: &Oracle, lines: &[String]) -> Vec<Outcome> {
    let run = |line: &String| oracle.host.program(REFERENCE, line.split(' '));
    lines.iter().map(run).collect()
}

/// Ours, within this process: starting one takes far longer than what it does.
fn ours(oracle: &Oracle, lines: &[String]) -> Vec<Outcome> {
    let run = |line: &String| {
        let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let status = invoke(
            REFERENCE,
            &words,
            &mut Console {
                input: &mut io::empty(),
                output: &mut output,
                errors: &mut errors,
                explains: false,
            },
        );
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Outcome { status: status.into(), output: text(output), errors: text(errors) }
    };
    oracle.host.inside(|| lines.iter().map(run).collect())
}

/// What `-S` writes of thresholds is a deliberate difference.
fn without_thresholds(output: &str) -> String {
    let mut kept = String::new();
    for rule in output.lines() {
        let mut words = rule.split(' ');
        while let Some(word) = words.next() {
            if rule.starts_with("-a ") && matches!(word, "-x" | "-y") {
                words.next();
            } else {
                kept += word;
                kept.push(' ');
            }
        }
        kept.push('\n');
    }
    kept
}

#[test]
fn random_lines_are_answered_as_by_the_reference() {
    let setting = |name: &str, default: usize| {
        env::var(name).map_or(default, |text| text.parse().expect(name))
    };
    let seed = setting("LVS_ORACLE_SEED", 1);
    let wanted = setting("LVS_ORACLE_LINES", 2000);
    let oracle = Oracle::new();
    let mut dice = Dice(u64::try_from(seed).unwrap());
    let (mut asked, mut kernel, mut wrong) = (0, 0, Vec::new());
    while asked < wanted {
        let lines: Vec<_> = (0..RUN).map(|_| line(&mut dice)).collect();
        let theirs = answers(&oracle, &lines, |lines| reference(&oracle, lines));
        let ours = answers(&oracle, &lines, |lines| ours(&oracle, lines));
        asked += lines.len();
        kernel += theirs.iter().filter(|outcome| matches!(outcome.status, 0 | 1)).count();
        let labels = lines.iter().map(String::as_str).chain(["(rules)", "(thresholds)"]);
        for (label, (theirs, ours)) in labels.zip(theirs.iter().zip(&ours)) {
            // The help text is our own; its first line is not.
            let help = label.split(' ').any(|word| word == "-h") && theirs.status == 0;
            let saved = theirs.output.starts_with("-A ");
            let alike = match (help, saved) {
                (true, _) => theirs.output.lines().next() == ours.output.lines().next(),
                (_, true) => {
                    (theirs.status, without_thresholds(&theirs.output))
                        == (ours.status, without_thresholds(&ours.output))
                }
                _ => theirs.visible() == ours.visible(),
            };
            if !alike {
                wrong.push(format!(
                    "$ ipvsadm {label}\nafter:\n  {}\nreference: {theirs:?}\nours: {ours:?}\n",
                    lines.join("\n  ")
                ));
                break;
            }
        }
    }
    println!(
        "{asked} random lines from seed {seed}; {kernel} answers of the kernel; {} runs differ",
        wrong.len()
    );
    assert!(kernel > asked / 4, "the lines hardly ever reach the kernel");
    assert!(wrong.is_empty(), "seed {seed}: {} runs differ:\n{}", wrong.len(), wrong.join("\n"));
}

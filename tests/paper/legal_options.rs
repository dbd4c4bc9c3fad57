//! The options that are offered with a command are those that it takes.

use std::collections::BTreeSet;

use programs::ipvsadm::SystemNames;

use super::completions::bash;
use super::{options, run};

/// A value that each option takes, so that only the option can be what is wrong with a line.
fn value(long: &str) -> &'static str {
    match long {
        "tcp-service" | "udp-service" | "sctp-service" | "real-server" | "vip" | "real" => {
            "192.0.2.1:80"
        }
        "count-by" => "client",
        "state" => "ESTABLISHED",
        "start-daemon" | "stop-daemon" => "master",
        "netmask" => "255.255.255.0",
        "mcast-group" => "224.0.0.81",
        "sched-flags" => "flag-1",
        "tun-type" => "ipip",
        _ => "1",
    }
}

/// The options that a command needs.
fn required(command: &str) -> &'static [&'static str] {
    match command {
        "add-service" | "edit-service" | "delete-service" => &["tcp-service"],
        "add-server" | "edit-server" | "delete-server" => &["tcp-service", "real-server"],
        _ => &[],
    }
}

/// The long options that a command takes, as the grammar says.
fn legal(command: &str, options: &[(String, Vec<char>, bool)]) -> BTreeSet<String> {
    let takes = |long: &str| {
        let (_, _, takes) = options.iter().find(|(it, ..)| it == long).unwrap();
        let mut words = vec![format!("--{long}")];
        words.extend(takes.then(|| value(long).to_owned()));
        words.extend(
            (long == "set")
                .then_some(["900", "120", "300"].map(str::to_owned))
                .into_iter()
                .flatten(),
        );
        words
    };
    let is_legal = |long: &str| {
        let mut line = takes(command);
        // What the command needs comes before what it forbids.
        for required in required(command).iter().copied().filter(|it| *it != long) {
            let service = long.ends_with("-service") && required.ends_with("-service");
            line.extend((!service).then(|| takes(required)).into_iter().flatten());
        }
        // -6 is read after -f only.
        line.extend((long == "ipv6").then(|| takes("fwmark-service")).into_iter().flatten());
        line.extend(takes(long));
        match programs::ipvsadm::parse("ipvsadm", &line, &SystemNames, false) {
            Ok(_) => true,
            Err(error) => !error.to_string().starts_with("Illegal '"),
        }
    };
    let command_names = ["help", "version", command];
    let all = options.iter().map(|(long, ..)| long.as_str());
    all.filter(|long| !command_names.contains(long) && !COMMANDS.contains(long))
        .filter(|long| is_legal(long))
        .map(|long| format!("--{long}"))
        .collect()
}

const COMMANDS: [&str; 16] = [
    "add-service",
    "edit-service",
    "delete-service",
    "clear",
    "list",
    "zero",
    "add-server",
    "edit-server",
    "delete-server",
    "set",
    "start-daemon",
    "stop-daemon",
    "restore",
    "save",
    "help",
    "version",
];

#[test]
fn bash_and_fish_offer_the_options_that_go_with_the_command() {
    let options = options();
    let fish_file = "completions/ipvsadm.fish";
    let with_arguments: Vec<_> = COMMANDS[..14]
        .iter()
        .map(|command| {
            (
                *command,
                match *command {
                    "start-daemon" | "stop-daemon" => format!("ipvsadm --{command} master --"),
                    _ => format!("ipvsadm --{command} --"),
                },
            )
        })
        .collect();
    let lines: Vec<&str> = with_arguments.iter().map(|(_, line)| line.as_str()).collect();
    let replies = bash(&lines);
    for ((command, line), reply) in with_arguments.iter().zip(replies) {
        // --sort goes with everything, and is worth offering where something is sorted.
        let mut expected = legal(command, &options);
        if *command != "list" {
            expected.remove("--sort");
        }
        // Without -f a line with -6 is wrong, whatever its command.
        if !expected.contains("--fwmark-service") {
            expected.remove("--ipv6");
        }
        let offered: BTreeSet<_> = reply.split_whitespace().map(str::to_owned).collect();
        assert_eq!(offered, expected, "bash: {line}");
        let script = format!("source {fish_file}; complete -C '{line}'");
        let (good, text) = run("fish", &["--no-config", "-c", &script]);
        assert!(good, "{text}");
        let offered: BTreeSet<_> = text
            .lines()
            .filter_map(|line| line.split(['\t', '=']).next())
            .map(str::to_owned)
            .collect();
        assert_eq!(offered, expected, "fish: {line}");
    }
}

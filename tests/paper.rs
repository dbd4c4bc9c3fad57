//! Manual pages, completions and the unit, held against the option tables.

#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use clap::Arg;
use lvs::ipvsadm::SystemNames;

/// The options of `ipvsadm`: long spelling, short spellings, and whether an argument must follow.
fn options() -> Vec<(String, Vec<char>, bool)> {
    let command = lvs::ipvsadm::command_line();
    let options = command.get_arguments().filter(|it| it.get_long().is_some());
    let options: Vec<_> = options.map(spellings).collect();
    assert!(options.len() > 50, "the table was not read");
    options
}

fn spellings(option: &Arg) -> (String, Vec<char>, bool) {
    let mut shorts: Vec<char> = option.get_short().into_iter().collect();
    shorts.extend(option.get_visible_short_aliases().unwrap_or_default());
    let takes = option.get_num_args().is_none_or(|range| range.min_values() > 0);
    (option.get_long().unwrap().to_owned(), shorts, takes)
}

/// The options of `lvsctl`, those of its commands among them, and the names of the commands.
fn lvsctl_words(command: &clap::Command, words: &mut BTreeSet<String>) {
    for option in command.get_arguments() {
        words.extend(option.get_long().map(|long| format!("--{long}")));
        words.extend(option.get_short().map(|short| format!("-{short}")));
    }
    for command in command.get_subcommands() {
        words.insert(command.get_name().to_owned());
        lvsctl_words(command, words);
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// A page as a person reads it, its lines joined.
fn page(name: &str) -> String {
    let output =
        Command::new("mandoc").args(["-Tascii", "-O", "width=1000", name]).output().unwrap();
    assert!(output.status.success());
    // Bold and underlined text is written over itself with backspaces.
    let mut text = String::new();
    for character in String::from_utf8(output.stdout).unwrap().chars() {
        match character {
            '\u{8}' => drop(text.pop()),
            other => text.push(other),
        }
    }
    text
}

/// Whether a text has a word that is not part of a longer one.
fn has(text: &str, word: &str) -> bool {
    let inside = |character: char| character.is_ascii_alphanumeric() || character == '-';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(inside) && !text[at + word.len()..].starts_with(inside)
    })
}

fn run(program: &str, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(program);
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}; see scripts/packages"));
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[test]
fn every_option_of_ipvsadm_is_in_its_page() {
    let page = page("man/ipvsadm.8");
    for (long, shorts, _) in options() {
        assert!(has(&page, &format!("--{long}")), "--{long}");
        for short in shorts {
            assert!(has(&page, &format!("-{short}")), "-{short}");
        }
    }
}

#[test]
fn every_option_of_ipvsadm_is_in_each_completion() {
    let [bash, zsh, fish] = ["ipvsadm.bash", "_ipvsadm", "ipvsadm.fish"]
        .map(|name| read(&format!("completions/{name}")));
    for (long, shorts, _) in options() {
        assert!(has(&bash, &format!("--{long}")), "bash: --{long}");
        assert!(has(&zsh, &format!("--{long}")), "zsh: --{long}");
        assert!(has(&fish, &format!("-l {long}")), "fish: --{long}");
        for short in shorts {
            assert!(
                has(&zsh, &format!("-{short}")) || zsh.contains(&format!("-{short}+")),
                "zsh: -{short}"
            );
            assert!(has(&fish, &format!("-s {short}")), "fish: -{short}");
        }
    }
}

#[test]
fn every_word_of_lvsctl_is_in_its_page_and_completions() {
    let mut words = BTreeSet::new();
    lvsctl_words(&lvs::lvsctl::command_line(), &mut words);
    assert!(words.contains("--mode") && words.contains("real-server"), "{words:?}");
    let page = page("man/lvsctl.8") + &page("man/lvsctl-doctor.8");
    let [bash, zsh, fish] =
        ["lvsctl.bash", "_lvsctl", "lvsctl.fish"].map(|name| read(&format!("completions/{name}")));
    for word in words {
        assert!(has(&page, &word), "page: {word}");
        assert!(has(&zsh, &word), "zsh: {word}");
        let fish_word = match word.strip_prefix("--") {
            Some(long) => format!("-l {long}"),
            None => word.strip_prefix('-').map_or(word.clone(), |short| format!("-s {short}")),
        };
        assert!(has(&fish, &fish_word), "fish: {word}");
        if word.starts_with("--") || !word.starts_with('-') {
            assert!(has(&bash, &word), "bash: {word}");
        }
    }
}

#[test]
fn every_check_of_the_doctor_is_in_its_page() {
    let page = page("man/lvsctl-doctor.8");
    for check in lvs::doctor::CHECKS {
        let title = format!("{} ({})", check.id, check.severity);
        assert!(page.lines().any(|line| line.trim() == title), "{title}");
    }
    let titles = page.lines().filter(|line| {
        let last = line.trim().rsplit_once(' ').map_or("", |(_, last)| last);
        matches!(last, "(failure)" | "(warning)" | "(advice)")
    });
    assert_eq!(titles.count(), lvs::doctor::CHECKS.len());
}

#[test]
fn pages_are_well_formed() {
    for page in [
        "ipvsadm.8",
        "ipvsadm-save.8",
        "ipvsadm-restore.8",
        "lvsctl.8",
        "lvsctl-doctor.8",
        "lvs-cluster.5",
    ] {
        let (_, findings) = run("mandoc", &["-Tlint", &format!("man/{page}")]);
        // What else is installed here is not the page's business.
        let elsewhere =
            |line: &&str| !line.contains("mandoc.db") && !line.contains("manual not found");
        let findings: Vec<_> = findings.lines().filter(elsewhere).collect();
        assert!(findings.is_empty(), "{findings:#?}");
    }
}

#[test]
fn completions_can_be_read_by_their_shells() {
    for (shell, files) in [
        ("bash", ["ipvsadm.bash", "lvsctl.bash"]),
        ("zsh", ["_ipvsadm", "_lvsctl"]),
        ("fish", ["ipvsadm.fish", "lvsctl.fish"]),
    ] {
        for file in files {
            let (good, text) = run(shell, &["-n", &format!("completions/{file}")]);
            assert!(good && text.is_empty(), "{shell} {file}: {text}");
        }
    }
}

/// A directory with an `ipvsadm` that has a table.
fn fake() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ipvsadm");
    fs::write(
        &path,
        "#!/bin/sh\n[ \"$*\" = '-S -n' ] && printf '%s\\n' \
         '-A -t 192.0.2.1:80 -s rr' '-a -t 192.0.2.1:80 -r 198.51.100.2:8080 -m -w 1' \
         '-A -t [2001:db8::1]:80 -s rr' '-A -u 192.0.2.1:53 -s rr' '-A -f 7 -6 -s rr'\n",
    )
    .unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

/// What bash offers at the end of each line.
fn bash(lines: &[&str]) -> Vec<String> {
    let mut script = "source completions/ipvsadm.bash; source completions/lvsctl.bash\n\
         _ipvsadm_loaded=yes\n\
         try() { COMP_LINE=$1 COMP_POINT=${#1}; COMP_WORDS=($1); [[ $1 != *' ' ]] || COMP_WORDS+=('')\n\
         COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=(); \"_${COMP_WORDS[0]%%-*}\"; echo \"${COMPREPLY[*]}\"; }\n"
        .to_owned();
    for line in lines {
        script += &format!("try '{line}'\n");
    }
    let directory = fake();
    let path = format!("{}:{}", directory.path().display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("bash");
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env("PATH", path).args(["-c", &script]);
    let output = command.output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let replies: Vec<_> =
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(replies.len(), lines.len());
    replies
}

#[test]
fn bash_offers_what_may_follow() {
    let lines = [
        ("ipvsadm --s", "--set --start-daemon --stop-daemon --save"),
        ("ipvsadm -D -t ", "192.0.2.1:80 [2001:db8::1]:80"),
        ("ipvsadm -Dt ", "192.0.2.1:80 [2001:db8::1]:80"),
        ("ipvsadm --zero --udp-service ", "192.0.2.1:53"),
        ("ipvsadm -Ln -f ", "7"),
        ("ipvsadm -A -t ", ""),
        ("ipvsadm -L -t 192.0.2.1:", "80"),
        ("ipvsadm -L -t [2001:", "db8::1]:80"),
        ("ipvsadm -e -t 192.0.2.1:80 -r ", "198.51.100.2:8080"),
        ("ipvsadm -A -t x:1 -s ", "rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh twos none"),
        ("ipvsadm -A -t x:1 --scheduler=w", "wrr wlc"),
        ("ipvsadm -A -s mh -b ", "mh-fallback mh-port flag-1 flag-2 flag-3"),
        ("ipvsadm -a -t x:1 -r x -i --tun-type g", "gue gre"),
        ("ipvsadm --start-daemon ", "master backup"),
        ("ipvsadm --stop-daemon master --", "--netns --explain --syncid"),
        ("ipvsadm -A -srr -t x:1 --sch", "--scheduler --sched-flags"),
        ("ipvsadm-save -", "-n --file"),
        ("ipvsadm-restore --file Cargo.t", "Cargo.toml"),
        ("lvsctl real-server up --mode tun --v", "--vip"),
        ("lvsctl director up --mode ", "nat tun dr"),
        ("lvsctl real-server up --s", "--state-dir"),
        ("lvsctl d", "director diff down doctor"),
        ("lvsctl apply --k", "--keep-weights"),
        ("lvsctl apply --allow ", "add edit quiesce delete"),
        ("ipvsadm -R --r", "--replace"),
        ("lvsctl apply Cargo.t", "Cargo.toml"),
        ("lvsctl install --r", "--role --root"),
        ("lvsctl uninstall Cargo.t", "Cargo.toml"),
        ("lvsctl doctor --symptom c", "client-reset"),
        ("lvsctl doctor --f", "--fix --from"),
        ("lvsctl snapshot Cargo.t", "Cargo.toml"),
    ];
    let replies = bash(&lines.map(|(line, _)| line));
    for ((line, expected), reply) in lines.iter().zip(replies) {
        assert_eq!(reply, *expected, "{line}");
    }
}

/// What zsh offers at the end of each line: typed at a terminal, Tab and all. The completion system
/// shows its matches on the way.
fn zsh(lines: &[&str]) -> Vec<String> {
    let script = r#"
        zmodload zsh/zpty
        zpty shell zsh -fi
        zpty -w shell 'PS1=; fpath=(completions $fpath); autoload -U compinit; compinit -uD
            compadd() { builtin compadd -O words "$@"; print -rn -- $words ""; builtin compadd "$@" }
            offers() { print -n "<offers:"; _main_complete; print -n ">" }
            zle -C offers complete-word offers; bindkey "\t" offers; print "<rea""dy>"'
        zpty -r shell seen '*<ready>*'
        for line in "$@"; do
            zpty -wn shell "$line"$'\t'
            zpty -r shell seen '*<offers:*>*'
            print -r -- ${${seen#*<offers:}%>*}
            zpty -wn shell $'\C-u'
        done"#;
    let arguments = ["60", "zsh", "-fc", script, "zsh"];
    let (good, text) = run("timeout", &[&arguments[..], lines].concat());
    assert!(good, "{text}");
    text.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// What fish offers at the end of each line.
fn fish(lines: &[&str]) -> Vec<String> {
    let offers = |line: &&str| {
        let files = "source completions/ipvsadm.fish; source completions/lvsctl.fish";
        let script = format!("{files}; complete -C '{line}'");
        let (good, text) = run("fish", &["--no-config", "-c", &script]);
        assert!(good, "{text}");
        let words = text.lines().filter_map(|line| line.split('\t').next());
        words.collect::<Vec<_>>().join(" ")
    };
    lines.iter().map(offers).collect()
}

#[test]
fn zsh_and_fish_offer_what_may_follow() {
    let lines = [
        (
            "ipvsadm -A -t 192.0.2.1:80 -s ",
            "dh fo lblc lblcr lc mh none nq ovf rr sed sh twos wlc wrr",
        ),
        ("ipvsadm -A -t 192.0.2.1:80 -s mh -b mh-", "mh-fallback mh-port"),
        ("ipvsadm -a -t 192.0.2.1:80 -r 198.51.100.2 -i --tun-type ", "gre gue ipip"),
        ("ipvsadm --start-daemon ", "backup master"),
        ("lvsctl director up --mode ", "dr nat tun"),
    ];
    let typed = lines.map(|(line, _)| line);
    for (shell, replies) in [("zsh", zsh(&typed)), ("fish", fish(&typed))] {
        assert_eq!(replies.len(), lines.len(), "{shell}: {replies:?}");
        for ((line, expected), reply) in lines.iter().zip(replies) {
            let mut offered: Vec<_> = reply.split(' ').collect();
            offered.sort();
            assert_eq!(offered.join(" "), *expected, "{shell}: {line}");
        }
    }
}

/// A value that each option takes, so that only the option can be what is wrong with a line.
fn value(long: &str) -> &'static str {
    match long {
        "tcp-service" | "udp-service" | "sctp-service" | "real-server" | "vip" | "real" => {
            "192.0.2.1:80"
        }
        "count-by" => "client",
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
        match lvs::ipvsadm::parse("ipvsadm", &line, &SystemNames, false) {
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

#[test]
fn the_unit_is_one_that_systemd_takes() {
    let directory = tempfile::tempdir().unwrap();
    let unit = directory.path().join("ipvsadm.service");
    // The programs are those of this build: nothing need be installed.
    let programs = Path::new(env!("CARGO_BIN_EXE_ipvsadm")).parent().unwrap();
    let text = read("systemd/ipvsadm.service");
    let here = text.replace("/usr/sbin", &programs.display().to_string());
    assert_ne!(text, here);
    fs::write(&unit, here).unwrap();
    let (good, findings) =
        run("systemd-analyze", &["verify", "--man=no", &unit.display().to_string()]);
    let ours: Vec<_> = findings.lines().filter(|line| line.contains("ipvsadm")).collect();
    assert!(good && ours.is_empty(), "{findings}");
}

#[test]
fn the_drop_in_moves_every_path_of_the_unit() {
    let unit = read("systemd/ipvsadm.service");
    let drop_in = read("systemd/sysconfig.conf");
    let settings =
        unit.lines().filter(|line| !line.starts_with('#') && line.contains("/etc/ipvsadm.rules"));
    let settings: Vec<_> = settings.collect();
    assert_eq!(settings.len(), 3);
    for line in settings {
        let key = line.split_once('=').unwrap().0;
        let moved = line.replace("/etc/ipvsadm.rules", "/etc/sysconfig/ipvsadm");
        assert!(drop_in.contains(&format!("{key}=\n{moved}\n")), "{line}");
    }
}

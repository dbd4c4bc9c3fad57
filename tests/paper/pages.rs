//! What there is, is mentioned in pages and completions.

use std::collections::BTreeSet;
use std::process::Command;

use super::{options, read, run};

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
    lvsctl_words(&programs::lvsctl::command_line(), &mut words);
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
    for check in programs::doctor::Check::ALL {
        let title = format!("{} {} ({})", check.id(), check.name(), check.severity());
        assert!(page.lines().any(|line| line.trim() == title), "{title}");
    }
    let titles = page.lines().filter(|line| {
        let last = line.trim().rsplit_once(' ').map_or("", |(_, last)| last);
        matches!(last, "(failure)" | "(warning)" | "(advice)")
    });
    assert_eq!(titles.count(), programs::doctor::Check::ALL.len());
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

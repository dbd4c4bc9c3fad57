//! Completions, as each shell offers them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::{generator, run};

#[test]
fn completions_are_what_the_generator_writes() {
    for (path, text) in generator::files().unwrap() {
        let stale = fs::read_to_string(&path).unwrap() != text;
        assert!(!stale, "{}: run `cargo run --example completions`", path.display());
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
pub(super) fn bash(lines: &[&str]) -> Vec<String> {
    // Only readline has options of a completion that runs.
    let mut script = "compopt() { :; }; source completions/ipvsadm.bash; source completions/lvsctl.bash\n\
         _ipvsadm_loaded=yes\n\
         try() { COMP_LINE=$1 COMP_POINT=${#1}; COMP_WORDS=($1); [[ $1 != *' ' ]] || COMP_WORDS+=('')\n\
         COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=()\n\
         local name=${COMP_WORDS[0]} current=${COMP_WORDS[COMP_CWORD]}\n\
         \"_${name%%-*}\" \"$name\" \"$current\" \"${COMP_WORDS[COMP_CWORD-1]}\"\n\
         # As readline does with -o default.\n\
         if [[ ${#COMPREPLY[@]} == 0 && $(complete -p \"$name\") == *'-o default'* ]]; then\n\
         mapfile -t COMPREPLY < <(compgen -f -- \"$current\"); fi\n\
         echo \"${COMPREPLY[*]}\"; }\n"
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
        ("lvsctl real-server up --mode tun --v", "--vip --verbose"),
        ("lvsctl director up --mode ", "nat tun dr"),
        ("lvsctl real-server up --s", "--state-dir"),
        ("lvsctl d", "director diff down drain doctor"),
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
            // zsh adds words with descriptions twice: to measure them, and to show them.
            offered.sort();
            offered.dedup();
            assert_eq!(offered.join(" "), *expected, "{shell}: {line}");
        }
    }
}

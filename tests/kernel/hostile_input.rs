//! Names, files and callers that nobody would choose: quoted, bounded, and without a leak.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::{Host, LVSCTL, assert_same};

fn file(host: &Host, name: &str, text: &str) -> String {
    fs::create_dir_all(host.state_directory()).unwrap();
    fs::set_permissions(host.state_directory(), fs::Permissions::from_mode(0o755)).unwrap();
    let path = host.state_directory().join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

const CLUSTER: &str = "name = \"web\"\nmode = \"dr\"\ndirectors = [\"192.0.2.1\"]\n";
const SERVICE: &str = "[[service]]\nlisten = \"tcp://192.0.2.10:80\"\nreal = [\"192.0.2.2\"]\n";

#[test]
fn file_that_was_cut_or_is_empty_takes_nothing_down() {
    let host = Host::with_addresses();
    let whole = file(&host, "web.toml", &format!("{CLUSTER}{SERVICE}"));
    host.lvsctl_inside(&format!("apply {whole}")).success();
    let up = host.everything();
    for text in ["", "# nothing\n", CLUSTER] {
        let cut = file(&host, "cut.toml", text);
        for verb in ["apply", "diff", "status", "--dry-run apply"] {
            let refused = host.lvsctl_inside(&format!("{verb} {cut} --role director"));
            assert_eq!(refused.status, 1, "{verb}: {refused:?}");
            assert!(refused.errors.contains("`lvsctl down "), "{verb}: {refused:?}");
        }
        assert_same(&host.everything(), &up, "after the refusals");
    }
    host.lvsctl_inside("down web").success();
}

#[test]
fn down_by_name_needs_no_file() {
    let host = Host::with_addresses();
    let before = host.everything();
    let path = file(&host, "web.toml", &format!("{CLUSTER}{SERVICE}"));
    for text in [None, Some(""), Some("name = \"we")] {
        file(&host, "web.toml", &format!("{CLUSTER}{SERVICE}"));
        host.lvsctl_inside(&format!("apply {path}")).success();
        match text {
            Some(text) => fs::write(&path, text).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let refused = host.lvsctl_inside(&format!("down {path}"));
        assert_eq!(refused.status, 1, "{refused:?}");
        assert!(refused.errors.contains("set up on this machine: web"), "{refused:?}");
        host.lvsctl_inside("down web").success();
        assert_same(&host.everything(), &before, "after down");
    }
}

#[test]
fn down_and_status_take_the_mode_from_the_journal() {
    let host = Host::with_addresses();
    let before = host.everything();
    host.lvsctl_inside("real-server up --mode dr --vip 203.0.113.10 --device eth0").success();
    host.lvsctl_inside("real-server status --vip 203.0.113.10").success();
    let other = host.lvsctl_inside("director down --vip 203.0.113.10");
    assert!(other.errors.contains("no director for 203.0.113.10"), "{other:?}");
    host.lvsctl_inside("real-server down --vip 203.0.113.10").success();
    assert_same(&host.everything(), &before, "after down");
}

#[test]
fn commands_with_a_strange_interface_name_are_quoted_and_run() {
    let host = Host::with_addresses();
    for name in [";id>x;#", "a'b", "$(id)"] {
        host.program("ip", ["link", "add", name, "type", "dummy"].into_iter()).success();
        host.program("ip", ["link", "set", name, "up"].into_iter()).success();
        let before = host.everything();
        let state = host.state_directory().display().to_string();
        let words =
            ["real-server", "up", "--mode", "dr", "--vip", "203.0.113.10", "--device", name];
        let all = ["--state-dir", &state].into_iter().chain(words);
        let dry = host.program(LVSCTL, all.clone().chain(["--dry-run"])).success();
        host.program(LVSCTL, all).success();
        let up = host.everything();
        host.lvsctl_inside("real-server down --vip 203.0.113.10").success();
        assert_same(&host.everything(), &before, name);
        host.shell(&dry).success();
        assert_same(&host.everything(), &up, &dry);
        host.program("ip", ["link", "del", name].into_iter()).success();
        host.lvsctl_inside("status").success();
    }
    // Sysctls of all interfaces were set by the shell.
    host.shell(
        "echo 0 | tee /proc/sys/net/ipv4/conf/*/arp_ignore /proc/sys/net/ipv4/conf/*/arp_announce",
    )
    .success();
}

#[test]
fn control_characters_in_names_do_not_reach_the_terminal() {
    let host = Host::with_addresses();
    let name = "\u{1b}[2Jx";
    host.program("ip", ["link", "add", name, "type", "dummy"].into_iter()).success();
    host.program("ip", ["link", "set", name, "up"].into_iter()).success();
    let state = host.state_directory().display().to_string();
    let words = [
        "--state-dir",
        &state,
        "real-server",
        "up",
        "--mode",
        "dr",
        "--vip",
        "203.0.113.10",
        "--device",
    ];
    let up = host.program(LVSCTL, words.into_iter().chain([name])).success();
    let status = host.lvsctl_inside("status").success();
    for text in [&up, &status] {
        assert!(!text.contains('\u{1b}'), "{text:?}");
        assert!(text.contains("033[2Jx") || text.contains("\\x1b[2Jx"), "{text:?}");
    }
    host.lvsctl_inside("real-server down --vip 203.0.113.10").success();
}

#[test]
fn dry_run_for_a_missing_interface_is_refused_as_the_run_is() {
    let host = Host::with_addresses();
    let before = host.everything();
    for dry in ["", "--dry-run "] {
        let line = "real-server up --mode dr --vip 203.0.113.10 --device eth7";
        let refused = host.lvsctl_inside(&format!("{dry}{line}"));
        assert_eq!((refused.status, refused.output.as_str()), (1, ""), "{refused:?}");
        assert!(refused.errors.contains("no interface eth7"), "{refused:?}");
    }
    for name in ["all", "default"] {
        let line = format!("real-server up --mode dr --vip 203.0.113.10 --device {name}");
        assert!(host.lvsctl_inside(&line).errors.contains("neither all nor default"));
    }
    let snapshot = host.state_directory().with_extension("snapshot");
    host.lvsctl_inside(&format!("--dry-run snapshot {}", snapshot.display()));
    assert!(!snapshot.exists());
    assert_same(&host.everything(), &before, "after the dry runs");
}

#[test]
fn dry_run_without_rights_claims_no_steps() {
    let host = Host::with_addresses();
    let line = "--dry-run director up --mode dr --vip 192.0.2.10 --service tcp:80 --real 192.0.2.2";
    let outcome = host.shell(&format!("exec setpriv --reuid 65534 --clear-groups {LVSCTL} {line}"));
    let claimed = format!("{}{}", outcome.output, outcome.errors);
    assert!(!claimed.contains("Changes made") && !claimed.contains("was done"), "{outcome:?}");
    assert!(outcome.status == 0 || outcome.errors.contains("Nothing was changed"), "{outcome:?}");
}

/// sudo(8) lets a user run lvsctl with the rights of root on any file.
#[test]
fn file_that_the_caller_may_not_read_is_not_shown() {
    let host = Host::with_addresses();
    let secret = file(&host, "secret", "root:$6$secret:\n");
    let long = file(&host, "long", &format!("x = \"{}\n", "y".repeat(1 << 20)));
    for (path, mode, user, shown) in [
        (&secret, 0o600, "1000", false),
        (&secret, 0o600, "0", true),
        (&secret, 0o644, "1000", true),
        (&long, 0o644, "1000", true),
    ] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        for verb in ["apply", "status", "diff", "down"] {
            let line = format!("SUDO_UID={user} exec {LVSCTL} {verb} {path}");
            let refused = host.shell(&line);
            assert_eq!(refused.status, 1, "{refused:?}");
            assert_eq!(refused.errors.contains("$6$") || path == &long, shown, "{refused:?}");
            let longest = refused.errors.lines().map(str::len).max();
            assert!(longest < Some(300), "{refused:?}");
        }
    }
}

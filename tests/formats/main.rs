//! Files that lvsctl 0.1 wrote on real kernels are read, and written again, as they are: journals,
//! snapshots, and what the doctor says of them. `tests/fixtures/0.1/produce` has made them.

#![cfg(test)]

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use programs::doctor::Facts;
use programs::engine::{Journal, JournalFile};
use programs::host::machine::{Key, Value};
use programs::policy::Owner;
use serde_json::Value as Json;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/0.1").join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(fixture(name)).unwrap()
}

fn json(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The first line, and the entries that the lines below it leave, in order.
fn lasting(journal: &str) -> Vec<Json> {
    let mut lines = journal.lines().map(json);
    let header = lines.next().unwrap();
    let mut entries: Vec<Json> = Vec::new();
    for line in lines {
        if let Some(key) = line.get("forget") {
            entries.retain(|entry| entry["entry"]["key"] != *key);
            continue;
        }
        let same = |entry: &&mut Json| entry["entry"]["key"] == line["entry"]["key"];
        match entries.iter_mut().find(same) {
            Some(entry) => *entry = line,
            None => entries.push(line),
        }
    }
    [header].into_iter().chain(entries).collect()
}

/// Loads a journal, has it written anew, and compares.
#[track_caller]
fn journal_is_written_as_it_was(name: &str, forgets: bool) {
    let old = read(name);
    assert_eq!(old.contains("{\"forget\":"), forgets, "{name}");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("net-1.journal");
    // A journal whose last line is torn is written anew as a whole.
    fs::write(&path, format!("{old}{{\"entry\":")).unwrap();
    let epoch = lasting(&old)[0]["epoch"].as_str().unwrap().to_owned();
    let mut journal: Journal<Key, Value, Owner> = JournalFile::load(path.clone(), epoch).unwrap();
    journal.persist().unwrap();
    let new = fs::read_to_string(&path).unwrap();
    let new: Vec<Json> = new.lines().map(json).collect();
    let old = lasting(&old);
    assert!(old.len() > 3, "{name} has too few entries to show anything");
    assert_eq!((&new[0]["version"], &old[0]["version"]), (&3.into(), &2.into()), "{name}");
    assert_eq!(new[0]["epoch"], old[0]["epoch"], "{name}");
    for (new, old) in new.iter().zip(&old).skip(1) {
        assert_eq!(new, old, "{name}");
    }
    assert_eq!(new.len(), old.len(), "{name}");
}

#[test]
fn journal_of_tun_real_server_is_written_as_it_was() {
    journal_is_written_as_it_was("tun.journal", false);
}

#[test]
fn journal_of_real_server_behind_gue_and_gre_is_written_as_it_was() {
    journal_is_written_as_it_was("gue.journal", false);
}

#[test]
fn journal_of_nat_real_server_with_replaced_default_routes_is_written_as_it_was() {
    journal_is_written_as_it_was("nat.journal", false);
}

#[test]
fn journal_of_dr_real_server_with_forgotten_keys_and_a_repair_is_written_as_it_was() {
    journal_is_written_as_it_was("dr.journal", true);
}

#[test]
fn journal_of_bond_is_written_as_it_was() {
    journal_is_written_as_it_was("bond.journal", false);
}

#[test]
fn journal_of_director_with_every_setting_is_written_as_it_was() {
    journal_is_written_as_it_was("director.journal", false);
}

#[test]
fn journal_of_rules_file_is_written_as_it_was() {
    journal_is_written_as_it_was("table.journal", false);
}

/// A diagnosis without the sentences in it.
fn without_prose(mut diagnosis: Json) -> Json {
    let prose = [("findings", &["title", "found", "expected"][..]), ("unread", &["what", "why"])];
    for (list, names) in prose {
        for item in diagnosis[list].as_array_mut().unwrap() {
            for name in names {
                assert!(!item[name].as_str().unwrap().is_empty(), "{item}");
                item[name] = Json::Null;
            }
        }
    }
    // Later releases have more checks with names, and list what they cannot judge: here marks, since
    // the snapshot has no packet filters.
    diagnosis["looked"] = Json::Null;
    let members = diagnosis.as_object_mut().unwrap();
    members.remove("causes");
    let unknown = members.remove("unknown").unwrap_or(Json::Array(Vec::new()));
    let stages: Vec<_> = unknown.as_array().unwrap().iter().map(|it| &it["stage"]).collect();
    assert!(stages.iter().all(|stage| *stage == "mark"), "{stages:?}");
    let findings = members["findings"].as_array_mut().unwrap();
    // What the table has and the file has not: no earlier release said so.
    findings.retain(|finding| finding["id"] != "H26");
    for finding in findings {
        finding.as_object_mut().unwrap().retain(|key, _| key != "name" && key != "follows");
    }
    diagnosis
}

/// What the doctor says of a snapshot, with these further arguments.
fn doctor(snapshot: &str, further: &[&str]) -> Json {
    doctor_of(&fixture(snapshot), further)
}

fn doctor_of(snapshot: &Path, further: &[&str]) -> Json {
    let snapshot = snapshot.as_os_str().to_owned();
    let words = ["lvsctl", "--json", "doctor", "--from"].map(OsString::from);
    let words = words.into_iter().chain([snapshot]).chain(further.iter().map(OsString::from));
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    programs::lvsctl::run(words, &mut output, &mut errors);
    assert_eq!(String::from_utf8(errors).unwrap(), "");
    json(std::str::from_utf8(&output).unwrap())
}

#[track_caller]
fn snapshot_is_judged_as_it_was(host: &str, file: Option<(&str, &str)>) {
    let snapshot = format!("{host}.snapshot");
    let old = json(&read(&snapshot));
    let facts: Facts = serde_json::from_value(old.clone()).unwrap();
    let mut written = serde_json::to_value(&facts).unwrap();
    // The network has another form since format version 2.
    written["network"] = old["network"].clone();
    assert_eq!(written, without_kernel_flag(old), "{snapshot}");

    let found = without_prose(doctor(&snapshot, &[]));
    assert_eq!(found, without_prose(json(&read(&format!("{host}.doctor.json")))));
    if let Some((file, role)) = file {
        let path = fixture(file).display().to_string();
        let found = doctor(&snapshot, &[&path, "--role", role]);
        // The commands name the file as it was given.
        let found = json(&found.to_string().replace(&path, file));
        let old = json(&read(&format!("{host}.doctor-file.json")));
        assert_eq!(without_prose(found), without_prose(old));
    }
}

/// The snapshot without the flag by which the kernel marks the services of its table
/// (`IP_VS_SVC_F_HASHED`, 2), the one thing that is read and not written again.
fn without_kernel_flag(mut snapshot: Json) -> Json {
    for entry in snapshot["table"]["services"].as_array_mut().into_iter().flatten() {
        let flags = &mut entry["service"]["service"]["flags"];
        *flags = (flags.as_u64().unwrap() & !2).into();
    }
    snapshot
}

#[test]
fn snapshot_of_broken_tun_real_server_is_judged_as_it_was() {
    snapshot_is_judged_as_it_was("tun", None);
}

#[test]
fn snapshot_of_gue_real_server_without_its_port_is_judged_as_it_was() {
    snapshot_is_judged_as_it_was("gue", Some(("gue.toml", "real-server")));
}

#[test]
fn snapshot_of_director_with_every_setting_is_judged_as_it_was() {
    snapshot_is_judged_as_it_was("director", Some(("director.toml", "director")));
}

/// What a shell does not find between single quotes.
fn unquoted(command: &str) -> String {
    command.split('\'').step_by(2).collect()
}

/// An interface can have any name but for a few bytes, and people paste the commands of the doctor.
#[test]
fn interface_with_a_hostile_name_is_quoted_in_every_command() {
    let directory = tempfile::tempdir().unwrap();
    let mut seen = 0;
    for (host, file) in [("tun", None), ("gue", Some("gue.toml")), ("director", None)] {
        for (name, words) in [(";id>x;#", ";id"), ("a $(id)", "$(id)"), ("a`id`\u{1b}", "`id`")] {
            let path = directory.path().join("snapshot");
            let name = name.replace(' ', "\u{2003}");
            let escaped = serde_json::to_string(&name).unwrap();
            let text = read(&format!("{host}.snapshot"));
            let text = text.replace("eth0", escaped.trim_matches('"'));
            fs::write(&path, text).unwrap();
            let file = file.map(|file| fixture(file).display().to_string());
            let further: Vec<&str> =
                file.iter().flat_map(|it| [it, "--role", "real-server"]).collect();
            let found = doctor_of(&path, &further);
            for finding in found["findings"].as_array().unwrap() {
                for list in ["fix", "instead", "undo"] {
                    for command in finding[list].as_array().unwrap() {
                        let command = command.as_str().unwrap();
                        seen += usize::from(command.contains(words));
                        assert!(!unquoted(command).contains(words), "{command}");
                        assert!(!command.contains('\u{1b}'), "{command}");
                    }
                }
            }
        }
    }
    assert!(seen > 5, "{seen} commands name the interface");
}

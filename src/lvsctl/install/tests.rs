//! Files below a temporary root. Kernel tests run the units.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

const FILE: &str = r#"
name = "web"
mode = "tun"
directors = ["192.0.2.1"]
[[service]]
listen = "tcp://192.0.2.10:80"
scheduler = "mh"
real = ["192.0.2.2"]
"#;

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::write(place.file(), FILE).unwrap();
        place
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn file(&self) -> PathBuf {
        self.at("web.toml")
    }

    /// Exit code, standard output and errors of `lvsctl WORDS --root ROOT`.
    fn run(&self, words: &str) -> (u8, String, String) {
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let (state, root) = (self.at("state"), self.at("root"));
        let line =
            format!("lvsctl --state-dir {} {words} --root {}", state.display(), root.display());
        let words = line.split(' ').map(OsString::from);
        let code = crate::lvsctl::run(words, &mut output, &mut errors);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (code, text(output), text(errors))
    }

    fn install(&self) -> String {
        let (code, output, errors) = self.run(&self.install_line(""));
        assert_eq!((code, errors.as_str()), (0, ""));
        output
    }

    fn install_line(&self, options: &str) -> String {
        format!("install {} --role director{options}", self.file().display())
    }

    /// Every file and link below the root, with its content.
    fn tree(&self) -> Vec<(String, String, u64)> {
        let mut found = Vec::new();
        walk(&self.at("root"), &mut found);
        found.sort();
        found
    }
}

fn walk(directory: &Path, found: &mut Vec<(String, String, u64)>) {
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        let content = match metadata.file_type() {
            kind if kind.is_dir() => {
                walk(&path, found);
                continue;
            }
            kind if kind.is_symlink() => fs::read_link(&path).unwrap().display().to_string(),
            _ => fs::read_to_string(&path).unwrap(),
        };
        found.push((path.display().to_string(), content, metadata.ino()));
    }
}

#[test]
fn uninstall_removes_everything_that_install_wrote() {
    let place = Place::new();
    let output = place.install();
    assert!(output.ends_with(
        "cluster web (director): 4 files; next, run:\n  systemctl daemon-reload && systemctl \
         reload-or-restart lvsctl-web.service\n"
    ));
    let read = |path: &str| fs::read_to_string(place.at(&format!("root/etc/{path}"))).unwrap();
    assert!(read("lvsctl/web.toml").starts_with(FILE));
    let modules = read("modules-load.d/lvsctl-web.conf");
    assert!(modules.contains("\nipip\nip_vs\nip_vs_mh\n#"), "{modules}");
    let unit = read("systemd/system/lvsctl-web.service");
    let state = place.at("state");
    let apply = format!(
        " apply --wait 120 --state-dir {} --role director /etc/lvsctl/web.toml\n",
        state.display()
    );
    assert_eq!(unit.matches(&apply).count(), 2, "{unit}");
    let down = format!(" down --wait 120 --state-dir {} web\n", state.display());
    assert!(unit.contains(&down), "{unit}");

    let tree = place.tree();
    assert_eq!(place.install(), "cluster web (director): no changes needed\n");
    assert_eq!(place.tree(), tree, "not even written again");
    let (code, ..) = place.run("uninstall");
    assert_eq!((code, place.tree()), (0, Vec::new()));
    assert!(!place.at("root/etc/lvsctl").exists());
    let (code, _, errors) = place.run("uninstall");
    assert_eq!((code, errors.as_str()), (1, "lvsctl: no cluster is installed\n"));
}

#[test]
fn install_replaces_an_earlier_version() {
    let place = Place::new();
    place.install();
    fs::write(place.file(), FILE.replace("\"mh\"", "\"rr\"")).unwrap();
    let output = place.install();
    assert!(output.contains("cluster web (director): 2 files"), "{output}");
    let dry = place.run(&place.install_line(" --dry-run"));
    assert_eq!(dry.1, "# no changes needed\n");
    // The installed file itself can be edited, and belongs to the user then.
    let own = place.at("root/etc/lvsctl/web.toml");
    fs::write(&own, FILE).unwrap();
    let (code, ..) = place.run(&format!("install {} --role director", own.display()));
    assert_eq!(code, 0);
    let (code, output, _) = place.run("uninstall web");
    assert!(code == 0 && output.contains("web.toml was edited and is kept"), "{output}");
    assert_eq!(place.tree().len(), 1);
    assert_eq!(fs::read_to_string(own).unwrap(), FILE);
}

#[test]
fn edited_file_is_refused_and_kept() {
    for path in
        ["systemd/system/lvsctl-web.service", "modules-load.d/lvsctl-web.conf", "lvsctl/web.toml"]
    {
        let place = Place::new();
        place.install();
        let path = place.at(&format!("root/etc/{path}"));
        let edited = fs::read_to_string(&path).unwrap() + "# mine\n";
        fs::write(&path, edited).unwrap();
        let tree = place.tree();
        fs::write(place.file(), FILE.replace("\"mh\"", "\"rr\"")).unwrap();
        let lines = [place.install_line(""), "uninstall".to_owned()];
        // An edited cluster file is kept and does not stop `uninstall`.
        let count = if path.ends_with("web.toml") { 1 } else { 2 };
        for line in &lines[..count] {
            let (code, output, errors) = place.run(line);
            assert_eq!((code, output.as_str()), (1, ""));
            assert!(errors.contains(&format!("{} was changed since", path.display())), "{errors}");
            assert_eq!(place.tree(), tree);
        }
    }
}

#[test]
fn dry_run_of_install_is_a_script_that_installs() {
    let place = Place::new();
    let line = place.install_line(" --keep-weights --exclusive");
    let (code, script, _) = place.run(&format!("{line} --dry-run"));
    assert_eq!((code, place.tree()), (0, Vec::new()));
    let (files, next) = script.trim_end().rsplit_once('\n').unwrap();
    assert!(next.starts_with("systemctl daemon-reload && "), "{next}");
    assert!(Command::new("sh").args(["-ec", files]).status().unwrap().success(), "{files}");
    assert!(files.contains("--keep-weights --exclusive /etc/lvsctl/web.toml\n"), "{files}");
    let (_, output, _) = place.run(&format!("{line} --json"));
    let object: serde_json::Value = serde_json::from_str(&output).unwrap();
    assert_eq!((&object["cluster"], &object["files"]), (&"web".into(), &serde_json::json!([])));
    let (_, output, _) = place.run("uninstall --json");
    let object: serde_json::Value = serde_json::from_str(&output).unwrap();
    assert_eq!(object["files"][0]["action"], "remove");
    assert_eq!(place.tree(), Vec::new());
}

#[test]
fn uninstall_of_an_ambiguous_or_unknown_cluster_is_refused() {
    let place = Place::new();
    place.install();
    fs::write(place.file(), FILE.replace("\"web\"", "\"mail\"")).unwrap();
    place.install();
    let (code, _, errors) = place.run("uninstall");
    assert!(code == 1 && errors.contains("name one of mail, web"), "{errors}");
    let (code, _, errors) = place.run("uninstall www");
    assert!(code == 1 && errors.contains("no cluster www is installed; installed: mail, web"));
    let (code, ..) = place.run(&format!("uninstall {}", place.file().display()));
    assert_eq!(code, 0);
    let (code, output, _) = place.run("uninstall");
    assert!(code == 0 && output.contains("lvsctl-web.service"), "{output}");
    let (code, _, errors) = place.run("uninstall --netns blue");
    assert!(code == 1 && errors.contains("omit --netns"), "{errors}");
}

#[test]
fn install_refuses_an_unknown_scheduler_unless_its_module_is_installed() {
    let place = Place::new();
    for (name, cure) in [
        ("wlcc", "did you mean wlc?"),
        ("least-conn", "did you mean lc?"),
        ("Vendor-x", "write one of rr, wrr, lc, wlc, "),
    ] {
        fs::write(place.file(), FILE.replace("mh", name)).unwrap();
        let (code, _, errors) = place.run(&place.install_line(""));
        let expected = format!("web.toml: there is no scheduler {name}: {cure}");
        assert!(code == 1 && errors.contains(&expected), "{errors}");
        assert_eq!(place.tree(), Vec::new());
    }

    let modules = place.at("root/lib/modules/6.1.0");
    fs::create_dir_all(&modules).unwrap();
    let list = "kernel/ip_vs_rr.ko: kernel/ip_vs.ko\nextra/ip_vs_Vendor_x.ko.xz: kernel/ip_vs.ko\n";
    fs::write(modules.join("modules.dep"), list).unwrap();
    let (code, _, errors) = place.run(&place.install_line(""));
    assert_eq!((code, errors.as_str()), (0, ""));
}

#[test]
fn install_of_an_invalid_file_changes_nothing() {
    let place = Place::new();
    place.install();
    let tree = place.tree();
    fs::write(place.file(), FILE.replace("192.0.2.2", "192.0.2.10")).unwrap();
    let (code, _, errors) = place.run(&place.install_line(""));
    assert!(code == 1 && errors.contains("web.toml"), "{errors}");
    fs::write(place.file(), "-A -t 192.0.2.10:80 -s rr\n").unwrap();
    let (code, _, errors) = place.run(&format!("install {}", place.file().display()));
    assert!(code == 1 && errors.contains("ipvsadm.service"), "{errors}");
    assert_eq!(place.tree(), tree);
}

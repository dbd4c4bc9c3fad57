//! `install` and `uninstall`: what a cluster file makes of a machine, at every boot.
//!
//! The file is copied to `/etc/lvsctl`, not referred to where it is: what a boot depends on must be
//! there whatever becomes of a home directory or a mount, and a file that is being edited must not be
//! applied before it was checked. Every file that is written ends in a mark by which it is known
//! again; what a person has changed is never written over or removed.

mod files;
mod report;
#[cfg(test)]
mod tests;
mod texts;

use std::fs;
use std::io::{self, Write};
use std::path::{self, Path, PathBuf};

use self::files::{Content, Found, Item, marked};
use self::report::{Hint, Report};
use self::texts::Commands;
use super::arguments::{InstallFlags, Options, STATE_DIRECTORY, UninstallFlags};
use super::input::{Input, Owners};
use super::{Error, runner};
use crate::host::machine::Machine;

/// For how long a unit lets another finish, in seconds.
const WAIT: u32 = 120;

/// Writes what applies a cluster file at boot.
pub(super) fn install(
    flags: &InstallFlags,
    options: &Options,
    output: &mut dyn Write,
) -> Result<u8, Error> {
    check_place(&flags.root, options)?;
    let input = Input::load(&flags.file, flags.role)?;
    let Input::Cluster { cluster, role, .. } = &input else {
        return Err(not_a_cluster(&flags.file));
    };
    let paths = Paths::new(&flags.root, cluster.name());
    let mut machine = Machine::new()?.read_only();
    let journal = runner::journal(&options.state_dir)?;
    let desired = input.desired(&mut machine, &journal)?;

    let (name, role) = (paths.name(), *role);
    let text = |text: String| Content::Text(marked(text.as_bytes()));
    let unit = texts::unit(name, role, &program()?, &commands(flags, options, &paths)?);
    let sysctls = texts::sysctls(name, role, &desired, &mut machine)?;
    let mut items = vec![
        Item { path: paths.modules(), desired: texts::modules(name, role, &desired).map(text) },
        Item { path: paths.sysctls(), desired: sysctls.map(text) },
        Item { path: paths.unit(), desired: Some(text(unit)) },
        Item { path: paths.wanted_at_boot(), desired: Some(Content::Link(paths.own_unit())) },
    ];
    items.splice(..0, copy(&flags.file, &paths)?);

    let report = Report {
        cluster: paths.name(),
        title: input.to_string(),
        next: format!(
            "systemctl daemon-reload && systemctl reload-or-restart {}",
            paths.unit_name()
        ),
        changes: files::between(items, &paths.own_unit())?,
        kept: None,
        hints: Hint::all(&desired, paths.name(), &paths.unit_name()),
    };
    report.carry_out(options)?;
    report.tell(options, output)?;
    Ok(0)
}

/// Removes what [`install`] wrote.
pub(super) fn uninstall(
    flags: &UninstallFlags,
    options: &Options,
    output: &mut dyn Write,
) -> Result<u8, Error> {
    check_place(&flags.root, options)?;
    let name = meant(flags)?;
    let meant = Owners::Cluster(name.clone());
    let paths = Paths::new(&flags.root, &name);
    let journal = runner::journal(&options.state_dir)?;
    // Without its unit nothing would take it back.
    if is_here(&flags.root) && journal.owners().iter().any(|owner| meant.covers(owner)) {
        return Err(Error::StillUp { unit: paths.unit_name() });
    }
    let gone = |path| Item { path, desired: None };
    // The link first: what is left after a crash is not started any more.
    let mut items = vec![
        gone(paths.wanted_at_boot()),
        gone(paths.unit()),
        gone(paths.sysctls()),
        gone(paths.modules()),
    ];
    let mut kept = None;
    match files::found(&paths.file(), None)? {
        Found::Others => kept = Some(paths.file()),
        _ => items.push(gone(paths.file())),
    }
    let report = Report {
        cluster: &name,
        title: format!("cluster {name}"),
        next: "systemctl daemon-reload".to_owned(),
        changes: files::between(items, &paths.own_unit())?,
        kept,
        hints: Vec::new(),
    };
    report.carry_out(options)?;
    // It was made for the file; a file of another cluster keeps it.
    if !options.dry_run
        && let Some(directory) = paths.file().parent()
    {
        let _ = fs::remove_dir(directory);
    }
    report.tell(options, output)?;
    Ok(0)
}

/// Whether the files are for the machine that runs.
fn is_here(root: &Path) -> bool {
    root == Path::new("/")
}

fn check_place(root: &Path, options: &Options) -> Result<(), Error> {
    if options.netns.is_some() {
        return Err(Error::Usage(
            "what is installed is for the machine, not for one network namespace: leave --netns out"
                .to_owned(),
        ));
    }
    // As sd_booted(3) has it.
    if is_here(root) && !Path::new("/run/systemd/system").is_dir() {
        return Err(Error::NoSystemd);
    }
    Ok(())
}

/// The copy of the cluster file; none where it is the file that was named, and a person's own.
fn copy(file: &Path, paths: &Paths) -> Result<Option<Item>, Error> {
    let path = paths.file();
    let same = |one: &Path, other: &Path| matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other);
    if same(file, &path) {
        return Ok(None);
    }
    let unread = |source| Error::File { action: "read", path: file.to_owned(), source };
    let text = files::read(file).map_err(unread)?;
    Ok(Some(Item { path, desired: Some(Content::Text(marked(&text))) }))
}

fn not_a_cluster(file: &Path) -> Error {
    Error::Usage(format!(
        "{} is a table as ipvsadm -S writes it: ipvsadm.service restores one at boot, from \
         /etc/ipvsadm.rules",
        file.display()
    ))
}

fn program() -> Result<String, Error> {
    let unknown = |source| Error::File { action: "find", path: PathBuf::from("lvsctl"), source };
    plain(&std::env::current_exe().map_err(unknown)?)
}

fn commands(flags: &InstallFlags, options: &Options, paths: &Paths) -> Result<Commands, Error> {
    // At a boot and at its end systemd starts the units of several clusters side by side.
    let mut common = format!(" --wait {WAIT}");
    if options.state_dir != Path::new(STATE_DIRECTORY) {
        let unknown =
            |source| Error::File { action: "find", path: options.state_dir.clone(), source };
        let directory = path::absolute(&options.state_dir).map_err(unknown)?;
        common = format!("{common} --state-dir {}", plain(&directory)?);
    }
    let role = match flags.role {
        Some(role) => format!(" --role {}", role.name()),
        None => String::new(),
    };
    let keep_weights = if flags.keep_weights { " --keep-weights" } else { "" };
    let exclusive = if flags.exclusive { " --exclusive" } else { "" };
    let file = paths.own_file();
    Ok(Commands {
        apply: format!("apply{common}{role}{keep_weights}{exclusive} {file}"),
        down: format!("down{common} {file}"),
    })
}

/// A path that a unit can name as it is (`systemd.syntax(7)` has specifiers, quotes and more).
fn plain(path: &Path) -> Result<String, Error> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_.+-@:,".contains(&byte);
    match path.to_str() {
        Some(text) if text.bytes().all(is_plain) => Ok(text.to_owned()),
        _ => Err(Error::Usage(format!(
            "{} cannot stand in a unit: move it to a path of letters, digits and _ . + - @ : ,",
            path.display()
        ))),
    }
}

/// The cluster that `uninstall` is about.
fn meant(flags: &UninstallFlags) -> Result<String, Error> {
    let unread =
        |source: io::Error| Error::File { action: "read", path: flags.root.clone(), source };
    let installed = Paths::installed(&flags.root).map_err(unread)?;
    match (&flags.cluster, installed.as_slice()) {
        (Some(cluster), _) if installed.contains(cluster) => Ok(cluster.clone()),
        // Its file is enough: what was written besides may be gone already.
        (Some(file), _) if file.contains('/') || file.ends_with(".toml") => {
            match Owners::load(Path::new(file))? {
                Owners::Cluster(name) => Ok(name),
                Owners::Rules => Err(not_a_cluster(Path::new(file))),
            }
        }
        (Some(cluster), _) => Err(Error::NotInstalled { name: cluster.clone(), installed }),
        (None, [name]) => Ok(name.clone()),
        (None, []) => Err(Error::NothingInstalled),
        (None, names) => Err(Error::Usage(format!(
            "several clusters are installed: name one of {}",
            names.join(", ")
        ))),
    }
}

/// The paths of the files of one cluster, below a root.
struct Paths {
    root: PathBuf,
    name: String,
}

impl Paths {
    fn new(root: &Path, name: &str) -> Self {
        Self { root: root.to_owned(), name: name.to_owned() }
    }

    /// The name of the cluster.
    fn name(&self) -> &str {
        &self.name
    }

    fn unit_name(&self) -> String {
        format!("lvsctl-{}.service", self.name)
    }

    /// The cluster file, where the installed machine finds it.
    fn own_file(&self) -> String {
        format!("/etc/lvsctl/{}.toml", self.name)
    }

    /// The unit, where the installed machine finds it.
    fn own_unit(&self) -> PathBuf {
        Path::new("/etc/systemd/system").join(self.unit_name())
    }

    fn file(&self) -> PathBuf {
        self.below(&self.own_file())
    }

    fn unit(&self) -> PathBuf {
        self.below(&format!("/etc/systemd/system/{}", self.unit_name()))
    }

    /// What `systemctl enable` would link.
    fn wanted_at_boot(&self) -> PathBuf {
        self.below(&format!("/etc/systemd/system/multi-user.target.wants/{}", self.unit_name()))
    }

    fn modules(&self) -> PathBuf {
        self.below(&format!("/etc/modules-load.d/lvsctl-{}.conf", self.name))
    }

    /// Letters come behind digits, so that `99-sysctl.conf` and its like have no last word.
    fn sysctls(&self) -> PathBuf {
        self.below(&format!("/etc/sysctl.d/zz-lvsctl-{}.conf", self.name))
    }

    fn below(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// The names of the clusters that are installed below a root, sorted.
    fn installed(root: &Path) -> io::Result<Vec<String>> {
        let directory = root.join("etc/systemd/system");
        let mut names = Vec::new();
        let entries = match fs::read_dir(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(names),
            entries => entries?,
        };
        for entry in entries {
            let unit = entry?.file_name().into_string().unwrap_or_default();
            let name = unit.strip_prefix("lvsctl-").and_then(|rest| rest.strip_suffix(".service"));
            names.extend(name.map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }
}

//! `install` and `uninstall`: files that apply a cluster file at every boot.
//!
//! The cluster file is copied to `/etc/lvsctl`: a boot must not depend on a home directory or a mount,
//! nor apply a file that is being edited. Every file that is written ends in a mark with a checksum.
//! An edited file is never overwritten or removed.

mod files;
mod report;
#[cfg(test)]
mod tests;
mod texts;

use std::fs;
use std::io::{self, Write};
use std::path::{self, Path, PathBuf};

use self::files::{Actual, Content, Item, below, marked};
use self::report::{Hint, Report};
use self::texts::Commands;
use super::arguments::{InstallFlags, Options, STATE_DIRECTORY, UninstallFlags};
use super::error::{Error, usage};
use super::input::{Input, Owners};
use super::journal_place;
use super::log::Run;
use super::runner::look;
use super::validate::check_schedulers;
use crate::host::machine::Value;
use lvs::table;

/// The time for which a unit waits for another one, in seconds.
const WAIT: u32 = 120;

/// Directory of units, below a root.
const UNITS: &str = "etc/systemd/system";

pub(super) fn install(
    flags: &InstallFlags,
    options: &Options,
    output: &mut dyn Write,
) -> Result<u8, Error> {
    check_place(&flags.root, options)?;
    let input = Input::load(&flags.file, flags.role, &Run::default())?;
    let Input::Cluster { cluster, role, .. } = &input else {
        return Err(not_a_cluster(&flags.file));
    };
    let paths = Paths::new(&flags.root, cluster.name())
        .map_err(Error::file("resolve the directories below", &flags.root))?;
    let (mut machine, journal) = look(options)?;
    let desired = input.desired(&mut machine, &journal)?;
    // At boot, nobody reads the error.
    let services = desired.iter().filter_map(|item| match &item.value {
        Some(Value::Table(table::Value::Service(service))) => Some(&**service),
        _ => None,
    });
    check_schedulers(&flags.file, services, &flags.root)?;

    let (name, role) = (cluster.name(), *role);
    let text = |text: String| Content::Text(marked(text.as_bytes()));
    let unit = texts::unit(name, role, &program()?, &commands(flags, options, &paths)?);
    let copy = copy(&flags.file, &paths.file)?;
    let sysctls = texts::sysctls(name, role, &desired, &mut machine)?;
    let mut items = vec![
        Item { path: paths.modules, desired: texts::modules(name, role, &desired).map(text) },
        Item { path: paths.sysctls, desired: sysctls.map(text) },
        Item { path: paths.unit, desired: Some(text(unit)) },
        Item { path: paths.link, desired: Some(Content::Link(paths.own_unit.clone())) },
    ];
    items.splice(..0, copy);

    let report = Report {
        cluster: name,
        title: input.to_string(),
        next: format!("systemctl daemon-reload && systemctl reload-or-restart {}", paths.unit_name),
        changes: files::between(items, &paths.own_unit)?,
        kept: None,
        hints: Hint::all(&desired, name, &paths.unit_name),
    };
    report.make(options)?;
    report.print(options, output)?;
    Ok(0)
}

pub(super) fn uninstall(
    flags: &UninstallFlags,
    options: &Options,
    output: &mut dyn Write,
) -> Result<u8, Error> {
    check_place(&flags.root, options)?;
    let name = installed_cluster(flags)?;
    let owners = Owners::Cluster(name.clone());
    let paths = Paths::new(&flags.root, &name)
        .map_err(Error::file("resolve the directories below", &flags.root))?;
    let journal = journal_place::journal(&options.state_dir)?;
    // Without the unit nothing reverts the cluster.
    if is_here(&flags.root) && journal.owners().iter().any(|owner| owners.covers(owner)) {
        return Err(Error::StillUp { unit: paths.unit_name });
    }
    let absent = |path| Item { path, desired: None };
    // The link first, so that an interrupted run leaves no unit that starts.
    let mut items: Vec<Item> =
        [paths.link, paths.unit, paths.sysctls, paths.modules].map(absent).into();
    let kept = match files::actual(&paths.file, None)? {
        Actual::NotOurs => Some(paths.file.clone()),
        _ => {
            items.push(absent(paths.file.clone()));
            None
        }
    };
    let report = Report {
        cluster: &name,
        title: format!("cluster {name}"),
        next: "systemctl daemon-reload".to_owned(),
        changes: files::between(items, &paths.own_unit)?,
        kept,
        hints: Vec::new(),
    };
    report.make(options)?;
    // This fails as long as the file of another cluster is there.
    if let Some(directory) = paths.file.parent().filter(|_| !options.dry_run) {
        let _ = fs::remove_dir(directory);
    }
    report.print(options, output)?;
    Ok(0)
}

/// Whether the files are for the running machine.
fn is_here(root: &Path) -> bool {
    root == Path::new("/")
}

fn check_place(root: &Path, options: &Options) -> Result<(), Error> {
    if options.netns.is_some() {
        usage!("units are installed for the machine, not for a network namespace: omit --netns");
    }
    // The test of sd_booted(3).
    if is_here(root) && !Path::new("/run/systemd/system").is_dir() {
        return Err(Error::NoSystemd);
    }
    Ok(())
}

/// The copy of the cluster file; none if it is the installed file itself, which a user edited.
fn copy(file: &Path, path: &Path) -> Result<Option<Item>, Error> {
    match (file.canonicalize(), path.canonicalize()) {
        (Ok(one), Ok(other)) if one == other => return Ok(None),
        _ => {}
    }
    let text = files::read(file).map_err(Error::file("read", file))?;
    Ok(Some(Item { path: path.to_owned(), desired: Some(Content::Text(marked(&text))) }))
}

fn not_a_cluster(file: &Path) -> Error {
    Error::Usage(format!(
        "{} is ipvsadm -S output, not a cluster file: ipvsadm.service restores it at boot from \
         /etc/ipvsadm.rules",
        file.display()
    ))
}

fn program() -> Result<String, Error> {
    plain(&std::env::current_exe().map_err(Error::file("find", Path::new("lvsctl")))?)
}

fn commands(flags: &InstallFlags, options: &Options, paths: &Paths) -> Result<Commands, Error> {
    // systemd starts and stops the units of several clusters in parallel.
    let mut common = format!(" --wait {WAIT}");
    if options.state_dir != Path::new(STATE_DIRECTORY) {
        let directory =
            path::absolute(&options.state_dir).map_err(Error::file("find", &options.state_dir))?;
        common = format!("{common} --state-dir {}", plain(&directory)?);
    }
    let role = match flags.role {
        Some(role) => format!(" --role {}", role.name()),
        None => String::new(),
    };
    let keep_weights = if flags.keep_weights { " --keep-weights" } else { "" };
    let exclusive = if flags.exclusive { " --exclusive" } else { "" };
    let file = &paths.own_file;
    Ok(Commands {
        apply: format!("apply{common}{role}{keep_weights}{exclusive} {file}"),
        // Not by the file, which may be gone or no longer valid then.
        down: format!("down{common} {}", paths.cluster),
    })
}

/// A path that needs no quoting in a unit (`systemd.syntax(7)`).
fn plain(path: &Path) -> Result<String, Error> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_.+-@:,".contains(&byte);
    match path.to_str() {
        Some(text) if text.bytes().all(is_plain) => Ok(text.to_owned()),
        _ => usage!(
            "{} cannot be written in a unit: move it to a path of letters, digits and _ . + - @ : ,",
            path.display()
        ),
    }
}

/// The cluster that `uninstall` removes.
fn installed_cluster(flags: &UninstallFlags) -> Result<String, Error> {
    let installed = installed(&flags.root).map_err(Error::file("read", &flags.root))?;
    match (&flags.cluster, installed.as_slice()) {
        (Some(cluster), _) if installed.contains(cluster) => Ok(cluster.clone()),
        // The other files may be gone already.
        (Some(file), _) if file.contains('/') || file.ends_with(".toml") => {
            match Owners::load(Path::new(file), &Run::default())? {
                Owners::Cluster(name) => Ok(name),
                Owners::Rules => Err(not_a_cluster(Path::new(file))),
            }
        }
        (Some(cluster), _) => Err(Error::NotInstalled { name: cluster.clone(), installed }),
        (None, [name]) => Ok(name.clone()),
        (None, []) => Err(Error::NothingInstalled),
        (None, names) => {
            usage!("several clusters are installed: name one of {}", names.join(", "))
        }
    }
}

/// The paths of the files of one cluster, below a root.
struct Paths {
    cluster: String,
    unit_name: String,
    /// The cluster file, as the installed machine names it.
    own_file: String,
    /// The unit, as the installed machine names it.
    own_unit: PathBuf,
    file: PathBuf,
    unit: PathBuf,
    /// The link that `systemctl enable` makes.
    link: PathBuf,
    modules: PathBuf,
    /// In the order of `sysctl.d`, letters come after digits: `99-sysctl.conf` does not override it.
    sysctls: PathBuf,
}

impl Paths {
    fn new(root: &Path, name: &str) -> io::Result<Self> {
        let (units, unit_name) = (below(root, UNITS)?, format!("lvsctl-{name}.service"));
        let wants = below(root, &format!("{UNITS}/multi-user.target.wants"))?;
        Ok(Self {
            cluster: name.to_owned(),
            own_file: format!("/etc/lvsctl/{name}.toml"),
            own_unit: Path::new("/").join(UNITS).join(&unit_name),
            file: below(root, "etc/lvsctl")?.join(format!("{name}.toml")),
            unit: units.join(&unit_name),
            link: wants.join(&unit_name),
            modules: below(root, "etc/modules-load.d")?.join(format!("lvsctl-{name}.conf")),
            sysctls: below(root, "etc/sysctl.d")?.join(format!("zz-lvsctl-{name}.conf")),
            unit_name,
        })
    }
}

/// The names of the clusters that are installed below a root, sorted.
fn installed(root: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    let entries = match fs::read_dir(below(root, UNITS)?) {
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

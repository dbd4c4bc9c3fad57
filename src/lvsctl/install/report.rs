//! What `install` and `uninstall` did, for people and for programs.

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::files::{self, Change, Content};
use crate::host::machine::{Key, Value};
use crate::host::{self, InterfaceName, Manager};
use crate::lvsctl::Error;
use crate::lvsctl::arguments::Options;
use crate::lvsctl::report::counted;
use crate::policy::DesiredItem;
use lvs::table::quoted;

/// The changes to make, and what is printed about them.
pub(super) struct Report<'a> {
    pub(super) cluster: &'a str,
    pub(super) title: String,
    /// The command that makes systemd notice them.
    pub(super) next: String,
    pub(super) changes: Vec<Change>,
    /// A file that was edited, and is kept.
    pub(super) kept: Option<PathBuf>,
    pub(super) hints: Vec<Hint>,
}

impl Report<'_> {
    pub(super) fn make(&self, options: &Options) -> Result<(), Error> {
        if options.dry_run { Ok(()) } else { files::make(&self.changes) }
    }

    pub(super) fn print(&self, options: &Options, output: &mut dyn Write) -> io::Result<()> {
        if options.json {
            self.write_json(output)
        } else if options.dry_run {
            self.write_dry(output)
        } else {
            self.write(output)
        }
    }

    fn write(&self, output: &mut dyn Write) -> io::Result<()> {
        for change in &self.changes {
            let path = change.path.display();
            match &change.after {
                Some(Content::Text(_)) => writeln!(output, "wrote {path}")?,
                Some(Content::Link(_)) => writeln!(output, "linked {path}")?,
                None => writeln!(output, "removed {path}")?,
            }
        }
        for hint in &self.hints {
            writeln!(output, "note: {hint}")?;
        }
        if let Some(path) = &self.kept {
            writeln!(output, "note: {} was edited and is kept", path.display())?;
        }
        match self.changes.len() {
            0 => writeln!(output, "{}: no changes needed", self.title),
            count => {
                let files = counted(count, "file");
                writeln!(output, "{}: {files}; next, run:\n  {}", self.title, self.next)
            }
        }
    }

    /// A shell script.
    fn write_dry(&self, output: &mut dyn Write) -> io::Result<()> {
        const END: &str = "end of the file";
        for hint in &self.hints {
            writeln!(output, "# {}", hint.to_string().replace('\n', "\n# "))?;
        }
        if self.changes.is_empty() {
            return writeln!(output, "# no changes needed");
        }
        for Change { path, after, .. } in &self.changes {
            if let (Some(_), Some(directory)) = (after, path.parent()) {
                let directory = directory.display().to_string();
                writeln!(output, "mkdir -p {}", quoted(&directory))?;
            }
            let path = path.display().to_string();
            let path = quoted(&path);
            match after {
                Some(Content::Text(text)) => {
                    writeln!(output, "cat >{path} <<'{END}'")?;
                    output.write_all(text)?;
                    writeln!(output, "{END}")?;
                }
                Some(Content::Link(target)) => {
                    let target = target.display().to_string();
                    writeln!(output, "ln -s {} {path}", quoted(&target))?;
                }
                None => writeln!(output, "rm {path}")?,
            }
        }
        writeln!(output, "{}", self.next)
    }

    /// `{"schema":1,"cluster":"…","files":[{"path":"…","action":"write"}],"kept":null,"hints":[…],
    /// "next":"…"}`; an action is `write`, `link` or `remove`, a hint has `interface`, `manager`, `file`
    /// and `text`.
    fn write_json(&self, output: &mut dyn Write) -> io::Result<()> {
        let files = self.changes.iter().map(|change| {
            let action = match &change.after {
                Some(Content::Text(_)) => "write",
                Some(Content::Link(_)) => "link",
                None => "remove",
            };
            json!({"path": change.path, "action": action})
        });
        let object = json!({
            "schema": 1,
            "cluster": self.cluster,
            "files": files.collect::<Vec<_>>(),
            "kept": self.kept,
            "hints": self.hints.iter().map(Hint::json).collect::<Vec<_>>(),
            "next": self.next,
        });
        writeln!(output, "{object}")
    }
}

/// A file that the user should write, since another program manages the interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hint {
    interface: InterfaceName,
    manager: &'static str,
    why: String,
    file: String,
    text: String,
}

impl Hint {
    /// One per interface that gets addresses or routes, and that another program manages.
    pub(super) fn all(desired: &[DesiredItem], name: &str, unit: &str) -> Vec<Self> {
        let mut interfaces: Vec<InterfaceName> = Vec::new();
        for interface in desired.iter().filter_map(interface) {
            if !interfaces.contains(&interface) {
                interfaces.push(interface);
            }
        }
        let hint = |interface| Some(Self::new(Manager::of(&interface)?, interface, name, unit));
        interfaces.into_iter().filter_map(hint).collect()
    }

    fn new(manager: Manager, interface: InterfaceName, name: &str, unit: &str) -> Self {
        match manager {
            Manager::Networkd { file } => {
                let base = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                Self {
                    interface,
                    manager: "systemd-networkd",
                    why: format!(
                        "by {}, and may remove what it has not set itself when it restarts",
                        file.display()
                    ),
                    file: format!("/etc/systemd/network/{base}.d/lvsctl-{name}.conf"),
                    text: "[Network]\nKeepConfiguration=static\n".to_owned(),
                }
            }
            Manager::NetworkManager => Self {
                manager: "NetworkManager",
                why: "and may remove what it has not set itself when it activates a connection"
                    .to_owned(),
                file: format!("/etc/NetworkManager/dispatcher.d/50-lvsctl-{name}-{interface}"),
                text: format!(
                    "#!/bin/sh\n\
                     # Owned by root, mode 755.\n\
                     [ \"$1 $2\" != '{interface} up' ] || systemctl try-reload-or-restart {unit}\n"
                ),
                interface,
            },
        }
    }

    pub(super) fn json(&self) -> Json {
        json!({
            "interface": self.interface.as_str(),
            "manager": self.manager,
            "file": self.file,
            "text": self.text,
        })
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { interface, manager, why, file, text } = self;
        write!(f, "{manager} manages {interface} {why}; to keep what lvsctl sets, write {file}:")?;
        text.lines().try_for_each(|line| write!(f, "\n    {line}"))
    }
}

/// The interface that gets an address or route, which another program can remove.
fn interface(item: &DesiredItem) -> Option<InterfaceName> {
    match (&item.key, &item.value) {
        (Key::Host(host::Key::DefaultRoute(_)), Some(Value::Host(words))) => {
            words.split(' ').skip_while(|word| *word != "dev").nth(1)?.parse().ok()
        }
        (Key::Host(key), Some(_)) => key.device().cloned(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hint_is_a_configuration_of_its_manager() {
        let hint = |manager| {
            let interface = "eth0".parse().unwrap();
            Hint::new(manager, interface, "web", "lvsctl-web.service").to_string()
        };
        let file = "/run/systemd/network/10-netplan-eth0.network".into();
        assert_eq!(
            hint(Manager::Networkd { file }),
            "systemd-networkd manages eth0 by /run/systemd/network/10-netplan-eth0.network, and may \
             remove what it has not set itself when it restarts; to keep what lvsctl sets, write \
             /etc/systemd/network/10-netplan-eth0.network.d/lvsctl-web.conf:\n    [Network]\n    \
             KeepConfiguration=static"
        );
        assert_eq!(
            hint(Manager::NetworkManager),
            "NetworkManager manages eth0 and may remove what it has not set itself when it activates a \
             connection; to keep what lvsctl sets, write \
             /etc/NetworkManager/dispatcher.d/50-lvsctl-web-eth0:\n    #!/bin/sh\n    # Owned by root, \
             mode 755.\n    [ \"$1 $2\" != 'eth0 up' ] || systemctl try-reload-or-restart \
             lvsctl-web.service"
        );
    }
}

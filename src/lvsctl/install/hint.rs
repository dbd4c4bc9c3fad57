//! What to tell a program that manages an interface, so that it lets be what is set there.

use crate::host::machine::{Key, Value};
use std::fmt;

use serde_json::{Value as Json, json};

use super::paths::Paths;
use crate::host::{self, InterfaceName, Manager};
use crate::policy::DesiredItem;

/// A file for a person to write: whoever manages an interface answers for its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hint {
    interface: InterfaceName,
    manager: &'static str,
    why: String,
    file: String,
    text: String,
}

impl Hint {
    /// One for each interface that the plan gives addresses or routes to, and that a program manages.
    pub(super) fn all(desired: &[DesiredItem], paths: &Paths) -> Vec<Self> {
        let mut interfaces: Vec<InterfaceName> = Vec::new();
        for interface in desired.iter().filter_map(interface) {
            if !interfaces.contains(&interface) {
                interfaces.push(interface);
            }
        }
        let hint = |interface| Some(Self::new(Manager::of(&interface)?, interface, paths));
        interfaces.into_iter().filter_map(hint).collect()
    }

    fn new(manager: Manager, interface: InterfaceName, paths: &Paths) -> Self {
        let (name, unit) = (paths.name(), paths.unit_name());
        match manager {
            Manager::Networkd { file } => {
                let base = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                Self {
                    interface,
                    manager: "systemd-networkd",
                    why: format!(
                        "by {}, and when it starts again may take away what it has not set itself",
                        file.display()
                    ),
                    file: format!("/etc/systemd/network/{base}.d/lvsctl-{name}.conf"),
                    text: "[Network]\nKeepConfiguration=static\n".to_owned(),
                }
            }
            Manager::NetworkManager => Self {
                manager: "NetworkManager",
                why: "and may take away what it has not set itself when it activates a connection"
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

/// The interface on which something is set that a manager could take away.
fn interface(want: &DesiredItem) -> Option<InterfaceName> {
    match (&want.key, &want.value) {
        (Key::Host(host::Key::DefaultRoute(_)), Some(Value::Host(words))) => {
            words.split(' ').skip_while(|word| *word != "dev").nth(1)?.parse().ok()
        }
        (Key::Host(key), Some(_)) => key.device().cloned(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn each_manager_is_told_in_its_own_words() {
        let paths = Paths::new(Path::new("/"), "web");
        let told = |manager| Hint::new(manager, "eth0".parse().unwrap(), &paths).to_string();
        let file = "/run/systemd/network/10-netplan-eth0.network".into();
        assert_eq!(
            told(Manager::Networkd { file }),
            "systemd-networkd manages eth0 by /run/systemd/network/10-netplan-eth0.network, and when it \
             starts again may take away what it has not set itself; to keep what lvsctl sets, write \
             /etc/systemd/network/10-netplan-eth0.network.d/lvsctl-web.conf:\n    [Network]\n    \
             KeepConfiguration=static"
        );
        assert_eq!(
            told(Manager::NetworkManager),
            "NetworkManager manages eth0 and may take away what it has not set itself when it activates a \
             connection; to keep what lvsctl sets, write \
             /etc/NetworkManager/dispatcher.d/50-lvsctl-web-eth0:\n    #!/bin/sh\n    # Owned by root, \
             mode 755.\n    [ \"$1 $2\" != 'eth0 up' ] || systemctl try-reload-or-restart \
             lvsctl-web.service"
        );
    }
}

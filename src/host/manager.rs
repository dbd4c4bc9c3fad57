//! Which program looks after a network interface, so that others do it behind its back.

use std::fs;
use std::path::{Path, PathBuf};

use super::InterfaceName;

/// A program that sets the addresses and routes of an interface, and may take away those of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manager {
    /// `systemd-networkd`, by that file.
    Networkd {
        /// The `.network` file that it chose for the interface.
        file: PathBuf,
    },
    /// NetworkManager.
    NetworkManager,
}

impl Manager {
    /// Who manages an interface now, as the program itself writes down. `None` where neither does, or
    /// there is no such interface.
    #[must_use]
    pub fn of(interface: &InterfaceName) -> Option<Self> {
        Self::found(Path::new("/"), interface)
    }

    fn found(root: &Path, interface: &InterfaceName) -> Option<Self> {
        let read = |path: String| fs::read_to_string(root.join(path)).ok();
        let index = read(format!("sys/class/net/{interface}/ifindex"))?;
        let index: u32 = index.trim().parse().ok()?;
        // The state files are those that libsystemd (`sd-network`) and NetworkManager itself read.
        if let Some(state) = read(format!("run/systemd/netif/links/{index}"))
            && let Some(file) = state.lines().find_map(|line| line.strip_prefix("NETWORK_FILE="))
            && !file.is_empty()
        {
            return Some(Self::Networkd { file: PathBuf::from(file) });
        }
        let state = read(format!("run/NetworkManager/devices/{index}"))?;
        state.lines().any(|line| line == "managed=true").then_some(Self::NetworkManager)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manager_is_who_says_so() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let found = |name: &str| Manager::found(root.path(), &name.parse().unwrap());
        for (index, name) in ["lo", "eth0", "eth1", "eth2"].iter().enumerate() {
            write(&format!("sys/class/net/{name}/ifindex"), &format!("{index}\n"));
        }
        write("run/systemd/netif/links/0", "ADMIN_STATE=unmanaged\nNETWORK_FILE=\n");
        write(
            "run/systemd/netif/links/1",
            "ADMIN_STATE=configured\nNETWORK_FILE=/etc/systemd/network/eth0.network\n",
        );
        write("run/NetworkManager/devices/2", "[device]\nmanaged=true\nnm-owned=false\n");
        write("run/NetworkManager/devices/3", "[device]\nmanaged=false\n");
        let file = PathBuf::from("/etc/systemd/network/eth0.network");
        assert_eq!(found("eth0"), Some(Manager::Networkd { file }));
        assert_eq!(found("eth1"), Some(Manager::NetworkManager));
        for name in ["lo", "eth2", "eth9"] {
            assert_eq!(found(name), None, "{name}");
        }
    }
}

//! Names of network interfaces, and the programs that manage them.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use lvs::table::quoted;

/// The longest alternative name in bytes, without the NUL (`ALTIFNAMSIZ` is 128, `linux/if.h`).
const LONGEST: usize = 127;

/// The longest name of an interface itself (`IFNAMSIZ`).
const LONGEST_OWN: usize = libc::IFNAMSIZ - 1;

/// A valid name or alternative name of a network interface: 1 to 127 bytes, not `.` or `..`, without slash, colon or white
/// space. It is safe as one component of a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InterfaceName(String);

/// A name that the kernel does not accept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a valid interface name: 1 to {LONGEST} bytes, no slash, colon or white space, and \
     neither all nor default"
)]
pub struct InvalidInterfaceName(String);

impl InterfaceName {
    /// The fallback interface of the module `ipip`.
    pub(crate) fn tunl0() -> Self {
        Self("tunl0".to_owned())
    }

    /// The fallback interface of the module `ip6_tunnel`.
    pub(crate) fn ip6tnl0() -> Self {
        Self("ip6tnl0".to_owned())
    }

    pub(crate) fn loopback() -> Self {
        Self("lo".to_owned())
    }

    /// A name as the kernel reports it. Bytes that are not UTF-8 become question marks, so that the
    /// interface does not disappear; it cannot be changed by this name.
    pub(super) fn from_kernel(bytes: &[u8]) -> Self {
        let mut name = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            name.push_str(chunk.valid());
            name.extend(chunk.invalid().iter().map(|_| '?'));
        }
        Self(name)
    }

    /// Whether it can only be an alternative name.
    pub(crate) fn is_only_alternative(&self) -> bool {
        self.0.len() > LONGEST_OWN
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The rule is that of the kernel's `dev_valid_name` (`net/core/dev.c`), whose white space is that
/// of Latin-1: the no-break space, 0xa0, too. Nor does it accept names that are other things in
/// `/proc/sys/net/ipv4/conf` (`sysctl_dev_name_is_allowed`).
fn is_valid(name: &str) -> bool {
    let forbidden = |byte| matches!(byte, b'/' | b':' | b' ' | b'\t'..=b'\r' | 0xa0 | 0);
    (1..=LONGEST).contains(&name.len())
        && !matches!(name, "." | ".." | "all" | "default")
        && !name.bytes().any(forbidden)
}

impl TryFrom<String> for InterfaceName {
    type Error = InvalidInterfaceName;

    fn try_from(name: String) -> Result<Self, InvalidInterfaceName> {
        if is_valid(&name) { Ok(Self(name)) } else { Err(InvalidInterfaceName(name)) }
    }
}

impl FromStr for InterfaceName {
    type Err = InvalidInterfaceName;

    fn from_str(name: &str) -> Result<Self, InvalidInterfaceName> {
        name.to_owned().try_into()
    }
}

impl From<InterfaceName> for String {
    fn from(name: InterfaceName) -> Self {
        name.0
    }
}

/// The alternate form, `{:#}`, is quoted for a shell.
impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match f.alternate() {
            true => f.write_str(&quoted(&self.0)),
            false => f.write_str(&self.0),
        }
    }
}

/// A program that sets the addresses and routes of an interface, and may remove unmanaged ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Manager {
    /// `systemd-networkd`, with the `.network` file of the interface.
    Networkd {
        file: PathBuf,
    },
    NetworkManager,
}

impl Manager {
    /// The program that manages an interface, by its state files. `None` if neither does, or there is
    /// no such interface.
    pub(crate) fn of(interface: &InterfaceName) -> Option<Self> {
        Self::found(Path::new("/"), interface)
    }

    fn found(root: &Path, interface: &InterfaceName) -> Option<Self> {
        let read = |path: String| fs::read_to_string(root.join(path)).ok();
        let index = read(format!("sys/class/net/{interface}/ifindex"))?;
        let index: u32 = index.trim().parse().ok()?;
        // The state files are those that libsystemd (`sd-network`) and NetworkManager itself read.
        if let Some(state) = read(format!("run/systemd/netif/links/{index}")) {
            let file = state.lines().find_map(|line| line.strip_prefix("NETWORK_FILE="));
            if let Some(file) = file.filter(|file| !file.is_empty()) {
                return Some(Self::Networkd { file: PathBuf::from(file) });
            }
        }
        let state = read(format!("run/NetworkManager/devices/{index}"))?;
        state.lines().any(|line| line == "managed=true").then_some(Self::NetworkManager)
    }
}

/// The name of the interface with an index; as ip(8) names it if it is gone.
#[allow(unsafe_code)]
pub(crate) fn interface_name(index: u32) -> InterfaceName {
    let mut name = [0_u8; libc::IF_NAMESIZE];
    // SAFETY: the kernel writes a name of at most IF_NAMESIZE bytes with its NUL.
    let found = unsafe { libc::if_indextoname(index, name.as_mut_ptr().cast()) };
    let end = name.iter().position(|byte| *byte == 0).filter(|_| !found.is_null());
    match end.and_then(|end| name.get(..end)) {
        Some(name) => InterfaceName::from_kernel(name),
        None => InterfaceName::from_kernel(format!("if{index}").as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_interface_name_is_accepted() {
        for name in ["lo", "tunl0", "eth0.100", "a..b", "...", "fifteen-bytes-x", "ö"] {
            assert!(name.parse::<InterfaceName>().is_ok(), "{name}");
        }
        let alternative = "sixteen-bytes-xx".parse::<InterfaceName>().unwrap();
        assert!(alternative.is_only_alternative());
    }

    #[test]
    fn invalid_interface_name_is_refused() {
        let bad = ["", ".", "..", "a/b", "../x", "eth0:1", "a b", "a\tb", "a\nb", "a\0b"];
        for name in bad.into_iter().chain([&*"x".repeat(128), "\u{e0}", "all", "default"]) {
            assert!(name.parse::<InterfaceName>().is_err(), "{name:?}");
        }
    }
}

#[cfg(test)]
mod manager_tests {
    use super::*;

    #[test]
    fn manager_is_read_from_state_files() {
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

//! The ssh session in which lvsctl runs, and the changes that would cut it.

use std::fs;
use std::net::IpAddr;

use super::process::{ancestors, every_process, name};
use crate::engine::Change;
use crate::host::machine::{Key, Value};
use crate::host::{self, State, hexadecimal_bytes as hexadecimal};
use lvs::ipvs::AddressFamily;
use lvs::netlink::Namespace;

/// What sshd sets for the shell of a session: addresses and ports of the client and of the server.
const VARIABLE: &str = "SSH_CONNECTION";

/// The processes of ssh servers that hold the connection of a session: of OpenSSH before 9.8, since
/// then, and of Dropbear.
const SERVERS: [&str; 3] = ["sshd", "sshd-session", "dropbear"];

/// Terminal multiplexers: a session that started one may have ended long ago.
const MULTIPLEXERS: [&str; 3] = ["tmux: server", "screen", "zellij"];

/// An ssh session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RemoteSession {
    pub(super) peer: IpAddr,
    local: IpAddr,
}

impl RemoteSession {
    /// The sessions in which this process may run: that of the variable, which a process or one of its
    /// ancestors has, since `sudo` strips it; or where it is lost, those of an ancestor `sshd`. The
    /// session from which a terminal multiplexer is used now may be any.
    pub(super) fn current(namespace: Option<&Namespace>) -> Vec<Self> {
        // They are in another namespace than the change.
        if namespace.is_some() {
            return Vec::new();
        }
        let ancestors = ancestors();
        let is_multiplexer =
            |it: &u32| MULTIPLEXERS.iter().any(|known| name(*it).starts_with(known));
        if ancestors.iter().any(is_multiplexer) {
            let every: Vec<Self> = every_process().flat_map(Self::of_server).collect();
            if !every.is_empty() {
                return every;
            }
        }
        match ancestors.iter().find_map(|it| Self::of_environment(*it)) {
            Some(session) => vec![session],
            None => ancestors.into_iter().flat_map(Self::of_server).collect(),
        }
    }

    /// The session from which this process was started, whatever it changes.
    pub(super) fn of_process() -> Option<Self> {
        ancestors().into_iter().find_map(Self::of_environment)
    }

    fn of_environment(process: u32) -> Option<Self> {
        let environment = fs::read(format!("/proc/{process}/environ")).ok()?;
        let mut variables = environment.split(|byte| *byte == 0);
        let value = variables.find_map(|it| std::str::from_utf8(it).ok()?.strip_prefix(VARIABLE));
        Self::parse(value?.strip_prefix('=')?)
    }

    /// The connections of a process, if it is an ssh server.
    fn of_server(process: u32) -> Vec<Self> {
        let name = name(process);
        if !SERVERS.iter().any(|known| name == *known) {
            return Vec::new();
        }
        let open = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
        let sockets: Vec<String> = open
            .filter_map(|entry| {
                let link = fs::read_link(entry.path()).ok()?;
                let inode = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
                Some(inode.to_owned())
            })
            .collect();
        let tables = ["tcp", "tcp6"].map(|table| format!("/proc/{process}/net/{table}"));
        let tables = tables.iter().filter_map(|path| fs::read_to_string(path).ok());
        let lines: Vec<String> =
            tables.flat_map(|table| table.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
        let own = lines.iter().filter_map(|line| Self::of_connection(line, &sockets));
        own.collect()
    }

    /// An established connection of one of these sockets, by its line in `/proc/net/tcp` or `tcp6`.
    fn of_connection(line: &str, sockets: &[String]) -> Option<Self> {
        const ESTABLISHED: &str = "01";
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let [_, local, peer, ESTABLISHED, _, _, _, _, _, inode, ..] = words[..] else {
            return None;
        };
        sockets.iter().any(|socket| socket == inode).then_some(())?;
        Some(Self { peer: endpoint(peer)?, local: endpoint(local)? })
    }

    fn parse(value: &str) -> Option<Self> {
        let mut words = value.split(' ');
        // A link-local address has its interface behind it.
        let mut address = |skipped| words.nth(skipped)?.split('%').next()?.parse::<IpAddr>().ok();
        Some(Self { peer: address(0)?.to_canonical(), local: address(1)?.to_canonical() })
    }

    /// The first of these changes that affects the route to the peer, on a machine that has the
    /// session's own address: in another network namespace it is none of ours.
    pub(super) fn affected_by<'a>(
        &self,
        steps: &'a [Change<Key, Value>],
        state: &State,
    ) -> Option<&'a Change<Key, Value>> {
        let is_here = state.addresses.iter().any(|it| it.address == self.local);
        let route = state.route_to(self.peer).filter(|_| is_here)?;
        let leads_over = |device| route.device().is_some_and(|it| it == device);
        steps.iter().find(|step| {
            let Key::Host(key) = &step.key else { return false };
            match key {
                host::Key::DefaultRoute(family) => {
                    route.to().length == 0 && *family == AddressFamily::from(self.peer)
                }
                host::Key::Route { destination, prefix, .. } => {
                    host::Prefix { address: *destination, length: *prefix }.contains(self.peer)
                }
                host::Key::FullRoute(changed) => {
                    let prefix =
                        host::Prefix { address: changed.destination, length: changed.prefix };
                    prefix.contains(self.peer) && changed.prefix >= route.to().length
                }
                host::Key::Address { address, .. } | host::Key::FullAddress { address, .. } => {
                    *address == self.peer || (*address == self.local && step.to.is_none())
                }
                host::Key::LinkUp(device) | host::Key::Port(device) => leads_over(device),
                host::Key::Link(device) => leads_over(device) && step.to.is_none(),
                _ => false,
            }
        })
    }
}

/// The address of `0100007F:0016`: 32-bit numbers of the machine's byte order, then the port.
fn endpoint(text: &str) -> Option<IpAddr> {
    let (address, _) = text.split_once(':')?;
    let bytes = hexadecimal(address)?;
    let mut octets: Vec<u8> = Vec::new();
    for number in bytes.chunks_exact(4) {
        octets.extend(u32::from_be_bytes(*number.first_chunk()?).to_ne_bytes());
    }
    let address = match (octets.first_chunk::<4>(), octets.first_chunk::<16>()) {
        (_, Some(octets)) => IpAddr::from(*octets),
        (Some(octets), None) if octets.len() == bytes.len() => IpAddr::from(*octets),
        _ => return None,
    };
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_is_parsed() {
        let session = RemoteSession::parse("198.51.100.7 51234 192.0.2.1 22").unwrap();
        assert_eq!(session.peer, IpAddr::from([198, 51, 100, 7]));
        assert_eq!(session.local, IpAddr::from([192, 0, 2, 1]));
        let session = RemoteSession::parse("fe80::1%eth0 5 ::ffff:192.0.2.1 22").unwrap();
        assert_eq!(session.local, IpAddr::from([192, 0, 2, 1]));
        for bad in ["", "x", "192.0.2.1", "192.0.2.1 5 x 22"] {
            assert_eq!(RemoteSession::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn established_connection_of_a_server_is_parsed() {
        let of = |local: &str, peer: &str, state: &str| {
            let line = format!("  12: {local} {peer} {state} 0:0 02:0 0 0 0 4711 2 0 20 4 0 10 -1");
            RemoteSession::of_connection(&line, &["4711".to_owned()])
        };
        let word = |address: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(address));
        let (local, peer) = (word([192, 0, 2, 1]), word([198, 51, 100, 7]));
        let session = of(&format!("{local}:0016"), &format!("{peer}:C350"), "01").unwrap();
        assert_eq!(session.peer, IpAddr::from([198, 51, 100, 7]));
        let prefix = format!("{}{}", "0".repeat(16), word([0, 0, 255, 255]));
        let mapped = |word: &str| format!("{prefix}{word}:0016");
        assert_eq!(of(&mapped(&local), &mapped(&peer), "01"), Some(session));
        assert_eq!(of(&format!("{local}:0016"), "00000000:0000", "0A"), None);
        let other = RemoteSession::of_connection("sl local_address", &[]);
        assert_eq!(other, None);
    }
}

//! The ssh session in which lvsctl runs, and the changes that would cut it.

use std::net::IpAddr;
use std::{env, fs, process};

use super::arguments::Options;
use crate::engine::Change;
use crate::host::machine::{Key, Value};
use crate::host::{self, State};
use lvs::ipvs::AddressFamily;

/// What sshd sets for the shell of a session: addresses and ports of the client and of the server.
const VARIABLE: &str = "SSH_CONNECTION";

/// More than a terminal multiplexer, shells, `sudo` and scripts need.
const MOST_ANCESTORS: usize = 64;

/// An ssh session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RemoteSession {
    pub(super) peer: IpAddr,
    local: IpAddr,
}

impl RemoteSession {
    /// The session of this process, or of one of its ancestors: `sudo` strips the variable.
    pub(super) fn current(options: &Options) -> Option<Self> {
        // It is in another namespace than the change.
        if options.netns.is_some() {
            return None;
        }
        if let Some(value) = env::var_os(VARIABLE) {
            return Self::parse(value.to_str()?);
        }
        let mut process = process::id();
        for _ in 0..MOST_ANCESTORS {
            process = parent(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)?;
            let Ok(environment) = fs::read(format!("/proc/{process}/environ")) else { continue };
            let mut variables = environment.split(|byte| *byte == 0);
            let value =
                variables.find_map(|it| std::str::from_utf8(it).ok()?.strip_prefix(VARIABLE));
            if let Some(value) = value.and_then(|it| it.strip_prefix('=')) {
                return Self::parse(value);
            }
        }
        None
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

/// The parent of a process, by its `/proc/PID/stat`: the name before it may contain anything.
fn parent(stat: &str) -> Option<u32> {
    let parent = stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()?;
    (parent != 0).then_some(parent)
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
    fn parent_is_read_behind_any_name() {
        assert_eq!(parent("7 (a) S 3 (b) R 42 7 7"), Some(42));
        assert_eq!(parent("1 (init) S 0 1 1"), None);
        assert_eq!(parent(""), None);
    }
}

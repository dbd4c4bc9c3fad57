//! Who may change IPVS: the right counts in the user namespace that owns the network namespace.

use std::fs;

/// `CAP_NET_ADMIN` of `linux/capability.h`.
const NET_ADMIN: u32 = 12;

/// What this thread may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Privileges {
    has_net_admin: bool,
    in_first_user_namespace: bool,
}

impl Privileges {
    pub(super) fn of_this_thread() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        Self::read(&read("/proc/thread-self/status"), &read("/proc/self/uid_map"))
    }

    fn read(status: &str, uid_map: &str) -> Self {
        let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        let effective = effective.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
        let map: Vec<_> = uid_map.split_whitespace().collect();
        Self {
            has_net_admin: effective.is_some_and(|bits| bits >> NET_ADMIN & 1 == 1),
            // The first one maps every id to itself (user_namespaces(7)); a kernel without user
            // namespaces has no file.
            in_first_user_namespace: matches!(map.as_slice(), [] | ["0", "0", "4294967295"]),
        }
    }
}

pub(super) fn explain(privileges: &Privileges) -> String {
    match privileges {
        Privileges { has_net_admin: false, in_first_user_namespace: true } => {
            "This process lacks CAP_NET_ADMIN: run it as root (sudo); a container needs \
             --cap-add NET_ADMIN."
        }
        Privileges { has_net_admin: false, in_first_user_namespace: false } => {
            "This process lacks CAP_NET_ADMIN, and is in a user namespace (/proc/self/uid_map) \
             besides: run it as root outside of it."
        }
        Privileges { has_net_admin: true, in_first_user_namespace: false } => {
            "This process has CAP_NET_ADMIN in a user namespace only (/proc/self/uid_map), which \
             does not own this network namespace, or the kernel is too old to heed it: run it as \
             root outside of it."
        }
        Privileges { has_net_admin: true, in_first_user_namespace: true } => {
            "This process has CAP_NET_ADMIN, so something else forbids it: a security module \
             (see `dmesg`), or a network namespace that another user namespace owns."
        }
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "         0          0 4294967295\n";
    const OTHER: &str = "         0       1000          1\n";

    #[test]
    fn files_of_proc() {
        let read = |capabilities: &str, map| {
            let privileges = Privileges::read(&format!("Name:\tx\nCapEff:\t{capabilities}\n"), map);
            (privileges.has_net_admin, privileges.in_first_user_namespace)
        };
        assert_eq!(read("000001ffffffffff", FIRST), (true, true));
        assert_eq!(read("0000000000001000", OTHER), (true, false));
        assert_eq!(read("000001ffffffefff", ""), (false, true));
        let nothing = Privileges { has_net_admin: false, in_first_user_namespace: true };
        assert_eq!(Privileges::read("", ""), nothing);
    }

    #[test]
    fn each_lack_has_words_of_its_own() {
        let explain = |has_net_admin, in_first_user_namespace| {
            super::explain(&Privileges { has_net_admin, in_first_user_namespace })
        };
        assert!(explain(false, true).contains("--cap-add NET_ADMIN"));
        assert!(explain(false, false).contains("lacks CAP_NET_ADMIN, and is in a user namespace"));
        assert!(explain(true, false).contains("in a user namespace only"));
        assert!(explain(true, true).contains("something else forbids it"));
    }
}

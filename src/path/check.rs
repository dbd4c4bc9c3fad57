//! The list of checks: what can be wrong.

use std::fmt;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Traffic is lost now.
    Failure,
    /// Traffic will be lost under some condition.
    Warning,
    /// No traffic is lost, but something could be better.
    Advice,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Failure => "failure",
            Self::Warning => "warning",
            Self::Advice => "advice",
        })
    }
}

macro_rules! checks {
    ($($id:ident $name:literal $severity:ident)*) => {
        /// A check of the doctor, by its ID in lvsctl-doctor(8).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, reason = "the name says it")]
        pub enum Check { $($id),* }

        impl Check {
            /// Every check, in the order of [`Check`].
            pub const ALL: &[Self] = &[$(Self::$id),*];

            /// Such as `P1`.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$id => stringify!($id)),* }
            }

            /// Such as `rp-filter-strict-on-tunnel`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$id => $name),* }
            }

            /// The severity of its findings, unless something softens them.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$id => Severity::$severity),* }
            }
        }
    };
}

// In the order in which repairs are safe: what keeps a real server from answering ARP comes before
// what gives it the address.
checks! {
    K1 "ipvs-not-loaded" Failure
    K2 "scheduler-unavailable" Failure
    K8 "table-in-another-namespace" Advice
    K12 "another-program-manages-table" Warning
    L1 "link-down" Failure
    I2 "bond-differs" Failure
    N1 "forwarding-off" Failure
    V5 "ipv6-forwarding-off" Failure
    N4 "redirects-bypass-director" Warning
    M6 "receive-port-closed" Failure
    K3 "no-decapsulating-interface" Failure
    V4 "ipv6-vip-on-tunl0" Failure
    A4 "arp-answered-by-real-server" Failure
    A5 "arp-announced-by-real-server" Failure
    A21 "arp-not-answered-by-director" Failure
    A22 "arp-asked-from-vip-by-director" Failure
    A8 "arp-suppressed-for-containers" Warning
    P1 "rp-filter-strict-on-tunnel" Failure
    P2 "rp-filter-loose-by-default-only" Failure
    P3 "rp-filter-strict-on-real-server" Failure
    P4 "rp-filter-strict-on-director" Failure
    A2 "vip-captures-subnet" Failure
    A3 "vip-on-nic-of-real-server" Failure
    A1 "vip-missing-on-real-server" Failure
    A16 "vip-missing-on-director" Failure
    A20 "vip-route-missing" Advice
    A10 "vip-is-source" Failure
    A11 "nobody-listens" Failure
    F1 "packet-filter-drops" Failure
    F2 "mark-not-set" Failure
    N8 "conntrack-full" Failure
    L2 "no-route-to-real-server" Failure
    L3 "real-server-behind-router" Failure
    L4 "neighbour-does-not-answer" Failure
    L5 "no-route-to-clients" Failure
    A9 "vip-has-several-owners" Failure
    V1 "vip-is-duplicate" Failure
    V2 "ipv6-vip-is-source" Warning
    N2 "replies-bypass-director" Failure
    M1 "large-packets-lost" Failure
    M7 "mss-not-announced" Warning
    M8 "vip-is-tunnel-source" Failure
    N3 "client-in-subnet-of-real-server" Failure
    H21 "service-missing" Failure
    H22 "service-differs" Warning
    H26 "not-in-cluster-file" Warning
    H23 "weights-differ" Advice
    N11 "port-ignored" Warning
    N15 "destination-is-this-machine" Failure
    H12 "no-weight" Failure
    H13 "all-real-servers-full" Failure
    H15 "hash-without-fallback" Warning
    H9 "directors-forward-in-a-loop" Failure
    H18 "connections-half-open" Failure
    H27 "connection-limit-reached" Failure
    H4 "sync-daemon-differs" Warning
    H5 "sync-interface-down" Warning
    H25 "sync-too-late" Warning
    V6 "sync-without-ipv6" Warning
    H24 "timeouts-differ" Warning
    H3 "drained-server-keeps-clients" Warning
    N13 "removed-server-keeps-connections" Advice
    H17 "defence-always-on" Warning
    M2 "tunnel-packets-fragmented" Warning
    H28 "takeover-loses-connections" Advice
    H1 "tcp-timeout-short" Advice
    H2 "udp-timeout-long" Advice
    H16 "names-in-boot-rules" Advice
    A6 "boot-reverts-sysctls" Advice
    H20 "boot-does-not-restore" Advice
    H10 "connection-table-small" Warning
    I1 "two-interfaces-in-one-subnet" Warning
    I3 "private-address-routed-to-internet" Advice
}

/// Such as `rp-filter-strict-on-tunnel (P1)`.
impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.id())
    }
}

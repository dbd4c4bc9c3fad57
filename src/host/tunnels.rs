//! The one table of the fallback interfaces of tunnel modules.

use super::state::TunnelKind;

/// The interface that a tunnel module makes in every namespace. It decapsulates packets from any
/// peer.
pub(crate) struct FallbackTunnel {
    pub(crate) name: &'static str,
    pub(crate) kind: TunnelKind,
    pub(crate) module: &'static str,
}

pub(crate) const FALLBACK_TUNNELS: [FallbackTunnel; 5] = [
    FallbackTunnel { name: "tunl0", kind: TunnelKind::Ipip, module: "ipip" },
    FallbackTunnel { name: "ip6tnl0", kind: TunnelKind::Ip6Tnl, module: "ip6_tunnel" },
    FallbackTunnel { name: "sit0", kind: TunnelKind::Sit, module: "sit" },
    FallbackTunnel { name: "gre0", kind: TunnelKind::Gre, module: "ip_gre" },
    FallbackTunnel { name: "ip6gre0", kind: TunnelKind::Ip6Gre, module: "ip6_gre" },
];

/// Whether the kernel or lvsctl names a tunnel interface like this.
pub(crate) fn is_tunnel(name: &str) -> bool {
    name.starts_with("lvs-") || is_fallback_tunnel(name)
}

pub(crate) fn is_fallback_tunnel(name: &str) -> bool {
    FALLBACK_TUNNELS.iter().any(|tunnel| tunnel.name == name)
}

/// The module of a kind of tunnel, which makes the fallback interface when it is loaded.
pub(crate) fn tunnel_module(kind: &str) -> Option<&'static str> {
    FALLBACK_TUNNELS.iter().find(|tunnel| tunnel.kind.name() == kind).map(|it| it.module)
}

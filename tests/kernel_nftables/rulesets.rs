//! Rulesets as people have them, with what happens to a client of port 80.

#[derive(Clone, Copy, Debug)]
pub(crate) enum At {
    Director,
    Real,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    Works,
    Dead,
    Unknown,
    /// Another finding.
    Other,
}

pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) at: At,
    pub(crate) rules: &'static str,
    /// To packets.
    pub(crate) happens: Says,
    /// By the doctor.
    pub(crate) says: Says,
}

const fn case(name: &'static str, at: At, happens: Says, rules: &'static str) -> Case {
    Case { name, at, rules, happens, says: happens }
}

const fn unknown(name: &'static str, at: At, happens: Says, rules: &'static str) -> Case {
    Case { name, at, rules, happens, says: Says::Unknown }
}

use At::{Director, Real};
use Says::{Dead, Works};

pub(crate) const REAL_SERVER: &[Case] = &[
    case(
        "the workstation example of the distribution",
        Real,
        Dead,
        "table inet filter {
            chain input {
                type filter hook input priority 0; policy drop;
                iif lo accept
                ct state established,related accept
                ct state invalid drop
                icmp type echo-request accept
                tcp dport 22 accept
                counter reject with icmpx type port-unreachable
            }
            chain forward { type filter hook forward priority 0; policy drop; }
            chain output { type filter hook output priority 0; policy accept; }
        }",
    ),
    case(
        "the same with the port of the service in a set",
        Real,
        Works,
        "table inet filter {
            chain input {
                type filter hook input priority 0; policy drop;
                iif \"lo\" accept
                ct state vmap { invalid : drop, established : accept, related : accept }
                ip protocol icmp accept
                tcp dport { 22, 80, 443 } ct state new accept
            }
        }",
    ),
    case(
        "verdict map of ports",
        Real,
        Works,
        "table ip filter {
            chain web { counter accept; }
            chain input {
                type filter hook input priority filter; policy drop;
                ct state established,related accept
                tcp dport vmap { 22 : accept, 80 : jump web, 81-90 : drop }
            }
        }",
    ),
    case(
        "named set of intervals with the clients",
        Real,
        Works,
        "table inet filter {
            set clients { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 192.168.10.0/25 }; }
            chain input {
                type filter hook input priority 0; policy accept;
                tcp dport 80 ip saddr != @clients ip saddr 192.0.2.0/24 drop
            }
        }",
    ),
    case(
        "named set that holds the network of the clients",
        Real,
        Dead,
        "table inet filter {
            set bad { type ipv4_addr; flags interval; auto-merge; elements = { 192.168.10.0/24, 10.0.0.0/8 }; }
            chain prerouting { type filter hook prerouting priority raw; ip saddr @bad tcp dport 80 drop; }
        }",
    ),
    case(
        "concatenation of address and port",
        Real,
        Dead,
        "table ip filter {
            set closed { type ipv4_addr . inet_service; elements = { 192.168.10.10 . 80, 192.168.10.10 . 443 }; }
            chain input { type filter hook input priority 0; ip daddr . tcp dport @closed reject; }
        }",
    ),
    case(
        "concatenation of intervals",
        Real,
        Dead,
        "table ip filter {
            set closed { type ipv4_addr . inet_service; flags interval;
                         elements = { 192.168.10.0/28 . 80-90, 10.0.0.1 . 1 }; }
            chain input { type filter hook input priority 0; ip daddr . tcp dport @closed drop; }
        }",
    ),
    case(
        "flags, interface patterns, ranges and goto",
        Real,
        Dead,
        "table inet filter {
            chain late { drop; }
            chain input {
                type filter hook input priority 10; policy accept;
                tcp flags & (fin|syn|rst|ack) == syn iifname \"eth*\" tcp dport 79-81 goto late
                accept
            }
        }",
    ),
    case(
        "a mark that is set first, and a chain that returns",
        Real,
        Works,
        "table inet filter {
            chain pre { type filter hook prerouting priority mangle; tcp dport 80 meta mark set 0x1234; }
            chain marked { meta mark & 0xff00 == 0x1200 return; drop; }
            chain input {
                type filter hook input priority 0; policy drop;
                jump marked
                meta mark 0x1234 accept
            }
        }",
    ),
    case(
        "rules of another family, protocol and interface",
        Real,
        Works,
        "table ip6 filter { chain input { type filter hook input priority 0; policy drop; } }
         table ip filter {
            chain input {
                type filter hook input priority 0; policy accept;
                udp dport 80 drop
                iifname \"eth1\" drop
                ip daddr 192.168.10.2 tcp dport 80 drop
            }
        }",
    ),
    case(
        "output of replies",
        Real,
        Dead,
        "table inet filter {
            chain output {
                type filter hook output priority 0; policy accept;
                oifname \"eth0\" ip saddr 192.168.10.10 tcp sport 80 drop
            }
        }",
    ),
    case(
        "untracked packets are not established",
        Real,
        Works,
        "table inet filter {
            chain raw { type filter hook prerouting priority raw; tcp dport 80 notrack; }
            chain input {
                type filter hook input priority 0; policy drop;
                ct state established accept
                ct state untracked tcp dport 80 accept
            }
        }",
    ),
    case(
        "ingress of the interface",
        Real,
        Dead,
        "table netdev early {
            chain in { type filter hook ingress device \"eth0\" priority -500; ip daddr 192.168.10.10 drop; }
        }",
    ),
    case(
        "rate limit without a verdict of its own",
        Real,
        Works,
        "table inet filter {
            chain input {
                type filter hook input priority 0; policy accept;
                tcp dport 80 limit rate 10/second log prefix \"web \"
                tcp dport 80 counter accept
            }
        }",
    ),
    unknown(
        "rate limit before a drop",
        Real,
        Works,
        "table inet filter {
            chain input {
                type filter hook input priority 0; policy accept;
                tcp dport 80 limit rate over 1000/second drop
            }
        }",
    ),
    unknown(
        "the time to live",
        Real,
        Works,
        "table ip filter { chain input { type filter hook input priority 0; ip ttl < 3 drop; } }",
    ),
    case(
        "a limit that is for another port",
        Real,
        Works,
        "table inet filter {
            chain input { type filter hook input priority 0; tcp dport 22 limit rate over 1/minute drop; }
        }",
    ),
    case(
        "iptables-nft, as ufw has it",
        Real,
        Dead,
        "*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:ufw-before-input - [0:0]
:ufw-user-input - [0:0]
:ufw-not-local - [0:0]
-A INPUT -j ufw-before-input
-A ufw-before-input -i lo -j ACCEPT
-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-input -m conntrack --ctstate INVALID -j DROP
-A ufw-before-input -p icmp --icmp-type echo-request -j ACCEPT
-A ufw-before-input -j ufw-not-local
-A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN
-A ufw-not-local -j DROP
-A ufw-before-input -j ufw-user-input
-A ufw-user-input -p tcp --dport 22 -j ACCEPT
COMMIT
",
    ),
    case(
        "iptables-nft with matches of xtables",
        Real,
        Works,
        "*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -i eth0 -p tcp -m multiport --dports 80,443 -m conntrack --ctstate NEW -m comment --comment web -j ACCEPT
COMMIT
",
    ),
];

pub(crate) const IPV6: &[Case] = &[
    case(
        "neighbour discovery alone",
        Real,
        Dead,
        "table inet filter {
            chain input {
                type filter hook input priority 0; policy drop;
                icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept
                meta nfproto ipv4 accept
            }
        }",
    ),
    case(
        "a set of IPv6 networks",
        Real,
        Works,
        "table ip6 filter {
            set clients { type ipv6_addr; flags interval; elements = { 2001:db8:1::/64 }; }
            chain input {
                type filter hook input priority 0; policy drop;
                icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
                ip6 saddr @clients meta l4proto tcp tcp dport http accept
            }
        }",
    ),
    case(
        "next header and a map to a chain",
        Real,
        Dead,
        "table inet filter {
            chain v6 { ip6 nexthdr tcp ip6 daddr 2001:db8:1::10 drop; }
            chain input {
                type filter hook input priority 0; policy accept;
                meta protocol vmap { ip : accept, ip6 : jump v6 }
            }
        }",
    ),
];

pub(crate) const DIRECTOR: &[Case] = &[
    case(
        "policy of FORWARD, as Docker sets it",
        Director,
        Dead,
        "*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i docker0 -o docker0 -j ACCEPT
-A DOCKER-USER -j RETURN
COMMIT
",
    ),
    case(
        "Docker's translation of ports",
        Director,
        Works,
        "table ip nat {
            chain DOCKER {
                iifname \"docker0\" counter return
                iifname != \"docker0\" tcp dport 8080 counter dnat to 172.17.0.2:80
            }
            chain PREROUTING {
                type nat hook prerouting priority dstnat; policy accept;
                fib daddr type local counter jump DOCKER
            }
            chain POSTROUTING {
                type nat hook postrouting priority srcnat; policy accept;
                ip saddr 172.17.0.0/16 oifname != \"docker0\" counter masquerade
            }
        }",
    ),
    case(
        "zones, as firewalld has them",
        Director,
        Dead,
        "table inet firewalld {
            chain filter_INPUT {
                type filter hook input priority filter + 10; policy accept;
                ct state { established, related } accept
                ct status dnat accept
                iifname \"lo\" accept
                ct state invalid drop
                jump filter_INPUT_ZONES
                reject with icmpx admin-prohibited
            }
            chain filter_INPUT_ZONES {
                iifname \"eth0\" goto filter_IN_internal
                iifname \"eth1\" goto filter_IN_public
                goto filter_IN_public
            }
            chain filter_IN_internal { tcp dport { 22, 80 } accept; }
            chain filter_IN_public {
                jump filter_IN_public_allow
                meta l4proto { icmp, ipv6-icmp } accept
            }
            chain filter_IN_public_allow { tcp dport 22 accept; }
        }",
    ),
    case(
        "the same with the service in the zone",
        Director,
        Works,
        "table inet firewalld {
            chain filter_INPUT {
                type filter hook input priority filter + 10; policy accept;
                ct state { established, related } accept
                ct status dnat accept
                iifname \"lo\" accept
                ct state invalid drop
                jump filter_INPUT_ZONES
                reject with icmpx admin-prohibited
            }
            chain filter_INPUT_ZONES { iifname vmap { \"eth0\" : goto inside, \"eth1\" : goto outside }; }
            chain inside { accept; }
            chain outside { ip daddr 198.51.100.17 tcp dport { 80, 443 } accept; }
        }",
    ),
    case(
        "replies of NAT are invalid",
        Director,
        Dead,
        "table inet filter {
            chain forward {
                type filter hook forward priority 0; policy accept;
                ct state invalid drop
            }
        }",
    ),
    case(
        "forwarding from inside to outside",
        Director,
        Works,
        "table inet filter {
            chain forward {
                type filter hook forward priority 0; policy drop;
                iifname \"eth0\" oifname \"eth1\" accept
                ct state established,related accept
            }
        }",
    ),
    case(
        "behind IPVS in the hook",
        Director,
        Works,
        "table ip filter { chain late { type filter hook input priority 200; policy drop; } }",
    ),
    unknown(
        "requests that are redirected",
        Director,
        Dead,
        "table ip nat {
            chain prerouting { type nat hook prerouting priority dstnat; tcp dport 80 redirect to :81; }
        }",
    ),
];

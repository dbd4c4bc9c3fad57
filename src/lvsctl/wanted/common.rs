//! What several modes want.

use std::net::IpAddr;

use super::{Found, Want};
use crate::cluster::AddressDuty;
use crate::lvsctl::{Error, Key, Value};
use crate::node::{self, AssignedAddress, InterfaceName, PRESENT, Sysctl, loose_filter, whole};
use crate::plan::Wanted;

pub(super) fn want(key: node::Key, value: &str, tolerated: &[&str], claim: &str) -> Want {
    let value_of = |text: &str| Value::Host(text.to_owned());
    Wanted {
        key: Key::Host(key),
        value: Some(value_of(value)),
        tolerated: tolerated.iter().map(|text| value_of(text)).collect(),
        claim: claim.to_owned(),
    }
}

/// What a part of the machine wants, for the sake of a claim.
pub(super) fn claimed(want: node::Want, claim: &str) -> Want {
    Wanted {
        key: Key::Host(want.key),
        value: want.value.map(Value::Host),
        tolerated: want.tolerated.into_iter().map(Value::Host).collect(),
        claim: claim.to_owned(),
    }
}

pub(super) fn sysctl(sysctl: Sysctl, value: &str, tolerated: &[&str], claim: &str) -> Want {
    want(node::Key::Sysctl(sysctl), value, tolerated, claim)
}

/// A virtual address has the prefix [`whole`]: with a shorter one the whole subnet would become
/// local, or be looked for behind a tunnel.
pub(super) fn present(address: IpAddr, prefix: u8, device: &InterfaceName, claim: &str) -> Want {
    let key = node::Key::Address { address, prefix, device: device.clone() };
    want(key, PRESENT, &[], claim)
}

/// The real server must not answer or announce the virtual address, which is the director's. The
/// kernel takes the larger of the interface's value and that of all interfaces
/// (`ip-sysctl`, `arp_ignore` and `arp_announce`). What is stricter already stays.
pub(super) fn silence(device: Option<&InterfaceName>, claim: &str) -> Vec<Want> {
    let of_device = device.into_iter().flat_map(|device| {
        let own = |name| Sysctl::of_interface(device, name);
        [
            sysctl(own("arp_ignore"), "1", &["2", "8"], claim),
            sysctl(own("arp_announce"), "2", &[], claim),
        ]
    });
    let all = Sysctl::of_all_interfaces;
    let of_all = [
        sysctl(all("arp_ignore"), "1", &["2", "8"], claim),
        sysctl(all("arp_announce"), "2", &[], claim),
    ];
    of_device.chain(of_all).collect()
}

/// A strict filter (1) drops without a word what comes from a client whom the machine reaches
/// through another interface. The value for all interfaces is not ours to loosen.
pub(super) fn loose_reverse_path_filter(
    device: &InterfaceName,
    found: &Found,
    otherwise: &'static str,
    claim: &str,
) -> Want {
    let all = found.reverse_path_filter.as_ref().and_then(|value| value.parse().ok());
    let (value, tolerated) = loose_filter(all.unwrap_or(0), otherwise);
    sysctl(Sysctl::of_interface(device, "rp_filter"), value, tolerated, claim)
}

/// Where the packets of clients come in by one interface and the way out is another, the first
/// must not filter strictly. IPv6 has no such filter.
pub(super) fn clients_are_heard(
    vip: IpAddr,
    device: &InterfaceName,
    found: &Found,
    claim: &str,
) -> Option<Want> {
    let way_out = found.surroundings.way_out(false)?;
    let elsewhere = vip.is_ipv4() && way_out != device;
    elsewhere.then(|| loose_reverse_path_filter(device, found, "2", claim))
}

/// The virtual address of a director, unless another program assigns it.
pub(super) fn assigned(duty: &AddressDuty, address: &AssignedAddress, claim: &str) -> Option<Want> {
    let AssignedAddress { address, prefix, device } = address;
    duty.assigned.then(|| present(*address, *prefix, device, claim))
}

/// The loopback and the ends of tunnels.
pub(super) fn is_silent(device: &InterfaceName) -> bool {
    let name = device.as_str();
    matches!(name, "lo" | "tunl0" | "ip6tnl0" | "sit0" | "gre0" | "ip6gre0")
        || name.starts_with("lvs-")
}

/// The virtual address on a director's interface, where it answers whoever asks for it.
pub(super) fn director_address(
    duty: &AddressDuty,
    found: &Found,
) -> Result<AssignedAddress, Error> {
    let vip = duty.vip;
    let addresses = &found.surroundings.addresses;
    let there = |address: &&AssignedAddress| {
        address.address == vip
            && match &duty.device {
                Some(device) => address.device == *device,
                // These answer nobody, they belong to another role or mode.
                None => !is_silent(&address.device),
            }
    };
    if let Some(address) = addresses.iter().find(there) {
        return Ok(address.clone());
    }
    let device = duty.device.as_ref().or_else(|| found.surroundings.on_link(vip));
    let device = device.ok_or_else(|| {
        Error::Usage(format!(
            "no interface of this machine has a subnet that holds the virtual address {vip}: name \
             the interface that faces the clients with --device, or in the cluster file with \
             vip-device"
        ))
    })?;
    Ok(AssignedAddress { address: vip, prefix: whole(vip), device: device.clone() })
}

//! What several modes want.

use crate::host::machine::{Key, Value};
use crate::policy::AddressDuty;
use std::net::IpAddr;

use super::{ActualState, DesiredItem};
use crate::engine::Desired;
use crate::host::{
    self, AssignedAddress, InterfaceName, PRESENT, Sysctl, host_prefix, loose_filter,
};
use crate::lvsctl::Error;

pub(crate) fn want(key: host::Key, value: &str, acceptable: &[&str], owner: &str) -> DesiredItem {
    let value_of = |text: &str| Value::Host(text.to_owned());
    Desired {
        key: Key::Host(key),
        value: Some(value_of(value)),
        acceptable: acceptable.iter().map(|text| value_of(text)).collect(),
        owner: owner.to_owned(),
    }
}

/// What a part of the machine wants, for the sake of a owner.
pub(crate) fn owned(want: host::Want, owner: &str) -> DesiredItem {
    Desired {
        key: Key::Host(want.key),
        value: want.value.map(Value::Host),
        acceptable: want.acceptable.into_iter().map(Value::Host).collect(),
        owner: owner.to_owned(),
    }
}

pub(crate) fn sysctl(sysctl: Sysctl, value: &str, acceptable: &[&str], owner: &str) -> DesiredItem {
    want(host::Key::Sysctl(sysctl), value, acceptable, owner)
}

/// A virtual address has the prefix [`host_prefix`]: with a shorter one the whole subnet would become
/// local, or be looked for behind a tunnel.
pub(crate) fn present(
    address: IpAddr,
    prefix: u8,
    device: &InterfaceName,
    owner: &str,
) -> DesiredItem {
    let key = host::Key::Address { address, prefix, device: device.clone() };
    want(key, PRESENT, &[], owner)
}

/// The real server must not answer or announce the virtual address, which is the director's. The
/// kernel takes the larger of the interface's value and that of all interfaces
/// (`ip-sysctl`, `arp_ignore` and `arp_announce`). What is stricter already stays.
pub(crate) fn suppress_arp(device: Option<&InterfaceName>, owner: &str) -> Vec<DesiredItem> {
    let of_device = device.into_iter().flat_map(|device| {
        let own = |name| Sysctl::of_interface(device, name);
        [
            sysctl(own("arp_ignore"), "1", &["2", "8"], owner),
            sysctl(own("arp_announce"), "2", &[], owner),
        ]
    });
    let all = Sysctl::of_all_interfaces;
    let of_all = [
        sysctl(all("arp_ignore"), "1", &["2", "8"], owner),
        sysctl(all("arp_announce"), "2", &[], owner),
    ];
    of_device.chain(of_all).collect()
}

/// A strict filter (1) drops without a word what comes from a client whom the machine reaches
/// through another interface. The value for all interfaces is not ours to loosen.
pub(crate) fn loose_reverse_path_filter(
    device: &InterfaceName,
    found: &ActualState,
    otherwise: &'static str,
    owner: &str,
) -> DesiredItem {
    let all = found.reverse_path_filter.as_ref().and_then(|value| value.parse().ok());
    let (value, acceptable) = loose_filter(all.unwrap_or(0), otherwise);
    sysctl(Sysctl::of_interface(device, "rp_filter"), value, acceptable, owner)
}

/// Where the packets of clients come in by one interface and the way out is another, the first
/// must not filter strictly. IPv6 has no such filter.
pub(crate) fn clients_are_heard(
    vip: IpAddr,
    device: &InterfaceName,
    found: &ActualState,
    owner: &str,
) -> Option<DesiredItem> {
    let way_out = found.topology.default_interface(false)?;
    let elsewhere = vip.is_ipv4() && way_out != device;
    elsewhere.then(|| loose_reverse_path_filter(device, found, "2", owner))
}

/// The virtual address of a director, unless another program assigns it.
pub(crate) fn assigned(
    duty: &AddressDuty,
    address: &AssignedAddress,
    owner: &str,
) -> Option<DesiredItem> {
    let AssignedAddress { address, prefix, device } = address;
    duty.assigned.then(|| present(*address, *prefix, device, owner))
}

/// The loopback and the ends of tunnels.
pub(crate) fn suppresses_arp(device: &InterfaceName) -> bool {
    let name = device.as_str();
    matches!(name, "lo" | "tunl0" | "ip6tnl0" | "sit0" | "gre0" | "ip6gre0")
        || name.starts_with("lvs-")
}

/// The virtual address on a director's interface, where it answers whoever asks for it.
pub(crate) fn director_address(
    duty: &AddressDuty,
    found: &ActualState,
) -> Result<AssignedAddress, Error> {
    let vip = duty.vip;
    let addresses = &found.topology.addresses;
    let there = |address: &&AssignedAddress| {
        address.address == vip
            && match &duty.device {
                Some(device) => address.device == *device,
                // These answer nobody, they belong to another role or mode.
                None => !suppresses_arp(&address.device),
            }
    };
    if let Some(address) = addresses.iter().find(there) {
        return Ok(address.clone());
    }
    let device = duty.device.as_ref().or_else(|| found.topology.on_link(vip));
    let device = device.ok_or_else(|| {
        Error::Usage(format!(
            "no interface of this machine has a subnet that holds the virtual address {vip}: name \
             the interface that faces the clients with --device, or in the cluster file with \
             vip-device"
        ))
    })?;
    Ok(AssignedAddress { address: vip, prefix: host_prefix(vip), device: device.clone() })
}

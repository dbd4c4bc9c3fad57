//! The unit and the drop-ins, as text.

use crate::host::machine::{Key, Machine, Value};
use crate::policy::Role;
use std::fmt::Display;

use crate::engine::System;
use crate::host::{self, Sysctl};
use crate::lvsctl::Error;
use crate::policy::DesiredItem;
use lvs::table;

/// What the unit calls.
pub(super) struct Commands {
    /// The arguments of `lvsctl` that make the machine what the file says.
    pub(super) apply: String,
    /// Those that take it back.
    pub(super) down: String,
}

/// The unit that makes the machine what the file says, and takes that back.
///
/// It comes after `network-online.target`, not before the network as `ipvsadm.service` does: what a
/// machine is, and which interface its virtual addresses belong to, is found by the addresses and
/// routes that it has by then. `modules-load.d` and `sysctl.d` are done with before any unit of the
/// ordinary kind, and names are not looked up. Where the network was said to be there and was not, the
/// run fails, changes nothing, and is made again.
pub(super) fn unit(name: &str, role: Role, program: &str, commands: &Commands) -> String {
    let Commands { apply, down } = commands;
    let role = words(role);
    format!(
        "\
# Changes belong into a drop-in: systemctl edit lvsctl-{name}.service
[Unit]
Description=Linux Virtual Server, {role} of cluster {name}
Documentation=man:lvsctl(8) man:lvs-cluster(5)
# Its own addresses tell what this machine is, and its routes where the virtual addresses go.
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={program} {apply}
ExecReload={program} {apply}
ExecStop={program} {down}
TimeoutSec=5min
# For addresses that come late. What fails has changed nothing.
Restart=on-failure
RestartSec=10s

# It sets sysctls, which takes /proc/sys; the kernel loads its modules by itself.
CapabilityBoundingSet=CAP_NET_ADMIN
LockPersonality=yes
MemoryDenyWriteExecute=yes
NoNewPrivileges=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=read-only
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectSystem=full
RestrictAddressFamilies=AF_NETLINK AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service

[Install]
WantedBy=multi-user.target
"
    )
}

/// The modules that the plan takes; `None` where it takes none.
///
/// The kernel loads them by itself when they are first used. From here they come before sysctls are
/// set, and before a machine may be told to load no more.
pub(super) fn modules(name: &str, role: Role, desired: &[DesiredItem]) -> Option<String> {
    let mut modules: Vec<String> = Vec::new();
    for module in desired.iter().flat_map(modules_of) {
        if !modules.contains(&module) {
            modules.push(module);
        }
    }
    let role = words(role);
    let title = format!("# Modules of the {role} of cluster {name}, see modules-load.d(5)\n");
    lines(title, modules)
}

fn modules_of(want: &DesiredItem) -> Vec<String> {
    match (&want.key, &want.value) {
        (Key::Host(host::Key::FouPort { .. }), _) => vec!["fou".to_owned()],
        (Key::Host(host::Key::Link(_)), Some(Value::Host(kind))) => {
            module_of_link(kind).into_iter().map(str::to_owned).collect()
        }
        (Key::Table(_), Some(Value::Table(table::Value::Service(service)))) => {
            // As the kernel asks for them (`ip_vs_sched.c`, `ip_vs_pe.c`).
            let scheduler = format!("ip_vs_{}", service.scheduler);
            let engine = service.persistence_engine.iter().map(|name| format!("ip_vs_pe_{name}"));
            ["ip_vs".to_owned(), scheduler].into_iter().chain(engine).collect()
        }
        (Key::Table(_), _) => vec!["ip_vs".to_owned()],
        _ => Vec::new(),
    }
}

/// Not of a bond: `bonding` makes a `bond0` as soon as it is loaded.
fn module_of_link(kind: &str) -> Option<&'static str> {
    match kind.split(' ').next() {
        Some("ipip") => Some("ipip"),
        Some("ip6tnl") => Some("ip6_tunnel"),
        Some("sit") => Some("sit"),
        Some("gre") => Some("ip_gre"),
        Some("ip6gre") => Some("ip6_gre"),
        _ => None,
    }
}

/// The sysctls that the plan sets; `None` where it sets none.
///
/// A value that does as well as the one desired is someone else's choice, which the plan leaves alone.
/// Parameters of an interface that the plan makes itself, other than by loading a module, are left to
/// it: there is none at boot.
pub(super) fn sysctls(
    name: &str,
    role: Role,
    desired: &[DesiredItem],
    machine: &mut Machine,
) -> Result<Option<String>, Error> {
    let mut settings: Vec<String> = Vec::new();
    for want in desired {
        let DesiredItem { key: Key::Host(host::Key::Sysctl(sysctl)), value: Some(value), .. } =
            want
        else {
            continue;
        };
        if is_made(sysctl, desired) || is_pattern(sysctl) {
            continue;
        }
        let found = match machine.read(&want.key)? {
            None => start(sysctl, machine)?,
            found => found,
        };
        if found.is_some_and(|found| found != *value && want.acceptable.contains(&found)) {
            continue;
        }
        let setting = format!("{sysctl} = {value}");
        if !settings.contains(&setting) {
            settings.push(setting);
        }
    }
    let title = format!(
        "\
# What the {} of cluster {name} sets, so that no other file of sysctl.d sets it otherwise.
# Those of an interface can be set once it is there: the module of a tunnel is loaded before
# (modules-load.d), and udev sets those of every interface that appears (99-systemd.rules).
",
        words(role)
    );
    Ok(lines(title, settings))
}

/// What a parameter of an interface that is still to come will be.
fn start(sysctl: &Sysctl, machine: &mut Machine) -> Result<Option<Value>, Error> {
    match sysctl.inherited() {
        Some(default) => Ok(machine.read(&Key::Host(host::Key::Sysctl(default)))?),
        None => Ok(None),
    }
}

/// Whether it is one of an interface that the plan makes, and no module by being loaded.
fn is_made(sysctl: &Sysctl, desired: &[DesiredItem]) -> bool {
    let Some(interface) = sysctl.interface() else {
        return false;
    };
    let own = interface.as_str().starts_with("lvs-");
    desired.iter().any(|want| match (&want.key, &want.value) {
        (Key::Host(host::Key::Link(name)), Some(Value::Host(kind))) => {
            *name == interface && (own || module_of_link(kind).is_none())
        }
        _ => false,
    })
}

/// An interface can have a name that `sysctl.d(5)` takes for a pattern, or for the end of the key.
fn is_pattern(sysctl: &Sysctl) -> bool {
    sysctl.to_string().contains(['*', '?', '[', '\\', '='])
}

fn lines(title: String, lines: Vec<impl Display>) -> Option<String> {
    (!lines.is_empty()).then(|| lines.iter().fold(title, |text, line| format!("{text}{line}\n")))
}

fn words(role: Role) -> &'static str {
    match role {
        Role::Director => "director",
        Role::RealServer => "real server",
    }
}

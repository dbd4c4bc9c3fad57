//! The unit and the drop-ins, as text.

use std::fmt::Display;

use crate::engine::System;
use crate::host::machine::{Key, Machine, Value};
use crate::host::{self, Sysctl};
use crate::lvsctl::Error;
use crate::lvsctl::values::role_words;
use crate::policy::{DesiredItem, Role};
use lvs::table;

/// The arguments with which the unit calls `lvsctl`.
pub(super) struct Commands {
    pub(super) apply: String,
    pub(super) down: String,
}

/// The unit that applies the cluster file, and reverts it when it is stopped.
///
/// It starts after `network-online.target`, unlike `ipvsadm.service`: the role of a machine follows
/// from its addresses, and the interfaces of the virtual addresses from its routes. If they appear
/// later, the run fails without changes and is retried. `modules-load.d` and `sysctl.d` come before
/// every ordinary unit.
pub(super) fn unit(name: &str, role: Role, program: &str, commands: &Commands) -> String {
    let Commands { apply, down } = commands;
    let role = role_words(role);
    format!(
        "\
# Put changes into a drop-in: systemctl edit lvsctl-{name}.service
[Unit]
Description=Linux Virtual Server, {role} of cluster {name}
Documentation=man:lvsctl(8) man:lvs-cluster(5)
# The role follows from the addresses of this machine, and the interfaces of the virtual addresses
# from its routes.
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
# For addresses that appear late. A run that fails has changed nothing.
Restart=on-failure
RestartSec=10s

# /proc/sys stays writable for sysctls. The kernel loads modules itself.
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

/// The modules that the desired state needs, if any.
///
/// The kernel loads them itself when they are first used. This file loads them before `sysctl.d` is
/// applied, and before `kernel.modules_disabled` can be set.
pub(super) fn modules(name: &str, role: Role, desired: &[DesiredItem]) -> Option<String> {
    let mut modules: Vec<String> = Vec::new();
    for module in desired.iter().flat_map(modules_of) {
        if !modules.contains(&module) {
            modules.push(module);
        }
    }
    let role = role_words(role);
    let title = format!("# Modules of the {role} of cluster {name}, see modules-load.d(5)\n");
    lines(title, modules)
}

fn modules_of(item: &DesiredItem) -> Vec<String> {
    match (&item.key, &item.value) {
        (Key::Host(host::Key::FouPort { .. }), _) => vec!["fou".to_owned()],
        (Key::Host(host::Key::Link(_)), Some(Value::Host(kind))) => {
            module_of_link(kind).into_iter().map(str::to_owned).collect()
        }
        (Key::Table(_), Some(Value::Table(table::Value::Service(service)))) => {
            // The names that the kernel requests (`ip_vs_sched.c`, `ip_vs_pe.c`).
            let scheduler = format!("ip_vs_{}", service.scheduler);
            let engine = service.persistence_engine.iter().map(|name| format!("ip_vs_pe_{name}"));
            ["ip_vs".to_owned(), scheduler].into_iter().chain(engine).collect()
        }
        (Key::Table(_), _) => vec!["ip_vs".to_owned()],
        _ => Vec::new(),
    }
}

/// Not `bonding`, which creates a `bond0` when it is loaded.
fn module_of_link(kind: &str) -> Option<&'static str> {
    kind.split(' ').next().and_then(host::tunnel_module)
}

/// The sysctls that the desired state sets, if any.
///
/// An acceptable value that another program chose stays, as in a run. Sysctls of an interface that the
/// run creates, other than by loading a module, are left to the run: at boot it does not exist yet.
pub(super) fn sysctls(
    name: &str,
    role: Role,
    desired: &[DesiredItem],
    machine: &mut Machine,
) -> Result<Option<String>, Error> {
    let mut settings: Vec<String> = Vec::new();
    for item in desired {
        let DesiredItem { key: Key::Host(host::Key::Sysctl(sysctl)), value: Some(value), .. } =
            item
        else {
            continue;
        };
        if is_of_created_interface(sysctl, desired) || is_pattern(sysctl) {
            continue;
        }
        let found = match machine.read(&item.key)? {
            None => initial(sysctl, machine)?,
            found => found,
        };
        if found.is_some_and(|found| found != *value && item.acceptable.contains(&found)) {
            continue;
        }
        let setting = format!("{sysctl} = {value}");
        if !settings.contains(&setting) {
            settings.push(setting);
        }
    }
    let title = format!(
        "\
# Sysctls of the {} of cluster {name}, so that no other file of sysctl.d overrides them.
# Those of an interface are set when it exists: modules-load.d loads the module of a tunnel before,
# and udev sets those of each interface that appears (99-systemd.rules).
",
        role_words(role)
    );
    Ok(lines(title, settings))
}

/// The value that a sysctl of a future interface starts with.
fn initial(sysctl: &Sysctl, machine: &mut Machine) -> Result<Option<Value>, Error> {
    match sysctl.inherited() {
        Some(default) => Ok(machine.read(&Key::Host(host::Key::Sysctl(default)))?),
        None => Ok(None),
    }
}

/// Whether its interface is one that the run creates, other than by loading a module.
fn is_of_created_interface(sysctl: &Sysctl, desired: &[DesiredItem]) -> bool {
    let Some(interface) = sysctl.interface() else {
        return false;
    };
    let own = interface.as_str().starts_with("lvs-");
    desired.iter().any(|item| match (&item.key, &item.value) {
        (Key::Host(host::Key::Link(name)), Some(Value::Host(kind))) => {
            *name == interface && (own || module_of_link(kind).is_none())
        }
        _ => false,
    })
}

/// Whether the name of its interface has characters that are special in `sysctl.d(5)`.
fn is_pattern(sysctl: &Sysctl) -> bool {
    sysctl.to_string().contains(['*', '?', '[', '\\', '='])
}

fn lines(title: String, lines: Vec<impl Display>) -> Option<String> {
    (!lines.is_empty()).then(|| lines.iter().fold(title, |text, line| format!("{text}{line}\n")))
}

//! Programs that manage an interface, and take away what others set there.

use crate::doctor::case::{Case, Fault};
use crate::doctor::{Managed, Step};
use crate::node;

/// It forgets what it did not set when it starts again, or its file changes.
pub(super) fn networkd_keeps_what_is_set(case: &Case<'_>) -> Vec<Fault> {
    let fault = |managed: &Managed| {
        let Managed { device, file, .. } = managed;
        let set = case.facts.journal.iter().find_map(|entry| match (&entry.key, &entry.value) {
            (Some(key @ node::Key::Address { device: on, .. }), Some(_)) if on == device => {
                Some(key.to_string())
            }
            (Some(key @ node::Key::DefaultRoute(_)), Some(way))
                if way.split(' ').nth(3) == Some(device.as_str()) =>
            {
                Some(format!("{key} {}", node::typed(way)))
            }
            _ => None,
        })?;
        let name = file.rsplit('/').next().unwrap_or_default();
        let directory = format!("/etc/systemd/network/{name}.d");
        let drop_in = format!("{directory}/lvsctl.conf");
        Some(Fault {
            title: format!(
                "systemd-networkd manages {device}, and takes what lvsctl has set there away when \
                 it starts again: {set}"
            ),
            found: format!("{file} without KeepConfiguration=static"),
            expected: "KeepConfiguration=static in a drop-in".to_owned(),
            repair: vec![Step::Shell {
                fix: format!(
                    "mkdir -p {directory} && \
                     printf '[Network]\\nKeepConfiguration=static\\n' > {drop_in} && \
                     networkctl reload"
                ),
                // Without a reload, by which it would be taken away at once.
                undo: Some(format!("rm {drop_in}")),
            }],
        })
    };
    case.facts.managed.iter().filter(|managed| !managed.keeps).filter_map(fault).collect()
}

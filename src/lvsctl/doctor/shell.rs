//! The commands of a finding, as a shell takes them that is not in the network namespace itself.

use lvs::netlink::Namespace;

/// The command, in the namespace. `lvsctl` names it by an option of its own; modules and files such as
/// those of `sysctl.d` are the machine's.
pub(super) fn inside(command: String, namespace: Option<&Namespace>) -> String {
    let Some(namespace) = namespace.filter(|_| is_of_a_namespace(&command)) else {
        return command;
    };
    let enter = match namespace {
        Namespace::Named(name) => {
            let name = quoted(name);
            if let Some(words) = command.strip_prefix("ip ").filter(|it| is_plain(it)) {
                return format!("ip -n {name} {words}");
            }
            format!("ip netns exec {name}")
        }
        Namespace::Path(_) => format!("nsenter --net={}", quoted(&namespace.word())),
        Namespace::Process(process) => format!("nsenter --net=/proc/{process}/ns/net"),
    };
    match is_plain(&command) {
        true => format!("{enter} {command}"),
        false => format!("{enter} sh -c {}", quoted(&command)),
    }
}

fn is_of_a_namespace(command: &str) -> bool {
    let mut parts = command.split(" && ");
    let of_ip = parts.any(|part| part.starts_with("ip ") || part.starts_with("ipvsadm "));
    of_ip || command.contains("/proc/sys/net/")
}

/// Whether it is one command, and the shell has nothing to do for it.
fn is_plain(command: &str) -> bool {
    !command.contains(['>', '&', '|', ';', '\'', '"', '$', '\\'])
}

/// A word as the shell reads it back.
pub(super) fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@%,=".contains(&byte);
    match !word.is_empty() && word.bytes().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_names_the_namespace_it_is_for() {
        let inside = |command: &str, namespace: &str| {
            let Ok(namespace) = namespace.parse();
            inside(command.to_owned(), Some(&namespace))
        };
        let sysctl = "echo 1 > /proc/sys/net/ipv4/ip_forward";
        for (command, namespace, expected) in [
            ("ip -6 route del default", "blue", "ip -n blue -6 route del default"),
            ("ipvsadm -C", "a b", "ip netns exec 'a b' ipvsadm -C"),
            (sysctl, "blue", "ip netns exec blue sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'"),
            ("ip link set tunl0 up", "/run/x", "nsenter --net=/run/x ip link set tunl0 up"),
            ("ipvsadm -C", "42", "nsenter --net=/proc/42/ns/net ipvsadm -C"),
            (
                "modprobe fou && ip fou add port 6080 gue",
                "blue",
                "ip netns exec blue sh -c 'modprobe fou && ip fou add port 6080 gue'",
            ),
            ("modprobe ipip", "blue", "modprobe ipip"),
            ("lvsctl --netns blue apply x", "blue", "lvsctl --netns blue apply x"),
        ] {
            assert_eq!(inside(command, namespace), expected);
        }
    }
}

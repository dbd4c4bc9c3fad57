//! An address, and a port, that cannot be read.

use std::net::Ipv6Addr;

use super::nearest;

/// Names of ports that are meant most.
const PORTS: &str = "http https smtp smtps submission imap imaps pop3 pop3s domain ftp ssh telnet ldap \
     ldaps mysql postgresql ntp syslog sip snmp radius";

/// Why `ADDRESS[:PORT]` cannot be read, and what was probably meant.
pub(super) fn unreadable(option: &str, text: &str) -> String {
    let shown = text.escape_debug();
    if text.is_empty() {
        return format!("The value of {option} is empty: is a variable of a script not set?");
    }
    if text.contains(['"', '\'']) {
        return "Standard input is not read by a shell: leave out the quotes.".to_owned();
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        let rest = rest.trim_end_matches('/').escape_debug();
        return format!(
            "`{}://` belongs to a URL: {option} takes ADDRESS:PORT, here {rest}.",
            scheme.escape_debug()
        );
    }
    if let Some((address, prefix)) = text.split_once('/') {
        let port = prefix.split_once(':').map(|(_, port)| format!(":{port}")).unwrap_or_default();
        return format!(
            "{option} takes one address, without a prefix length: {}.",
            format!("{address}{port}").escape_debug()
        );
    }
    if let Some(separator) = text.chars().find(|it| [',', ';', ' ', '@', '#'].contains(it)) {
        return format!("`{separator}` does not belong into `{shown}`: write ADDRESS:PORT.");
    }
    if text.contains('%') {
        return format!("`{shown}` has a zone, which IPVS does not know: leave it out.");
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!(
            "`{shown}` is a number alone: write ADDRESS:PORT, such as 192.0.2.1:{shown}."
        );
    }
    if let Some(bracketed) = text.strip_prefix('[') {
        return in_brackets(bracketed, text);
    }
    if text.matches(':').count() > 1 {
        return with_colons(text);
    }
    match text.split_once(':') {
        Some(("", port)) => format!("The address before `:{}` is missing.", port.escape_debug()),
        Some((number, address)) if is_number(number) && address.contains('.') => {
            format!("The address comes first: {}:{number}.", address.escape_debug())
        }
        Some((address, port_text)) => host(address).unwrap_or_else(|| port(port_text)),
        None => host(text).unwrap_or_else(|| format!("`{shown}` is not an address.")),
    }
}

/// An IPv6 address that is taken for one without a port.
pub(super) fn swallowed_port(text: &str) -> Option<String> {
    text.parse::<Ipv6Addr>().ok()?;
    let (address, port) = text.rsplit_once(':')?;
    let address = address.strip_suffix(':').map_or(address.to_owned(), |it| format!("{it}::"));
    address.parse::<Ipv6Addr>().ok().filter(|_| is_number(port))?;
    Some(format!(
        "{text} is read as an IPv6 address without a port: with port {port}, write [{address}]:{port}."
    ))
}

fn in_brackets(bracketed: &str, text: &str) -> String {
    let shown = text.escape_debug();
    let Some((inside, behind)) = bracketed.split_once(']') else {
        return format!("`{shown}` lacks the closing bracket.");
    };
    let inner = inside.escape_debug();
    if inside.parse::<Ipv6Addr>().is_err() {
        return match inside.contains(':') {
            true => format!("`{inner}` is not an IPv6 address."),
            false => {
                format!("Brackets are for IPv6 addresses: write {inner}{}.", behind.escape_debug())
            }
        };
    }
    match behind.strip_prefix(':') {
        Some(text) => port(text),
        None if behind.is_empty() => {
            format!(
                "A port follows the brackets, as in [{inner}]:80; without a port, write {inner}."
            )
        }
        None => format!(
            "A colon belongs between `]` and the port: [{inner}]:{}.",
            behind.escape_debug()
        ),
    }
}

/// With two colons or more, and no bracket.
fn with_colons(text: &str) -> String {
    let shown = text.escape_debug();
    if let Some((address, port)) = text.rsplit_once(':') {
        if address.parse::<Ipv6Addr>().is_ok() {
            return format!(
                "An IPv6 address with a port stands in brackets: [{address}]:{}.",
                port.escape_debug()
            );
        }
    }
    match text.contains('.') {
        true => format!("`{shown}` has more than one colon: write ADDRESS:PORT."),
        false => format!(
            "`{shown}` is not an IPv6 address; with a port, it stands in brackets: [ADDRESS]:PORT."
        ),
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Why this is not an IPv4 address or the name of a host.
fn host(text: &str) -> Option<String> {
    let shown = text.escape_debug();
    if !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        if text.parse::<std::net::Ipv4Addr>().is_ok() {
            return None;
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if !text.chars().all(plain) {
            return Some(format!("`{shown}` is neither an address nor the name of a host."));
        }
        return Some(format!(
            "The host name `{shown}` has no IPv4 address: see `getent ahostsv4 {shown}`. Names need DNS \
             or /etc/hosts, and are looked up for IPv4 only; addresses always work."
        ));
    }
    let parts: Vec<&str> = text.split('.').collect();
    if parts.iter().any(|part| part.is_empty()) {
        return Some(format!("A number is missing at a dot of `{shown}`."));
    }
    if let ([a, b, c, d, port], true) = (parts.as_slice(), parts.len() == 5) {
        return Some(format!(
            "`{shown}` has five parts: is the last one the port, {a}.{b}.{c}.{d}:{port}?"
        ));
    }
    if parts.len() > 5 {
        return Some(format!("`{shown}` has {} parts: an IPv4 address has four.", parts.len()));
    }
    if let Some(part) = parts.iter().find(|part| part.parse::<u32>().map_or(true, |it| it > 255)) {
        return Some(format!(
            "`{part}` in `{shown}` is too large: each of the four numbers ends at 255."
        ));
    }
    let octal = |part: &&&str| part.len() > 1 && part.starts_with('0') && part.contains(['8', '9']);
    let part = parts.iter().find(octal)?;
    Some(format!("`{part}` in `{shown}` begins with 0 and so is octal: leave out the 0."))
}

fn port(text: &str) -> String {
    let shown = text.escape_debug();
    if text.is_empty() {
        return "The port behind the colon is missing: is a variable of a script not set?"
            .to_owned();
    }
    if is_number(text) {
        return format!("Port {shown} is too large: ports end at 65535.");
    }
    if text.starts_with('-') || text.starts_with("0x") || text.contains(['.', ',', '-']) {
        return format!("`{shown}` is not a port: write one decimal number from 0 to 65535.");
    }
    match nearest(text, PORTS.split(' ')) {
        Some(near) => format!("There is no port named `{shown}`: did you mean {near}?"),
        None => {
            format!("There is no port named `{shown}`: see /etc/services, or write the number.")
        }
    }
}

//! The rules that a boot restores.

use super::text;

/// Where Debian and Fedora have them.
const FILES: [&str; 2] = ["/etc/ipvsadm.rules", "/etc/sysconfig/ipvsadm"];

/// The lines of these files that have a name where an address or a port belongs.
pub(super) fn names() -> Vec<String> {
    FILES.iter().flat_map(|path| named(&text(path))).collect()
}

fn named(rules: &str) -> Vec<String> {
    let endpoints =
        ["-t", "-u", "-r", "--tcp-service", "--udp-service", "--sctp-service", "--real-server"];
    let numeric = |endpoint: &str| {
        let host = endpoint.parse::<std::net::SocketAddr>().is_ok();
        host || endpoint.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok()
    };
    let has_name = |line: &&str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut pairs = words.iter().zip(words.iter().skip(1));
        !line.trim_start().starts_with('#')
            && pairs.any(|(option, value)| endpoints.contains(option) && !numeric(value))
    };
    rules.lines().filter(has_name).map(|line| line.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_rules_are_found() {
        let rules = "# -t www:80\n-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r node1:80 -g\n\
                     -A -t [2001:db8::1]:80 -s rr\n-A -t 192.0.2.1:http -s rr\n-A -f 7 -s rr\n\
                     -a -f 7 -r 192.0.2.2 -g\n";
        let expected = ["-a -t 192.0.2.1:80 -r node1:80 -g", "-A -t 192.0.2.1:http -s rr"];
        assert_eq!(named(rules), expected);
    }
}

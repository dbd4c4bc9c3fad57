//! What `-v` and `-h` print.

use std::io::{self, Write};

/// As the reference prints it, byte for byte: scripts look for the version of IPVS in it.
const VERSION: &str = "ipvsadm v1.31 2019/12/24 (compiled with popt and IPVS v1.2.1)\n";

const HELP: &str = "\
Shows and changes the virtual server table of the Linux kernel (IPVS).

Usage: ipvsadm COMMAND [OPTION]...

Without a command the whole table is listed. Exactly one command is given, and it comes first.

Services
  -A, --add-service SERVICE [SCHEDULING]    add a virtual service
  -E, --edit-service SERVICE [SCHEDULING]   replace its attributes; what is left out is reset
  -D, --delete-service SERVICE              delete it and its real servers
  -C, --clear                               delete every service
  -Z, --zero [SERVICE]                      zero the counters of one service, or of all

Real servers
  -a, --add-server SERVICE SERVER [FORWARDING]    add a real server to a service
  -e, --edit-server SERVICE SERVER [FORWARDING]   replace its attributes; what is left out is reset
  -d, --delete-server SERVICE SERVER              delete it

Tables
  -L, -l, --list [SERVICE] [LISTING]   list the table, one service, or something else
  -S, --save [-n]                      write the table as commands to standard output
  -R, --restore                        read such commands from standard input
      --replace                        with -R: make the table what they say, by what has to change

Timeouts and daemons
      --set TCP TCPFIN UDP             timeouts of connections in seconds; 0 leaves one as it is
      --start-daemon master|backup     start a connection synchronization daemon
      --stop-daemon master|backup      stop it

Help
  -h, --help                           print this text
  -v, --version                        print the version

SERVICE is one of
  -t, --tcp-service ADDRESS[:PORT]     TCP; an IPv6 address with a port stands in brackets
  -u, --udp-service ADDRESS[:PORT]     UDP
      --sctp-service ADDRESS[:PORT]    SCTP
  -f, --fwmark-service MARK            packets with this firewall mark
  -6, --ipv6                           after -f: marked packets of IPv6

SCHEDULING
  -s, --scheduler NAME                 rr, wrr, lc, wlc (the default), lblc, lblcr, dh, sh, sed, nq,
                                       fo, ovf, mh, twos, or none
  -b, --sched-flags FLAG[,FLAG]...     flag-1, flag-2, flag-3, sh-fallback, sh-port, mh-fallback,
                                       mh-port
  -p, --persistent[=SECONDS]           a client stays with its real server, 360 seconds by default
  -M, --netmask MASK                   part of a client's address that counts for persistence;
                                       a prefix length for IPv6
      --pe NAME                        persistence engine, such as sip
  -o, --ops                            schedule every packet on its own (UDP)

SERVER
  -r, --real-server ADDRESS[:PORT]     without a port: that of the service

FORWARDING
  -g, --gatewaying                     direct routing (the default)
  -i, --ipip                           tunnelling
  -m, --masquerading                   network address translation
      --tun-type ipip|gue|gre          encapsulation of -i, ipip by default
      --tun-port PORT                  UDP port of gue
      --tun-nocsum                     no checksum in gue and gre (the default)
      --tun-csum                       a checksum in gue and gre
      --tun-remcsum                    remote checksum offload in gue
  -w, --weight NUMBER                  share of new connections, 1 by default; 0 takes no new ones
  -x, --u-threshold NUMBER             connections from which on the server gets no new ones
  -y, --l-threshold NUMBER             connections below which it gets new ones again

LISTING, of services and real servers
  -n, --numeric                        no names of hosts and services
      --stats                          connections, packets and bytes since the start
      --rate                           the same, a second
      --thresholds                     thresholds of real servers
      --persistent-conn                connections held by persistence; with -c the engine's data
      --tun-info                       encapsulation
  -X, --exact                          numbers in full
      --nosort                         in the order of the kernel
      --sort                           in order (the default; accepted everywhere)
or of something else
  -c, --connection                     the connection table
      --client ADDRESS[/PREFIX]        of these clients only
      --vip ADDRESS[:PORT]             to this virtual address only
      --real ADDRESS[:PORT]            to this real server only
      --state STATE                    in this state only
      --count-by client|vip|real|state counted, the most first, without names
      --timeout                        timeouts of connections
      --daemon                         synchronization daemons
each of them also
      --json                           as one JSON object, without names and with numbers in full
      --no-load                        empty where IPVS is not loaded; with -S too

With every command
      --netns NAME|PATH|PID            in that network namespace
      --explain                        a second line with cause and cure after an error, also where
                                       no terminal shows it

Options of daemons
      --syncid NUMBER                  group of directors that understand each other, 0 to 255
      --sync-maxlen BYTES              longest message
      --mcast-interface NAME           interface to send and listen on, eth0 by default
      --mcast-group ADDRESS            multicast group
      --mcast-port PORT                UDP port
      --mcast-ttl NUMBER               time to live of messages
";

pub(super) fn write_version(output: &mut dyn Write) -> io::Result<()> {
    output.write_all(VERSION.as_bytes())
}

pub(super) fn write_help(output: &mut dyn Write) -> io::Result<()> {
    write_version(output)?;
    output.write_all(HELP.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_that_of_the_reference() {
        let mut output = Vec::new();
        write_version(&mut output).unwrap();
        assert_eq!(output, b"ipvsadm v1.31 2019/12/24 (compiled with popt and IPVS v1.2.1)\n");
    }

    #[test]
    fn help_starts_with_the_version_and_fits_a_screen() {
        let mut output = Vec::new();
        write_help(&mut output).unwrap();
        let text = String::from_utf8(output).unwrap();
        assert!(text.starts_with(VERSION));
        let widest = text.lines().map(str::len).max();
        assert!(widest <= Some(100), "{widest:?}");
    }

    #[test]
    fn help_names_every_option() {
        let long = "add-service edit-service delete-service clear list zero add-server edit-server \
            delete-server set start-daemon stop-daemon restore save help version numeric connection \
            tcp-service udp-service sctp-service fwmark-service scheduler persistent netmask \
            real-server masquerading ipip gatewaying weight u-threshold l-threshold mcast-interface \
            timeout daemon stats rate thresholds persistent-conn nosort syncid exact ops pe \
            sched-flags mcast-group mcast-port mcast-ttl sync-maxlen tun-info tun-type tun-port \
            tun-nocsum tun-csum tun-remcsum json no-load netns explain client vip real state count-by \
            replace sort ipv6";
        let in_help = |option: &str| {
            let words = HELP.split([' ', '\n', ',', '[', '=', ']']);
            words.into_iter().any(|word| word == option)
        };
        for name in long.split_whitespace() {
            assert!(in_help(&format!("--{name}")), "--{name}");
        }
        for letter in "AEDCLlZaedRShvnctufspMrmigwxyXob6".chars() {
            assert!(in_help(&format!("-{letter}")), "-{letter}");
        }
    }
}

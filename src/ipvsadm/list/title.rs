//! The lines above the rows, and the listings of `--daemon` and `--timeout`.

use std::io::{self, Write};

use crate::ipvsadm::command::Format;
use lvs::ipvs::{Daemon, Info, Timeouts};

const DEFAULT: &str = "\
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
";

const TUNNEL_INFO: &str = "\
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward TunnelInfo    Weight ActiveConn InActConn
";

const STATS: &str = "\
Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port
";

const RATE: &str = "\
Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS
  -> RemoteAddress:Port
";

// These two lines end in a blank.
const THRESHOLDS: &str = concat!(
    "Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn \n",
    "  -> RemoteAddress:Port\n",
);

const PERSISTENT_CONNECTIONS: &str = concat!(
    "Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn \n",
    "  -> RemoteAddress:Port\n",
);

/// The first line of a complete listing.
pub(super) fn write_version(output: &mut dyn Write, info: Info) -> io::Result<()> {
    let Info { version, table_size, .. } = info;
    writeln!(output, "IP Virtual Server version {version} (size={table_size})")
}

/// The two lines with the column titles.
pub(super) fn write_columns(output: &mut dyn Write, format: Format) -> io::Result<()> {
    let title = match format {
        Format::Stats => STATS,
        Format::Rate => RATE,
        Format::Thresholds => THRESHOLDS,
        Format::PersistentConnections => PERSISTENT_CONNECTIONS,
        Format::TunnelInfo => TUNNEL_INFO,
        Format::Default => DEFAULT,
    };
    output.write_all(title.as_bytes())
}

/// One line per daemon, without the attributes that older kernels do not report.
pub(super) fn write_daemons(output: &mut dyn Write, daemons: &[Daemon]) -> io::Result<()> {
    for daemon in daemons {
        let Daemon { interface, sync_id, .. } = daemon;
        let state = daemon.state.name();
        write!(output, "{state} sync daemon (mcast={interface}, syncid={sync_id}")?;
        if let Some(length) = daemon.maximum_length.filter(|length| *length != 0) {
            write!(output, ", maxlen={length}")?;
        }
        if let Some(group) = daemon.group {
            write!(output, ", group={group}")?;
        }
        if let Some(port) = daemon.port.filter(|port| *port != 0) {
            write!(output, ", port={port}")?;
        }
        if let Some(hops) = daemon.time_to_live.filter(|hops| *hops != 0) {
            write!(output, ", ttl={hops}")?;
        }
        writeln!(output, ")")?;
    }
    Ok(())
}

pub(super) fn write_timeouts(output: &mut dyn Write, timeouts: Timeouts) -> io::Result<()> {
    let Timeouts { tcp, tcp_fin, udp, .. } = timeouts;
    writeln!(output, "Timeout (tcp tcpfin udp): {tcp} {tcp_fin} {udp}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use lvs::ipvs::{DaemonState, Version};

    #[test]
    fn version_line_has_version_and_table_size() {
        let mut output = Vec::new();
        let mut info = Info::default();
        (info.version, info.table_size) = (Version(0x0001_0201), 4096);
        write_version(&mut output, info).unwrap();
        assert_eq!(output, b"IP Virtual Server version 1.2.1 (size=4096)\n");
    }

    /// The columns of the reference are printf(3) widths over these words.
    #[test]
    fn column_titles_are_as_wide_as_the_rows() {
        let five = |words: [&str; 5]| {
            let [a, b, c, d, e] = words;
            format!("{:<33} {a:>8} {b:>8} {c:>8} {d:>8} {e:>8}\n", "Prot LocalAddress:Port")
        };
        let servers = "  -> RemoteAddress:Port\n";
        let stats = five(["Conns", "InPkts", "OutPkts", "InBytes", "OutBytes"]);
        assert_eq!(STATS, format!("{stats}{servers}"));
        let rate = five(["CPS", "InPPS", "OutPPS", "InBPS", "OutBPS"]);
        assert_eq!(RATE, format!("{rate}{servers}"));
        assert_eq!(
            THRESHOLDS,
            format!(
                "{:<33} {:<10} {:<10} {:<10} {:<10}\n{servers}",
                "Prot LocalAddress:Port", "Uthreshold", "Lthreshold", "ActiveConn", "InActConn"
            )
        );
        assert_eq!(
            PERSISTENT_CONNECTIONS,
            format!(
                "{:<33} {:<9} {:<11} {:<10} {:<10}\n{servers}",
                "Prot LocalAddress:Port", "Weight", "PersistConn", "ActiveConn", "InActConn"
            )
        );
    }

    #[test]
    fn column_titles_follow_the_format() {
        let title = |format| {
            let mut output = Vec::new();
            write_columns(&mut output, format).unwrap();
            String::from_utf8(output).unwrap()
        };
        let words = [
            (Format::Default, "Forward Weight"),
            (Format::TunnelInfo, "TunnelInfo"),
            (Format::Stats, "InBytes"),
            (Format::Rate, "InBPS"),
            (Format::Thresholds, "Uthreshold"),
            (Format::PersistentConnections, "PersistConn"),
        ];
        for (format, word) in words {
            assert!(title(format).contains(word), "{format:?}");
            assert_eq!(title(format).lines().count(), 2);
        }
    }

    #[test]
    fn daemon_line_has_what_the_kernel_reports() {
        let master = Daemon::new(DaemonState::Master, "dummy0", 3)
            .with_maximum_length(1472)
            .with_group([224, 0, 0, 81])
            .with_port(8848)
            .with_time_to_live(1);
        let backup = Daemon::new(DaemonState::Backup, "dummy0", 3).with_maximum_length(0);
        let mut output = Vec::new();
        write_daemons(&mut output, &[master, backup]).unwrap();
        assert_eq!(
            String::from_utf8(output).unwrap(),
            "master sync daemon (mcast=dummy0, syncid=3, maxlen=1472, group=224.0.0.81, port=8848, ttl=1)\n\
             backup sync daemon (mcast=dummy0, syncid=3)\n"
        );
        let mut output = Vec::new();
        write_daemons(&mut output, &[]).unwrap();
        assert!(output.is_empty());
    }

    #[test]
    fn timeout_line_is_that_of_the_reference() {
        let mut output = Vec::new();
        let timeouts = Timeouts::new(900, 120, 300);
        write_timeouts(&mut output, timeouts).unwrap();
        assert_eq!(output, b"Timeout (tcp tcpfin udp): 900 120 300\n");
    }
}

//! The lines above the rows. Two of them end in a blank.

use std::io::{self, Write};

use crate::ipvsadm::command::Format;
use lvs::ipvs::Info;

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

const THRESHOLDS: &str = concat!(
    "Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn \n",
    "  -> RemoteAddress:Port\n",
);

const PERSISTENT_CONNECTIONS: &str = concat!(
    "Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn \n",
    "  -> RemoteAddress:Port\n",
);

/// The first line of a whole table.
pub(super) fn write_version(output: &mut dyn Write, info: Info) -> io::Result<()> {
    let Info { version, table_size, .. } = info;
    writeln!(output, "IP Virtual Server version {version} (size={table_size})")
}

/// The two lines with the names of columns.
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

#[cfg(test)]
mod tests {
    use super::*;
    use lvs::ipvs::Version;

    #[test]
    fn version_line() {
        let mut output = Vec::new();
        let mut info = Info::default();
        (info.version, info.table_size) = (Version(0x0001_0201), 4096);
        write_version(&mut output, info).unwrap();
        assert_eq!(output, b"IP Virtual Server version 1.2.1 (size=4096)\n");
    }

    /// The columns of the reference are printf(3) widths over these words.
    #[test]
    fn columns_are_as_wide_as_the_rows() {
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
    fn every_format_has_its_title() {
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
}

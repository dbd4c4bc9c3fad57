//! What `-L` writes, byte for byte as the reference writes it, and what `-S` writes.

mod columns;
mod connections;
mod destination;
mod service;

use std::cell::RefCell;
use std::io::{self, Write};

use lvs::ipvs::{Daemon, Destination, Info, ServiceEntry, Stats, Timeouts};
use lvs::netlink::Transport;
use lvs::proc::DestinationTable;
use lvs::ruleset::syntax::{self, Loss, append_destination, append_identity, append_service};
use lvs::table::Key;

use super::Names;
use super::command::{Format, Listing, Subject};
use super::error::Error;
use super::source::{self, Pool, Source, sort_destinations};

/// Capacity for all but very long rows.
const ROW_LENGTH: usize = 128;

/// How rows are written.
#[derive(Clone, Copy)]
struct Style<'a> {
    format: Format,
    /// Counters in full.
    exact: bool,
    /// `None` with `-n`.
    names: Option<&'a dyn Names>,
}

/// Writes a listing. If it fails, the rows before the failure are written.
pub(super) fn list<T: Transport>(
    source: &mut Source<T>,
    listing: &Listing,
    names: &dyn Names,
    output: &mut dyn Write,
) -> Result<(), Error> {
    let style = Style {
        format: listing.format,
        exact: listing.exact,
        names: (!listing.numeric).then_some(names),
    };
    match &listing.subject {
        Subject::Table => {
            write_version(output, source.info())?;
            write_columns(output, style.format)?;
            let (services, seen) = match style.format {
                Format::Default => source.plain_table()?,
                _ => (source.services(false)?, None),
            };
            write_table(source, &services, seen.as_ref(), listing.sorted, style, output)
        }
        Subject::Service(identity) => {
            let entry = source.service(identity)?;
            write_columns(output, style.format)?;
            write_table(source, &[entry], None, listing.sorted, style, output)
        }
        Subject::Connections { engine_data, choice } => {
            let table = source.connections(choice.origin)?;
            connections::write(table, choice, *engine_data, style.names, output)
        }
        Subject::Timeouts => match source.timeouts()? {
            Some(timeouts) => Ok(write_timeouts(output, timeouts)?),
            None => Ok(()),
        },
        Subject::Daemons => Ok(write_daemons(output, &source.daemons()?)?),
    }
}

/// Writes the whole table as commands that `-R` reads back to the same table, services in the order
/// of a listing. Nothing is written until all of it is read: half a table must not replace a file.
/// Entries that no command makes are left out, and are the error.
///
/// Beyond the reference: marks are unsigned, thresholds are written, the third flag of `sh` and
/// `mh` has a name, and a host or service has one only where it reads back to the same value.
pub(super) fn save<T: Transport>(
    source: &mut Source<T>,
    names: Option<&dyn Names>,
    output: &mut dyn Write,
) -> Result<(), Error> {
    let services = source.services(false)?;
    // The kernel's own table has neither thresholds nor tunnels.
    let read = |source: &mut Source<T>, _, entry: &ServiceEntry| {
        source.bare_destinations(&entry.service.identity)
    };
    let mut rules = Vec::new();
    let losses = RefCell::new(Losses::default());
    let write =
        |output: &mut dyn Write, pool: &Pool<'_, Destination>, names: Option<&dyn Names>| {
            let service = &pool.service.service;
            let loss = Loss::of_service(service);
            if !losses.borrow_mut().allow(Key::Service(service.identity), loss) {
                return Ok(());
            }
            // The same in each line of the service: its names are looked up once.
            let mut identity = String::new();
            append_identity(&mut identity, &service.identity, names);
            let mut line = format!("-A {identity}");
            append_service(&mut line, service, syntax::Style::Full);
            line.push('\n');
            output.write_all(line.as_bytes())?;
            pool.destinations.iter().try_for_each(|destination| {
                let key = Key::of(service.identity, destination);
                let loss = Loss::of_destination(&service.identity, destination);
                if !losses.borrow_mut().allow(key, loss) {
                    return Ok(());
                }
                line.clear();
                line.push_str("-a ");
                line.push_str(&identity);
                append_destination(
                    &mut line,
                    &service.identity,
                    destination,
                    syntax::Style::Full,
                    names,
                );
                line.push('\n');
                output.write_all(line.as_bytes())
            })
        };
    source::write_pools(source, &services, true, names, &mut rules, read, write)?;
    output.write_all(&rules)?;
    losses.into_inner().into_result()
}

/// What a saved table lacks.
#[derive(Default)]
struct Losses {
    lines: Vec<String>,
    more: usize,
}

impl Losses {
    /// Entries that are named at most.
    const MOST: usize = 20;

    /// Notes what is lost of an entry, and returns whether there is a line for it.
    fn allow(&mut self, key: Key, loss: Option<Loss>) -> bool {
        let Some(loss) = loss else { return true };
        let saved = loss.leaves_a_line();
        if self.lines.len() < Self::MOST {
            let what = if saved { "not saved as it is" } else { "not saved" };
            self.lines.push(format!("{what}: {key}: {loss}"));
        } else {
            self.more += 1;
        }
        saved
    }

    fn into_result(mut self) -> Result<(), Error> {
        if self.more > 0 {
            self.lines.push(format!("not saved: {} more entries", self.more));
        }
        match self.lines.as_slice() {
            [] => Ok(()),
            lines => Err(Error::NotSaved(lines.join("\n"))),
        }
    }
}

fn write_table<T: Transport>(
    source: &mut Source<T>,
    services: &[ServiceEntry],
    seen: Option<&DestinationTable>,
    sorted: bool,
    style: Style<'_>,
    output: &mut dyn Write,
) -> Result<(), Error> {
    let read = |source: &mut Source<T>, place, entry: &ServiceEntry| match seen {
        Some(table) if sorted => {
            Ok(Some(sort_destinations(table.destinations(place), |entry| &entry.destination)))
        }
        Some(table) => Ok(Some(table.destinations(place))),
        None => source.destinations(&entry.service.identity, sorted),
    };
    source::write_pools(
        source,
        services,
        sorted,
        style.names,
        output,
        read,
        |output, pool, names| {
            let style = Style { names, ..style };
            service::write_row(output, pool.service, style)?;
            let identity = &pool.service.service.identity;
            pool.destinations
                .iter()
                .try_for_each(|entry| destination::write_row(output, identity, entry, style))
        },
    )
}

/// Connections, packets and bytes, in total or per second.
const fn counters(stats: &Stats, rates: bool) -> [u64; 5] {
    let Stats { connections, packets_in, packets_out, bytes_in, bytes_out, rates: second, .. } =
        stats;
    if rates {
        let (packets_in, packets_out) = (second.packets_in, second.packets_out);
        [second.connections, packets_in, packets_out, second.bytes_in, second.bytes_out]
    } else {
        [*connections, *packets_in, *packets_out, *bytes_in, *bytes_out]
    }
}

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
fn write_version(output: &mut dyn Write, info: Info) -> io::Result<()> {
    let Info { version, table_size, .. } = info;
    writeln!(output, "IP Virtual Server version {version} (size={table_size})")
}

/// The two lines with the column titles.
fn write_columns(output: &mut dyn Write, format: Format) -> io::Result<()> {
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
fn write_daemons(output: &mut dyn Write, daemons: &[Daemon]) -> io::Result<()> {
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

fn write_timeouts(output: &mut dyn Write, timeouts: Timeouts) -> io::Result<()> {
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

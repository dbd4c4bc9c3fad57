//! The text formats of Prometheus.
//!
//! The families `node_ipvs_…` have the names and labels of the IPVS collector of node_exporter, so that
//! existing dashboards show them.

use std::io::{self, Write};

use crate::config::Label;
use crate::doctor::Severity;
use crate::lvsctl::health::Health;
use crate::lvsctl::input::Labels;
use crate::lvsctl::sample::{Sample, ServiceSample};
use crate::lvsctl::values::Per;
use lvs::ipvs::{AddressFamily, DaemonState, DestinationEntry, ServiceIdentity, Stats};
use lvs::table;

/// The form of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Version 0.0.4, which the textfile collector of node_exporter reads.
    Prometheus,
    /// OpenMetrics 1.0, if a scrape asks for it.
    OpenMetrics,
}

impl Format {
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// A counter of [`Stats`]: its name, its help text, and its value.
type Counter = (&'static str, &'static str, fn(&Stats) -> u64);

const COUNTERS: [Counter; 5] = [
    ("connections", "Connections scheduled.", |it| it.connections),
    ("incoming_packets", "Packets from clients.", |it| it.packets_in),
    ("outgoing_packets", "Packets to clients.", |it| it.packets_out),
    ("incoming_bytes", "Bytes from clients.", |it| it.bytes_in),
    ("outgoing_bytes", "Bytes to clients.", |it| it.bytes_out),
];

/// The same of a destination.
type Gauge = (&'static str, &'static str, fn(&DestinationEntry) -> u32);

const GAUGES: [Gauge; 3] = [
    ("connections_active", "Active connections.", |it| it.active_connections),
    ("connections_inactive", "Inactive connections.", |it| it.inactive_connections),
    ("weight", "Weight of the real server.", |it| it.destination.weight),
];

pub(super) fn write(
    sample: &Sample,
    labels: &Labels,
    health: Option<&Health>,
    format: Format,
    output: &mut dyn Write,
) -> io::Result<()> {
    let mut page = Page { output, format };
    for (name, help, value) in COUNTERS {
        page.family(&format!("node_ipvs_{name}"), Kind::Counter, help)?;
        page.sample(&format!("node_ipvs_{name}_total"), "", value(&sample.totals))?;
    }
    if sample.per >= Per::Service {
        per_service(&mut page, sample, labels)?;
    }
    if sample.per >= Per::Destination {
        per_destination(&mut page, sample, labels)?;
    }
    if let Some(health) = health {
        of_health(&mut page, health)?;
    }
    match format {
        Format::Prometheus => Ok(()),
        Format::OpenMetrics => page.output.write_all(b"# EOF\n"),
    }
}

fn of_health(page: &mut Page<'_>, health: &Health) -> io::Result<()> {
    let help = "Items that differ from the file, or from what lvsctl set.";
    page.family("lvs_drift_items", Kind::Gauge, help)?;
    page.sample("lvs_drift_items", "", health.drift.len() as u64)?;
    if health.findings.is_some() {
        page.family("lvs_findings", Kind::Gauge, "Findings of lvsctl doctor.")?;
    }
    for severity in [Severity::Failure, Severity::Warning, Severity::Advice] {
        if let Some(count) = health.count(severity) {
            page.sample("lvs_findings", &format!("severity=\"{severity}\""), count as u64)?;
        }
    }
    Ok(())
}

fn per_service(page: &mut Page<'_>, sample: &Sample, labels: &Labels) -> io::Result<()> {
    for (name, help, value) in COUNTERS {
        page.family(&format!("lvs_service_{name}"), Kind::Counter, help)?;
        for it in &sample.services {
            let of = of_service(it, labels);
            page.sample(&format!("lvs_service_{name}_total"), &of, value(&it.service.stats))?;
        }
    }
    page.family("lvs_service_destinations", Kind::Gauge, "Real servers in the table.")?;
    for it in &sample.services {
        let count = it.destinations.len() as u64;
        page.sample("lvs_service_destinations", &of_service(it, labels), count)?;
    }
    for (name, help, value) in GAUGES {
        let name = format!("node_ipvs_backend_{name}");
        page.family(&name, Kind::Gauge, help)?;
        // No label beyond those of node_exporter.
        of_destinations(page, sample, &Labels::new(), &name, |it| value(it).into())?;
    }
    page.family("lvs_sync_daemon", Kind::Gauge, "Running synchronization daemons.")?;
    for daemon in &sample.daemons {
        let state = match daemon.state {
            DaemonState::Master => "master",
            DaemonState::Backup => "backup",
        };
        let of = format!(
            "state=\"{state}\",interface=\"{}\",sync_id=\"{}\"",
            escaped(&daemon.interface),
            daemon.sync_id
        );
        page.sample("lvs_sync_daemon", &of, 1)?;
    }
    Ok(())
}

fn per_destination(page: &mut Page<'_>, sample: &Sample, labels: &Labels) -> io::Result<()> {
    for (name, help, value) in COUNTERS {
        page.family(&format!("lvs_destination_{name}"), Kind::Counter, help)?;
        let name = format!("lvs_destination_{name}_total");
        of_destinations(page, sample, labels, &name, |it| value(&it.stats))?;
    }
    let name = "lvs_destination_connections_persistent";
    page.family(name, Kind::Gauge, "Persistence templates.")?;
    of_destinations(page, sample, labels, name, |it| it.persistent_connections.into())
}

/// The samples of one family, of each destination.
fn of_destinations(
    page: &mut Page<'_>,
    sample: &Sample,
    labels: &Labels,
    name: &str,
    value: impl Fn(&DestinationEntry) -> u64,
) -> io::Result<()> {
    for it in &sample.services {
        let identity = it.service.service.identity;
        let local = local(&identity);
        for entry in &it.destinations {
            let destination = &entry.destination;
            let label = named(labels.get(&table::Key::of(identity, destination)));
            let (address, port) = (destination.address, destination.port);
            let of = format!("{local},remote_address=\"{address}\",remote_port=\"{port}\"{label}");
            page.sample(name, &of, value(entry))?;
        }
    }
    Ok(())
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Counter,
    Gauge,
}

struct Page<'a> {
    output: &'a mut dyn Write,
    format: Format,
}

impl Page<'_> {
    /// The head of a family. Its name has no `_total` in OpenMetrics.
    fn family(&mut self, name: &str, kind: Kind, help: &str) -> io::Result<()> {
        let (suffix, kind) = match (kind, self.format) {
            (Kind::Counter, Format::Prometheus) => ("_total", "counter"),
            (Kind::Counter, Format::OpenMetrics) => ("", "counter"),
            (Kind::Gauge, _) => ("", "gauge"),
        };
        writeln!(self.output, "# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {kind}")
    }

    fn sample(&mut self, name: &str, labels: &str, value: u64) -> io::Result<()> {
        match labels {
            "" => writeln!(self.output, "{name} {value}"),
            labels => writeln!(self.output, "{name}{{{labels}}} {value}"),
        }
    }
}

/// The labels of node_exporter: `FWM` and the mark as the kernel prints it for a firewall mark.
fn local(identity: &ServiceIdentity) -> String {
    let (address, port, protocol, mark) = match *identity {
        ServiceIdentity::Address { protocol, address, port } => {
            let name = protocol.name().map_or(protocol.0.to_string(), str::to_uppercase);
            (address.to_string(), port, name, String::new())
        }
        ServiceIdentity::Mark { mark, .. } => {
            (String::new(), 0, "FWM".to_owned(), format!("{mark:08X}"))
        }
    };
    format!(
        "local_address=\"{address}\",local_port=\"{port}\",proto=\"{protocol}\",local_mark=\"{mark}\""
    )
}

fn of_service(it: &ServiceSample, labels: &Labels) -> String {
    let identity = &it.service.service.identity;
    let name = named(labels.get(&table::Key::Service(*identity)));
    let family = match identity {
        // The label of the mark does not tell the two apart.
        ServiceIdentity::Mark { .. } => match identity.family() {
            AddressFamily::Ipv4 => ",family=\"ipv4\"",
            AddressFamily::Ipv6 => ",family=\"ipv6\"",
        },
        ServiceIdentity::Address { .. } => "",
    };
    format!("{}{family}{name}", local(identity))
}

fn named(label: Option<&Label>) -> String {
    match label.and_then(|label| label.name.as_ref()) {
        Some(name) => format!(",name=\"{}\"", escaped(name)),
        None => String::new(),
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

//! The command line.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{OsStringValueParser, PossibleValue, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::log::Run;
use super::values::{self, Kind, Per, RealServer, Traced};
use crate::doctor::Symptom;
use crate::host::InterfaceName;
use crate::policy::{Listener, Mode, Role};
use lvs::ipvs::ServiceIdentity;
use lvs::netlink::Namespace;

/// Default directory of the journal.
pub(super) const STATE_DIRECTORY: &str = "/run/lvsctl";

/// Sets up Linux Virtual Server directors and real servers, and reverts all its changes.
#[derive(Debug, Parser)]
#[command(name = "lvsctl", version, max_term_width = 100)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) options: Options,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Clone, Debug, Args)]
pub(super) struct Options {
    /// Print the steps as shell commands; change nothing.
    #[arg(long, global = true)]
    pub(super) dry_run: bool,
    /// Print one JSON object.
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Work in this network namespace: a name of `ip netns`, a path, or the PID of a process.
    #[arg(long, global = true, value_name = "NAME|PATH|PID",
          value_parser = OsStringValueParser::new().map(|word| Namespace::from(word.as_os_str())))]
    pub(super) netns: Option<Namespace>,
    /// Directory of the journal.
    #[arg(long, global = true, value_name = "DIR", default_value = STATE_DIRECTORY)]
    pub(super) state_dir: PathBuf,
    /// Wait for another running lvsctl, for at most this time.
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 0)]
    pub(super) wait: u32,
    /// Trace netlink messages and sysctl writes on standard error.
    #[arg(short, long, global = true)]
    pub(super) verbose: bool,
    /// Of the command that changes the machine.
    #[arg(skip)]
    pub(super) change: ChangeFlags,
    /// Of this process, for the log.
    #[arg(skip)]
    pub(super) run: Run,
}

/// Options of every command that changes the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub(super) struct ChangeFlags {
    /// Revert the change after this time, unless `lvsctl confirm` is run before.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86400))]
    pub(super) confirm: Option<u32>,
    /// Take a virtual address even if another machine answers for it, and change the route to the peer
    /// of this ssh session without --confirm; `undo` keeps what others changed since.
    #[arg(long)]
    pub(super) force: bool,
}

impl Options {
    pub(super) fn with(&self, change: &ChangeFlags) -> Self {
        Self { change: change.clone(), ..self.clone() }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    #[command(flatten)]
    Setup(SetupCommand),
    #[command(flatten)]
    File(FileCommand),
    /// Revert the last `apply`, to the state before it.
    Undo {
        #[command(flatten)]
        change: ChangeFlags,
    },
    /// Print what lvsctl changed here, when, by whom, and how it ended.
    Log,
    /// Give a real server no new connections, and wait until those that it has have ended; exit 2 if
    /// some have not.
    Drain(DrainFlags),
    /// Give a real server that was drained its previous weight again.
    Resume(ResumeFlags),
    /// Probe the real servers from this director, by the path that packets of clients take; exit 0 if
    /// all answer, 1 if not.
    Check(CheckFlags),
    /// Compare two directors that are to agree; exit 0 if they do, 2 if not.
    Compare(CompareFlags),
    /// Print the table and its counters for Prometheus.
    Metrics(MetricsFlags),
    /// Show services and real servers with their rates and connections; elsewhere than on a terminal,
    /// print a line of JSON per reading.
    Top(TopFlags),
    /// Print each change of the table and of the synchronization daemons, as the command that makes it.
    Monitor(MonitorFlags),
    /// Check a file as far as that is possible without the machine; exit 0 if it is valid, 1 if not.
    Validate {
        /// Cluster file, or `ipvsadm -S` output; - for standard input.
        file: PathBuf,
    },
    /// Keep the change that waits to be confirmed; see --confirm.
    Confirm(ConfirmFlags),
    /// Write a systemd unit and drop-ins that apply a cluster file at every boot.
    Install(InstallFlags),
    /// Remove what `install` wrote.
    Uninstall(UninstallFlags),
    /// Report what is wrong with this machine, why, and how to fix it; exit 0 if nothing, 1 with
    /// failures, 2 with warnings only, 3 if something could not be read.
    Doctor(DoctorFlags),
    /// Follow requests and replies through this machine, stage by stage; exit 0 if they pass, 1 if they
    /// stop, 3 if a stage cannot be judged.
    Trace(TraceFlags),
    /// Write all facts that the doctor reads to a file, for `doctor --from`.
    Snapshot {
        /// The file; - for standard output.
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum SetupCommand {
    /// Manage the role of director, to which clients connect and which forwards their connections.
    #[command(subcommand)]
    Director(DirectorCommand),
    /// Manage the role of real server, which answers the connections.
    #[command(subcommand)]
    RealServer(RealServerCommand),
}

#[derive(Debug, Subcommand)]
pub(super) enum FileCommand {
    /// Make this machine match a cluster file, or its table the output of `ipvsadm -S`.
    Apply {
        #[command(flatten)]
        flags: FileFlags,
        #[command(flatten)]
        change: ChangeFlags,
    },
    /// Print what `apply` would change; exit 0 if in sync, 2 if it differs.
    Diff(FileFlags),
    /// Revert what `apply` changed.
    Down {
        /// Name of the cluster, which needs no file; or cluster file, or `ipvsadm -S` output.
        #[arg(value_name = "NAME|FILE")]
        cluster: PathBuf,
        #[command(flatten)]
        change: ChangeFlags,
    },
    /// Compare this machine with a cluster file, or with everything that lvsctl set here; exit 0 if
    /// in sync, 2 if it differs.
    Status {
        /// Cluster file, or `ipvsadm -S` output.
        file: Option<PathBuf>,
        /// Role of this machine; by default found by its addresses.
        #[arg(long, value_parser = values::role())]
        role: Option<Role>,
    },
}

#[derive(Debug, Args)]
pub(super) struct FileFlags {
    /// Cluster file, or `ipvsadm -S` output.
    pub(super) file: PathBuf,
    /// Role of this machine; by default found by its addresses.
    #[arg(long, value_parser = values::role())]
    pub(super) role: Option<Role>,
    /// Keep the weights of existing real servers, which a health checker manages.
    #[arg(long)]
    pub(super) keep_weights: bool,
    /// Remove every service and destination that is not in the file.
    #[arg(long)]
    pub(super) exclusive: bool,
    /// Wait so long for the connections of real servers that the file no longer has; delete each when
    /// it has none.
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub(super) drain: Option<Duration>,
    /// Delete real servers that the file no longer has although they have connections, and reset
    /// these; with --drain, at the end of that time.
    #[arg(long)]
    pub(super) cut: bool,
    /// Put the destinations into the order of the file where the scheduler depends on it (sh, dh, mh,
    /// lblc, lblcr, fo, ovf); new connections of some clients go to another real server.
    #[arg(long)]
    pub(super) reorder: bool,
    /// Permitted kinds of change; a plan with any other is refused. All by default.
    #[arg(long, value_name = "KIND[,KIND]...", value_delimiter = ',')]
    pub(super) allow: Option<Vec<Kind>>,
}

/// A real server of the table.
#[derive(Debug, Args)]
pub(super) struct RealFlags {
    /// The real server; with a port, only the destinations with that port.
    #[arg(value_name = "REAL[:PORT]", value_parser = values::endpoint)]
    pub(super) real: (IpAddr, Option<u16>),
    /// Only as a destination of this service, such as tcp://192.168.10.10:80 or fwmark://7.
    #[arg(long, value_name = "SERVICE", value_parser = values::service)]
    pub(super) service: Option<ServiceIdentity>,
}

#[derive(Debug, Args)]
pub(super) struct DrainFlags {
    #[command(flatten)]
    pub(super) server: RealFlags,
    /// How long to wait for the connections to end.
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = values::duration)]
    pub(super) within: Duration,
    /// What becomes of the real server then.
    #[arg(long, value_name = "STATE", value_enum, default_value_t = Then::Keep)]
    pub(super) then: Then,
    /// Reset the connections that are left at the end.
    #[arg(long)]
    pub(super) cut: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Then {
    /// Stay in the table with weight 0.
    Keep,
    /// Be deleted from the table; only if it has no connections.
    Delete,
}

#[derive(Debug, Args)]
pub(super) struct ResumeFlags {
    #[command(flatten)]
    pub(super) server: RealFlags,
    /// Raise the weight in steps, over this time.
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub(super) over: Option<Duration>,
}

#[derive(Debug, Args)]
pub(super) struct CheckFlags {
    /// Cluster file or `ipvsadm -S` output, or a service of the table such as
    /// tcp://192.168.10.10:80; by default the whole table.
    #[arg(value_name = "FILE|SERVICE")]
    pub(super) subject: Option<PathBuf>,
    /// Only this real server.
    #[arg(long, value_name = "REAL[:PORT]", value_parser = values::endpoint)]
    pub(super) real: Option<(IpAddr, Option<u16>)>,
    /// How packets reach the real server, if it is not in the table (any more).
    #[arg(long, requires = "real", value_parser = values::mode())]
    pub(super) mode: Option<Mode>,
    /// Address and port that clients use, such as tcp://192.168.10.10:80, of a service by mark or of
    /// every port.
    #[arg(long, value_name = "SERVICE", value_parser = values::service)]
    pub(super) to: Option<ServiceIdentity>,
    /// How long to wait for an answer.
    #[arg(long, value_name = "DURATION", default_value = "3", value_parser = values::duration)]
    pub(super) timeout: Duration,
}

#[derive(Debug, Args)]
pub(super) struct CompareFlags {
    /// File written by `lvsctl snapshot` on one director; - for standard input.
    pub(super) first: PathBuf,
    /// The same of the other; by default this machine is looked at.
    pub(super) second: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct MetricsFlags {
    /// Cluster file with the names of services and real servers.
    pub(super) file: Option<PathBuf>,
    /// Role of this machine, for --drift; by default found by its addresses.
    #[arg(long, requires = "file", value_parser = values::role())]
    pub(super) role: Option<Role>,
    /// Count the items that differ from the file, or from what lvsctl has set.
    #[arg(long)]
    pub(super) drift: bool,
    /// Count the findings of the doctor, too, who takes longer than the table.
    #[arg(long)]
    pub(super) findings: bool,
    /// How far the metrics go into detail.
    #[arg(long, value_name = "DETAIL", value_enum, default_value_t = Per::Service)]
    pub(super) per: Per,
    /// Serve the metrics over HTTP, at /metrics of this address.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(super) listen: Option<SocketAddr>,
    /// Replace this file at once, for the textfile collector of node_exporter.
    #[arg(long, value_name = "FILE", conflicts_with = "listen")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct TopFlags {
    /// Cluster file, or `ipvsadm -S` output: the names, and what drift is compared with.
    pub(super) file: Option<PathBuf>,
    /// Role of this machine; by default found by its addresses.
    #[arg(long, requires = "file", value_parser = values::role())]
    pub(super) role: Option<Role>,
    /// How often the table is read.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = values::interval)]
    pub(super) interval: Duration,
}

#[derive(Debug, Args)]
pub(super) struct MonitorFlags {
    /// Cluster file, or `ipvsadm -S` output, with the names of services and real servers.
    pub(super) file: Option<PathBuf>,
    /// How often the table is read.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = values::interval)]
    pub(super) interval: Duration,
    /// Begin with what is in the table, as if it had just been added.
    #[arg(long)]
    pub(super) initial: bool,
}

#[derive(Debug, Args)]
pub(super) struct ConfirmFlags {
    /// Revert the change now.
    #[arg(long)]
    pub(super) revert: bool,
    /// Wait for the end of the time, and revert the change then.
    #[arg(long, hide = true, conflicts_with = "revert")]
    pub(super) watch: bool,
}

#[derive(Debug, Args)]
pub(super) struct InstallFlags {
    /// Cluster file; it is copied to /etc/lvsctl.
    pub(super) file: PathBuf,
    /// Role of this machine; by default found by its addresses, at every boot again.
    #[arg(long, value_parser = values::role())]
    pub(super) role: Option<Role>,
    /// Apply with --keep-weights.
    #[arg(long)]
    pub(super) keep_weights: bool,
    /// Apply with --exclusive.
    #[arg(long)]
    pub(super) exclusive: bool,
    /// Write below this directory.
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub(super) root: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct UninstallFlags {
    /// Name of the cluster, or cluster file; by default the only cluster that is installed.
    #[arg(value_name = "NAME|FILE")]
    pub(super) cluster: Option<String>,
    /// Remove below this directory.
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub(super) root: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(super) enum DirectorCommand {
    /// Make this machine the director of the services.
    Up(DirectorFlags),
    /// Revert that; without --service, for every service of the addresses.
    Down(DirectorFlags),
    /// Compare actual and desired state; exit 0 if in sync, 2 if they differ.
    Status(DirectorFlags),
}

#[derive(Debug, Subcommand)]
pub(super) enum RealServerCommand {
    /// Make this machine a real server of the addresses.
    Up(RealServerFlags),
    /// Revert that.
    Down(RealServerFlags),
    /// Compare actual and desired state; exit 0 if in sync, 2 if they differ.
    Status(RealServerFlags),
}

#[derive(Debug, Args)]
pub(super) struct AddressFlags {
    /// How packets reach the real servers; `down` and `status` take it from the journal by default.
    #[arg(long, value_parser = values::mode())]
    pub(super) mode: Option<Mode>,
    /// Virtual address that clients connect to; may be repeated.
    #[arg(long = "vip", value_name = "VIP", required = true, value_parser = values::virtual_address)]
    pub(super) vips: Vec<IpAddr>,
    /// Interface that faces the clients (director) or the director (real server); by default the
    /// one whose subnet holds the virtual address, or the gateway.
    #[arg(long, value_name = "INTERFACE")]
    pub(super) device: Option<InterfaceName>,
}

#[derive(Debug, Args)]
pub(super) struct RealServerFlags {
    #[command(flatten)]
    pub(super) addresses: AddressFlags,
    /// Address of the director, which all replies pass (nat); may be repeated, once per address
    /// family.
    #[arg(long = "gateway", value_name = "DIP", value_parser = values::unicast)]
    pub(super) gateways: Vec<IpAddr>,
    /// Do not make the default routes announce an MSS that fits the tunnel (tun).
    #[arg(long)]
    pub(super) no_advmss: bool,
    #[command(flatten)]
    pub(super) change: ChangeFlags,
}

#[derive(Debug, Args)]
pub(super) struct DirectorFlags {
    #[command(flatten)]
    pub(super) addresses: AddressFlags,
    /// Service on each virtual address, such as tcp:80; may be repeated.
    #[arg(long = "service", value_name = "PROTO:PORT", value_parser = values::listener)]
    pub(super) services: Vec<Listener>,
    /// Scheduler of each service.
    #[arg(long, default_value = "wlc", value_parser = values::scheduler)]
    pub(super) scheduler: String,
    /// Real server of each service, such as 192.168.10.2,weight=3; may be repeated. Only nat may
    /// have another port than the service.
    #[arg(long = "real", value_name = "RIP[:PORT][,weight=N]", value_parser = values::real_server)]
    pub(super) reals: Vec<RealServer>,
    #[command(flatten)]
    pub(super) change: ChangeFlags,
}

#[derive(Debug, Default, Args)]
pub(super) struct DoctorFlags {
    /// Cluster file, or `ipvsadm -S` output: the desired state of this machine.
    #[arg(conflicts_with_all = ["undo", "watch"])]
    pub(super) file: Option<PathBuf>,
    /// Role of this machine; by default found by its addresses.
    #[arg(long, requires = "file", value_parser = values::role())]
    pub(super) role: Option<Role>,
    /// Make the repairs that lvsctl can make itself, after showing them.
    #[arg(long)]
    pub(super) fix: bool,
    /// Do not ask before making repairs.
    #[arg(long, requires = "fix")]
    pub(super) yes: bool,
    /// Revert all repairs of --fix.
    #[arg(long, conflicts_with = "fix")]
    pub(super) undo: bool,
    /// What you observe; the checks that explain it come first.
    #[arg(long)]
    pub(super) symptom: Option<Symptom>,
    /// Read the counters twice, SECONDS apart, and show those that increased.
    #[arg(long, value_name = "SECONDS", conflicts_with_all = ["fix", "undo", "symptom"],
          value_parser = clap::value_parser!(u64).range(1..=86400))]
    pub(super) watch: Option<u64>,
    /// Probe for duplicate VIPs (ARP/ND) and for the path MTU to tunnel real servers.
    #[arg(long, conflicts_with_all = ["from", "undo", "watch"])]
    pub(super) probe: bool,
    /// Read a file written by `lvsctl snapshot`, here or on another machine.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["fix", "undo", "watch"])]
    pub(super) from: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct TraceFlags {
    /// Service, such as 192.168.10.10:80, tcp://192.168.10.10:80 or fwmark://7; all by default.
    #[arg(value_name = "SERVICE", value_parser = values::traced)]
    pub(super) service: Option<Traced>,
    /// Address of a client; by default one of each network that clients may be in.
    #[arg(long, value_name = "CLIENT", value_parser = values::unicast)]
    pub(super) from: Option<IpAddr>,
    /// Role of this machine; by default found by its table and addresses.
    #[arg(long, value_parser = values::role())]
    pub(super) role: Option<Role>,
}

impl ValueEnum for Symptom {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, help) = self.described();
        Some(PossibleValue::new(name).help(help))
    }
}

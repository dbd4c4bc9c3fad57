//! What this kernel lacks, modules or schedulers, and what it does not permit to this process.

use std::fs::{self, DirEntry, File};
use std::io::Read;
use std::path::Path;

use lvs::ipvs::Service;
use lvs::ruleset::syntax::SCHEDULERS;

use super::usage::nearest;

/// Longest list of modules that is read, in bytes; a distribution's has about half a MiB.
const MAX_LIST: u64 = 16 << 20;

/// `CAP_NET_ADMIN` of `linux/capability.h`.
const NET_ADMIN: u32 = 12;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Module {
    Loaded,
    BuiltIn,
    /// Not loaded, but installed.
    Loadable,
    Absent,
    /// There is no list of modules, as in most containers.
    Unknown,
}

/// The modules of a kernel, by the lists of the kernel and of depmod(8).
#[derive(Debug, Default)]
pub(super) struct Modules {
    release: String,
    /// `/proc/modules`.
    loaded: String,
    /// `modules.builtin`.
    built_in: Option<String>,
    /// `modules.dep`.
    loadable: Option<String>,
}

impl Modules {
    pub(super) fn of_this_kernel() -> Self {
        let release = read("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned();
        Self {
            loaded: read("/proc/modules").unwrap_or_default(),
            built_in: read(format!("/lib/modules/{release}/modules.builtin")),
            loadable: read(format!("/lib/modules/{release}/modules.dep")),
            release,
        }
    }

    /// Finds a module by its name, in which dashes and underscores are the same.
    fn find(&self, name: &str) -> Module {
        let underscored = name.replace('-', "_");
        let loaded = |line: &str| line.split(' ').next() == Some(underscored.as_str());
        let in_list = |list: &Option<String>| {
            list.iter().flat_map(|list| list.lines()).any(|line| module(line) == underscored)
        };
        if self.loaded.lines().any(loaded) {
            Module::Loaded
        } else if in_list(&self.built_in) {
            Module::BuiltIn
        } else if in_list(&self.loadable) {
            Module::Loadable
        } else if self.built_in.is_none() && self.loadable.is_none() {
            Module::Unknown
        } else {
            Module::Absent
        }
    }

    /// The sorted names of all modules with a prefix.
    fn starting_with(&self, prefix: &str) -> Vec<String> {
        let lists = self.built_in.iter().chain(&self.loadable);
        let mut names: Vec<_> = lists
            .flat_map(|list| list.lines())
            .map(module)
            .filter(|name| name.starts_with(prefix))
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Why a module is missing, and what helps.
    fn lack_of(&self, name: &str) -> String {
        let name = name.escape_debug();
        let release = &self.release;
        match self.find(&name.to_string()) {
            Module::Loaded => format!("{name} is loaded"),
            Module::BuiltIn => format!("{name} is built into this kernel"),
            Module::Loadable => format!(
                "the module {name} is there, but the kernel could not load it: see the output of \
                 `modprobe {name}` as root"
            ),
            Module::Absent => format!(
                "this kernel ({release}) has no {name}, neither built in nor as a module under \
                 /lib/modules/{release}"
            ),
            Module::Unknown => format!(
                "the kernel could not load {name}, and /lib/modules/{release} is missing; in a \
                 container, load it on the host: `modprobe {name}`"
            ),
        }
    }

    /// Why the kernel has no IPVS.
    pub(super) fn why_no_ipvs(&self) -> String {
        let cure = match self.find("ip_vs") {
            Module::Loaded | Module::BuiltIn => {
                ", but does not answer in this network namespace: see `dmesg`"
            }
            Module::Absent => {
                ": install the package with all modules of this kernel, or a kernel with \
                 CONFIG_IP_VS"
            }
            Module::Loadable | Module::Unknown => "",
        };
        format!("IPVS: {}{cure}.", self.lack_of("ip_vs"))
    }
}

/// The module of a line of `modules.dep` or `modules.builtin`:
/// `kernel/net/netfilter/ipvs/ip_vs_rr.ko.xz: kernel/…`.
fn module(line: &str) -> String {
    let path = line.split(':').next().unwrap_or_default();
    let file = path.rsplit('/').next().unwrap_or_default();
    file.split(".ko").next().unwrap_or_default().replace('-', "_")
}

fn read(path: impl AsRef<Path>) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MAX_LIST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// For a scheduler or persistence engine that the kernel does not have. The kernel requests the module
/// `ip_vs_NAME` or `ip_vs_pe_NAME` (`request_module` in net/netfilter/ipvs).
pub(super) fn missing_scheduler(service: &Service, modules: &Modules) -> String {
    let scheduler = &service.scheduler;
    let module = modules.find(&format!("ip_vs_{scheduler}"));
    if let (Module::Absent | Module::Unknown, Some(near)) = (module, near_scheduler(scheduler)) {
        let scheduler = scheduler.escape_debug();
        return format!("There is no scheduler {scheduler}: did you mean -s {near}?");
    }
    let mut sentences = Vec::new();
    // The name of no scheduler at all.
    if scheduler != "none" {
        sentences.extend(lack("Scheduler", scheduler, &format!("ip_vs_{scheduler}"), modules));
    }
    if let Some(engine) = &service.persistence_engine {
        let module = format!("ip_vs_pe_{engine}");
        sentences.extend(lack("Persistence engine", engine, &module, modules));
    }
    if sentences.is_empty() {
        return "The modules are there, but the kernel does not accept them: see `dmesg`."
            .to_owned();
    }
    let schedulers = schedulers(modules);
    if modules.find(&format!("ip_vs_{scheduler}")) == Module::Absent && !schedulers.is_empty() {
        sentences.push(format!("This kernel has the schedulers {}.", schedulers.join(", ")));
    }
    sentences.join(" ")
}

/// Why a service cannot have a scheduler of this name: Linux has none, and no kernel that is installed
/// below the root has its module.
pub(crate) fn unknown_scheduler(name: &str, root: &Path) -> Option<String> {
    let wanted = format!("ip_vs_{}", name.replace('-', "_"));
    let has_module = |kernel: DirEntry| {
        let list = read(kernel.path().join("modules.dep")).unwrap_or_default();
        list.lines().any(|line| module(line) == wanted)
    };
    let mut kernels = fs::read_dir(root.join("lib/modules")).into_iter().flatten().flatten();
    if SCHEDULERS.contains(&name) || kernels.any(has_module) {
        return None;
    }
    let cure = match near_scheduler(name) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("write one of {}, or install the module {wanted}", SCHEDULERS.join(", ")),
    };
    Some(format!("there is no scheduler {}: {cure}", name.escape_debug()))
}

/// The scheduler that was probably meant: by its name in other programs and in the documentation of the
/// kernel, or one that is spelt alike.
fn near_scheduler(name: &str) -> Option<&'static str> {
    const NAMES: [(&str, &[&str]); 9] = [
        ("rr", &["roundrobin"]),
        ("wrr", &["weightedroundrobin", "weighted"]),
        ("lc", &["leastconn", "leastconnection", "leastconnections"]),
        ("wlc", &["wleastconn", "weightedleastconn", "weightedleastconnection"]),
        ("sh", &["source", "sourcehash", "sourcehashing", "iphash", "hash"]),
        ("dh", &["destinationhash", "destinationhashing"]),
        ("mh", &["maglev", "maglevhash", "maglevhashing"]),
        ("sed", &["shortestexpecteddelay"]),
        ("nq", &["neverqueue"]),
    ];
    let plain = name.to_lowercase().replace(['-', '_', ' '], "");
    let known = NAMES.iter().find(|(_, names)| names.contains(&plain.as_str()));
    let known = known.map(|(scheduler, _)| *scheduler);
    let other = |near: &&str| *near != name;
    known.or_else(|| nearest(&plain, SCHEDULERS.iter().copied()).filter(other))
}

fn lack(what: &str, name: &str, module: &str, modules: &Modules) -> Option<String> {
    let there = matches!(modules.find(module), Module::Loaded | Module::BuiltIn);
    (!there).then(|| format!("{what} {}: {}.", name.escape_debug(), modules.lack_of(module)))
}

fn schedulers(modules: &Modules) -> Vec<String> {
    let names = modules.starting_with("ip_vs_");
    let names = names.iter().filter_map(|name| name.strip_prefix("ip_vs_"));
    // The FTP helper is the only other module.
    names.filter(|name| !name.starts_with("pe_") && *name != "ftp").map(str::to_owned).collect()
}

/// The privileges of this thread that count for IPVS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Privileges {
    has_net_admin: bool,
    in_initial_user_namespace: bool,
}

impl Privileges {
    pub(super) fn of_this_thread() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        Self::read(&read("/proc/thread-self/status"), &read("/proc/self/uid_map"))
    }

    fn read(status: &str, uid_map: &str) -> Self {
        let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        let effective = effective.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
        let map: Vec<_> = uid_map.split_whitespace().collect();
        Self {
            has_net_admin: effective.is_some_and(|bits| bits >> NET_ADMIN & 1 == 1),
            // The initial one maps every id to itself (user_namespaces(7)); a kernel without user
            // namespaces has no such file.
            in_initial_user_namespace: matches!(map.as_slice(), [] | ["0", "0", "4294967295"]),
        }
    }
}

/// For `EPERM`. The capability counts in the user namespace that owns the network namespace.
pub(super) fn permission(privileges: &Privileges) -> String {
    match privileges {
        Privileges { has_net_admin: false, in_initial_user_namespace: true } => {
            "This process lacks CAP_NET_ADMIN: run it as root (sudo); a container needs \
             --cap-add NET_ADMIN."
        }
        Privileges { has_net_admin: false, in_initial_user_namespace: false } => {
            "This process lacks CAP_NET_ADMIN, and is in a user namespace (/proc/self/uid_map): run it \
             as root outside of it."
        }
        Privileges { has_net_admin: true, in_initial_user_namespace: false } => {
            "This process has CAP_NET_ADMIN in a user namespace only (/proc/self/uid_map), which \
             does not own this network namespace. Netlink operations of IPVS need the initial user \
             namespace, and its socket options the owner of the network namespace: run it as root \
             outside, or in a network namespace of its own (`unshare --net`)."
        }
        Privileges { has_net_admin: true, in_initial_user_namespace: true } => {
            "This process has CAP_NET_ADMIN, so something else forbids the change: a security module \
             (see `dmesg`), or a network namespace that another user namespace owns."
        }
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use lvs::ipvs::ServiceIdentity;

    const INITIAL: &str = "         0          0 4294967295\n";
    const OTHER: &str = "         0       1000          1\n";

    fn some() -> Modules {
        Modules {
            release: "6.1.0".to_owned(),
            loaded: "ip_vs_rr 16384 0 - Live 0x0\nip_vs 1 1 ip_vs_rr, Live 0x0\n".to_owned(),
            built_in: Some("kernel/net/netfilter/ipvs/ip_vs_wlc.ko\n".to_owned()),
            loadable: Some(
                "kernel/net/netfilter/ipvs/ip_vs.ko: kernel/net/a.ko\n\
                 kernel/net/netfilter/ipvs/ip_vs_rr.ko.xz: kernel/net/netfilter/ipvs/ip_vs.ko\n\
                 kernel/net/netfilter/ipvs/ip-vs-mh.ko.zst:\n\
                 kernel/net/netfilter/ipvs/ip_vs_pe_sip.ko: kernel/ip_vs_not.ko\n"
                    .to_owned(),
            ),
        }
    }

    #[test]
    fn module_is_found_by_its_name() {
        let modules = some();
        assert_eq!(modules.find("ip_vs_rr"), Module::Loaded);
        assert_eq!(modules.find("ip_vs_wlc"), Module::BuiltIn);
        assert_eq!(modules.find("ip_vs_mh"), Module::Loadable);
        assert_eq!(modules.find("ip_vs_pe-sip"), Module::Loadable);
        assert_eq!(modules.find("ip_vs_not"), Module::Absent);
        assert_eq!(modules.find(""), Module::Absent);
        assert_eq!(Modules::default().find("ip_vs"), Module::Unknown);
    }

    #[test]
    fn modules_are_found_by_their_prefix() {
        let names = ["ip_vs_mh", "ip_vs_pe_sip", "ip_vs_rr", "ip_vs_wlc"];
        assert_eq!(some().starting_with("ip_vs_"), names);
    }

    #[test]
    fn missing_module_names_its_cure() {
        let absent = Modules { built_in: Some(String::new()), ..Modules::default() };
        assert!(absent.why_no_ipvs().ends_with("or a kernel with CONFIG_IP_VS."));
        let loadable = Modules { loaded: String::new(), ..some() };
        assert!(loadable.why_no_ipvs().contains("`modprobe ip_vs`"));
        assert!(Modules::default().why_no_ipvs().contains("in a container, load it on the host"));
        assert!(some().why_no_ipvs().contains("does not answer in this network namespace"));
        assert!(some().lack_of("a\u{1b}").contains("a\\u{1b}"));
    }

    fn missing(scheduler: &str, engine: Option<&str>) -> String {
        let mut service = Service::new(ServiceIdentity::tcp(Ipv4Addr::LOCALHOST, 80), scheduler);
        service.persistence_engine = engine.map(str::to_owned);
        missing_scheduler(&service, &some())
    }

    #[test]
    fn missing_scheduler_or_engine_is_named() {
        assert_eq!(
            missing("nosuch", None),
            "Scheduler nosuch: this kernel (6.1.0) has no ip_vs_nosuch, neither built in nor as a \
             module under /lib/modules/6.1.0. This kernel has the schedulers mh, rr, wlc."
        );
        assert!(missing("mh", None).starts_with("Scheduler mh: the module ip_vs_mh is there, but"));
        let engine = missing("rr", Some("x"));
        assert!(engine.starts_with("Persistence engine x: this kernel (6.1.0) has no ip_vs_pe_x,"));
        let both = missing("nosuch", Some("sip"));
        assert!(both.contains("ip_vs_nosuch") && both.contains("ip_vs_pe_sip"), "{both}");
        assert!(missing("none", Some("sip")).starts_with("Persistence engine sip: "));
        assert!(missing("wlc", None).starts_with("The modules are there"));
    }

    #[test]
    fn privileges_are_read_from_proc() {
        let read = |capabilities: &str, map| {
            let privileges = Privileges::read(&format!("Name:\tx\nCapEff:\t{capabilities}\n"), map);
            (privileges.has_net_admin, privileges.in_initial_user_namespace)
        };
        assert_eq!(read("000001ffffffffff", INITIAL), (true, true));
        assert_eq!(read("0000000000001000", OTHER), (true, false));
        assert_eq!(read("000001ffffffefff", ""), (false, true));
        let nothing = Privileges { has_net_admin: false, in_initial_user_namespace: true };
        assert_eq!(Privileges::read("", ""), nothing);
    }

    #[test]
    fn each_missing_privilege_is_named() {
        let explain = |has_net_admin, in_initial_user_namespace| {
            permission(&Privileges { has_net_admin, in_initial_user_namespace })
        };
        assert!(explain(false, true).contains("--cap-add NET_ADMIN"));
        assert!(explain(false, false).contains("lacks CAP_NET_ADMIN, and is in a user namespace"));
        assert!(explain(true, false).contains("in a user namespace only"));
        assert!(explain(true, true).contains("something else forbids the change"));
    }
}

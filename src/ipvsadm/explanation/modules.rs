//! Kernel modules, by the lists that depmod(8) and the kernel keep.

use std::fs::File;
use std::io::Read;

/// Longest list that is read, in bytes; a distribution's has about half of one MiB.
const MOST: u64 = 16 << 20;

/// Where a module is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Module {
    Loaded,
    BuiltIn,
    /// Not loaded, but there is a file.
    Loadable,
    Absent,
    /// There is no list, as in most containers.
    Unknown,
}

/// The modules of one kernel.
#[derive(Debug, Default)]
pub(super) struct Modules {
    pub(super) release: String,
    /// `/proc/modules`.
    pub(super) loaded: String,
    /// `modules.builtin`.
    pub(super) built_in: Option<String>,
    /// `modules.dep`.
    pub(super) loadable: Option<String>,
}

impl Modules {
    pub(super) fn of_this_kernel() -> Self {
        let release = read("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned();
        Self {
            loaded: read("/proc/modules").unwrap_or_default(),
            built_in: read(&format!("/lib/modules/{release}/modules.builtin")),
            loadable: read(&format!("/lib/modules/{release}/modules.dep")),
            release,
        }
    }

    /// Where the module of that name is. Dashes and underscores are the same.
    pub(super) fn find(&self, name: &str) -> Module {
        let wanted = name.replace('-', "_");
        let loaded = |line: &str| line.split(' ').next() == Some(wanted.as_str());
        let in_list = |list: &Option<String>| {
            list.iter().flat_map(|list| list.lines()).any(|line| module(line) == wanted)
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

    /// The names of all modules that start so, in order.
    pub(super) fn starting_with(&self, prefix: &str) -> Vec<String> {
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

    /// Why the module of that name is of no use, and what helps.
    pub(super) fn lack_of(&self, name: &str) -> String {
        let name = name.escape_debug();
        let release = &self.release;
        match self.find(&name.to_string()) {
            Module::Loaded => format!("{name} is loaded"),
            Module::BuiltIn => format!("{name} is built into this kernel"),
            Module::Loadable => format!(
                "the module {name} is there, but the kernel could not load it: see what \
                 `modprobe {name}` says as root"
            ),
            Module::Absent => format!(
                "this kernel ({release}) has no {name}, neither built in nor as a module under \
                 /lib/modules/{release}"
            ),
            Module::Unknown => format!(
                "the kernel could not load {name}, and /lib/modules/{release} is not here to tell \
                 why; in a container, load it on the host: `modprobe {name}`"
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

fn read(path: &str) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MOST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn some() -> Modules {
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
    fn where_a_module_is() {
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
    fn names_by_their_beginning() {
        let names = ["ip_vs_mh", "ip_vs_pe_sip", "ip_vs_rr", "ip_vs_wlc"];
        assert_eq!(some().starting_with("ip_vs_"), names);
    }

    #[test]
    fn what_is_said_of_a_lack() {
        let absent = Modules { built_in: Some(String::new()), ..Modules::default() };
        assert!(absent.why_no_ipvs().ends_with("or a kernel with CONFIG_IP_VS."));
        let loadable = Modules { loaded: String::new(), ..some() };
        assert!(loadable.why_no_ipvs().contains("`modprobe ip_vs`"));
        assert!(Modules::default().why_no_ipvs().contains("in a container, load it on the host"));
        assert!(some().why_no_ipvs().contains("does not answer in this network namespace"));
        assert!(some().lack_of("a\u{1b}").contains("a\\u{1b}"));
    }
}

//! A scheduler or persistence engine that the kernel does not have. It asks for the module
//! `ip_vs_NAME` or `ip_vs_pe_NAME` (`request_module` in net/netfilter/ipvs).

use lvs::ipvs::Service;

use super::modules::{Module, Modules};

pub(super) fn explain(service: &Service, modules: &Modules) -> String {
    let scheduler = &service.scheduler;
    let mut sentences = Vec::new();
    // A service without a scheduler needs none.
    if scheduler != "none" {
        sentences.extend(lack("Scheduler", scheduler, &format!("ip_vs_{scheduler}"), modules));
    }
    if let Some(engine) = &service.persistence_engine {
        let module = format!("ip_vs_pe_{engine}");
        sentences.extend(lack("Persistence engine", engine, &module, modules));
    }
    if sentences.is_empty() {
        return "The modules are there, but the kernel does not take them: see `dmesg`.".to_owned();
    }
    let schedulers = schedulers(modules);
    if modules.find(&format!("ip_vs_{scheduler}")) == Module::Absent && !schedulers.is_empty() {
        sentences.push(format!("Its schedulers are {}.", schedulers.join(", ")));
    }
    sentences.join(" ")
}

fn lack(what: &str, name: &str, module: &str, modules: &Modules) -> Option<String> {
    let there = matches!(modules.find(module), Module::Loaded | Module::BuiltIn);
    (!there).then(|| format!("{what} {}: {}.", name.escape_debug(), modules.lack_of(module)))
}

fn schedulers(modules: &Modules) -> Vec<String> {
    let names = modules.starting_with("ip_vs_");
    let names = names.iter().filter_map(|name| name.strip_prefix("ip_vs_"));
    // The FTP helper is the one module beside schedulers and engines.
    names.filter(|name| !name.starts_with("pe_") && *name != "ftp").map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::super::modules::tests::some;
    use super::*;
    use lvs::ipvs::ServiceIdentity;

    fn explain(scheduler: &str, engine: Option<&str>) -> String {
        let mut service = Service::new(ServiceIdentity::tcp(Ipv4Addr::LOCALHOST, 80), scheduler);
        service.persistence_engine = engine.map(str::to_owned);
        super::explain(&service, &some())
    }

    #[test]
    fn the_one_that_is_missing_is_named() {
        assert_eq!(
            explain("nosuch", None),
            "Scheduler nosuch: this kernel (6.1.0) has no ip_vs_nosuch, neither built in nor as a \
             module under /lib/modules/6.1.0. Its schedulers are mh, rr, wlc."
        );
        assert!(explain("mh", None).starts_with("Scheduler mh: the module ip_vs_mh is there, but"));
        let engine = explain("rr", Some("x"));
        assert!(engine.starts_with("Persistence engine x: this kernel (6.1.0) has no ip_vs_pe_x,"));
        let both = explain("nosuch", Some("sip"));
        assert!(both.contains("ip_vs_nosuch") && both.contains("ip_vs_pe_sip"), "{both}");
        assert!(explain("none", Some("sip")).starts_with("Persistence engine sip: "));
        assert!(explain("wlc", None).starts_with("The modules are there"));
    }
}

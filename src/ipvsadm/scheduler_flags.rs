//! Names of scheduler flags, in listings and in saved tables.

use lvs::ipvs::{Service, ServiceFlags};

/// The three flags, each with its name and whether that name is the scheduler's own word.
fn names(scheduler: &str) -> [(ServiceFlags, &'static str); 3] {
    let (first, second) = match scheduler {
        "sh" => ("sh-fallback", "sh-port"),
        "mh" => ("mh-fallback", "mh-port"),
        _ => ("flag-1", "flag-2"),
    };
    [
        (ServiceFlags::SCHEDULER_1, first),
        (ServiceFlags::SCHEDULER_2, second),
        (ServiceFlags::SCHEDULER_3, "flag-3"),
    ]
}

/// The names of the flags that a service has set.
pub(crate) fn of(service: &Service) -> Vec<&'static str> {
    let set =
        names(&service.scheduler).into_iter().filter(|(flag, _)| service.flags.contains(*flag));
    set.map(|(_, name)| name).collect()
}

/// The flags of a service as `-b` takes them: `sh-fallback,sh-port`. Empty where none is set.
pub(crate) fn saved(service: &Service) -> String {
    of(service).join(",")
}

/// The same as the reference lists them, which leaves out the third flag of `sh` and `mh`.
pub(crate) fn listed(service: &Service) -> String {
    let mut service = service.clone();
    if matches!(service.scheduler.as_str(), "sh" | "mh") {
        service.flags = service.flags.difference(ServiceFlags::SCHEDULER_3);
    }
    saved(&service)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use lvs::ipvs::ServiceIdentity;

    fn both(scheduler: &str, flags: u32) -> (String, String) {
        let identity = ServiceIdentity::tcp(Ipv4Addr::LOCALHOST, 80);
        let mut service = Service::new(identity, scheduler);
        service.flags = ServiceFlags::from_bits_retain(flags);
        (listed(&service), saved(&service))
    }

    #[test]
    fn names_follow_the_scheduler() {
        let same = |text: &str| (text.to_owned(), text.to_owned());
        assert_eq!(both("sh", 0x18), same("sh-fallback,sh-port"));
        assert_eq!(both("mh", 0x10), same("mh-port"));
        assert_eq!(both("wrr", 0x38), same("flag-1,flag-2,flag-3"));
        assert_eq!(both("shx", 0x08), same("flag-1"));
        assert_eq!(both("sh", 0x07), same(""));
    }

    #[test]
    fn the_third_flag_of_a_hash_is_saved_but_not_listed() {
        let pair = |listed: &str, saved: &str| (listed.to_owned(), saved.to_owned());
        assert_eq!(both("sh", 0x20), pair("", "flag-3"));
        assert_eq!(both("mh", 0x38), pair("mh-fallback,mh-port", "mh-fallback,mh-port,flag-3"));
    }
}

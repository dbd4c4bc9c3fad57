//! The flags of `-b`, which mean what the scheduler makes of them.

use super::cut;
use crate::ipvsadm::grammar::UsageError;
use lvs::ipvs::ServiceFlags;

/// Flags by name: the scheduler that a name belongs to, if to one only, and the bit.
#[rustfmt::skip]
static FLAGS: &[(&str, Option<&str>, ServiceFlags)] = &[
    ("flag-1",      None,       ServiceFlags::SCHEDULER_1),
    ("flag-2",      None,       ServiceFlags::SCHEDULER_2),
    ("flag-3",      None,       ServiceFlags::SCHEDULER_3),
    ("sh-fallback", Some("sh"), ServiceFlags::SCHEDULER_1),
    ("sh-port",     Some("sh"), ServiceFlags::SCHEDULER_2),
    ("mh-fallback", Some("mh"), ServiceFlags::SCHEDULER_1),
    ("mh-port",     Some("mh"), ServiceFlags::SCHEDULER_2),
];

/// The flags of a comma-separated list, of which the reference keeps 127 bytes. Empty members count
/// for nothing; a list of nothing but commas, at which the reference crashes, is an empty one.
pub(in super::super) fn scheduler_flags(
    text: &str,
    scheduler: &str,
) -> Result<ServiceFlags, UsageError> {
    let mut flags = ServiceFlags::default();
    for member in cut(text, 127).split(',').filter(|it| !it.is_empty()) {
        let Some(&(_, owner, flag)) = FLAGS.iter().find(|row| row.0 == member) else {
            return Err(UsageError::InvalidSchedulerFlag(member.to_owned()));
        };
        if owner.is_some_and(|owner| owner != scheduler) {
            return Err(UsageError::IncompatibleSchedulerFlag(member.to_owned()));
        }
        flags = flags.union(flag);
    }
    Ok(flags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_flags() {
        let bits = |text, scheduler| scheduler_flags(text, scheduler).map(|flags| flags.bits());
        assert_eq!(bits("flag-1,flag-2,flag-3", "rr"), Ok(8 | 16 | 32));
        assert_eq!(bits(",sh-port,,flag-3,", "sh"), Ok(16 | 32));
        assert_eq!(bits("mh-fallback,mh-port,mh-port", "mh"), Ok(8 | 16));
        assert_eq!(bits(",", "rr"), Ok(0));
        assert_eq!(bits("", "rr"), Ok(0));
    }

    #[test]
    fn the_first_bad_member_is_named() {
        let message = |text, scheduler| scheduler_flags(text, scheduler).unwrap_err().to_string();
        assert_eq!(message("mh-port,x", "sh"), "incompatible scheduler flag `mh-port'");
        assert_eq!(message("x,mh-port", "sh"), "invalid scheduler flag `x'");
        assert_eq!(message("sh-port", "wlc"), "incompatible scheduler flag `sh-port'");
        assert_eq!(message(&["flag-1"; 21].join(","), "rr"), "invalid scheduler flag `f'");
    }
}

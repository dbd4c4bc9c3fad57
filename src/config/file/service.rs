//! A service of the file.

use crate::policy::Mode;
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::value::{module_name, scheduler};
use super::{Listen, Persistence, Real, Unicast, text};
use crate::host::InterfaceName;
use lvs::ipvs::ServiceFlags;

/// `[[service]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::config) struct ServiceTable {
    pub(in crate::config) listen: Spanned<Listen>,
    pub(in crate::config) mode: Option<Mode>,
    /// Of a service of a firewall mark, which does not say them itself.
    #[serde(default)]
    pub(in crate::config) vips: Vec<Spanned<Unicast>>,
    pub(in crate::config) vip_device: Option<InterfaceName>,
    #[serde(default)]
    pub(in crate::config) scheduler: Scheduler,
    #[serde(default)]
    pub(in crate::config) flags: Vec<Spanned<Flag>>,
    pub(in crate::config) persistence: Option<Spanned<Persistence>>,
    pub(in crate::config) persistence_engine: Option<Engine>,
    pub(in crate::config) one_packet: Option<Spanned<bool>>,
    pub(in crate::config) real: Vec<Spanned<Real>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(in crate::config) struct Scheduler(pub(in crate::config) String);

impl Default for Scheduler {
    fn default() -> Self {
        Self("wlc".to_owned())
    }
}

impl TryFrom<String> for Scheduler {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        scheduler(&text).map(Self)
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(in crate::config) struct Engine(pub(in crate::config) String);

impl TryFrom<String> for Engine {
    type Error = &'static str;

    /// `IP_VS_PENAME_MAXLEN` is 16 (`linux/ip_vs.h`).
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let name = module_name(&text, 15);
        name.map(Self).ok_or("the name of a persistence engine is short and plain, such as sip")
    }
}

/// A flag of the scheduler, and its name.
#[derive(Clone, Debug)]
pub(in crate::config) struct Flag {
    pub(in crate::config) flag: ServiceFlags,
    name: String,
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer)
    }
}

impl Flag {
    /// Whether it is a word of another scheduler's.
    pub(in crate::config) fn is_foreign_to(&self, scheduler: &str) -> bool {
        let of = self.name.split('-').next();
        matches!(of, Some("sh" | "mh")) && of != Some(scheduler)
    }
}

impl TryFrom<String> for Flag {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let flag = match name.as_str() {
            "flag-1" | "sh-fallback" | "mh-fallback" => ServiceFlags::SCHEDULER_1,
            "flag-2" | "sh-port" | "mh-port" => ServiceFlags::SCHEDULER_2,
            "flag-3" => ServiceFlags::SCHEDULER_3,
            _ => {
                return Err(format!(
                    "{name:?} is not a flag: sh-fallback, sh-port, mh-fallback, mh-port, flag-1, \
                     flag-2 or flag-3"
                ));
            }
        };
        Ok(Self { flag, name })
    }
}

//! Messages as what they tell.

use netlink_packet_core::DecodeError;

use super::destination::DestinationAttribute;
use super::message::{Attribute, Attributes};
use super::{IpvsMessage, daemon, destination, service, settings};
use crate::ipvs::{
    AddressFamily, Daemon, Destination, DestinationEntry, Info, ServiceEntry, Timeouts,
};

impl IpvsMessage {
    pub(in crate::ipvs) fn into_service(self) -> Result<ServiceEntry, DecodeError> {
        self.value(|attribute| match attribute {
            Attribute::Service(nest) => Some(service::service_entry(nest.attributes)),
            _ => None,
        })
    }

    /// A destination of a service of that family.
    pub(in crate::ipvs) fn into_destination(
        self,
        service_family: AddressFamily,
    ) -> Result<DestinationEntry, DecodeError> {
        self.destination(|attributes| destination::destination_entry(attributes, service_family))
    }

    /// The same without its connections and counters.
    pub(in crate::ipvs) fn into_bare_destination(
        self,
        service_family: AddressFamily,
    ) -> Result<Destination, DecodeError> {
        self.destination(|attributes| destination::destination(attributes, service_family))
    }

    pub(in crate::ipvs) fn into_daemon(self) -> Result<Daemon, DecodeError> {
        self.value(|attribute| match attribute {
            Attribute::Daemon(nest) => Some(daemon::daemon(nest.attributes)),
            _ => None,
        })
    }

    pub(in crate::ipvs) fn timeouts(&self) -> Timeouts {
        match &self.attributes {
            Attributes::Usual(nest) => settings::timeouts(&nest.attributes),
            Attributes::Info(_) => Timeouts::default(),
        }
    }

    pub(in crate::ipvs) fn into_info(self) -> Result<Info, DecodeError> {
        match self.attributes {
            Attributes::Info(nest) => Ok(settings::info(&nest.attributes)),
            Attributes::Usual(_) => Err(NOT_ASKED_FOR.into()),
        }
    }

    fn destination<D>(
        self,
        of: impl Fn(&[DestinationAttribute]) -> Result<D, DecodeError>,
    ) -> Result<D, DecodeError> {
        self.value(|attribute| match attribute {
            Attribute::Destination(nest) => Some(of(&nest.attributes)),
            _ => None,
        })
    }

    fn value<V>(
        self,
        of: impl FnMut(Attribute) -> Option<Result<V, DecodeError>>,
    ) -> Result<V, DecodeError> {
        match self.attributes {
            Attributes::Usual(nest) => {
                nest.attributes.into_iter().find_map(of).ok_or(NOT_ASKED_FOR)?
            }
            Attributes::Info(_) => Err(NOT_ASKED_FOR.into()),
        }
    }
}

const NOT_ASKED_FOR: &str = "an answer without what was asked for";

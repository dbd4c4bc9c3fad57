//! The number that the kernel gave to a generic netlink family.

use netlink_packet_core::{
    DecodeError, ErrorContext, NlasIterator, ParseableParametrized, parse_string, parse_u16,
};
use netlink_packet_generic::GenlHeader;
use netlink_packet_generic::constants::{CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME, GENL_ID_CTRL};
use netlink_packet_generic::ctrl::nlas::GenlCtrlAttrs;
use netlink_packet_generic::ctrl::{GenlCtrl, GenlCtrlCmd};

use super::{Connection, Error, Transport};

/// The one attribute that is wanted of the controller's answer.
///
/// [`GenlCtrl`] would read all of them, refuse the answer for a single one that it does not know,
/// and panic on a policy that is cut short.
#[derive(Debug)]
struct FamilyId(u16);

impl ParseableParametrized<[u8], GenlHeader> for FamilyId {
    fn parse_with_param(attributes: &[u8], _: GenlHeader) -> Result<Self, DecodeError> {
        for attribute in NlasIterator::new(attributes) {
            let attribute = attribute?;
            if attribute.kind() == CTRL_ATTR_FAMILY_ID {
                return parse_u16(attribute.value()).map(Self).context("CTRL_ATTR_FAMILY_ID");
            }
        }
        Err("a family without CTRL_ATTR_FAMILY_ID".into())
    }
}

/// Number and name, of a listing.
#[derive(Debug)]
struct Family {
    id: u16,
    name: String,
}

impl ParseableParametrized<[u8], GenlHeader> for Family {
    fn parse_with_param(attributes: &[u8], header: GenlHeader) -> Result<Self, DecodeError> {
        let FamilyId(id) = FamilyId::parse_with_param(attributes, header)?;
        for attribute in NlasIterator::new(attributes) {
            let attribute = attribute?;
            if attribute.kind() == CTRL_ATTR_FAMILY_NAME {
                let name = parse_string(attribute.value()).context("CTRL_ATTR_FAMILY_NAME")?;
                return Ok(Self { id, name });
            }
        }
        Err("a family without CTRL_ATTR_FAMILY_NAME".into())
    }
}

impl<T: Transport> Connection<T> {
    /// Looks up the id of a family (`CTRL_CMD_GETFAMILY`). The kernel loads the family's module
    /// first, where it has one.
    ///
    /// # Errors
    ///
    /// [`Error::NoFamily`] where the kernel has none of that name.
    pub fn family(&mut self, name: &str) -> Result<u16, Error> {
        let request = GenlCtrl {
            cmd: GenlCtrlCmd::GetFamily,
            nlas: vec![GenlCtrlAttrs::FamilyName(name.to_owned())],
        };
        match self.query(GENL_ID_CTRL, request) {
            Ok(FamilyId(id)) => Ok(id),
            Err(error) if error.errno() == Some(libc::ENOENT) => {
                Err(Error::NoFamily(name.to_owned()))
            }
            Err(error) => Err(error),
        }
    }

    /// The id of a family that is there already; unlike [`Connection::family`] this loads no module.
    ///
    /// # Errors
    ///
    /// Where the families cannot be listed.
    pub fn loaded_family(&mut self, name: &str) -> Result<Option<u16>, Error> {
        let all = GenlCtrl { cmd: GenlCtrlCmd::GetFamily, nlas: Vec::new() };
        let found = self.list(GENL_ID_CTRL, all, |family: Family| {
            Ok((family.name == name).then_some(family.id))
        })?;
        Ok(found.into_iter().flatten().next())
    }
}

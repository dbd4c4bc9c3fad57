//! The id of a generic netlink family, as the kernel's controller assigns it.

use netlink_packet_core::{
    DecodeError, ErrorContext, NlasIterator, ParseableParametrized, parse_string, parse_u16,
};
use netlink_packet_generic::GenlHeader;
use netlink_packet_generic::constants::{CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME, GENL_ID_CTRL};
use netlink_packet_generic::ctrl::nlas::GenlCtrlAttrs;
use netlink_packet_generic::ctrl::{GenlCtrl, GenlCtrlCmd};

use super::{Connection, Error, Transport};

/// The attributes that count in a reply of the controller.
///
/// [`GenlCtrl`] would parse all of them, reject the reply for one that it does not know, and panic
/// on a truncated policy.
#[derive(Debug)]
struct Family {
    id: u16,
    name: Option<String>,
}

impl ParseableParametrized<[u8], GenlHeader> for Family {
    fn parse_with_param(attributes: &[u8], _: GenlHeader) -> Result<Self, DecodeError> {
        let (mut id, mut name) = (None, None);
        for attribute in NlasIterator::new(attributes) {
            let attribute = attribute?;
            match attribute.kind() {
                CTRL_ATTR_FAMILY_ID => {
                    id = Some(parse_u16(attribute.value()).context("CTRL_ATTR_FAMILY_ID")?);
                }
                CTRL_ATTR_FAMILY_NAME => {
                    name = Some(parse_string(attribute.value()).context("CTRL_ATTR_FAMILY_NAME")?);
                }
                _ => {}
            }
            if id.is_some() && name.is_some() {
                break;
            }
        }
        Ok(Self { id: id.ok_or("a family without CTRL_ATTR_FAMILY_ID")?, name })
    }
}

fn get_family(nlas: Vec<GenlCtrlAttrs>) -> GenlCtrl {
    GenlCtrl { cmd: GenlCtrlCmd::GetFamily, nlas }
}

impl<T: Transport> Connection<T> {
    /// Looks up the id of a family (`CTRL_CMD_GETFAMILY`), for which the kernel loads a module if
    /// it has one. Fails with [`Error::NoFamily`] if there is no such family.
    pub fn family(&mut self, name: &str) -> Result<u16, Error> {
        let request = get_family(vec![GenlCtrlAttrs::FamilyName(name.to_owned())]);
        match self.query(GENL_ID_CTRL, request) {
            Ok(Family { id, .. }) => Ok(id),
            Err(error) if error.errno() == Some(libc::ENOENT) => {
                Err(Error::NoFamily(name.to_owned()))
            }
            Err(error) => Err(error),
        }
    }

    /// The id of a family that is loaded. Unlike [`Connection::family`] this loads no module.
    pub fn loaded_family(&mut self, name: &str) -> Result<Option<u16>, Error> {
        let dump = self.dump(GENL_ID_CTRL, get_family(Vec::new()), |family: Family| {
            Ok((family.name.as_deref() == Some(name)).then_some(family.id))
        })?;
        Ok(dump.entries.into_iter().flatten().next())
    }
}

//! FOU/GUE receive ports (`linux/fou.h`).

use netlink_packet_core::{
    DecodeError, DefaultNla, Emitable, NlasIterator, ParseableParametrized, parse_u8, parse_u16_be,
};
use netlink_packet_generic::{GenlFamily, GenlHeader};

use super::state::FouPort;
use crate::trace;
use lvs::ipvs::AddressFamily;
use lvs::netlink::{Connection, Error};

/// `FOU_GENL_NAME` and `FOU_GENL_VERSION`.
const NAME: &str = "fou";
const VERSION: u8 = 1;

/// `FOU_CMD_*`.
const ADD: u8 = 1;
const DELETE: u8 = 2;
const GET: u8 = 3;

/// `FOU_ATTR_*`; the port is in network byte order.
const PORT: u16 = 1;
const FAMILY: u16 = 2;
const KIND: u16 = 4;

/// `FOU_ENCAP_GUE`; 1 is FOU, which has no header of its own.
const KIND_GUE: u8 = 2;

/// Value of a [`Key::FouPort`](super::Key::FouPort) that receives GUE.
pub(crate) const GUE: &str = "gue";

#[derive(Clone, Debug)]
struct Request {
    command: u8,
    attributes: Vec<DefaultNla>,
}

impl GenlFamily for Request {
    fn family_name() -> &'static str {
        NAME
    }
    fn command(&self) -> u8 {
        self.command
    }
    fn version(&self) -> u8 {
        VERSION
    }
}

impl Emitable for Request {
    fn buffer_len(&self) -> usize {
        self.attributes.as_slice().buffer_len()
    }
    fn emit(&self, buffer: &mut [u8]) {
        self.attributes.as_slice().emit(buffer);
    }
}

/// The encapsulation that a port receives.
#[derive(Debug, PartialEq, Eq)]
struct Kind(u8);

impl ParseableParametrized<[u8], GenlHeader> for Kind {
    fn parse_with_param(attributes: &[u8], _: GenlHeader) -> Result<Self, DecodeError> {
        for attribute in NlasIterator::new(attributes) {
            let attribute = attribute?;
            if attribute.kind() == KIND {
                return parse_u8(attribute.value()).map(Self);
            }
        }
        Err("a port without FOU_ATTR_TYPE".into())
    }
}

/// A port of a dump.
#[derive(Debug)]
struct Port {
    number: u16,
    family: AddressFamily,
    kind: u8,
}

impl ParseableParametrized<[u8], GenlHeader> for Port {
    fn parse_with_param(attributes: &[u8], header: GenlHeader) -> Result<Self, DecodeError> {
        let Kind(kind) = Kind::parse_with_param(attributes, header)?;
        let mut port = Self { number: 0, family: AddressFamily::Ipv4, kind };
        for attribute in NlasIterator::new(attributes) {
            let attribute = attribute?;
            match attribute.kind() {
                PORT => port.number = parse_u16_be(attribute.value())?,
                FAMILY if parse_u8(attribute.value())? == libc::AF_INET6 as u8 => {
                    port.family = AddressFamily::Ipv6;
                }
                _ => {}
            }
        }
        Ok(port)
    }
}

/// The encapsulation as the value of a key.
fn name(kind: u8) -> String {
    match kind {
        KIND_GUE => GUE.to_owned(),
        other => format!("type {other}"),
    }
}

fn request(command: u8, port: u16, family: AddressFamily) -> Request {
    let family = match family {
        AddressFamily::Ipv4 => libc::AF_INET,
        AddressFamily::Ipv6 => libc::AF_INET6,
    };
    let mut attributes = vec![
        DefaultNla::new(PORT, port.to_be_bytes().to_vec()),
        DefaultNla::new(FAMILY, vec![family as u8]),
    ];
    if command == ADD {
        attributes.push(DefaultNla::new(KIND, vec![KIND_GUE]));
    }
    Request { command, attributes }
}

/// What a port receives; `None` if it is not a receive port. Loads no module.
pub(super) fn find(port: u16, family: AddressFamily) -> Result<Option<String>, Error> {
    let mut connection = Connection::new(trace::socket_of_other_family()?);
    let Some(id) = connection.loaded_family(NAME)? else {
        return Ok(None);
    };
    match connection.query(id, request(GET, port, family)) {
        Ok(Kind(kind)) => Ok(Some(name(kind))),
        Err(error) if error.errno() == Some(libc::ESRCH) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Every receive port; `None` if the module is not loaded. Does not load it.
pub(super) fn list() -> Result<Option<Vec<FouPort>>, Error> {
    let mut connection = Connection::new(trace::socket_of_other_family()?);
    let Some(id) = connection.loaded_family(NAME)? else {
        return Ok(None);
    };
    let all = Request { command: GET, attributes: Vec::new() };
    let dump = connection.dump(id, all, |Port { number, family, kind }| {
        Ok(FouPort { port: number, family, kind: name(kind) })
    })?;
    Ok(Some(dump.entries))
}

/// Makes a GUE receive port; loads the module if necessary.
pub(super) fn add(port: u16, family: AddressFamily) -> Result<(), Error> {
    let mut connection = Connection::new(trace::socket_of_other_family()?);
    let id = match connection.family(NAME) {
        Err(Error::NoFamily(_)) => {
            load_module();
            connection.family(NAME)?
        }
        id => id?,
    };
    connection.execute(id, request(ADD, port, family))
}

/// The module has no alias for its netlink family, so that resolving the family does not load it.
/// Looking up an interface of the module's name does, for a caller with `CAP_SYS_MODULE` (`dev_load`,
/// net/core/dev_ioctl.c).
#[allow(unsafe_code)]
fn load_module() {
    // SAFETY: the name is a C string that outlives the call. There is no such interface.
    unsafe { libc::if_nametoindex(c"fou".as_ptr()) };
}

pub(super) fn delete(port: u16, family: AddressFamily) -> Result<(), Error> {
    let mut connection = Connection::new(trace::socket_of_other_family()?);
    let id = connection.family(NAME)?;
    match connection.execute(id, request(DELETE, port, family)) {
        Err(error) if error.errno() == Some(libc::ESRCH) => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(request: &Request) -> Vec<u8> {
        let mut bytes = vec![0; request.buffer_len()];
        request.emit(&mut bytes);
        bytes
    }

    #[test]
    fn fou_request_has_the_kernel_wire_format() {
        let add = bytes(&request(ADD, 6080, AddressFamily::Ipv4));
        let (port, family, kind) =
            ([6, 0, 1, 0, 0x17, 0xc0, 0, 0], [5, 0, 2, 0, 2, 0, 0, 0], [5, 0, 4, 0, 2, 0, 0, 0]);
        assert_eq!(add, [port, family, kind].concat());
        let delete = bytes(&request(DELETE, 6080, AddressFamily::Ipv6));
        assert_eq!(delete, [port, [5, 0, 2, 0, 10, 0, 0, 0]].concat());
    }

    #[test]
    fn fou_reply_without_type_is_refused() {
        let header = GenlHeader { cmd: GET, version: VERSION };
        let read = |bytes: &[u8]| Kind::parse_with_param(bytes, header);
        assert_eq!(read(&[6, 0, 1, 0, 0x17, 0xc0, 0, 0, 5, 0, 4, 0, 2, 0, 0, 0]).unwrap(), Kind(2));
        for bad in [&[][..], &[5, 0, 4, 0], &[6, 0, 1, 0, 0x17, 0xc0, 0, 0]] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}

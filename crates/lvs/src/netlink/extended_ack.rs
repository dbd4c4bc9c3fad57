//! The kernel's own words about a refused request (`NLMSGERR_ATTR_*` of `linux/netlink.h`).

use netlink_packet_core::{
    NLM_F_ACK_TLVS, NLM_F_CAPPED, NetlinkBuffer, NetlinkHeader, NlaBuffer, NlasIterator, parse_u32,
};

use super::Error;

const MESSAGE: u16 = 1;
const OFFSET: u16 = 2;
const MISSING_TYPE: u16 = 5;

/// Length of `struct nlmsghdr`.
const HEADER_LENGTH: usize = 16;

/// The outcome that the body of an `NLMSG_ERROR` tells: error number, echo of the request (all of
/// it, or its header alone if the acknowledgement is capped), attributes.
pub(super) fn acknowledgement(header: &NetlinkHeader, body: &[u8]) -> Result<(), Error> {
    let (code, echo) = split_code(body)?;
    let attributes = if header.flags & NLM_F_CAPPED != 0 {
        echo.get(HEADER_LENGTH..)
    } else {
        NetlinkBuffer::new_checked(echo)
            .ok()
            .and_then(|request| echo.get((request.length() as usize).next_multiple_of(4)..))
    };
    outcome(header, code, attributes)
}

/// The outcome that the body of an `NLMSG_DONE` tells: error number, attributes. A listing without
/// a number ended well.
pub(super) fn done(header: &NetlinkHeader, body: &[u8]) -> Result<(), Error> {
    if body.is_empty() {
        return Ok(());
    }
    let (code, attributes) = split_code(body)?;
    outcome(header, code, Some(attributes))
}

fn split_code(body: &[u8]) -> Result<(i32, &[u8]), Error> {
    let (code, rest) = body
        .split_first_chunk()
        .ok_or_else(|| Error::Malformed(format!("an outcome of {} bytes", body.len())))?;
    Ok((i32::from_ne_bytes(*code), rest))
}

fn outcome(header: &NetlinkHeader, code: i32, attributes: Option<&[u8]>) -> Result<(), Error> {
    match code {
        0 => Ok(()),
        1.. => Err(Error::Malformed(format!("error number {code} is not negative"))),
        _ => {
            let attributes = attributes.filter(|_| header.flags & NLM_F_ACK_TLVS != 0);
            Err(Error::refused(code.saturating_neg(), attributes.and_then(explanation)))
        }
    }
}

/// The explanation in the attributes, as far as they can be read: a bad explanation must not hide
/// the error itself.
fn explanation(attributes: &[u8]) -> Option<String> {
    let number = |attribute: &NlaBuffer<&[u8]>| parse_u32(attribute.value()).ok();
    let mut parts = Vec::new();
    for attribute in NlasIterator::new(attributes).map_while(Result::ok) {
        match attribute.kind() {
            MESSAGE => {
                let text = attribute.value().split(|&byte| byte == 0).next()?;
                parts.push(String::from_utf8_lossy(text).into_owned());
            }
            OFFSET => {
                parts.extend(number(&attribute).map(|at| format!("at byte {at} of the request")))
            }
            MISSING_TYPE => {
                parts.extend(number(&attribute).map(|kind| format!("attribute {kind} is missing")));
            }
            _ => {}
        }
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

#[cfg(test)]
mod tests {
    use netlink_packet_core::{DefaultNla, Emitable};
    use proptest::prelude::*;

    use super::*;

    fn header(flags: u16) -> NetlinkHeader {
        let mut header = NetlinkHeader::default();
        header.flags = flags;
        header
    }

    fn attributes() -> Vec<u8> {
        let attributes = [
            DefaultNla::new(MESSAGE, b"Unsupported flags\0".to_vec()),
            DefaultNla::new(OFFSET, 24_u32.to_ne_bytes().to_vec()),
            DefaultNla::new(99, vec![1, 2, 3]),
            DefaultNla::new(MISSING_TYPE, 7_u32.to_ne_bytes().to_vec()),
        ];
        let mut bytes = vec![0; attributes.as_slice().buffer_len()];
        attributes.as_slice().emit(&mut bytes);
        bytes
    }

    fn body(code: i32, echo: &[u8], attributes: &[u8]) -> Vec<u8> {
        [&code.to_ne_bytes(), echo, attributes].concat()
    }

    /// A request of 18 bytes, which the echo pads to 20.
    fn request() -> Vec<u8> {
        let mut bytes = vec![0; 20];
        bytes[..4].copy_from_slice(&18_u32.to_ne_bytes());
        bytes
    }

    fn refused(result: Result<(), Error>) -> (i32, Option<String>) {
        match result {
            Err(Error::Refused { errno, message, .. }) => (errno, message),
            other => panic!("{other:?}"),
        }
    }

    const TEXT: &str = "Unsupported flags, at byte 24 of the request, attribute 7 is missing";

    #[test]
    fn the_text_is_found_behind_a_capped_and_a_whole_echo() {
        let capped = body(-22, &request()[..16], &attributes());
        let told = refused(acknowledgement(&header(NLM_F_ACK_TLVS | NLM_F_CAPPED), &capped));
        assert_eq!(told, (22, Some(TEXT.into())));

        let whole = body(-22, &request(), &attributes());
        let told = refused(acknowledgement(&header(NLM_F_ACK_TLVS), &whole));
        assert_eq!(told, (22, Some(TEXT.into())));

        let end = body(-19, &[], &attributes());
        assert_eq!(refused(done(&header(NLM_F_ACK_TLVS), &end)), (19, Some(TEXT.into())));
    }

    #[test]
    fn without_the_flag_there_is_no_text() {
        let whole = body(-22, &request(), &attributes());
        assert_eq!(refused(acknowledgement(&header(0), &whole)), (22, None));
    }

    #[test]
    fn zero_is_success_and_a_positive_number_is_nonsense() {
        acknowledgement(&header(NLM_F_CAPPED), &body(0, &request()[..16], &[])).unwrap();
        done(&header(0), &[]).unwrap();
        let error = acknowledgement(&header(0), &body(22, &request(), &[])).unwrap_err();
        assert!(matches!(error, Error::Malformed(_)));
        assert!(matches!(done(&header(0), &[0, 0]), Err(Error::Malformed(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(flags: u16, bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = acknowledgement(&header(flags), &bytes);
            let _ = done(&header(flags), &bytes);
        }

        #[test]
        fn a_bad_explanation_does_not_hide_the_error(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let whole = body(-17, &request()[..16], &bytes);
            let told = refused(acknowledgement(&header(NLM_F_ACK_TLVS | NLM_F_CAPPED), &whole));
            prop_assert_eq!(told.0, 17);
        }
    }
}

//! An attribute table: an enum with its netlink traits, out of one list.

/// Makes an enum of attributes from lines of number, name and [type](super::value::Value). Numbers
/// that are not listed become `Other`.
macro_rules! attributes {
    (
        $(#[$documentation:meta])*
        $name:ident { $($number:literal => $variant:ident($value:ty),)* }
    ) => {
        $(#[$documentation])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(super) enum $name {
            $($variant($value),)*
            Other(netlink_packet_core::DefaultNla),
        }

        impl netlink_packet_core::Nla for $name {
            fn value_len(&self) -> usize {
                match self {
                    $(Self::$variant(value) => $crate::ipvs::wire::value::Value::length(value),)*
                    Self::Other(attribute) => attribute.value_len(),
                }
            }
            fn kind(&self) -> u16 {
                match self {
                    $(Self::$variant(_) => {
                        if <$value as $crate::ipvs::wire::value::Value>::NESTED {
                            netlink_packet_core::NLA_F_NESTED | $number
                        } else {
                            $number
                        }
                    })*
                    Self::Other(attribute) => attribute.kind(),
                }
            }
            fn emit_value(&self, buffer: &mut [u8]) {
                match self {
                    $(Self::$variant(value) => {
                        $crate::ipvs::wire::value::Value::emit(value, buffer);
                    })*
                    Self::Other(attribute) => attribute.emit_value(buffer),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    $(Self::$variant(value) => {
                        f.write_str(concat!(stringify!($variant), " "))?;
                        $crate::ipvs::wire::value::Value::show(value, f)
                    })*
                    Self::Other(attribute) => {
                        use netlink_packet_core::Nla as _;
                        write!(f, "#{} {{{} bytes}}", attribute.kind(), attribute.value_len())
                    }
                }
            }
        }

        impl netlink_packet_core::Parseable<netlink_packet_core::NlaBuffer<&[u8]>> for $name {
            fn parse(
                attribute: &netlink_packet_core::NlaBuffer<&[u8]>,
            ) -> Result<Self, netlink_packet_core::DecodeError> {
                use netlink_packet_core::ErrorContext as _;
                Ok(match attribute.kind() {
                    $($number => Self::$variant(
                        $crate::ipvs::wire::value::Value::parse(attribute.value())
                            .context(concat!(stringify!($name), "::", stringify!($variant)))?,
                    ),)*
                    _ => Self::Other(netlink_packet_core::DefaultNla::parse(attribute)?),
                })
            }
        }
    };
}

pub(super) use attributes;

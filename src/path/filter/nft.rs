//! Whether nftables has rules: they are not read, so that the filters cannot be judged.

use std::fs;
use std::io;
use std::path::Path;

use lvs::netlink::{Connection, Error, Socket};
use netlink_packet_core::NlasIterator;

/// `NFNL_SUBSYS_NFTABLES` and its messages (`linux/netfilter/nf_tables.h`).
const NF_TABLES: u16 = 10 << 8;
const NEW_CHAIN: u16 = NF_TABLES | 3;
const GET_CHAIN: u16 = NF_TABLES | 4;
const NEW_RULE: u16 = NF_TABLES | 6;
const GET_RULE: u16 = NF_TABLES | 7;

/// `NFTA_CHAIN_POLICY`, and the policy that drops.
const POLICY: u16 = 5;
const DROP: [u8; 4] = [0; 4];

/// `struct nfgenmsg`, for every family.
const HEADER: [u8; 4] = [0; 4];

/// Whether there is a rule, or a chain that drops. Asking would load the module.
pub(super) fn has_rules(release: &str) -> io::Result<bool> {
    if !is_loaded(release) {
        return Ok(false);
    }
    let ask = || -> Result<bool, Error> {
        let mut connection = Connection::new(Socket::netfilter()?);
        let rules = connection.dump_messages(GET_RULE, &HEADER, NEW_RULE, |_| Ok(()))?;
        let chains = connection.dump_messages(GET_CHAIN, &HEADER, NEW_CHAIN, |it| Ok(drops(it)))?;
        Ok(!rules.is_empty() || chains.contains(&true))
    };
    ask().map_err(io::Error::other)
}

/// A module that is built in need not be in `/sys/module`.
fn is_loaded(release: &str) -> bool {
    let list = Path::new("/lib/modules").join(release).join("modules.builtin");
    Path::new("/sys/module/nf_tables").exists()
        || fs::read_to_string(list).is_ok_and(|it| it.contains("/nf_tables.ko"))
}

/// Whether the policy of a chain drops.
fn drops(message: &[u8]) -> bool {
    NlasIterator::new(message.get(HEADER.len()..).unwrap_or_default())
        .map_while(Result::ok)
        .any(|attribute| attribute.kind() == POLICY && attribute.value() == DROP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chain_with_policy_drop_is_recognized() {
        let policy = |value: u32| {
            let mut bytes = vec![2, 0, 0, 0, 8, 0, 5, 0];
            bytes.extend(value.to_be_bytes());
            bytes
        };
        assert!(drops(&policy(0)) && !drops(&policy(1)) && !drops(&[2, 0, 0, 0]) && !drops(&[]));
    }
}

//! What happens around a change of this machine: other machines are asked whether they have a virtual
//! address, and learn that this one has it now.

use std::time::Duration;

use super::Error;
use super::arguments::Options;
use crate::host::machine::Machine;
use crate::host::{Patience, announce, neighbours_with};
use crate::policy::{DesiredItem, Takeover, takeovers};

/// RFC 5227 waits for seconds between probes; on the network of a director a neighbour answers within
/// a millisecond.
const PATIENCE: Patience = Patience { probes: 3, wait: Duration::from_millis(100) };

/// A change that is about to be made.
pub(super) struct Guard {
    takeovers: Vec<Takeover>,
}

impl Guard {
    /// Refuses a change that would harm others.
    pub(super) fn before(
        options: &Options,
        machine: &mut Machine,
        desired: &[DesiredItem],
    ) -> Result<Self, Error> {
        let takeovers = takeovers(machine, desired)?;
        if !options.change.force {
            refuse_duplicates(&takeovers)?;
        }
        Ok(Self { takeovers })
    }

    /// The change was made.
    pub(super) fn after(self) {
        let addresses: Vec<_> = self.takeovers.iter().map(|it| (it.vip, it.wire)).collect();
        if let Err(error) = announce(&addresses) {
            tracing::warn!("cannot announce the virtual addresses: {error}");
        }
    }
}

/// One round of probes per interface.
fn refuse_duplicates(takeovers: &[Takeover]) -> Result<(), Error> {
    for of_device in takeovers.chunk_by(|one, next| one.device == next.device) {
        let Some(Takeover { device, wire, .. }) = of_device.first() else { continue };
        let vips: Vec<_> = of_device.iter().map(|takeover| takeover.vip).collect();
        let found = neighbours_with(&vips, *wire, PATIENCE)
            .map_err(|source| Error::Probe { device: device.clone(), source })?;
        if let Some((vip, owner)) = found.into_iter().next() {
            return Err(Error::Duplicate { vip, device: device.clone(), owner });
        }
    }
    Ok(())
}

//! What happens around a change of this machine: other machines are asked whether they have a virtual
//! address, and learn that this one has it now; whoever makes it over ssh is not cut off unasked.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use super::arguments::{ChangeFlags, Options};
use super::error::{Error, FailedRun};
use super::remote::RemoteSession;
use super::unconfirmed::Unconfirmed;
use crate::engine::{Change, System};
use crate::host::machine::{Key, Machine, Value};
use crate::host::{Patience, neighbours_with};
use crate::policy::{DesiredItem, Takeover, takeovers};

/// RFC 5227 waits for seconds between probes; on the network of a director a neighbour answers within
/// a millisecond.
const PATIENCE: Patience = Patience { probes: 3, wait: Duration::from_millis(100) };

/// A change that is about to be made.
#[derive(Default)]
pub(super) struct Guard {
    takeovers: Vec<Takeover>,
    unconfirmed: Option<Unconfirmed>,
}

impl Guard {
    /// A change that affects the route to the peer of an ssh session is announced; on a terminal it
    /// needs a way back, or the order to make it nevertheless.
    pub(super) fn of_sessions(
        options: &Options,
        machine: &Machine,
        sessions: &[RemoteSession],
        steps: &[Change<Key, Value>],
    ) -> Result<Self, Error> {
        let state = machine.state()?;
        let mut affected =
            sessions.iter().filter_map(|it| Some((it.peer, it.affected_by(steps, &state)?)));
        let Some((peer, step)) = affected.next() else { return Ok(Self::default()) };
        let step = Machine::command(step);
        let ChangeFlags { confirm, force } = options.change;
        if confirm.is_none() && !force && io::stdin().is_terminal() {
            return Err(Error::CutsSession { peer, step });
        }
        let _ = writeln!(io::stderr(), "lvsctl: this may cut the ssh session from {peer}: {step}");
        Ok(Self::default())
    }

    /// Refuses a change that would harm others, and prepares the way back with `--confirm`.
    pub(super) fn before(
        self,
        options: &Options,
        machine: &mut Machine,
        desired: &[DesiredItem],
    ) -> Result<Self, Error> {
        let takeovers = takeovers(machine, desired)?;
        if !options.change.force {
            refuse_duplicates(&takeovers)?;
        }
        let unconfirmed =
            options.change.confirm.map(|seconds| Unconfirmed::prepare(options, seconds));
        Ok(Self { takeovers, unconfirmed: unconfirmed.transpose()? })
    }

    /// The run failed, and rolled back what it could.
    pub(super) fn failed(self, error: Error) -> Error {
        let is_rolled_back =
            matches!(&error, Error::Run(FailedRun { failure, .. }) if failure.stuck.is_empty());
        match self.unconfirmed.map(|it| it.end(!is_rolled_back)) {
            Some(Err(other)) => other,
            _ => error,
        }
    }

    /// The changes were made.
    pub(super) fn after(self, steps: &[Change<Key, Value>]) -> Result<(), Error> {
        Takeover::announce(&self.takeovers);
        self.unconfirmed.map_or(Ok(()), |it| it.end(!steps.is_empty()))
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

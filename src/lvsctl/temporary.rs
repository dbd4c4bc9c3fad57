//! Kernel parameters that have another value for the time of a step.

use super::Error;
use super::report::FailedRun;
use super::runner::Session;
use crate::engine::{Desired, Engine};
use crate::host::machine::{Key, Value};
use crate::host::{self, Sysctl};
use crate::policy::Owner;

/// Sets the parameters, works, and reverts them, also where the work fails.
pub(super) fn set<T>(
    session: &mut Session,
    parameters: &[(Sysctl, &str)],
    work: impl FnOnce(&mut Session) -> Result<T, Error>,
) -> Result<T, Error> {
    let desired: Vec<_> = parameters
        .iter()
        .map(|(sysctl, value)| Desired {
            key: Key::Host(host::Key::Sysctl(sysctl.clone())),
            value: Some(Value::Host((*value).to_owned())),
            acceptable: Vec::new(),
            owner: Owner::Temporary,
        })
        .collect();
    let owners = [Owner::Temporary];
    let failed = |failure| Error::Run(FailedRun(failure));
    Engine::new(&mut session.machine, &mut session.journal)
        .apply(&owners, &desired)
        .map_err(failed)?;
    let worked = work(session);
    let reverted = Engine::new(&mut session.machine, &mut session.journal).revert(&owners);
    let worked = worked?;
    reverted.map_err(failed)?;
    Ok(worked)
}

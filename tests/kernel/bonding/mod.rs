//! Bonds of a director: set-up, traffic, refusals and `down`.

mod rack;
mod real_server;
mod refusals;

mod traffic;
mod up_down;

use programs::engine::{Desired, Engine, Journal, JournalFile, Report};
use programs::host::{BondMode, InterfaceName, Key};
use programs::policy::Bond;

use crate::support::Host;
use crate::support::machine::Machine;

use rack::Rack;

const MODES: [BondMode; 4] =
    [BondMode::BalanceRr, BondMode::ActiveBackup, BondMode::BalanceXor, BondMode::Lacp];

type Outcome = Result<Report<Key, String>, String>;

fn journal(host: &Host) -> Journal<Key, String, String> {
    std::fs::create_dir_all(host.state_directory()).unwrap();
    JournalFile::load(host.state_directory().join("bond.json"), "now".to_owned()).unwrap()
}

fn up(host: &Host, bond: &Bond, machine: &mut Machine) -> Outcome {
    let mut journal = journal(host);
    // As at the start of a program.
    machine.host.invalidate();
    let mut port_configuration = Vec::new();
    for port in &bond.ports {
        port_configuration
            .extend(machine.host.port_configuration(port).map_err(|error| error.to_string())?);
    }
    let journalled = journal.entries();
    let journalled: Vec<_> =
        journalled.map(|entry| (entry.key.clone(), entry.previous.clone())).collect();
    let desired =
        bond.requirements(&port_configuration, &journalled).into_iter().map(|want| Desired {
            key: want.key,
            value: want.value,
            acceptable: want.acceptable,
            owner: "bond".to_owned(),
        });
    let desired: Vec<_> = desired.collect();
    Engine::new(machine, &mut journal)
        .apply(&["bond".to_owned()], &desired)
        .map_err(|failure| format!("{} {:?} {:?}", failure.cause, failure.failed, failure.stuck))
}

fn down(host: &Host, machine: &mut Machine) -> Outcome {
    Engine::new(machine, &mut journal(host))
        .revert(&["bond".to_owned()])
        .map_err(|failure| format!("{} {:?}", failure.cause, failure.stuck))
}

fn bond(mode: BondMode) -> Bond {
    let name = |name: &str| name.parse::<InterfaceName>().unwrap();
    Bond { name: name("bond0"), mode, ports: vec![name("eth2"), name("eth3")] }
}

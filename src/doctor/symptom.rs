//! From what somebody sees to what is likely wrong.

use clap::ValueEnum;

use super::{Expectation, Facts};
use lvs::ipvs::Forwarding;

/// What is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Symptom {
    /// No request reaches the real server.
    NoSyn,
    /// Requests reach the real server, and no answer leaves it.
    #[value(name = "no-synack")]
    NoSynAck,
    /// Answers leave the real server, and the client resets or does not heed them.
    ClientReset,
    /// It works from some clients only.
    SomeClients,
    /// Small pages work, uploads hang.
    UploadsHang,
    /// It works, and stops after minutes.
    AfterMinutes,
    /// It worked before the machine was started again.
    AfterReboot,
}

impl Symptom {
    /// Causes by direct routing, by tunnelling, and by NAT, the likeliest first.
    const fn by_mode(self) -> [&'static [&'static str]; 3] {
        match self {
            Self::NoSyn => [
                &["A9", "A16", "N11", "K2", "H21", "H12"],
                &["K3", "V4", "M6", "A16", "K2", "H21"],
                &["N1", "V5", "A16", "K2", "H21"],
            ],
            Self::NoSynAck => [&["A1", "A11", "P3"], &["P1", "P2", "A1", "A11"], &["A11", "N15"]],
            Self::ClientReset => [&["A10", "A11"], &["A10", "A11"], &["N2", "N3", "N4"]],
            Self::SomeClients => {
                [&["A9", "A4", "A5", "A3", "P3", "H15"], &["P3", "P4", "H15"], &["N3", "P4", "H15"]]
            }
            Self::UploadsHang => [&[], &["M1", "M2"], &[]],
            Self::AfterMinutes => [&["A5", "A4", "A3"], &["A5", "A4", "H1"], &["N4", "H1"]],
            Self::AfterReboot => [
                &["H20", "A6", "A4", "A5", "K1"],
                &["P2", "H20", "A6", "K3", "K1"],
                &["N1", "H20", "A6", "N2", "H16"],
            ],
        }
    }

    /// The checks that explain it on this machine, the likeliest first.
    #[must_use]
    pub fn causes(self, expectation: &Expectation, facts: &Facts) -> Vec<&'static str> {
        let methods = [Forwarding::DirectRouting, Forwarding::Tunnel, Forwarding::Masquerade];
        let used = |method| {
            let served = expectation.served.iter().any(|served| served.forwarding == method);
            let mut destinations = facts
                .table
                .iter()
                .flat_map(|table| &table.services)
                .flat_map(|service| &service.destinations);
            served || destinations.any(|entry| entry.destination.forwarding == method)
        };
        let mut causes = Vec::new();
        let (first, others): (Vec<_>, Vec<_>) =
            methods.into_iter().zip(self.by_mode()).partition(|(method, _)| used(*method));
        for cause in first.into_iter().chain(others).flat_map(|(_, causes)| causes) {
            if !causes.contains(cause) {
                causes.push(*cause);
            }
        }
        causes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{CHECKS, Served};

    #[test]
    fn every_cause_is_a_check() {
        for symptom in [
            Symptom::NoSyn,
            Symptom::NoSynAck,
            Symptom::ClientReset,
            Symptom::SomeClients,
            Symptom::UploadsHang,
            Symptom::AfterMinutes,
            Symptom::AfterReboot,
        ] {
            for cause in symptom.by_mode().concat() {
                assert!(CHECKS.iter().any(|check| check.id == cause), "{cause}");
            }
        }
    }

    #[test]
    fn the_mode_of_the_machine_comes_first() {
        let served = Served {
            address: [192, 0, 2, 1].into(),
            forwarding: Forwarding::Tunnel,
            desired: false,
        };
        let expectation = Expectation { served: vec![served], ..Expectation::default() };
        let causes = Symptom::NoSynAck.causes(&expectation, &Facts::default());
        assert_eq!(causes, ["P1", "P2", "A1", "A11", "P3", "N15"]);
    }
}

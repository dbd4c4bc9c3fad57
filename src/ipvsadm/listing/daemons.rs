//! The listing of `--daemon`.

use std::io::{self, Write};

use lvs::ipvs::Daemon;

/// A line for each daemon. What older kernels do not tell is left out.
pub(super) fn write_daemons(output: &mut dyn Write, daemons: &[Daemon]) -> io::Result<()> {
    for daemon in daemons {
        let Daemon { interface, sync_id, .. } = daemon;
        let state = daemon.state.name();
        write!(output, "{state} sync daemon (mcast={interface}, syncid={sync_id}")?;
        if let Some(length) = daemon.maximum_length.filter(|length| *length != 0) {
            write!(output, ", maxlen={length}")?;
        }
        if let Some(group) = daemon.group {
            write!(output, ", group={group}")?;
        }
        if let Some(port) = daemon.port.filter(|port| *port != 0) {
            write!(output, ", port={port}")?;
        }
        if let Some(hops) = daemon.time_to_live.filter(|hops| *hops != 0) {
            write!(output, ", ttl={hops}")?;
        }
        writeln!(output, ")")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use lvs::ipvs::DaemonState;

    #[test]
    fn daemons() {
        let master = Daemon::new(DaemonState::Master, "dummy0", 3)
            .with_maximum_length(1472)
            .with_group([224, 0, 0, 81])
            .with_port(8848)
            .with_time_to_live(1);
        let backup = Daemon::new(DaemonState::Backup, "dummy0", 3).with_maximum_length(0);
        let mut output = Vec::new();
        write_daemons(&mut output, &[master, backup]).unwrap();
        assert_eq!(
            String::from_utf8(output).unwrap(),
            "master sync daemon (mcast=dummy0, syncid=3, maxlen=1472, group=224.0.0.81, port=8848, ttl=1)\n\
             backup sync daemon (mcast=dummy0, syncid=3)\n"
        );
        let mut output = Vec::new();
        write_daemons(&mut output, &[]).unwrap();
        assert!(output.is_empty());
    }
}

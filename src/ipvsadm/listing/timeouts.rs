//! The listing of `--timeout`, in seconds.

use std::io::{self, Write};

use lvs::ipvs::Timeouts;

pub(super) fn write_timeouts(output: &mut dyn Write, timeouts: Timeouts) -> io::Result<()> {
    let Timeouts { tcp, tcp_fin, udp, .. } = timeouts;
    writeln!(output, "Timeout (tcp tcpfin udp): {tcp} {tcp_fin} {udp}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts() {
        let mut output = Vec::new();
        let timeouts = Timeouts::new(900, 120, 300);
        write_timeouts(&mut output, timeouts).unwrap();
        assert_eq!(output, b"Timeout (tcp tcpfin udp): 900 120 300\n");
    }
}

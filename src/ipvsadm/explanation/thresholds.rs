//! Thresholds in the wrong order, the only way to `ERANGE` that the grammar leaves open.

use lvs::ipvs::Destination;

pub(super) fn explain(destination: &Destination) -> Option<String> {
    let (upper, lower) = (destination.upper_threshold, destination.lower_threshold);
    if lower <= upper {
        return None;
    }
    Some(match upper {
        0 => format!("A lower threshold needs an upper one: add -x NUMBER, at least {lower}."),
        _ => format!(
            "The lower threshold {lower} is above the upper one, {upper}: -y may not exceed -x."
        ),
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use lvs::ipvs::Forwarding;

    #[test]
    fn the_lower_threshold_is_held_to_the_upper_one() {
        let explain = |upper_threshold, lower_threshold| {
            let server = Destination::new(Ipv4Addr::LOCALHOST, 80, Forwarding::Tunnel);
            super::explain(&server.with_thresholds(upper_threshold, lower_threshold))
        };
        assert!(explain(0, 5).unwrap().contains("-x NUMBER, at least 5"));
        assert!(explain(4, 5).unwrap().contains("threshold 5 is above the upper one, 4"));
        assert_eq!(explain(5, 5), None);
    }
}

//! One change of one key, as plain data.

use std::cmp::Ordering;

use super::{Error, Key, Value};
use crate::ipvs::Request;
use crate::ruleset::syntax::{Style, append_request};

/// A change of the value of one key. `None` stands for absence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change<K, V> {
    /// The key.
    pub key: K,
    /// The actual value, before the change.
    pub from: Option<V>,
    /// The desired value.
    pub to: Option<V>,
}

impl<K, V> Change<K, V> {
    /// Returns the change that reverts this one.
    ///
    /// # Examples
    ///
    /// ```
    /// use lvs::table::Change;
    ///
    /// let change = Change { key: "rp_filter", from: Some(1), to: Some(2) };
    /// assert_eq!(change.clone().inverse().inverse(), change);
    /// ```
    #[must_use]
    pub fn inverse(self) -> Self {
        Self { key: self.key, from: self.to, to: self.from }
    }
}

impl Change<Key, Value> {
    /// Returns the place of the change among others.
    ///
    /// Sorted by it (stably), every intermediate state is safe: additions come first, each service
    /// before its destinations; weights are raised before others are lowered, so that a destination
    /// is always available; deletions come last, destinations before services.
    #[must_use]
    pub fn rank(&self) -> u8 {
        match (&self.from, &self.to) {
            (None, _) => 0,
            (Some(Value::Destination(from)), Some(Value::Destination(to))) => {
                match to.weight.cmp(&from.weight) {
                    Ordering::Greater => 1,
                    Ordering::Equal => 2,
                    Ordering::Less => 3,
                }
            }
            (Some(_), Some(_)) => 2,
            (Some(_), None) => match self.key {
                Key::Service(_) => 5,
                _ => 4,
            },
        }
    }

    /// Returns the change as a request to the kernel.
    ///
    /// # Errors
    ///
    /// [`Error::Mismatch`] if the value is of another kind than the key.
    pub fn request(&self) -> Result<Request, Error> {
        let new = self.from.is_none();
        Ok(match (self.key, self.to.clone()) {
            (Key::Service(_), Some(Value::Service(service))) if new => {
                Request::AddService(*service)
            }
            (Key::Service(_), Some(Value::Service(service))) => Request::EditService(*service),
            (Key::Service(identity), None) => Request::DeleteService(identity),
            (Key::Destination { service, .. }, Some(Value::Destination(destination))) if new => {
                Request::AddDestination { service, destination }
            }
            (Key::Destination { service, .. }, Some(Value::Destination(destination))) => {
                Request::EditDestination { service, destination }
            }
            (Key::Destination { service, address, port }, None) => {
                Request::DeleteDestination { service, address, port }
            }
            (Key::Timeouts, Some(Value::Timeouts(timeouts))) => Request::SetTimeouts(timeouts),
            (Key::Daemon(_), Some(Value::Daemon(daemon))) => Request::StartDaemon(*daemon),
            (Key::Daemon(state), None) => Request::StopDaemon { state, sync_id: 0 },
            (key @ Key::Timeouts, None) | (key, Some(_)) => return Err(Error::Mismatch(key)),
        })
    }

    /// Returns the request that has to precede that of the change: the kernel cannot edit a running
    /// daemon.
    pub(super) fn stop_request(&self) -> Option<Request> {
        match (&self.from, &self.to) {
            (Some(Value::Daemon(running)), Some(_)) => {
                Some(Request::StopDaemon { state: running.state, sync_id: running.sync_id })
            }
            _ => None,
        }
    }
}

/// Returns whether an actual value needs no change to be the desired one, where either may be absent;
/// `satisfies` compares two that are present.
pub fn suffices<V>(
    actual: Option<&V>,
    desired: Option<&V>,
    satisfies: impl Fn(&V, &V) -> bool,
) -> bool {
    match (actual, desired) {
        (Some(actual), Some(desired)) => satisfies(actual, desired),
        (actual, desired) => actual.is_none() && desired.is_none(),
    }
}

/// The change as a person would type it.
///
/// # Examples
///
/// ```
/// use std::net::Ipv4Addr;
/// use lvs::ipvs::{Service, ServiceIdentity};
/// use lvs::table::Change;
/// use lvs::table::{Key, Value, command};
///
/// let web = ServiceIdentity::tcp(Ipv4Addr::new(192, 168, 10, 10), 80);
/// let add = Change {
///     key: Key::Service(web),
///     from: None,
///     to: Some(Value::from(Service::new(web, "rr"))),
/// };
/// assert_eq!(command(&add), "ipvsadm -A -t 192.168.10.10:80 -s rr");
/// assert_eq!(command(&add.inverse()), "ipvsadm -D -t 192.168.10.10:80");
/// ```
#[must_use]
pub fn command(change: &Change<Key, Value>) -> String {
    let Ok(request) = change.request() else {
        // Only timeouts have no request without a value.
        return "# timeouts of connections stay".to_owned();
    };
    let mut line = String::new();
    if let Some(stop) = change.stop_request() {
        line.push_str("ipvsadm ");
        append_request(&mut line, &stop, Style::Short);
        line.push_str(" && ");
    }
    line.push_str("ipvsadm ");
    append_request(&mut line, &request, Style::Short);
    line
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;
    use crate::ipvs::{
        AddressFamily, Checksum, Daemon, DaemonState, Destination, Forwarding, Netmask,
        Persistence, Service, ServiceFlags, ServiceIdentity, Tunnel,
    };

    const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 10, 10);

    #[test]
    fn safe_order_keeps_a_destination_available_between_changes() {
        let identity = |port| ServiceIdentity::tcp(Ipv4Addr::new(192, 0, 2, 1), port);
        let service = |port, from: Option<&str>, to: Option<&str>| {
            let value = |name: &str| Value::from(Service::new(identity(port), name));
            Change { key: Key::Service(identity(port)), from: from.map(value), to: to.map(value) }
        };
        let destination = |last, from: Option<u32>, to: Option<u32>| {
            let of = |weight| {
                let address = Ipv4Addr::new(192, 0, 2, last);
                Destination { weight, ..Destination::new(address, 80, Forwarding::Tunnel) }
            };
            let value = |weight| Value::Destination(of(weight));
            let key = Key::of(identity(80), &of(0));
            Change { key, from: from.map(value), to: to.map(value) }
        };
        let mut changes = [
            service(8, Some("rr"), None),
            destination(2, Some(1), None),
            destination(3, Some(5), Some(1)),
            service(81, Some("rr"), Some("wrr")),
            destination(4, Some(1), Some(2)),
            service(80, None, Some("rr")),
            destination(5, None, Some(1)),
        ];
        changes.sort_by_key(Change::rank);
        let commands: Vec<String> = changes.iter().map(command).collect();
        assert_eq!(
            commands,
            [
                "ipvsadm -A -t 192.0.2.1:80 -s rr",
                "ipvsadm -a -t 192.0.2.1:80 -r 192.0.2.5:80 -i -w 1",
                "ipvsadm -e -t 192.0.2.1:80 -r 192.0.2.4:80 -i -w 2",
                "ipvsadm -E -t 192.0.2.1:81 -s wrr",
                "ipvsadm -e -t 192.0.2.1:80 -r 192.0.2.3:80 -i -w 1",
                "ipvsadm -d -t 192.0.2.1:80 -r 192.0.2.2:80",
                "ipvsadm -D -t 192.0.2.1:8",
            ]
        );
    }

    #[test]
    fn each_change_is_one_request() {
        let identity = ServiceIdentity::tcp(Ipv4Addr::new(192, 0, 2, 1), 80);
        let service = Service::new(identity, "rr");
        let server = Destination::new(Ipv4Addr::new(192, 0, 2, 2), 80, Forwarding::Tunnel);
        let of = |key, from: &Option<Value>, to: &Option<Value>| {
            Change { key, from: from.clone(), to: to.clone() }.request()
        };
        let (key, value) = (Key::Service(identity), Some(Value::from(service.clone())));
        assert_eq!(of(key, &None, &value).unwrap(), Request::AddService(service.clone()));
        assert_eq!(of(key, &value, &value).unwrap(), Request::EditService(service));
        assert_eq!(of(key, &value, &None).unwrap(), Request::DeleteService(identity));
        let other = Some(Value::Destination(server.clone()));
        assert!(of(key, &None, &other).is_err());
        let key = Key::of(identity, &server);
        let add = Request::AddDestination { service: identity, destination: server.clone() };
        assert_eq!(of(key, &None, &other).unwrap(), add);
        let edit = Request::EditDestination { service: identity, destination: server.clone() };
        assert_eq!(of(key, &other, &other).unwrap(), edit);
        let delete =
            Request::DeleteDestination { service: identity, address: server.address, port: 80 };
        assert_eq!(of(key, &other, &None).unwrap(), delete);
        assert!(of(key, &None, &value).is_err());
    }

    #[test]
    fn command_has_every_attribute_of_a_service() {
        let identity = ServiceIdentity::udp(VIP, 53);
        let mut service = Service::new(identity, "sh");
        service.flags = ServiceFlags::from_bits_retain(0x0c);
        let netmask = Netmask::Ipv4(Ipv4Addr::new(255, 255, 255, 0));
        service.persistence = Some(Persistence::new(300, netmask));
        let value = Some(Value::from(service));
        let change = Change { key: Key::Service(identity), from: value.clone(), to: value };
        assert_eq!(
            command(&change),
            "ipvsadm -E -u 192.168.10.10:53 -s sh -p 300 -M 255.255.255.0 -o -b sh-fallback"
        );
    }

    #[test]
    fn names_in_a_command_are_quoted_for_a_shell() {
        let daemon = |interface: &str| {
            let daemon = Daemon::new(DaemonState::Master, interface, 7);
            let key = Key::Daemon(DaemonState::Master);
            command(&Change { key, from: None, to: Some(Value::from(daemon)) })
        };
        let start = "ipvsadm --start-daemon master --mcast-interface";
        assert_eq!(daemon("eth0.5"), format!("{start} eth0.5 --syncid 7"));
        assert_eq!(daemon(";id>x;#"), format!("{start} ';id>x;#' --syncid 7"));
        assert_eq!(daemon("a\x1b[2J"), format!("{start} $'a\\033[2J' --syncid 7"));
        let identity = ServiceIdentity::tcp(VIP, 80);
        let value = Value::from(Service::new(identity, "$(id)").with_persistence_engine("a b"));
        let change = Change { key: Key::Service(identity), from: None, to: Some(value) };
        assert_eq!(command(&change), "ipvsadm -A -t 192.168.10.10:80 -s '$(id)' --pe 'a b'");
    }

    #[test]
    fn command_has_every_attribute_of_a_destination() {
        let service = ServiceIdentity::Mark { mark: 7, family: AddressFamily::Ipv6 };
        let mut destination = Destination::new(Ipv6Addr::LOCALHOST, 80, Forwarding::Tunnel);
        destination.upper_threshold = 9;
        destination.lower_threshold = 8;
        destination.tunnel = Tunnel::Gue { port: 6080, checksum: Checksum::Remote };
        let change = Change {
            key: Key::of(service, &destination),
            from: None,
            to: Some(Value::Destination(destination)),
        };
        assert_eq!(
            command(&change),
            "ipvsadm -a -f 7 -6 -r [::1]:80 -i -w 1 \
             --tun-type gue --tun-port 6080 --tun-remcsum -x 9 -y 8"
        );
        assert_eq!(command(&change.inverse()), "ipvsadm -d -f 7 -6 -r [::1]:80");
    }
}

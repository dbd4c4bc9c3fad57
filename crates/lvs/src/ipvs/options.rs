//! The older interface of the kernel: socket options (`IP_VS_SO_*` of `linux/ip_vs.h`).
//!
//! Netlink operations of IPVS need `CAP_NET_ADMIN` in the initial user namespace (`GENL_ADMIN_PERM`).
//! These options accept it in the user namespace that owns the network namespace, such as that of an
//! unprivileged container. They know neither IPv6, encapsulations, persistence engines nor 64-bit
//! counters of packets, and daemons only by interface and sync id. Each answers all at once.

use std::ffi::c_int;
use std::io;
use std::mem::{offset_of, size_of};
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::{
    AddressFamily, Daemon, DaemonState, Destination, DestinationEntry, Forwarding, Info, Netmask,
    Protocol, Rates, Request, Service, ServiceEntry, ServiceIdentity, Stats, Timeouts, Tunnel,
    Version,
};
use crate::netlink::Error;

/// `IP_VS_BASE_CTL`, the number before the first option.
const BASE: c_int = 64 + 1024 + 64;

/// Options that change something (`IP_VS_SO_SET_*`).
#[derive(Clone, Copy)]
#[repr(i32)]
enum Set {
    AddService = BASE + 2,
    EditService = BASE + 3,
    DeleteService = BASE + 4,
    Flush = BASE + 5,
    AddDestination = BASE + 7,
    DeleteDestination = BASE + 8,
    EditDestination = BASE + 9,
    Timeouts = BASE + 10,
    StartDaemon = BASE + 11,
    StopDaemon = BASE + 12,
    Zero = BASE + 15,
}

/// Options that read something (`IP_VS_SO_GET_*`).
#[derive(Clone, Copy)]
#[repr(i32)]
enum Get {
    Info = BASE + 1,
    Services = BASE + 2,
    Service = BASE + 3,
    Destinations = BASE + 4,
    Timeouts = BASE + 6,
    Daemons = BASE + 7,
}

/// Services or destinations in a table that grows while it is read, until it counts as unsettled.
const ATTEMPTS: u32 = 8;

/// Services, or destinations of one, above which an answer is malformed.
const MOST_ENTRIES: u32 = 1 << 20;

/// Makes structures of the kernel. Addresses, masks and ports are in network byte order.
macro_rules! structures {
    ($($(#[$documentation:meta])* $name:ident { $($field:ident: $type:ty,)* })*) => {$(
        $(#[$documentation])*
        #[derive(Clone, Copy)]
        #[repr(C)]
        struct $name {
            $($field: $type,)*
        }

        impl Plain for $name {}
    )*};
}

/// A structure of numbers and arrays of numbers, for which any bytes are valid.
trait Plain: Copy {
    #[allow(unsafe_code)]
    fn zeroed() -> Self {
        // SAFETY: all bytes 0 are a valid value of an implementor.
        unsafe { std::mem::zeroed() }
    }

    /// The structure at that place of an answer.
    #[allow(unsafe_code)]
    fn read(bytes: &[u8], place: usize) -> Option<Self> {
        let bytes = bytes.get(place..)?.get(..size_of::<Self>())?;
        // SAFETY: the slice has the size of the structure, for which any bytes are valid; the
        // pointer need not be aligned.
        Some(unsafe { bytes.as_ptr().cast::<Self>().read_unaligned() })
    }
}

structures! {
    /// `struct ip_vs_service_user`.
    ServiceUser {
        protocol: u16,
        address: u32,
        port: u16,
        mark: u32,
        scheduler: [u8; 16],
        flags: u32,
        timeout: u32,
        netmask: u32,
    }
    /// `struct ip_vs_dest_user`.
    DestinationUser {
        address: u32,
        port: u16,
        flags: u32,
        weight: u32,
        upper_threshold: u32,
        lower_threshold: u32,
    }
    /// What options about destinations take.
    Pair {
        service: ServiceUser,
        destination: DestinationUser,
    }
    /// `struct ip_vs_timeout_user`.
    TimeoutUser {
        tcp: u32,
        tcp_fin: u32,
        udp: u32,
    }
    /// `struct ip_vs_daemon_user`.
    DaemonUser {
        state: u32,
        interface: [u8; 16],
        sync_id: u32,
    }
    /// `struct ip_vs_getinfo`. Counts IPv4 services.
    GetInfo {
        version: u32,
        table_size: u32,
        services: u32,
    }
    /// `struct ip_vs_stats_user`.
    StatsUser {
        connections: u32,
        packets_in: u32,
        packets_out: u32,
        bytes_in: u64,
        bytes_out: u64,
        connection_rate: u32,
        packet_rate_in: u32,
        packet_rate_out: u32,
        byte_rate_in: u32,
        byte_rate_out: u32,
    }
    /// `struct ip_vs_service_entry`.
    EntryOfService {
        service: ServiceUser,
        destinations: u32,
        stats: StatsUser,
    }
    /// `struct ip_vs_dest_entry`.
    EntryOfDestination {
        destination: DestinationUser,
        active_connections: u32,
        inactive_connections: u32,
        persistent_connections: u32,
        stats: StatsUser,
    }
    /// `struct ip_vs_get_services`, with the first of its entries.
    GetServices {
        count: u32,
        first: EntryOfService,
    }
    /// `struct ip_vs_get_dests`, with the first of its entries.
    GetDestinations {
        protocol: u16,
        address: u32,
        port: u16,
        mark: u32,
        count: u32,
        first: EntryOfDestination,
    }
}

/// A socket for the options, of the network namespace in which it was opened.
#[derive(Debug)]
pub(super) struct Options(OwnedFd);

/// The options need no port: a machine may have none left, or a unit may not be allowed to bind one.
#[allow(unsafe_code)]
fn unbound_socket() -> io::Result<OwnedFd> {
    // SAFETY: the call takes integers.
    let descriptor =
        unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    match descriptor {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: the kernel has just opened the descriptor, and nothing else has it.
        descriptor => Ok(unsafe { OwnedFd::from_raw_fd(descriptor) }),
    }
}

impl Options {
    /// Opens a socket. Fails if the kernel does not permit the options.
    pub(super) fn open() -> Result<Self, Error> {
        let options = Self(unbound_socket()?);
        options.info()?;
        Ok(options)
    }

    pub(super) fn info(&self) -> Result<Info, Error> {
        let info = self.get_info()?;
        Ok(Info { version: Version(info.version), table_size: info.table_size })
    }

    /// All IPv4 services.
    pub(super) fn services(&self) -> Result<Vec<ServiceEntry>, Error> {
        const FIRST: usize = offset_of!(GetServices, first);
        for _ in 0..ATTEMPTS {
            let count = bounded(self.get_info()?.services)?;
            let mut answer = vec![0; FIRST + count as usize * size_of::<EntryOfService>()];
            copy(&mut answer, &count.to_ne_bytes());
            self.get(Get::Services, &mut answer)?;
            if self.get_info()?.services == count {
                let entries = entries::<EntryOfService>(&answer, FIRST);
                // Fewer may have been there: the kernel leaves the rest as it is.
                return Ok(entries
                    .filter(|entry| entry.service.protocol != 0)
                    .map(service_entry)
                    .collect());
            }
        }
        Err(Error::Interrupted(ATTEMPTS))
    }

    pub(super) fn service(&self, identity: &ServiceIdentity) -> Result<ServiceEntry, Error> {
        self.entry_of(identity).map(service_entry)
    }

    /// The IPv4 destinations of a service. None if there is no such service.
    pub(super) fn destinations(
        &self,
        identity: &ServiceIdentity,
    ) -> Result<Vec<DestinationEntry>, Error> {
        const FIRST: usize = offset_of!(GetDestinations, first);
        for _ in 0..ATTEMPTS {
            let service = match self.entry_of(identity) {
                Err(error) if error.errno() == Some(libc::ESRCH) => return Ok(Vec::new()),
                service => service?,
            };
            let count = bounded(service.destinations)?;
            let mut answer = vec![0; FIRST + count as usize * size_of::<EntryOfDestination>()];
            let ServiceUser { protocol, address, port, mark, .. } = service.service;
            for (place, field) in [
                (offset_of!(GetDestinations, protocol), &protocol.to_ne_bytes()[..]),
                (offset_of!(GetDestinations, address), &address.to_ne_bytes()),
                (offset_of!(GetDestinations, port), &port.to_ne_bytes()),
                (offset_of!(GetDestinations, mark), &mark.to_ne_bytes()),
                (offset_of!(GetDestinations, count), &count.to_ne_bytes()),
            ] {
                copy(answer.get_mut(place..).unwrap_or_default(), field);
            }
            self.get(Get::Destinations, &mut answer)?;
            if self.entry_of(identity)?.destinations == count {
                let entries = entries::<EntryOfDestination>(&answer, FIRST);
                return Ok(entries
                    .filter(|it| it.destination.address != 0)
                    .map(destination_entry)
                    .collect());
            }
        }
        Err(Error::Interrupted(ATTEMPTS))
    }

    pub(super) fn timeouts(&self) -> Result<Timeouts, Error> {
        let TimeoutUser { tcp, tcp_fin, udp } =
            self.get_one(Get::Timeouts, TimeoutUser::zeroed())?;
        Ok(Timeouts { tcp, tcp_fin, udp })
    }

    pub(super) fn daemons(&self) -> Result<Vec<Daemon>, Error> {
        let mut answer = vec![0; 2 * size_of::<DaemonUser>()];
        self.get(Get::Daemons, &mut answer)?;
        let daemons = entries::<DaemonUser>(&answer, 0).filter_map(|daemon| {
            let state = DaemonState::from_number(daemon.state)?;
            Some(Daemon::new(state, text(&daemon.interface), daemon.sync_id))
        });
        Ok(daemons.collect())
    }

    pub(super) fn execute(&self, request: &Request) -> Result<(), Error> {
        match request {
            Request::AddService(service) => self.set(Set::AddService, &full_service(service)?),
            Request::EditService(service) => self.set(Set::EditService, &full_service(service)?),
            Request::DeleteService(service) => self.set(Set::DeleteService, &identity(service)?),
            Request::AddDestination { service, destination } => {
                self.set(Set::AddDestination, &pair(service, destination)?)
            }
            Request::EditDestination { service, destination } => {
                self.set(Set::EditDestination, &pair(service, destination)?)
            }
            Request::DeleteDestination { service, address, port } => {
                let destination = Destination::new(*address, *port, Forwarding::Masquerade);
                self.set(Set::DeleteDestination, &pair(service, &destination)?)
            }
            Request::Flush => self.set(Set::Flush, &()),
            Request::Zero(None) => self.set(Set::Zero, &tcp()),
            Request::Zero(Some(service)) => self.set(Set::Zero, &identity(service)?),
            Request::SetTimeouts(Timeouts { tcp, tcp_fin, udp }) => {
                let timeouts = TimeoutUser { tcp: *tcp, tcp_fin: *tcp_fin, udp: *udp };
                self.set(Set::Timeouts, &timeouts)
            }
            Request::StartDaemon(daemon) => self.set(Set::StartDaemon, &daemon_user(daemon)?),
            Request::StopDaemon { state, sync_id } => {
                let daemon = Daemon::new(*state, "", *sync_id);
                self.set(Set::StopDaemon, &daemon_user(&daemon)?)
            }
        }
    }

    fn get_info(&self) -> Result<GetInfo, Error> {
        self.get_one(Get::Info, GetInfo::zeroed())
    }

    fn entry_of(&self, service: &ServiceIdentity) -> Result<EntryOfService, Error> {
        let entry = EntryOfService { service: identity(service)?, ..Plain::zeroed() };
        self.get_one(Get::Service, entry)
    }

    fn get_one<P: Plain>(&self, option: Get, mut value: P) -> Result<P, Error> {
        self.get_into(option, std::ptr::from_mut(&mut value).cast(), size_of::<P>())?;
        Ok(value)
    }

    fn get(&self, option: Get, answer: &mut [u8]) -> Result<(), Error> {
        self.get_into(option, answer.as_mut_ptr(), answer.len())
    }

    #[allow(unsafe_code)]
    fn get_into(&self, option: Get, answer: *mut u8, length: usize) -> Result<(), Error> {
        let mut length = length as libc::socklen_t;
        // SAFETY: the descriptor is open as long as `self` is borrowed. The callers pass exclusively
        // borrowed memory of that length, for which any bytes are valid.
        let result = unsafe {
            let (level, option) = (libc::IPPROTO_IP, option as c_int);
            libc::getsockopt(self.0.as_raw_fd(), level, option, answer.cast(), &raw mut length)
        };
        outcome(result)
    }

    /// Sets an option to a structure, or to nothing (`()`).
    #[allow(unsafe_code)]
    fn set<V: Copy>(&self, option: Set, value: &V) -> Result<(), Error> {
        // SAFETY: the descriptor is open as long as `self` is borrowed; pointer and length are those
        // of one live `V`, which the kernel only reads.
        let result = unsafe {
            let (level, option) = (libc::IPPROTO_IP, option as c_int);
            let length = size_of::<V>() as libc::socklen_t;
            let value = std::ptr::from_ref(value).cast();
            libc::setsockopt(self.0.as_raw_fd(), level, option, value, length)
        };
        outcome(result)
    }
}

fn outcome(result: c_int) -> Result<(), Error> {
    if result == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    Err(match error.raw_os_error() {
        Some(errno) => Error::refused(errno, None),
        None => Error::Socket(error),
    })
}

/// What these options cannot express.
fn not_there(errno: i32, what: &str) -> Error {
    let message = format!(
        "In a user namespace the kernel permits only the older interface of IPVS, which does not \
         support {what}. From the initial user namespace it is possible: \
         ipvsadm --netns PID, as root of the host."
    );
    Error::refused(errno, Some(message))
}

fn bounded(count: u32) -> Result<u32, Error> {
    if count <= MOST_ENTRIES {
        return Ok(count);
    }
    Err(Error::Malformed(format!("a table of {count} entries")))
}

fn copy(to: &mut [u8], from: &[u8]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}

fn entries<P: Plain>(answer: &[u8], first: usize) -> impl Iterator<Item = P> {
    (first..answer.len()).step_by(size_of::<P>()).map_while(|place| P::read(answer, place))
}

fn ipv4(address: IpAddr) -> Result<u32, Error> {
    match address {
        IpAddr::V4(address) => Ok(address.to_bits().to_be()),
        IpAddr::V6(_) => Err(not_there(libc::EAFNOSUPPORT, "IPv6")),
    }
}

/// The protocol that the kernel requires where it looks at none.
fn tcp() -> ServiceUser {
    ServiceUser { protocol: Protocol::TCP.0, ..Plain::zeroed() }
}

fn identity(service: &ServiceIdentity) -> Result<ServiceUser, Error> {
    Ok(match *service {
        ServiceIdentity::Address { protocol, address, port } => ServiceUser {
            protocol: protocol.0,
            address: ipv4(address)?,
            port: port.to_be(),
            ..Plain::zeroed()
        },
        ServiceIdentity::Mark { mark, family: AddressFamily::Ipv4 } => {
            ServiceUser { mark, ..tcp() }
        }
        ServiceIdentity::Mark { .. } => return Err(not_there(libc::EAFNOSUPPORT, "IPv6")),
    })
}

fn full_service(service: &Service) -> Result<ServiceUser, Error> {
    if service.persistence_engine.is_some() {
        return Err(not_there(libc::EAFNOSUPPORT, "persistence engines"));
    }
    let (flags, timeout, netmask) = service.kernel_fields();
    let netmask = match netmask {
        Netmask::Ipv4(mask) => mask.to_bits().to_be(),
        Netmask::Ipv6(_) => return Err(not_there(libc::EAFNOSUPPORT, "IPv6")),
    };
    let scheduler = name(&service.scheduler)?;
    Ok(ServiceUser { scheduler, flags, timeout, netmask, ..identity(&service.identity)? })
}

fn pair(service: &ServiceIdentity, destination: &Destination) -> Result<Pair, Error> {
    if destination.forwarding == Forwarding::Tunnel && destination.tunnel != Tunnel::Ipip {
        return Err(not_there(libc::EOPNOTSUPP, "encapsulations other than ipip"));
    }
    let service = identity(service)?;
    let destination = DestinationUser {
        address: ipv4(destination.address)?,
        port: destination.port.to_be(),
        flags: destination.forwarding.number(),
        weight: destination.weight,
        upper_threshold: destination.upper_threshold,
        lower_threshold: destination.lower_threshold,
    };
    Ok(Pair { service, destination })
}

fn daemon_user(daemon: &Daemon) -> Result<DaemonUser, Error> {
    let Daemon { state, interface, sync_id, maximum_length, group, port, time_to_live } = daemon;
    if maximum_length.is_some() || group.is_some() || port.is_some() || time_to_live.is_some() {
        let what = "options of sync daemons other than interface and sync id";
        return Err(not_there(libc::EOPNOTSUPP, what));
    }
    Ok(DaemonUser { state: state.number(), interface: name(interface)?, sync_id: *sync_id })
}

/// A name with at least one NUL behind it.
fn name(text: &str) -> Result<[u8; 16], Error> {
    let mut name = [0; 16];
    if text.len() >= name.len() {
        return Err(Error::refused(libc::EINVAL, None));
    }
    copy(&mut name, text.as_bytes());
    Ok(name)
}

fn text(name: &[u8]) -> String {
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}

fn service_entry(entry: EntryOfService) -> ServiceEntry {
    let user = entry.service;
    let identity = match user.mark {
        0 => ServiceIdentity::Address {
            protocol: Protocol(user.protocol),
            address: Ipv4Addr::from_bits(u32::from_be(user.address)).into(),
            port: u16::from_be(user.port),
        },
        mark => ServiceIdentity::Mark { mark, family: AddressFamily::Ipv4 },
    };
    let scheduler = match text(&user.scheduler) {
        name if name.is_empty() => "none".to_owned(),
        name => name,
    };
    let netmask = Netmask::Ipv4(Ipv4Addr::from_bits(u32::from_be(user.netmask)));
    let service = Service::new(identity, scheduler);
    ServiceEntry {
        service: service.with_kernel_fields(user.flags, user.timeout, netmask),
        stats: stats(&entry.stats),
    }
}

fn destination_entry(entry: EntryOfDestination) -> DestinationEntry {
    /// `IP_VS_CONN_F_FWD_MASK`.
    const FORWARDING: u32 = 7;
    let user = entry.destination;
    let address = Ipv4Addr::from_bits(u32::from_be(user.address));
    let forwarding = Forwarding::from_number(user.flags & FORWARDING);
    let destination = Destination::new(address, u16::from_be(user.port), forwarding)
        .with_weight(user.weight)
        .with_thresholds(user.upper_threshold, user.lower_threshold);
    DestinationEntry {
        active_connections: entry.active_connections,
        inactive_connections: entry.inactive_connections,
        persistent_connections: entry.persistent_connections,
        stats: stats(&entry.stats),
        ..DestinationEntry::new(destination)
    }
}

fn stats(user: &StatsUser) -> Stats {
    Stats {
        connections: user.connections.into(),
        packets_in: user.packets_in.into(),
        packets_out: user.packets_out.into(),
        bytes_in: user.bytes_in,
        bytes_out: user.bytes_out,
        rates: Rates {
            connections: user.connection_rate.into(),
            packets_in: user.packet_rate_in.into(),
            packets_out: user.packet_rate_out.into(),
            bytes_in: user.byte_rate_in.into(),
            bytes_out: user.byte_rate_out.into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sizes on 64-bit machines, by the header.
    #[cfg(target_pointer_width = "64")]
    #[test]
    fn structures_have_the_sizes_of_the_kernel() {
        assert_eq!(size_of::<ServiceUser>(), 44);
        assert_eq!(size_of::<Pair>(), 44 + 24);
        assert_eq!(size_of::<StatsUser>(), 56);
        assert_eq!(size_of::<EntryOfService>(), 48 + 56);
        assert_eq!(size_of::<EntryOfDestination>(), 40 + 56);
        assert_eq!(offset_of!(GetServices, first), 8);
        assert_eq!(offset_of!(GetDestinations, first), 24);
    }

    #[test]
    fn what_the_options_lack_is_refused_by_name() {
        let six = ServiceIdentity::tcp(std::net::Ipv6Addr::LOCALHOST, 80);
        let refused = |error: Error| match error {
            Error::Refused { errno, message, .. } => (errno, message.unwrap_or_default()),
            error => panic!("{error}"),
        };
        let (errno, message) = refused(identity(&six).err().unwrap());
        assert_eq!(errno, libc::EAFNOSUPPORT);
        assert!(message.contains("does not support IPv6"), "{message}");
        let gue = Tunnel::Gue { port: 6080, checksum: super::super::Checksum::None };
        let server = Destination::new([198, 51, 100, 2], 80, Forwarding::Tunnel).with_tunnel(gue);
        let web = ServiceIdentity::tcp([192, 0, 2, 1], 80);
        assert_eq!(refused(pair(&web, &server).err().unwrap()).0, libc::EOPNOTSUPP);
        let daemon = Daemon::new(DaemonState::Master, "eth0", 1).with_port(9000);
        assert_eq!(refused(daemon_user(&daemon).err().unwrap()).0, libc::EOPNOTSUPP);
    }
}

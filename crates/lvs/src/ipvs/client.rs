//! Changes of the table as plain data, and the client with one typed method per command.

use std::cell::RefCell;
use std::collections::{HashSet, VecDeque};
use std::hash::Hash;
use std::net::IpAddr;

use netlink_packet_core::DecodeError;
use netlink_packet_generic::GenlFamily;

use super::chain::Chain;
use super::options::Options;
use super::wire::{Command, DestinationAttribute, IpvsMessage, destination, destination_entry};
use super::{
    AddressFamily, Daemon, DaemonState, Destination, DestinationEntry, Info, Service, ServiceEntry,
    ServiceIdentity, Timeouts,
};
use crate::netlink::{Connection, Dump, Error, ErrorKind, Socket, Transport};

/// Dumps of a table after which it counts as unsettled. Two are the rule; a thousand services beside
/// another network namespace that adds and deletes hundreds all the time have taken 86.
const ATTEMPTS: u32 = 1024;

/// A change of the kernel's table. [`Client`] has a method for each, and
/// [`execute_all`](Client::execute_all) for many.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// Adds a service (`IPVS_CMD_NEW_SERVICE`).
    AddService(Service),
    /// Replaces every attribute of a service but its identity (`IPVS_CMD_SET_SERVICE`).
    EditService(Service),
    /// Deletes a service and its destinations (`IPVS_CMD_DEL_SERVICE`).
    DeleteService(ServiceIdentity),
    /// Adds a destination (`IPVS_CMD_NEW_DEST`).
    AddDestination {
        /// The service.
        service: ServiceIdentity,
        /// The new destination.
        destination: Destination,
    },
    /// Replaces every attribute of a destination but its address and port (`IPVS_CMD_SET_DEST`).
    EditDestination {
        /// The service.
        service: ServiceIdentity,
        /// The destination with its new attributes.
        destination: Destination,
    },
    /// Deletes a destination (`IPVS_CMD_DEL_DEST`).
    DeleteDestination {
        /// The service.
        service: ServiceIdentity,
        /// Address of the real server.
        address: IpAddr,
        /// Port of the real server.
        port: u16,
    },
    /// Deletes every service (`IPVS_CMD_FLUSH`).
    Flush,
    /// Zeroes the counters of one service with its destinations, or of all (`IPVS_CMD_ZERO`).
    Zero(Option<ServiceIdentity>),
    /// Sets the timeouts that are not 0 (`IPVS_CMD_SET_CONFIG`).
    SetTimeouts(Timeouts),
    /// Starts a synchronization daemon (`IPVS_CMD_NEW_DAEMON`).
    StartDaemon(Daemon),
    /// Stops a synchronization daemon (`IPVS_CMD_DEL_DAEMON`).
    StopDaemon {
        /// Role of the daemon.
        state: DaemonState,
        /// Sync id; the kernel ignores it.
        sync_id: u32,
    },
}

impl Request {
    /// What an error number means in reply to this request.
    pub(super) const fn error_kind(&self, errno: i32) -> ErrorKind {
        match (self, errno) {
            // Of the scheduler, or of the persistence engine.
            (Self::AddService(_) | Self::EditService(_), libc::ENOENT) => ErrorKind::NoScheduler,
            (Self::StopDaemon { .. }, libc::ESRCH) => ErrorKind::NotFound,
            _ => ErrorKind::of_errno(errno),
        }
    }
}

/// A client of the kernel's IPVS.
///
/// # Errors
///
/// Every method needs `CAP_NET_ADMIN` in the initial user namespace (but see
/// [`Client::or_socket_options`]), and every exchange can fail.
/// Apart from that, [`Error::kind`] is
///
/// - [`ErrorKind::NoSuchService`] where a method needs a service that does not exist;
///   [`destinations`](Self::destinations) returns none instead;
/// - [`ErrorKind::NotFound`] where a destination, or a daemon to stop, does not exist;
/// - [`ErrorKind::AlreadyExists`] where a service or destination to add exists, or a daemon with
///   that state is running;
/// - [`ErrorKind::NoScheduler`] where the kernel lacks the scheduler or the persistence engine of a
///   service;
/// - [`ErrorKind::NoSuchInterface`] where the interface of a daemon does not exist;
/// - [`ErrorKind::InvalidInput`] where the kernel does not accept a value, such as the address of a
///   destination to which it has no route.
#[derive(Debug)]
pub struct Client<S = Socket> {
    connection: Connection<S>,
    family: u16,
    fallback: Fallback,
}

/// The older interface of the kernel, for where netlink is refused.
#[derive(Debug)]
enum Fallback {
    Never,
    IfRefused,
    InUse(Options),
}

impl Client {
    /// Connects to the kernel, in the network namespace of the calling thread.
    ///
    /// Fails as [`Client::new`], and with [`Error::Socket`] if no socket can be opened.
    pub fn connect() -> Result<Self, Error> {
        Ok(Self::new(Socket::new()?)?.or_socket_options())
    }
}

/// Methods that make one change each, from lines of name, arguments and [`Request`].
macro_rules! changes {
    ($(
        $(#[$documentation:meta])*
        $name:ident($($argument:ident: $type:ty),*) => $request:expr;
    )*) => {$(
        $(#[$documentation])*
        pub fn $name(&mut self, $($argument: $type),*) -> Result<(), Error> {
            self.execute(&$request)
        }
    )*};
}

impl<S: Transport> Client<S> {
    /// Looks up the family, which makes the kernel load IPVS if it is a module. Fails with
    /// [`Error::NoFamily`] if the kernel has no IPVS.
    pub fn new(transport: S) -> Result<Self, Error> {
        let mut connection = Connection::with_small_datagrams(transport);
        let family = connection.family(IpvsMessage::family_name())?;
        Ok(Self { connection, family, fallback: Fallback::Never })
    }

    /// Uses socket options (`IP_VS_SO_*`) if netlink is refused with `EPERM`: they accept
    /// `CAP_NET_ADMIN` in the user namespace that owns the network namespace, as root of an
    /// unprivileged container has it. They know neither IPv6, encapsulations nor persistence
    /// engines; what they cannot express is refused with a message that says so.
    #[must_use]
    pub fn or_socket_options(mut self) -> Self {
        self.fallback = Fallback::IfRefused;
        self
    }

    /// Whether netlink was refused, and socket options are in use.
    #[must_use]
    pub const fn uses_socket_options(&self) -> bool {
        matches!(self.fallback, Fallback::InUse(_))
    }

    /// Calls `netlink`, or `options` once netlink has been refused.
    fn either<V>(
        &mut self,
        netlink: impl FnOnce(&mut Self) -> Result<V, Error>,
        options: impl FnOnce(&Options) -> Result<V, Error>,
    ) -> Result<V, Error> {
        if let Fallback::InUse(socket) = &self.fallback {
            return options(socket);
        }
        let result = netlink(self);
        let refused = matches!(&result, Err(error) if error.errno() == Some(libc::EPERM));
        if !refused || matches!(self.fallback, Fallback::Never) {
            return result;
        }
        self.fallback = match Options::open() {
            Ok(socket) => Fallback::InUse(socket),
            Err(_) => Fallback::Never,
        };
        match &self.fallback {
            Fallback::InUse(socket) => options(socket),
            _ => result,
        }
    }

    /// Version and table size.
    pub fn info(&mut self) -> Result<Info, Error> {
        let request = IpvsMessage::bare(Command::GetInfo);
        self.either(|it| it.query(request, IpvsMessage::into_info), Options::info)
    }

    /// All services, in the kernel's order.
    ///
    /// A change interrupts a long dump, also a change in another network namespace, and then the dump
    /// may lack services. So it is repeated until nothing can be missing, which takes two dumps as
    /// a rule, and one if it fits into a datagram.
    ///
    /// Fails with [`Error::Interrupted`] if the table keeps changing during 1024 dumps.
    pub fn services(&mut self) -> Result<Vec<ServiceEntry>, Error> {
        self.either(|it| it.settled(Self::dump_services, identity_of), Options::services)
    }

    /// As [`Client::services`], in a single dump, which may lack services. For a caller that
    /// compares it with another source.
    pub fn services_at_once(&mut self) -> Result<Vec<ServiceEntry>, Error> {
        let mut services = self.either(|it| Ok(it.dump_services()?.entries), Options::services)?;
        let mut seen = HashSet::new();
        services.retain(|entry| seen.insert(identity_of(entry)));
        Ok(services)
    }

    /// One service.
    pub fn service(&mut self, identity: &ServiceIdentity) -> Result<ServiceEntry, Error> {
        let request = IpvsMessage::about(Command::GetService, identity);
        self.either(
            |it| it.query(request, IpvsMessage::into_service),
            |options| options.service(identity),
        )
    }

    /// Destinations of a service, in the kernel's order, complete as [`Client::services`] are. None
    /// if there is no such service.
    pub fn destinations(
        &mut self,
        service: &ServiceIdentity,
    ) -> Result<Vec<DestinationEntry>, Error> {
        self.either(
            |it| it.dump_destinations(service, destination_entry, |it| &it.destination),
            |options| options.destinations(service),
        )
    }

    /// As [`Client::destinations`], without connections and counters, which are a third of the work.
    pub fn bare_destinations(
        &mut self,
        service: &ServiceIdentity,
    ) -> Result<Vec<Destination>, Error> {
        self.either(
            |it| it.dump_destinations(service, destination, |it| it),
            |options| {
                let entries = options.destinations(service)?.into_iter();
                Ok(entries.map(|entry| entry.destination).collect())
            },
        )
    }

    /// Running daemons, the master first.
    pub fn daemons(&mut self) -> Result<Vec<Daemon>, Error> {
        let request = IpvsMessage::bare(Command::GetDaemon);
        self.either(
            |it| Ok(it.connection.dump(it.family, request, IpvsMessage::into_daemon)?.entries),
            Options::daemons,
        )
    }

    /// Timeouts of idle connections.
    pub fn timeouts(&mut self) -> Result<Timeouts, Error> {
        let request = IpvsMessage::bare(Command::GetConfig);
        self.either(|it| it.query(request, |reply| Ok(reply.timeouts())), Options::timeouts)
    }

    /// Makes one change.
    pub fn execute(&mut self, request: &Request) -> Result<(), Error> {
        let result = self.either(
            |it| it.connection.execute(it.family, IpvsMessage::from(request)),
            |options| options.execute(request),
        );
        result.map_err(|error| with_kind(error, request))
    }

    /// Makes many changes in few datagrams, and returns one result per request, in order.
    ///
    /// The kernel makes the changes one after the other, and continues after a refusal. The outer
    /// error is a failed exchange; then the results of the remaining requests are unknown.
    pub fn execute_all(&mut self, requests: &[Request]) -> Result<Vec<Result<(), Error>>, Error> {
        let mut results = Vec::with_capacity(requests.len());
        self.execute_each(requests, |result| results.push(result))?;
        Ok(results)
    }

    /// As [`Client::execute_all`], for any number of requests in constant memory: requests are taken
    /// one datagram at a time, and their results passed to `outcome`.
    pub fn execute_each<'a>(
        &mut self,
        requests: impl IntoIterator<Item = &'a Request>,
        mut outcome: impl FnMut(Result<(), Error>),
    ) -> Result<(), Error> {
        if let Fallback::InUse(options) = &self.fallback {
            for request in requests {
                outcome(options.execute(request).map_err(|error| with_kind(error, request)));
            }
            return Ok(());
        }
        // Requests without an outcome yet, in order: at most those of one datagram.
        let pending = RefCell::new(VecDeque::new());
        let messages = requests.into_iter().map(|request| {
            pending.borrow_mut().push_back(request);
            IpvsMessage::from(request)
        });
        self.connection.execute_all(self.family, messages, |result| {
            let request = pending.borrow_mut().pop_front();
            outcome(match (result, request) {
                (Err(error), Some(request)) => Err(with_kind(error, request)),
                (result, _) => result,
            });
        })
    }

    changes! {
        /// Adds a service.
        add_service(service: &Service) => Request::AddService(service.clone());
        /// Replaces every attribute of a service but its identity.
        edit_service(service: &Service) => Request::EditService(service.clone());
        /// Deletes a service and its destinations.
        delete_service(service: &ServiceIdentity) => Request::DeleteService(*service);
        /// Adds a destination to a service.
        add_destination(service: &ServiceIdentity, destination: &Destination) =>
            Request::AddDestination { service: *service, destination: destination.clone() };
        /// Replaces every attribute of a destination but its address and port.
        edit_destination(service: &ServiceIdentity, destination: &Destination) =>
            Request::EditDestination { service: *service, destination: destination.clone() };
        /// Deletes the destination with that address and port.
        delete_destination(service: &ServiceIdentity, address: IpAddr, port: u16) =>
            Request::DeleteDestination { service: *service, address, port };
        /// Deletes every service.
        flush() => Request::Flush;
        /// Zeroes the counters of one service and its destinations, or of all services.
        zero(service: Option<&ServiceIdentity>) => Request::Zero(service.copied());
        /// Sets the timeouts that are not 0.
        set_timeouts(timeouts: &Timeouts) => Request::SetTimeouts(*timeouts);
        /// Starts a synchronization daemon.
        start_daemon(daemon: &Daemon) => Request::StartDaemon(daemon.clone());
        /// Stops the daemon with that state. The kernel ignores the sync id.
        ///
        /// Linux 6.1 stops a daemon whose thread has not run yet, but reports no outcome (`EINTR`,
        /// which netlink suppresses); that counts as success.
        stop_daemon(state: DaemonState, sync_id: u32) => Request::StopDaemon { state, sync_id };
    }

    fn dump_destinations<D>(
        &mut self,
        service: &ServiceIdentity,
        decode: fn(&[DestinationAttribute], AddressFamily) -> Result<D, DecodeError>,
        configured: impl Fn(&D) -> &Destination,
    ) -> Result<Vec<D>, Error> {
        let request = IpvsMessage::about(Command::GetDestination, service);
        let family = service.family();
        let convert = |reply: IpvsMessage| reply.into_destination(decode, family);
        let dump = |it: &mut Self| it.connection.dump(it.family, request.clone(), convert);
        self.settled(dump, |entry| {
            let Destination { address, port, .. } = configured(entry);
            (*address, *port)
        })
    }

    fn dump_services(&mut self) -> Result<Dump<ServiceEntry>, Error> {
        let request = IpvsMessage::bare(Command::GetService);
        self.connection.dump(self.family, request, IpvsMessage::into_service)
    }

    /// Repeats a dump until nothing can be missing: see [`Chain`].
    fn settled<E, K: Copy + Eq + Hash>(
        &mut self,
        mut dump: impl FnMut(&mut Self) -> Result<Dump<E>, Error>,
        key: impl Fn(&E) -> K,
    ) -> Result<Vec<E>, Error> {
        let mut chain = Chain::new();
        for _ in 0..ATTEMPTS {
            let dump = dump(self)?;
            if dump.ends.is_empty() {
                return Ok(dump.entries);
            }
            chain.add(dump, &key);
            if let Some(entries) = chain.entries() {
                return Ok(entries);
            }
            self.connection.shift_ends();
        }
        Err(Error::Interrupted(ATTEMPTS))
    }

    fn query<V>(
        &mut self,
        request: IpvsMessage,
        convert: impl FnOnce(IpvsMessage) -> Result<V, DecodeError>,
    ) -> Result<V, Error> {
        let reply = self.connection.query(self.family, request)?;
        convert(reply).map_err(|error| Error::Malformed(error.to_string()))
    }
}

/// A refusal, with the meaning of its number for that request.
fn with_kind(mut error: Error, request: &Request) -> Error {
    if let Error::Refused { errno, kind, .. } = &mut error {
        *kind = request.error_kind(*errno);
    }
    error
}

fn identity_of(entry: &ServiceEntry) -> ServiceIdentity {
    entry.service.identity
}

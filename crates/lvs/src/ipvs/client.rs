//! A conversation with IPVS: a typed verb a command.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;

use netlink_packet_core::DecodeError;
use netlink_packet_generic::GenlFamily;

use super::wire::{Command, IpvsMessage};
use super::{
    AddressFamily, Daemon, DaemonState, Destination, DestinationEntry, Info, Request, Service,
    ServiceEntry, ServiceIdentity, Timeouts,
};
use crate::netlink::{Connection, Error, Socket, Transport};

/// A client of the kernel's IPVS.
///
/// Every verb asks for `CAP_NET_ADMIN` in the first user namespace; without it the kernel refuses
/// with `EPERM`. The errors of a verb are [`Error::Refused`] with the kernel's error number, and
/// the ways in which a conversation can fail.
///
/// # Examples
///
/// ```no_run
/// use std::net::Ipv4Addr;
/// use lvs::ipvs::{Client, Destination, Forwarding, Service, ServiceIdentity};
///
/// let mut ipvs = Client::connect()?;
/// let web = ServiceIdentity::tcp(Ipv4Addr::new(192, 0, 2, 10), 80);
/// ipvs.add_service(&Service::new(web, "rr"))?;
/// let real_server = Destination::new(Ipv4Addr::new(198, 51, 100, 2), 80, Forwarding::Tunnel);
/// ipvs.add_destination(&web, &real_server)?;
/// # Ok::<(), lvs::netlink::Error>(())
/// ```
#[derive(Debug)]
pub struct Client<S = Socket> {
    connection: Connection<S>,
    family: u16,
}

impl Client {
    /// Connects to the kernel, in the network namespace of the calling thread.
    ///
    /// # Errors
    ///
    /// [`Error::NoFamily`] where the kernel has no IPVS, [`Error::Socket`] where there is no socket
    /// to be had.
    pub fn connect() -> Result<Self, Error> {
        Self::new(Socket::new()?)
    }
}

impl<S: Transport> Client<S> {
    /// Looks the family up, which makes the kernel load IPVS where it is a module.
    ///
    /// # Errors
    ///
    /// [`Error::NoFamily`] where the kernel has no IPVS.
    pub fn new(transport: S) -> Result<Self, Error> {
        let mut connection = Connection::new(transport);
        let family = connection.family(IpvsMessage::family_name())?;
        Ok(Self { connection, family })
    }

    /// Version and table size.
    pub fn info(&mut self) -> Result<Info, Error> {
        self.query(IpvsMessage::bare(Command::GetInfo), IpvsMessage::into_info)
    }

    /// All services, in the kernel's order, each once.
    pub fn services(&mut self) -> Result<Vec<ServiceEntry>, Error> {
        let question = IpvsMessage::bare(Command::GetService);
        let listed = self.connection.list(self.family, question, IpvsMessage::into_service)?;
        Ok(without_repeats(listed, |entry| entry.service.identity))
    }

    /// One service; `ESRCH` where there is none.
    pub fn service(&mut self, identity: &ServiceIdentity) -> Result<ServiceEntry, Error> {
        let question = IpvsMessage::about(Command::GetService, identity);
        self.query(question, IpvsMessage::into_service)
    }

    /// Destinations of a service, in the kernel's order, each once. Of a service that does not
    /// exist the kernel lists none.
    pub fn destinations(
        &mut self,
        service: &ServiceIdentity,
    ) -> Result<Vec<DestinationEntry>, Error> {
        let listed = self.list_destinations(service, IpvsMessage::into_destination)?;
        Ok(without_repeats(listed, |entry| (entry.destination.address, entry.destination.port)))
    }

    /// The same without their connections and counters, which are a third of the work.
    pub fn bare_destinations(
        &mut self,
        service: &ServiceIdentity,
    ) -> Result<Vec<Destination>, Error> {
        let listed = self.list_destinations(service, IpvsMessage::into_bare_destination)?;
        Ok(without_repeats(listed, |destination| (destination.address, destination.port)))
    }

    /// Running daemons, the master first.
    pub fn daemons(&mut self) -> Result<Vec<Daemon>, Error> {
        let question = IpvsMessage::bare(Command::GetDaemon);
        self.connection.list(self.family, question, IpvsMessage::into_daemon)
    }

    /// Timeouts.
    pub fn timeouts(&mut self) -> Result<Timeouts, Error> {
        let question = IpvsMessage::bare(Command::GetConfig);
        self.query(question, |answer| Ok(answer.timeouts()))
    }

    /// One change.
    pub fn execute(&mut self, request: &Request) -> Result<(), Error> {
        let result = self.connection.execute(self.family, IpvsMessage::from(request));
        result.map_err(|error| with_kind(error, request))
    }

    /// Many changes in few datagrams: one result a request, in their order. The outer error is a
    /// broken conversation, after which nothing is known of the rest.
    ///
    /// The kernel makes the changes one after the other, and goes on after one that it refuses.
    pub fn execute_all(&mut self, requests: &[Request]) -> Result<Vec<Result<(), Error>>, Error> {
        let mut results = Vec::with_capacity(requests.len());
        self.execute_each(requests, |result| results.push(result))?;
        Ok(results)
    }

    /// As [`Client::execute_all`], for any number of requests: each is taken when its datagram is
    /// filled, and `outcome` is told its result when that is done.
    pub fn execute_each<'a>(
        &mut self,
        requests: impl IntoIterator<Item = &'a Request>,
        mut outcome: impl FnMut(Result<(), Error>),
    ) -> Result<(), Error> {
        // Requests whose outcome is not known yet, in their order: at most one datagram of them.
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

    /// Adds a service; `EEXIST` where there is one, `ENOENT` where the kernel has no such
    /// scheduler or persistence engine.
    pub fn add_service(&mut self, service: &Service) -> Result<(), Error> {
        self.execute(&Request::AddService(service.clone()))
    }

    /// Replaces every attribute of a service but its identity; `ESRCH` where there is none.
    pub fn edit_service(&mut self, service: &Service) -> Result<(), Error> {
        self.execute(&Request::EditService(service.clone()))
    }

    /// Deletes a service and its destinations; `ESRCH` where there is none.
    pub fn delete_service(&mut self, service: &ServiceIdentity) -> Result<(), Error> {
        self.execute(&Request::DeleteService(*service))
    }

    /// Adds a destination to a service; `ESRCH` where there is no service, `EEXIST` where there is
    /// the destination, `EINVAL` where its address cannot be routed to.
    pub fn add_destination(
        &mut self,
        service: &ServiceIdentity,
        destination: &Destination,
    ) -> Result<(), Error> {
        let (service, destination) = (*service, destination.clone());
        self.execute(&Request::AddDestination { service, destination })
    }

    /// Replaces every attribute of a destination but its address and port; `ENOENT` where there is
    /// none.
    pub fn edit_destination(
        &mut self,
        service: &ServiceIdentity,
        destination: &Destination,
    ) -> Result<(), Error> {
        let (service, destination) = (*service, destination.clone());
        self.execute(&Request::EditDestination { service, destination })
    }

    /// Deletes the destination at that address and port (host byte order); `ENOENT` where there is
    /// none.
    pub fn delete_destination(
        &mut self,
        service: &ServiceIdentity,
        address: IpAddr,
        port: u16,
    ) -> Result<(), Error> {
        self.execute(&Request::DeleteDestination { service: *service, address, port })
    }

    /// Deletes every service.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.execute(&Request::Flush)
    }

    /// Zeroes the counters of one service and its destinations, or of all.
    pub fn zero(&mut self, service: Option<&ServiceIdentity>) -> Result<(), Error> {
        self.execute(&Request::Zero(service.copied()))
    }

    /// Sets the timeouts that are not 0.
    pub fn set_timeouts(&mut self, timeouts: &Timeouts) -> Result<(), Error> {
        self.execute(&Request::SetTimeouts(*timeouts))
    }

    /// Starts a synchronization daemon; `EEXIST` where one of that state runs, `ENODEV` where
    /// there is no such interface.
    pub fn start_daemon(&mut self, daemon: &Daemon) -> Result<(), Error> {
        self.execute(&Request::StartDaemon(daemon.clone()))
    }

    /// Stops the daemon of that state; `ESRCH` where none runs. The kernel ignores the sync id.
    ///
    /// Linux 6.1 stops a daemon that was started an instant ago, before its thread ever ran, but
    /// tells no outcome (`EINTR`, which netlink keeps to itself): that counts as done.
    pub fn stop_daemon(&mut self, state: DaemonState, sync_id: u32) -> Result<(), Error> {
        self.execute(&Request::StopDaemon { state, sync_id })
    }

    fn list_destinations<D>(
        &mut self,
        service: &ServiceIdentity,
        convert: impl Fn(IpvsMessage, AddressFamily) -> Result<D, DecodeError>,
    ) -> Result<Vec<D>, Error> {
        let question = IpvsMessage::about(Command::GetDestination, service);
        let family = service.family();
        self.connection.list(self.family, question, |answer| convert(answer, family))
    }

    fn query<V>(
        &mut self,
        question: IpvsMessage,
        convert: impl FnOnce(IpvsMessage) -> Result<V, DecodeError>,
    ) -> Result<V, Error> {
        let answer = self.connection.query(self.family, question)?;
        convert(answer).map_err(|error| Error::Malformed(error.to_string()))
    }
}

/// A refusal, with what its number means in answer to that request.
fn with_kind(error: Error, request: &Request) -> Error {
    match error {
        Error::Refused { errno, message, .. } => {
            Error::Refused { errno, message, kind: request.error_kind(errno) }
        }
        other => other,
    }
}

/// The first of each key. The kernel goes on with a listing by counting what it showed before, if
/// only to find that it was all; whatever came in front meanwhile makes it show the last ones again.
/// With services, those of every network namespace count (`ip_vs_genl_dump_services`).
fn without_repeats<E, K: Ord>(mut listed: Vec<E>, key: impl Fn(&E) -> K) -> Vec<E> {
    let mut seen = BTreeSet::new();
    listed.retain(|entry| seen.insert(key(entry)));
    listed
}

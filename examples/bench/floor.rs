//! The least that a job can cost: its requests, encoded beforehand, and the kernel's answers, which
//! nobody looks at.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use lvs::ipvs::{Client, Request};
use lvs::netlink::{Socket, Transport};

use crate::table::Shape;

/// `NLMSG_NOOP`, `NLMSG_ERROR` and `NLMSG_DONE` of linux/netlink.h.
const NOOP: u16 = 1;
const ERROR: u16 = 2;
const DONE: u16 = 3;

/// Adds a table, and prints the seconds that this took.
pub(crate) fn restore(shape: &Shape) {
    let requests: Vec<Request> = shape.requests().collect();
    print(replay(|client| drop(client.execute_all(&requests).unwrap())));
}

/// Lists services and the destinations of each, and prints the seconds that this took.
pub(crate) fn list(shape: &Shape) {
    print(replay(|client| {
        client.services().unwrap();
        for number in 0..shape.services {
            client.destinations(&Shape::service(number)).unwrap();
        }
    }));
}

fn print(time: Duration) {
    println!("{}", time.as_secs_f64());
}

/// Has a client say all that it has to say, and then says it to the kernel.
fn replay(talk: impl FnOnce(&mut Client<Recorder>)) -> Duration {
    let record = Rc::new(RefCell::new(None));
    let recorder = Recorder { socket: Socket::new().unwrap(), record: Rc::clone(&record) };
    let mut client = Client::new(recorder).unwrap();
    *record.borrow_mut() = Some(Vec::new());
    talk(&mut client);
    let datagrams = record.take().unwrap();

    let mut socket = Socket::new().unwrap();
    let mut answer = vec![0; 64 << 10];
    let start = Instant::now();
    for datagram in &datagrams {
        socket.send(datagram).unwrap();
        loop {
            let length = socket.receive(&mut answer).unwrap();
            let message = last_message(&answer[..length]);
            match kind(message) {
                ERROR => {
                    assert_eq!(message[16..20], [0; 4], "the kernel refused a request");
                    break;
                }
                DONE => break,
                _ => {}
            }
        }
    }
    start.elapsed()
}

/// Lets the family be looked up; from then on it keeps what is sent, and answers that all is well.
struct Recorder {
    socket: Socket,
    record: Rc<RefCell<Option<Vec<Vec<u8>>>>>,
}

impl Transport for Recorder {
    fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        match &mut *self.record.borrow_mut() {
            Some(record) => record.push(datagram.to_owned()),
            None => self.socket.send(datagram)?,
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let record = self.record.borrow();
        let Some(record) = &*record else { return self.socket.receive(buffer) };
        let question = last_message(record.last().unwrap());
        let (kind, flags, length) = match kind(question) {
            NOOP => (ERROR, 0_u16, 36_u32),
            _ => (DONE, 2, 20),
        };
        buffer[..36].fill(0);
        buffer[..4].copy_from_slice(&length.to_ne_bytes());
        buffer[4..6].copy_from_slice(&kind.to_ne_bytes());
        buffer[6..8].copy_from_slice(&flags.to_ne_bytes());
        buffer[8..12].copy_from_slice(&question[8..12]);
        Ok(length as usize)
    }
}

fn last_message(mut datagram: &[u8]) -> &[u8] {
    loop {
        let length = u32::from_ne_bytes(datagram[..4].try_into().unwrap()) as usize;
        match datagram.get(length.next_multiple_of(4)..) {
            Some(rest) if !rest.is_empty() => datagram = rest,
            _ => return datagram,
        }
    }
}

fn kind(message: &[u8]) -> u16 {
    u16::from_ne_bytes([message[4], message[5]])
}

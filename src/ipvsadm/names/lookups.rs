//! Parallel lookups of names: a slow resolver costs one wait, not one per row.
//!
//! A text is composed once to collect its names, all of which are then looked up, and composed again.
//! So the code that writes a row does not know of the others.

use std::cmp::min;
use std::collections::HashMap;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Builder};

use lvs::ipvs::Protocol;
use lvs::ruleset::Names;

/// Lookups in parallel. A forwarder such as dnsmasq refuses more than 150.
const MAX_PARALLEL: usize = 128;

/// Answers that are kept from one text to the next.
const MAX_KEPT: usize = 64 * 1024;

#[derive(Clone, PartialEq, Eq, Hash)]
enum Question {
    Address(String),
    Port(String, Protocol),
    Host(IpAddr),
    Service(u16, Protocol),
}

#[derive(Clone)]
enum Answer {
    /// Not looked up yet.
    Missing,
    Address(Option<Ipv4Addr>),
    Port(Option<u16>),
    Name(Option<String>),
}

/// Looks up each name once.
pub(crate) struct Lookups<'a> {
    names: &'a dyn Names,
    answers: Mutex<HashMap<Question, Answer>>,
}

impl<'a> Lookups<'a> {
    pub(crate) fn new(names: &'a dyn Names) -> Self {
        Self { names, answers: Mutex::default() }
    }

    /// Writes what `compose` composes, which must be the same for the same names. If it fails, what it has
    /// composed is written before the error is returned.
    pub(crate) fn write<E: From<io::Error>>(
        &self,
        output: &mut dyn Write,
        compose: impl Fn(&dyn Names, &mut dyn Write) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.answers().len() > MAX_KEPT {
            self.answers().clear();
        }
        let mut text = Vec::new();
        loop {
            text.clear();
            let result = compose(self, &mut text);
            let questions = self.missing();
            if questions.is_empty() {
                output.write_all(&text)?;
                return result;
            }
            self.look_up(&questions);
        }
    }

    /// Looks up all questions. The calling thread takes part, in case no other can be started.
    fn look_up(&self, questions: &[Question]) {
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(question) = questions.get(next.fetch_add(1, Ordering::Relaxed)) {
                let answer = self.ask(question);
                self.answers().insert(question.clone(), answer);
            }
        };
        thread::scope(|scope| {
            for _ in 1..min(questions.len(), MAX_PARALLEL) {
                if Builder::new().spawn_scoped(scope, work).is_err() {
                    break;
                }
            }
            work();
        });
    }

    fn ask(&self, question: &Question) -> Answer {
        match question {
            Question::Address(host) => Answer::Address(self.names.address(host)),
            Question::Port(service, protocol) => Answer::Port(self.names.port(service, *protocol)),
            Question::Host(address) => Answer::Name(self.names.host(*address)),
            Question::Service(port, protocol) => Answer::Name(self.names.service(*port, *protocol)),
        }
    }

    fn missing(&self) -> Vec<Question> {
        let answers = self.answers();
        let missing = answers.iter().filter(|(_, answer)| matches!(answer, Answer::Missing));
        missing.map(|(question, _)| question.clone()).collect()
    }

    fn answer(&self, question: Question) -> Answer {
        self.answers().entry(question).or_insert(Answer::Missing).clone()
    }

    fn answers(&self) -> MutexGuard<'_, HashMap<Question, Answer>> {
        // Each change is a single insertion, so a thread that panics leaves nothing incomplete.
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers with what is known so far.
impl Names for Lookups<'_> {
    fn address(&self, host: &str) -> Option<Ipv4Addr> {
        match self.answer(Question::Address(host.to_owned())) {
            Answer::Address(address) => address,
            _ => None,
        }
    }

    fn port(&self, service: &str, protocol: Protocol) -> Option<u16> {
        match self.answer(Question::Port(service.to_owned(), protocol)) {
            Answer::Port(port) => port,
            _ => None,
        }
    }

    fn host(&self, address: IpAddr) -> Option<String> {
        match self.answer(Question::Host(address)) {
            Answer::Name(name) => name,
            _ => None,
        }
    }

    fn service(&self, port: u16, protocol: Protocol) -> Option<String> {
        match self.answer(Question::Service(port, protocol)) {
            Answer::Name(name) => name,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Condvar;
    use std::thread::ThreadId;
    use std::time::Duration;

    use super::*;
    use crate::ipvsadm::names::Endpoint;
    use lvs::ruleset::syntax::append_endpoint;

    /// A resolver that answers only once that many questions wait.
    struct Gathering {
        expected: usize,
        asked: Mutex<Asked>,
        arrival: Condvar,
    }

    #[derive(Default)]
    struct Asked {
        waiting: usize,
        most_at_once: usize,
        questions: usize,
        threads: HashSet<ThreadId>,
    }

    impl Gathering {
        fn of(expected: usize) -> Self {
            Self { expected, asked: Mutex::default(), arrival: Condvar::new() }
        }

        fn wait(&self) {
            let mut asked = self.asked();
            asked.waiting += 1;
            asked.most_at_once = asked.most_at_once.max(asked.waiting);
            asked.questions += 1;
            asked.threads.insert(thread::current().id());
            self.arrival.notify_all();
            // The limit only ends a run that fails.
            let limit = Duration::from_secs(20);
            let alone = |asked: &mut Asked| asked.most_at_once < self.expected;
            asked = self.arrival.wait_timeout_while(asked, limit, alone).unwrap().0;
            asked.waiting -= 1;
        }

        fn asked(&self) -> MutexGuard<'_, Asked> {
            self.asked.lock().unwrap()
        }
    }

    impl Names for Gathering {
        fn address(&self, host: &str) -> Option<Ipv4Addr> {
            self.wait();
            host.strip_prefix('h')?.parse().ok().map(Ipv4Addr::from_bits)
        }

        fn port(&self, _: &str, _: Protocol) -> Option<u16> {
            None
        }

        fn host(&self, address: IpAddr) -> Option<String> {
            self.wait();
            match address {
                IpAddr::V4(address) => Some(format!("h{}", address.to_bits())),
                IpAddr::V6(_) => None,
            }
        }

        fn service(&self, _: u16, _: Protocol) -> Option<String> {
            None
        }
    }

    fn endpoints(count: u32) -> Vec<Endpoint> {
        let endpoint = |bits| Endpoint {
            address: Ipv4Addr::from_bits(bits).into(),
            port: 80,
            protocol: Some(Protocol::TCP),
        };
        (0..count).map(endpoint).collect()
    }

    fn written(lookups: &Lookups<'_>, rows: &[Endpoint]) -> String {
        let mut output = Vec::new();
        lookups
            .write(&mut output, |names, output| {
                rows.iter().try_for_each(|row| writeln!(output, "{}", row.listed(Some(names))))
            })
            .unwrap();
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn names_of_many_rows_are_looked_up_in_parallel() {
        let resolver = Gathering::of(100);
        let text = written(&Lookups::new(&resolver), &endpoints(100));
        let expected: String = (0..100).map(|bits| format!("h{bits}:80\n")).collect();
        assert_eq!(text, expected);
        assert_eq!(resolver.asked().most_at_once, 100);
        assert_eq!(resolver.asked().questions, 100);
    }

    #[test]
    fn name_is_looked_up_once() {
        let resolver = Gathering::of(1);
        let lookups = Lookups::new(&resolver);
        let rows = [endpoints(3), endpoints(3)].concat();
        assert_eq!(written(&lookups, &rows), written(&lookups, &rows));
        assert_eq!(resolver.asked().questions, 3);
    }

    #[test]
    fn number_of_threads_is_bounded() {
        let resolver = Gathering::of(MAX_PARALLEL);
        written(&Lookups::new(&resolver), &endpoints(1000));
        assert_eq!(resolver.asked().threads.len(), MAX_PARALLEL);
        assert_eq!(resolver.asked().questions, 1000);
    }

    #[test]
    fn number_of_kept_answers_is_bounded() {
        let resolver = Gathering::of(1);
        let lookups = Lookups::new(&resolver);
        let many = endpoints(u32::try_from(MAX_KEPT).unwrap() + 1);
        for chunk in many.chunks(20_000) {
            written(&lookups, chunk);
        }
        written(&lookups, &endpoints(1));
        assert!(lookups.answers().len() <= 2, "{}", lookups.answers().len());
    }

    #[test]
    fn lookup_that_depends_on_a_name_follows_it() {
        let resolver = Gathering::of(10);
        let mut output = Vec::new();
        Lookups::new(&resolver)
            .write(&mut output, |names, output| {
                endpoints(10).into_iter().try_for_each(|row| {
                    let mut text = String::new();
                    let server = (row.address, row.port);
                    append_endpoint(&mut text, server, row.protocol, Some(names));
                    write!(output, "{text} ")
                })
            })
            .unwrap();
        assert!(output.starts_with(b"h0:80 h1:80 "));
        assert_eq!(resolver.asked().questions, 20);
    }

    #[test]
    fn failure_follows_what_was_composed() {
        let resolver = Gathering::of(1);
        let mut output = Vec::new();
        let result = Lookups::new(&resolver).write(&mut output, |names, output| {
            let [row] = endpoints(1)[..] else { panic!() };
            writeln!(output, "{}", row.listed(Some(names)))?;
            Err(io::Error::from(io::ErrorKind::InvalidData))
        });
        assert_eq!(output, b"h0:80\n");
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}

//! Load over real sockets: requests made beforehand, sent by so many connections.
//!
//! Closed: each connection asks again as soon as it has its answer; that finds the throughput. Open: requests are due at
//! a given rate whatever the answers do, and each is timed from the moment it was due, so that an answer that comes late
//! counts against all that had to wait behind it (no coordinated omission).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use crate::Fallible;
use crate::histogram::Histogram;
use crate::wire::Answers;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Requests {
    /// The path up to its last segment, with the slash.
    pub folder: String,
    /// How many resources there are.
    pub names: Names,
    /// How many callers ask; connection `n` shows the token of caller `n % tokens`.
    pub tokens: usize,
}

/// Which resources a connection asks for.
#[derive(Clone, Debug)]
pub enum Names {
    /// This one, all of them.
    One,
    /// Each connection some of its own, in turn; never two the same at a time.
    Apart(usize),
    /// All the same ones, in turn.
    Shared(usize),
    /// One that nobody ever asked for.
    New(Arc<AtomicU64>),
}

const TOKEN_DIGITS: usize = 4;
const NAME_DIGITS: usize = 12;

impl Requests {
    /// The requests of one connection, in the order in which it sends them.
    fn of(&self, connection: usize) -> Script {
        let token = connection % self.tokens.max(1);
        let request = |name: u64| {
            format!(
                "GET {}{name:0NAME_DIGITS$} HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: bench\r\n\
                 accept: application/vnd.github+json\r\n\
                 authorization: Bearer ghp_0123456789abcdef0123456789abcdef{token:0TOKEN_DIGITS$}\r\n\r\n",
                self.folder
            )
            .into_bytes()
        };
        let first = connection as u64;
        let requests = match self.names {
            Names::One | Names::New(_) => vec![request(0)],
            Names::Apart(each) => (0..each as u64)
                .map(|number| request(first * each as u64 + number))
                .collect(),
            // Each begins somewhere else, or they would march in step.
            Names::Shared(all) => (0..all as u64)
                .map(|number| request((number + first * 7) % all as u64))
                .collect(),
        };
        let fresh = match &self.names {
            Names::New(next) => Some((Arc::clone(next), "GET ".len() + self.folder.len())),
            _ => None,
        };
        Script {
            requests,
            next: 0,
            fresh,
        }
    }
}

struct Script {
    requests: Vec<Vec<u8>>,
    next: usize,
    /// Where the name stands that is to be a new one, and what the next one is.
    fresh: Option<(Arc<AtomicU64>, usize)>,
}

impl Script {
    fn next(&mut self) -> &[u8] {
        if let Some((next, at)) = &self.fresh {
            let name = next.fetch_add(1, Ordering::Relaxed);
            let name = format!("{name:0NAME_DIGITS$}");
            self.requests[0][*at..*at + NAME_DIGITS].copy_from_slice(name.as_bytes());
            return &self.requests[0];
        }
        let request = &self.requests[self.next];
        self.next = (self.next + 1) % self.requests.len();
        request
    }
}

/// When requests are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// As soon as the answer before is there.
    Closed,
    /// So many a second over all connections.
    Open {
        /// Requests a second.
        per_second: f64,
    },
}

/// How the proxy is spoken to.
#[derive(Clone, Debug)]
pub enum Wire {
    /// HTTP/1.1.
    Plain,
    /// HTTP/1.1 in TLS.
    Tls(Arc<rustls::ClientConfig>),
    /// HTTP/2 without TLS; a connection is a stream on one of a few connections.
    Http2,
}

/// A load.
#[derive(Clone, Debug)]
pub struct Load {
    /// What is asked for.
    pub requests: Requests,
    /// How many ask at a time.
    pub connections: usize,
    /// When.
    pub pace: Pace,
    /// How.
    pub wire: Wire,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// From when a request was due to the last byte of its answer.
    pub latencies: Histogram,
    /// Answers other than 200.
    pub others: u64,
    /// Bytes of bodies.
    pub body_bytes: u64,
    /// How long it took.
    pub took: Duration,
}

impl Outcome {
    /// Answers a second.
    pub fn per_second(&self) -> f64 {
        self.latencies.count() as f64 / self.took.as_secs_f64()
    }

    pub(crate) fn extend(&mut self, other: &Self) {
        self.latencies.extend(&other.latencies);
        self.others += other.others;
        self.body_bytes += other.body_bytes;
    }
}

impl Load {
    /// Puts it on the server at `address` for `time`, or for so many requests of each connection.
    ///
    /// # Errors
    /// When a connection breaks: a server that is measured has to serve.
    pub async fn run(&self, address: SocketAddr, extent: Extent) -> Fallible<Outcome> {
        if let Wire::Http2 = self.wire {
            return crate::load2::run(self, address, extent).await;
        }
        let begun = Instant::now();
        let mut clients = JoinSet::new();
        for number in 0..self.connections {
            let load = self.clone();
            clients.spawn(async move {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                match &load.wire {
                    Wire::Tls(config) => {
                        let connector = TlsConnector::from(Arc::clone(config));
                        let name = ServerName::try_from("localhost")?;
                        let stream = connector.connect(name, stream).await?;
                        load.client(stream, number, begun, extent).await
                    }
                    _ => load.client(stream, number, begun, extent).await,
                }
            });
        }
        let mut all = Outcome::default();
        while let Some(outcome) = clients.join_next().await {
            all.extend(&outcome??);
        }
        all.took = begun.elapsed();
        Ok(all)
    }

    async fn client(
        &self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        number: usize,
        begun: Instant,
        extent: Extent,
    ) -> Fallible<Outcome> {
        let mut script = self.requests(number);
        let mut answers = Answers::default();
        let mut outcome = Outcome::default();
        let mut turns = Turns::new(self, number, begun, extent);
        while let Some(due) = turns.next().await {
            stream.write_all(script.next()).await?;
            stream.flush().await?;
            let answer = answers.next(&mut stream).await?;
            outcome.latencies.record(due.elapsed());
            outcome.others += u64::from(answer.status != 200);
            outcome.body_bytes += answer.body_bytes as u64;
        }
        Ok(outcome)
    }

    fn requests(&self, number: usize) -> Script {
        self.requests.of(number)
    }

    /// The next request of connection `number` as a path, and its token's header: for HTTP/2.
    pub(crate) fn paths(&self, number: usize) -> impl FnMut() -> String + use<> {
        let mut script = self.requests(number);
        move || {
            let text = String::from_utf8_lossy(script.next()).into_owned();
            text.split(' ').nth(1).unwrap_or_default().to_owned()
        }
    }
}

/// How much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// So long.
    Time(Duration),
    /// So many requests of each connection.
    Each(u64),
}

/// The moments at which one connection is due.
pub(crate) struct Turns {
    begun: Instant,
    extent: Extent,
    sent: u64,
    /// Between two requests of this connection, and how far into it the first is.
    interval: Option<(Duration, Duration)>,
}

impl Turns {
    pub(crate) fn new(load: &Load, number: usize, begun: Instant, extent: Extent) -> Self {
        let interval = match load.pace {
            Pace::Closed => None,
            Pace::Open { per_second } => {
                let between = load.connections as f64 / per_second;
                let first = number as f64 / per_second;
                Some((
                    Duration::from_secs_f64(between),
                    Duration::from_secs_f64(first),
                ))
            }
        };
        Self {
            begun,
            extent,
            sent: 0,
            interval,
        }
    }

    /// Waits for the next one; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Instant> {
        let number = self.sent;
        self.sent += 1;
        let due = match self.interval {
            None => Instant::now(),
            Some((between, first)) => {
                let due = self.begun + first + between.mul_f64(number as f64);
                tokio::time::sleep_until(due).await;
                due
            }
        };
        let more = match self.extent {
            Extent::Time(time) => due < self.begun + time,
            Extent::Each(requests) => number < requests,
        };
        more.then_some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream;

    fn requests(names: Names, tokens: usize) -> Requests {
        Requests {
            folder: "/repos/github/".to_owned(),
            names,
            tokens,
        }
    }

    fn text(script: &mut Script) -> String {
        String::from_utf8(script.next().to_vec()).unwrap()
    }

    #[test]
    fn connections_that_are_apart_never_ask_for_the_same() {
        let requests = requests(Names::Apart(2), 20);
        let mut seen = std::collections::HashSet::new();
        for connection in 0..3 {
            let mut script = requests.of(connection);
            for _ in 0..2 {
                assert!(seen.insert(text(&mut script)));
            }
            assert!(!seen.insert(text(&mut script)), "in turn");
        }
    }

    #[test]
    fn a_new_name_is_asked_for_once() {
        let requests = requests(Names::New(Arc::default()), 1);
        let mut scripts = [requests.of(0), requests.of(1)];
        assert!(text(&mut scripts[0]).starts_with("GET /repos/github/000000000000 HTTP/1.1\r\n"));
        assert!(text(&mut scripts[1]).starts_with("GET /repos/github/000000000001 HTTP/1.1\r\n"));
    }

    #[tokio::test(start_paused = true)]
    async fn an_open_load_is_timed_from_when_it_was_due() {
        let load = Load {
            requests: requests(Names::One, 1),
            connections: 2,
            pace: Pace::Open { per_second: 100.0 },
            wire: Wire::Plain,
        };
        let begun = Instant::now();
        let mut turns = Turns::new(&load, 1, begun, Extent::Time(Duration::from_millis(60)));
        assert_eq!(turns.next().await, Some(begun + Duration::from_millis(10)));
        tokio::time::advance(Duration::from_millis(100)).await;
        assert_eq!(turns.next().await, Some(begun + Duration::from_millis(30)));
        assert_eq!(turns.next().await, Some(begun + Duration::from_millis(50)));
        assert_eq!(turns.next().await, None);
    }

    #[tokio::test]
    async fn answers_are_counted() {
        let address = crate::process::free_address().unwrap();
        tokio::spawn(upstream::serve(address));
        while TcpStream::connect(address).await.is_err() {
            tokio::task::yield_now().await;
        }
        let load = Load {
            requests: requests(Names::Apart(2), 1),
            connections: 3,
            pace: Pace::Closed,
            wire: Wire::Plain,
        };
        let outcome = load.run(address, Extent::Each(4)).await.unwrap();
        assert_eq!((outcome.latencies.count(), outcome.others), (12, 0));
        assert_eq!(outcome.body_bytes, 12 * upstream::BODY_BYTES as u64);
    }
}

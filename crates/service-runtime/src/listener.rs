//! Sockets on which a service is reachable: TCP or Unix, plain or TLS.
//!
//! Binding happens before anything is served, so that "cannot listen" is a start failure and not
//! a log line of a background task. [`serve`] then runs a service on all of them until drained.

mod connection;
mod framing;
mod serve;
mod tls;
mod unix;

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, TcpSocket};
use tokio_rustls::TlsAcceptor;

pub use serve::{Limits, serve};
pub use tls::{Certificate, Renewal, tls_from_files};

use crate::notify;

use unix::UnixSocket;

/// How many connections the kernel may hold ready while accepting is paused.
const BACKLOG: u32 = 1024;

/// A bound socket.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    tls: Tls,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixSocket),
}

enum Tls {
    Off,
    On(TlsAcceptor),
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Tls::Off => "Off",
            Tls::On(_) => "On",
        })
    }
}

impl Listener {
    /// Binds a TCP address; port 0 takes a free one, see [`Listener::address`].
    ///
    /// `SO_REUSEADDR` is set so that a restart does not wait for the connections of the previous
    /// process to leave `TIME_WAIT`.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn tcp(address: SocketAddr) -> Result<Listener, ListenError> {
        let bind = || {
            let socket = match address {
                SocketAddr::V4(_) => TcpSocket::new_v4()?,
                SocketAddr::V6(_) => TcpSocket::new_v6()?,
            };
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)
        };
        let listener = bind().map_err(|source| ListenError::socket(address.to_string(), source))?;
        Ok(Listener {
            socket: Socket::Tcp(listener),
            tls: Tls::Off,
        })
    }

    /// The sockets that the service manager hands over, which it has bound itself; else this address.
    ///
    /// # Errors
    /// When a socket cannot be used or the address cannot be bound.
    pub fn handed_over_or(address: SocketAddr) -> Result<Vec<Listener>, ListenError> {
        let handed = notify::handed_over().map_err(|source| {
            ListenError::socket("the sockets of LISTEN_FDS".to_owned(), source)
        })?;
        if handed.is_empty() {
            return Ok(vec![Listener::tcp(address)?]);
        }
        handed.into_iter().map(Listener::inherited).collect()
    }

    /// A TCP socket that listens already, handed over by the service manager.
    ///
    /// # Errors
    /// When the system does not let it be used.
    pub fn inherited(socket: std::net::TcpListener) -> Result<Listener, ListenError> {
        let take = || {
            socket.set_nonblocking(true)?;
            TcpListener::from_std(socket)
        };
        let listener =
            take().map_err(|source| ListenError::socket("a handed-over socket".into(), source))?;
        Ok(Listener {
            socket: Socket::Tcp(listener),
            tls: Tls::Off,
        })
    }

    /// Binds a Unix socket that user and group may connect to (mode 0660). A socket file that a
    /// dead process left behind is replaced; one that something listens on is an error. The file
    /// is removed when the listener is dropped.
    ///
    /// # Errors
    /// When the path is taken by something that is not a stale socket, or cannot be bound.
    pub fn unix(path: impl AsRef<Path>) -> Result<Listener, ListenError> {
        let path = path.as_ref();
        let socket = UnixSocket::bind(path)
            .map_err(|source| ListenError::socket(path.display().to_string(), source))?;
        Ok(Listener {
            socket: Socket::Unix(socket),
            tls: Tls::Off,
        })
    }

    /// Speaks TLS on this socket; see [`tls_from_files`].
    pub fn with_tls(mut self, configuration: rustls::ServerConfig) -> Listener {
        self.tls = Tls::On(TlsAcceptor::from(std::sync::Arc::new(configuration)));
        self
    }

    /// Where clients can connect.
    pub fn address(&self) -> ListenAddress {
        match &self.socket {
            Socket::Tcp(listener) => match listener.local_addr() {
                Ok(address) => ListenAddress::Tcp(address),
                // Cannot happen for a bound socket, but a display name needs no panic.
                Err(_) => ListenAddress::Tcp(SocketAddr::from(([0, 0, 0, 0], 0))),
            },
            Socket::Unix(socket) => ListenAddress::Unix(socket.path().to_owned()),
        }
    }

    fn transport(&self) -> Transport {
        match self.tls {
            Tls::Off => Transport::Plain,
            Tls::On(_) => Transport::Tls,
        }
    }
}

/// Where a listener is reachable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenAddress::Tcp(address) => address.fmt(f),
            ListenAddress::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Who is at the other end of a connection, and over what. [`serve`] hands it to the service
/// factory and puts it into the extensions of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    pub address: PeerAddress,
    pub transport: Transport,
}

impl Peer {
    /// Where the peer sits, as far as trust goes.
    pub fn reach(&self) -> Reach {
        match self.address {
            PeerAddress::Unix => Reach::SameHost,
            PeerAddress::Tcp(address) if address.ip().to_canonical().is_loopback() => {
                Reach::SameHost
            }
            PeerAddress::Tcp(_) => Reach::Network,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerAddress {
    Tcp(SocketAddr),
    Unix,
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeerAddress::Tcp(address) => address.ip().to_canonical().fmt(f),
            PeerAddress::Unix => f.write_str("unix"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Plain,
    Tls,
}

/// Whether a peer is on this machine (loopback or Unix socket) or somewhere on the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    SameHost,
    Network,
}

/// Why a listener could not be set up: one line that names the address or file.
#[derive(Debug)]
pub struct ListenError {
    what: String,
    fault: Fault,
    source: Option<io::Error>,
}

/// Who can repair a [`ListenError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The configuration names a file that is not what it should be.
    Configuration,
    /// The system refused, perhaps only now.
    System,
}

impl ListenError {
    fn socket(address: String, source: io::Error) -> Self {
        let what = format!("cannot listen on {address}: {}", reason(&source));
        // The reason is in the line already, in words that are the same on every platform.
        ListenError {
            what,
            fault: Fault::System,
            source: None,
        }
    }

    fn configuration(what: String, source: Option<io::Error>) -> Self {
        ListenError {
            what,
            fault: Fault::Configuration,
            source,
        }
    }

    pub fn fault(&self) -> Fault {
        self.fault
    }

    pub(crate) fn into_source(self) -> Option<io::Error> {
        self.source
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "address in use".to_owned(),
        io::ErrorKind::AddrNotAvailable => "address not available on this machine".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::NotFound => "no such directory".to_owned(),
        _ => error.to_string(),
    }
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl StdError for ListenError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_ref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

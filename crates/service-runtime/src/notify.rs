//! What a service and its manager tell each other: sockets handed over, readiness, stopping (systemd's protocols).

use std::io;
use std::net::TcpListener;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use crate::drain::Shutdown;

/// What the manager is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    Ready,
    Stopping,
}

impl Notice {
    const fn text(self) -> &'static [u8] {
        match self {
            Self::Ready => b"READY=1",
            Self::Stopping => b"STOPPING=1",
        }
    }
}

/// Tells the manager, if there is one that wants to know (`NOTIFY_SOCKET`).
pub fn notify(notice: Notice) {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    if let Err(error) = send(socket.as_bytes(), notice) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}

fn send(socket: &[u8], notice: Notice) -> io::Result<()> {
    let address = match socket {
        #[cfg(target_os = "linux")]
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        path => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(path))?,
    };
    UnixDatagram::unbound()?.send_to_addr(notice.text(), &address)?;
    Ok(())
}

/// Tells the manager that the service is ready, and when it begins to stop.
///
/// To be called inside the runtime.
pub fn follow(shutdown: &Shutdown) {
    shutdown.readiness().set_ready();
    notify(Notice::Ready);
    let stopping = shutdown.clone();
    tokio::spawn(async move {
        stopping.requested().await;
        notify(Notice::Stopping);
    });
}

/// The TCP sockets that the manager has opened for this process (`LISTEN_FDS`); usually none.
///
/// They are handed over once: a second call finds nothing.
///
/// # Errors
/// When one of them is not a listening TCP socket.
pub fn handed_over() -> io::Result<Vec<TcpListener>> {
    let mut sockets = listenfd::ListenFd::from_env();
    (0..sockets.len())
        .filter_map(|position| sockets.take_tcp_listener(position).transpose())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_manager_is_told_at_a_path_and_at_an_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        send(path.as_os_str().as_bytes(), Notice::Ready).unwrap();
        let mut buffer = [0; 64];
        let length = manager.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"READY=1");

        let name = format!("notify-test-{}", std::process::id());
        let abstract_name = SocketAddr::from_abstract_name(name.as_bytes()).unwrap();
        let manager = UnixDatagram::bind_addr(&abstract_name).unwrap();
        send(format!("@{name}").as_bytes(), Notice::Stopping).unwrap();
        let length = manager.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"STOPPING=1");
        assert!(send(b"/nowhere/at/all", Notice::Ready).is_err());
    }
}

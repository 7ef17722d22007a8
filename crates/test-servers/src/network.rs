//! A network that can be stalled or slowed: connections stay, and nothing, or everything later, goes through.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// A proxy in front of a server on 127.0.0.1; it ends with this value.
#[derive(Debug)]
pub struct Network {
    port: u16,
    gate: Arc<Gate>,
}

#[derive(Debug, Default)]
struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    flow: Flow,
    streams: Vec<TcpStream>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Flow {
    #[default]
    Open,
    /// Each piece is held back for so long.
    Slow(Duration),
    Stalled,
    Closed,
}

/// Waiting for acknowledgements would add this network's own 40 ms.
fn undelayed(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true).map(|()| stream)
}

impl Network {
    /// A network to the server at this port.
    pub fn to(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let gate = Arc::new(Gate::default());
        std::thread::spawn({
            let gate = Arc::clone(&gate);
            move || {
                for client in listener.incoming() {
                    if gate.flow() == Flow::Closed {
                        return;
                    }
                    let server = TcpStream::connect(("127.0.0.1", server));
                    let ends = (client.and_then(undelayed), server.and_then(undelayed));
                    if let (Ok(client), Ok(server)) = ends {
                        gate.carry(&client, &server);
                        gate.carry(&server, &client);
                    }
                }
            }
        });
        Self { port, gate }
    }

    /// Its near end on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// From now on nothing goes through.
    pub fn stall(&self) {
        self.gate.set(Flow::Stalled);
    }

    /// From now on what goes through arrives so much later, in each direction.
    pub fn slow(&self, delay: Duration) {
        self.gate.set(Flow::Slow(delay));
    }

    /// All is well again, and what was held back arrives.
    pub fn open(&self) {
        self.gate.set(Flow::Open);
    }
}

impl Gate {
    fn set(&self, flow: Flow) {
        self.state.lock().unwrap().flow = flow;
        self.changed.notify_all();
    }

    fn flow(&self) -> Flow {
        self.state.lock().unwrap().flow
    }

    /// Waits until a piece may go on.
    fn pass(&self) -> Flow {
        let mut state = self.state.lock().unwrap();
        if let Flow::Slow(delay) = state.flow {
            let is_slow = |state: &mut State| state.flow == Flow::Slow(delay);
            let waited = self.changed.wait_timeout_while(state, delay, is_slow);
            state = waited.unwrap().0;
        }
        let is_stalled = |state: &mut State| state.flow == Flow::Stalled;
        self.changed.wait_while(state, is_stalled).unwrap().flow
    }

    fn carry(self: &Arc<Self>, from: &TcpStream, to: &TcpStream) {
        let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        let mut state = self.state.lock().unwrap();
        state.streams.push(from.try_clone().unwrap());
        drop(state);
        let gate = Arc::clone(self);
        std::thread::spawn(move || {
            let mut bytes = [0; 1 << 16];
            while let Ok(length @ 1..) = from.read(&mut bytes) {
                if gate.pass() == Flow::Closed || to.write_all(&bytes[..length]).is_err() {
                    break;
                }
            }
            // The other side learns of it, if it is still there.
            let _ = to.shutdown(Shutdown::Both);
        });
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.gate.set(Flow::Closed);
        for stream in &self.gate.state.lock().unwrap().streams {
            let _ = stream.shutdown(Shutdown::Both);
        }
        // Wakes the listener, which then sees that it is over.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that sends back what it gets.
    fn echo() -> u16 {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (mut from, mut to) = (stream.try_clone().unwrap(), stream);
                std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            }
        });
        port
    }

    fn client(network: &Network) -> TcpStream {
        TcpStream::connect(("127.0.0.1", network.port())).unwrap()
    }

    fn answer(client: &mut TcpStream, patience: Option<Duration>) -> Option<u8> {
        client.set_read_timeout(patience).unwrap();
        let mut byte = [0];
        client.read_exact(&mut byte).ok().map(|()| byte[0])
    }

    #[test]
    fn what_is_held_back_arrives_when_the_network_is_open() {
        let network = Network::to(echo());
        let mut client = client(&network);
        client.write_all(b"a").unwrap();
        assert_eq!(answer(&mut client, None), Some(b'a'));
        for hold in [Network::stall, |network: &Network| {
            network.slow(Duration::from_secs(3600));
        }] {
            hold(&network);
            client.write_all(b"b").unwrap();
            assert_eq!(answer(&mut client, Some(Duration::from_millis(20))), None);
            network.open();
            assert_eq!(answer(&mut client, None), Some(b'b'));
        }
    }

    #[test]
    fn what_is_slow_arrives() {
        let network = Network::to(echo());
        let mut client = client(&network);
        network.slow(Duration::from_millis(1));
        client.write_all(b"a").unwrap();
        assert_eq!(answer(&mut client, None), Some(b'a'));
    }

    #[test]
    fn connections_end_with_the_network() {
        let network = Network::to(echo());
        let mut client = client(&network);
        client.write_all(b"a").unwrap();
        assert_eq!(answer(&mut client, None), Some(b'a'));
        drop(network);
        assert_eq!(answer(&mut client, None), None);
    }
}

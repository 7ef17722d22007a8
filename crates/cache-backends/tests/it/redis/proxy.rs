//! A network that can be stalled: connections stay, and nothing goes through.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

use cache_backends::Endpoint;

pub(crate) struct Proxy {
    endpoint: Endpoint,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    flow: Flow,
    streams: Vec<TcpStream>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Flow {
    #[default]
    Open,
    Stalled,
    Closed,
}

impl Proxy {
    pub(crate) fn to(server: &Endpoint) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let gate = Arc::new(Gate::default());
        let server = (server.host.clone(), server.port);
        std::thread::spawn({
            let gate = Arc::clone(&gate);
            move || {
                for client in listener.incoming() {
                    let (Ok(client), Ok(server)) = (client, TcpStream::connect(&server)) else {
                        continue;
                    };
                    if gate.pass() == Flow::Closed {
                        return;
                    }
                    gate.carry(&client, &server);
                    gate.carry(&server, &client);
                }
            }
        });
        Self {
            endpoint: Endpoint::new("127.0.0.1", port),
            gate,
        }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        self.endpoint.clone()
    }

    pub(crate) fn stall(&self) {
        self.gate.set(Flow::Stalled);
    }

    pub(crate) fn open(&self) {
        self.gate.set(Flow::Open);
    }
}

impl Gate {
    fn set(&self, flow: Flow) {
        self.state.lock().unwrap().flow = flow;
        self.changed.notify_all();
    }

    /// Waits while nothing goes through.
    fn pass(&self) -> Flow {
        let state = self.state.lock().unwrap();
        let state = self
            .changed
            .wait_while(state, |state| state.flow == Flow::Stalled)
            .unwrap();
        state.flow
    }

    fn carry(self: &Arc<Self>, from: &TcpStream, to: &TcpStream) {
        let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        self.state
            .lock()
            .unwrap()
            .streams
            .push(from.try_clone().unwrap());
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

impl Drop for Proxy {
    fn drop(&mut self) {
        self.gate.set(Flow::Closed);
        for stream in &self.gate.state.lock().unwrap().streams {
            let _ = stream.shutdown(Shutdown::Both);
        }
        // Wakes the listener, which then sees that it is over.
        let _ = TcpStream::connect((self.endpoint.host.as_str(), self.endpoint.port));
    }
}

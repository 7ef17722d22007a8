//! A peer that does exactly what it was told, byte for byte, and remembers what it was sent.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// One step of a connection. After the last one it is closed.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Read one request, head and body.
    Read,
    /// Send these bytes.
    Write(Vec<u8>),
    /// Close with RST instead of FIN.
    Reset,
    /// Wait so many seconds, of a time that is best paused.
    Pause(u64),
    /// Do nothing more, and keep the connection open.
    Stall,
}

pub(crate) fn write(bytes: impl Into<Vec<u8>>) -> Act {
    Act::Write(bytes.into())
}

/// An answer with this body and these further header lines.
pub(crate) fn answer(status: &str, headers: &str, body: &[u8]) -> Act {
    let length = body.len();
    let mut bytes =
        format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n").into_bytes();
    bytes.extend_from_slice(body);
    Act::Write(bytes)
}

pub(crate) fn ok(body: &str) -> Act {
    answer("200 OK", "", body.as_bytes())
}

/// Listens on a free port; the first connection follows the first script, and so on. Connections without a script are
/// counted and closed.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    connections: usize,
    requests: Vec<String>,
}

impl Peer {
    pub(crate) async fn start(scripts: Vec<Vec<Act>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let serving = tokio::spawn(serve(listener, scripts, Arc::clone(&seen)));
        Self {
            address,
            seen,
            serving,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.lock().connections
    }

    /// What was sent, as text; bodies included.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.lock().requests.clone()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, scripts: Vec<Vec<Act>>, seen: Arc<Mutex<Seen>>) {
    let mut scripts = scripts.into_iter();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        seen.lock().connections += 1;
        let script = scripts.next().unwrap_or_default();
        tokio::spawn(follow(stream, script, Arc::clone(&seen)));
    }
}

/// Errors mean that the client has gone, which is the client's business.
async fn follow(mut stream: TcpStream, script: Vec<Act>, seen: Arc<Mutex<Seen>>) -> io::Result<()> {
    // The kernel would hold small parts back for a moment that paused time jumps over.
    stream.set_nodelay(true)?;
    for act in script {
        match act {
            Act::Read => {
                let request = read_request(&mut stream).await?;
                seen.lock().requests.push(request);
            }
            Act::Write(bytes) => stream.write_all(&bytes).await?,
            Act::Reset => {
                stream.set_zero_linger()?;
                return Ok(());
            }
            Act::Pause(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            Act::Stall => std::future::pending().await,
        }
    }
    Ok(())
}

async fn read_request(stream: &mut TcpStream) -> io::Result<String> {
    let mut bytes = Vec::new();
    while !is_whole(&bytes) {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let header = |name: &str| {
        head.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    };
    if header("transfer-encoding") == Some("chunked") {
        return body.ends_with("0\r\n\r\n");
    }
    let length = header("content-length").map_or(0, |length| length.parse().unwrap());
    body.len() >= length
}

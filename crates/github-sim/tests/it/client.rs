//! A raw HTTP/1.1 client: what is on the wire, in the order of the wire.

use std::fmt::Write as _;
use std::io::Read as _;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A request under construction; `User-Agent: test` unless told otherwise.
pub(crate) struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: String,
}

pub(crate) fn get(target: &str) -> Request {
    request("GET", target)
}

pub(crate) fn request(method: &str, target: &str) -> Request {
    Request {
        method: method.to_owned(),
        target: target.to_owned(),
        headers: vec![("User-Agent".to_owned(), "test".to_owned())],
        body: String::new(),
    }
}

impl Request {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    pub(crate) fn token(self, token: &str) -> Self {
        self.header("Authorization", &format!("token {token}"))
    }

    pub(crate) fn body(mut self, body: &str) -> Self {
        self.body = body.to_owned();
        self
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!(
            "{} {} HTTP/1.1\r\nHost: api.github.com\r\n",
            self.method, self.target
        );
        for (name, value) in &self.headers {
            write!(text, "{name}: {value}\r\n").unwrap();
        }
        if !self.body.is_empty() {
            write!(text, "Content-Length: {}\r\n", self.body.len()).unwrap();
        }
        text.push_str("Connection: close\r\n\r\n");
        text.push_str(&self.body);
        text.into_bytes()
    }

    pub(crate) async fn send(self, sim: &github_sim::Simulator) -> Answer {
        let raw = self
            .raw(sim.addr())
            .await
            .expect("the answer can be read to its end");
        Answer::parse(&raw, self.method == "HEAD")
    }

    /// Everything that the server sends until it closes.
    pub(crate) async fn raw(&self, address: SocketAddr) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(&self.to_bytes()).await?;
        let mut raw = Vec::new();
        stream.read_to_end(&mut raw).await?;
        Ok(raw)
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    /// De-chunked, still compressed.
    pub(crate) wire: Vec<u8>,
}

impl Answer {
    fn parse(raw: &[u8], head_only: bool) -> Self {
        let end = raw
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .unwrap_or_else(|| panic!("no end of headers in {:?}", String::from_utf8_lossy(raw)));
        let head = std::str::from_utf8(&raw[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| {
                line.split_once(": ")
                    .unwrap_or((line.trim_end_matches(':'), ""))
            })
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut wire = raw[end + 4..].to_vec();
        let chunked = headers.iter().any(|(name, _)| name == "transfer-encoding");
        if chunked && !head_only {
            wire = dechunked(&wire);
        }
        Self {
            status,
            headers,
            wire,
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(known, _)| known == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.headers.iter().map(|(name, _)| name.as_str()).collect()
    }

    pub(crate) fn number(&self, name: &str) -> i64 {
        let value = self
            .header(name)
            .unwrap_or_else(|| panic!("no {name} in {:?}", self.headers));
        value.parse().unwrap()
    }

    /// Decompressed.
    pub(crate) fn text(&self) -> String {
        let mut bytes = self.wire.clone();
        if self.header("content-encoding") == Some("gzip") {
            bytes = Vec::new();
            flate2::read::GzDecoder::new(&self.wire[..])
                .read_to_end(&mut bytes)
                .unwrap();
        }
        String::from_utf8(bytes).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text()).unwrap()
    }

    pub(crate) fn message(&self) -> String {
        self.json()["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        let body = String::from_utf8_lossy(&self.wire);
        assert_eq!(self.status, status, "{:?} {body}", self.headers);
        self
    }

    pub(crate) fn etag(&self) -> &str {
        self.header("etag")
            .unwrap_or_else(|| panic!("no etag in {:?}", self.headers))
    }
}

fn dechunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = rest
            .windows(2)
            .position(|window| window == b"\r\n")
            .expect("a chunk size");
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
}

//! The upstream behind all proxies: one purpose, answers made beforehand, GitHub's headers and GitHub's tags.
//!
//! What it answers depends on the second segment of the path: `/repos/MODE/NAME` ([`Mode`]). Its tag is computed as
//! GitHub does, over `Accept`, `Authorization` and the body, once per caller. `/counts` tells what it was asked.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use memchr::memmem;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::Fallible;

/// Bytes of a body, unless it is a large one.
pub const BODY_BYTES: usize = 5_000;
/// Hexadecimal digits that do not repeat themselves in each of them.
const NOISE_BYTES: usize = 960;
/// Bytes of a large one.
pub const LARGE_BYTES: usize = 1_000_000;
/// How long the slow one takes.
pub const DELAY: Duration = Duration::from_millis(20);

/// How an answer looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// As GitHub's: `private`, 60 s, `Vary`.
    Github,
    /// As a cache wishes that wants to ask each time: `public`, no freshness, `X-Accel-Expires: @1`.
    Asked,
    /// `public`, fresh for a day.
    Fresh,
    /// As GitHub's, with a large body.
    Large,
    /// Large, for caches that want to ask each time.
    LargeAsked,
    /// As GitHub's, after a while.
    Slow,
    /// For caches that want to ask each time, after a while.
    SlowAsked,
}

impl Mode {
    const ALL: [Self; 7] = [
        Self::Github,
        Self::Asked,
        Self::Fresh,
        Self::Large,
        Self::LargeAsked,
        Self::Slow,
        Self::SlowAsked,
    ];

    /// The second segment of the path.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Asked => "asked",
            Self::Fresh => "fresh",
            Self::Large => "large",
            Self::LargeAsked => "large-asked",
            Self::Slow => "slow",
            Self::SlowAsked => "slow-asked",
        }
    }

    fn of(head: &[u8]) -> Option<Self> {
        let rest = head.strip_prefix(b"GET /repos/")?;
        let name = &rest[..memchr::memchr(b'/', rest)?];
        Self::ALL
            .into_iter()
            .find(|mode| mode.as_str().as_bytes() == name)
    }

    fn freshness(self) -> &'static str {
        match self {
            Self::Github | Self::Large | Self::Slow => {
                "cache-control: private, max-age=60, s-maxage=60\r\n\
                 vary: Accept, Authorization, Cookie, X-GitHub-OTP\r\n\
                 vary: Accept-Encoding, Accept, X-Requested-With\r\n"
            }
            Self::Asked | Self::LargeAsked | Self::SlowAsked => {
                "cache-control: public, max-age=0, must-revalidate\r\nx-accel-expires: @1\r\n"
            }
            Self::Fresh => "cache-control: public, max-age=86400\r\n",
        }
    }

    /// What it answers.
    pub fn body(self) -> String {
        let bytes = match self {
            Self::Large | Self::LargeAsked => LARGE_BYTES,
            _ => BODY_BYTES,
        };
        // An object with a few urls, as GitHub's have, filled up to size.
        let mut body = String::from("{\"id\":1296269,\"full_name\":\"octocat/Hello-World\"");
        for field in 0..40 {
            body.push_str(&format!(
                ",\"field_{field}_url\":\"https://api.github.com/repos/octocat/Hello-World/{field}\""
            ));
        }
        body.push_str(",\"description\":\"");
        // As hard to compress as GitHub's answers of this size, which come down to 600 to 820 bytes
        // (docs/decisions/0018-zstd-dictionary.md): ids, names and texts differ where urls do not.
        let mut noise = 0x9E37_79B9_7F4A_7C15_u64;
        for _ in 0..NOISE_BYTES / 16 {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            body.push_str(&format!("{noise:016x}"));
        }
        while body.len() < bytes - 2 {
            body.push('x');
        }
        body.push_str("\"}");
        body
    }

    fn delay(self) -> Option<Duration> {
        matches!(self, Self::Slow | Self::SlowAsked).then_some(DELAY)
    }
}

/// Both answers to one caller.
struct Prepared {
    tag: String,
    whole: Vec<u8>,
    unchanged: Vec<u8>,
}

const COMMON: &str = "date: Thu, 26 Nov 2026 12:00:00 GMT\r\n\
    x-github-api-version-selected: 2022-11-28\r\n\
    access-control-expose-headers: ETag, Link, Location, Retry-After, X-GitHub-OTP, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Used, X-RateLimit-Resource, X-RateLimit-Reset, X-OAuth-Scopes, X-Accepted-OAuth-Scopes, X-Poll-Interval, X-GitHub-Media-Type, X-GitHub-SSO, X-GitHub-Request-Id, Deprecation, Sunset, Warning\r\n\
    access-control-allow-origin: *\r\n\
    strict-transport-security: max-age=31536000; includeSubdomains; preload\r\n\
    x-frame-options: deny\r\n\
    x-content-type-options: nosniff\r\n\
    x-xss-protection: 0\r\n\
    referrer-policy: origin-when-cross-origin, strict-origin-when-cross-origin\r\n\
    content-security-policy: default-src 'none'\r\n\
    server: github.com\r\n\
    x-ratelimit-limit: 5000\r\n\
    x-ratelimit-remaining: 4999\r\n\
    x-ratelimit-reset: 4102444800\r\n\
    x-ratelimit-used: 1\r\n\
    x-ratelimit-resource: core\r\n\
    x-github-request-id: F2C5:303989:3D9FBCC:3BDF739:6A86BAB7\r\n";

impl Prepared {
    fn new(mode: Mode, accept: &[u8], authorization: &[u8]) -> Self {
        let body = mode.body();
        let mut hash = Sha256::new();
        for value in [accept, authorization] {
            if !value.is_empty() {
                hash.update(value);
                hash.update(b":");
            }
        }
        hash.update(&body);
        let tag = format!("\"{}\"", hex::encode(hash.finalize()));
        let head = format!("etag: {tag}\r\n{}{COMMON}\r\n", mode.freshness());
        let whole = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\n\
             content-length: {}\r\nx-github-media-type: github.v3; format=json\r\n\
             x-oauth-scopes: repo\r\nx-accepted-oauth-scopes: repo\r\n{head}{body}",
            body.len()
        );
        Self {
            whole: whole.into_bytes(),
            unchanged: format!("HTTP/1.1 304 Not Modified\r\n{head}").into_bytes(),
            tag,
        }
    }
}

/// What was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Answered with a body.
    pub whole: u64,
    /// Answered with 304.
    pub unchanged: u64,
}

impl Counts {
    /// All requests.
    pub fn all(self) -> u64 {
        self.whole + self.unchanged
    }

    /// What came after `before`.
    pub fn since(self, before: Self) -> Self {
        Self {
            whole: self.whole - before.whole,
            unchanged: self.unchanged - before.unchanged,
        }
    }
}

#[derive(Default)]
struct Shared {
    prepared: Mutex<HashMap<Vec<u8>, Arc<Prepared>>>,
    counts: Mutex<Counts>,
}

/// Serves for ever.
///
/// # Errors
/// When it cannot listen.
pub async fn serve(address: SocketAddr) -> Fallible<()> {
    let listener = TcpListener::bind(address).await?;
    let shared = Arc::new(Shared::default());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            // A connection that breaks is the client's affair.
            let _: Fallible<()> = connection(stream, &shared).await;
        });
    }
}

async fn connection(mut stream: TcpStream, shared: &Shared) -> Fallible<()> {
    let mut buffer = vec![0; 32 * 1024];
    let mut filled = 0;
    loop {
        let head = loop {
            if let Some(end) = memmem::find(&buffer[..filled], b"\r\n\r\n") {
                break end + 4;
            }
            if filled == buffer.len() {
                return Err("a head that is too long".into());
            }
            match stream.read(&mut buffer[filled..]).await? {
                0 => return Ok(()),
                read => filled += read,
            }
        };
        if buffer.starts_with(b"GET /counts ") {
            let counts = *shared.counts.lock();
            let body = format!("{} {}", counts.whole, counts.unchanged);
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).await?;
        } else if let Some(mode) = Mode::of(&buffer[..head]) {
            let asked = Asked::of(&buffer[..head]);
            let prepared = shared.prepared(mode, &asked);
            if let Some(delay) = mode.delay() {
                tokio::time::sleep(delay).await;
            }
            let known = asked.tag;
            let unchanged =
                known.is_some_and(|known| memmem::find(known, prepared.tag.as_bytes()).is_some());
            {
                let mut counts = shared.counts.lock();
                match unchanged {
                    true => counts.unchanged += 1,
                    false => counts.whole += 1,
                }
            }
            let answer = match unchanged {
                true => &prepared.unchanged,
                false => &prepared.whole,
            };
            stream.write_all(answer).await?;
        } else {
            let answer = "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}";
            stream.write_all(answer.as_bytes()).await?;
        }
        buffer.copy_within(head..filled, 0);
        filled -= head;
    }
}

impl Shared {
    fn prepared(&self, mode: Mode, asked: &Asked<'_>) -> Arc<Prepared> {
        let mut key = Vec::with_capacity(256);
        key.extend_from_slice(mode.as_str().as_bytes());
        for part in [asked.accept, asked.authorization] {
            key.push(0);
            key.extend_from_slice(part);
        }
        let mut prepared = self.prepared.lock();
        Arc::clone(
            prepared.entry(key).or_insert_with(|| {
                Arc::new(Prepared::new(mode, asked.accept, asked.authorization))
            }),
        )
    }
}

#[derive(Default)]
struct Asked<'a> {
    accept: &'a [u8],
    authorization: &'a [u8],
    tag: Option<&'a [u8]>,
}

impl<'a> Asked<'a> {
    fn of(head: &'a [u8]) -> Self {
        let mut asked = Self::default();
        for end in memchr::memchr_iter(b'\n', head) {
            let line = &head[end + 1..];
            let slot = match line.first() {
                Some(b'a' | b'A') => {
                    if let Some(value) = value(line, b"authorization:") {
                        asked.authorization = value;
                    } else if let Some(value) = value(line, b"accept:") {
                        asked.accept = value;
                    }
                    continue;
                }
                Some(b'i' | b'I') => value(line, b"if-none-match:"),
                _ => continue,
            };
            asked.tag = slot.or(asked.tag);
        }
        asked
    }
}

fn value<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (found, rest) = line.split_at_checked(name.len())?;
    let end = memchr::memchr(b'\r', rest)?;
    found
        .eq_ignore_ascii_case(name)
        .then(|| rest[..end].trim_ascii())
}

/// What the upstream at `address` was asked so far.
///
/// # Errors
/// When it does not answer.
pub async fn counts(address: SocketAddr) -> Fallible<Counts> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /counts HTTP/1.1\r\n\r\n").await?;
    let mut answer = vec![0; 512];
    let read = stream.read(&mut answer).await?;
    let text = String::from_utf8_lossy(&answer[..read]).into_owned();
    let (_, body) = text.split_once("\r\n\r\n").ok_or("no counts")?;
    let (whole, unchanged) = body.split_once(' ').ok_or("no counts")?;
    Ok(Counts {
        whole: whole.parse()?,
        unchanged: unchanged.parse()?,
    })
}

/// The command that runs this very program as the upstream; its `main` hands `--upstream ADDRESS` to [`serve`].
///
/// # Errors
/// When the program does not know where it is.
pub fn command(program: &Path, address: SocketAddr) -> Command {
    let mut command = Command::new(program);
    command.args(["--upstream", &address.to_string()]);
    command.stderr(Stdio::inherit());
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Answers;

    #[tokio::test]
    async fn a_tag_of_one_caller_is_not_that_of_another() {
        let address = crate::process::free_address().unwrap();
        tokio::spawn(serve(address));
        let mut stream = loop {
            match TcpStream::connect(address).await {
                Ok(stream) => break stream,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        let tag = Prepared::new(Mode::Github, b"a/b", b"token one").tag;
        let mut answers = Answers::default();
        for (token, status) in [("one", 304), ("two", 200)] {
            let request = format!(
                "GET /repos/github/x HTTP/1.1\r\naccept: a/b\r\nauthorization: token {token}\r\nif-none-match: {tag}\r\n\r\n"
            );
            stream.write_all(request.as_bytes()).await.unwrap();
            assert_eq!(answers.next(&mut stream).await.unwrap().status, status);
        }
        let expected = Counts {
            whole: 1,
            unchanged: 1,
        };
        assert_eq!(counts(address).await.unwrap(), expected);
    }

    #[test]
    fn bodies_have_their_size() {
        assert_eq!(Mode::Github.body().len(), BODY_BYTES);
        assert_eq!(Mode::Large.body().len(), LARGE_BYTES);
    }
}

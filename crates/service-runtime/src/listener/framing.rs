//! Refuses requests whose end could be read in two ways.
//!
//! RFC 9112 section 6.3 lets a server accept a request with both `Transfer-Encoding` and
//! `Content-Length`, and hyper does: it drops the length and closes after the answer. We promise
//! 400, because such a request is either broken or an attempt at request smuggling. hyper leaves
//! no trace of the dropped field, so the bytes are watched before hyper sees them.
//!
//! [`Framing`] follows the HTTP/1 framing of one connection, and only that: where heads begin and
//! end, and how long bodies are. When a head turns out to be ambiguous, one byte of it is
//! replaced by NUL, which no parser accepts; hyper then answers 400 and closes, as for every other
//! malformed head. Where framing itself is malformed, hyper refuses it in its own way and nothing
//! more is watched.
//!
//! Also refused: a second `Transfer-Encoding` line; any coding but `chunked`, which hyper would
//! hand to the service as if it had decoded it; a lone line feed among trailers. Differing `Content-Length`s hyper refuses.

/// What the connection is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaiting {
    Head,
    Body,
    /// Nothing more is known about this connection.
    Unknown,
}

#[derive(Debug)]
pub(super) struct Framing {
    state: State,
    head: Head,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before a request line; empty lines are skipped as RFC 9112 section 2.2 asks.
    BeforeHead,
    /// In a line whose content does not matter.
    SkipLine,
    LineStart,
    Name {
        length: usize,
    },
    Length(Digits),
    Coding {
        matched: usize,
    },
    Body {
        left: u64,
    },
    ChunkSize(Digits),
    ChunkExtension {
        size: u64,
    },
    ChunkEnd,
    TrailerStart,
    TrailerLine,
    TrailerLineEnd,
    TrailersEnd,
    Off,
}

/// A number that is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Digits {
    None,
    Some(u64),
    /// White space after the number: only more of it may follow.
    Ended(u64),
}

/// What the head has said about the body so far.
#[derive(Debug, Default, Clone, Copy)]
struct Head {
    length: Option<u64>,
    coding: bool,
    /// The start of a header name, as far as it could be one of the two.
    name: [u8; LONGEST],
}

const CONTENT_LENGTH: &[u8] = b"content-length";
const TRANSFER_ENCODING: &[u8] = b"transfer-encoding";
const CHUNKED: &[u8] = b"chunked";
const LONGEST: usize = TRANSFER_ENCODING.len();

/// No HTTP/1 parser accepts this byte in a head.
const POISON: u8 = 0;

impl Framing {
    pub(super) fn new() -> Self {
        Framing {
            state: State::BeforeHead,
            head: Head::default(),
        }
    }

    /// For connections that do not speak HTTP/1.
    pub(super) fn off() -> Self {
        Framing {
            state: State::Off,
            head: Head::default(),
        }
    }

    pub(super) fn awaiting(&self) -> Awaiting {
        match self.state {
            State::Off => Awaiting::Unknown,
            State::Body { .. }
            | State::ChunkSize(_)
            | State::ChunkExtension { .. }
            | State::ChunkEnd
            | State::TrailerStart
            | State::TrailerLine
            | State::TrailerLineEnd
            | State::TrailersEnd => Awaiting::Body,
            _ => Awaiting::Head,
        }
    }

    /// Follows the next bytes of the connection and spoils an ambiguous head among them.
    pub(super) fn follow(&mut self, bytes: &mut [u8]) {
        let mut at = 0;
        while at < bytes.len() {
            at += match self.state {
                State::Off => return,
                State::SkipLine => self.skip_lines(&bytes[at..]),
                State::Body { left } => self.skip_body(left, bytes.len() - at),
                _ => {
                    self.step(&mut bytes[at]);
                    1
                }
            };
        }
    }

    /// Skips to the next line that may matter: to a field name with the right first letter, or
    /// the end of the head. Most lines of most heads are passed here, at the speed of `memchr`.
    fn skip_lines(&mut self, bytes: &[u8]) -> usize {
        for line_end in memchr::memchr_iter(b'\n', bytes) {
            let next = line_end + 1;
            match bytes.get(next) {
                Some(b'\r' | b'\n' | b'c' | b'C' | b't' | b'T') | None => {
                    self.state = State::LineStart;
                    return next;
                }
                Some(_) => {}
            }
        }
        bytes.len()
    }

    fn skip_body(&mut self, left: u64, available: usize) -> usize {
        let skipped = usize::try_from(left).unwrap_or(usize::MAX).min(available);
        let left = left - skipped as u64;
        self.state = match (left, self.head.coding) {
            (0, true) => State::ChunkEnd,
            (0, false) => self.next_head(),
            (left, _) => State::Body { left },
        };
        skipped
    }

    fn step(&mut self, byte: &mut u8) {
        self.state = match (self.state, *byte) {
            (State::BeforeHead, b'\r' | b'\n') => State::BeforeHead,
            (State::BeforeHead, _) => {
                self.head = Head::default();
                State::SkipLine
            }

            (State::LineStart, b'\r') => State::LineStart,
            (State::LineStart, b'\n') => self.end_of_head(),
            (State::LineStart, first) => self.name(0, first),
            (State::Name { length }, b':') => self.name_ended(length, byte),
            (State::Name { .. }, b'\n') => State::LineStart,
            (State::Name { length }, next) => self.name(length, next),

            (State::Length(digits), b'\n') => match digits.value() {
                // Equal repetitions are one statement; differing ones hyper refuses.
                Some(length) => {
                    self.head.length = Some(length);
                    State::LineStart
                }
                None => State::Off,
            },
            (State::Length(digits), next) => {
                digits.next(next, 10).map_or(State::Off, State::Length)
            }

            (State::Coding { matched }, b'\n') => {
                if matched != CHUNKED.len() {
                    *byte = POISON;
                    State::Off
                } else {
                    State::LineStart
                }
            }
            (State::Coding { matched }, next) => State::Coding {
                matched: coding(matched, next),
            },

            (State::ChunkSize(digits), b'\n' | b';') => match (digits.value(), *byte) {
                (None, _) => State::Off,
                (Some(size), b';') => State::ChunkExtension { size },
                (Some(size), _) => chunk(size),
            },
            (State::ChunkSize(digits), next) => {
                digits.next(next, 16).map_or(State::Off, State::ChunkSize)
            }
            (State::ChunkExtension { size }, b'\n') => chunk(size),
            (State::ChunkExtension { size }, _) => State::ChunkExtension { size },
            (State::ChunkEnd, b'\r') => State::ChunkEnd,
            (State::ChunkEnd, b'\n') => State::ChunkSize(Digits::None),
            (State::ChunkEnd, _) => State::Off,
            // hyper takes a lone line feed for part of a trailer, others for its end.
            (State::TrailerStart | State::TrailerLine, b'\n') => {
                *byte = POISON;
                State::Off
            }
            (State::TrailerStart, b'\r') => State::TrailersEnd,
            (State::TrailerLine, b'\r') => State::TrailerLineEnd,
            (State::TrailerStart | State::TrailerLine, _) => State::TrailerLine,
            (State::TrailerLineEnd, b'\n') => State::TrailerStart,
            (State::TrailersEnd, b'\n') => self.next_head(),
            (State::TrailerLineEnd | State::TrailersEnd, _) => State::Off,

            (State::SkipLine | State::Body { .. } | State::Off, _) => {
                unreachable!("these are followed in bulk")
            }
        };
    }

    fn name(&mut self, length: usize, byte: u8) -> State {
        let byte = byte.to_ascii_lowercase();
        let possible = |name: &[u8]| {
            name.get(length) == Some(&byte) && name[..length] == self.head.name[..length]
        };
        if possible(CONTENT_LENGTH) || possible(TRANSFER_ENCODING) {
            self.head.name[length] = byte;
            State::Name { length: length + 1 }
        } else {
            State::SkipLine
        }
    }

    fn name_ended(&mut self, length: usize, colon: &mut u8) -> State {
        let ambiguous = match &self.head.name[..length] {
            CONTENT_LENGTH => self.head.coding,
            TRANSFER_ENCODING => self.head.coding || self.head.length.is_some(),
            _ => return State::SkipLine,
        };
        if ambiguous {
            *colon = POISON;
            return State::Off;
        }
        if length == CONTENT_LENGTH.len() {
            State::Length(Digits::None)
        } else {
            self.head.coding = true;
            State::Coding { matched: 0 }
        }
    }

    fn end_of_head(&mut self) -> State {
        match (self.head.coding, self.head.length) {
            (true, _) => State::ChunkSize(Digits::None),
            (false, Some(left)) if left > 0 => State::Body { left },
            (false, _) => self.next_head(),
        }
    }

    fn next_head(&mut self) -> State {
        self.head = Head::default();
        State::BeforeHead
    }
}

fn chunk(size: u64) -> State {
    if size == 0 {
        State::TrailerStart
    } else {
        State::Body { left: size }
    }
}

/// How much of "chunked" has been read; beyond its length for anything else.
fn coding(matched: usize, byte: u8) -> usize {
    const OTHER: usize = usize::MAX;
    match byte {
        b' ' | b'\t' | b'\r' if matched == 0 || matched == CHUNKED.len() => matched,
        byte if CHUNKED.get(matched) == Some(&byte.to_ascii_lowercase()) => matched + 1,
        _ => OTHER,
    }
}

impl Digits {
    fn value(self) -> Option<u64> {
        match self {
            Digits::None => None,
            Digits::Some(value) | Digits::Ended(value) => Some(value),
        }
    }

    /// `None` where this is no number.
    fn next(self, byte: u8, radix: u32) -> Option<Digits> {
        match (self, byte) {
            (Digits::None, b' ' | b'\t') => Some(Digits::None),
            (Digits::Some(value) | Digits::Ended(value), b' ' | b'\t' | b'\r') => {
                Some(Digits::Ended(value))
            }
            (Digits::None | Digits::Some(_), byte) => {
                let digit = char::from(byte).to_digit(radix)?;
                let value = self.value().unwrap_or(0);
                let value = value
                    .checked_mul(u64::from(radix))?
                    .checked_add(u64::from(digit))?;
                Some(Digits::Some(value))
            }
            (Digits::Ended(_), _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, PartialEq, Eq)]
    enum Verdict {
        Untouched(Awaiting),
        Spoiled,
    }

    fn follow(parts: &[&[u8]]) -> Verdict {
        let mut framing = Framing::new();
        let mut spoiled = false;
        for part in parts {
            let mut bytes = part.to_vec();
            framing.follow(&mut bytes);
            spoiled |= bytes != *part;
        }
        if spoiled {
            Verdict::Spoiled
        } else {
            Verdict::Untouched(framing.awaiting())
        }
    }

    /// The verdict must not depend on where the network cuts the bytes.
    #[track_caller]
    fn check(bytes: &str, verdict: Verdict) {
        let bytes = bytes.as_bytes();
        assert_eq!(follow(&[bytes]), verdict, "in one piece");
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(follow(&single), verdict, "byte by byte");
        for cut in 1..bytes.len() {
            assert_eq!(
                follow(&[&bytes[..cut], &bytes[cut..]]),
                verdict,
                "cut at {cut}"
            );
        }
    }

    const HEAD: Verdict = Verdict::Untouched(Awaiting::Head);
    const BODY: Verdict = Verdict::Untouched(Awaiting::Body);
    const UNKNOWN: Verdict = Verdict::Untouched(Awaiting::Unknown);

    #[test]
    fn plain_requests_pass() {
        check("GET / HTTP/1.1\r\nHost: a\r\nCookie: c\r\n\r\n", HEAD);
        check("GET / HTTP/1.1\nHost: a\n\n\r\nGET / HTTP/1.1\n\n", HEAD);
        check("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhell", BODY);
        check("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", HEAD);
        check("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", HEAD);
        check(
            "P / HTTP/1.1\r\nTransfer-Encoding: Chunked \r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n",
            HEAD,
        );
        check(
            "P / HTTP/1.1\r\ntransfer-encoding:chunked\r\n\r\nA \r\nhello",
            BODY,
        );
        check(
            "P / HTTP/1.1\r\ntransfer-encoding:chunked\r\n\r\n0\r\nX: y\r\n\r\n",
            HEAD,
        );
    }

    #[test]
    fn both_ways_of_ending_a_body_are_refused() {
        let length = "Content-Length: 5\r\n";
        let coding = "Transfer-Encoding: chunked\r\n";
        for fields in [
            format!("{length}{coding}"),
            format!("{coding}X: y\r\n{length}"),
        ] {
            check(
                &format!("POST / HTTP/1.1\r\n{fields}\r\n"),
                Verdict::Spoiled,
            );
        }
        check(
            &format!("POST / HTTP/1.1\r\n{coding}{coding}\r\n"),
            Verdict::Spoiled,
        );
        check(
            "P / HTTP/1.1\r\nCONTENT-LENGTH:5\ntransfer-ENCODING:chunked\n\n",
            Verdict::Spoiled,
        );
    }

    #[test]
    fn any_coding_but_chunked_is_refused() {
        for coding in [
            "gzip, chunked",
            "chunked, identity",
            "chunkedx",
            "chunk",
            "",
            "x chunked",
        ] {
            let request = format!("P / HTTP/1.1\r\nTransfer-Encoding: {coding}\r\n\r\n");
            check(&request, Verdict::Spoiled);
        }
    }

    #[test]
    fn the_second_request_of_a_connection_is_watched_too() {
        let bad = "P / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n";
        check(&format!("GET / HTTP/1.1\r\n\r\n{bad}"), Verdict::Spoiled);
        check(
            &format!("P / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc{bad}"),
            Verdict::Spoiled,
        );
        let chunked = "P / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        check(&format!("{chunked}{bad}"), Verdict::Spoiled);
    }

    #[test]
    fn a_lone_line_feed_among_trailers_is_refused() {
        for trailers in ["X: y\n\r\n", "\n", "X: y\r\n\n"] {
            let chunked = "P / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
            check(&format!("{chunked}{trailers}"), Verdict::Spoiled);
        }
    }

    #[test]
    fn bodies_are_never_changed() {
        let bad = "P / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n";
        let length = bad.len();
        check(
            &format!("P / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{bad}"),
            HEAD,
        );
        check(
            &format!("P / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{bad}\r\n"),
            BODY,
        );
        let trailers = "0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n";
        check(
            &format!("P / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{trailers}"),
            HEAD,
        );
    }

    #[test]
    fn what_the_parser_refuses_anyway_is_left_to_it() {
        check("P / HTTP/1.1\r\nContent-Length: +5\r\n\r\n", UNKNOWN);
        check("P / HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\n", UNKNOWN);
        check(
            "P / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
            UNKNOWN,
        );
        check(
            "P / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
            UNKNOWN,
        );
        check("P / HTTP/1.1\r\nContent-Length : 5\r\n\r\n", HEAD);
    }

    /// One request with an arbitrary body, framed by length or in chunks of arbitrary sizes.
    fn request() -> impl Strategy<Value = Vec<u8>> {
        let body = proptest::collection::vec(any::<u8>(), 0..200);
        (body, proptest::option::of(1..50_usize)).prop_map(|(body, chunk)| {
            let mut request = b"POST / HTTP/1.1\r\nHost: a\r\n".to_vec();
            match chunk {
                None => {
                    let length = format!("Content-Length: {}\r\n\r\n", body.len());
                    request.extend_from_slice(length.as_bytes());
                    request.extend_from_slice(&body);
                }
                Some(size) => {
                    request.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                    for chunk in body.chunks(size) {
                        request.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                        request.extend_from_slice(chunk);
                        request.extend_from_slice(b"\r\n");
                    }
                    request.extend_from_slice(b"0\r\n\r\n");
                }
            }
            request
        })
    }

    proptest! {
        #[test]
        fn any_sound_conversation_is_untouched_and_its_end_is_seen(
            requests in proptest::collection::vec(request(), 1..5),
            read in 1..100_usize,
        ) {
            let mut bytes = requests.concat();
            let parts: Vec<&[u8]> = bytes.chunks(read).collect();
            prop_assert_eq!(follow(&parts), HEAD);
            let both = "P / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n";
            bytes.extend_from_slice(both.as_bytes());
            let parts: Vec<&[u8]> = bytes.chunks(read).collect();
            prop_assert_eq!(follow(&parts), Verdict::Spoiled);
        }
    }
}

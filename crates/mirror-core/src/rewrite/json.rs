//! Urls in JSON bodies: only where a string *value* begins with one of the origins, never inside prose or in keys.
//!
//! No JSON is parsed. An opening quote is found by search: a quote followed by `h` cannot close a string (a comma,
//! colon, bracket or space would follow), and a quote inside a string has a backslash before it. So a match of
//! `"https://api.github.com` whose quote has no backslash before it is the beginning of a string, and what follows the
//! string's end tells a key from a value.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;

/// How far a string may reach before it is taken for a value without having seen its end. Keys are short.
const MAX_LOOKAHEAD_BYTES: usize = 4096;

/// May this byte follow an origin, so that it is the whole origin and not the beginning of a longer host?
pub(crate) fn ends_origin(next: Option<u8>) -> bool {
    matches!(
        next,
        None | Some(b'/' | b'"' | b'?' | b'#' | b'{' | b'\\' | b'>' | b';' | b',' | b' ')
    )
}

/// Finds the origins in JSON.
#[derive(Clone, Debug)]
pub(crate) struct Finders {
    /// Each with its opening quote.
    patterns: Vec<Finder<'static>>,
}

/// What a place where an origin stands is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// The beginning of a string value: to be rewritten.
    Value,
    /// Anything else.
    Other,
    /// More bytes are needed to tell.
    Unknown,
}

impl Finders {
    fn new(origins: &[Box<str>]) -> Self {
        let pattern = |origin: &str| Finder::new(&format!("\"{origin}")).into_owned();
        Self {
            patterns: origins.iter().map(|origin| pattern(origin)).collect(),
        }
    }

    /// The next match at or after `from`: where its quote stands, and the length of the origin.
    fn next(&self, text: &[u8], from: usize) -> Option<(usize, usize)> {
        let found = self.patterns.iter().filter_map(|pattern| {
            let at = from + pattern.find(&text[from..])?;
            Some((at, pattern.needle().len() - 1))
        });
        found.min_by_key(|(at, _)| *at)
    }

    fn longest(&self) -> usize {
        self.patterns
            .iter()
            .map(|pattern| pattern.needle().len())
            .max()
            .unwrap_or(0)
    }
}

/// Judges the match at `at`; `before` is the byte in front of `text`, `last` tells that nothing follows it.
fn judge(text: &[u8], at: usize, length: usize, before: Option<u8>, end: End) -> Place {
    let previous = if at == 0 { before } else { Some(text[at - 1]) };
    if previous == Some(b'\\') {
        return Place::Other;
    }
    let after = at + 1 + length;
    match text.get(after) {
        None if end == End::Open => return Place::Unknown,
        next if !ends_origin(next.copied()) => return Place::Other,
        _ => {}
    }
    let Some(closing) = memchr::memchr(b'"', &text[after..]).map(|offset| after + offset) else {
        return if end == End::Open && text.len() - after < MAX_LOOKAHEAD_BYTES {
            Place::Unknown
        } else {
            Place::Value
        };
    };
    match text[closing + 1..]
        .iter()
        .find(|byte| !byte.is_ascii_whitespace())
    {
        Some(b':') => Place::Other,
        None if end == End::Open => Place::Unknown,
        _ => Place::Value,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// More may follow.
    Open,
    Reached,
}

/// Where the origins stand in one body: found once, used for every answer that shows the body.
#[derive(Debug)]
pub(crate) struct Positions(Box<[(u32, u32)]>);

impl Positions {
    /// Finds them. Bodies of 4 GiB and more are not kept in memory, so 32 bits do.
    pub(crate) fn find(body: &[u8], origins: &[Box<str>]) -> Self {
        let finders = Finders::new(origins);
        let mut found = Vec::new();
        let mut from = 0;
        while let Some((at, length)) = finders.next(body, from) {
            if judge(body, at, length, None, End::Reached) == Place::Value
                && let (Ok(start), Ok(length)) = (u32::try_from(at + 1), u32::try_from(length))
            {
                found.push((start, length));
            }
            from = at + 1;
        }
        Self(found.into())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// How much of a stored body is rewritten ahead of its client: a slow one must not hold a copy of the whole.
const PIECE_BYTES: usize = 64 << 10;

/// A whole body with a base in place of the origins, made piece by piece as it is taken.
#[derive(Debug)]
pub(crate) struct Rewritten {
    body: Bytes,
    positions: Arc<Positions>,
    base: String,
    /// How much of the body, and how many of the positions, have been taken.
    copied: usize,
    replaced: usize,
    left: usize,
}

impl Rewritten {
    pub(crate) fn new(body: Bytes, positions: Arc<Positions>, base: String) -> Self {
        let removed: usize = positions.0.iter().map(|(_, length)| *length as usize).sum();
        Self {
            left: body.len() - removed + positions.0.len() * base.len(),
            body,
            positions,
            base,
            copied: 0,
            replaced: 0,
        }
    }

    /// Bytes that have not been taken yet.
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    /// The next piece; `None` after the last one.
    pub(crate) fn next_piece(&mut self) -> Option<Bytes> {
        if self.left == 0 {
            return None;
        }
        let mut piece = BytesMut::with_capacity(self.left.min(PIECE_BYTES + self.base.len()));
        while piece.len() < PIECE_BYTES {
            let position = self.positions.0.get(self.replaced);
            let until = position.map_or(self.body.len(), |(start, _)| *start as usize);
            let room = PIECE_BYTES - piece.len();
            if until - self.copied > room {
                piece.extend_from_slice(&self.body[self.copied..self.copied + room]);
                self.copied += room;
                break;
            }
            piece.extend_from_slice(&self.body[self.copied..until]);
            self.copied = until;
            let Some((_, length)) = position else {
                break;
            };
            piece.extend_from_slice(self.base.as_bytes());
            self.copied += *length as usize;
            self.replaced += 1;
        }
        self.left -= piece.len();
        Some(piece.freeze())
    }
}

/// Rewrites a body that arrives in chunks.
#[derive(Debug)]
pub(crate) struct Rewriter {
    finders: Finders,
    base: String,
    /// Bytes that cannot be judged yet.
    held: BytesMut,
    /// The byte before the held ones.
    before: Option<u8>,
}

impl Rewriter {
    pub(crate) fn new(origins: &[Box<str>], base: String) -> Self {
        Self {
            finders: Finders::new(origins),
            base,
            held: BytesMut::new(),
            before: None,
        }
    }

    /// Takes a chunk and gives what is certain so far.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Bytes {
        self.held.extend_from_slice(chunk);
        self.advance(End::Open)
    }

    /// Gives the rest.
    pub(crate) fn finish(&mut self) -> Bytes {
        self.advance(End::Reached)
    }

    fn advance(&mut self, end: End) -> Bytes {
        let mut out = BytesMut::with_capacity(self.held.len() + 64);
        let text = &self.held[..];
        let mut copied = 0;
        let mut from = 0;
        let mut certain = loop {
            let Some((at, length)) = self.finders.next(text, from) else {
                // A match may begin in the last bytes.
                break match end {
                    End::Open => text.len().saturating_sub(self.finders.longest()).max(from),
                    End::Reached => text.len(),
                };
            };
            match judge(text, at, length, self.before, end) {
                Place::Value => {
                    out.extend_from_slice(&text[copied..=at]);
                    out.extend_from_slice(self.base.as_bytes());
                    copied = at + 1 + length;
                    from = copied;
                }
                Place::Other => from = at + 1,
                Place::Unknown => break at,
            }
        };
        certain = certain.max(copied);
        out.extend_from_slice(&text[copied..certain]);
        if let Some(last) = certain.checked_sub(1) {
            self.before = Some(text[last]);
        }
        let _ = self.held.split_to(certain);
        out.freeze()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BASE: &str = "http://mirror:8080";

    fn origins() -> Vec<Box<str>> {
        vec!["https://api.github.com".into(), "http://127.0.0.1:9".into()]
    }

    fn whole(body: &str) -> String {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let positions = Arc::new(Positions::find(&body, &origins()));
        let mut rewritten = Rewritten::new(body, positions, BASE.to_owned());
        let mut out = Vec::new();
        loop {
            let left = rewritten.left();
            let Some(piece) = rewritten.next_piece() else {
                assert_eq!(left, 0, "the announced length is the real one");
                return String::from_utf8(out).unwrap();
            };
            assert_eq!(left - piece.len(), rewritten.left());
            assert!(piece.len() <= PIECE_BYTES + BASE.len() && !piece.is_empty());
            out.extend_from_slice(&piece);
        }
    }

    fn chunked(body: &str, size: usize) -> String {
        let mut rewriter = Rewriter::new(&origins(), BASE.to_owned());
        let mut out = Vec::new();
        for chunk in body.as_bytes().chunks(size) {
            out.extend_from_slice(&rewriter.push(chunk));
        }
        out.extend_from_slice(&rewriter.finish());
        String::from_utf8(out).unwrap()
    }

    #[track_caller]
    fn check(body: &str, expected: &str) {
        assert_eq!(whole(body), expected);
        for size in 1..=body.len() {
            assert_eq!(chunked(body, size), expected, "in chunks of {size}");
        }
    }

    #[test]
    fn values_are_rewritten() {
        check(
            r#"{"url":"https://api.github.com/users/a"}"#,
            r#"{"url":"http://mirror:8080/users/a"}"#,
        );
        check(r#"["https://api.github.com"]"#, r#"["http://mirror:8080"]"#);
        check(
            r#""https://api.github.com/x{/y}""#,
            r#""http://mirror:8080/x{/y}""#,
        );
        check(
            r#"{"u":"https://api.github.com{?since}"}"#,
            r#"{"u":"http://mirror:8080{?since}"}"#,
        );
        check(
            r#"{"a" : "http://127.0.0.1:9/x" , "b":["https://api.github.com/1","https://api.github.com/2"]}"#,
            r#"{"a" : "http://mirror:8080/x" , "b":["http://mirror:8080/1","http://mirror:8080/2"]}"#,
        );
    }

    #[test]
    fn all_else_is_left_alone() {
        for body in [
            r#"{"body":"see https://api.github.com/x"}"#,
            r#"{"body":"\"https://api.github.com/x\""}"#,
            r#"{"body":"a\\\"https://api.github.com/x"}"#,
            r#"{"https://api.github.com/x":1}"#,
            r#"{"https://api.github.com/x" : "y"}"#,
            r#"{"u":"https://api.github.community/x"}"#,
            r#"{"u":"https://api.github.com.evil/x"}"#,
            r#"{"u":"https://api.github.com:444/x"}"#,
            r#"{"u":"https://github.com/x"}"#,
            "",
            "[]",
            r#"{"u":"https://api.github"#,
        ] {
            check(body, body);
        }
    }

    #[test]
    fn a_long_value_is_not_held_for_ever() {
        let body = format!(r#"{{"u":"https://api.github.com/{}"}}"#, "x".repeat(20_000));
        let mut rewriter = Rewriter::new(&origins(), BASE.to_owned());
        for chunk in body.as_bytes().chunks(512) {
            rewriter.push(chunk);
            assert!(rewriter.held.len() < 2 * MAX_LOOKAHEAD_BYTES);
        }
    }

    #[test]
    fn a_stored_body_is_rewritten_in_pieces_wherever_they_end() {
        let url = "\"https://api.github.com/x\",";
        let rewritten = "\"http://mirror:8080/x\",";
        for before in PIECE_BYTES - 40..PIECE_BYTES + 2 {
            let filling = " ".repeat(before);
            let body = format!("{filling}{url}{filling}{url}");
            assert_eq!(
                whole(&body),
                format!("{filling}{rewritten}{filling}{rewritten}")
            );
        }
    }

    proptest! {
        #[test]
        fn chunks_and_whole_agree(
            pieces in proptest::collection::vec(
                prop_oneof![
                    Just("\"https://api.github.com".to_owned()), Just("/x".to_owned()), Just("\"".to_owned()),
                    Just("\\".to_owned()), Just(":".to_owned()), Just(",".to_owned()), Just(" ".to_owned()),
                    Just("http://127.0.0.1:9".to_owned()), "[a-z]{0,3}",
                ],
                0..40,
            ),
            size in 1_usize..50,
        ) {
            let body = pieces.concat();
            prop_assert_eq!(chunked(&body, size), whole(&body));
        }
    }
}

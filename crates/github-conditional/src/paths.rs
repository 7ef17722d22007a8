//! Paths as GitHub compares them, and patterns over them: `*` is one segment, `**` the rest.
//!
//! GitHub's names of owners and repositories ignore case, and an unreserved character may be sent percent-encoded; so
//! paths are compared in one canonical form.
//! That is too lenient for the paths of files, where it costs a question too many and never one too few.

use std::borrow::Cow;
use std::fmt;

mod tree;

pub(crate) use tree::PathTree;

/// A longer pattern is a mistake: GitHub's longest template has a dozen segments.
const MAX_PATTERN_BYTES: usize = 1024;

/// Which paths: `/repos/acme/*/commits/**`.
///
/// `*` stands for one whole segment, `**` at the end for the rest, which may be nothing.
///
/// # Examples
/// ```
/// let pattern: github_conditional::PathPattern = "/repos/acme/**".parse()?;
/// assert_eq!(pattern.to_string(), "/repos/acme/**");
/// # Ok::<(), github_conditional::PatternError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PathPattern {
    segments: Vec<Segment>,
    end: End,
}

/// One segment of a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Segment {
    Any,
    Literal(Box<str>),
}

/// What may come behind the segments of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum End {
    Nothing,
    /// `**`
    Anything,
}

/// Why a text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// It does not begin with a slash.
    #[error("must begin with /")]
    Relative,
    /// It has a query or a fragment.
    #[error("must have neither query nor fragment: only the path is compared")]
    Query,
    /// A star is only a part of a segment.
    #[error("* must be a whole segment")]
    PartOfSegment,
    /// `**` is followed by something.
    #[error("** must be the last segment")]
    NotLast,
    /// It is too long.
    #[error("must have at most {MAX_PATTERN_BYTES} bytes")]
    TooLong,
}

impl std::str::FromStr for PathPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text.len() > MAX_PATTERN_BYTES {
            return Err(PatternError::TooLong);
        }
        if !text.starts_with('/') {
            return Err(PatternError::Relative);
        }
        if text.contains(['?', '#']) {
            return Err(PatternError::Query);
        }
        let canonical = canonical(text);
        let mut segments = Vec::new();
        let mut end = End::Nothing;
        for segment in split(&canonical) {
            match (segment, end) {
                (_, End::Anything) => return Err(PatternError::NotLast),
                ("**", _) => end = End::Anything,
                ("*", _) => segments.push(Segment::Any),
                (segment, _) if segment.contains('*') => return Err(PatternError::PartOfSegment),
                (segment, _) => segments.push(Segment::Literal(segment.into())),
            }
        }
        Ok(Self { segments, end })
    }
}

impl PathPattern {
    /// `/**`
    pub fn everything() -> Self {
        Self {
            segments: Vec::new(),
            end: End::Anything,
        }
    }

    /// Whether a path is one of these. For many patterns at once there is [`RouteTable`](crate::RouteTable).
    pub fn matches(&self, path: &str) -> bool {
        let canonical = canonical(path);
        let mut rest = split(&canonical);
        let fits = self
            .segments
            .iter()
            .all(|segment| match (segment, rest.next()) {
                (_, None) => false,
                (Segment::Any, Some(_)) => true,
                (Segment::Literal(text), Some(found)) => **text == *found,
            });
        fits && (self.end == End::Anything || rest.next().is_none())
    }

    /// This very path and nothing else; a star in it is a star.
    pub(crate) fn exactly(path: &str) -> Self {
        let segments = split(&canonical(path))
            .map(|segment| Segment::Literal(segment.into()))
            .collect();
        Self {
            segments,
            end: End::Nothing,
        }
    }

    pub(crate) fn new(segments: Vec<Segment>, end: End) -> Self {
        Self { segments, end }
    }

    /// The same with everything below it.
    pub(crate) fn and_below(mut self) -> Self {
        self.end = End::Anything;
        self
    }

    /// The collection that the path belongs to: `/issues` for `/issues/5`.
    pub(crate) fn collection(&self) -> Option<Self> {
        let (_last, segments) = self.segments.split_last()?;
        Some(Self::new(segments.to_vec(), End::Nothing))
    }

    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    pub(crate) fn end(&self) -> End {
        self.end
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.segments {
            match segment {
                Segment::Any => f.write_str("/*")?,
                Segment::Literal(text) => write!(f, "/{text}")?,
            }
        }
        match self.end {
            End::Anything => f.write_str("/**"),
            End::Nothing if self.segments.is_empty() => f.write_str("/"),
            End::Nothing => Ok(()),
        }
    }
}

/// The segments of a canonical path; doubled and trailing slashes count for nothing.
pub(crate) fn split(canonical: &str) -> impl Iterator<Item = &str> + Clone {
    let mut rest = canonical;
    std::iter::from_fn(move || {
        let from = rest.bytes().position(|byte| byte != b'/')?;
        // Segments are short: going through them is cheaper than to set out on a search.
        let length = rest[from..].bytes().position(|byte| byte == b'/');
        let until = length.map_or(rest.len(), |length| from + length);
        let segment = &rest[from..until];
        rest = &rest[until..];
        Some(segment)
    })
}

/// Lower case, and unreserved characters as themselves (RFC 3986 §6.2.2). An encoded slash stays encoded.
pub(crate) fn canonical(path: &str) -> Cow<'_, str> {
    if !path
        .bytes()
        .any(|byte| byte.is_ascii_uppercase() || byte == b'%')
    {
        return Cow::Borrowed(path);
    }
    let mut canonical = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        canonical.push_str(&rest[..at]);
        rest = &rest[at..];
        let code = rest
            .get(1..3)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(byte) if is_unreserved(byte) => {
                canonical.push(char::from(byte));
                rest = &rest[3..];
            }
            _ => {
                canonical.push('%');
                rest = &rest[1..];
            }
        }
    }
    canonical.push_str(rest);
    canonical.make_ascii_lowercase();
    Cow::Owned(canonical)
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        #[track_caller]
        fn check(text: &str, expected: Result<&str, PatternError>) {
            let printed = text
                .parse::<PathPattern>()
                .map(|pattern| pattern.to_string());
            assert_eq!(printed, expected.map(str::to_owned), "{text}");
        }
        check("/", Ok("/"));
        check("/**", Ok("/**"));
        check("/Repos/Acme/*/commits/**", Ok("/repos/acme/*/commits/**"));
        check("/repos/%61cme/", Ok("/repos/acme"));
        check("repos", Err(PatternError::Relative));
        check("/a?b", Err(PatternError::Query));
        check("/a/v*", Err(PatternError::PartOfSegment));
        check("/a/***", Err(PatternError::PartOfSegment));
        check("/a/**/b", Err(PatternError::NotLast));
        check("/a/**/**", Err(PatternError::NotLast));
        check(
            &format!("/{}", "a".repeat(1024)),
            Err(PatternError::TooLong),
        );
    }

    #[test]
    fn paths_that_match() {
        #[track_caller]
        fn check(pattern: &str, path: &str, expected: bool) {
            let pattern: PathPattern = pattern.parse().unwrap();
            assert_eq!(pattern.matches(path), expected, "{pattern} {path}");
        }
        check("/", "/", true);
        check("/", "/user", false);
        check("/**", "/any/thing", true);
        check(
            "/repos/acme/*/commits/**",
            "/Repos/ACME/x/commits/1/2",
            true,
        );
        check("/repos/acme/*/commits/**", "/repos/acme/x/commits", true);
        check("/repos/acme/*/commits/**", "/repos/acme/x", false);
        check("/repos/*/*", "/repos/o/r/", true);
        check("/repos/*/*", "/repos/o/r/issues", false);
        check("/users/octocat", "/users/%6fctocat", true);
        check("/users/octocat", "/users/octocats", false);
    }

    #[test]
    fn canonical_forms() {
        #[track_caller]
        fn check(path: &str, expected: &str) {
            assert_eq!(canonical(path), expected, "{path}");
        }
        check("/repos/o/r", "/repos/o/r");
        check("/Repos/O/R", "/repos/o/r");
        check("/repos/%6F/%52", "/repos/o/r");
        check("/contents/a%2Fb", "/contents/a%2fb");
        check("/a%", "/a%");
        check("/a%4", "/a%4");
        check("/a%zz/%41", "/a%zz/a");
        check("/a%é/B", "/a%é/b");
        check("/%2541", "/%2541");
    }
}

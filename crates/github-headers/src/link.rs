//! `Link`: pagination and related resources (RFC 8288), with GitHub's habits.
//!
//! A [`Links`] remembers the text it was parsed from, so that a mirror can rewrite the urls and leave every other byte,
//! known or unknown, as GitHub wrote it.
//! GitHub writes `<U?page=2>; rel="next", <U?page=N>; rel="last"` on page 1, the order `prev, next, last, first` in
//! between, `prev, first` on the last page, and no header for a single page.
//! The same header also holds `rel="deprecation"` and `rel="alternate"`, so look relations up by name, never by
//! position.
//! See GitHub's "Using pagination in the REST API".

mod id_form;
mod page;

use std::fmt;
use std::str::FromStr;

use http::header::LINK;
use http::{HeaderMap, HeaderValue};

use crate::syntax::{is_ows, is_tchar, split_outside_quotes, trim_ows};

pub use id_form::IdForm;
pub use page::{page_of, with_page};

/// All `Link` values of one message.
///
/// ```
/// use github_headers::Links;
///
/// let text = r#"<https://api.github.com/repositories/1/tags?page=2>; rel="next", <https://api.github.com/repositories/1/tags?page=9>; rel="last""#;
/// let mut links: Links = text.parse()?;
/// assert_eq!(links.find("next"), Some("https://api.github.com/repositories/1/tags?page=2"));
/// links.map_urls(|url| url.strip_prefix("https://api.github.com").map(|path| format!("http://mirror{path}")));
/// assert_eq!(links.to_string(), text.replace("https://api.github.com", "http://mirror"));
/// # Ok::<(), github_headers::LinkError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    links: Vec<Link>,
    /// How each field line ends: the index after its last link, and the text after that link's parameters.
    lines: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    end: usize,
    tail: Box<str>,
}

/// One link-value: a target and its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The text before `<`: the separator to the link before it.
    lead: Box<str>,
    target: Box<str>,
    /// The text after `>`, as it came.
    suffix: Box<str>,
    parameters: Vec<(Box<str>, Option<Box<str>>)>,
}

/// Why a `Link` header could not be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// Something else stands where `<` must open a target.
    #[error("link {position} does not begin with `<`")]
    NoTarget {
        /// Which link, counted from 1.
        position: usize,
    },
    /// The target is not closed by `>`, or holds a control character.
    #[error("link {position} has a malformed target")]
    BadTarget {
        /// Which link, counted from 1.
        position: usize,
    },
    /// A parameter is neither `name`, `name=token` nor `name="text"`.
    #[error("link {position} has a malformed parameter")]
    BadParameter {
        /// Which link, counted from 1.
        position: usize,
    },
    /// A field line is not UTF-8.
    #[error("link header is not utf-8")]
    NotUtf8,
}

impl Links {
    /// No links.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses all field lines of one message.
    ///
    /// Commas and semicolons inside `<>` and inside quotes belong there, so a URI template such as
    /// `<https://api.github.com/users{?since,per_page}>` is one target.
    /// Empty list elements are tolerated (RFC 9110 §5.6.1.2).
    ///
    /// # Errors
    /// Names the first link that is malformed; a proxy then passes the header on as it came.
    pub fn parse<L>(lines: impl IntoIterator<Item = L>) -> Result<Self, LinkError>
    where
        L: AsRef<[u8]>,
    {
        let mut links = Self::new();
        for line in lines {
            let line = std::str::from_utf8(line.as_ref()).map_err(|_| LinkError::NotUtf8)?;
            links.parse_line(line)?;
        }
        Ok(links)
    }

    /// The links of an answer; empty when it has no `Link` header.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn from_headers(headers: &HeaderMap) -> Result<Self, LinkError> {
        Self::parse(headers.get_all(LINK))
    }

    fn parse_line(&mut self, line: &str) -> Result<(), LinkError> {
        let mut rest = line;
        loop {
            let position = self.links.len() + 1;
            let blank = rest
                .bytes()
                .take_while(|&byte| is_ows(byte) || byte == b',')
                .count();
            let (lead, from_target) = rest.split_at(blank);
            if from_target.is_empty() {
                self.lines.push(Line {
                    end: self.links.len(),
                    tail: lead.into(),
                });
                return Ok(());
            }
            let inside = from_target
                .strip_prefix('<')
                .ok_or(LinkError::NoTarget { position })?;
            let (target, after) = inside
                .split_once('>')
                .ok_or(LinkError::BadTarget { position })?;
            if !is_target(target) {
                return Err(LinkError::BadTarget { position });
            }
            let end = split_outside_quotes(after.as_bytes(), b',')
                .next()
                .map_or(0, <[u8]>::len);
            let (suffix, remaining) = after.split_at(end);
            let parameters =
                parse_parameters(suffix).ok_or(LinkError::BadParameter { position })?;
            self.links.push(Link {
                lead: lead.into(),
                target: target.into(),
                suffix: suffix.into(),
                parameters,
            });
            rest = remaining;
        }
    }

    /// The target of the first link with this relation; names are compared without case (RFC 8288 §2.1.1).
    pub fn find(&self, rel: &str) -> Option<&str> {
        self.iter().find(|link| link.has_rel(rel)).map(Link::target)
    }

    /// The links in the order they came.
    pub fn iter(&self) -> std::slice::Iter<'_, Link> {
        self.links.iter()
    }

    /// How many links there are.
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// Whether there is no link, as on a list of a single page.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Appends `<target>; rel="rel"` to the last field line, the way GitHub writes it.
    ///
    /// # Errors
    /// When the target or the relation holds what would end it early.
    pub fn push(&mut self, target: &str, rel: &str) -> Result<(), LinkError> {
        let position = self.links.len() + 1;
        if !is_target(target) {
            return Err(LinkError::BadTarget { position });
        }
        if rel.is_empty()
            || !rel
                .bytes()
                .all(|byte| matches!(byte, 0x20..=0x7E) && !b"\"\\".contains(&byte))
        {
            return Err(LinkError::BadParameter { position });
        }
        if self.lines.is_empty() {
            self.lines.push(Line {
                end: 0,
                tail: "".into(),
            });
        }
        let start = self.lines.iter().rev().nth(1).map_or(0, |line| line.end);
        let separator = if self.links.len() > start { ", " } else { "" };
        self.links.push(Link {
            lead: separator.into(),
            target: target.into(),
            suffix: format!("; rel=\"{rel}\"").into(),
            parameters: vec![("rel".into(), Some(rel.into()))],
        });
        if let Some(line) = self.lines.last_mut() {
            line.end = self.links.len();
        }
        Ok(())
    }

    /// Replaces targets; everything else of the original text stays byte-identical.
    ///
    /// The closure answers `None` to leave a target alone.
    /// A replacement that could not stand between `<` and `>` is refused and the target left alone, so that no url can
    /// break out of the header.
    /// Returns how many targets changed.
    pub fn map_urls(&mut self, mut rewrite: impl FnMut(&str) -> Option<String>) -> usize {
        let mut changed = 0;
        for link in &mut self.links {
            match rewrite(&link.target) {
                Some(target) if is_target(&target) && *target != *link.target => {
                    link.target = target.into();
                    changed += 1;
                }
                _ => {}
            }
        }
        changed
    }

    /// One field value per original field line.
    pub fn to_header_values(&self) -> Vec<HeaderValue> {
        let lines = (0..self.lines.len()).map(|index| self.line(index));
        // Control characters are refused on the way in, so no line is lost here.
        lines
            .filter_map(|line| HeaderValue::try_from(line).ok())
            .collect()
    }

    /// Puts the links into `headers`, in place of any `Link` that was there.
    pub fn write_to(&self, headers: &mut HeaderMap) {
        headers.remove(LINK);
        for value in self.to_header_values() {
            headers.append(LINK, value);
        }
    }

    fn line(&self, index: usize) -> String {
        use fmt::Write as _;
        let start = index
            .checked_sub(1)
            .and_then(|before| self.lines.get(before))
            .map_or(0, |line| line.end);
        let mut text = String::new();
        if let Some(line) = self.lines.get(index) {
            for link in self.links.get(start..line.end).unwrap_or_default() {
                // Writing to a String cannot fail.
                let _ = write!(text, "{}{link}", link.lead);
            }
            text.push_str(&line.tail);
        }
        text
    }
}

impl Link {
    /// The url between `<` and `>`; it may be a URI template, like `https://api.github.com/users{?since}`.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The relations of this link: those of its first `rel`, later ones are ignored (RFC 8288 §3.3).
    pub fn rels(&self) -> impl Iterator<Item = &str> {
        self.parameter("rel")
            .unwrap_or_default()
            .split_ascii_whitespace()
    }

    /// Whether the link has this relation, compared without case.
    pub fn has_rel(&self, rel: &str) -> bool {
        self.rels().any(|name| name.eq_ignore_ascii_case(rel))
    }

    /// The first parameter of this name, unquoted; a parameter without a value reads as the empty text.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.unwrap_or_default())
    }

    /// All parameters in order, unquoted, the unknown ones too.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.parameters
            .iter()
            .map(|(name, value)| (&**name, value.as_deref()))
    }
}

impl fmt::Display for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<{}>{}", self.target, self.suffix)
    }
}

/// All field lines joined by `, `, as an HTTP/2 client would see them.
impl fmt::Display for Links {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..self.lines.len()).try_for_each(|index| {
            let separator = if index == 0 { "" } else { ", " };
            write!(formatter, "{separator}{}", self.line(index))
        })
    }
}

impl FromStr for Links {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse([text])
    }
}

impl<'a> IntoIterator for &'a Links {
    type Item = &'a Link;
    type IntoIter = std::slice::Iter<'a, Link>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// What may stand between `<` and `>`. Wider than a URI reference, because GitHub puts URI templates there.
fn is_target(text: &str) -> bool {
    !text.contains(['<', '>']) && !text.bytes().any(|byte| byte.is_ascii_control())
}

type Parameter = (Box<str>, Option<Box<str>>);

/// `*( OWS ";" OWS [ name [ BWS "=" BWS ( token / quoted-string ) ] ] )` (RFC 8288 §3).
fn parse_parameters(suffix: &str) -> Option<Vec<Parameter>> {
    let mut parameters = Vec::new();
    for (index, piece) in split_outside_quotes(suffix.as_bytes(), b';').enumerate() {
        let piece = trim_ows(piece);
        if piece.is_empty() {
            continue;
        }
        if index == 0 {
            // Text between `>` and the first semicolon.
            return None;
        }
        parameters.push(parse_parameter(piece)?);
    }
    Some(parameters)
}

fn parse_parameter(piece: &[u8]) -> Option<Parameter> {
    let equals = piece.iter().position(|&byte| byte == b'=');
    let (name, value) = match equals {
        None => (piece, None),
        Some(at) => (trim_ows(&piece[..at]), Some(trim_ows(&piece[at + 1..]))),
    };
    if name.is_empty() || !name.iter().copied().all(is_tchar) {
        return None;
    }
    let value = match value {
        None => None,
        Some(value) => Some(match value.strip_prefix(b"\"") {
            Some(rest) => unquote(rest)?,
            None => bare(value)?,
        }),
    };
    // A token is ASCII.
    Some((std::str::from_utf8(name).ok()?.into(), value))
}

/// The inside of a quoted string (RFC 9110 §5.6.4), after its opening quote.
fn unquote(rest: &[u8]) -> Option<Box<str>> {
    let mut text = Vec::with_capacity(rest.len());
    let mut bytes = rest.iter().copied();
    loop {
        match bytes.next()? {
            b'"' => break,
            b'\\' => text.push(bytes.next().filter(is_quotable)?),
            byte if is_quotable(&byte) => text.push(byte),
            _ => return None,
        }
    }
    if bytes.next().is_some() {
        return None;
    }
    String::from_utf8(text).ok().map(Into::into)
}

/// What a quoted string may hold, escaped or not.
fn is_quotable(byte: &u8) -> bool {
    *byte == b'\t' || !byte.is_ascii_control()
}

/// A value without quotes. Wider than `token`: older servers write `type=text/html` and urls unquoted.
fn bare(value: &[u8]) -> Option<Box<str>> {
    if value
        .iter()
        .any(|byte| byte.is_ascii_control() || is_ows(*byte) || *byte == b'"')
    {
        return None;
    }
    std::str::from_utf8(value).ok().map(Into::into)
}

#[cfg(test)]
mod tests;

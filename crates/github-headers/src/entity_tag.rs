//! Entity tags and the `If-None-Match` list made of them (RFC 9110 §8.8.3 and §13.1.2).
//!
//! GitHub compares weakly, wants the quotes, marks a tag weak when its front end compressed the answer, and repeats it
//! in strong form on a 304.
//! So two spellings of one tag are normal; [`EntityTag::weak_eq`] is the comparison to use, `==` tells spellings apart.
//! The notifications endpoint sends an empty tag, `W/""`: well-formed, but no validator, see [`EntityTag::is_empty`].

use std::fmt;
use std::str::FromStr;

use http::header::IF_NONE_MATCH;
use http::{HeaderMap, HeaderValue};

use crate::syntax::trim_ows;

/// One entity tag.
///
/// Holds its header text in a reference-counted buffer: a clone copies no bytes, and so does
/// [`to_header_value`](Self::to_header_value).
///
/// ```
/// use github_headers::EntityTag;
///
/// let weak = EntityTag::parse(r#"W/"644b5b0155e6404a9cc4bd9d8b1ae730""#)?;
/// let strong = EntityTag::strong("644b5b0155e6404a9cc4bd9d8b1ae730")?;
/// assert!(weak.weak_eq(&strong) && !weak.strong_eq(&strong) && weak != strong);
/// # Ok::<(), github_headers::EntityTagError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EntityTag {
    weak: bool,
    /// The complete field text, `W/"opaque"` or `"opaque"`; UTF-8 by construction.
    text: HeaderValue,
}

/// Why a text is no entity tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntityTagError {
    /// The quotes are part of the tag; GitHub ignores a tag without them.
    #[error("entity tag lacks its double quotes")]
    Unquoted,
    /// A byte that RFC 9110 §8.8.3 does not allow between the quotes, or bytes that are not UTF-8.
    #[error("entity tag holds a forbidden byte at offset {offset}")]
    ForbiddenByte {
        /// Where, counted in bytes from the first byte after the opening quote.
        offset: usize,
    },
}

impl EntityTag {
    /// Parses one tag; optional whitespace around it is ignored.
    ///
    /// The prefix `W/` is case-sensitive (RFC 9110 §8.8.3).
    /// Bytes above 0x7F are accepted when they are UTF-8.
    ///
    /// # Errors
    /// When the quotes are missing or a forbidden byte is between them.
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Self, EntityTagError> {
        let text = trim_ows(text.as_ref());
        let (weak, quoted) = match text.strip_prefix(b"W/") {
            Some(quoted) => (true, quoted),
            None => (false, text),
        };
        let opaque = quoted
            .strip_prefix(b"\"")
            .and_then(|rest| rest.strip_suffix(b"\""))
            .ok_or(EntityTagError::Unquoted)?;
        check_opaque(opaque)?;
        Ok(Self {
            weak,
            text: header_value(text.to_vec())?,
        })
    }

    /// A strong tag around `opaque`, which comes without quotes.
    ///
    /// # Errors
    /// When `opaque` holds a quote, whitespace or a control byte.
    pub fn strong(opaque: impl AsRef<[u8]>) -> Result<Self, EntityTagError> {
        Self::build(b"\"", opaque.as_ref())
    }

    /// A weak tag around `opaque`, which comes without quotes.
    ///
    /// # Errors
    /// When `opaque` holds a quote, whitespace or a control byte.
    pub fn weak(opaque: impl AsRef<[u8]>) -> Result<Self, EntityTagError> {
        Self::build(b"W/\"", opaque.as_ref())
    }

    fn build(prefix: &[u8], opaque: &[u8]) -> Result<Self, EntityTagError> {
        check_opaque(opaque)?;
        let mut text = Vec::with_capacity(prefix.len() + opaque.len() + 1);
        text.extend_from_slice(prefix);
        text.extend_from_slice(opaque);
        text.push(b'"');
        Ok(Self {
            weak: prefix.len() > 1,
            text: header_value(text)?,
        })
    }

    /// The text between the quotes.
    pub fn opaque(&self) -> &str {
        let prefix = if self.weak { 3 } else { 1 };
        let bytes = self.text.as_bytes();
        // Both constructors checked the quotes and the encoding.
        bytes
            .get(prefix..bytes.len().saturating_sub(1))
            .and_then(|opaque| std::str::from_utf8(opaque).ok())
            .unwrap_or_default()
    }

    /// Whether the tag is marked `W/`.
    pub fn is_weak(&self) -> bool {
        self.weak
    }

    /// Whether nothing is between the quotes, as on GitHub's `/notifications`.
    ///
    /// Such a tag says nothing about the representation: revalidate with `Last-Modified` instead.
    pub fn is_empty(&self) -> bool {
        self.opaque().is_empty()
    }

    /// Weak comparison (RFC 9110 §8.8.3.2): equal opaque text, whatever the marks. What `If-None-Match` uses.
    pub fn weak_eq(&self, other: &Self) -> bool {
        self.opaque() == other.opaque()
    }

    /// Strong comparison (RFC 9110 §8.8.3.2): equal opaque text and neither side weak.
    pub fn strong_eq(&self, other: &Self) -> bool {
        !self.weak && !other.weak && self.opaque() == other.opaque()
    }

    /// The same tag marked weak, as a proxy must send it after it changed the encoding or the bytes of a body.
    #[must_use]
    pub fn as_weak(&self) -> Self {
        if self.weak {
            self.clone()
        } else {
            Self::weak(self.opaque()).unwrap_or_else(|_| self.clone())
        }
    }

    /// The same tag without the weak mark, as GitHub repeats it on a 304.
    #[must_use]
    pub fn as_strong(&self) -> Self {
        if self.weak {
            Self::strong(self.opaque()).unwrap_or_else(|_| self.clone())
        } else {
            self.clone()
        }
    }

    /// The tag as a field value, without copying it. Who needs the tag no more takes the value: `HeaderValue::from(tag)`.
    pub fn to_header_value(&self) -> HeaderValue {
        self.text.clone()
    }
}

/// `etagc` of RFC 9110 §8.8.3: visible ASCII without the double quote, or `obs-text`.
fn check_opaque(opaque: &[u8]) -> Result<(), EntityTagError> {
    // What nearly all are made of; without a way out in the middle this takes a few instructions for 16 bytes at a time.
    let visible = |all, byte: &u8| all & matches!(byte, 0x21 | 0x23..=0x7E);
    if opaque.iter().fold(true, visible) {
        return Ok(());
    }
    let forbidden = |byte: &u8| !matches!(byte, 0x21 | 0x23..=0x7E | 0x80..=0xFF);
    if let Some(offset) = opaque.iter().position(forbidden) {
        return Err(EntityTagError::ForbiddenByte { offset });
    }
    match std::str::from_utf8(opaque) {
        Ok(_) => Ok(()),
        Err(error) => Err(EntityTagError::ForbiddenByte {
            offset: error.valid_up_to(),
        }),
    }
}

fn header_value(text: Vec<u8>) -> Result<HeaderValue, EntityTagError> {
    // `etagc` is a subset of what a field value may hold, so this cannot fail after `check_opaque`.
    HeaderValue::try_from(text).map_err(|_| EntityTagError::ForbiddenByte { offset: 0 })
}

impl From<EntityTag> for HeaderValue {
    fn from(tag: EntityTag) -> Self {
        tag.text
    }
}

impl fmt::Display for EntityTag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.weak { "W/" } else { "" };
        write!(formatter, "{mark}\"{}\"", self.opaque())
    }
}

impl fmt::Debug for EntityTag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "EntityTag({self})")
    }
}

impl FromStr for EntityTag {
    type Err = EntityTagError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The value of `If-None-Match` (RFC 9110 §13.1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfNoneMatch {
    /// `*`: any current representation.
    Any,
    /// A list of tags, possibly from several field lines.
    Tags(Vec<EntityTag>),
}

/// Which element of an `If-None-Match` list is wrong.
///
/// The way to recover is to treat the condition as absent and send a full answer: that is what GitHub does with a tag
/// that lacks its quotes, and it is never wrong, only larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IfNoneMatchError {
    /// An element is no entity tag.
    #[error("element {position} of if-none-match is not an entity tag")]
    Element {
        /// Which element, counted from 1 over all field lines; empty elements are not counted.
        position: usize,
        /// What is wrong with it.
        source: EntityTagError,
    },
    /// `*` next to other elements; it must stand alone.
    #[error("if-none-match mixes `*` with entity tags")]
    AnyAmongTags,
    /// No element at all.
    #[error("if-none-match is empty")]
    Empty,
}

impl IfNoneMatch {
    /// Parses all field lines of one message as one list.
    ///
    /// Empty list elements are skipped (RFC 9110 §5.6.1.2); a comma or a backslash inside the quotes belongs to the
    /// tag (RFC 9110 §8.8.3 knows no escapes).
    ///
    /// ```
    /// use github_headers::{EntityTag, IfNoneMatch};
    ///
    /// let condition = IfNoneMatch::parse([r#""a,b", W/"c""#, r#""d""#])?;
    /// assert!(condition.matches(&EntityTag::parse("\"c\"")?));
    /// assert!(!condition.matches(&EntityTag::parse("\"a\"")?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Names the first element that is no entity tag; see [`IfNoneMatchError`] for how to go on.
    pub fn parse<L>(lines: impl IntoIterator<Item = L>) -> Result<Self, IfNoneMatchError>
    where
        L: AsRef<[u8]>,
    {
        let mut tags = Vec::new();
        let mut any = 0usize;
        for line in lines {
            let elements = split_tags(line.as_ref())
                .map(trim_ows)
                .filter(|element| !element.is_empty());
            for element in elements {
                if element == b"*" {
                    any += 1;
                    continue;
                }
                let position = tags.len() + any + 1;
                let tag = EntityTag::parse(element)
                    .map_err(|source| IfNoneMatchError::Element { position, source })?;
                tags.push(tag);
            }
        }
        match (any, tags.is_empty()) {
            (0, true) => Err(IfNoneMatchError::Empty),
            (0, false) => Ok(Self::Tags(tags)),
            (_, true) => Ok(Self::Any),
            (_, false) => Err(IfNoneMatchError::AnyAmongTags),
        }
    }

    /// The condition of a request, `None` when it carries no `If-None-Match`.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, IfNoneMatchError> {
        if !headers.contains_key(IF_NONE_MATCH) {
            return Ok(None);
        }
        Self::parse(headers.get_all(IF_NONE_MATCH)).map(Some)
    }

    /// Whether the current representation's tag is named, by weak comparison: a GET or HEAD then answers 304.
    ///
    /// `*` matches every tag: the caller has a representation, or it would have no tag to ask about.
    ///
    /// An empty tag is matched by no tag: `/notifications` sends `W/""` whatever its content, and a 304 because of it
    /// would hide changes. Stricter than RFC 9110, hence never wrong, only larger.
    pub fn matches(&self, current: &EntityTag) -> bool {
        match self {
            Self::Any => true,
            Self::Tags(tags) => !current.is_empty() && tags.iter().any(|tag| tag.weak_eq(current)),
        }
    }
}

impl fmt::Display for IfNoneMatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => formatter.write_str("*"),
            Self::Tags(tags) => tags.iter().enumerate().try_for_each(|(index, tag)| {
                let separator = if index == 0 { "" } else { ", " };
                write!(formatter, "{separator}{tag}")
            }),
        }
    }
}

/// Splits at commas outside quotes. A backslash is an ordinary byte here, unlike in a quoted string.
fn split_tags(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    line.split(move |&byte| {
        quoted ^= byte == b'"';
        byte == b',' && !quoted
    })
}

#[cfg(test)]
mod tests;

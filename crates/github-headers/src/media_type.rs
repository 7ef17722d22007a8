//! Media types as GitHub uses them: `Accept`, `Content-Type` and the REST version beside them.
//!
//! GitHub's own types are `application/vnd.github[.version][.param][+json]`.
//! The parameter chooses a representation: `raw`, `html`, `text`, `full` change how bodies of comments and files are
//! given, `diff`, `patch` and `sha` turn an answer into text, `star` and `object` change its JSON.
//! See GitHub's "Getting started with the REST API", section "Media types".

mod api_version;
mod github;

use std::fmt;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};

use crate::syntax::{is_token, split_outside_quotes, trim_ows};

pub use api_version::{ApiVersion, ApiVersionError};
pub use github::{BodyKind, GithubMedia};

/// One media type or range, like `application/json; charset=utf-8` or `*/*` (RFC 9110 §8.3.1, §12.5.1).
///
/// The essence is lower-cased, parameters are kept as they came.
///
/// ```
/// use github_headers::MediaType;
///
/// let media_type = MediaType::parse("Application/vnd.github.v3.full+JSON; charset=utf-8")?;
/// assert_eq!(media_type.essence(), "application/vnd.github.v3.full+json");
/// assert!(media_type.is_json());
/// # Ok::<(), github_headers::MediaTypeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MediaType {
    essence: Box<str>,
    parameters: Box<str>,
}

/// The text is no media type: there is no `type/subtype` of two tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a media type")]
pub struct MediaTypeError;

impl MediaType {
    /// Parses one media type or media range.
    ///
    /// # Errors
    /// When it is not `type/subtype`, or its parameters are not UTF-8.
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Self, MediaTypeError> {
        let text = trim_ows(text.as_ref());
        let end = text
            .iter()
            .position(|&byte| byte == b';')
            .unwrap_or(text.len());
        let (essence, parameters) = text.split_at(end);
        let essence = trim_ows(essence);
        let slash = essence
            .iter()
            .position(|&byte| byte == b'/')
            .ok_or(MediaTypeError)?;
        if !is_token(&essence[..slash]) || !is_token(&essence[slash + 1..]) {
            return Err(MediaTypeError);
        }
        let utf8 = |bytes| std::str::from_utf8(bytes).map_err(|_| MediaTypeError);
        Ok(Self {
            essence: utf8(essence)?.to_ascii_lowercase().into(),
            parameters: utf8(parameters)?.into(),
        })
    }

    /// The `Content-Type` of a message, `None` when it has none.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn from_content_type(headers: &HeaderMap) -> Result<Option<Self>, MediaTypeError> {
        headers.get(CONTENT_TYPE).map(Self::parse).transpose()
    }

    /// The media ranges of all `Accept` lines in the order they came; elements that are no range are skipped, as
    /// GitHub does.
    pub fn accepted<L>(lines: impl IntoIterator<Item = L>) -> Vec<Self>
    where
        L: AsRef<[u8]>,
    {
        let mut ranges = Vec::new();
        for line in lines {
            let elements = split_outside_quotes(line.as_ref(), b',');
            ranges.extend(elements.filter_map(|element| Self::parse(element).ok()));
        }
        ranges
    }

    /// `type/subtype`, lower-cased, without parameters.
    pub fn essence(&self) -> &str {
        &self.essence
    }

    /// The value of the first parameter of this name, without quotes.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        split_outside_quotes(self.parameters.as_bytes(), b';').find_map(|parameter| {
            let parameter = std::str::from_utf8(trim_ows(parameter)).ok()?;
            let (known, value) = parameter.split_once('=')?;
            known
                .trim()
                .eq_ignore_ascii_case(name)
                .then(|| value.trim().trim_matches('"'))
        })
    }

    /// The weight of a media range in thousandths (RFC 9110 §12.4.2); a malformed weight counts as 1.
    pub fn weight(&self) -> u16 {
        self.parameter("q").and_then(weight).unwrap_or(1000)
    }

    /// Whether a message of this type is JSON, or whether a range admits JSON: `application/json`, `*/*`,
    /// `application/*`, and every `+json` (RFC 6839 §3.1).
    ///
    /// GitHub's plain `application/vnd.github`, `application/vnd.github.v3` and `application/vnd.github.json` are JSON
    /// too.
    pub fn is_json(&self) -> bool {
        matches!(&*self.essence, "application/json" | "application/*" | "*/*")
            || self.essence.ends_with("+json")
            || GithubMedia::of_media_type(self) == GithubMedia::Json
    }

    /// The field value.
    pub fn to_header_value(&self) -> HeaderValue {
        // A control character inside a parameter is possible only when the text never was a header.
        HeaderValue::try_from(self.to_string())
            .or_else(|_| HeaderValue::from_str(&self.essence))
            .unwrap_or(HeaderValue::from_static("*/*"))
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.essence, self.parameters)
    }
}

/// `0`, `0.5`, `1.000`: at most three decimals, at most 1.
fn weight(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths = decimals
        .bytes()
        .chain(*b"000")
        .take(3)
        .fold(0u16, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    match (whole, thousandths) {
        ("0", thousandths) => Some(thousandths),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

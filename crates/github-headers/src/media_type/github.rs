//! Which representation an `Accept` header asks GitHub for.

use std::fmt;

use http::HeaderMap;
use http::header::ACCEPT;

use super::MediaType;
use crate::syntax::trim_ows;

/// The representation that GitHub chooses for an `Accept` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GithubMedia {
    /// Plain JSON: no `Accept`, an empty one, `*/*`, `application/json`, `application/vnd.github[.v3][+json]`, and
    /// retired previews, which GitHub ignores.
    Json,
    /// `raw`: the bytes of a file, or `body` as Markdown inside JSON.
    Raw,
    /// `html`: a rendered file, or `body_html` inside JSON.
    Html,
    /// `text`: `body_text` inside JSON.
    Text,
    /// `full`: `body`, `body_text` and `body_html` inside JSON.
    Full,
    /// `diff`: text.
    Diff,
    /// `patch`: text.
    Patch,
    /// `sha`: forty characters.
    Sha,
    /// `star`: JSON with `starred_at` around each user or repository.
    Star,
    /// `object`: JSON with `entries` where a directory otherwise is an array.
    Object,
    /// Anything else: another host's type, or a parameter that this crate does not know.
    Other,
}

/// What the body of an answer consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BodyKind {
    /// JSON.
    Json,
    /// Text. Its `ETag` is computed over the text written as a JSON string.
    Text,
    /// JSON or something else, as the route decides: `raw` and `html` give a file as it is but an issue as JSON.
    RouteDecides,
}

impl GithubMedia {
    /// The representation for a request's `Accept`, over all its lines.
    ///
    /// The range of the highest weight decides, the first among equals (RFC 9110 §12.5.1); ranges that are no GitHub type
    /// and admit no JSON are passed over as long as another is left.
    ///
    /// ```
    /// use github_headers::GithubMedia;
    /// use http::{HeaderMap, HeaderValue, header::ACCEPT};
    ///
    /// let mut headers = HeaderMap::new();
    /// assert_eq!(GithubMedia::of_accept(&headers), GithubMedia::Json);
    /// headers.insert(ACCEPT, HeaderValue::from_static("application/vnd.github.v3.diff"));
    /// assert_eq!(GithubMedia::of_accept(&headers), GithubMedia::Diff);
    /// ```
    pub fn of_accept(headers: &HeaderMap) -> Self {
        Self::of_accept_lines(headers.get_all(ACCEPT))
    }

    /// As [`of_accept`](Self::of_accept), from the field lines themselves.
    pub fn of_accept_lines<L>(lines: impl IntoIterator<Item = L>) -> Self
    where
        L: AsRef<[u8]>,
    {
        let mut asked = false;
        let lines = lines
            .into_iter()
            .inspect(|line| asked |= !trim_ows(line.as_ref()).is_empty());
        let mut ranges = MediaType::accepted(lines);
        if !asked {
            return Self::Json;
        }
        ranges.retain(|range| range.weight() > 0);
        // A stable sort keeps the order among equals.
        ranges.sort_by_key(|range| std::cmp::Reverse(range.weight()));
        ranges
            .iter()
            .map(Self::of_media_type)
            .find(|media| *media != Self::Other)
            .unwrap_or(Self::Other)
    }

    /// The representation that one media type stands for.
    pub fn of_media_type(media_type: &MediaType) -> Self {
        if matches!(
            media_type.essence(),
            "*/*" | "application/*" | "application/json"
        ) {
            return Self::Json;
        }
        let Some(tail) = media_type.essence().strip_prefix("application/vnd.github") else {
            return Self::Other;
        };
        if !tail.is_empty() && !tail.starts_with(['.', '+']) {
            return Self::Other;
        }
        let (path, suffix) = tail.split_once('+').unwrap_or((tail, ""));
        let mut parts = path.split('.').skip(1).filter(|part| !is_version(part));
        match (parts.next(), parts.next(), suffix) {
            (None, _, "" | "json") | (Some("json"), None, "" | "json") => Self::Json,
            (Some("raw"), None, _) => Self::Raw,
            (Some("html"), None, _) => Self::Html,
            (Some("text"), None, _) => Self::Text,
            (Some("full"), None, _) => Self::Full,
            (Some("diff"), None, _) => Self::Diff,
            (Some("patch"), None, _) => Self::Patch,
            (Some("sha"), None, _) => Self::Sha,
            (Some("star"), None, _) => Self::Star,
            (Some("object"), None, _) => Self::Object,
            (Some(preview), None, "" | "json") if preview.ends_with("-preview") => Self::Json,
            _ => Self::Other,
        }
    }

    /// What the body will consist of; `None` for [`Other`](Self::Other).
    pub fn body_kind(self) -> Option<BodyKind> {
        match self {
            Self::Json | Self::Text | Self::Full | Self::Star | Self::Object => {
                Some(BodyKind::Json)
            }
            Self::Diff | Self::Patch | Self::Sha => Some(BodyKind::Text),
            Self::Raw | Self::Html => Some(BodyKind::RouteDecides),
            Self::Other => None,
        }
    }

    /// A short name, fit for a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Raw => "raw",
            Self::Html => "html",
            Self::Text => "text",
            Self::Full => "full",
            Self::Diff => "diff",
            Self::Patch => "patch",
            Self::Sha => "sha",
            Self::Star => "star",
            Self::Object => "object",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for GithubMedia {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// `v3`, `v4`, `beta`: a version in the old place, which GitHub ignores.
fn is_version(part: &str) -> bool {
    part == "beta"
        || part.strip_prefix('v').is_some_and(|digits| {
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
        })
}

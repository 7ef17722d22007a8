//! The seam between the universe (what exists and who may see it) and the front (how GitHub speaks HTTP).
//!
//! The front parses the request and knows the caller; the universe answers in these values; the front then adds
//! everything that is protocol: validators, quota, headers, compression, faults. Neither side reads a clock.

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::Value;

/// Who asks, after authentication.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Viewer {
    /// No `Authorization` header.
    Anonymous,
    /// A user's token (classic or fine-grained PAT, OAuth, App user token).
    User { login: String },
    /// A GitHub App installation token.
    Installation { id: u64 },
    /// A GitHub App itself (JWT).
    App { id: u64 },
}

/// The representation that `Accept` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Media {
    /// `*/*`, `application/json`, `application/vnd.github+json` and friends.
    Json,
    /// `application/vnd.github.full+json`: texts also rendered, as `body_html` and `body_text`.
    Full,
    Raw,
    Html,
    Diff,
    Patch,
    /// `application/vnd.github.sha`: the bare commit SHA.
    Sha,
    /// `application/vnd.github.star+json`: stargazers with time stamps.
    Star,
}

/// The REST API version that applies to the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ApiVersion {
    V2022_11_28,
    V2026_03_10,
}

/// One request, as the universe needs to see it.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    pub method: &'a Method,
    /// Path as sent, `/api/v3` already removed, still percent-encoded.
    pub path: &'a str,
    /// Query pairs, decoded, in the order sent.
    pub query: &'a [(String, String)],
    /// Query as sent, for building `Link` urls.
    pub raw_query: Option<&'a str>,
    pub media: Media,
    pub viewer: &'a Viewer,
    pub version: ApiVersion,
    pub body: &'a [u8],
    /// Simulated time, seconds since the Unix epoch.
    pub now: i64,
    /// `https://api.github.com`, or the base that the simulator is told to print in urls.
    pub base: &'a str,
}

/// How the entity tag of a representation comes about (github-behaviour 1.1 to 1.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagRule {
    /// SHA-256 over varying request headers and the body.
    Formula,
    /// A git object id, the same for every token.
    GitObject(String),
    /// The endpoint gives no tag (`/search/*`, `/rate_limit`).
    None,
}

/// What is sent as the body.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Compact JSON; key order is kept.
    Json(Value),
    /// JSON that is already serialised (kept byte for byte).
    JsonBytes(Bytes),
    /// Text in another media type, with its `Content-Type`.
    Text {
        content_type: &'static str,
        text: String,
    },
    /// No body at all (204, 304-like boolean endpoints).
    Empty,
}

/// A successful answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub status: StatusCode,
    pub content: Content,
    pub tag: TagRule,
    pub last_modified: Option<i64>,
    /// `(rel, url)` in GitHub's order.
    pub link: Vec<(&'static str, String)>,
    /// `X-Poll-Interval`, seconds.
    pub poll_interval: Option<u32>,
    /// Seconds of `max-age`; 60 almost everywhere, 300 for `/events`; `None` = `no-cache`.
    pub max_age: Option<u32>,
    /// The rate-limit resource that is charged: `core`, `search`, `code_search`, `graphql`, ...
    pub resource: &'static str,
    /// Further headers, e.g. `Location` of a 201.
    pub headers: Vec<(&'static str, String)>,
}

/// What the universe says.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Found(Box<Found>),
    /// 301 for GET and HEAD, 307 otherwise; absolute url.
    Moved {
        location: String,
    },
    /// 302 with an empty HTML body; absolute url.
    Redirect {
        location: String,
    },
    /// Any 4xx with GitHub's body: `message`, optional `errors`, `documentation_url`, `status`.
    Problem {
        status: StatusCode,
        message: String,
        errors: Option<Value>,
        documentation_url: String,
        resource: &'static str,
    },
}

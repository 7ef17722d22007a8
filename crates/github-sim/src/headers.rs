//! The header sets of each kind of answer, in GitHub's order (behaviour notes 1.7, 1.9 and 10).

use crate::credentials::{Caller, Standing, TokenKind};
use crate::quota::Meter;
use crate::representation::{Coding, Representation};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

const EXPOSED: &str = "ETag, Link, Location, Retry-After, X-GitHub-OTP, X-RateLimit-Limit, \
                       X-RateLimit-Remaining, X-RateLimit-Used, X-RateLimit-Resource, \
                       X-RateLimit-Reset, X-OAuth-Scopes, X-Accepted-OAuth-Scopes, \
                       X-Poll-Interval, X-GitHub-Media-Type, X-GitHub-SSO, X-GitHub-Request-Id, \
                       Deprecation, Sunset, Warning";
const PRIVATE_VARY: &str = "Accept, Authorization, Cookie, X-GitHub-OTP";
const PUBLIC_VARY: &str = "Accept";
const ENCODING_VARY: &str = "Accept-Encoding, Accept, X-Requested-With";
const DEPRECATION_LINK: &str = "<https://docs.github.com/en/rest/about-the-rest-api/api-versions>; \
                                rel=\"deprecation\"; type=\"text/html\"";

const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
const SUNSET: HeaderName = HeaderName::from_static("sunset");
const POLL_INTERVAL: HeaderName = HeaderName::from_static("x-poll-interval");
const MEDIA_TYPE: HeaderName = HeaderName::from_static("x-github-media-type");
const VERSION: HeaderName = HeaderName::from_static("x-github-api-version-selected");
const TOKEN_EXPIRATION: HeaderName =
    HeaderName::from_static("github-authentication-token-expiration");
const ACCEPTED_PERMISSIONS: HeaderName = HeaderName::from_static("x-accepted-github-permissions");
const SCOPES: HeaderName = HeaderName::from_static("x-oauth-scopes");
const ACCEPTED_SCOPES: HeaderName = HeaderName::from_static("x-accepted-oauth-scopes");
const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const USED: HeaderName = HeaderName::from_static("x-ratelimit-used");
const RESOURCE: HeaderName = HeaderName::from_static("x-ratelimit-resource");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-github-request-id");
const EDGE_REGION: HeaderName = HeaderName::from_static("x-github-edge-region");

/// Is the old version of this operation deprecated?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deprecated {
    Yes,
    No,
}

/// What the headers of every answer draw on.
#[derive(Debug)]
pub(crate) struct Circumstances<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) date: HeaderValue,
    pub(crate) path: &'a str,
    pub(crate) media_label: &'static str,
    pub(crate) version: &'static str,
    pub(crate) deprecated: Deprecated,
    /// `None` for GitHub Apps with a JWT: they see no quota.
    pub(crate) meter: Option<ShownMeter>,
    pub(crate) request_id: HeaderValue,
    pub(crate) edge_region: Option<&'a str>,
    pub(crate) http: http::Version,
}

/// A meter as it is printed, after jitter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShownMeter {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    pub(crate) used: u32,
    pub(crate) reset: i64,
    pub(crate) resource: &'static str,
}

impl From<Meter> for ShownMeter {
    fn from(meter: Meter) -> Self {
        Self {
            limit: meter.limit,
            remaining: meter.remaining(),
            used: meter.used,
            reset: meter.reset,
            resource: meter.resource,
        }
    }
}

/// A tag with its strength.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tag<'a> {
    Strong(&'a str),
    Weak(&'a str),
}

impl Circumstances<'_> {
    /// A successful answer, without the [`tail`](Self::tail) that an edge cache writes afresh.
    pub(crate) fn complete(
        &self,
        found: &Representation,
        tag: Option<Tag<'_>>,
        coding: Coding,
        length: usize,
    ) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(40);
        headers.insert(header::DATE, self.date.clone());
        if let Some(content_type) = &found.content_type {
            headers.insert(header::CONTENT_TYPE, content_type.clone());
        }
        let anonymous = matches!(self.caller.standing, Standing::Anonymous);
        if tag.is_some() || found.max_age.is_some() {
            self.cache_control(&mut headers, found.max_age);
            self.vary(&mut headers, Some(self.varying()));
        } else {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            self.vary(
                &mut headers,
                Some(self.varying()).filter(|_| found.resource != "core"),
            );
        }
        if let Some(tag) = tag {
            headers.insert(header::ETAG, tag.header());
        }
        if let Some(modified) = &found.last_modified_header {
            headers.insert(header::LAST_MODIFIED, modified.clone());
        }
        if let Some(seconds) = found.poll_interval {
            headers.insert(POLL_INTERVAL, HeaderValue::from(seconds));
        }
        self.token_expiration(&mut headers);
        headers.insert(MEDIA_TYPE, HeaderValue::from_static(self.media_label));
        if let Some(link) = self.link(found) {
            headers.insert(header::LINK, link);
        }
        self.rights(&mut headers);
        self.selected_version(&mut headers);
        headers.extend(found.headers.iter().cloned());
        security(&mut headers);
        if coding == Coding::Gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        headers.insert(header::SERVER, HeaderValue::from_static("github.com"));
        if anonymous && found.content_type.is_some() {
            headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        }
        let has_length = anonymous || coding == Coding::Identity;
        if has_length && found.content_type.is_some() {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        headers
    }

    /// A 304 from the origin: no `Link`, no `Content-Type`, nothing about media type or scopes.
    pub(crate) fn not_modified(
        &self,
        found: &Representation,
        tag: Option<&str>,
        keep_link: KeepLink,
    ) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(32);
        headers.insert(header::DATE, self.date.clone());
        headers.insert(header::SERVER, HeaderValue::from_static("github.com"));
        self.cache_control(&mut headers, found.max_age);
        self.vary(&mut headers, Some(self.varying()));
        if let Some(tag) = tag {
            headers.insert(header::ETAG, Tag::Strong(tag).header());
        }
        if let Some(modified) = &found.last_modified_header {
            headers.insert(header::LAST_MODIFIED, modified.clone());
        }
        if keep_link == KeepLink::Yes
            && let Some(link) = self.link(found)
        {
            headers.insert(header::LINK, link);
        }
        self.rate_limit(&mut headers);
        headers.insert(VERSION, HeaderValue::from_static(self.version));
        security(&mut headers);
        headers.insert(REQUEST_ID, self.request_id.clone());
        headers
    }

    /// Errors, redirects, 204 and answers to POST: no validator, no `Cache-Control`.
    pub(crate) fn plain(
        &self,
        content_type: Option<HeaderValue>,
        coding: Coding,
        length: usize,
    ) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(32);
        headers.insert(header::DATE, self.date.clone());
        let has_body = content_type.is_some();
        if let Some(content_type) = content_type {
            headers.insert(header::CONTENT_TYPE, content_type);
        }
        self.vary(&mut headers, None);
        self.token_expiration(&mut headers);
        headers.insert(MEDIA_TYPE, HeaderValue::from_static(self.media_label));
        self.rights(&mut headers);
        headers.insert(VERSION, HeaderValue::from_static(self.version));
        security(&mut headers);
        if coding == Coding::Gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        } else if has_body {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        headers.insert(header::SERVER, HeaderValue::from_static("github.com"));
        self.tail(&mut headers);
        headers
    }

    /// Rate limit, request id, region: the headers that even an edge answer has of its own.
    pub(crate) fn tail(&self, headers: &mut HeaderMap) {
        self.rate_limit(headers);
        headers.insert(REQUEST_ID, self.request_id.clone());
        if let Some(region) = self.edge_region
            && let Ok(region) = HeaderValue::try_from(region)
        {
            headers.insert(EDGE_REGION, region);
        }
    }

    fn varying(&self) -> &'static str {
        if self.caller.is_private() {
            PRIVATE_VARY
        } else {
            PUBLIC_VARY
        }
    }

    /// Two lines; clients that speak HTTP/2 see one, joined without a space.
    fn vary(&self, headers: &mut HeaderMap, first: Option<&'static str>) {
        if let Some(first) = first {
            if self.http == http::Version::HTTP_2 {
                let joined = format!("{first},{ENCODING_VARY}");
                let joined = HeaderValue::try_from(joined).expect("both parts are visible ASCII");
                headers.insert(header::VARY, joined);
                return;
            }
            headers.append(header::VARY, HeaderValue::from_static(first));
        }
        headers.append(header::VARY, HeaderValue::from_static(ENCODING_VARY));
    }

    fn cache_control(&self, headers: &mut HeaderMap, max_age: Option<u32>) {
        let value = match (max_age, self.caller.is_private()) {
            (None, _) => HeaderValue::from_static("no-cache"),
            (Some(60), true) => HeaderValue::from_static("private, max-age=60, s-maxage=60"),
            (Some(60), false) => HeaderValue::from_static("public, max-age=60, s-maxage=60"),
            (Some(seconds), private) => {
                let scope = if private { "private" } else { "public" };
                let value = format!("{scope}, max-age={seconds}, s-maxage={seconds}");
                HeaderValue::try_from(value).expect("digits and visible ASCII")
            }
        };
        headers.insert(header::CACHE_CONTROL, value);
    }

    fn link(&self, found: &Representation) -> Option<HeaderValue> {
        match (&found.link, self.deprecated) {
            (link, Deprecated::No) => link.clone(),
            (None, Deprecated::Yes) => Some(HeaderValue::from_static(DEPRECATION_LINK)),
            (Some(link), Deprecated::Yes) => {
                let joined = [link.as_bytes(), b", ", DEPRECATION_LINK.as_bytes()].concat();
                HeaderValue::from_bytes(&joined).ok()
            }
        }
    }

    fn selected_version(&self, headers: &mut HeaderMap) {
        headers.insert(VERSION, HeaderValue::from_static(self.version));
        if self.deprecated == Deprecated::Yes {
            headers.insert(
                DEPRECATION,
                HeaderValue::from_static("Tue, 10 Mar 2026 00:00:00 GMT"),
            );
            headers.insert(
                SUNSET,
                HeaderValue::from_static("Fri, 10 Mar 2028 00:00:00 GMT"),
            );
        }
    }

    fn token_expiration(&self, headers: &mut HeaderMap) {
        if let Standing::Token(token) = &self.caller.standing
            && token.kind == TokenKind::FineGrained
            && let Some(ends) = token.expires_at
        {
            let spelled = crate::clock::iso_date(ends)
                .replace('T', " ")
                .replace('Z', " UTC");
            let value = HeaderValue::try_from(spelled).expect("digits and visible ASCII");
            headers.insert(TOKEN_EXPIRATION, value);
        }
    }

    fn rights(&self, headers: &mut HeaderMap) {
        let Standing::Token(token) = &self.caller.standing else {
            return;
        };
        match token.kind {
            TokenKind::Classic | TokenKind::Oauth => {
                if let Ok(scopes) = HeaderValue::try_from(token.scopes.as_str()) {
                    headers.insert(SCOPES, scopes);
                }
                let accepted = if self.path.starts_with("/repos/") {
                    "repo"
                } else {
                    ""
                };
                headers.insert(ACCEPTED_SCOPES, HeaderValue::from_static(accepted));
            }
            TokenKind::FineGrained | TokenKind::AppUser => {
                let accepted = HeaderValue::from_static(permission(self.path));
                headers.insert(ACCEPTED_PERMISSIONS, accepted);
            }
            TokenKind::Installation | TokenKind::Actions => {}
        }
    }

    fn rate_limit(&self, headers: &mut HeaderMap) {
        let Some(meter) = self.meter else { return };
        headers.insert(LIMIT, HeaderValue::from(meter.limit));
        headers.insert(REMAINING, HeaderValue::from(meter.remaining));
        if !matches!(self.caller.standing, Standing::Anonymous) {
            headers.insert(RESET, HeaderValue::from(meter.reset));
        }
        headers.insert(USED, HeaderValue::from(meter.used));
        headers.insert(RESOURCE, HeaderValue::from_static(meter.resource));
        // At the edge the reset comes last; a map keeps the place of the first insert.
        headers.insert(RESET, HeaderValue::from(meter.reset));
    }
}

/// Does a 304 carry `Link`? GitHub's do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeepLink {
    Yes,
    No,
}

impl Tag<'_> {
    fn header(self) -> HeaderValue {
        let (start, tag) = match self {
            Self::Strong(tag) => ("\"", tag),
            Self::Weak(tag) => ("W/\"", tag),
        };
        let mut value = String::with_capacity(tag.len() + 4);
        value.push_str(start);
        value.push_str(tag);
        value.push('"');
        HeaderValue::try_from(value).expect("a tag is hexadecimal")
    }
}

/// The permission that fine-grained tokens need, as far as the path tells.
fn permission(path: &str) -> &'static str {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    if segments.next() != Some("repos") {
        return "allows_permissionless_access=true";
    }
    match segments.nth(2) {
        Some("contents" | "commits" | "git" | "branches" | "releases" | "compare" | "readme") => {
            "contents=read"
        }
        Some("issues" | "labels" | "milestones") => "issues=read",
        Some("pulls") => "pull_requests=read",
        Some("actions") => "actions=read",
        _ => "metadata=read",
    }
}

/// CORS and security headers, the same on everything.
fn security(headers: &mut HeaderMap) {
    const ALWAYS: [(HeaderName, &str); 8] = [
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (
            header::STRICT_TRANSPORT_SECURITY,
            "max-age=31536000; includeSubdomains; preload",
        ),
        (header::X_FRAME_OPTIONS, "deny"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_XSS_PROTECTION, "0"),
        (
            header::REFERRER_POLICY,
            "origin-when-cross-origin, strict-origin-when-cross-origin",
        ),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
    ];
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// The answer to a CORS preflight.
pub(crate) fn preflight(headers: &mut HeaderMap) {
    let allowed = "Authorization, Content-Type, If-Match, If-Modified-Since, If-None-Match, \
                   If-Unmodified-Since, Accept-Encoding, X-GitHub-OTP, X-Requested-With, \
                   User-Agent, GraphQL-Features, X-Github-Next-Global-ID, X-GitHub-Api-Version";
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static(allowed),
    );
    let methods = HeaderValue::from_static("GET, POST, PATCH, PUT, DELETE");
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    headers.insert(
        header::ACCESS_CONTROL_MAX_AGE,
        HeaderValue::from_static("86400"),
    );
}

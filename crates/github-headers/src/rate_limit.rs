//! `x-ratelimit-*`: the state of one primary rate-limit bucket, as GitHub states it on nearly every answer.
//!
//! The headers are authoritative over `GET /rate_limit`; between answers `remaining` may rise and `reset` may move by a
//! second, because several regions count.
//! Requests with an app's JWT have no bucket and answers to them no such headers.
//! See GitHub's "Rate limits for the REST API", section "Checking the status of your rate limit".

use std::fmt;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::names::{
    X_RATELIMIT_LIMIT, X_RATELIMIT_REMAINING, X_RATELIMIT_RESET, X_RATELIMIT_RESOURCE,
    X_RATELIMIT_USED,
};
use crate::syntax::{is_token, parse_digits, trim_ows};

/// One bucket: how much, how much of it is left, until when.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RateLimit {
    /// Requests allowed per window.
    pub limit: u64,
    /// Requests left in this window.
    pub remaining: u64,
    /// Requests made in this window. GitHub keeps `limit = used + remaining`; where the header is missing this is
    /// computed so.
    pub used: u64,
    /// The end of the window, in seconds since the epoch.
    pub reset: u64,
    /// Which bucket. [`Resource::Core`] where the header is missing, as on servers older than it.
    pub resource: Resource,
}

/// A rate-limit header that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{header} is malformed")]
pub struct RateLimitError {
    header: HeaderName,
}

impl RateLimitError {
    /// The header in question.
    pub fn header(&self) -> &HeaderName {
        &self.header
    }
}

impl RateLimit {
    /// Reads the bucket from an answer's headers.
    ///
    /// `Ok(None)` when limit, remaining or reset is absent: the answer speaks of no bucket.
    ///
    /// # Errors
    /// Names the first header that is present and malformed.
    pub fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, RateLimitError> {
        let limit = number(headers, X_RATELIMIT_LIMIT)?;
        let remaining = number(headers, X_RATELIMIT_REMAINING)?;
        let reset = number(headers, X_RATELIMIT_RESET)?;
        let used = number(headers, X_RATELIMIT_USED)?;
        let resource = match headers.get(X_RATELIMIT_RESOURCE) {
            Some(value) => Resource::parse(value).ok_or(RateLimitError {
                header: X_RATELIMIT_RESOURCE,
            })?,
            None => Resource::Core,
        };
        let (Some(limit), Some(remaining), Some(reset)) = (limit, remaining, reset) else {
            return Ok(None);
        };
        let used = used.unwrap_or_else(|| limit.saturating_sub(remaining));
        Ok(Some(Self {
            limit,
            remaining,
            used,
            reset,
            resource,
        }))
    }

    /// Writes the five headers, in place of any that were there.
    pub fn write_to(&self, headers: &mut HeaderMap) {
        headers.insert(X_RATELIMIT_LIMIT, HeaderValue::from(self.limit));
        headers.insert(X_RATELIMIT_REMAINING, HeaderValue::from(self.remaining));
        headers.insert(X_RATELIMIT_RESET, HeaderValue::from(self.reset));
        headers.insert(X_RATELIMIT_USED, HeaderValue::from(self.used));
        headers.insert(X_RATELIMIT_RESOURCE, self.resource.to_header_value());
    }

    /// How long from `now` until the window ends; zero when it has.
    pub fn until_reset(&self, now: SystemTime) -> Duration {
        let since_epoch = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        Duration::from_secs(self.reset).saturating_sub(since_epoch)
    }

    /// Whether nothing is left. GitHub then answers 403 or 429 until the reset.
    pub fn is_exhausted(&self) -> bool {
        self.remaining == 0
    }
}

fn number(headers: &HeaderMap, name: HeaderName) -> Result<Option<u64>, RateLimitError> {
    let Some(value) = headers.get(&name) else {
        return Ok(None);
    };
    match parse_digits(trim_ows(value.as_bytes())) {
        Some(number) => Ok(Some(number)),
        None => Err(RateLimitError { header: name }),
    }
}

macro_rules! resources {
    ($($(#[$documentation:meta])* $variant:ident = $text:literal,)*) => {
        /// The value of `x-ratelimit-resource`: the name of a bucket.
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        #[non_exhaustive]
        pub enum Resource {
            $($(#[$documentation])* $variant,)*
            /// A bucket that this crate does not know yet.
            Other(Box<str>),
        }

        impl Resource {
            /// Every bucket known by name.
            pub const KNOWN: &'static [Resource] = &[$(Resource::$variant),*];

            /// The name as GitHub writes it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other(name) => name,
                }
            }

            fn known(name: &[u8]) -> Option<Self> {
                $(if name == $text.as_bytes() {
                    return Some(Self::$variant);
                })*
                None
            }
        }
    };
}

resources! {
    /// Everything without a bucket of its own: 5,000 an hour for a user, 60 without authorization.
    #[default]
    Core = "core",
    /// `/search/*` except code: 30 a minute.
    Search = "search",
    /// `/search/code`: 10 a minute.
    CodeSearch = "code_search",
    /// `POST /graphql`: 5,000 points an hour.
    Graphql = "graphql",
    /// `POST /app-manifests/{code}/conversions`.
    IntegrationManifest = "integration_manifest",
    /// Source imports.
    SourceImport = "source_import",
    /// Uploads of SARIF analyses.
    CodeScanningUpload = "code_scanning_upload",
    /// Code scanning autofix: 10 a minute.
    CodeScanningAutofix = "code_scanning_autofix",
    /// Registration of self-hosted runners.
    ActionsRunnerRegistration = "actions_runner_registration",
    /// SCIM provisioning.
    Scim = "scim",
    /// Submission of dependency snapshots: 100 a minute.
    DependencySnapshots = "dependency_snapshots",
    /// Software bills of materials: 100 a minute.
    DependencySbom = "dependency_sbom",
    /// The audit log.
    AuditLog = "audit_log",
    /// Audit log streaming.
    AuditLogStreaming = "audit_log_streaming",
    /// Codespaces.
    Codespaces = "codespaces",
    /// Copilot usage records.
    CopilotUsageRecords = "copilot_usage_records",
}

impl Resource {
    /// Parses a name; `None` unless it is a token of at most 64 characters, so that it can serve as a metric label.
    pub fn parse(name: impl AsRef<[u8]>) -> Option<Self> {
        const LONGEST: usize = 64;
        let name = trim_ows(name.as_ref());
        if let Some(known) = Self::known(name) {
            return Some(known);
        }
        if !is_token(name) || name.len() > LONGEST {
            return None;
        }
        std::str::from_utf8(name)
            .ok()
            .map(|name| Self::Other(name.into()))
    }

    fn to_header_value(&self) -> HeaderValue {
        // An `Other` built by hand may hold what no header may; the bucket is then left unnamed.
        HeaderValue::from_str(self.as_str()).unwrap_or(HeaderValue::from_static(""))
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;

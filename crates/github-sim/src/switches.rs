//! Every fact about GitHub that is uncertain, or that a test wants otherwise, as one documented struct.
//!
//! The defaults are what GitHub is known or believed to do; the numbers in brackets are sections of the project's
//! notes on GitHub's behaviour.

use serde::{Deserialize, Serialize};

/// How entity tags are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TagHash {
    /// SHA-256 over varying header values and the body: 64 hex digits, since August 2020.
    Sha256,
    /// The same string through MD5: 32 hex digits, before that.
    Md5,
    /// As unpredictable as documented: the formula with a secret of the simulator mixed in.
    Opaque,
}

/// What `If-Modified-Since` means beside an `If-None-Match` that does not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precedence {
    /// RFC 9110 section 13.2.2: the date is ignored.
    TagOnly,
    /// Either condition is enough for a 304.
    EitherMatches,
}

/// What happens to a conditional request when no quota is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AtZero {
    /// Refused like any other request.
    Reject,
    /// A 304 is still given; only a 200 is refused.
    Evaluate,
}

/// The status of a refused request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitStatus {
    Forbidden,
    TooManyRequests,
}

/// All switches. JSON with any subset of the fields changes just those; an unknown field is an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// Default `sha256` [1.1].
    pub tag_hash: TagHash,
    /// Hash a sent `X-GitHub-OTP` too, as `Vary` suggests. Default false [1.9, uncertain].
    pub hash_one_time_password: bool,
    /// Compress JSON for clients that accept gzip. Default true [1.4].
    pub gzip: bool,
    /// A compressed answer carries its tag in weak form. Default true [1.4].
    pub weaken_gzip_tags: bool,
    /// Keep `Link` on 304, which GitHub does not. Default false [1.7].
    pub link_on_not_modified: bool,
    /// Accept comma lists and `*` in `If-None-Match`. Default true [1.4, uncertain].
    pub tag_lists: bool,
    /// Default `tag_only` [1.6, uncertain].
    pub precedence: Precedence,
    /// Answer 304 to `If-Modified-Since` for paths that were 404 before and exist now. Default false [1.6, seen].
    pub stale_modified_since: bool,
    /// Charge 304s of anonymous callers. Default true [1.8].
    pub charge_anonymous_not_modified: bool,
    /// Charge 304s of authorised callers. Default false [1.8].
    pub charge_authorized_not_modified: bool,
    /// Serve anonymous GETs from an edge cache with a frozen `Date`. Default true [1.10].
    pub edge_cache: bool,
    /// Value of `x-github-edge-region`; absent by default (notes 2).
    pub edge_region: Option<String>,
    /// Pretty-print JSON for browsers, curl and Wget. Default true [1.11].
    pub pretty_print: bool,
    /// Refuse requests without `User-Agent`. Default true (notes 5).
    pub require_user_agent: bool,
    /// `Deprecation`, `Sunset` and `Link` on operations that changed in 2026-03-10. Default true (notes 5).
    pub deprecation_headers: bool,
    /// Count quota at all. Default true.
    pub primary_limits: bool,
    /// `x-ratelimit-reset` wanders between the true second and the next. Default true (notes 2).
    pub reset_jitter: bool,
    /// `x-ratelimit-remaining` may go up between answers, as regions disagree. Default false (notes 2).
    pub unsteady_remaining: bool,
    /// Status of an exhausted primary quota. Default `forbidden` (notes 2).
    pub exhausted_status: LimitStatus,
    /// Default `reject` [2, uncertain].
    pub conditional_at_zero: AtZero,
    /// Enforce the secondary limits below. Default true (notes 2).
    pub secondary_limits: bool,
    /// Status of a secondary limit. Default `forbidden` (notes 2).
    pub secondary_status: LimitStatus,
    /// `retry-after` of a secondary limit in seconds; `null` leaves the header out, as GitHub often does. Default 60 (notes 2).
    pub secondary_retry_after_seconds: Option<u32>,
    /// Requests of one caller in flight. Default 100 (notes 2).
    pub concurrent_requests: u32,
    /// Points per minute, caller and REST endpoint; a read is 1, a write 5. Default 900 (notes 2).
    pub points_per_minute: u32,
    /// Points per minute and caller for GraphQL. Default 2,000 (notes 2).
    pub graphql_points_per_minute: u32,
    /// Do 304s count as points? Default true [1.8, implied].
    pub points_for_not_modified: bool,
    /// Writes per minute and caller. Default 80 (notes 2).
    pub content_per_minute: u32,
    /// Writes per hour and caller. Default 500 (notes 2).
    pub content_per_hour: u32,
    /// Refused logins per minute before every login from there is refused; `null` = never. Default 10 (notes 2).
    pub failed_logins_per_minute: Option<u32>,
    /// Mint installation tokens of about 520 characters with dots in them. Default false [6, staged rollout].
    pub stateless_installation_tokens: bool,
    /// Accept any `ghp_<login>_<anything>` of an existing login without registering it. Default false.
    pub implicit_user_tokens: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            tag_hash: TagHash::Sha256,
            hash_one_time_password: false,
            gzip: true,
            weaken_gzip_tags: true,
            link_on_not_modified: false,
            tag_lists: true,
            precedence: Precedence::TagOnly,
            stale_modified_since: false,
            charge_anonymous_not_modified: true,
            charge_authorized_not_modified: false,
            edge_cache: true,
            edge_region: None,
            pretty_print: true,
            require_user_agent: true,
            deprecation_headers: true,
            primary_limits: true,
            reset_jitter: true,
            unsteady_remaining: false,
            exhausted_status: LimitStatus::Forbidden,
            conditional_at_zero: AtZero::Reject,
            secondary_limits: true,
            secondary_status: LimitStatus::Forbidden,
            secondary_retry_after_seconds: Some(60),
            concurrent_requests: 100,
            points_per_minute: 900,
            graphql_points_per_minute: 2_000,
            points_for_not_modified: true,
            content_per_minute: 80,
            content_per_hour: 500,
            failed_logins_per_minute: Some(10),
            stateless_installation_tokens: false,
            implicit_user_tokens: false,
        }
    }
}

impl Switches {
    /// GitHub without its limits: for benches that measure the client and not the quota.
    pub fn unlimited() -> Self {
        Self {
            primary_limits: false,
            secondary_limits: false,
            failed_logins_per_minute: None,
            ..Self::default()
        }
    }

    /// These switches with the given JSON fields replaced.
    ///
    /// # Errors
    /// Names the unknown field or the value that does not fit.
    pub fn merged(&self, changes: &serde_json::Value) -> Result<Self, String> {
        let mut merged = serde_json::to_value(self).map_err(|error| error.to_string())?;
        match (merged.as_object_mut(), changes.as_object()) {
            (Some(into), Some(from)) => into.extend(from.clone()),
            _ => return Err("switches are a JSON object".to_owned()),
        }
        serde_json::from_value(merged).map_err(|error| error.to_string())
    }
}

impl LimitStatus {
    pub(crate) fn code(self) -> http::StatusCode {
        match self {
            Self::Forbidden => http::StatusCode::FORBIDDEN,
            Self::TooManyRequests => http::StatusCode::TOO_MANY_REQUESTS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_subset_changes_just_that() {
        let merged = Switches::default()
            .merged(&json!({"tag_hash": "md5", "secondary_retry_after_seconds": null}))
            .unwrap();
        let expected = Switches {
            tag_hash: TagHash::Md5,
            secondary_retry_after_seconds: None,
            ..Switches::default()
        };
        assert_eq!(merged, expected);
    }

    #[test]
    fn an_unknown_switch_is_an_error() {
        let error = Switches::default().merged(&json!({"etag": 1})).unwrap_err();
        assert!(error.contains("unknown field `etag`"), "{error}");
    }
}

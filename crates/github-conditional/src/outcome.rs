//! How an answer was made: one enum that feeds `Cache-Status`, `X-Cache`, the log and the metrics.

use std::time::Duration;

use github_headers::{CacheStatus, Fwd, Route};
use http::StatusCode;

use crate::fingerprint::{CredentialClass, Fingerprint};

/// Which tag GitHub was asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ValidatorKind {
    /// The tag that GitHub gave this caller for the stored body.
    OwnTag,
    /// The tag that GitHub would give this caller for the stored body, computed.
    Predicted,
    /// The tag of an empty list, for a list that was never seen.
    Speculative,
    /// No tag exists: the caller's own `Last-Modified`.
    LastModified,
    /// Nothing is stored: the validator that the client sent.
    Client,
    /// The tags of answers that are stored for other selecting headers.
    OtherVariant,
    /// The validators in the answer to a HEAD.
    Head,
}

impl ValidatorKind {
    /// The word used in `Cache-Status` details, logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OwnTag => "own-tag",
            Self::Predicted => "predicted",
            Self::Speculative => "speculative",
            Self::LastModified => "last-modified",
            Self::Client => "client",
            Self::OtherVariant => "other-variant",
            Self::Head => "head",
        }
    }
}

/// Why a stored answer was given without asking GitHub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FreshReason {
    /// It is fresh (RFC 9111 §4.2).
    Fresh,
    /// The time that its route gives it is not over.
    Ttl,
    /// An event would have told of a change.
    Covered,
    /// It never changes.
    Immutable,
    /// The caller was told a moment ago that there is nothing (404, 410).
    Negative,
    /// It is stale, but the client accepts that (`max-stale`).
    MaxStale,
    /// The client wants a stored answer or none (`only-if-cached`).
    OnlyIfCached,
    /// It is stale, and the server is asked behind it (`stale-while-revalidate`).
    WhileRevalidating,
}

impl FreshReason {
    /// The word used in details, logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Ttl => "ttl",
            Self::Covered => "covered",
            Self::Immutable => "immutable",
            Self::Negative => "negative",
            Self::MaxStale => "max-stale",
            Self::OnlyIfCached => "only-if-cached",
            Self::WhileRevalidating => "stale-while-revalidate",
        }
    }
}

/// Why GitHub could not be asked or gave no usable answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Trouble {
    /// The quota is used up, or a secondary limit applies.
    RateLimited,
    /// A 5xx answer, or one that makes no sense.
    ServerError,
    /// No answer in time.
    Timeout,
    /// No connection, or it broke before the answer.
    Connection,
    /// GitHub was not asked, because it is known to be away: the wrapped client said [`Offline`](crate::Offline).
    Offline,
}

impl Trouble {
    /// The word used in details, logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RateLimited => "rate-limited",
            Self::ServerError => "server-error",
            Self::Timeout => "timeout",
            Self::Connection => "connection-error",
            Self::Offline => "offline",
        }
    }
}

/// Why a request was handed on without looking at the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BypassReason {
    /// Not a GET or HEAD.
    Method,
    /// A GET with a body.
    RequestBody,
    /// `Range` or `If-Range`.
    Range,
    /// `Cookie`, which GitHub hashes into the tag.
    Cookie,
    /// `X-GitHub-OTP`, valid once.
    OneTimePassword,
    /// `X-Requested-With`, which GitHub's edge varies on.
    RequestedWith,
    /// `If-Match` or `If-Unmodified-Since`: a precondition for the origin.
    OriginPrecondition,
    /// The client said `no-store`.
    NoStore,
    /// Its route is never stored.
    Denied,
    /// Several or unreadable `Authorization` headers.
    Authorization,
    /// A HEAD for something that is not stored.
    ColdHead,
    /// Another host than that of `Options::origin`, as after a redirect to a download.
    OtherOrigin,
}

impl BypassReason {
    /// The word used in details, logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::RequestBody => "request-body",
            Self::Range => "range",
            Self::Cookie => "cookie",
            Self::OneTimePassword => "one-time-password",
            Self::RequestedWith => "requested-with",
            Self::OriginPrecondition => "origin-precondition",
            Self::NoStore => "no-store",
            Self::Denied => "denied",
            Self::Authorization => "authorization",
            Self::ColdHead => "cold-head",
            Self::OtherOrigin => "other-origin",
        }
    }
}

/// Whether GitHub's answer is kept, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Storing {
    /// It is recorded while it streams and kept if it ends cleanly.
    Recorded,
    /// Its status is not one that is kept (only 200 is).
    Status,
    /// GitHub or the kind of answer forbids it (`no-store`, an event stream, a partial answer).
    Forbidden,
    /// It has neither an entity tag nor a modification date, so nothing could be revalidated.
    NoValidator,
    /// It is for one user alone, and the cache is shared (`private`).
    Private,
    /// The request was authorised, and the answer does not say that it may be shared for all that.
    Authorization,
    /// It depends on more than the request (`Vary: *`).
    Varying,
    /// Its body is larger than `max_cacheable_body_bytes`.
    TooLarge,
    /// Its body is compressed, so it is not the body that the tag describes.
    Encoded,
    /// All memory for recordings is in use.
    NoRoom,
}

impl Storing {
    /// The word used in details, logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Status => "status",
            Self::Forbidden => "forbidden",
            Self::NoValidator => "no-validator",
            Self::Private => "private",
            Self::Authorization => "authorization",
            Self::Varying => "varying",
            Self::TooLarge => "too-large",
            Self::Encoded => "encoded",
            Self::NoRoom => "no-room",
        }
    }
}

/// How the answer was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// A stored body that GitHub has just confirmed with a 304.
    Revalidated(ValidatorKind),
    /// A stored body, unasked.
    Fresh(FreshReason),
    /// A stored body, because GitHub could not be asked.
    Stale(Trouble),
    /// GitHub's answer to a plain request: nothing usable was stored.
    Fetched(Storing),
    /// GitHub's answer to a conditional request: what was stored is outdated.
    Changed(Storing),
    /// GitHub's 304 to the client's own validator; no body is stored here.
    ClientConfirmed,
    /// GitHub's answer to a request that the cache does not touch.
    Bypassed(BypassReason),
    /// GitHub's answer, which tells of trouble, and nothing stored may be shown instead.
    Refused(Trouble),
    /// The client wanted a stored answer or none, and there is none it may see.
    NotCached,
    /// No answer from GitHub, and nothing stored may be shown instead.
    Failed(Trouble),
}

/// Whether one upstream call served several callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Collapse {
    /// This request led, or was alone.
    Leader,
    /// This request waited for another one's answer.
    Follower,
}

/// The full account of one answer; an extension of each response.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// How the answer was made.
    pub outcome: Outcome,
    /// The status of GitHub's answer, if it was asked and answered.
    pub upstream_status: Option<StatusCode>,
    /// Whether another request's upstream call was shared.
    pub collapse: Collapse,
    /// How long ago GitHub confirmed the body, if it came from the store.
    pub age: Option<Duration>,
    /// Seconds of freshness left; negative when stale.
    pub ttl_seconds: Option<i64>,
    /// The route template.
    pub route: Route,
    /// Who asked.
    pub fingerprint: Fingerprint,
    /// What kind of credential was used.
    pub class: CredentialClass,
}

impl Report {
    pub(crate) fn new(
        outcome: Outcome,
        route: Route,
        fingerprint: Fingerprint,
        class: CredentialClass,
    ) -> Self {
        Self {
            outcome,
            upstream_status: None,
            collapse: Collapse::Leader,
            age: None,
            ttl_seconds: None,
            route,
            fingerprint,
            class,
        }
    }

    /// The `Cache-Status` member of a cache called `name` (RFC 9211).
    ///
    /// `hit` and `fwd` exclude each other; an answer that GitHub confirmed with a 304 went forward.
    pub fn cache_status(&self, name: &str) -> CacheStatus {
        let mut status = CacheStatus::new(name);
        status = match self.outcome {
            Outcome::Fresh(_) => status.hit(),
            Outcome::NotCached => status,
            Outcome::Revalidated(ValidatorKind::Speculative) => status.forwarded(Fwd::Stale),
            Outcome::Revalidated(_) | Outcome::Stale(_) | Outcome::Changed(_) => {
                status.forwarded(Fwd::Stale)
            }
            Outcome::Bypassed(BypassReason::Method) => status.forwarded(Fwd::Method),
            Outcome::Bypassed(BypassReason::NoStore) => status.forwarded(Fwd::Request),
            Outcome::Bypassed(_) => status.forwarded(Fwd::Bypass),
            Outcome::Fetched(_)
            | Outcome::ClientConfirmed
            | Outcome::Refused(_)
            | Outcome::Failed(_) => status.forwarded(Fwd::Miss),
        };
        if let Some(upstream) = self.upstream_status {
            status = status.fwd_status(upstream);
        }
        if let Outcome::Fetched(Storing::Recorded) | Outcome::Changed(Storing::Recorded) =
            self.outcome
        {
            status = status.stored();
        }
        if self.collapse == Collapse::Follower {
            status = status.collapsed();
        }
        if let Some(ttl) = self.ttl_seconds {
            status = status.ttl(ttl);
        }
        match self.detail() {
            Some(detail) => status.detail(detail),
            None => status,
        }
    }

    /// The finer reason, for `Cache-Status` and logs.
    pub fn detail(&self) -> Option<&'static str> {
        match self.outcome {
            Outcome::Revalidated(kind) => Some(kind.as_str()),
            Outcome::Fresh(FreshReason::Fresh) => None,
            Outcome::Fresh(reason) => Some(reason.as_str()),
            Outcome::Stale(trouble) | Outcome::Refused(trouble) | Outcome::Failed(trouble) => {
                Some(trouble.as_str())
            }
            Outcome::Fetched(Storing::Recorded) | Outcome::Changed(Storing::Recorded) => None,
            Outcome::Fetched(storing) | Outcome::Changed(storing) => Some(storing.as_str()),
            Outcome::ClientConfirmed => Some(ValidatorKind::Client.as_str()),
            Outcome::Bypassed(reason) => Some(reason.as_str()),
            Outcome::NotCached => Some(FreshReason::OnlyIfCached.as_str()),
        }
    }
}

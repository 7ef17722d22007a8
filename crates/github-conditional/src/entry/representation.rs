//! One body as GitHub sent it, with the headers that belong to it and not to whoever fetched it.

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use github_headers::names;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};

use super::caller_headers;
use super::kept::KeptHeaders;
use crate::kept_body::KeptBody;
use crate::policy::pagination::last_named;
use crate::wire::{from_nanos, to_nanos};

/// SHA-256 of a body, shortened: which body it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct BodyDigest([u8; 16]);

impl BodyDigest {
    pub(crate) fn of(body: &[u8]) -> Self {
        Self::from_hash(Sha256::new_with_prefix(body))
    }

    pub(crate) fn from_hash(hash: Sha256) -> Self {
        let mut short = [0; 16];
        short.copy_from_slice(&hash.finalize()[..16]);
        Self(short)
    }

    pub(super) const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub(super) const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for BodyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BodyDigest({:02x}{:02x}..)", self.0[0], self.0[1])
    }
}

/// Whom a 304 to the body's tag proves anything for (github-behaviour, sharing rule).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Sharing {
    /// The tag is the formula's: it can be predicted for another caller, and a 304 to it proves identical bytes.
    ByFormula,
    /// Any other tag (a git object id, an unexplained value, none): a 304 proves the object unchanged, but the bytes
    /// may still differ between callers.
    SameFingerprint,
}

/// A stored body with its headers. Immutable.
#[derive(Clone, Debug)]
pub(crate) struct Representation {
    digest: BodyDigest,
    status: StatusCode,
    headers: KeptHeaders,
    body: KeptBody,
    sharing: Sharing,
    /// GitHub's spelling of the tag: weak when its front end had compressed the answer.
    weak: bool,
    /// When the request for it was sent: orders versions, whatever order their bodies arrive in. Nanoseconds since the
    /// Unix epoch.
    requested_at: u64,
    /// Length of the top-level JSON array, where it is one.
    items: Option<u32>,
    /// The last page that `Link` names.
    last_page: Option<u32>,
    notes: Arc<Notes>,
}

/// What is noted about a body while it is stored, under whatever headers. Times are seconds since the Unix epoch.
#[derive(Default)]
struct Notes {
    /// When the page behind the last known one may be asked for again; 0 = at once.
    next_look_seconds: AtomicU32,
    /// When a 304's headers were last compared with the stored ones; 0 = never.
    headers_checked_seconds: AtomicU32,
    derived: OnceLock<Arc<dyn Any + Send + Sync>>,
}

const HEADERS_CHECKED_EVERY_SECONDS: u32 = 60;

impl fmt::Debug for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notes")
            .field("next_look_seconds", &self.next_look_seconds)
            .field("headers_checked_seconds", &self.headers_checked_seconds)
            .finish_non_exhaustive()
    }
}

/// Something computed from a body once and kept with it as long as it is stored.
///
/// The cell is shared by all who hold the body, so it is computed for the first and there for the others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Derived(Arc<Notes>);

impl Derived {
    pub(crate) fn of<T: Send + Sync + 'static>(
        &self,
        compute: impl FnOnce() -> T,
    ) -> Option<Arc<T>> {
        let value = self.0.derived.get_or_init(|| Arc::new(compute()));
        Arc::clone(value).downcast().ok()
    }
}

/// What is known of a body beside its bytes and headers.
pub(super) struct Facts {
    pub(super) status: StatusCode,
    pub(super) sharing: Sharing,
    pub(super) weak: bool,
    pub(super) requested_at: SystemTime,
    pub(super) items: Option<u32>,
}

impl Representation {
    pub(crate) fn new(
        digest: BodyDigest,
        status: StatusCode,
        headers: HeaderMap,
        body: Bytes,
        sharing: Sharing,
        requested_at: SystemTime,
    ) -> Self {
        let weak = headers
            .get(header::ETAG)
            .is_some_and(|value| value.as_bytes().starts_with(b"W/"));
        let items = count_items(&headers, &body);
        let headers = storable_headers(headers);
        let last_page = last_named(&headers);
        Self {
            digest,
            status,
            headers: KeptHeaders::new(&headers),
            body: body.into(),
            sharing,
            weak,
            requested_at: to_nanos(requested_at),
            items,
            last_page,
            notes: Arc::default(),
        }
    }

    /// A body that was stored outside the process, as it was.
    pub(super) fn restore(
        digest: BodyDigest,
        body: Bytes,
        headers: &HeaderMap,
        facts: Facts,
    ) -> Self {
        let last_page = last_named(headers);
        Self {
            digest,
            status: facts.status,
            headers: KeptHeaders::new(headers),
            body: body.into(),
            sharing: facts.sharing,
            weak: facts.weak,
            requested_at: to_nanos(facts.requested_at),
            items: facts.items,
            last_page,
            notes: Arc::default(),
        }
    }

    pub(crate) fn digest(&self) -> BodyDigest {
        self.digest
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn headers(&self) -> &KeptHeaders {
        &self.headers
    }

    pub(crate) fn body(&self) -> &KeptBody {
        &self.body
    }

    /// The same with its body kept otherwise.
    #[cfg(feature = "packed")]
    pub(super) fn with_body(&self, body: KeptBody) -> Arc<Self> {
        Arc::new(Self {
            body,
            ..self.clone()
        })
    }

    pub(crate) fn derived(&self) -> Derived {
        Derived(Arc::clone(&self.notes))
    }

    pub(crate) fn sharing(&self) -> Sharing {
        self.sharing
    }

    pub(crate) fn is_weak(&self) -> bool {
        self.weak
    }

    pub(crate) fn requested_at(&self) -> SystemTime {
        from_nanos(self.requested_at)
    }

    pub(crate) fn items(&self) -> Option<u32> {
        self.items
    }

    pub(crate) fn last_modified(&self) -> Option<&HeaderValue> {
        self.headers.get(&header::LAST_MODIFIED)
    }

    /// The last page that `Link` names; `u32::MAX` where it cannot be told, `None` where it names no other page.
    pub(crate) fn last_page(&self) -> Option<u32> {
        self.last_page
    }

    /// Whether the page behind the last known one may be asked for.
    pub(crate) fn may_look_behind(&self, now: SystemTime) -> bool {
        seconds(now) >= self.notes.next_look_seconds.load(Ordering::Relaxed)
    }

    /// Somebody has looked; nobody needs to before `next`.
    pub(crate) fn looked_behind(&self, next: SystemTime) {
        let next = seconds(next);
        self.notes.next_look_seconds.store(next, Ordering::Relaxed);
    }

    /// Whether a 304's headers are to be compared with the stored ones now.
    ///
    /// Once a minute is enough: each answer shows the headers of its own 304, so the stored ones only matter when
    /// GitHub cannot be asked, and comparing them is dearer than all else that a hit does.
    pub(crate) fn headers_are_due(&self, now: SystemTime) -> bool {
        let now = seconds(now);
        let checked = &self.notes.headers_checked_seconds;
        let last = checked.load(Ordering::Relaxed);
        if last != 0 && now.saturating_sub(last) < HEADERS_CHECKED_EVERY_SECONDS {
            return false;
        }
        checked.store(now, Ordering::Relaxed);
        true
    }

    /// The stored headers as a 304 with these headers refreshes them (RFC 9111 §3.2); `None` if nothing changes.
    ///
    /// `Date` alone is no reason: each answer shows the date of its own 304.
    pub(crate) fn refreshed_by(&self, fresh: &HeaderMap) -> Option<HeaderMap> {
        let stored = self.headers.to_map();
        let differs = |name: &HeaderName| {
            !is_not_stored(name)
                && name != header::DATE
                && !fresh.get_all(name).iter().eq(stored.get_all(name))
        };
        if !fresh.keys().any(differs) {
            return None;
        }
        let mut headers = stored.clone();
        for name in fresh.keys().filter(|name| !is_not_stored(name)) {
            headers.remove(name);
            for value in fresh.get_all(name) {
                headers.append(name, value.clone());
            }
        }
        Some(headers)
    }

    pub(crate) fn with_headers(&self, headers: HeaderMap) -> Arc<Self> {
        let headers = storable_headers(headers);
        let last_page = last_named(&headers);
        Arc::new(Self {
            headers: KeptHeaders::new(&headers),
            last_page,
            ..self.clone()
        })
    }

    pub(crate) fn weight_bytes(&self) -> usize {
        size_of::<Self>() + self.body.held_bytes() + self.headers.weight_bytes()
    }
}

/// Headers that say something about one answer or one caller, not about the body: never stored with it.
///
/// The caller's own ones are kept beside its confirmation, see [`caller_headers`](super::caller_headers).
static NOT_STORED: [HeaderName; 15] = [
    header::AGE,
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::ETAG,
    HeaderName::from_static("keep-alive"),
    header::SET_COOKIE,
    header::TRANSFER_ENCODING,
    HeaderName::from_static("x-github-edge-region"),
    names::X_GITHUB_REQUEST_ID,
    names::X_RATELIMIT_LIMIT,
    names::X_RATELIMIT_REMAINING,
    names::X_RATELIMIT_RESET,
    names::X_RATELIMIT_RESOURCE,
    names::X_RATELIMIT_USED,
];

fn is_not_stored(name: &HeaderName) -> bool {
    NOT_STORED.contains(name) || caller_headers::is_of_the_caller(name)
}

/// The headers of an answer that say something about its body.
pub(crate) fn storable_headers(mut headers: HeaderMap) -> HeaderMap {
    for name in &NOT_STORED {
        headers.remove(name);
    }
    caller_headers::remove_from(&mut headers);
    headers
}

/// Whole seconds since the Unix epoch. What is due at a moment is due in all of its second: a look that may be repeated
/// at once may be.
fn seconds(time: SystemTime) -> u32 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
}

/// How many items a list holds; `None` for anything but a JSON array.
fn count_items(headers: &HeaderMap, body: &[u8]) -> Option<u32> {
    let content_type = headers.get(header::CONTENT_TYPE)?.as_bytes();
    if !content_type.starts_with(b"application/json") || body.first() != Some(&b'[') {
        return None;
    }
    let items: Vec<serde::de::IgnoredAny> = serde_json::from_slice(body).ok()?;
    u32::try_from(items.len()).ok()
}

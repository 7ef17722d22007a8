//! What GitHub has confirmed to one caller: which body, under which tag, when.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use github_headers::EntityTag;

use super::kept::KeptHeaders;
use super::kept_tag::KeptTag;
use super::representation::BodyDigest;
use super::views::ViewId;
use super::{from_millis, to_millis};

/// The facts of one confirmation, as the answer that brought it stated them.
#[derive(Clone, Debug)]
pub(crate) struct Confirmed {
    /// The tag of the body for this caller; `None` where GitHub gives none.
    pub(crate) tag: Option<EntityTag>,
    /// When GitHub said so.
    pub(crate) at: SystemTime,
    /// Until when the answer may be reused without asking (RFC 9111 §4.2), where that is wanted.
    pub(crate) fresh_until: Option<SystemTime>,
    /// Headers about the caller's credential, from the caller's own answers.
    pub(crate) caller_headers: Option<Arc<KeptHeaders>>,
}

impl Confirmed {
    pub(crate) fn new(
        tag: Option<EntityTag>,
        caller_headers: Option<Arc<KeptHeaders>>,
        at: SystemTime,
        fresh_until: Option<SystemTime>,
    ) -> Self {
        Self {
            tag,
            at,
            fresh_until,
            caller_headers,
        }
    }
}

/// The standing of one caller towards one body.
///
/// The times are atomics so that a further 304 for the same body renews them without a lock and without a write to
/// the store.
#[derive(Debug)]
pub(crate) struct Confirmation {
    view: ViewId,
    digest: BodyDigest,
    tag: KeptTag,
    caller_headers: Option<Arc<KeptHeaders>>,
    validated_millis: AtomicU64,
    /// 0 = never fresh without asking.
    fresh_until_millis: AtomicU64,
}

impl Confirmation {
    pub(crate) fn new(view: ViewId, digest: BodyDigest, confirmed: Confirmed) -> Self {
        Self {
            view,
            digest,
            tag: KeptTag::new(confirmed.tag),
            caller_headers: confirmed.caller_headers,
            validated_millis: AtomicU64::new(to_millis(confirmed.at)),
            fresh_until_millis: AtomicU64::new(confirmed.fresh_until.map_or(0, to_millis)),
        }
    }

    pub(crate) fn view(&self) -> ViewId {
        self.view
    }

    pub(crate) fn digest(&self) -> BodyDigest {
        self.digest
    }

    pub(super) fn place(&self) -> (ViewId, BodyDigest) {
        (self.view, self.digest)
    }

    pub(crate) fn tag(&self) -> Option<EntityTag> {
        self.tag.tag()
    }

    /// Whether GitHub can be asked by its tag.
    pub(crate) fn has_validator(&self) -> bool {
        self.tag.is_validator()
    }

    pub(crate) fn caller_headers(&self) -> Option<&KeptHeaders> {
        self.caller_headers.as_deref()
    }

    pub(crate) fn validated_at(&self) -> SystemTime {
        from_millis(self.validated_millis.load(Ordering::Relaxed))
    }

    pub(crate) fn fresh_until(&self) -> Option<SystemTime> {
        match self.fresh_until_millis.load(Ordering::Relaxed) {
            0 => None,
            millis => Some(from_millis(millis)),
        }
    }

    /// GitHub has confirmed the same body again. An older answer that arrives late changes nothing.
    pub(crate) fn renew(&self, at: SystemTime, fresh_until: Option<SystemTime>) {
        let before = self
            .validated_millis
            .fetch_max(to_millis(at), Ordering::Relaxed);
        if before <= to_millis(at) {
            let fresh_until = fresh_until.map_or(0, to_millis);
            self.fresh_until_millis
                .store(fresh_until, Ordering::Relaxed);
        }
    }

    /// The same confirmation for a body that now belongs to another view.
    pub(super) fn moved_to(&self, view: ViewId) -> Self {
        Self::new(view, self.digest, self.confirmed())
    }

    pub(super) fn confirmed(&self) -> Confirmed {
        Confirmed {
            tag: self.tag.tag(),
            at: self.validated_at(),
            fresh_until: self.fresh_until(),
            caller_headers: self.caller_headers.clone(),
        }
    }
}

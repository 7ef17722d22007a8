//! One stored answer, with all that decides about its reuse.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

#[cfg(feature = "packed")]
use cache_backends::Packing;
use http::{HeaderMap, StatusCode};

use super::controls::Controls;
use super::options::{Audience, Options};
use super::selection::Selection;
use crate::kept_body::KeptBody;

/// Fixed cost of an answer in memory.
const STORED_BYTES: usize = 384;
/// Cost of a header line beside its bytes.
const HEADER_BYTES: usize = 64;

/// One stored answer.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(super) selection: Selection,
    pub(super) status: StatusCode,
    /// As they came, without those that are not to be reused, and without `Age`.
    pub(super) headers: HeaderMap,
    pub(super) body: KeptBody,
    pub(super) times: Times,
    pub(super) terms: Terms,
}

/// When an answer was asked for and came, and how long it is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    /// What the answer says holds as of then: when it was asked for.
    pub(crate) as_of: SystemTime,
    pub(crate) received_at: SystemTime,
    pub(crate) age_on_arrival: Duration,
    pub(crate) fresh_for: Duration,
}

/// On which terms an answer may be reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) unasked: Unasked,
    pub(crate) stale: Stale,
    pub(crate) while_revalidating: Duration,
    pub(crate) if_error: Duration,
}

/// Whether an answer may be reused without asking at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unasked {
    Allowed,
    /// `no-cache`.
    Never,
}

/// Whether an answer may be reused when it is stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stale {
    /// To those who accept it, or where the server cannot be asked.
    Allowed,
    /// `must-revalidate`, `no-cache`, and in a shared cache `proxy-revalidate` and `s-maxage` (RFC 9111 §4.2.4).
    Forbidden,
}

impl Terms {
    pub(crate) fn of(controls: &Controls, options: &Options) -> Self {
        let shared = options.audience == Audience::Shared;
        let forbidden = controls.no_cache
            || controls.must_revalidate
            || shared && (controls.proxy_revalidate || controls.s_maxage.is_some());
        let seconds = |seconds: Option<u64>| Duration::from_secs(seconds.unwrap_or(0));
        Self {
            unasked: match controls.no_cache {
                true => Unasked::Never,
                false => Unasked::Allowed,
            },
            stale: match forbidden {
                true => Stale::Forbidden,
                false => Stale::Allowed,
            },
            while_revalidating: seconds(controls.stale_while_revalidate),
            if_error: seconds(controls.stale_if_error),
        }
    }
}

impl Stored {
    pub(crate) fn selection(&self) -> &Selection {
        &self.selection
    }

    /// RFC 9111 §4.2.3, `current_age`.
    pub(crate) fn age(&self, now: SystemTime) -> Duration {
        let resident = now.duration_since(self.times.received_at);
        self.times.age_on_arrival + resident.unwrap_or_default()
    }

    /// Newer answers are greater; the rest makes the order the same everywhere.
    pub(super) fn order(&self) -> (SystemTime, SystemTime, usize) {
        (self.times.as_of, self.times.received_at, self.body.len())
    }

    pub(super) fn weight_bytes(&self) -> usize {
        let lines = self.headers.iter();
        let headers: usize = lines
            .map(|(name, value)| name.as_str().len() + value.len() + HEADER_BYTES)
            .sum();
        STORED_BYTES + headers + self.body.held_bytes()
    }

    /// The same with its body packed; `None` where it is, or where that saves nothing.
    #[cfg(feature = "packed")]
    pub(super) fn packed(&self, packing: &Packing) -> Option<Arc<Self>> {
        let body = self.body.packed(packing)?;
        Some(Arc::new(Self {
            body,
            ..self.clone()
        }))
    }

    /// The same body under other headers and times.
    pub(crate) fn renewed(
        &self,
        selection: Selection,
        headers: HeaderMap,
        times: Times,
        terms: Terms,
    ) -> Arc<Self> {
        Arc::new(Self {
            selection,
            status: self.status,
            headers,
            body: self.body.clone(),
            times,
            terms,
        })
    }
}

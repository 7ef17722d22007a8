//! What happens inside the engine beside the answers themselves, for metrics and logs.

use cache_backends::StoreError;
use github_headers::{GithubMedia, Route};

use crate::confidence::Verification;

/// One thing that happened.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The store failed; the request went on as after a miss.
    StoreFailed(&'a StoreError),
    /// The tag of a 200 was compared with the formula.
    Verified {
        /// The route of the resource.
        route: Route,
        /// The representation that was asked for.
        media: GithubMedia,
        /// How it compared.
        verification: Verification,
    },
    /// A full last page was followed by a question for the next one.
    Probed(Probe),
    /// A body was stored.
    Committed {
        /// Its length.
        bytes: u64,
    },
    /// A body that was being recorded is not stored.
    Dropped(Dropped),
}

/// What looking behind a full last page found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Probe {
    /// It is still the last page.
    StillLast,
    /// The list has grown.
    Grown,
    /// The next page could not be asked for.
    Failed,
}

impl Probe {
    /// The word used in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StillLast => "still-last",
            Self::Grown => "grown",
            Self::Failed => "failed",
        }
    }
}

/// Why a recorded body is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dropped {
    /// It broke off, stalled or was shorter than announced.
    Broken,
    /// It outgrew its limit, or the memory for recordings.
    TooLarge,
    /// An answer to a later request was stored before.
    Late,
}

impl Dropped {
    /// The word used in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::TooLarge => "too-large",
            Self::Late => "late",
        }
    }
}

/// Is told of every [`Event`]; must be quick, because requests wait for it.
///
/// `()` ignores them; a closure over `&Event` is an observer too.
pub trait Observer: Send + Sync + 'static {
    /// Something happened.
    fn observe(&self, event: &Event<'_>);
}

impl Observer for () {
    fn observe(&self, _event: &Event<'_>) {}
}

impl<F: Fn(&Event<'_>) + Send + Sync + 'static> Observer for F {
    fn observe(&self, event: &Event<'_>) {
        self(event);
    }
}

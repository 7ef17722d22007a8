//! One version of a key's data: what is published to the master cache and held by every node.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use github_headers::EntityTag;

use crate::content::Content;
use crate::flatten::PageSpan;
use crate::refresh::Times;

pub(crate) mod head;

/// A version of a key's data. Clones share the body.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    /// The fencing number under which it was gathered: older data never replaces newer.
    pub(crate) version: u64,
    pub(crate) times: Times,
    /// Since when the body is what it is.
    pub(crate) changed_at: SystemTime,
    /// How long gathering took.
    pub(crate) took: Duration,
    pub(crate) pages: Arc<[Page]>,
    pub(crate) content: Arc<Content>,
}

/// One page upstream: where its elements are, and how to ask whether it has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) span: PageSpan,
    pub(crate) validator: Option<Validator>,
}

/// The tag that GitHub gave to one caller for a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Validator {
    pub(crate) tag: EntityTag,
    /// Fingerprint of the token that it was given to.
    pub(crate) caller: [u8; 16],
    pub(crate) formula: Formula,
}

/// Whether the tag is the one that can be computed, so that it can be computed for another token too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Formula {
    Holds,
    Fails,
}

impl Snapshot {
    pub(crate) fn items(&self) -> usize {
        self.pages.iter().map(|page| page.span.items).sum()
    }
}

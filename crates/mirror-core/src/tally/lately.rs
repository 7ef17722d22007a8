//! The last answers, so that "why was this not cached?" has an answer, and the forms that clients ask for.

use std::collections::VecDeque;

use github_conditional::Outcome;
use http::header::ACCEPT;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::time::Instant;

/// Answers that are remembered.
const MAX_ANSWERS: usize = 1024;
/// Forms that are remembered. Clients of one fleet use a handful.
const MAX_VARIANTS: usize = 32;
/// A longer `Accept` is not worth remembering.
const MAX_VARIANT_BYTES: usize = 512;

pub(crate) const API_VERSION: HeaderName = HeaderName::from_static("x-github-api-version");

/// One answer to one target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastAnswer {
    /// A hash of path and query.
    pub(crate) target: u64,
    pub(crate) at: Instant,
    pub(crate) status: StatusCode,
    pub(crate) outcome: Outcome,
    pub(crate) detail: Option<&'static str>,
}

/// What selects a form of a resource besides its target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Variant {
    pub(crate) accept: Option<HeaderValue>,
    pub(crate) api_version: Option<HeaderValue>,
}

impl Variant {
    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(accept) = &self.accept {
            headers.insert(ACCEPT, accept.clone());
        }
        if let Some(version) = &self.api_version {
            headers.insert(API_VERSION, version.clone());
        }
        headers
    }

    fn bytes(&self) -> usize {
        let length = |value: &Option<HeaderValue>| value.as_ref().map_or(0, HeaderValue::len);
        length(&self.accept) + length(&self.api_version)
    }
}

#[derive(Debug, Default)]
pub(super) struct Lately {
    answers: VecDeque<LastAnswer>,
    variants: Vec<Variant>,
}

impl Lately {
    pub(super) fn answered(&mut self, answer: LastAnswer) {
        if self.answers.len() >= MAX_ANSWERS {
            self.answers.pop_front();
        }
        self.answers.push_back(answer);
    }

    pub(super) fn last(&self, target: u64) -> Option<LastAnswer> {
        let mut latest = self.answers.iter().rev();
        latest.find(|answer| answer.target == target).copied()
    }

    pub(super) fn saw(&mut self, headers: &HeaderMap) {
        let (accept, api_version) = (headers.get(ACCEPT), headers.get(API_VERSION));
        let mut known = self.variants.iter();
        if known.any(|known| {
            known.accept.as_ref() == accept && known.api_version.as_ref() == api_version
        }) {
            return;
        }
        let variant = Variant {
            accept: accept.cloned(),
            api_version: api_version.cloned(),
        };
        if self.variants.len() < MAX_VARIANTS && variant.bytes() <= MAX_VARIANT_BYTES {
            self.variants.push(variant);
        }
    }

    pub(super) fn variants(&self) -> Vec<Variant> {
        self.variants.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_remembered_once_and_not_without_end() {
        let mut lately = Lately::default();
        for number in 0..1000 {
            let accept = HeaderValue::from_str(&format!("text/{}", number % 500)).unwrap();
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept);
            lately.saw(&headers);
            lately.saw(&headers);
        }
        assert_eq!(lately.variants().len(), MAX_VARIANTS);
    }
}

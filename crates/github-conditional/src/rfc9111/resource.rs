//! What is stored for one url: its answers for requests with different selecting headers, and when it was last changed
//! through this cache.
//!
//! A value never changes; a changed one is made and handed to the store, which joins it with what is there.
//! Of two answers to requests that select the same the one that was asked for later stays.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::SystemTime;

use cache_backends::CacheValue;
#[cfg(feature = "packed")]
use cache_backends::{Pack, Packing};

use super::stored::Stored;

mod codec;

/// Fixed cost of a value in memory, beside its answers.
const RESOURCE_BYTES: usize = 128;

/// What is stored for one url. Cloning shares the value.
#[derive(Clone, Debug)]
pub struct Resource(Arc<Parts>);

#[derive(Debug, Default)]
struct Parts {
    /// The newest first.
    answers: Vec<Arc<Stored>>,
    /// What was asked for up to then is not reused without being asked about: a write has changed the resource.
    invalidated_at: Option<SystemTime>,
    /// The most answers that are kept beside each other.
    max_variants: usize,
}

impl Resource {
    /// A value with one answer.
    pub(crate) fn holding(answer: Arc<Stored>, max_variants: usize) -> Self {
        Self(Arc::new(Parts {
            answers: vec![answer],
            invalidated_at: None,
            max_variants,
        }))
    }

    /// A value that says nothing but that all from before is outdated.
    pub(crate) fn invalidated(at: SystemTime, max_variants: usize) -> Self {
        Self(Arc::new(Parts {
            answers: Vec::new(),
            invalidated_at: Some(at),
            max_variants,
        }))
    }

    /// The stored answers, the newest first.
    pub(crate) fn answers(&self) -> &[Arc<Stored>] {
        &self.0.answers
    }

    pub(crate) fn invalidated_at(&self) -> Option<SystemTime> {
        self.0.invalidated_at
    }

    /// How many answers are kept beside each other.
    pub fn variants(&self) -> usize {
        self.0.answers.len()
    }
}

impl CacheValue for Resource {
    fn weight_bytes(&self) -> usize {
        let answers = self.0.answers.iter();
        RESOURCE_BYTES + answers.map(|answer| answer.weight_bytes()).sum::<usize>()
    }

    fn merge(stored: &Self, arriving: Self) -> Self {
        if Arc::ptr_eq(&stored.0, &arriving.0) {
            return arriving;
        }
        let invalidated_at = stored.0.invalidated_at.max(arriving.0.invalidated_at);
        let max_variants = arriving.0.max_variants;
        let mut answers: Vec<_> = arriving.0.answers.to_vec();
        answers.extend_from_slice(&stored.0.answers);
        answers.sort_by_key(|answer| Reverse(answer.order()));
        let mut kept: Vec<Arc<Stored>> = Vec::with_capacity(answers.len());
        for answer in answers {
            let same = |known: &Arc<Stored>| known.selection() == answer.selection();
            if kept.len() < max_variants && !kept.iter().any(same) {
                kept.push(answer);
            }
        }
        Self(Arc::new(Parts {
            answers: kept,
            invalidated_at,
            max_variants,
        }))
    }
}

#[cfg(feature = "packed")]
impl Pack for Resource {
    fn packed(self, packing: &Packing) -> Self {
        let packed = |answer: &Arc<Stored>| answer.packed(packing);
        let all: Vec<_> = self.0.answers.iter().map(packed).collect();
        if all.iter().all(Option::is_none) {
            return self;
        }
        let answers = self.0.answers.iter().zip(all);
        let answers = answers.map(|(answer, packed)| packed.unwrap_or_else(|| Arc::clone(answer)));
        Self(Arc::new(Parts {
            answers: answers.collect(),
            invalidated_at: self.0.invalidated_at,
            max_variants: self.0.max_variants,
        }))
    }
}

#[cfg(test)]
mod tests;

//! Everything known about one caller.

use std::time::{SystemTime, UNIX_EPOCH};

use github_headers::{RateLimit, Resource};

use crate::ledger::charge::Charge;
use crate::ledger::cooldown::{Cooldown, Wait};
use crate::ledger::window::Window;
use crate::ledger::{CallerId, Counts, LedgerLine, Standing};

/// GitHub names some twenty buckets; more than this come from no GitHub, and are counted as nameless.
const MOST_BUCKETS: usize = 32;

#[derive(Debug)]
pub(super) struct Account {
    /// Few, so that looking through them beats hashing.
    buckets: Vec<Bucket>,
    cooldown: Option<Cooldown>,
    last_seen: SystemTime,
}

#[derive(Debug)]
struct Bucket {
    resource: Option<Resource>,
    window: Option<Window>,
    word: Word,
    counts: Counts,
}

/// What stands behind a statement that nothing is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    /// An answer to somebody who was served.
    Served,
    /// The refusal of a primary limit, as far as its headers tell.
    Refusal,
    /// A secondary limit, which comes with any number and says nothing about the window.
    Secondary,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            buckets: Vec::new(),
            cooldown: None,
            last_seen: UNIX_EPOCH,
        }
    }
}

impl Account {
    pub(super) fn seen(&mut self, now: SystemTime) {
        self.last_seen = self.last_seen.max(now);
    }

    pub(super) fn last_seen(&self) -> SystemTime {
        self.last_seen
    }

    pub(super) fn enter(&mut self, limit: Option<RateLimit>, charge: &Charge, now: SystemTime) {
        let Some(limit) = limit else {
            self.bucket(None).counts.count(charge);
            return;
        };
        let bucket = self.bucket(Some(&limit.resource));
        bucket.counts.count(charge);
        if bucket.resource.is_some() {
            bucket.window = Some(Window::after(bucket.window, &limit, now));
            bucket.word = match charge {
                Charge::SecondaryLimit => Word::Secondary,
                Charge::PrimaryLimit => Word::Refusal,
                _ => Word::Served,
            };
        }
    }

    /// Refusals that looked like the primary limit turn out to be about the secondary one.
    pub(super) fn doubt_refusals(&mut self) {
        for bucket in &mut self.buckets {
            if bucket.word == Word::Refusal {
                bucket.word = Word::Secondary;
            }
        }
    }

    pub(super) fn cool_down(&mut self, wait: Wait, now: SystemTime) {
        self.cooldown = Some(Cooldown::after(self.cooldown, wait, now));
    }

    /// The caller was served. During a cool-down that is an answer to a question from before it.
    pub(super) fn calm_down(&mut self, now: SystemTime) {
        self.cooldown = self.cooldown.filter(|cooldown| cooldown.is_on(now));
    }

    pub(super) fn standing(&self, resource: &Resource, now: SystemTime) -> Standing {
        if let Some(cooldown) = self.cooldown.filter(|cooldown| cooldown.is_on(now)) {
            return Standing::Cooling(cooldown);
        }
        let Some(bucket) = self.known(resource) else {
            return Standing::Open;
        };
        match bucket.window {
            Some(window)
                if window.is_exhausted()
                    && window.is_open(now)
                    && bucket.word != Word::Secondary =>
            {
                Standing::Exhausted {
                    until: window.ends(),
                }
            }
            _ => Standing::Open,
        }
    }

    pub(super) fn window(&self, resource: &Resource) -> Option<Window> {
        self.known(resource)?.window
    }

    fn known(&self, resource: &Resource) -> Option<&Bucket> {
        self.buckets
            .iter()
            .find(|bucket| bucket.resource.as_ref() == Some(resource))
    }

    pub(super) fn lines(
        &self,
        caller: Option<CallerId>,
        now: SystemTime,
    ) -> impl Iterator<Item = LedgerLine> {
        let cooldown = self.cooldown.filter(|cooldown| cooldown.is_on(now));
        self.buckets.iter().map(move |bucket| LedgerLine {
            caller,
            resource: bucket.resource.clone(),
            window: bucket.window,
            cooldown,
            counts: bucket.counts,
        })
    }

    /// Adds the counts of an account that is given up.
    pub(super) fn absorb(&mut self, other: &Self) {
        for bucket in &other.buckets {
            self.bucket(bucket.resource.as_ref())
                .counts
                .add(bucket.counts);
        }
    }

    fn bucket(&mut self, resource: Option<&Resource>) -> &mut Bucket {
        let known = |buckets: &[Bucket], resource: Option<&Resource>| {
            buckets
                .iter()
                .position(|bucket| bucket.resource.as_ref() == resource)
        };
        let resource = match known(&self.buckets, resource) {
            Some(index) => return &mut self.buckets[index],
            None if self.buckets.len() >= MOST_BUCKETS => None,
            None => resource,
        };
        let index = known(&self.buckets, resource).unwrap_or_else(|| {
            self.buckets.push(Bucket {
                resource: resource.cloned(),
                window: None,
                word: Word::Served,
                counts: Counts::default(),
            });
            self.buckets.len() - 1
        });
        &mut self.buckets[index]
    }
}

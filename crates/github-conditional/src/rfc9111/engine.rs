//! The cache's shared state, and the keys of urls.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use cache_backends::{CacheStore, CacheValue, StoreKey, Usage};
use github_headers::{GithubMedia, Route};
use http::uri::PathAndQuery;
use http::{HeaderMap, Uri};
use sha2::{Digest, Sha256};

use super::options::Options;
use super::read::Landed;
use super::resource::Resource;
use crate::clock::SharedClock;
use crate::confidence::{Learned, Prediction};
use crate::engine::Inspect;
use crate::engine::explain::{Explanation, NotReused, Reuse};
use crate::fingerprint::{CredentialClass, Fingerprint, FingerprintKey};
use crate::flight::Flights;
use crate::observer::Observer;
use crate::outcome::{Outcome, Report};
use crate::policy::before::Freshness;
use crate::purges::{Purge, Purges};
use crate::recording::Budget;
use crate::routes::RoutePolicy;
use crate::shelf;

/// Version of the key layout: a new layout must never read what an old one wrote.
const KEY_VERSION: &[u8] = b"rfc9111 key v1";

/// One upstream call per url, and anew after each write that touches it: who asks after a write must not be given the
/// answer to a question from before.
pub(crate) type FlightKey = (StoreKey, Option<SystemTime>);

/// State shared by all clones of a service.
pub(crate) struct Engine<St> {
    pub(super) options: Options,
    /// Under which credentials and selecting headers are hashed.
    pub(super) secret: FingerprintKey,
    pub(super) store: St,
    pub(super) flights: Flights<FlightKey, Landed>,
    pub(super) purges: Purges,
    pub(super) budget: Budget,
    pub(super) clock: SharedClock,
    pub(super) observer: Arc<dyn Observer>,
}

impl<St: CacheStore<Resource>> Engine<St> {
    pub(super) fn new(
        options: Options,
        secret: FingerprintKey,
        store: St,
        clock: SharedClock,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self {
            budget: Budget::new(options.max_recording_bytes),
            flights: Flights::new(),
            purges: Purges::default(),
            options,
            secret,
            store,
            clock,
            observer,
        }
    }

    /// What is stored for a url. What an operator has purged counts as outdated by a write.
    pub(super) async fn load(&self, key: &StoreKey, path: &str) -> Option<Resource> {
        let loaded = shelf::load(&self.store, &*self.observer, key).await;
        let Some(purged_at) = self.purges.last(path) else {
            return loaded;
        };
        let purged = Resource::invalidated(purged_at, self.options.max_variants);
        Some(match loaded {
            Some(resource) => Resource::merge(&resource, purged),
            None => purged,
        })
    }

    pub(super) async fn save(&self, key: &StoreKey, resource: Resource) {
        shelf::save(&self.store, &*self.observer, key, resource).await;
    }

    pub(super) fn now(&self) -> SystemTime {
        self.clock.now()
    }

    /// The target as an absolute url.
    pub(super) fn absolute(&self, uri: &Uri) -> Uri {
        if uri.scheme().is_some() {
            return uri.clone();
        }
        let root = PathAndQuery::from_static("/");
        let target = uri.path_and_query().unwrap_or(&root);
        let absolute = format!("{}{target}", self.options.origin.trim_end_matches('/'));
        absolute.parse().unwrap_or_else(|_| uri.clone())
    }

    /// The store key of an absolute url.
    pub(super) fn key_of(&self, uri: &Uri) -> StoreKey {
        let mut hash = Sha256::new_with_prefix(KEY_VERSION);
        let parts = [
            uri.scheme_str().unwrap_or_default().to_ascii_lowercase(),
            uri.authority()
                .map(|authority| authority.as_str().to_ascii_lowercase())
                .unwrap_or_default(),
            uri.path_and_query()
                .map_or("/", PathAndQuery::as_str)
                .to_owned(),
        ];
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        StoreKey::new(hash.finalize().into())
    }

    pub(super) fn report(&self, outcome: Outcome, headers: &HeaderMap) -> Report {
        let fingerprint = self.secret.fingerprint(headers);
        Report::new(
            outcome,
            Route::OTHER,
            fingerprint,
            CredentialClass::of(headers),
        )
    }
}

impl<St: CacheStore<Resource>> Inspect for Engine<St> {
    fn usage(&self) -> Usage {
        self.store.usage()
    }

    fn recording_bytes(&self) -> usize {
        self.budget.used()
    }

    fn calls_in_flight(&self) -> usize {
        self.flights.aloft()
    }

    fn confidence(&self) -> Vec<((&'static str, GithubMedia), Learned)> {
        Vec::new()
    }

    fn fingerprint(&self, headers: &HeaderMap) -> Fingerprint {
        self.secret.fingerprint(headers)
    }

    fn key(&self, uri: &Uri, _headers: &HeaderMap) -> StoreKey {
        self.key_of(&self.absolute(uri))
    }

    /// Only that what is stored here is not an entry of GitHub's, and when the url was last outdated.
    fn explain<'a>(
        &'a self,
        uri: &'a Uri,
        headers: &'a HeaderMap,
        _said: Option<RoutePolicy>,
    ) -> Pin<Box<dyn Future<Output = Explanation> + Send + 'a>> {
        Box::pin(async move {
            let resource = self.load(&self.key(uri, headers), uri.path()).await;
            Explanation {
                route: Route::OTHER,
                entry: None,
                touched_at: resource.and_then(|resource| resource.invalidated_at()),
                purged_at: self.purges.last(uri.path()),
                prediction: Prediction::Off,
                authorized: Freshness::Rfc9111,
                anonymous: Freshness::Rfc9111,
                newcomer: Reuse::Fetched(NotReused::NothingStored),
                callers: Vec::new(),
            }
        })
    }

    fn purge(&self, purge: Purge<'_>) {
        self.purges.add(purge, self.now());
    }
}

//! The engine's shared state: keys, store, flights, what was learned, what was marked.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cache_backends::{CacheStore, StoreKey, Usage};
use github_headers::GithubMedia;
use http::{Extensions, HeaderMap, Method, Uri};

use crate::absences::Absences;
use crate::clock::SharedClock;
use crate::confidence::{Confidence, Learned};
use crate::entry::{CallerHeaders, Entry, Remains};
use crate::fingerprint::{CredentialClass, Fingerprint, FingerprintKey};
use crate::flight::Flights;
use crate::marks::Marks;
use crate::observer::{Event, Observer};
use crate::options::Options;
use crate::paths::PathPattern;
use crate::policy::origin::Origin;
use crate::purges::{Purge, Purges};
use crate::recording::Budget;
use crate::routes::RoutePolicy;
use crate::saves::Saves;
use crate::shelf;
use crate::variant::VariantKeys;

pub(crate) mod answer;
pub(crate) mod call;
mod commit;
mod confirm;
mod deliver;
pub(crate) mod explain;
mod prepare;
mod probe;
pub(crate) mod read;
pub(crate) mod upstream;

use answer::Landed;
use explain::Explanation;

/// One upstream call per resource variant and caller, and anew after each write that touches it: who asks after a write
/// must not be given the answer to a question from before.
pub(crate) type FlightKey = (StoreKey, Fingerprint, u64);

/// State shared by all clones of a service.
pub(crate) struct Engine<St> {
    pub(crate) options: Options,
    pub(crate) fingerprints: FingerprintKey,
    pub(crate) keys: VariantKeys,
    pub(crate) origin: Origin,
    pub(crate) store: St,
    pub(crate) confidence: Confidence,
    pub(crate) flights: Flights<FlightKey, Landed>,
    /// First fetches of variants that nobody has: other callers wait for them.
    pub(crate) cold: Flights<StoreKey, ()>,
    pub(crate) saves: Saves,
    pub(crate) marks: Marks,
    pub(crate) purges: Purges,
    pub(crate) absences: Absences,
    pub(crate) callers: CallerHeaders,
    pub(crate) budget: Budget,
    pub(crate) clock: SharedClock,
    pub(crate) observer: Arc<dyn Observer>,
}

impl<St: CacheStore<Entry>> Engine<St> {
    pub(crate) fn new(
        options: Options,
        fingerprints: FingerprintKey,
        store: St,
        clock: SharedClock,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self {
            keys: VariantKeys::new(&options.origin),
            origin: Origin::new(&options.origin),
            budget: Budget::new(options.max_recording_bytes),
            fingerprints,
            store,
            confidence: Confidence::default(),
            flights: Flights::new(),
            cold: Flights::new(),
            saves: Saves::default(),
            purges: Purges::default(),
            marks: Marks::new(options.max_marks),
            absences: Absences::new(options.max_absence_bytes),
            callers: CallerHeaders::default(),
            clock,
            observer,
            options,
        }
    }

    /// What is stored under a key. A store that fails is a miss.
    pub(crate) async fn load(&self, key: &StoreKey) -> Option<Entry> {
        let entry: Entry = shelf::load(&self.store, &*self.observer, key).await?;
        let Some(purged_at) = self.purges.last(entry.path()) else {
            return Some(entry);
        };
        match entry.forget_until(purged_at) {
            Remains::Something => Some(entry),
            Remains::Nothing => {
                if let Err(error) = self.store.remove(key).await {
                    self.observer.observe(&Event::StoreFailed(&error));
                }
                None
            }
        }
    }

    /// The same, with what tells later whether it is worth looking again.
    pub(crate) async fn find(&self, key: &StoreKey) -> Found {
        let saves = self.saves.count(key);
        let entry = self.load(key).await;
        Found { entry, saves }
    }

    /// What is stored by now, after all that may have happened since it was looked for.
    ///
    /// Where nothing was, and this process has saved nothing since, there is nothing to look for: a shared store would be
    /// asked over the network several times for each miss, and one that does not answer would be waited for again. What
    /// another process has stored meanwhile is joined with this one's in the shared store.
    pub(crate) async fn find_again(&self, key: &StoreKey, found: Found) -> Found {
        if found.entry.is_none() && self.saves.count(key) == found.saves {
            return found;
        }
        self.find(key).await
    }

    /// Hands a changed entry to the store. A store that fails costs a later miss, nothing else.
    pub(crate) async fn save(&self, key: &StoreKey, entry: Entry) {
        shelf::save(&self.store, &*self.observer, key, entry).await;
        self.saves.add(key);
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.clock.now()
    }

    /// What may be done on a route: as the request itself says, the table, or the kind of caller.
    pub(crate) fn policy(
        &self,
        method: &Method,
        path: &str,
        class: CredentialClass,
        extensions: &Extensions,
    ) -> RoutePolicy {
        let said = extensions.get::<RoutePolicy>();
        let said = said.or_else(|| self.options.routes.find(method, path));
        said.copied().unwrap_or(RoutePolicy::Freshness(match class {
            CredentialClass::Anonymous => self.options.anonymous,
            CredentialClass::Token | CredentialClass::AppJwt => self.options.authorized,
        }))
    }
}

/// What was found under a key.
pub(crate) struct Found {
    pub(crate) entry: Option<Entry>,
    /// The saves that it may include.
    saves: u64,
}

/// A view of the engine for metrics and administration.
pub trait Inspect: Send + Sync {
    /// What the store holds.
    fn usage(&self) -> Usage;
    /// Bytes of bodies that are being recorded.
    fn recording_bytes(&self) -> usize;
    /// Upstream calls under way for reads.
    fn calls_in_flight(&self) -> usize;
    /// What was learned about predicted tags, per route template and representation.
    fn confidence(&self) -> Vec<((&'static str, GithubMedia), Learned)>;
    /// The fingerprint of the caller who sent these headers.
    fn fingerprint(&self, headers: &HeaderMap) -> Fingerprint;
    /// The store key of the resource variant that a GET with this target and these headers asks for.
    fn key(&self, uri: &Uri, headers: &HeaderMap) -> StoreKey;
    /// What is stored for a GET with this target and these headers, and what would become of it, where `said` is the policy
    /// that its request brings along.
    fn explain<'a>(
        &'a self,
        uri: &'a Uri,
        headers: &'a HeaderMap,
        said: Option<RoutePolicy>,
    ) -> Pin<Box<dyn Future<Output = Explanation> + Send + 'a>>;
    /// Makes what is stored until now unusable for everybody, and lets no request join a call from before.
    fn purge(&self, purge: Purge<'_>);
}

/// Tells the engine what has changed at GitHub without it: by webhooks, by writes that went another way.
pub trait Marker: Send + Sync {
    /// Whatever is stored under these paths is asked about before it is served again.
    ///
    /// For the time `settle` GitHub's answers are not trusted to be from after the change: what it says in that time is
    /// served, and asked about again.
    ///
    /// A mark holds in this process; others that share the store are told separately.
    fn mark(&self, paths: &[PathPattern], settle: Duration);
}

impl<St: CacheStore<Entry>> Marker for Engine<St> {
    fn mark(&self, paths: &[PathPattern], settle: Duration) {
        self.marks.mark_patterns(paths, self.now(), settle);
    }
}

impl<St: CacheStore<Entry>> Inspect for Engine<St> {
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
        self.confidence.snapshot()
    }

    fn fingerprint(&self, headers: &HeaderMap) -> Fingerprint {
        self.fingerprints.fingerprint(headers)
    }

    fn key(&self, uri: &Uri, headers: &HeaderMap) -> StoreKey {
        self.keys.key(uri, headers)
    }

    fn explain<'a>(
        &'a self,
        uri: &'a Uri,
        headers: &'a HeaderMap,
        said: Option<RoutePolicy>,
    ) -> Pin<Box<dyn Future<Output = Explanation> + Send + 'a>> {
        Box::pin(explain::explain(self, uri, headers, said))
    }

    fn purge(&self, purge: Purge<'_>) {
        let now = self.now();
        self.purges.add(purge, now);
        let (Purge::Path(path) | Purge::Prefix(path)) = purge;
        self.marks.mark(path, now);
    }
}

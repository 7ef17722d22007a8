//! The tower layer and service: conditional requests around any HTTP client.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use cache_backends::CacheStore;
#[cfg(feature = "memory")]
use cache_backends::MemoryStore;
use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::body::ConditionalBody;
use crate::clock::{Clock, SharedClock, SystemClock};
use crate::engine::read::{self, Answered, Answering};
use crate::engine::{Engine, Inspect, Marker};
use crate::entry::Entry;
use crate::error::Error;
use crate::fingerprint::FingerprintKey;
use crate::observer::Observer;
use crate::options::Options;
use crate::wrapped::{HttpService, ReceivedBody, SentBody};

/// Builds a [`ConditionalLayer`]; every part has a default that works.
pub struct Builder<St> {
    options: Options,
    fingerprints: Option<FingerprintKey>,
    store: St,
    clock: SharedClock,
    observer: Arc<dyn Observer>,
}

impl<St: CacheStore<Entry>> Builder<St> {
    /// Settings. Default: [`Options::default`].
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Where entries live. Default: this process's memory, 256 MiB.
    #[must_use]
    pub fn store<Other: CacheStore<Entry>>(self, store: Other) -> Builder<Other> {
        let Self {
            options,
            fingerprints,
            store: _,
            clock,
            observer,
        } = self;
        Builder {
            options,
            fingerprints,
            store,
            clock,
            observer,
        }
    }

    /// The secret under which credentials are hashed. Default: random, which is right unless processes share a store.
    #[must_use]
    pub fn fingerprint_key(mut self, key: FingerprintKey) -> Self {
        self.fingerprints = Some(key);
        self
    }

    /// The clock. Default: the operating system's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Who is told what happens. Default: nobody.
    #[must_use]
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observer = Arc::new(observer);
        self
    }

    /// The layer.
    ///
    /// # Errors
    /// When no fingerprint key was given and the operating system has no randomness for one.
    pub fn build(self) -> Result<ConditionalLayer<St>, getrandom::Error> {
        let Self {
            options,
            fingerprints,
            store,
            clock,
            observer,
        } = self;
        let fingerprints = match fingerprints {
            Some(key) => key,
            None => FingerprintKey::random()?,
        };
        let engine = Engine::new(options, fingerprints, store, clock, observer);
        Ok(ConditionalLayer {
            engine: Arc::new(engine),
        })
    }
}

impl<St> fmt::Debug for Builder<St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Wraps an HTTP client so that every GET becomes a conditional request.
///
/// All services made by one layer, and their clones, share one cache.
pub struct ConditionalLayer<St> {
    engine: Arc<Engine<St>>,
}

#[cfg(feature = "memory")]
impl ConditionalLayer<MemoryStore<Entry>> {
    /// A builder with the defaults: entries live in this process's memory, 256 MiB of it.
    pub fn builder() -> Builder<MemoryStore<Entry>> {
        ConditionalLayer::builder_on(MemoryStore::default())
    }
}

impl<St: CacheStore<Entry>> ConditionalLayer<St> {
    /// A builder with the defaults, for entries that live elsewhere.
    pub fn builder_on(store: St) -> Builder<St> {
        Builder {
            options: Options::default(),
            fingerprints: None,
            store,
            clock: Arc::new(SystemClock),
            observer: Arc::new(()),
        }
    }

    /// A view of the engine for metrics and administration.
    pub fn inspect(&self) -> Arc<dyn Inspect> {
        Arc::clone(&self.engine) as Arc<dyn Inspect>
    }

    /// What tells the engine of changes that did not go through it.
    pub fn marker(&self) -> Arc<dyn Marker> {
        Arc::clone(&self.engine) as Arc<dyn Marker>
    }
}

impl<St> ConditionalLayer<St> {
    /// Scheme and authority of the API that this cache is for.
    pub fn origin(&self) -> &str {
        &self.engine.options.origin
    }

    #[cfg(feature = "reqwest-middleware")]
    pub(crate) fn engine(&self) -> Arc<Engine<St>> {
        Arc::clone(&self.engine)
    }
}

impl<St> Clone for ConditionalLayer<St> {
    fn clone(&self) -> Self {
        Self {
            engine: Arc::clone(&self.engine),
        }
    }
}

impl<St> fmt::Debug for ConditionalLayer<St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConditionalLayer").finish_non_exhaustive()
    }
}

impl<S, St> Layer<S> for ConditionalLayer<St> {
    type Service = Conditional<S, St>;

    fn layer(&self, inner: S) -> Self::Service {
        Conditional {
            inner,
            engine: Arc::clone(&self.engine),
        }
    }
}

/// An HTTP client whose GETs are conditional requests.
///
/// A call finds out at once who asks for what; the future is what may have to wait.
/// Each response has a [`Report`](crate::Report) among its extensions that says how it was made.
///
/// # Cancel safety
/// A response future may be dropped at any time. Requests that wait for the same upstream call are not harmed: one of
/// them takes over. A body that is being received is received to its end and stored.
pub struct Conditional<S, St> {
    inner: S,
    engine: Arc<Engine<St>>,
}

impl<S, St> Conditional<S, St> {
    /// The wrapped client.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The wrapped client.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, St: CacheStore<Entry>> Conditional<S, St> {
    /// As [`ConditionalLayer::inspect`].
    pub fn inspect(&self) -> Arc<dyn Inspect> {
        Arc::clone(&self.engine) as Arc<dyn Inspect>
    }
}

impl<S: Clone, St> Clone for Conditional<S, St> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            engine: Arc::clone(&self.engine),
        }
    }
}

impl<S: fmt::Debug, St> fmt::Debug for Conditional<S, St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conditional")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

/// The future of a response of [`Conditional`] or of a [`Cache`](crate::rfc9111::Cache).
pub struct ResponseFuture<B>(pub(crate) Answering<'static, B>);

impl<B> Future for ResponseFuture<B> {
    type Output = Answered<B>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

impl<B> fmt::Debug for ResponseFuture<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture")
    }
}

impl<S, St, ReqB, ResB> Service<Request<ReqB>> for Conditional<S, St>
where
    S: HttpService<ReqB, Body = ResB> + 'static,
    St: CacheStore<Entry>,
    ReqB: SentBody,
    ResB: ReceivedBody,
{
    type Response = Response<ConditionalBody<ResB>>;
    type Error = Error;
    type Future = ResponseFuture<ResB>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // The wrapped client is made ready when, and only when, GitHub is to be asked.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<ReqB>) -> ResponseFuture<ResB> {
        let engine = Arc::clone(&self.engine);
        ResponseFuture(read::answer(engine, self.inner.clone(), request))
    }
}

//! The tower layer and service.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use cache_backends::CacheStore;
#[cfg(feature = "memory")]
use cache_backends::MemoryStore;
use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::engine::Engine;
use super::options::Options;
use super::read;
use super::resource::Resource;
use crate::body::ConditionalBody;
use crate::clock::{Clock, SharedClock, SystemClock};
use crate::engine::Inspect;
use crate::error::Error;
use crate::fingerprint::FingerprintKey;
use crate::observer::Observer;
use crate::service::ResponseFuture;
use crate::wrapped::{HttpService, ReceivedBody, SentBody};

/// Builds a [`CacheLayer`]; every part has a default that works.
pub struct CacheBuilder<St> {
    options: Options,
    secret: Option<FingerprintKey>,
    store: St,
    clock: SharedClock,
    observer: Arc<dyn Observer>,
}

impl<St: CacheStore<Resource>> CacheBuilder<St> {
    /// Settings. Default: [`Options::default`].
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Where answers live. Default: this process's memory, 256 MiB.
    #[must_use]
    pub fn store<Other: CacheStore<Resource>>(self, store: Other) -> CacheBuilder<Other> {
        let Self {
            options,
            secret,
            store: _,
            clock,
            observer,
        } = self;
        CacheBuilder {
            options,
            secret,
            store,
            clock,
            observer,
        }
    }

    /// The secret under which selecting headers and credentials are hashed. Default: random, which is right unless
    /// processes share a store.
    #[must_use]
    pub fn fingerprint_key(mut self, key: FingerprintKey) -> Self {
        self.secret = Some(key);
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
    /// When no key was given and the operating system has no randomness for one.
    pub fn build(self) -> Result<CacheLayer<St>, getrandom::Error> {
        let secret = match self.secret {
            Some(key) => key,
            None => FingerprintKey::random()?,
        };
        let engine = Engine::new(self.options, secret, self.store, self.clock, self.observer);
        Ok(CacheLayer {
            engine: Arc::new(engine),
        })
    }
}

impl<St> fmt::Debug for CacheBuilder<St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheBuilder")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Wraps an HTTP client in a cache as RFC 9111 describes it.
///
/// All services made by one layer, and their clones, share one cache.
pub struct CacheLayer<St> {
    engine: Arc<Engine<St>>,
}

#[cfg(feature = "memory")]
impl CacheLayer<MemoryStore<Resource>> {
    /// A builder with the defaults, on a store in memory.
    pub fn builder() -> CacheBuilder<MemoryStore<Resource>> {
        CacheLayer::builder_on(MemoryStore::default())
    }
}

impl<St: CacheStore<Resource>> CacheLayer<St> {
    /// A builder with the defaults, on a store of your own.
    pub fn builder_on(store: St) -> CacheBuilder<St> {
        CacheBuilder {
            options: Options::default(),
            secret: None,
            store,
            clock: Arc::new(SystemClock),
            observer: Arc::new(()),
        }
    }

    /// A view of the cache for metrics and administration.
    pub fn inspect(&self) -> Arc<dyn Inspect> {
        Arc::clone(&self.engine) as Arc<dyn Inspect>
    }
}

impl<St> Clone for CacheLayer<St> {
    fn clone(&self) -> Self {
        Self {
            engine: Arc::clone(&self.engine),
        }
    }
}

impl<St> fmt::Debug for CacheLayer<St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheLayer").finish_non_exhaustive()
    }
}

impl<S, St> Layer<S> for CacheLayer<St> {
    type Service = Cache<S, St>;

    fn layer(&self, inner: S) -> Self::Service {
        Cache {
            inner,
            engine: Arc::clone(&self.engine),
        }
    }
}

/// An HTTP client behind a cache.
///
/// Each response has a [`Report`](crate::Report) among its extensions that says how it was made.
///
/// # Cancel safety
/// A response future may be dropped at any time. Requests that wait for the same upstream call are not harmed: one of
/// them takes over. A body that is being recorded is received to its end and stored.
pub struct Cache<S, St> {
    inner: S,
    engine: Arc<Engine<St>>,
}

impl<S, St> Cache<S, St> {
    /// The wrapped client.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The wrapped client.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: Clone, St> Clone for Cache<S, St> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            engine: Arc::clone(&self.engine),
        }
    }
}

impl<S: fmt::Debug, St> fmt::Debug for Cache<S, St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<S, St, ReqB, ResB> Service<Request<ReqB>> for Cache<S, St>
where
    S: HttpService<ReqB, Body = ResB> + 'static,
    St: CacheStore<Resource>,
    ReqB: SentBody,
    ResB: ReceivedBody,
{
    type Response = Response<ConditionalBody<ResB>>;
    type Error = Error;
    type Future = ResponseFuture<ResB>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // The wrapped client is made ready when, and only when, the server is to be asked.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<ReqB>) -> ResponseFuture<ResB> {
        let engine = Arc::clone(&self.engine);
        ResponseFuture(Box::pin(read::answer(engine, self.inner.clone(), request)))
    }
}

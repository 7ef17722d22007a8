//! Store and GitHub as the settings describe them: what server and command line have in common.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use github_upstream::{BaseUrl, Upstream, UpstreamOptions, WallClock};
use service_runtime::{Clock, Metrics};

use crate::config::Config;
use crate::name::FullName;
use crate::policy::Policy;
use crate::poller::{self, PollerOptions};
use crate::problem::Problem;
use crate::routes::shapes::RepositoryObject;
use crate::service::{BuildError, Parts};
use crate::source::{Cause, Failed, Feed, Found, Source, SourceOptions};
use crate::store::{Page, Repository, Store, StoreError, StoreOptions};
use crate::windows::Windows;

/// Opens the database that the settings name.
///
/// # Errors
/// Says what is wrong with its address, or why it cannot be used.
pub(crate) async fn open_store(config: &Config) -> Result<Store, StoreError> {
    let options = StoreOptions {
        max_connections: config.database.max_connections,
        ..StoreOptions::default()
    };
    Store::open(config.database.url(), options).await
}

/// GitHub as the settings describe it.
///
/// # Errors
/// When its address, a token or a certificate file cannot be used.
pub(crate) fn open_source(config: &Config, clock: Arc<dyn Clock>) -> Result<Source, BuildError> {
    let http = &config.upstream_http;
    let mut options = UpstreamOptions::default();
    options.base_url = config
        .upstream
        .parse::<BaseUrl>()
        .map_err(BuildError::BaseUrl)?;
    options.connect_timeout = Duration::from_secs(http.connect_timeout_seconds);
    options.response_timeout = Duration::from_secs(http.response_timeout_seconds);
    options.body_idle_timeout = Duration::from_secs(http.body_idle_timeout_seconds);
    // A limited token is not waited for: the poller comes back when GitHub says so, and clients are told.
    options.pacing.max_wait = Duration::ZERO;
    options.extra_root_certificates = http.ca_file.as_ref().map(PathBuf::from);
    let wall = Arc::clone(&clock);
    let upstream = Upstream::builder(options)
        .clock(WallClock::new(move || wall.now()))
        .build()
        .map_err(BuildError::Upstream)?;
    let tokens = [&config.token, &config.organization_token];
    let options = SourceOptions {
        address: config.upstream.clone(),
        tokens: tokens.map(|token| token.expose().clone()).to_vec(),
        max_page_bytes: config.polling.max_page_bytes,
    };
    Source::new(upstream, options, clock).map_err(BuildError::Token)
}

/// What is asked of store and GitHub on behalf of whoever uses the service, over the network or on the command line.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) store: Store,
    pub(crate) source: Source,
    pub(crate) max_active: usize,
    clock: Clocked,
    policy: Policy,
    upstream: String,
}

/// A clock that can be shown.
struct Clocked(Arc<dyn Clock>);

impl fmt::Debug for Clocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

impl Desk {
    pub(crate) async fn open(config: &Config, parts: &Parts) -> Result<Self, BuildError> {
        config.check()?;
        Ok(Self {
            store: open_store(config).await?,
            source: open_source(config, Arc::clone(&parts.clock))?,
            max_active: config.max_active,
            clock: Clocked(Arc::clone(&parts.clock)),
            policy: config.polling.policy,
            upstream: config.upstream.clone(),
        })
    }

    /// All repositories, in the order in which they were added.
    pub(crate) async fn all(&self) -> Result<Vec<Repository>, StoreError> {
        let mut all = Vec::new();
        for number in 1.. {
            let page = Page { number, size: 100 };
            let (some, total) = self.store.repositories(page).await?;
            let is_last = some.is_empty();
            all.extend(some);
            if is_last || all.len() as u64 >= total {
                break;
            }
        }
        Ok(all)
    }

    /// A repository as answers show it.
    pub(crate) async fn object(&self, repository: Repository) -> Result<RepositoryObject, Problem> {
        let gaps = self.store.gaps(repository.id).await?;
        Ok(RepositoryObject::new(
            repository,
            gaps,
            &self.upstream,
            self.policy,
        ))
    }

    /// Asks GitHub for a repository.
    pub(crate) async fn look_up(&self, name: &FullName) -> Result<Looked, Problem> {
        let failed = |failed: Failed| match (failed.cause, failed.retry_at) {
            (Cause::RateLimited, at) => {
                let wait = at.and_then(|at| at.duration_since(self.clock.0.now()).ok());
                Problem::Limited {
                    wait_seconds: wait.map_or(60, |wait| wait.as_secs() + 1),
                }
            }
            (cause, _) => Problem::Upstream(cause.to_string()),
        };
        let found = self.source.repository(&Feed::Named(name.clone())).await;
        match found.map_err(failed)? {
            Found::Named { full_name, number } => Ok(Looked {
                full_name,
                github_id: number,
            }),
            Found::Gone(_) => Err(Problem::UnknownUpstream(name.clone())),
            Found::Moved { .. } => Err(Problem::Upstream("it redirects in a circle".to_owned())),
        }
    }

    /// What a poller is made of that tells nobody.
    pub(crate) fn poller_parts(&self, config: &Config, metrics: &Metrics) -> poller::Parts {
        poller::Parts {
            store: self.store.clone(),
            source: self.source.clone(),
            clock: Arc::clone(&self.clock.0),
            windows: Windows::new(config.window.extent()),
            tell: Arc::new(|_| {}),
            bell: Arc::default(),
            metrics: metrics.clone(),
            options: PollerOptions {
                policy: config.polling.policy,
                allowance: config.polling.allowance(),
                retention: config.database.retention(),
                ..PollerOptions::default()
            },
        }
    }
}

/// A repository as GitHub has it.
pub(crate) struct Looked {
    pub(crate) full_name: FullName,
    pub(crate) github_id: u64,
}

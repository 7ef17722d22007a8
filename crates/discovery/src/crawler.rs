//! The crawl put together, for servers, workers and the command line.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use service_runtime::{Clock, Shutdown};
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::config::Config;
use crate::crawl::fetch::{Fetcher, Source, SourceProblem};
use crate::crawl::retry::RetryRules;
use crate::crawl::runner::Ran;
use crate::crawl::throttle::QuotaRules;
use crate::crawl::work::{CrawlRules, Stop, Tools};
use crate::jobs::{JobsProblem, Queue, WorkerRules, Workshop};
use crate::moment::Moment;
use crate::store::{NewRun, RunState, RunTarget, Store, StoreError, TaskName};

/// What may be synced by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A developer, by login.
    User(String),
    /// A repository.
    Repository {
        /// Its owner's login.
        owner: String,
        /// Its name.
        name: String,
    },
}

/// How a run that was waited for ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// `done`, `failed`, `dead` or `cancelled`.
    pub state: &'static str,
    /// Why it is not done.
    pub error: Option<String>,
    /// Requests to GitHub.
    pub requests: i64,
    /// Those among them that GitHub answered with 304.
    pub not_modified: i64,
}

/// The crawl. Clones share everything.
#[derive(Clone)]
pub struct Crawler {
    pub(crate) tools: Tools,
    rules: WorkerRules,
    queued: Arc<Notify>,
}

/// How long a run that is another worker's is looked at again.
const LOOKED_AT_EVERY: Duration = Duration::from_millis(500);

impl Crawler {
    /// Builds the crawl from its settings. To be called inside the runtime.
    ///
    /// # Errors
    /// When a setting cannot be used, or the system gives no randomness.
    pub fn new(
        config: &Config,
        store: &Store,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SourceProblem> {
        let fetcher = Fetcher::new(&source(config), store, Arc::clone(&clock))?;
        let every = |seconds: u64| (seconds > 0).then(|| Duration::from_secs(seconds));
        Ok(Self {
            tools: Tools {
                store: store.clone(),
                fetcher,
                rules: crawl_rules(config),
                clock,
            },
            rules: WorkerRules {
                concurrency: config.worker.concurrency,
                poll: Duration::from_millis(config.worker.poll_milliseconds),
                discovery: every(config.discovery.interval_seconds),
                heartbeat: every(config.discovery.heartbeat_interval_seconds),
            },
            queued: Arc::default(),
        })
    }

    /// Works off runs until `shutdown`.
    ///
    /// # Errors
    /// When the job queue cannot be opened.
    pub async fn work(&self, shutdown: Shutdown) -> Result<(), JobsProblem> {
        let workshop = Workshop {
            tools: self.tools.clone(),
            queue: Queue::open(&self.tools.store).await?,
            rules: self.rules.clone(),
            queued: Arc::clone(&self.queued),
            under_way: TaskTracker::new(),
        };
        workshop.work(shutdown).await;
        Ok(())
    }

    /// Tells this process's workers that a run was queued.
    pub(crate) fn notify(&self) {
        self.queued.notify_one();
    }

    /// Queues the full sync of developers, for whoever works.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub async fn seed(&self, logins: &[String]) -> Result<Vec<Uuid>, StoreError> {
        let now = self.tools.now();
        let runs: Vec<NewRun> = logins
            .iter()
            .map(|login| by_hand(RunTarget::Developer(login.clone()), now))
            .collect();
        let queued = self.tools.store.queue_runs(&runs, now).await?;
        self.notify();
        Ok(queued.iter().map(crate::store::Queued::id).collect())
    }

    /// Syncs a target here and now, waiting for quota where it must; no server is needed.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub async fn sync(&self, target: Target) -> Result<Ended, StoreError> {
        let target = match target {
            Target::User(login) => RunTarget::Developer(login),
            Target::Repository { owner, name } => RunTarget::Repository { owner, name },
        };
        let now = self.tools.now();
        let run = by_hand(target, now);
        let id = self.tools.store.queue_run(&run, now).await?.id();
        self.finish(id).await
    }

    /// One run of discovery here and now: picks developers that are due, and syncs each.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub async fn discover(&self, count: u32) -> Result<Vec<(String, Ended)>, StoreError> {
        let now = self.tools.now();
        let depth = self.tools.rules.max_depth;
        let store = &self.tools.store;
        let mut synced = Vec::new();
        for candidate in store.pick_candidates(depth, count, now).await? {
            let run = NewRun {
                target: RunTarget::Developer(candidate.login.clone()),
                depth: candidate.depth,
                run_after: now,
            };
            let id = store.queue_run(&run, now).await?.id();
            synced.push((candidate.login, self.finish(id).await?));
        }
        Ok(synced)
    }

    /// The requests that a full profile sync would make, and how many of which kind.
    ///
    /// # Errors
    /// In words: GitHub does not show the developer, or cannot be asked now.
    pub async fn dry_run(&self, login: &str) -> Result<String, String> {
        let made = self.tools.dry_run(login).await;
        let made = made.map_err(|stop: Stop| stop.to_string())?;
        let plan = made.plan;
        Ok(format!(
            "{} requests: {} for the profile, {} pages of its lists, {} developers, {} pages of stargazers \
             ({} requests were made to find out)",
            plan.total(),
            plan.profile,
            plan.list_pages,
            plan.developers,
            plan.stargazer_pages,
            made.asked
        ))
    }

    /// Runs a run to its end, wherever it is run.
    async fn finish(&self, id: Uuid) -> Result<Ended, StoreError> {
        loop {
            let ran = self.tools.run(id, "here", std::future::pending()).await?;
            let Some(run) = self.tools.store.run(id).await? else {
                return Err(StoreError::Unknown("a run that is gone"));
            };
            if !run.state.is_live() {
                return Ok(Ended {
                    state: run.state.as_str(),
                    error: run.error,
                    requests: run.cost.requests,
                    not_modified: run.cost.not_modified,
                });
            }
            let wait = match ran {
                Ran::Ended => run.run_after.since(self.tools.now()),
                Ran::NotOurs => LOOKED_AT_EVERY,
            };
            if run.state == RunState::WaitingQuota {
                tracing::info!(%id, seconds = wait.as_secs(), "waiting for quota");
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// What is stored and what is going on, for people.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub async fn status(&self) -> Result<String, StoreError> {
        use std::fmt::Write as _;
        let store = &self.tools.store;
        let now = self.tools.now();
        let mut text = String::new();
        for counter in ["developers", "repositories", "follows", "stars", "owns"] {
            let count = store.counter(counter).await?;
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{counter:<14}{count}");
        }
        let due = store
            .candidate_count(self.tools.rules.max_depth, now)
            .await?;
        let _ = writeln!(text, "{:<14}{due}", "due");
        for state in RunState::ALL {
            let (count, _) = store.runs_in(&[*state], 0, 0).await?;
            let _ = writeln!(text, "{:<14}{count}", state.as_str());
        }
        for rate in store.rates().await? {
            let (left, limit, reset) = (rate.remaining, rate.limit, rate.reset_at);
            let _ = writeln!(
                text,
                "quota {}: {left} of {limit} until {reset}",
                rate.masked
            );
        }
        Ok(text)
    }

    /// The dead letters, newest first.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub async fn dead_letters(&self, limit: i64) -> Result<String, StoreError> {
        use std::fmt::Write as _;
        let mut text = String::new();
        let (_, runs) = self
            .tools
            .store
            .runs_in(&[RunState::Dead], 0, limit)
            .await?;
        for run in runs {
            let task: TaskName = run.target.task();
            let error = run.error.unwrap_or_default();
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{} {} {} {error}",
                run.id,
                task.as_str(),
                run.target.text()
            );
        }
        Ok(text)
    }
}

/// What is asked for by hand is a seed.
fn by_hand(target: RunTarget, now: Moment) -> NewRun {
    NewRun {
        target,
        depth: 0,
        run_after: now,
    }
}

fn source(config: &Config) -> Source {
    let http = &config.upstream_http;
    Source {
        upstream: config.upstream.clone(),
        tokens: config.github.tokens.expose().to_owned(),
        user: config.github.user.clone(),
        key: config.github.key.expose().to_owned(),
        rules: QuotaRules {
            stop_threshold: u64::from(config.github.stop_threshold),
            share: config.github.quota_share,
        },
        max_page_bytes: config.github.max_body_bytes,
        max_entries_bytes: config.cache.max_bytes,
        connect_timeout: Duration::from_secs(http.connect_timeout_seconds),
        response_timeout: Duration::from_secs(http.response_timeout_seconds),
        body_idle_timeout: Duration::from_secs(http.body_idle_timeout_seconds),
        ca_file: http.ca_file.clone(),
    }
}

fn crawl_rules(config: &Config) -> CrawlRules {
    let discovery = &config.discovery;
    CrawlRules {
        max_age: Duration::from_secs(discovery.user_max_age_seconds),
        max_depth: discovery.max_depth.map(i64::from),
        max_users: discovery
            .max_users
            .map(|most| i64::try_from(most).unwrap_or(i64::MAX)),
        count: discovery.count,
        max_pages: i64::from(discovery.max_list_pages),
        lease: Duration::from_secs(config.worker.lease_seconds),
        retry: RetryRules {
            max_attempts: config.retry.max_attempts,
            base: Duration::from_millis(config.retry.base_milliseconds),
        },
    }
}

impl fmt::Debug for Crawler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crawler")
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

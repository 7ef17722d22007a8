//! The GitHub API mirror as a library: a drop-in API url whose every GET is a conditional request.
//!
//! | module | what it is responsible for |
//! |---|---|
//! | [`config`] | what can be set, and the generated reference |
//! | `admission` | what a request is, by its target alone (pure) |
//! | `mirror` | the parts put together: engine, upstream, metrics |
//! | `users` | whose requests are served |
//! | `availability` | offline mode: whether the upstream is there |
//! | `engine` | the engine that the settings ask for, GitHub's or a plain cache, over its store |
//! | `exchange` | the life of one request |
//! | `admin` | status, explanations, purge, log level, reload, and the page |
//! | `reload` | new settings for a running mirror |
//! | `rewrite` | GitHub's urls become the mirror's, on the way out |
//! | `outcome` | `X-Cache`, `Cache-Status`, `Age`, the log's word |
//! | `limited` | what is said when a rate limit keeps the upstream from being asked |
//! | `pool` | the operator's own credentials: who may use them, which one a request gets |
//! | `problem` | errors to HTTP answers, in one place |
//! | `metrics`, `spans` | what is counted and traced |
//! | `tally` | what the status page shows |
//! | `routing` | which policy a route has, by configuration |
//! | `webhook` | GitHub's webhooks: verified, and what they touch is marked |
//! | `graphql` | a bounded look at GraphQL's refusals |
//! | `server` | sockets, limits, drain |
//! | `store` | the store that the settings ask for |
//!
//! The caching itself is in `github-conditional`, connections and quota in `github-upstream`.

mod admin;
mod admission;
mod availability;
mod body;
pub mod config;
mod engine;
mod exchange;
mod graphql;
mod limited;
mod metrics;
mod mirror;
mod outcome;
mod pool;
mod problem;
mod reload;
mod rewrite;
mod routing;
mod server;
mod spans;
mod store;
mod tally;
mod timed;
mod users;
mod webhook;

pub use admin::{Administration, Reloaded, SettingsProblem};
pub use availability::{Counts, Hint, Standing, UpstreamAccount};
pub use body::MirrorBody;
pub use config::Config;
pub use mirror::{AdminService, BuildError, Mirror, MirrorService, QuotaAccount};
pub use pool::CredentialProblem;
pub use server::Server;
pub use service_runtime::Parts;
pub use store::StoreProblem;

//! The graph of GitHub developers and repositories, grown within the quota.
//!
//! | module | what it is responsible for |
//! |---|---|
//! | [`config`] | what can be set, and the generated reference |
//! | `api` | what is served: the REST API, the pages, the metrics |
//! | `auth` | who may use the API |
//! | `problem` | errors to HTTP answers |
//! | `filter` | which stored items a query asks for, from one table |
//! | `identity` | the ids that the API shows (pure) |
//! | `server` | API and workers on one life cycle |
//! | `crawler` | the crawl put together, for servers, workers and the command line |
//! | `jobs` | runs on their way to a worker, and what starts by itself |
//! | `crawl` | what is fetched next, what it costs, and what becomes of it |
//! | `store` | what is known, in SQLite or PostgreSQL |
//! | `moment` | a moment as the store keeps it and GitHub writes it (pure) |
//! | `chance` | randomness, for spreading |

pub mod config;

mod api;
mod auth;
mod chance;
mod crawl;
mod crawler;
#[cfg(test)]
mod drills;
mod filter;
mod identity;
mod jobs;
mod moment;
mod problem;
mod server;
#[expect(dead_code, unused_imports, reason = "what only tests read")]
mod store;

pub use api::{Api, ApiParts, ApiService, Exporter, Format};
pub use auth::{UserError, add_user};
pub use config::Config;
pub use crawl::fetch::SourceProblem;
pub use crawler::{Crawler, Ended, Target};
pub use jobs::JobsProblem;
pub use server::Server;
pub use store::{Store, StoreError};

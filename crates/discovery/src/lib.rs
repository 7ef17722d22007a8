//! The graph of GitHub developers and repositories, grown within the quota.
//!
//! | module | what it is responsible for |
//! |---|---|
//! | [`config`] | what can be set, and the generated reference |
//! | `crawl` | the decisions of the crawl (pure) |
//! | `api` | what is served: the REST API, the pages, the metrics |
//! | `auth` | who may use the API |
//! | `problem` | errors to HTTP answers |
//! | `filter` | which stored items a query asks for, from one table |
//! | `identity` | the ids that the API shows (pure) |
//! | `moment` | a moment as the store keeps it and GitHub writes it (pure) |
//! | `store` | what is known, in SQLite or PostgreSQL |

pub mod config;

mod api;
mod auth;
#[expect(dead_code, reason = "the tasks that crawl use it")]
mod crawl;
mod filter;
mod identity;
#[cfg_attr(not(test), expect(dead_code, reason = "the tasks that crawl use it"))]
mod moment;
mod problem;
#[expect(dead_code, unused_imports, reason = "the tasks that crawl use it")]
mod store;

pub use api::{Api, ApiParts, ApiService, Exporter, Format};
pub use auth::{UserError, add_user};
pub use config::Config;
pub use store::{Store, StoreError};

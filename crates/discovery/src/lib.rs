//! The graph of GitHub developers and repositories, grown within the quota.
//!
//! | module | what it is responsible for |
//! |---|---|
//! | [`config`] | what can be set, and the generated reference |
//! | `crawl` | the decisions of the crawl (pure) |
//! | `moment` | a moment as the store keeps it and GitHub writes it (pure) |
//! | `store` | what is known, in SQLite or PostgreSQL |

pub mod config;

#[expect(dead_code, reason = "the tasks that crawl use it")]
mod crawl;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the crawl and the API come next")
)]
mod moment;
#[expect(dead_code, unused_imports, reason = "the crawl and the API come next")]
mod store;

pub use config::Config;
pub use store::{Store, StoreError};

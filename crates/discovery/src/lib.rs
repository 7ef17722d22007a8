//! The graph of GitHub developers and repositories, grown within the quota.
//!
//! | module | what it is responsible for |
//! |---|---|
//! | `crawl` | the decisions of the crawl (pure) |
//! | `moment` | a moment as the store keeps it and GitHub writes it (pure) |
//! | `store` | what is known, in SQLite or PostgreSQL |

#[expect(dead_code, reason = "the tasks that crawl use it")]
mod crawl;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the crawl and the API come next")
)]
mod moment;
#[expect(dead_code, unused_imports, reason = "the crawl and the API come next")]
mod store;

pub use store::{Store, StoreError};

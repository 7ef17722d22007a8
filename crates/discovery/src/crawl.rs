//! The crawl: what is fetched next, what it costs, and what becomes of it.
//!
//! | module | what it is responsible for |
//! |---|---|
//! | `selection` | which developers are due, in an order that starves nobody (pure) |
//! | `plan` | the requests of a full profile sync, before they are made (pure) |
//! | `throttle` | whether a request may be made now, by quota (pure) |
//! | `retry` | whether a run that failed is tried again (pure) |
//! | `gap` | why a count that GitHub reports is not met (pure) |
//! | `edges` | what a complete list changes among the edges of its owner (pure; the store is held to it) |
//! | `tokens` | who asks |
//! | `metered` | a unit of quota for each request, below the conditional engine |
//! | `fetch` | one document, asked for conditionally |
//! | `documents` | GitHub's JSON as far as it is stored (pure) |
//! | `dry_run` | what a sync would cost |
//! | `runner` | a claimed run, to its end or to where it has to stop |
//! | `work` | one run at work: its cursor and its account |
//! | `developer`, `repository` | the two full syncs, stage by stage |
//! | `lists` | one list to its end, page by page |
//! | `neighbours` | the developers on a page |

mod developer;
mod documents;
mod dry_run;
#[cfg(test)]
pub(crate) mod edges;
pub(crate) mod fetch;
pub(crate) mod gap;
mod lists;
mod metered;
mod neighbours;
mod plan;
mod repository;
pub(crate) mod retry;
pub(crate) mod runner;
pub(crate) mod selection;
pub(crate) mod throttle;
mod tokens;
pub(crate) mod work;

//! The crawl: what is fetched next, what it costs, and what becomes of it.
//!
//! | module | what it is responsible for |
//! |---|---|
//! | `selection` | which developers are due, in an order that starves nobody (pure) |
//! | `plan` | the requests of a full profile sync, before they are made (pure) |
//! | `edges` | what a complete list changes among the edges of its owner (pure) |
//! | `throttle` | whether a request may be made now, by quota (pure) |
//! | `retry` | whether a run that failed is tried again (pure) |
//! | `gap` | why a count that GitHub reports is not met (pure) |

pub(crate) mod edges;
pub(crate) mod gap;
pub(crate) mod plan;
pub(crate) mod retry;
pub(crate) mod selection;
pub(crate) mod throttle;

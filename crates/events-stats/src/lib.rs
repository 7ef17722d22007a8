//! Activity of a few repositories: their events kept through restarts, and how far apart they are.
//!
//! | module | what it is responsible for |
//! |---|---|
//! | `event` | one event as GitHub sent it, and the few fields that are read |
//! | `window` | which events count: the newest of the last days (pure) |
//! | `statistics` | gaps between consecutive events, by type and together (pure) |
//! | `gap` | where events may be missing, and why (pure) |
//! | `rate` | how often a repository has events, on average and in bursts (pure) |
//! | `policy` | how long to wait between polls, under one budget for all (pure) |
//! | `poll` | what one poll fetches, stores and reports (pure) |
//! | `schedule` | when each repository is polled next (pure) |
//! | `simulation` | what a policy would have done with past events (pure) |
//! | `name` | `owner/name` in whatever form (pure) |
//! | `lease` | which process polls a repository |
//! | `store` | repositories, events, state of polls, in SQLite or PostgreSQL |
//! | `source` | GitHub: one page of a feed, or what a repository is called |
//! | `poller` | polls what is due, stores what it finds, tells what is new |
//! | `windows` | the windows of what this process polls, in memory |
//! | `windowed` | one window with its gaps, as answers need it |
//! | `picture` | pictures of a window (pure) |
//! | `command`, `administration` | what the command line does beside serving |
//! | [`config`] | what can be set, and the generated reference |
//! | `auth` | who is let in (pure) |
//! | `herald` | tells those who listen what the store announces |
//! | `routes`, `problem`, `metrics` | answers, errors to HTTP, what is counted |
//! | `desk` | store and GitHub as the settings describe them |
//! | `service`, `server` | the parts put together, on their sockets |
//!
//! Nothing in the pure modules reads a clock or the network: `now` is an argument.

pub mod config;

mod administration;
mod auth;
mod command;
mod desk;
#[cfg(test)]
mod drills;
mod event;
mod gap;
mod herald;
mod lease;
mod metrics;
mod name;
mod picture;
mod policy;
mod poll;
mod poller;
mod problem;
mod rate;
mod routes;
mod schedule;
mod server;
mod service;
mod simulation;
mod source;
mod statistics;
mod store;
mod timestamp;
mod window;
mod windowed;
mod windows;

// Files that these tests share with those of the running service name the crate as those do.
#[cfg(test)]
extern crate self as events_stats;

pub use administration::{Administration, Form, StatisticsChoice, StatisticsForm};
pub use command::{Comparison, FileError, simulate_file};
pub use config::Config;
pub use event::{Event, EventId, PageError};
pub use gap::{Gap, GapReason};
pub use name::FullName;
pub use policy::{Allowance, Policy};
pub use poll::Silence;
pub use server::Server;
pub use service::{BuildError, Monitor, Parts};
pub use statistics::Statistics;
pub use store::{
    Activation, Added, Adding, EventFilter, EventPage, NewRepository, Novelty, Page, Repository,
    RepositoryId, Standing, Store, StoreError, StoreOptions,
};
pub use timestamp::Timestamp;
pub use window::{Extent, Inserted, LimitedBy, Window, WindowReport};

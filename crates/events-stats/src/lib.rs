//! Activity of a few repositories: their events kept through restarts, and how far apart they are.
//!
//! | module | what it is responsible for |
//! |---|---|
//! | [`event`] | one event as GitHub sent it, and the few fields that are read |
//! | [`window`] | which events count: the newest of the last days (pure) |
//! | [`statistics`] | gaps between consecutive events, by type and together (pure) |
//! | [`gap`] | where events may be missing, and why (pure) |
//! | [`rate`] | how often a repository has events, on average and in bursts (pure) |
//! | [`policy`] | how long to wait between polls, under one budget for all (pure) |
//! | [`poll`] | what one poll fetches, stores and reports (pure) |
//! | `schedule` | when each repository is polled next (pure) |
//! | [`simulation`] | what a policy would have done with past events (pure) |
//! | [`name`] | `owner/name` in whatever form (pure) |
//! | [`lease`] | which process polls a repository |
//! | [`store`] | repositories, events, state of polls, in SQLite or PostgreSQL |
//! | [`source`] | GitHub: one page of a feed, or what a repository is called |
//! | [`poller`] | polls what is due, stores what it finds, tells what is new |
//! | [`windows`] | the windows of what this process polls, in memory |
//! | [`windowed`] | one window with its gaps, as answers need it |
//! | [`picture`] | pictures of a window (pure) |
//! | [`command`], [`administration`] | what the command line does beside serving |
//! | [`config`] | what can be set, and the generated reference |
//! | `auth` | who is let in (pure) |
//! | `herald` | tells those who listen what the store announces |
//! | [`routes`], `problem`, `metrics` | answers, errors to HTTP, what is counted |
//! | `desk` | store and GitHub as the settings describe them |
//! | [`service`], `server` | the parts put together, on their sockets |
//!
//! Nothing in the pure modules reads a clock or the network: `now` is an argument.

pub mod administration;
pub mod command;
pub mod config;
pub mod event;
pub mod gap;
pub mod lease;
pub mod name;
pub mod picture;
pub mod policy;
pub mod poll;
pub mod poller;
pub mod rate;
pub mod routes;
pub(crate) mod schedule;
pub mod service;
pub mod simulation;
pub mod source;
pub mod statistics;
pub mod store;
pub mod timestamp;
pub mod window;
pub mod windowed;
pub mod windows;

mod auth;
mod desk;
mod herald;
mod metrics;
mod problem;
mod server;

pub use config::Config;
pub use event::{Event, EventId};
pub use name::FullName;
pub use server::Server;
pub use service::{BuildError, Monitor, Parts};
pub use timestamp::Timestamp;

//! What every long-running binary needs: configuration, logs, metrics, listeners, drain, exit codes.
//!
//! A `main.rs` reads top to bottom: [`exit::run`] around [`exit::parse_arguments`],
//! [`config::load`], [`logs::start`], [`Metrics::new`](metrics::Metrics::new),
//! [`listener::serve`]. This crate knows no domain words, and it is the only one that may read
//! the environment, the process arguments and the wall clock.

pub mod clock;
pub mod config;
pub mod drain;
pub mod exit;
pub mod listener;
pub mod logs;
pub mod metrics;
pub mod secret;

pub use clock::{Clock, ManualClock, SystemClock};
pub use drain::{Drain, DrainReport, Readiness, Shutdown};
pub use exit::Failure;
pub use metrics::Metrics;
pub use secret::Secret;

//! What every long-running binary needs: configuration, logs, metrics, traces, listeners, drain, exit codes.
//!
//! A `main.rs` reads top to bottom: [`exit::run`] around [`exit::parse_arguments`],
//! [`ConfigurationArguments::read`](program::ConfigurationArguments::read), [`logs::start`], [`Metrics::new`], [`Listener`](listener::Listener),
//! [`exit::runtime`], [`Shutdown::follow_signals`], [`listener::serve`]. This crate knows no domain words, and it is the only one that may read
//! the environment, the process arguments and the wall clock.
//!
//! Sockets are bound inside the runtime (`runtime.enter()` or `block_on`), as tokio asks.

pub mod clock;
pub mod config;
pub mod drain;
pub mod exit;
pub mod export;
pub mod front;
pub mod listener;
pub mod logs;
pub mod metrics;
pub mod notify;
pub mod parts;
pub mod program;
pub mod secret;
pub mod settings;

pub use clock::{Clock, ManualClock, SystemClock};
pub use drain::{Drain, DrainReport, Readiness, Shutdown};
pub use exit::Failure;
pub use front::Front;
pub use metrics::Metrics;
pub use parts::Parts;
pub use secret::Secret;

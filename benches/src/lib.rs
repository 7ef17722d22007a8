//! What the benches have in common: a mirror in front of the simulator, clients, latencies, tables.
//!
//! | module | what it is responsible for |
//! |---|---|
//! | [`client`] | a client of a mirror that checks every answer |
//! | [`effort`] | how long to measure: `--quick` or in earnest |
//! | [`latency`] | medians and percentiles |
//! | [`stage`] | simulator and mirrors on real sockets in this process |
//! | [`table`] | what is printed at the end |
//!
//! A bench is a program: `benches/benches/NAME.rs` with a `[[bench]]` of that name and `harness = false` in the
//! manifest. `cargo xtask bench NAME` builds it in release and runs it; without a name all of them run.
//! Its first line says what it measures; it prints a [`table::Table`], and fails when an answer is not what it has to
//! be. It asserts nothing about speed.

pub mod client;
pub mod effort;
pub mod latency;
pub mod stage;
pub mod table;

/// Why a measurement did not come about.
pub type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

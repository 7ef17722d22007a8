//! What the benches have in common: a mirror in front of the simulator, clients, latencies, tables.
//!
//! | module | what it is responsible for |
//! |---|---|
//! | [`client`] | a client of a mirror that checks every answer |
//! | [`effort`] | how long to measure: `--quick` or in earnest |
//! | [`histogram`] | latencies in buckets, for load |
//! | [`instructions`] | instruction counts by valgrind |
//! | [`latency`] | medians and percentiles of single requests |
//! | [`load`] | closed and open load over real sockets |
//! | [`measure`] | a round of load on a program, and what it cost |
//! | [`peers`] | the mirror's program, nginx, Varnish, squid as throw-away processes |
//! | [`process`] | pinned processes, their processor time and memory |
//! | [`replay`] | hours of clients, tokens and changes in virtual time |
//! | [`report`] | the page, its plots, and what is to be reached |
//! | [`results`] | what is kept for the report |
//! | [`stage`] | simulator and mirrors on real sockets in this process |
//! | [`table`] | what is printed at the end |
//! | [`upstream`] | the upstream behind all proxies |
//! | [`wire`] | where an answer ends |
//!
//! A bench is a program: `benches/benches/NAME.rs` with a `[[bench]]` of that name and `harness = false` in the
//! manifest. `cargo xtask bench NAME` builds it in release and runs it; without a name all of them run.
//! Its first line says what it measures; it prints a [`table::Table`], and fails when an answer is not what it has to
//! be. It asserts nothing about speed.

pub mod client;
pub mod effort;
pub mod histogram;
pub mod instructions;
pub mod latency;
pub mod load;
pub mod measure;
pub mod peers;
pub mod process;
pub mod replay;
pub mod report;
pub mod results;
pub mod stage;
pub mod table;
pub mod upstream;
pub mod wire;

mod load2;

/// Why a measurement did not come about.
pub type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

//! The engine against a GitHub in process: what callers see, what GitHub is asked, and what that costs.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

mod adapters;
mod bench;
mod bodies;
mod client;
mod clients;
mod coalescing;
mod faults;
mod formula;
mod freshness;
mod github;
mod lists;
mod pages;
mod peers;
mod property;
mod reading;
mod real;
mod reports;
mod rfc9111;
mod rights;
mod routes;

//! The engine against a GitHub in process: what callers see, what GitHub is asked, and what that costs.

mod bench;
mod bodies;
mod clients;
mod coalescing;
mod faults;
mod formula;
mod freshness;
mod github;
mod lists;
mod property;
mod reading;
mod reports;
mod rights;

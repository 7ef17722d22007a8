//! The simulator on real sockets, rule by rule.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod apps;
mod caching;
mod client;
mod conditional;
mod control;
mod credentials;
mod errors;
mod faults;
mod http2;
mod limits;
mod tiny;
mod vectors;
mod whole;

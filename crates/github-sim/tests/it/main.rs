//! The simulator on real sockets, rule by rule.

mod apps;
mod caching;
mod client;
mod conditional;
mod control;
mod credentials;
mod errors;
mod faults;
mod limits;
mod tiny;
mod vectors;

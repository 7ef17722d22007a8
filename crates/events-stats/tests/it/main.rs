//! The events monitor against real databases and GitHub's simulator.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod averages;
mod backfill;
mod policies;
mod poller;
mod rig;
mod service;
mod store;

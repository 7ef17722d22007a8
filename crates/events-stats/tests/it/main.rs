//! The events monitor as it is served, against real databases and GitHub's simulator.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod github;
mod service;

//! The program as its users start it, and as whatever kills it leaves it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod commands;
mod kill;
mod program;

//! Discovery as processes: the command line, workers that are killed, and what is stored after all of it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod command_line;
mod killed;
mod rig;

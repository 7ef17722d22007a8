//! What the command line does beside serving: files of past events are read.

mod backfill;
mod lines;
mod simulate;

pub use backfill::{BackfillError, Backfilled, backfill};
pub use lines::FileError;
pub use simulate::{Comparison, histories, simulate_file};

//! What the command line does beside serving: files of past events are read.

mod backfill;
mod lines;
mod simulate;

pub(crate) use backfill::backfill;
pub use lines::FileError;
#[cfg(test)]
pub(crate) use simulate::histories;
pub use simulate::{Comparison, simulate_file};

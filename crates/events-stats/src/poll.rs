//! What one poll asks, fetches, stores and reports.

mod catch_up;
mod question;
mod verdict;

pub(crate) use catch_up::{
    Before, CatchUp, Depth, FeedEnd, FeedState, Found, More, Overlap, Progress, Running,
};
pub use question::Silence;
pub(crate) use question::{PlainReason, Question, question};
pub(crate) use verdict::{Knowledge, Verdict};

//! What one poll asks, fetches, stores and reports.

pub mod catch_up;
pub mod question;
pub mod verdict;

pub use catch_up::{
    Before, CatchUp, Depth, FeedEnd, FeedState, Found, More, Overlap, Progress, Running,
};
pub use question::{PlainReason, Question, Silence, question};
pub use verdict::{Knowledge, Trouble, Verdict};

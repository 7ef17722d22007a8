//! Runs on their way to a worker.
//!
//! The runs table is the truth: it says what is queued, waiting, running and done, and a claim in it, renewed while the
//! work goes on, is what makes a run one worker's. apalis carries the ids (docs/decisions/0031): every worker looks for
//! runs that may start and were not delivered, hands them to the queue, and works off what the queue gives it. A
//! delivery that got lost is made again, and one that came twice finds the run claimed. A run that ends its workers is
//! given up after as many of them as attempts are allowed; `store::claims` says what counts.
//!
//! | module | what it is responsible for |
//! |---|---|
//! | `queue` | apalis on SQLite or PostgreSQL |
//! | `gate` | how many runs one worker runs at a time |
//! | `worker` | delivers, works, and starts again what failed |
//! | `periodic` | what starts by itself |

mod gate;
mod periodic;
mod queue;
mod worker;

pub use queue::JobsProblem;
pub(crate) use queue::Queue;
pub(crate) use worker::{WorkerRules, Workshop};

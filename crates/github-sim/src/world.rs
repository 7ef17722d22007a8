//! What the front needs from a universe: answers, changes, and two facts about identity.
//!
//! The front owns every rule of the protocol (tokens, quota, validators, headers, faults, the status page); a world
//! owns what exists. The trait is small so that tests can bring a world of three resources.

use crate::answer::{Answer, Ask};
use serde_json::Value;

/// Everything that exists on the other side of the HTTP front.
pub trait World: Send + 'static {
    /// Answers one request. A path that the world does not know is a 404 [`Answer::Problem`];
    /// the front then tries its own utility endpoints (`/zen`, `/rate_limit`, `/app`, ...).
    fn answer(&mut self, ask: &Ask<'_>) -> Answer;

    /// Applies one change from outside (`POST /_sim/change`) at simulated time `now`.
    ///
    /// # Errors
    /// A sentence that tells the caller what is wrong with the change.
    fn control(&mut self, change: &Value, now: i64) -> Result<Value, String>;

    /// A number that grows with every change that a reader could see (by `control` or by a write).
    ///
    /// While it and `now` stand still, equal GETs must answer equally: the front then reuses the
    /// answer without asking. `None` = ask every time.
    fn revision(&self) -> Option<u64> {
        None
    }

    /// Installations of the simulator's own GitHub App, as `(id, login of the account)`.
    fn installations(&self) -> Vec<(u64, String)> {
        Vec::new()
    }

    /// A login that exists, for the example token that the program prints.
    fn example_login(&self) -> Option<String> {
        None
    }

    /// The numeric id of a login, for `API rate limit exceeded for user ID ...`; `None` = no such user.
    fn user_id(&self, login: &str) -> Option<u64>;
}

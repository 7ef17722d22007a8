//! Noticing that a server has gone silent although the connection is there.
//!
//! fred measures silence from the last command, so that a client that keeps asking never notices. Here it is measured
//! from the first question that got no answer.

use std::time::Duration;

use fred::util::redis_keyslot;
use parking_lot::Mutex;
use tokio::time::Instant;

/// Slots of a cluster are watched in this many ranges: nodes hold ranges, and one that answers must not hide one that
/// does not.
const RANGES: usize = 16;
const SLOTS: usize = 1 << 14;

#[derive(Debug)]
pub(super) struct Silence {
    patience: Duration,
    scope: Scope,
    unanswered_since: [Mutex<Option<Instant>>; RANGES],
}

/// Whether every key is at the same server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    OneServer,
    Cluster,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may still be a slow answer.
    Wait,
    /// Nothing has been heard for so long that the connection is of no use.
    GiveUp,
}

impl Silence {
    pub(super) fn new(patience: Duration, scope: Scope) -> Self {
        Self {
            patience,
            scope,
            unanswered_since: Default::default(),
        }
    }

    /// A question about `name` was answered, or failed in a way that shows by itself.
    pub(super) fn answered(&self, name: &str) {
        *self.range(name).lock() = None;
    }

    /// A question about `name`, put at `asked`, was given up at `now`.
    pub(super) fn unanswered(&self, name: &str, asked: Instant, now: Instant) -> Verdict {
        let mut since = self.range(name).lock();
        let first = *since.get_or_insert(asked);
        if now.saturating_duration_since(first) < self.patience {
            return Verdict::Wait;
        }
        // The next connection starts afresh.
        *since = None;
        Verdict::GiveUp
    }

    fn range(&self, name: &str) -> &Mutex<Option<Instant>> {
        let slot = match self.scope {
            Scope::OneServer => 0,
            Scope::Cluster => usize::from(redis_keyslot(name.as_bytes())),
        };
        &self.unanswered_since[slot * RANGES / SLOTS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn silence_is_counted_from_the_first_unanswered_question() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let silence = Silence::new(Duration::from_secs(10), Scope::OneServer);
        assert_eq!(silence.unanswered("a", at(0), at(1)), Verdict::Wait);
        assert_eq!(silence.unanswered("b", at(8), at(9)), Verdict::Wait);
        assert_eq!(silence.unanswered("c", at(9), at(10)), Verdict::GiveUp);
        assert_eq!(silence.unanswered("d", at(10), at(11)), Verdict::Wait);
        silence.answered("e");
        assert_eq!(silence.unanswered("f", at(19), at(21)), Verdict::Wait);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_of_one_cluster_node_does_not_hide_the_silence_of_another() {
        let start = Instant::now();
        let late = start + Duration::from_secs(10);
        let silence = Silence::new(Duration::from_secs(10), Scope::Cluster);
        // Slots 12182 and 5061.
        assert_eq!(silence.unanswered("foo", start, start), Verdict::Wait);
        silence.answered("bar");
        assert_eq!(silence.unanswered("foo", late, late), Verdict::GiveUp);
    }
}

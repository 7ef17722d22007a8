//! What an answer says about the feed itself: whether it moves, stands still, or hides events behind a stuck tag.

use super::{Before, FeedState, Found, Overlap, PlainReason, Question, Running, Silence};
use crate::Timestamp;
use crate::gap::Gap;

/// What is known of a feed before it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Knowledge {
    /// The newest event stored.
    pub newest: Option<Timestamp>,
    /// The last poll that was answered.
    pub polled_at: Option<Timestamp>,
    /// Whether this process has polled it before.
    pub running: Running,
    /// How long nothing new has come.
    pub silence: Silence,
    /// How it was asked.
    pub question: Question,
}

/// What is to be remembered and reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// How long nothing new has come, now.
    pub silence: Silence,
    /// Where events may be missing.
    pub gap: Option<Gap>,
    /// What is wrong with the feed, though it was answered.
    pub trouble: Option<Trouble>,
}

/// What can be wrong with a feed that is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// A plain question found what conditional ones had not.
    StuckTag {
        /// Events that were hidden.
        events: usize,
        /// The first poll that did not show them.
        since: Timestamp,
    },
    /// Asked plainly too, nothing new comes, for improbably long.
    Frozen {
        /// The first poll without news.
        since: Timestamp,
    },
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::StuckTag { events, since } => write!(
                f,
                "the feed's entity tag was stuck: a plain request found {events} events that conditional ones had not \
                 shown since {since}"
            ),
            Self::Frozen { since } => write!(
                f,
                "the feed seems frozen: nothing new since {since}, which is improbable at its rate"
            ),
        }
    }
}

impl Knowledge {
    /// The silence was improbable before this question, or it would not have been asked so.
    fn feed(&self) -> FeedState {
        let plainly = self.question == Question::Plain(PlainReason::Silence);
        match plainly || self.silence.doubted > 0 {
            true => FeedState::Silent,
            false => FeedState::Moving,
        }
    }

    fn frozen(silence: Silence) -> Option<Trouble> {
        let since = silence.since.filter(|_| silence.doubted > 0)?;
        Some(Trouble::Frozen { since })
    }

    /// After a 304.
    pub(crate) fn same(&self, now: Timestamp) -> Verdict {
        let silence = self.silence.goes_on(now);
        Verdict {
            silence,
            gap: None,
            trouble: Self::frozen(silence),
        }
    }

    /// After pages.
    pub(crate) fn found(&self, found: &Found, now: Timestamp) -> Verdict {
        let plainly = self.question == Question::Plain(PlainReason::Silence);
        if found.new.is_empty() {
            let silence = match plainly {
                true => self.silence.doubted(now),
                false => self.silence.goes_on(now),
            };
            return Verdict {
                silence,
                gap: None,
                trouble: Self::frozen(silence),
            };
        }
        let before = Before {
            newest: self.newest,
            polled_at: self.polled_at,
            running: self.running,
            feed: self.feed(),
        };
        let stuck = self
            .silence
            .since
            .filter(|_| plainly && found.overlap == Overlap::Met);
        Verdict {
            silence: Silence::default(),
            gap: found.gap(&before, now),
            trouble: stuck.map(|since| Trouble::StuckTag {
                events: found.new.len(),
                since,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventId;
    use crate::event::Event;
    use crate::gap::GapReason;
    use crate::poll::FeedEnd;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn found(overlap: Overlap, news: usize) -> Found {
        let event = Event {
            id: EventId(1),
            kind: "PushEvent".into(),
            created_at: at(90),
            actor: "".into(),
            repository_id: 1,
            repository: "o/r".into(),
            raw: "{}".into(),
        };
        Found {
            new: vec![event; news],
            overlap,
            read: 300,
            end: FeedEnd::NotReached,
            oldest: Some(at(90)),
        }
    }

    fn knowledge(question: Question, silence: Silence) -> Knowledge {
        Knowledge {
            newest: Some(at(10)),
            polled_at: Some(at(50)),
            running: Running::Polled,
            silence,
            question,
        }
    }

    const PLAIN: Question = Question::Plain(PlainReason::Silence);

    #[test]
    fn a_stuck_tag_is_told_when_a_plain_question_finds_more() {
        let silence = Silence::default().goes_on(at(20));
        let verdict = knowledge(PLAIN, silence).found(&found(Overlap::Met, 3), at(100));
        assert_eq!(verdict.silence, Silence::default());
        assert_eq!(verdict.gap, None);
        let stuck = Trouble::StuckTag {
            events: 3,
            since: at(20),
        };
        assert_eq!(verdict.trouble, Some(stuck));
        // The same, by a conditional question, is what always happens.
        let verdict =
            knowledge(Question::Conditional, silence).found(&found(Overlap::Met, 3), at(100));
        assert_eq!(verdict.trouble, None);
        // Without overlap it is a gap of GitHub's making.
        let verdict = knowledge(PLAIN, silence).found(&found(Overlap::None, 3), at(100));
        assert_eq!(verdict.gap.unwrap().reason, GapReason::Upstream);
        assert_eq!(verdict.trouble, None);
    }

    #[test]
    fn a_frozen_feed_is_told_until_it_moves() {
        let silence = Silence::default().goes_on(at(20));
        let verdict = knowledge(PLAIN, silence).found(&found(Overlap::Met, 0), at(100));
        assert_eq!(verdict.silence, silence.doubted(at(100)));
        let frozen = Some(Trouble::Frozen { since: at(20) });
        assert_eq!(verdict.trouble, frozen);
        let doubted = verdict.silence;
        let later = knowledge(Question::Conditional, doubted);
        assert_eq!(later.same(at(110)).trouble, frozen);
        let thawed = later.found(&found(Overlap::None, 2), at(120));
        assert_eq!(thawed.silence, Silence::default());
        assert_eq!(thawed.trouble, None);
        assert_eq!(thawed.gap.unwrap().reason, GapReason::Upstream);
    }

    #[test]
    fn a_silence_begins_with_the_first_poll_without_news() {
        let verdict = knowledge(Question::Conditional, Silence::default()).same(at(100));
        assert_eq!(verdict.silence.since, Some(at(100)));
        assert_eq!(verdict.trouble, None);
    }
}

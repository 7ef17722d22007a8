//! Listens for GitHub's secondary rate limit in the text of a 403: the headers often say nothing of it.
//!
//! GitHub leaves `retry-after` out on purpose; the words in the body are then the only sign
//! ("Rate limits for the REST API", section "Exceeding the rate limit").
//! The text is heard while it passes; nothing waits for it.

use std::fmt;

use memchr::memmem;

use crate::clock::WallClock;
use crate::governor::Gate;
use crate::ledger::{CallerId, SharedLedger};

/// The message is some 300 bytes long and stands at the beginning.
const HEARD_BYTES: usize = 4096;

/// GitHub's words, of today and of before 2021.
const PHRASES: [&[u8]; 2] = [b"secondary rate", b"abuse detection"];

/// Hears the body of one 403.
pub(crate) struct Listener {
    pub(crate) ledger: SharedLedger,
    pub(crate) gate: Gate,
    pub(crate) clock: WallClock,
    pub(crate) caller: CallerId,
    pub(crate) heard: Words,
}

impl Listener {
    pub(crate) fn hear(&mut self, data: &[u8]) {
        if self.heard.hear(data) == Verdict::SecondaryLimit {
            self.ledger
                .secondary_limit_heard(self.caller, self.clock.now());
            self.gate.signalled(self.caller);
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

/// The beginning of the text, until it has said what it is.
#[derive(Debug, Default)]
pub(crate) struct Words {
    text: Vec<u8>,
    decided: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing new.
    Nothing,
    /// These words are said now, for the first time.
    SecondaryLimit,
}

impl Words {
    fn hear(&mut self, data: &[u8]) -> Verdict {
        let room = HEARD_BYTES - self.text.len();
        if self.decided || room == 0 {
            return Verdict::Nothing;
        }
        self.text.extend_from_slice(&data[..data.len().min(room)]);
        if PHRASES
            .iter()
            .any(|words| memmem::find(&self.text, words).is_some())
        {
            self.decided = true;
            return Verdict::SecondaryLimit;
        }
        Verdict::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_heard_once_and_across_parts() {
        #[track_caller]
        fn check(parts: &[&str], times: usize) {
            let mut heard = Words::default();
            let verdicts = parts.iter().map(|part| heard.hear(part.as_bytes()));
            let said = verdicts.filter(|verdict| *verdict == Verdict::SecondaryLimit);
            assert_eq!(said.count(), times, "{parts:?}");
        }
        const MESSAGE: &str =
            r#"{"message":"You have exceeded a secondary rate limit. Please wait a few minutes"#;
        check(&[MESSAGE], 1);
        check(&[MESSAGE, MESSAGE], 1);
        check(&[&MESSAGE[..45], &MESSAGE[45..]], 1);
        check(&["You have triggered an abuse detection mechanism."], 1);
        check(
            &[r#"{"message":"Resource not accessible by integration"}"#],
            0,
        );
        check(
            &[r#"{"message":"API rate limit exceeded for user ID 1."}"#],
            0,
        );
        let late = "x".repeat(HEARD_BYTES);
        check(&[&late, MESSAGE], 0);
        check(&[], 0);
    }
}

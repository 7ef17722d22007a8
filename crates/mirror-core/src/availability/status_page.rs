//! What GitHub's status page says, and for how long it is believed (pure).

use std::time::{Duration, Instant};

use serde::Deserialize;

use super::judge::Hint;

/// The component that speaks of the API.
const COMPONENT: &str = "API Requests";
const MAJOR_OUTAGE: &str = "major_outage";

/// For how long an answer is believed at least, when no newer one comes.
const BELIEVED_AT_LEAST: Duration = Duration::from_secs(60);

/// Why a document says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    Json,
    NoComponent,
}

impl Unreadable {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "not a components document",
            Self::NoComponent => "no component for the API",
        }
    }
}

#[derive(Deserialize)]
struct Document {
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct Component {
    name: String,
    status: String,
}

/// Reads a components document.
pub(crate) fn read(document: &[u8]) -> Result<Hint, Unreadable> {
    let document: Document = serde_json::from_slice(document).map_err(|_| Unreadable::Json)?;
    let component = document
        .components
        .iter()
        .find(|component| component.name == COMPONENT)
        .ok_or(Unreadable::NoComponent)?;
    Ok(match component.status.as_str() {
        MAJOR_OUTAGE => Hint::MajorOutage,
        _ => Hint::Nothing,
    })
}

/// The last thing that the page said. A page that fails says nothing new, and what it said fades.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Said {
    hint: Hint,
    until: Option<Instant>,
}

impl Said {
    pub(crate) fn new(hint: Hint, interval: Duration, now: Instant) -> Self {
        // Three missed turns are more than a hiccup.
        let believed = interval.saturating_mul(3).max(BELIEVED_AT_LEAST);
        Self {
            hint,
            until: Some(now + believed),
        }
    }

    pub(crate) fn hint(&self, now: Instant) -> Hint {
        match self.until {
            Some(until) if now < until => self.hint,
            _ => Hint::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents() {
        #[track_caller]
        fn check(document: &str, expected: Result<Hint, Unreadable>) {
            assert_eq!(read(document.as_bytes()), expected, "{document}");
        }
        let page = |status: &str| {
            format!(
                r#"{{"page":{{"id":"x"}},"components":[{{"name":"Git Operations","status":"major_outage"}},
                    {{"id":"brv1bkgrwx7q","name":"API Requests","status":"{status}","position":2}}]}}"#
            )
        };
        check(&page("operational"), Ok(Hint::Nothing));
        check(&page("partial_outage"), Ok(Hint::Nothing));
        check(&page("a word of tomorrow"), Ok(Hint::Nothing));
        check(&page("major_outage"), Ok(Hint::MajorOutage));
        check(r#"{"components":[]}"#, Err(Unreadable::NoComponent));
        check("<html>Unicorn!</html>", Err(Unreadable::Json));
        check("", Err(Unreadable::Json));
        check(
            r#"{"components":[{"name":"API Requests"}]}"#,
            Err(Unreadable::Json),
        );
    }

    #[test]
    fn what_was_said_fades() {
        let now = tokio::time::Instant::now().into_std();
        let second = Duration::from_secs(1);
        #[track_caller]
        fn check(said: Said, now: Instant, expected: Hint) {
            assert_eq!(said.hint(now), expected);
        }
        let said = Said::new(Hint::MajorOutage, second, now);
        check(said, now + 59 * second, Hint::MajorOutage);
        check(said, now + 60 * second, Hint::Nothing);
        let slow = Said::new(Hint::MajorOutage, 100 * second, now);
        check(slow, now + 299 * second, Hint::MajorOutage);
        check(Said::default(), now, Hint::Nothing);
    }
}

//! One event as GitHub sent it: its bytes, and the few fields that are read.
//!
//! Payloads lose fields over time (most of them in October 2025), so nothing in them is looked at. What is read: id,
//! type, moment, actor, repository. The JSON is kept byte for byte.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Timestamp;

/// GitHub's id of an event: a decimal number that grows, written as a string.
///
/// The identity of an event; two events may have the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub u64);

/// An event of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its identity.
    pub id: EventId,
    /// `PushEvent`, ...
    pub kind: Box<str>,
    /// When it happened, by GitHub.
    pub created_at: Timestamp,
    /// Login of whoever did it; empty where GitHub names nobody.
    pub actor: Box<str>,
    /// GitHub's number of the repository.
    pub repository_id: u64,
    /// `owner/name` at that time.
    pub repository: Box<str>,
    /// The JSON, byte for byte.
    pub raw: Box<str>,
}

impl Event {
    /// Order of time: ties are ordered by id.
    pub fn position(&self) -> (Timestamp, EventId) {
        (self.created_at, self.id)
    }
}

/// A page of events that is none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PageError {
    /// It is not a JSON array.
    #[error("the page is not a list")]
    NoList(#[source] serde_json::Error),
    /// One element lacks a field that every event has.
    #[error("element {index} of the page is not an event")]
    NoEvent {
        /// Counted from 0.
        index: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// An id that is not a number.
    #[error("element {index} of the page has no numeric id")]
    NoId {
        /// Counted from 0.
        index: usize,
    },
}

#[derive(Deserialize)]
struct Read<'a> {
    #[serde(borrow)]
    id: std::borrow::Cow<'a, str>,
    #[serde(rename = "type")]
    kind: Box<str>,
    created_at: Timestamp,
    actor: Option<Actor>,
    repo: Repository,
}

#[derive(Deserialize)]
struct Actor {
    #[serde(default)]
    login: Box<str>,
}

#[derive(Deserialize)]
struct Repository {
    id: u64,
    name: Box<str>,
}

/// Reads one page of a feed.
///
/// # Errors
/// When it is not a list of events. A page is read entirely or not at all.
pub(crate) fn parse_page(body: &[u8]) -> Result<Vec<Event>, PageError> {
    let elements: Vec<&RawValue> = serde_json::from_slice(body).map_err(PageError::NoList)?;
    elements
        .into_iter()
        .enumerate()
        .map(|(index, raw)| parse(index, raw.get()))
        .collect()
}

/// Reads one event, for instance a line of GH Archive.
///
/// # Errors
/// When it lacks a field that every event has.
pub(crate) fn parse_event(json: &str) -> Result<Event, PageError> {
    parse(0, json.trim())
}

fn parse(index: usize, raw: &str) -> Result<Event, PageError> {
    let read: Read<'_> =
        serde_json::from_str(raw).map_err(|source| PageError::NoEvent { index, source })?;
    // Databases have no larger numbers; GitHub's are far below.
    let id: i64 = read.id.parse().map_err(|_| PageError::NoId { index })?;
    let id = u64::try_from(id).map_err(|_| PageError::NoId { index })?;
    Ok(Event {
        id: EventId(id),
        kind: read.kind,
        created_at: read.created_at,
        actor: read.actor.map(|actor| actor.login).unwrap_or_default(),
        repository_id: read.repo.id,
        repository: read.repo.name,
        raw: raw.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUSH: &str = r#"{"id":"22249084964","type":"PushEvent","actor":{"id":583231,"login":"octocat"},"repo":{"id":1296269,"name":"octocat/Hello-World"},"payload":{"x":1.50},"public":true,"created_at":"2022-06-09T12:47:28Z"}"#;

    #[test]
    fn the_bytes_are_kept() {
        let page = format!("[ {PUSH} ,\n{PUSH}]");
        let events = parse_page(page.as_bytes()).unwrap();
        assert_eq!(events.len(), 2);
        assert_eq!(&*events[1].raw, PUSH);
        assert_eq!(events[0].id, EventId(22_249_084_964));
        assert_eq!(&*events[0].kind, "PushEvent");
        assert_eq!(&*events[0].actor, "octocat");
        assert_eq!(events[0].repository_id, 1_296_269);
    }

    #[test]
    fn a_payload_may_be_missing_and_an_actor_unknown() {
        let json = r#"{"id":"1","type":"NewEvent","actor":null,"repo":{"id":1,"name":"o/r"},"created_at":"2022-06-09T12:47:28Z"}"#;
        let event = parse_event(json).unwrap();
        assert_eq!(&*event.actor, "");
    }

    #[test]
    fn a_wrong_page_names_the_element() {
        #[track_caller]
        fn check(body: &str, expected: &str) {
            assert_eq!(
                parse_page(body.as_bytes()).unwrap_err().to_string(),
                expected
            );
        }
        check("{}", "the page is not a list");
        check(&format!("[{PUSH}"), "the page is not a list");
        check(
            &format!("[{PUSH},{{}}]"),
            "element 1 of the page is not an event",
        );
        check(
            &format!("[{}]", PUSH.replace("22249084964", "x")),
            "element 0 of the page has no numeric id",
        );
    }
}

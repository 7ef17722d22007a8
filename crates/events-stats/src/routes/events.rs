//! The stored events of a repository, as GitHub sent them.

use axum::extract::{OriginalUri, Path, State};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::answer::{Answer, JSON, Sameness, tag, tagged};
use super::described::{
    Condition, NoDatabase, NoKey, NotWatched, Paging, RepositoryPath, WrongParameter,
};
use super::paging::link;
use super::query::Parameters;
use super::{Monitor, PathName};
use crate::Timestamp;
use crate::event::parse_event;
use crate::gap::Gap;
use crate::problem::Problem;
use crate::store::{EventFilter, EventPage, Page};

/// Where events of the answer may be missing: the list itself is as GitHub's, and has no place for it.
const GAPS: HeaderName = HeaderName::from_static("x-events-gaps");

/// A header has to fit; the newest gaps are the ones that matter.
const MOST_GAPS: usize = 50;

/// Events, newest first.
#[utoipa::path(
    get, path = "/api/repos/{owner}/{repo}/events", tag = "events",
    params(
        RepositoryPath,
        ("type" = Option<Vec<String>>, Query, description = "Only these types; repeatable"),
        ("since" = Option<String>, Query, description = "Not before this moment (RFC 3339)"),
        ("until" = Option<String>, Query, description = "Not after it"),
        ("actor" = Option<String>, Query, description = "Only of this login, in any case"),
        Paging,
        Condition,
    ),
    responses(
        (status = 200, description = "GitHub's JSON, unchanged; `Link`, `ETag`, and `X-Events-Gaps` where events may be missing", body = [Object]),
        (status = 304, description = "The tag is still that of the answer"),
        NoKey,
        NotWatched,
        WrongParameter,
        NoDatabase,
    ),
    security(("api_key" = []), ("bearer" = []))
)]
pub(super) async fn list(
    State(shared): Monitor,
    Path(name): PathName,
    uri: OriginalUri,
    asked: HeaderMap,
) -> Answer {
    let parameters = Parameters::of(&uri.0)?;
    let (page, filter) = (parameters.page()?, parameters.filter()?);
    let repository = shared.find(&name).await?;
    let found = shared
        .desk
        .store
        .events(repository.id, &filter, page)
        .await?;
    let reach = Reach::of(&found, &filter, page)?;
    let gaps = shared.desk.store.gaps(repository.id).await?;
    let gaps = reach.touched_by(&gaps);
    let body = format!("[{}]", found.events.join(","));
    let gaps = match gaps.is_empty() {
        true => String::new(),
        false => {
            serde_json::to_string(&gaps).map_err(|_| Problem::Broken("no JSON could be made"))?
        }
    };
    // `Link` and gaps are part of what a caller has.
    let total = found.total.to_be_bytes();
    let tag = tag(Sameness::Bytes, &[body.as_bytes(), &total, gaps.as_bytes()])?;
    let mut answer = tagged(&asked, &tag, JSON, body);
    let headers = answer.headers_mut();
    link(&uri, &asked, page, found.total, headers);
    if !gaps.is_empty()
        && let Ok(gaps) = HeaderValue::try_from(gaps)
    {
        headers.insert(GAPS, gaps);
    }
    Ok(answer)
}

/// The stretch of time that an answer speaks of; open ends are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reach {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

impl Reach {
    /// The first page reaches up to the filter's end, the last one down to its beginning; pages between end with their
    /// events.
    fn of(found: &EventPage, filter: &EventFilter, page: Page) -> Result<Self, Problem> {
        let moment = |raw: Option<&String>| match raw {
            None => Ok(None),
            Some(raw) => parse_event(raw)
                .map(|event| Some(event.created_at))
                .map_err(|_| Problem::Broken("a stored event cannot be read")),
        };
        let shown = u64::from(page.number) * u64::from(page.size);
        Ok(Self {
            from: match shown >= found.total {
                true => filter.since,
                false => moment(found.events.last())?,
            },
            to: match page.number {
                1 => filter.until,
                // Beyond the end there is nothing to be missed.
                _ => moment(found.events.first())?.or(filter.since),
            },
        })
    }

    /// The gaps within it, of those the newest, oldest first.
    fn touched_by(self, gaps: &[Gap]) -> Vec<&Gap> {
        let touched = gaps.iter().filter(|gap| {
            self.from.is_none_or(|from| gap.to >= from) && self.to.is_none_or(|to| gap.from <= to)
        });
        let mut newest: Vec<&Gap> = touched.rev().take(MOST_GAPS).collect();
        newest.reverse();
        newest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gap::GapReason;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn a_gap_is_told_on_the_pages_that_it_lies_on_or_between() {
        #[track_caller]
        fn check(reach: (Option<i64>, Option<i64>), expected: bool) {
            let gap = Gap {
                from: at(100),
                to: at(200),
                reason: GapReason::Overflow,
                events_missed_at_least: 0,
            };
            let reach = Reach {
                from: reach.0.map(at),
                to: reach.1.map(at),
            };
            assert_eq!(!reach.touched_by(&[gap]).is_empty(), expected, "{reach:?}");
        }
        check((None, None), true);
        check((Some(200), Some(300)), true);
        check((Some(201), None), false);
        check((Some(50), Some(100)), true);
        check((None, Some(99)), false);
        check((Some(120), Some(130)), true);
    }

    #[test]
    fn pages_between_reach_from_event_to_event() {
        let event = |second: u32| {
            format!(
                r#"{{"id":"{second}","type":"PushEvent","actor":null,"repo":{{"id":1,"name":"o/r"}},"created_at":"1970-01-01T00:00:{second:02}Z"}}"#
            )
        };
        let page_of = |events: &[u32], number, total| {
            let found = EventPage {
                total,
                events: events.iter().copied().map(event).collect(),
            };
            let filter = EventFilter {
                since: Some(at(5)),
                until: Some(at(50)),
                ..EventFilter::default()
            };
            let reach = Reach::of(&found, &filter, Page { number, size: 2 }).unwrap();
            (
                reach.from.map(Timestamp::seconds),
                reach.to.map(Timestamp::seconds),
            )
        };
        assert_eq!(page_of(&[40, 30], 1, 5), (Some(30), Some(50)));
        assert_eq!(page_of(&[20, 19], 2, 5), (Some(19), Some(20)));
        assert_eq!(page_of(&[7], 3, 5), (Some(5), Some(7)));
        assert_eq!(page_of(&[], 9, 5), (Some(5), Some(5)));
    }
}

//! What an answer of GitHub means (pure).

use bytes::Bytes;
use github_headers::{EntityTag, Links, PollInterval};
use http::header::{CACHE_CONTROL, ETAG, LOCATION};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::failure::{Cause, Failed};
use crate::event::{Event, parse_page};
use crate::name::FullName;
use crate::poll::More;

/// An answer that was read to its end.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// How often GitHub lets a feed be polled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hints {
    /// `X-Poll-Interval` in seconds; a 304 often lacks it.
    pub poll_interval_seconds: Option<u64>,
    /// `max-age` of `Cache-Control` in seconds.
    pub max_age_seconds: Option<u64>,
}

/// What GitHub says about a page of a feed.
#[derive(Debug)]
pub(crate) enum Answer {
    /// 304: it is what it was.
    Same(Hints),
    /// It is this.
    Page(Fetched),
    /// 422: it lies behind the end.
    PastEnd,
    /// 301: the repository has another name now.
    Moved {
        /// GitHub's number of it.
        number: u64,
    },
    /// It is not there any more.
    Gone(GoneReason),
}

/// A page of a feed.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// Newest first.
    pub events: Vec<Event>,
    /// Its tag.
    pub tag: Option<EntityTag>,
    /// Whether it names a next page.
    pub more: More,
    /// How often it may be asked for.
    pub hints: Hints,
}

/// Why a repository is not there any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GoneReason {
    /// 404: deleted, made private, or never there.
    NotFound,
    /// 410.
    Gone,
    /// 451: taken down.
    Legal,
}

impl GoneReason {
    /// In words, for `last_error`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "GitHub knows no such repository (404)",
            Self::Gone => "the repository is gone (410)",
            Self::Legal => "the repository is unavailable for legal reasons (451)",
        }
    }

    fn of(status: StatusCode) -> Option<Self> {
        match status {
            StatusCode::NOT_FOUND => Some(Self::NotFound),
            StatusCode::GONE => Some(Self::Gone),
            StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS => Some(Self::Legal),
            _ => None,
        }
    }
}

/// What GitHub says about a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// It is called so now.
    Named {
        /// Its name.
        full_name: FullName,
        /// GitHub's number of it.
        number: u64,
    },
    /// It has another name.
    Moved {
        /// GitHub's number of it.
        number: u64,
    },
    /// There is none.
    Gone(GoneReason),
}

pub(super) fn page(read: Read, number: u32, address: &str) -> Result<Answer, Failed> {
    if let Some(reason) = GoneReason::of(read.status) {
        return Ok(Answer::Gone(reason));
    }
    match read.status {
        StatusCode::NOT_MODIFIED => Ok(Answer::Same(hints(&read.headers))),
        StatusCode::OK => {
            let events = parse_page(&read.body).map_err(|_| Failed::of(Cause::WrongBody))?;
            // A `Link` that cannot be read leads nowhere.
            let links = Links::from_headers(&read.headers).unwrap_or_default();
            Ok(Answer::Page(Fetched {
                events,
                tag: tag(&read.headers),
                more: match links.find("next") {
                    Some(_) => More::Next,
                    None => More::Last,
                },
                hints: hints(&read.headers),
            }))
        }
        StatusCode::UNPROCESSABLE_ENTITY if number > 1 => Ok(Answer::PastEnd),
        status if is_redirect(status) => {
            moved(&read.headers, address).map(|number| Answer::Moved { number })
        }
        status => Err(Failed::of(Cause::ServerError(status))),
    }
}

pub(super) fn repository(read: Read, address: &str) -> Result<Found, Failed> {
    #[derive(Deserialize)]
    struct Body {
        id: u64,
        full_name: FullName,
    }

    if let Some(reason) = GoneReason::of(read.status) {
        return Ok(Found::Gone(reason));
    }
    match read.status {
        StatusCode::OK => {
            let body: Body =
                serde_json::from_slice(&read.body).map_err(|_| Failed::of(Cause::WrongBody))?;
            Ok(Found::Named {
                full_name: body.full_name,
                number: body.id,
            })
        }
        status if is_redirect(status) => {
            moved(&read.headers, address).map(|number| Found::Moved { number })
        }
        status => Err(Failed::of(Cause::ServerError(status))),
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    )
}

/// What GitHub calls its own address, whatever ours leads through.
const GITHUB: &str = "https://api.github.com";

/// The number in `/repositories/1296269/events`. The address itself is never asked: a token goes nowhere else.
fn moved(headers: &HeaderMap, address: &str) -> Result<u64, Failed> {
    let strange = Failed::of(Cause::StrangeRedirect);
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
    let location = location.ok_or(strange)?;
    let path = [address, GITHUB]
        .iter()
        .find_map(|origin| location.strip_prefix(origin))
        .unwrap_or(location);
    let rest = path.strip_prefix("/repositories/").ok_or(strange)?;
    let digits = rest.split(['/', '?']).next().unwrap_or_default();
    digits.parse().map_err(|_| strange)
}

fn tag(headers: &HeaderMap) -> Option<EntityTag> {
    EntityTag::parse(headers.get(ETAG)?.as_bytes()).ok()
}

fn hints(headers: &HeaderMap) -> Hints {
    let interval = PollInterval::from_headers(headers).ok().flatten();
    let max_age = headers.get_all(CACHE_CONTROL).iter().find_map(|value| {
        let directives = value.to_str().ok()?.split(',');
        directives
            .filter_map(|directive| directive.trim().strip_prefix("max-age="))
            .find_map(|seconds| seconds.parse().ok())
    });
    Hints {
        poll_interval_seconds: interval.map(|interval| interval.duration().as_secs()),
        max_age_seconds: max_age,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> Read {
        Read {
            status: StatusCode::from_u16(status).unwrap(),
            headers: headers
                .iter()
                .map(|(name, value)| {
                    let name = http::HeaderName::from_static(name);
                    (name, HeaderValue::from_static(value))
                })
                .collect(),
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    #[test]
    fn redirects_lead_to_a_number_of_this_github_only() {
        #[track_caller]
        fn check(location: &'static str, expected: Result<u64, Cause>) {
            let answer = page(
                read(301, &[("location", location)], ""),
                1,
                "http://127.0.0.1:8080",
            );
            let found = match answer {
                Ok(Answer::Moved { number }) => Ok(number),
                Ok(other) => panic!("{other:?}"),
                Err(failed) => Err(failed.cause),
            };
            assert_eq!(found, expected, "{location}");
        }
        check(
            "https://api.github.com/repositories/7/events?per_page=100",
            Ok(7),
        );
        check("http://127.0.0.1:8080/repositories/7/events", Ok(7));
        check("/repositories/7", Ok(7));
        let strange = Err(Cause::StrangeRedirect);
        check("https://evil.example/repositories/7/events", strange);
        check(
            "https://api.github.com.evil.example/repositories/7",
            strange,
        );
        check("/repositories/x/events", strange);
        check("/repos/o/r/events", strange);
    }

    #[test]
    fn hints_of_a_page() {
        let headers = [
            ("x-poll-interval", "90"),
            ("cache-control", "private, max-age=60, s-maxage=60"),
            ("etag", "W/\"a\""),
            (
                "link",
                "<https://api.github.com/repositories/7/events?page=2>; rel=\"next\"",
            ),
        ];
        match page(read(200, &headers, "[]"), 1, "").unwrap() {
            Answer::Page(fetched) => {
                assert_eq!(fetched.hints.poll_interval_seconds, Some(90));
                assert_eq!(fetched.hints.max_age_seconds, Some(60));
                assert_eq!(fetched.more, More::Next);
                assert_eq!(fetched.tag, EntityTag::parse("W/\"a\"").ok());
            }
            other => panic!("{other:?}"),
        }
        match page(read(304, &[], ""), 1, "").unwrap() {
            Answer::Same(hints) => assert_eq!(hints, Hints::default()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn statuses() {
        #[track_caller]
        fn failed(status: u16, body: &'static str, number: u32) -> Cause {
            page(read(status, &[], body), number, "").unwrap_err().cause
        }
        let error = |status| Cause::ServerError(StatusCode::from_u16(status).unwrap());
        assert_eq!(failed(200, "{}", 1), Cause::WrongBody);
        assert_eq!(failed(200, "[{}]", 1), Cause::WrongBody);
        assert_eq!(failed(422, "", 1), error(422));
        assert_eq!(failed(502, "", 1), error(502));
        assert!(matches!(
            page(read(422, &[], ""), 4, "").unwrap(),
            Answer::PastEnd
        ));
        for (status, reason) in [
            (404, GoneReason::NotFound),
            (410, GoneReason::Gone),
            (451, GoneReason::Legal),
        ] {
            let answer = page(read(status, &[], ""), 1, "").unwrap();
            assert!(matches!(answer, Answer::Gone(found) if found == reason));
            assert!(reason.as_str().contains(&status.to_string()));
        }
        let body = r#"{"id":7,"name":"r","full_name":"o/r"}"#;
        let found = repository(read(200, &[], body), "").unwrap();
        let full_name = FullName::parse("o/r").unwrap();
        assert_eq!(
            found,
            Found::Named {
                full_name,
                number: 7
            }
        );
    }
}

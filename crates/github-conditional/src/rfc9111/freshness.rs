//! How long an answer is fresh and how old it is when it arrives (RFC 9111 §4.2).
//!
//! What precedes what (`s-maxage`, `max-age`, `Expires`, a guess from `Last-Modified`) is computed by
//! http-cache-semantics. It is given the facts in canonical form, because it does not read quotes, other spellings of
//! dates, contradictions, several lines of one field or an `Age` that is no number the way RFC 9111 does.

use std::time::{Duration, SystemTime};

use http::header::{AGE, CACHE_CONTROL, DATE, EXPIRES, LAST_MODIFIED, PRAGMA};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_cache_semantics::{CacheOptions, CachePolicy};

use super::controls::{Controls, MAX_SECONDS, Source};
use super::options::{Audience, Options};

/// How long an answer is fresh, and on whose word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// The answer says so.
    Explicit(Duration),
    /// Guessed from when it was last modified.
    Heuristic(Duration),
    /// Nothing is known, and nothing may be guessed.
    Unknown,
}

impl Lifetime {
    pub(crate) fn duration(self) -> Duration {
        match self {
            Self::Explicit(duration) | Self::Heuristic(duration) => duration,
            Self::Unknown => Duration::ZERO,
        }
    }
}

/// Statuses for which freshness may be guessed (RFC 9110 §15.1), without 206, which is not stored.
pub(crate) const HEURISTICALLY_CACHEABLE: [u16; 11] =
    [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];

pub(crate) fn lifetime(
    status: StatusCode,
    headers: &HeaderMap,
    controls: &Controls,
    received_at: SystemTime,
    options: &Options,
) -> Lifetime {
    let shared = options.audience == Audience::Shared;
    let mut facts = HeaderMap::new();
    let date = single_date(headers, &DATE).unwrap_or(received_at);
    insert_date(&mut facts, DATE, date);
    let seconds = match controls.s_maxage {
        Some(s_maxage) if shared => Some(format!("s-maxage={s_maxage}")),
        _ => controls.max_age.map(|max_age| format!("max-age={max_age}")),
    };
    if let Some(seconds) = seconds.and_then(|text| HeaderValue::try_from(text).ok()) {
        facts.insert(CACHE_CONTROL, seconds);
        return Lifetime::Explicit(computed(facts, received_at, options));
    }
    if controls.source == Source::Untargeted && headers.contains_key(EXPIRES) {
        let Some(expires) = single_date(headers, &EXPIRES) else {
            return Lifetime::Explicit(Duration::ZERO);
        };
        insert_date(&mut facts, EXPIRES, expires);
        return Lifetime::Explicit(computed(facts, received_at, options));
    }
    let guess = HEURISTICALLY_CACHEABLE.contains(&status.as_u16()) || controls.public;
    let modified = single_date(headers, &LAST_MODIFIED);
    match modified {
        Some(modified) if guess && options.heuristic_percent > 0 => {
            insert_date(&mut facts, LAST_MODIFIED, modified);
            if !headers.contains_key(CACHE_CONTROL)
                && let Some(pragma) = headers.get(PRAGMA)
            {
                facts.insert(PRAGMA, pragma.clone());
            }
            let guessed = computed(facts, received_at, options);
            Lifetime::Heuristic(guessed.min(options.max_heuristic))
        }
        _ => Lifetime::Unknown,
    }
}

/// The freshness that http-cache-semantics finds in canonical facts. Age and storability are not its business here.
fn computed(facts: HeaderMap, received_at: SystemTime, options: &Options) -> Duration {
    let mut response = Response::new(());
    *response.headers_mut() = facts;
    let semantics = CacheOptions {
        shared: options.audience == Audience::Shared,
        cache_heuristic: f32::from(options.heuristic_percent) / 100.0,
        immutable_min_time_to_live: Duration::ZERO,
        ignore_cargo_cult: false,
    };
    let policy = CachePolicy::new_options(&Request::new(()), &response, received_at, semantics);
    policy.time_to_live(received_at)
}

/// How old an answer is when it arrives (RFC 9111 §4.2.3, `corrected_initial_age`).
pub(crate) fn age_on_arrival(
    headers: &HeaderMap,
    requested_at: SystemTime,
    received_at: SystemTime,
) -> Duration {
    let since = |later: SystemTime, earlier| later.duration_since(earlier).unwrap_or_default();
    // In whole seconds, as dates are: a part of a second would count against every answer.
    let apparent = single_date(headers, &DATE).map_or(Duration::ZERO, |date| {
        Duration::from_secs(since(received_at, date).as_secs())
    });
    apparent.max(stated_age(headers) + since(received_at, requested_at))
}

/// The `Age` field. One that cannot be read means an age that is not known, and an answer that may be as old as one
/// likes (RFC 9111 §4.2.1 encourages to call it stale).
///
/// On one line with several members the first counts (§5.1), unless they repeat each other: then some cache on the way
/// has added its own age where it had to replace what was there, and none of them can be trusted.
fn stated_age(headers: &HeaderMap) -> Duration {
    const UNKNOWN: Duration = Duration::from_secs(MAX_SECONDS);
    let mut lines = headers.get_all(AGE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return if headers.contains_key(AGE) {
            UNKNOWN
        } else {
            Duration::ZERO
        };
    };
    let mut members = line
        .as_bytes()
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii);
    let first = members.next().unwrap_or_default();
    if members.any(|member| member == first) {
        return UNKNOWN;
    }
    let number = std::str::from_utf8(first)
        .ok()
        .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
    number.map_or(UNKNOWN, |text| {
        Duration::from_secs(text.parse().unwrap_or(MAX_SECONDS).min(MAX_SECONDS))
    })
}

/// The date of a field that stands once and can be read in any of the three forms of RFC 9110 §5.6.7.
pub(crate) fn single_date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    let mut lines = headers.get_all(name).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return None;
    };
    let text = line.to_str().ok()?;
    let as_written = httpdate::parse_http_date(text);
    as_written
        .or_else(|_| httpdate::parse_http_date(&in_proper_case(text)))
        .ok()
}

/// Names of days and months as dates have them: caches compare without regard to case (RFC 9111 §4.2).
fn in_proper_case(date: &str) -> String {
    let mut before = ' ';
    let proper: String = date
        .chars()
        .map(|character| {
            let cased = match before.is_ascii_alphabetic() {
                true => character.to_ascii_lowercase(),
                false => character.to_ascii_uppercase(),
            };
            before = character;
            cased
        })
        .collect();
    proper.replace("Gmt", "GMT")
}

fn insert_date(facts: &mut HeaderMap, name: HeaderName, date: SystemTime) {
    if let Ok(value) = HeaderValue::try_from(httpdate::fmt_http_date(date)) {
        facts.insert(name, value);
    }
}

#[cfg(test)]
mod tests;

//! A part of a stored body (RFC 9110 §14).
//!
//! Only one range of bytes of a complete 200 is served; several ranges, and units other than bytes, get the whole body,
//! as a server may always give it. Parts that the server sends pass through and are not stored.

use std::ops::Range;

use github_headers::EntityTag;
use http::header::{DATE, ETAG, IF_RANGE, LAST_MODIFIED, RANGE};
use http::{HeaderMap, HeaderValue};

use super::freshness::single_date;

/// Which bytes of a stored body a request wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Whole,
    Part(Range<usize>),
    /// None of the body is in the range.
    Unsatisfiable,
}

/// The part of a body of `length` bytes, stored under `stored`, that the request wants.
pub(crate) fn wanted(request: &HeaderMap, stored: &HeaderMap, length: usize) -> Wanted {
    let mut lines = request.get_all(RANGE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return Wanted::Whole;
    };
    if !if_range_holds(request, stored) {
        return Wanted::Whole;
    }
    parse(line, length).unwrap_or(Wanted::Whole)
}

fn parse(line: &HeaderValue, length: usize) -> Option<Wanted> {
    let (unit, range) = line.to_str().ok()?.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") || range.contains(',') {
        return None;
    }
    let (first, last) = range.trim().split_once('-')?;
    let part = match (first, last) {
        ("", suffix) => {
            let suffix = number(suffix)?;
            length.saturating_sub(suffix)..length
        }
        (first, "") => number(first)?..length,
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            first..last.saturating_add(1).min(length)
        }
    };
    Some(match part.start < part.end {
        true => Wanted::Part(part),
        false => Wanted::Unsatisfiable,
    })
}

fn number(text: &str) -> Option<usize> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(usize::MAX))
}

/// RFC 9110 §13.1.5: only a strong validator makes a part fit to what the client has.
fn if_range_holds(request: &HeaderMap, stored: &HeaderMap) -> bool {
    let Some(condition) = request.get(IF_RANGE) else {
        return true;
    };
    if let Ok(wanted) = EntityTag::parse(condition) {
        let tag = stored.get(ETAG).and_then(|tag| EntityTag::parse(tag).ok());
        return tag.is_some_and(|tag| tag.strong_eq(&wanted));
    }
    let (Some(modified), Some(date)) = (
        single_date(stored, &LAST_MODIFIED),
        single_date(stored, &DATE),
    ) else {
        return false;
    };
    // Strong if it was a minute old when the answer was made: later changes would have another date (§8.8.2.2).
    let strong = date
        .duration_since(modified)
        .is_ok_and(|passed| passed.as_secs() >= 60);
    strong && single_date(request, &IF_RANGE) == Some(modified)
}

#[cfg(test)]
mod tests;

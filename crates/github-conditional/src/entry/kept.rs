//! Headers as they are kept with a body: small, and not holding on to the buffer they were received in.
//!
//! Most of what GitHub sends is the same with every answer. Such a field is one bit here, the date is a number; the
//! others share one allocation of exactly their size. A [`HeaderMap`] would take several times that, and each of its values a reference
//! to the whole buffer that the connection had read.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, DATE, Entry, REFERRER_POLICY, SERVER,
    STRICT_TRANSPORT_SECURITY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS, X_XSS_PROTECTION,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use httpdate::HttpDate;

type Field = (HeaderName, HeaderValue);

const fn field(name: HeaderName, value: &'static str) -> Field {
    (name, HeaderValue::from_static(value))
}

const fn named(name: &'static str, value: &'static str) -> Field {
    (
        HeaderName::from_static(name),
        HeaderValue::from_static(value),
    )
}

/// What GitHub sends again and again. Lines of one name stand in the order in which GitHub sends them.
///
/// A line that is missing here costs memory, nothing else; none of this leaves the process.
static KNOWN: [Field; 23] = [
    field(CONTENT_TYPE, "application/json; charset=utf-8"),
    field(CACHE_CONTROL, "private, max-age=60, s-maxage=60"),
    field(CACHE_CONTROL, "public, max-age=60, s-maxage=60"),
    field(VARY, "Accept, Authorization, Cookie, X-GitHub-OTP"),
    field(VARY, "Accept"),
    field(VARY, "Accept-Encoding, Accept, X-Requested-With"),
    named("x-github-media-type", "github.v3; format=json"),
    named("x-github-api-version-selected", "2022-11-28"),
    named("x-github-api-version-selected", "2026-03-10"),
    named("x-accepted-oauth-scopes", ""),
    named("x-accepted-oauth-scopes", "repo"),
    named("x-accepted-github-permissions", "metadata=read"),
    named("x-poll-interval", "60"),
    field(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        "ETag, Link, Location, Retry-After, X-GitHub-OTP, X-RateLimit-Limit, X-RateLimit-Remaining, \
         X-RateLimit-Used, X-RateLimit-Resource, X-RateLimit-Reset, X-OAuth-Scopes, X-Accepted-OAuth-Scopes, \
         X-Poll-Interval, X-GitHub-Media-Type, X-GitHub-SSO, X-GitHub-Request-Id, Deprecation, Sunset, Warning",
    ),
    field(ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    field(
        STRICT_TRANSPORT_SECURITY,
        "max-age=31536000; includeSubdomains; preload",
    ),
    field(X_FRAME_OPTIONS, "deny"),
    field(X_CONTENT_TYPE_OPTIONS, "nosniff"),
    field(X_XSS_PROTECTION, "0"),
    field(
        REFERRER_POLICY,
        "origin-when-cross-origin, strict-origin-when-cross-origin",
    ),
    field(CONTENT_SECURITY_POLICY, "default-src 'none'"),
    field(SERVER, "github.com"),
    field(SERVER, "GitHub.com"),
];

/// Headers that are kept. Immutable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeptHeaders {
    /// A bit for each line of [`KNOWN`] that is among them.
    known: u32,
    /// `Date`, where it is one line in the preferred form of RFC 9110 §5.6.7: seconds since the Unix epoch.
    date: Option<NonZeroU32>,
    own: Box<[Field]>,
}

impl KeptHeaders {
    pub(crate) fn new(headers: &HeaderMap) -> Self {
        let mut known = 0;
        let date = date_of(headers);
        let mut others: Vec<Field> = Vec::new();
        for name in headers.keys() {
            if name == DATE && date.is_some() {
                continue;
            }
            match known_lines(headers, name) {
                Some(bits) => known |= bits,
                None => {
                    let lines = headers.get_all(name).iter();
                    others.extend(lines.map(|value| (name.clone(), value.clone())));
                }
            }
        }
        let own = compact(&others);
        Self { known, date, own }
    }

    /// The first line of this name; none of `Date`, which is no text here.
    pub(crate) fn get(&self, name: &HeaderName) -> Option<&HeaderValue> {
        let mut lines = self.iter();
        lines.find_map(|(found, value)| (found == name).then_some(value))
    }

    /// All lines but a date's; those of one name stand together, in their order.
    fn iter(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        let known = KNOWN.iter().enumerate();
        let known = known.filter(|(bit, _)| self.known & (1 << bit) != 0);
        known
            .map(|(_, field)| field)
            .chain(&self.own)
            .map(|(name, value)| (name, value))
    }

    pub(crate) fn len(&self) -> usize {
        self.known.count_ones() as usize + usize::from(self.date.is_some()) + self.own.len()
    }

    /// As they were.
    pub(crate) fn to_map(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(self.len());
        for (name, value) in self.iter() {
            headers.append(name.clone(), value.clone());
        }
        self.fill_in_date(&mut headers);
        headers
    }

    fn fill_in_date(&self, headers: &mut HeaderMap) {
        if let Some(seconds) = self.date
            && let Entry::Vacant(place) = headers.entry(DATE)
            && let Ok(value) = HeaderValue::try_from(written(seconds))
        {
            place.insert(value);
        }
    }

    /// Adds those whose name is not there yet.
    pub(crate) fn fill_in(&self, headers: &mut HeaderMap) {
        if headers.is_empty() {
            *headers = copy_of_known(self.known);
            fill_in(self.own.iter().map(|(name, value)| (name, value)), headers);
        } else {
            headers.reserve(self.len());
            fill_in(self.iter(), headers);
        }
        self.fill_in_date(headers);
    }

    /// Adds those of these names that are not there yet.
    pub(crate) fn fill_in_only(&self, names: &[HeaderName], headers: &mut HeaderMap) {
        fill_in(
            self.iter().filter(|(name, _)| names.contains(name)),
            headers,
        );
        if names.contains(&DATE) {
            self.fill_in_date(headers);
        }
    }

    /// Bytes beside the struct itself.
    pub(crate) fn weight_bytes(&self) -> usize {
        let values: usize = self.own.iter().map(|(_, value)| value.len()).sum();
        let names = self.own.iter().map(|(name, _)| name.as_str().len());
        size_of_val(&*self.own) + values + names.sum::<usize>()
    }
}

/// Combinations of known lines that are remembered as maps; there are a few dozen.
const MOST_COPIED: usize = 64;

thread_local! {
    static COPIED: RefCell<BTreeMap<u32, HeaderMap>> = RefCell::default();
}

/// A map of these known lines. Copying one takes a seventh of what putting it together does.
fn copy_of_known(known: u32) -> HeaderMap {
    let made = || {
        let mut headers = HeaderMap::new();
        let lines = KNOWN.iter().enumerate();
        let lines = lines.filter(|(bit, _)| known & (1 << bit) != 0);
        for (_, (name, value)) in lines {
            headers.append(name.clone(), value.clone());
        }
        headers
    };
    COPIED.with_borrow_mut(|copied| match copied.get(&known) {
        Some(headers) => headers.clone(),
        None if copied.len() < MOST_COPIED => copied.entry(known).or_insert_with(made).clone(),
        None => made(),
    })
}

fn fill_in<'a>(
    fields: impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)>,
    headers: &mut HeaderMap,
) {
    let mut added = None;
    for (name, value) in fields {
        if added == Some(name) || !headers.contains_key(name) {
            headers.append(name.clone(), value.clone());
            added = Some(name);
        }
    }
}

/// As long as `Thu, 26 Nov 2026 12:00:00 GMT` is.
const DATE_BYTES: usize = 29;

/// The date, if writing it again gives what was received.
fn date_of(headers: &HeaderMap) -> Option<NonZeroU32> {
    let mut lines = headers.get_all(DATE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return None;
    };
    let text = line.to_str().ok()?;
    let since = httpdate::parse_http_date(text)
        .ok()?
        .duration_since(UNIX_EPOCH)
        .ok()?;
    let seconds = NonZeroU32::new(u32::try_from(since.as_secs()).ok()?)?;
    (written(seconds) == text).then_some(seconds)
}

fn written(seconds: NonZeroU32) -> String {
    let date = UNIX_EPOCH + Duration::from_secs(u64::from(seconds.get()));
    let mut text = String::with_capacity(DATE_BYTES);
    // Writing to a string cannot fail.
    let _written = write!(text, "{}", HttpDate::from(date));
    text
}

/// The bits of all lines of a name; `None` unless every one is known, and they stand in the order of [`KNOWN`].
fn known_lines(headers: &HeaderMap, name: &HeaderName) -> Option<u32> {
    let mut bits = 0_u32;
    for value in headers.get_all(name) {
        let bit = KNOWN
            .iter()
            .position(|(known, line)| known == name && line == value)?;
        // The next one has to be behind all before it.
        if bits >> bit != 0 {
            return None;
        }
        bits |= 1 << bit;
    }
    Some(bits)
}

/// The same fields, whose values share one allocation of their size.
fn compact(fields: &[Field]) -> Box<[Field]> {
    let length = fields.iter().map(|(_, value)| value.len()).sum();
    let mut bytes = Vec::with_capacity(length);
    for (_, value) in fields {
        bytes.extend_from_slice(value.as_bytes());
    }
    let bytes = Bytes::from(bytes);
    let mut begun = 0;
    fields
        .iter()
        .map(|(name, value)| {
            let piece = bytes.slice(begun..begun + value.len());
            begun += value.len();
            // What was a value is one; if it were not, the one that was received does as well.
            let mut kept = HeaderValue::from_maybe_shared(piece).unwrap_or_else(|_| value.clone());
            kept.set_sensitive(value.is_sensitive());
            (name.clone(), kept)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    const DATES: [&str; 2] = [
        "Thu, 26 Nov 2026 12:00:00 GMT",
        "Thu, 26 Nov 2026 12:00:01 GMT",
    ];
    const VARY_LINES: [&str; 2] = [
        "Accept, Authorization, Cookie, X-GitHub-OTP",
        "Accept-Encoding, Accept, X-Requested-With",
    ];

    #[track_caller]
    fn check(lines: &[(&'static str, &'static str)], own: usize) {
        let headers = map(lines);
        let kept = KeptHeaders::new(&headers);
        assert_eq!(kept.to_map(), headers);
        for _made_and_then_remembered in 0..2 {
            let mut filled = HeaderMap::new();
            kept.fill_in(&mut filled);
            assert_eq!(filled, headers);
        }
        assert_eq!(kept.own.len(), own);
        assert_eq!(kept.len(), headers.len());
        for name in headers.keys().filter(|name| *name != DATE) {
            assert_eq!(kept.get(name), headers.get(name));
            let lines = kept.iter().filter(|(found, _)| *found == name);
            assert!(lines.map(|(_, value)| value).eq(headers.get_all(name)));
        }
    }

    #[test]
    fn what_is_kept_is_what_was_there() {
        check(&[], 0);
        check(&[("content-type", "application/json; charset=utf-8")], 0);
        check(
            &[("content-type", "text/plain"), ("server", "github.com")],
            1,
        );
        check(&[("vary", VARY_LINES[0]), ("vary", VARY_LINES[1])], 0);
        check(&[("vary", VARY_LINES[1]), ("vary", VARY_LINES[0])], 2);
        check(&[("vary", VARY_LINES[1]), ("vary", VARY_LINES[1])], 2);
        check(&[("vary", VARY_LINES[0]), ("vary", "Origin")], 2);
        check(&[("link", "<a>; rel=\"next\""), ("etag", "\"x\"")], 2);
        check(&[("date", DATES[0])], 0);
        // Written again, these would be another text: the form that is obsolete, two of them, before 1970, none.
        check(&[("date", "Thursday, 26-Nov-26 12:00:00 GMT")], 1);
        check(&[("date", DATES[0]), ("date", DATES[1])], 2);
        check(&[("date", "Wed, 31 Dec 1969 23:59:59 GMT")], 1);
        check(&[("date", "now")], 1);
    }

    #[test]
    fn every_known_line_is_recognised_by_itself() {
        for (name, value) in &KNOWN {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.clone());
            let kept = KeptHeaders::new(&headers);
            assert_eq!((kept.own.len(), kept.to_map()), (0, headers));
        }
    }

    #[test]
    fn a_name_that_is_there_is_left_alone_with_all_its_lines() {
        let kept = KeptHeaders::new(&map(&[
            ("vary", VARY_LINES[0]),
            ("vary", VARY_LINES[1]),
            ("server", "github.com"),
        ]));
        let dated = KeptHeaders::new(&map(&[("date", DATES[0])]));
        let mut headers = map(&[("date", DATES[1])]);
        dated.fill_in(&mut headers);
        assert_eq!(headers, map(&[("date", DATES[1])]));
        let mut headers = HeaderMap::new();
        dated.fill_in_only(&[SERVER], &mut headers);
        assert!(headers.is_empty());
        dated.fill_in_only(&[SERVER, DATE], &mut headers);
        assert_eq!(headers, map(&[("date", DATES[0])]));
        let mut headers = map(&[("vary", "Origin")]);
        kept.fill_in(&mut headers);
        assert_eq!(
            headers,
            map(&[("vary", "Origin"), ("server", "github.com")])
        );
        let mut headers = HeaderMap::new();
        kept.fill_in(&mut headers);
        assert_eq!(headers, kept.to_map());
    }

    #[test]
    fn values_do_not_hold_what_they_were_received_in() {
        let buffer = Bytes::from(vec![b'x'; 100_000]);
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_maybe_shared(buffer.slice(..10)).unwrap();
        headers.insert("x-own", value);
        let kept = KeptHeaders::new(&headers);
        drop(headers);
        assert!(buffer.is_unique());
        assert!(kept.weight_bytes() < 200);
    }
}

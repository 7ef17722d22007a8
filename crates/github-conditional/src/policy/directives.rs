//! What a client asks of caches: the request directives of `Cache-Control` (RFC 9111 §5.2.1).

use std::time::Duration;

use http::HeaderMap;
use http::header::{CACHE_CONTROL, PRAGMA};

/// How much staleness a client accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MaxStale {
    Any,
    Seconds(u64),
}

impl MaxStale {
    pub(crate) fn allows(self, stale_for: Duration) -> bool {
        match self {
            Self::Any => true,
            Self::Seconds(seconds) => stale_for <= Duration::from_secs(seconds),
        }
    }
}

/// The directives of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Directives {
    pub(crate) no_cache: bool,
    pub(crate) no_store: bool,
    pub(crate) only_if_cached: bool,
    pub(crate) max_age: Option<u64>,
    pub(crate) min_fresh: Option<u64>,
    pub(crate) max_stale: Option<MaxStale>,
    /// RFC 5861 §4.
    pub(crate) stale_if_error: Option<u64>,
}

impl Directives {
    /// May something of this age be served unasked, as far as `no-cache` and `max-age` go?
    pub(crate) fn accept_age(&self, age: Duration) -> bool {
        !self.no_cache
            && self
                .max_age
                .is_none_or(|limit| age <= Duration::from_secs(limit))
    }

    /// Unknown directives are ignored; a number that cannot be read asks for the stricter thing.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut directives = Self::default();
        let mut lines = headers.get_all(CACHE_CONTROL).iter().peekable();
        if lines.peek().is_none() {
            // RFC 9111 §5.4: without Cache-Control, the old header counts.
            directives.no_cache = headers.get_all(PRAGMA).iter().any(|value| {
                value
                    .as_bytes()
                    .to_ascii_lowercase()
                    .windows(8)
                    .any(|w| w == b"no-cache")
            });
            return directives;
        }
        for line in lines {
            for directive in line.to_str().unwrap_or_default().split(',') {
                directives.add(directive.trim());
            }
        }
        directives
    }

    fn add(&mut self, directive: &str) {
        let (name, value) = match directive.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim().trim_matches('"'))),
            None => (directive, None),
        };
        let seconds = value.map(|value| value.parse::<u64>().ok());
        match name.to_ascii_lowercase().as_str() {
            "no-cache" => self.no_cache = true,
            "no-store" => self.no_store = true,
            "only-if-cached" => self.only_if_cached = true,
            "max-age" => self.max_age = Some(seconds.flatten().unwrap_or(0)),
            "min-fresh" => self.min_fresh = Some(seconds.flatten().unwrap_or(u64::MAX)),
            "stale-if-error" => self.stale_if_error = Some(seconds.flatten().unwrap_or(0)),
            "max-stale" => {
                self.max_stale = Some(match seconds {
                    None => MaxStale::Any,
                    Some(seconds) => MaxStale::Seconds(seconds.unwrap_or(0)),
                });
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    #[track_caller]
    fn check(lines: &[(HeaderName, &str)], expected: Directives) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        assert_eq!(Directives::of(&headers), expected, "{lines:?}");
    }

    #[test]
    fn table() {
        let none = Directives::default();
        check(&[], none);
        check(
            &[(CACHE_CONTROL, "no-cache")],
            Directives {
                no_cache: true,
                ..none
            },
        );
        check(
            &[(PRAGMA, "No-Cache")],
            Directives {
                no_cache: true,
                ..none
            },
        );
        check(
            &[(PRAGMA, "no-cache"), (CACHE_CONTROL, "max-age=5")],
            Directives {
                max_age: Some(5),
                ..none
            },
        );
        check(
            &[
                (CACHE_CONTROL, "no-store, ONLY-IF-CACHED"),
                (CACHE_CONTROL, "min-fresh=\"7\""),
            ],
            Directives {
                no_store: true,
                only_if_cached: true,
                min_fresh: Some(7),
                ..none
            },
        );
        check(
            &[(CACHE_CONTROL, "max-stale")],
            Directives {
                max_stale: Some(MaxStale::Any),
                ..none
            },
        );
        check(
            &[(CACHE_CONTROL, "max-stale = 9 , x=y")],
            Directives {
                max_stale: Some(MaxStale::Seconds(9)),
                ..none
            },
        );
        check(
            &[(CACHE_CONTROL, "max-stale=x, max-age=-1, min-fresh=z")],
            Directives {
                max_stale: Some(MaxStale::Seconds(0)),
                max_age: Some(0),
                min_fresh: Some(u64::MAX),
                ..none
            },
        );
    }
}

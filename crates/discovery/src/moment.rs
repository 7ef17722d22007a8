//! A moment in UTC as the store keeps it and GitHub writes it.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Milliseconds since 1970-01-01 00:00 UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub(crate) struct Moment(i64);

/// No year needs more than four digits: what lies outside cannot be printed.
const FIRST: i64 = -62_167_219_200_000;
const LAST: i64 = 253_402_300_799_999;

impl Moment {
    pub(crate) const fn from_milliseconds(milliseconds: i64) -> Self {
        Self(milliseconds)
    }

    pub(crate) const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000))
    }

    pub(crate) const fn milliseconds(self) -> i64 {
        self.0
    }

    pub(crate) const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// GitHub's form, `2011-01-25T18:44:36Z`, and any other of RFC 3339.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000_000))
            .ok()
            .map(Self)
    }

    pub(crate) fn after(self, wait: Duration) -> Self {
        let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(wait))
    }

    pub(crate) fn before(self, time: Duration) -> Self {
        let time = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(time))
    }

    /// From `earlier` to here; nothing if that lies later.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl From<SystemTime> for Moment {
    fn from(time: SystemTime) -> Self {
        let milliseconds = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        match time.duration_since(UNIX_EPOCH) {
            Ok(since) => Self(milliseconds(since)),
            Err(earlier) => Self(-milliseconds(earlier.duration())),
        }
    }
}

/// As GitHub prints it; fractions only where there are some.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanoseconds = i128::from(self.0.clamp(FIRST, LAST)) * 1_000_000;
        let text = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds)
            .ok()
            .and_then(|at| at.format(&Rfc3339).ok())
            .ok_or(fmt::Error)?;
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn githubs_form_goes_both_ways() {
        #[track_caller]
        fn check(text: &str, milliseconds: i64, printed: &str) {
            let moment = Moment::parse(text).unwrap();
            assert_eq!(moment.milliseconds(), milliseconds);
            assert_eq!(moment.to_string(), printed);
        }
        check(
            "2011-01-25T18:44:36Z",
            1_295_981_076_000,
            "2011-01-25T18:44:36Z",
        );
        check(
            "2011-01-25T19:44:36+01:00",
            1_295_981_076_000,
            "2011-01-25T18:44:36Z",
        );
        check("1969-12-31T23:59:59.5Z", -500, "1969-12-31T23:59:59.5Z");
        assert_eq!(Moment::parse("2011-01-25"), None);
    }

    #[test]
    fn spans() {
        let (moment, minute) = (Moment::from_seconds(600), Duration::from_secs(60));
        assert_eq!(moment.after(minute), Moment::from_seconds(660));
        assert_eq!(moment.before(minute), Moment::from_seconds(540));
        assert_eq!(moment.since(moment.before(minute)), minute);
        assert_eq!(moment.since(moment.after(minute)), Duration::ZERO);
    }

    #[test]
    fn the_ends_of_time_can_be_printed() {
        assert_eq!(Moment(i64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!(Moment(i64::MIN).to_string(), "0000-01-01T00:00:00Z");
    }
}

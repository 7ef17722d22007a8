//! The simulator's only clock: a fixed instant plus an offset in tests, the machine's clock plus an offset in the
//! program.
//!
//! A still clock makes every header of an answer predictable; time passes when [`SimClock::advance`] says so.

use http::HeaderValue;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where a still clock starts: Thu, 30 Jul 2026 12:00:00 GMT.
pub const START: i64 = 1_785_412_800;

#[derive(Clone, Copy, Debug)]
enum Source {
    Still(Duration),
    /// The start, and what tokio's clock showed then.
    Tokio(Duration, tokio::time::Instant),
    Machine,
}

#[derive(Debug)]
struct Inner {
    source: Source,
    offset_milliseconds: AtomicU64,
    date: Mutex<(i64, HeaderValue)>,
}

/// Simulated time. Clones share it.
#[derive(Clone, Debug)]
pub struct SimClock(Arc<Inner>);

impl SimClock {
    /// Stands still at `start` (seconds since the Unix epoch) until it is advanced.
    pub fn still(start: i64) -> Self {
        Self::from_source(Source::Still(Duration::from_secs(
            start.max(0).unsigned_abs(),
        )))
    }

    /// Starts at `start` and follows tokio's clock from now on, which a test may pause: then time passes only while all
    /// wait, and every time is exact.
    pub fn following_tokio(start: i64) -> Self {
        let start = Duration::from_secs(start.max(0).unsigned_abs());
        Self::from_source(Source::Tokio(start, tokio::time::Instant::now()))
    }

    /// Follows the machine's clock.
    pub fn real() -> Self {
        Self::from_source(Source::Machine)
    }

    fn from_source(source: Source) -> Self {
        Self(Arc::new(Inner {
            source,
            offset_milliseconds: AtomicU64::new(0),
            date: Mutex::new((i64::MIN, HeaderValue::from_static(""))),
        }))
    }

    /// Moves simulated time forward; it never goes back.
    pub fn advance(&self, by: Duration) {
        let milliseconds = u64::try_from(by.as_millis()).unwrap_or(u64::MAX / 2);
        self.0
            .offset_milliseconds
            .fetch_add(milliseconds, Ordering::SeqCst);
    }

    /// Whole seconds since the Unix epoch.
    pub fn now(&self) -> i64 {
        i64::try_from(self.since_epoch().as_secs()).unwrap_or(i64::MAX)
    }

    /// The present second as a `Date` header.
    pub(crate) fn date(&self, now: i64) -> HeaderValue {
        let mut cached = self.0.date.lock();
        if cached.0 != now {
            *cached = (now, http_date(now));
        }
        cached.1.clone()
    }

    fn since_epoch(&self) -> Duration {
        let base = match self.0.source {
            Source::Still(start) => start,
            Source::Tokio(start, since) => start + since.elapsed(),
            Source::Machine => machine_time(),
        };
        base + Duration::from_millis(self.0.offset_milliseconds.load(Ordering::SeqCst))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the simulator reads real time"
)]
fn machine_time() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// IMF-fixdate (RFC 9110 section 5.6.7) of a second since the epoch.
pub(crate) fn http_date(seconds: i64) -> HeaderValue {
    let at = UNIX_EPOCH + Duration::from_secs(seconds.max(0).unsigned_abs());
    HeaderValue::try_from(httpdate::fmt_http_date(at)).expect("an HTTP date is visible ASCII")
}

/// The reverse of [`http_date`]; `None` for anything that is no HTTP date.
pub(crate) fn parse_http_date(value: &str) -> Option<i64> {
    let at = httpdate::parse_http_date(value).ok()?;
    i64::try_from(at.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}

/// `2026-07-30T12:00:00Z`, as JSON bodies spell time.
pub(crate) fn iso_date(seconds: i64) -> String {
    let days = seconds.div_euclid(86_400);
    let second = seconds.rem_euclid(86_400);
    // Civil date from days, after Howard Hinnant's public-domain algorithm.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_shifted + 2) / 5 + 1;
    let month = if month_shifted < 10 {
        month_shifted + 3
    } else {
        month_shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_still_clock_moves_only_when_told() {
        let clock = SimClock::still(START);
        assert_eq!(clock.now(), START);
        clock.advance(Duration::from_millis(1_500));
        assert_eq!(clock.now(), START + 1);
        clock.advance(Duration::from_millis(500));
        assert_eq!(clock.now(), START + 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_follows_tokio_is_paused_with_it() {
        let clock = SimClock::following_tokio(START);
        assert_eq!(clock.now(), START);
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        assert_eq!(clock.now(), START + 3_600);
        clock.advance(Duration::from_secs(1));
        assert_eq!(clock.now(), START + 3_601);
    }

    #[test]
    fn dates_in_both_spellings() {
        assert_eq!(http_date(START), "Thu, 30 Jul 2026 12:00:00 GMT");
        assert_eq!(
            parse_http_date("Thu, 30 Jul 2026 12:00:00 GMT"),
            Some(START)
        );
        assert_eq!(parse_http_date("yesterday"), None);
        assert_eq!(iso_date(START), "2026-07-30T12:00:00Z");
        assert_eq!(iso_date(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(iso_date(0), "1970-01-01T00:00:00Z");
    }
}

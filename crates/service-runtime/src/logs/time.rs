//! Timestamps in UTC, without a calendar library: two formats are all that logs need.

use std::fmt;
use std::time::{Duration, SystemTime};

/// A point in time as calendar fields, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp {
    year: i64,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
    millisecond: u16,
}

const SECONDS_PER_DAY: i64 = 86_400;

impl Timestamp {
    pub fn of(time: SystemTime) -> Self {
        let (seconds, nanoseconds) = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => (since.as_secs().cast_signed(), since.subsec_nanos()),
            Err(before) => floor(before.duration()),
        };
        let (year, month, day) = civil_from_days(seconds.div_euclid(SECONDS_PER_DAY));
        let second_of_day = seconds.rem_euclid(SECONDS_PER_DAY);
        let part = |value: i64| u8::try_from(value).expect("less than 60");
        Timestamp {
            year,
            month,
            day,
            hour: part(second_of_day / 3600),
            minute: part(second_of_day / 60 % 60),
            second: part(second_of_day % 60),
            millisecond: u16::try_from(nanoseconds / 1_000_000).expect("less than 1000"),
        }
    }

    /// `2026-02-16 21:08:07,948`
    pub fn text(&self) -> impl fmt::Display + use<> {
        Shown {
            time: *self,
            separator: ' ',
            fraction: ',',
            zone: "",
        }
    }

    /// `2026-02-16T21:08:07.948Z`
    pub fn rfc3339(&self) -> impl fmt::Display + use<> {
        Shown {
            time: *self,
            separator: 'T',
            fraction: '.',
            zone: "Z",
        }
    }
}

/// Seconds and nanoseconds so long before 1970, with the nanoseconds counted forwards.
fn floor(before: Duration) -> (i64, u32) {
    let seconds = -before.as_secs().cast_signed();
    match before.subsec_nanos() {
        0 => (seconds, 0),
        nanoseconds => (seconds - 1, 1_000_000_000 - nanoseconds),
    }
}

/// Year, month and day of a day counted from 1970-01-01.
///
/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`: years begin
/// in March so that the leap day is the last one, eras of 400 years have equal lengths.
fn civil_from_days(days: i64) -> (i64, u8, u8) {
    const DAYS_FROM_MARCH_OF_YEAR_0: i64 = 719_468;
    const DAYS_PER_ERA: i64 = 146_097;
    let days = days + DAYS_FROM_MARCH_OF_YEAR_0;
    let era = days.div_euclid(DAYS_PER_ERA);
    let day_of_era = days.rem_euclid(DAYS_PER_ERA);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let small = |value: i64| u8::try_from(value).expect("a month or a day of a month");
    (year, small(month), small(day))
}

struct Shown {
    time: Timestamp,
    separator: char,
    fraction: char,
    zone: &'static str,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shown {
            time,
            separator,
            fraction,
            zone,
        } = self;
        let Timestamp {
            year,
            month,
            day,
            hour,
            minute,
            second,
            millisecond,
        } = time;
        // Written as one piece of bytes: this is on the path of every request.
        let mut text = *b"0000-00-00 00:00:00,000";
        let Ok(year) = u32::try_from(*year) else {
            // Before year 0 a clock is wrong beyond repair, but nobody should panic about it.
            return write!(f, "{year}");
        };
        digits(&mut text[0..4], year);
        digits(&mut text[5..7], u32::from(*month));
        digits(&mut text[8..10], u32::from(*day));
        digits(&mut text[11..13], u32::from(*hour));
        digits(&mut text[14..16], u32::from(*minute));
        digits(&mut text[17..19], u32::from(*second));
        digits(&mut text[20..23], u32::from(*millisecond));
        text[10] = *separator as u8;
        text[19] = *fraction as u8;
        f.write_str(std::str::from_utf8(&text).expect("digits and ASCII separators"))?;
        f.write_str(zone)
    }
}

fn digits(place: &mut [u8], mut value: u32) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + u8::try_from(value % 10).expect("a digit");
        value /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(unix_milliseconds: i64, text: &str) {
        let since = Duration::from_millis(unix_milliseconds.unsigned_abs());
        let time = if unix_milliseconds < 0 {
            SystemTime::UNIX_EPOCH - since
        } else {
            SystemTime::UNIX_EPOCH + since
        };
        assert_eq!(Timestamp::of(time).text().to_string(), text);
    }

    #[test]
    fn known_moments() {
        check(0, "1970-01-01 00:00:00,000");
        check(1_771_276_087_948, "2026-02-16 21:08:07,948");
        check(951_782_400_000, "2000-02-29 00:00:00,000");
        check(4_107_542_399_999, "2100-02-28 23:59:59,999");
        check(4_107_542_400_000, "2100-03-01 00:00:00,000");
        check(-1, "1969-12-31 23:59:59,999");
        check(-86_400_000, "1969-12-31 00:00:00,000");
    }

    #[test]
    fn the_machine_readable_form_is_rfc_3339() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_771_276_087_948);
        assert_eq!(
            Timestamp::of(time).rfc3339().to_string(),
            "2026-02-16T21:08:07.948Z"
        );
    }

    #[test]
    fn every_day_of_800_years_follows_the_one_before() {
        let mut expected = (1970, 1, 1);
        for day in 0..292_194 {
            assert_eq!(civil_from_days(day), expected);
            expected = next_day(expected);
        }
    }

    fn next_day((year, month, day): (i64, u8, u8)) -> (i64, u8, u8) {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let length = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        match (month, day) {
            (12, 31) => (year + 1, 1, 1),
            (_, last) if last == length => (year, month + 1, 1),
            _ => (year, month, day + 1),
        }
    }
}

//! A moment, to the second, as GitHub writes it.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::{KnownFormat, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// Seconds since 1970-01-01T00:00:00Z; in JSON `"2022-06-09T12:47:28Z"`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Not a moment of the years 0 to 9999 in the form of RFC 3339.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time in the form 2022-06-09T12:47:28Z")]
pub struct NoTimestamp;

impl Timestamp {
    /// The moment so many seconds after the epoch.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since the epoch.
    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// The moment of a clock; a clock before 1970 says 1970.
    pub fn of(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
    }

    /// Reads RFC 3339, any offset; fractions of a second are cut off.
    ///
    /// # Errors
    /// When it is no such text.
    pub fn parse(text: &str) -> Result<Self, NoTimestamp> {
        OffsetDateTime::parse(text, &Rfc3339)
            .map(|time| Self(time.unix_timestamp()))
            .map_err(|_| NoTimestamp)
    }

    /// Seconds from `earlier` to this moment; negative when it is later.
    pub const fn seconds_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This moment and some time.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(seconds))
    }

    /// This moment less some time.
    #[must_use]
    pub fn before(self, time: Duration) -> Self {
        let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(seconds))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = OffsetDateTime::from_unix_timestamp(self.0)
            .ok()
            .and_then(|time| time.format(&Rfc3339).ok());
        match text {
            Some(text) => f.write_str(&text),
            // Beyond the year 9999 there is no such form.
            None => write!(f, "@{}", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        let text = ObjectBuilder::new().schema_type(Type::String);
        text.format(Some(format)).into()
    }
}

impl ToSchema for Timestamp {}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_github_writes_is_read_and_written_back() {
        let text = "2022-06-09T12:47:28Z";
        let moment = Timestamp::parse(text).unwrap();
        assert_eq!(moment.seconds(), 1_654_778_848);
        assert_eq!(moment.to_string(), text);
        assert_eq!(
            serde_json::to_string(&moment).unwrap(),
            format!("\"{text}\"")
        );
        assert_eq!(
            serde_json::from_str::<Timestamp>(&format!("\"{text}\"")).unwrap(),
            moment
        );
    }

    #[test]
    fn other_forms() {
        #[track_caller]
        fn check(text: &str, expected: Result<i64, NoTimestamp>) {
            assert_eq!(
                Timestamp::parse(text).map(Timestamp::seconds),
                expected,
                "{text}"
            );
        }
        check("2015-01-01T15:00:00Z", Ok(1_420_124_400));
        check("2015-01-01T16:00:00+01:00", Ok(1_420_124_400));
        check("2015-01-01T15:00:00.999Z", Ok(1_420_124_400));
        check("2015-01-01", Err(NoTimestamp));
        check("", Err(NoTimestamp));
        check("2015-13-01T15:00:00Z", Err(NoTimestamp));
    }

    #[test]
    fn no_arithmetic_overflows() {
        let last = Timestamp::from_seconds(i64::MAX);
        assert_eq!(last.after(Duration::MAX), last);
        assert_eq!(last.to_string(), format!("@{}", i64::MAX));
        let first = Timestamp::from_seconds(i64::MIN);
        assert_eq!(first.before(Duration::MAX), first);
        assert_eq!(last.seconds_since(first), i64::MAX);
    }
}

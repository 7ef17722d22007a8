//! The order of a view: value descending, ties by full name ascending in byte order, null last (pure).

use std::cmp::Ordering;

use serde_json::value::RawValue;

/// What repositories are ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Metric {
    Forks,
    LastUpdated,
    OpenIssues,
    Stars,
    Watchers,
}

impl Metric {
    pub(crate) const ALL: [Self; 5] = [
        Self::Forks,
        Self::LastUpdated,
        Self::OpenIssues,
        Self::Stars,
        Self::Watchers,
    ];

    /// The word in the path of a view.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Forks => "forks",
            Self::LastUpdated => "last_updated",
            Self::OpenIssues => "open_issues",
            Self::Stars => "stars",
            Self::Watchers => "watchers",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.as_str() == text)
    }
}

/// A repository's value of one metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rank<'a> {
    Whole(i64),
    Number(f64),
    Text(&'a str),
    /// Absent, null, or something that has no order.
    Null,
}

impl<'a> Rank<'a> {
    /// Reads a value as GitHub printed it. Texts are compared as printed: times have no escapes.
    pub(crate) fn of(value: Option<&'a RawValue>) -> Self {
        let Some(text) = value.map(RawValue::get) else {
            return Self::Null;
        };
        if text.starts_with('"') {
            return Self::Text(text);
        }
        if let Ok(whole) = text.parse() {
            return Self::Whole(whole);
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Self::Number(number),
            _ => Self::Null,
        }
    }

    /// Ascending; null is the least.
    fn compare(self, other: Self) -> Ordering {
        use Rank::{Null, Number, Text, Whole};
        match (self, other) {
            (Whole(a), Whole(b)) => a.cmp(&b),
            (Whole(a), Number(b)) => (a as f64).total_cmp(&b),
            (Number(a), Whole(b)) => a.total_cmp(&(b as f64)),
            (Number(a), Number(b)) => a.total_cmp(&b),
            (Text(a), Text(b)) => a.cmp(b),
            (Null, Null) => Ordering::Equal,
            _ => self.class().cmp(&other.class()),
        }
    }

    const fn class(self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Whole(_) | Self::Number(_) => 1,
            Self::Text(_) => 2,
        }
    }
}

/// The order of two repositories in a view.
pub(crate) fn order(one: (Rank<'_>, &str), other: (Rank<'_>, &str)) -> Ordering {
    other
        .0
        .compare(one.0)
        .then_with(|| one.1.as_bytes().cmp(other.1.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: &[(&str, &str)], expected: &[&str]) {
        let raw: Vec<(Box<RawValue>, &str)> = values
            .iter()
            .map(|(value, name)| (RawValue::from_string((*value).to_owned()).unwrap(), *name))
            .collect();
        let mut sorted: Vec<(Rank<'_>, &str)> = raw
            .iter()
            .map(|(value, name)| (Rank::of(Some(value)), *name))
            .collect();
        sorted.sort_by(|one, other| order(*one, *other));
        let names: Vec<&str> = sorted.iter().map(|(_, name)| *name).collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn values_descend_and_names_ascend() {
        check(
            &[("1", "o/b"), ("10", "o/z"), ("9", "o/y"), ("1", "o/a")],
            &["o/z", "o/y", "o/a", "o/b"],
        );
    }

    #[test]
    fn names_are_compared_as_bytes() {
        // As `LC_ALL=C` does: capitals before small letters, `-` before `_`, `é` after all of ASCII.
        check(
            &[
                ("0", "o/a"),
                ("0", "o/é"),
                ("0", "o/B"),
                ("0", "o/a_b"),
                ("0", "o/a-b"),
            ],
            &["o/B", "o/a", "o/a-b", "o/a_b", "o/é"],
        );
    }

    #[test]
    fn null_comes_last_and_times_are_texts() {
        check(
            &[
                ("null", "o/c"),
                (r#""2020-01-01T00:00:00Z""#, "o/b"),
                (r#""2021-01-01T00:00:00Z""#, "o/a"),
                ("null", "o/a"),
            ],
            &["o/a", "o/b", "o/a", "o/c"],
        );
        check(
            &[("null", "o/a"), ("-1", "o/b"), ("0.5", "o/c"), ("0", "o/d")],
            &["o/c", "o/d", "o/b", "o/a"],
        );
    }

    #[test]
    fn metrics_have_one_word_each() {
        for metric in Metric::ALL {
            assert_eq!(Metric::parse(metric.as_str()), Some(metric));
        }
        assert_eq!(Metric::parse("Forks"), None);
        assert_eq!(Metric::parse(""), None);
    }
}

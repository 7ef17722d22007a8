//! The views over an organisation's repositories, made ready when the repositories change (pure).
//!
//! Each metric's whole order is printed once, with the end of every element noted. Whatever `n` is asked for is then a
//! slice of these bytes: a request sorts nothing and prints nothing.

use bytes::Bytes;
use http::HeaderValue;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::flatten::Flaw;
use crate::order::{Metric, Rank, order};

/// Which end of the order is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Direction {
    /// The first `n`.
    Top,
    /// The last `n` of the same order.
    Bottom,
}

impl Direction {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "top" => Some(Self::Top),
            "bottom" => Some(Self::Bottom),
            _ => None,
        }
    }
}

/// How many elements a path asks for; `None` = not a positive integer. More than there can be is as many as there are.
pub(crate) fn parse_count(text: &str) -> Option<usize> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match text.parse().unwrap_or(usize::MAX) {
        0 => None,
        count => Some(count),
    }
}

/// All views of one organisation.
#[derive(Debug)]
pub(crate) struct Views {
    by_metric: [View; Metric::ALL.len()],
}

/// One metric's order, printed.
#[derive(Debug)]
pub(crate) struct View {
    /// `[["o/a", 1], ["o/b", 0]]`, whole.
    printed: Bytes,
    /// Where each element ends in it.
    ends: Box<[usize]>,
    pub(crate) tag: HeaderValue,
}

/// The bytes of an answer in at most two parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Printed(pub(crate) [Bytes; 2]);

const OPEN: Bytes = Bytes::from_static(b"[");
const CLOSE: Bytes = Bytes::from_static(b"]");
const EMPTY: Bytes = Bytes::from_static(b"");
const SEPARATOR: &[u8] = b", ";

#[derive(Deserialize)]
struct Repository<'a> {
    #[serde(borrow)]
    full_name: &'a RawValue,
    #[serde(borrow)]
    forks_count: Option<&'a RawValue>,
    #[serde(borrow)]
    updated_at: Option<&'a RawValue>,
    #[serde(borrow)]
    open_issues_count: Option<&'a RawValue>,
    #[serde(borrow)]
    stargazers_count: Option<&'a RawValue>,
    #[serde(borrow)]
    watchers_count: Option<&'a RawValue>,
}

impl<'a> Repository<'a> {
    fn value(&self, metric: Metric) -> Option<&'a RawValue> {
        match metric {
            Metric::Forks => self.forks_count,
            Metric::LastUpdated => self.updated_at,
            Metric::OpenIssues => self.open_issues_count,
            Metric::Stars => self.stargazers_count,
            Metric::Watchers => self.watchers_count,
        }
    }
}

impl Views {
    /// Makes the views of a flattened list of repositories.
    pub(crate) fn of(repositories: &[u8]) -> Result<Self, Flaw> {
        let repositories: Vec<Repository<'_>> =
            serde_json::from_slice(repositories).map_err(|_| Flaw::WrongKind)?;
        // Compared as what they mean: an escaped name is the same name.
        let names = repositories
            .iter()
            .map(|repository| serde_json::from_str::<String>(repository.full_name.get()))
            .collect::<Result<Vec<String>, _>>()
            .map_err(|_| Flaw::WrongKind)?;
        Ok(Self {
            by_metric: Metric::ALL.map(|metric| View::of(metric, &repositories, &names)),
        })
    }

    pub(crate) fn view(&self, metric: Metric) -> &View {
        &self.by_metric[metric as usize]
    }

    pub(crate) fn weight_bytes(&self) -> usize {
        let weight = |view: &View| view.printed.len() + std::mem::size_of_val(&*view.ends);
        self.by_metric.iter().map(weight).sum()
    }
}

impl View {
    fn of(metric: Metric, repositories: &[Repository<'_>], names: &[String]) -> Self {
        let mut sorted: Vec<(Rank<'_>, usize)> = repositories
            .iter()
            .enumerate()
            .map(|(at, repository)| (Rank::of(repository.value(metric)), at))
            .collect();
        sorted.sort_by(|one, other| order((one.0, &names[one.1]), (other.0, &names[other.1])));
        let mut printed = vec![b'['];
        let mut ends = Vec::with_capacity(sorted.len());
        for (rank, at) in sorted {
            if printed.len() > 1 {
                printed.extend_from_slice(SEPARATOR);
            }
            let repository = &repositories[at];
            let value = match rank {
                Rank::Null => "null",
                _ => repository.value(metric).map_or("null", RawValue::get),
            };
            for part in ["[", repository.full_name.get(), ", ", value, "]"] {
                printed.extend_from_slice(part.as_bytes());
            }
            ends.push(printed.len());
        }
        printed.push(b']');
        printed.shrink_to_fit();
        let tag = format!("\"{}\"", hex::encode(&Sha256::digest(&printed)[..16]));
        Self {
            printed: Bytes::from(printed),
            ends: ends.into_boxed_slice(),
            tag: HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\"")),
        }
    }

    /// The first or last `count` elements.
    pub(crate) fn slice(&self, direction: Direction, count: usize) -> Printed {
        let length = self.ends.len();
        if count >= length {
            return Printed([self.printed.clone(), EMPTY]);
        }
        Printed(match direction {
            Direction::Top => [self.printed.slice(..self.ends[count - 1]), CLOSE],
            Direction::Bottom => {
                let start = self.ends[length - count - 1] + SEPARATOR.len();
                [OPEN, self.printed.slice(start..)]
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(view: &View, direction: Direction, count: usize) -> String {
        String::from_utf8(view.slice(direction, count).0.concat()).unwrap()
    }

    #[test]
    fn top_and_bottom_are_ends_of_one_order() {
        let views = Views::of(
            br#"[{"full_name":"o/a","forks_count":1,"updated_at":"2020-01-01T00:00:00Z"},
                 {"full_name":"o/c","forks_count":2,"updated_at":null},
                 {"full_name":"o/b","forks_count":2,"x":[1,{"full_name":"no"}]}]"#,
        )
        .unwrap();
        let forks = views.view(Metric::Forks);
        let all = r#"[["o/b", 2], ["o/c", 2], ["o/a", 1]]"#;
        assert_eq!(text(forks, Direction::Top, 3), all);
        assert_eq!(text(forks, Direction::Bottom, usize::MAX), all);
        assert_eq!(text(forks, Direction::Top, 1), r#"[["o/b", 2]]"#);
        assert_eq!(text(forks, Direction::Bottom, 1), r#"[["o/a", 1]]"#);
        assert_eq!(
            text(forks, Direction::Bottom, 2),
            r#"[["o/c", 2], ["o/a", 1]]"#
        );
        assert_eq!(
            text(views.view(Metric::LastUpdated), Direction::Top, 9),
            r#"[["o/a", "2020-01-01T00:00:00Z"], ["o/b", null], ["o/c", null]]"#
        );
        assert_ne!(forks.tag, views.view(Metric::Stars).tag);
    }

    #[test]
    fn no_repositories_are_an_empty_list() {
        let views = Views::of(b"[]").unwrap();
        let view = views.view(Metric::Stars);
        for direction in [Direction::Top, Direction::Bottom] {
            assert_eq!(text(view, direction, 1), "[]");
        }
    }

    #[test]
    fn counts_are_positive_integers() {
        #[track_caller]
        fn check(text: &str, expected: Option<usize>) {
            assert_eq!(parse_count(text), expected, "{text}");
        }
        check("1", Some(1));
        check("007", Some(7));
        check("99999999999999999999999", Some(usize::MAX));
        for wrong in ["", "0", "00", "-1", "+1", "1.0", "1e3", " 1", "ten", "٣"] {
            check(wrong, None);
        }
    }

    #[test]
    fn a_list_that_has_no_names_has_no_views() {
        assert_eq!(Views::of(br#"[{"id":1}]"#).unwrap_err(), Flaw::WrongKind);
        assert_eq!(Views::of(b"{}").unwrap_err(), Flaw::WrongKind);
    }
}

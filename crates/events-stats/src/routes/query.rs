//! Query parameters: read once, bounded, and named when they are wrong.

use axum::extract::Query;
use http::Uri;

use crate::Timestamp;
use crate::config::{MOST_DAYS, MOST_EVENTS};
use crate::problem::Problem;
use crate::store::{EventFilter, Page};
use crate::window::Extent;

/// The parameters of one request, in their order. Those that nobody asks for are ignored, as GitHub ignores them.
pub(super) struct Parameters(Vec<(String, String)>);

const MOST_TYPES: usize = 100;

impl Parameters {
    pub(super) fn of(uri: &Uri) -> Result<Self, Problem> {
        match Query::try_from_uri(uri) {
            Ok(Query(pairs)) => Ok(Self(pairs)),
            Err(_) => Err(Problem::Malformed("the query cannot be read".to_owned())),
        }
    }

    fn all(&self, name: &'static str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that may be given once.
    pub(super) fn one(&self, name: &'static str) -> Result<Option<&str>, Problem> {
        let mut values = self.all(name);
        let value = values.next();
        match values.next() {
            None => Ok(value),
            Some(_) => Err(Problem::Parameter {
                name,
                expected: "one value",
            }),
        }
    }

    fn number(
        &self,
        name: &'static str,
        expected: &'static str,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<Option<u64>, Problem> {
        let Some(text) = self.one(name)? else {
            return Ok(None);
        };
        let wrong = Problem::Parameter { name, expected };
        // `+5` is a number to Rust.
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong);
        }
        match text.parse() {
            Ok(number) if range.contains(&number) => Ok(Some(number)),
            _ => Err(wrong),
        }
    }

    fn moment(&self, name: &'static str) -> Result<Option<Timestamp>, Problem> {
        let Some(text) = self.one(name)? else {
            return Ok(None);
        };
        // A plus that was not encoded arrives as a space: +01:00.
        let moment = Timestamp::parse(&text.replace(' ', "+"));
        moment.map(Some).map_err(|_| Problem::Parameter {
            name,
            expected: "a time such as 2022-06-09T12:47:28Z",
        })
    }

    pub(super) fn page(&self) -> Result<Page, Problem> {
        let size = self.number("per_page", "a number from 1 to 100", 1..=100)?;
        let number = self.number("page", "a number from 1 to 1000000", 1..=1_000_000)?;
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(Page {
            number: small(number.unwrap_or(1)),
            size: small(size.unwrap_or(30)),
        })
    }

    pub(super) fn types(&self) -> Result<Vec<String>, Problem> {
        let mut types: Vec<String> = Vec::new();
        for name in self.all("type") {
            let is_type = (1..=100).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if !is_type || types.len() == MOST_TYPES {
                return Err(Problem::Parameter {
                    name: "type",
                    expected: "at most 100 types such as PushEvent",
                });
            }
            if !types.iter().any(|known| known == name) {
                types.push(name.to_owned());
            }
        }
        Ok(types)
    }

    pub(super) fn filter(&self) -> Result<EventFilter, Problem> {
        let actor = self.one("actor")?.map(str::to_owned);
        let is_login = |login: &String| {
            (1..=100).contains(&login.len())
                && login
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_[]".contains(&byte))
        };
        if actor.as_ref().is_some_and(|actor| !is_login(actor)) {
            return Err(Problem::Parameter {
                name: "actor",
                expected: "a login",
            });
        }
        Ok(EventFilter {
            types: self.types()?,
            since: self.moment("since")?,
            until: self.moment("until")?,
            actor,
        })
    }

    pub(super) fn extent(&self, default: Extent) -> Result<Extent, Problem> {
        let days = self.number("days", "a number from 1 to 3650", 1..=u64::from(MOST_DAYS))?;
        let events = self.number(
            "max_events",
            "a number from 1 to 100000",
            1..=MOST_EVENTS as u64,
        )?;
        Ok(Extent {
            days: days.map_or(default.days, |days| u32::try_from(days).unwrap_or(u32::MAX)),
            max_events: events.map_or(default.max_events, |events| {
                usize::try_from(events).unwrap_or(usize::MAX)
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str) -> Parameters {
        Parameters::of(&format!("/x?{query}").parse().unwrap()).unwrap()
    }

    #[track_caller]
    fn names<T: std::fmt::Debug>(result: Result<T, Problem>, expected: &str) {
        match result {
            Err(Problem::Parameter { name, .. }) => assert_eq!(name, expected),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn pages() {
        let page = |query| of(query).page().map(|page| (page.number, page.size));
        assert_eq!(page("").unwrap(), (1, 30));
        assert_eq!(page("page=3&per_page=100&other=x").unwrap(), (3, 100));
        for query in [
            "page=0",
            "page=x",
            "page=",
            "page=1&page=2",
            "page=99999999999999999999",
        ] {
            names(page(query), "page");
        }
        for query in ["per_page=0", "per_page=101", "per_page=-1", "per_page=%2B5"] {
            names(page(query), "per_page");
        }
    }

    #[test]
    fn filters() {
        let filter = of("type=PushEvent&type=ForkEvent&type=PushEvent&since=2022-06-09T14:47:28+02:00&actor=dependabot[bot]")
            .filter()
            .unwrap();
        assert_eq!(filter.types, ["PushEvent", "ForkEvent"]);
        assert_eq!(filter.since.unwrap().to_string(), "2022-06-09T12:47:28Z");
        assert_eq!(filter.actor.as_deref(), Some("dependabot[bot]"));
        assert_eq!(filter.until, None);
        names(of("since=yesterday").filter(), "since");
        names(of("until=").filter(), "until");
        names(of("type=a%00b").filter(), "type");
        names(of("type=").filter(), "type");
        names(of("actor=%00").filter(), "actor");
    }

    #[test]
    fn windows() {
        let extent = |query| of(query).extent(Extent::default());
        let found = extent("days=1&max_events=10").unwrap();
        assert_eq!((found.days, found.max_events), (1, 10));
        assert_eq!(extent("").unwrap(), Extent::default());
        names(extent("days=0"), "days");
        names(extent("days=1.5"), "days");
        names(extent("max_events=0"), "max_events");
        names(extent("max_events=100001"), "max_events");
    }
}

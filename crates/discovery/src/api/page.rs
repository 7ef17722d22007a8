//! Pages of lists (pure), and exact counts without counting.

use std::collections::HashMap;

use parking_lot::Mutex;
use serde::Serialize;

use super::query::{Links, Query};
use crate::config::ApiConfig;
use crate::filter::{DEVELOPERS, Filter, Selection, Table};
use crate::problem::Problem;
use crate::store::{Store, StoreError, Totals};

/// So many counts of filtered lists are remembered.
const REMEMBERED: usize = 512;

/// Which page is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Number(i64),
    Last,
    /// No number of a page.
    Nonsense,
}

/// A page of a list that has so many items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) number: i64,
    pub(super) size: i64,
    pub(super) count: i64,
}

impl Asked {
    pub(super) fn parse(query: &Query) -> Self {
        match query.value("page") {
            None => Self::Number(1),
            Some("last") => Self::Last,
            Some(text) => match text.parse::<i64>() {
                Ok(number) if number > 0 => Self::Number(number),
                _ => Self::Nonsense,
            },
        }
    }
}

/// The setting, unless the query asks for another size that makes sense.
pub(super) fn size(query: &Query, limits: &ApiConfig) -> i64 {
    let asked = query.value("page_size").and_then(|size| size.parse().ok());
    match asked {
        Some(size) if size > 0 => i64::min(size, limits.max_page_size.into()),
        _ => limits.page_size.into(),
    }
}

impl Page {
    /// An empty list has one page, which is empty.
    pub(super) fn of(asked: Asked, size: i64, count: i64) -> Result<Self, Problem> {
        let last = pages(size, count);
        let number = match asked {
            Asked::Number(number) if number <= last => number,
            Asked::Last => last,
            Asked::Number(_) | Asked::Nonsense => return Err(Problem::NoSuchPage),
        };
        Ok(Self {
            number,
            size,
            count,
        })
    }

    pub(super) const fn offset(&self) -> i64 {
        (self.number - 1) * self.size
    }

    /// The list as it is shown.
    pub(super) fn show<T: Serialize>(
        &self,
        links: &Links,
        path: &str,
        query: &Query,
        results: Vec<T>,
    ) -> Shown<T> {
        let to = |page: i64| links.to(&format!("{path}{}", query.with_page(page)));
        Shown {
            count: self.count,
            next: (self.number < pages(self.size, self.count)).then(|| to(self.number + 1)),
            previous: (self.number > 1).then(|| to(self.number - 1)),
            results,
        }
    }
}

const fn pages(size: i64, count: i64) -> i64 {
    let pages = (count + size - 1) / size;
    if pages < 1 { 1 } else { pages }
}

#[derive(Debug, Serialize)]
pub(super) struct Shown<T> {
    count: i64,
    next: Option<String>,
    previous: Option<String>,
    results: Vec<T>,
}

/// Counts of filtered lists, each as long as nothing that is served has changed.
#[derive(Debug, Default)]
pub(super) struct Counts(Mutex<HashMap<String, (i64, i64)>>);

impl Counts {
    /// How many items pass, exactly: a total that the store keeps, or a count that is made once for each change.
    pub(super) async fn of(
        &self,
        store: &Store,
        table: &'static Table,
        filter: &Filter,
    ) -> Result<i64, StoreError> {
        let totals = store.totals().await?;
        if filter.selection() == Selection::All {
            return Ok(total(table, &totals));
        }
        let key = format!(
            "{} {:?} {:?}",
            table.source, filter.conditions, filter.search
        );
        let known = self.0.lock().get(&key).copied();
        if let Some((generation, count)) = known
            && generation == totals.generation
        {
            return Ok(count);
        }
        let count = store.count_matching(table, filter).await?;
        let mut counts = self.0.lock();
        if counts.len() >= REMEMBERED {
            counts.clear();
        }
        counts.insert(key, (totals.generation, count));
        Ok(count)
    }
}

fn total(table: &'static Table, totals: &Totals) -> i64 {
    if std::ptr::eq(table, &raw const DEVELOPERS) {
        totals.developers
    } else {
        totals.repositories
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_lists() {
        #[track_caller]
        fn check(query: &str, count: i64, expected: Option<(i64, i64)>) {
            let query = Query::parse(Some(query));
            let size = size(&query, &ApiConfig::default());
            let page = Page::of(Asked::parse(&query), size, count).ok();
            assert_eq!(page.map(|page| (page.number, page.offset())), expected);
        }
        check("", 0, Some((1, 0)));
        check("page=last", 0, Some((1, 0)));
        check("page=2", 10, None);
        check("page=2", 11, Some((2, 10)));
        check("page=last", 25, Some((3, 20)));
        check("page=", 25, Some((1, 0)));
        for wrong in ["page=0", "page=-1", "page=x", "page=99999999999999999999"] {
            check(wrong, 25, None);
        }
        check("page=2&page_size=3", 25, Some((2, 3)));
        check("page=2&page_size=0", 25, Some((2, 10)));
        check("page=2&page_size=1000", 250, Some((2, 100)));
    }
}

//! The full last page: when a 304 for a page says nothing about whether a next page has appeared.
//!
//! GitHub does not hash `Link` into the tag, so a page that was the last one and full stays 304 for ever while the list
//! grows behind it.
//! Such a page is followed by a question for page N+1, asked as an empty list: 304 = nothing has grown.

use github_headers::link::{page_of, with_page};
use github_headers::{Link, Links, Paging, Route};
use http::header::LINK;
use http::{HeaderMap, HeaderValue, Uri};

use crate::entry::Representation;

/// Whether a confirmed page needs a look behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LastPage {
    /// No list, not full, or it names its successor.
    Conclusive,
    /// Full and without a successor: ask for this target.
    Full { page: u32, next: Uri },
}

pub(crate) fn last_page(route: Route, uri: &Uri, representation: &Representation) -> LastPage {
    let Some(items) = representation.items() else {
        return LastPage::Conclusive;
    };
    let unpaged = route != Route::OTHER && route.paging() != Paging::Pages;
    if unpaged || !representation.may_have_grown_behind() {
        return LastPage::Conclusive;
    }
    let query = uri.query().unwrap_or_default();
    let size = route.page_size(number(query, "per_page"));
    if items < size {
        return LastPage::Conclusive;
    }
    let page = page_of(&uri.to_string()).unwrap_or(1).max(1);
    if is_activity_feed(route) && page.saturating_mul(size) >= MAX_FEED_EVENTS {
        // There is no page behind: GitHub answers 422, and charges for it.
        return LastPage::Conclusive;
    }
    let Some(following) = page.checked_add(1) else {
        return LastPage::Conclusive;
    };
    let target = with_page(&uri.to_string(), following);
    match target.parse() {
        Ok(next) => LastPage::Full { page, next },
        Err(_) => LastPage::Conclusive,
    }
}

/// GitHub keeps so many events of a feed ("REST API endpoints for events").
const MAX_FEED_EVENTS: u32 = 300;

fn is_activity_feed(route: Route) -> bool {
    let template = route.template();
    !template.contains("/issues/")
        && template
            .split('/')
            .any(|segment| matches!(segment, "events" | "received_events"))
}

fn number(query: &str, name: &str) -> Option<u32> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .rfind(|(key, _)| *key == name)
        .and_then(|(_, value)| value.parse().ok())
}

/// The headers of a page that has got a successor: `next` and `last` come before what was there, as GitHub orders them
/// on a first page; between `prev` and `first` on a later one.
pub(crate) fn with_successor(
    headers: &HeaderMap,
    successor: &HeaderMap,
    uri: &Uri,
    origin: &str,
    page: u32,
) -> HeaderMap {
    let known = Links::from_headers(headers).unwrap_or_default();
    // GitHub writes id-form urls; where this page has links already, they show the form.
    let pattern = known
        .find("prev")
        .or_else(|| known.find("first"))
        .map_or_else(|| absolute(uri, origin), str::to_owned);
    let next = with_page(&pattern, page.saturating_add(1));
    let last = Links::from_headers(successor)
        .ok()
        .and_then(|links| links.find("last").and_then(page_of))
        .unwrap_or(page.saturating_add(1));
    let mut links = Links::new();
    let mut add = |target: &str, rel: &str| {
        // A target that cannot be written is left out; the walk along `next` still works.
        let _ = links.push(target, rel);
    };
    if let Some(previous) = known.find("prev") {
        add(previous, "prev");
    }
    add(&next, "next");
    add(&with_page(&pattern, last), "last");
    if let Some(first) = known.find("first") {
        add(first, "first");
    }
    let mut lines = links.to_header_values();
    // Relations that are not about pages, such as `deprecation`, stay as they are, each on a line of its own.
    lines.extend(
        known
            .iter()
            .filter(|link| !is_about_pages(link))
            .filter_map(|link| HeaderValue::try_from(link.to_string()).ok()),
    );
    let mut grown = headers.clone();
    grown.remove(LINK);
    for line in lines {
        grown.append(LINK, line);
    }
    grown
}

fn is_about_pages(link: &Link) -> bool {
    ["prev", "next", "last", "first"]
        .iter()
        .any(|rel| link.has_rel(rel))
}

fn absolute(uri: &Uri, origin: &str) -> String {
    format!(
        "{origin}{}",
        uri.path_and_query().map_or("/", |target| target.as_str())
    )
}

#[cfg(test)]
mod tests;

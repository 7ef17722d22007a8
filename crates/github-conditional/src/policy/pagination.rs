//! Pages whose `Link` may be outdated although a 304 confirms their items.
//!
//! GitHub does not hash `Link` into the tag. So a page that was the last one and full stays 304 for ever while the list
//! grows behind it, and a first page keeps an old `rel="last"` (with `per_page=1` that is how clients count).
//! The cure is a look behind: the page after the last known one is asked for as an empty list; 304 = nothing has grown,
//! and it cost nothing.

use std::time::{Duration, SystemTime};

use github_headers::link::{page_of, with_page};
use github_headers::{Link, Links, Paging, Route};
use http::header::LINK;
use http::{HeaderMap, HeaderValue, Uri};

use crate::entry::Representation;

/// Whether a confirmed page needs a look behind the last known one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LastPage {
    /// No list, not full, or looked at a moment ago.
    Conclusive,
    /// This page is the last one and full: without a look, clients would stop here for ever.
    Full { page: u32, next: Uri },
    /// This is the first of several pages, and names the last one.
    Distant { last: u32, beyond: Uri },
}

/// How long a first page's `rel="last"` is trusted without a look. GitHub lets clients keep it for a minute, too.
const LAST_IS_TRUSTED: Duration = Duration::from_secs(60);
/// How long nobody looks again after a look has failed: it may have been charged (422 beyond GitHub's depth limits).
const AFTER_A_FAILED_LOOK: Duration = Duration::from_secs(600);

pub(crate) fn last_page(
    route: Route,
    uri: &Uri,
    representation: &Representation,
    now: SystemTime,
) -> LastPage {
    let items = representation.items().unwrap_or(0);
    let unpaged = route != Route::OTHER && route.paging() != Paging::Pages;
    if items == 0 || unpaged || !representation.may_look_behind(now) {
        return LastPage::Conclusive;
    }
    let size = route.page_size(number(uri.query().unwrap_or_default(), "per_page"));
    let page = page_of(&uri.to_string()).unwrap_or(1).max(1);
    let last = match representation.last_page() {
        // It names no other page, so it is the last one itself.
        None if items >= size => page,
        Some(last) if page == 1 && now >= representation.requested_at() + LAST_IS_TRUSTED => last,
        _ => return LastPage::Conclusive,
    };
    if is_activity_feed(route) && last.saturating_mul(size) >= MAX_FEED_EVENTS {
        // There is no page behind: GitHub answers 422, and charges for it.
        return LastPage::Conclusive;
    }
    let Some(following) = last.checked_add(1) else {
        return LastPage::Conclusive;
    };
    match (
        with_page(&uri.to_string(), following).parse(),
        representation.last_page(),
    ) {
        (Ok(next), None) => LastPage::Full { page, next },
        (Ok(beyond), Some(last)) => LastPage::Distant { last, beyond },
        (Err(_), _) => LastPage::Conclusive,
    }
}

/// How a look ended, as far as the next one depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Answered,
    Failed,
}

/// When the next look may be taken after this one.
pub(crate) fn next_look(looked_for: &LastPage, look: Look, now: SystemTime) -> SystemTime {
    match (look, looked_for) {
        (Look::Failed, _) => now + AFTER_A_FAILED_LOOK,
        (Look::Answered, LastPage::Distant { .. }) => now + LAST_IS_TRUSTED,
        // A full last page is looked behind every time: clients stop at it.
        (Look::Answered, _) => now,
    }
}

/// The last page that `Link` names, if it names one; an unreadable `Link` names a page that nobody looks behind.
pub(crate) fn last_named(headers: &HeaderMap) -> Option<u32> {
    let links = match Links::from_headers(headers) {
        Ok(links) => links,
        Err(_) => return Some(u32::MAX),
    };
    let last = links.find("last").and_then(page_of);
    match (last, links.find("next")) {
        (Some(last), _) => Some(last),
        // A successor without a last page: cursors, or a list too long to count.
        (None, Some(_)) => Some(u32::MAX),
        (None, None) => None,
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

/// The headers of a first page behind whose last page another one has appeared.
pub(crate) fn with_last(headers: &HeaderMap, beyond: &HeaderMap, last: u32) -> HeaderMap {
    let last = match last_named(beyond) {
        Some(named) if named != u32::MAX => named,
        _ => last.saturating_add(1),
    };
    let known = Links::from_headers(headers).unwrap_or_default();
    let link = |link: &Link| {
        let text = link.to_string();
        match link.has_rel("last") {
            true => text.replacen(link.target(), &with_page(link.target(), last), 1),
            false => text,
        }
    };
    let line = known.iter().map(link).collect::<Vec<_>>().join(", ");
    let mut grown = headers.clone();
    if let Ok(line) = HeaderValue::try_from(line) {
        grown.insert(LINK, line);
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

//! Which pages need a look behind them, and the `Link` of one that has grown.

use std::time::UNIX_EPOCH;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};

use super::*;
use crate::entry::{BodyDigest, Sharing};

const ORIGIN: &str = "https://api.github.com";

fn page(items: usize, link: &str) -> Representation {
    let mut headers = HeaderMap::new();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    if !link.is_empty() {
        headers.insert(LINK, HeaderValue::from_str(link).unwrap());
    }
    let body = Bytes::from(format!("[{}]", vec!["1"; items].join(",")));
    Representation::new(
        BodyDigest::of(&body),
        StatusCode::OK,
        headers,
        body,
        Sharing::ByFormula,
        UNIX_EPOCH,
    )
}

#[track_caller]
fn check_page(target: &str, page: &Representation, expected: Option<(u32, &str)>) {
    let uri: Uri = target.parse().unwrap();
    let expected = match expected {
        None => LastPage::Conclusive,
        Some((page, next)) => LastPage::Full {
            page,
            next: next.parse().unwrap(),
        },
    };
    assert_eq!(
        last_page(Route::of(uri.path()), &uri, page, UNIX_EPOCH),
        expected,
        "{target}"
    );
}

#[track_caller]
fn check(target: &str, items: usize, link: &str, expected: Option<(u32, &str)>) {
    check_page(target, &page(items, link), expected);
}

#[test]
fn a_full_page_without_a_successor_is_looked_behind() {
    let stars = "/repos/o/r/stargazers";
    check(stars, 30, "", Some((1, "/repos/o/r/stargazers?page=2")));
    check(stars, 29, "", None);
    check(stars, 31, "", Some((1, "/repos/o/r/stargazers?page=2")));
    check(stars, 0, "", None);
    check(
        "/repos/o/r/stargazers?per_page=100",
        100,
        "",
        Some((1, "/repos/o/r/stargazers?per_page=100&page=2")),
    );
    check("/repos/o/r/stargazers?per_page=100", 99, "", None);
    check(
        "/repos/o/r/stargazers?per_page=1",
        1,
        "",
        Some((1, "/repos/o/r/stargazers?per_page=1&page=2")),
    );
}

#[test]
fn links_decide_by_their_relation() {
    let stars = "/repos/o/r/stargazers?page=3";
    let behind = Some((3, "/repos/o/r/stargazers?page=4"));
    check(
        stars,
        30,
        "<https://api.github.com/repositories/1/stargazers?page=2>; rel=\"prev\"",
        behind,
    );
    check(
        stars,
        30,
        "<https://api.github.com/repositories/1/stargazers?page=4>; rel=\"next\"",
        None,
    );
    let deprecated = "<https://docs.github.com/x>; rel=\"deprecation\"; type=\"text/html\"";
    check(stars, 30, deprecated, behind);
    // What cannot be read is no ground for a guess.
    check(stars, 30, "<https://api.github.com", None);
}

#[test]
fn sizes_are_githubs() {
    // More than 100 is clamped without a word.
    check(
        "/repos/o/r/issues?per_page=500",
        100,
        "",
        Some((1, "/repos/o/r/issues?per_page=500&page=2")),
    );
    check("/repos/o/r/issues?per_page=500", 99, "", None);
    // What is no size means the default.
    for target in [
        "/repos/o/r/issues?per_page=0",
        "/repos/o/r/issues?per_page=x",
        "/repos/o/r/issues?per_page",
    ] {
        check(target, 30, "", Some((1, &format!("{target}&page=2"))));
        check(target, 29, "", None);
    }
    // Of several the last one counts.
    let target = "/repos/o/r/issues?per_page=5&per_page=10";
    check(target, 9, "", None);
    check(
        target,
        10,
        "",
        Some((1, "/repos/o/r/issues?per_page=5&per_page=10&page=2")),
    );
}

#[test]
fn the_page_is_replaced_where_it_stands() {
    check(
        "/repos/o/r/issues?state=all&page=7&labels=a%20b",
        30,
        "",
        Some((7, "/repos/o/r/issues?state=all&page=8&labels=a%20b")),
    );
    check(
        "/repos/o/r/issues?page=0",
        30,
        "",
        Some((1, "/repos/o/r/issues?page=2")),
    );
    check(
        "/repos/o/r/issues?page=x",
        30,
        "",
        Some((1, "/repos/o/r/issues?page=2")),
    );
    check("/repos/o/r/issues?page=4294967295", 30, "", None);
}

#[test]
fn other_spellings_of_a_route_are_the_same_route() {
    check(
        "/repositories/1296269/stargazers",
        30,
        "",
        Some((1, "/repositories/1296269/stargazers?page=2")),
    );
    check(
        "/organizations/9/repos?per_page=2",
        2,
        "",
        Some((1, "/organizations/9/repos?per_page=2&page=2")),
    );
    check(
        "/user/583231/repos",
        30,
        "",
        Some((1, "/user/583231/repos?page=2")),
    );
    check(
        "https://api.github.com/repos/o/r/stargazers",
        30,
        "",
        Some((1, "https://api.github.com/repos/o/r/stargazers?page=2")),
    );
}

#[test]
fn only_what_is_divided_by_page_numbers() {
    check("/repos/o/r/contents/src", 30, "", None);
    check("/users?since=40", 30, "", None);
    check("/repos/o/r/dependabot/alerts?per_page=30", 30, "", None);
    // An unknown route that answers with a full list may have pages.
    check("/no/such/route", 30, "", Some((1, "/no/such/route?page=2")));
    check("/no/such/route", 29, "", None);
}

#[test]
fn an_activity_feed_ends_at_300_events() {
    #[track_caller]
    fn check_feed(target: &str, items: usize, expected: Option<(u32, &str)>) {
        check(target, items, "", expected);
    }
    check_feed("/events", 15, Some((1, "/events?page=2")));
    check_feed(
        "/events?per_page=100&page=2",
        100,
        Some((2, "/events?per_page=100&page=3")),
    );
    for feed in [
        "/events",
        "/repos/o/r/events",
        "/networks/o/r/events",
        "/orgs/o/events",
        "/users/u/events",
        "/users/u/events/public",
        "/users/u/received_events",
    ] {
        check_feed(&format!("{feed}?per_page=100&page=3"), 100, None);
        check_feed(&format!("{feed}?per_page=30&page=10"), 30, None);
        check_feed(
            &format!("{feed}?per_page=30&page=9"),
            30,
            Some((9, &format!("{feed}?per_page=30&page=10"))),
        );
    }
    // The events of issues are records, not a feed: they are all there.
    for list in ["/repos/o/r/issues/events", "/repos/o/r/issues/5/events"] {
        check_feed(
            &format!("{list}?per_page=100&page=3"),
            100,
            Some((3, &format!("{list}?per_page=100&page=4"))),
        );
    }
}

#[test]
fn what_is_no_list_has_no_pages() {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let body = Bytes::from_static(b"{\"total_count\":30}");
    let object = Representation::new(
        BodyDigest::of(&body),
        StatusCode::OK,
        headers,
        body,
        Sharing::ByFormula,
        UNIX_EPOCH,
    );
    check_page("/repos/o/r/stargazers", &object, None);
}

#[track_caller]
fn check_link(known: &str, successor: &str, target: &str, number: u32, expected: &str) {
    let link = |text: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if !text.is_empty() {
            headers.insert(LINK, HeaderValue::from_str(text).unwrap());
        }
        headers
    };
    let uri: Uri = target.parse().unwrap();
    let grown = with_successor(&link(known), &link(successor), &uri, ORIGIN, number);
    let lines: Vec<_> = grown
        .get_all(LINK)
        .iter()
        .map(|line| line.to_str().unwrap())
        .collect();
    assert_eq!(lines.join("\n"), expected);
    assert!(grown.contains_key(CONTENT_TYPE), "other headers stay");
}

/// GitHub's order: next, last on a first page; prev, next, last, first on later ones.
#[test]
fn the_link_of_a_page_that_has_grown() {
    check_link(
        "",
        "",
        "/repos/o/r/stargazers?per_page=100",
        1,
        "<https://api.github.com/repos/o/r/stargazers?per_page=100&page=2>; rel=\"next\", \
         <https://api.github.com/repos/o/r/stargazers?per_page=100&page=2>; rel=\"last\"",
    );
    let before = "<https://api.github.com/repositories/1/stargazers?page=2>; rel=\"prev\", \
                  <https://api.github.com/repositories/1/stargazers?page=1>; rel=\"first\"";
    check_link(
        before,
        "",
        "/repos/o/r/stargazers?page=3",
        3,
        "<https://api.github.com/repositories/1/stargazers?page=2>; rel=\"prev\", \
         <https://api.github.com/repositories/1/stargazers?page=4>; rel=\"next\", \
         <https://api.github.com/repositories/1/stargazers?page=4>; rel=\"last\", \
         <https://api.github.com/repositories/1/stargazers?page=1>; rel=\"first\"",
    );
    // Several pages were added at once: the next page says which is the last.
    check_link(
        before,
        "<https://api.github.com/repositories/1/stargazers?page=3>; rel=\"prev\", \
         <https://api.github.com/repositories/1/stargazers?page=5>; rel=\"next\", \
         <https://api.github.com/repositories/1/stargazers?page=9>; rel=\"last\"",
        "/repos/o/r/stargazers?page=3",
        3,
        "<https://api.github.com/repositories/1/stargazers?page=2>; rel=\"prev\", \
         <https://api.github.com/repositories/1/stargazers?page=4>; rel=\"next\", \
         <https://api.github.com/repositories/1/stargazers?page=9>; rel=\"last\", \
         <https://api.github.com/repositories/1/stargazers?page=1>; rel=\"first\"",
    );
}

/// Links that say something else than pages have to stay (`rel="deprecation"` of an old API version).
#[test]
fn links_of_other_kinds_stay() {
    check_link(
        "<https://docs.github.com/versions>; rel=\"deprecation\"; type=\"text/html\"",
        "",
        "/repos/o/r/stargazers",
        1,
        "<https://api.github.com/repos/o/r/stargazers?page=2>; rel=\"next\", \
         <https://api.github.com/repos/o/r/stargazers?page=2>; rel=\"last\"\n\
         <https://docs.github.com/versions>; rel=\"deprecation\"; type=\"text/html\"",
    );
}

const FIRST: &str = "<https://api.github.com/repositories/1/stargazers?per_page=1&page=2>; rel=\"next\", <https://api.github.com/repositories/1/stargazers?per_page=1&page=7>; rel=\"last\"";

#[test]
fn a_first_page_is_looked_behind_its_last_one_once_a_minute() {
    #[track_caller]
    fn check(target: &str, link: &str, seconds: u64, expected: Option<&str>) {
        let uri: Uri = target.parse().unwrap();
        let now = UNIX_EPOCH + Duration::from_secs(seconds);
        let found = last_page(Route::of(uri.path()), &uri, &page(1, link), now);
        let expected = match expected {
            None => LastPage::Conclusive,
            Some(beyond) => LastPage::Distant {
                last: 7,
                beyond: beyond.parse().unwrap(),
            },
        };
        assert_eq!(found, expected, "{target} after {seconds} s");
    }
    let (stars, beyond) = (
        "/repos/o/r/stargazers?per_page=1",
        "/repos/o/r/stargazers?per_page=1&page=8",
    );
    check(stars, FIRST, 59, None);
    check(stars, FIRST, 60, Some(beyond));
    check(
        "/repos/o/r/stargazers?per_page=1&page=1",
        FIRST,
        60,
        Some(beyond),
    );
    check("/repos/o/r/stargazers?per_page=1&page=2", FIRST, 60, None);
    // A list too long to count, and one that is walked by cursors.
    let uncounted = "<https://api.github.com/repositories/1/stargazers?page=2>; rel=\"next\"";
    check(stars, uncounted, 60, None);
    check("/repos/o/r/activity?per_page=1", FIRST, 60, None);
    // GitHub keeps 300 events: page 8 of 50 would be a charged 422.
    check("/repos/o/r/events?per_page=50", FIRST, 60, None);
}

#[test]
fn the_next_look_depends_on_how_the_last_one_ended() {
    let full = LastPage::Full {
        page: 1,
        next: Uri::from_static("/x"),
    };
    let distant = LastPage::Distant {
        last: 7,
        beyond: Uri::from_static("/x"),
    };
    let after = |sought: &LastPage, look| {
        next_look(sought, look, UNIX_EPOCH)
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs()
    };
    assert_eq!(after(&full, Look::Answered), 0);
    assert_eq!(after(&distant, Look::Answered), 60);
    assert_eq!(
        (after(&full, Look::Failed), after(&distant, Look::Failed)),
        (600, 600)
    );
    let page = page(30, "");
    let stars = Uri::from_static("/repos/o/r/stargazers");
    page.looked_behind(UNIX_EPOCH + Duration::from_secs(600));
    let at = |seconds| {
        last_page(
            Route::of(stars.path()),
            &stars,
            &page,
            UNIX_EPOCH + Duration::from_secs(seconds),
        )
    };
    assert_eq!(at(599), LastPage::Conclusive);
    assert!(matches!(at(600), LastPage::Full { page: 1, .. }));
}

#[test]
fn regression_a_full_page_is_looked_behind_every_time_also_within_one_second() {
    let page = page(30, "");
    let stars = Uri::from_static("/repos/o/r/stargazers");
    let now = UNIX_EPOCH + Duration::from_millis(1_700_000_000_400);
    let sought = last_page(Route::of(stars.path()), &stars, &page, now);
    assert!(matches!(sought, LastPage::Full { .. }));
    page.looked_behind(next_look(&sought, Look::Answered, now));
    assert_eq!(
        last_page(Route::of(stars.path()), &stars, &page, now),
        sought
    );
}

#[test]
fn the_last_page_moves_and_all_else_stays() {
    #[track_caller]
    fn check(beyond: &str, expected: &str) {
        let mut first = HeaderMap::new();
        let deprecation = "<https://docs.github.com/x>; rel=\"deprecation\"; type=\"text/html\"";
        let line = format!("{FIRST}, {deprecation}");
        first.insert(LINK, HeaderValue::from_str(&line).unwrap());
        let mut behind = HeaderMap::new();
        if !beyond.is_empty() {
            behind.insert(LINK, HeaderValue::from_str(beyond).unwrap());
        }
        let grown = with_last(&first, &behind, 7);
        let expected = line.replace("page=7>", expected);
        assert_eq!(grown[LINK], expected.as_str());
    }
    check("", "page=8>");
    check(
        "<https://api.github.com/x?page=7>; rel=\"prev\", <https://api.github.com/x?page=1>; rel=\"first\"",
        "page=8>",
    );
    check(
        "<https://api.github.com/x?page=9>; rel=\"next\", <https://api.github.com/x?page=12>; rel=\"last\"",
        "page=12>",
    );
}

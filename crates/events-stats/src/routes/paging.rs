//! `Link` as GitHub writes it, for lists of which a page is answered (pure).

use axum::extract::OriginalUri;
use github_headers::Links;
use github_headers::link::with_page;
use http::{HeaderMap, Uri, header};

use crate::store::Page;

/// The address that a client used, as far as it can be told.
pub(super) fn address(uri: &Uri, headers: &HeaderMap) -> String {
    let host = uri
        .authority()
        .map(http::uri::Authority::as_str)
        .or_else(|| headers.get(header::HOST)?.to_str().ok());
    let path = uri
        .path_and_query()
        .map_or("/", http::uri::PathAndQuery::as_str);
    // Without a host a reference that is relative, which RFC 8288 allows.
    let Some(host) = host.filter(|host| !host.contains(['<', '>', ',', ' '])) else {
        return path.to_owned();
    };
    let scheme = match headers
        .get("x-forwarded-proto")
        .map(http::HeaderValue::as_bytes)
    {
        Some(b"https") => "https",
        _ => "http",
    };
    format!("{scheme}://{host}{path}")
}

/// Adds `Link` to the headers of an answer: nothing where one page is all.
pub(super) fn link(
    OriginalUri(uri): &OriginalUri,
    asked: &HeaderMap,
    page: Page,
    total: u64,
    headers: &mut HeaderMap,
) {
    let address = address(uri, asked);
    let mut links = Links::new();
    for (number, relation) in relations(page, total) {
        // A url that cannot be written is left out; it came from the client.
        let _ = links.push(&with_page(&address, number), relation);
    }
    links.write_to(headers);
}

/// In GitHub's order: prev, next, last, first.
fn relations(page: Page, total: u64) -> Vec<(u32, &'static str)> {
    let last = total.div_ceil(u64::from(page.size.max(1))).max(1);
    let last = u32::try_from(last).unwrap_or(u32::MAX);
    let mut relations = Vec::with_capacity(4);
    if page.number > 1 {
        // From beyond the end the way back leads to the last page.
        relations.push(((page.number - 1).min(last), "prev"));
    }
    if page.number < last {
        relations.push((page.number + 1, "next"));
        relations.push((last, "last"));
    }
    if page.number > 1 {
        relations.push((1, "first"));
    }
    relations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relations_as_github_has_them() {
        #[track_caller]
        fn check(number: u32, total: u64, expected: &[(u32, &'static str)]) {
            assert_eq!(relations(Page { number, size: 30 }, total), expected);
        }
        check(1, 0, &[]);
        check(1, 30, &[]);
        check(1, 31, &[(2, "next"), (2, "last")]);
        check(
            2,
            91,
            &[(1, "prev"), (3, "next"), (4, "last"), (1, "first")],
        );
        check(4, 91, &[(3, "prev"), (1, "first")]);
        check(9, 91, &[(4, "prev"), (1, "first")]);
    }

    #[test]
    fn the_address_is_that_of_the_client() {
        let uri: Uri = "/api/repos?type=A&page=2".parse().unwrap();
        let mut asked = HeaderMap::new();
        assert_eq!(address(&uri, &asked), "/api/repos?type=A&page=2");
        asked.insert(header::HOST, "h:1".parse().unwrap());
        assert_eq!(address(&uri, &asked), "http://h:1/api/repos?type=A&page=2");
        asked.insert("x-forwarded-proto", "https".parse().unwrap());
        let mut headers = HeaderMap::new();
        let page = Page { number: 1, size: 1 };
        link(&OriginalUri(uri), &asked, page, 2, &mut headers);
        assert_eq!(
            headers[header::LINK],
            "<https://h:1/api/repos?type=A&page=2>; rel=\"next\", <https://h:1/api/repos?type=A&page=2>; rel=\"last\""
        );
        asked.insert(header::HOST, "h>,<x".parse().unwrap());
        assert_eq!(address(&"/x".parse().unwrap(), &asked), "/x");
    }
}

//! The `page` query parameter: reading it from a url, and writing it the way GitHub does.

/// The value of the query parameter `page`.
///
/// `None` when it is missing, not a number, or beyond `u32`.
/// Of several `page` parameters the last one counts, as on GitHub's side (Rack).
///
/// ```
/// use github_headers::link::page_of;
///
/// assert_eq!(page_of("https://api.github.com/repositories/1/tags?per_page=100&page=7"), Some(7));
/// assert_eq!(page_of("https://api.github.com/repositories/1/tags?per_page=100"), None);
/// ```
pub fn page_of(url: &str) -> Option<u32> {
    let (_, query, _) = split(url);
    let value = query.split('&').rev().find_map(page_value)?;
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    value.parse().ok()
}

/// The same url, or bare query, with `page` set to `page`.
///
/// As in GitHub's own links the original parameters come first and in their order: a `page` that is present is
/// replaced in place, otherwise it is appended (a repeated `page` is replaced wherever it stands, so that the url is
/// unambiguous).
/// A url begins with a scheme, `/` or `?`; any other text is taken as a bare query.
///
/// ```
/// use github_headers::link::with_page;
///
/// assert_eq!(with_page("https://api.github.com/user/repos?sort=pushed", 2), "https://api.github.com/user/repos?sort=pushed&page=2");
/// assert_eq!(with_page("page=2&per_page=100", 3), "page=3&per_page=100");
/// ```
pub fn with_page(url_or_query: &str, page: u32) -> String {
    let (head, query, fragment) = split(url_or_query);
    let mut text = String::with_capacity(url_or_query.len() + 16);
    text.push_str(head);
    if !head.is_empty() && !head.ends_with('?') {
        text.push('?');
    }
    let mut written = false;
    for (index, pair) in query.split('&').enumerate().filter(|_| !query.is_empty()) {
        if index > 0 {
            text.push('&');
        }
        if page_value(pair).is_some() {
            text.push_str(&format!("page={page}"));
            written = true;
        } else {
            text.push_str(pair);
        }
    }
    if !written {
        if !query.is_empty() {
            text.push('&');
        }
        text.push_str(&format!("page={page}"));
    }
    text.push_str(fragment);
    text
}

fn page_value(pair: &str) -> Option<&str> {
    match pair.split_once('=') {
        Some(("page", value)) => Some(value),
        None if pair == "page" => Some(""),
        _ => None,
    }
}

/// Everything up to and including `?`, the query, and the fragment with its `#`.
fn split(url_or_query: &str) -> (&str, &str, &str) {
    let (text, fragment) =
        url_or_query.split_at(url_or_query.find('#').unwrap_or(url_or_query.len()));
    if !is_url(text) {
        return ("", text, fragment);
    }
    let (head, query) = text.split_at(text.find('?').map_or(text.len(), |at| at + 1));
    (head, query, fragment)
}

fn is_url(text: &str) -> bool {
    let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
    text.starts_with(['/', '?'])
        || (!scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(before: &str, after: &str) {
        assert_eq!(with_page(before, 7), after, "{before}");
        assert_eq!(page_of(after), Some(7), "{after}");
        assert_eq!(with_page(after, 7), after, "not stable");
    }

    #[test]
    fn page_is_appended_after_the_original_parameters_or_replaced_in_place() {
        check("", "page=7");
        check("page=2", "page=7");
        check("per_page=100", "per_page=100&page=7");
        check("page=2&per_page=100", "page=7&per_page=100");
        check("a=1&page=2&b=2", "a=1&page=7&b=2");
        check("page", "page=7");
        check("page=", "page=7");
        check("page=1&page=2", "page=7&page=7");
        check("/user/repos", "/user/repos?page=7");
        check("/user/repos?", "/user/repos?page=7");
        check("?sort=pushed", "?sort=pushed&page=7");
        check("https://api.github.com", "https://api.github.com?page=7");
        check(
            "https://api.github.com/user/repos#top",
            "https://api.github.com/user/repos?page=7#top",
        );
        check(
            "https://api.github.com/x?page=2#page=3",
            "https://api.github.com/x?page=7#page=3",
        );
    }

    #[test]
    fn other_parameters_keep_their_bytes() {
        check(
            "labels[]=b%2Cc&labels[]=d+e&&x",
            "labels[]=b%2Cc&labels[]=d+e&&x&page=7",
        );
        check(
            "per_page=2&homepage=3&page_size=4",
            "per_page=2&homepage=3&page_size=4&page=7",
        );
        check(
            "q=repo:o/r+what?+is:open",
            "q=repo:o/r+what?+is:open&page=7",
        );
        check("next=https://x/?page=3", "next=https://x/?page=3&page=7");
        check("/x?after=Y3Vyc29y==&page=2", "/x?after=Y3Vyc29y==&page=7");
    }

    #[test]
    fn pages_that_are_no_number_are_no_page() {
        for (url, expected) in [
            ("/x?page=2", Some(2)),
            ("/x?page=02", Some(2)),
            ("/x?page=0", Some(0)),
            ("/x?page=4294967295", Some(u32::MAX)),
            ("/x?page=4294967296", None),
            ("/x?page=", None),
            ("/x?page=+2", None),
            ("/x?page=-2", None),
            ("/x?page=2x", None),
            ("/x?page=1&page=3", Some(3)),
            ("/x?per_page=2", None),
            ("/page=2", None),
            ("/x#page=2", None),
            ("page=9", Some(9)),
        ] {
            assert_eq!(page_of(url), expected, "{url}");
        }
    }
}

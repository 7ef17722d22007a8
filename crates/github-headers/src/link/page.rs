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
/// Text with neither `?` nor `/` is taken as a bare query.
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
    match text.find('?') {
        Some(at) => {
            let (head, query) = text.split_at(at + 1);
            (head, query, fragment)
        }
        None if text.contains('/') => (text, "", fragment),
        None => ("", text, fragment),
    }
}

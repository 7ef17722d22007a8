//! Header parsers: no bytes make them panic, and what was parsed prints as something that parses to the same.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use github_headers::link::{page_of, with_page};
use github_headers::{
    ApiVersion, CacheStatus, EntityTag, GithubMedia, IdForm, IfNoneMatch, Links, MediaType,
    PollInterval, RateLimit, RetryAfter, Route,
};
use http::{HeaderMap, HeaderName, HeaderValue};

const NOW: Duration = Duration::from_secs(1_700_000_000);

/// Each line of `data` is a field line.
pub fn headers(data: &[u8]) {
    let lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    let now = UNIX_EPOCH + NOW;
    for line in &lines {
        single(line, now);
    }
    if let Ok(links) = Links::parse(&lines) {
        let again = Links::parse(links.to_header_values().iter().map(HeaderValue::as_bytes));
        assert_eq!(again.as_ref(), Ok(&links), "links print as they were read");
        let mut links = links;
        links.map_urls(|url| {
            url.strip_prefix("https://api.github.com")
                .map(str::to_owned)
        });
        let text = links.to_string();
        assert!(
            text.parse::<Links>().is_ok(),
            "a rewritten link is a link: {text}"
        );
    }
    if let Ok(tags) = IfNoneMatch::parse(&lines)
        && let Ok(tag) = EntityTag::parse("\"x\"")
    {
        let _ = tags.matches(&tag);
    }
    if let Ok(members) = CacheStatus::parse_list(&lines) {
        for member in members {
            let printed = member.to_header_value();
            let again = CacheStatus::parse_list([printed.as_bytes()]);
            assert_eq!(
                again,
                Ok(vec![member]),
                "cache-status prints as it was read"
            );
        }
    }
    let _ = GithubMedia::of_accept_lines(&lines);
    whole(&lines, now);
}

fn single(line: &[u8], now: SystemTime) {
    if let Ok(tag) = EntityTag::parse(line) {
        let printed = tag.to_header_value();
        assert_eq!(
            EntityTag::parse(printed.as_bytes()),
            Ok(tag),
            "a tag prints as it was read"
        );
    }
    if let Ok(after) = RetryAfter::parse(line) {
        let _ = after.delay(now);
        assert!(RetryAfter::parse(after.to_header_value().as_bytes()).is_ok());
    }
    let _ = MediaType::parse(line);
    let _ = ApiVersion::parse(line);
    let _ = PollInterval::parse(line);
    if let Ok(text) = std::str::from_utf8(line) {
        let _ = Route::of(text);
        let _ = IdForm::of(text);
        let _ = page_of(text);
        assert_eq!(page_of(&with_page(text, 7)), Some(7), "{text}");
    }
}

/// The lines as headers with GitHub's names.
fn whole(lines: &[&[u8]], now: SystemTime) {
    const NAMES: [&str; 10] = [
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-used",
        "x-ratelimit-reset",
        "x-ratelimit-resource",
        "retry-after",
        "x-poll-interval",
        "connection",
        "accept",
        "x-github-api-version",
    ];
    let mut map = HeaderMap::new();
    for (name, line) in NAMES.iter().cycle().zip(lines) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            map.append(HeaderName::from_static(name), value);
        }
    }
    if let Ok(Some(limit)) = RateLimit::from_headers(&map) {
        let _ = limit.until_reset(now);
        let mut written = HeaderMap::new();
        limit.write_to(&mut written);
        assert_eq!(RateLimit::from_headers(&written), Ok(Some(limit)));
    }
    let _ = RetryAfter::from_headers(&map);
    let _ = PollInterval::from_headers(&map);
    let _ = GithubMedia::of_accept(&map);
    let _ = ApiVersion::from_headers(&map);
    github_headers::hop_by_hop::strip(&mut map);
    assert!(!map.contains_key("connection"));
}

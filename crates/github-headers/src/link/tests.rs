//! `Link` headers, GitHub's and others'.

use proptest::prelude::*;

use super::*;

const API: &str = "https://api.github.com";

#[track_caller]
fn parse(text: &str) -> Links {
    let links: Links = text.parse().unwrap();
    assert_eq!(links.to_string(), text, "not written back as it came");
    links
}

/// Relation and target of each link.
fn pairs(links: &Links) -> Vec<(String, &str)> {
    links
        .iter()
        .map(|link| (link.rels().collect::<Vec<_>>().join(" "), link.target()))
        .collect()
}

#[track_caller]
fn check(text: &str, expected: &[(&str, &str)]) {
    let links = parse(text);
    let expected: Vec<_> = expected
        .iter()
        .map(|(rel, target)| ((*rel).to_owned(), *target))
        .collect();
    assert_eq!(pairs(&links), expected, "{text}");
    for (rel, target) in expected {
        for rel in rel.split_ascii_whitespace() {
            assert_eq!(links.find(rel), Some(target), "{text}");
        }
    }
}

#[test]
fn pages_as_github_writes_them() {
    // Page 1, a page in between, the last page.
    check(
        r#"<https://api.github.com/repositories/1300192/issues?page=2>; rel="next", <https://api.github.com/repositories/1300192/issues?page=515>; rel="last""#,
        &[
            (
                "next",
                "https://api.github.com/repositories/1300192/issues?page=2",
            ),
            (
                "last",
                "https://api.github.com/repositories/1300192/issues?page=515",
            ),
        ],
    );
    check(
        r#"<https://api.github.com/repositories/1/tags?per_page=100&page=1>; rel="prev", <https://api.github.com/repositories/1/tags?per_page=100&page=3>; rel="next", <https://api.github.com/repositories/1/tags?per_page=100&page=4>; rel="last", <https://api.github.com/repositories/1/tags?per_page=100&page=1>; rel="first""#,
        &[
            (
                "prev",
                "https://api.github.com/repositories/1/tags?per_page=100&page=1",
            ),
            (
                "next",
                "https://api.github.com/repositories/1/tags?per_page=100&page=3",
            ),
            (
                "last",
                "https://api.github.com/repositories/1/tags?per_page=100&page=4",
            ),
            (
                "first",
                "https://api.github.com/repositories/1/tags?per_page=100&page=1",
            ),
        ],
    );
    // A list by id: the last relation is a URI template, with a comma and braces inside the brackets.
    check(
        r#"<https://api.github.com/users?since=46>; rel="next", <https://api.github.com/users{?since}>; rel="first""#,
        &[
            ("next", "https://api.github.com/users?since=46"),
            ("first", "https://api.github.com/users{?since}"),
        ],
    );
    check(
        r#"<https://api.github.com/users?per_page=2&since=46>; rel="next", <https://api.github.com/users{?since,per_page;x}>; rel="first""#,
        &[
            ("next", "https://api.github.com/users?per_page=2&since=46"),
            ("first", "https://api.github.com/users{?since,per_page;x}"),
        ],
    );
    // A cursor holds `=` and `%3D`.
    check(
        r#"<https://api.github.com/repositories/1/activity?after=Y3Vyc29yOnYyOpK5==&per_page=1>; rel="next""#,
        &[(
            "next",
            "https://api.github.com/repositories/1/activity?after=Y3Vyc29yOnYyOpK5==&per_page=1",
        )],
    );
    // A deprecated version: not a page at all.
    let links = parse(
        r#"<https://docs.github.com/en/rest/about-the-rest-api/api-versions>; rel="deprecation"; type="text/html", <https://api.github.com/user/repos?page=2>; rel="next""#,
    );
    assert_eq!(
        links.find("next"),
        Some("https://api.github.com/user/repos?page=2")
    );
    assert_eq!(links.find("prev"), None);
    let deprecation = links.iter().next().unwrap();
    assert_eq!(deprecation.parameter("type"), Some("text/html"));
    // Edge servers and HTTP/2 may join lines without a space.
    check(
        "<a>; rel=\"next\",<b>; rel=\"last\"",
        &[("next", "a"), ("last", "b")],
    );
}

/// RFC 8288 §3.5.
#[test]
fn examples_of_rfc_8288() {
    let links =
        parse(r#"<http://example.com/TheBook/chapter2>; rel="previous"; title="previous chapter""#);
    assert_eq!(
        links.find("previous"),
        Some("http://example.com/TheBook/chapter2")
    );
    assert_eq!(
        links.iter().next().unwrap().parameter("title"),
        Some("previous chapter")
    );

    check(
        "</>; rel=\"http://example.net/foo\"",
        &[("http://example.net/foo", "/")],
    );

    let links = parse(r#"</terms>; rel="copyright"; anchor="\#foo""#);
    assert_eq!(
        links.iter().next().unwrap().parameter("anchor"),
        Some("#foo")
    );

    let links = parse(
        "</TheBook/chapter2>; rel=\"previous\"; title*=UTF-8'de'letztes%20Kapitel, </TheBook/chapter4>; rel=\"next\"; title*=UTF-8'de'n%c3%a4chstes%20Kapitel",
    );
    assert_eq!(links.len(), 2);
    assert_eq!(
        links.iter().nth(1).unwrap().parameter("title*"),
        Some("UTF-8'de'n%c3%a4chstes%20Kapitel")
    );

    check(
        "<http://example.org/>; rel=\"start http://example.net/relation/other\"",
        &[(
            "start http://example.net/relation/other",
            "http://example.org/",
        )],
    );
    // Three links in one value.
    check(
        "<https://example.org/>; rel=\"start\", <https://example.org/index>; rel=\"index\"",
        &[
            ("start", "https://example.org/"),
            ("index", "https://example.org/index"),
        ],
    );
}

#[test]
fn spelling_varies() {
    check("<a>;rel=next", &[("next", "a")]);
    check("<a> ; REL = \"Next\" ;", &[("Next", "a")]);
    assert_eq!(parse("<a>; rel=\"Next\"").find("nExT"), Some("a"));
    check("<a>; rel=\"next\tlast\"", &[("next last", "a")]);
    // Later rel parameters are ignored (RFC 8288 §3.3).
    assert_eq!(parse("<a>; rel=first; rel=last").find("last"), None);
    // Separators inside quotes, escaped quotes, a parameter without a value.
    let links = parse(r#"<a>; title="x, <y>; rel=\"next\""; crossorigin; rel=last"#);
    let link = links.iter().next().unwrap();
    assert_eq!(link.parameter("title"), Some(r#"x, <y>; rel="next""#));
    assert_eq!(link.parameter("crossorigin"), Some(""));
    assert_eq!(link.parameters().nth(1), Some(("crossorigin", None)));
    assert_eq!((links.find("next"), links.find("last")), (None, Some("a")));
    // No relation, no target text, nothing at all.
    check("<a>", &[("", "a")]);
    check("<>; rel=self", &[("self", "")]);
    check("", &[]);
    check(" , ,", &[]);
    check(",<a>; rel=x,, <b>; rel=y,", &[("x", "a"), ("y", "b")]);
}

#[test]
fn malformed_links_are_named() {
    use LinkError::{BadParameter, BadTarget, NoTarget};
    #[track_caller]
    fn check(text: &str, expected: LinkError) {
        assert_eq!(text.parse::<Links>(), Err(expected), "{text}");
    }
    check("https://api.github.com; rel=next", NoTarget { position: 1 });
    check("<a>; rel=next, b", NoTarget { position: 2 });
    check("<a", BadTarget { position: 1 });
    check("<a<b>", BadTarget { position: 1 });
    check("<a\r\nSet-Cookie: x>; rel=next", BadTarget { position: 1 });
    check("<a> rel=next", BadParameter { position: 1 });
    check("<a>; =next", BadParameter { position: 1 });
    check("<a>; rel=ne xt", BadParameter { position: 1 });
    check("<a>; rel=\"next", BadParameter { position: 1 });
    check("<a>; rel=\"next\"x", BadParameter { position: 1 });
    check("<a>; rel=\"a\\\x01\"", BadParameter { position: 1 });
    check("<a>; rel=next, <b>; @=x", BadParameter { position: 2 });
    assert_eq!(Links::parse([b"<\xff>"]), Err(LinkError::NotUtf8));
}

#[test]
fn lines_stay_lines() {
    let lines = [
        "<a>; rel=\"next\", <b>; rel=\"last\"",
        "",
        "<c>; rel=\"deprecation\"; type=\"text/html\",",
    ];
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(LINK, HeaderValue::from_static(line));
    }
    let mut links = Links::from_headers(&headers).unwrap();
    assert_eq!(links.to_header_values(), lines);
    assert_eq!(links.map_urls(|url| Some(format!("/{url}"))), 3);
    links.write_to(&mut headers);
    let written: Vec<_> = headers.get_all(LINK).iter().collect();
    assert_eq!(
        written,
        [
            "</a>; rel=\"next\", </b>; rel=\"last\"",
            "",
            "</c>; rel=\"deprecation\"; type=\"text/html\","
        ]
    );
    Links::new().write_to(&mut headers);
    assert!(!headers.contains_key(LINK));
    assert_eq!(Links::from_headers(&headers), Ok(Links::new()));
}

#[test]
fn links_are_written_the_way_github_does() {
    let mut links = Links::new();
    assert!(links.is_empty());
    links
        .push("https://api.github.com/user/repos?page=2", "next")
        .unwrap();
    links
        .push("https://api.github.com/user/repos?page=9", "last")
        .unwrap();
    assert_eq!(
        links.to_string(),
        r#"<https://api.github.com/user/repos?page=2>; rel="next", <https://api.github.com/user/repos?page=9>; rel="last""#
    );
    assert_eq!(links.to_string().parse(), Ok(links.clone()));
    assert_eq!(links.to_header_values().len(), 1);

    // After parsed lines the new link joins the last one.
    let mut links = Links::parse(["<a>; rel=x", "<b>; rel=y"]).unwrap();
    links.push("c", "z").unwrap();
    assert_eq!(
        links.to_header_values(),
        ["<a>; rel=x", "<b>; rel=y, <c>; rel=\"z\""]
    );
    let mut links = Links::parse(["<a>; rel=x", ""]).unwrap();
    links.push("c", "z").unwrap();
    assert_eq!(links.to_header_values(), ["<a>; rel=x", "<c>; rel=\"z\""]);
}

#[test]
fn nothing_breaks_out_of_the_header() {
    let mut links = parse("<a>; rel=\"next\"");
    for bad in ["b>; rel=\"last\"", "<b", "b\r\nX: y", "b\u{7f}"] {
        assert_eq!(links.map_urls(|_| Some(bad.to_owned())), 0, "{bad:?}");
        assert_eq!(
            links.push(bad, "last"),
            Err(LinkError::BadTarget { position: 2 })
        );
    }
    for bad in ["", "a\"b", "a\\", "a\nb", "é"] {
        assert_eq!(
            links.push("b", bad),
            Err(LinkError::BadParameter { position: 2 }),
            "{bad:?}"
        );
    }
    assert_eq!(links.to_string(), "<a>; rel=\"next\"");
}

#[test]
fn rewriting_changes_urls_and_nothing_else() {
    let text = " <https://api.github.com/a?x=1,2> ;rel=next;  x=\"<https://api.github.com/>\",,<https://docs.github.com/b>;rel=\"deprecation\";type=text/html , ";
    let mut links = parse(text);
    let changed = links.map_urls(|url| {
        url.strip_prefix(API)
            .map(|path| format!("http://127.0.0.1:8080{path}"))
    });
    assert_eq!(changed, 1);
    assert_eq!(
        links.to_string(),
        text.replacen(API, "http://127.0.0.1:8080", 1)
    );
    assert_eq!(links.find("next"), Some("http://127.0.0.1:8080/a?x=1,2"));
    assert_eq!(parse(text).map_urls(|_| None), 0);
    assert_eq!(parse(text).map_urls(|url| Some(url.to_owned())), 0);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(lines: Vec<Vec<u8>>) {
        let _ = Links::parse(&lines);
    }

    #[test]
    fn what_is_read_is_written_back(text in r#"([<>;, ="\\a-c\t]|rel=|<a>; |"next"){0,24}"#) {
        if let Ok(links) = text.parse::<Links>() {
            prop_assert_eq!(links.to_string(), text.clone());
            prop_assert_eq!(links.to_header_values(), [text]);
        }
    }

    #[test]
    fn pushed_links_read_the_same(pushed in prop::collection::vec(("[!-;=?-~]{0,30}", "[a-z]{1,8}( [a-z]{1,8})?"), 0..6)) {
        let mut links = Links::new();
        for (target, rel) in &pushed {
            links.push(target, rel).unwrap();
        }
        let read: Links = links.to_string().parse().unwrap();
        let read: Vec<_> = pairs(&read).into_iter().map(|(rel, target)| (target.to_owned(), rel)).collect();
        prop_assert_eq!(read, pushed);
    }

    #[test]
    fn a_page_that_was_set_is_found(url in "(https://h/p)?[?]?([a-z=&#/0-9]|page=|&page=7){0,20}", page: u32) {
        prop_assert_eq!(page_of(&with_page(&url, page)), Some(page));
    }

    #[test]
    fn id_forms_never_panic(path in r"(/repositories/|/user/|/organizations/|/team/|[0-9]{1,21}|/|é|\?|://){0,8}") {
        if let Some(IdForm::Repository { rest, .. } | IdForm::Organization { rest, .. } | IdForm::Team { rest, .. } | IdForm::User { rest, .. }) = IdForm::of(&path) {
            prop_assert!(rest.is_empty() || rest.starts_with('/'));
        }
    }
}

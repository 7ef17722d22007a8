//! Media types, representations and API versions.

use proptest::prelude::*;

use super::*;

#[test]
fn media_types_are_read_and_written() {
    #[track_caller]
    fn check(text: &str, essence: &str, json: bool) {
        let media_type = MediaType::parse(text).unwrap();
        assert_eq!(
            (media_type.essence(), media_type.is_json()),
            (essence, json),
            "{text}"
        );
        assert_eq!(
            MediaType::parse(media_type.to_header_value()),
            Ok(media_type)
        );
    }
    check("application/json", "application/json", true);
    check("application/json; charset=utf-8", "application/json", true);
    check(
        " Application/JSON ;charset=utf-8 ",
        "application/json",
        true,
    );
    check("*/*", "*/*", true);
    check("application/*;q=0.1", "application/*", true);
    check(
        "application/vnd.github+json",
        "application/vnd.github+json",
        true,
    );
    check("application/vnd.github", "application/vnd.github", true);
    check(
        "application/vnd.github.v3",
        "application/vnd.github.v3",
        true,
    );
    check(
        "application/vnd.github.json",
        "application/vnd.github.json",
        true,
    );
    check(
        "application/vnd.github.v3.full+json",
        "application/vnd.github.v3.full+json",
        true,
    );
    check(
        "application/vnd.github.raw+json",
        "application/vnd.github.raw+json",
        true,
    );
    check(
        "application/vnd.github.text-match+json",
        "application/vnd.github.text-match+json",
        true,
    );
    check("application/scim+json", "application/scim+json", true);
    check(
        "application/vnd.github.diff",
        "application/vnd.github.diff",
        false,
    );
    check(
        "application/vnd.github.v3.raw",
        "application/vnd.github.v3.raw",
        false,
    );
    check(
        "application/vnd.githubber",
        "application/vnd.githubber",
        false,
    );
    check("text/html;charset=utf-8", "text/html", false);
    check("text/*", "text/*", false);
    check(
        "application/octocat-stream",
        "application/octocat-stream",
        false,
    );
    for bad in [
        "",
        "json",
        "application/",
        "/json",
        "a b/c",
        "a/b c",
        "a/b/c",
        ";",
        "application/json, */*",
    ] {
        assert_eq!(MediaType::parse(bad), Err(MediaTypeError), "{bad:?}");
    }
}

#[test]
fn parameters_and_weights() {
    let media_type = MediaType::parse(r#"text/html; Charset="utf-8"; level=1 ; q=0.25"#).unwrap();
    assert_eq!(media_type.parameter("charset"), Some("utf-8"));
    assert_eq!(media_type.parameter("LEVEL"), Some("1"));
    assert_eq!(media_type.parameter("none"), None);
    for (weight, expected) in [
        ("0.25", 250),
        ("0", 0),
        ("0.", 0),
        ("0.001", 1),
        ("1", 1000),
        ("1.000", 1000),
        ("1.001", 1000),
        ("2", 1000),
        ("0.0001", 1000),
        ("x", 1000),
        ("-1", 1000),
    ] {
        assert_eq!(
            MediaType::parse(format!("a/b;q={weight}"))
                .unwrap()
                .weight(),
            expected,
            "{weight}"
        );
    }
}

#[test]
fn content_type_of_an_answer() {
    let mut headers = HeaderMap::new();
    assert_eq!(MediaType::from_content_type(&headers), Ok(None));
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    let media_type = MediaType::from_content_type(&headers).unwrap().unwrap();
    assert_eq!(media_type.to_string(), "application/json; charset=utf-8");
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("?"));
    assert_eq!(MediaType::from_content_type(&headers), Err(MediaTypeError));
}

#[test]
fn accept_chooses_a_representation() {
    #[track_caller]
    fn check(accept: &[&str], expected: GithubMedia) {
        assert_eq!(GithubMedia::of_accept_lines(accept), expected, "{accept:?}");
    }
    use GithubMedia::*;
    // What clients send: none, gh 2.23, gh 2.102 and PyGithub, octokit.js, github3.py, today's documentation.
    check(&[], Json);
    check(&[""], Json);
    check(&["*/*"], Json);
    check(&["application/vnd.github.v3+json"], Json);
    check(&["application/vnd.github.v3.full+json"], Full);
    check(&["application/vnd.github+json"], Json);
    check(&["application/json"], Json);
    // Every spelling of a parameter.
    for (parameter, expected) in [
        ("raw", Raw),
        ("html", Html),
        ("text", Text),
        ("full", Full),
        ("diff", Diff),
        ("patch", Patch),
        ("sha", Sha),
        ("star", Star),
        ("object", Object),
        ("json", Json),
    ] {
        for version in ["", ".v3", ".v4", ".beta"] {
            for suffix in ["", "+json"] {
                check(
                    &[&format!(
                        "application/vnd.github{version}.{parameter}{suffix}"
                    )],
                    expected,
                );
            }
        }
        check(
            &[&format!(
                "Application/VND.GitHub.{}",
                parameter.to_uppercase()
            )],
            expected,
        );
    }
    // Previews have graduated; GitHub ignores them.
    check(&["application/vnd.github.symmetra-preview+json"], Json);
    check(&["application/vnd.github.v3.symmetra-preview+json"], Json);
    // Weights, order, several lines.
    check(
        &["application/vnd.github.diff, application/json;q=0.9"],
        Diff,
    );
    check(
        &["application/vnd.github.diff;q=0.5, application/json"],
        Json,
    );
    check(
        &["application/vnd.github.patch, application/vnd.github.diff"],
        Patch,
    );
    check(
        &[
            "application/vnd.github.diff;q=0",
            "application/vnd.github.sha;q=0.1",
        ],
        Sha,
    );
    // A browser admits everything in the end.
    check(
        &["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"],
        Json,
    );
    // Nothing that GitHub serves.
    check(&["text/html"], Other);
    check(&["application/vnd.github.base64"], Other);
    check(&["application/vnd.github.v3.text-match+json"], Other);
    check(&["application/vnd.github.raw.html"], Other);
    check(&["application/vnd.githubber.raw"], Other);
    check(&["application/vnd.github+xml"], Other);
    check(&["application/json;q=0"], Other);
    check(&["garbage"], Other);
}

#[test]
fn bodies_are_json_or_text() {
    use GithubMedia::*;
    for media in [Json, Text, Full, Star, Object] {
        assert_eq!(media.body_kind(), Some(BodyKind::Json), "{media}");
    }
    for media in [Diff, Patch, Sha] {
        assert_eq!(media.body_kind(), Some(BodyKind::Text), "{media}");
    }
    for media in [Raw, Html] {
        assert_eq!(media.body_kind(), Some(BodyKind::RouteDecides), "{media}");
    }
    assert_eq!(Other.body_kind(), None);
}

#[test]
fn api_versions_are_dates() {
    for good in ["2022-11-28", "2026-03-10", " 2099-12-31 ", "0000-01-01"] {
        let version = ApiVersion::parse(good).unwrap();
        assert_eq!(version.as_str(), good.trim());
        assert_eq!(version.to_header_value(), good.trim());
        assert_eq!(version.to_string().parse(), Ok(version));
    }
    for bad in [
        "",
        "2022",
        "2022-11-8",
        "2022/11/28",
        "2022-13-01",
        "2022-00-10",
        "2022-01-32",
        "2022-01-00",
        "20x2-01-01",
        "2022-11-28x",
        "+022-11-28",
    ] {
        assert_eq!(ApiVersion::parse(bad), Err(ApiVersionError), "{bad:?}");
    }
    assert_eq!(ApiVersion::default().as_str(), "2022-11-28");
    assert_eq!(ApiVersion::V2026_03_10.as_str(), "2026-03-10");

    let mut headers = HeaderMap::new();
    assert_eq!(ApiVersion::from_headers(&headers), Ok(None));
    headers.insert(
        "x-github-api-version",
        HeaderValue::from_static("2026-03-10"),
    );
    assert_eq!(
        ApiVersion::from_headers(&headers),
        Ok(Some(ApiVersion::V2026_03_10))
    );
    headers.insert("x-github-api-version", HeaderValue::from_static("latest"));
    assert_eq!(ApiVersion::from_headers(&headers), Err(ApiVersionError));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        let _ = GithubMedia::of_accept_lines([&bytes]);
        let _ = ApiVersion::parse(&bytes);
        if let Ok(media_type) = MediaType::parse(&bytes) {
            let _ = (media_type.is_json(), media_type.weight(), media_type.to_header_value());
            prop_assert_eq!(MediaType::parse(media_type.to_string()), Ok(media_type));
        }
    }

    #[test]
    fn arbitrary_github_types_never_panic(text in r#"application/vnd\.github([.+;,= "]|v3|raw|json|q|0\.5){0,12}"#) {
        let _ = GithubMedia::of_accept_lines([&text]);
        if let Ok(media_type) = MediaType::parse(&text) {
            prop_assert_eq!(MediaType::parse(media_type.to_header_value()), Ok(media_type));
        }
    }
}

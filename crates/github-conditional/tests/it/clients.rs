//! What clients send: their own validators, HEAD, what the cache does not touch, and headers that must arrive as sent.

use http::Method;
use http_body_util::Full;

use crate::bench::{ALICE, Bench, get, request};
use crate::github::Resource;

const REPO: &str = "/repos/o/r";
const ONE: &str = "{\"id\":1}";
const JUNE: &str = "Thu, 22 Jun 2023 07:16:46 GMT";

const OWN: &str = "github-mirror; fwd=stale; fwd-status=304; detail=own-tag";

#[tokio::test(start_paused = true)]
async fn a_clients_tag_is_compared_with_what_is_served() {
    let bench = Bench::new();
    bench.github.put(REPO, Resource::new(ONE).modified(JUNE));
    let first = bench.get(ALICE, REPO).await;
    let tag = first.tag();
    let weak = format!("W/{tag}");
    let among = format!("\"other\", {tag}");
    for sent in [tag, &weak, &among, "*"] {
        let seen = bench
            .get_with(ALICE, REPO, &[("if-none-match", sent)])
            .await;
        seen.check(304, "", OWN);
        assert_eq!(seen.tag(), tag);
        assert_eq!(seen.header("content-length"), None);
    }
    for sent in ["\"other\"", "unquoted"] {
        bench
            .get_with(ALICE, REPO, &[("if-none-match", sent)])
            .await
            .check(200, ONE, OWN);
    }
    bench
        .get_with(ALICE, REPO, &[("if-modified-since", JUNE)])
        .await
        .check(304, "", OWN);
    let before = "Wed, 21 Jun 2023 07:16:46 GMT";
    bench
        .get_with(ALICE, REPO, &[("if-modified-since", before)])
        .await
        .check(200, ONE, OWN);
    // The date does not count beside a tag.
    let both = [("if-none-match", "\"other\""), ("if-modified-since", JUNE)];
    bench
        .get_with(ALICE, REPO, &both)
        .await
        .check(200, ONE, OWN);
    // GitHub was never asked with anything but the caller's own tag.
    for call in bench.github.take_calls().iter().skip(1) {
        assert_eq!(call.headers.get_all("if-none-match").iter().count(), 1);
        assert_eq!(call.headers["if-none-match"], tag);
        assert!(!call.headers.contains_key("if-modified-since"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_who_has_the_new_version_already_is_not_sent_it_again() {
    let bench = Bench::new();
    bench.github.serve(REPO, ONE);
    bench.get(ALICE, REPO).await;
    bench.github.update(REPO, "{\"id\":2}");
    let other = Bench::new();
    other.github.serve(REPO, "{\"id\":2}");
    let new = other.get(ALICE, REPO).await.tag().to_owned();
    let seen = bench
        .get_with(ALICE, REPO, &[("if-none-match", &new)])
        .await;
    seen.check(304, "", "github-mirror; fwd=stale; fwd-status=200; stored");
    crate::bench::settle().await;
    bench.get(ALICE, REPO).await.check(200, "{\"id\":2}", OWN);
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_stored_the_clients_validators_go_to_github() {
    let bench = Bench::new();
    bench.github.put(REPO, Resource::new(ONE).modified(JUNE));
    let tag = {
        let other = Bench::new();
        other.github.serve(REPO, ONE);
        other.get(ALICE, REPO).await.tag().to_owned()
    };
    let client = "github-mirror; fwd=miss; fwd-status=304; detail=client";
    bench
        .get_with(ALICE, REPO, &[("if-none-match", &tag)])
        .await
        .check(304, "", client);
    bench
        .get_with(ALICE, REPO, &[("if-none-match", "*")])
        .await
        .check(304, "", client);
    bench
        .get_with(ALICE, REPO, &[("if-modified-since", JUNE)])
        .await
        .check(304, "", client);
    let both = [("if-none-match", "\"x\""), ("if-modified-since", JUNE)];
    let miss = "github-mirror; fwd=miss; fwd-status=200; stored";
    bench
        .get_with(ALICE, REPO, &both)
        .await
        .check(200, ONE, miss);
    let sent: Vec<_> = bench
        .github
        .take_calls()
        .iter()
        .map(|call| {
            let text = |name| {
                call.headers
                    .get(name)
                    .map(|value| value.to_str().unwrap().to_owned())
            };
            (text("if-none-match"), text("if-modified-since"))
        })
        .collect();
    let expected = [
        (Some(tag), None),
        (Some("*".to_owned()), None),
        (None, Some(JUNE.to_owned())),
        (Some("\"x\"".to_owned()), None),
    ];
    assert_eq!(sent, expected);
}

#[tokio::test(start_paused = true)]
async fn a_head_is_answered_from_what_is_stored() {
    let bench = Bench::new();
    bench.github.serve(REPO, ONE);
    let got = bench.get(ALICE, REPO).await;
    let head = bench.read(request(Method::HEAD, ALICE, REPO, &[])).await;
    head.check(200, "", OWN);
    assert_eq!(head.tag(), got.tag());
    assert_eq!(head.header("content-length"), Some("8"));
    assert_eq!(head.header("content-type"), got.header("content-type"));
    // What has changed is fetched and stored.
    bench.github.update(REPO, "{\"id\":22}");
    let head = bench.read(request(Method::HEAD, ALICE, REPO, &[])).await;
    head.check(200, "", "github-mirror; fwd=stale; fwd-status=200; stored");
    assert_eq!(head.header("content-length"), Some("9"));
    crate::bench::settle().await;
    bench.get(ALICE, REPO).await.check(200, "{\"id\":22}", OWN);
}

#[tokio::test(start_paused = true)]
async fn a_head_for_what_is_not_stored_is_a_head() {
    let bench = Bench::new();
    bench.github.serve(REPO, ONE);
    let seen = bench
        .read(request(
            Method::HEAD,
            ALICE,
            REPO,
            &[("if-none-match", "\"x\"")],
        ))
        .await;
    seen.check(
        200,
        "",
        "github-mirror; fwd=bypass; fwd-status=200; detail=cold-head",
    );
    assert_eq!(seen.header("content-length"), Some("8"));
    let call = bench.github.take_calls().remove(0);
    assert_eq!(
        (call.method, &call.headers["if-none-match"]),
        (Method::HEAD, &http::HeaderValue::from_static("\"x\""))
    );
    bench
        .get(ALICE, REPO)
        .await
        .check(200, ONE, "github-mirror; fwd=miss; fwd-status=200; stored");
}

#[tokio::test(start_paused = true)]
async fn what_the_cache_does_not_touch_goes_by() {
    let cases = [
        (
            "range",
            "bytes=0-1",
            "fwd=bypass; fwd-status=200; detail=range",
        ),
        (
            "if-range",
            "\"x\"",
            "fwd=bypass; fwd-status=200; detail=range",
        ),
        ("cookie", "a=b", "fwd=bypass; fwd-status=200; detail=cookie"),
        (
            "x-github-otp",
            "123456",
            "fwd=bypass; fwd-status=200; detail=one-time-password",
        ),
        (
            "x-requested-with",
            "X",
            "fwd=bypass; fwd-status=200; detail=requested-with",
        ),
        (
            "if-match",
            "*",
            "fwd=bypass; fwd-status=200; detail=origin-precondition",
        ),
        (
            "if-unmodified-since",
            JUNE,
            "fwd=bypass; fwd-status=200; detail=origin-precondition",
        ),
        (
            "cache-control",
            "no-store",
            "fwd=request; fwd-status=200; detail=no-store",
        ),
        (
            "authorization",
            "token second",
            "fwd=bypass; fwd-status=200; detail=authorization",
        ),
    ];
    for (name, value, how) in cases {
        let bench = Bench::new();
        bench.github.serve(REPO, ONE);
        bench.get(ALICE, REPO).await;
        bench.github.take_calls();
        let headers = [
            (name, value),
            ("accept-encoding", "br"),
            ("user-agent", "curl/8"),
        ];
        let seen = bench.get_with(ALICE, REPO, &headers).await;
        seen.check(200, ONE, &format!("github-mirror; {how}"));
        let call = bench.github.take_calls().remove(0);
        assert!(call.headers.get_all(name).iter().any(|sent| sent == value));
        assert_eq!(call.headers["accept-encoding"], "br", "untouched");
        assert!(!call.headers.contains_key("if-none-match"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_goes_by_once_with_its_body() {
    let bench = Bench::new();
    bench.github.serve(REPO, ONE);
    for method in [
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ] {
        let mut write = request(method.clone(), ALICE, REPO, &[]);
        *write.body_mut() = Full::from("{\"name\":\"x\"}");
        bench.read(write).await.check(
            200,
            ONE,
            "github-mirror; fwd=method; fwd-status=200; detail=method",
        );
        assert_eq!(bench.github.take_lines(), [format!("{method} {REPO} 200")]);
    }
    // A GET with a body is nobody's to cache.
    let mut odd = get(ALICE, REPO, &[]);
    *odd.body_mut() = Full::from("{}");
    bench.read(odd).await.check(
        200,
        ONE,
        "github-mirror; fwd=bypass; fwd-status=200; detail=request-body",
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_client_sends_arrives_as_sent() {
    let bench = Bench::new();
    let target = "/search/issues?q=is%3Aopen+repo:o/r&b=2&b=1&&empty=&B=%c3%bc&page=1";
    bench.github.serve(target, ONE);
    let sent = [
        ("x-github-api-version", "2026-03-10"),
        ("x-custom", "one"),
        ("x-custom", "two"),
        ("accept-language", "de"),
        ("accept-encoding", "gzip"),
        ("content-type", "application/json"),
    ];
    for _ in 0..2 {
        bench.get_with(ALICE, target, &sent).await;
    }
    for call in bench.github.take_calls() {
        assert_eq!(call.target, target);
        let mut names: Vec<_> = call
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        names.retain(|(name, _)| *name != "if-none-match");
        names.sort_unstable();
        let expected = [
            ("accept", "application/vnd.github+json"),
            ("accept-language", "de"),
            ("authorization", "Bearer alice"),
            ("content-type", "application/json"),
            ("user-agent", "tests"),
            ("x-custom", "one"),
            ("x-custom", "two"),
            ("x-github-api-version", "2026-03-10"),
        ];
        assert_eq!(names, expected);
    }
}

/// GitHub pretty-prints for these, after it has made the tag.
#[tokio::test(start_paused = true)]
async fn agents_that_get_pretty_json_are_replaced() {
    for (agent, arrives) in [
        ("curl/8.5.0", "github-conditional/0.1.0"),
        (
            "Mozilla/5.0 (X11) Gecko/20100101 Firefox/126.0",
            "github-conditional/0.1.0",
        ),
        ("octokit-core.js/5", "octokit-core.js/5"),
    ] {
        let bench = Bench::new();
        bench.github.serve(REPO, ONE);
        let mut request = get(ALICE, REPO, &[]);
        request
            .headers_mut()
            .insert("user-agent", agent.parse().unwrap());
        bench.read(request).await;
        assert_eq!(
            bench.github.take_calls()[0].headers["user-agent"],
            arrives,
            "{agent}"
        );
    }
}

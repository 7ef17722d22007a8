//! Freshness, variants, validation, ranges and stale answers, end to end.

use std::time::Duration;

use github_conditional::rfc9111::{Audience, Options, SurrogateName};
use http::Method;

use super::origin::{Rig, answer};

const URL: &str = "http://origin.example/a";

async fn pass(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn fresh_then_confirmed_then_replaced() {
    let rig = Rig::new();
    rig.origin.next(
        answer("one")
            .with("cache-control", "max-age=10")
            .with("etag", "\"1\"")
            .with("x-kept", "1"),
    );
    rig.get(URL)
        .await
        .check(200, "one", "c; fwd=miss; fwd-status=200; stored");
    pass(9).await;
    let fresh = rig.get(URL).await;
    fresh.check(200, "one", "c; hit; ttl=1");
    assert_eq!(fresh.header("age"), Some("9"));
    pass(1).await;
    rig.origin.next(
        answer("")
            .status(304)
            .with("cache-control", "max-age=20")
            .with("x-new", "2"),
    );
    let confirmed = rig.get(URL).await;
    confirmed.check(
        200,
        "one",
        "c; fwd=stale; fwd-status=304; ttl=20; detail=own-tag",
    );
    assert_eq!(rig.origin.last()["if-none-match"], "\"1\"");
    assert_eq!(
        (confirmed.header("x-kept"), confirmed.header("x-new")),
        (Some("1"), Some("2"))
    );
    pass(19).await;
    rig.get(URL).await.check(200, "one", "c; hit; ttl=1");
    pass(1).await;
    rig.origin.next(
        answer("two")
            .with("cache-control", "max-age=10")
            .with("etag", "\"2\""),
    );
    rig.get(URL)
        .await
        .check(200, "two", "c; fwd=stale; fwd-status=200; stored");
    assert_eq!(rig.origin.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn variants_stand_side_by_side_and_help_each_other() {
    let rig = Rig::new();
    let english = [("accept-language", "en")];
    let german = [("accept-language", "de")];
    let french = [("accept-language", "fr")];
    let vary = |body, tag: &str| {
        answer(body)
            .with("cache-control", "max-age=60")
            .with("vary", "Accept-Language")
            .with("etag", tag)
    };
    rig.origin.next(vary("hello", "\"en\""));
    rig.get_with(URL, &english).await;
    rig.origin.next(vary("hallo", "\"de\""));
    rig.get_with(URL, &german)
        .await
        .check(200, "hallo", "c; fwd=miss; fwd-status=200; stored");
    rig.get_with(URL, &english)
        .await
        .check(200, "hello", "c; hit; ttl=60");
    rig.get_with(URL, &german)
        .await
        .check(200, "hallo", "c; hit; ttl=60");
    // The origin has no French and says which of the others it would send.
    rig.origin
        .next(answer("").status(304).with("etag", "\"en\""));
    rig.get_with(URL, &french).await.check(
        200,
        "hello",
        "c; fwd=stale; fwd-status=304; ttl=60; detail=other-variant",
    );
    let tags: Vec<_> = rig
        .origin
        .last()
        .get_all("if-none-match")
        .iter()
        .cloned()
        .collect();
    assert_eq!(tags, ["\"de\"", "\"en\""]);
    rig.get_with(URL, &french)
        .await
        .check(200, "hello", "c; hit; ttl=60");
    assert_eq!(rig.origin.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn regression_a_304_that_names_nobody_is_asked_again() {
    let rig = Rig::new();
    for (language, tag) in [("en", "\"en\""), ("de", "\"de\"")] {
        rig.origin.next(
            answer("x")
                .with("cache-control", "max-age=60")
                .with("vary", "Accept-Language")
                .with("etag", tag),
        );
        rig.get_with(URL, &[("accept-language", language)]).await;
    }
    rig.origin.next(answer("").status(304));
    rig.origin.next(
        answer("bonjour")
            .with("vary", "Accept-Language")
            .with("etag", "\"fr\""),
    );
    let seen = rig.get_with(URL, &[("accept-language", "fr")]).await;
    seen.check(200, "bonjour", "c; fwd=miss; fwd-status=200; stored");
    assert!(!rig.origin.last().contains_key("if-none-match"));
}

#[tokio::test(start_paused = true)]
async fn the_clients_own_conditions_are_answered_from_what_is_stored() {
    const MODIFIED: &str = "Tue, 14 Nov 2023 20:00:00 GMT";
    let rig = Rig::new();
    let stored = answer("0123456789")
        .with("cache-control", "max-age=60")
        .with("etag", "\"1\"");
    rig.origin.next(stored.with("last-modified", MODIFIED));
    rig.get(URL).await;
    let unchanged = rig
        .get_with(URL, &[("if-none-match", "\"0\", W/\"1\"")])
        .await;
    unchanged.check(304, "", "c; hit; ttl=60");
    assert_eq!(unchanged.header("etag"), Some("\"1\""));
    rig.get_with(URL, &[("if-modified-since", MODIFIED)])
        .await
        .check(304, "", "c; hit; ttl=60");
    rig.get_with(URL, &[("if-none-match", "\"2\"")])
        .await
        .check(200, "0123456789", "c; hit; ttl=60");
    let part = rig.get_with(URL, &[("range", "bytes=2-4")]).await;
    part.check(206, "234", "c; hit; ttl=60");
    assert_eq!(part.header("content-range"), Some("bytes 2-4/10"));
    assert_eq!(part.header("content-length"), Some("3"));
    let beyond = rig.get_with(URL, &[("range", "bytes=10-")]).await;
    beyond.check(416, "", "c; hit; ttl=60");
    assert_eq!(beyond.header("content-range"), Some("bytes */10"));
    let other = [("range", "bytes=2-4"), ("if-range", "\"2\"")];
    rig.get_with(URL, &other)
        .await
        .check(200, "0123456789", "c; hit; ttl=60");
    let head = rig.send(Method::HEAD, URL, &[]).await;
    head.check(200, "", "c; hit; ttl=60");
    assert_eq!(head.header("content-length"), Some("10"));
    assert_eq!(rig.origin.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_part_of_a_stale_body_is_cut_out_once_it_is_confirmed() {
    let rig = Rig::new();
    rig.origin.next(
        answer("0123456789")
            .with("cache-control", "max-age=1")
            .with("etag", "\"1\""),
    );
    rig.get(URL).await;
    pass(2).await;
    rig.origin.next(answer("").status(304));
    let part = rig.get_with(URL, &[("range", "bytes=-2")]).await;
    part.check(
        206,
        "89",
        "c; fwd=stale; fwd-status=304; ttl=1; detail=own-tag",
    );
    assert!(!rig.origin.last().contains_key("range"));
}

#[tokio::test(start_paused = true)]
async fn parts_of_what_is_not_stored_pass_and_are_not_stored() {
    let rig = Rig::new();
    let part = || {
        answer("01")
            .status(206)
            .with("content-range", "bytes 0-1/10")
            .with("cache-control", "max-age=60")
    };
    rig.origin.next(part());
    rig.origin.next(part());
    for _ in 0..2 {
        let seen = rig.get_with(URL, &[("range", "bytes=0-1")]).await;
        seen.check(206, "01", "c; fwd=miss; fwd-status=206; detail=status");
    }
    assert_eq!(rig.origin.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_head_renews_or_outdates() {
    let rig = Rig::new();
    rig.origin.next(
        answer("12345")
            .with("cache-control", "max-age=1")
            .with("etag", "\"1\""),
    );
    rig.get(URL).await;
    pass(2).await;
    rig.origin.next(
        answer("")
            .with("cache-control", "max-age=60")
            .with("etag", "\"1\"")
            .with("content-length", "5"),
    );
    rig.send(Method::HEAD, URL, &[]).await.check(
        200,
        "",
        "c; fwd=stale; fwd-status=200; ttl=60; detail=head",
    );
    rig.get(URL).await.check(200, "12345", "c; hit; ttl=60");
    pass(60).await;
    rig.origin.next(answer("").with("etag", "\"2\""));
    rig.send(Method::HEAD, URL, &[]).await;
    rig.origin.next(answer("").broken());
    rig.get_with(URL, &[("cache-control", "max-stale")]).await;
    assert_eq!(
        rig.origin.calls(),
        4,
        "what a HEAD has outdated is not given to those who accept stale answers"
    );
}

#[tokio::test(start_paused = true)]
async fn stale_answers_stand_in_where_they_may() {
    let rig = Rig::new();
    rig.origin
        .next(answer("one").with("cache-control", "max-age=1"));
    rig.get(URL).await;
    pass(2).await;
    rig.origin.next(answer("").broken());
    rig.get(URL)
        .await
        .check(200, "one", "c; fwd=stale; ttl=-1; detail=connection-error");
    rig.origin.next(answer("sorry").status(503));
    rig.get(URL).await.check(
        503,
        "sorry",
        "c; fwd=miss; fwd-status=503; detail=no-validator",
    );

    let strict = "http://origin.example/strict";
    rig.origin
        .next(answer("one").with("cache-control", "max-age=1, must-revalidate"));
    rig.get(strict).await;
    pass(2).await;
    rig.origin.next(answer("").broken());
    rig.get(strict)
        .await
        .check(502, "", "c; fwd=miss; detail=connection-error");

    let lenient = "http://origin.example/lenient";
    rig.origin
        .next(answer("one").with("cache-control", "max-age=1, stale-if-error=60"));
    rig.get(lenient).await;
    pass(2).await;
    rig.origin.next(answer("sorry").status(503));
    rig.get(lenient).await.check(
        200,
        "one",
        "c; fwd=stale; fwd-status=503; ttl=-1; detail=server-error",
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_stale_for_a_moment_is_given_while_the_origin_is_asked() {
    let rig = Rig::new();
    let swr = |body| answer(body).with("cache-control", "max-age=1, stale-while-revalidate=60");
    rig.origin.next(swr("one"));
    rig.get(URL).await;
    pass(2).await;
    rig.origin.next(swr("two"));
    rig.get(URL)
        .await
        .check(200, "one", "c; hit; ttl=-1; detail=stale-while-revalidate");
    while rig.get(URL).await.body.as_deref() != Some(b"two") {
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.origin.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn only_if_cached_never_asks() {
    let rig = Rig::new();
    let seen = rig
        .get_with(URL, &[("cache-control", "only-if-cached")])
        .await;
    assert_eq!((seen.status, rig.origin.calls()), (504, 0));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_off_or_is_too_short_is_not_stored() {
    let rig = Rig::new();
    let fresh = |body| answer(body).with("cache-control", "max-age=60");
    rig.origin.next(fresh("half").body_breaks());
    assert_eq!(rig.get(URL).await.body, None);
    rig.origin.next(fresh("short").with("content-length", "6"));
    assert_eq!(rig.get(URL).await.body, None);
    rig.origin.next(fresh("whole").with("content-length", "5"));
    rig.get(URL)
        .await
        .check(200, "whole", "c; fwd=miss; fwd-status=200; stored");
    assert_eq!(rig.origin.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_is_private_to_one_is_not_given_to_another() {
    let rig = Rig::new();
    let alice = [("authorization", "token alice")];
    let bob = [("authorization", "token bob")];
    rig.origin
        .next(answer("alice's").with("cache-control", "max-age=60"));
    rig.get_with(URL, &alice).await.check(
        200,
        "alice's",
        "c; fwd=miss; fwd-status=200; detail=authorization",
    );
    rig.origin
        .next(answer("bob's").with("cache-control", "max-age=60, private"));
    rig.get_with(URL, &bob).await.check(
        200,
        "bob's",
        "c; fwd=miss; fwd-status=200; detail=private",
    );
    rig.origin
        .next(answer("public").with("cache-control", "max-age=60, public"));
    rig.get_with(URL, &alice).await;
    rig.get_with(URL, &bob)
        .await
        .check(200, "public", "c; hit; ttl=60");
}

#[tokio::test(start_paused = true)]
async fn a_private_cache_keeps_what_is_its_users() {
    let mut options = Options::default();
    options.audience = Audience::Private;
    let rig = Rig::with(options);
    rig.origin
        .next(answer("mine").with("cache-control", "private, s-maxage=0, max-age=60"));
    rig.get_with(URL, &[("authorization", "token me")]).await;
    rig.get(URL).await.check(200, "mine", "c; hit; ttl=60");
}

#[tokio::test(start_paused = true)]
async fn a_surrogate_announces_itself_and_keeps_what_is_said_to_it() {
    let mut options = Options::default();
    options.surrogate = SurrogateName::new("edge");
    let rig = Rig::with(options);
    rig.origin.next(
        answer("x")
            .with("cache-control", "no-store")
            .with("surrogate-control", "max-age=60;edge"),
    );
    let first = rig.get(URL).await;
    assert_eq!(
        rig.origin.last()["surrogate-capability"],
        "edge=\"Surrogate/1.0\""
    );
    assert_eq!(first.header("surrogate-control"), None);
    rig.get(URL).await.check(200, "x", "c; hit; ttl=60");
    let downstream = rig
        .get_with(URL, &[("surrogate-capability", "abc=\"Surrogate/1.0\"")])
        .await;
    assert_eq!(
        downstream.header("surrogate-control"),
        Some("max-age=60;edge")
    );
}

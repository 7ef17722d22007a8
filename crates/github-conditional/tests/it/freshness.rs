//! Answers without asking: GitHub's own minute for anonymous callers, and what clients allow.

use std::time::Duration;

use http::Method;

use crate::bench::{ALICE, ANONYMOUS, BOB, Bench, request};
use crate::github::{Gate, Manner};

const ISSUES: &str = "/repos/o/r/issues";
const ISSUE: &str = "/repos/o/r/issues/5";
const ONE: &str = "{\"id\":1}";
const TWO: &str = "{\"id\":2}";

#[tokio::test(start_paused = true)]
async fn an_anonymous_answer_is_fresh_for_its_minute() {
    let bench = Bench::new();
    bench.github.serve(ISSUE, ONE);
    bench.get(ANONYMOUS, ISSUE).await.check(
        200,
        ONE,
        "github-mirror; fwd=miss; fwd-status=200; stored",
    );
    bench.github.update(ISSUE, TWO);
    tokio::time::advance(Duration::from_secs(40)).await;
    let fresh = bench.get(ANONYMOUS, ISSUE).await;
    fresh.check(200, ONE, "github-mirror; hit; ttl=20");
    assert_eq!(fresh.report.age, Some(Duration::from_secs(40)));
    assert_eq!(fresh.report.upstream_status, None);
    tokio::time::advance(Duration::from_secs(20)).await;
    bench.get(ANONYMOUS, ISSUE).await.check(
        200,
        TWO,
        "github-mirror; fwd=stale; fwd-status=200; stored",
    );
    tokio::time::advance(Duration::from_secs(61)).await;
    bench.get(ANONYMOUS, ISSUE).await.check(
        200,
        TWO,
        "github-mirror; fwd=stale; fwd-status=304; detail=own-tag",
    );
    // The 304 has begun another minute.
    bench
        .get(ANONYMOUS, ISSUE)
        .await
        .check(200, TWO, "github-mirror; hit; ttl=60");
    assert_eq!(bench.github.take_charged(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_304_made_here_says_what_a_200_would_say() {
    let bench = Bench::new();
    bench.github.serve(ISSUE, ONE);
    let tag = bench.get(ANONYMOUS, ISSUE).await.tag().to_owned();
    let unchanged = bench
        .get_with(ANONYMOUS, ISSUE, &[("if-none-match", &tag)])
        .await;
    unchanged.check(304, "", "github-mirror; hit; ttl=60");
    assert_eq!(
        unchanged.header("cache-control"),
        Some("public, max-age=60, s-maxage=60")
    );
    assert_eq!(unchanged.headers.get_all("vary").iter().count(), 2);
    assert_eq!(unchanged.tag(), tag);
    assert_eq!(unchanged.header("content-type"), None);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_asked_for_each_time() {
    let bench = Bench::new();
    bench.github.serve(ISSUE, ONE);
    bench.get(ALICE, ISSUE).await;
    bench.github.update(ISSUE, TWO);
    assert_eq!(bench.get(ALICE, ISSUE).await.text(), TWO);
}

#[tokio::test(start_paused = true)]
async fn what_is_fresh_for_one_is_not_for_another() {
    let bench = Bench::new();
    bench.github.serve(ISSUE, ONE);
    bench.get(ALICE, ISSUE).await;
    bench.get(ANONYMOUS, ISSUE).await.check(
        200,
        ONE,
        "github-mirror; fwd=stale; fwd-status=304; detail=predicted",
    );
    bench
        .get(ANONYMOUS, ISSUE)
        .await
        .check(200, ONE, "github-mirror; hit; ttl=60");
}

#[tokio::test(start_paused = true)]
async fn a_write_ends_freshness_of_what_it_touches() {
    let bench = Bench::new();
    for target in [
        ISSUES,
        ISSUE,
        "/repos/o/r/issues/6",
        "/repos/o/r/issues/5/comments?per_page=9",
    ] {
        bench.github.serve(target, "{}");
        bench.get(ANONYMOUS, target).await;
    }
    tokio::time::advance(Duration::from_secs(1)).await;
    bench.github.take_calls();
    bench.read(request(Method::PATCH, ALICE, ISSUE, &[])).await;
    let asked = "github-mirror; fwd=stale; fwd-status=304; detail=own-tag";
    bench.get(ANONYMOUS, ISSUES).await.check(200, "{}", asked);
    bench.get(ANONYMOUS, ISSUE).await.check(200, "{}", asked);
    bench
        .get(ANONYMOUS, "/repos/o/r/issues/5/comments?per_page=9")
        .await
        .check(200, "{}", asked);
    bench.get(ANONYMOUS, "/repos/o/r/issues/6").await.check(
        200,
        "{}",
        "github-mirror; hit; ttl=59",
    );
    // Confirmed since, they are fresh again.
    tokio::time::advance(Duration::from_secs(1)).await;
    bench.get(ANONYMOUS, ISSUES).await.check(200, "{}", asked);
    bench
        .get(ANONYMOUS, ISSUES)
        .await
        .check(200, "{}", "github-mirror; hit; ttl=60");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_failed_touches_nothing_unless_nobody_knows() {
    for (manner, how) in [
        (Manner::Answer(422, &[], "{}"), "github-mirror; hit; ttl=59"),
        (
            Manner::Answer(500, &[], "{}"),
            "github-mirror; fwd=stale; fwd-status=304; detail=own-tag",
        ),
        (
            Manner::TimedOut,
            "github-mirror; fwd=stale; fwd-status=304; detail=own-tag",
        ),
    ] {
        let bench = Bench::new();
        bench.github.serve(ISSUE, ONE);
        bench.get(ANONYMOUS, ISSUE).await;
        tokio::time::advance(Duration::from_secs(1)).await;
        bench.github.next(ISSUE, manner);
        let _ = bench.send(request(Method::PATCH, ALICE, ISSUE, &[])).await;
        bench.get(ANONYMOUS, ISSUE).await.check(200, ONE, how);
    }
}

/// The answer to a question that a write has overtaken is not fresh.
#[tokio::test(start_paused = true)]
async fn a_read_that_was_under_way_during_a_write_is_asked_again() {
    let bench = Bench::new();
    bench.github.serve(ISSUE, ONE);
    let gate = Gate::shut();
    bench.github.next(ISSUE, Manner::Gate(gate.clone()));
    let read = {
        let bench = bench.clone();
        tokio::spawn(async move { bench.get(ANONYMOUS, ISSUE).await })
    };
    crate::bench::settle().await;
    tokio::time::advance(Duration::from_secs(1)).await;
    bench.read(request(Method::PATCH, ALICE, ISSUE, &[])).await;
    tokio::time::advance(Duration::from_secs(1)).await;
    gate.open();
    assert_eq!(read.await.unwrap().text(), ONE);
    bench.github.update(ISSUE, TWO);
    assert_eq!(bench.get(ANONYMOUS, ISSUE).await.text(), TWO);
}

#[tokio::test(start_paused = true)]
async fn what_clients_allow_and_forbid() {
    let bench = Bench::new();
    bench.github.serve(ISSUE, ONE);
    let cached_only = [("cache-control", "only-if-cached")];
    let nothing = bench.get_with(ALICE, ISSUE, &cached_only).await;
    nothing.check(504, "", "github-mirror; detail=only-if-cached");
    assert_eq!(bench.github.calls().len(), 0);

    bench.get(ALICE, ISSUE).await;
    tokio::time::advance(Duration::from_secs(100)).await;
    bench.get_with(ALICE, ISSUE, &cached_only).await.check(
        200,
        ONE,
        "github-mirror; hit; ttl=0; detail=only-if-cached",
    );
    bench.get_with(BOB, ISSUE, &cached_only).await.check(
        504,
        "",
        "github-mirror; detail=only-if-cached",
    );

    let stale = |value| [("cache-control", value)];
    bench
        .get_with(ALICE, ISSUE, &stale("max-stale"))
        .await
        .check(200, ONE, "github-mirror; hit; ttl=0; detail=max-stale");
    bench
        .get_with(ALICE, ISSUE, &stale("max-stale=100"))
        .await
        .check(200, ONE, "github-mirror; hit; ttl=0; detail=max-stale");
    assert_eq!(bench.github.take_calls().len(), 1);
    let asked = "github-mirror; fwd=stale; fwd-status=304; detail=own-tag";
    bench
        .get_with(ALICE, ISSUE, &stale("max-stale=99"))
        .await
        .check(200, ONE, asked);
    bench
        .get_with(ALICE, ISSUE, &stale("max-age=1000"))
        .await
        .check(200, ONE, asked);

    bench.get(ANONYMOUS, ISSUE).await;
    bench
        .get_with(ANONYMOUS, ISSUE, &stale("no-cache"))
        .await
        .check(200, ONE, asked);
    bench
        .get_with(ANONYMOUS, ISSUE, &[("pragma", "no-cache")])
        .await
        .check(200, ONE, asked);
    tokio::time::advance(Duration::from_secs(70)).await;
    bench
        .get_with(ANONYMOUS, ISSUE, &stale("max-stale"))
        .await
        .check(200, ONE, "github-mirror; hit; ttl=-10; detail=max-stale");
}

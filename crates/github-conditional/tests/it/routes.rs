//! What a route's policy lets the cache do, and that no policy shows anybody what GitHub has not confirmed to them.

use std::time::Duration;

use github_conditional::{Freshness, Options, RoutePolicy};
use http::Method;

use crate::bench::{ALICE, ANONYMOUS, BOB, Bench, get, request};
use crate::github::{Gate, Manner};

const ISSUE: &str = "/repos/o/r/issues/5";
const COMMIT: &str = "/repos/o/r/git/commits/1a2b";
const MISSING: &str = "/repos/o/r/issues/404";
const ONE: &str = "{\"id\":1}";
const TWO: &str = "{\"id\":2}";
const NOT_FOUND: &str = "{\"message\":\"Not Found\"}";
const ASKED: &str = "github-mirror; fwd=stale; fwd-status=304; detail=own-tag";

fn bench(pattern: &str, policy: RoutePolicy) -> Bench {
    let mut options = Options::default();
    options.routes.add(pattern.parse().unwrap(), &[], policy);
    Bench::with(options)
}

fn fresh(freshness: Freshness) -> RoutePolicy {
    RoutePolicy::Freshness(freshness)
}

#[tokio::test(start_paused = true)]
async fn ttl_serves_each_confirmed_caller_for_its_own_time() {
    let ttl = fresh(Freshness::Ttl(Duration::from_secs(30)));
    let bench = bench("/repos/*/*/issues/**", ttl);
    bench.github.serve(ISSUE, ONE);
    bench.get(ALICE, ISSUE).await;
    tokio::time::advance(Duration::from_secs(20)).await;
    bench
        .get(ALICE, ISSUE)
        .await
        .check(200, ONE, "github-mirror; hit; ttl=10; detail=ttl");
    // Bob is asked about first, whatever is fresh for Alice.
    bench.get(BOB, ISSUE).await.check(
        200,
        ONE,
        "github-mirror; fwd=stale; fwd-status=304; detail=predicted",
    );
    bench.github.update(ISSUE, TWO);
    tokio::time::advance(Duration::from_secs(10)).await;
    bench
        .get(BOB, ISSUE)
        .await
        .check(200, ONE, "github-mirror; hit; ttl=20; detail=ttl");
    assert_eq!(bench.get(ALICE, ISSUE).await.text(), TWO);
    // Each is shown what GitHub told it last, until its own time is over.
    assert_eq!(bench.get(BOB, ISSUE).await.text(), ONE);
    assert_eq!(bench.get(ALICE, ISSUE).await.text(), TWO);
}

#[tokio::test(start_paused = true)]
async fn a_stranger_is_refused_whatever_the_route_says() {
    for freshness in [
        Freshness::Rfc9111,
        Freshness::Ttl(Duration::from_secs(3600)),
        Freshness::UntilMarked(Duration::from_secs(3600)),
        Freshness::Immutable,
    ] {
        let bench = bench("/**", fresh(freshness));
        bench.github.serve(COMMIT, ONE);
        bench.github.permit(COMMIT, BOB, 404);
        bench.get(ALICE, COMMIT).await;
        let refused = bench.get(BOB, COMMIT).await;
        assert_eq!(refused.status, 404, "{freshness:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc9111_on_a_route_counts_for_tokens_too() {
    let bench = bench("/repos/**", fresh(Freshness::Rfc9111));
    bench.github.serve(ISSUE, ONE);
    bench.get(ALICE, ISSUE).await;
    tokio::time::advance(Duration::from_secs(59)).await;
    bench
        .get(ALICE, ISSUE)
        .await
        .check(200, ONE, "github-mirror; hit; ttl=1");
    tokio::time::advance(Duration::from_secs(1)).await;
    bench.get(ALICE, ISSUE).await.check(200, ONE, ASKED);
}

#[tokio::test(start_paused = true)]
async fn revalidate_on_a_route_counts_for_anonymous_callers_too() {
    let bench = bench("/repos/**", fresh(Freshness::Revalidate));
    bench.github.serve(ISSUE, ONE);
    bench.get(ANONYMOUS, ISSUE).await;
    bench.get(ANONYMOUS, ISSUE).await.check(200, ONE, ASKED);
}

#[tokio::test(start_paused = true)]
async fn immutable_is_asked_about_once_per_caller() {
    let bench = bench("/repos/*/*/git/commits/*", fresh(Freshness::Immutable));
    bench.github.serve(COMMIT, ONE);
    bench.get(ALICE, COMMIT).await;
    tokio::time::advance(Duration::from_secs(1_000_000)).await;
    bench
        .get(ALICE, COMMIT)
        .await
        .check(200, ONE, "github-mirror; hit; detail=immutable");
    bench.get(BOB, COMMIT).await;
    bench.get(BOB, COMMIT).await;
    assert_eq!(bench.github.calls().len(), 2);
    // Until somebody writes there, or somebody insists.
    bench
        .get_with(ALICE, COMMIT, &[("cache-control", "no-cache")])
        .await
        .check(200, ONE, ASKED);
    tokio::time::advance(Duration::from_secs(1)).await;
    bench.read(request(Method::PATCH, ALICE, COMMIT, &[])).await;
    bench.get(ALICE, COMMIT).await.check(200, ONE, ASKED);
}

#[tokio::test(start_paused = true)]
async fn deny_is_never_stored_and_never_served_from_the_store() {
    let bench = bench("/repos/o/secret/**", RoutePolicy::Deny);
    let secret = "/repos/O/Secret/contents/key";
    bench.github.serve(secret, ONE);
    let bypassed = "github-mirror; fwd=bypass; fwd-status=200; detail=denied";
    bench.get(ALICE, secret).await.check(200, ONE, bypassed);
    bench.get(ALICE, secret).await.check(200, ONE, bypassed);
    assert_eq!(bench.inspect.usage().entries, 0);
    assert!(
        bench
            .github
            .calls()
            .iter()
            .all(|call| !call.headers.contains_key("if-none-match"))
    );
    // A client that wants no question asked gets none.
    bench.github.take_calls();
    let nothing = bench
        .get_with(ALICE, secret, &[("cache-control", "only-if-cached")])
        .await;
    nothing.check(504, "", "github-mirror; detail=only-if-cached");
    assert_eq!(bench.github.calls().len(), 0);
}

/// A route that is denied from now on is not served from what was stored before.
#[tokio::test(start_paused = true)]
async fn the_request_itself_has_the_last_word() {
    let bench = bench("/repos/**", fresh(Freshness::Immutable));
    bench.github.serve(ISSUE, ONE);
    bench.get(ALICE, ISSUE).await;
    bench.github.update(ISSUE, TWO);
    assert_eq!(bench.get(ALICE, ISSUE).await.text(), ONE);
    let mut denied = get(ALICE, ISSUE, &[]);
    denied.extensions_mut().insert(RoutePolicy::Deny);
    assert_eq!(bench.read(denied).await.text(), TWO);
    let mut asked = get(ALICE, ISSUE, &[]);
    asked.extensions_mut().insert(fresh(Freshness::Revalidate));
    assert_eq!(bench.read(asked).await.text(), TWO);
}

mod negative {
    use super::*;

    const LASTS: RoutePolicy = RoutePolicy::Negative(Duration::from_secs(10));

    #[tokio::test(start_paused = true)]
    async fn a_storm_of_404s_costs_one_request() {
        let bench = bench("/repos/**", LASTS);
        bench.get(ALICE, MISSING).await.check(
            404,
            NOT_FOUND,
            "github-mirror; fwd=miss; fwd-status=404; detail=status",
        );
        tokio::time::advance(Duration::from_secs(4)).await;
        for _ in 0..50 {
            let again = bench.get(ALICE, MISSING).await;
            again.check(404, NOT_FOUND, "github-mirror; hit; ttl=6; detail=negative");
            assert_eq!(again.report.age, Some(Duration::from_secs(4)));
        }
        let head = bench.read(request(Method::HEAD, ALICE, MISSING, &[])).await;
        head.check(404, "", "github-mirror; hit; ttl=6; detail=negative");
        assert_eq!(bench.github.take_charged(), 1);
        tokio::time::advance(Duration::from_secs(6)).await;
        bench.github.serve(MISSING, ONE);
        assert_eq!(bench.get(ALICE, MISSING).await.text(), ONE);
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_nobody_elses_404() {
        let bench = bench("/repos/**", LASTS);
        bench.github.serve(ISSUE, ONE);
        bench.github.permit(ISSUE, BOB, 404);
        assert_eq!(bench.get(BOB, ISSUE).await.status, 404);
        assert_eq!(bench.get(ALICE, ISSUE).await.text(), ONE);
        assert_eq!(bench.get(ANONYMOUS, ISSUE).await.text(), ONE);
        assert_eq!(
            bench.get(BOB, ISSUE).await.cache_status(),
            "github-mirror; hit; ttl=10; detail=negative"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_ends_it() {
        let bench = bench("/repos/**", LASTS);
        bench.github.serve("/repos/o/r/issues", "[]");
        bench.get(ALICE, MISSING).await;
        bench
            .read(request(Method::POST, ALICE, "/repos/o/r/issues", &[]))
            .await;
        bench.github.serve(MISSING, ONE);
        assert_eq!(bench.get(ALICE, MISSING).await.text(), ONE);
    }

    /// The 404 to a question that a write has overtaken is not remembered.
    #[tokio::test(start_paused = true)]
    async fn a_write_while_it_is_asked_ends_it_too() {
        let bench = bench("/repos/**", LASTS);
        bench.github.serve("/repos/o/r/issues", "[]");
        bench.github.serve(MISSING, ONE);
        bench.github.permit(MISSING, ALICE, 404);
        let gate = Gate::shut();
        bench.github.next(MISSING, Manner::Gate(gate.clone()));
        let read = {
            let bench = bench.clone();
            tokio::spawn(async move { bench.get(ALICE, MISSING).await })
        };
        crate::bench::settle().await;
        bench
            .read(request(Method::POST, ALICE, "/repos/o/r/issues", &[]))
            .await;
        gate.open();
        assert_eq!(read.await.unwrap().status, 404);
        bench.github.permit(MISSING, ALICE, 200);
        assert_eq!(bench.get(ALICE, MISSING).await.text(), ONE);
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_anew_is_asked_anew_and_what_is_found_counts() {
        let bench = bench("/repos/**", LASTS);
        bench.get(ALICE, MISSING).await;
        bench.github.serve(MISSING, ONE);
        let anew = [("cache-control", "no-cache")];
        assert_eq!(bench.get_with(ALICE, MISSING, &anew).await.text(), ONE);
        bench.get(ALICE, MISSING).await.check(200, ONE, ASKED);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_without_a_body_speaks_for_heads_only() {
        let bench = bench("/repos/**", LASTS);
        let head = || request(Method::HEAD, ALICE, MISSING, &[]);
        assert_eq!(
            bench.read(head()).await.cache_status(),
            "github-mirror; fwd=bypass; fwd-status=404; detail=cold-head",
        );
        bench
            .read(head())
            .await
            .check(404, "", "github-mirror; hit; ttl=10; detail=negative");
        bench.get(ALICE, MISSING).await.check(
            404,
            NOT_FOUND,
            "github-mirror; fwd=miss; fwd-status=404; detail=status",
        );
    }

    #[tokio::test(start_paused = true)]
    async fn only_missing_things_are_remembered() {
        for status in [403, 451, 422, 500] {
            let bench = bench("/repos/**", LASTS);
            bench.github.serve(ISSUE, ONE);
            bench.github.next(ISSUE, Manner::Answer(status, &[], "{}"));
            assert_eq!(bench.get(ALICE, ISSUE).await.status, status);
            assert_eq!(bench.get(ALICE, ISSUE).await.text(), ONE, "{status}");
        }
        let bench = bench("/repos/**", LASTS);
        bench.github.serve(ISSUE, ONE);
        bench
            .github
            .next(ISSUE, Manner::Answer(410, &[], "{\"message\":\"deleted\"}"));
        bench.get(ALICE, ISSUE).await;
        assert_eq!(bench.get(ALICE, ISSUE).await.status, 410);
    }

    #[tokio::test(start_paused = true)]
    async fn it_does_not_tell_of_quota_long_gone() {
        let bench = bench("/repos/**", LASTS);
        bench.github.serve(ISSUE, ONE);
        let headers = &[
            ("x-ratelimit-remaining", "7"),
            ("x-github-request-id", "A:B"),
            ("content-type", "application/json"),
        ];
        bench
            .github
            .next(ISSUE, Manner::Answer(404, headers, NOT_FOUND));
        assert_eq!(
            bench
                .get(ALICE, ISSUE)
                .await
                .header("x-ratelimit-remaining"),
            Some("7")
        );
        let again = bench.get(ALICE, ISSUE).await;
        assert_eq!((again.status.as_u16(), again.text()), (404, NOT_FOUND));
        assert_eq!(again.header("x-ratelimit-remaining"), None);
        assert_eq!(again.header("x-github-request-id"), None);
        assert_eq!(again.header("content-type"), Some("application/json"));
        assert_eq!(
            again.header("content-length"),
            Some(NOT_FOUND.len().to_string().as_str())
        );
    }

    #[tokio::test(start_paused = true)]
    async fn other_routes_ask_each_time() {
        let bench = bench("/repos/**", LASTS);
        bench.get(ALICE, "/orgs/none").await;
        bench.get(ALICE, "/orgs/none").await;
        assert_eq!(bench.github.take_charged(), 2);
    }
}

mod marks {
    use super::*;

    fn covered() -> Bench {
        bench(
            "/repos/**",
            fresh(Freshness::UntilMarked(Duration::from_secs(3600))),
        )
    }

    #[tokio::test(start_paused = true)]
    async fn what_events_cover_is_served_unasked_until_one_marks_it() {
        let bench = covered();
        bench.github.serve(ISSUE, ONE);
        bench.get(ALICE, ISSUE).await;
        tokio::time::advance(Duration::from_secs(600)).await;
        bench.get(ALICE, ISSUE).await.check(
            200,
            ONE,
            "github-mirror; hit; ttl=3000; detail=covered",
        );
        bench.github.update(ISSUE, TWO);
        bench
            .marker
            .mark(&["/repos/O/R/issues/**".parse().unwrap()], Duration::ZERO);
        assert_eq!(bench.get(ALICE, ISSUE).await.text(), TWO);
        tokio::time::advance(Duration::from_secs(1)).await;
        // Confirmed after the event.
        bench.get(ALICE, ISSUE).await;
        bench.get(ALICE, ISSUE).await.check(
            200,
            TWO,
            "github-mirror; hit; ttl=3600; detail=covered",
        );
    }

    /// A missed event is made good after the greatest age.
    #[tokio::test(start_paused = true)]
    async fn the_greatest_age_bounds_what_a_missed_event_costs() {
        let bench = covered();
        bench.github.serve(ISSUE, ONE);
        bench.get(ALICE, ISSUE).await;
        bench.github.update(ISSUE, TWO);
        tokio::time::advance(Duration::from_secs(3599)).await;
        assert_eq!(bench.get(ALICE, ISSUE).await.text(), ONE);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(bench.get(ALICE, ISSUE).await.text(), TWO);
    }

    /// GitHub may still say 304 in the seconds after an event (Mergify#781).
    #[tokio::test(start_paused = true)]
    async fn a_304_soon_after_an_event_is_asked_about_again() {
        let bench = covered();
        bench.github.serve(ISSUE, ONE);
        bench.get(ALICE, ISSUE).await;
        tokio::time::advance(Duration::from_secs(100)).await;
        bench.marker.mark(
            &["/repos/o/r/issues/**".parse().unwrap()],
            Duration::from_secs(10),
        );
        tokio::time::advance(Duration::from_secs(2)).await;
        bench.get(ALICE, ISSUE).await.check(200, ONE, ASKED);
        // Now GitHub has caught up.
        bench.github.update(ISSUE, TWO);
        assert_eq!(bench.get(ALICE, ISSUE).await.text(), TWO);
        tokio::time::advance(Duration::from_secs(9)).await;
        bench.get(ALICE, ISSUE).await.check(200, TWO, ASKED);
        bench.get(ALICE, ISSUE).await.check(
            200,
            TWO,
            "github-mirror; hit; ttl=3600; detail=covered",
        );
    }

    /// Pages are linked by number; a write by name touches them, and a write by number what is known by name.
    #[tokio::test(start_paused = true)]
    async fn a_write_touches_both_names_of_a_resource() {
        let bench = covered_by_number();
        let list = "/repos/o/r/issues";
        let (page, other) = (
            "/repositories/7/issues?page=2",
            "/repositories/8/issues?page=2",
        );
        for target in [list, page, other] {
            bench.github.serve(target, "[1]");
        }
        bench.github.change(list, |list| {
            *list = list.clone().header(
                "link",
                "<https://api.github.com/repositories/7/issues?page=2>; rel=\"next\"",
            );
        });
        for target in [list, page, other] {
            bench.get(ALICE, target).await;
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        bench.read(request(Method::POST, ALICE, list, &[])).await;
        assert_eq!(bench.get(ALICE, page).await.cache_status(), ASKED);
        // The number was learned, so other repositories are left alone.
        assert_eq!(
            bench.get(ALICE, other).await.cache_status(),
            "github-mirror; hit; ttl=3599; detail=ttl"
        );
        tokio::time::advance(Duration::from_secs(1)).await;
        bench.get(ALICE, list).await;
        tokio::time::advance(Duration::from_secs(1)).await;
        bench.github.serve("/repositories/7/issues", "[1]");
        bench
            .read(request(Method::POST, ALICE, "/repositories/7/issues", &[]))
            .await;
        assert_eq!(bench.get(ALICE, list).await.cache_status(), ASKED);
    }

    fn covered_by_number() -> Bench {
        bench("/**", fresh(Freshness::Ttl(Duration::from_secs(3600))))
    }
}

//! Who may be shown what when GitHub cannot be asked, and how a right ends.

use github_conditional::Trouble;

use crate::bench::{ALICE, ANONYMOUS, BOB, Bench, CAROL};
use crate::github::Manner;

const REPO: &str = "/repos/o/r";
const ONE: &str = "{\"id\":1}";

const SECONDARY: &str =
    "{\"message\":\"You have exceeded a secondary rate limit. Please wait a few minutes\"}";

/// Every way in which GitHub can fail, and what `Cache-Status` says of a stale answer then.
fn troubles() -> [(Manner, &'static str); 10] {
    let none_left: &[(&str, &str)] = &[("x-ratelimit-remaining", "0")];
    let some_left: &[(&str, &str)] = &[("x-ratelimit-remaining", "4840")];
    [
        (
            Manner::Refused,
            "github-mirror; fwd=stale; detail=connection-error",
        ),
        (Manner::TimedOut, "github-mirror; fwd=stale; detail=timeout"),
        (Manner::Offline, "github-mirror; fwd=stale; detail=offline"),
        (
            Manner::Answer(500, &[], "{}"),
            "github-mirror; fwd=stale; fwd-status=500; detail=server-error",
        ),
        (
            Manner::Answer(502, &[], "{}"),
            "github-mirror; fwd=stale; fwd-status=502; detail=server-error",
        ),
        (
            Manner::Answer(503, &[], "Unicorn!"),
            "github-mirror; fwd=stale; fwd-status=503; detail=server-error",
        ),
        (
            Manner::Answer(
                403,
                none_left,
                "{\"message\":\"API rate limit exceeded for user ID 1.\"}",
            ),
            "github-mirror; fwd=stale; fwd-status=403; detail=rate-limited",
        ),
        (
            Manner::Answer(429, none_left, ""),
            "github-mirror; fwd=stale; fwd-status=429; detail=rate-limited",
        ),
        (
            Manner::Answer(403, some_left, SECONDARY),
            "github-mirror; fwd=stale; fwd-status=403; detail=rate-limited",
        ),
        (
            Manner::Answer(429, some_left, SECONDARY),
            "github-mirror; fwd=stale; fwd-status=429; detail=rate-limited",
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn in_trouble_only_those_are_shown_a_body_whom_github_has_told_of_it() {
    for (trouble, stale) in troubles() {
        let bench = Bench::new();
        bench.github.serve(REPO, ONE);
        let known = bench.get(ALICE, REPO).await;
        bench.get(BOB, REPO).await; // by a predicted 304
        bench.github.outage(Some(trouble));
        for caller in [ALICE, BOB] {
            let shown = bench.get(caller, REPO).await;
            shown.check(200, ONE, stale);
            assert_eq!(
                shown.header("content-type"),
                Some("application/json; charset=utf-8")
            );
        }
        assert_eq!(bench.get(ALICE, REPO).await.tag(), known.tag());
        for stranger in [CAROL, ANONYMOUS] {
            if let Ok(answer) = bench.send(crate::bench::get(stranger, REPO, &[])).await {
                let seen = crate::bench::finish(answer).await;
                assert!(seen.status.as_u16() >= 400, "{stale}");
                assert_ne!(seen.text(), ONE);
            }
        }
        bench.github.outage(None);
        bench.get(CAROL, REPO).await.check(
            200,
            ONE,
            "github-mirror; fwd=stale; fwd-status=304; detail=predicted",
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_is_shown_the_version_it_was_told_of() {
    let bench = Bench::new();
    bench.github.serve(REPO, ONE);
    bench.get(ALICE, REPO).await;
    bench.github.update(REPO, "{\"id\":2}");
    bench.get(BOB, REPO).await;
    bench.github.outage(Some(Manner::Refused));
    let stale = "github-mirror; fwd=stale; detail=connection-error";
    bench.get(ALICE, REPO).await.check(200, ONE, stale);
    bench.get(BOB, REPO).await.check(200, "{\"id\":2}", stale);
}

#[tokio::test(start_paused = true)]
async fn without_anything_to_show_the_trouble_itself_is_the_answer() {
    let bench = Bench::new();
    bench.github.serve(REPO, ONE);
    bench.github.next(REPO, Manner::Refused);
    let error = bench.fail(ALICE, REPO).await;
    assert!(error.is_connection() && !error.is_timeout());
    assert_eq!(
        crate::bench::cache_status(error.report()),
        "github-mirror; fwd=miss; detail=connection-error"
    );
    bench.github.next(REPO, Manner::TimedOut);
    let error = bench.fail(ALICE, REPO).await;
    assert!(error.is_timeout());
    assert_eq!(error.to_string(), "no answer in time");
    assert!(std::error::Error::source(&error).is_some());
    bench.github.next(REPO, Manner::Offline);
    let error = bench.fail(ALICE, REPO).await;
    assert!(error.is_offline() && !error.is_connection() && !error.is_timeout());
    assert_eq!(
        crate::bench::cache_status(error.report()),
        "github-mirror; fwd=miss; detail=offline"
    );

    let headers: &[(&str, &str)] = &[("retry-after", "60"), ("x-ratelimit-remaining", "12")];
    bench
        .github
        .next(REPO, Manner::Answer(403, headers, SECONDARY));
    let refused = bench.get(ALICE, REPO).await;
    refused.check(
        403,
        SECONDARY,
        "github-mirror; fwd=miss; fwd-status=403; detail=rate-limited",
    );
    assert_eq!(refused.header("retry-after"), Some("60"));
    assert_eq!(
        refused.outcome(),
        github_conditional::Outcome::Refused(Trouble::RateLimited)
    );

    bench.github.next(
        REPO,
        Manner::Answer(503, &[("content-type", "text/html")], "Unicorn!"),
    );
    let broken = bench.get(ALICE, REPO).await;
    broken.check(
        503,
        "Unicorn!",
        "github-mirror; fwd=miss; fwd-status=503; detail=server-error",
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_ends_the_right_of_that_caller_and_of_nobody_else() {
    for status in [401, 403, 404, 410, 451] {
        let bench = Bench::new();
        bench.github.serve(REPO, ONE);
        bench.get(ALICE, REPO).await;
        bench.get(BOB, REPO).await;
        bench.github.permit(REPO, ALICE, status);
        let refused = bench.get(ALICE, REPO).await;
        assert_eq!(refused.status.as_u16(), status);
        assert_eq!(refused.text(), "{\"message\":\"Not Found\"}");

        bench.github.outage(Some(Manner::Refused));
        assert!(
            bench.fail(ALICE, REPO).await.is_connection(),
            "after {status}"
        );
        assert_eq!(bench.get(BOB, REPO).await.text(), ONE);
        bench.github.outage(None);

        // Given back, it costs nothing to find out.
        bench.github.permit(REPO, ALICE, 200);
        bench.github.take_charged();
        assert_eq!(bench.get(ALICE, REPO).await.text(), ONE);
        assert_eq!(bench.github.take_charged(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_ends_nobodys_right() {
    let bench = Bench::new();
    bench.github.serve(REPO, ONE);
    bench.get(ALICE, REPO).await;
    bench.github.next(
        REPO,
        Manner::Answer(403, &[("x-ratelimit-remaining", "0")], ""),
    );
    assert_eq!(bench.get(ALICE, REPO).await.text(), ONE);
    bench.github.next(REPO, Manner::Refused);
    assert_eq!(bench.get(ALICE, REPO).await.text(), ONE);
}

#[tokio::test(start_paused = true)]
async fn a_private_resource_is_never_shown_to_a_stranger() {
    let bench = Bench::new();
    bench.github.serve(REPO, ONE);
    bench.github.permit(REPO, BOB, 404);
    bench.get(ALICE, REPO).await;
    for _ in 0..3 {
        let refused = bench.get(BOB, REPO).await;
        assert_eq!(
            (refused.status.as_u16(), refused.text()),
            (404, "{\"message\":\"Not Found\"}")
        );
        let asked = bench
            .get_with(BOB, REPO, &[("cache-control", "only-if-cached")])
            .await;
        assert_eq!(asked.status.as_u16(), 504);
        let asked = bench
            .get_with(BOB, REPO, &[("cache-control", "max-stale")])
            .await;
        assert_eq!(asked.status.as_u16(), 404);
    }
}

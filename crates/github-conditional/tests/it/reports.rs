//! Every answer says how it was made; what is said in `Cache-Status` is fixed by the contract.

use github_conditional::{
    BypassReason, Collapse, CredentialClass, FreshReason, Outcome, Storing, Trouble, ValidatorKind,
};

use http::Method;

use crate::bench::{ALICE, Bench, cache_status, request};

/// All outcomes there are, on a real report.
#[tokio::test(start_paused = true)]
async fn cache_status_of_every_outcome() {
    let bench = Bench::new();
    bench.github.serve("/repos/o/r", "{}");
    let mut report = bench.get(ALICE, "/repos/o/r").await.report;
    assert_eq!(report.route.template(), "/repos/{owner}/{repo}");
    assert_eq!(report.class, CredentialClass::Token);
    report.upstream_status = None;
    use Outcome::*;
    let table = [
        (
            Revalidated(ValidatorKind::OwnTag),
            "fwd=stale; detail=own-tag",
        ),
        (
            Revalidated(ValidatorKind::Predicted),
            "fwd=stale; detail=predicted",
        ),
        (
            Revalidated(ValidatorKind::Speculative),
            "fwd=stale; detail=speculative",
        ),
        (
            Revalidated(ValidatorKind::LastModified),
            "fwd=stale; detail=last-modified",
        ),
        (Fresh(FreshReason::Fresh), "hit"),
        (Fresh(FreshReason::Ttl), "hit; detail=ttl"),
        (Fresh(FreshReason::Covered), "hit; detail=covered"),
        (Fresh(FreshReason::Immutable), "hit; detail=immutable"),
        (Fresh(FreshReason::Negative), "hit; detail=negative"),
        (Bypassed(BypassReason::Denied), "fwd=bypass; detail=denied"),
        (Fresh(FreshReason::MaxStale), "hit; detail=max-stale"),
        (
            Fresh(FreshReason::OnlyIfCached),
            "hit; detail=only-if-cached",
        ),
        (
            Stale(Trouble::RateLimited),
            "fwd=stale; detail=rate-limited",
        ),
        (
            Stale(Trouble::ServerError),
            "fwd=stale; detail=server-error",
        ),
        (Stale(Trouble::Timeout), "fwd=stale; detail=timeout"),
        (
            Stale(Trouble::Connection),
            "fwd=stale; detail=connection-error",
        ),
        (Stale(Trouble::Offline), "fwd=stale; detail=offline"),
        (Fetched(Storing::Recorded), "fwd=miss; stored"),
        (Fetched(Storing::Status), "fwd=miss; detail=status"),
        (Fetched(Storing::Forbidden), "fwd=miss; detail=forbidden"),
        (
            Fetched(Storing::NoValidator),
            "fwd=miss; detail=no-validator",
        ),
        (Fetched(Storing::TooLarge), "fwd=miss; detail=too-large"),
        (Fetched(Storing::Encoded), "fwd=miss; detail=encoded"),
        (Fetched(Storing::NoRoom), "fwd=miss; detail=no-room"),
        (Changed(Storing::Recorded), "fwd=stale; stored"),
        (Changed(Storing::Status), "fwd=stale; detail=status"),
        (ClientConfirmed, "fwd=miss; detail=client"),
        (Bypassed(BypassReason::Method), "fwd=method; detail=method"),
        (
            Bypassed(BypassReason::NoStore),
            "fwd=request; detail=no-store",
        ),
        (Bypassed(BypassReason::Range), "fwd=bypass; detail=range"),
        (
            Bypassed(BypassReason::ColdHead),
            "fwd=bypass; detail=cold-head",
        ),
        (
            Refused(Trouble::RateLimited),
            "fwd=miss; detail=rate-limited",
        ),
        (NotCached, "detail=only-if-cached"),
        (Failed(Trouble::Timeout), "fwd=miss; detail=timeout"),
    ];
    for (outcome, expected) in table {
        report.outcome = outcome;
        assert_eq!(
            cache_status(&report),
            format!("github-mirror; {expected}"),
            "{outcome:?}"
        );
    }
    report.outcome = Changed(Storing::Recorded);
    report.collapse = Collapse::Follower;
    report.upstream_status = Some(http::StatusCode::OK);
    report.ttl_seconds = Some(-3);
    assert_eq!(
        cache_status(&report),
        "github-mirror; fwd=stale; fwd-status=200; stored; collapsed; ttl=-3"
    );
}

#[tokio::test(start_paused = true)]
async fn no_report_error_or_key_tells_a_token() {
    let bench = Bench::new();
    bench.github.serve("/repos/o/r?secret=query", "{}");
    let seen = bench.get(ALICE, "/repos/o/r?secret=query").await;
    let report = format!("{:?} {}", seen.report, seen.report.fingerprint);
    bench.github.outage(Some(crate::github::Manner::Refused));
    let error = bench
        .fail(crate::bench::BOB, "/repos/o/r?secret=query")
        .await;
    let error = format!("{error:?} {error}");
    let target = "/repos/o/r?secret=query".parse().unwrap();
    let key = format!("{:?}", bench.inspect.key(&target, &http::HeaderMap::new()));
    for text in [report, error, key] {
        for secret in ["alice", "bob", "secret", "query"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_inner_client_is_told_who_asks_without_the_token() {
    let bench = Bench::new();
    bench.github.serve("/user", "{}");
    let seen = bench.get(ALICE, "/user").await;
    bench.read(request(Method::POST, ALICE, "/user", &[])).await;
    let told: Vec<_> = bench
        .github
        .take_calls()
        .iter()
        .map(|call| call.fingerprint)
        .collect();
    assert_eq!(told, [Some(seen.report.fingerprint); 2]);
    let mut headers = http::HeaderMap::new();
    headers.insert("authorization", "Bearer alice".parse().unwrap());
    assert_eq!(bench.inspect.fingerprint(&headers), seen.report.fingerprint);
}

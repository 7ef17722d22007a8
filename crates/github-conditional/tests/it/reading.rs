//! One resource, several callers: what is asked of GitHub, and what it costs.

use crate::bench::{ALICE, ANONYMOUS, BOB, Bench, CAROL, get};
use crate::github::{On304, Resource, Spelling, Tags};

const REPO: &str = "/repos/o/r";
const ONE: &str = "{\"id\":1}";
const TWO: &str = "{\"id\":2}";

const MISS: &str = "github-mirror; fwd=miss; fwd-status=200; stored";
const OWN: &str = "github-mirror; fwd=stale; fwd-status=304; detail=own-tag";
const PREDICTED: &str = "github-mirror; fwd=stale; fwd-status=304; detail=predicted";
const CHANGED: &str = "github-mirror; fwd=stale; fwd-status=200; stored";

#[tokio::test(start_paused = true)]
async fn the_second_read_is_a_304_to_the_callers_own_tag() {
    let bench = Bench::new();
    bench.github.serve(REPO, ONE);
    let first = bench.get(ALICE, REPO).await;
    first.check(200, ONE, MISS);
    let second = bench.get(ALICE, REPO).await;
    second.check(200, ONE, OWN);
    assert_eq!(second.tag(), first.tag());
    assert_eq!(
        second.header("content-type"),
        Some("application/json; charset=utf-8")
    );
    assert_eq!(second.header("content-length"), Some("8"));
    assert_eq!(
        bench.github.take_lines(),
        ["GET /repos/o/r 200", "GET /repos/o/r 304"]
    );
    assert_eq!(bench.github.take_charged(), 1);
    assert_eq!(bench.take_events(), ["matched", "committed 8"]);
}

#[tokio::test(start_paused = true)]
async fn a_change_is_seen_at_once() {
    let bench = Bench::new();
    bench.github.serve(REPO, ONE);
    bench.get(ALICE, REPO).await;
    bench.github.update(REPO, TWO);
    bench.get(ALICE, REPO).await.check(200, TWO, CHANGED);
    bench.get(ALICE, REPO).await.check(200, TWO, OWN);
}

#[tokio::test(start_paused = true)]
async fn another_token_is_served_by_a_predicted_304() {
    let bench = Bench::new();
    bench.github.serve(REPO, ONE);
    let alices = bench.get(ALICE, REPO).await;
    bench.github.take_charged();
    let bobs = bench.get(BOB, REPO).await;
    bobs.check(200, ONE, PREDICTED);
    assert_ne!(bobs.tag(), alices.tag(), "everybody has a tag of its own");
    assert_eq!(bench.github.take_charged(), 0);
    let again = bench.get(BOB, REPO).await;
    again.check(200, ONE, OWN);
    assert_eq!(again.tag(), bobs.tag());
    // GitHub agrees with the predicted tag.
    let asked = bench
        .get_with(BOB, REPO, &[("if-none-match", bobs.tag())])
        .await;
    assert_eq!(asked.status, 304);
}

#[tokio::test(start_paused = true)]
async fn a_new_version_costs_one_request_however_many_callers_there_are() {
    let bench = Bench::new();
    bench.github.serve(REPO, ONE);
    let callers = [
        ALICE,
        BOB,
        CAROL,
        Some("Bearer ghs_1_eyJ.a.b"),
        Some("Basic YTpi"),
    ];
    for text in [ONE, TWO, "{\"id\":3}", ONE] {
        bench.github.update(REPO, text);
        for caller in callers {
            assert_eq!(bench.get(caller, REPO).await.text(), text);
        }
        // The order of callers does not matter, nor who is first to see a version.
        assert_eq!(bench.get(BOB, REPO).await.text(), text);
    }
    // A version that returns is asked about anew: one more 200 each for those who saw what was between.
    let versions = 4;
    assert!(bench.github.count(200) >= versions);
    assert!(
        bench.github.count(200) < versions + callers.len(),
        "{:?}",
        bench.github.take_lines()
    );
}

#[tokio::test(start_paused = true)]
async fn a_rotated_token_costs_nothing() {
    let bench = Bench::new();
    bench.github.serve(REPO, ONE);
    bench.get(Some("Bearer ghs_old"), REPO).await;
    bench.github.take_charged();
    for renewed in [
        Some("Bearer ghs_new"),
        Some("token ghs_new"),
        Some("Bearer ghs_newer"),
    ] {
        bench.get(renewed, REPO).await.check(200, ONE, PREDICTED);
    }
    assert_eq!(bench.github.take_charged(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_app_jwt_is_hashed_without_itself() {
    let bench = Bench::new();
    bench.github.serve("/app", ONE);
    let jwts = [
        Some("Bearer eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOjF9.c2ln"),
        Some("Bearer eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOjJ9.c2ln"),
    ];
    bench.get(jwts[0], "/app").await.check(200, ONE, MISS);
    bench.get(jwts[0], "/app").await.check(200, ONE, OWN);
    let renewed = bench.get(jwts[1], "/app").await;
    renewed.check(200, ONE, PREDICTED);
    assert_eq!(
        renewed.tag(),
        bench.get(jwts[0], "/app").await.tag(),
        "all JWTs share a tag"
    );
}

#[tokio::test(start_paused = true)]
async fn anonymous_and_token_share_the_body_but_not_the_tag() {
    let bench = Bench::new();
    bench.github.serve(REPO, ONE);
    let nobody = bench.get(ANONYMOUS, REPO).await;
    let alice = bench.get(ALICE, REPO).await;
    alice.check(200, ONE, PREDICTED);
    assert_ne!(alice.tag(), nobody.tag());
    assert_eq!(bench.github.take_charged(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_weak_tag_stays_weak_over_strong_304s() {
    let bench = Bench::new();
    bench
        .github
        .put(REPO, Resource::new(ONE).spelling(Spelling::WeakOn200));
    let first = bench.get(ALICE, REPO).await;
    assert!(first.tag().starts_with("W/\""));
    let second = bench.get(ALICE, REPO).await;
    second.check(200, ONE, OWN);
    assert_eq!(second.tag(), first.tag());
    let bobs = bench.get(BOB, REPO).await;
    bobs.check(200, ONE, PREDICTED);
    assert!(bobs.tag().starts_with("W/\""));
}

#[tokio::test(start_paused = true)]
async fn what_a_caller_was_told_of_itself_is_shown_to_nobody_else() {
    let bench = Bench::new();
    bench.github.serve(REPO, ONE);
    let scopes = Some("scopes-of-Bearer-alice");
    assert_eq!(
        bench.get(ALICE, REPO).await.header("x-oauth-scopes"),
        scopes
    );
    assert_eq!(bench.get(BOB, REPO).await.header("x-oauth-scopes"), None);
    assert_eq!(
        bench.get(ANONYMOUS, REPO).await.header("x-oauth-scopes"),
        None
    );
    assert_eq!(
        bench.get(ALICE, REPO).await.header("x-oauth-scopes"),
        scopes,
        "its own again"
    );
}

#[tokio::test(start_paused = true)]
async fn the_headers_of_a_304_win_over_stored_ones() {
    let bench = Bench::new();
    bench.github.put(
        REPO,
        Resource::new(ONE).header("x-github-media-type", "github.v3; format=json"),
    );
    bench.get(ALICE, REPO).await;
    bench.get(CAROL, "/nothing").await;
    let again = bench.get(ALICE, REPO).await;
    assert_eq!(again.header("x-ratelimit-remaining"), Some("4998"));
    assert_eq!(
        again.header("x-github-media-type"),
        Some("github.v3; format=json")
    );
}

#[tokio::test(start_paused = true)]
async fn variants_do_not_mix() {
    let bench = Bench::new();
    bench.github.serve(REPO, ONE);
    bench.github.serve("/repos/o/r?x=1", TWO);
    bench.get(ALICE, REPO).await.check(200, ONE, MISS);
    bench
        .get(ALICE, "/repos/o/r?x=1")
        .await
        .check(200, TWO, MISS);
    let raw = |headers| get(ALICE, REPO, headers);
    bench
        .read(raw(&[("x-github-api-version", "2026-03-10")]))
        .await
        .check(200, ONE, MISS);
    bench
        .read(raw(&[("accept", "text/html")]))
        .await
        .check(200, ONE, MISS);
    bench
        .read(raw(&[("x-github-api-version", "2026-03-10")]))
        .await
        .check(200, ONE, OWN);
}

#[tokio::test(start_paused = true)]
async fn callers_with_bodies_of_their_own_keep_them() {
    // Of `/user` it is known beforehand, of a repository with `permissions` it has to be found out.
    for (target, quiet_from) in [("/user", 1), (REPO, 2)] {
        check_own_bodies(target, quiet_from).await;
    }
}

async fn check_own_bodies(target: &str, quiet_from: u32) {
    let bench = Bench::new();
    let names: Vec<&'static str> = (0..20)
        .map(|number| &*Box::leak(format!("Bearer t{number}").into_boxed_str()))
        .collect();
    let user = names.iter().fold(Resource::new("{}"), |user, name| {
        user.own(Some(name), format!("{{\"login\":\"{name}\"}}"))
    });
    bench.github.put(target, user);
    for round in 0..4 {
        bench.github.take_charged();
        for name in &names {
            let seen = bench.get(Some(name), target).await;
            assert_eq!(seen.text(), format!("{{\"login\":\"{name}\"}}"));
        }
        if round >= quiet_from {
            assert_eq!(bench.github.take_charged(), 0, "round {round} of {target}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn tags_of_git_objects_are_nobodys_proof_but_the_callers() {
    let bench = Bench::new();
    let file = "/repos/o/r/contents/a.txt";
    bench
        .github
        .put(file, Resource::new(ONE).tags(Tags::GitObject).own(BOB, TWO));
    bench.get(ALICE, file).await.check(200, ONE, MISS);
    bench.get(BOB, file).await.check(200, TWO, MISS);
    bench.get(CAROL, file).await.check(200, ONE, MISS);
    for (caller, text) in [(ALICE, ONE), (BOB, TWO), (CAROL, ONE)] {
        bench.get(caller, file).await.check(200, text, OWN);
    }
}

mod without_tags {
    use super::*;

    const DATE: &str = "Thu, 22 Jun 2023 07:16:46 GMT";
    const BY_DATE: &str = "github-mirror; fwd=stale; fwd-status=304; detail=last-modified";

    #[tokio::test(start_paused = true)]
    async fn a_date_serves_its_own_caller_only() {
        for tags in [Tags::None, Tags::Empty] {
            let bench = Bench::new();
            bench.github.put(
                "/notifications",
                Resource::new(ONE).tags(tags).modified(DATE),
            );
            bench
                .get(ALICE, "/notifications")
                .await
                .check(200, ONE, MISS);
            bench.github.take_calls();
            bench
                .get(ALICE, "/notifications")
                .await
                .check(200, ONE, BY_DATE);
            let call = bench.github.take_calls().remove(0);
            assert_eq!(call.headers["if-modified-since"], DATE);
            assert!(!call.headers.contains_key("if-none-match"));
            bench.get(BOB, "/notifications").await.check(200, ONE, MISS);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_date_is_never_sent_beside_a_tag() {
        let bench = Bench::new();
        bench.github.put(REPO, Resource::new(ONE).modified(DATE));
        for caller in [ALICE, ALICE, BOB, ANONYMOUS] {
            bench.get(caller, REPO).await;
        }
        for call in bench.github.take_calls() {
            assert!(!call.headers.contains_key("if-modified-since"));
        }
    }
}

mod strange_304s {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_without_a_tag_confirms_what_was_asked() {
        let bench = Bench::new();
        bench
            .github
            .put(REPO, Resource::new(ONE).on_304(On304::Absent));
        let first = bench.get(ALICE, REPO).await;
        let second = bench.get(ALICE, REPO).await;
        second.check(200, ONE, OWN);
        assert_eq!(second.tag(), first.tag());
        bench.get(BOB, REPO).await.check(200, ONE, PREDICTED);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_names_another_tag_confirms_nothing() {
        let bench = Bench::new();
        bench
            .github
            .put(REPO, Resource::new(ONE).on_304(On304::Another));
        let first = bench.get(ALICE, REPO).await;
        // Whom GitHub has told nothing is shown nothing.
        let error = bench.fail(BOB, REPO).await;
        assert!(error.is_invalid_answer());
        assert_eq!(
            error.report().upstream_status,
            Some(http::StatusCode::NOT_MODIFIED)
        );
        // Whom it has told before is shown that, as stale, under the tag that belongs to it.
        let stale = bench.get(ALICE, REPO).await;
        stale.check(
            200,
            ONE,
            "github-mirror; fwd=stale; fwd-status=304; detail=server-error",
        );
        assert_eq!(stale.tag(), first.tag());
    }

    #[tokio::test(start_paused = true)]
    async fn one_to_no_question_is_an_error() {
        let bench = Bench::new();
        bench.github.serve(REPO, ONE);
        bench.github.next(
            REPO,
            crate::github::Manner::Answer(304, &[("etag", "\"x\"")], ""),
        );
        assert!(bench.fail(ALICE, REPO).await.is_invalid_answer());
        bench.get(ALICE, REPO).await.check(200, ONE, MISS);
    }
}

//! `Vary`, `Cache-Control`, the edge cache, and the header order of complete answers (behaviour notes 1.9, 1.10, 10).

use crate::client::{get, request};
use crate::tiny;
use github_sim::{Switches, TokenSpec};
use serde_json::json;
use std::time::Duration;

const REPOSITORY: &str = "/repos/octo/hello";
const ENCODING: &str = "Accept-Encoding, Accept, X-Requested-With";

#[track_caller]
fn order(answer: &crate::client::Answer, expected: &[&str]) {
    let names: Vec<&str> = answer
        .names()
        .into_iter()
        .filter(|name| *name != "connection")
        .collect();
    assert_eq!(names, expected);
}

#[tokio::test]
async fn vary_and_cache_control_by_kind_of_answer() {
    let sim = tiny::start().await;
    let token = sim.user_token("octo");
    let private = ["Accept, Authorization, Cookie, X-GitHub-OTP", ENCODING];
    let answer = get(REPOSITORY).token(&token).send(&sim).await.expect(200);
    assert_eq!(answer.all("vary"), private);
    assert_eq!(
        answer.header("cache-control"),
        Some("private, max-age=60, s-maxage=60")
    );
    let answer = get(REPOSITORY).send(&sim).await.expect(200);
    assert_eq!(answer.all("vary"), ["Accept", ENCODING]);
    assert_eq!(
        answer.header("cache-control"),
        Some("public, max-age=60, s-maxage=60")
    );
    let answer = get("/events").send(&sim).await.expect(200);
    assert_eq!(
        answer.header("cache-control"),
        Some("public, max-age=300, s-maxage=300")
    );
    assert_eq!(answer.header("x-poll-interval"), Some("60"));
    let answer = get("/search/repositories?q=x")
        .token(&token)
        .send(&sim)
        .await
        .expect(200);
    assert_eq!(
        (answer.header("cache-control"), answer.header("etag")),
        (Some("no-cache"), None)
    );
    assert_eq!(answer.all("vary"), private);
    assert_eq!(answer.header("x-ratelimit-resource"), Some("search"));
    let answer = get("/rate_limit")
        .token(&token)
        .send(&sim)
        .await
        .expect(200);
    assert_eq!(
        (answer.header("cache-control"), answer.header("etag")),
        (Some("no-cache"), None)
    );
    for (answer, status) in [
        (get("/nowhere").token(&token).send(&sim).await, 404),
        (get("/repos/octo/old").token(&token).send(&sim).await, 301),
        (
            request("PUT", "/user/starred/octo/hello")
                .token(&token)
                .send(&sim)
                .await,
            204,
        ),
    ] {
        let answer = answer.expect(status);
        assert_eq!(answer.all("vary"), [ENCODING]);
        assert_eq!(
            (answer.header("cache-control"), answer.header("etag")),
            (None, None)
        );
    }
}

#[tokio::test]
async fn a_created_thing_carries_a_tag_and_its_location() {
    let sim = tiny::start().await;
    let token = sim.user_token("octo");
    let answer = request("POST", "/repos/octo/hello/issues")
        .token(&token)
        .body("{\"title\":\"x\"}")
        .send(&sim)
        .await
        .expect(201);
    assert!(answer.etag().len() > 60);
    assert_eq!(
        answer.header("cache-control"),
        Some("private, max-age=60, s-maxage=60")
    );
    let location = "https://api.github.com/repos/octo/hello/issues/2";
    assert_eq!(answer.header("location"), Some(location));
}

#[tokio::test]
async fn authorised_headers_in_github_order() {
    let sim = tiny::start_with(Switches {
        edge_region: Some("fra".to_owned()),
        ..Switches::default()
    })
    .await;
    let ends = github_sim::START + 86_400;
    let spec = TokenSpec {
        expires_at: Some(ends),
        ..TokenSpec::fine_grained("octo")
    };
    let token = sim.add_token(spec).unwrap();
    let answer = get("/repos/octo/hello/issues")
        .token(&token)
        .header("Accept-Encoding", "gzip")
        .header("X-GitHub-Api-Version", "2026-03-10")
        .send(&sim)
        .await
        .expect(200);
    order(
        &answer,
        &[
            "date",
            "content-type",
            "cache-control",
            "vary",
            "vary",
            "etag",
            "github-authentication-token-expiration",
            "x-github-media-type",
            "link",
            "x-accepted-github-permissions",
            "x-github-api-version-selected",
            "access-control-expose-headers",
            "access-control-allow-origin",
            "strict-transport-security",
            "x-frame-options",
            "x-content-type-options",
            "x-xss-protection",
            "referrer-policy",
            "content-security-policy",
            "content-encoding",
            "server",
            "x-ratelimit-limit",
            "x-ratelimit-remaining",
            "x-ratelimit-reset",
            "x-ratelimit-used",
            "x-ratelimit-resource",
            "x-github-request-id",
            "x-github-edge-region",
            "transfer-encoding",
        ],
    );
    let expiration = answer.header("github-authentication-token-expiration");
    assert_eq!(expiration, Some("2026-07-31 12:00:00 UTC"));
    assert_eq!(
        answer.header("x-accepted-github-permissions"),
        Some("issues=read")
    );
    assert_eq!(
        answer.header("x-github-api-version-selected"),
        Some("2026-03-10")
    );
    assert_eq!(answer.header("server"), Some("github.com"));
    let id = answer.header("x-github-request-id").unwrap();
    assert!(id.ends_with(&format!("{:X}", github_sim::START)), "{id}");
}

#[tokio::test]
async fn classic_tokens_see_their_scopes() {
    let sim = tiny::start().await;
    let token = sim.user_token("octo");
    let answer = get(REPOSITORY).token(&token).send(&sim).await.expect(200);
    assert_eq!(answer.header("x-oauth-scopes"), Some("repo, read:org"));
    assert_eq!(answer.header("x-accepted-oauth-scopes"), Some("repo"));
    assert_eq!(answer.header("x-accepted-github-permissions"), None);
}

#[tokio::test]
async fn anonymous_headers_in_github_order() {
    let sim = tiny::start().await;
    let answer = get("/repos/octo/hello/labels").send(&sim).await.expect(200);
    order(
        &answer,
        &[
            "date",
            "content-type",
            "cache-control",
            "vary",
            "vary",
            "etag",
            "x-github-media-type",
            "x-github-api-version-selected",
            "access-control-expose-headers",
            "access-control-allow-origin",
            "strict-transport-security",
            "x-frame-options",
            "x-content-type-options",
            "x-xss-protection",
            "referrer-policy",
            "content-security-policy",
            "server",
            "accept-ranges",
            "content-length",
            "x-ratelimit-limit",
            "x-ratelimit-remaining",
            "x-ratelimit-used",
            "x-ratelimit-resource",
            "x-ratelimit-reset",
            "x-github-request-id",
        ],
    );
}

#[tokio::test]
async fn the_edge_serves_stale_answers_with_their_old_date_and_charges_them() {
    let sim = tiny::start().await;
    let ask = || get(REPOSITORY).header("Accept-Encoding", "gzip");
    let first = ask().send(&sim).await.expect(200);
    sim.change(json!({"stars": 9})).unwrap();
    sim.clock().advance(Duration::from_secs(59));
    let stale = ask().send(&sim).await.expect(200);
    assert_eq!(stale.text(), tiny::repository(0));
    assert_eq!(stale.header("date"), first.header("date"));
    assert_eq!(stale.number("x-ratelimit-used"), 2);
    assert_ne!(
        stale.header("x-github-request-id"),
        first.header("x-github-request-id")
    );
    assert!(stale.header("content-length").is_some());
    // The API version does not distinguish answers at the edge.
    let other = ask()
        .header("X-GitHub-Api-Version", "2026-03-10")
        .send(&sim)
        .await
        .expect(200);
    assert_eq!(
        other.header("x-github-api-version-selected"),
        Some("2022-11-28")
    );
    sim.clock().advance(Duration::from_secs(1));
    let fresh = ask().send(&sim).await.expect(200);
    assert_eq!(fresh.text(), tiny::repository(9));
    assert_ne!(fresh.header("date"), first.header("date"));
}

#[tokio::test]
async fn an_edge_304_repeats_every_stored_header_and_costs_one() {
    let sim = tiny::start().await;
    let ask = || get("/repos/octo/hello/issues").header("Accept-Encoding", "gzip");
    let first = ask().send(&sim).await.expect(200);
    assert!(first.etag().starts_with("W/"), "{}", first.etag());
    sim.clock().advance(Duration::from_secs(10));
    let again = ask()
        .header("If-None-Match", first.etag())
        .send(&sim)
        .await
        .expect(304);
    for name in [
        "date",
        "etag",
        "link",
        "content-type",
        "x-github-media-type",
        "accept-ranges",
    ] {
        assert!(again.header(name).is_some(), "{name}");
        assert_eq!(again.header(name), first.header(name), "{name}");
    }
    assert_eq!(again.number("x-ratelimit-used"), 2);
    sim.set_switches(Switches {
        charge_anonymous_not_modified: false,
        ..Switches::default()
    });
    let free = ask()
        .header("If-None-Match", first.etag())
        .send(&sim)
        .await
        .expect(304);
    assert_eq!(free.number("x-ratelimit-used"), 2);
}

#[tokio::test]
async fn authorised_requests_are_never_served_from_the_edge() {
    let sim = tiny::start().await;
    let token = sim.user_token("octo");
    get(REPOSITORY).send(&sim).await.expect(200);
    sim.change(json!({"stars": 9})).unwrap();
    let answer = get(REPOSITORY).token(&token).send(&sim).await.expect(200);
    assert_eq!(answer.text(), tiny::repository(9));
    sim.set_switches(Switches {
        edge_cache: false,
        ..Switches::default()
    });
    assert_eq!(get(REPOSITORY).send(&sim).await.text(), tiny::repository(9));
}

#[tokio::test]
async fn events_stay_at_the_edge_for_five_minutes() {
    let sim = tiny::start().await;
    let first = get("/events").send(&sim).await.expect(200).text();
    sim.change(json!({"stars": 9})).unwrap();
    sim.clock().advance(Duration::from_secs(299));
    assert_eq!(get("/events").send(&sim).await.text(), first);
    sim.clock().advance(Duration::from_secs(1));
    assert_ne!(get("/events").send(&sim).await.text(), first);
}

#[tokio::test]
async fn people_get_pretty_json_under_the_same_tag() {
    let sim = tiny::start().await;
    let token = sim.user_token("octo");
    let plain = get(REPOSITORY).token(&token).send(&sim).await;
    for agent in [
        "curl/8.9",
        "Wget/1.24",
        "Mozilla/5.0 Safari/605",
        "Mozilla/5.0 Firefox/130",
    ] {
        let pretty = get(REPOSITORY)
            .token(&token)
            .header("User-Agent", agent)
            .send(&sim)
            .await;
        assert!(
            pretty.text().starts_with("{\n  \"id\": 1,\n"),
            "{agent}: {}",
            pretty.text()
        );
        assert_eq!(pretty.etag(), plain.etag());
        assert_eq!(pretty.json(), plain.json());
        assert_eq!(
            pretty.number("content-length"),
            i64::try_from(pretty.wire.len()).unwrap()
        );
    }
}

#[tokio::test]
async fn old_versions_of_changed_operations_are_deprecated() {
    let sim = tiny::start().await;
    let token = sim.user_token("octo");
    let old = get("/repos/octo/hello/issues")
        .token(&token)
        .send(&sim)
        .await;
    assert_eq!(
        old.header("deprecation"),
        Some("Tue, 10 Mar 2026 00:00:00 GMT")
    );
    assert_eq!(old.header("sunset"), Some("Fri, 10 Mar 2028 00:00:00 GMT"));
    let link = old.header("link").unwrap();
    let deprecation = "<https://docs.github.com/en/rest/about-the-rest-api/api-versions>; \
                       rel=\"deprecation\"; type=\"text/html\"";
    assert!(
        link.contains("rel=\"next\"") && link.ends_with(deprecation),
        "{link}"
    );
    let new = get("/repos/octo/hello/issues")
        .token(&token)
        .header("X-GitHub-Api-Version", "2026-03-10")
        .send(&sim)
        .await;
    assert_eq!(
        (new.header("deprecation"), new.header("sunset")),
        (None, None)
    );
    assert!(!new.header("link").unwrap().contains("deprecation"));
    sim.set_switches(Switches {
        deprecation_headers: false,
        ..Switches::default()
    });
    assert_eq!(
        get(REPOSITORY)
            .token(&token)
            .send(&sim)
            .await
            .header("deprecation"),
        None
    );
}

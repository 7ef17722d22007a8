//! Refusals, redirects and the endpoints of GitHub itself (behaviour notes 4 and 5).

use crate::client::{get, request};
use crate::tiny;
use github_sim::Switches;

#[tokio::test]
async fn not_found_as_github_says_it() {
    let sim = tiny::start().await;
    let answer = get("/repos/octo/secret").send(&sim).await.expect(404);
    let body = r#"{"message":"Not Found","documentation_url":"https://docs.github.com/rest","status":"404"}"#;
    assert_eq!(answer.text(), body);
    assert_eq!(answer.number("x-ratelimit-used"), 1);
}

#[tokio::test]
async fn a_request_without_user_agent_is_forbidden_by_the_load_balancer() {
    let sim = tiny::start().await;
    let answer = get("/zen")
        .without("User-Agent")
        .send(&sim)
        .await
        .expect(403);
    assert!(
        answer
            .text()
            .contains("Please make sure your request has a User-Agent header")
    );
    assert_eq!(answer.header("x-ratelimit-limit"), None);
    sim.set_switches(Switches {
        require_user_agent: false,
        ..Switches::default()
    });
    get("/zen")
        .without("User-Agent")
        .send(&sim)
        .await
        .expect(200);
}

#[tokio::test]
async fn what_was_renamed_moves() {
    let sim = tiny::start().await;
    let token = sim.user_token("octo");
    let target = "https://api.github.com/repositories/1";
    let moved = get("/repos/octo/old")
        .token(&token)
        .send(&sim)
        .await
        .expect(301);
    assert_eq!(moved.header("location"), Some(target));
    let body = format!(
        r#"{{"message":"Moved Permanently","url":"{target}","documentation_url":"https://docs.github.com/v3/#http-redirects"}}"#
    );
    assert_eq!(moved.text(), body);
    assert_eq!(moved.number("x-ratelimit-used"), 1);
    let patch = request("PATCH", "/repos/octo/old")
        .token(&token)
        .body("{}")
        .send(&sim)
        .await;
    assert_eq!(patch.expect(307).header("location"), Some(target));
}

#[tokio::test]
async fn an_archive_is_elsewhere() {
    let sim = tiny::start().await;
    let answer = get("/repos/octo/hello/tarball/main")
        .send(&sim)
        .await
        .expect(302);
    let location = Some("https://codeload.github.com/octo/hello/main");
    assert_eq!(answer.header("location"), location);
    assert_eq!(
        answer.header("content-type"),
        Some("text/html;charset=utf-8")
    );
    assert_eq!(
        answer.header("cache-control"),
        Some("public, must-revalidate, max-age=0")
    );
    assert!(answer.header("expires").is_some() && answer.wire.is_empty());
}

#[tokio::test]
async fn an_unknown_version_is_a_bad_request() {
    let sim = tiny::start().await;
    let answer = get("/zen")
        .header("X-GitHub-Api-Version", "v3")
        .send(&sim)
        .await
        .expect(400);
    assert!(
        answer
            .message()
            .contains("\"v3\", is not a supported version"),
        "{}",
        answer.message()
    );
}

#[tokio::test]
async fn the_enterprise_prefix_is_accepted() {
    let sim = tiny::builder().own_urls().start().await.unwrap();
    let token = sim.user_token("octo");
    let answer = get("/api/v3/repos/octo/hello/issues")
        .token(&token)
        .send(&sim)
        .await
        .expect(200);
    let expected = format!(
        "<{}/api/v3/repositories/1/issues?page=2>; rel=\"next\"",
        sim.url()
    );
    assert!(answer.header("link").unwrap().starts_with(&expected));
    let root = get("/api/v3")
        .token(&token)
        .send(&sim)
        .await
        .expect(200)
        .json();
    assert_eq!(root["events_url"], format!("{}/api/v3/events", sim.url()));
    assert_eq!(sim.counters().count_path("/repos/octo/hello/issues"), 1);
}

#[tokio::test]
async fn endpoints_of_github_itself() {
    let sim = tiny::start().await;
    let token = sim.user_token("octo");
    let ask = |path: &str| get(path).token(&token);
    let root = ask("/").send(&sim).await.expect(200).json();
    assert_eq!(root.as_object().unwrap().len(), 33);
    assert_eq!(root["current_user_url"], "https://api.github.com/user");
    let zen = ask("/zen").send(&sim).await.expect(200);
    assert_eq!(zen.header("content-type"), Some("text/plain;charset=utf-8"));
    let cat = ask("/octocat?s=hello%20cat").send(&sim).await.expect(200);
    assert_eq!(
        cat.header("content-type"),
        Some("application/octocat-stream")
    );
    assert!(cat.text().contains("| hello cat |"));
    assert!(ask("/meta").send(&sim).await.json()["hooks"].is_array());
    assert!(ask("/emojis").send(&sim).await.json()["+1"].is_string());
    let versions = ask("/versions").send(&sim).await.json();
    assert_eq!(versions, serde_json::json!(["2026-03-10", "2022-11-28"]));
    assert!(ask("/feeds").send(&sim).await.json()["timeline_url"].is_string());
    request("POST", "/zen")
        .token(&token)
        .send(&sim)
        .await
        .expect(404);
}

#[tokio::test]
async fn cors_preflight() {
    let sim = tiny::start().await;
    let answer = request("OPTIONS", "/user")
        .header("Origin", "https://x")
        .send(&sim)
        .await;
    let answer = answer.expect(204);
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    let methods = Some("GET, POST, PATCH, PUT, DELETE");
    assert_eq!(answer.header("access-control-allow-methods"), methods);
}

#[tokio::test]
async fn graphql_knows_the_viewer_and_has_points_of_its_own() {
    let sim = tiny::start().await;
    let token = sim.user_token("octo");
    let query = r#"{"query":"query { viewer { login } rateLimit { remaining } }"}"#;
    let ask = || request("POST", "/graphql").token(&token).body(query);
    let answer = ask().send(&sim).await.expect(200);
    let expected = serde_json::json!({
        "data": {"viewer": {"login": "octo"}, "rateLimit": {"remaining": 4_999}},
    });
    assert_eq!(answer.json(), expected);
    assert_eq!(answer.header("x-ratelimit-resource"), Some("graphql"));
    assert_eq!(
        answer.header("x-github-media-type"),
        Some("github.v4; format=json")
    );
    sim.set_quota("user:octo/graphql", 0);
    let limited = ask().send(&sim).await.expect(200).json();
    assert_eq!(limited["errors"][0]["type"], "RATE_LIMITED");
    assert_eq!(
        limited["errors"][0]["message"],
        "API rate limit already exceeded for user ID 1."
    );
    request("POST", "/graphql")
        .body(query)
        .send(&sim)
        .await
        .expect(401);
}

#[tokio::test]
async fn notifications_want_a_readable_date() {
    let sim = tiny::start().await;
    let token = sim.user_token("octo");
    let ask = |since: &str| {
        get("/notifications")
            .token(&token)
            .header("If-Modified-Since", since)
    };
    let refused = ask("yesterday").send(&sim).await.expect(422);
    assert!(
        refused
            .message()
            .starts_with("Unable to parse If-Modified-Since request header")
    );
    ask("Thu, 30 Jul 2026 12:00:00 GMT")
        .send(&sim)
        .await
        .expect(404);
}

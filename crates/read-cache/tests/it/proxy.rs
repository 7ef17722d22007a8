//! Everything else goes to GitHub as it is.

use github_sim::{FaultBody, FaultKind, FaultRule};
use http::Method;
use serde_json::json;

use crate::rig::{Rig, data};

async fn universe() -> Rig {
    Rig::with(|sim| sim.data(data())).await
}

#[tokio::test]
async fn a_query_on_a_kept_path_is_proxied_and_not_flattened() {
    let rig = Rig::frozen().await;
    let node = rig.full_node(|_| {}).await;
    let reply = rig
        .get(&node, "/orgs/Netflix/repos?per_page=7&page=2")
        .await;
    assert_eq!(reply.ids().len(), 7);
    assert!(reply.header("link").contains("rel=\"next\""));
    assert!(
        reply.header("cache-status").contains("fwd=miss"),
        "{reply:?}"
    );
    let again = rig
        .get(&node, "/orgs/Netflix/repos?per_page=7&page=2")
        .await;
    assert!(again.header("cache-status").contains("fwd-status=304"));
    assert_eq!(again.body, reply.body);
}

#[tokio::test]
async fn other_paths_are_proxied_with_query_and_headers() {
    let rig = Rig::frozen().await;
    let node = rig.full_node(|_| {}).await;
    let path = "/users/xuorig/orgs";
    let direct = [("authorization", format!("Bearer {}", rig.token))];
    let direct = direct
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let straight = rig
        .send(&rig.sim.url(), Method::GET, path, &direct, "")
        .await;
    let reply = rig.get(&node, path).await;
    assert_eq!(
        (reply.status, &reply.body),
        (straight.status, &straight.body)
    );
    // Weak, because our leg to GitHub is compressed.
    let tag = reply.header("etag").trim_start_matches("W/");
    assert_eq!(tag, straight.header("etag"));
    assert_eq!(reply.header("x-ratelimit-resource"), "core");
    let missing = rig.get(&node, "/repos/no/such").await;
    assert_eq!(missing.status, 404);
    assert!(
        missing.json()["documentation_url"].is_string(),
        "GitHub's own words"
    );
    let target = "/users/xuorig/orgs?per_page=1&q=a%2Fb&q=&&x";
    rig.get(&node, target).await;
    let seen = rig.sim.requests().pop().unwrap();
    assert_eq!(seen.target, target);
}

#[tokio::test]
async fn writes_go_through_with_their_body_and_never_in_the_services_name() {
    let rig = universe().await;
    let node = rig.full_node(|_| {}).await;
    for path in ["/orgs/Netflix/repos", "/graphql"] {
        let body = json!({"name": "new"}).to_string();
        let anonymous = rig
            .send(
                &node.url,
                Method::POST,
                path,
                &[("content-type", "application/json")],
                body.clone(),
            )
            .await;
        assert!(
            anonymous.status.is_client_error(),
            "{path}: {}",
            anonymous.status
        );
        let seen = rig.sim.requests().pop().unwrap();
        assert_eq!(
            (seen.method.as_str(), seen.body.as_ref()),
            ("POST", body.as_bytes())
        );
        assert!(!seen.headers.contains_key("authorization"), "{path}");
    }
    let token = rig.sim.user_token("octocat");
    let authorization = format!("token {token}");
    let reply = rig
        .send(
            &node.url,
            Method::PUT,
            "/user/starred/octocat/Hello-World",
            &[("authorization", &authorization)],
            "",
        )
        .await;
    assert_eq!(reply.status, 204);
}

#[tokio::test]
async fn a_clients_own_credential_wins_and_its_answer_is_its_own() {
    let rig = universe().await;
    let node = rig.full_node(|_| {}).await;
    let mine = format!("Bearer {}", rig.sim.user_token("octocat"));
    let own = rig
        .get_with(&node, "/user", &[("authorization", &mine)])
        .await;
    assert_eq!(own.json()["login"], "octocat");
    // Without one, the service's.
    let other = rig.get(&node, "/user").await;
    assert_eq!(other.json()["login"], "reader");
    let wrong = rig
        .get_with(&node, "/user", &[("authorization", "Bearer wrong")])
        .await;
    assert_eq!(wrong.status, 401);
}

#[tokio::test]
async fn kept_paths_are_the_same_for_everybody_and_no_client_refreshes_them() {
    let rig = Rig::frozen().await;
    let node = rig.full_node(|_| {}).await;
    let before = rig.requests();
    let plain = rig.get(&node, "/orgs/Netflix").await;
    let wrong = rig
        .get_with(&node, "/orgs/Netflix", &[("authorization", "Bearer wrong")])
        .await;
    assert_eq!((wrong.status, &wrong.body), (plain.status, &plain.body));
    assert_eq!(rig.requests(), before);
}

#[tokio::test]
async fn upstream_errors_are_passed_on_and_not_stored() {
    let rig = Rig::frozen().await;
    let node = rig.full_node(|_| {}).await;
    let path = "/users/xuorig/orgs";
    rig.sim.fault(
        FaultRule::new(FaultKind::Status {
            code: 503,
            body: FaultBody::Unicorn,
        })
        .path(path)
        .times(1),
    );
    let broken = rig.get(&node, path).await;
    assert_eq!(broken.status, 503);
    assert!(broken.text().contains("Unicorn"), "{}", broken.text());
    assert_eq!(rig.get(&node, path).await.status, 200);
    rig.sim
        .fault(FaultRule::new(FaultKind::Reset).path("/gists/none"));
    let unreachable = rig.get(&node, "/gists/none").await;
    assert_eq!(unreachable.status, 502);
    assert!(unreachable.json()["request_id"].is_string());
    assert_eq!(rig.get(&node, "/a/%2e%2e/b").await.status, 400);
}

#[tokio::test]
async fn a_caller_whom_github_has_limited_is_held_back_until_then() {
    let rig = universe().await;
    let node = rig.full_node(|_| {}).await;
    let mine = format!("Bearer {}", rig.sim.user_token("octocat"));
    let ask = async |path: &str| rig.get_with(&node, path, &[("authorization", &mine)]).await;
    // An hour's window of which a part is over, and nothing left in it.
    assert_eq!(ask("/user").await.status, 200);
    rig.pass(600, &[&node]);
    rig.sim.set_quota("user:octocat/core", 0);
    let told = ask("/users/xuorig/orgs").await;
    assert_eq!(told.status, 403, "GitHub's own refusal: {told:?}");
    let reset: u64 = told.header("x-ratelimit-reset").parse().unwrap();
    let now = || u64::try_from(rig.sim.clock().now()).unwrap();
    let asked = rig.requests();
    for passed in [0, 100, 1000] {
        rig.pass(passed, &[]);
        let held = ask("/users/amirziai/orgs").await;
        assert_eq!(held.status, 503, "{held:?}");
        let seconds: u64 = held.header("retry-after").parse().unwrap();
        // The end of the window and a second for clocks that differ; not a guess.
        assert_eq!(now() + seconds, reset + 1);
        assert!(held.json()["request_id"].is_string());
        assert!(
            held.header("cache-status").contains("rate-limit"),
            "{held:?}"
        );
    }
    assert_eq!(rig.requests(), asked, "GitHub is left alone");
    // What was read before is still told to the caller, and others are not held back.
    let before = ask("/user").await;
    assert_eq!(before.json()["login"], "octocat");
    assert_eq!(rig.get(&node, "/users/xuorig/orgs").await.status, 200);
    rig.pass(reset + 1 - now(), &[&node]);
    assert_eq!(ask("/users/amirziai/orgs").await.status, 200);
}

#[tokio::test]
async fn a_secondary_limit_holds_back_for_as_long_as_github_says() {
    let rig = universe().await;
    let node = rig.full_node(|_| {}).await;
    let mine = format!("Bearer {}", rig.sim.user_token("octocat"));
    let limit = FaultKind::SecondaryLimit {
        retry_after: Some(17),
    };
    rig.sim.fault(FaultRule::new(limit).path("/user").times(1));
    let headers = [("authorization", mine.as_str())];
    let told = rig.get_with(&node, "/user", &headers).await;
    assert!(matches!(told.status.as_u16(), 403 | 429), "{told:?}");
    rig.pass(7, &[]);
    let held = rig.get_with(&node, "/user", &headers).await;
    assert_eq!(held.status, 503, "{held:?}");
    assert_eq!(held.header("retry-after"), "10");
}

//! The administration: who may, what it tells, and what it does.

use std::time::Duration;

use github_sim::{FaultKind, FaultRule};
use http::Method;
use mirror_core::Config;
use mirror_core::config::{PolicyConfig, RouteConfig};
use serde_json::{Value, json};

use crate::rig::{Reply, Rig};

const TOKEN: &str = "correct-horse-battery-staple";
const REPOSITORY: &str = "/repos/octo/hello";

fn with_token(config: &mut Config) {
    config.admin.token = Some(TOKEN.into());
}

async fn status(rig: &Rig) -> Value {
    rig.send(Method::GET, "/_mirror/status", &[], "")
        .await
        .json()
}

async fn page(rig: &Rig) -> String {
    let page = rig.send(Method::GET, "/_mirror/", &[], "").await;
    String::from_utf8(page.body.to_vec()).unwrap()
}

async fn explain(rig: &Rig, url: &str) -> Value {
    let target = format!("/_mirror/explain?url={url}");
    rig.send(Method::GET, &target, &[], "").await.json()
}

async fn purge(rig: &Rig, what: &str) -> Reply {
    rig.send(Method::POST, &format!("/_mirror/purge?{what}"), &[], "")
        .await
}

#[tokio::test]
async fn the_status_tells_what_happened() {
    let rig = Rig::new().await;
    rig.shelf.put(REPOSITORY, &json!({"id": 1}));
    let (ann, ben) = (rig.sim.user_token("ann"), rig.sim.user_token("ben"));
    rig.get(REPOSITORY, &ann).await;
    rig.get(REPOSITORY, &ann).await;
    rig.get(REPOSITORY, &ben).await;
    rig.get("/repos/octo/none", &ben).await;

    let status = status(&rig).await;
    let start = &status["since_start"];
    assert_eq!((&start["requests"], &start["hits"]), (&json!(4), &json!(2)));
    assert_eq!(start["hit_ratio"], json!(0.5));
    assert_eq!(status["quota"]["saved"], json!(2));
    let by = &status["quota"]["saved_by"];
    assert_eq!(by[0], json!({"by": "own-tag", "requests": 1}));
    assert_eq!(by[1], json!({"by": "predicted", "requests": 1}));
    assert_eq!(status["upstream"]["health"], "good");
    assert_eq!(status["upstream"]["url"], json!(rig.sim.url()));
    assert_eq!(status["readiness"], "ready");
    let routes = status["routes"].as_array().unwrap();
    assert_eq!(routes[0]["route"], "/repos/{owner}/{repo}");
    assert_eq!(routes[0]["requests"], json!(4));
    assert_eq!(status["clients"].as_array().unwrap().len(), 2);
    let core = status["quota"]["credentials"].as_array().unwrap();
    let remaining = core.iter().map(|line| &line["buckets"][0]["remaining"]);
    let remaining: Vec<_> = remaining.collect();
    assert_eq!(remaining, [&json!(4999), &json!(4999)]);
    let memory = &status["store"]["levels"][0];
    assert_eq!(
        (&memory["level"], &memory["breaker"]),
        (&json!("memory"), &json!("none"))
    );
    assert_eq!(status["store"]["entries"], json!(1));
    assert_eq!(status["last_minutes"]["latency"]["count"], json!(4));
}

#[tokio::test]
async fn a_failing_upstream_shows() {
    let rig = Rig::new().await;
    let token = rig.sim.user_token("ann");
    rig.sim.fault(FaultRule::new(FaultKind::Outage));
    rig.get(REPOSITORY, &token).await;
    let status = status(&rig).await;
    assert_eq!(status["upstream"]["health"], "failing", "{status:#}");
    assert_eq!(status["since_start"]["failed"], json!(1));
}

#[tokio::test]
async fn an_outage_shows_with_what_it_was_decided_by() {
    let rig = Rig::configured(|config| config.offline.min_samples = 3).await;
    let token = rig.sim.user_token("ann");
    let upstream = status(&rig).await["upstream"].clone();
    assert_eq!(
        (&upstream["standing"], &upstream["status_page"]),
        (&json!("online"), &json!("nothing"))
    );
    rig.sim.fault(FaultRule::new(FaultKind::Outage));
    let fail = async |number: u32| {
        rig.get(&format!("/users/u{number}"), &token).await;
        status(&rig).await["upstream"].clone()
    };
    fail(0).await;
    let upstream = fail(1).await;
    assert_eq!(upstream["standing"], "online", "{upstream:#}");
    assert_eq!(upstream["window"], json!({"answered": 0, "failed": 2}));
    let upstream = fail(2).await;
    assert_eq!(upstream["standing"], "offline", "{upstream:#}");
    let since = upstream["standing_since"].as_str().unwrap();
    assert!(since.ends_with('Z'), "{since}");
    let page = page(&rig).await;
    assert!(
        page.contains("<span class=\"pill bad\">offline</span>"),
        "{page}"
    );
}

#[tokio::test]
async fn a_cool_down_shows_with_its_cause_and_what_it_held_back() {
    let rig = Rig::configured(|config| config.pacing.max_wait_seconds = 0).await;
    let token = rig.sim.user_token("ann");
    let limit = FaultKind::SecondaryLimit {
        retry_after: Some(42),
    };
    rig.sim.fault(FaultRule::new(limit).times(1));
    assert_eq!(rig.get(REPOSITORY, &token).await.status, 403);
    for _ in 0..2 {
        assert_eq!(rig.get(REPOSITORY, &token).await.status, 429);
    }
    let quota = status(&rig).await["quota"].clone();
    let held_back = json!([{"by": "secondary-limit", "requests": 2}]);
    assert_eq!(quota["held_back"], held_back, "{quota:#}");
    assert_eq!(quota["paced"], json!([]));
    let credential = &quota["credentials"][0];
    let cooling = &credential["cooling"];
    assert_eq!(
        (&cooling["seconds"], &cooling["cause"], &cooling["strikes"]),
        (&json!(42), &json!("retry-after"), &json!(1)),
        "{credential:#}"
    );
    assert_eq!(credential["pace"], "limited");
    assert_eq!(
        (&credential["in_flight"], &credential["waiting"]),
        (&json!(0), &json!(0))
    );
    let page = page(&rig).await;
    for part in [
        "cooling 42\u{202f}s \u{b7} retry-after",
        "not sent because of a limit: 2 (secondary-limit 2)",
    ] {
        assert!(page.contains(part), "no {part} in {page}");
    }
    rig.sim.clock().advance(Duration::from_secs(43));
    let over = status(&rig).await["quota"]["credentials"][0].clone();
    assert_eq!(over["cooling"], json!(null));
}

#[tokio::test]
async fn what_is_under_way_and_what_waits_shows() {
    let rig = Rig::configured(|config| config.pacing.max_concurrent = 1).await;
    let token = rig.sim.user_token("ann");
    for path in ["/repos/octo/a", "/repos/octo/b"] {
        rig.shelf.put(path, &json!({"id": path}));
    }
    rig.sim
        .fault(FaultRule::new(FaultKind::Delay { milliseconds: 300 }));
    let look = async {
        loop {
            let quota = status(&rig).await["quota"].clone();
            let credential = quota["credentials"][0].clone();
            if credential["waiting"] == json!(1) {
                return credential;
            }
            tokio::task::yield_now().await;
        }
    };
    let (one, other, seen) = tokio::join!(
        rig.get("/repos/octo/a", &token),
        rig.get("/repos/octo/b", &token),
        look
    );
    assert_eq!((one.status.as_u16(), other.status.as_u16()), (200, 200));
    assert_eq!(seen["in_flight"], json!(1), "{seen:#}");
    let paced = status(&rig).await["quota"]["paced"].clone();
    assert_eq!(paced[0]["requests"], json!(1), "{paced}");
}

#[tokio::test]
async fn only_the_token_opens_where_one_is_set() {
    let rig = Rig::configured(with_token).await;
    let bearer = |token: &str| format!("Bearer {token}");
    let ask = async |authorization: Option<String>, target: &str| {
        let headers: Vec<_> = authorization
            .iter()
            .map(|value| ("authorization", value.as_str()))
            .collect();
        rig.send(Method::GET, target, &headers, "").await
    };
    for target in [
        "/_mirror/",
        "/_mirror/status",
        "/_mirror/explain?url=/user",
        "/_mirror/page.js",
        "/_mirror/nothing",
    ] {
        let refused = ask(None, target).await;
        assert_eq!(refused.status, 401, "{target}");
        assert!(refused.header("www-authenticate").starts_with("Bearer"));
        assert!(
            refused.json()["message"]
                .as_str()
                .unwrap()
                .contains("ADMIN_TOKEN")
        );
        assert_eq!(
            ask(Some(bearer("wrong")), target).await.status,
            401,
            "{target}"
        );
    }
    assert_eq!(
        ask(Some(bearer(TOKEN)), "/_mirror/status").await.status,
        200
    );
    // What a browser sends after it has asked its user: x:correct-horse-battery-staple.
    let basic = "Basic eDpjb3JyZWN0LWhvcnNlLWJhdHRlcnktc3RhcGxl".to_owned();
    assert_eq!(ask(Some(basic), "/_mirror/").await.status, 200);
    for open in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(ask(None, open).await.status, 200, "{open}");
    }
}

#[tokio::test]
async fn the_admin_token_never_reaches_github() {
    let rig = Rig::configured(with_token).await;
    rig.shelf.put(REPOSITORY, &json!({"id": 1}));
    for form in [format!("Bearer {TOKEN}"), format!("token {TOKEN}")] {
        let headers = [("authorization", form.as_str())];
        let refused = rig.send(Method::GET, REPOSITORY, &headers, "").await;
        assert_eq!(refused.status, 400);
        rig.send(Method::GET, "/_mirror/status", &headers, "").await;
    }
    assert_eq!(rig.sim.requests().len(), 0, "something went up");
    let metrics = rig.mirror.metrics().render().unwrap();
    assert!(!metrics.contains(TOKEN));
}

#[tokio::test]
async fn without_a_token_a_proxy_on_this_machine_is_not_this_machine() {
    let rig = Rig::new().await;
    let forwarded = [("x-forwarded-for", "203.0.113.9")];
    let refused = rig
        .send(Method::GET, "/_mirror/status", &forwarded, "")
        .await;
    assert_eq!(refused.status, 403);
    let foreign = [("origin", "http://evil.example")];
    let refused = rig
        .send(Method::POST, "/_mirror/purge?prefix=/", &foreign, "")
        .await;
    assert_eq!(refused.status, 403);
    assert_eq!(status(&rig).await["readiness"], "ready");
}

#[tokio::test]
async fn with_a_listener_of_its_own_the_others_know_nothing_of_it() {
    let rig =
        Rig::configured(|config| config.admin.listen = Some(([127, 0, 0, 1], 0).into())).await;
    let hidden = rig.send(Method::GET, "/_mirror/status", &[], "").await;
    assert_eq!(hidden.status, 404);
    assert_eq!(
        rig.send(Method::POST, "/_mirror/purge?prefix=/", &[], "")
            .await
            .status,
        404
    );
    let own = rig.admin_url.clone().unwrap();
    let ask = async |target: &str| rig.send_to(&own, Method::GET, target, &[], "").await.status;
    assert_eq!(ask("/_mirror/status").await, 200);
    assert_eq!(ask("/_mirror/").await, 200);
    for target in ["/", "/user", "/metrics", "/healthz"] {
        assert_eq!(ask(target).await, 404, "{target}");
    }
    assert_eq!(rig.sim.requests().len(), 0);
}

#[tokio::test]
async fn it_is_explained_why_something_is_used_again() {
    let rig = Rig::new().await;
    rig.shelf.put(REPOSITORY, &json!({"id": 1}));
    let cold = explain(&rig, REPOSITORY).await;
    assert_eq!(cold["variants"], json!([]));
    assert_eq!(cold["route"], "/repos/{owner}/{repo}");

    let token = rig.sim.user_token("ann");
    let accept = ("accept", "application/vnd.github.mercy-preview+json");
    let authorization = format!("token {token}");
    let headers = [accept, ("authorization", authorization.as_str())];
    rig.send(Method::GET, REPOSITORY, &headers, "").await;
    for url in [
        REPOSITORY.to_owned(),
        format!("/api/v3{REPOSITORY}"),
        format!("{}{REPOSITORY}", rig.sim.url()),
        format!("{}{REPOSITORY}", rig.url),
    ] {
        let told = explain(&rig, &url).await;
        let variant = &told["variants"][0];
        assert_eq!(variant["accept"], accept.1, "{url}: {told:#}");
        assert_eq!(variant["bodies"][0]["usable_for"], "all-callers");
        let caller = &variant["callers"][0];
        assert_eq!(
            caller["next"],
            json!({"action": "revalidated", "reason": "own-tag"})
        );
        assert_eq!(
            variant["unknown_caller"],
            json!({"action": "revalidated", "reason": "predicted"})
        );
        assert_eq!(caller["fingerprint"].as_str().unwrap().len(), 8, "masked");
        assert!(!told.to_string().contains(&token));
    }
    let other = explain(&rig, &format!("{REPOSITORY}&accept=text/plain")).await;
    assert_eq!(other["variants"], json!([]), "another form is not stored");
}

#[tokio::test]
async fn the_rule_of_a_route_is_named_and_followed() {
    let rig = Rig::configured(|config| {
        let rule = |pattern: &str, policy, ttl_seconds| RouteConfig {
            pattern: pattern.to_owned(),
            methods: vec!["GET".to_owned()],
            policy,
            ttl_seconds,
        };
        config.routes = vec![
            rule("/users/*", PolicyConfig::Deny, None),
            rule("/repos/*/*", PolicyConfig::Ttl, Some(60)),
            rule("/repos/**", PolicyConfig::Immutable, None),
        ];
    })
    .await;
    rig.shelf.put(REPOSITORY, &json!({"id": 1}));
    let token = rig.sim.user_token("ann");
    rig.get(REPOSITORY, &token).await;
    let told = explain(&rig, REPOSITORY).await;
    let rule = json!({"number": 2, "match": "/repos/*/*", "policy": "ttl", "ttl_seconds": 60});
    assert_eq!(told["rule"], rule, "{told:#}");
    let accept = told["variants"][0]["callers"][0]["next"].clone();
    assert_eq!(accept["reason"], "fresh", "{told:#}");
    assert_eq!(
        rig.get(REPOSITORY, &token).await.header("x-cache"),
        "ONLINE_HIT"
    );
    assert_eq!(rig.upstream(304), 0, "it was served unasked, as explained");
    let other = explain(&rig, "/orgs/octo").await;
    assert_eq!(other["rule"], json!(null));
}

#[tokio::test]
async fn it_is_explained_why_something_was_not_cached() {
    let rig = Rig::new().await;
    let token = rig.sim.user_token("ann");
    rig.get("/repos/octo/none?x=SECRET", &token).await;
    let told = explain(&rig, "/repos/octo/none?x=SECRET").await;
    let last = &told["last_answer"];
    assert_eq!(
        (&last["status"], &last["detail"]),
        (&json!(404), &json!("status"))
    );
    assert_eq!(
        told["summary"],
        "nothing is stored; the last answer had status 404 and was fetched (status)"
    );
    assert!(!told.to_string().contains("SECRET"), "{told:#}");
}

#[tokio::test]
async fn what_was_purged_is_neither_served_nor_asked_about() {
    let rig = Rig::new().await;
    let token = rig.sim.user_token("ann");
    let paged = format!("{REPOSITORY}/issues?page=1");
    for target in [REPOSITORY, &paged, "/repos/octo/other"] {
        rig.shelf.put(target, &json!({"id": 1}));
        rig.get(target, &token).await;
    }
    rig.sim.clock().advance(Duration::from_secs(1));
    assert_eq!(purge(&rig, "path=/repos/octo/hello").await.status, 200);
    rig.sim.clock().advance(Duration::from_secs(1));
    rig.get(REPOSITORY, &token)
        .await
        .check(200, "ONLINE_MISS", "fwd=miss; fwd-status=200; stored");
    rig.get(&paged, &token).await.check(
        200,
        "ONLINE_HIT",
        "fwd=stale; fwd-status=304; detail=own-tag",
    );

    rig.sim.clock().advance(Duration::from_secs(1));
    let told = purge(&rig, "prefix=/repos/octo/hello").await.json();
    assert_eq!(
        (&told["purged"], &told["path"]),
        (&json!("prefix"), &json!("/repos/octo/hello"))
    );
    rig.sim.clock().advance(Duration::from_secs(1));
    rig.get(&paged, &token)
        .await
        .check(200, "ONLINE_MISS", "fwd=miss; fwd-status=200; stored");
    // A second read shows that a purge ends nothing for what comes after it.
    rig.get(&paged, &token).await.check(
        200,
        "ONLINE_HIT",
        "fwd=stale; fwd-status=304; detail=own-tag",
    );
    rig.get("/repos/octo/other", &token).await.check(
        200,
        "ONLINE_HIT",
        "fwd=stale; fwd-status=304; detail=own-tag",
    );

    rig.sim.clock().advance(Duration::from_secs(1));
    purge(&rig, "prefix=/").await;
    rig.sim.fault(FaultRule::new(FaultKind::Outage));
    let gone = rig.get("/repos/octo/other", &token).await;
    assert!(
        gone.status.is_server_error(),
        "a purged body was shown: {gone:?}"
    );
    assert_eq!(
        explain(&rig, "/repos/octo/other").await["variants"],
        json!([])
    );
}

#[tokio::test]
async fn mistakes_are_told_and_change_nothing() {
    let rig = Rig::new().await;
    #[track_caller]
    fn check(reply: &Reply, status: u16, message: &str) {
        assert_eq!(reply.status, status, "{reply:?}");
        assert_eq!(reply.json()["message"], message);
    }
    check(&purge(&rig, "").await, 400, "give either path or prefix");
    check(
        &purge(&rig, "path=/a&prefix=/a").await,
        400,
        "give either path or prefix",
    );
    check(
        &purge(&rig, "prefx=/").await,
        400,
        "a parameter is not known here",
    );
    let reply = purge(&rig, "path=/a%3Fb=1").await;
    assert!(
        reply.json()["message"]
            .as_str()
            .unwrap()
            .contains("no query"),
        "{reply:?}"
    );
    let wrong = rig
        .send(Method::GET, "/_mirror/purge?prefix=/", &[], "")
        .await;
    check(&wrong, 405, "use POST");
    assert_eq!(wrong.header("allow"), "POST");
    let none = rig.send(Method::GET, "/_mirror/explain", &[], "").await;
    check(&none, 400, "the parameter url is missing");
    let own = rig
        .send(Method::GET, "/_mirror/explain?url=/metrics", &[], "")
        .await;
    check(
        &own,
        400,
        "the parameter url is the mirror's own; nothing of it is ever stored",
    );
    let reload = rig.send(Method::POST, "/_mirror/reload", &[], "").await;
    check(
        &reload,
        501,
        "the program that runs this mirror does not offer it",
    );
}

#[tokio::test]
async fn the_page_needs_no_script_and_loads_nothing_from_elsewhere() {
    let rig = Rig::new().await;
    rig.shelf.put(REPOSITORY, &json!({"id": 1}));
    let token = rig.sim.user_token("ann");
    rig.get(REPOSITORY, &token).await;
    let page = rig.send(Method::GET, "/_mirror/", &[], "").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    let text = std::str::from_utf8(&page.body).unwrap();
    assert!(text.contains("/repos/{owner}/{repo}"), "{text}");
    assert!(text.contains("4\u{202f}999 of 5\u{202f}000"), "{text}");
    for forbidden in [
        " style=",
        "<script>",
        "src=\"http",
        "href=\"http",
        "onclick",
        &token,
    ] {
        assert!(!text.contains(forbidden), "{forbidden} in {text}");
    }
    let script = rig.send(Method::GET, "/_mirror/page.js", &[], "").await;
    assert_eq!(
        script.header("content-type"),
        "text/javascript; charset=utf-8"
    );
    let head = rig.send(Method::HEAD, "/_mirror/", &[], "").await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
}

/// Peers label metrics by path, so that every repository makes new series.
#[tokio::test]
async fn metrics_are_not_labelled_by_path() {
    let rig = Rig::new().await;
    let token = rig.sim.user_token("ann");
    let series = |rig: &Rig| rig.mirror.metrics().render().unwrap().lines().count();
    let visit = async |from: u32, to: u32| {
        for number in from..to {
            rig.get(
                &format!("/repos/secret-owner{number}/r{number}?q={number}"),
                &token,
            )
            .await;
        }
    };
    visit(0, 3).await;
    let before = series(&rig);
    visit(3, 60).await;
    assert_eq!(series(&rig), before);
    let text = rig.mirror.metrics().render().unwrap();
    assert!(!text.contains("secret-owner"));
}

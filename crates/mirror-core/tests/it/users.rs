//! User validation: who is listed gets in, and nothing that goes wrong lets anybody else in.

use bytes::Bytes;
use futures_util::future::join_all;
use github_sim::{FaultBody, FaultKind, FaultRule, Simulator, TokenSpec};
use http::Method;
use mirror_core::Config;
use mirror_core::config::UsersConfig;
use serde_json::{Value, json};

use crate::rig::{Reply, Rig};
use crate::still::Still;

const REPO: &str = "/repos/octo/hello";

fn only(logins: &[&str]) -> impl FnOnce(&mut Config) {
    let allowed = logins.iter().map(|login| (*login).to_owned()).collect();
    move |config| config.users.allowed = Some(allowed)
}

async fn guarded(logins: &[&str]) -> Rig {
    let rig = Rig::configured_unhurried(only(logins)).await;
    rig.shelf.put(REPO, &json!({"id": 1}));
    rig
}

/// Base64 as in `Authorization: Basic`.
pub(crate) fn basic(user: &str, password: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let pair = format!("{user}:{password}");
    let mut text = String::from("Basic ");
    for chunk in pair.as_bytes().chunks(3) {
        let bits = chunk
            .iter()
            .chain(&[0, 0])
            .take(3)
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        for digit in 0..4 {
            match digit <= chunk.len() {
                true => text.push(DIGITS[(bits >> (18 - 6 * digit) & 63) as usize].into()),
                false => text.push('='),
            }
        }
    }
    text
}

fn asked_whose(sim: &Simulator) -> u64 {
    sim.counters().count_path("/user")
}

#[track_caller]
fn refused(reply: &Reply, status: u16, message: &str) {
    assert_eq!(reply.status, status, "{reply:?}");
    assert_eq!(reply.json()["message"], message);
    let json = reply.header("content-type").starts_with("application/json");
    assert!(json, "{reply:?}");
    assert!(!reply.headers.contains_key("x-github-request-id"));
}

#[tokio::test]
async fn without_a_token_nothing_is_served_but_the_reserved_paths() {
    let rig = guarded(&["octocat"]).await;
    for (method, target) in [
        (Method::GET, REPO),
        (Method::GET, "/"),
        (Method::GET, "/user"),
        (Method::POST, "/graphql"),
        (Method::DELETE, REPO),
        (Method::GET, "/api/v3/rate_limit"),
        (Method::GET, "/repos/octo/hello?access_token=x"),
    ] {
        let reply = rig.send(method, target, &[], "").await;
        refused(&reply, 401, "Requires authentication");
    }
    assert_eq!(rig.sim.counters().total, 0, "GitHub is not even asked");
    for target in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(rig.anonymous(target).await.status, 200, "{target}");
    }
    let refused = "github_mirror_refused_total{reason=\"no-credentials\"}";
    assert_eq!(rig.metric(refused), 7.0);
}

#[tokio::test]
async fn the_listed_get_in_however_they_send_their_token() {
    let rig = guarded(&["OctoCat", "hubot"]).await;
    let token = rig.user("octocat");
    for authorization in [
        format!("token {token}"),
        format!("Bearer {token}"),
        basic("octocat", &token),
        basic(&token, "x-oauth-basic"),
    ] {
        let headers = [("authorization", authorization.as_str())];
        let reply = rig.send(Method::GET, REPO, &headers, "").await;
        assert_eq!(
            (reply.status.as_u16(), reply.json()),
            (200, json!({"id": 1}))
        );
        let issue = rig.send(Method::POST, REPO, &headers, "{}").await;
        assert_eq!(issue.status, 201);
    }
    let stranger = rig.user("mallory");
    for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT] {
        let headers = [("authorization", &*format!("token {stranger}"))];
        let reply = rig.send(method.clone(), REPO, &headers, "{}").await;
        assert_eq!(reply.status, 403, "{method}");
        if method != Method::HEAD {
            refused(
                &reply,
                403,
                "This mirror does not serve the user of this token",
            );
        }
    }
    let touched = rig
        .sim
        .counters()
        .count(|seen| seen.token == "mallory" && seen.path != "/user");
    assert_eq!(touched, 0, "a stranger's request goes nowhere");
}

#[tokio::test]
async fn answers_are_counted_by_login() {
    let rig = guarded(&["octocat"]).await;
    let token = rig.user("octocat");
    rig.get(REPO, &token).await;
    let line = |user| {
        format!(
            "http_request_total{{cache=\"ONLINE_MISS\",method=\"GET\",status=\"200\",user=\"{user}\"}}"
        )
    };
    assert_eq!(rig.metric(&line("octocat")), 1.0);
    let open = Rig::unhurried().await;
    open.shelf.put(REPO, &json!({"id": 1}));
    open.get(REPO, &token).await;
    let open = open.mirror.metrics().render().unwrap();
    assert!(!open.contains("user=\"octocat\""), "{open}");
    assert!(open.contains("user=\"None\""), "{open}");
}

#[tokio::test(start_paused = true)]
async fn whose_token_it_is_is_asked_once_and_confirmed_at_no_cost() {
    let still = Still::around(guarded(&["octocat"]).await);
    let rig = &still.rig;
    let token = rig.user("octocat");
    let replies = join_all((0..50).map(|_| rig.get(REPO, &token))).await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    assert_eq!(
        asked_whose(&rig.sim),
        1,
        "fifty requests share one question"
    );
    still.leap(299).await;
    rig.get(REPO, &token).await;
    assert_eq!(asked_whose(&rig.sim), 1, "it is remembered");
    let used = rig.quota_used();
    still.pass(1).await;
    assert_eq!(rig.get(REPO, &token).await.status, 200);
    assert_eq!(asked_whose(&rig.sim), 2, "but not for ever");
    assert_eq!(rig.quota_used(), used, "a 304 is free");
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_remembered_too() {
    let still = Still::around(guarded(&["octocat"]).await);
    let rig = &still.rig;
    let replies = join_all((0..30).map(|_| rig.get(REPO, "ghp_unknown"))).await;
    for reply in &replies {
        refused(reply, 401, "Bad credentials");
    }
    let first = asked_whose(&rig.sim);
    assert!(first <= 2, "GitHub locks callers out for such: {first}");
    rig.get(REPO, "ghp_unknown").await;
    assert_eq!(asked_whose(&rig.sim), first);
    // Once it exists it is let in, a minute later at most.
    let spec = TokenSpec {
        token: Some("ghp_unknown".to_owned()),
        ..TokenSpec::user("octocat")
    };
    rig.user("octocat");
    rig.sim.add_token(spec).unwrap();
    still.pass(60).await;
    assert_eq!(rig.get(REPO, "ghp_unknown").await.status, 200);
}

#[tokio::test]
async fn tokens_that_belong_to_nobody_are_told_so() {
    let rig = guarded(&["octocat"]).await;
    let token = rig.sim.installation_token(7);
    let resource_not_accessible = FaultRule::new(FaultKind::Status {
        code: 403,
        body: FaultBody::Message,
    });
    rig.sim.fault(resource_not_accessible.path("/user"));
    for _ in 0..2 {
        refused(
            &rig.get(REPO, &token).await,
            403,
            "This mirror serves users only: the token belongs to no user, as those of GitHub App installations do not",
        );
    }
    assert_eq!(asked_whose(&rig.sim), 1);
}

#[tokio::test]
async fn one_credential_is_looked_at_and_used() {
    let rig = guarded(&["octocat"]).await;
    let (listed, stranger) = (rig.user("octocat"), rig.user("mallory"));
    let (listed, stranger) = (format!("token {listed}"), format!("token {stranger}"));
    for pair in [
        [&listed, &stranger],
        [&stranger, &listed],
        [&listed, &listed],
    ] {
        let headers = pair.map(|value| ("authorization", value.as_str()));
        let reply = rig.send(Method::GET, REPO, &headers, "").await;
        assert_eq!(reply.status, 401, "{reply:?}");
    }
    assert_eq!(rig.sim.counters().total, 0);
}

#[tokio::test]
async fn trouble_while_asking_whose_token_it_is_lets_nobody_in() {
    let status = |code| FaultKind::Status {
        code,
        body: FaultBody::Unicorn,
    };
    let cases = [
        (status(500), 500, "API_ERROR_MISS"),
        (status(502), 502, "API_ERROR_MISS"),
        (status(503), 503, "API_ERROR_MISS"),
        (FaultKind::PrimaryLimit, 429, "RATE_LIMITED_MISS"),
        (
            FaultKind::SecondaryLimit {
                retry_after: Some(17),
            },
            429,
            "RATE_LIMITED_MISS",
        ),
        (FaultKind::Reset, 502, "API_CONNECTION_ERROR_MISS"),
        (FaultKind::Garbage, 502, "API_CONNECTION_ERROR_MISS"),
        (FaultKind::Truncate { after_bytes: 5 }, 502, "ONLINE_MISS"),
    ];
    for (kind, expected, x_cache) in cases {
        let rig = guarded(&["octocat"]).await;
        let token = rig.user("octocat");
        rig.sim.fault(FaultRule::new(kind.clone()).path("/user"));
        let reply = rig.get(REPO, &token).await;
        assert_eq!(reply.status.as_u16(), expected, "{kind:?} {reply:?}");
        assert_eq!(reply.header("x-cache"), x_cache, "{kind:?}");
        assert!(reply.json()["message"].is_string());
        if expected == 429 {
            let seconds: u64 = reply.header("retry-after").parse().unwrap();
            let asked = matches!(kind, FaultKind::SecondaryLimit { .. });
            assert!(if asked { seconds == 17 } else { seconds > 0 }, "{seconds}");
        }
        assert_eq!(rig.sim.counters().count_path(REPO), 0, "{kind:?}");
        // And it is over when it is over. Whom GitHub has limited waits until then; another token need not.
        rig.sim.clear_faults();
        let token = match expected {
            429 => rig.user("octocat"),
            _ => token,
        };
        assert_eq!(rig.get(REPO, &token).await.status, 200, "{kind:?}");
    }
}

#[tokio::test]
async fn a_caller_without_quota_hears_when_to_come_back() {
    let rig = Rig::configured_unhurried(|config| {
        only(&["octocat"])(config);
        config.users.trust_seconds = 0;
        config.users.outage_trust_seconds = 0;
    })
    .await;
    rig.shelf.put(REPO, &json!({"id": 1}));
    let wait = async |token: &str| -> u64 {
        let reply = rig.get(REPO, token).await;
        assert_eq!(reply.status, 429, "{reply:?}");
        assert_eq!(reply.header("x-cache"), "RATE_LIMITED_MISS");
        let message = reply.json()["message"].as_str().unwrap().to_owned();
        assert!(message.contains("rate limit"), "{message}");
        reply.header("retry-after").parse().unwrap()
    };
    // Named before, and not trusted without being asked about: GitHub says no more, and until when.
    let known = rig.user("octocat");
    assert_eq!(rig.get(REPO, &known).await.status, 200);
    rig.sim.set_quota("user:octocat/core", 0);
    let left = wait(&known).await;
    assert!(left > 60, "the rest of the window: {left}");
    // Never named: first GitHub's own refusal, then what is known from it, without asking.
    let unknown = rig.user("octocat");
    // A second more or less: the governor waits for clocks that differ, the header knows nothing of that.
    let about = |found: u64, expected: u64| assert!(found.abs_diff(expected) <= 1, "{found}");
    about(wait(&unknown).await, left);
    let asked = asked_whose(&rig.sim);
    rig.sim.clock().advance(std::time::Duration::from_secs(20));
    about(wait(&unknown).await, left - 20);
    about(wait(&known).await, left - 20);
    assert_eq!(asked_whose(&rig.sim), asked, "GitHub is left alone");
    rig.sim
        .clock()
        .advance(std::time::Duration::from_secs(left - 18));
    assert_eq!(rig.get(REPO, &unknown).await.status, 200);
}

#[tokio::test]
async fn an_answer_without_a_login_lets_nobody_in() {
    for body in [
        json!([]),
        json!({}),
        json!({"login": null}),
        json!({"login": ""}),
    ] {
        let rig = guarded(&["octocat"]).await;
        let token = rig.user("octocat");
        rig.shelf.put_for("/user", "octocat", &body);
        assert_eq!(rig.get(REPO, &token).await.status, 502, "{body}");
        assert_eq!(rig.sim.counters().count_path(REPO), 0);
    }
}

/// A read that the mirror answers unasked, so that only the validation stands between caller and body.
async fn unasked(rig: &Rig, token: &str) -> Reply {
    let authorization = format!("token {token}");
    let headers = [
        ("authorization", authorization.as_str()),
        ("cache-control", "max-stale"),
    ];
    rig.send(Method::GET, REPO, &headers, Bytes::new()).await
}

#[tokio::test(start_paused = true)]
async fn a_revoked_token_loses_access_within_the_trusted_time() {
    let still = Still::around(guarded(&["octocat"]).await);
    let rig = &still.rig;
    let token = rig.user("octocat");
    assert_eq!(rig.get(REPO, &token).await.status, 200);
    rig.sim.revoke_token(&token).unwrap();
    still.leap(299).await;
    assert_eq!(unasked(rig, &token).await.header("x-cache"), "ONLINE_HIT");
    still.pass(1).await;
    refused(&unasked(rig, &token).await, 401, "Bad credentials");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_by_github_ends_the_trust_at_once() {
    let still = Still::around(guarded(&["octocat"]).await);
    let rig = &still.rig;
    let token = rig.user("octocat");
    assert_eq!(rig.get(REPO, &token).await.status, 200);
    rig.sim.revoke_token(&token).unwrap();
    // This one asks GitHub, and is refused by it.
    assert_eq!(rig.get(REPO, &token).await.status, 401);
    refused(&unasked(rig, &token).await, 401, "Bad credentials");
}

#[tokio::test(start_paused = true)]
async fn in_an_outage_those_get_in_whom_github_named_before_and_for_a_while_only() {
    let still = Still::with(|config| {
        only(&["octocat", "late"])(config);
        config.users.outage_trust_seconds = 3600;
    })
    .await;
    let rig = &still.rig;
    rig.shelf.put(REPO, &json!({"id": 1}));
    let (known, late) = (rig.user("octocat"), rig.user("late"));
    let stranger = rig.user("mallory");
    assert_eq!(rig.get(REPO, &known).await.status, 200);
    assert_eq!(rig.get(REPO, &stranger).await.status, 403);
    rig.sim.fault(FaultRule::new(FaultKind::Outage));
    still.leap(600).await;
    for _ in 0..10 {
        let reply = rig.get(REPO, &known).await;
        assert_eq!(
            (reply.status.as_u16(), reply.json()),
            (200, json!({"id": 1}))
        );
        let unknown = rig.get(REPO, &late).await;
        assert!(matches!(unknown.status.as_u16(), 502 | 504), "{unknown:?}");
        assert_eq!(
            rig.get(REPO, &stranger).await.status,
            403,
            "named, but not listed"
        );
    }
    let unknown = rig.get(REPO, &late).await;
    unknown.check(504, "OFFLINE_MISS", "fwd=miss; detail=offline");
    assert_eq!(unknown.json(), json!({"message": "gateway timeout"}));
    still.leap(3000).await;
    let expired = rig.get(REPO, &known).await;
    expired.check(504, "OFFLINE_MISS", "fwd=miss; detail=offline");
}

#[tokio::test]
async fn strict_operators_serve_nobody_in_an_outage() {
    let rig = Rig::configured_unhurried(|config| {
        only(&["octocat"])(config);
        config.users = UsersConfig {
            trust_seconds: 0,
            outage_trust_seconds: 0,
            ..config.users.clone()
        };
    })
    .await;
    rig.shelf.put(REPO, &json!({"id": 1}));
    let token = rig.user("octocat");
    assert_eq!(rig.get(REPO, &token).await.status, 200);
    rig.sim.fault(FaultRule::new(FaultKind::Outage));
    let reply = rig.get(REPO, &token).await;
    reply.check(
        502,
        "API_CONNECTION_ERROR_MISS",
        "fwd=miss; detail=connection-error",
    );
}

#[tokio::test]
async fn many_tokens_do_not_push_a_user_out() {
    let rig = Rig::configured_unhurried(|config| {
        only(&["octocat"])(config);
        config.users.max_remembered_tokens = 4;
    })
    .await;
    rig.shelf.put(REPO, &json!({"id": 1}));
    let token = rig.user("octocat");
    for number in 0..20 {
        let stranger = rig.user(&format!("stranger-{number}"));
        assert_eq!(rig.get(REPO, &stranger).await.status, 403);
        assert_eq!(rig.get(REPO, &token).await.status, 200);
    }
    let questions = rig
        .sim
        .counters()
        .count(|seen| seen.token == "octocat" && seen.path == "/user");
    assert_eq!(questions, 1);
}

#[tokio::test]
async fn the_universe_of_the_simulator_knows_its_users() {
    let rig = Rig::universe(only(&["octocat"])).await;
    let token = rig.sim.user_token("octocat");
    let reply = rig.get("/user", &token).await;
    assert_eq!(reply.json()["login"], "octocat");
    let installation = rig.sim.installation_token(7);
    let reply: Value = rig.get("/user", &installation).await.json();
    let message = reply["message"].as_str().unwrap();
    assert!(
        message.starts_with("This mirror serves users only"),
        "{message}"
    );
}

//! What other mirrors get wrong about identity and availability, each as a test named after the failure.
//!
//! Failures that have a test elsewhere:
//!
//! | failure | test |
//! |---|---|
//! | the raw token in files, keys, headers, logs | `secrets::a_token_used_in_every_kind_of_request_is_found_nowhere` |
//! | the status page down takes the mirror down | `outage::a_status_page_that_fails_changes_nothing` |
//! | the status page trusted over real traffic | `outage::a_status_page_that_cries_wolf_changes_nothing` |
//! | Redis down is a 502 | `shared::redis_is_killed_and_comes_back_empty`, `shared::redis_hangs` |
//! | error bodies cached | `faults::error_answers_are_not_stored` |
//! | nobody reads again after taking the lock | `quota::many_tokens_on_a_cold_resource_cost_one_request` |
//! | a paused lock holder overwrites newer data | `github-conditional`: entries merge (`entry/tests.rs`), `cache-backends`: `lease/tests.rs` |
//! | a restart loses everything | `shared::the_disk_outlives_a_restart`, `shared::three_instances` |
//! | memory without bounds | `memory::a_working_set_of_10_000_resources_stays_inside_its_bytes` |
//! | a file per entry exhausts inodes | `cache-backends`: `disk::a_restart_keeps_everything_in_one_file` |

use futures_util::future::join_all;
use github_sim::{FaultKind, FaultRule};
use http::Method;
use mirror_core::Config;
use serde_json::json;

use crate::rig::{Reply, Rig};
use crate::still::Still;

const REPO: &str = "/repos/octo/hello";

async fn get_with(rig: &Rig, token: &str, header: (&str, &str)) -> Reply {
    let authorization = format!("token {token}");
    let headers = [("authorization", authorization.as_str()), header];
    rig.send(Method::GET, REPO, &headers, "").await
}

#[tokio::test]
async fn a_body_is_not_handed_to_another_token_on_a_304() {
    let rig = Rig::unhurried().await;
    rig.shelf.put(REPO, &json!({"secret": "of a"}));
    rig.shelf.hide(REPO, "b");
    rig.shelf.put_for(REPO, "c", &json!({"secret": "of c"}));
    let [a, b, c] = ["a", "b", "c"].map(|login| rig.sim.user_token(login));
    let tag = rig.get(REPO, &a).await.header("etag").to_owned();
    for _ in 0..2 {
        // Not by the tag of somebody else, nor without one.
        for header in [("if-none-match", tag.as_str()), ("x-nothing", "")] {
            let reply = get_with(&rig, &b, header).await;
            assert_eq!(reply.status, 404, "{reply:?}");
            let reply = get_with(&rig, &c, header).await;
            assert_eq!(reply.json(), json!({"secret": "of c"}));
        }
        assert_eq!(rig.get(REPO, &a).await.json(), json!({"secret": "of a"}));
    }
}

#[tokio::test]
async fn authentication_stands_before_the_cache() {
    let listed = |config: &mut Config| config.users.allowed = Some(vec!["octocat".to_owned()]);
    let rig = Rig::configured_unhurried(listed).await;
    rig.shelf.put(REPO, &json!({"id": 1}));
    let (token, stranger) = (rig.user("octocat"), rig.user("mallory"));
    for _ in 0..2 {
        assert_eq!(rig.get(REPO, &token).await.status, 200);
    }
    for directive in [
        "only-if-cached",
        "max-stale",
        "max-stale=9999, only-if-cached",
    ] {
        let header = ("cache-control", directive);
        assert_eq!(get_with(&rig, &stranger, header).await.status, 403);
        assert_eq!(get_with(&rig, "ghp_wrong", header).await.status, 401);
        let nobody = rig.send(Method::GET, REPO, &[header], "").await;
        assert_eq!(nobody.status, 401);
        assert_eq!(
            get_with(&rig, &token, header).await.json(),
            json!({"id": 1})
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_different_tokens_are_not_coalesced() {
    let rig = Rig::unhurried().await;
    let logins: Vec<_> = (0..10).map(|number| format!("u{number}")).collect();
    for login in &logins {
        rig.shelf.put_for(REPO, login, &json!({"seen_by": login}));
    }
    let delay = FaultKind::Delay { milliseconds: 100 };
    rig.sim.fault(FaultRule::new(delay));
    let asked = logins.iter().map(|login| {
        let token = rig.sim.user_token(login);
        let rig = &rig;
        async move { join_all((0..3).map(|_| rig.get(REPO, &token))).await }
    });
    for (login, replies) in logins.iter().zip(join_all(asked).await) {
        for reply in replies {
            assert_eq!(reply.json(), json!({"seen_by": login}));
        }
    }
    assert_eq!(rig.upstream(200), 10, "one call for each token");
}

#[tokio::test]
async fn a_token_in_the_query_is_no_credential() {
    let rig = Rig::unhurried().await;
    let token = rig.sim.user_token("a");
    let target = format!("{REPO}?access_token={token}");
    rig.shelf.put(&target, &json!({"id": 1}));
    rig.anonymous(&target).await;
    let seen = rig.sim.requests();
    assert_eq!(seen[0].target, target, "GitHub gets what the client sent");
    assert!(!seen[0].headers.contains_key("authorization"));
    let guarded = Rig::configured_unhurried(|config| {
        config.users.allowed = Some(vec!["a".to_owned()]);
    })
    .await;
    let token = guarded.user("a");
    let target = format!("{REPO}?access_token={token}");
    assert_eq!(guarded.anonymous(&target).await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn expiry_brings_no_stampede() {
    let still = Still::with(|_| {}).await;
    let rig = &still.rig;
    rig.shelf.put(REPO, &json!({"id": 1}));
    let crowd = || join_all((0..50).map(|_| rig.anonymous(REPO)));
    crowd().await;
    for _ in 0..3 {
        rig.sim.reset_counters();
        let fresh = crowd().await;
        assert!(
            fresh
                .iter()
                .all(|reply| reply.header("x-cache") == "ONLINE_HIT")
        );
        assert_eq!(rig.sim.counters().total, 0);
        still.pass(61).await;
        let replies = crowd().await;
        assert!(replies.iter().all(|reply| reply.json() == json!({"id": 1})));
        assert_eq!(rig.sim.counters().total, 1, "fifty readers, one question");
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_for_a_call_that_fails_are_told_why() {
    let still = Still::with(|_| {}).await;
    let rig = &still.rig;
    rig.shelf.put(REPO, &json!({"id": 1}));
    let token = rig.sim.user_token("a");
    rig.sim.fault(FaultRule::new(FaultKind::Garbage).times(1));
    let replies = join_all((0..20).map(|_| rig.get(REPO, &token))).await;
    for reply in replies {
        match reply.status.as_u16() {
            // Those who came after the failed call asked again.
            200 => assert_eq!(reply.json(), json!({"id": 1})),
            502 => {
                let message = reply.json()["message"].as_str().unwrap().to_owned();
                assert!(message.starts_with("Error reaching "), "{message}");
            }
            other => panic!("{other}: {reply:?}"),
        }
    }
    assert_eq!(rig.get(REPO, &token).await.status, 200);
}

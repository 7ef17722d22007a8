//! What other mirrors get wrong about identity and availability, each as a test named after the failure.
//!
//! Failures that have a test elsewhere are listed in [`ELSEWHERE`]; that the list is true is a test too.

use std::path::Path;

use futures_util::future::join_all;
use github_sim::{FaultKind, FaultRule};
use http::Method;
use mirror_core::Config;
use serde_json::json;

use crate::rig::{Reply, Rig};
use crate::still::Still;

const REPO: &str = "/repos/octo/hello";

/// Failures of other mirrors, and where ours are tested for them: file and test.
const ELSEWHERE: &[(&str, &[(&str, &str)])] = &[
    // Identity.
    (
        "raw token written into cache files, keys, response headers",
        &[(
            "crates/mirror-core/tests/it/secrets.rs",
            "a_token_used_in_every_kind_of_request_is_found_nowhere",
        )],
    ),
    (
        "token in logs",
        &[(
            "crates/mirror-core/tests/it/secrets.rs",
            "tokens_and_queries_stay_secret",
        )],
    ),
    // Quota.
    (
        "429 not recognised as a limit",
        &[
            (
                "crates/github-upstream/src/governor/tests.rs",
                "a_429_is_recognised_as_a_limit",
            ),
            (
                "crates/mirror-core/tests/it/governor.rs",
                "drill_429_without_retry_after",
            ),
        ],
    ),
    (
        "secondary limit with remaining 0 blocks the category for an hour",
        &[
            (
                "crates/github-upstream/src/governor/tests.rs",
                "a_secondary_limit_with_remaining_0_does_not_block_for_an_hour",
            ),
            (
                "crates/mirror-core/tests/it/governor.rs",
                "a_secondary_limit_with_remaining_0_does_not_block_for_an_hour",
            ),
        ],
    ),
    (
        "secondary limit without Retry-After retried at once",
        &[(
            "crates/github-upstream/src/governor/tests/gate.rs",
            "a_secondary_limit_without_retry_after_is_not_retried_at_once",
        )],
    ),
    (
        "free 304s charged by the local limiter",
        &[(
            "crates/github-upstream/src/governor/tests.rs",
            "free_304s_are_not_charged_to_the_window",
        )],
    ),
    (
        "anonymous 304s believed free",
        &[
            (
                "crates/github-upstream/src/governor/tests.rs",
                "anonymous_304s_are_not_believed_free",
            ),
            (
                "crates/mirror-core/tests/it/governor.rs",
                "anonymous_304s_are_not_believed_free",
            ),
        ],
    ),
    (
        "404 storms",
        &[(
            "crates/github-upstream/src/governor/tests.rs",
            "storms_of_404_bring_pacing_about",
        )],
    ),
    (
        "fixed delays instead of points",
        &[(
            "crates/github-upstream/src/governor/tests.rs",
            "points_and_not_requests_are_counted",
        )],
    ),
    (
        "queue not cancelled when the client leaves",
        &[(
            "crates/github-upstream/src/governor/tests/gate.rs",
            "the_queue_is_cancelled_when_the_client_leaves",
        )],
    ),
    (
        "many tokens, one used",
        &[(
            "crates/mirror-core/tests/it/pool.rs",
            "many_tokens_are_all_used_down_to_their_reserve",
        )],
    ),
    // Availability.
    (
        "status page down takes the mirror down",
        &[
            (
                "crates/mirror-core/tests/it/outage.rs",
                "a_status_page_that_fails_changes_nothing",
            ),
            (
                "crates/mirror-core/tests/it/outage.rs",
                "a_status_page_that_hangs_changes_nothing_and_is_given_up",
            ),
        ],
    ),
    (
        "Redis down is a 502",
        &[
            (
                "crates/mirror-core/tests/it/shared/faults.rs",
                "killed_and_started_again_empty",
            ),
            ("crates/mirror-core/tests/it/shared/faults.rs", "hanging"),
            (
                "crates/mirror-core/tests/it/shared/replicas.rs",
                "redis_that_is_away_from_the_start_is_no_reason_not_to_start",
            ),
        ],
    ),
    (
        "error bodies cached",
        &[(
            "crates/mirror-core/tests/it/faults.rs",
            "error_answers_are_not_stored",
        )],
    ),
    (
        "status page trusted over real traffic",
        &[(
            "crates/mirror-core/tests/it/outage.rs",
            "a_status_page_that_cries_wolf_changes_nothing",
        )],
    ),
    (
        "nobody reads again after taking the lock",
        &[
            (
                "crates/mirror-core/tests/it/quota.rs",
                "many_tokens_on_a_cold_resource_cost_one_request",
            ),
            (
                "crates/read-cache/tests/it/cluster.rs",
                "sixteen_nodes_with_200_clients_cost_what_one_costs",
            ),
        ],
    ),
    (
        "a paused lock holder overwrites newer data",
        &[(
            "crates/read-cache/tests/it/processes.rs",
            "the_holder_is_stopped_beyond_its_lease_and_continued",
        )],
    ),
    (
        "a restart loses everything",
        &[(
            "crates/mirror-core/tests/it/shared/disk.rs",
            "the_disk_outlives_a_restart",
        )],
    ),
    (
        "memory without bounds",
        &[(
            "crates/mirror-core/tests/it/memory.rs",
            "a_working_set_of_10_000_resources_stays_inside_its_bytes",
        )],
    ),
    (
        "a file per entry exhausts inodes",
        &[(
            "crates/cache-backends/tests/it/disk.rs",
            "a_restart_keeps_everything_in_one_file",
        )],
    ),
    // Operations.
    (
        "metrics labelled by path",
        &[(
            "crates/mirror-core/tests/it/admin.rs",
            "metrics_are_not_labelled_by_path",
        )],
    ),
    (
        "no reason why something was not cached",
        &[(
            "crates/mirror-core/tests/it/admin.rs",
            "it_is_explained_why_something_was_not_cached",
        )],
    ),
    (
        "secrets shown",
        &[(
            "crates/mirror-core/tests/it/limits.rs",
            "settings_are_shown_with_where_they_come_from",
        )],
    ),
    (
        "webhook signature only logged",
        &[
            (
                "crates/mirror-core/src/webhook/tests.rs",
                "what_is_not_signed_with_our_secret_is_refused",
            ),
            (
                "crates/mirror-core/tests/it/webhook.rs",
                "only_github_can_tell",
            ),
        ],
    ),
];

#[test]
fn every_test_that_is_listed_exists() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (failure, tests) in ELSEWHERE {
        assert!(!tests.is_empty(), "{failure}");
        for (file, test) in *tests {
            let text = std::fs::read_to_string(repository.join(file))
                .unwrap_or_else(|error| panic!("{failure}: {file}: {error}"));
            let mut lines = text.lines().map(str::trim);
            let named = lines.any(|line| {
                let line = line.strip_prefix("async ").unwrap_or(line);
                line.strip_prefix("fn ")
                    .and_then(|rest| rest.strip_prefix(test))
                    .is_some_and(|rest| rest.starts_with("()"))
            });
            assert!(named, "{failure}: no test {test} in {file}");
        }
    }
}

#[tokio::test]
async fn nobody_gets_in_with_a_password_that_everybody_knows() {
    // Without a token only this machine may administer; from anywhere else no password helps, as there is none.
    let rig = Rig::new().await;
    let elsewhere = ("x-forwarded-for", "192.0.2.1");
    for secret in ["", "admin", "password", "changeme", "github-mirror", "***"] {
        for authorization in [
            format!("Bearer {secret}"),
            crate::users::basic("admin", secret),
        ] {
            let headers = [("authorization", authorization.as_str()), elsewhere];
            for (method, target) in [
                (Method::GET, "/_mirror/status"),
                (Method::POST, "/_mirror/purge?prefix=/"),
            ] {
                let reply = rig.send(method, target, &headers, "").await;
                assert!(
                    matches!(reply.status.as_u16(), 401 | 403),
                    "{target} {authorization}: {reply:?}"
                );
            }
        }
    }
    // Nor where there is a token of the operator's.
    let rig = Rig::configured(|config| config.admin.token = Some("0123456789abcdef".into())).await;
    for secret in ["", "admin", "0123456789abcdeX"] {
        let authorization = format!("Bearer {secret}");
        let headers = [("authorization", authorization.as_str())];
        let reply = rig.send(Method::GET, "/_mirror/status", &headers, "").await;
        assert_eq!(reply.status, 401, "{secret:?}");
    }
}

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
